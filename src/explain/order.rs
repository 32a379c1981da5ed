//! What was found in a text, in its order: what tells most first.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::shows;
use super::entries::Entry;
use super::inside;
use super::knowledge::Knowledge;
use super::lines::Severity;
use super::ports;
use super::reading::{Hit, Reading, Said};
use super::signs::Sign;
use super::started::Started;
use super::understood::Understood;
use crate::report::Outcome;

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
    /// The port that it speaks of.
    pub port: Option<u16>,
    /// How much it tells, 0 to 1.
    pub score: f32,
    /// Why it has this score.
    pub why: Vec<String>,
    /// Left out beside a cause that is none of these: a consequence of something else, or what the error's own number speaks against.
    pub weak: bool,
    /// What the run line of the text shows of it by itself.
    pub told: Option<Outcome>,
    /// The image that the run line above starts.
    pub image: Option<String>,
    /// Whose shell it was said in, by its prompt.
    pub user: Option<String>,
}

/// What a text gave.
#[derive(Debug, Default)]
pub struct Search {
    /// Best first.
    pub found: Vec<Found>,
    /// What was understood of the text, whether or not its cause is known.
    pub understood: Vec<Understood>,
}

/// The causes of what was read, best first.
pub fn causes(knowledge: &Knowledge, reading: Reading<'_>) -> Search {
    let mut best: BTreeMap<usize, Found> = BTreeMap::new();
    let mut refused: BTreeSet<(usize, u32)> = BTreeSet::new();
    for (at, line) in &reading.excluded {
        refused.extend(knowledge.declared[*at as usize].entries.iter().map(|entry| (*entry, *line)));
    }
    let behind = Behind::of(knowledge, &reading);
    let started = Started::of(&reading.commands);
    for (at, hits) in &reading.hits {
        let declared = &knowledge.declared[*at as usize];
        let elsewhere = hits.iter().filter(|hit| !reading.surrounds(&declared.sign, hit));
        refused.extend(elsewhere.flat_map(|hit| declared.entries.iter().map(|entry| (*entry, hit.line))));
        for hit in hits.iter().filter(|hit| reading.surrounds(&declared.sign, hit)) {
            let (score, why) = worth(&declared.sign, hit);
            for entry in &declared.entries {
                let found = found(knowledge, &reading, *entry, hit, declared.text);
                let (mut score, mut why) = (score, why.clone());
                if found.entry.id == ENGINE && hit.answered {
                    score -= 0.1;
                    why.push("the daemon that is said to be down has answered".into());
                }
                let name = found.entry.name();
                let above = shows(&name, &hit.matched, &reading.commands, &started, hit.line);
                // Where the run line itself decides, nobody has to guess.
                let inside = if above.is_none() { inside::shows(&name, &reading.commands, hit.line) } else { None };
                let witnesses = [
                    (above, "the command above"),
                    (inside, "the container that says it"),
                    (reading.witnesses.shows(&name, &hit.matched), "what stands beside"),
                ];
                if declared.sign.shown && witnesses.iter().all(|(shown, _)| *shown != Some(true)) {
                    continue;
                }
                for (shown, what) in witnesses {
                    let Some(shown) = shown else { continue };
                    score += if shown { SHOWN } else { -SHOWN };
                    why.push(format!("{what} {}", if shown { "shows it" } else { "rules it out" }));
                }
                let weak = declared.sign.weak || hit.beside || behind.has(&declared.sign);
                let told = started.fault(&name, hit.line).cloned();
                let image = started.image(hit.line).map(str::to_owned);
                let user = reading.user_of(hit.line);
                keep(&mut best, *entry, Found { score, why, weak, told, image, user, ..found });
            }
        }
    }
    // What an entry's own conditions found stands: its known lines tell no more; what they refuse for what is around it, its known
    // lines do not bring back.
    let foreign = |said: &Said| reading.is_near(&knowledge.foreign, &said.hit);
    let refused = |entry: usize, said: &Said| refused.contains(&(entry, said.hit.line));
    let known = reading
        .said
        .iter()
        .filter(|(entry, said)| !best.contains_key(*entry) && !foreign(said) && !refused(**entry, said));
    let known: Vec<_> = known.collect();
    for (entry, Said { hit, share, text }) in known {
        let why = vec![format!("{:.0} % of a known line", share * 100.0)];
        let weak = knowledge.declared.iter().any(|one| one.entries.contains(entry) && behind.has(&one.sign));
        let score = 0.6 + share * 0.15;
        keep(&mut best, *entry, Found { score, why, weak, ..found(knowledge, &reading, *entry, hit, text) });
    }
    let mut found: Vec<Found> = best.into_values().collect();
    found.sort_by_key(|found| (found.line, found.entry.rank));
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    if found.iter().any(|found| !found.weak) {
        found.retain(|found| !found.weak);
    }
    Search { found, understood: reading.understood }
}

/// What follows from something else that the text has.
struct Behind {
    roots: BTreeSet<&'static str>,
    after: BTreeSet<&'static str>,
}

impl Behind {
    fn of(knowledge: &Knowledge, reading: &Reading<'_>) -> Self {
        let holds = |(at, hits): (&u32, &Vec<Hit>)| {
            let sign = &knowledge.declared[*at as usize].sign;
            hits.iter().any(|hit| reading.surrounds(sign, hit)).then_some(&sign.symptoms)
        };
        let held: BTreeSet<&str> = reading.hits.iter().filter_map(holds).flatten().copied().collect();
        let (mut roots, mut after) = (BTreeSet::new(), BTreeSet::new());
        for follows in &knowledge.follows {
            let found = follows.roots.iter().filter(|root| held.contains(**root));
            roots.extend(found.clone());
            after.extend(found.flat_map(|_| &follows.symptoms));
        }
        // What follows from a root is none, whatever follows from it in turn.
        roots.retain(|root| !after.contains(root));
        Self { roots, after }
    }

    /// What names a root itself is none.
    fn has(&self, sign: &Sign) -> bool {
        let names = |set: &BTreeSet<&str>| sign.symptoms.iter().any(|name| set.contains(name));
        names(&self.after) && !names(&self.roots)
    }
}

/// What a typed command or a witness that shows a cause, or rules it out, counts.
const SHOWN: f32 = 0.08;
/// The check whose codes say that no daemon answers.
const ENGINE: &str = "docker-engine";

fn found(knowledge: &Knowledge, reading: &Reading<'_>, entry: usize, hit: &Hit, declared: &'static str) -> Found {
    let (entry, matched) = (knowledge.entries[entry].clone(), hit.matched.clone());
    let port = ports::of(&matched).or_else(|| reading.port_below(hit));
    let (line, score, why) = (hit.line, 0.0, Vec::new());
    Found { entry, declared, matched, line, port, score, why, weak: false, told: None, image: None, user: None }
}

/// Of two places of one code that tell as much, the earlier one stays.
fn keep(best: &mut BTreeMap<usize, Found>, entry: usize, new: Found) {
    let better = |old: &Found| new.score > old.score || new.score == old.score && new.line < old.line;
    if best.get(&entry).is_none_or(better) {
        best.insert(entry, new);
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
        // A warning that names a cause may be one that the program lives with.
        score += if hit.severity == Severity::Minor { 0.01 } else { 0.06 };
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
