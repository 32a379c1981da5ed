//! Do the host's firewall and Docker's own rules go together?

use crate::model::facts::docker::Reach;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-firewall",
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
    let fact = &facts.engine.firewall;
    let Some(firewall) = fact.known()? else { return Err(Stop::NotNeeded("own-network")) };
    let active = firewall.active.join(", ");
    let firewalld = firewall.active.iter().any(|name| name == "firewalld");
    // dockerd's own last words tell of it then.
    if firewall.docker0_zone.is_some() && matches!(docker.reach.value(), Some(Reach::NotThere | Reach::Refused)) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    let finding = match &firewall.docker0_zone {
        Some(zone) if firewalld => Finding::warn("wrong-zone", "leave-zone").with("zone", zone),
        _ if firewall.active.is_empty() => Finding::pass("none"),
        _ if firewalld && firewall.strict_forward_ports => Finding::pass("strict"),
        _ => Finding::pass("beside"),
    };
    let seen = if active.is_empty() { "none is switched on" } else { active.as_str() };
    Ok(finding.with("active", &active).evidence(fact.source.0.as_str(), seen).into())
}
