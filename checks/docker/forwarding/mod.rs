//! Does the kernel forward packets between containers and the network, and only theirs?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-forwarding",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_rootless() {
        return Err(Stop::NotNeeded("own-network"));
    }
    // A daemon that starts switches forwarding on by itself.
    let Some(_) = docker.info.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let fact = &facts.engine.forwarding;
    let Some(on) = fact.known()? else { return Err(Stop::NotNeeded("own-network")) };
    let told = docker.setting("ip-forward", |settings| settings.ip_forward).filter(|told| !told.value);
    let mut findings = Findings::new();
    let source = fact.source.0.as_str();
    findings.push(match (on, facts.engine.forwarding_off_in.value()) {
        (true, _) => Finding::pass("on").evidence(source, "1"),
        (false, Some(file)) => {
            let fix = if is_read_after(file) { "forward-there" } else { "forward" };
            Finding::warn("off-by-file", fix).with("file", file).evidence(file.as_str(), "0")
        }
        (false, None) => match told {
            Some(told) => Finding::warn("left-off", "forward").with("path", told.place.path()).evidence(source, "0"),
            None => Finding::warn("off", "forward").evidence(source, "0"),
        },
    });
    let bridges = facts.engine.card_bridges.value().map(Vec::as_slice).unwrap_or_default();
    // With nftables Docker's rules drop nothing of others'.
    let drops = !docker.uses_nftables();
    if let (Some(bridge), Some(true), true) = (bridges.first(), facts.engine.bridge_filter.value(), drops) {
        let source = facts.engine.bridge_filter.source.0.as_str();
        findings.push(Finding::warn("filters-bridge", "accept-bridge").with("bridge", bridge).evidence(source, "1"));
    }
    Ok(findings)
}

/// It wins over the file that the usual fix writes: names decide, whichever folder they lie in.
fn is_read_after(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    file == "/etc/sysctl.conf" || name > "99-docker-forward.conf"
}
