//! Is each camera that the line brings, or that is wanted, granted to the container's user, and not only shown?

use crate::model::facts::camera::{Access, Node, NodeFile};
use crate::model::facts::docker::Info;
use crate::model::need::Camera;
use crate::model::prelude::*;
use crate::model::run::{Argument, Device, Edit, Mount, MountKind};
use crate::readings::device_rules::DeviceRules;

pub static CHECK: Check = Check {
    id: "run-line-camera",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

/// Major number of video nodes; the minor is as a rule the number in the name.
const VIDEO: u32 = 81;

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("no-camera")) };
    if let Some(at) = line.opaque(&["device", "device-cgroup-rule"]) {
        let gap = Gap::Unsupported(format!("{} comes from a command that gdoctor does not run", at.text));
        return Ok(Finding::unknown(gap, Default::default()).asked_by(&at.origin()).into());
    }
    let rights = facts.docker.daemon_rights.value();
    // runc sets none in a user namespace, or goes on where the kernel refuses them (libcontainer/cgroups/devices, v1.go and v2.go).
    let unheld = facts.docker.is_rootless() || rights.is_some_and(|rights| rights.mapped);
    let look = Look { facts, need, line, rules: DeviceRules::of(line, |path| numbers(facts, path)), unheld };
    let mut findings = Findings::new();
    for mount in line.mounts.iter().filter(|mount| mount.kind == MountKind::Bind && is_camera(&mount.source)) {
        findings.push(look.mounted(mount));
    }
    for device in line.devices.iter().filter(|device| is_camera(&device.host)) {
        if !findings.iter().any(|finding| finding.subject == device.host) {
            findings.push(look.given(device));
        }
    }
    let wishes = need.cameras.iter().filter(|wish| matches!(wish.by, Origin::Flag(_) | Origin::File { .. }));
    for wish in wishes {
        if wish.what == Camera::Any && !findings.is_empty() {
            continue;
        }
        let Ok((path, node)) = facts.camera.camera(&wish.what) else { continue };
        let names = |text: &str| {
            text == path || facts.camera.paths.get(text).and_then(Fact::value).is_some_and(|real| real == path)
        };
        if !findings.iter().any(|finding| names(&finding.subject) || node.links.contains(&finding.subject)) {
            findings.push(look.wanted(path, node).asked_by(&wish.by));
        }
    }
    if findings.is_empty() { Err(Stop::NotNeeded("no-camera")) } else { Ok(findings) }
}

/// `/dev/video0`, or a link to one below /dev/v4l.
fn is_camera(path: &str) -> bool {
    path.strip_prefix("/dev/video").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        || path.starts_with("/dev/v4l/")
}

/// The node that a path of the host leads to, if it was looked at.
fn node<'a>(facts: &'a Facts, path: &str) -> Option<&'a Node> {
    let camera = &facts.camera;
    let real = camera.paths.get(path).and_then(Fact::value).map_or(path, String::as_str);
    let linked = || camera.nodes.values().find(|node| node.links.iter().any(|link| link == path));
    camera.nodes.get(real).or_else(linked)
}

fn numbers(facts: &Facts, path: &str) -> Option<(u32, u32)> {
    let seen = node(facts, path).and_then(|node| node.file.value()?.numbers);
    seen.or_else(|| Some((VIDEO, path.strip_prefix("/dev/video")?.parse().ok()?)))
}

struct Look<'a> {
    facts: &'a Facts,
    need: &'a Need,
    line: &'a RunLine,
    rules: DeviceRules<'a>,
    /// The engine holds no container to such rules.
    unheld: bool,
}

impl Look<'_> {
    fn mounted(&self, mount: &Mount) -> Finding {
        let granted = self.line.devices.iter().any(|device| device.host == mount.source);
        let numbers = numbers(self.facts, &mount.source);
        let opens = numbers.and_then(|numbers| self.rules.opens(numbers));
        let finding = match (granted, opens) {
            (true, _) => Finding::warn("shown-twice", "drop-mount").edit(mount.at.without()),
            (false, None) if self.unheld => self.for_user(&mount.source, &mount.at).unwrap_or(Finding::pass("unheld")),
            (false, Some(by)) => {
                self.for_user(&mount.source, &mount.at).unwrap_or(Finding::pass("allowed").with("by", &by.text))
            }
            (false, None) => {
                let place = if mount.source == mount.target { String::new() } else { format!(":{}", mount.target) };
                let edit = Edit { span: mount.at.span, text: format!("--device={}{place}", mount.source) };
                Finding::fail("shown-only", "grant").edit(edit)
            }
        };
        finding
            .about(&mount.source)
            .with("mount", &mount.at.text)
            .evidence("the line", &*mount.at.text)
            .asked_by(&mount.at.origin())
    }

    fn given(&self, device: &Device) -> Finding {
        let numbers = numbers(self.facts, &device.host);
        // A name that was not looked at is judged by its own permissions.
        let full = ["", "rwm", "rw"].contains(&device.permissions.as_str())
            || device.permissions.contains('r') && device.permissions.contains('w');
        let finding = match self.unheld || numbers.map_or(full, |numbers| self.rules.opens(numbers).is_some()) {
            true => self.for_user(&device.host, &device.at).unwrap_or(Finding::pass("granted")),
            false => Finding::fail("half-granted", "grant-both")
                .edit(device.at.with_value(format!("{}:{}", device.host, device.container)))
                .with("permissions", &device.permissions),
        };
        finding
            .about(&device.host)
            .with("argument", &device.at.text)
            .evidence("the line", &*device.at.text)
            .asked_by(&device.at.origin())
    }

    /// A camera that is wanted and that no argument of the line names.
    fn wanted(&self, path: &str, node: &Node) -> Finding {
        let numbers = node.file.value().and_then(|file| file.numbers).or_else(|| numbers(self.facts, path));
        let opens = numbers.and_then(|numbers| self.rules.opens(numbers));
        let folder = self.line.mounts.iter().find(|mount| {
            let below = path.strip_prefix(mount.source.trim_end_matches('/'));
            mount.kind == MountKind::Bind && below.is_some_and(|rest| rest.starts_with('/'))
        });
        let privileged = self.line.switch("privileged").map(|option| &option.at);
        let add = || self.line.insert(&format!("--device={path}"));
        let finding = match (privileged.or(folder.map(|mount| &mount.at)), opens) {
            (Some(shown), Some(by)) => {
                self.for_user(path, shown).unwrap_or(Finding::pass("allowed").with("by", &by.text))
            }
            (Some(shown), None) if self.unheld => self.for_user(path, shown).unwrap_or(Finding::pass("unheld")),
            (Some(shown), None) => {
                let less = numbers.and_then(|numbers| self.rules.allows_less(numbers)).map_or("", |rule| &rule.text);
                Finding::fail("shown-only", "grant").edit(add()).evidence("the line", format!("{} {less}", shown.text))
            }
            (None, _) => match self.line.devices.iter().find(|device| device.container == path) {
                Some(other) => Finding::fail("another-camera", "grant-this")
                    .edit(other.at.with_value(path))
                    .with("argument", &other.at.text),
                None => Finding::fail("not-in-line", "grant-this").edit(add()),
            },
        };
        let mount = folder.map_or("the line", |mount| &mount.at.text);
        finding.about(path).with("mount", mount)
    }

    /// What shuts the container's user out, root and mapped ids aside: these are camera-access's to tell.
    fn for_user(&self, path: &str, shown: &Argument) -> Option<Finding> {
        if self.line.podman {
            if let Some(finding) = self.keeps_none(path, shown) {
                return Some(finding);
            }
            let podman = self.facts.run.podman.value();
            podman.filter(|podman| !podman.rootless)?;
        } else if self.facts.docker.info.value().is_some_and(Info::maps_users) {
            return None;
        }
        let file = node(self.facts, path)?.file.value()?;
        let inside = self.facts.inside(self.need).ok().filter(|inside| inside.uid != 0)?;
        let named = self.line.all("group-add").any(|option| option.value.parse::<u32>().is_err());
        let finding = match inside.access(file) {
            Access::NeedsGroup if inside.all_groups => Finding::fail("needs-group", "add-group"),
            // A group's name may have the number in the image.
            Access::NeedsGroup if !named => Finding::warn("needs-group", "add-group"),
            Access::NeedsGroup | Access::Granted | Access::Denied => return None,
        };
        let user = inside.to_string();
        let edit = self.line.insert(&format!("--group-add={}", file.gid));
        Some(finding.edit(edit).with("user", user).with("group", name(file)).with("argument", &shown.text))
    }

    /// crun alone keeps a user's groups (annotation run.oci.keep_original_groups): with another runtime the option does nothing.
    fn keeps_none(&self, path: &str, shown: &Argument) -> Option<Finding> {
        let option = self.line.all("group-add").find(|option| option.value == "keep-groups")?;
        let fact = &self.facts.run.podman;
        let runtime =
            fact.value().filter(|podman| podman.rootless)?.runtime.as_deref().filter(|name| *name != "crun")?;
        let file = node(self.facts, path)?.file.value()?;
        let user = self.facts.host.user.value()?;
        if file.access(user.uid, u32::MAX) == Access::Granted {
            return None;
        }
        let finding = Finding::fail("groups-not-kept", "take-crun").with("runtime", runtime);
        Some(
            finding
                .with("option", &option.at.text)
                .with("argument", &shown.text)
                .saw(&fact.clone().map(|_| runtime.to_string())),
        )
    }
}

fn name(file: &NodeFile) -> String {
    if file.group.is_empty() { format!("{}", file.gid) } else { format!("{} ({})", file.group, file.gid) }
}
