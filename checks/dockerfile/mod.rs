//! What a Dockerfile builds, against this host.

mod base;
mod build;
mod driver;
mod path;
mod variables;

use crate::model::check::Family;

pub static FAMILY: Family = Family {
    name: "dockerfile",
    checks: &[&base::CHECK, &driver::CHECK, &build::CHECK, &variables::CHECK, &path::CHECK],
};
