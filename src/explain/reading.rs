//! One text while it is read: which declarations hold in which of its statements.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;

use super::commands::{Command, typed};
use super::documents::is_benign;
use super::hash::QuickSet;
use super::knowledge::Knowledge;
use super::lexicon::Part;
use super::lines::{Line, Severity};
use super::numbers::{Candidates, Numbers};
use super::ports;
use super::rows::{in_columns, is_bullet, stands_alone};
use super::sentences::ENOUGH;
use super::signs::Sign;
use super::understood::{REASONS, Understood};
use super::witnesses::Witnesses;
use super::words::{OTHER, Row};

/// So many lines apart is still `near`.
const NEAR: u32 = 8;
/// So many lines at most are one sentence.
const SENTENCE: usize = 4;
/// In the first lines of a text a sentence may go on anywhere: people paste single errors in pieces.
const PASTE: u32 = 40;
/// Further down a line must be so long to have been wrapped.
const WRAPPED: usize = 50;
/// What begins a message, and goes on with none.
const HEADS: [&str; 9] =
    ["ERROR:", "Error:", "WARNING:", "FATAL", "Traceback (", "docker: Error", "E: ", "W: ", "failed to solve"];
/// NVIDIA's kernel module speaks.
const NVRM: &str = "NVRM:";
/// Kinds of errors with numbers: where a statement has one, it decides, and the sentence around it does not.
const DECIDING: [&str; 6] = ["cuda", "nvml", "nvenc", "xid", "vk", "cert"];
/// What Docker's client writes before the words of a daemon. What fails in TLS it calls so, too.
const ANSWERED: &str = "Error response from daemon";
/// Of one declaration so many places are kept.
const PLACES: usize = 16;

/// Where a declaration holds, as far as its own statement goes.
#[derive(Clone, Debug)]
pub struct Hit {
    pub line: u32,
    pub last: u32,
    pub matched: String,
    pub severity: Severity,
    /// A daemon that runs says it.
    pub answered: bool,
    /// It gives a number or a name of an error that the declaration does not speak of.
    pub beside: bool,
}

/// A known line that was found.
pub struct Said {
    pub hit: Hit,
    pub share: f32,
    pub text: &'static str,
}

/// A line that later lines may go on with.
struct Recent {
    number: u32,
    whole: Row,
    /// Byte at which the message begins.
    spoken: usize,
}

impl Recent {
    fn text(&self) -> &str {
        self.whole.text.get(self.spoken..).unwrap_or_default()
    }

    /// A logger wrote something before it: a record's first line, which goes on with nothing.
    fn begins(&self) -> bool {
        self.spoken > 0 && !self.text().starts_with(NVRM)
    }

    /// The message. Few lines are gone on with, so it is cut only then.
    fn row(&self) -> Row {
        self.whole.from(self.spoken)
    }
}

/// One text while it is read.
pub struct Reading<'a> {
    knowledge: &'a Knowledge,
    seen: QuickSet<u64>,
    shapes: QuickSet<u64>,
    recent: VecDeque<Recent>,
    /// By part: lines that have it.
    places: Vec<Vec<u32>>,
    /// By declaration: where it holds.
    pub hits: BTreeMap<u32, Vec<Hit>>,
    /// Declarations that a statement of this line rules out, by what else it says.
    pub excluded: BTreeSet<(u32, u32)>,
    /// By code: its known line that was found.
    pub said: BTreeMap<usize, Said>,
    pub understood: Vec<Understood>,
    /// What was typed, in its order.
    pub commands: Vec<Command>,
    /// Ports that lines name, with the lines.
    ports: Vec<(u32, u16)>,
    /// What answers by what stands beside.
    pub witnesses: Witnesses,
    /// The last line was a command that goes on with the next.
    goes_on: bool,
}

impl<'a> Reading<'a> {
    pub fn new(knowledge: &'a Knowledge) -> Self {
        Self {
            knowledge,
            seen: QuickSet::default(),
            shapes: QuickSet::default(),
            recent: VecDeque::new(),
            places: vec![Vec::new(); knowledge.lexicon.len()],
            hits: BTreeMap::new(),
            excluded: BTreeSet::new(),
            said: BTreeMap::new(),
            understood: Vec::new(),
            commands: Vec::new(),
            ports: Vec::new(),
            witnesses: Witnesses::default(),
            goes_on: false,
        }
    }

    /// What stands before has nothing to do with what comes.
    pub fn part(&mut self) {
        self.recent.clear();
    }

    /// True for a line that was read before, but for what counts in it. The first lines of a text are all read.
    pub fn repeats(&mut self, line: &Line<'_>) -> bool {
        !self.shapes.insert(line.shape) && line.number > PASTE
    }

    /// True for a line of options that goes on with the run before it.
    pub fn takes(&self, line: &Line<'_>) -> bool {
        self.commands.last().is_some_and(|last| last.takes(line.number, &line.text))
    }

    /// The next line.
    pub fn read(&mut self, line: &Line<'_>) {
        let text = line.text.get(line.spoken.min(line.text.len())..).unwrap_or("").trim_end();
        let command = self.command(line);
        // A line of dashes parts what stands around it as an empty one does.
        if !text.contains(char::is_alphanumeric) {
            return self.recent.clear();
        }
        if self.ports.len() < PLACES {
            self.ports.extend(ports::named(text).map(|port| (line.number, port)));
        }
        let whole = self.knowledge.lexicon.vocabulary.row(line.text.trim_end());
        if whole.tokens.iter().any(|token| token.word != OTHER) {
            match command && !self.knowledge.sentences.complains(&whole.tokens) {
                true => {
                    let parts = self.knowledge.lexicon.read(&whole, &Numbers::of(&whole.text));
                    self.note_places(&parts, line.number);
                }
                false => self.statement(&whole, line.number, line, false),
            }
            if !command {
                self.sentence(line, text);
            }
        }
        // What a program prints begins below the command, and names what it speaks of itself.
        if command {
            return self.recent.clear();
        }
        if self.recent.len() == SENTENCE - 1 {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { number: line.number, whole, spoken: line.spoken });
    }

    /// True for a line of a command that was typed.
    fn command(&mut self, line: &Line<'_>) -> bool {
        let text = line.text.trim().trim_matches('`').trim();
        let goes_on = self.goes_on || self.takes(line);
        let command = match goes_on {
            true => Some(text),
            false => typed(text),
        };
        let Some(command) = command else {
            let printed = !matches!(text, "" | "#" | "$");
            self.commands.last_mut().filter(|_| printed).into_iter().for_each(|last| last.silent = false);
            return false;
        };
        match self.commands.last_mut().filter(|_| goes_on) {
            Some(begun) => begun.go_on(line.number, command),
            None => self.commands.push(Command::new(line.number, text, command)),
        }
        self.goes_on = command.ends_with('\\');
        true
    }

    /// The line as the end of a sentence that began before.
    fn sentence(&mut self, line: &Line<'_>, text: &str) {
        let Some(before) = self.recent.back() else { return };
        let near_the_top = line.number <= PASTE;
        let wrapped =
            before.text().len() >= WRAPPED && text.starts_with(|c: char| c.is_whitespace() || c.is_lowercase());
        let unheaded = line.may_go_on()
            && !HEADS.iter().any(|head| text.trim_start().starts_with(head))
            && (near_the_top || wrapped)
            && !shares_start(before.text(), text)
            && !in_columns(before.text())
            && !stands_alone(text)
            && !in_columns(text)
            && !is_bullet(text)
            && line.severity() != Severity::Minor;
        // NVIDIA's kernel module puts its name before each line of a wrapped sentence.
        let text = match (text.trim_start().strip_prefix(NVRM), before.text().trim_start().starts_with(NVRM)) {
            (Some(rest), true) => rest,
            _ if unheaded => text,
            _ => return,
        };
        let vocabulary = &self.knowledge.lexicon.vocabulary;
        let mut row = vocabulary.row(text);
        let mut rows = Vec::new();
        for recent in self.recent.iter().rev() {
            let head = recent.row();
            if stands_alone(&head.text) || self.knowledge.lexicon.ends(&head) {
                break;
            }
            row = vocabulary.join(&head, &row);
            rows.push((recent.number, row.clone()));
            if recent.begins() {
                break;
            }
        }
        let Some(last) = rows.len().checked_sub(1) else { return };
        // Behind a colon a line is the end of what stands before, and says nothing of its own.
        let is_end = self.recent.back().is_some_and(|recent| recent.text().trim_end().ends_with(':'));
        for (at, (first, row)) in rows.into_iter().enumerate() {
            if at == 0 || at == last {
                self.statement(&row, first, line, is_end);
            }
        }
    }

    /// A line, or a sentence that began on the line `first` and ends on this one, which `is_end` of it alone.
    fn statement(&mut self, row: &Row, first: u32, line: &Line<'_>, is_end: bool) {
        let numbers = Numbers::of(&row.text);
        if !self.is_new(row, &numbers) {
            return;
        }
        let knowledge = self.knowledge;
        let parts = knowledge.lexicon.read(row, &numbers);
        if first == line.number {
            self.note_places(&parts, first);
            // What is asked of few lines comes last.
            if self.understood.len() < PLACES {
                let understood = Understood::of(row, &parts, &knowledge.lexicon, line);
                self.understood.extend(understood.filter(|_| !is_benign(&row.text)));
            }
        }
        let gives_reason = |part: &Part| REASONS.contains(&knowledge.lexicon.name(part.id).0);
        if line.severity() == Severity::Minor
            && !parts.iter().any(gives_reason)
            && !knowledge.sentences.complains(&row.tokens)
        {
            return;
        }
        let holding = self.holding(&parts, (first, line.number), is_end);
        // A logger's word for a line is none of the message.
        let spoken = if first == line.number { line.spoken as u32 } else { 0 };
        let said = row.tokens.iter().position(|token| token.from >= spoken).unwrap_or(row.tokens.len());
        let likenesses = knowledge.sentences.read(&row.tokens[said..], &parts, ENOUGH, &knowledge.lexicon);
        if holding.is_empty() && likenesses.is_empty() || is_benign(&row.text) {
            return;
        }
        let (last, severity) = (line.number, line.severity());
        let answered =
            row.text.contains(ANSWERED) && !parts.iter().any(|part| knowledge.lexicon.name(part.id).0 == "cert");
        let hit = Hit { line: first, last, matched: told(&row.text), severity, answered, beside: false };
        for (at, beside) in holding {
            self.hits.entry(at).or_default().push(Hit { beside, ..hit.clone() });
        }
        // What no logger calls an error must be all of a known line.
        let enough = if severity == Severity::Minor { 0.95 } else { ENOUGH };
        for likeness in likenesses.into_iter().filter(|likeness| likeness.share >= enough) {
            for entry in likeness.entries {
                if self.said.get(entry).is_none_or(|said| said.share < likeness.share) {
                    self.said.insert(*entry, Said { hit: hit.clone(), share: likeness.share, text: likeness.text });
                }
            }
        }
    }

    fn note_places(&mut self, parts: &[Part], line: u32) {
        for part in parts {
            let places = &mut self.places[part.id as usize];
            if places.len() < PLACES * 4 && places.last() != Some(&line) {
                places.push(line);
            }
        }
    }

    /// The declarations that hold in a statement and were not yet found to: their numbers, and whether the statement gives a number of
    /// an error that they do not speak of.
    fn holding(&mut self, parts: &[Part], (line, last): (u32, u32), is_end: bool) -> Vec<(u32, bool)> {
        let knowledge = self.knowledge;
        let mut holding = Vec::new();
        let kind = |part: u32| knowledge.lexicon.name(part).0;
        let numbered: Vec<&str> = parts.iter().map(|p| kind(p.id)).filter(|kind| DECIDING.contains(kind)).collect();
        let has = |part: &u32| parts.iter().any(|p| p.id == *part);
        let mut tried: QuickSet<u32> = QuickSet::default();
        for at in parts.iter().flat_map(|part| &knowledge.anchors[part.id as usize]) {
            let sign = &knowledge.declared[*at as usize].sign;
            if !tried.insert(*at) || !sign.here.iter().all(|any| any.iter().any(has)) {
                continue;
            }
            if sign.not_here.iter().any(has) {
                self.excluded.insert((*at, line));
                if is_end && let Some(hits) = self.hits.get_mut(at) {
                    hits.retain(|hit| hit.line != last);
                }
                continue;
            }
            let hits = self.hits.get(at).map_or(&[][..], Vec::as_slice);
            // What a line says alone is not told again with its neighbours.
            if hits.len() < PLACES && !hits.iter().any(|old| old.line >= line && old.last <= last) {
                let speaks = sign.here.iter().flatten().any(|part| numbered.contains(&kind(*part)));
                holding.push((*at, !numbered.is_empty() && !speaks));
            }
        }
        holding
    }

    /// False for what was said before, whatever its counters and times.
    fn is_new(&mut self, row: &Row, numbers: &Candidates) -> bool {
        let mut hash = FixedState::default().build_hasher();
        row.tokens.iter().filter(|token| token.number().is_none()).for_each(|token| token.word.hash(&mut hash));
        numbers.found.iter().for_each(|(_, number)| number.hash(&mut hash));
        self.seen.insert(hash.finish())
    }

    /// The user whose prompt stands above a line, other than root.
    pub fn user_of(&self, line: u32) -> Option<String> {
        self.commands.iter().rfind(|command| command.line < line)?.user.clone()
    }

    /// The port that the next lines name, where a statement names none.
    pub fn port_below(&self, hit: &Hit) -> Option<u16> {
        self.ports.iter().find(|(line, _)| (hit.line..=hit.last + 2).contains(line)).map(|(_, port)| *port)
    }

    /// True when one of the parts stands within a few lines.
    pub fn is_near(&self, parts: &[u32], hit: &Hit) -> bool {
        let lines = parts.iter().flat_map(|part| &self.places[*part as usize]);
        lines.into_iter().any(|line| line + NEAR >= hit.line && *line <= hit.last + NEAR)
    }

    /// True when what a declaration asks of the lines around and of the whole text holds, too.
    pub fn surrounds(&self, sign: &Sign, hit: &Hit) -> bool {
        let near = |part: &u32| self.is_near(&[*part], hit);
        let there = |part: &u32| !self.places[*part as usize].is_empty();
        sign.near.iter().all(|any| any.iter().any(near))
            && sign.text.iter().all(|any| any.iter().any(there))
            && !sign.not_near.iter().any(near)
            && !sign.not_text.iter().any(there)
    }
}

/// Lines that begin alike are records of one log, and no sentence.
fn shares_start(one: &str, other: &str) -> bool {
    let (one, other) = [one, other].map(|text| text.split_whitespace().next().unwrap_or_default()).into();
    one.len() > 4 && one == other
}

/// A statement on one line.
fn told(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    crate::report::harmless(&words.join(" ")).chars().take(400).collect()
}
