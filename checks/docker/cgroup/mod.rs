//! Can the engine give containers their resource limits and devices through cgroups?

use crate::model::facts::docker::EngineVersion;
use crate::model::facts::engine::CgroupMounts;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-cgroup",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.docker.info;
    let Some(info) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    // Engines before 20.10 know version 1 only.
    let old = info.cgroup_version.is_empty() && !info.cgroup_driver.is_empty();
    if old && facts.engine.cgroup.value() == Some(&CgroupMounts::Unified) && !facts.docker.is_elsewhere() {
        let version = facts.docker.version.value().map_or("", |version| version.version.as_str());
        let finding = Finding::fail("too-old-for-version-2", "docker-version/upgrade").with("engine", version);
        return Ok(finding.evidence(facts.engine.cgroup.source.0.as_str(), "version 2 alone is mounted").into());
    }
    let own = &facts.engine.cgroup;
    let unmounted = match own.value() {
        Some(CgroupMounts::NotMounted) => true,
        Some(CgroupMounts::Legacy { devices }) => !devices && info.cgroup_version != "2",
        Some(CgroupMounts::Unified) | None => false,
    };
    let elsewhere = facts.docker.is_elsewhere()
        || info.is_rootless()
        || facts.docker.version.value().is_some_and(EngineVersion::is_podman);
    let inside = facts.host.container.value().is_some_and(|kind| kind == "docker" || kind == "podman");
    if unmounted && !elsewhere && !inside {
        let finding = Finding::fail("not-mounted", "docker-engine/mount-cgroups");
        return Ok(finding.evidence(own.source.0.as_str(), "no cgroup of devices").into());
    }
    // libcontainer's systemd.IsRunningSystemd asks for /run/systemd/system.
    if info.cgroup_driver == "systemd" && facts.host.systemd.is_absent() && !elsewhere && !inside {
        let config = &facts.docker.config;
        let by_file = facts.docker.settings().is_some_and(|settings| settings.kinds.contains_key("exec-opts"));
        let fix = if by_file { "own-cgroups" } else { "docker-engine/mend-command" };
        let path = Some(config.source.0.as_str()).filter(|path| !path.is_empty()).unwrap_or("/etc/docker/daemon.json");
        let finding = Finding::fail("no-systemd", fix).with("path", path);
        return Ok(finding.evidence(fact.source.0.as_str(), "CgroupDriver systemd").saw(&facts.host.systemd).into());
    }
    let finding = match info.cgroup_driver.as_str() {
        "" => {
            return Err(Stop::Unknown(
                Gap::Unsupported("this engine names no cgroup driver".into()),
                fact.source.clone(),
            ));
        }
        "none" => Finding::warn("no-delegation", "delegate"),
        _ => Finding::pass("managed"),
    };
    // Engines before 20.10 know version 1 only and do not say so.
    let version = if info.cgroup_version.is_empty() { "1" } else { &info.cgroup_version };
    Ok(finding
        .with("driver", &info.cgroup_driver)
        .with("version", version)
        .evidence(fact.source.0.as_str(), format!("CgroupDriver {}, CgroupVersion {version}", info.cgroup_driver))
        .into())
}
