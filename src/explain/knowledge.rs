//! All that codes explain, ready to be looked for: their conditions and their known lines.

use std::collections::BTreeMap;

use super::entries::{Entry, entries};
use super::lexicon::Lexicon;
use super::sentences::Sentences;
use super::signs::{AnyOf, Follows, Sign, Symptoms, follows};

/// Conditions of one or more codes.
#[derive(Debug)]
pub struct Declared {
    pub text: &'static str,
    pub sign: Sign,
    pub entries: Vec<usize>,
}

/// All that codes explain, ready to be looked for.
#[derive(Debug)]
pub struct Knowledge {
    pub entries: Vec<Entry>,
    pub lexicon: Lexicon,
    pub declared: Vec<Declared>,
    /// Part → the declarations whose statement must have it or an alternative of it.
    pub anchors: Vec<Vec<u32>>,
    pub sentences: Sentences,
    /// Programs whose servers are none of Docker's.
    pub foreign: Vec<u32>,
    pub follows: Vec<Follows>,
}

impl Knowledge {
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
        for (text, owners) in signs {
            let read = symptoms.read(text, &mut lexicon).unwrap_or_else(|why| panic!("explains-if: {text}: {why}"));
            declared.extend(read.into_iter().map(|sign| Declared { text, sign, entries: owners.clone() }));
        }
        let foreign = lexicon.of_kind("foreign");
        for declared in
            declared.iter_mut().filter(|one| one.entries.iter().all(|at| talks_to_registries(&entries[*at])))
        {
            declared.sign.not_here.extend(&foreign);
            declared.sign.not_near.extend(&foreign);
        }
        let sentences = Sentences::new(known.into_iter().collect(), &mut lexicon);
        let anchors = anchors(&declared, lexicon.len());
        let follows = follows(&symptoms);
        Self { entries, lexicon, declared, anchors, sentences, foreign, follows }
    }
}

/// True for causes of what Docker does not get from a registry: what a program says of another server is none of them.
fn talks_to_registries(entry: &Entry) -> bool {
    let family = entry.check.map_or("", |check| check.family.name);
    family == "registry" || ["docker-mtu", "docker-proxy"].contains(&entry.id)
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
