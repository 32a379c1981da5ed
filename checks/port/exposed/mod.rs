//! Are containers' ports open to more machines than their owner is likely to think?

use core::net::IpAddr;

use crate::model::facts::docker::Container;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "port-exposed",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    // A rootless engine's ports are held by a process, which every firewall sees.
    if facts.docker.is_rootless() {
        return Err(Stop::NotNeeded("rootless"));
    }
    let containers = facts.docker.containers.known()?.map_or(&[][..], Vec::as_slice);
    let mut findings = Findings::new();
    let open: Vec<&Container> = containers.iter().filter(|c| publishes(c, |ip| ip.is_unspecified())).collect();
    let firewall = &facts.engine.firewall;
    if !open.is_empty()
        && let Some(firewall) = firewall.known()?
        && firewall.active.iter().any(|name| name == "ufw")
    {
        let finding = Finding::warn("past-ufw", "loopback-only").with("containers", names(&open));
        findings.push(finding.evidence("GET /containers/json", names(&open)).evidence("ufw", "active"));
    }
    let local: Vec<&Container> = containers.iter().filter(|c| publishes(c, |ip| ip.is_loopback())).collect();
    let version = facts
        .docker
        .version
        .value()
        .filter(|version| !version.is_podman())
        .and_then(|version| Version::leading(&version.version));
    if let Some(version) = version.filter(|version| !local.is_empty() && version.major() < 28) {
        let finding = Finding::warn("loopback-leaks", "newer-engine").with("containers", names(&local));
        findings.push(finding.with("version", &version).evidence("GET /version", version.to_string()));
    }
    if findings.is_empty() {
        let seen = if open.is_empty() { "none on every address" } else { "no ufw beside them" };
        findings.push(Finding::pass("as-told").evidence("GET /containers/json", seen));
    }
    Ok(findings)
}

fn publishes(container: &Container, on: impl Fn(&IpAddr) -> bool) -> bool {
    container.ports.iter().any(|port| port.public_port != 0 && port.ip.parse().is_ok_and(|ip| on(&ip)))
}

fn names(containers: &[&Container]) -> String {
    let some: Vec<&str> = containers.iter().take(5).map(|container| container.name()).collect();
    let more = if containers.len() > some.len() { ", …" } else { "" };
    format!("{}{more}", some.join(", "))
}
