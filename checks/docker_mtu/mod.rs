//! Do containers' packets fit the way out of this host?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-mtu",
    family: "docker",
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if facts.docker.is_elsewhere() {
        return Err(Stop::NotNeeded("elsewhere"));
    }
    let fact = &facts.engine.path_mtu;
    let Some(path) = fact.known()? else { return Err(Stop::NotNeeded("no-bridge")) };
    let finding =
        if path.mtu < path.bridge { Finding::warn("smaller-way-out", "lower-mtu") } else { Finding::pass("fits") };
    Ok(finding
        .with("interface", &path.interface)
        .with("mtu", path.mtu)
        .with("bridge", path.bridge)
        .evidence(fact.source.0.as_str(), format!("{} {}, docker0 {}", path.interface, path.mtu, path.bridge))
        .into())
}
