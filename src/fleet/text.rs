//! A fleet in words: for a terminal, and as Markdown for a ticket or a chat.

use std::fmt::Write;

use super::{Cause, Fleet, State};
use crate::render::md;

/// Names of hosts that a line shows; the rest is counted.
const NAMES: usize = 8;
/// Versions that are shown of one thing where none is an outlier.
const VALUES: usize = 4;

pub fn render(fleet: &Fleet) -> String {
    let mut out = format!("{}\n", fleet.verdict());
    for cause in &fleet.causes {
        let _ = writeln!(out, "\n{} {} on {}", cause.state.word().to_uppercase(), cause.code, hosts(&cause.hosts));
        let _ = writeln!(out, "     {}{}", cause.summary, more_words(cause));
    }
    if !fleet.causes.is_empty() {
        out.push_str("\nWhat a code means, and the commands that mend it:\n    gdoctor explain CODE\n");
    }
    let lines = version_lines(fleet);
    if !lines.is_empty() {
        out.push_str("\nVersions\n");
        lines.iter().for_each(|(of, text)| out.push_str(&format!("  {of:<8} {text}\n")));
    }
    for line in unheard(fleet) {
        let _ = writeln!(out, "\n{line}");
    }
    out
}

pub fn markdown(fleet: &Fleet) -> String {
    let mut out = format!("## gdoctor: {}\n", md::text(&fleet.verdict()));
    if !fleet.causes.is_empty() {
        out.push_str("\n| | Cause | Hosts | What was seen |\n|---|---|---|---|\n");
    }
    for cause in &fleet.causes {
        let seen = format!("{}{}", cause.summary, more_words(cause));
        let (word, code) = (cause.state.word().to_uppercase(), md::text(&cause.code));
        let _ = writeln!(out, "| {word} | {code} | {} | {} |", md::text(&hosts(&cause.hosts)), md::text(&seen));
    }
    let lines = version_lines(fleet);
    if !lines.is_empty() {
        out.push_str("\n| Version of | |\n|---|---|\n");
        lines.iter().for_each(|(of, text)| out.push_str(&format!("| {of} | {} |\n", md::text(text))));
    }
    unheard(fleet).iter().for_each(|line| out.push_str(&format!("\n{}\n", md::text(line))));
    out
}

/// `3 hosts: robot-1, robot-4, robot-7`.
pub fn hosts(names: &[String]) -> String {
    let word = if names.len() == 1 { "host" } else { "hosts" };
    format!("{} {word}: {}", names.len(), some(names))
}

fn some(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMES)].join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn more_words(cause: &Cause) -> String {
    match cause.other_words {
        0 => String::new(),
        _ => " (other hosts say it a little differently)".into(),
    }
}

/// Of each thing its commonest version and who has another; where no version is held by most, the commonest ones.
fn version_lines(fleet: &Fleet) -> Vec<(&str, String)> {
    let line = |versions: &'_ super::Versions| {
        let all: usize = versions.values.iter().map(|version| version.hosts.len()).sum();
        let has_norm = versions.values.get(1).is_none_or(|second| second.outlier);
        let part = |(at, version): (usize, &super::Version)| match (at, has_norm) {
            (0, true) => format!("{} on {} of {all}", version.value, version.hosts.len()),
            (_, true) => format!("{} on {}", version.value, some(&version.hosts)),
            _ => format!("{} on {}", version.value, version.hosts.len()),
        };
        let most = if has_norm { NAMES } else { VALUES };
        let mut parts: Vec<String> = versions.values.iter().take(most).enumerate().map(part).collect();
        if let Some(rest) = versions.values.len().checked_sub(most).filter(|rest| *rest > 0) {
            parts.push(format!("{rest} others"));
        }
        parts.join("; ")
    };
    fleet.versions.iter().map(|versions| (versions.of.as_str(), line(versions))).collect()
}

/// Hosts that say nothing, and files that nobody can read.
fn unheard(fleet: &Fleet) -> Vec<String> {
    let last: Vec<String> =
        fleet.in_state(State::Stale).map(|host| format!("{} ({})", host.name, host.generated_at)).collect();
    let silent: Vec<String> = fleet.in_state(State::Silent).map(|host| host.name.clone()).collect();
    let unread: Vec<String> = fleet.unread.iter().map(|file| format!("{}: {}", file.file, file.why)).collect();
    let line = |list: Vec<String>, words: &str| (!list.is_empty()).then(|| format!("{words}: {}", some(&list)));
    let lines = [
        line(last, "The last report is too old (--stale)"),
        line(silent, "Without a report that counts"),
        line(fleet.unexpected.clone(), "Not expected"),
        line(unread, "Not read"),
        line(fleet.others.clone(), "Other documents, not counted"),
    ];
    lines.into_iter().flatten().collect()
}
