//! One key of a JSON file, changed in its text: everything else of it keeps its place, its order and its blanks.

use std::ops::Range;

use gdoctor_checks::model::fix::{Change, Edit};
use serde_json::Value;

/// The text after the edit. Err tells why this text cannot be edited so.
pub fn edited(text: &str, edit: &Edit<String>) -> Result<String, String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let before: Value = serde_json::from_str(text).map_err(|why| format!("is no JSON ({why})"))?;
    let mut wanted = before.clone();
    changed(&mut wanted, &edit.key, &edit.change)?;
    if wanted == before {
        return Ok(text.to_owned());
    }
    let after = written(text, &edit.key, &edit.change).ok_or("cannot be edited by its text")?;
    match serde_json::from_str::<Value>(&after) {
        Ok(value) if value == wanted => Ok(after),
        // A key that stands twice, say: which one counts is the reader's secret.
        _ => Err("cannot be edited by its text".into()),
    }
}

/// What the document is to say after it.
fn changed(value: &mut Value, key: &[String], change: &Change<String>) -> Result<(), String> {
    let (name, rest) = key.split_first().ok_or("names no key")?;
    let object = value.as_object_mut().ok_or("has another value where an object has to be")?;
    if !rest.is_empty() {
        if *change == Change::Remove && !object.contains_key(name) {
            return Ok(());
        }
        return changed(object.entry(name.as_str()).or_insert_with(|| Value::Object(Default::default())), rest, change);
    }
    let parsed = |text: &str| serde_json::from_str::<Value>(text).map_err(|why| why.to_string());
    match change {
        Change::Set(new) => {
            object.insert(name.clone(), parsed(new)?);
        }
        Change::Add(new) => {
            let list = object.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
            let list = list.as_array_mut().ok_or(format!("has no list at {name}"))?;
            let new = parsed(new)?;
            if !list.contains(&new) {
                list.push(new);
            }
        }
        Change::Remove => {
            object.remove(name);
        }
    }
    Ok(())
}

/// Where the parts of an object or a list stand in the text.
struct Parts {
    /// Between the brackets.
    inside: Range<usize>,
    parts: Vec<Part>,
}

struct Part {
    /// Empty in a list.
    key: String,
    whole: Range<usize>,
    value: Range<usize>,
}

fn written(text: &str, key: &[String], change: &Change<String>) -> Option<String> {
    let mut at = 0;
    for (depth, name) in key.iter().enumerate() {
        let object = parts(text, at)?;
        let found = object.parts.iter().position(|part| part.key == *name);
        let last = depth + 1 == key.len();
        let (index, part) = match found {
            Some(index) => (index, &object.parts[index]),
            None => return Some(with_part(text, &object, &nested(&key[depth..], change)?, depth)),
        };
        if !last {
            at = part.value.start;
            continue;
        }
        return Some(match change {
            Change::Set(new) => replaced(text, part.value.clone(), new),
            Change::Add(new) => with_part(text, &parts(text, part.value.start)?, new, depth + 1),
            Change::Remove => without(text, &object, index),
        });
    }
    None
}

/// `"key": value` for a key that is not there yet, the objects on the way to it included.
fn nested(key: &[String], change: &Change<String>) -> Option<String> {
    let (name, rest) = key.split_first()?;
    let value = match change {
        _ if !rest.is_empty() => format!("{{{}}}", nested(rest, change)?),
        Change::Set(new) => new.clone(),
        Change::Add(new) => format!("[{new}]"),
        Change::Remove => return None,
    };
    Some(format!("{}: {value}", Value::from(name.as_str())))
}

fn replaced(text: &str, range: Range<usize>, new: &str) -> String {
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
        [] if depth == 0 => replaced(text, of.inside.clone(), &format!("\n  {new}\n")),
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
fn parts(text: &str, at: usize) -> Option<Parts> {
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

fn blanks(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The end of the value that begins there.
fn behind(text: &str, at: usize) -> Option<usize> {
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
    use super::*;

    fn told(text: &str, edit: &str) -> String {
        let edit = Edit::parse(edit).unwrap();
        let change = match edit.change {
            Change::Set(new) => Change::Set(new.to_owned()),
            Change::Add(new) => Change::Add(new.to_owned()),
            Change::Remove => Change::Remove,
        };
        let key = edit.key.into_iter().map(str::to_owned).collect();
        edited(text, &Edit { path: String::new(), key, change }).unwrap_or_else(|why| format!("error: {why}"))
    }

    #[test]
    fn the_rest_stays_as_it_is() {
        let text = "{\n    \"b\":1,\n\n    \"a\": [ \"x\" ]\n}\n";
        assert_eq!(told(text, "f set b 2"), text.replace(":1", ":2"));
        assert_eq!(told(text, "f add a \"y\""), text.replace("\"x\"", "\"x\", \"y\""));
        assert_eq!(told(text, "f add a \"x\""), text);
        assert_eq!(told(text, "f remove a"), "{\n    \"b\":1\n}\n");
        assert_eq!(told(text, "f remove b"), "{\n    \"a\": [ \"x\" ]\n}\n");
        assert_eq!(told(text, "f remove c"), text);
        assert_eq!(told(text, "f set c 3"), text.replace(" ]\n", " ],\n\n    \"c\": 3\n"));
        assert_eq!(told("{\"a\":1}", "f set b.c true"), "{\"a\":1, \"b\": {\"c\": true}}");
        assert_eq!(told("{\"a\":{\"x\":[]},\"b\":2}", "f add a.x 1"), "{\"a\":{\"x\":[1]},\"b\":2}");
        assert_eq!(told("{ \"a\": 1 }", "f remove a"), "{}");
    }

    #[test]
    fn a_file_that_is_not_there_begins() {
        assert_eq!(told("", "f add l \"h:1\""), "{\n  \"l\": [\"h:1\"]\n}\n");
        assert_eq!(told("{}\n", "f set mtu 1380"), "{\n  \"mtu\": 1380\n}\n");
        assert_eq!(told("", "f remove a.b"), "{}\n");
    }

    #[test]
    fn what_cannot_be_edited_is_said() {
        for (text, edit) in [
            ("{\"a\": 1,}", "f set b 1"),
            ("[]", "f set b 1"),
            ("{\"a\": 1}", "f add a 1"),
            ("{\"a\": 1}", "f set a.b 1"),
            ("{\"a\": 1, \"a\": 2}", "f remove a"),
        ] {
            assert!(told(text, edit).starts_with("error: "), "{text} {edit}");
        }
    }
}
