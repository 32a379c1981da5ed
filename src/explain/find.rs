//! Finds the causes in a text: reads it line by line, compares what each says with what the codes explain, and orders the causes
//! by what tells most.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::Documents;
use super::entries::{Entry, entries};
use super::lexicon::Lexicon;
use super::lines::lines;
use super::order;
use super::reading::{Hit, Reading};
use super::sentences::Sentences;
use super::signs::{AnyOf, Sign, Symptoms};
use super::understood::Understood;
use super::writing::is_writing;

/// More of a text than this is not read.
pub const MOST: usize = 64 << 20;

/// A code that the text speaks of.
#[derive(Clone, Debug)]
pub struct Found {
    pub entry: Entry,
    /// The declaration that it was found by: conditions, or a known line.
    pub declared: &'static str,
    /// What of the text it is, on one line.
    pub matched: String,
    /// The line it begins on, from 1.
    pub line: u32,
    /// How much it tells, 0 to 1.
    pub score: f32,
    /// Why it has this score.
    pub why: Vec<String>,
    /// As a rule the consequence of something else.
    pub weak: bool,
}

/// What a text gave.
#[derive(Debug, Default)]
pub struct Search {
    /// Best first.
    pub found: Vec<Found>,
    /// What was understood of the text, whether or not its cause is known.
    pub understood: Vec<Understood>,
}

/// Conditions of one or more codes.
#[derive(Debug)]
pub(super) struct Declared {
    pub text: &'static str,
    pub sign: Sign,
    pub entries: Vec<usize>,
}

/// All that codes explain, ready to be looked for.
#[derive(Debug)]
pub struct Finder {
    pub(super) entries: Vec<Entry>,
    pub(super) lexicon: Lexicon,
    pub(super) declared: Vec<Declared>,
    /// Part → the declarations whose statement must have it or an alternative of it.
    pub(super) anchors: Vec<Vec<u32>>,
    pub(super) sentences: Sentences,
}

impl Default for Finder {
    fn default() -> Self {
        Self::new()
    }
}

impl Finder {
    /// Reads all declarations: some milliseconds.
    pub fn new() -> Self {
        let (entries, mut symptoms, mut lexicon) = (entries(), Symptoms::new(), Lexicon::new());
        let mut signs: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        let mut known: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            entry.code.explains_if.iter().for_each(|text| signs.entry(text).or_default().push(at));
            entry.code.explains.iter().for_each(|text| known.entry(text).or_default().push(at));
        }
        let mut declared = Vec::new();
        for (text, entries) in signs {
            let read = symptoms.read(text, &mut lexicon).unwrap_or_else(|why| panic!("explains-if: {text}: {why}"));
            declared.extend(read.into_iter().map(|sign| Declared { text, sign, entries: entries.clone() }));
        }
        let sentences = Sentences::new(known.into_iter().collect(), &mut lexicon);
        let anchors = anchors(&declared, lexicon.len());
        Self { entries, lexicon, declared, anchors, sentences }
    }

    /// The codes that `bytes` speak of, best first. Repeated lines are looked at once.
    pub fn search(&self, bytes: &[u8]) -> Search {
        order::search(self, self.reading(bytes))
    }

    /// Every `- explains-if:` line.
    pub fn declarations(&self) -> BTreeSet<&'static str> {
        self.declared.iter().map(|declared| declared.text).collect()
    }

    /// The `- explains-if:` lines that hold in `bytes`.
    pub fn declarations_in(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        let reading = self.reading(bytes);
        let holds = |(at, hits): (&u32, &Vec<Hit>)| {
            let declared = &self.declared[*at as usize];
            hits.iter().any(|hit| reading.surrounds(&declared.sign, hit)).then_some(declared.text)
        };
        reading.hits.iter().filter_map(holds).collect()
    }

    fn reading(&self, bytes: &[u8]) -> Reading<'_> {
        let mut reading = Reading::new(self);
        if is_writing(bytes) {
            return reading;
        }
        let mut documents = Documents::default();
        for line in lines(bytes.get(..MOST).unwrap_or(bytes)) {
            match reading.repeats(&line) || documents.hides(&line.text) {
                true => reading.part(),
                false => reading.read(&line),
            }
        }
        reading
    }
}

/// By part: the declarations that are looked at where it stands. Each stands with one of its conditions, the rarest.
fn anchors(declared: &[Declared], parts: usize) -> Vec<Vec<u32>> {
    let mut counts = vec![0_u32; parts];
    let all = || declared.iter().flat_map(|d| d.sign.here.iter().flatten());
    all().for_each(|part| counts[*part as usize] += 1);
    let mut anchors = vec![Vec::new(); parts];
    for (at, declared) in declared.iter().enumerate() {
        let cost = |any: &&AnyOf| any.iter().map(|part| counts[*part as usize]).sum::<u32>();
        for part in declared.sign.here.iter().min_by_key(cost).into_iter().flatten() {
            anchors[*part as usize].push(at as u32);
        }
    }
    anchors
}
