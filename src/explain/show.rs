//! What was found, told to a person or as one JSON document.

use colored::Colorize;
use gdoctor_checks::model::fix::Fix;
use serde::Serialize;

use super::entries::Entry;
use super::find::Found;
use super::page::Page;
use super::rank::{self, Answer, Here};
use super::understood::Understood;
use super::values;
use crate::report::{self, FixWords, Outcome, Report};

/// `gdoctor explain --format json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub format: &'static str,
    pub schema_version: &'static str,
    /// True when checks were run on this host to rank the matches.
    pub looked: bool,
    /// Best first; empty when nothing is known.
    pub matches: Vec<Match>,
    /// What was understood of a text whose cause is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub understood: Vec<Understood>,
}

/// One cause.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    /// `docker-access/not-in-group`; `gdoctor explain` takes it.
    pub code: String,
    /// The check that can see it, or the note that tells of it.
    pub check: &'static str,
    /// False for a note: no check can see it on a host.
    pub checked: bool,
    pub summary: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What of the text it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub matched: String,
    /// What it was found by: a known message, or the conditions on one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why it has its score.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub line: u32,
    pub score: f32,
    pub here: Here,
    pub fixes: Vec<FixWords>,
    pub page: String,
    /// Something in it is named in capitals, because only a host has it.
    #[serde(skip)]
    open: bool,
    /// How it is told that this host has it.
    #[serde(skip)]
    sight: &'static str,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Document {
    /// `tags` are the host's, for the choice of commands.
    pub fn new(answers: &[Answer], mut understood: Vec<Understood>, looked: bool, tags: &[String]) -> Self {
        let matches: Vec<Match> = answers.iter().map(|answer| Match::new(answer, tags)).collect();
        if !matches.is_empty() {
            understood.clear();
        }
        Self { format: "gdoctor-explain", schema_version: "1.0", looked, matches, understood }
    }

    /// For a topic: all its codes.
    pub fn of_entries(entries: Vec<Entry>, report: Option<&Report>, tags: &[String]) -> Self {
        let one = |entry: &Entry| {
            let (here, outcome) = rank::here(entry, report);
            Match::of_entry(entry, tags, &report::Known::of(entry.id)).seen(here, outcome)
        };
        let (matches, looked) = (entries.iter().map(one).collect(), report.is_some());
        Self { format: "gdoctor-explain", schema_version: "1.0", looked, matches, understood: Vec::new() }
    }

    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The first cause of each message in full, its other causes in short; `verbose` tells why each has its place.
    pub fn text(&self, verbose: bool, mut page: Page) -> String {
        let mut told: Vec<&str> = Vec::new();
        for first in &self.matches {
            if told.iter().any(|told| is_same(told, &first.matched)) {
                continue;
            }
            told.push(&first.matched);
            let line = if first.line > 1 { format!("line {}: ", first.line) } else { String::new() };
            page.piece(0, format!("{}{}", line.dimmed(), first.matched.bold())).blank();
            let causes: Vec<&Match> = self.matches.iter().filter(|m| is_same(&m.matched, &first.matched)).collect();
            for (at, cause) in causes.iter().enumerate() {
                // What one fix mends is one cause, more or less far gone.
                if !verbose && causes[..at].iter().any(|before| before.stands_for(cause)) {
                    continue;
                }
                let same = causes[at + 1..].iter().filter(|later| !verbose && cause.stands_for(later));
                let codes: Vec<&str> =
                    [cause.code.as_str()].into_iter().chain(same.map(|one| one.code.as_str())).collect();
                cause.text(&mut page, at == 0, verbose, &codes.join(", "));
            }
            if let Some((words, look)) = self.look(&causes).or_else(|| first.filled_by()) {
                let look = page.look(&look);
                page.say(2, words).piece(6, look).blank();
            }
        }
        if self.matches.is_empty() {
            page.say(0, "Not known: gdoctor finds no cause by this text alone.");
            match self.understood.is_empty() {
                true => page.say(0, MISSING),
                false => page.say(0, "It understood this much:"),
            };
            for said in self.understood.iter().take(TOLD) {
                page.say(2, said.text());
            }
            let look = page.look("gdoctor");
            page.say(0, "Give all lines of the output, from the command that was typed; the first error tells most:");
            page.piece(4, "COMMAND 2>&1 | gdoctor explain -");
            page.say(0, "What is wrong on this machine:").piece(4, look);
        }
        page.whole()
    }
}

impl Document {
    /// How to tell several causes of one message apart, where it is not decided yet.
    fn look(&self, causes: &[&Match]) -> Option<(&'static str, String)> {
        let open: Vec<&Match> = causes.iter().copied().filter(|cause| cause.here == Here::Undetermined).collect();
        if causes.len() < 2 || open.is_empty() || causes.iter().any(|cause| cause.here == Here::Seen) {
            return None;
        }
        // What was looked at here and stayed open is judged by the run line alone.
        let asked = |cause: &&&Match| cause.checked && (!self.looked || cause.check.starts_with("run-line"));
        let mut checks: Vec<&str> = open.iter().filter(asked).map(|cause| cause.check).collect();
        checks.sort_unstable();
        checks.dedup();
        let of_podman = open.iter().filter(asked).all(|cause| rank::engine(&cause.code) == "podman");
        let command = rank::look_with(&checks, if of_podman { "podman" } else { "docker" })?;
        let words = match self.looked {
            true => "This tells whether it is the run line's:",
            false => "This tells which of them it is, on the host that said it:",
        };
        Some((words, command))
    }
}

/// What a text must have to be judged.
const MISSING: &str = "It does not say which program failed, and on what: a file, a port, a device, an image. gdoctor knows the \
    messages of Docker, Podman, NVIDIA's programs, X11, cameras and registries; of other programs it says nothing.";

/// So many statements are told where no cause is known.
const TOLD: usize = 5;

/// One message, of which the texts that are known hold more or less.
fn is_same(one: &str, other: &str) -> bool {
    one.contains(other) || other.contains(one)
}

impl Match {
    fn of_entry(entry: &Entry, tags: &[String], known: &report::Known) -> Self {
        let doc = entry.doc();
        let written: Vec<Fix> =
            entry.code.fixes.iter().filter_map(|reference| report::find_fix(&doc, reference)).collect();
        let fixes: Vec<FixWords> = written.iter().map(|fix| report::general_fix(fix, tags, known)).collect();
        Self {
            code: entry.name(),
            check: entry.id,
            checked: entry.check.is_some(),
            summary: report::general_words(&entry.code.sentence.replace('\n', " "), known),
            detail: report::general_words(&entry.code.detail.replace('\n', " "), known),
            open: super::code_page::is_open(&entry.code, &written, tags, known),
            sight: "",
            matched: String::new(),
            message: String::new(),
            why: Vec::new(),
            line: 0,
            score: 1.0,
            here: Here::Undetermined,
            page: fixes.first().map(|fix| fix.page.clone()).unwrap_or_default(),
            fixes,
        }
    }

    fn of_found(found: &Found, tags: &[String]) -> Self {
        Self {
            matched: found.matched.clone(),
            message: found.declared.to_owned(),
            why: found.why.clone(),
            line: found.line,
            score: (found.score * 1000.0).round() / 1000.0,
            ..Self::of_entry(&found.entry, tags, &values::named(found))
        }
    }

    fn new(answer: &Answer, tags: &[String]) -> Self {
        Self::of_found(&answer.found, tags).seen(answer.here, answer.outcome.as_ref())
    }

    /// With what the host shows of it.
    fn seen(mut self, here: Here, outcome: Option<&Outcome>) -> Self {
        self.here = here;
        if let Some(outcome) = outcome {
            self.summary.clone_from(&outcome.summary);
            self.detail.clone_from(&outcome.detail);
            self.open = false;
            self.sight = if here == Here::Seen { super::code_page::seen_here(outcome) } else { "" };
            if !outcome.fixes.is_empty() {
                self.fixes.clone_from(&outcome.fixes);
            }
        }
        self
    }

    /// The look that fills what is named in capitals.
    fn filled_by(&self) -> Option<(&'static str, String)> {
        let look = rank::look_with(&[self.check], rank::engine(&self.code)).filter(|_| self.open && self.checked)?;
        Some((super::code_page::FILLED_BY, look))
    }

    /// The other is told by it: of the same check, mended by the same, and neither is told otherwise by this host.
    fn stands_for(&self, other: &Self) -> bool {
        let fix = |cause: &Self| cause.fixes.first().map(|fix| fix.commands.clone());
        self.check == other.check && self.here == other.here && fix(self).is_some() && fix(self) == fix(other)
    }

    fn text(&self, page: &mut Page, whole: bool, verbose: bool, codes: &str) {
        let here = match (self.here, self.checked) {
            (Here::Seen, _) => self.sight.green().to_string(),
            (Here::RuledOut, _) => "  (not so on this host)".dimmed().to_string(),
            (Here::Undetermined, false) => "  (no check can see this on a host)".dimmed().to_string(),
            (Here::Undetermined, true) => String::new(),
        };
        page.piece(2, format!("{}{here}", codes.bold())).say(4, &self.summary);
        if verbose {
            page.say(4, format!("{} {:.2}: {}", "score".dimmed(), self.score, self.why.join(", ")));
            page.piece(4, format!("{} {}", "by".dimmed(), self.message));
        }
        if !whole {
            if let Some(fix) = self.fixes.first() {
                page.say(4, format!("{} {}", "fix".dimmed(), fix.title));
            }
            page.blank();
            return;
        }
        if !self.detail.is_empty() {
            page.say(4, &self.detail);
        }
        for fix in &self.fixes {
            page.blank().say(4, fix.headed(&fix.title));
            for command in &fix.commands {
                page.piece(8, command.cyan());
            }
            for note in &fix.notes {
                page.say(6, note);
            }
            for (label, step) in fix.afterwards() {
                page.step(6, label, step);
            }
            page.piece(6, &fix.page);
        }
        page.blank();
    }
}
