//! Is the bridge there that containers are attached to?

use crate::model::facts::docker::Reach;
use crate::model::facts::engine::Bridge;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-bridge",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if facts.docker.reach.value() != Some(&Reach::Answers) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    let fact = &facts.engine.bridge;
    if fact.gap() == Some(&Gap::NotAsked) {
        return Err(Stop::NotNeeded("not-looked-at"));
    }
    let Some(bridge) = fact.known()? else {
        let set = facts.docker.setting("bridge", |settings| settings.bridge.as_deref()).map(|set| set.value);
        return Err(Stop::NotNeeded(match set {
            Some("none") => "none",
            _ if facts.docker.is_rootless() => "rootless",
            _ => "other-network",
        }));
    };
    let named = need.run.as_ref().is_some_and(|line| line.last("network").is_some_and(|o| o.value != "bridge"));
    // A line that goes elsewhere does without.
    let bad = if named { Finding::warn } else { Finding::fail };
    let (finding, state) = match bridge {
        Bridge { is_there: false, .. } => (bad("gone", "docker-engine/restart"), "not there"),
        // Containers start, and reach nobody.
        Bridge { is_down: true, .. } => (Finding::warn("down", "docker-engine/restart"), "switched off"),
        Bridge { no_address: true, .. } => (Finding::warn("no-address", "docker-engine/restart"), "without an address"),
        _ => (Finding::pass("there"), "there"),
    };
    Ok(finding.with("bridge", &bridge.name).evidence(fact.source.0.as_str(), format!("{} {state}", bridge.name)).into())
}
