//! Finds the causes in a text: reads it line by line, compares what each says with what the codes explain, and orders the causes
//! by what tells most.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::documents::Documents;
use super::entries::{Entry, entries};
use super::lexicon::{Lexicon, Part};
use super::lines::{Line, Severity, lines};
use super::sentences::{ENOUGH, Sentences};
use super::signs::{AnyOf, Sign, Symptoms};
use super::understood::Understood;
use super::words::{OTHER, Row};

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
struct Declared {
    text: &'static str,
    sign: Sign,
    entries: Vec<usize>,
}

/// All that codes explain, ready to be looked for.
#[derive(Debug)]
pub struct Finder {
    entries: Vec<Entry>,
    lexicon: Lexicon,
    declared: Vec<Declared>,
    /// Part → the declarations whose statement must have it or an alternative of it.
    anchors: Vec<Vec<u32>>,
    sentences: Sentences,
}

/// So many lines apart is still `near`.
const NEAR: u32 = 8;
/// So many lines at most are one sentence.
const SENTENCE: usize = 4;
/// Kinds of errors with numbers: where a statement has one, it decides, and the sentence around it does not.
const DECIDING: [&str; 6] = ["cuda", "nvml", "nvenc", "xid", "vk", "cert"];
const NVRM: &str = "NVRM:";
/// In the first lines of a text a sentence may go on anywhere: people paste single errors in pieces.
const PASTE: u32 = 40;
/// Further down a line must be so long to have been wrapped.
const WRAPPED: usize = 50;
/// Of one declaration so many places are kept.
const PLACES: usize = 16;

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
        self.reading(bytes).finish()
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
            hits.iter().any(|hit| reading.surroundings_fit(&declared.sign, hit)).then_some(declared.text)
        };
        reading.hits.iter().filter_map(holds).collect()
    }

    fn reading(&self, bytes: &[u8]) -> Reading<'_> {
        let mut reading = Reading::new(self);
        let mut documents = Documents::default();
        for line in lines(bytes.get(..MOST).unwrap_or(bytes)) {
            match documents.hides(&line.text) {
                true => reading.recent.clear(),
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

/// Where a declaration holds, as far as its own statement goes.
#[derive(Clone, Debug)]
struct Hit {
    line: u32,
    last: u32,
    matched: String,
    severity: Severity,
    /// It gives a number or a name of an error that the declaration does not speak of.
    beside: bool,
}

/// A known line that was found.
struct Said {
    hit: Hit,
    share: f32,
    text: &'static str,
}

/// A line that later lines may go on with.
struct Recent {
    number: u32,
    row: Row,
}

/// One text while it is read.
struct Reading<'a> {
    finder: &'a Finder,
    seen: HashSet<u64>,
    recent: VecDeque<Recent>,
    /// By part: lines that have it.
    places: Vec<Vec<u32>>,
    hits: HashMap<u32, Vec<Hit>>,
    said: HashMap<usize, Said>,
    understood: Vec<Understood>,
}

impl<'a> Reading<'a> {
    fn new(finder: &'a Finder) -> Self {
        Self {
            finder,
            seen: HashSet::new(),
            recent: VecDeque::new(),
            places: vec![Vec::new(); finder.lexicon.len()],
            hits: HashMap::new(),
            said: HashMap::new(),
            understood: Vec::new(),
        }
    }

    fn read(&mut self, line: &Line<'_>) {
        let text = line.text.get(line.spoken.min(line.text.len())..).unwrap_or("").trim_end();
        if text.trim().is_empty() {
            return self.recent.clear();
        }
        let whole = self.finder.lexicon.vocabulary.row(line.text.trim_end());
        if whole.tokens.iter().any(|token| token.word != OTHER) {
            self.statement(&whole, (line.number, line.number), line.severity);
            self.sentence(line, text);
        }
        if self.recent.len() == SENTENCE - 1 {
            self.recent.pop_front();
        }
        let row = if line.spoken == 0 { whole } else { whole.from(line.spoken) };
        self.recent.push_back(Recent { number: line.number, row });
    }

    /// The line as the end of a sentence that began before.
    fn sentence(&mut self, line: &Line<'_>, text: &str) {
        let Some(before) = self.recent.back() else { return };
        let near_the_top = line.number <= PASTE;
        let wrapped =
            before.row.text.len() >= WRAPPED && text.starts_with(|c: char| c.is_whitespace() || c.is_lowercase());
        let unheaded = line.may_go_on()
            && line.severity != Severity::Minor
            && (near_the_top || wrapped)
            && !shares_start(&before.row.text, text);
        // NVIDIA's kernel module puts its name before each line of a wrapped sentence.
        let text = match (text.trim_start().strip_prefix(NVRM), before.row.text.trim_start().starts_with(NVRM)) {
            (Some(rest), true) => rest,
            _ if unheaded => text,
            _ => return,
        };
        let vocabulary = &self.finder.lexicon.vocabulary;
        let mut row = vocabulary.row(text);
        let before: Vec<&Recent> = self.recent.iter().rev().collect();
        let mut first = line.number;
        let mut rows = Vec::new();
        for recent in before {
            first = recent.number;
            row = vocabulary.join(&recent.row, &row);
            rows.push((first, row.clone()));
        }
        let last = rows.len() - 1;
        for (at, (first, row)) in rows.into_iter().enumerate() {
            if at == 0 || at == last {
                self.statement(&row, (first, line.number), line.severity);
            }
        }
        debug_assert!(first <= line.number);
    }

    fn statement(&mut self, row: &Row, (line, last): (u32, u32), severity: Severity) {
        let parts = self.finder.lexicon.read(row);
        if !self.is_new(row, &parts) {
            return;
        }
        let numbered: Vec<&str> = parts
            .iter()
            .map(|part| self.finder.lexicon.name(part.id).0)
            .filter(|kind| DECIDING.contains(kind))
            .collect();
        let hit = |beside: bool| Hit { line, last, matched: told(&row.text), severity, beside };
        if line == last {
            for part in &parts {
                let places = &mut self.places[part.id as usize];
                if places.len() < PLACES * 4 && places.last() != Some(&line) {
                    places.push(line);
                }
            }
            if self.understood.len() < PLACES {
                self.understood.extend(Understood::of(row, &parts, &self.finder.lexicon, line, severity));
            }
        }
        let has = |part: &u32| parts.iter().any(|p| p.id == *part);
        let mut tried: HashSet<u32> = HashSet::new();
        for at in parts.iter().flat_map(|part| &self.finder.anchors[part.id as usize]) {
            let sign = &self.finder.declared[*at as usize].sign;
            let holds =
                tried.insert(*at) && sign.here.iter().all(|any| any.iter().any(has)) && !sign.not_here.iter().any(has);
            let hits = self.hits.entry(*at).or_default();
            // What a line says alone is not told again with its neighbours.
            if holds && hits.len() < PLACES && !hits.iter().any(|hit| hit.line >= line && hit.last <= last) {
                let speaks = |part: &u32| numbered.contains(&self.finder.lexicon.name(*part).0);
                hits.push(hit(!numbered.is_empty() && !sign.here.iter().flatten().any(speaks)));
            }
        }
        // What no logger calls an error must be all of a known line.
        let enough = if severity == Severity::Minor { 0.95 } else { ENOUGH };
        for likeness in self.finder.sentences.read(&row.tokens, &parts, enough, &self.finder.lexicon) {
            for entry in likeness.entries {
                if self.said.get(entry).is_none_or(|said| said.share < likeness.share) {
                    self.said.insert(*entry, Said { hit: hit(false), share: likeness.share, text: likeness.text });
                }
            }
        }
    }

    /// False for what was said before, whatever its counters and times.
    fn is_new(&mut self, row: &Row, parts: &[Part]) -> bool {
        let mut hash = DefaultHasher::new();
        row.tokens.iter().filter(|token| token.number().is_none()).for_each(|token| token.word.hash(&mut hash));
        parts.iter().for_each(|part| part.id.hash(&mut hash));
        self.seen.insert(hash.finish())
    }

    fn finish(self) -> Search {
        let mut best: BTreeMap<usize, Found> = BTreeMap::new();
        for (at, hits) in &self.hits {
            let declared = &self.finder.declared[*at as usize];
            for hit in hits.iter().filter(|hit| self.surroundings_fit(&declared.sign, hit)) {
                let (score, why) = worth(&declared.sign, hit);
                for entry in &declared.entries {
                    self.keep(&mut best, *entry, hit, (declared.text, score, declared.sign.weak), &why);
                }
            }
        }
        // What an entry's own conditions found stands: its known lines tell no more.
        for (entry, Said { hit, share, text }) in
            self.said.iter().filter(|(entry, _)| !best.contains_key(*entry)).collect::<Vec<_>>()
        {
            let why = vec![format!("{:.0} % of a known line", share * 100.0)];
            self.keep(&mut best, *entry, hit, (text, 0.6 + share * 0.15, false), &why);
        }
        let mut found: Vec<Found> = best.into_values().collect();
        found.sort_by_key(|found| (found.line, found.entry.rank));
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        if found.iter().any(|found| !found.weak) {
            found.retain(|found| !found.weak);
        }
        Search { found, understood: self.understood }
    }

    fn keep(
        &self,
        best: &mut BTreeMap<usize, Found>,
        entry: usize,
        hit: &Hit,
        (declared, score, weak): (&'static str, f32, bool),
        why: &[String],
    ) {
        let old = best.get(&entry).map_or((f32::MIN, 0), |old| (old.score, old.line));
        if score > old.0 || score == old.0 && hit.line < old.1 {
            let entry_ = self.finder.entries[entry].clone();
            let matched = hit.matched.clone();
            best.insert(
                entry,
                Found { entry: entry_, declared, matched, line: hit.line, score, why: why.to_vec(), weak },
            );
        }
    }

    fn surroundings_fit(&self, sign: &Sign, hit: &Hit) -> bool {
        let lines = |part: &u32| self.places[*part as usize].iter();
        let near = |part: &u32| lines(part).any(|line| line + NEAR >= hit.line && *line <= hit.last + NEAR);
        let there = |part: &u32| lines(part).next().is_some();
        sign.near.iter().all(|any| any.iter().any(near))
            && sign.text.iter().all(|any| any.iter().any(there))
            && !sign.not_near.iter().any(near)
            && !sign.not_text.iter().any(there)
    }
}

/// What a declaration that holds is worth: more conditions tell more, warnings and what needs several lines tell less.
fn worth(sign: &Sign, hit: &Hit) -> (f32, Vec<String>) {
    let mut why = Vec::new();
    let mut score = if sign.weak { 0.7 } else { 0.88 };
    let conditions = sign.here.len() + sign.near.len() + sign.text.len();
    why.push(format!("{conditions} conditions hold"));
    score += (conditions.saturating_sub(1) as f32 * 0.02).min(0.08);
    if sign.weak {
        why.push("as a rule the consequence of something else".into());
    }
    if sign.telling {
        score += 0.06;
        why.push("it names the cause".into());
    }
    if hit.beside {
        score -= 0.1;
        why.push("the number of the error says something else".into());
    }
    if sign.rare {
        score -= 0.04;
        why.push("one of the less likely causes".into());
    }
    if hit.last > hit.line {
        score -= 0.02;
        why.push("spread over several lines".into());
    }
    if hit.severity == Severity::Minor {
        score -= 0.05;
        why.push("its logger does not call it an error".into());
    }
    (score, why)
}

/// Lines that begin alike are records of one log, and no sentence.
fn shares_start(one: &str, other: &str) -> bool {
    let word = |text: &str| text.split_whitespace().next().map(str::to_owned).unwrap_or_default();
    let (one, other) = (word(one), word(other));
    one.len() > 4 && one == other
}

/// A statement on one line.
fn told(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    crate::report::harmless(&words.join(" ")).chars().take(400).collect()
}
