//! A window on the X server of this host.

mod access;
mod cookie;
mod drawing;
mod server;

use crate::model::check::Family;

pub static FAMILY: Family =
    Family { name: "display", checks: &[&server::CHECK, &cookie::CHECK, &access::CHECK, &drawing::CHECK] };
