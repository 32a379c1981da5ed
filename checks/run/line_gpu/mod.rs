//! Does the line ask for GPUs in a way that works?

mod named;
mod podman;
mod way;

use crate::model::need::{Gpus, Origin as By};
use crate::model::prelude::*;
use crate::model::run::{GpuRequest, Mount, MountKind, RunOption};

pub static CHECK: Check = Check {
    id: "run-line-gpu",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Ok(Findings::new()) };
    if let Some(at) = line.opaque(&["gpus", "runtime"]) {
        let gap = Gap::Unsupported(format!("{} comes from a command that gdoctor does not run", at.text));
        return Ok(Finding::unknown(gap, Default::default()).asked_by(&at.origin()).into());
    }
    if line.podman {
        return podman::judge(facts, need, line);
    }
    if let Some(option) = line.all("gpus").find(|option| lost_quotes(option)) {
        return Ok(quotes_lost(option).into());
    }
    let Some(asked) = line.asks_for_gpu() else { return not_asked(facts, need, line) };
    let mut findings = Findings::new();
    for request in &line.gpus {
        findings.extend(odd_count(request));
    }
    findings.extend(way::judge(facts, line)?);
    findings.extend(named::not_there(facts, line));
    findings.extend(socket_in_the_way(facts, line));
    if findings.is_empty() {
        findings.push(
            Finding::pass("asked")
                .with("flag", &asked.text)
                .evidence("the line", &*asked.text)
                .asked_by(&asked.origin()),
        );
    }
    Ok(findings)
}

/// `--gpus device=0,1`: the comma has parted the value, because the shell took the inner quotes.
fn lost_quotes(option: &RunOption) -> bool {
    option.value.split_once(',').is_some_and(|(first, rest)| {
        first.starts_with("device=") && !rest.split(',').next().unwrap_or_default().contains('=')
    })
}

fn quotes_lost(option: &RunOption) -> Finding {
    let value = format!("'\"{}\"'", option.value.replace(['\'', '"'], ""));
    Finding::fail("quotes-lost", "quote")
        .with("value", &option.value)
        .evidence("the line", &*option.at.text)
        .edit(option.at.with_value(value))
        .asked_by(&option.at.origin())
}

fn odd_count(request: &GpuRequest) -> Option<Finding> {
    let finding = match (request.count, request.devices.is_empty()) {
        (Some(_), false) => Finding::fail("count-and-devices", "devices-alone")
            .edit(request.at.with_value(format!("'\"device={}\"'", request.devices.join(",")))),
        (Some(0), true) => Finding::warn("count-of-zero", "ask-for-one").edit(request.at.with_value("1")),
        _ => return None,
    };
    Some(finding.evidence("the line", &*request.at.text).asked_by(&request.at.origin()))
}

/// The older ways make a file in the container's /run for each socket of NVIDIA's daemons; where /run is the host's, the socket
/// itself lies there, and cannot be opened as a file.
fn socket_in_the_way(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let obeys = facts.ways().ok()?.of_line(line).is_ok_and(|way| way.obeys_capabilities());
    let socket = facts.toolkit.sockets.value().filter(|_| obeys && !facts.docker.is_elsewhere())?.first()?;
    let run = ["/run", "/var/run"];
    let of_host = |mount: &&Mount| {
        let path = |path: &str| run.contains(&path.trim_end_matches('/'));
        mount.kind == MountKind::Bind && path(&mount.source) && path(&mount.target)
    };
    let mount = line.mounts.iter().find(of_host)?;
    let finding =
        Finding::fail("socket-in-the-way", "part-of-run").with("mount", &mount.at.text).with("socket", socket);
    Some(finding.evidence(facts.toolkit.sockets.source.0.as_str(), &**socket).asked_by(&mount.at.origin()))
}

/// Nothing on the line brings a GPU: is one meant all the same?
fn not_asked(facts: &Facts, need: &Need, line: &RunLine) -> Result<Findings, Stop> {
    let meant = line.variables.iter().find(|v| v.name.starts_with("NVIDIA_") && !is_none(v.value.as_deref()));
    let by_flag = need.gpu.as_ref().filter(|wish| matches!(wish.by, By::Flag(_)));
    let image = facts.run.image.value().and_then(|image| image.variables.get("NVIDIA_VISIBLE_DEVICES"));
    let by_image = image.is_some_and(|value| !is_none(Some(value)));
    if meant.is_none() && by_flag.is_none() && !by_image {
        return Err(Stop::NotNeeded("no-gpu"));
    }
    if line.last("runtime").is_none()
        && let Some(info) = facts.docker.info.known()?
        && info.default_runtime == "nvidia"
    {
        return Ok(Finding::pass("default-runtime").evidence("GET /info", "nvidia is the default runtime").into());
    }
    let count = match by_flag.map(|wish| wish.what) {
        Some(Gpus::Count(count)) => count.to_string(),
        _ => "all".to_string(),
    };
    let insert = line.insert(&format!("--gpus {count}"));
    let finding = match (meant, by_flag) {
        (Some(variable), _) => Finding::fail("variables-alone", "add-gpus")
            .with("variable", &variable.name)
            .evidence("the line", &*variable.at.text)
            .asked_by(&variable.at.origin()),
        (None, Some(wish)) => {
            Finding::fail("not-asked", "add-gpus").with("who", &wish.by).evidence("the line", "no --gpus")
        }
        (None, None) => Finding::warn("not-asked", "add-gpus")
            .with("who", "the image, by its NVIDIA_VISIBLE_DEVICES,")
            .saw(&facts.run.image.clone().map(|_| "NVIDIA_VISIBLE_DEVICES is set")),
    };
    Ok(finding.edit(insert).into())
}

fn is_none(value: Option<&str>) -> bool {
    matches!(value, None | Some("" | "none" | "void"))
}
