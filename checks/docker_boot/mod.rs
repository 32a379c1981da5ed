//! Will Docker be there after the next boot?

use crate::model::facts::docker::Reach;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-boot",
    family: "docker",
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_elsewhere() || docker.is_rootless() || facts.host.systemd.is_absent() {
        return Err(Stop::NotNeeded("other-manager"));
    }
    if docker.reach.value() != Some(&Reach::Answers) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    let fact = &docker.unit;
    let Some(unit) = fact.known()? else { return Err(Stop::NotNeeded("other-manager")) };
    let live = docker.info.value().is_some_and(|info| info.live_restore_enabled);
    let kept = if live { "containers outlive a restart of the daemon (live-restore)" } else { "" };
    let finding = match (unit.masked, unit.enabled, unit.on_demand) {
        (true, ..) => Finding::warn("masked", "docker-engine/unmask"),
        (_, true, true) => Finding::pass("on-demand"),
        (_, true, false) => Finding::pass("at-boot"),
        (_, false, _) => Finding::pass("by-hand"),
    };
    let words = if unit.enabled { "enabled" } else { "not enabled" };
    let finding = finding.evidence(fact.source.0.as_str(), words);
    Ok(if live { finding.evidence("GET /info", kept) } else { finding }.into())
}
