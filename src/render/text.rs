//! The report for a person at a terminal: observation first, then cause, then command; one cause, one red line.

use std::collections::BTreeMap;
use std::fmt::Write;

use colored::{Color, Colorize};

use gdoctor_checks::model::fix::Step;
use gdoctor_checks::model::run::Span;

use super::{marked, screen, snippet, status, wrap};
use crate::policy::Status;
use crate::report::{Asker, FixWords, Outcome, Report, UNDO};

/// How much to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The verdict, and what failed, warned, or was asked for and could not be determined.
    Quiet,
    /// The first screen.
    Normal,
    /// Every check with its evidence and timing.
    Verbose,
}

/// Lines are wrapped to `width` columns, commands never. Colour follows `colored`'s switch.
pub fn render(report: &Report, detail: Detail, width: usize) -> String {
    match detail {
        Detail::Quiet => screen::render(report, true, width),
        Detail::Normal => screen::render(report, false, width),
        Detail::Verbose => Page { report, width, waiting: waiting(report) }.render(),
    }
}

struct Page<'a> {
    report: &'a Report,
    width: usize,
    /// How many results wait for a check, by its id.
    waiting: BTreeMap<&'a str, usize>,
}

/// Only what the report shows red or yellow can have something folded under it.
fn waiting(report: &Report) -> BTreeMap<&str, usize> {
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in &report.results {
        if let Some(cause) = outcome.cause.as_deref() {
            *waiting.entry(cause).or_default() += outcome.stands_for;
        }
    }
    waiting.retain(|cause, _| {
        report.results.iter().any(|o| {
            o.id == *cause && matches!(o.status, Status::Fail | Status::Warn | Status::Unknown) && o.cause.is_none()
        })
    });
    waiting
}

impl Page<'_> {
    fn render(&self) -> String {
        let mut out = String::new();
        let host = &self.report.host;
        let _ = writeln!(
            out,
            "gdoctor {} on {}, kernel {}, {}",
            self.report.tool.version, host.system, host.kernel, host.machine
        );
        if let Some(file) = &self.report.need_file {
            let _ = writeln!(out, "{}", file.words());
        }
        let _ = writeln!(out, "\n{}", wrap(&status::verdict(self.report), self.width, 0).bold());
        for group in self.report.results.chunk_by(|a, b| a.group == b.group) {
            let _ = writeln!(out, "\n{}", group[0].group.bold());
            group.iter().for_each(|outcome| self.outcome(&mut out, outcome));
        }
        self.corrected(&mut out);
        marked::changes(&mut out, self.report, self.width);
        let _ = writeln!(out, "\n{} in {} ms", status::counts(self.report), self.report.duration_ms);
        out
    }

    fn outcome(&self, out: &mut String, outcome: &Outcome) {
        let word = outcome.counted_as().to_uppercase();
        let colour = match outcome.status {
            _ if outcome.cause.is_some() => Color::BrightBlack,
            Status::Pass => Color::Green,
            Status::Warn => Color::Yellow,
            Status::Fail => Color::Red,
            Status::Unknown => Color::Magenta,
            Status::Skip => Color::BrightBlack,
        };
        let padded = format!("{word:<7}");
        let mark = if outcome.status == Status::Fail { padded.color(colour).bold() } else { padded.color(colour) };
        let subject = if outcome.subject.is_empty() { String::new() } else { format!(" {}", outcome.subject) };
        let line = wrap(&format!("{}{subject}: {}", outcome.id, outcome.summary), self.width, 10);
        let _ = writeln!(out, "  {mark} {line}");
        if let Some(waiver) = &outcome.waiver {
            self.field(out, "waiver", &waiver.words());
        }
        self.place(out, outcome);
        if matches!(outcome.status, Status::Fail | Status::Warn) {
            if !outcome.detail.is_empty() {
                self.field(out, "why", &outcome.detail.replace('\n', " "));
            }
            let shown = |asker: &Asker| {
                asker.start.is_some() || asker.file.as_ref().is_some_and(|place| !place.text.is_empty())
            };
            if let Some(asker) = outcome.asked_by.as_ref().filter(|asker| asker.kind != "default" && !shown(asker)) {
                self.field(out, "asked", &asker.text);
            }
            for fix in &outcome.fixes {
                self.fix(out, fix);
            }
        }
        if let Some(count) =
            self.waiting.get(outcome.id).filter(|_| outcome.cause.is_none() && outcome.status != Status::Pass)
        {
            let told = if *count == 1 { "1 check waits".to_owned() } else { format!("{count} checks wait") };
            self.field(out, "waits", &format!("{told} for this"));
        }
        for command in &outcome.find_out {
            self.field(out, "try", command);
        }
        for seen in &outcome.evidence {
            self.field(out, "seen", &format!("{}: {}", seen.source, seen.value));
        }
        self.field(out, "took", &format!("{} ms", outcome.duration_ms));
    }

    fn fix(&self, out: &mut String, fix: &FixWords) {
        self.field(out, "fix", &fix.headed(&fix.title));
        // The changed line stands once, whole, at the end.
        let changes_line = |command: &&String| !fix.changes_line || command.is_empty();
        for command in fix.commands.iter().filter(changes_line) {
            let _ = writeln!(out, "                {}", command.cyan());
        }
        for note in &fix.notes {
            self.field(out, "note", note);
        }
        for (label, step) in fix.afterwards() {
            let name = if label == UNDO { "undo" } else { "check" };
            match step {
                Step::Sentence(text) => self.field(out, name, text),
                // A command stays in one piece.
                Step::Command(text) => drop(writeln!(out, "          {:<5} {}", name.dimmed(), text.cyan())),
            }
        }
        self.field(out, "page", &fix.page);
    }

    fn field(&self, out: &mut String, name: &str, text: &str) {
        let _ = writeln!(out, "          {:<5} {}", name.dimmed(), wrap(text, self.width, 16));
    }

    /// The run line, or the line of a file, with a marker under what this is about.
    fn place(&self, out: &mut String, outcome: &Outcome) {
        if matches!(outcome.status, Status::Pass | Status::Skip) {
            return;
        }
        let width = self.width.saturating_sub(10);
        let asker = outcome.asked_by.as_ref();
        let file = asker.and_then(|asker| asker.file.as_ref()).filter(|place| !place.text.is_empty());
        let argument = asker.and_then(|asker| asker.start.zip(asker.end));
        let shown = match (file, self.report.run_line.as_ref().zip(argument)) {
            (Some(place), _) => snippet::mark_line(place, outcome.status, width),
            (None, Some((line, (start, end)))) => {
                snippet::mark(&line.text, Span::new(start, end), "", outcome.status, width)
            }
            (None, None) => return,
        };
        for row in shown.lines() {
            let _ = writeln!(out, "          {row}");
        }
    }

    /// The whole corrected command, ready to paste, and why each part of it changed.
    fn corrected(&self, out: &mut String) {
        for line in self.report.run_lines() {
            let _ = writeln!(out, "\n{}", wrap(&line.verdict(), self.width, 0));
        }
        for (line, command) in self.report.run_lines().filter_map(|line| Some((line, line.corrected.as_ref()?))) {
            let title =
                if line.several { format!("Line {}: {}", line.line, line.title()) } else { line.title().to_owned() };
            let _ = writeln!(out, "\n{}\n\n{}\n", title.bold(), command.trim_end().cyan());
            for reason in line.reasons() {
                let _ = writeln!(out, "  - {}", wrap(reason, self.width, 4));
            }
            for left in &line.left {
                let _ = writeln!(out, "  - {}", wrap(&format!("Left to mend: {left}"), self.width, 4));
            }
        }
    }
}
