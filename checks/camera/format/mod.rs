//! Does the camera offer the pictures that somebody asked for: pixel format, size, rate?

use crate::model::facts::camera::{Extent, Format};
use crate::model::finding::NOT_NEEDED;
use crate::model::need::{Camera, Picture};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "camera-format",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.picture.as_ref().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(picture) = need.picture.as_ref() else { return Err(Stop::NotNeeded(NOT_NEEDED)) };
    let look = |wish: &Wish<Camera>| look(facts, &wish.what, &picture.what);
    Ok(each(&facts.camera.wished(need)?, look).into_iter().map(|finding| finding.asked_by(&picture.by)).collect())
}

fn look(facts: &Facts, wish: &Camera, picture: &Picture) -> Result<Finding, Stop> {
    let (path, node) = facts.camera.camera(wish)?;
    let fact = &node.said.formats;
    if fact.gap() == Some(&Gap::Denied) {
        return Err(Stop::blocked_by("camera-access"));
    }
    let none = || Stop::Unknown(Gap::Unsupported("the driver lists no formats".into()), fact.source.clone());
    let formats = fact.known()?.ok_or_else(none)?;
    let finding = offered(formats, picture, fact)?;
    let all: Vec<String> = formats.iter().map(Format::to_string).collect();
    Ok(finding
        .about(path)
        .with("path", path)
        .with("picture", picture)
        .with("formats", formats.iter().map(|f| f.fourcc.as_str()).collect::<Vec<_>>().join(", "))
        .evidence(fact.source.0.as_str(), all.join("; ")))
}

fn offered(formats: &[Format], picture: &Picture, fact: &Fact<Vec<Format>>) -> Result<Finding, Stop> {
    let unsupported = |what: &str| Stop::Unknown(Gap::Unsupported(what.into()), fact.source.clone());
    let named = |f: &&Format| picture.fourcc.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&f.fourcc));
    let fitting: Vec<&Format> = formats.iter().filter(named).collect();
    if fitting.is_empty() {
        return Ok(Finding::fail("format-not-offered", "use-offered"));
    }
    let Some((width, height)) = picture.size else { return Ok(Finding::pass("offered")) };
    let extents: Vec<&Extent> = fitting.iter().flat_map(|format| &format.sizes).collect();
    if extents.is_empty() {
        return Err(unsupported("the driver lists no sizes"));
    }
    let holding: Vec<&&Extent> = extents.iter().filter(|extent| extent.holds(width, height)).collect();
    if holding.is_empty() {
        let sizes: Vec<String> = extents.iter().map(ToString::to_string).collect();
        return Ok(Finding::fail("size-not-offered", "use-offered").with("sizes", sizes.join(", ")));
    }
    let Some(rate) = picture.rate else { return Ok(Finding::pass("offered")) };
    let best = holding.iter().map(|extent| extent.rate).max().unwrap_or_default();
    // A hundredth less is what everybody calls the same: 29.97 is 30.
    if u64::from(best).saturating_mul(100) >= u64::from(rate).saturating_mul(99_000) {
        return Ok(Finding::pass("offered"));
    }
    // Within a range of sizes the rate is known for the largest only.
    if best == 0 || holding.iter().any(|extent| extent.min != extent.max) {
        return Err(unsupported("the driver tells no rate for this size"));
    }
    Ok(Finding::fail("too-slow", "use-offered").with("best", best.saturating_add(500) / 1000).with("rate", rate))
}
