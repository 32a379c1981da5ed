//! Who asked, as a report shows it: places in the user's own texts, whose secrets and names are replaced.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use gdoctor_checks::model::need::Origin;

use super::gate::Gate;
use super::{Asker, Place, length};
use crate::need::text::Lines;
use crate::snapshot::redact::Moves;

/// The user's own texts, as a report shows them.
pub(super) struct Shown<'a> {
    pub gate: Gate<'a>,
    files: BTreeMap<&'a str, (&'a str, Lines)>,
    /// How places of the run line move.
    pub moves: &'a Moves,
    /// Lines of the files: many findings may point into one, which may be long.
    lines: RefCell<HashMap<(&'a str, usize), Rc<Line<'a>>>>,
}

/// A line before and after the gate.
#[derive(Default)]
struct Line<'a> {
    text: &'a str,
    characters: Lines,
    shown: String,
    shown_characters: Lines,
    moves: Moves,
}

impl<'a> Shown<'a> {
    pub fn new(gate: Gate<'a>, files: &'a BTreeMap<String, String>, moves: &'a Moves) -> Self {
        let files = files.iter().map(|(path, text)| (path.as_str(), (text.as_str(), Lines::of(text))));
        Self { gate, files: files.collect(), moves, lines: RefCell::default() }
    }

    fn line(&self, path: &str, number: usize) -> Rc<Line<'a>> {
        let Some((&path, &(text, ref lines))) = self.files.get_key_value(path) else { return Rc::default() };
        let mut known = self.lines.borrow_mut();
        let line = known.entry((path, number)).or_insert_with(|| {
            let text = &text[lines.line(text, number)];
            let (shown, moves) = self.gate.lines(text);
            let (characters, shown_characters) = (Lines::of(text), Lines::of(&shown));
            Rc::new(Line { text, characters, shown, shown_characters, moves })
        });
        Rc::clone(line)
    }
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
            let of_file = shown.line(path, *line);
            let whole = &of_file.shown;
            let before = of_file.characters.byte(of_file.text, column.saturating_sub(1));
            let before = of_file.moves.of(before);
            let (text, from) = length::excerpt(whole, before);
            let characters = |at| of_file.shown_characters.characters(whole, at);
            Some(Place {
                path: harmless(path),
                line: *line,
                // Where names before it are replaced, it is farther or nearer.
                column: match !whole.is_empty() && whole.is_char_boundary(before) {
                    true => characters(before) + 1,
                    false => *column,
                },
                start: span.start,
                end: span.end,
                text: text.to_owned(),
                text_after: characters(from),
            })
        }
        _ => None,
    };
    let at = |place: usize| shown.moves.of(place);
    let (start, end) = (span.map(|s| at(s.start)), span.map(|s| at(s.end)));
    Asker { kind, text: shown.gate.told(&origin.to_string()), start, end, file }
}
