//! Who asked, as a report shows it: places in the user's own texts, whose secrets and names are replaced.

use std::collections::BTreeMap;

use gdoctor_checks::model::need::Origin;

use super::gate::Gate;
use super::{Asker, Place, length};
use crate::snapshot::redact::Moves;

/// The user's own texts, as a report shows them.
pub(super) struct Shown<'a> {
    pub gate: Gate<'a>,
    pub files: &'a BTreeMap<String, String>,
    /// How places of the run line move.
    pub moves: &'a Moves,
}

pub(super) fn asker(origin: &Origin, shown: &Shown) -> Asker {
    let harmless = |text: &str| shown.gate.text(text);
    let span = match origin {
        Origin::RunLine { span, .. } => Some(*span),
        _ => None,
    };
    let kind = match origin {
        Origin::Flag(_) => "flag",
        Origin::File { .. } => "file",
        Origin::RunLine { .. } => "run-line",
        Origin::Default => "default",
        Origin::Host(_) => "host",
        Origin::Guide => "guide",
    };
    let file = match origin {
        Origin::File { path, line, column, span, .. } => {
            let text =
                shown.files.get(path).and_then(|text| text.lines().nth(line.saturating_sub(1))).unwrap_or_default();
            let before = text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
            let (whole, moves) = shown.gate.lines(text);
            let before = moves.of(before);
            let (text, from) = length::excerpt(&whole, before);
            Some(Place {
                path: harmless(path),
                line: *line,
                // Where names before it are replaced, it is farther or nearer.
                column: whole.get(..before).filter(|_| !whole.is_empty()).map_or(*column, |b| b.chars().count() + 1),
                start: span.start,
                end: span.end,
                text: text.to_owned(),
                text_after: whole[..from].chars().count(),
            })
        }
        _ => None,
    };
    let at = |place: usize| shown.moves.of(place);
    let (start, end) = (span.map(|s| at(s.start)), span.map(|s| at(s.end)));
    Asker { kind, text: shown.gate.told(&origin.to_string()), start, end, file }
}
