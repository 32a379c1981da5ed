//! Does anybody take what containers say, where the engine sends it away by itself?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-logging",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if need.run.as_ref().is_some_and(|line| line.last("log-driver").is_some()) {
        return Err(Stop::NotNeeded("own-driver"));
    }
    let Some(info) = facts.docker.info.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    if ["", "json-file", "local", "none"].contains(&info.logging_driver.as_str()) {
        return Err(Stop::NotNeeded("files"));
    }
    let fact = &facts.engine.log_target;
    let Some(target) = fact.known()? else { return Err(Stop::NotNeeded("files")) };
    let address = if target.address.is_empty() { "its usual place" } else { target.address.as_str() };
    let finding = match target.taken {
        Some(true) => Finding::pass("taken"),
        Some(false) => Finding::fail("nobody-takes", "other-driver").with("path", facts.docker.config_path()),
        // Whom nobody asks for a container is told nothing of what is not asked.
        None if need.run.is_none() => return Err(Stop::NotNeeded("not-asked")),
        None => {
            let gap = Gap::Unsupported(format!("whether {address} takes what the log driver {} sends", target.driver));
            return Err(Stop::Unknown(gap, fact.source.clone()));
        }
    };
    let finding = finding.with("driver", &target.driver).with("address", address);
    Ok(finding.evidence(fact.source.0.as_str(), format!("{} {address}", target.driver)).into())
}
