//! Letters that text programs, chats and web pages put in the place of those that were typed: no shell, no JSON and no option of
//! docker's knows them.

use alloc::format;
use alloc::string::String;

const QUOTES: [char; 8] = ['“', '”', '„', '‟', '‘', '’', '‚', '‛'];
const DASHES: [char; 7] = ['–', '—', '―', '‐', '‑', '‒', '−'];

pub fn is_quote(c: char) -> bool {
    QUOTES.contains(&c)
}

/// Where a word begins.
pub fn is_dash(c: char) -> bool {
    DASHES.contains(&c)
}

/// What such a letter is, and what to type: the end of a sentence.
pub fn told(c: char) -> Option<String> {
    match c {
        c if is_quote(c) => Some(format!("{c} is a typographic quote: type ' or \" in its place")),
        c if is_dash(c) => Some(format!("{c} is a typographic dash: an option begins with - or --")),
        _ => None,
    }
}

/// The text as it was typed, where it begins with such a dash or has such quotes around a value: `–gpus`, `DISPLAY=“:0”`. Quotes inside
/// of a sentence are the writer's own.
pub fn as_typed(text: &str) -> Option<String> {
    let mut letters = text.chars();
    if let Some(rest) = letters.next().filter(|c| is_dash(*c)).map(|_| letters.as_str().trim_start_matches(is_dash)) {
        let hyphens = if rest.split('=').next().unwrap_or_default().len() == 1 { "-" } else { "--" };
        return Some(format!("{hyphens}{}", without_quotes(rest)));
    }
    let begins = |(at, c): (usize, char)| is_quote(c) && (at == 0 || text[..at].ends_with(['=', ':', ',']));
    text.char_indices().any(begins).then(|| without_quotes(text))
}

fn without_quotes(text: &str) -> String {
    text.chars().filter(|c| !is_quote(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_told() {
        for (pasted, typed) in [
            ("–gpus", "--gpus"),
            ("—gpus=all", "--gpus=all"),
            ("–e", "-e"),
            ("DISPLAY=“:0”", "DISPLAY=:0"),
            ("‘/tmp’:/tmp", "/tmp:/tmp"),
            ("“ubuntu”", "ubuntu"),
        ] {
            assert_eq!(as_typed(pasted).as_deref(), Some(typed), "{pasted}");
        }
        for own in ["TITLE=he said “yes”", "NAME=O’Neill", "a–b", "--gpus", ""] {
            assert_eq!(as_typed(own), None, "{own}");
        }
    }
}
