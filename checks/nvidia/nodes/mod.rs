//! Are the driver's device nodes there, with the kernel's numbers, and may the container's user open them?

use crate::model::facts::nvidia::{Majors, Node, NvidiaFacts};
use crate::model::facts::toolkit::Spec;
use crate::model::need::Capability;
use crate::model::prelude::*;
use crate::model::run::RunLine;

pub static CHECK: Check = Check {
    id: "nvidia-nodes",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

const MODESET: &str = "/dev/nvidia-modeset";
/// Minor of /dev/nvidiactl, below the driver's fixed major.
const CONTROL_MINOR: u32 = 255;

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if facts.host.platform.value().is_some() {
        return Err(Stop::NotNeeded("other-nodes"));
    }
    let nvidia = &facts.nvidia;
    if let Some(cause) = nvidia.blocker(&facts.host, "nvidia-version") {
        return Err(Stop::blocked_by(cause));
    }
    let empty = Vec::new();
    let nodes = nvidia.nodes.known()?.unwrap_or(&empty);
    let majors = nvidia.majors.known()?.copied().unwrap_or_default();
    let guest = facts.host.is_lxc_guest();
    let mut findings = Findings::new();
    for (path, numbers) in expected(nvidia, majors) {
        match nodes.iter().find(|node| node.path == path) {
            Some(node) => findings.extend(wrong(node, numbers, guest)),
            None if guest => {}
            None => findings.push(missing(facts, &path)),
        }
    }
    findings.extend(not_passed(nodes).filter(|_| guest));
    // One that is there although nobody needs it yet must still not be stale.
    let tools = nodes.iter().find(|node| node.path == "/dev/nvidia-uvm-tools");
    findings.extend(tools.and_then(|node| wrong(node, majors.uvm.map(|major| (major, 1)), guest)));
    findings.extend(no_modeset(need, nodes).filter(|_| findings.is_empty() && !guest));
    if findings.is_empty() {
        for node in nodes.iter().filter(|node| is_gpu_or_control(&node.path)) {
            findings.extend(closed(facts, need, node)?.filter(|_| findings.is_empty()));
        }
    }
    if findings.is_empty() {
        findings.extend(gone_at_start(facts, nodes));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("there").with("count", nodes.len()));
    }
    Ok(findings.into_iter().map(|f| f.evidence("/proc/devices", words(majors))).collect())
}

/// Paths with major and minor; the numbers are `None` where the kernel has given out none yet.
fn expected(nvidia: &NvidiaFacts, majors: Majors) -> Vec<(String, Option<(u32, u32)>)> {
    let numbers = |minor: u32| majors.nvidia.map(|major| (major, minor));
    let mut minors: Vec<u32> = nvidia.nvml.gpus.iter().filter_map(|gpu| gpu.minor).collect();
    if minors.is_empty() {
        // NVML has not told: the driver counts the GPUs that it has bound from 0.
        minors = (0..).zip(nvidia.usable_gpus().filter(|gpu| gpu.is_held_by("nvidia"))).map(|(n, _)| n).collect();
    }
    minors.sort_unstable();
    let control = ("/dev/nvidiactl".to_string(), numbers(CONTROL_MINOR));
    let gpus = minors.into_iter().map(|minor| (format!("/dev/nvidia{minor}"), numbers(minor)));
    let uvm = ("/dev/nvidia-uvm".to_string(), majors.uvm.map(|major| (major, 0)));
    core::iter::once(control).chain(gpus).chain([uvm]).collect()
}

fn wrong(node: &Node, numbers: Option<(u32, u32)>, guest: bool) -> Option<Finding> {
    let fix = if guest { "pass-nodes" } else { "remake" };
    let found = format!("{}:{}", node.major, node.minor);
    if !node.is_device {
        return Some(Finding::fail("not-a-device", fix).about(&node.path).evidence(&*node.path, "not a device"));
    }
    let (major, minor) = numbers?;
    ((major, minor) != (node.major, node.minor)).then(|| {
        let needed = format!("{major}:{minor}");
        Finding::fail("wrong-number", fix)
            .about(&node.path)
            .with("found", &found)
            .with("needed", needed)
            .evidence(&*node.path, &*found)
    })
}

/// A node that is not there: made on demand on the hook's ways, never on those of CDI specs.
fn missing(facts: &Facts, path: &str) -> Finding {
    let by_spec = facts.ways().ok().and_then(|ways| ways.usual()).is_some_and(|(_, way)| way.reads_specs());
    let uvm = path == "/dev/nvidia-uvm";
    let (code, fix) = if uvm { ("uvm-missing", "make-uvm") } else { ("not-made-yet", "make-nodes") };
    let finding = if uvm && by_spec { Finding::fail(code, fix) } else { Finding::warn(code, fix) };
    finding.about(path).evidence(path, "not there")
}

/// A spec that lasts names a node that somebody made by hand: after the next start no container is made from it.
fn gone_at_start(facts: &Facts, nodes: &[Node]) -> Option<Finding> {
    let node = nodes.iter().find(|node| node.path == "/dev/nvidia-uvm" && facts.is_made_by_hand(node.made))?;
    let specs = facts.toolkit.specs.value()?;
    let names_it =
        |spec: &&Spec| spec.devices().is_some_and(|devices| devices.uvm && devices.kind.starts_with("nvidia.com/"));
    let lasting = specs.iter().filter(|spec| !spec.is_below_run()).find(names_it)?;
    let by_spec = facts.ways().ok().and_then(|ways| ways.usual()).is_some_and(|(_, way)| way.reads_specs());
    let none = facts.nothing_makes(|at_boot| &at_boot.uvm) && facts.nothing_makes(|at_boot| &at_boot.specs);
    (by_spec && none).then(|| {
        let finding = Finding::warn("uvm-not-kept", "make-uvm").about(&node.path).with("spec", &lasting.path);
        finding.evidence(facts.nvidia.at_boot.source.0.as_str(), "nothing that makes /dev/nvidia-uvm")
    })
}

/// What an LXC guest needs of its host's nodes: a GPU may be kept from it on purpose, not all of them.
fn not_passed(nodes: &[Node]) -> Option<Finding> {
    let there = |path: &str| nodes.iter().any(|node| node.path == path);
    let gpu =
        |node: &Node| is_gpu_or_control(&node.path) && !["ctl", "-uvm"].iter().any(|end| node.path.ends_with(end));
    let mut missing: Vec<&str> =
        ["/dev/nvidiactl", "/dev/nvidia-uvm"].into_iter().filter(|path| !there(path)).collect();
    if !nodes.iter().any(gpu) {
        missing.push("/dev/nvidia0");
    }
    let names = missing.join(", ");
    let seen = names.clone() + ": not there";
    (!missing.is_empty()).then(|| Finding::fail("not-passed", "pass-nodes").with("nodes", names).evidence("/dev", seen))
}

/// The node that belongs to the capability `display`; the toolkit brings it where it is on the host.
fn no_modeset(need: &Need, nodes: &[Node]) -> Option<Finding> {
    let wish = need.capabilities.iter().find(|wish| wish.what == Capability::Display)?;
    let there = nodes.iter().any(|node| node.path == MODESET);
    (!there).then(|| Finding::warn("no-modeset", "make-modeset").evidence(MODESET, "not there").asked_by(&wish.by))
}

/// A node that the user inside the container may not open.
fn closed(facts: &Facts, need: &Need, node: &Node) -> Result<Option<Finding>, Stop> {
    if let Some(line) = need.run.as_ref().filter(|line| line.podman) {
        return Ok(closed_to_podman(facts, line, node));
    }
    let rootless = facts.docker.info.value().is_some_and(|info| info.is_rootless());
    let open_to_all = node.mode & 0o006 == 0o006;
    if open_to_all {
        return Ok(None);
    }
    let inside = facts.inside(need)?;
    let user = inside.user();
    let seen = format!("mode {:04o}, user {}, group {}", node.mode, node.uid, node.gid);
    let finding = match rootless {
        true => Finding::fail("closed-to-rootless", "open-mode"),
        false if user.uid == 0 || (inside.has_group(node.gid) && node.mode & 0o060 == 0o060) => return Ok(None),
        false if node.gid == 0 => Finding::fail("closed-to-user", "open-mode"),
        // A list of the image's may have the group.
        false if !inside.all_groups => Finding::warn("closed-to-user", "add-group"),
        false => Finding::fail("closed-to-user", "add-group"),
    };
    let mode = format!("{:04o}", node.mode);
    let finding = finding.about(&node.path).with("uid", user.uid).with("gid", node.gid).with("mode", mode);
    Ok(Some(finding.evidence(&*node.path, seen)))
}

/// A user's podman opens the host's own node as that user, without groups unless the container keeps them.
fn closed_to_podman(facts: &Facts, line: &RunLine, node: &Node) -> Option<Finding> {
    facts.run.podman.value().filter(|podman| podman.rootless)?;
    let user = facts.host.user.value()?;
    let keeps = line.all("group-add").any(|option| option.value == "keep-groups");
    let in_group = user.groups.contains(&node.gid) && node.mode & 0o060 == 0o060;
    if node.mode & 0o006 == 0o006 || (user.uid == node.uid && node.mode & 0o600 == 0o600) || (keeps && in_group) {
        return None;
    }
    let finding = match in_group {
        true => Finding::fail("groups-not-kept", "keep-groups").edit(line.insert("--group-add keep-groups")),
        false => Finding::fail("closed-to-rootless", "open-mode"),
    };
    let seen = format!("mode {:04o}, user {}, group {}", node.mode, node.uid, node.gid);
    let finding = finding.about(&node.path).with("mode", format!("{:04o}", node.mode)).with("gid", node.gid);
    Some(finding.evidence(&*node.path, seen))
}

fn is_gpu_or_control(path: &str) -> bool {
    let name = path.strip_prefix("/dev/nvidia").unwrap_or_default();
    name == "ctl" || name == "-uvm" || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()))
}

fn words(majors: Majors) -> String {
    let number = |major: Option<u32>| major.map_or("none".to_string(), |major| major.to_string());
    format!("nvidia {}, nvidia-uvm {}", number(majors.nvidia), number(majors.uvm))
}
