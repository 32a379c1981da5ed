//! Is the bridge there that containers are attached to?

use crate::model::facts::docker::Reach;
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
    let Some(bridge) = fact.known()? else { return Err(Stop::NotNeeded("none")) };
    let named = need.run.as_ref().is_some_and(|line| line.last("network").is_some_and(|o| o.value != "bridge"));
    let finding = match bridge.is_there {
        true => Finding::pass("there"),
        // A line that goes elsewhere does without.
        false if named => Finding::warn("gone", "docker-engine/restart"),
        false => Finding::fail("gone", "docker-engine/restart"),
    };
    let state = if bridge.is_there { "there" } else { "not there" };
    Ok(finding.with("bridge", &bridge.name).evidence(fact.source.0.as_str(), format!("{} {state}", bridge.name)).into())
}
