//! What NVIDIA's driver libraries can do here: capabilities, decoding, encoding.

mod driver_capability;
mod gpu_decode;
mod gpu_encode;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "capability",
    title: "Libraries",
    asked_by: "--capability video",
    reads: &[Group::Host, Group::Docker, Group::Nvidia, Group::Toolkit, Group::Library, Group::Run],
    checks: &[&driver_capability::CHECK, &gpu_decode::CHECK, &gpu_encode::CHECK],
};
