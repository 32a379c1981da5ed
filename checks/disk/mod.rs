//! Room for images, containers and logs, and how to make more.

mod inodes;
mod logs;
mod lost;
mod reclaim;
mod space;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "disk",
    title: "Disk",
    asked_by: "",
    reads: &[
        Group::Host,
        Group::Docker,
        Group::Disk,
        Group::Engine,
        Group::Reclaim,
        Group::Registry,
        Group::Run,
        Group::Image,
    ],
    checks: &[&space::CHECK, &inodes::CHECK, &logs::CHECK, &reclaim::CHECK, &lost::CHECK],
};
