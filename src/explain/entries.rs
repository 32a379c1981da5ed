//! Every code that has words, of checks and of notes, in one list.

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::{Code, Doc};
use gdoctor_checks::notes::NOTES;

use crate::report;

/// One code with its home.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Of the check or the note.
    pub id: &'static str,
    /// `None` for a note: no check can see it on a host.
    pub check: Option<&'static Check>,
    pub code: Code<'static>,
    /// Place in the order of all codes.
    pub rank: usize,
}

impl Entry {
    /// `docker-access/not-in-group`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.id, self.code.name)
    }

    /// The document that the code stands in.
    pub fn doc(&self) -> Doc<'static> {
        match self.check {
            Some(check) => report::parse(check),
            None => note(self.id).unwrap_or_else(|| panic!("no note is named {}", self.id)),
        }
    }
}

/// All codes, checks before notes, in the order of their lists.
pub fn entries() -> Vec<Entry> {
    let checks = ALL.iter().map(|check| (check.id, Some(*check), report::parse(check)));
    let notes = NOTES.iter().filter_map(|n| Some((n.id, None, note(n.id)?)));
    let codes =
        checks.chain(notes).flat_map(|(id, check, doc)| doc.codes.into_iter().map(move |code| (id, check, code)));
    codes.enumerate().map(|(rank, (id, check, code))| Entry { id, check, code, rank }).collect()
}

/// The codes of one check that is not in the list.
pub fn of_check(check: &'static Check) -> Vec<Entry> {
    let entry = |(rank, code)| Entry { id: check.id, check: Some(check), code, rank };
    report::parse(check).codes.into_iter().enumerate().map(entry).collect()
}

/// The parsed document of a note. Its form is held by tests/contract.rs.
pub fn note(id: &str) -> Option<Doc<'static>> {
    let note = NOTES.iter().find(|note| note.id == id)?;
    Some(Doc::parse_note(note.doc).unwrap_or_else(|why| panic!("note {id}: {why}")))
}
