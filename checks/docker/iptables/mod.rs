//! Does dockerd set the packet filter rules that containers need?

use crate::model::facts::docker::{DockerFacts, Place, Reach};
use crate::model::facts::engine::{Met, PacketFilter, Rules};
use crate::model::finding::Verdict;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-iptables",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_rootless() {
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
    let seen = filter.program.as_deref().unwrap_or("not installed");
    let with_program = |finding: Finding| finding.with("program", seen).evidence(fact.source.0.as_str(), seen);
    if docker.uses_nftables() {
        return Ok(with_program(Finding::pass("nftables")).into());
    }
    if let Some(finding) = filter.no_raw_table.then(|| without_raw(docker, need)).flatten() {
        return Ok(with_program(finding).into());
    }
    let mut findings = Findings::new();
    // Only root sees the rules, and nobody has asked for them by name: that is no gap in what was wanted.
    if let Some(rules) = facts.engine.rules.value() {
        let source = facts.engine.rules.source.0.as_str();
        let own = in_kernel(rules, source);
        let way_out = rules.on_way_out.as_ref().filter(|met| met.always && own.verdict == Verdict::Pass);
        findings.push(way_out.map_or(own, |met| no_way_out(met, source)));
    }
    if findings.is_empty() || is_gone(filter) {
        findings.push(with_program(by_program(filter)));
    }
    Ok(findings)
}

/// From this version on published ports get rules in the table raw …
const RAW_FOR_PORTS: [u32; 2] = [28, 0];
/// … from this one on each container on a bridge does, but where other hosts may reach containers' own addresses …
const RAW_FOR_ALL: [u32; 2] = [28, 2];
/// … and none does where the daemon has this variable, which it then warns of (moby, iptabler/endpoint.go).
const WITHOUT_RAW: &str = "DOCKER_INSECURE_NO_IPTABLES_RAW";
/// The first version that reads it.
const KNOWS_WITHOUT_RAW: [u32; 3] = [28, 0, 2];

/// What this engine cannot do in a kernel without the table raw.
fn without_raw(docker: &DockerFacts, need: &Need) -> Option<Finding> {
    let engine = docker.version.value()?.version.as_str();
    let version = Version::leading(engine)?;
    let told =
        docker.answered_info().is_some_and(|info| info.warnings.iter().any(|warning| warning.contains(WITHOUT_RAW)));
    if told || version < Version::new(&RAW_FOR_PORTS) {
        return None;
    }
    let is_open = docker.setting("allow-direct-routing", |settings| settings.allow_direct_routing);
    let fix = if version >= Version::new(&KNOWS_WITHOUT_RAW) { "without-raw" } else { "docker-version/upgrade" };
    let finding = match version >= Version::new(&RAW_FOR_ALL) && !is_open.is_some_and(|set| set.value) {
        true => Finding::fail("no-raw-table", fix),
        false if need.run.as_ref().is_some_and(|line| !line.ports.is_empty()) => {
            Finding::fail("no-raw-table-for-ports", fix)
        }
        false => Finding::warn("no-raw-table-for-ports", fix),
    };
    Some(finding.with("engine", engine))
}

/// The daemon does not notice when another program takes its rules out.
fn in_kernel(rules: &Rules, source: &str) -> Finding {
    let (missing, unlinked) = (rules.missing.join(", "), rules.unlinked.join(", "));
    match (rules.missing.is_empty(), rules.unlinked.is_empty()) {
        (true, true) => return Finding::pass("in-kernel").evidence(source, "DOCKER in both, led to"),
        (false, _) => Finding::fail("chains-flushed", "make-again"),
        (true, false) if rules.forwards_nothing => Finding::fail("forwards-nothing", "make-again"),
        (true, false) => Finding::warn("rules-flushed", "make-again"),
    }
    .evidence(source, format!("missing: {missing}; not led from: {unlinked}"))
    .with("missing", missing)
    .with("unlinked", unlinked)
}

/// Somebody else's rule decides, whatever Docker's say.
fn no_way_out(met: &Met, source: &str) -> Finding {
    let fix = if met.is_iptables() { "port-way/see-chain" } else { "port-way/see-nft-chain" };
    let finding = Finding::warn("way-out-stopped", fix).with("act", met.act).with("place", met.place());
    let finding = finding.with("family", &met.family).with("table", &met.table).with("chain", &met.chain);
    finding.evidence(source, met.place())
}

fn switched_off(docker: &DockerFacts, place: Place) -> Finding {
    let finding = match place {
        Place::File(_) => Finding::warn("switched-off", "switch-on"),
        Place::Variables(_) => Finding::warn("off-by-flag", "switch-on-variables"),
        Place::Unit(_) => Finding::warn("off-by-flag", "switch-on-unit"),
        Place::Command(_) => Finding::warn("off-by-flag", "find-command").with("pid", docker.daemon_process.words()),
    };
    finding.with("path", place.path()).evidence(place.path(), "iptables: false")
}

fn by_program(filter: &PacketFilter) -> Finding {
    match &filter.program {
        None => Finding::pass("runs"),
        Some(_) if is_gone(filter) => Finding::warn("legacy-gone", "docker-engine/filter-backend"),
        Some(_) => Finding::pass("iptables"),
    }
}

/// The kernel can change under a running daemon; its next start then fails.
fn is_gone(filter: &PacketFilter) -> bool {
    filter.program.is_some() && filter.legacy && !filter.legacy_in_kernel
}
