//! Is each camera of the line granted, and not only shown?

use crate::model::prelude::*;
use crate::model::run::{Mount, MountKind};

pub static CHECK: Check = Check {
    id: "run-line-camera",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(_: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("no-camera")) };
    if let Some(at) = line.opaque(&["device"]) {
        let gap = Gap::Unsupported(format!("{} comes from a command that gdoctor does not run", at.text));
        return Ok(Finding::unknown(gap, Default::default()).asked_by(&at.origin()).into());
    }
    let mut findings = Findings::new();
    for mount in line.mounts.iter().filter(|mount| mount.kind == MountKind::Bind && is_camera(&mount.source)) {
        findings.push(mounted(line, mount));
    }
    for device in line.devices.iter().filter(|device| is_camera(&device.host)) {
        if !findings.iter().any(|finding| finding.subject == device.host) {
            let finding = Finding::pass("granted").about(&device.host).evidence("the line", &*device.at.text);
            findings.push(finding.asked_by(&device.at.origin()));
        }
    }
    if findings.is_empty() { Err(Stop::NotNeeded("no-camera")) } else { Ok(findings) }
}

/// `/dev/video0`, or a link to one below /dev/v4l.
fn is_camera(path: &str) -> bool {
    path.strip_prefix("/dev/video").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        || path.starts_with("/dev/v4l/")
}

fn mounted(line: &RunLine, mount: &Mount) -> Finding {
    let granted = line.devices.iter().any(|device| device.host == mount.source);
    let finding = if granted {
        Finding::warn("shown-twice", "drop-mount").edit(mount.at.without())
    } else if let Some(by) = allowed(line) {
        Finding::pass("allowed").with("by", by)
    } else {
        let place = if mount.source == mount.target { String::new() } else { format!(":{}", mount.target) };
        let edit = crate::model::run::Edit { span: mount.at.span, text: format!("--device={}{place}", mount.source) };
        Finding::fail("shown-only", "grant").edit(edit)
    };
    finding
        .about(&mount.source)
        .with("mount", &mount.at.text)
        .evidence("the line", &*mount.at.text)
        .asked_by(&mount.at.origin())
}

/// What lets the container open devices of the major number 81 all the same.
fn allowed(line: &RunLine) -> Option<String> {
    let rule = line.all("device-cgroup-rule").find(|option| {
        let mut parts = option.value.split(' ');
        let kind = parts.next().is_some_and(|kind| kind == "c" || kind == "a");
        kind && parts.next().is_some_and(|numbers| numbers.starts_with("81:") || numbers.starts_with("*:"))
    });
    rule.or(line.switch("privileged")).map(|option| option.at.text.clone())
}
