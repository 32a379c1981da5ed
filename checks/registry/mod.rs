//! A registry to pull from and push to.

mod answers;
mod delete;
mod storage;
mod trust;

use crate::model::check::Family;

pub static FAMILY: Family =
    Family { name: "registry", checks: &[&answers::CHECK, &trust::CHECK, &storage::CHECK, &delete::CHECK] };
