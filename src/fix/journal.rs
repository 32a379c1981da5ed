//! What was done to this host, and what stood there before: one file a fix, a JSON record a line, each on the disk before what it
//! tells of begins. What a kill leaves is read as far as it goes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gdoctor_checks::model::fix::Step;
use serde::{Deserialize, Serialize};

use super::hand::Hand;
use crate::host::ledger::{Ledger, Shelf};
use crate::host::state::State;
use crate::host::{Host, clock};

/// Where root's lies.
const OF_ROOT: &str = "/var/lib/gdoctor";

/// Paths with what stands there.
pub type States = BTreeMap<String, State>;

/// One line of a fix's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "one at a time is written or read")]
pub enum Record {
    /// Nothing is changed yet.
    Begun {
        at: String,
        code: String,
        subject: String,
        title: String,
        /// As they are going to be done.
        actions: Vec<String>,
        /// Those that make a service read what was given back.
        rereads: Vec<String>,
        /// Services that it starts, or that taking it back starts, and that did not run before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        down: Vec<String>,
        /// Packages that were not there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        installs: Vec<String>,
        undo: Vec<Line>,
        /// Root's files were reached by sudo.
        by_sudo: bool,
        before: States,
        /// The folders that these lie in: disabling the last unit takes its folder away.
        folders: States,
    },
    /// This action comes now; `after` is what an edit is going to leave.
    Doing {
        action: usize,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        after: States,
    },
    /// It has ended; `changed` stands there now.
    Did {
        action: usize,
        end: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        changed: States,
    },
    Ended {
        told: String,
    },
    /// Taking back begins; `found` is what stood there just before.
    Undoing {
        at: String,
        found: States,
    },
    Undone {
        told: String,
        left: Vec<String>,
        /// Not all files stand as before: it can be taken back once more.
        #[serde(default)]
        again: bool,
    },
}

/// A line of `undo` as a document tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    Command(String),
    Sentence(String),
}

impl Line {
    pub fn command(&self) -> Option<&str> {
        match self {
            Self::Command(text) => Some(text),
            Self::Sentence(_) => None,
        }
    }
}

impl From<&Step<String>> for Line {
    fn from(step: &Step<String>) -> Self {
        match step {
            Step::Command(text) => Self::Command(text.clone()),
            Step::Sentence(text) => Self::Sentence(text.clone()),
        }
    }
}

/// How far a fix came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stood {
    /// Everything that it was to do was done, or its failure was told.
    Ended,
    /// gdoctor was ended in the midst of it.
    Midway,
    Undone,
    /// Taken back but for files that could not be given back, or that others had changed.
    PartlyUndone,
    /// gdoctor was ended while it was taken back.
    MidwayBack,
}

impl Stood {
    /// It was taken back, as far as that could be done.
    pub fn is_back(self) -> bool {
        matches!(self, Self::Undone | Self::PartlyUndone)
    }
}

/// One fix's file, read.
#[derive(Debug)]
pub struct Entry {
    pub id: String,
    pub at: String,
    pub code: String,
    pub subject: String,
    pub title: String,
    /// What it did, in words; a command is its own.
    pub actions: Vec<String>,
    pub rereads: Vec<String>,
    pub down: Vec<String>,
    pub installs: Vec<String>,
    pub undo: Vec<Line>,
    pub hand: Hand,
    pub before: States,
    pub folders: States,
    /// What the fix left, as far as it was seen.
    pub after: States,
    pub stood: Stood,
    /// The action that was under way, in words.
    pub under_way: Option<String>,
    pub told: String,
    /// It is being done, or taken back, right now.
    pub is_at_work: bool,
}

/// Root's journal, or this user's own. None without a home.
pub fn folder(host: &Host) -> Option<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return Some(PathBuf::from(OF_ROOT).join("fixes"));
    }
    let state = host.env("XDG_STATE_HOME").filter(|path| path.starts_with('/')).map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(host.env("HOME")?).join(".local/state")));
    Some(state?.join("gdoctor/fixes"))
}

/// `20261129-193005`, for the name of a file.
pub fn name_of_now() -> String {
    let at = clock::rfc3339(clock::unix_seconds());
    let digits = |part: &str| part.chars().filter(char::is_ascii_digit).collect::<String>();
    format!("{}-{}", digits(&at[..10]), digits(&at[10..19]))
}

pub fn write(ledger: &mut Ledger, record: &Record) -> Result<(), String> {
    ledger.add(&serde_json::to_string(record).map_err(|why| why.to_string())?)
}

/// Every fix that was done, the oldest first. A file in which nothing was begun tells of nothing.
pub fn entries(shelf: &Shelf) -> Vec<Entry> {
    let entry = |name: String| {
        let entry = read(&name, &shelf.read(&name).ok()?)?;
        Some(Entry { is_at_work: shelf.is_held(&name), ..entry })
    };
    shelf.names().into_iter().filter_map(entry).collect()
}

fn read(id: &str, bytes: &[u8]) -> Option<Entry> {
    // What has no newline behind it, or was cut off, is no record.
    let text = String::from_utf8_lossy(bytes);
    let mut records = text.lines().filter_map(|line| serde_json::from_slice::<Record>(line.as_bytes()).ok());
    let Some(Record::Begun {
        at,
        code,
        subject,
        title,
        actions,
        rereads,
        down,
        installs,
        undo,
        by_sudo,
        before,
        folders,
    }) = records.next()
    else {
        return None;
    };
    let mut entry = Entry {
        id: id.to_owned(),
        at,
        code,
        subject,
        title,
        actions,
        rereads,
        down,
        installs,
        undo,
        hand: if by_sudo { Hand::BySudo } else { Hand::Own },
        after: before.clone(),
        before,
        folders,
        stood: Stood::Midway,
        under_way: None,
        told: String::new(),
        is_at_work: false,
    };
    for record in records {
        match record {
            Record::Begun { .. } => {}
            Record::Doing { action, after } => {
                entry.after.extend(after);
                entry.under_way = entry.actions.get(action).cloned();
            }
            Record::Did { changed, .. } => {
                entry.after.extend(changed);
                entry.under_way = None;
            }
            Record::Ended { told } => (entry.stood, entry.told) = (Stood::Ended, told),
            Record::Undoing { .. } => entry.stood = Stood::MidwayBack,
            // What a fix told stays: it says what its commands have to do.
            Record::Undone { again: true, .. } => entry.stood = Stood::PartlyUndone,
            Record::Undone { told, .. } => (entry.stood, entry.told) = (Stood::Undone, told),
        }
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> State {
        State::File { bytes: text.into(), uid: 0, gid: 0, mode: 0o644, access: Vec::new(), label: Vec::new() }
    }

    fn records() -> Vec<u8> {
        let path = || "/etc/x".to_owned();
        let records = [
            Record::Begun {
                at: "2026-11-29T19:30:05Z".into(),
                code: "a/b".into(),
                subject: String::new(),
                title: "Mend".into(),
                actions: vec!["edit".into(), "restart".into()],
                rereads: vec!["restart".into()],
                down: Vec::new(),
                installs: Vec::new(),
                undo: vec![Line::Sentence("Not needed".into())],
                by_sudo: false,
                before: States::from([(path(), State::Absent)]),
                folders: States::new(),
            },
            Record::Doing { action: 0, after: States::from([(path(), file("{}"))]) },
            Record::Did { action: 0, end: "0".into(), changed: States::from([(path(), file("{}"))]) },
            Record::Doing { action: 1, after: States::new() },
            Record::Did { action: 1, end: "0".into(), changed: States::new() },
            Record::Ended { told: String::new() },
        ];
        let line = |record: &Record| format!("{}\n", serde_json::to_string(record).unwrap());
        records.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn a_journal_cut_anywhere_tells_where_it_stood() {
        let whole = records();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for end in 0..=whole.len() {
            let entry = read("id", &whole[..end]);
            assert_eq!(entry.is_some(), end >= first, "{end}");
            let Some(entry) = entry else { continue };
            assert_eq!(entry.before["/etc/x"], State::Absent);
            assert_eq!(entry.stood == Stood::Ended, end >= whole.len() - 1, "{end}");
        }
        let entry = read("id", &whole).unwrap();
        assert_eq!((entry.after["/etc/x"].clone(), entry.under_way), (file("{}"), None));
        // A line that was cut off, and one behind it.
        let torn = [&whole[..whole.len() - 4], b"\n{\"record\":\"undone\",\"told\":\"\",\"left\":[]}\n"].concat();
        assert_eq!(read("id", &torn).unwrap().stood, Stood::Undone);
    }
}
