//! Would a reload of systemd take the GPU away from running containers?

use crate::model::facts::host::Platform;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "nvidia-cgroup-risk",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    if need.run.as_ref().is_some_and(|line| line.podman) {
        return Err(Stop::NotNeeded("podman"));
    }
    let ways = facts.ways()?;
    if let Some(culprit) = ways.culprit() {
        return Err(Stop::blocked_by(culprit));
    }
    if facts.host.platform.value() == Some(&Platform::Wsl) {
        return Err(Stop::NotNeeded("wsl"));
    }
    if facts.is_podmans() {
        return Err(Stop::NotNeeded("podman"));
    }
    let info = facts.docker.info.known()?.ok_or(Stop::blocked_by("docker-engine"))?;
    if info.is_rootless() {
        return Err(Stop::NotNeeded("rootless"));
    }
    if facts.toolkit.user_namespace.value() == Some(&true) {
        return Err(Stop::NotNeeded("no-rules"));
    }
    if need.run.as_ref().is_some_and(|line| !line.podman)
        && facts.passage_for(need).is_none_or(|passage| passage.refused.is_some() || passage.ways.is_empty())
    {
        // This very line brings no GPU that could be lost.
        return Err(Stop::blocked_by("run-line-gpu"));
    }
    let Some((flag, way)) = facts.way_for(need) else { return Err(Stop::blocked_by("nvidia-toolkit")) };
    let finding = if info.cgroup_driver != "systemd" {
        Finding::pass("other-driver").with("driver", &info.cgroup_driver)
    } else if !way.obeys_capabilities() {
        Finding::pass("in-the-spec")
    } else if facts.toolkit.char_link.known()?.is_some() {
        Finding::pass("linked")
    } else {
        Finding::warn("reload", "use-cdi")
    };
    let finding = finding
        .with("flag", flag)
        .with("path", way)
        .evidence("GET /info", format!("CgroupDriver {}", info.cgroup_driver));
    Ok(finding.saw(&facts.toolkit.char_link).into())
}
