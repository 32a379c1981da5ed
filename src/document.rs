//! Typed values as JSON documents, and back.
//!
//! By way of text: facts have one reader and one writer then, and the binary is a megabyte smaller than with serde_json's
//! `from_value` and `to_value` beside them.

use gdoctor_checks::model::typed::is_quote;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub fn typed<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    serde_json::from_slice(&serde_json::to_vec(value)?)
}

/// Why these bytes are no such document, with what stands around the place.
pub fn misread(bytes: &[u8], why: &serde_json::Error) -> String {
    // Columns count bytes, from 1; an end too soon has the last.
    let line = bytes.split(|byte| *byte == b'\n').nth(why.line().saturating_sub(1)).unwrap_or_default();
    let at = why.column().saturating_sub(1).min(line.len());
    let around = &line[at.saturating_sub(AROUND)..(at + AROUND).min(line.len())];
    match String::from_utf8_lossy(around).trim() {
        "" => why.to_string(),
        text => format!("{why}, at `{text}`"),
    }
}

/// Line and column of a syntax error, from 1, and what is wrong. A comma too many is where it stands; serde_json tells where the
/// next sign is.
pub fn fault(text: &str, error: &serde_json::Error) -> (usize, usize, String) {
    let words = error.to_string();
    let why = words.rsplit_once(" at line ").map_or(words.as_str(), |(why, _)| why).to_owned();
    let (line, column) = (error.line(), error.column());
    let at = text.lines().nth(line.saturating_sub(1));
    let wrong = at.and_then(|text| letter(text, column.saturating_sub(1)));
    let is_comment = at
        .and_then(|text| text.get(column.saturating_sub(1)..))
        .is_some_and(|rest| ["//", "/*", "#"].iter().any(|sign| rest.starts_with(sign)));
    let why = match wrong {
        Some(c) if is_quote(c) => format!("{c} is a typographic quote, and JSON takes only \""),
        _ if is_comment => "a comment, and JSON has none".to_owned(),
        _ => why,
    };
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let read = text.get(..before + column.saturating_sub(1)).filter(|_| why == "trailing comma");
    let Some(comma) = read.and_then(|read| read.rfind(',')) else { return (line, column, why) };
    let line_start = text[..comma].rfind('\n').map_or(0, |end| end + 1);
    (text[..comma].matches('\n').count() + 1, text[line_start..comma].chars().count() + 1, why)
}

/// The one that has this byte of the line.
fn letter(line: &str, byte: usize) -> Option<char> {
    line.char_indices().take_while(|(at, _)| *at <= byte).last().map(|(_, c)| c)
}

/// Bytes before and behind the place of a fault.
const AROUND: usize = 24;

pub fn untyped(value: &impl Serialize) -> Value {
    serde_json::to_vec(value).and_then(|text| serde_json::from_slice(&text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misread_is_shown() {
        let told = |text: &str| misread(text.as_bytes(), &serde_json::from_str::<Value>(text).unwrap_err());
        assert_eq!(told("{\n \"a\": }\n}"), "expected value at line 2 column 7, at `\"a\": }`");
        assert_eq!(told(""), "EOF while parsing a value at line 1 column 0");
        assert!(told(&format!("[{}x]", "1,".repeat(100))).ends_with("1,1,1,x]`"));
    }

    #[test]
    fn a_comma_too_many_is_where_it_stands() {
        let told = |text: &str| fault(text, &serde_json::from_str::<Value>(text).unwrap_err());
        assert_eq!(told("{\n\t\"é\": 1,\n\n}"), (2, 8, "trailing comma".into()));
        assert_eq!(told("[1, ]"), (1, 3, "trailing comma".into()));
        assert_eq!(told("{\n \"a\": }").0, 2);
    }
}
