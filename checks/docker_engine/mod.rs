//! Does the Docker daemon answer, and if not, why?

use crate::model::facts::docker::{Address, Config, DockerFacts, Reach};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-engine",
    family: "docker",
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let reach = docker.reach.known()?.unwrap_or(&Reach::NotThere);
    let address = docker.endpoint.value().map(|endpoint| &endpoint.address);
    let finding = match (reach, address) {
        (Reach::Answers, _) => answers(docker),
        (Reach::Denied, _) => return Err(Stop::blocked_by("docker-access")),
        _ if docker.elsewhere.value().is_some_and(|sockets| !sockets.is_empty()) => {
            return Err(Stop::blocked_by("docker-endpoint"));
        }
        (Reach::Tls(why), _) => Finding::fail("tls-failed", "show-endpoint").with("why", why),
        (_, Some(Address::Unix(_))) => down(facts, reach)?,
        _ => Finding::fail("nobody-listens", "show-endpoint"),
    };
    let place = address.map(Address::to_string).unwrap_or_default();
    Ok(finding.with("address", &place).evidence(docker.reach.source.0.as_str(), docker.reach.words()).into())
}

fn answers(docker: &DockerFacts) -> Finding {
    let Some(version) = docker.version.value() else {
        return Finding::pass("answers").with("version", "of an unknown version");
    };
    let finding = if version.is_podman() { Finding::pass("podman-answers") } else { Finding::pass("answers") };
    finding.with("version", &version.version)
}

/// Nothing listens at a socket file of this host.
fn down(facts: &Facts, reach: &Reach) -> Result<Finding, Stop> {
    let docker = &facts.docker;
    if docker.socket.value().is_some_and(|socket| !socket.is_socket) {
        return Ok(Finding::fail("no-socket-there", "remove-obstacle"));
    }
    if let Some(pid) = docker.daemon_process.value() {
        return Ok(Finding::fail("listens-elsewhere", "restart").with("pid", pid));
    }
    if docker.daemon_program.known()?.is_none() && docker.unit.value().is_none() {
        // Inside a container neither daemon nor client is expected: the socket is handed in.
        if let Some(container) = facts.host.container.value() {
            return Ok(Finding::fail("inside-container", "hand-in-socket").with("container", container));
        }
        return match docker.client.is_absent() {
            true => Err(Stop::blocked_by("docker-client")),
            false => Ok(Finding::fail("not-installed", "docker-client/install")),
        };
    }
    if matches!(docker.config.value(), Some(Config::Malformed { .. })) || hosts_twice(docker) {
        return Err(Stop::blocked_by("docker-config"));
    }
    Ok(match docker.unit.value() {
        Some(unit) if unit.masked => Finding::fail("masked", "unmask"),
        _ if *reach == Reach::Refused => Finding::fail("stale-socket", "start"),
        _ => Finding::fail("not-started", "start"),
    })
}

fn hosts_twice(docker: &DockerFacts) -> bool {
    let in_file =
        matches!(docker.config.value(), Some(Config::Read { keys, .. }) if keys.iter().any(|key| key == "hosts"));
    in_file && docker.unit.value().is_some_and(|unit| unit.hosts_flag)
}
