//! `gdoctor fleet`: many reports as one. Which cause is on which hosts, which hosts have other versions than most, who has not
//! been heard of. It only reads what `gdoctor --format json` and `gdoctor collect` wrote elsewhere.
//!
//! `read` finds the reports and makes a [`Member`] of each; [`Fleet::new`] counts; `text`, `page` and `machine` tell; `diff` holds two
//! against each other.

pub mod diff;
mod machine;
mod page;
mod read;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cli::FleetFormat;
use crate::host::clock;
use crate::policy;

pub use read::{Source, fleet_of, gather};

/// `$id` of `docs/gdoctor-fleet-1.json`, which `gdoctor schema fleet` prints.
pub const SCHEMA: &str = "https://gdoctor.dev/schema/gdoctor-fleet-1.json";
pub const FORMAT: &str = "gdoctor-fleet";

/// Field names are those of the published schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    #[serde(rename = "$schema")]
    pub schema: String,
    pub format: String,
    pub schema_version: String,
    pub generated_at: String,
    /// How many hosts are in each state; a state that none is in is missing.
    pub summary: BTreeMap<State, usize>,
    /// By name.
    pub hosts: Vec<Member>,
    /// The worst first, then those that most hosts have.
    pub causes: Vec<Cause>,
    /// What is installed, by what it is of: `driver`, `engine` …
    pub versions: Vec<Versions>,
    /// What was given and is no report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
    /// JSON of other programs in the folders that were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// Hosts that nobody expected, where names were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexpected: Vec<String>,
}

/// How a host stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Fail,
    Unknown,
    Warn,
    /// Its last report is too old to say how it stands.
    Stale,
    /// It was expected, and there is no report of it.
    Silent,
    Pass,
}

impl State {
    pub const ALL: [State; 6] = [State::Fail, State::Unknown, State::Warn, State::Stale, State::Silent, State::Pass];

    pub fn word(self) -> &'static str {
        match self {
            State::Fail => "fail",
            State::Unknown => "unknown",
            State::Warn => "warn",
            State::Stale => "stale",
            State::Silent => "silent",
            State::Pass => "pass",
        }
    }

    /// Behind a number of hosts.
    fn said(self, count: usize) -> &'static str {
        match (self, count) {
            (State::Fail, _) => "failed",
            (State::Unknown, _) => "could not be told",
            (State::Warn, _) => "warned",
            (State::Stale, 1) => "has an old report",
            (State::Stale, _) => "have an old report",
            (State::Silent, 1) => "is silent",
            (State::Silent, _) => "are silent",
            (State::Pass, 1) => "is well",
            (State::Pass, _) => "are well",
        }
    }

    /// What decides the exit code has not been seen.
    fn is_open(self) -> bool {
        matches!(self, State::Unknown | State::Stale | State::Silent)
    }
}

/// A host, as its newest report has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub name: String,
    pub state: State,
    /// When its report was made; empty of a silent one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generated_at: String,
    /// The file that it stands in; empty of standard input.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What no update of a host changes: its architecture, the first word of its system. To tell two of one name apart.
    #[serde(skip)]
    pub machine: String,
    /// By what they are of, as in [`Fleet::versions`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// What needs care, without what waits for another check or is waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub code: String,
    /// `fail`, `unknown` or `warn`.
    pub state: State,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    pub summary: String,
}

/// One code, and who has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    pub code: String,
    /// The worst that it is on a host.
    pub state: State,
    /// As most of these hosts say it.
    pub summary: String,
    /// As many other sentences are said of it.
    pub other_words: usize,
    pub hosts: Vec<String>,
}

/// What hosts have of one thing, the commonest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versions {
    pub of: String,
    pub values: Vec<Version>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    pub value: String,
    /// More than half of the hosts have another, and it is the same one.
    pub outlier: bool,
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unread {
    pub file: String,
    pub why: String,
}

/// What versions are told of, in this order; the fields of a report's `host`, and the gdoctor that made it.
pub const VERSIONS: [&str; 6] = ["system", "kernel", "driver", "toolkit", "engine", "gdoctor"];

/// Seconds that a host's clock may be ahead.
const SKEW: u64 = 600;

fn is_another(one: &Member, other: &Member) -> bool {
    !one.machine.is_empty() && !other.machine.is_empty() && one.machine != other.machine
}

impl Fleet {
    /// Of several reports of a host the newest counts. `expected` are names of hosts that should be there; `now` is in seconds
    /// since 1970.
    pub fn new(source: Source, expected: &[String], now: u64, stale: Duration) -> Self {
        let Source { mut members, mut unread, others } = source;
        let is_old = |at: &str| clock::unix(at).is_none_or(|made| now.saturating_sub(made) > stale.as_secs());
        // Times of one form, so that letters order them.
        members.sort_by(|one, other| other.generated_at.cmp(&one.generated_at));
        let mut newest: BTreeMap<String, Member> = BTreeMap::new();
        for member in members {
            let file = member.file.clone();
            let mut refuse = |why: String| unread.push(Unread { file: file.clone(), why });
            if clock::unix(&member.generated_at).is_some_and(|made| made > now + SKEW) {
                refuse(format!(
                    "it is dated in the future ({}), so nobody knows how {} stands: its clock or this one is wrong",
                    member.generated_at, member.name
                ));
                newest.entry(member.name.clone()).or_insert_with(|| Member::silent(&member.name));
                continue;
            }
            match newest.get(&member.name) {
                Some(kept) if kept.state != State::Silent => {
                    if !is_old(&member.generated_at) && is_another(kept, &member) {
                        refuse(format!(
                            "another machine is called {} too ({}): give each its own --label host=NAME",
                            member.name, member.machine
                        ));
                    }
                }
                _ => drop(newest.insert(member.name.clone(), member)),
            }
        }
        let names = newest.keys().filter(|name| !expected.is_empty() && !expected.contains(name));
        let unexpected: Vec<String> = names.cloned().collect();
        for name in expected.iter().filter(|name| !name.is_empty()) {
            newest.entry(name.clone()).or_insert_with(|| Member::silent(name));
        }
        let mut hosts: Vec<Member> = newest.into_values().collect();
        for host in hosts.iter_mut().filter(|host| host.state != State::Silent) {
            if is_old(&host.generated_at) {
                host.state = State::Stale;
            }
        }
        let mut summary = BTreeMap::new();
        hosts.iter().for_each(|host| *summary.entry(host.state).or_default() += 1);
        let heard: Vec<&Member> =
            hosts.iter().filter(|host| !matches!(host.state, State::Stale | State::Silent)).collect();
        Self {
            schema: SCHEMA.into(),
            format: FORMAT.into(),
            schema_version: "1.1".into(),
            generated_at: clock::rfc3339(now),
            summary,
            causes: causes(&heard),
            versions: VERSIONS.iter().filter_map(|of| versions(of, &heard)).collect(),
            hosts,
            unread,
            others,
            unexpected,
        }
    }

    pub fn rendered(&self, format: FleetFormat) -> String {
        match format {
            FleetFormat::Text => text::render(self),
            FleetFormat::Json => format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default()),
            FleetFormat::Html => page::render(self),
            FleetFormat::Md => text::markdown(self),
            FleetFormat::Junit => machine::junit(self),
            FleetFormat::Prom => machine::prom(self),
        }
    }

    /// As the exit codes of one host: 1 where one failed, 3 where something could not be told of one.
    pub fn exit_code(&self) -> u8 {
        if self.summary.contains_key(&State::Fail) {
            policy::FAILED
        } else if self.summary.keys().any(|state| state.is_open()) || !self.unread.is_empty() {
            policy::UNDETERMINED
        } else {
            policy::OK
        }
    }

    /// In a sentence: how many hosts stand how.
    fn verdict(&self) -> String {
        let states: Vec<String> = self.summary.iter().map(|(state, n)| format!("{n} {}", state.said(*n))).collect();
        let hosts = if self.hosts.len() == 1 { "host" } else { "hosts" };
        format!("{} {hosts}: {}", self.hosts.len(), states.join(", "))
    }

    fn in_state(&self, state: State) -> impl Iterator<Item = &Member> {
        self.hosts.iter().filter(move |host| host.state == state)
    }
}

impl Member {
    fn silent(name: &str) -> Self {
        Self {
            name: name.into(),
            state: State::Silent,
            generated_at: String::new(),
            file: String::new(),
            labels: BTreeMap::new(),
            machine: String::new(),
            versions: BTreeMap::new(),
            told: Vec::new(),
        }
    }
}

fn causes(hosts: &[&Member]) -> Vec<Cause> {
    struct Found<'a> {
        state: State,
        hosts: BTreeSet<&'a str>,
        words: BTreeMap<&'a str, usize>,
    }
    let mut by_code: BTreeMap<&str, Found> = BTreeMap::new();
    for host in hosts {
        for told in &host.told {
            let found = by_code.entry(&told.code).or_insert_with(|| Found {
                state: told.state,
                hosts: BTreeSet::new(),
                words: BTreeMap::new(),
            });
            found.state = found.state.min(told.state);
            found.hosts.insert(&host.name);
            *found.words.entry(&told.summary).or_default() += 1;
        }
    }
    let cause = |(code, found): (&str, Found)| Cause {
        code: code.into(),
        state: found.state,
        summary: found.words.iter().max_by_key(|(_, count)| **count).map_or("", |(words, _)| *words).into(),
        other_words: found.words.len().saturating_sub(1),
        hosts: found.hosts.into_iter().map(str::to_owned).collect(),
    };
    let mut causes: Vec<Cause> = by_code.into_iter().map(cause).collect();
    causes.sort_by_key(|cause| (cause.state, usize::MAX - cause.hosts.len()));
    causes
}

/// `None` where no host has any.
fn versions(of: &str, hosts: &[&Member]) -> Option<Versions> {
    let mut by_value: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for host in hosts {
        if let Some(value) = host.versions.get(of) {
            by_value.entry(value).or_default().push(host.name.clone());
        }
    }
    let mut values: Vec<(&str, Vec<String>)> = by_value.into_iter().collect();
    values.sort_by_key(|(_, hosts)| usize::MAX - hosts.len());
    let all: usize = values.iter().map(|(_, hosts)| hosts.len()).sum();
    let has_norm = values.first().is_some_and(|(_, most)| most.len() * 2 > all);
    let version = |(at, (value, hosts)): (usize, (&str, Vec<String>))| Version {
        value: value.into(),
        outlier: has_norm && at > 0,
        hosts,
    };
    let values: Vec<Version> = values.into_iter().enumerate().map(version).collect();
    (!values.is_empty()).then(|| Versions { of: of.into(), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn member(name: &str, state: State, day: u32, driver: &str) -> Member {
        let told = |state| Told {
            code: "docker-engine/stopped".into(),
            state,
            subject: String::new(),
            summary: "dockerd does not run.".into(),
        };
        Member {
            state,
            generated_at: format!("2026-11-{day:02}T12:00:00Z"),
            versions: BTreeMap::from([("driver".to_owned(), driver.to_owned())]),
            told: (state == State::Fail).then(|| told(state)).into_iter().collect(),
            ..Member::silent(name)
        }
    }

    #[test]
    fn the_newest_report_counts_and_old_ones_say_nothing() {
        let now = clock::unix("2026-11-30T12:00:00Z").unwrap();
        let members = vec![
            member("one", State::Fail, 29, "580.1"),
            member("one", State::Pass, 30, "580.1"),
            member("two", State::Fail, 30, "580.1"),
            member("three", State::Fail, 20, "570.1"),
            member("four", State::Pass, 30, "575.1"),
        ];
        let source = Source { members, ..Source::default() };
        let fleet = Fleet::new(source, &["two".into(), "five".into()], now, DAY);
        let states: Vec<(&str, State)> = fleet.hosts.iter().map(|host| (&*host.name, host.state)).collect();
        let expected = [
            ("five", State::Silent),
            ("four", State::Pass),
            ("one", State::Pass),
            ("three", State::Stale),
            ("two", State::Fail),
        ];
        assert_eq!(states, expected);
        assert_eq!(fleet.causes[0].hosts, ["two"]);
        let drivers = &fleet.versions[0].values;
        let told: Vec<(&str, bool, usize)> = drivers.iter().map(|v| (&*v.value, v.outlier, v.hosts.len())).collect();
        assert_eq!(told, [("580.1", false, 2), ("575.1", true, 1)]);
        assert_eq!(fleet.exit_code(), policy::FAILED);
    }
}
