//! Ports to publish: free, answered, not open to more than meant.

mod exposed;
mod free;
mod served;

use crate::model::check::Family;

pub static FAMILY: Family = Family { name: "port", checks: &[&free::CHECK, &served::CHECK, &exposed::CHECK] };
