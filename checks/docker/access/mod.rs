//! May this user talk to Docker's socket?

use crate::model::facts::docker::{Address, DockerFacts, Reach, Socket};
use crate::model::facts::host::User;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-access",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let path = match docker.endpoint.known()?.map(|endpoint| &endpoint.address) {
        Some(Address::Unix(path)) => path,
        _ => return Err(Stop::NotNeeded("no-socket-file")),
    };
    match docker.reach.value() {
        Some(Reach::Denied) if docker.socket.value().is_some_and(|socket| !socket.is_socket) => {
            Err(Stop::blocked_by("docker-engine"))
        }
        // Root needs no group; what the daemon would tell it is not seen from here.
        Some(Reach::Denied) if need.run.as_ref().is_some_and(|line| line.as_root) => {
            Err(Stop::Unknown(Gap::Denied, docker.reach.source.clone()))
        }
        Some(Reach::Denied) => Ok(denied(facts, path)?.with("socket", path).into()),
        // Writing to the socket is what connecting takes, and that was looked at.
        None if docker.is_waiting() => Ok(allowed(docker).with("socket", path).into()),
        Some(Reach::Answers) => Ok(allowed(docker).with("socket", path).saw(&docker.reach).into()),
        _ => Err(Stop::blocked_by("docker-engine")),
    }
}

fn allowed(docker: &DockerFacts) -> Finding {
    let Some(socket) = docker.socket.value().filter(|socket| socket.mode & 0o002 != 0) else {
        return Finding::pass("allowed");
    };
    // A unit that opens it does so at each start.
    let unit = docker.unit.value().and_then(|unit| unit.opens_socket.as_ref()).filter(|_| !docker.is_rootless());
    let finding = Finding::warn("open-to-all", if unit.is_some() { "close-unit" } else { "close" });
    let finding = finding.with("group", group(socket));
    unit.into_iter().fold(finding, |finding, file| finding.with("file", file).evidence(file.as_str(), "SocketMode"))
}

fn denied(facts: &Facts, path: &str) -> Result<Finding, Stop> {
    let Some(user) = facts.host.user.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let Some(socket) = facts.docker.socket.value() else {
        return Ok(Finding::fail("behind-closed-folder", "show-path")
            .with("user", &user.name)
            .evidence(path, "permission denied"));
    };
    let finding = if socket.mode & 0o060 != 0o060 || (socket.gid == 0 && user.uid != 0) {
        Finding::fail("owned-by-root", "restart-socket")
    } else if user.groups.contains(&socket.gid) || user.uid == 0 {
        Finding::fail("refused-anyway", "show-path")
    } else if facts.host.container.value().is_some() {
        Finding::fail("other-group-inside", "add-group-number")
    } else if user.account_groups.contains(&socket.gid) {
        Finding::fail("login-is-older", "log-in-again")
    } else if socket.group.is_empty() {
        Finding::fail("nameless-group", "restart-socket")
    } else {
        Finding::fail("not-in-group", "join-group")
    };
    Ok(finding
        .with("user", &user.name)
        .with("group", group(socket))
        .with("gid", socket.gid)
        .with("mode", format!("{:04o}", socket.mode))
        .evidence(path, format!("uid {} gid {} mode {:04o}", socket.uid, socket.gid, socket.mode))
        .evidence(facts.host.user.source.0.as_str(), groups(user)))
}

fn group(socket: &Socket) -> String {
    if socket.group.is_empty() { socket.gid.to_string() } else { socket.group.clone() }
}

fn groups(user: &User) -> String {
    format!("uid {}, groups of this login {:?}, of the account {:?}", user.uid, user.groups, user.account_groups)
}
