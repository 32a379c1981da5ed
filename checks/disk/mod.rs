//! Room for images, containers and logs, and how to make more.

mod inodes;
mod logs;
mod lost;
mod reclaim;
mod space;

use crate::model::check::Family;

pub static FAMILY: Family =
    Family { name: "disk", checks: &[&space::CHECK, &inodes::CHECK, &logs::CHECK, &reclaim::CHECK, &lost::CHECK] };
