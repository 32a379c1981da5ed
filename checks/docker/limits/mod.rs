//! Can the engine give containers the memory limits that GPU programs ask for (`--ulimit memlock=-1 --shm-size`)?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-limits",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    // `--ulimit memlock=-1` is part of the usual guide's commands for GPUs.
    wanted: |need| need.docker.as_ref().and(need.gpu.as_ref()).map(|_| &Origin::Guide),
    tells: Tells::Files,
    judge,
};

/// What the engine gives where nobody sets it: moby daemon/config DefaultShmSize.
const SHARED_MEMORY: &str = "64 MiB";

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let Some(info) = docker.info.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let set = docker.setting("default-shm-size", |settings| settings.shm_size.as_deref());
    let shared = set.map_or(SHARED_MEMORY, |set| set.value);
    let fact = &facts.engine.limits;
    // Only an engine with root may raise a limit above its own.
    let capped = match info.is_rootless() {
        true => fact.known()?.and_then(|limits| limits.locked_memory.1),
        false => None,
    };
    let finding = match capped {
        Some(bytes) => Finding::fail("memlock-capped", "raise-memlock")
            .with("limit", bytes / 1024)
            .evidence(fact.source.0.as_str(), format!("locked memory at most {bytes} bytes")),
        None => Finding::pass("raisable").evidence("default-shm-size", shared),
    };
    // The line's own option is refused: told there.
    let of_line = need
        .run
        .as_ref()
        .is_some_and(|line| line.by.is_some() && line.all("ulimit").any(|option| option.value.starts_with("memlock=")));
    let finding = match capped {
        Some(_) if of_line => Finding::from(Stop::blocked_by("run-line-rights")),
        _ => finding,
    };
    let mut findings: Findings = finding.with("shared", shared).into();
    findings.extend(open_files(facts));
    Ok(findings)
}

/// Told only where a unit decides it: a limit of dockerd's own for all containers comes first.
fn open_files(facts: &Facts) -> Option<Finding> {
    let fact = &facts.engine.container_files;
    let limit = fact.value()?;
    let docker = &facts.docker;
    let own = docker.settings().is_some_and(|settings| settings.kinds.contains_key(OWN_LIMITS))
        || docker.command.value().is_some_and(|command| command.options.contains_key(OWN_LIMITS));
    if own {
        return None;
    }
    let endless = facts.engine.most_files.value().filter(|most| limit == "infinity" && **most >= ENDLESS);
    if let Some(most) = endless {
        let finding = Finding::warn("endless-files", "limit-files").with("limit", most);
        return Some(finding.with("path", fact.source.0.as_str()).saw(fact).saw(&facts.engine.most_files));
    }
    Some(Finding::pass("open-files").with("limit", limit).with("path", fact.source.0.as_str()).saw(fact))
}

/// Programs that close or note every number up to their limit take minutes, or all memory, from some ten millions on; the usual
/// 1048576 takes a moment.
const ENDLESS: u64 = 50_000_000;

const OWN_LIMITS: &str = "default-ulimits";
