//! Does the container get the driver capabilities that are wanted, on the path that this line takes?

use crate::model::facts::library::{Found, Kind, libraries, look_up};
use crate::model::need::{Capability, Origin as By};
use crate::model::prelude::*;
use crate::model::run::Edit;
use crate::readings::asks::{Asks, Named, words};
use crate::readings::passage::{Container, Refusal};

pub static CHECK: Check = Check {
    id: "run-line-capabilities",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

const VARIABLE: &str = "NVIDIA_DRIVER_CAPABILITIES";

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| !line.podman) else { return Err(Stop::NotNeeded("podman")) };
    if line.asks_for_gpu().is_none() && !facts.is_served_by_nvidias(line) {
        return Err(Stop::NotNeeded("no-gpu"));
    }
    let Ok(passage) = Container::of_line(facts, line).and_then(|container| facts.passage(&container)) else {
        return Err(Stop::blocked_by("run-line-gpu"));
    };
    if let Some(Refusal::Capability { word, whole }) = &passage.refused
        && Capability::from_word(word).is_none()
    {
        let as_written = word == whole && word.contains([',', ' ']);
        let bad = if as_written { ("as-written", "plain-list") } else { ("unknown-word", "drop-word") };
        return Ok(unknown_word(facts, line, bad, word, need).into());
    }
    let way = match (passage.way(), &passage.refused) {
        (Some(way), _) => way,
        (None, Some(_)) => return Err(Stop::blocked_by("run-line-gpu")),
        (None, None) => return Err(Stop::NotNeeded("no-gpu")),
    };
    // What is refused brings nothing, whatever its way would.
    let refused = passage.refused.is_some();
    if refused && !passage.obeys_capabilities() {
        return Err(Stop::blocked_by("run-line-gpu"));
    }
    if !passage.obeys_capabilities() {
        let every = ["all".to_string()];
        let finding = match given(facts, &every) {
            Some((given, lacking)) => Finding::pass("part-comes").with("given", given).with("lacking", lacking),
            None => Finding::pass("all-come"),
        };
        return Ok(finding.with("path", way).evidence("the path", way.to_string()).into());
    }
    let Some(named) = named(facts, line) else {
        let gap = Gap::Unsupported("the image decides, and it is not on this host".into());
        return Ok(Finding::unknown(gap, facts.run.image.source.clone()).into());
    };
    let mut findings = Findings::new();
    let missing: Vec<Capability> = wanted(need).into_iter().filter(|c| !has(&named.words, *c)).collect();
    for capability in &missing {
        findings.push(lacking(need, line, &named, &missing, *capability).with("path", way));
    }
    if findings.is_empty() && refused {
        return Err(Stop::blocked_by("run-line-gpu"));
    }
    if findings.is_empty() {
        let shown = named.words.join(",");
        let finding = match given(facts, &named.words) {
            Some((given, lacking)) => Finding::pass("part-named").with("given", given).with("lacking", lacking),
            None => Finding::pass("named"),
        };
        findings
            .push(finding.with("named", &shown).with("whose", named.whose).with("path", way).evidence(VARIABLE, shown));
    }
    Ok(findings)
}

/// Of the line's variable or of the image's: the hook refuses the container. What is left of the list stands in its place, with
/// what is wanted besides.
fn unknown_word(
    facts: &Facts,
    line: &RunLine,
    (code, fix): (&'static str, &'static str),
    word: &str,
    need: &Need,
) -> Finding {
    let named = named(facts, line).map(|named| named.words).unwrap_or_default();
    let mut kept: Vec<String> =
        named.into_iter().filter(|word| word == "all" || Capability::from_word(word).is_some()).collect();
    if kept.iter().any(|word| word == "all") {
        kept = vec!["all".to_string()];
    }
    let missing = wanted(need).into_iter().filter(|wanted| !has(&kept, *wanted)).collect::<Vec<_>>();
    kept.extend(missing.iter().map(|capability| capability.to_string()));
    let variable = line.variable(VARIABLE).filter(|variable| variable.value.is_some());
    let whose = if variable.is_some() { "the line" } else { "the image" };
    let finding = Finding::fail(code, fix).with("word", word).with("whose", whose);
    let finding = finding.edit(set(line, &kept.join(",")));
    let at = variable.map(|variable| &variable.at).or(line.image.as_ref().map(|image| &image.at));
    at.iter().fold(finding, |finding, at| finding.asked_by(&at.origin()))
}

/// Wishes of flags and the guide, and of the program's own words; what every GPU program needs, where the line names a list itself.
fn wanted(need: &Need) -> Vec<Capability> {
    let words = need.run.iter().flat_map(|line| &line.arguments);
    let of_program = |by: &By| words.clone().any(|word| word.origin() == *by);
    // What the line's options name comes by itself.
    let fits = |by: &By| !matches!(by, By::RunLine { .. }) || of_program(by);
    let asked = need.capabilities.iter().filter(|wish| fits(&wish.by)).map(|wish| wish.what);
    let mut wanted: Vec<Capability> = asked.collect();
    let listed = need.run.as_ref().is_some_and(|line| line.variable(VARIABLE).is_some_and(|v| v.value.is_some()));
    if listed {
        wanted.extend([Capability::Compute, Capability::Utility]);
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// Of what these words name, the capabilities whose libraries this host has, and those that it has not. `None` where it has all,
/// or nobody could look.
fn given(facts: &Facts, words: &[String]) -> Option<(String, String)> {
    const OF_ALL: [Capability; 4] = [Capability::Compute, Capability::Utility, Capability::Video, Capability::Graphics];
    let all = words.iter().any(|word| word == "all");
    let named: Vec<Capability> = match all {
        true => OF_ALL.to_vec(),
        false => words.iter().filter_map(|word| Capability::from_word(word)).collect(),
    };
    let found = facts.library.found.value().filter(|_| facts.host.platform.is_absent())?;
    let driver = facts.nvidia.module.value().map(|module| module.version.as_str());
    let is_here = |one: &Capability| {
        let kind = if *one == Capability::Compat32 { Kind::Compat32 } else { Kind::Native };
        libraries(*one).required.iter().all(|stem| matches!(look_up(found, stem, kind, driver), Found::Fits(_)))
    };
    let (given, lacking): (Vec<Capability>, Vec<Capability>) = named.into_iter().partition(is_here);
    let told = |list: &[Capability]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    // Where nothing fits the cause is the driver's or the cache's, which has a check of its own.
    (!given.is_empty() && !lacking.is_empty()).then(|| (told(&given), told(&lacking)))
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
