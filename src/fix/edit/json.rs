//! One key of a JSON file, changed in its text: everything else of it keeps its place, its order and its blanks.

use std::ops::Range;

use gdoctor_checks::model::fix::Change;
use serde_json::Value;

pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text after the edit. Err tells why this text cannot be edited so.
pub fn edited(text: &str, change: &Change<String>) -> Result<String, String> {
    let (Change::Set(key, _) | Change::Add(key, _) | Change::Remove(key)) = change else {
        return Err("cannot be changed so".into());
    };
    if let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK) {
        return edited(rest, change).map(|after| format!("{BYTE_ORDER_MARK}{after}"));
    }
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let before: Value = serde_json::from_str(text).map_err(|why| format!("is no JSON ({why})"))?;
    let mut wanted = before.clone();
    changed(&mut wanted, key, change)?;
    if wanted == before {
        return Ok(text.to_owned());
    }
    let mut after = text.to_owned();
    // A key that stands there more than once has to go more than once.
    let most = if matches!(change, Change::Remove(_)) { text.len() } else { 1 };
    for _ in 0..most {
        after = written(&after, key, change).ok_or("cannot be edited by its text")?;
        if serde_json::from_str::<Value>(&after).is_ok_and(|value| value == wanted) {
            return Ok(after);
        }
    }
    Err("cannot be edited by its text".into())
}

/// What the document is to say after it.
fn changed(value: &mut Value, key: &[String], change: &Change<String>) -> Result<(), String> {
    let (name, rest) = key.split_first().ok_or("names no key")?;
    let object = value.as_object_mut().ok_or("has another value where an object has to be")?;
    if !rest.is_empty() {
        if matches!(change, Change::Remove(_)) && !object.contains_key(name) {
            return Ok(());
        }
        return changed(object.entry(name.as_str()).or_insert_with(|| Value::Object(Default::default())), rest, change);
    }
    let parsed = |text: &str| serde_json::from_str::<Value>(text).map_err(|why| why.to_string());
    match change {
        Change::Set(_, new) => {
            object.insert(name.clone(), parsed(new)?);
        }
        Change::Add(_, new) => {
            let list = object.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
            let list = list.as_array_mut().ok_or(format!("has no list at {name}"))?;
            let new = parsed(new)?;
            if !list.contains(&new) {
                list.push(new);
            }
        }
        Change::Remove(_) | Change::Mend(_) => {
            object.remove(name);
        }
    }
    Ok(())
}

/// Where the parts of an object or a list stand in the text.
pub struct Parts {
    /// Between the brackets.
    pub inside: Range<usize>,
    pub parts: Vec<Part>,
}

pub struct Part {
    /// Empty in a list.
    pub key: String,
    pub whole: Range<usize>,
    pub value: Range<usize>,
}

fn written(text: &str, key: &[String], change: &Change<String>) -> Option<String> {
    let mut at = 0;
    for (depth, name) in key.iter().enumerate() {
        let object = parts(text, at)?;
        // Of several the last counts; what several objects of one name say together is not read here.
        let found = object.parts.iter().rposition(|part| part.key == *name);
        let last = depth + 1 == key.len();
        if !last && object.parts.iter().filter(|part| part.key == *name).count() > 1 {
            return None;
        }
        let (index, part) = match found {
            Some(index) => (index, &object.parts[index]),
            None => return Some(with_part(text, &object, &nested(&key[depth..], change)?, depth)),
        };
        if !last {
            at = part.value.start;
            continue;
        }
        return Some(match change {
            Change::Set(_, new) => replaced(text, part.value.clone(), new),
            Change::Add(_, new) => with_part(text, &parts(text, part.value.start)?, new, depth + 1),
            Change::Remove(_) | Change::Mend(_) => without(text, &object, index),
        });
    }
    None
}

/// `"key": value` for a key that is not there yet, the objects on the way to it included.
fn nested(key: &[String], change: &Change<String>) -> Option<String> {
    let (name, rest) = key.split_first()?;
    let value = match change {
        _ if !rest.is_empty() => format!("{{{}}}", nested(rest, change)?),
        Change::Set(_, new) => new.clone(),
        Change::Add(_, new) => format!("[{new}]"),
        Change::Remove(_) | Change::Mend(_) => return None,
    };
    Some(format!("{}: {value}", Value::from(name.as_str())))
}

/// What this file's lines end with.
pub fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

pub fn replaced(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

/// With one part more behind the last, with the blanks that the last has before it.
fn with_part(text: &str, of: &Parts, new: &str, depth: usize) -> String {
    match of.parts.as_slice() {
        [.., last] => {
            let from = match of.parts.len() {
                1 => of.inside.start,
                count => of.parts[count - 2].whole.end,
            };
            let blanks: String = text[from..last.whole.start].chars().filter(|letter| *letter != ',').collect();
            let blanks = if blanks.is_empty() && of.parts.len() == 1 { " ".to_owned() } else { blanks };
            replaced(text, last.whole.end..last.whole.end, &format!(",{blanks}{new}"))
        }
        // The file's own object gets lines, an inner one stays on its line.
        [] if depth == 0 => {
            let end = line_end(text);
            replaced(text, of.inside.clone(), &format!("{end}  {new}{end}"))
        }
        [] => replaced(text, of.inside.clone(), new),
    }
}

fn without(text: &str, of: &Parts, index: usize) -> String {
    let part = &of.parts[index];
    let gone = match (index.checked_sub(1), of.parts.get(index + 1)) {
        (Some(before), _) => of.parts[before].whole.end..part.whole.end,
        (None, Some(next)) => part.whole.start..next.whole.start,
        (None, None) => of.inside.clone(),
    };
    replaced(text, gone, "")
}

/// Of the object or list at this place. The text is JSON: that was asked before.
pub fn parts(text: &str, at: usize) -> Option<Parts> {
    let mut at = blanks(text, at);
    let is_object = match text.as_bytes().get(at)? {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    at += 1;
    let start = at;
    let mut parts = Vec::new();
    loop {
        let from = blanks(text, at);
        match text.as_bytes().get(from)? {
            b'}' | b']' => return Some(Parts { inside: start..from, parts }),
            b',' => {
                at = from + 1;
                continue;
            }
            _ => {}
        }
        let (key, value) = match is_object {
            true => {
                let end = behind(text, from)?;
                let key = serde_json::from_str(&text[from..end]).ok()?;
                (key, blanks(text, blanks(text, end) + 1))
            }
            false => (String::new(), from),
        };
        at = behind(text, value)?;
        parts.push(Part { key, whole: from..at, value: value..at });
    }
}

pub fn blanks(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The end of the value that begins there.
pub fn behind(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.get(at)? {
        b'"' => {
            let mut at = at + 1;
            while *bytes.get(at)? != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            Some(at + 1)
        }
        b'{' | b'[' => parts(text, at).map(|parts| parts.inside.end + 1),
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b",]}".contains(byte);
            Some(at + bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn the_rest_stays_as_it_is() {
        let text = "{\n    \"b\":1,\n\n    \"a\": [ \"x\" ]\n}\n";
        assert_eq!(told(text, "json set b 2"), text.replace(":1", ":2"));
        assert_eq!(told(text, "json add a \"y\""), text.replace("\"x\"", "\"x\", \"y\""));
        assert_eq!(told(text, "json add a \"x\""), text);
        assert_eq!(told(text, "json remove a"), "{\n    \"b\":1\n}\n");
        assert_eq!(told(text, "json remove b"), "{\n    \"a\": [ \"x\" ]\n}\n");
        assert_eq!(told(text, "json remove c"), text);
        assert_eq!(told(text, "json set c 3"), text.replace(" ]\n", " ],\n\n    \"c\": 3\n"));
        assert_eq!(told("{\"a\":1}", "json set b.c true"), "{\"a\":1, \"b\": {\"c\": true}}");
        assert_eq!(told("{\"a\":{\"x\":[]},\"b\":2}", "json add a.x 1"), "{\"a\":{\"x\":[1]},\"b\":2}");
        assert_eq!(told("{ \"a\": 1 }", "json remove a"), "{}");
    }

    #[test]
    fn a_file_that_is_not_there_begins() {
        assert_eq!(told("", "json add l \"h:1\""), "{\n  \"l\": [\"h:1\"]\n}\n");
        assert_eq!(told("{}\n", "json set mtu 1380"), "{\n  \"mtu\": 1380\n}\n");
        assert_eq!(told("", "json remove a.b"), "{}\n");
    }

    #[test]
    fn lines_and_blanks_are_the_files() {
        let (tabs, windows) = ("{\n\t\"a\": 1\n}\n", "{\r\n  \"a\": 1,\r\n  \"b\": 2\r\n}\r\n");
        assert_eq!(told(tabs, "json set b 2"), "{\n\t\"a\": 1,\n\t\"b\": 2\n}\n");
        assert_eq!(told(windows, "json set c 3"), windows.replace("2\r", "2,\r\n  \"c\": 3\r"));
        assert_eq!(told(windows, "json remove a"), "{\r\n  \"b\": 2\r\n}\r\n");
        assert_eq!(told("{\r\n}\r\n", "json set a 1"), "{\r\n  \"a\": 1\r\n}\r\n");
    }

    #[test]
    fn a_key_that_stands_there_twice() {
        let text = "{\"a\": 1, \"b\": 2, \"a\": 3}";
        assert_eq!(told(text, "json remove a"), "{\"b\": 2}");
        assert_eq!(told(text, "json set a 4"), "{\"a\": 1, \"b\": 2, \"a\": 4}");
    }

    #[test]
    fn what_cannot_be_edited_is_said() {
        for (text, edit) in [
            ("{\"a\": 1,}", "json set b 1"),
            ("[]", "json set b 1"),
            ("{\"a\": 1}", "json add a 1"),
            ("{\"a\": 1}", "json set a.b 1"),
            ("{\"a\": {}, \"a\": {\"b\": 1}}", "json remove a.b"),
        ] {
            assert!(told(text, edit).starts_with("error: "), "{text} {edit}");
        }
    }
}
