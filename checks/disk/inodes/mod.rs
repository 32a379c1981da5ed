//! Are there inodes left for the many small files of images?

use crate::model::facts::disk::{Content, Left, Place};
use crate::model::facts::engine::Start;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "disk-inodes",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.disk.as_ref().map(|wish| &wish.by).or(need.docker.as_ref()),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let places = facts.disk.places.known()?.map_or(&[][..], Vec::as_slice);
    // The daemon that gave up over it tells of it.
    let none_left = |place: &Place| place.space.value().is_some_and(|space| space.inodes_left() == Left::None);
    if places.iter().any(none_left) && facts.engine.start.value().is_some_and(Start::names_a_full_disk) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    Ok(places.iter().map(|place| one(place).about(&place.path).with("looked_at", &place.looked_at)).collect())
}

fn one(place: &Place) -> Finding {
    let space = match &place.space.state {
        State::Present(space) => space,
        State::Absent => {
            return Finding::unknown(Gap::ToolMissing(place.looked_at.clone()), place.space.source.clone());
        }
        State::Unknown(gap) => return Finding::unknown(gap.clone(), place.space.source.clone()),
    };
    let finding = match space.inodes_left() {
        // disk-space tells of it.
        _ if place.holds == [Content::State] => Finding::pass("enough"),
        _ if space.inodes_total == 0 => Finding::pass("no-limit"),
        Left::None if place.is_temporary() => Finding::warn("tmp-used-up", "disk-space/look-into-tmp"),
        _ if place.is_temporary() => Finding::pass("enough"),
        Left::None => Finding::fail("used-up", "find-files"),
        Left::Short => Finding::warn("few", "find-files"),
        Left::Enough => Finding::pass("enough"),
    };
    finding.with("free", space.inodes_available).with("total", space.inodes_total).saw(&place.space)
}
