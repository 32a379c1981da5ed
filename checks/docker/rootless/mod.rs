//! Does this host let a user without root run an engine?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-rootless",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if !facts.docker.is_rootless() {
        return Err(Stop::NotNeeded("rootful"));
    }
    if facts.docker.info.value().is_some() {
        return Ok(Finding::pass("runs").evidence("GET /info", "name=rootless").into());
    }
    let fact = &facts.engine.user_namespaces;
    let Some(user) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let finding = if let Some(path) = &user.off_by {
        Finding::fail("switched-off", "allow-namespaces").with("path", path).evidence(path.as_str(), "0")
    } else if user.restricted {
        let path = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
        Finding::fail("restricted", "allow-rootlesskit").evidence(path, "1")
    } else if let Some(path) = &user.no_range_in {
        Finding::fail("no-range", "give-range")
            .with("path", path)
            .with("range", facts.engine.id_range())
            .evidence(path.as_str(), "no line of this user")
    } else if !user.newuidmap {
        Finding::fail("no-newuidmap", "install-uidmap").evidence("PATH", "no newuidmap")
    } else if let Some(path) = &user.powerless {
        Finding::fail("powerless", "reinstall-uidmap").with("path", path).evidence(path.as_str(), "not setuid root")
    } else {
        Finding::pass("allowed").evidence(fact.source.0.as_str(), "user namespaces and ranges are there")
    };
    Ok(finding.with("user", facts.host.user.value().map_or("", |user| user.name.as_str())).into())
}
