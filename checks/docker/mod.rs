//! The engine and its client: where it is, who may use it, how it is configured.

mod access;
mod apparmor;
mod boot;
mod bridge;
mod buildx;
mod cgroup;
mod client;
mod compose;
mod config;
mod credentials;
mod dns;
mod endpoint;
mod engine;
mod firewall;
mod forwarding;
mod iptables;
mod keys;
mod kind;
mod limits;
mod logging;
mod lxc;
mod mtu;
mod packages;
mod pools;
mod programs;
mod proxy;
mod rootless;
mod seccomp;
mod storage;
mod unit;
mod version;
mod warnings;

use crate::model::check::Family;
use crate::model::facts::Group;

pub static FAMILY: Family = Family {
    name: "docker",
    title: "Docker",
    asked_by: "",
    reads: &[Group::Host, Group::Docker, Group::Engine, Group::Toolkit, Group::Run],
    checks: &[
        &client::CHECK,
        &endpoint::CHECK,
        &access::CHECK,
        &config::CHECK,
        &packages::CHECK,
        &rootless::CHECK,
        &engine::CHECK,
        &kind::CHECK,
        &version::CHECK,
        &cgroup::CHECK,
        &storage::CHECK,
        &warnings::CHECK,
        &lxc::CHECK,
        &apparmor::CHECK,
        &seccomp::CHECK,
        &limits::CHECK,
        &boot::CHECK,
        &iptables::CHECK,
        &forwarding::CHECK,
        &firewall::CHECK,
        &dns::CHECK,
        &mtu::CHECK,
        &pools::CHECK,
        &proxy::CHECK,
        &credentials::CHECK,
        &compose::CHECK,
        &programs::CHECK,
        &buildx::CHECK,
        &bridge::CHECK,
        &keys::CHECK,
        &logging::CHECK,
        &unit::CHECK,
    ],
};
