//! What a run of `fix` tells: each step and what came of it, for a person, and all of them as one JSON document.

use std::fmt::Write;

use colored::Colorize;
use gdoctor_checks::model::fix::Step as Afterwards;
use serde::Serialize;

use super::apply::Failure;
use super::journal::{Entry, Stood};
use super::plan::{Action, Step};
use super::undo::TakenBack;
use crate::policy::Status;
use crate::report::{Gate, Tool, headed};

/// `$id` of `docs/gdoctor-fix-1.json`, which `gdoctor schema fix` prints.
const SCHEMA: &str = "https://gdoctor.dev/schema/gdoctor-fix-1.json";

/// `gdoctor fix --format json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    #[serde(rename = "$schema")]
    schema: &'static str,
    format: &'static str,
    schema_version: &'static str,
    tool: Tool,
    generated_at: String,
    /// Those that were done, in their order.
    done: Vec<Done>,
    /// What is told now, with what could be done about it.
    steps: Vec<Step>,
    exit_code: u8,
}

#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    step: Step,
    result: Result,
}

impl Document {
    pub fn new(generated_at: String, done: Vec<(Step, Result)>, steps: Vec<Step>, exit_code: u8) -> Self {
        let done = done.into_iter().map(|(step, result)| Done { step, result }).collect();
        let (format, schema_version) = ("gdoctor-fix", "1.0");
        Self { schema: SCHEMA, format, schema_version, tool: Tool::this(), generated_at, done, steps, exit_code }
    }

    pub fn json(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default())
    }
}

/// What came of a step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Result {
    outcome: Came,
    /// What `--undo` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Files that are not as they were.
    changed: Vec<String>,
    /// What the checks that it was for tell instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    told: Vec<String>,
    /// The action that failed, how, and what it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Failed>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    #[serde(skip_serializing_if = "String::is_empty")]
    action: String,
    why: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    output: String,
    /// The code that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Came {
    Mended,
    /// All was done, and something is told all the same.
    Told,
    Failed,
}

/// As many lines of a failed command's output are told.
const OUTPUT_LINES: usize = 20;

impl Result {
    pub fn done(id: String, changed: Vec<String>, told: Vec<String>) -> Self {
        let outcome = if told.is_empty() { Came::Mended } else { Came::Told };
        Self { outcome, id: Some(id), changed, told, failed: None }
    }

    pub fn failed(id: Option<String>, changed: Vec<String>, failure: &Failure, explained: Option<String>) -> Self {
        let gate = Gate::default();
        let lines: Vec<String> = failure.output.trim_end().lines().map(|line| gate.text(line)).collect();
        let output = lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n");
        let (action, why) = (gate.text(&failure.action), gate.text(&failure.end));
        let failed = Failed { action, why, output, explained };
        Self { outcome: Came::Failed, id, changed, told: Vec::new(), failed: Some(failed) }
    }

    /// What is told after a failure.
    pub fn with_told(self, told: Vec<String>) -> Self {
        Self { told, ..self }
    }

    pub fn refused(why: &str) -> Self {
        let failure = Failure { action: String::new(), end: why.to_owned(), output: String::new() };
        Self::failed(None, Vec::new(), &failure, None)
    }

    pub fn is_failure(&self) -> bool {
        self.outcome == Came::Failed
    }

    pub fn words(&self) -> String {
        let mut out = String::new();
        match (&self.failed, self.outcome) {
            (Some(failed), _) => {
                let what = if failed.action.is_empty() { String::new() } else { format!("{} ", failed.action) };
                let _ = writeln!(out, "Failed: {what}{}", failed.why);
                failed.output.lines().for_each(|line| {
                    let _ = writeln!(out, "    {line}");
                });
                if let Some(code) = &failed.explained {
                    let _ = writeln!(out, "What that means: gdoctor explain {code}");
                }
                if self.told.is_empty() {
                    out.push_str("Yet the checks that it was for have nothing more to tell.\n");
                }
            }
            (None, Came::Mended) => out.push_str("Mended: the checks that it was for have nothing more to tell.\n"),
            (None, _) => {
                out.push_str("Done. What is told now:\n");
                self.told.iter().for_each(|line| {
                    let _ = writeln!(out, "    {line}");
                });
            }
        }
        if !self.changed.is_empty() {
            let _ = writeln!(out, "Changed: {}", self.changed.join(", "));
        }
        if let Some(id) = &self.id {
            let _ = writeln!(out, "To take it back: gdoctor fix --undo {id}");
        }
        out
    }
}

/// What no undo of a package gives back.
const SCRIPTS: &str = "What their own scripts did besides, such as users and data that they made, stays.";

/// A step as it is shown before anything is done. `number` counts from 1.
pub fn step_text(step: &Step, number: usize, width: usize) -> String {
    let mut out = String::new();
    for (index, cause) in step.causes.iter().enumerate() {
        let number = if index == 0 { format!("{number:>2}") } else { "  ".to_owned() };
        let word = match cause.status {
            Status::Fail => cause.status.word().to_uppercase().red().bold(),
            _ => cause.status.word().to_uppercase().yellow().bold(),
        };
        let subject = if cause.subject.is_empty() { String::new() } else { format!("  {}", cause.subject) };
        let _ = writeln!(out, "{number}  {word}  {}{subject}", cause.code);
        paragraph(&mut out, "    ", &cause.summary, width);
    }
    let _ = writeln!(out, "    {}", headed(step.title.bold(), &step.risks));
    for action in &step.actions {
        match action {
            Action::Run { command, as_user, differences } => {
                let _ = writeln!(out, "        {command}{}", whose(as_user));
                for difference in differences {
                    let _ = writeln!(out, "            {}:", difference.path);
                    difference.lines.iter().for_each(|line| {
                        let _ = writeln!(out, "            {line}");
                    });
                }
            }
            Action::Edit { path, change, as_user, difference, .. } => {
                let _ = writeln!(out, "        edit {path}: {change}{}", whose(as_user));
                difference.iter().for_each(|line| {
                    let _ = writeln!(out, "            {line}");
                });
            }
        }
    }
    for command in &step.in_your_shell {
        let _ = writeln!(out, "        {command}    (for you, in your own shell)");
    }
    let listed = [
        ("Installs, by the package manager's own simulation", &step.installs),
        ("Writes", &step.writes),
        ("Restarts or stops", &step.services),
        ("Containers that stop", &step.stops),
        (
            "Containers that lose the GPUs which NVIDIA's hook gave them, until they are started again",
            &step.may_lose_gpus,
        ),
        ("Note", &step.notes),
    ];
    for (label, list) in listed.into_iter().filter(|(_, list)| !list.is_empty()) {
        let joint = if label == "Note" { " " } else { ", " };
        paragraph(&mut out, "    ", &format!("{label}: {}", list.join(joint)), width);
    }
    if !step.installs.is_empty() {
        paragraph(&mut out, "    ", &format!("Undo: --undo removes just these packages. {SCRIPTS}"), width);
    }
    for line in &step.undo {
        match line {
            Afterwards::Command(text) => {
                let _ = writeln!(out, "    Undo: {text}");
            }
            Afterwards::Sentence(text) => paragraph(&mut out, "    ", &format!("Undo: {text}"), width),
        }
    }
    if !step.offered {
        paragraph(&mut out, "    ", &format!("Not done by gdoctor: {}.", step.why_not), width);
    }
    out
}

fn whose(user: &str) -> String {
    if user == "root" { String::new() } else { format!("    (as {user})") }
}

fn paragraph(out: &mut String, margin: &str, text: &str, width: usize) {
    let options = textwrap::Options::new(width.max(40))
        .initial_indent(margin)
        .subsequent_indent(margin)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .break_words(false);
    let _ = writeln!(out, "{}", textwrap::fill(text, options));
}

/// What was taken back.
pub struct Back {
    entry: Entry,
    back: TakenBack,
}

impl Back {
    pub fn new(entry: Entry, back: TakenBack) -> Self {
        Self { entry, back }
    }

    /// All of it was taken back.
    pub fn is_whole(&self) -> bool {
        self.back.left.is_empty() && self.back.failed.is_empty()
    }

    pub fn words(&self) -> String {
        let gate = Gate::default();
        let mut out = format!("{}: {} ({})\n", self.entry.id, self.entry.title, self.entry.code);
        if !self.back.restored.is_empty() {
            let _ = writeln!(out, "Given back, byte by byte: {}", gate.text(&self.back.restored.join(", ")));
        }
        for why in &self.back.failed {
            let _ = writeln!(out, "Failed: {}", gate.text(why));
        }
        if !self.back.down.is_empty() {
            let _ = writeln!(out, "These do not run, as before the fix: {}.", gate.text(&self.back.down.join(", ")));
        }
        for why in &self.back.left {
            let _ = writeln!(out, "Not taken back: {}", gate.text(why));
        }
        if self.is_whole() {
            let _ = writeln!(out, "Everything that it wrote stands as before.");
        }
        if !self.entry.installs.is_empty() && self.is_whole() {
            let _ = writeln!(out, "Removed: {}. {SCRIPTS}", gate.text(&self.entry.installs.join(", ")));
        }
        out
    }
}

/// The fixes that were done here, the oldest first.
pub fn journal_text(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "No fix was done by this user.\n".into();
    }
    let gate = Gate::default();
    let line = |entry: &Entry| {
        let stood = match (entry.stood, &entry.under_way) {
            (Stood::MidwayBack, _) if entry.is_at_work => "is being taken back just now".to_owned(),
            (_, Some(action)) if entry.is_at_work => format!("is at work: {}", gate.text(action)),
            _ if entry.is_at_work => "is at work".to_owned(),
            (Stood::Ended, _) if entry.told.is_empty() => "done".to_owned(),
            (Stood::Ended, _) => format!("failed: {}", gate.text(&entry.told)),
            (Stood::Midway, Some(action)) => format!("ended midway, while this was done: {}", gate.text(action)),
            (Stood::Midway, None) => "ended midway".to_owned(),
            (Stood::Undone, _) => "taken back".to_owned(),
            (Stood::PartlyUndone, _) => format!("taken back in part; the rest: gdoctor fix --undo {}", entry.id),
            (Stood::MidwayBack, _) => "ended midway, while it was taken back".to_owned(),
        };
        let subject = if entry.subject.is_empty() { String::new() } else { format!(" {}", gate.text(&entry.subject)) };
        format!("{}  {}  {}{subject}  {stood}\n", entry.id, entry.at, entry.code)
    };
    entries.iter().map(line).collect()
}
