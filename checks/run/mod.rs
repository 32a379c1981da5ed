//! The line that is about to be run, argument by argument.

mod line_camera;
mod line_capabilities;
mod line_display;
mod line_gpu;
mod line_image;
mod line_limits;
mod line_names;
mod line_options;
mod line_podman;
mod line_ports;
mod line_require;
mod line_rights;
mod line_shared;
mod line_socket;
mod line_syntax;
mod line_volumes;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "run",
    title: "Command",
    asked_by: "-- docker run ...",
    reads: &[
        Group::Host,
        Group::Docker,
        Group::Engine,
        Group::Nvidia,
        Group::Toolkit,
        Group::Library,
        Group::Display,
        Group::Camera,
        Group::Run,
        Group::Image,
    ],
    checks: &[
        &line_syntax::CHECK,
        &line_options::CHECK,
        &line_names::CHECK,
        &line_limits::CHECK,
        &line_rights::CHECK,
        &line_image::CHECK,
        &line_gpu::CHECK,
        &line_capabilities::CHECK,
        &line_require::CHECK,
        &line_display::CHECK,
        &line_camera::CHECK,
        &line_ports::CHECK,
        &line_volumes::CHECK,
        &line_podman::CHECK,
        &line_shared::CHECK,
        &line_socket::CHECK,
    ],
};
