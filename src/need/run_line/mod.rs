//! Reads a `docker run` line as the shell and docker's client would, without running anything of it: the options with their
//! places, and from them the need.

mod flags;
mod mounts;
mod need;
mod options;
mod reference;
mod things;
mod values;
mod words;

use gdoctor_checks::model::run::{RunLine, Span};

pub use need::add;
pub use reference::image;
pub use words::Shell;

/// Longer lines are refused.
const CAP: usize = 64 << 10;

/// Why a line cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub span: Span,
    pub what: String,
    pub help: String,
}

impl Wrong {
    pub fn at(span: Span, what: &str, help: &str) -> Self {
        Self { span, what: what.into(), help: help.into() }
    }
}

/// A pasted text that holds one `docker run` among comments, blank lines and other commands.
pub fn parse(text: &str, shell: &Shell) -> Result<RunLine, Wrong> {
    if text.len() > CAP {
        return Err(Wrong::at(
            Span::at(0),
            "this is longer than 64 KiB",
            "give the one command that starts the container",
        ));
    }
    let odd = |c: &char| {
        (c.is_control() && !"\n\t\r\0".contains(*c))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some((at, c)) = text.char_indices().find(|(_, c)| odd(c)) {
        let what = format!("U+{:04X}, a character that cannot be seen", c as u32);
        return Err(Wrong::at(Span::new(at, at + c.len_utf8()), &what, "take it out, or type the line anew"));
    }
    options::read(text, words::split(text, shell)?, shell)
}

/// The words behind `gdoctor check --`: put together so that the shell would part them the same way again.
pub fn join(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell's user would write it: bare where it can be, else what follows its first `=` in single quotes, else all
/// of it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,^".contains(c);
    let single = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    match word.split_once('=') {
        Some((name, value)) if name.chars().all(plain) && !name.is_empty() => format!("{name}={}", single(value)),
        _ => single(word),
    }
}
