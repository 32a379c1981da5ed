//! The way that does what the line means, where its own does not: every candidate is asked of the model before it is offered.

use crate::model::prelude::*;
use crate::model::run::{Argument, Edit, RunLine};
use crate::readings::passage::Container;
use crate::readings::way::KIND;

/// Another way, in words, and the edits of the line that take it.
pub struct Open {
    pub words: String,
    pub edits: Vec<Edit>,
}

/// One flag of the line that asks for a GPU.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    Gpus,
    Device,
    Runtime,
}

/// What the line has already beside `shut`, else the first of the three ways that starts.
pub fn open(facts: &Facts, line: &RunLine, shut: &Argument) -> Option<Open> {
    let asks = asks(line);
    let (closed, _) = asks.iter().find(|(_, at)| at.span == shut.span).copied()?;
    let container = Container::of_line(facts, line).ok()?;
    let shut: Vec<&Argument> = asks.iter().filter(|(flag, _)| *flag == closed).map(|(_, at)| *at).collect();
    if let Some((_, kept)) = asks.iter().find(|(flag, _)| *flag != closed)
        && starts(facts, &without(&container, closed))
    {
        return Some(Open { words: kept.text.clone(), edits: shut.iter().map(|at| at.without()).collect() });
    }
    let names = wanted(line);
    let (_, words) = ways(facts, &names).into_iter().find(|(way, _)| starts(facts, &laid_over(&container, way)))?;
    let all: Vec<&Argument> = asks.iter().map(|(_, at)| *at).collect();
    let edits = all.iter().enumerate().map(|(number, at)| match number {
        0 => Edit { span: at.span, text: words.clone() },
        _ => at.without(),
    });
    Some(Open { edits: edits.collect(), words })
}

/// The same for a finding whose fix it is.
pub fn instead(facts: &Facts, line: &RunLine, finding: Finding, at: Option<&Argument>) -> Finding {
    match at.and_then(|at| open(facts, line, at)) {
        Some(open) => finding.with("other", open.words).edits(open.edits),
        None => finding.with("other", "another way"),
    }
}

/// Words that dockerd does not know are known to the hook: as the variable's, where the way reads it.
pub fn words_by_variable(line: &RunLine, unknown: &[String]) -> Vec<Edit> {
    let Some(request) = line.gpus.iter().find(|request| request.capabilities.iter().any(|word| unknown.contains(word)))
    else {
        return Vec::new();
    };
    let known = |word: &String| word == "all" || crate::model::need::Capability::from_word(word).is_some();
    let kept: Vec<&str> = request.capabilities.iter().filter(|word| known(word)).map(String::as_str).collect();
    let value = match (request.count, request.devices.join(",")) {
        (_, devices) if !devices.is_empty() => format!("'\"device={devices}\"'"),
        (Some(-1), _) => "all".to_string(),
        (count, _) => count.unwrap_or(1).to_string(),
    };
    let mut edits = vec![request.at.with_value(value)];
    if !kept.is_empty() && line.variable("NVIDIA_DRIVER_CAPABILITIES").is_none() {
        edits.push(line.insert(&format!("-e NVIDIA_DRIVER_CAPABILITIES={}", kept.join(","))));
    }
    edits
}

fn starts(facts: &Facts, container: &Container) -> bool {
    facts.passage(container).is_ok_and(|passage| passage.refused.is_none() && !passage.ways.is_empty())
}

fn asks(line: &RunLine) -> Vec<(Flag, &Argument)> {
    let gpus = line.gpus.iter().map(|request| (Flag::Gpus, &request.at));
    let named = line.devices.iter().filter(|device| device.cdi && device.host.starts_with("nvidia.com/"));
    let devices = named.map(|device| (Flag::Device, &device.at));
    let runtime = line.last("runtime").map(|option| (Flag::Runtime, &option.at));
    gpus.chain(devices).chain(runtime).collect()
}

fn without(container: &Container, flag: Flag) -> Container {
    let mut rest = container.clone();
    match flag {
        Flag::Gpus => rest.requests.clear(),
        Flag::Device => rest.names.retain(|name| !name.starts_with("nvidia.com/")),
        Flag::Runtime => rest.runtime = None,
    }
    rest
}

/// The container with this way alone; what else the line and its image say stays, other vendors' devices too.
fn laid_over(container: &Container, way: &Container) -> Container {
    let mut variables = container.variables.clone();
    variables.extend(way.variables.clone());
    let others = container.names.iter().filter(|name| !name.starts_with("nvidia.com/"));
    let names = way.names.iter().chain(others).cloned().collect();
    Container { variables, names, mounted: container.mounted.clone(), is_admin: container.is_admin, ..way.clone() }
}

/// The three ways to ask for these GPUs, with the words for each.
fn ways(facts: &Facts, names: &[&str]) -> Vec<(Container, String)> {
    let known = facts.cdi_names().unwrap_or_default();
    let all_known = names.iter().all(|name| known.iter().any(|known| known == name));
    let known: Vec<&str> = if all_known { names.to_vec() } else { known.iter().map(String::as_str).collect() };
    let mut ways = vec![
        (Container::with_gpus(names), written("--gpus", names)),
        (Container::with_runtime(names), written("--runtime=nvidia", names)),
    ];
    if !known.is_empty() && (all_known || names == ["all"]) {
        ways.push((Container::with_names(&known), written("--device", &known)));
    }
    ways
}

/// The GPUs that the line names, or `all`.
fn wanted(line: &RunLine) -> Vec<&str> {
    let variable = line.variable("NVIDIA_VISIBLE_DEVICES").and_then(|variable| variable.value.as_deref());
    let requests = line.gpus.iter().flat_map(|request| request.devices.iter().map(String::as_str));
    let listed = variable.filter(|list| line.gpus.is_empty() && !super::is_none(Some(list)));
    let named = line.devices.iter().filter_map(|device| device.host.strip_prefix(KIND)?.strip_prefix('='));
    let plain = |name: &'_ str| name.strip_prefix("nvidia.com/gpu=").map_or(name.len(), |rest| rest.len());
    let names: Vec<&str> = requests
        .chain(named)
        .chain(listed.into_iter().flat_map(|list| list.split(',')))
        .map(|name| &name[name.len() - plain(name)..])
        .collect();
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte));
    if names.is_empty() || !names.iter().all(is_plain) { vec!["all"] } else { names }
}

/// The options that ask for these GPUs the way `flag` does.
fn written(flag: &str, names: &[&str]) -> String {
    let list = names.join(",");
    match (flag, names) {
        ("--gpus", ["all"]) => "--gpus all".to_string(),
        ("--gpus", [one]) => format!("--gpus device={one}"),
        ("--gpus", _) => format!("--gpus '\"device={list}\"'"),
        ("--runtime=nvidia", _) => format!("--runtime=nvidia -e NVIDIA_VISIBLE_DEVICES={list}"),
        _ => names.iter().map(|name| format!("--device {KIND}={name}")).collect::<Vec<_>>().join(" "),
    }
}
