//! Does dockerd set the packet filter rules that containers need?

use crate::model::facts::docker::{DockerFacts, Place, Reach};
use crate::model::facts::engine::PacketFilter;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-iptables",
    family: "docker",
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_elsewhere() || docker.is_rootless() {
        return Err(Stop::NotNeeded("own-network"));
    }
    if let Some(set) = docker.setting("iptables", |settings| settings.iptables).filter(|set| !set.value) {
        return Ok(switched_off(docker, set.place).into());
    }
    match docker.reach.value() {
        // It has set its rules at its start, or it would not run.
        Some(Reach::Answers) => {}
        _ => return Err(Stop::blocked_by("docker-engine")),
    }
    let fact = &facts.engine.packet_filter;
    let Some(filter) = fact.known()? else { return Err(Stop::NotNeeded("own-network")) };
    let finding = match (backend(docker), &filter.program) {
        ("nftables", _) => Finding::pass("nftables"),
        (_, None) => Finding::pass("runs"),
        (_, Some(program)) => with_program(filter).with("program", program),
    };
    Ok(finding.evidence(fact.source.0.as_str(), filter.program.as_deref().unwrap_or("not installed")).into())
}

fn switched_off(docker: &DockerFacts, place: Place) -> Finding {
    let finding = match place {
        Place::File(_) => Finding::warn("switched-off", "switch-on"),
        Place::Variables(_) => Finding::warn("off-by-flag", "switch-on"),
        Place::Unit(_) => Finding::warn("off-by-flag", "switch-on-unit"),
        Place::Command(_) => Finding::warn("off-by-flag", "find-command").with("pid", docker.daemon_process.words()),
    };
    finding.with("path", place.path()).evidence(place.path(), "iptables: false")
}

fn backend(docker: &DockerFacts) -> &str {
    docker
        .setting("firewall-backend", |settings| settings.firewall_backend.as_deref())
        .map_or("iptables", |set| set.value)
}

/// The kernel can change under a running daemon; its next start then fails.
fn with_program(filter: &PacketFilter) -> Finding {
    match filter.legacy && !filter.legacy_in_kernel {
        true => Finding::warn("legacy-gone", "docker-engine/filter-backend"),
        false => Finding::pass("iptables"),
    }
}
