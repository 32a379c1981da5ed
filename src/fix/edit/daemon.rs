//! A daemon.json that dockerd refuses, where one thing alone can be meant: its form, its keys' names, its values.

use std::net::IpAddr;

use gdoctor_checks::model::fix::Change;
use gdoctor_checks::model::{daemon_keys, daemon_logging, daemon_names, daemon_values};
use serde_json::{Deserializer, Map, Value};

use super::json::{BYTE_ORDER_MARK, behind, blanks, edited, line_end, parts, replaced};
use crate::probe::docker::daemon_json;

/// With the values of dockerd's keys, and the names among its log-opts, as it wants them.
pub fn retyped(text: &str) -> Result<String, String> {
    let whole = object(text)?;
    let mut after = text.to_owned();
    for (key, value) in &whole {
        after = of_kind(after, &[key], value)?;
        let inner = daemon_keys::OBJECTS.iter().any(|(name, _)| name == key).then(|| value.as_object()).flatten();
        for (name, value) in inner.into_iter().flatten() {
            after = of_kind(after, &[key, name], value)?;
        }
        after = of_words(after, &[key], value)?;
    }
    let driver = object(&after)?.get("log-driver").and_then(Value::as_str).unwrap_or_default().to_owned();
    after = of_driver(&after, if driver.is_empty() { daemon_logging::JSON_FILE } else { &driver })?;
    if after == text {
        Err("has no value of which one thing alone can be meant, and what is right there is for you to say".into())
    } else {
        Ok(after)
    }
}

/// With the word that is meant where another stands.
fn of_words(text: String, path: &[&str], value: &Value) -> Result<String, String> {
    let word = value.as_str().and_then(|value| match path {
        ["log-driver"] => daemon_logging::meant_driver(value),
        ["log-opts", "mode"] => daemon_logging::meant_mode(value),
        [key] => daemon_values::meant(key, value),
        _ => None,
    });
    let Some(word) = word else {
        let is_refused = value.as_str().is_some_and(|value| daemon_values::refused(path[0], value).is_some());
        return if is_refused { Err(unsure(path)) } else { Ok(text) };
    };
    let path = path.iter().map(|name| (*name).to_owned()).collect();
    edited(&text, &Change::Set(path, Value::from(word).to_string()))
}

fn unsure(path: &[&str]) -> String {
    format!("has a value at {} that is for you to say", path.join("."))
}

/// With the log driver's options by their names.
fn of_driver(text: &str, driver: &str) -> Result<String, String> {
    let whole = object(text)?;
    let Some(options) = whole.get("log-opts").and_then(Value::as_object) else { return Ok(text.to_owned()) };
    let at = text.len() - bare(text).len();
    let of_file = parts(text, at).ok_or(UNEDITABLE)?;
    let place = of_file.parts.iter().rev().find(|part| part.key == "log-opts").ok_or(UNEDITABLE)?.value.start;
    let name = |name: &str| (!daemon_logging::is_taken(driver, name)).then(|| daemon_logging::meant(driver, name));
    let (after, wanted) = with_names(text, place, options, name)?;
    let is_wanted = object(&after)?.get("log-opts") == Some(&Value::Object(wanted));
    let mode = options.get("mode").unwrap_or(&Value::Null);
    if is_wanted { of_words(after, &["log-opts", "mode"], mode) } else { Err(UNEDITABLE.into()) }
}

/// With the keys of the file by the names that dockerd has for them.
pub fn renamed(text: &str) -> Result<String, String> {
    let is_known = |key: &str| daemon_keys::wanted(key).is_some() && daemon_keys::of_option(key).is_none();
    let name = |key: &str| (!is_known(key)).then(|| daemon_names::meant(key));
    let (after, wanted) = with_names(text, text.len() - bare(text).len(), &object(text)?, name)?;
    match object(&after)? == wanted {
        true if after == text => Err("has no key that is nearly one of dockerd's".into()),
        true => Ok(after),
        false => Err(UNEDITABLE.into()),
    }
}

/// The object that begins there, with other names for those of its keys for which `name` has something to say; and what it then says.
fn with_names(
    text: &str,
    at: usize,
    object: &Map<String, Value>,
    name: impl Fn(&str) -> Option<Option<&'static str>>,
) -> Result<(String, Map<String, Value>), String> {
    let (mut after, mut wanted) = (text.to_owned(), object.clone());
    for part in parts(text, at).ok_or(UNEDITABLE)?.parts.iter().rev() {
        let Some(name) = name(&part.key) else { continue };
        let unsure = || format!("has a key {} that is for you to say", part.key);
        let name = name.ok_or_else(unsure)?;
        // Two keys of one name would be one setting.
        if wanted.contains_key(name) {
            return Err(format!("has a key {name} besides {}", part.key));
        }
        let value = wanted.remove(&part.key).ok_or_else(unsure)?;
        wanted.insert(name.to_owned(), value);
        let key = part.whole.start..behind(text, part.whole.start).ok_or_else(unsure)?;
        after = replaced(&after, key, &Value::from(name).to_string());
    }
    Ok((after, wanted))
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    let whole: Value = serde_json::from_str(bare(text)).map_err(|why| format!("is no JSON ({why})"))?;
    match whole {
        Value::Object(object) => Ok(object),
        _ => Err("has another value where an object has to be".into()),
    }
}

fn bare(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

const UNEDITABLE: &str = "cannot be edited by its text";

fn of_kind(text: String, path: &[&str], value: &Value) -> Result<String, String> {
    let kind = match path {
        [key] if *key == "dns" => Some("addresses"),
        [key] => daemon_keys::wanted(key),
        [key, name] => daemon_keys::member(&format!("{key}.{name}")),
        _ => None,
    };
    let Some(kind) = kind.filter(|kind| !["", daemon_json::kind(value)].contains(kind) && !value.is_null()) else {
        return Ok(text);
    };
    let new = meant(value, kind).ok_or_else(|| unsure(path))?;
    let path = path.iter().map(|name| (*name).to_owned()).collect();
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

/// The text with the commas that it has too many taken out, and those that it lacks before a key put in; without comments, a byte order mark
/// and brackets that close nothing; an object where there was nothing. What else is wrong with it could be mended in more ways than one.
pub fn mended(text: &str) -> Result<String, String> {
    let bare = bare(text);
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
    let text = &without_comments(bare);
    if is_object(text) {
        return Ok(text.clone());
    }
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
        after.push_str(line_end(text));
    }
    if after != bare && is_object(&after) {
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
    (after != text && is_object(&after)).then_some(after)
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
}

/// Without `// …`, `# …` and `/* … */` outside of texts; of a line that has nothing else nothing is left.
fn without_comments(text: &str) -> String {
    let mut after = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let end = match letter {
            '"' => behind(text, at).filter(|end| text.is_char_boundary(*end)).unwrap_or(text.len()),
            _ => at + letter.len_utf8(),
        };
        let comment = if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2)
        } else if rest.starts_with("//") || letter == '#' {
            Some(rest.find(['\r', '\n']).unwrap_or(rest.len()))
        } else {
            None
        };
        let Some(length) = comment else {
            after.push_str(&text[at..end]);
            at = end;
            continue;
        };
        at += length;
        let kept = after.trim_end_matches([' ', '\t']).len();
        let behind = text[at..].trim_start_matches([' ', '\t']);
        let line_ends = behind.is_empty() || behind.starts_with(['\r', '\n']);
        if line_ends {
            let is_alone = kept == 0 || after[..kept].ends_with('\n');
            after.truncate(kept);
            at = text.len() - behind.len();
            if is_alone {
                at += behind.find('\n').map_or(behind.len(), |end| end + 1);
            }
        }
    }
    after
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
        for text in ["{\"a\": 1}\n{\"b\": 2}", "{\"a\": 1} / why", "{\"a\": 1}\nx"] {
            assert!(mended(text).starts_with("error: "), "{text}");
        }
        assert_eq!(mended("{\"log-opts\": {\"max-file\": 3},}"), "{\"log-opts\": {\"max-file\": \"3\"}}");
        assert_eq!(told("\u{feff}{\"a\": 1}", "json set a 2"), "\u{feff}{\"a\": 2}");
    }

    #[test]
    fn comments_are_taken_out_and_texts_stay() {
        for (broken, well) in [
            (
                "// mine\n{\n  // of the log\n  \"a\": 1, // why\n  \"b\": \"http://x#y\"\n}\n",
                "{\n  \"a\": 1,\n  \"b\": \"http://x#y\"\n}\n",
            ),
            ("{\r\n\t# why\r\n\t\"a\": 1 # so\r\n}\r\n", "{\r\n\t\"a\": 1\r\n}\r\n"),
            ("{\n  \"a\": 1,\n  /* \"b\": 2,\n  \"c\": 3 */\n}\n", "{\n  \"a\": 1\n}\n"),
            ("{\"a\": /* one */ 1} // end", "{\"a\":  1}"),
            ("{\n  \"a\": 1,\n  // \"b\": 2\n}\n", "{\n  \"a\": 1\n}\n"),
            ("{\r\n  \"a\": 1,\r\n}\r\n}\r\n", "{\r\n  \"a\": 1\r\n}\r\n"),
        ] {
            assert_eq!(told(broken, "json mend"), well);
        }
        for text in ["{\"a\": 1 /* b }", "{ // \"a\": 1 }", "/{}", "// only a comment", "{\"a\": \"x // y}"] {
            assert!(told(text, "json mend").starts_with("error: "), "{text}");
        }
    }

    #[test]
    fn words_and_options_that_are_nearly_right() {
        for (broken, well) in [
            (
                "\"log-opts\": {\"max_size\":\"1m\", \"max-files\": 3}",
                "\"log-opts\": {\"max-size\":\"1m\", \"max-file\": \"3\"}",
            ),
            (
                "\"log-driver\": \"jsonfile\", \"log-opts\": {\"maxsize\": \"1m\"}",
                "\"log-driver\": \"json-file\", \"log-opts\": {\"max-size\": \"1m\"}",
            ),
            ("\"log-opts\": {\"mode\": \"nonblocking\"}", "\"log-opts\": {\"mode\": \"non-blocking\"}"),
            ("\"log-level\": \"debgu\"", "\"log-level\": \"debug\""),
        ] {
            assert_eq!(told(&format!("{{{broken}}}"), "json mend values"), format!("{{{well}}}"));
        }
        for part in [
            "\"log-opts\": {\"size\": \"1m\"}",
            "\"log-opts\": {\"max_size\": \"1m\", \"max-size\": \"2m\"}",
            "\"log-driver\": \"journald\", \"log-opts\": {\"max-size\": \"1m\"}",
            "\"log-driver\": \"loki\", \"log-opts\": {\"loki_url\": \"x\"}",
            "\"log-level\": \"loud\"",
        ] {
            assert!(told(&format!("{{{part}}}"), "json mend values").starts_with("error: has "), "{part}");
        }
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
}
