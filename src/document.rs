//! Typed values as JSON documents, and back.
//!
//! By way of text: facts have one reader and one writer then, and the binary is a megabyte smaller than with serde_json's
//! `from_value` and `to_value` beside them.

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
}
