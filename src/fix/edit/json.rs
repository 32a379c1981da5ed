//! One key of a JSON file, changed in its text: everything else of it keeps its place, its order and its blanks. And the form of one
//! that is no JSON, and a value of another kind than is wanted, where one thing alone can be meant.

use std::net::IpAddr;
use std::ops::Range;

use gdoctor_checks::model::fix::Change;
use gdoctor_checks::model::{daemon_keys, daemon_names};
use serde_json::{Deserializer, Value};

use crate::probe::docker::daemon_json;

const BYTE_ORDER_MARK: char = '\u{feff}';

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

/// With the values of dockerd's keys as it wants them.
pub fn retyped(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let whole: Value = serde_json::from_str(bare).map_err(|why| format!("is no JSON ({why})"))?;
    let mut after = text.to_owned();
    for (key, value) in whole.as_object().into_iter().flatten() {
        after = of_kind(after, &[key], value)?;
        let inner = daemon_keys::OBJECTS.iter().any(|(name, _)| name == key).then(|| value.as_object()).flatten();
        for (name, value) in inner.into_iter().flatten() {
            after = of_kind(after, &[key, name], value)?;
        }
    }
    if after == text {
        Err("has no value whose kind alone is wrong, and what is right there is for you to say".into())
    } else {
        Ok(after)
    }
}

/// With the keys of the file by the names that dockerd has for them.
pub fn renamed(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let whole: Value = serde_json::from_str(bare).map_err(|why| format!("is no JSON ({why})"))?;
    let object = whole.as_object().ok_or("has another value where an object has to be")?;
    let at = text.len() - bare.len();
    let of_text = parts(text, at).ok_or("cannot be edited by its text")?;
    let is_known = |key: &str| daemon_keys::wanted(key).is_some() && daemon_keys::of_option(key).is_none();
    let mut wanted = object.clone();
    let mut after = text.to_owned();
    for part in of_text.parts.iter().rev().filter(|part| !is_known(&part.key)) {
        let unsure = || format!("has a key {} that is for you to say", part.key);
        let name = daemon_names::meant(&part.key).ok_or_else(unsure)?;
        // Two keys of one name would be one setting.
        if wanted.contains_key(name) {
            return Err(format!("has a key {name} besides {}", part.key));
        }
        let value = wanted.remove(&part.key).ok_or_else(unsure)?;
        wanted.insert(name.to_owned(), value);
        let key = part.whole.start..behind(text, part.whole.start).ok_or_else(unsure)?;
        after = replaced(&after, key, &Value::from(name).to_string());
    }
    let bare = after.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&after);
    match serde_json::from_str::<Value>(bare).is_ok_and(|value| value == Value::Object(wanted)) {
        true if after == text => Err("has no key that is nearly one of dockerd's".into()),
        true => Ok(after),
        false => Err("cannot be edited by its text".into()),
    }
}

fn of_kind(text: String, path: &[&String], value: &Value) -> Result<String, String> {
    let kind = match path {
        [key] if *key == "dns" => Some("addresses"),
        [key] => daemon_keys::wanted(key),
        [key, name] => daemon_keys::member(&format!("{key}.{name}")),
        _ => None,
    };
    let Some(kind) = kind.filter(|kind| !["", daemon_json::kind(value)].contains(kind) && !value.is_null()) else {
        return Ok(text);
    };
    let path: Vec<String> = path.iter().map(|name| (*name).clone()).collect();
    let new = meant(value, kind).ok_or(format!("has a value at {} that is for you to say", path.join(".")))?;
    edited(&text, &Change::Set(path, new.to_string()))
}

/// What a value of another kind can only mean.
fn meant(value: &Value, kind: &str) -> Option<Value> {
    let is_word = |text: &str| !text.is_empty() && !text.contains(|c: char| c == ',' || c.is_whitespace());
    let addresses = |text: &str| {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        words.map(|word| word.parse::<IpAddr>().is_ok().then(|| Value::from(word))).collect::<Option<Vec<_>>>()
    };
    match (kind, value) {
        ("switch", Value::String(text)) => text.parse::<bool>().ok().map(Value::from),
        ("number", Value::String(text)) => text.parse::<u64>().ok().map(Value::from),
        ("text", Value::Number(number)) => Some(number.to_string().into()),
        ("list", Value::String(text)) if is_word(text) => Some(Value::from(vec![text.as_str()])),
        ("addresses", Value::String(text)) => addresses(text).map(Value::from),
        ("addresses", Value::Array(list)) => {
            let each = list.iter().map(|entry| addresses(entry.as_str()?)).collect::<Option<Vec<_>>>()?;
            Some(each.concat().into())
        }
        _ => None,
    }
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

/// The text with the commas that it has too many taken out, and those that it lacks before a key put in; without a byte order mark and
/// without brackets that close nothing; an object where there was nothing. What else is wrong with it could be mended in more ways than
/// one.
pub fn mended(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if bare.trim().is_empty() {
        return Ok("{}\n".into());
    }
    if serde_json::from_str::<Value>(bare).is_ok() {
        let is_well = || "is well-formed, and what is right in it is for you to say".to_owned();
        return if bare == text { Err(is_well()) } else { Ok(bare.to_owned()) };
    }
    if let Some(quoted) = with_plain_quotes(bare) {
        return Ok(quoted);
    }
    let text = bare;
    let bytes = text.as_bytes();
    // What is put in the place of one byte, or before one.
    let mut cuts: Vec<usize> = Vec::new();
    let mut commas: Vec<usize> = Vec::new();
    let mut last: Option<usize> = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let end = if *byte == b'"' { behind(text, at).ok_or("ends in the midst of a text")? } else { at + 1 };
        if byte.is_ascii_whitespace() {
            at = end;
            continue;
        }
        let before = last.map(|last| bytes[last]);
        match byte {
            b'}' | b']' if before == Some(b',') => cuts.extend(last),
            b'"' if is_key(text, end) && before.is_some_and(|before| !b"{[,:".contains(&before)) => {
                commas.extend(last.map(|last| last + 1));
            }
            _ => {}
        }
        last = Some(end - 1);
        at = end;
    }
    let mut after = String::with_capacity(text.len() + commas.len());
    for (at, letter) in text.char_indices() {
        if commas.contains(&at) {
            after.push(',');
        }
        if !cuts.contains(&at) {
            after.push(letter);
        }
    }
    let is_bracket = |letter: char| "}]".contains(letter);
    if let Some(end) = end_of_first(&after)
        && after[end..].contains(is_bracket)
        && after[end..].chars().all(|letter| letter.is_whitespace() || is_bracket(letter))
    {
        after.truncate(end);
        after.push('\n');
    }
    let is_object = |after: &String| serde_json::from_str::<Value>(after).is_ok_and(|value| value.is_object());
    if after != text && is_object(&after) {
        Ok(after)
    } else {
        Err("has more wrong than its commas, and what is right there is for you to say".into())
    }
}

/// With JSON's quotation marks where a word processor's, or none but single ones, stand. A text that holds such letters within JSON's own is none.
fn with_plain_quotes(text: &str) -> Option<String> {
    const TYPOGRAPHIC: [char; 4] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}'];
    let after = match text.contains('"') {
        false if text.contains('\'') => text.replace('\'', "\""),
        _ => text.replace(TYPOGRAPHIC, "\""),
    };
    let is_object = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
    (after != text && is_object(&after)).then_some(after)
}

/// Where the object ends that the text begins with.
fn end_of_first(text: &str) -> Option<usize> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

fn is_key(text: &str, end: usize) -> bool {
    text.as_bytes().get(blanks(text, end)) == Some(&b':')
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
    fn commas_are_mended_and_nothing_else() {
        let mended = |text: &str| told(text, "json mend");
        assert_eq!(mended("{\n  \"a\": \"x,}\",\n}\n"), "{\n  \"a\": \"x,}\"\n}\n");
        assert_eq!(mended("{\"a\": [1, 2,],}"), "{\"a\": [1, 2]}");
        assert_eq!(
            mended("{\n  \"a\": 1\n  \"b\": {}\n  \"c\": \"x\"\n}"),
            "{\n  \"a\": 1,\n  \"b\": {},\n  \"c\": \"x\"\n}"
        );
        for text in [
            "{\"a\": 1",
            "{\"a\": 1,,}",
            "{\"a\" \"b\": 1}",
            "{'a': \"it's\"}",
            "{\"a\": \u{201c}x\" y\u{201d}}",
            "{\"a\": 1}",
            "[1,]",
            "{\"a\": yes,}",
            "{\"a\": \"x",
        ] {
            assert!(mended(text).starts_with("error: "), "{text}");
        }
    }

    #[test]
    fn a_form_that_not_every_engine_takes_is_mended() {
        let mended = |text: &str| told(text, "json mend");
        assert_eq!((mended(""), mended(" \n"), mended("\u{feff}")), ("{}\n".into(), "{}\n".into(), "{}\n".into()));
        assert_eq!(mended("\u{feff}{\"a\": 1}\n"), "{\"a\": 1}\n");
        assert_eq!(mended("{'a': 'b'}\n"), "{\"a\": \"b\"}\n");
        assert_eq!(mended("{\u{201c}a\u{201d}: \u{201e}b\u{201c}}\n"), "{\"a\": \"b\"}\n");
        assert_eq!(mended("{\n  \"a\": {},\n}\n}\n"), "{\n  \"a\": {}\n}\n");
        for text in ["{\"a\": 1}\n{\"b\": 2}", "{\"a\": 1} // why", "{\"a\": 1}\nx"] {
            assert!(mended(text).starts_with("error: "), "{text}");
        }
        assert_eq!(mended("{\"log-opts\": {\"max-file\": 3},}"), "{\"log-opts\": {\"max-file\": \"3\"}}");
        assert_eq!(told("\u{feff}{\"a\": 1}", "json set a 2"), "\u{feff}{\"a\": 2}");
    }

    #[test]
    fn a_key_that_stands_there_twice() {
        let text = "{\"a\": 1, \"b\": 2, \"a\": 3}";
        assert_eq!(told(text, "json remove a"), "{\"b\": 2}");
        assert_eq!(told(text, "json set a 4"), "{\"a\": 1, \"b\": 2, \"a\": 4}");
    }

    #[test]
    fn values_of_another_kind_are_mended_where_they_mean_one_thing() {
        for (broken, well) in [
            ("\"debug\": \"true\"", "\"debug\": true"),
            ("\"mtu\": \"1400\", \"ipv6\": \"false\"", "\"mtu\": 1400, \"ipv6\": false"),
            ("\"log-opts\": {\"max-file\": 3}", "\"log-opts\": {\"max-file\": \"3\"}"),
            ("\"registry-mirrors\": \"https://m.lan\"", "\"registry-mirrors\": [\"https://m.lan\"]"),
            ("\"dns\": \"8.8.8.8, 1.1.1.1\"", "\"dns\": [\"8.8.8.8\",\"1.1.1.1\"]"),
            ("\"dns\": [\" 8.8.8.8\", \"1.1.1.1 ::1\"]", "\"dns\": [\"8.8.8.8\",\"1.1.1.1\",\"::1\"]"),
        ] {
            let text = |part: &str| format!("{{\n  {part},\n  \"no-such-key\": 1\n}}\n");
            assert_eq!(told(&text(broken), "json mend values"), text(well));
        }
        for part in [
            "\"debug\": \"yes\"",
            "\"mtu\": \"1k\"",
            "\"registry-mirrors\": \"a, b\"",
            "\"bridge\": true",
            "\"dns\": [\"8.8.8.8#53\"]",
            "\"debug\": \"true\", \"mtu\": \"1k\"",
            "\"debug\": true",
        ] {
            assert!(told(&format!("{{{part}}}"), "json mend values").starts_with("error: has "), "{part}");
        }
    }

    #[test]
    fn keys_get_their_names_and_nothing_else_changes() {
        let edit = "json mend names";
        for (broken, well) in [
            (
                "{\n  \"Log_Level\" : \"warn\",\n  \"mtu\":1400\n}\n",
                "{\n  \"log-level\" : \"warn\",\n  \"mtu\":1400\n}\n",
            ),
            ("{\"registry-mirror\": \"https://m.lan\"}", "{\"registry-mirrors\": [\"https://m.lan\"]}"),
            (
                "{\"log_driver\": \"local\", \"log_opts\": {\"max-size\": \"1m\"}}",
                "{\"log-driver\": \"local\", \"log-opts\": {\"max-size\": \"1m\"}}",
            ),
        ] {
            assert_eq!(told(broken, edit), well);
        }
        for text in [
            "{\"log-levle\": \"warn\", \"log-level\": \"info\"}",
            "{\"log-levle\": \"warn\", \"log_level\": \"info\"}",
            "{\"log-levle\": \"warn\", \"no-such-key\": 1}",
            "{\"mtu\": 1400}",
            "{\"log-levle\": 1,}",
        ] {
            assert!(told(text, edit).starts_with("error: "), "{text}");
        }
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
