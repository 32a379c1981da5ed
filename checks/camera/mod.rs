//! Capture nodes: there, open to the user, free, able to do what is wanted.

mod access;
mod bandwidth;
mod busy;
mod format;
mod frame;
mod node;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "camera",
    title: "Camera",
    asked_by: "--camera any",
    reads: &[Group::Host, Group::Docker, Group::Camera, Group::Frame, Group::Toolkit, Group::Run],
    checks: &[&node::CHECK, &access::CHECK, &busy::CHECK, &format::CHECK, &bandwidth::CHECK, &frame::CHECK],
};
