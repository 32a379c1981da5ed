//! The JSON Schema of a file of checks, and the tables of docs/own-checks.md, from what the reader knows.

use gdoctor_checks::model::own::{Answers, Is};
use serde_json::{Map, Value, json};

use super::form::Form;
use super::kinds::KINDS;
use super::outcome::{FIX, OUTCOME};
use super::read::{KEYS, PROGRAM};

/// Draft 2020-12.
pub fn schema() -> String {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://gdoctor.dev/schema/gdoctor-checks-1.json",
        "title": "Own checks of a site",
        "description": "A file of checks.d: docs/own-checks.md tells about it.",
        "type": "object",
        "additionalProperties": false,
        "properties": { "check": checks() },
        "$defs": definitions(),
    });
    format!("{schema:#}\n")
}

/// The value of `check`; what it refers to is in [`definitions`].
pub fn checks() -> Value {
    let outcome = closed(
        of(OUTCOME, |name| match name {
            "on" => json!({ "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 255 }, { "type": "string" }] }),
            "is" => json!({ "enum": Is::ALL.map(Is::word) }),
            "fix" => reference("fix"),
            _ => json!({ "type": "string" }),
        }),
        &["on", "is"],
    );
    let program = closed(
        of(PROGRAM, |name| match name {
            "run" | "environment" => texts(),
            "answers" => json!({ "enum": Answers::ALL.map(Answers::word) }),
            _ => json!({ "type": "string" }),
        }),
        &["run"],
    );
    let kinds = || KINDS.iter().map(|kind| (kind.name.to_owned(), reference(kind.name)));
    let when = closed(kinds().collect(), &[]);
    let mut properties = of(KEYS, |name| match name {
        "severity" => json!({ "enum": ["fail", "warn"] }),
        "id" => json!({ "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)+$" }),
        "when" => when.clone(),
        "fix" => reference("fix"),
        "program" => program.clone(),
        "outcome" => json!({ "type": "array", "items": outcome }),
        _ => json!({ "type": "string" }),
    });
    properties.extend(kinds());
    described(json!({ "type": "array", "items": closed(properties, &["id", "title"]) }), "The site's own checks")
}

/// Each kind, what its keys take, and a fix.
pub fn definitions() -> Map<String, Value> {
    let fix = of(FIX, |name| match name {
        "commands" | "risk" => texts(),
        _ => json!({ "type": "string" }),
    });
    let mut all =
        Map::from_iter([("fix".to_owned(), json!({ "anyOf": [{ "type": "string" }, closed(fix, &["title"])] }))]);
    for kind in KINDS {
        let table = format!("{}-table", kind.name);
        let mut ways = vec![reference(&table), json!({ "type": "array", "items": reference(&table) })];
        if let [key] = kind.target {
            ways.push(reference(form_name(key.form)));
        }
        all.insert(kind.name.to_owned(), described(json!({ "anyOf": ways }), kind.words));
        let keys = kind.targets().chain(kind.keys);
        for key in keys.clone() {
            all.entry(form_name(key.form)).or_insert_with(|| described(value(key.form), key.form.words()));
        }
        let keys = keys.map(|key| (key.name.to_owned(), described(reference(form_name(key.form)), key.words)));
        let required: Vec<&str> = kind.target.iter().map(|key| key.name).collect();
        all.insert(table, closed(keys.collect(), &required));
    }
    all
}

fn form_name(form: Form) -> &'static str {
    match form {
        Form::Flag => "a-flag",
        Form::Number => "a-number",
        Form::Size => "a-size",
        Form::Version => "a-version",
        Form::Text => "a-text",
        Form::Secret => "a-secret",
        Form::Mode => "a-mode",
        Form::Words => "all-of-words",
        Form::Contains => "all-of-texts",
        Form::Settings => "all-of-settings",
        Form::Lines => "all-of-lines",
        Form::Name => "a-name",
        Form::Path => "a-path",
        Form::Url => "an-address",
        Form::Port => "a-port",
        Form::Server => "a-server",
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn of(keys: &[(&str, &str)], schema: impl Fn(&str) -> Value) -> Map<String, Value> {
    keys.iter().map(|(name, words)| ((*name).to_owned(), described(schema(name), words))).collect()
}

fn described(mut schema: Value, words: &str) -> Value {
    schema["description"] = words.into();
    schema
}

fn closed(properties: Map<String, Value>, required: &[&str]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn texts() -> Value {
    json!({ "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
}

fn value(form: Form) -> Value {
    let one = match form {
        Form::Flag => json!({ "type": ["boolean", "string"] }),
        Form::Size | Form::Version | Form::Path | Form::Url | Form::Name | Form::Server => json!({ "type": "string" }),
        Form::Mode
        | Form::Number
        | Form::Port
        | Form::Text
        | Form::Secret
        | Form::Words
        | Form::Contains
        | Form::Settings
        | Form::Lines => json!({ "type": ["string", "number", "boolean"] }),
    };
    if form.takes_lists() { json!({ "anyOf": [one, { "type": "array", "items": one }] }) } else { one }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// The tables of docs/own-checks.md.
    fn tables() -> String {
        let mut out = String::from("| kind | about | keys | without a key |\n|---|---|---|---|\n");
        for kind in KINDS {
            let names =
                |keys: &[crate::own::kinds::Key]| keys.iter().map(|key| format!("`{}`", key.name)).collect::<Vec<_>>();
            let target: Vec<String> = names(kind.target)
                .into_iter()
                .chain(names(kind.optional).iter().map(|name| format!("{name}?")))
                .collect();
            let target = if target.is_empty() { String::new() } else { format!(" ({})", target.join(", ")) };
            let keys: Vec<String> = kind.keys.iter().map(|key| format!("`{}`", key.name)).collect();
            let (key, wanted) = kind.implied;
            let _ = writeln!(
                out,
                "| `{}` | {}{target} | {} | `{key}` is {wanted} |",
                kind.name,
                kind.words,
                keys.join(", ")
            );
        }
        out.push_str("\n| key | what it says |\n|---|---|\n");
        for kind in KINDS {
            for key in kind.targets().chain(kind.keys) {
                let _ = writeln!(out, "| `{}.{}` | {}; {} |", kind.name, key.name, key.words, key.form.words());
            }
        }
        out
    }

    fn held(path: &str, change: impl Fn(&str) -> String) {
        let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let made = change(&there);
        if std::env::var_os("GDOCTOR_SCHEMA").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        assert!(there == made, "{path}: GDOCTOR_SCHEMA=write cargo test --lib own writes it");
    }

    #[test]
    fn the_schema_in_docs_is_this_one() {
        held("docs/gdoctor-checks-1.json", |_| schema());
    }

    #[test]
    fn the_tables_in_docs_are_these() {
        held("docs/own-checks.md", |there| {
            let (before, rest) = there.split_once("<!-- kinds -->\n").unwrap();
            let (_, after) = rest.split_once("<!-- end of kinds -->").unwrap();
            format!("{before}<!-- kinds -->\n{}<!-- end of kinds -->{after}", tables())
        });
    }

    /// What is wanted where nothing is said is a value of its key.
    #[test]
    fn what_is_implied_is_a_value_of_its_key() {
        for kind in KINDS {
            let (key, wanted) = kind.implied;
            let form = kind.key(key).unwrap_or_else(|| panic!("{}.{key}", kind.name)).form;
            assert_eq!(form.refuse(wanted), None, "{}.{key}", kind.name);
        }
    }
}
