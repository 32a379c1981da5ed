//! What changed between two reports, or two files of facts: verdicts, and the facts behind them.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::document::{misread, untyped};
use crate::run;
use crate::snapshot::{self, Snapshot};

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
        snapshot::fits(bytes)?;
        let value: Value =
            serde_json::from_slice(bytes).map_err(|why| format!("this is no JSON: {}", misread(bytes, &why)))?;
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

/// Err when the two are of different kinds. `whole` tells every result that changed, and the facts behind them.
pub fn diff(before: &Side, after: &Side, whole: bool) -> Result<Told, String> {
    match (before, after) {
        (Side::Report(before), Side::Report(after)) => Ok(reports(before, after, whole)),
        (Side::Facts(before, was), Side::Facts(after, is)) => {
            let verdicts = reports(was, is, whole);
            let changed = facts(before, after);
            let count = changed.lines().filter(|line| *line != NOTHING).count();
            let more = match (whole, count) {
                (true, _) => format!("\nFacts\n{changed}"),
                (false, 0) => String::new(),
                (false, 1) => "1 fact differs: gdoctor diff -v\n".into(),
                (false, _) => format!("{count} facts differ: gdoctor diff -v\n"),
            };
            Ok(Told { text: format!("{}{more}", verdicts.text), worse: verdicts.worse })
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

/// What there is to say where nothing is different.
const NOTHING: &str = "Nothing changed.";

/// One result that is not as it was.
struct Changed {
    /// How much worse it got; better is below zero.
    step: i8,
    text: String,
    /// It waits for another check now, or did, and what is to be said is said of that one; or only what was seen is another.
    folded: bool,
}

fn reports(before: &Value, after: &Value, whole: bool) -> Told {
    let (old, new) = (results(before), results(after));
    let names = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name)));
    let mut changes: Vec<Changed> =
        names.filter_map(|name| changed(name, old.get(name).copied(), new.get(name).copied())).collect();
    // What got worse first, then what got better.
    changes.sort_by_key(|change| if change.step > 0 { 0 } else { 1 + i8::from(change.step == 0) });
    let count = |is: fn(&Changed) -> bool| changes.iter().filter(|change| !change.folded && is(change)).count();
    let (worse, better) = (count(|c| c.step > 0), count(|c| c.step < 0));
    let other = count(|c| c.step == 0);
    let verdict = match (worse, better, other) {
        (0, 0, 0) => NOTHING,
        (0, 0, _) => "Neither better nor worse",
        (0, _, _) => "Better",
        (_, 0, _) => "Worse",
        _ => "Worse, and better elsewhere",
    };
    let verb = |count: usize| if count == 1 { "is" } else { "are" };
    let parts = [(worse, "worse"), (better, "better")].into_iter().filter(|(count, _)| *count > 0);
    let mut parts: Vec<String> = parts.map(|(count, word)| format!("{count} {} {word}", verb(count))).collect();
    parts.extend((other > 0).then(|| format!("{other} {} different", verb(other))));
    let mut text = match parts.is_empty() {
        true => format!("{verdict}\n"),
        false => format!("{verdict}: of the results {}.\n", parts.join(", ")),
    };
    let shown = changes.iter().filter(|change| whole || !change.folded);
    shown.for_each(|change| text.push_str(&change.text));
    let folded = changes.iter().filter(|change| change.folded).count();
    if folded > 0 && !whole {
        let _ = match folded {
            1 if parts.is_empty() => writeln!(text, "1 was only seen otherwise: gdoctor diff -v"),
            _ if parts.is_empty() => writeln!(text, "{folded} were only seen otherwise: gdoctor diff -v"),
            1 => writeln!(text, "1 more follows from these, or was only seen otherwise: gdoctor diff -v"),
            _ => writeln!(text, "{folded} more follow from these, or were only seen otherwise: gdoctor diff -v"),
        };
    }
    Told { text, worse: changes.iter().any(|change| change.step > 0 && !change.folded) }
}

/// `None` where it is as it was.
fn changed(name: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Changed> {
    let field = |side: Option<&Value>, name: &str| side.and_then(|r| r[name].as_str()).unwrap_or("").to_owned();
    let status = |side: Option<&Value>| side.map_or("gone".to_owned(), |_| field(side, "status"));
    let (was, is) = (status(old), status(new));
    let (code_was, code_is) = (field(old, "code"), field(new, "code"));
    let seen = evidence(old, new);
    if was == is && code_was == code_is && seen.is_empty() {
        return None;
    }
    let step = i8::try_from(weight(&is)).unwrap_or(0) - i8::try_from(weight(&was)).unwrap_or(0);
    let mark = match step {
        1.. => "worse",
        0 => "other",
        _ => "better",
    };
    let mut text = format!("{mark:<8} {name}: {was} -> {is}\n");
    if was != is || code_was != code_is {
        for (word, side) in [("was", old), ("is", new)] {
            if let Some(summary) = side.and_then(|r| r["summary"].as_str()) {
                let _ = writeln!(text, "         {word:<3} {}", crate::report::harmless(summary));
            }
        }
    }
    for line in seen {
        let _ = writeln!(text, "         {line}");
    }
    let waits = |side: Option<&Value>| side.is_some_and(|r| r["cause"].is_string());
    Some(Changed {
        step,
        text,
        folded: waits(new) || (waits(old) && weight(&is) == 0) || (was == is && code_was == code_is),
    })
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

/// `GET /version: 24.0.7 -> 27.1.1` of each source whose value changed.
fn evidence(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let seen = |side: Option<&Value>| -> BTreeMap<String, String> {
        let list = side.and_then(|r| r["evidence"].as_array()).map(Vec::as_slice).unwrap_or_default();
        let text = |v: &Value| crate::report::harmless(v.as_str().unwrap_or(""));
        list.iter().map(|e| (text(&e["source"]), text(&e["value"]))).collect()
    };
    let (old, new) = (seen(before), seen(after));
    let changed = |(source, is): (&String, &String)| {
        let was = old.get(source)?;
        (was != is).then(|| format!("{source}: {was} -> {is}"))
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
            let _ = writeln!(text, "{name}: {} -> {}", word(was), word(is));
        }
    }
    if text.is_empty() {
        let _ = writeln!(text, "{NOTHING}");
    }
    text
}

/// `docker.version.is.version` -> its value, in words.
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
