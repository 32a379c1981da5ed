//! Can a container draw on this display as the host's programs do: OpenGL, its device, shared memory?

use crate::model::facts::display::{Answer, Mapping, RenderNode};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "display-drawing",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.display_access.as_ref(),
    tells: Tells::Display,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let display = &facts.display;
    let (Some(name), Some(Answer::Accepted { .. })) = (display.name.value(), display.mine.value()) else {
        return Err(Stop::blocked_by("display-server"));
    };
    let extensions = display.extensions.known()?.map(Vec::as_slice).unwrap_or_default();
    let has = |extension: &str| extensions.iter().any(|name| name == extension);
    let mut findings: Findings = match (has("GLX"), has("NV-GLX"), name.is_tcp()) {
        (false, ..) => Finding::warn("no-glx", "offer-glx").into(),
        (true, true, false) => Finding::pass("nvidia").into(),
        (true, _, true) => Finding::pass("indirect").into(),
        (true, false, false) => mesa(facts, need)?,
    };
    if has("MIT-SHM") && !name.is_tcp() {
        findings.push(Finding::pass("shared-memory").about("MIT-SHM"));
    }
    let seen = |finding: Finding| {
        let listed: Vec<&str> = ["GLX", "NV-GLX", "MIT-SHM"].into_iter().filter(|name| has(name)).collect();
        finding.with("display", name).evidence(display.extensions.source.0.as_str(), listed.join(", "))
    };
    Ok(findings.into_iter().map(seen).collect())
}

/// Mesa draws through a render node, which the container's user must be able to open by its mode and numeric group.
fn mesa(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let nodes = facts.display.render_nodes.known()?.map(Vec::as_slice).unwrap_or_default();
    if nodes.is_empty() {
        return Ok(Finding::pass("software").into());
    }
    let inside = facts.inside(need)?;
    let node = match nodes {
        _ if inside.uid == 0 && facts.docker.info.value().is_none_or(|info| !info.maps_users()) => {
            return Ok(nodes.iter().map(|node| about(Finding::pass("mesa"), node)).collect());
        }
        nodes => nodes,
    };
    let ids = facts.host_ids(inside.user())?;
    let judged = |node: &RenderNode| {
        let by_group = ids.mapping == Mapping::None && inside.has_group(node.gid) && node.mode & 0o060 == 0o060;
        let finding = match (by_group || node.admits(&ids), ids.mapping) {
            (true, _) => Finding::pass("mesa"),
            (false, Mapping::None) => Finding::warn("no-group", "add-group").with("gid", node.gid),
            (false, Mapping::Remapped | Mapping::Rootless) => Finding::warn("shifted", "give-node"),
        };
        about(finding.with("uid", ids.uid), node)
    };
    Ok(node.iter().map(judged).collect())
}

fn about(finding: Finding, node: &RenderNode) -> Finding {
    let seen = format!("owner {}, group {}, mode {:04o}", node.uid, node.gid, node.mode);
    finding.about(&node.path).with("path", &node.path).evidence(node.path.as_str(), seen)
}
