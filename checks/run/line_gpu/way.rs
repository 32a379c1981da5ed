//! Are the ways to a GPU that the line takes open here, and which other one is?

use crate::model::prelude::*;
use crate::model::run::{Argument, Edit, RunLine};
use crate::readings::way::{Entry, Way};

use super::named::{KIND, known, not_named};

/// One flag of the line that asks for a GPU, and what it leads to.
struct Taken<'a> {
    at: &'a Argument,
    entry: Entry,
}

/// Docker refuses the line when one of its ways is closed, whatever the others do. Where no way is open at all, another check has
/// the cause.
pub fn judge(facts: &Facts, line: &RunLine) -> Result<Option<Finding>, Stop> {
    let ways = match facts.ways() {
        Ok(ways) => ways,
        Err(_) => return Ok(both(line)),
    };
    let gpus = line.gpus.iter().map(|request| Taken { at: &request.at, entry: ways.gpus });
    let devices = named(line).map(|(at, _)| Taken { at, entry: ways.device });
    let runtime = line.nvidia_runtime().map(|at| Taken { at, entry: ways.runtime });
    let taken: Vec<Taken<'_>> = gpus.chain(devices).chain(runtime).collect();
    let Some(first) = taken.iter().find(|taken| taken.entry.is_err()) else { return Ok(both(line)) };
    let shut = taken.iter().filter(|taken| taken.entry.is_err()).map(|taken| taken.at);
    let (other, new) = match (taken.iter().find(|taken| taken.entry.is_ok()), ways.usual()) {
        (Some(open), _) => (open.at.text.clone(), String::new()),
        (None, Some((flag, way))) => {
            let mut names = wanted(line);
            let known = known(facts).filter(|_| way == Way::Cdi && !flag.starts_with("--gpus"));
            if let Some(known) = &known
                && let Some(name) = names.iter().find(|name| !known.contains(name))
            {
                if *name != "all" {
                    return Ok(Some(not_named(facts, name, known).asked_by(&first.at.origin())));
                }
                names.clone_from(known);
            }
            let other = written(flag, &names);
            (other.clone(), other)
        }
        (None, None) => return ways.culprit().map_or(Ok(None), |culprit| Err(Stop::blocked_by(culprit))),
    };
    let edits = shut.enumerate().map(|(number, at)| match (number, new.as_str()) {
        (0, text) if !text.is_empty() => Edit { span: at.span, text: text.to_string() },
        _ => at.without(),
    });
    let finding = Finding::fail("way-closed", "other-way").with("flag", &first.at.text).with("other", other);
    Ok(Some(finding.edits(edits).evidence("GET /info", "another way is open").asked_by(&first.at.origin())))
}

/// `--gpus` and `--runtime=nvidia`, both open: the runtime goes.
fn both(line: &RunLine) -> Option<Finding> {
    let (request, runtime) = (line.gpus.first()?, line.nvidia_runtime()?);
    let finding =
        Finding::warn("both-ways", "drop-runtime").edits(line.all("runtime").map(|option| option.at.without()));
    let finding = finding.with("one", &request.at.text).with("other", &runtime.text);
    Some(finding.evidence("the line", &*runtime.text).asked_by(&runtime.origin()))
}

/// The CDI names of the line.
fn named(line: &RunLine) -> impl Iterator<Item = (&Argument, &str)> {
    line.devices.iter().filter_map(|device| Some((&device.at, device.host.strip_prefix(KIND)?.strip_prefix('=')?)))
}

/// The GPUs that the line names, or `all`.
fn wanted(line: &RunLine) -> Vec<&str> {
    let variable = line.variable("NVIDIA_VISIBLE_DEVICES").and_then(|variable| variable.value.as_deref());
    let requests = line.gpus.iter().flat_map(|request| request.devices.iter().map(String::as_str));
    let listed = variable.filter(|list| line.gpus.is_empty() && !super::is_none(Some(list)));
    let names: Vec<&str> = requests
        .chain(named(line).map(|(_, name)| name))
        .chain(listed.into_iter().flat_map(|list| list.split(',')))
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
