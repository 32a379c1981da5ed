//! Is there room for what is going to be pulled and written?

use crate::model::facts::disk::{Content, Left, Place, bytes};
use crate::model::facts::engine::Start;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "disk-space",
    family: "disk",
    doc: include_str!("doc.md"),
    wanted: |need| need.disk.as_ref().map(|wish| &wish.by).or(need.docker.as_ref()),
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if facts.docker.is_elsewhere() {
        return Err(Stop::NotNeeded("elsewhere"));
    }
    let places = facts.disk.places.known()?.map_or(&[][..], Vec::as_slice);
    // The daemon that gave up over it tells of it, with what to do while nothing can be pruned.
    let none_left = |place: &Place| place.space.value().is_some_and(|space| space.bytes_left() == Left::None);
    if places.iter().any(none_left) && facts.engine.start.value().is_some_and(Start::names_a_full_disk) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    let findings = places.iter().map(|place| {
        let wish = need.disk.as_ref().filter(|_| place.holds.contains(&Content::Images));
        let finding = one(place, wish.map(|wish| wish.what)).about(&place.path).with("looked_at", &place.looked_at);
        match wish {
            Some(wish) => finding.asked_by(&wish.by),
            None => finding.asked_by(need.docker.as_ref().unwrap_or(&Origin::Default)),
        }
    });
    Ok(findings.collect())
}

fn one(place: &Place, wanted: Option<u64>) -> Finding {
    let space = match &place.space.state {
        State::Present(space) => space,
        State::Absent => {
            return Finding::unknown(Gap::ToolMissing(place.looked_at.clone()), place.space.source.clone());
        }
        State::Unknown(gap) => return Finding::unknown(gap.clone(), place.space.source.clone()),
    };
    let finding = match wanted {
        // Containers run without it.
        _ if place.is_temporary() && space.read_only => Finding::warn("read-only", "look-at-mount"),
        _ if place.is_temporary() && space.bytes_left() == Left::None => Finding::warn("tmp-full", "look-into-tmp"),
        _ if place.is_temporary() => Finding::pass("room"),
        _ if space.read_only => Finding::fail("read-only", "look-at-mount"),
        _ if space.bytes_left() == Left::None => Finding::fail("full", "make-room"),
        Some(wanted) if space.available < wanted => {
            Finding::fail("too-small", "make-room").with("wanted", bytes(wanted))
        }
        Some(wanted) => Finding::pass("enough").with("wanted", bytes(wanted)),
        None if space.bytes_left() == Left::Short => Finding::warn("short", "make-room"),
        None => Finding::pass("room"),
    };
    finding.with("free", bytes(space.available)).with("total", bytes(space.total)).saw(&place.space)
}
