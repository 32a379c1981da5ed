//! May the container's user, and this one, open the camera? A container gets the node's mode, owner and group number, never
//! its access control list.

use crate::model::facts::camera::{Access, Node, NodeFile, Opened};
use crate::model::facts::docker::Info;
use crate::model::facts::host::User;
use crate::model::need::Camera;
use crate::model::prelude::*;
use crate::model::run::RunLine;
use crate::readings::inside::Inside;

pub static CHECK: Check = Check {
    id: "camera-access",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.cameras.first().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    Ok(each(&facts.camera.wished(need)?, |wish| look(facts, need, wish)))
}

fn look(facts: &Facts, need: &Need, wish: &Wish<Camera>) -> Result<Finding, Stop> {
    let (path, node) = facts.camera.camera(&wish.what)?;
    let (Some(file), Some(opened)) = (node.file.known()?, node.said.opened.known()?) else {
        return Err(Stop::blocked_by("camera-node"));
    };
    let inside = facts.inside(need);
    let bad = match &inside {
        // The node's mode lets in whoever it is.
        Err(_) if file.access(u32::MAX, u32::MAX) == Access::Granted => None,
        Err(stop) => return Err(stop.clone()),
        Ok(inside) => container(facts, need, inside, node, file),
    };
    let inside = inside.unwrap_or_default();
    let finding = match (bad, opened) {
        (_, Opened::Forbidden) => Finding::fail("device-cgroup", "use-device"),
        (Some(bad), _) if bad.code == "needs-group" && is_told_of_line(need, &wish.by) => {
            return Err(Stop::blocked_by("run-line-camera"));
        }
        (Some(bad), _) => bad,
        (None, _) if confined(facts, need)?.is_some() => {
            let bad = if confined(facts, need)? == Some(true) { Finding::fail } else { Finding::warn };
            bad("selinux", "gpu-confinement/allow-devices").saw(&facts.toolkit.selinux_devices)
        }
        (None, Opened::Denied) => user(facts, file),
        (None, _) => Finding::pass("granted"),
    };
    let user = facts.host.user.value();
    Ok(finding
        .about(path)
        .with("path", path)
        .with("user", user.map_or("this user", |user| &user.name))
        .with("uid", user.map_or(0, |user| user.uid))
        .with("group", if file.group.is_empty() { format!("{}", file.gid) } else { file.group.clone() })
        .with("gid", file.gid)
        .with("mode", format!("{:04o}", file.mode))
        .with("container_user", format!("{}:{}", inside.uid, inside.user().gid))
        .with("arguments", arguments(facts, &inside, path, file))
        .saw(&node.file)
        .saw(&node.said.opened))
}

/// Of an engine that has told whether it labels; podman does wherever SELinux is.
fn confined(facts: &Facts, need: &Need) -> Result<Option<bool>, Stop> {
    let info = facts.docker.answered_info();
    let podman = facts.is_of_podman(need);
    if info.is_none() && !podman || facts.toolkit.selinux.gap().is_some() {
        return Ok(None);
    }
    facts.selinux_stops(need, info.filter(|_| !podman), &[&facts.toolkit.selinux_devices])
}

/// The user is the run line's, or its image's, and that check tells of it with the line's correction.
fn is_told_of_line(need: &Need, by: &Origin) -> bool {
    let typed = need.run.as_ref().is_some_and(|line| line.by.is_some() && line.last("user").is_some());
    let of_image = need.run.as_ref().is_some_and(|line| line.by.is_some()) && need.container_user == Default::default();
    (typed || of_image) && matches!(by, Origin::Flag(_) | Origin::File { .. } | Origin::RunLine { .. })
}

/// What is bad for the container's user; `None` when it gets in.
fn container(facts: &Facts, need: &Need, inside: &Inside, node: &Node, file: &NodeFile) -> Option<Finding> {
    let others = file.access(u32::MAX, u32::MAX) == Access::Granted;
    let line = need.run.as_ref().filter(|line| line.podman);
    if let Some(line) = line {
        let me = facts.host.user.value().filter(|user| user.uid != 0 && !line.as_root);
        return match me {
            Some(me) => of_users_podman(line, inside, me, node, file).filter(|_| !others),
            None => by_numbers(inside, file),
        };
    }
    let info = facts.docker.info.value();
    if info.is_some_and(Info::is_rootless) {
        // The host's own node, and of this user's groups none: root inside is this user, everybody else nobody here.
        let me = facts.host.user.value()?.uid;
        let mine = inside.uid == 0 && (file.access(me, u32::MAX) == Access::Granted || listed(node, me));
        let podman = facts.docker.version.value().is_some_and(|version| version.is_podman());
        return match (mine || others, podman) {
            (true, _) => None,
            (false, true) => Some(Finding::fail("rootless-podman", "keep-groups")),
            (false, false) => Some(Finding::fail("rootless", "let-user-in")),
        };
    }
    if info.is_some_and(|info| info.has_security_option("userns")) {
        return (!others).then(|| Finding::fail("userns-remap", "host-userns"));
    }
    by_numbers(inside, file)
}

fn by_numbers(inside: &Inside, file: &NodeFile) -> Option<Finding> {
    match inside.access(file) {
        // Root in a container may open what mode and owner forbid (CAP_DAC_OVERRIDE).
        _ if inside.uid == 0 => None,
        Access::Granted => None,
        Access::NeedsGroup => Some(Finding::warn("needs-group", "add-group")),
        Access::Denied => Some(Finding::fail("closed", "open-to-group")),
    }
}

/// A user's podman opens the host's own node as that user, and keeps the user's groups only where the line says so. Root inside is
/// this user; with keep-id it is whoever has this user's number.
fn of_users_podman(line: &RunLine, inside: &Inside, me: &User, node: &Node, file: &NodeFile) -> Option<Finding> {
    let keeps_id = line.last("userns").is_some_and(|option| option.value.starts_with("keep-id"));
    let is_me = match (keeps_id, line.last("user")) {
        (true, Some(_)) => inside.uid == me.uid,
        (true, None) => true,
        (false, _) => inside.uid == 0,
    };
    let by_group = |gid: &u32| file.access(me.uid, *gid) == Access::Granted;
    let has_group = me.groups.iter().any(by_group);
    let keeps = line.all("group-add").any(|option| option.value == "keep-groups");
    if is_me && (by_group(&u32::MAX) || listed(node, me.uid)) || keeps && has_group {
        return None;
    }
    Some(match has_group {
        true => Finding::fail("rootless-podman", "keep-groups-here").edit(line.insert("--group-add keep-groups")),
        false => Finding::fail("rootless-podman-group", "let-user-in"),
    })
}

fn listed(node: &Node, uid: u32) -> bool {
    node.acl.value().is_some_and(|users| users.contains(&uid))
}

/// Programs on the host are shut out; root in a container is not.
fn user(facts: &Facts, file: &NodeFile) -> Finding {
    let user = facts.host.user.value();
    let later = user.is_some_and(|u| u.account_groups.contains(&file.gid) && !u.groups.contains(&file.gid));
    match file.access(u32::MAX, u32::MAX) {
        _ if later => Finding::warn("login-older", "log-in-again"),
        Access::NeedsGroup => Finding::warn("user-not-in-group", "join-group"),
        _ => Finding::warn("user-shut-out", "open-to-group"),
    }
}

/// The options of `docker run`, with the name that stays where there is one: `--device` splits its value at colons, so a name
/// by path goes through readlink.
fn arguments(facts: &Facts, inside: &Inside, path: &str, file: &NodeFile) -> String {
    let device = match facts.camera.stable(path) {
        stable if stable == path => path.to_string(),
        stable if stable.contains(':') => format!("\"$(readlink -f {stable})\":{path}"),
        stable => format!("{stable}:{path}"),
    };
    match inside.uid {
        0 => format!("--device {device}"),
        _ if inside.access(file) == Access::Granted => format!("--device {device}"),
        _ => format!("--device {device} --group-add {}", file.gid),
    }
}
