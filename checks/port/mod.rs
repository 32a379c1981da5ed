//! Ports to publish: free, answered, not open to more than meant.

mod exposed;
mod free;
mod served;
mod way;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "port",
    title: "Ports",
    asked_by: "--port 8080",
    reads: &[Group::Host, Group::Docker, Group::Port, Group::Engine, Group::Registry],
    checks: &[&free::CHECK, &served::CHECK, &exposed::CHECK, &way::CHECK],
};
