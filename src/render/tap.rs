//! TAP version 13: a test point a result, with a YAML block where there is more to say.

use std::fmt::Write;

use super::status;
use crate::policy::Status;
use crate::report::Report;

pub fn render(report: &Report) -> String {
    let mut out = format!("TAP version 13\n1..{}\n", report.results.len());
    if let Some(labels) = status::labels(report) {
        let _ = writeln!(out, "# {}", labels.replace('\n', " "));
    }
    if let Some(file) = &report.need_file {
        let _ = writeln!(out, "# {}", file.words().replace('\n', " "));
    }
    for (number, outcome) in report.results.iter().enumerate() {
        let shown = status::shown(outcome);
        let (word, directive) = status::tap(shown);
        let behind = if directive.is_empty() {
            String::new()
        } else {
            format!("{directive}{}", plain(&status::summary(outcome)))
        };
        let _ = writeln!(
            out,
            "{word} {} - {}: {}{behind}",
            number + 1,
            plain(&status::name(outcome)),
            plain(outcome.title)
        );
        if !matches!(shown, Status::Pass | Status::Skip) {
            let _ = writeln!(out, "  ---\n  message: {}", quoted(&outcome.summary));
            let _ = writeln!(out, "  severity: {}\n  code: {}", shown.word(), quoted(&outcome.code));
            let advice = status::advice(outcome);
            if !advice.is_empty() {
                // A literal block: the one form of several lines that Perl's TAP::Parser and YAML both read.
                out.push_str("  advice: |\n");
                for line in advice {
                    let _ = writeln!(out, "    {}", line.replace('\n', " "));
                }
            }
            out.push_str("  ...\n");
        }
    }
    out
}

/// A description in which no directive begins.
fn plain(raw: &str) -> String {
    raw.replace('\\', "\\\\").replace('#', "\\#").replace('\n', " ")
}

/// A string as JSON, and so YAML, writes it.
fn quoted(raw: &str) -> String {
    serde_json::to_string(raw).unwrap_or_default()
}
