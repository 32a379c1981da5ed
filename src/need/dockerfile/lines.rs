//! Parts a Dockerfile into instructions: continuation lines, comments, the escape directive, here-documents. Each letter of an
//! instruction remembers its place in the file.

use gdoctor_checks::model::run::Span;

use super::Wrong;

/// One instruction with its continuation lines put together.
#[derive(Debug, Default)]
pub struct Instruction {
    /// In capitals.
    pub keyword: String,
    /// As it is written.
    pub written: String,
    pub span: Span,
    /// What follows the keyword.
    pub text: Text,
    /// The bodies of its here-documents.
    pub bodies: Vec<Text>,
    /// Where in `text` a line begins that reads like an instruction of its own, but for the backslash before it.
    pub swallowed: Option<(usize, usize)>,
}

/// A text whose bytes know where in the file they stand.
#[derive(Clone, Debug, Default)]
pub struct Text {
    pub text: String,
    /// From this byte of `text` on it runs as in the file from that byte on.
    pieces: Vec<(usize, usize)>,
}

impl Text {
    fn push(&mut self, text: &str, at: usize) {
        self.pieces.push((self.text.len(), at));
        self.text.push_str(text);
    }

    /// The place of a byte in the file.
    pub fn place(&self, at: usize) -> usize {
        let next = self.pieces.partition_point(|(start, _)| *start <= at);
        let piece = next.checked_sub(1).and_then(|last| self.pieces.get(last));
        piece.map_or(at, |(start, file)| file + (at - start))
    }

    /// The place of some of its bytes; from a word's first byte to its last.
    pub fn span(&self, start: usize, end: usize) -> Span {
        let last = self.place(end.saturating_sub(1).max(start));
        Span::new(self.place(start), if end > start { last + 1 } else { last })
    }
}

/// The builder that a file names by `# syntax=`.
pub fn syntax(text: &str) -> Option<&str> {
    let heads = text.trim_start_matches('\u{feff}').lines().map_while(|line| line.trim().strip_prefix('#'));
    let pairs = heads.map_while(|head| head.split_once('='));
    pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("syntax")).map(|(_, value)| value.trim())
}

/// What a file says in its first lines: `# escape=` and `# syntax=`.
pub fn escape(text: &str) -> Result<char, Wrong> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let line = line.trim_start_matches('\u{feff}');
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else { break };
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase()) {
            break;
        }
        if name == "escape" {
            return match value.trim() {
                "\\" => Ok('\\'),
                "`" => Ok('`'),
                _ => {
                    let span = Span::new(at, at + line.trim_end().len());
                    Err(Wrong::at(span, "this is no escape character", "it is \\ or `"))
                }
            };
        }
        at += line.len();
    }
    Ok('\\')
}

/// The instructions in order.
pub fn split(text: &str) -> Result<Vec<Instruction>, Wrong> {
    let escape = escape(text)?;
    let mut found = Vec::new();
    // Some editors begin a file with a mark of its encoding.
    let mut lines = Lines { text, at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } };
    while let Some((at, line)) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.trim_end().is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let start = at + (line.len() - trimmed.len());
        let length = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let keyword = trimmed[..length].trim_end_matches(escape).to_ascii_uppercase();
        let written = trimmed[..length].to_owned();
        let span = Span::new(start, start + length);
        let mut instruction = Instruction { keyword, written, span, ..Instruction::default() };
        let begins = if trimmed[..length].ends_with(escape) { length - 1 } else { length };
        let swallowed = lines.body(&mut instruction.text, start + begins, &trimmed[begins..], escape);
        // Of these two an instruction is a part.
        instruction.swallowed =
            swallowed.filter(|_| !["HEALTHCHECK", "ONBUILD"].contains(&instruction.keyword.as_str()));
        if ["RUN", "COPY", "ADD"].contains(&instruction.keyword.as_str()) {
            for word in here_documents(&instruction.text.text) {
                instruction.bodies.push(lines.here_document(&word, instruction.span)?);
            }
        }
        found.push(instruction);
    }
    Ok(found)
}

struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end, and where it begins.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let at = self.at;
        self.at += length;
        Some((at, rest[..length].trim_end_matches(['\n', '\r'])))
    }

    /// The rest of an instruction's first line, and the lines that continue it. Comments and empty lines between them are
    /// nothing, as for the builder. Gives back where the first line begins that reads like an instruction.
    fn body(&mut self, into: &mut Text, at: usize, first: &'a str, escape: char) -> Option<(usize, usize)> {
        let (mut at, mut line) = (at, first);
        let mut swallowed = None;
        loop {
            let Some(kept) = continued(line, escape) else {
                into.push(line, at);
                return swallowed;
            };
            into.push(kept, at);
            loop {
                let Some((next_at, next)) = self.next() else { return swallowed };
                if next.trim().is_empty() || next.trim_start().starts_with('#') {
                    continue;
                }
                (at, line) = (next_at, next);
                if let Some((from, to)) = keyword(next).filter(|_| swallowed.is_none() && !is_open(&into.text)) {
                    swallowed = Some((into.text.len() + from, into.text.len() + to));
                }
                break;
            }
        }
    }

    fn here_document(&mut self, word: &HereDocument, by: Span) -> Result<Text, Wrong> {
        let mut body = Text::default();
        while let Some((at, line)) = self.next() {
            let shown = if word.tabs { line.trim_start_matches('\t') } else { line };
            if shown == word.end {
                return Ok(body);
            }
            body.push(shown, at + (line.len() - shown.len()));
            body.push("\n", at + line.len());
        }
        Err(Wrong::at(
            by,
            &format!("its here-document is never closed by {}", word.end),
            "the word stands alone on a line",
        ))
    }
}

/// The keyword of an instruction that begins a line, in capitals and with something behind it.
fn keyword(line: &str) -> Option<(usize, usize)> {
    let start = line.len() - line.trim_start().len();
    let (word, rest) = line[start..].split_once([' ', '\t'])?;
    (super::KEYWORDS.contains(&word) && !rest.trim().is_empty()).then_some((start, start + word.len()))
}

/// A quote of a shell's text is open at its end.
fn is_open(text: &str) -> bool {
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None | Some('"'), '\\') => drop(chars.next()),
            _ => {}
        }
    }
    quote.is_some()
}

/// The line without the escape character that ends it, if one does.
fn continued(line: &str, escape: char) -> Option<&str> {
    line.trim_end_matches([' ', '\t']).strip_suffix(escape)
}

struct HereDocument {
    end: String,
    /// `<<-`: leading tabs go.
    tabs: bool,
}

/// `<<EOF`, `<<-EOF`, `<< EOF`, `3<<"EOF"`, several in a line. As for the builder one stands at the beginning of a word: `cat<<EOF` and
/// `<<<` are none.
fn here_documents(text: &str) -> Vec<HereDocument> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let start = rest.trim_start();
        let bare = start.trim_start_matches(|c: char| c.is_ascii_digit());
        let Some(after) = bare.strip_prefix("<<") else {
            rest = &start[word(start).1..];
            continue;
        };
        let (after, tabs) = after.strip_prefix('-').map_or((after, false), |after| (after, true));
        let after = if tabs { after } else { after.trim_start_matches([' ', '\t']) };
        let (end, length) = word(after);
        if !end.is_empty() && !after[..length].contains('<') {
            found.push(HereDocument { end, tabs });
        }
        rest = &after[length..];
    }
    found
}

/// The word that a text begins with, without its quotes, and its length with them.
fn word(text: &str) -> (String, usize) {
    let (mut out, mut quote) = (String::new(), None);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None | Some('"'), '\\') => out.extend(chars.next().map(|(_, c)| c)),
            (None, c) if c.is_whitespace() => return (out, at),
            (_, c) => out.push(c),
        }
    }
    (out, text.len())
}
