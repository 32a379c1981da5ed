//! Does the camera deliver pictures when it streams, how soon and how many? Only where somebody asked, for it has to stream.

use crate::model::facts::camera::{Node, Queue};
use crate::model::facts::frame::{First, Streamed, Then, per_second};
use crate::model::need::Camera;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "camera-frame",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.frame.as_ref(),
    tells: Tells::Machine,
    judge,
};

/// Less than this many hundredths of the wanted rate is another rate.
const ENOUGH: u64 = 80;

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let mut findings = Findings::new();
    for wish in &facts.camera.wished(need)? {
        match facts.camera.to_picture(&wish.what) {
            Ok(cameras) => findings.extend(cameras.into_iter().map(|(path, node)| {
                let finding = look(facts, need, &wish.what, path, node).unwrap_or_else(Finding::from);
                finding.about(path).with("path", path).with("camera", node.title())
            })),
            Err(stop) => findings.push(Finding::from(stop).about(&wish.what)),
        }
    }
    Ok(findings)
}

fn look(facts: &Facts, need: &Need, wish: &Camera, path: &str, node: &Node) -> Result<Finding, Stop> {
    if node.said.queue.gap() == Some(&Gap::Denied) {
        return Err(Stop::blocked_by("camera-access"));
    }
    if node.said.queue.value() == Some(&Queue::Held) {
        // Where any will do, camera-busy speaks of another one.
        return Err(if *wish == Camera::Any { Stop::NotNeeded("in-use") } else { Stop::blocked_by("camera-busy") });
    }
    let asked = &facts.frame.asked;
    asked.known()?;
    let not_asked = || Stop::Unknown(Gap::NotAsked, asked.source.clone());
    let came = facts.frame.cameras.get(path).ok_or_else(not_asked)?;
    let finding = match came.first.known()? {
        Some(First::After(ms)) => after(need, node, came)?.with("ms", ms),
        Some(First::Silent(ms)) => Finding::fail("silent", quiet(node)).with("ms", ms),
        Some(First::Damaged(ms)) => Finding::fail("damaged", "mend-cable").with("ms", ms),
        Some(First::Busy) => Finding::fail("taken", "camera-busy/show-holder"),
        Some(First::NoBandwidth) => Finding::fail("no-bandwidth", "camera-bandwidth/spread"),
        Some(First::Gone) => Finding::fail("gone", "camera-node/replug"),
        Some(First::Refused(why)) => Finding::fail("refused", "try-by-hand").with("why", why),
        None => return Err(not_asked()),
    };
    let agreed = came.agreed.value().map_or_else(|| "pictures".into(), ToString::to_string);
    Ok(finding.with("agreed", agreed).with("path", path).saw(&came.agreed).saw(&came.first).saw(&came.then))
}

/// A first picture came.
fn after(need: &Need, node: &Node, came: &Streamed) -> Result<Finding, Stop> {
    let wanted = need.picture.as_ref().and_then(|wish| wish.what.rate);
    let rate = match came.then.known()? {
        Some(Then::Flows(rate)) => *rate,
        Some(Then::Stops) | None => return Ok(Finding::fail("stops", quiet(node))),
        Some(Then::Gone) => return Ok(Finding::fail("gone", "camera-node/replug")),
        Some(Then::Breaks(why)) => return Ok(Finding::fail("refused", "try-by-hand").with("why", why)),
    };
    let slow = wanted.filter(|wanted| u64::from(rate).saturating_mul(100) < u64::from(*wanted) * 1000 * ENOUGH);
    let saved = came.picture.value().map(|picture| picture.file.as_str()).filter(|file| !file.is_empty());
    let finding = match (slow, saved) {
        (Some(wanted), _) => Finding::warn("slow", "more-light").with("wanted", wanted),
        (None, Some(_)) => Finding::pass("saved"),
        (None, None) => Finding::pass("delivers"),
    };
    let finding = finding.with("rate", per_second(rate));
    let finding = if came.picture.value().is_some() { finding } else { finding.saw(&came.picture.clone().map(|_| "")) };
    Ok(match saved {
        Some(file) => finding.with("picture", file).evidence(came.picture.source.0.as_str(), file),
        None => finding,
    })
}

/// Over USB/IP it is the way that fails, elsewhere camera, cable or bus.
fn quiet(node: &Node) -> &'static str {
    let far = node.usb.value().is_some_and(|usb| usb.virtual_host);
    if far { "camera-node/small-pictures" } else { "plain-pictures" }
}
