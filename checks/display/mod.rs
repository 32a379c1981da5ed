//! A window on the X server of this host.

mod access;
mod cookie;
mod drawing;
mod server;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "display",
    title: "Display",
    asked_by: "--display",
    reads: &[Group::Host, Group::Docker, Group::Display, Group::Run],
    checks: &[&server::CHECK, &cookie::CHECK, &access::CHECK, &drawing::CHECK],
};
