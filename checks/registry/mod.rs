//! A registry to pull from and push to.

mod answers;
mod delete;
mod storage;
mod trust;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "registry",
    title: "Registry",
    asked_by: "--registry HOST:PORT",
    reads: &[Group::Host, Group::Docker, Group::Registry, Group::Run],
    checks: &[&answers::CHECK, &trust::CHECK, &storage::CHECK, &delete::CHECK],
};
