//! Has podman what it needs on this host before it looks at an image?

use crate::model::facts::run::PodmanHost;
use crate::model::finding::Verdict;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "run-line-podman",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| line.podman) else { return Err(Stop::NotNeeded("docker")) };
    let fact = &facts.run.podman;
    let mut findings = Findings::new();
    if let Some(podman) = fact.known()? {
        findings.extend(of_user(facts, podman));
        let own = line.last("network").is_none_or(|option| !["host", "none"].contains(&option.value.as_str()));
        if !podman.network && own {
            let fix = if podman.rootless { "install-pasta" } else { "install-network" };
            findings.push(Finding::fail("no-network-program", fix));
        }
        if !podman.policy {
            findings.push(Finding::warn("no-policy", "bring-policy"));
        }
        if findings.is_empty() {
            findings.push(Finding::pass("fit"));
        }
        // Much else can be wrong, nothing is known to be right.
        if !findings.iter().any(|finding| matches!(finding.verdict, Verdict::Fail(_))) {
            let gap = Gap::Unsupported("podman's images, names and networks are not looked at".into());
            findings.push(Finding::unknown(gap, fact.source.clone()).about("the container"));
        }
    }
    let user = facts.host.user.value().map_or("", |user| user.name.as_str());
    Ok(findings
        .into_iter()
        .map(|finding| finding.with("user", user).evidence(fact.source.0.as_str(), "looked at"))
        .collect())
}

/// What a user without root needs besides.
fn of_user(facts: &Facts, podman: &PodmanHost) -> Option<Finding> {
    if !podman.rootless {
        return None;
    }
    if let Some(path) = &podman.foreign_runtime {
        return Some(Finding::fail("foreign-runtime", "own-runtime").with("path", path));
    }
    let user = facts.engine.user_namespaces.value()?;
    if let Some(path) = &user.off_by {
        return Some(Finding::fail("no-namespaces", "docker-rootless/allow-namespaces").with("path", path));
    }
    if let Some(path) = &user.powerless {
        return Some(Finding::fail("powerless", "docker-rootless/reinstall-uidmap").with("path", path));
    }
    let path = user.no_range_in.as_ref()?;
    // Images with one user alone can do with one id.
    Some(Finding::warn("no-range", "docker-rootless/give-range").with("path", path))
}
