//! The same of a line of podman's, which brings GPUs by their CDI names and knows no other way.

use crate::model::need::Origin as By;
use crate::model::prelude::*;
use crate::model::run::{Device, Edit, RunLine};

use crate::readings::passage::registry::Registry;
use crate::readings::way::KIND;

pub fn judge(facts: &Facts, need: &Need, line: &RunLine) -> Result<Findings, Stop> {
    if let Some(request) = line.gpus.first() {
        let names = match request.devices.is_empty() {
            true => vec!["all"],
            false => request.devices.iter().map(String::as_str).collect(),
        };
        let text = names.iter().map(|name| format!("--device {KIND}={name}")).collect::<Vec<_>>().join(" ");
        let finding = Finding::warn("podman-gpus", "by-name").with("flag", &request.at.text).with("name", &text);
        let finding = finding.edit(Edit { span: request.at.span, text });
        return Ok(finding.evidence("the line", &*request.at.text).asked_by(&request.at.origin()).into());
    }
    let devices: Vec<&Device> = line.devices.iter().filter(|d| d.cdi && d.host.starts_with(KIND)).collect();
    if devices.is_empty() {
        return not_asked(need, line);
    }
    if let Some(cause) = facts.nvidia.blocker(&facts.host, super::CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let registry = Registry::of_podman(facts)?;
    let names = registry.names(KIND);
    if names.is_empty() && facts.is_podmans() {
        // No spec names a GPU, or podman takes none of them: told there.
        return Err(Stop::blocked_by("nvidia-cdi"));
    }
    let judged = |device: &&Device| {
        let name = device.host.rsplit('=').next().unwrap_or_default();
        let finding = if names.contains(&name) {
            Finding::pass("podman-named")
        } else {
            Finding::fail("podman-unnamed", "make-spec")
        };
        let seen = if names.is_empty() { "no CDI spec names a GPU".to_string() } else { names.join(", ") };
        let finding = finding.with("name", &device.host).with("seen", &seen).about(&device.host);
        finding.evidence(facts.toolkit.specs.source.0.as_str(), seen).asked_by(&device.at.origin())
    };
    Ok(devices.iter().map(judged).collect())
}

fn not_asked(need: &Need, line: &RunLine) -> Result<Findings, Stop> {
    let meant = line.variables.iter().find(|v| v.name.starts_with("NVIDIA_") && !super::is_none(v.value.as_deref()));
    let by_flag = need.gpu.as_ref().filter(|wish| matches!(wish.by, By::Flag(_)));
    let insert = line.insert(&format!("--device {KIND}=all"));
    let finding = match (meant, by_flag) {
        (Some(variable), _) => Finding::fail("podman-variables", "add-name")
            .with("variable", &variable.name)
            .evidence("the line", &*variable.at.text)
            .asked_by(&variable.at.origin()),
        (None, Some(wish)) => {
            Finding::fail("podman-not-asked", "add-name").with("who", &wish.by).evidence("the line", "no --device")
        }
        (None, None) => return Err(Stop::NotNeeded("no-gpu")),
    };
    Ok(finding.edit(insert).into())
}
