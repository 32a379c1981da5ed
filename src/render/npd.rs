//! A node-problem-detector plugin's output: one line of at most 80 bytes, the check's id first.

use std::fmt::Write;

use super::status;
use crate::policy::{self, Status};
use crate::report::Report;

/// `max_output_length` of the rule in `docs/node-problem-detector.json`.
const MOST: usize = 80;

pub fn render(report: &Report) -> String {
    let first = status::by_weight(report)
        .into_iter()
        .find(|o| matches!(status::shown(o), Status::Fail | Status::Warn | Status::Unknown));
    let mut line = match first {
        Some(outcome) => format!("{}: {}", status::name(outcome), outcome.summary),
        None => status::left_out(report).unwrap_or_else(|| "gdoctor: nothing is wrong".to_owned()),
    };
    if let Some(file) = &report.need_file {
        let state = if file.used { "by" } else { "without" };
        let _ = write!(line, " ({state} {})", file.path);
    }
    if line.len() > MOST {
        let end = (0..=MOST - "…".len()).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line.push('\n');
    line
}

/// 0 no problem, 1 a problem, 2 not known.
pub fn exit_code(report: &Report) -> u8 {
    match report.exit_code {
        policy::FAILED => 1,
        policy::UNDETERMINED => 2,
        _ => 0,
    }
}
