//! What a Dockerfile builds, against this host.

mod base;
mod build;
mod context;
mod driver;
mod path;
mod start;
mod steps;
mod variables;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "dockerfile",
    title: "Dockerfile",
    asked_by: "--dockerfile FILE",
    reads: &[Group::Host, Group::Docker, Group::Nvidia, Group::Toolkit, Group::Library, Group::Run],
    checks: &[
        &base::CHECK,
        &driver::CHECK,
        &build::CHECK,
        &variables::CHECK,
        &path::CHECK,
        &steps::CHECK,
        &start::CHECK,
        &context::CHECK,
    ],
};
