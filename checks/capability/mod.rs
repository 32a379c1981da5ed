//! What NVIDIA's driver libraries can do here: capabilities, decoding, encoding.

mod driver_capability;
mod gpu_decode;
mod gpu_encode;

use crate::model::check::Family;

pub static FAMILY: Family =
    Family { name: "capability", checks: &[&driver_capability::CHECK, &gpu_decode::CHECK, &gpu_encode::CHECK] };
