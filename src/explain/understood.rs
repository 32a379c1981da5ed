//! What was understood of a statement, told where its cause is not known.

use serde::Serialize;

use super::lexicon::{Lexicon, Part};
use super::lines::{Line, Severity};
use super::words::Row;

/// The parts of one statement, each missing where the statement does not have it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Understood {
    pub line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    pub reason: String,
}

/// Kinds that are reasons.
pub const REASONS: [&str; 13] =
    ["errno", "cuda", "nvml", "nvenc", "xid", "http", "signal", "exit", "x", "vk", "egl", "averror", "why"];
/// Kinds that are objects.
const OBJECTS: [&str; 12] =
    ["library", "node", "module", "socket", "path", "unit", "package", "runtime", "object", "display", "cdi", "limit"];

impl Understood {
    /// Nothing where no reason is given, or where the line is not a complaint.
    pub fn of(row: &Row, parts: &[Part], lexicon: &Lexicon, line: &Line<'_>) -> Option<Self> {
        let of = |kinds: &[&str]| parts.iter().find(|part| kinds.contains(&lexicon.name(part.id).0));
        let reason = of(&REASONS).filter(|_| line.severity() != Severity::Minor)?;
        let words = |part: &Part| lexicon.told(part.id).to_owned();
        let object = of(&OBJECTS).map(|part| named(row, part).unwrap_or_else(|| words(part)));
        let said = Self {
            line: line.number,
            speaker: of(&["speaker"]).map(words),
            action: of(&["action"]).map(words),
            object,
            reason: unknown_number(row, reason, lexicon).unwrap_or_else(|| words(reason)),
        };
        let numbered = lexicon.name(reason.id).1 == "other";
        Some(said).filter(|said| numbered || said.object.is_some() || said.speaker.is_some())
    }

    /// `line 3: ld.so: load libfoo.so: no such file or directory`.
    pub fn text(&self) -> String {
        let parts = [&self.speaker, &self.action, &self.object].into_iter().flatten();
        let said: Vec<&str> = parts.map(String::as_str).chain([self.reason.as_str()]).collect();
        format!("line {}: {}", self.line, said.join(": "))
    }
}

/// `cuda error 9999, a number that is not known here`.
fn unknown_number(row: &Row, reason: &Part, lexicon: &Lexicon) -> Option<String> {
    let (kind, value) = lexicon.name(reason.id);
    let number =
        row.tokens.get(reason.at as usize).and_then(|token| row.text.get(token.from as usize..token.to as usize))?;
    (value == "other").then(|| format!("{kind} error {number}, a number that is not known here"))
}

/// The object as the text spells it: the run without blanks or quotes that it stands in.
fn named(row: &Row, part: &Part) -> Option<String> {
    let token = row.tokens.get(part.at as usize)?;
    let edge = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;=".contains(c);
    let (from, to) = (token.from as usize, token.to as usize);
    let start =
        row.text.get(..from)?.rfind(edge).map_or(0, |at| at + row.text[at..].chars().next().map_or(1, char::len_utf8));
    let end = row.text.get(to..)?.find(edge).map_or(row.text.len(), |at| to + at);
    let name = row.text.get(start..end)?.trim_end_matches([':', '.']);
    Some(crate::report::harmless(name).chars().take(120).collect())
}
