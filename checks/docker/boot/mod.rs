//! Will Docker be there after the next boot?

use crate::model::facts::docker::Reach;
use crate::model::prelude::*;
use crate::model::run::RunOption;

pub static CHECK: Check = Check {
    id: "docker-boot",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_rootless() || facts.host.systemd.is_absent() {
        return Err(Stop::NotNeeded("other-manager"));
    }
    if docker.reach.value() != Some(&Reach::Answers) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    let fact = &docker.unit;
    let Some(unit) = fact.known()? else { return Err(Stop::NotNeeded("other-manager")) };
    let live = docker.info.value().is_some_and(|info| info.live_restore_enabled);
    let kept = if live { "containers outlive a restart of the daemon (live-restore)" } else { "" };
    let at_boot = unit.at_boot.unwrap_or(unit.enabled);
    let finding = match (unit.masked, restarts(need).filter(|_| !at_boot), unit.enabled) {
        (true, ..) => Finding::warn("masked", "docker-engine/unmask"),
        (_, Some(option), _) => {
            Finding::warn("not-at-boot", "enable").with("flag", &option.at.text).asked_by(&option.at.origin())
        }
        (_, None, true) if !at_boot || (unit.on_demand && unit.at_boot.is_none()) => Finding::pass("on-demand"),
        (_, None, true) => Finding::pass("at-boot"),
        (_, None, false) => Finding::pass("by-hand"),
    };
    let words = if at_boot { "enabled" } else { "not enabled" };
    let finding = finding.evidence(fact.source.0.as_str(), words);
    Ok(if live { finding.evidence("GET /info", kept) } else { finding }.into())
}

/// The line's wish to be started again by the daemon, also after a boot.
fn restarts(need: &Need) -> Option<&RunOption> {
    let line = need.run.as_ref()?;
    line.last("restart").filter(|option| ["always", "unless-stopped"].contains(&option.value.as_str()))
}
