//! Did Docker try to start containers before the driver was there, as after a boot? By the words that it keeps of such a start.

use crate::model::facts::toolkit::{Early, FailedStart};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "gpu-restarts",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    if let Some(cause) = facts.nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let fact = &facts.toolkit.failed_starts;
    if fact.gap() == Some(&Gap::NotAsked) {
        return Err(Stop::NotNeeded("not-asked"));
    }
    let starts = fact.known()?.cloned().unwrap_or_default();
    let source = fact.source.0.as_str();
    let too_early: Vec<&FailedStart> =
        starts.failed.iter().filter(|start| is_there_now(facts, &start.missing)).collect();
    if too_early.is_empty() {
        let which = if starts.more { "the newest " } else { "" };
        let finding = Finding::pass("none").with("which", which).with("looked", starts.looked);
        return Ok(finding.evidence(source, format!("{} stopped containers", starts.looked)).into());
    }
    let told = |start: &&FailedStart| {
        let finding = Finding::warn("started-before-driver", "load-at-boot").about(&start.container);
        let finding = finding.with("container", &start.container).with("policy", &start.policy);
        finding.with("missing", &start.missing).evidence(source, format!("{} was not there", start.missing))
    };
    Ok(too_early.iter().map(told).collect())
}

/// What is still missing has a cause of its own, which another check tells.
fn is_there_now(facts: &Facts, missing: &Early) -> bool {
    match missing {
        Early::Driver => facts.nvidia.module.value().is_some(),
        Early::Node(path) => {
            facts.nvidia.nodes.value().is_some_and(|nodes| nodes.iter().any(|node| node.path == *path))
        }
        Early::Spec => {
            let specs = facts.toolkit.specs.value().into_iter().flatten();
            specs.filter_map(|spec| spec.devices()).any(|devices| devices.kind == "nvidia.com/gpu")
        }
    }
}
