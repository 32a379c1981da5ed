//! Puts the edits of findings into the run line: changed no more than needed, each change with the finding that wants it.

use std::collections::BTreeMap;

use gdoctor_checks::model::run::{Edit, RunLine, Span};

/// Edits that fit together, each with the number of the one who wants it.
#[derive(Debug, Default)]
pub struct Correction {
    accepted: Vec<(usize, Edit)>,
    /// By place, the numbers of those accepted: what has a length does not overlap.
    places: BTreeMap<Span, Vec<usize>>,
}

impl Correction {
    /// Takes all of `edits` or, where one of them touches what is changed already, none. True when they are in.
    pub fn accept(&mut self, by: usize, edits: &[Edit]) -> bool {
        let fits = edits.iter().all(|edit| self.has(edit) || self.is_apart(edit));
        if edits.is_empty() || !fits {
            return false;
        }
        let new: Vec<_> = edits.iter().filter(|edit| !self.has(edit)).map(|edit| (by, edit.clone())).collect();
        for (by, edit) in new {
            self.places.entry(edit.span).or_default().push(self.accepted.len());
            self.accepted.push((by, edit));
        }
        true
    }

    fn has(&self, edit: &Edit) -> bool {
        self.places.get(&edit.span).into_iter().flatten().any(|at| self.accepted[*at].1 == *edit)
    }

    /// Nothing that is accepted touches it. What ends before it is not looked at, but for the nearest.
    fn is_apart(&self, edit: &Edit) -> bool {
        let before = self.places.range(..=Span::new(edit.span.end, usize::MAX)).rev().map(|(span, _)| *span);
        let mut passed = false;
        let near = before
            .take_while(|span| !std::mem::replace(&mut passed, span.start < span.end && span.end <= edit.span.start));
        near.into_iter().all(|span| !touches(span, edit.span))
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

fn touches(a: Span, b: Span) -> bool {
    let empty = |span: Span| span.start == span.end;
    let inside = |point: usize, span: Span| span.start < point && point < span.end;
    match (empty(a), empty(b)) {
        (true, true) => false,
        (true, false) => inside(a.start, b),
        (false, true) => inside(b.start, a),
        (false, false) => a.overlaps(b),
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
        assert!(
            !correction.accept(5, &[edit(0, 9, "")]) && !correction.accept(6, &[edit(3, 3, "x")]),
            "around, within"
        );
        assert!(correction.accept(7, &[edit(2, 2, "")]) && correction.accept(8, &[edit(4, 4, "")]), "at the edges");
        let line = RunLine { text: "a bc dé".into(), ..RunLine::default() };
        assert_eq!(correction.apply(&line), "a  A B dé");
    }
}
