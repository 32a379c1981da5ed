//! The first screen: the verdict, a line a family, trouble in full, what to do next. All else is behind `-v`.

use std::fmt::Write;

use colored::{Color, ColoredString, Colorize};
use gdoctor_checks::model::fix::Step;
use gdoctor_checks::model::run::Span;

use super::status::{self, plural};
use super::{marked, snippet, wrap};
use crate::policy::{Status, UNDETERMINED};
use crate::report::{FamilyWords, FixWords, Outcome, Report, RunLineWords, Starts, UNDO};

/// Lines are wrapped to `width` columns, but to no more than this.
const COLUMNS: usize = 200;

/// Columns of a status word, and of a family's title.
const WORD: usize = 6;
const TITLE: usize = 12;

/// The family of what was tried and not only looked at: that it went well is an answer, too.
const PROOF: &str = "proof";

/// Columns that a family's words get at least.
const LEAST: usize = 16;

/// What fits a terminal of the usual height.
const ROWS: usize = 24;

/// Letters of a command that is told again.
const COMMAND: usize = 240;

/// Lines of notes below a fix; `gdoctor explain` has the others.
const NOTES: usize = 4;

/// `terse` leaves the families out.
pub fn render(report: &Report, terse: bool, width: usize) -> String {
    let trouble = status::trouble(report);
    let extras = Extras { source: true, notes: NOTES, more: true, undo: true };
    let mut screen = Screen { report, width: width.clamp(40, COLUMNS), trouble, extras };
    let mut out = screen.whole(terse);
    // One cause fits a terminal, two take no more than they must: the rest is behind `-v`.
    let is_short = (1..=2).contains(&screen.trouble.len()) && report.run_line.is_none();
    while is_short && out.lines().count() > ROWS && screen.extras.lessen() {
        out = screen.whole(terse);
    }
    out
}

/// What a fix has besides what to type and how to see that it worked.
#[derive(Clone, Copy)]
struct Extras {
    source: bool,
    /// Lines of notes.
    notes: usize,
    more: bool,
    undo: bool,
}

impl Extras {
    /// Leaves out what is missed least. False where nothing is left to leave out.
    fn lessen(&mut self) -> bool {
        match self {
            Self { source: source @ true, .. } => *source = false,
            Self { notes: notes @ 1.., .. } => *notes -= 1,
            Self { more: more @ true, .. } => *more = false,
            Self { undo: undo @ true, .. } => *undo = false,
            _ => return false,
        }
        true
    }
}

impl Screen<'_> {
    fn whole(&self, terse: bool) -> String {
        let mut out = String::new();
        self.headline(&mut out);
        if !terse {
            self.families(&mut out);
        }
        self.proved(&mut out);
        self.lines(&mut out);
        for at in 0..self.trouble.len() {
            self.outcome(&mut out, at);
        }
        self.waived(&mut out);
        self.corrected(&mut out);
        if !terse {
            self.next(&mut out);
        }
        out
    }
}

struct Screen<'a> {
    report: &'a Report,
    width: usize,
    trouble: Vec<&'a Outcome>,
    extras: Extras,
}

impl Screen<'_> {
    fn headline(&self, out: &mut String) {
        let sentence = status::verdict(self.report);
        let version = format!("gdoctor {}", self.report.tool.version);
        let room = self.width.saturating_sub(textwrap::core::display_width(&sentence));
        let head = match self.trouble.first().map(|o| o.status) {
            Some(status) => paint(&sentence, status).bold(),
            None => sentence.as_str().green().bold(),
        };
        let _ = match room.checked_sub(version.len()) {
            Some(blank @ 2..) => writeln!(out, "{head}{}{}", " ".repeat(blank), version.dimmed()),
            _ => writeln!(out, "{}", self.wrapped(&sentence, 0)),
        };
        if let Some(file) = &self.report.need_file {
            let _ = writeln!(out, "{}", self.wrapped(&file.words(), 0));
        }
    }

    fn families(&self, out: &mut String) {
        let start = out.len();
        self.family_rows(out);
        if out.len() > start {
            out.insert(start, '\n');
        }
    }

    fn family_rows(&self, out: &mut String) {
        let judges_a_line = self.report.run_lines().next().is_some();
        for family in &self.report.families {
            // Of a line that is judged the answer stands below.
            let told = family.name != "run" && (family.status != Status::Skip || family.waits());
            let well = judges_a_line && family.status == Status::Pass && family.name != PROOF;
            if !told || well || family.is_silent() {
                continue;
            }
            let word = match family.status {
                Status::Pass => "ok".green(),
                Status::Skip => "-".normal(),
                status => paint(short_word(status), status),
            };
            let pad = " ".repeat(WORD.saturating_sub(word.chars().count()));
            // Trouble stands below in full.
            let rows = if family.status == Status::Pass { 2 } else { 1 };
            let text = self.family_words(family, 2 + WORD + TITLE, rows);
            let _ = writeln!(out, "  {word}{pad}{:<TITLE$}{text}", family.title);
        }
        if !judges_a_line {
            self.unchecked(out);
        }
    }

    /// Its words in so many rows; how many checks wait for it is told whole, where there is room for more than that.
    fn family_words(&self, family: &FamilyWords, indent: usize, rows: usize) -> String {
        let waiting = family.waiting_words();
        if waiting.is_empty() || rows > 1 {
            return self.rows(&family.told(), indent, rows);
        }
        if self.width.saturating_sub(indent + waiting.len()) < LEAST {
            let row = format!("{:indent$}{} waiting", "", family.waiting);
            let narrow = Screen { width: self.width - 1, trouble: Vec::new(), extras: self.extras, ..*self };
            return format!("{};\n{row}", narrow.rows(&family.text, indent, 1));
        }
        let narrow = Screen { width: self.width - waiting.len(), trouble: Vec::new(), extras: self.extras, ..*self };
        format!("{}{waiting}", narrow.rows(&family.text, indent, rows))
    }

    /// Families that nobody asked for, with the flags that would.
    fn unchecked(&self, out: &mut String) {
        // What nothing asks for by its name is not looked at because it is not there.
        let unasked =
            |f: &&FamilyWords| f.status == Status::Skip && !f.waits() && !f.asked_by.is_empty() && f.name != "run";
        let unasked: Vec<&FamilyWords> =
            self.report.families.iter().filter(|f| unasked(f) && f.name != "dockerfile").collect();
        if unasked.is_empty() {
            return;
        }
        let titles: Vec<&str> = unasked.iter().map(|f| f.title).collect();
        let flags: Vec<&str> = unasked.iter().map(|f| f.asked_by).collect();
        let text = format!("{}: not checked ({})", titles.join(", "), flags.join(", "));
        let _ = writeln!(out, "  {:<WORD$}{}", "-", self.wrapped(&text, 2 + WORD));
    }

    /// What was looked at from within a container, each beside what the host looks had said.
    fn proved(&self, out: &mut String) {
        let looks = self.report.results.iter().filter(|o| o.group == PROOF && !o.subject.is_empty());
        let looks: Vec<&Outcome> = looks.filter(|o| !o.evidence.is_empty()).collect();
        if looks.is_empty() {
            return;
        }
        let _ = writeln!(out, "\nFrom within the container:");
        for look in looks {
            // Where both fail, the cause is told once and stands below.
            let word = if look.cause.is_some() { Status::Skip } else { look.status };
            let pad = " ".repeat(WORD.saturating_sub(short_word(word).len()));
            let inside = look.evidence.first().map_or("", |seen| seen.value.as_str());
            let host = look.evidence.get(1).map(|seen| format!(" (host: {})", seen.value));
            let text = format!("{}: {inside}{}", look.subject, host.unwrap_or_default());
            let _ = writeln!(out, "  {}{pad}{}", paint(short_word(word), word), self.rows(&text, 2 + WORD, 2));
        }
    }

    /// Each judged line whole, with a numbered marker under what is wrong.
    fn lines(&self, out: &mut String) {
        let Some(line) = self.whole_line() else { return };
        let marks = self.trouble.iter().filter_map(|outcome| span(outcome)).zip(1..);
        let marks: Vec<(Span, usize)> = marks.collect();
        if !marks.is_empty() {
            let _ = writeln!(out, "\n{}", marked::show(&line.text, &marks, self.width));
        }
    }

    /// The one line that can be shown as it was given.
    fn whole_line(&self) -> Option<&RunLineWords> {
        let line = self.report.run_line.as_ref()?;
        (line.file.is_empty() && !line.several && !line.text.trim().contains('\n')).then_some(line)
    }

    fn outcome(&self, out: &mut String, at: usize) {
        let (above, outcome) = (&self.trouble[..at], self.trouble[at]);
        // As the markers under the line are numbered.
        let in_line = self.whole_line().is_some() && span(outcome).is_some();
        let number = 1 + above.iter().filter(|one| span(one).is_some()).count();
        let mark = if in_line { format!("{number} ") } else { String::new() };
        let word = paint(short_word(outcome.status), outcome.status).bold();
        let indent = mark.len() + WORD;
        let pad = " ".repeat(WORD.saturating_sub(word.chars().count()));
        let _ = writeln!(out, "\n{mark}{word}{pad}{}", self.wrapped(&outcome.told(), indent));
        let field = |out: &mut String, text: &str| {
            let _ = writeln!(out, "{}{}", " ".repeat(indent), self.wrapped(text, indent));
        };
        if !in_line {
            self.place(out, outcome, indent);
        }
        // What stands above already is not told again.
        if !outcome.detail.is_empty() && above.iter().all(|one| one.detail != outcome.detail) {
            field(out, &outcome.detail.replace('\n', " "));
        }
        if let Some(asker) = outcome.asked_by.as_ref().filter(|by| by.kind == "guide") {
            field(out, &status::capital(&asker.text));
        }
        if let Some(waiver) = &outcome.waiver {
            field(out, &waiver.words());
        }
        for fix in &outcome.fixes {
            let known = || above.iter().flat_map(|one| &one.fixes);
            match known().any(|one| one.title == fix.title && one.commands == fix.commands) {
                true => field(out, "Fix: the same as above."),
                false => self.fix(out, fix, indent, &known().collect::<Vec<_>>()),
            }
        }
        if !outcome.find_out.is_empty() {
            field(out, "To find out:");
            commands(out, &outcome.find_out, indent);
        }
        if let Some(flags) = outcome
            .explained
            .as_ref()
            .filter(|_| self.extras.more && !above.iter().any(|one| topic(one) == topic(outcome)))
        {
            // A command stays in one piece.
            let _ = writeln!(out, "{}More: gdoctor explain {}{flags}", " ".repeat(indent), topic(outcome));
        }
    }

    /// What somebody lives with for a time.
    fn waived(&self, out: &mut String) {
        for (at, outcome) in self.report.results.iter().filter(|o| o.is_waived()).enumerate() {
            let words = outcome.waiver.as_ref().map(|waiver| waiver.words()).unwrap_or_default();
            let text = format!("Waived: {} ({}) {words}", outcome.code, outcome.brief());
            let _ = writeln!(out, "{}{}", if at == 0 { "\n" } else { "" }, self.wrapped(&text, 2));
        }
    }

    /// `above`: the fixes that are told already, whose page and check stand there.
    fn fix(&self, out: &mut String, fix: &FixWords, indent: usize, above: &[&FixWords]) {
        let margin = " ".repeat(indent);
        let label = if fix.is_by_hand() { "Fix by hand" } else { "Fix" };
        let _ = writeln!(out, "{margin}{}", self.wrapped(&format!("{label}: {}", fix.headed(&fix.title)), indent));
        // The changed line stands once, whole, at the end.
        if !fix.changes_line {
            commands(out, &fix.commands, indent);
        }
        let mut room = self.extras.notes;
        for (at, note) in fix.notes.iter().enumerate() {
            let note = self.wrapped(note, indent);
            // What only looks is half a fix without its first note.
            let is_needed = at == 0 && fix.is_by_hand();
            match room.checked_sub(note.lines().count()) {
                Some(left) => room = left,
                None if is_needed => room = 0,
                None => break,
            }
            let _ = writeln!(out, "{margin}{note}");
        }
        // Sentences that say why nothing can be undone are for `-v`; how the corrected line is judged stands at the end.
        let is_wanted = |label: &str, step: &Step<String>| match (label == UNDO, step.command()) {
            (true, command) => self.extras.undo && command.is_some(),
            (false, command) => {
                let is_told = above.iter().any(|one| one.verify.contains(step));
                !is_told && (command.is_some() || !fix.changes_line)
            }
        };
        for (label, step) in fix.afterwards().filter(|(label, step)| is_wanted(label, step)) {
            let label = format!("{:<17}", format!("{label}:"));
            let _ = match step.command() {
                Some(line) => writeln!(out, "{margin}{label}{}", line.cyan()),
                None => writeln!(out, "{margin}{}", self.wrapped(&format!("{label}{}", step.text()), indent)),
            };
        }
        if self.extras.source && above.iter().all(|one| one.page != fix.page) {
            let _ = writeln!(out, "{margin}{}", format!("Source: {}", fix.page).dimmed());
        }
    }

    /// The line of a file, or of a text of several lines, with a marker.
    fn place(&self, out: &mut String, outcome: &Outcome, indent: usize) {
        let asker = outcome.asked_by.as_ref();
        let file = asker.and_then(|asker| asker.file.as_ref()).filter(|place| !place.text.is_empty());
        let width = self.width.saturating_sub(indent);
        let shown = match (file, self.report.run_line.as_ref().zip(span(outcome))) {
            (Some(place), _) => snippet::mark_line(place, outcome.status, width),
            (None, Some((line, span))) => snippet::mark(&line.text, span, "", outcome.status, width),
            (None, None) => return,
        };
        for row in shown.lines() {
            let _ = writeln!(out, "{}{row}", " ".repeat(indent));
        }
    }

    /// The whole corrected commands, and the lines of a compose file that change.
    fn corrected(&self, out: &mut String) {
        for line in self.report.run_lines() {
            if line.several {
                let _ = writeln!(out, "\n{}", self.wrapped(&line.verdict(), 0));
            }
            let Some(command) = &line.corrected else { continue };
            let place = if line.several { format!(" for line {}", line.line) } else { String::new() };
            let title = format!("Corrected{place}, {}:", plural(line.reasons().len(), "change"));
            let _ = writeln!(out, "\n{}\n\n{}\n", title.bold(), command.trim_end().cyan());
            for reason in line.reasons() {
                let _ = writeln!(out, "  - {}", self.wrapped(reason, 4));
            }
            for left in &line.left {
                let _ = writeln!(out, "  - {}", self.wrapped(&format!("Left to mend: {left}"), 4));
            }
        }
        marked::changes(out, self.report, self.width);
    }

    fn next(&self, out: &mut String) {
        // Another question than a plain look would ask.
        let asked = self.report.run_line.is_some()
            || self.report.compose.is_some()
            || self.report.results.iter().any(|o| o.asked_by.as_ref().is_some_and(|asker| asker.kind == "flag"));
        let command = self.report.command.as_str();
        let is_plain = command.is_empty() || command == "gdoctor";
        let details = if asked || !is_plain { "add -v" } else { "gdoctor -v" };
        let again = match (self.trouble.first().map(|o| o.status), self.report.run_line.is_some()) {
            (Some(Status::Fail | Status::Unknown), _) | (Some(_), true) => self.again(asked),
            (Some(_), _) => "To accept it: [[waiver]] in gdoctor.toml.".into(),
            (None, _) if self.report.exit_code == UNDETERMINED => self.all_of_it(),
            (None, true) if self.report.run_lines().any(|line| line.starts != Starts::Yes) => String::new(),
            (None, true) => "Nothing has to change.".into(),
            (None, false) if self.report.compose.is_some() => "Nothing has to change.".into(),
            (None, false) => "Your own command:  gdoctor docker run ...".into(),
        };
        let waiting = match self.report.count(crate::report::WAITING) {
            0 => "all checks".to_owned(),
            count => format!("all checks, {count} waiting"),
        };
        let fits = |text: &str| textwrap::core::display_width(text) <= self.width;
        let long = format!("Details ({waiting}):  {details}");
        let details = if fits(&long) { long } else { format!("Details:  {details}") };
        let text = format!("{again}   {details}");
        let one_line = !again.contains('\n') && fits(&text);
        let _ = match again.is_empty() {
            false if one_line => writeln!(out, "\n{text}"),
            false => writeln!(out, "\n{again}\n{details}"),
            true => writeln!(out, "\n{details}"),
        };
    }

    /// The look without what left checks out.
    fn all_of_it(&self) -> String {
        match self.report.unselected.as_str() {
            "" => "Look at all of it: the same without --only and --skip.".into(),
            command => format!("Look at all of it:  {command}"),
        }
    }

    /// How to see whether all is well now: the very command that was typed, in one piece.
    fn again(&self, asked: bool) -> String {
        let command = self.report.command.as_str();
        let whole = !command.contains('\n') && command.len() <= COMMAND;
        // The line that was typed is not the one to run.
        if self.report.run_lines().any(|line| line.file.is_empty() && line.corrected.is_some()) {
            return "To judge the corrected command: put gdoctor before it.".into();
        }
        match command {
            "gdoctor" => "Then run gdoctor again.".into(),
            "" if !asked => "Then run gdoctor again.".into(),
            _ if command.is_empty() || !whole => "Then run the same again.".into(),
            _ => {
                let line = format!("Then run:  {command}");
                let fits = textwrap::core::display_width(&line) <= self.width;
                if fits { line } else { format!("Then run:\n  {command}") }
            }
        }
    }

    /// `text` with `indent` blanks before all lines but the first.
    fn wrapped(&self, text: &str, indent: usize) -> String {
        wrap(text, self.width, indent)
    }

    /// At most so many rows behind `indent` columns; of what is longer the beginning.
    fn rows(&self, text: &str, indent: usize, most: usize) -> String {
        let whole = self.wrapped(text, indent);
        if whole.lines().count() <= most {
            return whole;
        }
        let kept: Vec<&str> = whole.lines().take(most).collect();
        let mut kept = kept.join("\n");
        // The first row stands behind what is written already.
        let before = if most == 1 { indent } else { 0 };
        let is_wide = |row: &str| before + textwrap::core::display_width(row) + " ...".len() > self.width;
        while kept.lines().last().is_some_and(is_wide) {
            let end = kept.trim_end().rfind(' ').or(kept.char_indices().next_back().map(|(at, _)| at));
            kept.truncate(end.unwrap_or(0));
        }
        format!("{} ...", kept.trim_end_matches([',', ';', ' ']))
    }
}

/// What `gdoctor explain` tells more of.
fn topic(outcome: &Outcome) -> &str {
    if outcome.status == Status::Unknown { outcome.id } else { &outcome.code }
}

/// Where the line has what this is about.
fn span(outcome: &Outcome) -> Option<Span> {
    let asker = outcome.asked_by.as_ref()?;
    asker.start.zip(asker.end).map(|(start, end)| Span::new(start, end))
}

fn commands(out: &mut String, commands: &[String], indent: usize) {
    for command in commands.iter().filter(|command| !command.is_empty()) {
        let _ = writeln!(out, "{}    {}", " ".repeat(indent), command.cyan());
    }
}

fn short_word(status: Status) -> &'static str {
    match status {
        Status::Pass => "ok",
        Status::Warn => "WARN",
        Status::Fail => "FAIL",
        Status::Unknown => "?",
        Status::Skip => "-",
    }
}

fn paint(text: &str, status: Status) -> ColoredString {
    text.color(match status {
        Status::Pass => Color::Green,
        Status::Warn => Color::Yellow,
        Status::Fail => Color::Red,
        Status::Unknown => Color::Magenta,
        Status::Skip => Color::BrightBlack,
    })
}
