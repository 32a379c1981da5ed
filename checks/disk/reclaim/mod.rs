//! What would each of Docker's own commands free?

use crate::model::facts::disk::bytes;
use crate::model::facts::reclaim::{Command, Freed};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "disk-reclaim",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    // Unasked, it is only help for when room is short: it fails nothing and leaves nothing undetermined.
    wanted: |need| need.reclaim.as_ref().map(|wish| &wish.by).or(need.docker.as_ref().map(|_| &Origin::Guide)),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let asked = need.reclaim.is_some();
    let elsewhere = facts.docker.is_elsewhere();
    if elsewhere && !asked {
        return Err(Stop::NotNeeded("elsewhere"));
    }
    let smallest = facts.disk.short(need).filter_map(|place| Some(place.space.value()?.total)).min();
    if smallest.is_none() && !asked {
        return Err(Stop::NotNeeded("room-enough"));
    }
    let commands = &facts.reclaim.commands;
    if commands.gap() == Some(&Gap::TimedOut) && !asked {
        return Err(Stop::NotNeeded("takes-long"));
    }
    // Who did not ask is told only of what is worth the trouble: a hundredth of the file system.
    let worth = if asked { 1 } else { smallest.unwrap_or(0) / 100 };
    let all = commands.known()?.map_or(&[][..], Vec::as_slice);
    let freed = all.iter().filter(|freed| beyond(freed, all) >= worth.max(1));
    let short = smallest.is_some() && !elsewhere;
    let source = commands.source.0.as_str();
    let findings: Findings = freed.map(|freed| one(freed, short).evidence(source, bytes(freed.bytes))).collect();
    if findings.is_empty() {
        return Ok(Finding::pass("nothing").evidence(source, "nothing is unused").into());
    }
    Ok(findings)
}

/// What a command frees that a milder one does not.
fn beyond(freed: &Freed, all: &[Freed]) -> u64 {
    let milder = all.iter().find(|other| freed.by == Command::ImagePruneAll && other.by == Command::ImagePrune);
    freed.bytes.saturating_sub(milder.map_or(0, |milder| milder.bytes))
}

/// Advice where room is short, else only what it is.
fn one(freed: &Freed, short: bool) -> Finding {
    let (code, fix) = match &freed.by {
        Command::BuilderPrune => ("build-cache", "prune-build-cache"),
        Command::ImagePrune => ("nameless-images", "prune-nameless-images"),
        Command::ContainerPrune => ("stopped-containers", "prune-containers"),
        Command::ImagePruneAll => ("unused-images", "prune-unused-images"),
        Command::Rmi(_) => ("large-image", "remove-image"),
        Command::VolumePrune { named: 0 } => ("nameless-volumes", "prune-volumes"),
        Command::VolumePrune { .. } => ("unused-volumes", "prune-volumes"),
        Command::VolumePruneAll => ("unused-volumes", "prune-all-volumes"),
    };
    let code = if freed.held > 0 { "held-by-cache" } else { code };
    let finding = if short { Finding::warn(code, fix) } else { Finding::pass(code) };
    let finding = finding.about(&freed.by).with("size", bytes(freed.bytes)).with("count", freed.count);
    let finding = finding.with("least", bytes(freed.bytes.saturating_sub(freed.held))).with("held", bytes(freed.held));
    match &freed.by {
        Command::Rmi(image) => finding.with("image", image),
        _ => finding,
    }
}
