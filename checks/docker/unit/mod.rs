//! Does systemd take docker.service as its files say, and does dockerd see what it is asked for?

use crate::model::facts::docker::{DockerFacts, Hidden, Ignored, NoVariables, Reach, Unit, Why};
use crate::model::prelude::*;
use crate::model::run::{MountKind, RunLine};

pub static CHECK: Check = Check {
    id: "docker-unit",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_rootless() || facts.host.systemd.is_absent() {
        return Err(Stop::NotNeeded("other-manager"));
    }
    let fact = &docker.unit;
    let Some(unit) = fact.known()?.filter(|unit| !unit.masked) else { return Err(Stop::NotNeeded("other-manager")) };
    let source = fact.source.0.as_str();
    let mut findings = Findings::new();
    let lacking = unit.lacks_variables.as_ref().map(|lacking| {
        let NoVariables { path, file, line } = lacking;
        format!("line {line} of {file} has it read the variables of {path}, and there is no such file")
    });
    match (unit.refused.as_ref().or(lacking.as_ref()), docker.reach.value()) {
        (Some(reason), Some(Reach::Answers | Reach::Denied)) => {
            let finding = Finding::warn("refused-next", "docker-engine/mend-unit").with("files", "its drop-ins");
            findings.push(finding.with("reason", reason).evidence(source, reason.as_str()));
        }
        (Some(_), _) => return Err(Stop::blocked_by("docker-engine")),
        (None, Some(Reach::Answers | Reach::Denied)) => findings.extend(closes_next(docker, unit)),
        (None, _) => {}
    }
    findings.extend(unit.ignored.iter().map(ignored));
    findings.extend(unit.unread.as_ref().map(|unread| {
        let finding = Finding::warn("options-unread", "to-daemon-json").about(&unread.file);
        let keys = unread.keys.join(", ");
        finding
            .with("file", &unread.file)
            .with("keys", &keys)
            .evidence(unread.file.as_str(), format!("DOCKER_OPTS: {keys}"))
    }));
    findings.extend(unit.hides.iter().filter_map(|hidden| asked(need, hidden)));
    if findings.is_empty() {
        findings.push(Finding::pass("taken").evidence(source, "no line is left out"));
    }
    Ok(findings)
}

/// dockerd writes there before it answers: one that answers was started before the setting.
fn closes_next(docker: &DockerFacts, unit: &Unit) -> Option<Finding> {
    let root = docker.root();
    let closed = unit.closes(root).map(|hidden| (hidden, format!("it leaves {root} read-only for dockerd")));
    let as_user = unit.as_user.as_ref().map(|line| (line, String::from("dockerd has to be root")));
    let (line, why) = as_user.or(closed)?;
    let finding = Finding::warn("closes-next", "show-again").with("setting", &line.setting).with("file", &line.file);
    Some(finding.with("why", why).evidence(line.file.as_str(), line.setting.as_str()))
}

fn ignored(line: &Ignored) -> Finding {
    let fix = if line.why == Why::Percent { "double-percent" } else { "mend-line" };
    Finding::warn("line-ignored", fix)
        .about(format!("{}:{}", line.file, line.line))
        .with("file", &line.file)
        .with("line", line.line)
        .with("key", &line.key)
        .with("why", &line.why)
        .evidence(line.file.as_str(), format!("line {}, {}", line.line, line.key))
}

/// What of /dev stays under PrivateDevices (systemd's src/core/namespace.c).
const KEPT: [&str; 13] =
    ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "hugepages", "log", "fd"];

/// What is wanted of the folders that dockerd does not see. A hook puts GPUs into containers, which is not dockerd's.
fn asked(need: &Need, hidden: &Hidden) -> Option<Finding> {
    let is_below = |path: &str| {
        let kept = |name: &str| path.strip_prefix("/dev/").is_some_and(|rest| rest.split('/').next() == Some(name));
        !KEPT.iter().any(|name| kept(name)) && hidden.has(path)
    };
    let line = need.run.as_ref();
    let by_line = line.and_then(|line| of_line(line, &is_below));
    let camera = need.cameras.first().map(|wish| ("cameras' nodes".into(), wish.by.clone(), true));
    let gpu = need.gpu.as_ref().map(|wish| ("GPUs' nodes".into(), wish.by.clone(), false));
    let display = need.display.as_ref().map(|by| ("/tmp/.X11-unix".into(), by.clone(), false));
    let (path, by, decides) = by_line
        .or_else(|| camera.filter(|_| is_below("/dev")))
        .or_else(|| gpu.filter(|_| is_below("/dev")))
        .or_else(|| display.filter(|_| is_below("/tmp")))?;
    let bad = if decides { Finding::fail } else { Finding::warn };
    let finding = bad("hides", "show-again").with("path", path).with("setting", &hidden.setting);
    Some(finding.with("file", &hidden.file).evidence(hidden.file.as_str(), hidden.setting.as_str()).asked_by(&by))
}

/// `-v` makes a folder in a /tmp of the service's own, and containerd, which sees the host's, then mounts that one.
fn of_line(line: &RunLine, is_below: &dyn Fn(&str) -> bool) -> Option<(String, Origin, bool)> {
    let device = line.devices.iter().find(|device| is_below(&device.host));
    let device = device.map(|device| (device.host.clone(), device.at.origin(), true));
    let mounts = || line.mounts.iter().filter(|mount| mount.kind == MountKind::Bind && is_below(&mount.source));
    let mount = mounts().next().map(|mount| {
        let makes_own = mount.makes_folder && mount.source.contains("/tmp");
        (mount.source.clone(), mount.at.origin(), !makes_own)
    });
    device.or(mount)
}
