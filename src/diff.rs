//! What changed between two reports, or two files of facts: verdicts, and the facts behind them.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::document::untyped;
use crate::run;
use crate::snapshot::Snapshot;

/// One of the two.
pub enum Side {
    Report(Value),
    /// The facts, and what all checks say of them.
    Facts(Value, Value),
}

/// What `gdoctor diff` tells.
pub struct Told {
    pub text: String,
    /// Some verdict is worse than it was.
    pub worse: bool,
}

impl Side {
    /// A report or a facts file, by what it says of itself.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|why| format!("this is no JSON: {why}"))?;
        match value["format"].as_str() {
            Some("gdoctor-report") => Ok(Self::Report(value)),
            Some("gdoctor-facts") => {
                let report = run::report_of(&Snapshot::read(bytes)?)?;
                Ok(Self::Facts(value, untyped(&report)))
            }
            _ => Err("this is neither a report (--format json) nor a facts file (gdoctor collect)".into()),
        }
    }
}

/// Err when the two are of different kinds.
pub fn diff(before: &Side, after: &Side) -> Result<Told, String> {
    match (before, after) {
        (Side::Report(before), Side::Report(after)) => Ok(reports(before, after)),
        (Side::Facts(before, was), Side::Facts(after, is)) => {
            let verdicts = reports(was, is);
            let text = format!("{}\nFacts\n{}", verdicts.text, facts(before, after));
            Ok(Told { text, worse: verdicts.worse })
        }
        _ => Err("one is a report and the other facts: give two of a kind".into()),
    }
}

/// How bad a status is; what is not needed is no worse than what passes.
fn weight(status: &str) -> u8 {
    match status {
        "fail" => 3,
        "unknown" => 2,
        "warn" => 1,
        _ => 0,
    }
}

fn reports(before: &Value, after: &Value) -> Told {
    let (old, new) = (results(before), results(after));
    let mut told = Told { text: String::new(), worse: false };
    let names: Vec<&String> = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name))).collect();
    for name in names {
        let status = |side: &BTreeMap<String, &Value>| {
            side.get(name).and_then(|r| r["status"].as_str()).unwrap_or("gone").to_owned()
        };
        let (was, is) = (status(&old), status(&new));
        let code =
            |side: &BTreeMap<String, &Value>| side.get(name).and_then(|r| r["code"].as_str()).unwrap_or("").to_owned();
        let seen = evidence(old.get(name).copied(), new.get(name).copied());
        if was == is && code(&old) == code(&new) && seen.is_empty() {
            continue;
        }
        let worse = weight(&is) > weight(&was);
        told.worse |= worse;
        let mark = if worse {
            "worse"
        } else if weight(&is) < weight(&was) {
            "better"
        } else {
            "changed"
        };
        let _ = writeln!(told.text, "{mark:<8} {name}: {was} → {is}");
        if was != is || code(&old) != code(&new) {
            for (word, side) in [("was", &old), ("is", &new)] {
                if let Some(summary) = side.get(name).and_then(|r| r["summary"].as_str()) {
                    let _ = writeln!(told.text, "         {word:<3} {}", crate::report::harmless(summary));
                }
            }
        }
        for line in seen {
            let _ = writeln!(told.text, "         {line}");
        }
    }
    if told.text.is_empty() {
        told.text.push_str("nothing changed\n");
    }
    told
}

/// Results by check and subject.
fn results(report: &Value) -> BTreeMap<String, &Value> {
    let list = report["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |r: &Value| {
        let (id, subject) = (r["id"].as_str().unwrap_or(""), r["subject"].as_str().unwrap_or(""));
        crate::report::harmless(format!("{id} {subject}").trim_end())
    };
    list.iter().map(|r| (name(r), r)).collect()
}

/// `GET /version: 24.0.7 → 27.1.1` of each source whose value changed.
fn evidence(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let seen = |side: Option<&Value>| -> BTreeMap<String, String> {
        let list = side.and_then(|r| r["evidence"].as_array()).map(Vec::as_slice).unwrap_or_default();
        let text = |v: &Value| crate::report::harmless(v.as_str().unwrap_or(""));
        list.iter().map(|e| (text(&e["source"]), text(&e["value"]))).collect()
    };
    let (old, new) = (seen(before), seen(after));
    let changed = |(source, is): (&String, &String)| {
        let was = old.get(source)?;
        (was != is).then(|| format!("{source}: {was} → {is}"))
    };
    new.iter().filter_map(changed).collect()
}

fn facts(before: &Value, after: &Value) -> String {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten(&before["facts"], String::new(), &mut old);
    flatten(&after["facts"], String::new(), &mut new);
    let mut text = String::new();
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let (was, is) = (old.get(name), new.get(name));
        if was != is {
            let word = |side: Option<&String>| side.cloned().unwrap_or_else(|| "nothing".into());
            let _ = writeln!(text, "{name}: {} → {}", word(was), word(is));
        }
    }
    if text.is_empty() {
        text.push_str("nothing changed\n");
    }
    text
}

/// `docker.version.is.version` → its value, in words.
fn flatten(value: &Value, path: String, out: &mut BTreeMap<String, String>) {
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(name, _)| *name != "source") {
                flatten(value, inner(&crate::report::harmless(name)), out);
            }
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| flatten(value, inner(&at.to_string()), out))
        }
        Value::String(text) => {
            out.insert(path, crate::report::harmless(text));
        }
        other => {
            out.insert(path, other.to_string());
        }
    }
}
