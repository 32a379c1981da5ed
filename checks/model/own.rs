//! A site's own check as data: its words, what it looks at, and what each answer means. `src/own` reads these from files and does
//! the looks; [`super::facts::own`] has what was seen.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::place;

/// Who it is and what it says: what a report needs of it, also far from where it was looked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    #[serde(serialize_with = "place::word")]
    pub id: String,
    #[serde(serialize_with = "place::word")]
    pub family: String,
    /// What holds when it passes: "the licence server answers".
    pub title: String,
    #[serde(default)]
    pub why: String,
    /// For its family's line on the first screen.
    #[serde(default)]
    pub short: String,
    /// What it looks at, in words.
    pub looks: String,
    /// Where it applies, in words; empty: everywhere.
    #[serde(default)]
    pub applies: String,
    /// Where it is written.
    pub by: Origin,
    /// What a command needs to find it: ` --checks DIR`, or nothing. `None`: it is another machine's.
    #[serde(skip)]
    pub given: Option<String>,
    /// Each answer that it can give. The first is "it holds", the second "it does not".
    pub outcomes: Vec<Outcome>,
}

/// What one answer means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// A code of the check: `ok`, `failed`, or what a program calls it.
    #[serde(serialize_with = "place::word")]
    pub code: String,
    pub is: Is,
    /// The sentence, with `{seen}`, `{subject}`.
    pub says: String,
    #[serde(default)]
    pub fix: Option<Remedy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Is {
    Pass,
    Warn,
    Fail,
    Skip,
}

impl Is {
    pub const ALL: [Is; 4] = [Is::Pass, Is::Warn, Is::Fail, Is::Skip];

    pub fn word(self) -> &'static str {
        match self {
            Is::Pass => "pass",
            Is::Warn => "warn",
            Is::Fail => "fail",
            Is::Skip => "skip",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|is| is.word() == word)
    }
}

/// What mends it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Remedy {
    pub title: String,
    /// A line each.
    pub commands: Vec<String>,
    /// By the words of [`super::fix::Risk`].
    #[serde(serialize_with = "place::word")]
    pub risk: Vec<String>,
    pub verify: String,
    pub undo: String,
    pub page: String,
}

/// One that is to be looked at in this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub own: Own,
    /// All of these hold, or it does not apply.
    pub when: Vec<Look>,
    pub ask: Ask,
    /// Milliseconds that it may take.
    pub deadline: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// All of these hold.
    Looks(Vec<Look>),
    Program(Program),
}

/// One thing and what shall hold of it. What the words mean is told by the table of `src/own/kinds.rs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    #[serde(serialize_with = "place::word")]
    pub kind: String,
    /// What it is about: `path` and `/data`.
    pub target: Vec<Pair>,
    pub wants: Vec<Pair>,
}

/// A key and its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    #[serde(serialize_with = "place::word")]
    pub key: String,
    pub values: Vec<String>,
}

impl Look {
    /// The first value of what it is about; empty where it is not named.
    pub fn target(&self, key: &str) -> &str {
        let named = self.target.iter().find(|pair| pair.key == key);
        named.and_then(|pair| pair.values.first()).map_or("", String::as_str)
    }
}

/// A program that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its path, then its arguments.
    pub run: Vec<String>,
    pub answers: Answers,
    /// The most bytes that it may write.
    pub output: u64,
    /// Variables of gdoctor's own environment that it gets.
    pub environment: Vec<String>,
}

/// How a program tells what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// 0: it holds; any other number: it does not.
    ExitCode,
    /// 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and a line.
    Nagios,
    /// One JSON document.
    Json,
}

impl Answers {
    pub const ALL: [Answers; 3] = [Answers::ExitCode, Answers::Nagios, Answers::Json];

    pub fn word(self) -> &'static str {
        match self {
            Answers::ExitCode => "exit-code",
            Answers::Nagios => "nagios",
            Answers::Json => "json",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answers| answers.word() == word)
    }
}
