//! Which of the engine's own warnings bear on running containers?

use crate::model::facts::docker::Info;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-warnings",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

/// A part of the engine's text, the code that it means, and its fix. The texts have no stable form, so only words that carry
/// the meaning are compared. Forwarding has a check of its own. Everything else (swap limit, blkio, bridge-nf-call …) changes nothing for the user.
const MEANINGS: [(&str, &str, &str); 3] = [
    ("without encryption", "open-api", "close-api"),
    ("access to the remote api is equivalent to root", "open-api", "close-api"),
    ("no memory limit support", "no-memory-limit", "enable-memory-cgroup"),
];

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.docker.info;
    let Some(info) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let mut findings = Findings::new();
    for (words, code, fix) in MEANINGS {
        let said = info.warnings.iter().find(|warning| warning.to_ascii_lowercase().contains(words));
        if let Some(said) = said.filter(|_| findings.iter().all(|finding: &Finding| finding.code != code)) {
            findings.push(Finding::warn(code, fix).evidence(fact.source.0.as_str(), said.as_str()));
        }
    }
    // Where daemon.json names it, docker-config tells of it.
    let by_file = facts.docker.settings().and_then(|settings| settings.log_driver.as_ref());
    findings.extend(no_log_driver(info).filter(|_| by_file != Some(&info.logging_driver)));
    if findings.is_empty() {
        let said = if info.warnings.is_empty() { "no warnings".into() } else { info.warnings.join("; ") };
        findings.push(Finding::pass("nothing-that-matters").evidence(fact.source.0.as_str(), said));
    }
    Ok(findings)
}

/// dockerd starts with the name of any log driver, and each container that gets it by default then fails.
fn no_log_driver(info: &Info) -> Option<Finding> {
    let (driver, known) = (info.logging_driver.as_str(), &info.plugins.log);
    let is_known = known.iter().any(|name| name == driver || name.strip_suffix(":latest") == Some(driver));
    if known.is_empty() || is_known || ["", "none"].contains(&driver) {
        return None;
    }
    let finding = Finding::fail("no-log-driver", "name-log-driver").with("driver", driver);
    Some(finding.with("known", known.join(", ")).evidence("GET /info: LoggingDriver", driver))
}
