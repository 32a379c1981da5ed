//! One word of a command, every byte with its place.

use gdoctor_checks::model::run::Span;

use super::state::{Letter, Text};

/// One word after quotes and variables.
#[derive(Clone, Debug, Default)]
pub struct Word {
    pub value: String,
    pub span: Span,
    /// For every byte of `value`: the piece of the text that it comes from.
    pub(super) places: Vec<Span>,
    /// For every byte of `value`: it stood within quotes.
    pub(super) quoted: Vec<bool>,
    /// For every byte of `value`: it only shows where something unknown comes from.
    pub(super) open: Vec<bool>,
    /// Why the value is known only when the text runs.
    pub unknown: Option<std::rc::Rc<str>>,
    /// Not known, but one of these.
    pub ways: Option<std::rc::Rc<[String]>>,
    /// Its value is one of many that are as good.
    pub any: bool,
    /// It may be no word, or several: an unknown value outside of quotes.
    pub may_part: bool,
    /// It stands nowhere in the text as it is: several words come from one place.
    pub fixed: bool,
    /// Every `$NAME` in it, in order, with the place of its value.
    pub variables: Vec<(String, usize, usize)>,
    /// Variables in it that nobody sets.
    pub unset: Vec<String>,
}

impl Word {
    /// The words of a text that is one of those which this word may hold: they stand nowhere in the text of their own.
    pub fn parted(&self, text: &str) -> Vec<Word> {
        text.split_whitespace().map(|part| self.stands_for(part)).collect()
    }

    /// A word that comes of this one and stands nowhere in the text as it is.
    pub(super) fn stands_for(&self, value: &str) -> Word {
        Word {
            value: value.to_owned(),
            span: self.span,
            places: vec![self.span; value.len()],
            quoted: vec![false; value.len()],
            open: vec![false; value.len()],
            fixed: true,
            ..Word::default()
        }
    }

    /// The same letters, none of which stands for others.
    pub(super) fn literal(mut self) -> Word {
        self.quoted.fill(true);
        self
    }

    /// The letter that begins at this byte stood within quotes.
    pub(super) fn is_quoted(&self, at: usize) -> bool {
        self.quoted.get(at).copied().unwrap_or(true)
    }

    /// The part of the line that `value[from..]` comes from, its quotes included.
    pub fn place_from(&self, from: usize) -> Span {
        let before = from.checked_sub(1).and_then(|at| self.places.get(at).zip(self.quoted.get(at)));
        match before {
            None => self.span,
            Some((place, false)) => Span::new(place.end.min(self.span.end), self.span.end),
            Some((place, true)) => {
                let end = self.places.last().map_or(place.end, |last| last.end);
                Span::new(place.end, end.max(place.end))
            }
        }
    }

    /// The place of one byte of the value.
    pub fn place_of(&self, at: usize) -> Span {
        self.places.get(at).copied().unwrap_or(self.span)
    }

    /// A path with `*` or `?` that the shell replaces by the names of the files there are: one word, several, or itself.
    pub fn is_pattern(&self) -> bool {
        let sign = |(at, c): (usize, char)| "*?".contains(c) && !self.is_quoted(at);
        self.value.starts_with(['/', '.']) && !self.value.contains(':') && self.value.char_indices().any(sign)
    }

    /// The shell looks for files of such names.
    pub(super) fn has_pattern(&self) -> bool {
        let sign = |(at, c): (usize, char)| "*?".contains(c) && !self.is_quoted(at);
        self.value.char_indices().any(sign)
    }

    /// The name of the variable that `value[from..]` consists of and nothing else.
    pub fn sole_variable(&self, from: usize) -> Option<&str> {
        let whole = |(_, start, end): &&(String, usize, usize)| *start == from && *end == self.value.len();
        self.variables.iter().find(whole).map(|(name, ..)| name.as_str())
    }

    pub(super) fn text(&self) -> Text {
        let letter = |(at, c)| Letter {
            c,
            place: Some(self.place_of(at)),
            unknown: self.open.get(at).copied().unwrap_or_default(),
            quoted: false,
        };
        let letters = self.value.char_indices().map(letter).collect();
        Text {
            letters,
            unknown: self.unknown.clone(),
            ways: self.ways.clone(),
            any: self.any,
            span: (!self.fixed).then_some(self.span),
        }
    }

    /// Each byte's place, for a text within the word.
    pub(super) fn places(&self) -> &[Span] {
        &self.places
    }
}
