//! A line a family: what its checks say in a few words. The first screen shows these lines before anything else.

use std::collections::BTreeSet;

use gdoctor_checks::FAMILIES;
use serde::Serialize;

use super::Outcome;
use crate::policy::Status;

/// How many subjects a line names before it counts the rest.
const NAMED: usize = 4;

/// What the checks of one family say together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FamilyWords {
    pub name: &'static str,
    pub title: &'static str,
    /// The worst of its checks; what waits for another and what is waived does not count.
    pub status: Status,
    /// A few words: versions, names, room; in trouble what is wrong. May be empty.
    pub text: String,
    /// How many results, of all families, wait for a check of this.
    pub waiting: usize,
    /// What asks for it where the host does not.
    #[serde(skip)]
    pub asked_by: &'static str,
}

impl FamilyWords {
    /// It waits for another family.
    pub fn waits(&self) -> bool {
        self.status == Status::Skip && !self.text.is_empty()
    }

    /// It is well and has nothing to tell.
    pub fn is_silent(&self) -> bool {
        self.status == Status::Pass && self.text.is_empty()
    }

    /// Its words, and how many checks wait for it.
    pub fn told(&self) -> String {
        format!("{}{}", self.text, self.waiting_words())
    }

    /// `; 12 checks wait for it`, where some do.
    pub fn waiting_words(&self) -> String {
        match self.waiting {
            0 => String::new(),
            1 => "; 1 check waits for it".to_owned(),
            count => format!("; {count} checks wait for it"),
        }
    }
}

/// Of each family that has results, in the report's order.
pub fn families(results: &[Outcome]) -> Vec<FamilyWords> {
    let of = |name: &str| results.iter().filter(|o| o.group == name).collect::<Vec<_>>();
    let built_in = FAMILIES.iter().map(|family| (family.name, family.title, family.asked_by));
    // The site's own, in the order of their checks.
    let mut others: Vec<&'static str> = Vec::new();
    for outcome in results {
        if !others.contains(&outcome.group) && FAMILIES.iter().all(|family| family.name != outcome.group) {
            others.push(outcome.group);
        }
    }
    let all = built_in.chain(others.into_iter().map(|name| (name, name, "")));
    let present = all.map(|family| (family, of(family.0))).filter(|(_, own)| !own.is_empty());
    present
        .map(|((name, title, asked_by), own)| {
            let status = worst(&own);
            let roots: BTreeSet<&str> = own.iter().filter(|o| o.is_trouble()).map(|o| o.id).collect();
            let waits = |o: &&Outcome| o.cause.as_deref().is_some_and(|cause| roots.contains(cause));
            let waiting = super::number(results.iter().filter(waits));
            FamilyWords {
                name,
                title,
                status,
                text: match (status, own.iter().find(|o| o.cause.is_some())) {
                    (Status::Skip, Some(waiting)) => waiting.waits.clone(),
                    (Status::Pass | Status::Skip, _) => in_short(&own),
                    (trouble, _) => in_trouble(&own, trouble),
                },
                waiting,
                asked_by,
            }
        })
        .collect()
}

/// A failure, then what is required and not known, then a warning; a family of which nothing is to say is skipped.
fn worst(own: &[&Outcome]) -> Status {
    let any = |status: Status| own.iter().any(|o| o.is_trouble() && o.status == status);
    let of_trouble = [Status::Fail, Status::Unknown, Status::Warn].into_iter().find(|status| any(*status));
    let passed = || own.iter().any(|o| matches!(o.status, Status::Pass) || o.is_waived());
    let untold = || own.iter().any(|o| o.status == Status::Unknown && o.cause.is_none());
    of_trouble.unwrap_or_else(|| match () {
        () if passed() => Status::Pass,
        () if untold() => Status::Unknown,
        () => Status::Skip,
    })
}

/// `4x NVIDIA L4, driver 570.86.15, CUDA up to 12.8`: the short words of what passed, each once.
fn in_short(own: &[&Outcome]) -> String {
    let mut parts: Vec<(String, usize)> = Vec::new();
    let mut told = BTreeSet::new();
    for outcome in own.iter().filter(|o| o.status == Status::Pass && !o.short.is_empty()) {
        let text = if outcome.short.contains(SUBJECTS) {
            if !told.insert(outcome.short.as_str()) {
                continue;
            }
            let alike = own.iter().filter(|o| o.status == Status::Pass && o.short == outcome.short);
            outcome.short.replace(SUBJECTS, &listed(alike.map(|o| o.subject.as_str())))
        } else {
            outcome.short.clone()
        };
        match parts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => parts.push((text, 1)),
        }
    }
    let shown = parts.into_iter().map(|(text, count)| if count > 1 { format!("{count}x {text}") } else { text });
    // What nobody asked for and could not be told is no trouble, and is told all the same.
    let untold = own.iter().filter(|o| o.status == Status::Unknown && o.cause.is_none()).count();
    let untold = (untold > 0).then(|| format!("{untold} not known"));
    shown.chain(untold).collect::<Vec<_>>().join(", ")
}

/// Stands in a code's short words for the subjects of all its findings.
const SUBJECTS: &str = "{subjects}";

fn listed<'a>(subjects: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = subjects.collect();
    all.dedup();
    let rest = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if rest > 0 { format!("{} and {rest} more", all.join(", ")) } else { all.join(", ") }
}

/// `2 problems: Docker is not installed`
fn in_trouble(own: &[&Outcome], status: Status) -> String {
    let alike: Vec<&&Outcome> = own
        .iter()
        .filter(|o| (o.is_trouble() || status == Status::Unknown) && o.status == status && o.cause.is_none())
        .collect();
    let in_short = |o: &Outcome| if o.short.is_empty() { o.brief().to_owned() } else { o.short.clone() };
    let first = alike.first().map(|o| in_short(o)).unwrap_or_default();
    match (alike.len(), status) {
        (0 | 1, _) => first,
        (count, Status::Fail) => format!("{count} problems: {first}"),
        (count, Status::Warn) => format!("{count} warnings: {first}"),
        (count, _) => format!("{count} not known: {first}"),
    }
}
