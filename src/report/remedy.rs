//! A fix in a report: what to type, what it does to the host, and what follows it.

use std::fmt;

use gdoctor_checks::model::fix::{Edit, Risk, Step};
use serde::Serialize;

use super::words;

/// What mends a finding on this host.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FixWords {
    pub title: String,
    /// Lines to paste into a shell, in order.
    pub commands: Vec<String>,
    pub risks: Vec<&'static str>,
    pub notes: Vec<String>,
    /// How to see that it worked; never empty in a report.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<Step<String>>,
    /// Commands that take back what it changes, or a sentence that says why none does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<Step<String>>,
    pub needs_root: bool,
    pub page: String,
    /// The commands are the run line, changed.
    #[serde(skip)]
    pub changes_line: bool,
    /// Addresses at which everybody who reaches them is root on this host once it is done, and nobody is now.
    #[serde(skip)]
    pub opens: String,
    /// None: what it changes is not told, or not in the very words that are printed.
    #[serde(skip)]
    pub touches: Option<Touches>,
}

/// What a fix's commands change, as its document says.
#[derive(Clone, Debug, PartialEq)]
pub struct Touches {
    /// `~/` is the user's home.
    pub writes: Vec<String>,
    /// A package manager brings packages besides.
    pub packages: bool,
    /// In the places of the commands that open an editor or have sed change a file.
    pub edits: Vec<Edit<String>>,
}

/// What [`FixWords::afterwards`] calls its lines.
pub const CHECK_IT: &str = "Check it worked";
pub const UNDO: &str = "Undo";

/// `Stop it (needs root)`; of a site's own fix nobody may have said what it does.
pub fn headed(title: impl fmt::Display, risks: &[&str]) -> String {
    if risks.is_empty() { title.to_string() } else { format!("{title} ({})", risks.join(", ")) }
}

impl FixWords {
    /// The page, where it is one: an own check without a page has the place where it is written.
    pub fn link(&self) -> Option<&str> {
        Some(self.page.as_str()).filter(|page| page.starts_with("https://") || page.starts_with("http://"))
    }

    /// Its title, with what it does to the host where that is known.
    pub fn headed(&self, title: impl fmt::Display) -> String {
        headed(title, &self.risks)
    }

    /// Its commands only look: the reader does what the title says.
    pub fn is_by_hand(&self) -> bool {
        self.risks.contains(&Risk::Looks.words())
    }

    /// How to see that it worked, where its commands try it by themselves, in a container or in surroundings that they make: another
    /// look at the host sees nothing of that.
    pub fn tried(&self) -> Option<&'static str> {
        const TESTS: [&str; 3] = [" test -", "xvfb-run ", " gdoctor "];
        const STARTS: [&str; 4] = ["docker run ", "podman run ", "docker build ", "docker compose up"];
        let any = |words: &[&str]| {
            let mut own = self.commands.iter().filter(|command| *command != words::YOUR_OWN);
            own.any(|command| words.iter().any(|words| command.contains(words)))
        };
        match (any(&TESTS), any(&STARTS)) {
            (true, _) => Some("The command above ends without an error."),
            (false, true) => Some("Start again what failed: the error is gone."),
            (false, false) => None,
        }
    }

    /// What follows the commands in every format: how to see that it worked, how to take it back.
    pub fn afterwards(&self) -> impl Iterator<Item = (&'static str, &Step<String>)> {
        let says = |risk: Risk| self.risks.contains(&risk.words());
        // A shell that has the new group already is part of some fixes.
        let in_new_shell = self.commands.iter().any(|command| command.starts_with("newgrp "));
        let label = match () {
            () if says(Risk::Reboot) => "After a restart",
            () if says(Risk::LogInAgain) && !in_new_shell => "After a login",
            () => CHECK_IT,
        };
        let verify = self.verify.iter().map(move |step| (label, step));
        verify.chain(self.undo.iter().map(|step| (UNDO, step)))
    }
}
