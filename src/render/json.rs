//! The report as one JSON document; its schema is `docs/gdoctor-report-1.json`.

use crate::report::Report;

pub fn render(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
