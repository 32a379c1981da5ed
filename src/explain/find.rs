//! Finds the known messages in a text: every `- explains:` line of every check and note, compared by the words that carry its
//! meaning, in their order, within a stretch of text not much longer than itself.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::entries::{Entry, entries};
use super::words::{Token, Vocabulary, Word, clean};

/// More of a text than this is not read.
pub const MOST: usize = 64 << 20;

/// A code whose message stands in the text.
#[derive(Clone, Debug)]
pub struct Found {
    pub entry: Entry,
    /// The known message that fits best.
    pub message: &'static str,
    /// What of the text is that message, on one line.
    pub matched: String,
    /// The line it begins on, from 1.
    pub line: u32,
    /// How well it fits, 0 to 1.
    pub score: f32,
    /// How much was said: the weight of the words that were found.
    pub substance: f32,
    span: (u32, u32),
}

/// What a text gave.
#[derive(Debug, Default)]
pub struct Search {
    /// Best first.
    pub found: Vec<Found>,
    /// Where nothing is known: what comes nearest.
    pub nearest: Option<Found>,
}

/// Below this share of its weight a message is not taken for found.
const ENOUGH: f32 = 0.66;
/// A message must have this much meaning found, about two and a half words.
const SUBSTANCE: f32 = 2.6;
/// Errors of one cause, whichever program has them and whatever else it says.
const TELLING: [&str; 1] = ["enospc"];
/// The weight of a word that no message has.
const OTHER: f32 = 1.3;
/// Words that nearly every message has.
const GLUE: &str = "the a an of to in is are was be been from with for on at by and or this that it its you your if not no into as \
error fail failed failure fatal warning warn info err msg level docker daemon response unknown have has had do does will can may \
please message exit status code time cannot isnt doesnt jan feb mar apr jun jul aug sep oct nov dec mon tue wed thu fri sat sun we \
so there when while which i e g oserror errno exception debug trace notice line at using via need try again usr bin sbin var lib etc home tmp opt";

/// Words that programs of every kind use: no part of a message is known by these alone.
const COMMON: &str = "connect connection tcp udp dial http https get post server client host network timeout file folder directory open read write load start run process exec command path data port socket user enoent eacces eperm eaddrinuse econnrefused econnreset enospc ebusy enodev enxio einval erofs emfile eisdir enotdir notfound notinpath setting name address localhost";

/// Without one of these in the text, a message that is mostly about them is another program's.
const ENGINES: [&str; 4] = ["docker", "dockerd", "moby", "podman"];

/// Errors of errno(3): a text that gives another one is another message.
const REASONS: &str = "enoent eacces eperm eaddrinuse econnrefused econnreset enospc ebusy enodev enxio erofs emfile eisdir enotdir \
enoexec ehostunreach";

/// Words that say that something is wrong, the errors of errno(3) and those of other languages with them. A message that has one is
/// not found in lines without any: "camera opened /dev/video0".
const COMPLAINTS: &str = "cannot isnt doesnt no not never nor without error fail failed failure fatal invalid illegal missing unknown \
unsupported unauthorized insufficient lost rejected refused denied unsatisfied unresolvable mismatch conflict unexpected warning unable aborted killed \
terminated exceed exceeded bad wrong busy must too already only require timeout notfound notinpath unmet unavailable incompatible \
disabled misconfigured unhandled uncorrectable corrupt dead stuck old crash crashed panic exception because eacces eperm eaddrinuse econnrefused econnreset \
enoent enospc ebusy enodev enxio einval erofs emfile eisdir enotdir enoexec ehostunreach cannotopensharedobject nicht kein keine fehler impossible introuvable \
erreur aucun permiso denegado falso";

/// One `- explains:` line.
struct Message {
    text: &'static str,
    entries: Vec<Entry>,
    words: Vec<Word>,
    weight: f32,
    /// It ends in a blank: what it names is empty. Where a number follows it is another message.
    names_nothing: bool,
}

/// A word of a message, from where the message is looked for.
#[derive(Clone, Copy)]
struct Head {
    message: u32,
    place: u32,
    /// One of those that a text must have to hold most of the message; a part of it may do with the others.
    rare: bool,
}

/// From so many lines on, whole messages are looked for and no parts of them.
const LONG: u32 = 500;

/// All known messages, ready to be looked for.
pub struct Finder {
    vocabulary: Vocabulary,
    weights: Vec<f32>,
    messages: Vec<Message>,
    /// Word → the messages that any fit must share it, or another of their rarest words, with.
    heads: Vec<Vec<Head>>,
    /// Numbers that some message has.
    numbers: HashSet<u32>,
    /// Of [`COMMON`].
    common: HashSet<u32>,
    /// Of [`ENGINES`].
    engines: HashSet<u32>,
    /// Of [`REASONS`].
    reasons: HashSet<u32>,
    /// Of [`TELLING`].
    telling: HashSet<u32>,
    /// Of [`COMPLAINTS`].
    complaints: HashSet<u32>,
}

impl Default for Finder {
    fn default() -> Self {
        Self::new()
    }
}

impl Finder {
    /// Cuts all known messages: some milliseconds.
    pub fn new() -> Self {
        let mut vocabulary = Vocabulary::new();
        vocabulary.learn(COMPLAINTS);
        let mut distinct: BTreeMap<&'static str, Vec<Entry>> = BTreeMap::new();
        for entry in entries() {
            for message in &entry.code.explains {
                distinct.entry(message).or_default().push(entry.clone());
            }
        }
        let messages: Vec<Message> = distinct
            .into_iter()
            .map(|(text, entries)| {
                let words = vocabulary.learn(text).iter().map(|t| t.word).take(60).collect();
                Message { text, entries, words, weight: 0.0, names_nothing: text.ends_with(' ') }
            })
            .collect();
        // A phrase learnt late may stand in a message cut early.
        let messages: Vec<Message> = messages
            .into_iter()
            .map(|m| Message { words: vocabulary.cut(m.text).iter().map(|t| t.word).take(60).collect(), ..m })
            .collect();
        let weights = weights(&vocabulary, &messages);
        let number = |word: &Word| if let Word::Number(n) = word { Some(*n) } else { None };
        let numbers = messages.iter().flat_map(|m| m.words.iter().filter_map(number)).collect();
        let common = COMMON.split_whitespace().filter_map(|word| vocabulary.number_of(word)).collect();
        let engines = ENGINES.iter().filter_map(|word| vocabulary.number_of(word)).collect();
        let reasons = REASONS.split(' ').filter_map(|word| vocabulary.number_of(word)).collect();
        let telling = TELLING.iter().filter_map(|word| vocabulary.number_of(word)).collect();
        let complaints = COMPLAINTS.split_whitespace().filter_map(|word| vocabulary.number_of(word)).collect();
        let mut finder = Self {
            complaints,
            common,
            engines,
            reasons,
            telling,
            heads: vec![Vec::new(); vocabulary.len()],
            numbers,
            vocabulary,
            weights,
            messages,
        };
        finder.index();
        finder
    }

    fn weight(&self, word: Word) -> f32 {
        match word {
            Word::Known(id) => self.weights.get(id as usize).copied().unwrap_or(0.0),
            Word::Other => OTHER,
            Word::Path => 0.2,
            Word::Number(_) => 0.0,
        }
    }

    /// Weighs the messages and chooses, of each, words such that a text without any of them cannot be near it.
    fn index(&mut self) {
        for at in 0..self.messages.len() {
            let words = self.messages[at].words.clone();
            let total: f32 = words.iter().map(|w| self.weight(*w)).sum();
            self.messages[at].weight = total;
            let mut order: Vec<usize> = (0..words.len()).collect();
            order.sort_by(|a, b| self.weight(words[*b]).total_cmp(&self.weight(words[*a])));
            let mut left = total;
            for place in order {
                if let Word::Known(id) = words[place]
                    && left >= total * 0.34
                    && self.weight(words[place]) > 0.2
                {
                    let rare = left >= total * 0.58;
                    self.heads[id as usize].push(Head { message: at as u32, place: place as u32, rare });
                    left -= self.weight(words[place]);
                }
            }
        }
    }

    /// The codes whose messages stand in `bytes`, best first. Repeated lines are looked at once.
    pub fn search(&self, bytes: &[u8]) -> Search {
        let text = clean(bytes, MOST);
        let tokens = self.unrepeated(self.vocabulary.cut(&text));
        let lines = self.line_weights(&tokens);
        let long = tokens.last().is_some_and(|token| token.line > LONG);
        let least = if long { ENOUGH - 0.05 } else { 0.3 };
        let mut best: Vec<Option<Fit>> = vec![None; self.messages.len()];
        // Where each message was last looked at: one hit after another in one place is one look.
        let mut seen_to: Vec<usize> = vec![0; self.messages.len()];
        let mut around = Around::new(self.vocabulary.len());
        for (at, token) in tokens.iter().enumerate() {
            around.move_to(&tokens, at);
            let Word::Known(id) = token.word else { continue };
            for head in self.heads[id as usize].iter().filter(|head| head.rare || !long) {
                let (message, place) = (head.message as usize, head.place as usize);
                if at < seen_to[message] || best[message].is_some_and(|fit| fit.score >= 0.995) {
                    continue;
                }
                let known = &self.messages[message];
                let from = at.saturating_sub(place * 2 + 10);
                let to = (at + (known.words.len() - place) * 2 + 14).min(tokens.len());
                if at - from <= RADIUS && to - at <= RADIUS && around.weight(self, known) < known.weight * least {
                    continue;
                }
                seen_to[message] = at + (known.words.len() - place).div_ceil(2);
                let fit = self.fit(known, &tokens, from, to, &lines);
                if let Some(fit) = fit.filter(|fit| best[message].is_none_or(|b| b.score < fit.score)) {
                    best[message] = Some(fit);
                }
            }
        }
        self.collect(&text, &best)
    }

    /// Leaves out lines whose words all stood in an earlier line.
    fn unrepeated(&self, tokens: Vec<Token>) -> Vec<Token> {
        let mut seen: HashSet<u64> = HashSet::new();
        let mut kept = Vec::with_capacity(tokens.len().min(1 << 16));
        for line in tokens.chunk_by(|a, b| a.line == b.line) {
            let mut hash = DefaultHasher::new();
            for token in line.iter().filter(|t| t.spoken) {
                match token.word {
                    Word::Known(id) => id.hash(&mut hash),
                    Word::Other | Word::Path => u32::MAX.hash(&mut hash),
                    Word::Number(n) if self.numbers.contains(&n) => (n, true).hash(&mut hash),
                    Word::Number(_) => {}
                }
            }
            if seen.insert(hash.finish()) {
                kept.extend_from_slice(line);
            }
        }
        kept
    }

    /// By line: the weight of what the line says.
    fn line_weights(&self, tokens: &[Token]) -> BTreeMap<u32, f32> {
        let mut lines = BTreeMap::new();
        for token in tokens.iter().filter(|t| t.spoken) {
            *lines.entry(token.line).or_insert(0.0) += self.weight(token.word);
        }
        lines
    }

    /// How well a message fits the words from `from` to `to`.
    fn fit(
        &self,
        known: &Message,
        tokens: &[Token],
        from: usize,
        to: usize,
        lines: &BTreeMap<u32, f32>,
    ) -> Option<Fit> {
        let window = tokens.get(from..to)?;
        let anywhere: f32 = known
            .words
            .iter()
            .filter(|word| matches!(word, Word::Known(_)) && window.iter().any(|t| t.word == **word))
            .map(|word| self.weight(*word))
            .sum();
        if anywhere < known.weight * 0.3 {
            return None;
        }
        let places = self.align(&known.words, window);
        let matched: f32 = places.iter().map(|(k, _)| self.weight(known.words[*k])).sum();
        // Another order of the same words is worth less than the order that is known.
        let matched = matched.max(anywhere * 0.9);
        let share = matched / known.weight.max(0.01);
        let (first, last) = (places.iter().map(|p| p.1).min()?, places.iter().map(|p| p.1).max()?);
        let (first, last) = (window[first], window[last]);
        let said: f32 = lines.range(first.line..=last.line).map(|(_, weight)| weight).sum();
        let of_line = (matched / said.max(0.01)).min(1.0);
        let (own, all_own) = (self.own(known, &places), self.own_of(&known.words));
        let score = if known.weight < SUBSTANCE || all_own < 1.2 {
            // A message as short as "connection refused" is one only where the line says little else.
            match share > 0.95 {
                true if of_line > 0.75 => 0.5 + of_line / 2.0 - 0.05,
                true if self.tells(known) => ENOUGH - 0.04,
                _ => share.min(0.3),
            }
        } else if own < all_own * 0.5 && own < 2.0 {
            share.min(0.5)
        } else if matched >= SUBSTANCE && share >= ENOUGH {
            share
        } else if matched >= SUBSTANCE && share >= 0.34 && of_line >= 0.7 && own >= 2.0 {
            // A part of the message, with nothing else beside it.
            ((share + of_line) / 2.0).max(ENOUGH)
        } else {
            share.min(ENOUGH - 0.01) * (matched / SUBSTANCE).min(1.0)
        };
        let another = self.is_of_another(known, window)
            || self.is_contradicted(known, tokens, (first.line, last.line))
            || self.is_good_news(known, tokens, (first.line, last.line))
            || known.names_nothing && is_followed_by_a_number(tokens, last);
        let score = if another { score.min(0.5) } else { score };
        Some(Fit { score: score + self.numbers(known, window), substance: matched, from: first, to: last })
    }

    /// True when the message is nothing but an error of [`TELLING`].
    fn tells(&self, known: &Message) -> bool {
        known.words.iter().all(|word| matches!(word, Word::Known(id) if self.telling.contains(id)))
    }

    /// True when the message names an engine, says little else that is its own, and the text names no engine.
    fn is_of_another(&self, known: &Message, window: &[Token]) -> bool {
        let engine = |word: &Word| matches!(word, Word::Known(id) if self.engines.contains(id));
        self.own_of(&known.words) < 4.0 && known.words.iter().any(engine) && !window.iter().any(|t| engine(&t.word))
    }

    /// True when the message gives one reason of the system and the lines that it was found in give others.
    fn is_contradicted(&self, known: &Message, tokens: &[Token], (first, last): (u32, u32)) -> bool {
        let reason =
            |word: Word| if let Word::Known(id) = word { self.reasons.contains(&id).then_some(id) } else { None };
        let own: Vec<u32> = known.words.iter().filter_map(|word| reason(*word)).collect();
        if own.is_empty() {
            return false;
        }
        let said: Vec<u32> = lines_of(tokens, first, last).iter().filter_map(|token| reason(token.word)).collect();
        !said.is_empty() && !said.iter().any(|id| own.contains(id))
    }

    /// True when the message complains and the lines that it was found in do not.
    fn is_good_news(&self, known: &Message, tokens: &[Token], (first, last): (u32, u32)) -> bool {
        let complains = |word: &Word| matches!(word, Word::Known(id) if self.complaints.contains(id));
        known.words.iter().any(complains) && !lines_of(tokens, first, last).iter().any(|token| complains(&token.word))
    }

    /// The weight of what was matched without glue and without what every program says.
    fn own(&self, known: &Message, places: &[(usize, usize)]) -> f32 {
        let words: Vec<Word> = places.iter().filter_map(|(k, _)| known.words.get(*k).copied()).collect();
        self.own_of(&words)
    }

    fn own_of(&self, words: &[Word]) -> f32 {
        let own = |w: &&Word| matches!(w, Word::Known(id) if !self.common.contains(id)) && self.weight(**w) > 0.5;
        words.iter().filter(own).map(|word| self.weight(*word)).sum()
    }

    /// Numbers tell messages apart that are else the same: signal 9 and signal 31.
    fn numbers(&self, known: &Message, window: &[Token]) -> f32 {
        let numbers: Vec<Word> = known.words.iter().copied().filter(|w| matches!(w, Word::Number(_))).collect();
        if numbers.is_empty() {
            return 0.0;
        }
        let there = numbers.iter().filter(|n| window.iter().any(|t| t.word == **n)).count();
        -0.04 * (1.0 - there as f32 / numbers.len() as f32)
    }

    /// The heaviest common subsequence: pairs of places in the message and in the window.
    fn align(&self, known: &[Word], window: &[Token]) -> Vec<(usize, usize)> {
        let width = window.len() + 1;
        let mut table = vec![0.0_f32; (known.len() + 1) * width];
        for (k, word) in known.iter().enumerate().rev() {
            for (w, token) in window.iter().enumerate().rev() {
                let skip = table[(k + 1) * width + w].max(table[k * width + w + 1]);
                let same = token.word == *word && matches!(word, Word::Known(_) | Word::Number(_));
                let take = if same { self.weight(*word) + 0.01 + table[(k + 1) * width + w + 1] } else { 0.0 };
                table[k * width + w] = skip.max(take);
            }
        }
        let mut places = Vec::new();
        let (mut k, mut w) = (0, 0);
        while k < known.len() && w < window.len() {
            let here = table[k * width + w];
            if here == table[(k + 1) * width + w] {
                k += 1;
            } else if here == table[k * width + w + 1] {
                w += 1;
            } else {
                places.push((k, w));
                k += 1;
                w += 1;
            }
        }
        places
    }

    fn collect(&self, text: &str, best: &[Option<Fit>]) -> Search {
        let mut by_code: BTreeMap<(&str, &str), Found> = BTreeMap::new();
        let fits = best.iter().zip(&self.messages).filter_map(|(fit, message)| Some((fit.as_ref()?, message)));
        for (fit, message) in fits {
            for entry in &message.entries {
                let found = Found {
                    entry: entry.clone(),
                    message: message.text,
                    matched: stretch(text, fit),
                    line: fit.from.line + 1,
                    score: fit.score.clamp(0.0, 1.0),
                    substance: fit.substance,
                    span: (fit.from.from, fit.to.to),
                };
                let key = (entry.id, entry.code.name);
                let better = by_code
                    .get(&key)
                    .is_none_or(|old| (old.score, old.message.len()) < (found.score, found.message.len()));
                if better {
                    by_code.insert(key, found);
                }
            }
        }
        let mut all: Vec<Found> = by_code.into_values().collect();
        // Equal scores keep the order of the list of checks: causes before what they block.
        all.sort_by_key(|found| found.entry.rank);
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        let nearest = all.first().filter(|best| best.score < ENOUGH - 0.04 && best.score > 0.15).cloned();
        let found = all.iter().filter(|f| f.score >= ENOUGH - 0.04 && !outdone(f, &all)).cloned().collect();
        Search { found, nearest }
    }
}

fn lines_of(tokens: &[Token], first: u32, last: u32) -> &[Token] {
    let from = tokens.partition_point(|token| token.line < first);
    let to = tokens.partition_point(|token| token.line <= last);
    tokens.get(from..to).unwrap_or_default()
}

/// `display :0` has something behind its `display`.
fn is_followed_by_a_number(tokens: &[Token], last: Token) -> bool {
    let next = tokens.partition_point(|token| token.from <= last.from);
    tokens.get(next).is_some_and(|token| token.line == last.line && matches!(token.word, Word::Number(_)))
}

/// How far [`Around`] looks to either side.
const RADIUS: usize = 48;

/// Which known words stand near one place: a quick no for most places of a long text.
struct Around {
    counts: Vec<u16>,
    /// The end of what is counted.
    to: usize,
    from: usize,
}

impl Around {
    fn new(words: usize) -> Self {
        Self { counts: vec![0; words], to: 0, from: 0 }
    }

    /// Places are visited in order.
    fn move_to(&mut self, tokens: &[Token], at: usize) {
        while self.to < tokens.len().min(at + RADIUS) {
            if let Word::Known(id) = tokens[self.to].word {
                self.counts[id as usize] += 1;
            }
            self.to += 1;
        }
        while self.from < at.saturating_sub(RADIUS) {
            if let Word::Known(id) = tokens[self.from].word {
                self.counts[id as usize] -= 1;
            }
            self.from += 1;
        }
    }

    /// The most that a message can have here.
    fn weight(&self, finder: &Finder, known: &Message) -> f32 {
        let here = |word: &&Word| matches!(word, Word::Known(id) if self.counts[*id as usize] > 0);
        known.words.iter().filter(here).map(|word| finder.weight(*word)).sum()
    }
}

/// True when the same words of the text fit another message much better.
fn outdone(found: &Found, all: &[Found]) -> bool {
    all.iter().any(|other| {
        let overlap = found.span.1.min(other.span.1).saturating_sub(found.span.0.max(other.span.0));
        let half = (found.span.1 - found.span.0) / 2;
        let close = if found.substance < SUBSTANCE { 0.0 } else { CLOSE };
        other.score > found.score + close && overlap > half
    })
}

/// Messages that fit the same words nearly as well are told together; one of a word or two gives way to any that says more.
const CLOSE: f32 = 0.16;

#[derive(Clone, Copy, Debug)]
struct Fit {
    score: f32,
    /// The weight of the words that were found.
    substance: f32,
    from: Token,
    to: Token,
}

/// The text's own words from the first to the last that fitted, on one line.
fn stretch(text: &str, fit: &Fit) -> String {
    let raw = text.get(fit.from.from as usize..fit.to.to as usize).unwrap_or("");
    let words: Vec<&str> = raw.split_whitespace().collect();
    crate::report::harmless(&words.join(" ")).chars().take(400).collect()
}

/// Rare words weigh up to 2, common ones 1, glue next to nothing.
fn weights(vocabulary: &Vocabulary, messages: &[Message]) -> Vec<f32> {
    let mut counts = vec![0_u32; vocabulary.len()];
    for message in messages {
        let mut words: Vec<u32> =
            message.words.iter().filter_map(|w| if let Word::Known(id) = w { Some(*id) } else { None }).collect();
        words.sort_unstable();
        words.dedup();
        for id in words {
            counts[id as usize] += 1;
        }
    }
    let all = (messages.len() as f32).max(2.0);
    let mut weights: Vec<f32> =
        counts.iter().map(|n| 1.0 + (all / (1.0 + *n as f32)).max(1.0).ln() / all.ln()).collect();
    for (weight, _) in weights.iter_mut().zip(&counts).filter(|(_, count)| **count == 0) {
        *weight = OTHER;
    }
    for word in GLUE.split_whitespace() {
        if let Some(id) = vocabulary.number_of(word) {
            weights[id as usize] = 0.15;
        }
    }
    weights
}
