//! Is the wanted camera there, and is its node one that delivers pictures? If there is none at all: why.

use crate::model::facts::camera::{Format, Kind, Module, Node, Opened, Role, UsbCamera};
use crate::model::facts::docker::{Info, Restarting};
use crate::model::facts::host::Platform;
use crate::model::finding::ELSEWHERE;
use crate::model::need::{Camera, strongest};
use crate::model::prelude::*;
use crate::readings::camera_choice::Choice;

pub static CHECK: Check = Check {
    id: "camera-node",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.cameras.first().map(|wish| &wish.by),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if facts.docker.is_elsewhere() {
        return elsewhere(facts, need);
    }
    let mut findings = each(&need.cameras, |wish| look(facts, need, wish));
    findings.extend(by_number(facts));
    Ok(findings)
}

/// Numbers are given in the order in which cameras are found: with two of them the next start may turn them round.
fn by_number(facts: &Facts) -> Findings {
    let camera = &facts.camera;
    let capturing = || camera.nodes.values().filter(|node| node.role().is_ok_and(|role| role == Role::Capture));
    let devices: alloc::collections::BTreeSet<&String> = capturing().filter_map(|node| node.device.value()).collect();
    let fact = &facts.docker.restarting;
    let told = |container: &Restarting| {
        let named = |path: &&String| {
            let node = camera.nodes.get(*path);
            node.is_some_and(|node| !node.links.is_empty() && node.role().is_ok_and(|role| role == Role::Capture))
        };
        let path = container.videos.iter().find(named).filter(|_| devices.len() > 1)?;
        let finding = Finding::warn("by-number", "name-it").about(&container.name).with("container", &container.name);
        let finding = finding.with("path", path).with("stable", camera.stable(path)).with("count", devices.len());
        Some(finding.with("policy", &container.policy).evidence(fact.source.0.as_str(), path.as_str()))
    };
    fact.value().into_iter().flatten().filter_map(told).collect()
}

/// A virtual machine is known to have no camera; of another host nothing is known.
fn elsewhere(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let asked = need.cameras.iter().find(|wish| wish.by != Origin::Guide);
    match (asked, facts.docker.info.value().is_some_and(Info::is_desktop)) {
        (Some(wish), true) => Ok(Finding::fail("desktop", "use-engine").about(&wish.what).asked_by(&wish.by).into()),
        _ => Err(strongest(&need.cameras)
            .and_then(|by| facts.not_judged(Tells::Machine, need, by))
            .unwrap_or(Stop::NotNeeded(ELSEWHERE))),
    }
}

fn look(facts: &Facts, need: &Need, wish: &Wish<Camera>) -> Result<Finding, Stop> {
    let beside = facts.camera.is_beside(wish, &need.cameras);
    let wish = &wish.what;
    match facts.camera.choose(wish)? {
        Choice::Node(path, node) => match beside {
            Some(role) => {
                let finding = Finding::pass("beside").with("role", role.words());
                Ok(described(facts, finding, wish, path, node))
            }
            None => one(facts, need, wish, path, node),
        },
        Choice::Nothing => nothing(facts, wish),
    }
}

fn one(facts: &Facts, need: &Need, wish: &Camera, path: &str, node: &Node) -> Result<Finding, Stop> {
    let finding = match node.file.value().map(|file| file.kind) {
        Some(Kind::Folder) => Finding::fail("folder", "remove-folder"),
        _ if node.said.opened.value() == Some(&Opened::Gone) => Finding::fail("unplugged", "replug"),
        _ => match node.role()? {
            Role::Capture if node.usb.value().is_some_and(|usb| usb.virtual_host) => {
                Finding::warn("over-usbip", "small-pictures")
            }
            Role::Capture if node.is_raw_of_jetson() => raw(need),
            Role::Capture => Finding::pass("found"),
            role => return Ok(described(facts, not_a_camera(facts, path, role), wish, path, node)),
        },
    };
    Ok(described(facts, finding, wish, path, node))
}

/// Pictures come by NVIDIA's daemon, whose socket a line has to bring.
fn raw(need: &Need) -> Finding {
    const SOCKET: &str = "/tmp/argus_socket";
    match need.run.as_ref().filter(|line| !line.mounts.iter().any(|mount| mount.covers(SOCKET))) {
        Some(line) => Finding::warn("raw-alone", "bring-argus").edit(line.insert(&format!("-v {SOCKET}:{SOCKET}"))),
        None => Finding::pass("raw"),
    }
}

fn described(facts: &Facts, finding: Finding, wish: &Camera, path: &str, node: &Node) -> Finding {
    let finding = match wish {
        Camera::Path(typed) => finding.about(typed),
        _ => finding.about(path),
    };
    let finding = finding.with("path", path).with("camera", node.title()).with("stable", facts.camera.stable(path));
    let finding = finding.saw(&node.said.capability);
    let finding = if node.said.capability.value().is_some() { finding } else { finding.saw(&node.udev) };
    let finding = match node.said.formats.value() {
        Some(formats) => finding.evidence(node.said.formats.source.0.as_str(), offered(formats)),
        None => finding,
    };
    finding.evidence("/dev/video*", facts.camera.inventory())
}

/// Pixel formats with their sizes and rates; drivers made for tests have some hundred.
fn offered(formats: &[Format]) -> String {
    const SHOWN: usize = 6;
    let words: Vec<String> = formats.iter().take(SHOWN).map(Format::to_string).collect();
    let more = formats.len().saturating_sub(SHOWN);
    if more == 0 { words.join("; ") } else { format!("{}; {more} more", words.join("; ")) }
}

fn not_a_camera(facts: &Facts, path: &str, role: Role) -> Finding {
    let sibling = facts.camera.capture_sibling(path);
    let fix = if sibling.is_some() { "use-capture-node" } else { "list-cameras" };
    let finding = match role {
        Role::Metadata => Finding::fail("metadata-node", fix),
        Role::Output => Finding::fail("output-node", fix),
        Role::LoopbackIdle => Finding::fail("loopback-idle", "start-producer"),
        Role::Codec => Finding::fail("codec-node", "list-cameras"),
        Role::Pipeline => Finding::fail("pipeline", "use-libcamera"),
        Role::Other | Role::Capture => Finding::fail("not-a-camera", "list-cameras"),
    };
    finding.with("capture", sibling.unwrap_or_default())
}

/// The wish leads to no node. Where there are others, name them; where there is none, say why.
fn nothing(facts: &Facts, wish: &Camera) -> Result<Finding, Stop> {
    let camera = &facts.camera;
    if let Camera::Path(typed) = wish
        && let Some(there) = camera.paths.get(typed)
        && there.known()?.is_some()
    {
        return Ok(Finding::fail("not-a-camera", "list-cameras").with("path", typed).saw(there));
    }
    let nodes = camera.ordered();
    let of = |wanted: Role| nodes.iter().find(|(_, node)| node.role().is_ok_and(|role| role == wanted));
    let cameras: Vec<String> = nodes
        .iter()
        .filter(|(_, node)| !node.role().is_ok_and(|role| role != Role::Capture))
        .map(|(path, node)| format!("{path} ({})", node.title()))
        .collect();
    if let Some((first, _)) = of(Role::Capture) {
        return Ok(Finding::fail("other-cameras", "use-another")
            .with("cameras", cameras.join(", "))
            .with("first", first));
    }
    if matches!(wish, Camera::Any) {
        for role in [Role::LoopbackIdle, Role::Pipeline] {
            if let Some((path, node)) = of(role) {
                return Ok(described(facts, not_a_camera(facts, path, role), wish, path, node));
            }
        }
    }
    let seen: Vec<String> = nodes
        .iter()
        .map(|(path, node)| format!("{path} ({})", node.role().map_or("cannot tell", Role::words)))
        .collect();
    let finding = why_none(facts)?;
    Ok(finding.evidence("/dev/video*", if seen.is_empty() { "none".into() } else { seen.join(", ") }))
}

fn why_none(facts: &Facts) -> Result<Finding, Stop> {
    let camera = &facts.camera;
    // A container sees the kernel's list of nodes whole, and in /dev only those that it was given.
    if let (Some(_), Some(nodes)) = (facts.host.container.value(), camera.kernel_nodes.known()?)
        && let Some(first) = nodes.first()
    {
        let finding = Finding::fail("not-passed", "pass-device").with("path", format!("/dev/{first}"));
        return Ok(finding.with("nodes", nodes.join(", ")).saw(&facts.host.container));
    }
    let wsl = facts.host.platform.value() == Some(&Platform::Wsl);
    let usb = camera.usb.known()?.map_or(&[][..], Vec::as_slice);
    let Some(first) = usb.first() else {
        if let Some(loopback) = loopback(facts) {
            return Ok(loopback);
        }
        let finding = match (wsl, camera.nodes.is_empty()) {
            (true, _) => Finding::fail("wsl-not-attached", "wsl-attach"),
            (false, true) => Finding::fail("no-camera", "connect"),
            (false, false) => Finding::fail("only-others", "connect"),
        };
        return Ok(finding.saw(&camera.usb.clone().map(|_| "cameras")));
    };
    let finding = if wsl && first.driver.is_empty() {
        Finding::fail("wsl-no-driver", "wsl-driver")
    } else {
        driver(facts, first)?
    };
    Ok(finding
        .with("camera", &first.name)
        .with("port", &first.port)
        .evidence(camera.usb.source.0.as_str(), first.to_string()))
}

/// Where no camera is plugged in, the one that somebody has set up by software may be meant.
fn loopback(facts: &Facts) -> Option<Finding> {
    let camera = &facts.camera;
    let wanted = camera.loopback_wanted.value()?;
    let finding = match camera.loopback.value()? {
        Module::Loaded => return None,
        Module::OnDisk | Module::Forbidden(_) => Finding::fail("loopback-not-loaded", "load-loopback"),
        Module::Missing => Finding::fail("loopback-not-built", "build-loopback"),
        Module::TreeGone => Finding::fail("loopback-not-built", "reboot"),
    };
    let kernel = facts.host.kernel.value().map_or("", String::as_str);
    Some(finding.with("found", wanted).with("kernel", kernel).saw(&camera.loopback_wanted).saw(&camera.loopback))
}

/// A camera is on the bus and has no node.
fn driver(facts: &Facts, usb: &UsbCamera) -> Result<Finding, Stop> {
    let module = &facts.camera.uvcvideo;
    let kernel = facts.host.kernel.value().map_or("", String::as_str);
    let finding = match (usb.driver.as_str(), module.known()?) {
        ("", Some(Module::OnDisk)) => Finding::fail("driver-not-loaded", "load-driver"),
        ("", Some(Module::Forbidden(file))) => Finding::fail("driver-forbidden", "allow-driver").with("file", file),
        ("", Some(Module::TreeGone)) => Finding::fail("reboot-pending", "reboot"),
        ("", Some(Module::Missing) | None) => Finding::fail("driver-missing", modules_package(facts)),
        ("" | "uvcvideo", Some(Module::Loaded)) | ("uvcvideo", _) => Finding::fail("not-bound", "replug"),
        (other, _) => Finding::fail("claimed", "release").with("driver", other),
    };
    Ok(finding.with("kernel", kernel).saw(module))
}

/// Debian has another kernel for it, most others another package of the same kernel.
fn modules_package(facts: &Facts) -> &'static str {
    let ubuntu =
        facts.host.system.value().is_some_and(|s| s.id == "ubuntu" || s.id_like.iter().any(|id| id == "ubuntu"));
    if facts.host.family() == Some("debian") && !ubuntu { "full-kernel" } else { "extra-modules" }
}
