//! A Nagios plugin's output: one line with performance data, then a line a problem.

use std::fmt::Write;

use super::status;
use crate::policy::Status;
use crate::report::{Report, WAITING, WAIVED};

pub fn render(report: &Report) -> String {
    let count = |status: Status| report.count(status.word());
    let (failed, warned, unknown) = (count(Status::Fail), count(Status::Warn), count(Status::Unknown));
    let (_, word) = status::nagios(status::worst(report));
    let mut head = format!("GDOCTOR {word} - {failed} failed, {warned} warning, {} ok", count(Status::Pass));
    if unknown > 0 {
        let _ = write!(head, ", {unknown} unknown");
    }
    let bad = |o: &&crate::report::Outcome| matches!(status::shown(o), Status::Fail | Status::Warn | Status::Unknown);
    let problems: Vec<_> = status::by_weight(report).into_iter().filter(bad).collect();
    for word in [WAITING, WAIVED].into_iter().filter(|word| report.count(word) > 0) {
        let _ = write!(head, ", {} {word}", report.count(word));
    }
    // About 80 characters fit a pager.
    for (at, outcome) in problems.iter().enumerate() {
        if head.len() + outcome.id.len() > 76 {
            head.push_str(" …");
            break;
        }
        let _ = write!(head, "{}{}", if at == 0 { ": " } else { ", " }, outcome.id);
    }
    if let Some(sentence) = status::left_out(report).filter(|_| problems.is_empty()) {
        let _ = write!(head, ": {}", sentence.trim_end_matches('.'));
    }
    let seconds = format!("{}.{:03}", report.duration_ms / 1000, report.duration_ms % 1000);
    let mut out =
        format!("{head} | failed={failed};;0;0 warn={warned};0;;0 unknown={unknown};;;0 time={seconds}s;;;0\n");
    if let Some(labels) = status::labels(report) {
        let _ = writeln!(out, "{}", plain(&labels));
    }
    if let Some(file) = &report.need_file {
        let _ = writeln!(out, "{}", plain(&file.words()));
    }
    for outcome in problems {
        let word = status::shown(outcome).word().to_uppercase();
        let _ = writeln!(out, "{word} {}: {}", plain(&status::name(outcome)), plain(&outcome.summary));
    }
    out
}

/// `code` for the whole run.
pub fn exit_code(report: &Report) -> u8 {
    status::nagios(status::worst(report)).0
}

/// Without the character that begins performance data.
fn plain(raw: &str) -> String {
    raw.replace('|', "/").replace('\n', " ")
}
