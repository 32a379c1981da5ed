//! Does docker take every value of the line?

use crate::model::prelude::*;
use crate::model::run::{Edit, RunOption, Span};

pub static CHECK: Check = Check {
    id: "run-line-syntax",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

/// The limits that `--ulimit` knows and that people write without it.
const LIMITS: [&str; 4] = ["memlock=", "nofile=", "stack=", "nproc="];

fn judge(_: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("podman")) };
    if line.podman && line.options.iter().all(|option| option.refused.is_none()) {
        return Err(Stop::NotNeeded("podman"));
    }
    let mut findings: Findings = line.options.iter().filter_map(|option| refused(line, option)).collect();
    let words = line.options.iter().map(|option| &option.at).chain(line.image.as_ref().map(|image| &image.at));
    for at in words.filter(|at| at.opaque) {
        let gap = Gap::Unsupported("its value comes from a command, and gdoctor runs none".into());
        findings.push(Finding::unknown(gap, Default::default()).about(&at.text).asked_by(&at.origin()));
    }
    if findings.is_empty() {
        let count = line.options.len();
        findings.push(Finding::pass("taken").with("count", count).evidence("the line", format!("{count} options")));
    }
    Ok(findings)
}

fn refused(line: &RunLine, option: &RunOption) -> Option<Finding> {
    let why = option.refused.as_ref()?;
    let finding = match (option.name.as_str(), option.value.as_str()) {
        // Its comma has lost its quotes: run-line-gpu tells.
        ("gpus", value) if value.starts_with("device=") && value.contains(',') => return None,
        ("gpus", value) if value.starts_with('-') => {
            Finding::fail("value-missing", "add-gpus-value").edit(insert(option.at.value.start, "all "))
        }
        ("image", value) if LIMITS.iter().any(|limit| value.starts_with(limit)) => {
            Finding::fail("limit-alone", "add-ulimit").edit(insert(option.at.span.start, "--ulimit "))
        }
        ("image", _) => Finding::fail("bad-image", "name-image"),
        _ => Finding::fail("bad-value", "correct-value"),
    };
    let flag = format!("--{}", option.name);
    let named = finding.with("flag", flag).with("value", &option.value).with("why", why).about(&option.at.text);
    Some(named.with("command", &line.command.text).evidence("the line", &*option.at.text).asked_by(&option.at.origin()))
}

fn insert(at: usize, text: &str) -> Edit {
    Edit { span: Span::at(at), text: text.into() }
}
