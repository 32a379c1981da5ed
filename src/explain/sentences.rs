//! The known lines themselves: a text that says nearly all of one, with the same parts, is that line. For what no declaration by
//! parts finds.

use std::collections::HashSet;

use super::hash::{QuickMap, QuickSet};
use super::lexicon::{Lexicon, Part};
use super::numbers::Numbers;
use super::words::{OTHER, Token};

/// One `- explains:` line.
#[derive(Debug)]
struct Sentence {
    text: &'static str,
    entries: Vec<usize>,
    words: Vec<u32>,
    weight: f32,
    /// Parts that a text must have, too: what decides.
    parts: Vec<u32>,
    /// Words that say that something is wrong: a text without any says that all is well.
    complaints: Vec<u32>,
    /// Words that turn a sentence round: a text must have all.
    negations: Vec<u32>,
    /// It says too little to be told from what others say.
    vague: bool,
}

/// All known lines.
#[derive(Debug)]
pub struct Sentences {
    all: Vec<Sentence>,
    weights: Vec<f32>,
    /// Words that say that something is wrong.
    complaints: QuickSet<u32>,
    /// Word → the sentences that hardly fit without it or another of their rarest words.
    heads: QuickMap<u32, Vec<u32>>,
}

/// A known line that stands in a text.
#[derive(Clone, Copy, Debug)]
pub struct Likeness<'a> {
    pub text: &'static str,
    pub entries: &'a [usize],
    /// 0 to 1.
    pub share: f32,
}

/// Of the kinds that decide: a text with another part of the kind says something else.
const DECIDING: [&str; 12] =
    ["errno", "cuda", "nvml", "nvenc", "xid", "http", "library", "node", "module", "vk", "egl", "signal"];
/// What a sentence is about: of another one the text says something else.
const NAMED: [&str; 3] = ["runtime", "package", "unit"];
/// Less of a sentence is not the sentence.
pub const ENOUGH: f32 = 0.9;
/// A sentence that weighs less is one only where the line says little else.
const SHORT: f32 = 5.5;
/// With fewer words beside those of errors a known line speaks of nothing: `Could not connect to ADDRESS: Connection refused`.
const LEAST: usize = 2;
/// Words of nearly every message.
const GLUE: &str = "of to in is are be been from with for on at by and or this that it its you your if not no into as error fail failure \
fatal warn info err level docker daemon response unknown have has do doe will can may please message exit status code time cannot isnt doesnt \
we so there when while which via need try again usr bin var lib etc home tmp opt line file use";

/// Words that say that something is wrong.
const COMPLAINTS: &str = "cannot fail failed failure error fatal invalid missing denied refused unsupported mismatch conflict warning unable lost \
timeout killed isnt doesnt not no without never busy must requires";
/// Words that turn a sentence round.
const NEGATIONS: &str = "cannot isnt doesnt not no without never";

impl Sentences {
    /// `known`: each line with its codes.
    pub fn new(known: Vec<(&'static str, Vec<usize>)>, lexicon: &mut Lexicon) -> Self {
        known.iter().for_each(|(text, _)| {
            lexicon.vocabulary.learn(text);
        });
        let mut learnt = |words: &str| lexicon.vocabulary.learn(words).into_iter().collect::<HashSet<u32>>();
        let (glue, complaints, negations) = (learnt(GLUE), learnt(COMPLAINTS), learnt(NEGATIONS));
        let mut all: Vec<Sentence> = known
            .into_iter()
            .map(|(text, entries)| {
                let row = lexicon.vocabulary.row(text);
                let known = |token: &&Token| token.number().is_none() && token.word != OTHER;
                let mut words: Vec<u32> = row.tokens.iter().filter(known).map(|t| t.word).collect();
                words.sort_unstable();
                words.dedup();
                let decides = |part: &Part| {
                    let kind = lexicon.name(part.id).0;
                    DECIDING.contains(&kind) || NAMED.contains(&kind)
                };
                let parts = lexicon.read(&row, &Numbers::of(text));
                let is_errno = |part: &&Part| lexicon.name(part.id).0 == "errno";
                let errors: Vec<u32> = parts
                    .iter()
                    .filter(is_errno)
                    .filter_map(|part| Some(row.tokens.get(part.at as usize)?.from))
                    .collect();
                let of = |set: &HashSet<u32>| words.iter().copied().filter(|word| set.contains(word)).collect();
                let (complaining, negations): (Vec<u32>, Vec<u32>) = (of(&complaints), of(&negations));
                let names = |word: &&u32| {
                    let of_an_error = row.tokens.iter().any(|t| t.word == **word && errors.contains(&t.from));
                    !of_an_error && !complaints.contains(word) && !glue.contains(word)
                };
                let parts = parts.into_iter().filter(decides).map(|part| part.id).collect();
                let vague = words.iter().filter(names).count() < LEAST;
                Sentence { text, entries, words, weight: 0.0, parts, complaints: complaining, negations, vague }
            })
            .collect();
        all.retain(|sentence| !sentence.vague);
        let weights = weights(lexicon.vocabulary.len(), &all, &glue);
        let mut heads: QuickMap<u32, Vec<u32>> = QuickMap::default();
        for (at, sentence) in all.iter_mut().enumerate() {
            sentence.weight = sentence.words.iter().map(|word| weights[*word as usize]).sum();
            let mut order = sentence.words.clone();
            order.sort_by(|a, b| weights[*b as usize].total_cmp(&weights[*a as usize]));
            let mut left = sentence.weight;
            for word in order {
                if left < sentence.weight * ENOUGH {
                    break;
                }
                heads.entry(word).or_default().push(at as u32);
                left -= weights[word as usize];
            }
        }
        let complaints = complaints.into_iter().collect();
        Self { all, weights, complaints, heads }
    }

    /// True when some word says that something is wrong.
    pub fn complains(&self, tokens: &[Token]) -> bool {
        tokens.iter().any(|token| self.complaints.contains(&token.word))
    }

    /// The sentences that the words say, `enough` of each ([`ENOUGH`] or more).
    pub fn read(&self, tokens: &[Token], parts: &[Part], enough: f32, lexicon: &Lexicon) -> Vec<Likeness<'_>> {
        let mut words: Vec<u32> = tokens.iter().map(|token| token.word).collect();
        words.sort_unstable();
        words.dedup();
        let mut tried: QuickSet<u32> = QuickSet::default();
        let said: f32 = words.iter().map(|word| if *word == OTHER { 1.0 } else { self.weight(*word) }).sum();
        let heads = words.iter().filter_map(|word| self.heads.get(word)).flatten();
        let fits = heads.filter(|at| tried.insert(**at)).filter_map(|at| {
            let sentence = &self.all[*at as usize];
            let has = |word: &&u32| words.binary_search(word).is_ok();
            // What costs least decides first: most lines are none of the sentences.
            let complains = sentence.complaints.is_empty() || sentence.complaints.iter().any(|word| has(&word));
            if !complains || !sentence.negations.iter().all(|word| has(&word)) || !agrees(sentence, parts, lexicon) {
                return None;
            }
            let matched: f32 = sentence.words.iter().filter(has).map(|word| self.weight(*word)).sum();
            let share = matched / sentence.weight.max(0.01);
            let short = || share > 0.97 && matched > 2.4 && matched > said * 0.7;
            let whole = share >= enough && (sentence.weight >= SHORT || short());
            whole.then_some(Likeness { text: sentence.text, entries: &sentence.entries, share })
        });
        fits.collect()
    }

    fn weight(&self, word: u32) -> f32 {
        self.weights.get(word as usize).copied().unwrap_or(0.3)
    }
}

/// True when the text has the parts that decide, and none that contradicts them.
fn agrees(sentence: &Sentence, parts: &[Part], lexicon: &Lexicon) -> bool {
    let kind = |part: &Part| lexicon.name(part.id).0;
    sentence.parts.iter().all(|needed| parts.iter().any(|part| part.id == *needed))
        && !parts.iter().any(|part| kind(part) == "foreign")
        && !parts.iter().any(|part| kind(part) == "errno" && !sentence.parts.contains(&part.id))
}

/// Rare words weigh up to 2, common ones 1, glue next to nothing.
fn weights(words: usize, all: &[Sentence], glue: &HashSet<u32>) -> Vec<f32> {
    let mut counts = vec![0_u32; words];
    for word in all.iter().flat_map(|sentence| &sentence.words) {
        counts[*word as usize] += 1;
    }
    let total = (all.len() as f32).max(2.0);
    let weight = |(word, count): (usize, &u32)| match glue.contains(&(word as u32)) {
        true => 0.15,
        false => 1.0 + (total / (1.0 + *count as f32)).max(1.0).ln() / total.ln(),
    };
    counts.iter().enumerate().map(weight).collect()
}
