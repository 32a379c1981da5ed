//! What a container showed that was started with the line's own options: only `gdoctor prove` asks for it.

mod inside;
mod start;

use crate::model::check::Family;
use crate::model::facts::Group;

/// The source of the evidence that is told beside what the container showed.
const SAID: &str = "what gdoctor says of the host";

pub static FAMILY: Family = Family {
    name: "proof",
    title: "Proof",
    asked_by: "",
    reads: &[Group::Host, Group::Docker, Group::Proof],
    checks: &[&start::CHECK, &inside::CHECK],
};
