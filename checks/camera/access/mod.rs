//! May the container's user, and this one, open the camera? A container gets the node's mode, owner and group number, never
//! its access control list.

use crate::model::facts::camera::{Access, Node, NodeFile, Opened};
use crate::model::facts::docker::Info;
use crate::model::need::Camera;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "camera-access",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.cameras.first().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    Ok(each(&need.cameras, |wish| look(facts, need, wish)))
}

fn look(facts: &Facts, need: &Need, wish: &Wish<Camera>) -> Result<Finding, Stop> {
    let (path, node) = facts.camera.camera(&wish.what)?;
    let (Some(file), Some(opened)) = (node.file.known()?, node.said.opened.known()?) else {
        return Err(Stop::blocked_by("camera-node"));
    };
    let finding = match (container(facts, need, node, file), opened) {
        (_, Opened::Forbidden) => Finding::fail("device-cgroup", "use-device"),
        (Some(bad), _) if bad.code == "needs-group" && is_told_of_line(need, &wish.by) => {
            return Err(Stop::blocked_by("run-line-camera"));
        }
        (Some(bad), _) => bad,
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
        .with("container_user", format!("{}:{}", need.container_user.uid, need.container_user.gid))
        .with("arguments", arguments(facts, need, path, file))
        .saw(&node.file)
        .saw(&node.said.opened))
}

/// The user is the run line's, and that check tells of it with the line's correction.
fn is_told_of_line(need: &Need, by: &Origin) -> bool {
    let typed = need.run.as_ref().is_some_and(|line| line.by.is_some() && line.last("user").is_some());
    typed && matches!(by, Origin::Flag(_) | Origin::File { .. } | Origin::RunLine { .. })
}

/// What is bad for the container's user; `None` when it gets in.
fn container(facts: &Facts, need: &Need, node: &Node, file: &NodeFile) -> Option<Finding> {
    let user = need.container_user;
    let others = file.access(u32::MAX, u32::MAX) == Access::Granted;
    let info = facts.docker.info.value();
    if info.is_some_and(Info::is_rootless) {
        // The host's own node, and of this user's groups none: root inside is this user, everybody else nobody here.
        let me = facts.host.user.value()?.uid;
        let mine = user.uid == 0 && (file.access(me, u32::MAX) == Access::Granted || listed(node, me));
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
    if user.uid == 0 {
        return None; // root in a container may open what mode and owner forbid (CAP_DAC_OVERRIDE)
    }
    match file.access(user.uid, user.gid) {
        Access::Granted => None,
        Access::NeedsGroup => Some(Finding::warn("needs-group", "add-group")),
        Access::Denied => Some(Finding::fail("closed", "open-to-group")),
    }
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
fn arguments(facts: &Facts, need: &Need, path: &str, file: &NodeFile) -> String {
    let device = match facts.camera.stable(path) {
        stable if stable == path => path.to_string(),
        stable if stable.contains(':') => format!("\"$(readlink -f {stable})\":{path}"),
        stable => format!("{stable}:{path}"),
    };
    match need.container_user.uid {
        0 => format!("--device {device}"),
        _ if file.access(need.container_user.uid, need.container_user.gid) == Access::Granted => {
            format!("--device {device}")
        }
        _ => format!("--device {device} --group-add {}", file.gid),
    }
}
