//! Reads tables of cases: need and facts as TOML, merged over a named base, with the findings they must give.
#![allow(dead_code)] // each test program uses its own part

use std::collections::BTreeMap;
use std::path::Path;

use gdoctor::need::{dockerfile, run_line};
use gdoctor::policy;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::finding::{Finding, Verdict};
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::run::RunLine;
use serde::Deserialize;
use toml::{Table as Toml, Value};

pub struct Table {
    pub cases: Vec<Case>,
}

pub struct Case {
    pub name: String,
    /// Ids of the collection of reported failures that this row stands for.
    pub corpus: Vec<String>,
    pub need: Need,
    pub facts: Facts,
    pub expect: Vec<String>,
    /// Values that a finding must have, where the row is about what is said.
    pub values: BTreeMap<String, String>,
    /// Evidence that a finding must have: `source: value`, or the value where nobody gave the source.
    pub saw: Vec<String>,
    /// The run line with the edits of all findings, where the row is about them.
    pub corrected: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Other tables whose bases may be used here, as paths from the repository's root.
    #[serde(default)]
    import: Vec<String>,
    #[serde(default)]
    base: BTreeMap<String, RawBase>,
    #[serde(default)]
    case: Vec<RawCase>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawBase {
    base: Bases,
    need: Toml,
    facts: Toml,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    #[serde(default)]
    corpus: Vec<String>,
    #[serde(flatten)]
    over: RawOver,
    expect: Vec<String>,
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    saw: Vec<String>,
    #[serde(default)]
    corrected: Option<String>,
}

#[derive(Deserialize)]
struct RawOver {
    /// A `docker run` line, as pasted; its wishes are added to the need.
    #[serde(default)]
    line: Option<String>,
    /// The text of a Dockerfile.
    #[serde(default)]
    dockerfile: Option<String>,
    /// What the line's variables stand for.
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    base: Bases,
    #[serde(default)]
    need: Toml,
    #[serde(default)]
    facts: Toml,
}

/// One name or a list of names; later ones are merged over earlier ones.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Bases {
    One(String),
    Many(Vec<String>),
}

impl Default for Bases {
    fn default() -> Self {
        Bases::Many(Vec::new())
    }
}

impl Bases {
    fn names(&self) -> Vec<&str> {
        match self {
            Bases::One(name) => vec![name],
            Bases::Many(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

impl Table {
    /// `path` from the repository's root. Panics with the file's name: a table that cannot be read is a broken test.
    pub fn read(path: &str) -> Self {
        let raw = Raw::read(path);
        let mut bases = raw.base.clone();
        for import in &raw.import {
            bases.extend(Raw::read(import).base);
        }
        let cases = raw
            .case
            .into_iter()
            .map(|case| {
                let (need, facts) = resolve(&bases, &case.over.base, case.over.need, case.over.facts);
                let at = |what: &str, error: &dyn std::fmt::Display| -> ! {
                    panic!("{path}: case {:?}: {what}: {error}", case.name)
                };
                let mut need: Need = Value::Table(need).try_into().unwrap_or_else(|error| at("need", &error));
                if let Some(text) = &case.over.dockerfile {
                    let read = dockerfile::parse("Dockerfile", text, None, &[]);
                    dockerfile::add(&mut need, read.unwrap_or_else(|wrong| panic!("{path}: {wrong:?}")));
                }
                if let Some(line) = &case.over.line {
                    run_line::add(&mut need, parse_line(line, &case.over.env));
                }
                Case {
                    need,
                    facts: Value::Table(facts).try_into().unwrap_or_else(|error| at("facts", &error)),
                    name: case.name.clone(),
                    corpus: case.corpus.clone(),
                    expect: case.expect.clone(),
                    values: case.values.clone(),
                    saw: case.saw.clone(),
                    corrected: case.corrected.clone(),
                }
            })
            .collect();
        Self { cases }
    }
}

/// The bases of a TOML file whose key `base` holds them.
pub struct Shelf(BTreeMap<String, RawBase>);

impl Shelf {
    pub fn read(path: &str) -> Self {
        #[derive(Deserialize)]
        struct Bases {
            base: BTreeMap<String, RawBase>,
        }
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        let read: Bases = toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self(read.base)
    }

    /// The facts of the bases of these names, laid over each other in this order.
    pub fn facts(&self, names: &[String]) -> Facts {
        let (_, facts) = resolve(&self.0, &Bases::Many(names.to_vec()), Toml::new(), Toml::new());
        Value::Table(facts).try_into().unwrap_or_else(|error| panic!("{names:?}: {error}"))
    }
}

/// A line as it would be pasted in /home/me by the user 1000. Panics when it cannot be read.
pub fn parse_line(line: &str, env: &BTreeMap<String, String>) -> RunLine {
    let variable = |name: &str| env.get(name).cloned();
    let list = |folder: &str| (folder == "/dev").then(|| ["null", "video0", "video1"].map(str::to_owned).into());
    let exists = |path: &str| ["/dev"].contains(&path).then_some(true);
    let shell = run_line::Shell {
        variable: &variable,
        passed: &variable,
        cwd: "/home/me",
        home: Some("/home/me"),
        uid: Some(1000),
        gid: Some(1000),
        list: &list,
        exists: &exists,
        ..run_line::Shell::BARE
    };
    run_line::parse_one(line, &shell).unwrap_or_else(|wrong| panic!("{line}: {wrong:?}"))
}

impl Raw {
    fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
            .unwrap_or_else(|e| panic!("{path}: {e}"));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

fn resolve(bases: &BTreeMap<String, RawBase>, names: &Bases, need: Toml, facts: Toml) -> (Toml, Toml) {
    let (mut all_need, mut all_facts) = (Toml::new(), Toml::new());
    for name in names.names() {
        let parent = bases.get(name).unwrap_or_else(|| panic!("no base is named {name:?}")).clone();
        let (base_need, base_facts) = resolve(bases, &parent.base, parent.need, parent.facts);
        merge(&mut all_need, base_need);
        merge(&mut all_facts, base_facts);
    }
    merge(&mut all_need, need);
    merge(&mut all_facts, facts);
    (all_need, all_facts)
}

/// Tables merge key by key; a fact (`is`, `absent`, `unknown`), a flag as the origin of a wish, and everything that is no
/// table is replaced whole.
fn merge(into: &mut Toml, over: Toml) {
    for (key, value) in over {
        let is_fact = |t: &Toml| ["is", "absent", "unknown", "flag"].iter().any(|k| t.contains_key(*k));
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if !is_fact(&new) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// `fail not-in-group (join-group)`, `warn in-use 8080/tcp (choose-another)`, `unknown timed-out`, `pass found`.
pub fn line_of(finding: &Finding) -> String {
    let status = policy::status(finding).word();
    let subject = if finding.subject.is_empty() { String::new() } else { format!(" {}", finding.subject) };
    match &finding.verdict {
        Verdict::Warn(fix) | Verdict::Fail(fix) => format!("{status} {}{subject} ({fix})", finding.code),
        Verdict::Unknown(gap) => {
            let gap = match serde_json::to_value(gap).unwrap_or_default() {
                serde_json::Value::String(word) => word,
                serde_json::Value::Object(map) => {
                    map.into_iter()
                        .next()
                        .map(|(word, detail)| {
                            if word == "blocked-by" {
                                format!("{word} {}", detail.as_str().unwrap_or(""))
                            } else {
                                word
                            }
                        })
                        .unwrap_or_default()
                }
                _ => String::new(),
            };
            format!("{status} {gap}{subject}")
        }
        Verdict::Pass | Verdict::NotNeeded => format!("{status} {}{subject}", finding.code),
    }
}

/// Every table of whole hosts.
pub fn host_files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<String> = std::fs::read_dir(root.join("tests/hosts"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| format!("tests/hosts/{}", entry.file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    files
}
