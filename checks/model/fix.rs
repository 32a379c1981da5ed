//! A fix as its `doc.md` tells it: commands for one family of hosts or another, their risk, and the official page.

use alloc::string::String;
use alloc::vec::Vec;

/// What running the commands does to the host. Printed beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Changes nothing that matters to anybody else.
    Safe,
    NeedsRoot,
    /// Running containers stop unless live-restore is on.
    RestartsDocker,
    LogInAgain,
    Reboot,
    /// Deletes data.
    Destructive,
}

impl Risk {
    pub const ALL: [Risk; 6] =
        [Risk::Safe, Risk::NeedsRoot, Risk::RestartsDocker, Risk::LogInAgain, Risk::Reboot, Risk::Destructive];

    /// The words of `- risk:` lines.
    pub fn words(self) -> &'static str {
        match self {
            Risk::Safe => "safe",
            Risk::NeedsRoot => "needs root",
            Risk::RestartsDocker => "restarts Docker",
            Risk::LogInAgain => "log in again",
            Risk::Reboot => "reboot",
            Risk::Destructive => "destructive",
        }
    }

    pub fn from_words(words: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.words() == words)
    }
}

/// One fence of a fix.
#[derive(Clone, Debug, PartialEq)]
pub struct Commands<'a> {
    /// Tags behind `sh`: all of them must be among the host's tags (`debian`, `systemd`, `snap` …) for the fence to apply.
    pub tags: Vec<&'a str>,
    /// The lines between the fence marks, with `{placeholders}`.
    pub text: &'a str,
}

/// One line beside the commands, tagged as fences are.
#[derive(Clone, Debug, PartialEq)]
pub struct Note<'a> {
    pub tags: Vec<&'a str>,
    pub text: &'a str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fix<'a> {
    pub name: &'a str,
    /// An imperative sentence: "Add the user to the docker group".
    pub title: &'a str,
    pub commands: Vec<Commands<'a>>,
    pub risks: Vec<Risk>,
    /// What to know before or after, a sentence each.
    pub notes: Vec<Note<'a>>,
    /// A command of an ordinary program that shows that the fix worked.
    pub verify: Vec<Note<'a>>,
    /// Commands that take back what the fix's changed, or a sentence, with a capital letter, that says why none does.
    pub undo: Vec<Note<'a>>,
    /// The official page that the commands come from.
    pub page: &'a str,
}

impl<'a> Fix<'a> {
    /// The fences that apply to a host with these tags: all whose tags it has. If a tagged fence applies, it is taken in
    /// the place where it stands, so that steps keep their order.
    pub fn commands_for(&self, host_tags: &[String]) -> Vec<&'a str> {
        self.commands.iter().filter(|fence| hold(&fence.tags, host_tags)).map(|fence| fence.text).collect()
    }
}

fn hold(tags: &[&str], host_tags: &[String]) -> bool {
    tags.iter().all(|tag| host_tags.iter().any(|t| t == tag))
}

/// The lines that apply to a host with these tags.
pub fn notes_for<'a>(notes: &[Note<'a>], host_tags: &[String]) -> Vec<&'a str> {
    notes.iter().filter(|note| hold(&note.tags, host_tags)).map(|note| note.text).collect()
}
