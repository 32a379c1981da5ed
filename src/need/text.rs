//! The user's own files: read whole and bounded, with places that a report can point at.

use std::path::Path;

use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::Span;

use crate::host::Host;
use crate::secret;

use super::Refusal;

/// A file that findings point into.
#[derive(Clone, Debug, Default)]
pub struct SourceText {
    /// As messages call it.
    pub path: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    /// What is probably secret.
    hidden: Vec<Span>,
}

impl SourceText {
    pub fn new(path: &str, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { path: path.to_owned(), text: text.to_owned(), lines, hidden: Vec::new() }
    }

    pub fn origin(&self, span: Span, what: String) -> Origin {
        let (line, column) = self.place(span.start);
        Origin::File { path: self.path.clone(), line, column, what, span }
    }

    /// Line and column of a byte, counted from 1, columns in characters.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
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
            None => "there is no such file".into(),
            Some(Gap::Unparsable(why)) => why.clone(),
            Some(gap) => gap.reason(),
        };
        return Err(Refusal::plain(format!("{shown}: {why}")));
    };
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::plain(format!("{shown}: this is not UTF-8 text")))?;
    Ok(text.to_owned())
}
