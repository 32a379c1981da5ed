//! Inside an LXC guest: does this runc start containers under the outer host's rules?

use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-lxc",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Machine,
    judge,
};

/// runc's releases of November 2025 (CVE-2025-52881) open sysctls in a way that older AppArmor profiles of LXC hosts deny:
/// the first release of each series that does.
const SINCE: [[u32; 3]; 3] = [[1, 2, 8], [1, 3, 3], [1, 4, 0]];

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let guest = facts.host.container.value().filter(|kind| kind.starts_with("lxc"));
    let Some(guest) = guest else {
        return Err(Stop::NotNeeded("no-guest"));
    };
    let fact = &facts.docker.version;
    let Some(version) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let runc = version.components.iter().find(|component| component.name == "runc").map(|c| c.version.as_str());
    let Some((text, runc)) = runc.and_then(|text| Some((text, Version::leading(text)?))) else {
        return Err(Stop::Unknown(Gap::Unsupported("this engine does not name its runc".into()), fact.source.clone()));
    };
    let finding = match is_strict(&runc) {
        true => Finding::warn("strict-runc", "update-outer-host"),
        false => Finding::pass("older-runc"),
    };
    Ok(finding
        .with("runc", text)
        .evidence(facts.host.container.source.0.as_str(), guest.as_str())
        .evidence(fact.source.0.as_str(), format!("runc {text}"))
        .into())
}

fn is_strict(runc: &Version) -> bool {
    let same_series = SINCE.iter().find(|[major, minor, _]| runc.major() == *major && runc.minor() == *minor);
    match same_series {
        Some(since) => *runc >= Version::new(since),
        None => *runc > Version::new(&[1, 4]),
    }
}
