//! Puts the edits of findings into the run line: changed no more than needed, each change with the finding that wants it.

use gdoctor_checks::model::run::{Edit, RunLine, Span};

/// Edits that fit together, each with the number of the one who wants it.
#[derive(Debug, Default)]
pub struct Correction {
    accepted: Vec<(usize, Edit)>,
}

impl Correction {
    /// Takes all of `edits` or, where one of them touches what is changed already, none. True when they are in.
    pub fn accept(&mut self, by: usize, edits: &[Edit]) -> bool {
        let known = |edit: &Edit| self.accepted.iter().any(|(_, a)| a == edit);
        let fits = edits.iter().all(|edit| known(edit) || self.accepted.iter().all(|(_, a)| !touches(a, edit)));
        if edits.is_empty() || !fits {
            return false;
        }
        let new: Vec<_> = edits.iter().filter(|edit| !known(edit)).map(|edit| (by, edit.clone())).collect();
        self.accepted.extend(new);
        true
    }

    /// Who wants a change, in the order of the line.
    pub fn changes(&self) -> Vec<(usize, &Edit)> {
        let mut changes: Vec<(usize, &Edit)> = self.accepted.iter().map(|(by, edit)| (*by, edit)).collect();
        changes.sort_by_key(|(_, edit)| edit.span);
        changes
    }

    /// The line with all changes. Insertions at one place keep the order in which they were accepted.
    pub fn apply(&self, line: &RunLine) -> String {
        apply(&line.text, &self.changes().into_iter().map(|(_, edit)| edit).collect::<Vec<_>>())
    }
}

fn touches(a: &Edit, b: &Edit) -> bool {
    let empty = |span: Span| span.start == span.end;
    let inside = |point: usize, span: Span| span.start < point && point < span.end;
    match (empty(a.span), empty(b.span)) {
        (true, true) => false,
        (true, false) => inside(a.span.start, b.span),
        (false, true) => inside(b.span.start, a.span),
        (false, false) => a.span.overlaps(b.span),
    }
}

/// `edits` are in order and do not overlap; one that does not fit the text is left out.
pub fn apply(text: &str, edits: &[&Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        let Some(before) = text.get(at..edit.span.start) else { continue };
        if text.get(edit.span.start..edit.span.end).is_none() {
            continue;
        }
        out.push_str(before);
        out.push_str(&edit.text);
        at = edit.span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit { span: Span::new(start, end), text: text.into() }
    }

    #[test]
    fn edits_that_touch_are_left_to_the_first() {
        let mut correction = Correction::default();
        assert!(correction.accept(0, &[edit(2, 4, "")]));
        assert!(!correction.accept(1, &[edit(3, 5, "x"), edit(7, 7, "y")]));
        assert!(correction.accept(2, &[edit(5, 5, "A ")]) && correction.accept(3, &[edit(5, 5, "B ")]));
        assert!(correction.accept(4, &[edit(2, 4, "")]), "the same change twice is one");
        let line = RunLine { text: "a bc dé".into(), ..RunLine::default() };
        assert_eq!(correction.apply(&line), "a  A B dé");
    }
}
