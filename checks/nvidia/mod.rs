//! GPUs, their driver, and the ways by which one gets into a container.

mod cdi;
mod cgroup_risk;
mod config;
mod cuda;
mod driver;
mod fitness;
mod gpu;
mod gpu_confinement;
mod gpu_path;
mod gpu_restarts;
mod health;
mod image;
mod nodes;
mod nvml;
mod runtime;
mod toolkit;
mod version;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "nvidia",
    title: "GPU",
    asked_by: "--gpu",
    reads: &[
        Group::Host,
        Group::Docker,
        Group::Engine,
        Group::Nvidia,
        Group::Toolkit,
        Group::Library,
        Group::Image,
        Group::Run,
    ],
    checks: &[
        &gpu::CHECK,
        &driver::CHECK,
        &version::CHECK,
        &nodes::CHECK,
        &nvml::CHECK,
        &health::CHECK,
        &cuda::CHECK,
        &fitness::CHECK,
        &gpu_path::CHECK,
        &toolkit::CHECK,
        &runtime::CHECK,
        &config::CHECK,
        &cdi::CHECK,
        &cgroup_risk::CHECK,
        &image::CHECK,
        &gpu_confinement::CHECK,
        &gpu_restarts::CHECK,
    ],
};
