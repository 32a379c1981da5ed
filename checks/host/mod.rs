//! The system under Docker: a pending reboot, the clock, file watches.

mod clock;
mod inotify;
mod reboot;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "host",
    title: "Host",
    asked_by: "",
    reads: &[Group::Host, Group::Docker, Group::Engine, Group::Nvidia],
    checks: &[&reboot::CHECK, &clock::CHECK, &inotify::CHECK],
};
