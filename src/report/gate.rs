//! What every text of the host or of the user's goes through on its way into a report: no control character, no secret, and in a
//! report that is shared no name passes.

use super::length;
use crate::secret;
use crate::snapshot::redact::{Moves, Redactor};

#[derive(Clone, Copy, Default)]
pub struct Gate<'a> {
    /// Names to be replaced; `None` where nothing is shared.
    names: Option<&'a Redactor>,
}

impl<'a> Gate<'a> {
    pub fn sharing(names: Option<&'a Redactor>) -> Self {
        Self { names }
    }

    /// On one line.
    pub fn text(&self, text: &str) -> String {
        self.named(&harmless(text))
    }

    /// The same, and not longer than a report takes.
    pub fn told(&self, text: &str) -> String {
        length::cut(self.text(text))
    }

    /// A value as one word of a POSIX shell.
    pub fn quoted(&self, value: &str) -> String {
        let value = self.text(value);
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
        if !value.is_empty() && value.chars().all(plain) {
            value
        } else {
            format!("'{}'", value.replace('\'', r"'\''"))
        }
    }

    /// Lines of the user's own, in which places count, and how these move.
    pub fn lines(&self, text: &str) -> (String, Moves) {
        let shown = secret::overwritten(&visible(text));
        let moves = self.names.map(|names| names.moves(&shown)).unwrap_or_default();
        (self.named(&shown), moves)
    }

    fn named(&self, text: &str) -> String {
        self.names.map_or_else(|| text.to_owned(), |names| names.apply(text))
    }
}

/// Text from the host on one line, without secrets and without control characters or direction overrides: a terminal or log cannot
/// be made to act on it.
pub fn harmless(text: &str) -> String {
    let clean = |c: char| if c == '\n' { ' ' } else { clean(c) };
    secret::masked(text).chars().map(clean).collect()
}

fn clean(c: char) -> char {
    match c {
        '\t' => ' ',
        '\n' => '\n',
        c if c.is_control() => '\u{fffd}',
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        c => c,
    }
}

/// Without control characters and direction overrides, and every byte keeps its place: what is taken out leaves as many bytes.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match clean(c) {
            same if same == c => out.push(c),
            sign if sign.len_utf8() == c.len_utf8() => out.push(sign),
            _ => out.extend(std::iter::repeat_n(' ', c.len_utf8())),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_places() {
        let hostile = "RUN \t\u{9b}2J\u{202e}x\u{1b}[2J \u{e9}\nTOKEN=abc";
        let (shown, moves) = Gate::default().lines(hostile);
        assert_eq!((shown.len(), shown.as_str()), (hostile.len(), "RUN    2J\u{fffd}x [2J \u{e9}\nTOKEN=***"));
        assert_eq!(moves.of(7), 7);
    }

    #[test]
    fn one_line_without_a_secret() {
        assert_eq!(harmless("a\tb\u{1b}[2J\nTOKEN=abc d"), "a b\u{fffd}[2J TOKEN=*** d");
    }
}
