//! Can the running kernel still load its modules, or was it upgraded under it? And what will not be the same when the machine has
//! started again?

use crate::model::facts::docker::Restarting;
use crate::model::facts::engine::CgroupMounts;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "host-reboot",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let mut findings = Findings::new();
    findings.extend(refused_cgroups(facts));
    findings.extend(lost_mounts(facts));
    match (running_kernel(facts, need), findings.is_empty()) {
        (Ok(finding), _) => findings.insert(0, finding),
        (Err(stop), true) => return Err(stop),
        // What is known is told, whatever /lib/modules has.
        (Err(_), false) => {}
    }
    Ok(findings)
}

fn running_kernel(facts: &Facts, need: &Need) -> Result<Finding, Stop> {
    // A container and a kernel in one piece have no modules of their own.
    let fact = &facts.engine.modules;
    let modules = fact.known()?.filter(|modules| modules.loadable && !modules.kernels.is_empty());
    let Some(modules) = modules.filter(|_| facts.host.container.value().is_none()) else {
        return Err(Stop::NotNeeded("no-modules"));
    };
    let kernel = facts.host.kernel.value().map_or("", String::as_str);
    let driver = (need.gpu.is_some() && facts.driver_waits_for_reboot()).then_some("nvidia");
    let lost: Vec<&str> = facts.lost_modules().into_iter().chain(driver).collect();
    let finding = if !lost.is_empty() {
        let finding = Finding::fail("modules-gone", "reboot").with("installed", modules.kernels.join(", "));
        finding.with("modules", lost.join(", ")).evidence("/proc/modules", format!("no {}", lost.join(", ")))
    } else if !modules.running {
        Finding::warn("upgraded", "reboot").with("installed", modules.kernels.join(", "))
    } else if let Some(packages) = facts.engine.reboot_wanted.value() {
        Finding::pass("wanted").with("packages", packages.join(", "))
    } else {
        Finding::pass("current")
    };
    Ok(finding.with("kernel", kernel).evidence(fact.source.0.as_str(), modules.kernels.join(", ")))
}

/// systemd 256 and 257 do not start on cgroup version 1 unless they are forced to; from 258 on they always mount version 2.
fn refused_cgroups(facts: &Facts) -> Option<Finding> {
    const REFUSE: core::ops::RangeInclusive<u32> = 256..=257;
    let engine = &facts.engine;
    let version = engine.systemd.value().filter(|version| REFUSE.contains(version))?;
    let on_version_1 = matches!(engine.cgroup.value(), Some(CgroupMounts::Legacy { .. }));
    let file = engine.old_cgroups_asked_in.value().filter(|_| on_version_1)?;
    let finding = Finding::warn("cgroup-v1-refused", "take-cgroup-v2").with("version", version).with("file", file);
    Some(finding.saw(&engine.systemd).saw(&engine.old_cgroups_asked_in))
}

/// Docker starts these containers again at boot, before anybody has logged in.
fn lost_mounts(facts: &Facts) -> Findings {
    let fact = &facts.docker.restarting;
    let told = |container: &Restarting| {
        let path = container.fleeting.first()?;
        let finding = Finding::warn("mount-not-kept", "start-by-hand").about(&container.name);
        let finding = finding.with("container", &container.name).with("policy", &container.policy).with("path", path);
        Some(finding.evidence(fact.source.0.as_str(), container.fleeting.join(", ")))
    };
    fact.value().into_iter().flatten().filter_map(told).collect()
}
