//! What gdoctor knows: one folder a check, `ALL` in the order of every report. Nothing here can open a file, start a process,
//! read a clock or print.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod model;
pub mod notes;

mod camera_access;
mod camera_bandwidth;
mod camera_busy;
mod camera_format;
mod camera_frame;
mod camera_node;
mod disk_inodes;
mod disk_logs;
mod disk_lost;
mod disk_reclaim;
mod disk_space;
mod display_access;
mod display_cookie;
mod display_drawing;
mod display_server;
mod docker_access;
mod docker_apparmor;
mod docker_boot;
mod docker_cgroup;
mod docker_client;
mod docker_compose;
mod docker_config;
mod docker_credentials;
mod docker_dns;
mod docker_endpoint;
mod docker_engine;
mod docker_firewall;
mod docker_forwarding;
mod docker_iptables;
mod docker_kind;
mod docker_limits;
mod docker_lxc;
mod docker_mtu;
mod docker_packages;
mod docker_pools;
mod docker_proxy;
mod docker_rootless;
mod docker_seccomp;
mod docker_storage;
mod docker_version;
mod docker_warnings;
mod dockerfile_base;
mod dockerfile_build;
mod dockerfile_driver;
mod dockerfile_path;
mod dockerfile_variables;
mod driver_capability;
mod gpu_confinement;
mod gpu_decode;
mod gpu_encode;
mod gpu_path;
mod gpu_restarts;
mod host_clock;
mod host_inotify;
mod host_reboot;
mod nvidia_cdi;
mod nvidia_cgroup_risk;
mod nvidia_config;
mod nvidia_cuda;
mod nvidia_driver;
mod nvidia_fitness;
mod nvidia_gpu;
mod nvidia_health;
mod nvidia_image;
mod nvidia_nodes;
mod nvidia_nvml;
mod nvidia_runtime;
mod nvidia_toolkit;
mod nvidia_version;
mod port_exposed;
mod port_free;
mod port_served;
mod registry_answers;
mod registry_delete;
mod registry_storage;
mod registry_trust;
mod run_line_camera;
mod run_line_capabilities;
mod run_line_display;
mod run_line_gpu;
mod run_line_image;
mod run_line_limits;
mod run_line_names;
mod run_line_options;
mod run_line_ports;
mod run_line_require;
mod run_line_syntax;
mod run_line_volumes;

use model::check::Check;

/// Every check, in the order of every report: causes before what they block.
pub static ALL: &[&Check] = &[
    &host_reboot::CHECK,
    &host_clock::CHECK,
    &host_inotify::CHECK,
    &docker_client::CHECK,
    &docker_endpoint::CHECK,
    &docker_access::CHECK,
    &docker_config::CHECK,
    &docker_packages::CHECK,
    &docker_rootless::CHECK,
    &docker_engine::CHECK,
    &docker_kind::CHECK,
    &docker_version::CHECK,
    &docker_cgroup::CHECK,
    &docker_storage::CHECK,
    &docker_warnings::CHECK,
    &docker_lxc::CHECK,
    &docker_apparmor::CHECK,
    &docker_seccomp::CHECK,
    &docker_limits::CHECK,
    &docker_boot::CHECK,
    &docker_iptables::CHECK,
    &docker_forwarding::CHECK,
    &docker_firewall::CHECK,
    &docker_dns::CHECK,
    &docker_mtu::CHECK,
    &docker_pools::CHECK,
    &docker_proxy::CHECK,
    &docker_credentials::CHECK,
    &docker_compose::CHECK,
    &nvidia_gpu::CHECK,
    &nvidia_driver::CHECK,
    &nvidia_version::CHECK,
    &nvidia_nodes::CHECK,
    &nvidia_nvml::CHECK,
    &nvidia_health::CHECK,
    &nvidia_cuda::CHECK,
    &nvidia_fitness::CHECK,
    &gpu_path::CHECK,
    &nvidia_toolkit::CHECK,
    &nvidia_runtime::CHECK,
    &nvidia_config::CHECK,
    &nvidia_cdi::CHECK,
    &nvidia_cgroup_risk::CHECK,
    &nvidia_image::CHECK,
    &gpu_confinement::CHECK,
    &gpu_restarts::CHECK,
    &driver_capability::CHECK,
    &gpu_decode::CHECK,
    &gpu_encode::CHECK,
    &display_server::CHECK,
    &display_cookie::CHECK,
    &display_access::CHECK,
    &display_drawing::CHECK,
    &camera_node::CHECK,
    &camera_access::CHECK,
    &camera_busy::CHECK,
    &camera_format::CHECK,
    &camera_bandwidth::CHECK,
    &camera_frame::CHECK,
    &port_free::CHECK,
    &port_served::CHECK,
    &port_exposed::CHECK,
    &registry_answers::CHECK,
    &registry_trust::CHECK,
    &registry_storage::CHECK,
    &registry_delete::CHECK,
    &disk_space::CHECK,
    &disk_inodes::CHECK,
    &disk_logs::CHECK,
    &disk_reclaim::CHECK,
    &disk_lost::CHECK,
    &dockerfile_base::CHECK,
    &dockerfile_driver::CHECK,
    &dockerfile_build::CHECK,
    &dockerfile_variables::CHECK,
    &dockerfile_path::CHECK,
    &run_line_syntax::CHECK,
    &run_line_options::CHECK,
    &run_line_names::CHECK,
    &run_line_limits::CHECK,
    &run_line_image::CHECK,
    &run_line_gpu::CHECK,
    &run_line_capabilities::CHECK,
    &run_line_require::CHECK,
    &run_line_display::CHECK,
    &run_line_camera::CHECK,
    &run_line_ports::CHECK,
    &run_line_volumes::CHECK,
];
