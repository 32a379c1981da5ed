//! Is there room for what is going to be pulled and written?

use crate::model::facts::disk::{Content, Left, Place, bytes};
use crate::model::facts::engine::Start;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "disk-space",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.disk.as_ref().map(|wish| &wish.by).or(need.docker.as_ref()),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let places = facts.disk.places.known()?.map_or(&[][..], Vec::as_slice);
    // The daemon that gave up over it tells of it, with what to do while nothing can be pruned.
    let none_left = |place: &Place| place.space.value().is_some_and(|space| space.bytes_left() == Left::None);
    if places.iter().any(none_left) && facts.engine.start.value().is_some_and(Start::names_a_full_disk) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    // So does one that could not make its folder where there is no disk.
    let no_disk = |place: &Place| place.space.value().is_some_and(|space| space.total == 0) && !place.is_temporary();
    let told = |place: &Place| facts.engine.start.value().is_some_and(|start| start.names(&place.path));
    if places.iter().any(|place| no_disk(place) && told(place)) {
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
    Ok(findings.chain(images(facts, need, places)).collect())
}

/// The images that have still to come, as far as their registries tell how large they are.
fn images<'a>(facts: &'a Facts, need: &'a Need, places: &'a [Place]) -> impl Iterator<Item = Finding> + 'a {
    let place = places.iter().find(|place| place.holds.contains(&Content::Images));
    let looks = facts.registry.looks.value().into_iter().flatten();
    looks.flat_map(|look| &look.sizes).filter_map(move |(image, size)| {
        let (place, wanted) = (place?, *size.value()?);
        let line = need.run.as_ref().and_then(|run| run.image.as_ref()).filter(|named| named.reference == *image);
        let here = match line {
            Some(_) => facts.run.image.value().is_some(),
            None => facts.image.found.get(image).is_some_and(|found| found.value().is_some()),
        };
        let free = place.space.value().filter(|_| !here)?.available;
        // Layers that are here already need no room again, so that it does not fit is not certain.
        let fits =
            if free < wanted { Finding::warn("image-too-large", "make-room") } else { Finding::pass("image-fits") };
        let finding = fits.about(image).with("size", bytes(wanted)).with("free", bytes(free)).with("path", &place.path);
        let finding = finding.with("looked_at", &place.looked_at);
        let by = line.map(|named| named.at.origin());
        let by = by.or(need.images.iter().find(|wish| wish.what == *image).map(|wish| wish.by.clone()));
        let finding = finding.asked_by(&by.unwrap_or(Origin::Default));
        Some(finding.evidence(size.source.0.as_str(), bytes(wanted)).saw(&place.space))
    })
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
        _ if place.holds == [Content::State] => Finding::fail("state-full", "look-into-state"),
        _ if space.total == 0 && !place.is_temporary() => Finding::fail("no-disk", "choose-disk"),
        // Containers run without it.
        _ if place.is_temporary() && space.read_only => Finding::warn("read-only", "look-at-mount"),
        _ if place.is_temporary() && space.is_tiny() => Finding::warn("tmp-tiny", "look-into-tmp"),
        _ if place.is_temporary() && space.bytes_left() == Left::None => Finding::warn("tmp-full", "look-into-tmp"),
        _ if place.is_temporary() => Finding::pass("room"),
        _ if space.read_only => Finding::fail("read-only", "look-at-mount"),
        _ if space.is_tiny() => Finding::fail("tiny", "larger-disk"),
        _ if space.bytes_left() == Left::None => Finding::fail("full", "make-room"),
        Some(wanted) if space.available < wanted => {
            let fix = if space.total < wanted { "larger-disk" } else { "make-room" };
            Finding::fail("too-small", fix).with("wanted", bytes(wanted))
        }
        Some(wanted) => Finding::pass("enough").with("wanted", bytes(wanted)),
        None if space.bytes_left() == Left::Short => Finding::warn("short", "make-room"),
        None => Finding::pass("room"),
    };
    finding.with("free", bytes(space.available)).with("total", bytes(space.total)).saw(&place.space)
}
