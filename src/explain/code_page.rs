//! A code's page: its sentence, the commands for this host and how to see that they worked, as much of it as fits a terminal; and how a fix
//! is written on any page.

use colored::Colorize;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::{Code, Doc};
use gdoctor_checks::model::fix::{Fix, notes_for};

use super::entries::Entry;
use super::page::Page;
use super::rank::{self, Here};
use crate::policy::Status;
use crate::report::{
    CHECK_IT, CORRECTED, FixWords, Known, Outcome, Report, UNDO, YOUR_OWN, find_fix, general, general_fix,
    general_words, headed, places,
};

/// A code of a check or a note, and what it is told with.
pub struct CodePage<'a> {
    pub id: &'static str,
    pub check: Option<&'static Check>,
    pub doc: &'a Doc<'static>,
    pub code: &'a Code<'static>,
    /// The host's; None for all systems.
    pub tags: Option<&'a [String]>,
    pub report: Option<&'a Report>,
}

/// What fits a terminal of the usual height.
const ROWS: usize = 24;

/// How much of a code's page is told.
#[derive(Clone, Copy)]
pub struct Told {
    messages: usize,
    /// So many fixes in full, the others by their titles.
    fixes: usize,
    /// So many of these titles.
    titles: usize,
    notes: usize,
    pages: bool,
    undo: bool,
    /// The commands of other systems where this one has none.
    others: bool,
}

impl Told {
    pub const ALL: Self = Self {
        messages: usize::MAX,
        fixes: usize::MAX,
        titles: usize::MAX,
        notes: usize::MAX,
        pages: true,
        undo: true,
        others: true,
    };

    /// Leaves out what is missed least. False where nothing is left to leave out.
    fn lessen(&mut self) -> bool {
        match self {
            Self { messages: 4.., .. } => self.messages = 3,
            Self { messages: 1.., .. } => self.messages = 0,
            Self { others: true, .. } => self.others = false,
            Self { fixes: 2.., .. } => self.fixes = 1,
            Self { titles: 4.., .. } => self.titles = 3,
            Self { notes: 3.., .. } => self.notes = 2,
            Self { notes: 2.., .. } => self.notes = 1,
            Self { pages: true, .. } => self.pages = false,
            Self { undo: true, .. } => self.undo = false,
            Self { notes: 1.., .. } => self.notes = 0,
            _ => return false,
        }
        true
    }
}

/// The cause, the commands for this host and how to see that they worked fit a terminal; the rest is for `-v`.
pub fn one_code(page: &mut Page, code: &CodePage, verbose: bool) {
    let mut told = Told::ALL;
    let mut whole = page.clone();
    code.write(&mut whole, &told);
    let is_short = |page: &Page| page.lines() <= ROWS;
    if verbose || is_short(&whole) {
        *page = whole;
        return;
    }
    loop {
        let mut brief = page.clone();
        code.write(&mut brief, &told);
        brief.blank().piece(0, format!("More: gdoctor explain {} -v", code.name()));
        if is_short(&brief) || !told.lessen() {
            *page = brief;
            return;
        }
    }
}

impl CodePage<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.id, self.code.name)
    }

    fn write(&self, page: &mut Page, told: &Told) {
        let Self { id, check, code, tags, .. } = *self;
        let (here, seen) = rank::here(&Entry { id, check, code: code.clone(), rank: 0 }, self.report);
        let mark = match (seen, code.fixes.is_empty() && code.explains.is_empty()) {
            (Some(outcome), _) => seen_here(outcome),
            (None, true) => "  (nothing to mend)",
            (None, false) => "",
        };
        let known = Known::of(id);
        let sentence = seen.map_or_else(|| general_words(code.sentence, &known), Outcome::told);
        let detail = seen.map_or_else(|| general_words(code.detail, &known), |outcome| outcome.detail.clone());
        page.piece(0, format!("{id}/{}{mark}", code.name.bold())).blank().say(0, sentence);
        if !detail.is_empty() {
            page.blank().say(0, detail);
        }
        let fixes: Vec<Fix> = code.fixes.iter().filter_map(|reference| find_fix(self.doc, reference)).collect();
        let look = rank::look_with(&[id], rank::engine(&self.name())).filter(|_| check.is_some());
        let look = look.map(|look| page.look(&look));
        // What no check sees is told by the program that said it.
        let again = look.as_deref().unwrap_or(SAY_IT_AGAIN);
        let is_open = seen.is_none() && is_open(code, &fixes, tags.unwrap_or_default(), &known);
        match seen.filter(|outcome| !outcome.fixes.is_empty()) {
            Some(outcome) => outcome.fixes.iter().for_each(|fix| write_fix_here(page, fix, again, told)),
            None => {
                // What mends another kind of machine mends nothing here.
                let fits = |fix: &&Fix| tags.is_none_or(|tags| !fix.is_of_another_machine(tags));
                // Where all of them do, that other machine is what is asked about.
                let is_here = fixes.iter().any(|fix| fits(&fix));
                let fixes: Vec<&Fix> = fixes.iter().filter(|fix| !is_here || fits(fix)).collect();
                if let (None, Some(look), 2..) = (seen, &look, fixes.len()) {
                    let fills = if is_open { ", and fills the words in capitals" } else { "" };
                    page.blank()
                        .say(0, format!("One of these {} mends it. This look tells which one{fills}:", fixes.len()))
                        .piece(4, look);
                }
                if let (Some(look), true, 0..=1) = (&look, is_open, fixes.len()) {
                    page.blank().say(0, FILLED_BY).piece(4, look);
                }
                for fix in fixes.iter().take(told.fixes) {
                    write_fix(page, id, fix, tags.filter(|_| is_here), again, told);
                }
                if fixes.len() > told.fixes {
                    page.blank();
                }
                for fix in fixes.iter().skip(told.fixes).take(told.titles) {
                    page.say(0, format!("Or: {}", general_words(fix.title, &known)));
                }
                match fixes.len().saturating_sub(told.fixes.saturating_add(told.titles)) {
                    0 => {}
                    1 => drop(page.say(0, "Or: 1 other fix")),
                    more => drop(page.say(0, format!("Or: {more} other fixes"))),
                }
            }
        }
        self.ruled_out(page, here);
        if !code.explains.is_empty() && told.messages > 0 {
            page.blank().piece(0, "Programs then say".bold());
            for message in code.explains.iter().take(told.messages) {
                page.piece(2, message);
            }
        }
    }

    fn ruled_out(&self, page: &mut Page, here: Here) {
        // Of a port or a registry that nobody named little is looked at.
        let names_itself = self.check.is_some_and(|check| !["port", "registry"].contains(&check.family.name));
        if here == Here::RuledOut && names_itself && !self.code.fixes.is_empty() {
            page.blank().say(0, "This host does not show it now.");
        }
    }
}

/// Before the look that fills what is named in capitals.
pub const FILLED_BY: &str =
    "Words in capitals stand for values of the host that has this. On that host this fills them in:";

/// How to see that a fix of a note worked.
pub const SAY_IT_AGAIN: &str = "run what printed the message again";

/// Something in the words of this code or of its fixes is still to be filled.
pub fn is_open(code: &Code, fixes: &[Fix], tags: &[String], known: &Known) -> bool {
    let of_fix = |fix: &Fix| {
        let notes = [&fix.notes, &fix.verify, &fix.undo].into_iter().flat_map(|lines| notes_for(lines, tags));
        let texts = notes.map(|note| note.text).chain(fix.commands_for(tags)).chain([fix.title]);
        texts.into_iter().any(|text| text.trim() != CORRECTED && crate::report::is_open(text, known))
    };
    crate::report::is_open(code.sentence, known)
        || crate::report::is_open(code.detail, known)
        || fixes.iter().any(of_fix)
}

/// What a check that did not have to look says is no sight.
pub fn seen_here(outcome: &Outcome) -> &'static str {
    if outcome.status == Status::Skip { "  (said of this host)" } else { "  (seen on this host)" }
}

/// The fix with the commands of a host with these tags, or of all systems.
pub fn write_fix(page: &mut Page, id: &str, fix: &Fix<'_>, tags: Option<&[String]>, again: &str, told: &Told) {
    match tags {
        Some(tags) => {
            let words = general_fix(fix, tags, &Known::of(id));
            // Where this host has none of its commands, those of the others tell more than that.
            match words.commands.is_empty() && !fix.commands.is_empty() && told.others {
                true => write_all(page, id, fix, again),
                false => write_fix_here(page, &words, again, told),
            }
        }
        None => write_all(page, id, fix, again),
    }
}

/// `again`: the look that shows whether it worked.
pub fn write_fix_here(page: &mut Page, fix: &FixWords, again: &str, told: &Told) {
    page.blank().say(0, fix.headed(fix.title.bold()));
    for command in &fix.commands {
        page.piece(4, command.cyan());
    }
    for note in fix.notes.iter().take(told.notes) {
        page.say(2, note);
    }
    if fix.verify.is_empty() {
        let again = fix.tried().filter(|_| !again.contains("--dockerfile")).unwrap_or(again);
        page.piece(2, format!("{CHECK_IT}: {again}"));
    }
    for (label, step) in fix.afterwards().filter(|(label, _)| *label != UNDO || told.undo) {
        page.step(2, label, step);
    }
    if told.pages {
        page.piece(2, &fix.page);
    }
}

/// With the commands and notes of every system.
fn write_all(page: &mut Page, id: &str, fix: &Fix<'_>, again: &str) {
    let known = Known::of(id);
    let risks: Vec<&str> = fix.risks.iter().map(|risk| risk.words()).collect();
    let commands: Vec<String> = fix.commands.iter().map(|fence| general(fence.text, &known)).collect();
    let title = format!("{}{}", general_words(fix.title, &known), places(&commands, &known));
    page.blank().say(0, headed(title.bold(), &risks));
    for fence in &fix.commands {
        if !fence.tags.is_empty() {
            page.piece(2, format!("on {}:", fence.tags.join(", ")));
        }
        for line in fence.text.lines() {
            let line = if line == CORRECTED { YOUR_OWN.to_owned() } else { general(line, &known) };
            page.piece(4, line.cyan());
        }
    }
    if fix.verify.is_empty() {
        page.piece(2, format!("{CHECK_IT}: {again}"));
    }
    for (label, notes) in
        [("", &fix.titles), ("", &fix.notes), ("Check it worked: ", &fix.verify), ("Undo: ", &fix.undo)]
    {
        for note in notes {
            let on = if note.tags.is_empty() { String::new() } else { format!("on {}: ", note.tags.join(", ")) };
            match (label, note.step().command()) {
                ("", _) | (_, None) => page.say(2, format!("{label}{on}{}", general_words(note.text, &known))),
                (_, Some(command)) => page.piece(2, format!("{label}{on}{}", general(command, &known))),
            };
        }
    }
    page.piece(2, fix.page);
}
