//! Can the engine give containers the memory limits that GPU programs ask for (`--ulimit memlock=-1 --shm-size`)?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-limits",
    family: "docker",
    doc: include_str!("doc.md"),
    // `--ulimit memlock=-1` is part of the usual guide's commands for GPUs.
    wanted: |need| need.docker.as_ref().and(need.gpu.as_ref()).map(|_| &Origin::Guide),
    judge,
};

/// What the engine gives where nobody sets it: moby daemon/config DefaultShmSize.
const SHARED_MEMORY: &str = "64 MiB";

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_elsewhere() {
        return Err(Stop::NotNeeded("elsewhere"));
    }
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
    Ok(finding.with("shared", shared).into())
}
