//! Is there a docker command, and which?

use crate::model::facts::docker::Package;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-client",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let fact = &facts.docker.client;
    let Some(client) = fact.known()? else {
        if facts.host.container.value().is_some() {
            return Err(Stop::NotNeeded("inside-container"));
        }
        let finding = match facts.engine.windows_client.value() {
            Some(path) => Finding::fail("integration-off", "integrate").evidence(path.as_str(), "Docker Desktop's"),
            None if podman_alone(facts, need) => Finding::warn("podman-alone", "use-podman").saw(&facts.docker.podman),
            None => Finding::fail("not-installed", "install"),
        };
        return Ok(finding.evidence("PATH", "no docker").into());
    };
    let finding = match client.package {
        Package::Podman => Finding::warn("podman", "use-podman"),
        _ => Finding::pass("found"),
    };
    Ok(finding.with("path", &client.path).with("package", client.package).evidence("PATH", client.path.as_str()).into())
}

/// Nobody has asked for Docker, neither by a line, and podman is what this host has.
fn podman_alone(facts: &Facts, need: &Need) -> bool {
    let line = need.run.as_ref().is_some_and(|line| !line.podman);
    facts.docker.podman.value().is_some() && need.docker == Some(Origin::Default) && !line
}
