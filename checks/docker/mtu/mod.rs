//! Are containers' packets small enough for the interface by which they leave this host?

use crate::model::facts::docker::{DockerFacts, Place, Setting};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-mtu",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if facts.docker.is_rootless() {
        return Err(Stop::NotNeeded("own-network"));
    }
    let fact = &facts.engine.path_mtu;
    let Some(path) = fact.known()? else {
        let is_bridge = fact.source.0.contains("docker0");
        return Err(Stop::NotNeeded(if is_bridge { "no-bridge" } else { "no-route" }));
    };
    // docker0 itself takes the new value only when a container is attached to it; containers have it from the start.
    let set = facts.docker.setting("mtu", |settings| settings.mtu).filter(|set| set.value <= path.mtu);
    let finding = match set {
        _ if path.bridge <= path.mtu => Finding::pass("fits"),
        None => Finding::warn("smaller-way-out", "lower-mtu"),
        Some(Setting { value, place: Place::File(_) }) if is_newer_than_daemon(&facts.docker) => {
            Finding::warn("not-restarted", "docker-engine/restart").with("set", value)
        }
        Some(Setting { value, .. }) => Finding::pass("set").with("set", value),
    };
    Ok(finding
        .with("path", set.map_or(facts.docker.config_path(), |set| set.place.path()))
        .with("interface", &path.interface)
        .with("mtu", path.mtu)
        .with("bridge", path.bridge)
        .evidence(fact.source.0.as_str(), format!("{} {}, docker0 {}", path.interface, path.mtu, path.bridge))
        .into())
}

/// daemon.json was changed after the daemon had started, and dockerd takes an MTU only at its start.
fn is_newer_than_daemon(docker: &DockerFacts) -> bool {
    docker.settings().is_some_and(|settings| docker.started_before(settings.changed) == Some(true))
}
