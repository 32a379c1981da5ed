//! The user's own files: read whole and bounded, with places that a report can point at.

use std::ops::Range;
use std::path::Path;

use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::Span;

use crate::host::{Host, input};
use crate::secret;

use super::Refusal;

/// A file that findings point into.
#[derive(Clone, Debug, Default)]
pub struct SourceText {
    /// As messages call it.
    pub path: String,
    text: String,
    lines: Lines,
    /// What is probably secret.
    hidden: Vec<Span>,
}

/// Where the lines of a text begin, and how many characters stand before each byte, without a look at the whole of it each time.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    starts: Vec<usize>,
    /// Characters before every `STEP` bytes.
    counted: Vec<usize>,
}

const STEP: usize = 256;

impl Lines {
    pub fn of(text: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let mut before = 0;
        let counted = text.as_bytes().chunks(STEP).map(|bytes| {
            let here = before;
            before += bytes.iter().filter(|byte| is_first(**byte)).count();
            here
        });
        Self { counted: counted.collect(), starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The bytes of a line, which counts from 1, without its end.
    pub fn line(&self, text: &str, number: usize) -> Range<usize> {
        let start = number.checked_sub(1).and_then(|at| self.starts.get(at)).copied().unwrap_or(text.len());
        let end = self.starts.get(number).map_or(text.len(), |next| next - 1);
        let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
        start..end
    }

    /// How many characters begin before a byte.
    pub fn characters(&self, text: &str, at: usize) -> usize {
        let step = (at / STEP).min(self.counted.len().saturating_sub(1));
        let near = text.as_bytes().get(step * STEP..at.min(text.len())).unwrap_or_default();
        self.counted.get(step).copied().unwrap_or_default() + near.iter().filter(|byte| is_first(**byte)).count()
    }

    /// The byte at which the character stands that has so many before it; the end where there are fewer.
    pub fn byte(&self, text: &str, character: usize) -> usize {
        let step = self.counted.partition_point(|before| *before <= character).saturating_sub(1);
        let more = character - self.counted.get(step).copied().unwrap_or_default();
        let near = text.as_bytes().iter().enumerate().skip(step * STEP).filter(|(_, byte)| is_first(**byte));
        near.map(|(at, _)| at).nth(more).unwrap_or(text.len())
    }
}

/// A character of UTF-8 begins here.
fn is_first(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

impl SourceText {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), lines: Lines::of(text), hidden: Vec::new() }
    }

    pub fn origin(&self, span: Span, what: String) -> Origin {
        let (line, column) = self.place(span.start);
        Origin::File { path: self.path.clone(), line, column, what, span }
    }

    /// Line and column of a byte, counted from 1, columns in characters.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let line = self.lines.starts.partition_point(|start| *start <= at).max(1);
        let start = self.lines.starts.get(line - 1).copied().unwrap_or_default();
        if !self.text.is_char_boundary(at) {
            return (line, 1);
        }
        (line, self.lines.characters(&self.text, at) - self.lines.characters(&self.text, start) + 1)
    }

    /// A value that a report must not repeat.
    pub fn hide(&mut self, span: Span) {
        self.hidden.push(span);
    }

    /// The text as a report may show it: secrets are overwritten, so that places stay what they are.
    pub fn shown(&self) -> String {
        let mut bytes = self.text.clone().into_bytes();
        for span in &self.hidden {
            let hidden = bytes.get_mut(span.start..span.end).into_iter().flatten();
            hidden.filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
        secret::overwritten(&String::from_utf8_lossy(&bytes))
    }
}

/// The whole of a file of the user's; `--root` does not move it.
pub fn load(path: &Path, shown: &str, cap: usize, host: &Host) -> Result<String, Refusal> {
    let fact = host.live().bytes(path, cap);
    let Some(bytes) = fact.value() else {
        let why = match fact.gap() {
            _ if input::is_folder(path) => "this is a folder; give a file in it".into(),
            None => "there is no such file".into(),
            Some(Gap::Unparsable(why)) => why.clone(),
            Some(gap) => gap.reason(),
        };
        return Err(Refusal::plain(format!("{shown}: {why}")));
    };
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::plain(format!("{shown}: this is not UTF-8 text")))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_that_counting_gives() {
        for text in ["", "a", "one\ntwo\r\nthree", &"é€a\n𝄞".repeat(400), &"é".repeat(700)] {
            let (source, lines) = (SourceText::new("x", text), Lines::of(text));
            for (count, (at, _)) in text.char_indices().enumerate() {
                let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
                let line = text[..at].matches('\n').count() + 1;
                assert_eq!(source.place(at), (line, text[start..at].chars().count() + 1));
                assert_eq!((lines.characters(text, at), lines.byte(text, count)), (count, at));
            }
            let characters = text.chars().count();
            assert_eq!(
                (lines.characters(text, text.len()), lines.byte(text, characters + 3)),
                (characters, text.len())
            );
            for (number, line) in (1..).zip(text.lines()) {
                assert_eq!(&text[lines.line(text, number)], line);
            }
            assert_eq!(&text[lines.line(text, 10_000)], "");
        }
    }
}
