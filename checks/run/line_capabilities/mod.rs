//! Does the container get the driver capabilities that are wanted, on the path that this line takes?

use crate::model::need::{Capability, Origin as By};
use crate::model::prelude::*;
use crate::model::run::Edit;
use crate::readings::asks::{Asks, Named, words};
use crate::readings::way::Ways;

pub static CHECK: Check = Check {
    id: "run-line-capabilities",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().filter(|run| run.asks_for_gpu().is_some()).and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

const VARIABLE: &str = "NVIDIA_DRIVER_CAPABILITIES";

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| !line.podman) else { return Err(Stop::NotNeeded("podman")) };
    let ways = facts.ways()?;
    let Ok(way) = ways.of_line(line) else { return Err(stuck(&ways)) };
    if !way.obeys_capabilities() {
        return Ok(Finding::pass("all-come").with("path", way).evidence("the path", way.to_string()).into());
    }
    let Some(named) = named(facts, line) else {
        let gap = Gap::Unsupported("the image decides, and it is not on this host".into());
        return Ok(Finding::unknown(gap, facts.run.image.source.clone()).into());
    };
    let mut findings = Findings::new();
    let unknown: Vec<&String> =
        named.words.iter().filter(|w| *w != "all" && Capability::from_word(w).is_none()).collect();
    if let (Some(word), Some(variable)) = (unknown.first(), line.variable(VARIABLE)) {
        let kept: Vec<&str> = named.words.iter().filter(|w| !unknown.contains(w)).map(String::as_str).collect();
        findings.push(
            Finding::fail("unknown-word", "drop-word")
                .with("word", word)
                .edit(set(line, &kept.join(",")))
                .asked_by(&variable.at.origin()),
        );
    }
    let missing: Vec<Capability> = wanted(need).into_iter().filter(|c| !has(&named.words, *c)).collect();
    for capability in &missing {
        findings.push(lacking(need, line, &named, &missing, *capability).with("path", way));
    }
    if findings.is_empty() {
        let shown = named.words.join(",");
        findings.push(
            Finding::pass("named")
                .with("named", &shown)
                .with("whose", named.whose)
                .with("path", way)
                .evidence(VARIABLE, shown),
        );
    }
    Ok(findings)
}

fn stuck(ways: &Ways) -> Stop {
    ways.culprit().map_or(Stop::blocked_by("run-line-gpu"), Stop::blocked_by)
}

/// Wishes of flags and the guide; and what every GPU program needs, where the line names a list itself.
fn wanted(need: &Need) -> Vec<Capability> {
    let asked = need.capabilities.iter().filter(|wish| !matches!(wish.by, By::RunLine { .. })).map(|wish| wish.what);
    let mut wanted: Vec<Capability> = asked.collect();
    let listed = need.run.as_ref().is_some_and(|line| line.variable(VARIABLE).is_some_and(|v| v.value.is_some()));
    if listed {
        wanted.extend([Capability::Compute, Capability::Utility]);
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

fn has(words: &[String], capability: Capability) -> bool {
    words.iter().any(|word| word == "all" || word == capability.word())
}

/// The request's own words, then the variable on the line, then the image's, then the toolkit's default.
fn named(facts: &Facts, line: &RunLine) -> Option<Named> {
    let request: Vec<String> = line
        .gpus
        .iter()
        .flat_map(|r| &r.capabilities)
        .filter(|w| Capability::from_word(w).is_some())
        .cloned()
        .collect();
    if !request.is_empty() {
        return Some(Named { words: request, whose: "--gpus" });
    }
    if let Some(value) = line.variable(VARIABLE).and_then(|v| v.value.as_deref()).filter(|value| !value.is_empty()) {
        return Some(Named { words: words(value), whose: "the line" });
    }
    facts.run.image.value().map(|image| Asks(&image.variables).capabilities())
}

fn lacking(need: &Need, line: &RunLine, named: &Named, missing: &[Capability], capability: Capability) -> Finding {
    let basic = matches!(capability, Capability::Compute | Capability::Utility);
    let finding =
        if basic { Finding::warn("basics-missing", "name-all") } else { Finding::fail("missing", "name-all") };
    let mut words = named.words.clone();
    words.extend(missing.iter().map(|c| c.to_string()));
    let listed = words.join(",");
    let wish = need.capabilities.iter().find(|wish| wish.what == capability);
    let at = line.variable(VARIABLE).map(|v| &v.at).or(line.asks_for_gpu());
    let by = at.map(|at| at.origin());
    let guide = wish.is_some_and(|wish| wish.by == By::Guide);
    let finding = finding
        .about(capability)
        .with("named", named.words.join(","))
        .with("whose", named.whose)
        .with("wanted", &listed)
        .with("who", wish.map_or("every GPU program".to_string(), |wish| wish.by.to_string()))
        .evidence(VARIABLE, named.words.join(","))
        .edit(set(line, &listed));
    match by {
        Some(_) if guide => finding.asked_by(&By::Guide),
        Some(by) => finding.asked_by(&by),
        None => finding,
    }
}

/// Names the list where it stands now: in the request, in the variable, or anew.
fn set(line: &RunLine, list: &str) -> Edit {
    if let Some(request) = line.gpus.iter().find(|request| !request.capabilities.is_empty()) {
        let count = match (request.count, request.devices.join(",")) {
            (Some(-1), _) => "all".to_string(),
            (_, devices) if !devices.is_empty() => format!("\"device={devices}\""),
            (count, _) => count.unwrap_or(1).to_string(),
        };
        return request.at.with_value(format!("'{count},\"capabilities={list}\"'"));
    }
    match line.variable(VARIABLE) {
        Some(variable) => Edit { span: variable.at.value, text: format!("{VARIABLE}={list}") },
        None => line.insert(&format!("-e {VARIABLE}={list}")),
    }
}
