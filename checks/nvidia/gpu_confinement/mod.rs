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
    let info = match facts.is_of_podman(need) {
        // podman labels wherever SELinux is there, and needs no daemon that would tell.
        true => facts.docker.info.value().filter(|_| facts.is_podmans()),
        false => {
            facts.ways()?;
            Some(facts.docker.info.known()?.ok_or(Stop::blocked_by("docker-engine"))?)
        }
    };
    let mut findings: Findings = Vec::new();
    let toolkit = &facts.toolkit;
    let switches = [&toolkit.selinux_devices, &toolkit.selinux_xserver_devices];
    if let Some(sure) = facts.selinux_stops(need, info, &switches)? {
        let bad = if sure { Finding::fail } else { Finding::warn };
        findings.push(bad("selinux", "allow-devices").saw(&toolkit.selinux).saw(&toolkit.selinux_devices));
    }
    let remaps = info.is_some_and(|info| info.has_security_option("userns"));
    if remaps && facts.way_for(need).is_some_and(|(_, way)| way.obeys_capabilities()) {
        findings.push(Finding::warn("userns", "own-namespace").evidence("GET /info", "SecurityOptions has userns"));
    }
    if findings.is_empty() {
        let free = Finding::pass("free").saw(&toolkit.selinux);
        findings.push(match info {
            Some(info) => free.evidence("GET /info", info.security_options.join(" ")),
            None => free,
        });
    }
    Ok(findings)
}
