//! Writes a run line as a service of a compose file: each option as the key that means the same.

use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::{Edit, GpuRequest, RunLine, RunOption};

use super::service::PLAIN;
use crate::need::run_line::{self, Shell};

/// A key of a service and what stands under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: &'static str,
    pub value: Written,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// `key: value`.
    One(String),
    /// `key:`, and a list.
    Items(Vec<String>),
    /// `key:`, and names with values.
    Pairs(Vec<(String, String)>),
}

/// Keys of [`PLAIN`] that take a list.
const LISTS: [&str; 7] = ["dns", "group_add", "device_cgroup_rules", "cap_add", "cap_drop", "tmpfs", "security_opt"];

/// The whole document: one service.
pub fn document(name: &str, line: &RunLine) -> String {
    let image = line.image.as_ref().map_or("", |image| image.reference.as_str());
    let mut out = format!("services:\n  {name}:\n    image: {}\n", scalar(image));
    for entry in entries(line) {
        entry.lines().iter().for_each(|row| out.push_str(&format!("    {row}\n")));
    }
    out
}

/// The options as keys, in the order in which each key comes first. What compose has no key for (`--rm`) is left out.
pub fn entries(line: &RunLine) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for option in &line.options {
        let Some(entry) = entry(line, option) else { continue };
        match found.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => known.join(entry.value),
            None => found.push(entry),
        }
    }
    found
}

/// What an edit of a made-up line means in the file: the place that changes, and what stands there then. Nothing is left of it
/// where there are no entries; a place that is the service itself gets them besides.
pub struct Changed {
    pub at: Origin,
    pub adds: bool,
    pub entries: Vec<Entry>,
}

/// `None` for an edit that has no counterpart in the file.
pub fn changed(line: &RunLine, edit: &Edit) -> Option<Changed> {
    let (place, text) = (edit.span, edit.text.as_str());
    if place.start == place.end {
        return Some(Changed { at: line.command.file.clone()?, adds: true, entries: parsed(text)? });
    }
    let within = |option: &&RunOption| option.at.removal.start <= place.start && place.end <= option.at.removal.end;
    let option = line.options.iter().find(within)?;
    let entries = match text {
        "" => Vec::new(),
        _ if place == option.at.value => parsed(&format!("--{}={text}", option.name))?,
        _ => parsed(text)?,
    };
    Some(Changed { at: option.at.file.clone()?, adds: false, entries })
}

/// Options alone, as keys.
fn parsed(options: &str) -> Option<Vec<Entry>> {
    let named = |name: &str| Some(format!("${name}"));
    let shell = Shell { variable: &named, passed: &named, ..Shell::BARE };
    let line = run_line::parse_one(&format!("docker create {options} x"), &shell).ok()?;
    let found = entries(&line);
    (!found.is_empty()).then_some(found)
}

fn entry(line: &RunLine, option: &RunOption) -> Option<Entry> {
    let items = |key, item: String| Some(Entry { key, value: Written::Items(vec![item]) });
    let value = option.value.clone();
    match option.name.as_str() {
        "publish" => items("ports", value),
        "volume" => items("volumes", value),
        "device" => items("devices", value),
        "network" => Some(Entry { key: "network_mode", value: Written::One(value) }),
        "pull" => Some(Entry { key: "pull_policy", value: Written::One(value) }),
        "ulimit" => {
            let (name, limits) = value.split_once('=')?;
            // Of two limits compose takes a map; one is the usual.
            let limit = limits.split(':').next_back()?;
            Some(Entry { key: "ulimits", value: Written::Pairs(vec![(name.to_owned(), limit.to_owned())]) })
        }
        "sysctl" => {
            let (name, value) = value.split_once('=')?;
            Some(Entry { key: "sysctls", value: Written::Pairs(vec![(name.to_owned(), value.to_owned())]) })
        }
        "env" => {
            let variable = line.variables.iter().find(|variable| variable.at.span == option.at.span)?;
            // What only hands the caller's own variable on stays a name.
            let handed = variable.from.as_deref() == Some(variable.name.as_str());
            let given = variable.value.clone().filter(|_| option.at.text.contains('=') && !handed);
            items("environment", given.map_or(variable.name.clone(), |value| format!("{}={value}", variable.name)))
        }
        "gpus" => {
            let request = line.gpus.iter().find(|request| request.at.span == option.at.span)?;
            Some(Entry { key: "gpus", value: gpus(request) })
        }
        name => {
            let (key, _) = PLAIN.iter().find(|(_, flag)| *flag == name)?;
            let value = if LISTS.contains(key) { Written::Items(vec![value]) } else { Written::One(value) };
            Some(Entry { key, value })
        }
    }
}

/// `all`, or one request as a map in a list.
fn gpus(request: &GpuRequest) -> Written {
    if request.count == Some(-1) && request.capabilities.is_empty() && request.driver.is_empty() {
        return Written::One("all".into());
    }
    let list = |words: &[String]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
    let mut fields = Vec::new();
    match request.count {
        Some(-1) => fields.push("count: all".to_owned()),
        Some(count) => fields.push(format!("count: {count}")),
        None => fields.push(format!("device_ids: [{}]", list(&request.devices))),
    }
    if !request.driver.is_empty() {
        fields.push(format!("driver: {}", scalar(&request.driver)));
    }
    if !request.capabilities.is_empty() {
        fields.push(format!("capabilities: [{}]", list(&request.capabilities)));
    }
    Written::One(format!("[{{{}}}]", fields.join(", ")))
}

impl Entry {
    fn join(&mut self, more: Written) {
        match (&mut self.value, more) {
            (Written::Items(items), Written::Items(more)) => items.extend(more),
            (Written::Pairs(pairs), Written::Pairs(more)) => pairs.extend(more),
            (value, more) => *value = more,
        }
    }

    /// The item alone, where it stands in the place of one; else the lines of the key.
    pub fn item_lines(&self) -> Vec<String> {
        match &self.value {
            Written::Items(items) => items.iter().map(|item| format!("- {}", item_text(self.key, item))).collect(),
            _ => self.lines(),
        }
    }

    /// The lines of the key, without the service's indentation.
    pub fn lines(&self) -> Vec<String> {
        let head = format!("{}:", self.key);
        match &self.value {
            Written::One(value) if value.starts_with("[{") => vec![format!("{head} {value}")],
            Written::One(value) => vec![format!("{head} {}", scalar(value))],
            Written::Items(items) => {
                let rows = items.iter().map(|item| format!("  - {}", item_text(self.key, item)));
                std::iter::once(head).chain(rows).collect()
            }
            Written::Pairs(pairs) => {
                let rows = pairs.iter().map(|(name, value)| format!("  {name}: {value}"));
                std::iter::once(head).chain(rows).collect()
            }
        }
    }
}

/// Ports are quoted, because YAML may read `60:80` as a number.
fn item_text(key: &str, item: &str) -> String {
    if ["ports", "group_add"].contains(&key) { quoted(item) } else { scalar(item) }
}

/// Bare where YAML takes it for the text that it is.
fn scalar(text: &str) -> String {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./=:,".contains(&b));
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'/');
    let bare = plain && first && !text.ends_with(':') && !["yes", "no", "on", "off", "null", "y", "n"].contains(&text);
    if bare { text.to_owned() } else { quoted(text) }
}

/// Double quotes of YAML are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}
