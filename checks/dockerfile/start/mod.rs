//! Does the image start what its ENTRYPOINT and CMD mean?

use crate::model::dockerfile::{Dockerfile, Form, Started};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "dockerfile-start",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(_: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Ok(Findings::new()) };
    let (entrypoint, command) = started(file);
    if entrypoint.is_none() && command.is_none() {
        return Err(Stop::NotNeeded("none"));
    }
    let told = |finding: Finding, started: &Started| {
        finding.about(&started.said.text).evidence("the Dockerfile", &*started.said.text).asked_by(&started.said.at)
    };
    let mut findings = Findings::new();
    for one in entrypoint.iter().chain(&command) {
        if one.form == Form::NoList {
            let own_shell = file.running().any(|stage| stage.rest.contains("SHELL "));
            findings.push(told(no_list(&one.said.text, own_shell), one));
        }
        if !one.missing.is_empty()
            && let Some(finding) = missing(file, one)
        {
            findings.push(told(finding, one));
        }
        if let Some(word) = one_word(one) {
            let option = word.split(' ').next().unwrap_or_default();
            findings.push(told(Finding::warn("one-word", "two-words").with("option", option), one));
        }
    }
    if let (Some(entry), Some(command)) = (&entrypoint, &command)
        && entry.form == Form::Shell
        && !["$@", "$*", "$0", "$1", "${@", "${1"]
            .iter()
            .any(|taken| entry.words.iter().any(|word| word.contains(taken)))
    {
        findings.push(told(Finding::warn("lost-command", "list"), command));
    }
    if let (Some(entry), Some(command)) = (&entrypoint, &command)
        && (entry.form, command.form) == (Form::List, Form::Shell)
        && command.words.iter().any(|text| text.starts_with('-'))
    {
        findings.push(told(Finding::fail("shell-arguments", "list-of-words"), command));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("fine").evidence("the Dockerfile", &*file.path));
    }
    Ok(findings)
}

/// Whoever runs the image may mount the folder that holds it, unless it lies elsewhere.
fn missing(file: &Dockerfile, started: &Started) -> Option<Finding> {
    let plain = file.ground().is_some_and(|base| super::steps::is_plain(&base.reference));
    let program = started.missing.trim_start_matches("./");
    match started.lies.as_str() {
        "" => plain.then(|| Finding::warn("not-copied", "copy-it").with("program", program)),
        lies => {
            let bad = if plain { Finding::fail } else { Finding::warn };
            Some(bad("other-place", "name-place").with("program", program).with("place", lies))
        }
    }
}

/// Who runs the image often names another command, and seldom another entry point.
fn no_list(keyword: &str, own_shell: bool) -> Finding {
    if own_shell {
        let gap =
            Gap::Unsupported("it is no list of JSON, and what the file's own SHELL makes of it is not known".into());
        return Finding::unknown(gap, Default::default());
    }
    let bad = if keyword == "ENTRYPOINT" { Finding::fail } else { Finding::warn };
    bad("no-list", "double-quotes")
}

/// ENTRYPOINT and CMD as the image has them from the file. An ENTRYPOINT takes away the CMD of the stage that it stands on.
fn started(file: &Dockerfile) -> (Option<&Started>, Option<&Started>) {
    let mut command = None;
    for stage in file.running() {
        command = command.or(stage.command.as_ref());
        if stage.entrypoint.is_some() {
            return (stage.entrypoint.as_ref(), command);
        }
    }
    (None, command)
}

/// `"-n 1"`: an option and its value as one word of a list. A shell's own text may look so.
fn one_word(started: &Started) -> Option<&str> {
    let shell = started.words.iter().any(|word| word.starts_with('-') && word.ends_with('c') && word.len() <= 4);
    if started.form != Form::List || shell {
        return None;
    }
    let fits = |word: &&String| {
        let name = word.trim_start_matches('-');
        let dashes = word.len() - name.len();
        let mut parts = name.splitn(2, ' ');
        let option = parts.next().unwrap_or_default();
        let is_name = option.starts_with(|c: char| c.is_ascii_alphabetic())
            && option.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (1..=2).contains(&dashes) && is_name && parts.next().is_some_and(|value| !value.trim().is_empty())
    };
    started.words.iter().skip(1).find(fits).map(String::as_str)
}
