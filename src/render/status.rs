//! What a status is in each format: one function a column of one table. `tests/render.rs` crosses all of them.

use crate::policy::{self, Status};
use crate::report::{self, Outcome, Report, WAITING, WAIVED};

/// The element of a JUnit test case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Junit {
    /// A test case alone.
    Passed,
    /// A test case alone, with words in the suite's system-out.
    Noted,
    Failure,
    Error,
    Skipped,
}

pub fn junit(status: Status) -> Junit {
    match status {
        Status::Pass => Junit::Passed,
        Status::Warn => Junit::Noted,
        Status::Fail => Junit::Failure,
        Status::Unknown => Junit::Error,
        Status::Skip => Junit::Skipped,
    }
}

/// SARIF 2.1.0: `kind` and `level`.
pub fn sarif(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Pass => ("pass", "none"),
        Status::Warn => ("fail", "warning"),
        Status::Fail => ("fail", "error"),
        Status::Unknown => ("open", "none"),
        Status::Skip => ("notApplicable", "none"),
    }
}

/// `ok` or `not ok`, and the directive behind the description.
pub fn tap(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Pass | Status::Warn => ("ok", ""),
        Status::Fail | Status::Unknown => ("not ok", ""),
        Status::Skip => ("ok", " # SKIP "),
    }
}

/// The command of a GitHub annotation; `None` for what needs none.
pub fn github(status: Status) -> Option<&'static str> {
    match status {
        Status::Fail => Some("error"),
        Status::Warn | Status::Unknown => Some("warning"),
        Status::Pass | Status::Skip => None,
    }
}

/// The value of `gdoctor_check_status`; `None` for what is left out.
pub fn metric(status: Status) -> Option<u8> {
    match status {
        Status::Pass => Some(0),
        Status::Warn => Some(1),
        Status::Fail => Some(2),
        Status::Unknown => Some(3),
        Status::Skip => None,
    }
}

/// Exit code of the Nagios plugin API, and its word.
pub fn nagios(status: Status) -> (u8, &'static str) {
    match status {
        Status::Pass | Status::Skip => (0, "OK"),
        Status::Warn => (1, "WARNING"),
        Status::Fail => (2, "CRITICAL"),
        Status::Unknown => (3, "UNKNOWN"),
    }
}

/// Exit code of a node-problem-detector plugin; `warned` is what a warning counts for.
pub fn npd(status: Status, warned: bool) -> u8 {
    match status {
        Status::Pass | Status::Skip => 0,
        Status::Warn => u8::from(warned),
        Status::Fail => 1,
        Status::Unknown => 2,
    }
}

/// gdoctor's own exit code for one result alone; `warned` as above.
pub fn exit(status: Status, warned: bool) -> u8 {
    match status {
        Status::Pass | Status::Skip => policy::OK,
        Status::Warn => {
            if warned {
                policy::FAILED
            } else {
                policy::OK
            }
        }
        Status::Fail => policy::FAILED,
        Status::Unknown => policy::UNDETERMINED,
    }
}

/// The status a format shows: what waits for another check is told under that one, and what the project lives with for a time
/// alarms nobody, so both are skipped here.
pub fn shown(outcome: &Outcome) -> Status {
    if outcome.cause.is_some() || outcome.is_waived() { Status::Skip } else { outcome.status }
}

/// What was seen, and behind it who lives with that and until when; of what waits, for what.
pub fn summary(outcome: &Outcome) -> String {
    match waiver(outcome) {
        _ if outcome.cause.is_some() => outcome.waits.clone(),
        Some(words) if outcome.is_waived() => format!("{} ({words})", outcome.summary),
        _ => outcome.summary.clone(),
    }
}

/// Who lives with it until when and why, or that this time is over.
pub fn waiver(outcome: &Outcome) -> Option<String> {
    let waiver = outcome.waiver.as_ref()?;
    let state = if waiver.expired { "the waiver ran out on" } else { "waived until" };
    Some(format!("{state} {}, by {}: {}", waiver.until, waiver.owner, waiver.reason))
}

/// What decides about the whole: a failure, a warning, then what somebody really wants and nobody could determine.
pub fn worst(report: &Report) -> Status {
    let has =
        |status: Status| report.results.iter().any(|o| shown(o) == status && (o.required || status != Status::Unknown));
    let found = [Status::Fail, Status::Warn, Status::Unknown].into_iter().find(|s| has(*s));
    found.or(left_out(report).map(|_| Status::Unknown)).unwrap_or(Status::Pass)
}

/// Results in the order of their weight: failures first, then warnings, then what is unknown; else the report's own order.
pub fn by_weight(report: &Report) -> Vec<&Outcome> {
    let weight = |o: &&Outcome| match shown(o) {
        Status::Fail => 0,
        Status::Warn => 1,
        Status::Unknown => 2,
        Status::Pass => 3,
        Status::Skip => 4,
    };
    let mut all: Vec<&Outcome> = report.results.iter().collect();
    all.sort_by_key(weight);
    all
}

/// `1 failed, 0 warned, 16 passed, 0 unknown, 62 skipped, 12 waiting`: the same in every format.
pub fn counts(report: &Report) -> String {
    let always =
        [("fail", "failed"), ("warn", "warned"), ("pass", "passed"), ("unknown", "unknown"), ("skip", "skipped")];
    let told = always.iter().map(|(key, word)| format!("{} {word}", report.count(key)));
    let besides = [WAITING, WAIVED].into_iter().filter(|key| report.count(key) > 0);
    told.chain(besides.map(|key| format!("{} {key}", report.count(key)))).collect::<Vec<_>>().join(", ")
}

/// What the reader has to know of: failures, then what was asked for and is not known, then warnings.
pub fn trouble(report: &Report) -> Vec<&Outcome> {
    let mut trouble: Vec<&Outcome> = report.results.iter().filter(|o| o.is_trouble()).collect();
    // Of what is as bad, the user's own Dockerfile comes before this host. What no root shows says nothing of this one.
    trouble.sort_by_key(|o| {
        let rank = match o.status {
            Status::Fail => 0,
            Status::Unknown if o.is_of_root() => 3,
            Status::Unknown => 1,
            _ => 2,
        };
        (rank, o.group != "dockerfile")
    });
    trouble
}

/// One sentence about the whole.
pub fn verdict(report: &Report) -> String {
    let trouble = trouble(report);
    let count = |status: Status| report::count(trouble.iter().copied(), status.word());
    let (failed, unknown, warned) = (count(Status::Fail), count(Status::Unknown), count(Status::Warn));
    let counts = [(failed, "problem"), (unknown, "unknown"), (warned, "warning")];
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| plural(*count, word)).collect();
    let first = trouble.first().map(|o| o.brief()).unwrap_or_default();
    let line = report.run_line.as_ref().filter(|line| !line.several);
    let left_out = left_out(report);
    let open = report.compose.as_ref().map(|compose| compose.open.join("; ")).filter(|open| !open.is_empty());
    let untold = open.map(|open| format!("Whether docker would start this service cannot be told: {open}."));
    match (line, failed, unknown, warned) {
        (Some(line), ..) => {
            let sentence = line.verdict();
            let and = if told.is_empty() { String::new() } else { format!(" {}.", told.join(", ")) };
            format!("{sentence}{and}")
        }
        (None, 0, 0, _) if left_out.is_some() => left_out.unwrap_or_default(),
        (None, 0, 0, _) if untold.is_some() => untold.unwrap_or_default(),
        (None, 0, 0, 0) if is_ready(report) && of_dockerfile(report) => {
            "Ready. The Dockerfile has no known mistake; nothing was built.".into()
        }
        (None, 0, 0, 0) if is_ready(report) => "Ready: your containers can start.".into(),
        (None, 0, 0, 0) if report.results.iter().all(|o| o.status == Status::Skip) => "Nothing was looked at.".into(),
        (None, 0, 0, 0) => "No problem found.".into(),
        (None, 0, 0, _) if is_ready(report) => format!("Ready, with {}.", plural(warned, "warning")),
        (None, 0, 0, _) => format!("No problem found, {}.", plural(warned, "warning")),
        (None, 0, ..) if trouble.first().is_some_and(|o| o.status == Status::Warn) => {
            format!("{}. The first: {first}.", listed(&told))
        }
        (None, 0, 1, _) => format!("{}.", capital(first)),
        (None, 0, count, _) => format!("{count} things are not known. The first: {first}."),
        (None, 1, ..) => format!("{}: {first}.", listed(&told)),
        (None, ..) => format!("{}. The first: {first}.", listed(&told)),
    }
}

/// `2 problems, 1 unknown and 1 warning`
fn listed(told: &[String]) -> String {
    match told {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => told.concat(),
    }
}

/// What the run's checks wait for and was not selected, where nothing else keeps the run from being well.
pub fn left_out(report: &Report) -> Option<String> {
    let mut open = report.results.iter().filter(|o| o.required && o.status == Status::Unknown && !o.is_waived());
    let causes: Option<Vec<&str>> = open.try_fold(Vec::new(), |mut causes, outcome| {
        let cause = outcome.cause.as_deref()?;
        if !causes.contains(&cause) {
            causes.push(cause);
        }
        Some(causes)
    });
    let causes = causes.filter(|_| report.exit_code == policy::UNDETERMINED)?;
    // One that was looked at says itself what is the matter.
    if let Some(told) = report.results.iter().find(|o| causes.contains(&o.id) && o.cause.is_none()) {
        return Some(format!("{}.", capital(told.brief())));
    }
    let titles: Vec<String> = causes.iter().map(|id| format!("whether {} ({id})", report::title_of(id))).collect();
    let wait = match report.count(WAITING) {
        1 => "1 check waits".to_owned(),
        count => format!("{count} checks wait"),
    };
    Some(format!("Not everything could be looked at: {}, for which {wait}, was left out.", listed(&titles)))
}

pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// An engine was looked at and is well: only then containers can start. Trouble of a Dockerfile is of an image that is not there yet.
fn is_ready(report: &Report) -> bool {
    let engine = report.results.iter().any(|o| o.id == "docker-engine" && o.status == Status::Pass);
    engine && !report.results.iter().any(|o| o.group == "dockerfile" && o.is_trouble())
}

/// A Dockerfile was read: what its image does shows only when it is built.
fn of_dockerfile(report: &Report) -> bool {
    report.results.iter().any(|o| o.group == "dockerfile" && o.status != Status::Skip)
}

/// What `--label` says: `host=web1, team=vision`.
pub fn labels(report: &Report) -> Option<String> {
    let each: Vec<String> = report.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (!each.is_empty()).then(|| each.join(", "))
}

/// `1 problem`, `2 problems`
pub fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// `port-free 8080/tcp`.
pub fn name(outcome: &Outcome) -> String {
    if outcome.subject.is_empty() { outcome.id.to_owned() } else { format!("{} {}", outcome.id, outcome.subject) }
}

/// Cause, commands, notes and page of a result, a line each.
pub fn advice(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> = waiver(outcome).into_iter().collect();
    if outcome.cause.is_some() {
        lines.push(format!("{}.", capital(&outcome.waits)));
    }
    if !outcome.detail.is_empty() {
        lines.push(outcome.detail.replace('\n', " "));
    }
    for fix in &outcome.fixes {
        lines.push(format!("Fix: {}", fix.headed(&fix.title)));
        lines.extend(fix.commands.iter().map(|command| format!("    {command}")));
        lines.extend(fix.notes.iter().cloned());
        lines.extend(fix.afterwards().map(|(label, step)| format!("{label}: {}", step.text())));
        lines.push(fix.page.clone());
    }
    lines
}
