//! Finds the causes in a text: reads it line by line, compares what each says with what the codes explain, and orders the causes
//! by what tells most.

use std::collections::BTreeSet;

use super::documents::Documents;
use super::knowledge::Knowledge;
use super::lines::lines;
use super::order;
pub use super::order::{Found, Search};
use super::reading::{Hit, Reading};
use super::writing::is_writing;

/// More of a text than this is not read.
pub const MOST: usize = 64 << 20;

/// Looks texts through for what codes explain.
#[derive(Debug)]
pub struct Finder {
    knowledge: Knowledge,
}

impl Default for Finder {
    fn default() -> Self {
        Self::new()
    }
}

impl Finder {
    /// Reads all declarations: some milliseconds.
    pub fn new() -> Self {
        Self { knowledge: Knowledge::new() }
    }

    /// The codes that `bytes` speak of, best first. Repeated lines are looked at once.
    pub fn search(&self, bytes: &[u8]) -> Search {
        order::causes(&self.knowledge, self.reading(bytes))
    }

    /// Every `- explains-if:` line.
    pub fn declarations(&self) -> BTreeSet<&'static str> {
        self.knowledge.declared.iter().map(|declared| declared.text).collect()
    }

    /// The `- explains-if:` lines that hold in `bytes`.
    pub fn declarations_in(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        let reading = self.reading(bytes);
        let holds = |(at, hits): (&u32, &Vec<Hit>)| {
            let declared = &self.knowledge.declared[*at as usize];
            hits.iter().any(|hit| reading.surrounds(&declared.sign, hit)).then_some(declared.text)
        };
        reading.hits.iter().filter_map(holds).collect()
    }

    fn reading(&self, bytes: &[u8]) -> Reading<'_> {
        let mut reading = Reading::new(&self.knowledge);
        if is_writing(bytes) {
            return reading;
        }
        let mut documents = Documents::default();
        for line in lines(bytes.get(..MOST).unwrap_or(bytes)) {
            reading.witnesses.note(&line.text);
            match !reading.takes(&line) && (reading.repeats(&line) || documents.hides(&line.text)) {
                true => reading.part(),
                false => reading.read(&line),
            }
        }
        reading
    }
}
