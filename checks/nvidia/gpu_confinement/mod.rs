//! Does SELinux or a remapped user namespace keep containers from the GPU's devices?

use crate::model::facts::host::Platform;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "gpu-confinement",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    if facts.host.platform.value() == Some(&Platform::Wsl) {
        return Err(Stop::NotNeeded("wsl"));
    }
    facts.ways()?;
    let info = match facts.is_podmans() {
        true => facts.docker.info.value(),
        false => Some(facts.docker.info.known()?.ok_or(Stop::blocked_by("docker-engine"))?),
    };
    let has = |option: &str| info.is_some_and(|info| info.has_security_option(option));
    // podman labels its containers wherever SELinux is on.
    let labels = has("selinux") || info.is_none();
    let mut findings: Findings = Vec::new();
    if labels && facts.toolkit.selinux.known()? == Some(&true) && facts.toolkit.selinux_devices.value() != Some(&true) {
        let finding = Finding::warn("selinux", "allow-devices").saw(&facts.toolkit.selinux);
        findings.push(finding.saw(&facts.toolkit.selinux_devices));
    }
    if has("userns") && facts.way_for(need).is_some_and(|(_, way)| way.obeys_capabilities()) {
        findings.push(Finding::warn("userns", "own-namespace").evidence("GET /info", "SecurityOptions has userns"));
    }
    if findings.is_empty() {
        let free = Finding::pass("free");
        findings.push(match info {
            Some(info) => free.evidence("GET /info", info.security_options.join(" ")),
            None => free.saw(&facts.toolkit.selinux),
        });
    }
    Ok(findings)
}
