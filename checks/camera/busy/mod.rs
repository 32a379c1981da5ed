//! Does another program hold the camera's queue? One that merely has the node open does not.

use crate::model::facts::camera::{Holder, Node, Queue};
use crate::model::need::Camera;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "camera-busy",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.cameras.first().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    Ok(each(&facts.camera.wished(need)?, |wish| look(facts, &wish.what)))
}

fn look(facts: &Facts, wish: &Camera) -> Result<Finding, Stop> {
    let (path, node) = facts.camera.camera(wish)?;
    let queue = match &node.said.queue {
        queue if queue.gap() == Some(&Gap::Denied) => return Err(Stop::blocked_by("camera-access")),
        queue => queue.known()?,
    };
    let finding = match queue {
        Some(Queue::Held) => held(facts, node),
        Some(Queue::Free) => Finding::pass("free"),
        None => return Err(Stop::blocked_by("camera-node")),
    };
    Ok(finding.about(path).with("path", path).with("camera", node.title()).saw(&node.said.queue))
}

fn held(facts: &Facts, node: &Node) -> Finding {
    let Some(holders) = node.holders.value() else {
        return Finding::fail("held-unseen", "show-holder").saw(&node.holders.clone().map(|_| "none"));
    };
    let container = holders.iter().find_map(|holder| container_name(facts, holder));
    let pid = holders.first().map_or(0, |holder| holder.pid);
    let words: Vec<String> = holders.iter().map(Holder::to_string).collect();
    let finding = match &container {
        Some(name) => Finding::fail("held-by-container", "stop-container").with("container", name),
        None => Finding::fail("held", "close-program").with("pid", pid),
    };
    finding.with("holders", words.join(", ")).evidence(node.holders.source.0.as_str(), words.join(", "))
}

fn container_name(facts: &Facts, holder: &Holder) -> Option<String> {
    let containers = facts.docker.containers.value()?;
    let container = containers.iter().find(|c| !holder.container.is_empty() && c.id == holder.container)?;
    Some(container.name().to_string())
}
