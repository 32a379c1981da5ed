//! GitHub workflow commands: annotations, failures first, as many as GitHub keeps. The whole table goes to the job's summary,
//! which is `md`.

use std::fmt::Write;

use super::status;
use crate::report::{Outcome, Report};

/// GitHub keeps ten annotations of a kind per step and drops the rest without a word.
const MOST: usize = 10;

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    if let Some(file) = &report.need_file {
        let kind = if file.used { "notice" } else { "warning" };
        let _ = writeln!(out, "::{kind} title=gdoctor::{}", data(&file.words()));
    }
    let label = status::labels(report).map_or(String::new(), |labels| format!(", {labels}"));
    for kind in ["error", "warning"] {
        let all: Vec<&Outcome> = status::by_weight(report)
            .into_iter()
            .filter(|o| o.is_trouble() && status::github(o.status) == Some(kind))
            .collect();
        let shown = if all.len() > MOST { MOST - 1 } else { all.len() };
        for outcome in &all[..shown] {
            let title = property(&format!("{} ({}){label}", status::name(outcome), outcome.title));
            let mut text = outcome.summary.clone();
            for line in status::advice(outcome) {
                text.push('\n');
                text.push_str(&line);
            }
            let _ = writeln!(out, "::{kind} title={title}::{}", data(&text));
        }
        if all.len() > shown {
            let rest = all.len() - shown;
            let _ = writeln!(out, "::{kind} title=gdoctor::{rest} more: see the job's summary");
        }
    }
    let _ = writeln!(out, "gdoctor{label}: {}", status::counts(report));
    out
}

fn data(raw: &str) -> String {
    raw.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(raw: &str) -> String {
    data(raw).replace(':', "%3A").replace(',', "%2C")
}
