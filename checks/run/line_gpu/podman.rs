//! The same of a line of podman's, which brings GPUs by their CDI names and knows no other way.

use crate::model::need::Origin as By;
use crate::model::prelude::*;
use crate::model::run::{Argument, Edit, GpuRequest};
use crate::model::version::Version;
use crate::readings::passage::Refusal;
use crate::readings::passage::registry::{Injected, Registry};
use crate::readings::way::KIND;

/// From this version on podman's `--gpus` stands for CDI names; before, it does nothing (RELEASE_NOTES.md of podman).
const KNOWS_GPUS: [u32; 2] = [5, 0];

pub fn judge(facts: &Facts, need: &Need, line: &RunLine) -> Result<Findings, Stop> {
    let version = facts.podman_version();
    let is_before = |first: [u32; 2]| version.as_ref().map(|version| *version < Version::new(&first));
    let mut asked: Vec<(String, &Argument)> = Vec::new();
    let devices = line.devices.iter().filter(|device| device.cdi && device.host.starts_with(KIND));
    let by_name = devices.clone().next().is_some();
    if let Some(request) = line.gpus.first().filter(|_| is_before(KNOWS_GPUS) != Some(false)) {
        let names = match request.devices.is_empty() {
            true => vec!["all"],
            false => request.devices.iter().map(String::as_str).collect(),
        };
        return Ok(docker_option(request, &names, is_before(KNOWS_GPUS) == Some(true), by_name).into());
    }
    // Each word of each value is a name, a number too (pkg/specgenutil/specgen.go).
    for option in line.all("gpus") {
        asked.extend(option.value.split(',').map(|name| (format!("{KIND}={name}"), &option.at)));
    }
    asked.extend(devices.map(|device| (device.host.clone(), &device.at)));
    let Some((first, at)) = asked.first() else { return not_asked(need, line) };
    if let (true, Some(version)) = (facts.podman_lacks_cdi(), &version) {
        let finding = Finding::fail("podman-without-cdi", "newer-podman").with("name", first).with("version", version);
        return Ok(finding.saw(&facts.docker.podman).asked_by(&at.origin()).into());
    }
    if let Some(cause) = facts.nvidia.blocker(&facts.host, super::CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let registry = Registry::of_podman(facts)?;
    let names = registry.names(KIND);
    let wanted: Vec<String> = asked.iter().map(|(name, _)| name.clone()).collect();
    // No spec that podman takes, or one that names what is gone.
    if names.is_empty() && registry.is_whole() || is_gone(registry.inject(&wanted)) {
        return Err(Stop::blocked_by("nvidia-cdi"));
    }
    let judged = |(device, at): &(String, &Argument)| {
        let name = device.strip_prefix(KIND).and_then(|rest| rest.strip_prefix('=')).unwrap_or_default();
        let finding = if names.contains(&name) {
            Finding::pass("podman-named")
        } else if !registry.is_whole() {
            // The name may be in the spec that this user may not read; podman of the same user reads it no better.
            let specs = facts.toolkit.specs.source.clone();
            return Finding::unknown(Gap::Denied, specs).about(device).asked_by(&at.origin());
        } else if let Some(known) = option_with(line, at, name, &names) {
            Finding::fail("podman-unnamed", "podman-names")
                .with("other", format!("--gpus {known}"))
                .edit(at.with_value(known))
        } else {
            Finding::fail("podman-unnamed", "make-spec")
        };
        let seen = if names.is_empty() { "no CDI spec names a GPU".to_string() } else { names.join(", ") };
        let finding = finding.with("name", device).with("seen", &seen).about(device);
        finding.evidence(facts.toolkit.specs.source.0.as_str(), seen).asked_by(&at.origin())
    };
    Ok(asked.iter().map(judged).collect())
}

/// What podman's `--gpus` has to be for what docker's would bring: the named GPUs without `device=`, or all for a count of them.
fn option_with(line: &RunLine, at: &Argument, name: &str, names: &[&str]) -> Option<String> {
    let option = line.all("gpus").find(|option| option.at.span == at.span)?;
    let plain = option.value.trim_matches('"').strip_prefix("device=");
    let count =
        name.parse::<usize>().ok().filter(|count| *count == names.iter().filter(|n| n.parse::<u32>().is_ok()).count());
    match (plain, count) {
        (Some(list), _) if list.split(',').all(|name| names.contains(&name)) => Some(list.to_string()),
        (_, Some(_)) if names.contains(&"all") => Some("all".to_string()),
        _ => None,
    }
}

/// podman refuses the container when a node that a spec names is not there, its runtime when a file is.
fn is_gone(injected: Result<Result<Injected, (Refusal, Injected)>, Stop>) -> bool {
    match injected {
        Ok(Ok(injected)) => injected.gone.is_some(),
        Ok(Err((refusal, _))) => matches!(refusal, Refusal::NodeGone { .. }),
        Err(_) => false,
    }
}

/// `--gpus` where podman takes it and brings nothing, or may do so.
fn docker_option(request: &GpuRequest, names: &[&str], nothing: bool, by_name: bool) -> Finding {
    if by_name {
        // The line's own --device brings them.
        let finding = Finding::warn("podman-gpus-beside", "without-gpus").with("flag", &request.at.text);
        let finding = finding.edit(request.at.without());
        return finding.evidence("the line", &*request.at.text).asked_by(&request.at.origin());
    }
    let text = names.iter().map(|name| format!("--device {KIND}={name}")).collect::<Vec<_>>().join(" ");
    let bad = if nothing { Finding::fail } else { Finding::warn };
    let finding = bad("podman-gpus", "by-name").with("flag", &request.at.text).with("name", &text);
    let finding = finding.edit(Edit { span: request.at.span, text });
    finding.evidence("the line", &*request.at.text).asked_by(&request.at.origin())
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
        (None, None) => {
            let node = super::nodes_alone(line).ok_or(Stop::NotNeeded("no-gpu"))?;
            Finding::warn("podman-nodes", "add-name")
                .with("device", &node.at.text)
                .evidence("the line", &*node.at.text)
                .asked_by(&node.at.origin())
        }
    };
    Ok(finding.edit(insert).into())
}
