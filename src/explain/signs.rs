//! What a code explains, as conditions on a statement: `library:libcuda errno:enoent; not speaker:nvidia-container-cli`.
//!
//! Conditions are parted by blanks: a part of the tables (`kind:value`, `kind:*` for any, `a|b` for one of several), a phrase
//! in quotes, or the name of a symptom (`symptoms.txt`), which stands for its conditions. All must hold in one statement.
//! Behind a `;` stand conditions on what is around it: `near` within a few lines, `text` anywhere in the text, `not`, `not-near`
//! and `not-text`. `weak` marks what is as a rule the consequence
//! of something else, `rare` a less likely cause of what others explain, too, `telling` what names the cause
//! outright, `shown` what counts only below a typed command that shows it.

use std::collections::HashMap;

use super::lexicon::{Lexicon, entries};

/// Statements that several codes explain, each told once.
const SYMPTOMS: &str = include_str!("symptoms.txt");

/// What follows from what, by the names of symptoms.
const FOLLOWS: &str = include_str!("follows.txt");

/// One of several parts.
pub type AnyOf = Vec<u32>;

/// A declaration, ready to be compared.
#[derive(Clone, Debug, Default)]
pub struct Sign {
    pub here: Vec<AnyOf>,
    pub near: Vec<AnyOf>,
    pub text: Vec<AnyOf>,
    pub not_here: Vec<u32>,
    pub not_near: Vec<u32>,
    pub not_text: Vec<u32>,
    /// The symptoms that it names, and those that these name.
    pub symptoms: Vec<&'static str>,
    pub weak: bool,
    /// One of the less likely causes of what it describes.
    pub rare: bool,
    /// Names the cause outright.
    pub telling: bool,
    /// Counts only where a typed command shows the cause.
    pub shown: bool,
}

/// The symptoms by their names; one name may have several lines, each of them enough.
#[derive(Default)]
pub struct Symptoms {
    lines: HashMap<&'static str, Vec<&'static str>>,
    /// Those that were read already.
    read: HashMap<&'static str, Vec<Sign>>,
}

impl Symptoms {
    pub fn new() -> Self {
        let mut this = Self::default();
        for (name, lines) in entries(SYMPTOMS) {
            this.lines.entry(name).or_default().extend(lines);
        }
        this
    }

    /// Reads a declaration. Err says which word of it is none.
    pub fn read(&mut self, declared: &'static str, lexicon: &mut Lexicon) -> Result<Vec<Sign>, String> {
        let mut signs = vec![Sign::default()];
        for (at, clause) in declared.split(';').map(str::trim).enumerate() {
            let (place, conditions) = match clause.split_once(' ') {
                _ if at == 0 => ("here", clause),
                Some((place, rest)) => (place, rest),
                None => (clause, ""),
            };
            for condition in conditions_of(conditions) {
                if place == "here" && self.lines.contains_key(condition) {
                    let symptom = self.symptom(condition, lexicon)?;
                    signs = signs.iter().flat_map(|one| symptom.iter().map(|two| one.and(two))).collect();
                    signs.iter_mut().for_each(|sign| sign.symptoms.push(condition));
                    continue;
                }
                let parts = any_of(condition, lexicon)?;
                signs.iter_mut().try_for_each(|sign| sign.add(place, &parts))?;
            }
            signs.iter_mut().for_each(|sign| sign.mark(place));
        }
        match signs.iter().all(|sign| !sign.here.is_empty()) {
            true => Ok(signs),
            false => Err(format!("`{declared}` has no condition on the statement itself")),
        }
    }

    fn symptom(&mut self, name: &'static str, lexicon: &mut Lexicon) -> Result<Vec<Sign>, String> {
        if let Some(signs) = self.read.get(name) {
            return Ok(signs.clone());
        }
        let mut signs = Vec::new();
        for line in self.lines.get(name).cloned().unwrap_or_default() {
            signs.extend(self.read(line, lexicon)?);
        }
        self.read.insert(name, signs.clone());
        Ok(signs)
    }
}

/// Symptoms that are no causes of their own where one of `roots` stands in the same text.
#[derive(Debug)]
pub struct Follows {
    pub roots: Vec<&'static str>,
    pub symptoms: Vec<&'static str>,
}

/// The lines `ROOT … > SYMPTOM …` of follows.txt.
pub fn follows(symptoms: &Symptoms) -> Vec<Follows> {
    let names = |text: &'static str| -> Vec<&'static str> {
        let names: Vec<_> = text.split_whitespace().collect();
        let unknown = names.iter().find(|name| !symptoms.lines.contains_key(**name));
        unknown.inspect(|name| panic!("follows.txt: there is no symptom {name}"));
        names
    };
    let lines = FOLLOWS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let read = |line: &'static str| {
        let (roots, after) = line.split_once('>').unwrap_or_else(|| panic!("follows.txt: {line}"));
        Follows { roots: names(roots), symptoms: names(after) }
    };
    lines.map(read).collect()
}

impl Sign {
    fn and(&self, other: &Self) -> Self {
        let join = |a: &[AnyOf], b: &[AnyOf]| [a, b].concat();
        Self {
            here: join(&self.here, &other.here),
            near: join(&self.near, &other.near),
            text: join(&self.text, &other.text),
            not_here: [&self.not_here[..], &other.not_here].concat(),
            not_near: [&self.not_near[..], &other.not_near].concat(),
            not_text: [&self.not_text[..], &other.not_text].concat(),
            symptoms: [&self.symptoms[..], &other.symptoms].concat(),
            weak: self.weak || other.weak,
            rare: self.rare || other.rare,
            telling: self.telling || other.telling,
            shown: self.shown || other.shown,
        }
    }

    fn mark(&mut self, clause: &str) {
        self.weak |= clause == "weak";
        self.rare |= clause == "rare";
        self.telling |= clause == "telling";
        self.shown |= clause == "shown";
    }

    fn add(&mut self, place: &str, parts: &[u32]) -> Result<(), String> {
        match place {
            "here" => self.here.push(parts.to_vec()),
            "near" => self.near.push(parts.to_vec()),
            "text" => self.text.push(parts.to_vec()),
            "not" => self.not_here.extend(parts),
            "not-near" => self.not_near.extend(parts),
            "not-text" => self.not_text.extend(parts),
            other => return Err(format!("`{other}` is no place of a condition")),
        }
        Ok(())
    }
}

/// Words parted by blanks; phrases in quotes stay whole.
fn conditions_of(clause: &'static str) -> impl Iterator<Item = &'static str> {
    let mut rest = clause.trim();
    std::iter::from_fn(move || {
        let mut quoted = false;
        let end = rest.find(|c: char| {
            quoted ^= c == '"';
            c == ' ' && !quoted
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.trim_start();
        (!word.is_empty()).then_some(word)
    })
}

fn any_of(condition: &str, lexicon: &mut Lexicon) -> Result<AnyOf, String> {
    let mut parts = Vec::new();
    let mut kind = "";
    for word in condition.split('|') {
        if let Some(phrase) = word.strip_prefix('"') {
            parts.push(lexicon.phrase(phrase.trim_end_matches('"')));
            continue;
        }
        let value = match word.split_once(':') {
            Some((of, value)) => {
                kind = of;
                value
            }
            None => word,
        };
        match value {
            "*" => parts.extend(lexicon.of_kind(kind)),
            value => {
                let name = format!("{kind}:{value}");
                parts.push(lexicon.find(&name).ok_or_else(|| format!("`{name}` is in no table and no symptom"))?);
            }
        }
    }
    Ok(parts)
}
