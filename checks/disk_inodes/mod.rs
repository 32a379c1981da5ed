//! Are there inodes left for the many small files of images?

use crate::model::facts::disk::{Place, Space};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "disk-inodes",
    family: "disk",
    doc: include_str!("doc.md"),
    wanted: |need| need.disk.as_ref().map(|wish| &wish.by).or(need.docker.as_ref()),
    judge,
};

/// Even a small image has some hundred files.
const NONE: u64 = 500;
/// A Python framework's image has some ten thousand files.
const FEW: u64 = 50_000;

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if facts.docker.is_elsewhere() {
        return Err(Stop::NotNeeded("elsewhere"));
    }
    let places = facts.disk.places.known()?.map_or(&[][..], Vec::as_slice);
    Ok(places.iter().map(|place| one(place).about(&place.path).with("looked_at", &place.looked_at)).collect())
}

fn one(place: &Place) -> Finding {
    let Space { inodes_available: available, inodes_total: total, .. } = match &place.space.state {
        State::Present(space) => *space,
        State::Absent => {
            return Finding::unknown(Gap::ToolMissing(place.looked_at.clone()), place.space.source.clone());
        }
        State::Unknown(gap) => return Finding::unknown(gap.clone(), place.space.source.clone()),
    };
    let finding = match (total, available) {
        (0, _) => Finding::pass("no-limit"),
        (_, ..NONE) => Finding::fail("used-up", "find-files"),
        (_, ..FEW) => Finding::warn("few", "find-files"),
        _ => Finding::pass("enough"),
    };
    finding.with("free", available).with("total", total).saw(&place.space)
}
