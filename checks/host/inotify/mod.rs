//! Do the kernel's limits leave room for programs that watch files?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "host-inotify",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Machine,
    judge,
};

/// The kernel's default before 5.11, and its least since then; 128 is its number of instances.
const FEW_WATCHES: u64 = 8192;
const USUAL_INSTANCES: u64 = 128;

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.engine.inotify;
    let Some(inotify) = fact.known()? else { return Err(Stop::NotNeeded("no-limits")) };
    let few = inotify.watches <= FEW_WATCHES || inotify.instances < USUAL_INSTANCES;
    let finding = if few { Finding::warn("few", "raise") } else { Finding::pass("enough") };
    Ok(finding
        .with("watches", inotify.watches)
        .with("instances", inotify.instances)
        .evidence(fact.source.0.as_str(), format!("{} watches, {} instances", inotify.watches, inotify.instances))
        .into())
}
