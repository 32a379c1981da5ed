//! The report for a person at a terminal: observation first, then cause, then command; one cause, one red line.

use std::collections::BTreeMap;
use std::fmt::Write;

use colored::{Color, Colorize};

use gdoctor_checks::model::run::Span;

use crate::policy::Status;
use crate::render::snippet;
use crate::report::{Asker, FixWords, Outcome, Report};

/// How much to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Only what failed, warned, or was asked for and could not be determined.
    Quiet,
    Normal,
    /// Evidence and timings too.
    Verbose,
}

/// Lines are wrapped to `width` columns, commands never. Colour follows `colored`'s switch.
pub fn render(report: &Report, detail: Detail, width: usize) -> String {
    let page = Page { report, detail, width, waiting: waiting(report) };
    page.render()
}

struct Page<'a> {
    report: &'a Report,
    detail: Detail,
    width: usize,
    /// Checks that wait for another, by the one that they wait for.
    waiting: BTreeMap<&'a str, Vec<&'a str>>,
}

/// Only what the report shows red or yellow can have something folded under it.
fn waiting(report: &Report) -> BTreeMap<&str, Vec<&str>> {
    let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for outcome in &report.results {
        if let Some(cause) = outcome.cause.as_deref() {
            let ids = waiting.entry(cause).or_default();
            if !ids.contains(&outcome.id) {
                ids.push(outcome.id);
            }
        }
    }
    waiting.retain(|cause, _| {
        report.results.iter().any(|o| {
            o.id == *cause && matches!(o.status, Status::Fail | Status::Warn | Status::Unknown) && o.cause.is_none()
        })
    });
    waiting
}

impl<'a> Page<'a> {
    fn render(&self) -> String {
        let mut out = String::new();
        if self.detail != Detail::Quiet {
            let host = &self.report.host;
            let _ = writeln!(
                out,
                "gdoctor {} on {}, kernel {}, {}",
                self.report.tool.version, host.system, host.kernel, host.machine
            );
        }
        if let Some(file) = self.report.need_file.as_ref().filter(|file| !file.used || self.detail != Detail::Quiet) {
            let _ = writeln!(out, "{}", file.words());
        }
        let mut groups: Vec<(&str, Vec<&Outcome>)> = Vec::new();
        for outcome in self.report.results.iter().filter(|o| self.is_shown(o)) {
            match groups.last_mut() {
                Some((group, list)) if *group == outcome.group => list.push(outcome),
                _ => groups.push((outcome.group, vec![outcome])),
            }
        }
        for (group, outcomes) in groups {
            let _ = writeln!(out, "\n{}", group.bold());
            self.group(&mut out, &outcomes);
        }
        self.corrected(&mut out);
        self.corrected_service(&mut out);
        self.closing(&mut out);
        out
    }

    fn is_shown(&self, outcome: &Outcome) -> bool {
        match self.detail {
            // What makes the exit code is always told.
            Detail::Quiet => match outcome.status {
                Status::Fail | Status::Warn => true,
                Status::Unknown => outcome.required && !self.is_folded(outcome),
                Status::Pass | Status::Skip => false,
            },
            Detail::Normal => !self.is_folded(outcome),
            Detail::Verbose => true,
        }
    }

    fn is_folded(&self, outcome: &Outcome) -> bool {
        outcome.cause.as_deref().is_some_and(|cause| self.waiting.contains_key(cause))
    }

    /// Neighbours that are skipped for the same reason share a line, and so does a group that is skipped as a whole.
    fn group(&self, out: &mut String, outcomes: &[&'a Outcome]) {
        let all_skipped = outcomes.iter().all(|outcome| outcome.status == Status::Skip);
        let same_skip = |a: &&Outcome, b: &&Outcome| {
            self.detail != Detail::Verbose
                && a.status == Status::Skip
                && b.status == Status::Skip
                && (all_skipped || a.summary == b.summary)
        };
        for run in outcomes.chunk_by(|a, b| same_skip(a, b)) {
            let name = match run {
                [one] => one.id.to_owned(),
                [first, .., last] if first.id == last.id => first.id.to_owned(),
                [first, .., last] => format!("{} … {}", first.id, last.id),
                [] => continue,
            };
            self.outcome(out, run[0], &name);
        }
    }

    fn outcome(&self, out: &mut String, outcome: &Outcome, name: &str) {
        let word = outcome.status.word().to_uppercase();
        let colour = match outcome.status {
            Status::Pass => Color::Green,
            Status::Warn => Color::Yellow,
            Status::Fail => Color::Red,
            Status::Unknown => Color::Magenta,
            Status::Skip => Color::BrightBlack,
        };
        let padded = format!("{word:<7}");
        let mark = if outcome.status == Status::Fail { padded.color(colour).bold() } else { padded.color(colour) };
        let subject = if outcome.subject.is_empty() { String::new() } else { format!(" {}", outcome.subject) };
        let line = self.wrap(&format!("{name}{subject}: {}", outcome.summary), "          ", "  ".len() + 8);
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
        if let Some(ids) =
            self.waiting.get(outcome.id).filter(|_| outcome.cause.is_none() && outcome.status != Status::Pass)
        {
            self.field(out, "waits", &format!("{} cannot be judged before this is mended", ids.join(", ")));
        }
        if self.detail == Detail::Verbose {
            for seen in &outcome.evidence {
                self.field(out, "seen", &format!("{}: {}", seen.source, seen.value));
            }
            self.field(out, "took", &format!("{} ms", outcome.duration_ms));
        }
    }

    fn fix(&self, out: &mut String, fix: &FixWords) {
        let risks = if fix.risks.is_empty() { String::new() } else { format!(" ({})", fix.risks.join(", ")) };
        self.field(out, "fix", &format!("{}{risks}", fix.title));
        // The changed line stands once, whole, at the end.
        let changes_line = |command: &&String| !fix.changes_line || command.is_empty();
        for command in fix.commands.iter().filter(changes_line) {
            let _ = writeln!(out, "                {}", command.cyan());
        }
        for note in &fix.notes {
            self.field(out, "note", note);
        }
        self.field(out, "page", &fix.page);
    }

    fn field(&self, out: &mut String, name: &str, text: &str) {
        let _ = writeln!(out, "          {:<5} {}", name.dimmed(), self.wrap(text, "                ", 16));
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
        for line in self.report.run_lines().filter(|_| self.detail != Detail::Quiet) {
            let words = line.verdict();
            let _ = writeln!(out, "\n{}", self.wrap(&words, "", 0));
        }
        for (line, command) in self.report.run_lines().filter_map(|line| Some((line, line.corrected.as_ref()?))) {
            let title =
                if line.several { format!("Line {}: {}", line.line, line.title()) } else { line.title().to_owned() };
            let _ = writeln!(out, "\n{}\n\n{}\n", title.bold(), command.trim_end().cyan());
            for reason in line.reasons() {
                let _ = writeln!(out, "  - {}", self.wrap(reason, "    ", 4));
            }
            for left in &line.left {
                let _ = writeln!(out, "  - {}", self.wrap(&format!("Left to mend: {left}"), "    ", 4));
            }
        }
    }

    /// The lines of the compose file that change, and why each does.
    fn corrected_service(&self, out: &mut String) {
        let Some(compose) = self.report.compose.as_ref().filter(|compose| !compose.changes.is_empty()) else { return };
        let _ = writeln!(out, "\n{}", "The corrected lines".bold());
        for change in &compose.changes {
            let place = format!("{}:{}", change.file.path, change.file.line);
            let what = if change.adds { format!(", added to {}", compose.service) } else { String::new() };
            let _ = writeln!(out, "\n  {place}{what}");
            let indent: String = change.file.text.chars().take_while(|c| *c == ' ').collect();
            if !change.adds {
                let _ = writeln!(out, "{}", format!("  - {}", change.file.text).red());
            }
            for line in &change.lines {
                let _ = writeln!(out, "{}", format!("  + {indent}{line}").green());
            }
            let _ = writeln!(out, "    {}", self.wrap(&change.reason, "    ", 4));
        }
    }

    fn closing(&self, out: &mut String) {
        let count = |status: Status| self.report.summary.get(status.word()).copied().unwrap_or(0);
        if self.detail != Detail::Quiet || count(Status::Fail) + count(Status::Warn) > 0 {
            let _ = writeln!(
                out,
                "\n{} failed, {} warned, {} passed, {} unknown, {} skipped in {} ms",
                count(Status::Fail),
                count(Status::Warn),
                count(Status::Pass),
                count(Status::Unknown),
                count(Status::Skip),
                self.report.duration_ms,
            );
        }
        let worst = [Status::Fail, Status::Unknown, Status::Warn].into_iter().find_map(|s| {
            self.report
                .results
                .iter()
                .find(|o| o.status == s && o.cause.is_none() && (o.required || s != Status::Unknown))
        });
        if let Some(first) = worst.filter(|_| self.detail != Detail::Quiet) {
            let next = first.fixes.first().map(|fix| fix.title.as_str()).unwrap_or("see why it cannot be told");
            let _ = writeln!(out, "Next: {next}; more: gdoctor explain {}", topic(first));
        }
    }

    fn wrap(&self, text: &str, indent: &str, taken: usize) -> String {
        let options = textwrap::Options::new(self.width.max(taken + 20))
            .subsequent_indent(indent)
            .initial_indent(&indent[..taken.min(indent.len())])
            // Ids, paths and options keep their hyphens whole.
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .break_words(false);
        textwrap::fill(text, options).trim_start().to_owned()
    }
}

/// What `gdoctor explain` can tell more about.
fn topic(outcome: &Outcome) -> &str {
    if outcome.status == Status::Unknown { outcome.id } else { &outcome.code }
}
