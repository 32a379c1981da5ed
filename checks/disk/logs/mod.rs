//! Have the logs of containers grown out of hand?

use crate::model::facts::disk::bytes;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "disk-logs",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.disk.as_ref().map(|wish| &wish.by).or(need.docker.as_ref()),
    tells: Tells::Files,
    judge,
};

/// A log of this size was not meant to grow so.
const LARGE: u64 = 1 << 30;

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let logs = &facts.disk.logs;
    // Only root sees them, and nobody has asked for them by name: that is no gap in what was wanted.
    if logs.gap() == Some(&Gap::Denied) {
        return Err(Stop::NotNeeded("hidden"));
    }
    let found = match logs.known()?.map(Vec::as_slice) {
        // A pass would say that files were looked at.
        None | Some([]) => return Err(Stop::NotNeeded("none")),
        Some(found) => found,
    };
    let large = found.iter().filter(|log| log.bytes >= LARGE);
    let Some(largest) = large.clone().next() else {
        let sum = found.first().map_or(0, |log| log.bytes);
        return Ok(Finding::pass("small")
            .with("largest", bytes(sum))
            .evidence(logs.source.0.as_str(), bytes(sum))
            .into());
    };
    Ok(Finding::warn("large", "limit-logs")
        .with("count", large.count())
        .with("largest", bytes(largest.bytes))
        .with("path", &largest.path)
        .evidence(largest.path.as_str(), bytes(largest.bytes))
        .into())
}
