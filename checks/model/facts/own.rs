//! What a site's own checks saw. Whether a condition holds is itself the fact: what it was held against - a file's text, a
//! variable's value, an answer - may be private and is not kept.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::model::fact::{Fact, Gap, Source, State, Stop};
use crate::model::finding::Evidence;
use crate::model::own::{Outcome, Own};
use crate::model::place;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnFacts {
    /// In the order in which they were read.
    pub checks: Vec<Seen>,
    /// That somebody looked at all.
    pub looked: Fact<bool>,
}

/// One check, and what it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    pub own: Own,
    /// Where it applies.
    #[serde(default)]
    pub when: Vec<Condition>,
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// What its program said.
    #[serde(default)]
    pub said: Fact<Vec<Said>>,
}

/// One condition: whether it holds, and what was seen. Absent: what it is about is not there, so it does not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// "mode of /data is 0700", with what was wanted where that differs.
    pub words: String,
    pub holds: Fact<bool>,
}

/// One answer of a program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Said {
    /// The outcome's code; empty where it could not tell.
    #[serde(serialize_with = "place::word")]
    pub code: String,
    pub subject: String,
    pub words: String,
    pub evidence: Vec<(String, String)>,
}

/// What a check comes to: an answer of its own, about something, with what was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<'a> {
    pub outcome: &'a Outcome,
    pub subject: &'a str,
    pub seen: String,
    pub evidence: Vec<Evidence>,
}

impl Seen {
    /// One that nobody came to look at, and why.
    pub fn unseen(own: Own, gap: Gap) -> Self {
        let source = own.id.clone();
        Self { own, when: Vec::new(), conditions: Vec::new(), said: Fact::unknown(gap, source) }
    }

    /// `Ok(None)`: it does not apply here.
    pub fn told(&self) -> Option<Vec<Result<Told<'_>, Stop>>> {
        match verdict(&self.when) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(stop) => return Some(Vec::from([Err(of_when(stop))])),
        }
        if self.conditions.is_empty() {
            return Some(match self.said.known() {
                Ok(said) => said.into_iter().flatten().map(|said| self.of_program(said)).collect(),
                Err(stop) => Vec::from([Err(stop)]),
            });
        }
        Some(Vec::from([verdict(&self.conditions).and_then(|holds| self.of_conditions(holds))]))
    }

    fn of_program<'a>(&'a self, said: &'a Said) -> Result<Told<'a>, Stop> {
        let source = self.said.source.clone();
        let Some(outcome) = self.own.outcomes.iter().find(|outcome| outcome.code == said.code) else {
            return Err(Stop::Unknown(Gap::Said(said.words.clone()), source));
        };
        let evidence = said
            .evidence
            .iter()
            .map(|(source, value)| Evidence { source: Source::new(source.as_str()), value: value.clone() });
        let own = Evidence { source, value: said.words.clone() };
        let evidence = core::iter::once(own).chain(evidence).collect();
        Ok(Told { outcome, subject: &said.subject, seen: said.words.clone(), evidence })
    }

    fn of_conditions(&self, holds: bool) -> Result<Told<'_>, Stop> {
        let Some(outcome) = self.own.outcomes.get(usize::from(!holds)) else {
            let gap = Gap::Unparsable("the check does not say what this means".into());
            return Err(Stop::Unknown(gap, Source::new(self.own.id.as_str())));
        };
        let decides = |condition: &&Condition| holds || !matches!(condition.holds.state, State::Present(true));
        let mut words: Vec<&str> = Vec::new();
        for condition in self.conditions.iter().filter(decides) {
            if !words.contains(&condition.words.as_str()) {
                words.push(&condition.words);
            }
        }
        let evidence = self
            .conditions
            .iter()
            .map(|condition| Evidence { source: condition.holds.source.clone(), value: condition.words.clone() });
        Ok(Told { outcome, subject: "", seen: words.join("; "), evidence: evidence.collect() })
    }
}

/// What is not known is not the check itself.
fn of_when(stop: Stop) -> Stop {
    match stop {
        // These two have a way out of their own.
        Stop::Unknown(gap @ (Gap::BlockedBy(_) | Gap::NotAsked), source) => Stop::Unknown(gap, source),
        Stop::Unknown(gap, source) => {
            Stop::Unknown(Gap::Said(format!("whether it applies here (when) is not known: {}", gap.reason())), source)
        }
        stop => stop,
    }
}

/// All hold; one that certainly does not decides before one that nobody knows.
fn verdict(conditions: &[Condition]) -> Result<bool, Stop> {
    let known: Vec<Result<Option<&bool>, Stop>> = conditions.iter().map(|condition| condition.holds.known()).collect();
    if known.iter().any(|one| matches!(one, Ok(None | Some(false)))) {
        return Ok(false);
    }
    known.into_iter().try_fold(true, |_, one| one.map(|_| true))
}

impl Condition {
    pub fn new(words: impl ToString, holds: Fact<bool>) -> Self {
        Self { words: words.to_string(), holds }
    }
}
