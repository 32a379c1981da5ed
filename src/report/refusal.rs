//! The document of a run in which nothing was looked at: what is wrong with its arguments, or with a text of the user's.

use std::collections::BTreeMap;

use gdoctor_checks::model::run::Span;
use serde::Serialize;

use crate::policy;
use crate::secret;

use super::{HostSummary, Place, SCHEMA, SCHEMA_VERSION, Tool, gate::harmless, tally};

/// Letters of a line that are told.
const LINE: usize = 400;

/// A report without results.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    #[serde(rename = "$schema")]
    schema: &'static str,
    format: &'static str,
    schema_version: &'static str,
    report_id: String,
    generated_at: String,
    tool: Tool,
    host: HostSummary,
    results: [(); 0],
    summary: BTreeMap<&'static str, usize>,
    refused: Words,
    exit_code: u8,
    duration_ms: u64,
}

#[derive(Debug, Serialize)]
struct Words {
    what: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    help: String,
    /// Where it stands: a file, or the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Place>,
}

impl Refused {
    /// `place`: what the text is called, the text, and where in it.
    pub fn new(id: String, now: String, what: &str, help: &str, place: Option<(&str, &str, Span)>) -> Self {
        Self {
            schema: SCHEMA,
            format: "gdoctor-report",
            schema_version: SCHEMA_VERSION,
            report_id: id,
            generated_at: now,
            tool: Tool::this(),
            host: HostSummary::default(),
            results: [],
            summary: tally(&[]),
            refused: Words {
                what: harmless(what),
                help: harmless(help),
                file: place.map(|(path, text, span)| shown(path, text, span)),
            },
            exit_code: policy::MISUSE,
            duration_ms: 0,
        }
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |text| text + "\n")
    }
}

fn shown(path: &str, text: &str, span: Span) -> Place {
    let edge = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let (start, end) = (edge(span.start), edge(span.end));
    let before = &text[..start];
    let begins = before.rfind('\n').map_or(0, |at| at + 1);
    let overwritten = secret::overwritten(text);
    let line = overwritten.get(begins..).unwrap_or_default().lines().next().unwrap_or_default();
    Place {
        path: harmless(path),
        line: before.matches('\n').count() + 1,
        column: before[begins..].chars().count() + 1,
        start,
        end: end.max(start),
        text: harmless(&line.chars().take(LINE).collect::<String>()),
        text_after: 0,
    }
}
