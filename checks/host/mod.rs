//! The system under Docker: a pending reboot, the clock, file watches.

mod clock;
mod inotify;
mod reboot;

use crate::model::check::Family;

pub static FAMILY: Family = Family { name: "host", checks: &[&reboot::CHECK, &clock::CHECK, &inotify::CHECK] };
