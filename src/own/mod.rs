//! A site's own checks, written in TOML, without Rust.
//!
//! ```toml
//! [[check]]
//! id = "lab-licence"
//! title = "the licence server answers"
//! tcp = { to = "licence.lab:27000" }
//! fix = "Start lmgrd on licence.lab"
//! ```
//!
//! From file to report:
//!
//! - `src/need/own.rs` finds the files and sees that nobody else could have written them.
//! - [`read`] makes an [`Asked`] of each `[[check]]` ([`entry`] takes the values, [`outcome`] says what answers mean): data, which goes into the need (`need.own`).
//! - `src/probe/own.rs` sends the looks out as the group of facts `own`, after the others, whose facts they may want.
//! - Each look is one row of [`kinds::KINDS`]: its keys, what they take ([`form`]), and what sees it (`of_files`, `of_system`,
//!   `of_network`, `of_facts`); or a program ([`program`]).
//! - What was seen is [`Seen`]: each condition, whether it holds, in words, beside the check's own words. So a saved file needs
//!   nothing else to be judged again, and nothing is run then.
//! - [`check`] makes one of gdoctor's checks of it, with a document; `src/judge.rs` puts it behind the built-in ones.
//!
//! To add a kind: a row in [`kinds`] and its look. Reader, errors, schema ([`schema`]) and the table in docs/own-checks.md follow;
//! a test holds the latter two against this code.

mod check;
mod entry;
mod form;
mod kinds;
mod of_facts;
mod of_files;
mod of_network;
mod of_system;
mod outcome;
mod program;
mod read;
mod schema;
mod twice;

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::own::{Condition, OwnFacts, Seen};
use gdoctor_checks::model::facts::{Facts, Group};
use gdoctor_checks::model::own::{Ask, Asked, Look, Pair};

pub use check::{check, codes, findings, is_id};
pub use entry::Wrong;
use form::{Form, Value};
pub use kinds::Readers;
use kinds::{Eyes, Kind, kind};
pub use read::checks;
pub use schema::{checks as checks_schema, definitions, schema};

use crate::host::{Deadline, Host, threads};

/// Checks that look at the same time.
const AT_ONCE: usize = 8;
/// A look ends by itself at its deadline, unless a file system holds it.
const GRACE: Duration = Duration::from_millis(250);

/// Groups of facts that these need besides their own looks.
pub fn reads(asked: &[Asked]) -> Vec<Group> {
    let looks = asked.iter().flat_map(|one| {
        let own: &[Look] = match &one.ask {
            Ask::Looks(looks) => looks,
            Ask::Program(_) => &[],
        };
        one.when.iter().chain(own)
    });
    looks.filter_map(|look| kind(&look.kind)).flat_map(|kind| kind.reads.iter().copied()).collect()
}

/// The most that all of them can take.
pub fn time(asked: &[Asked]) -> Duration {
    let longest = asked.iter().map(|one| one.deadline).max().unwrap_or_default();
    let rounds = asked.len().div_ceil(AT_ONCE) as u64;
    Duration::from_millis(longest.saturating_mul(rounds)) + Duration::from_secs(1)
}

/// Looks at all, each for no longer than its own deadline: a mount that hangs costs its own check alone.
pub fn look(host: &Host, asked: &[Asked], facts: &Facts, readers: Readers) -> OwnFacts {
    let facts = Arc::new(facts.clone());
    let (sender, answers) = mpsc::channel();
    let mut seen: Vec<Option<Seen>> = asked.iter().map(|_| None).collect();
    let mut waiting: VecDeque<usize> = (0..asked.len()).collect();
    let mut out: BTreeMap<usize, Deadline> = BTreeMap::new();
    let unseen = |at: usize, gap: Gap| Some(Seen::unseen(asked[at].own.clone(), gap));
    loop {
        while out.len() < AT_ONCE
            && let Some(at) = waiting.pop_front()
        {
            let span = Duration::from_millis(asked[at].deadline);
            let (one, facts, sender) = (asked[at].clone(), Arc::clone(&facts), sender.clone());
            let host = host.patient(span);
            let deadline = host.deadline;
            let started = threads::spawn(move || {
                let eyes = Eyes { host: &host, facts: &facts, readers, deadline };
                let found = catch_unwind(AssertUnwindSafe(|| look_at(&eyes, &one)));
                // Nobody listens any more to a look that was given up.
                let _ = sender.send((at, found.ok()));
            });
            match started {
                Ok(_) => drop(out.insert(at, deadline)),
                Err(why) => seen[at] = unseen(at, Gap::NoRoom(why.to_string())),
            }
        }
        let Some(left) = out.values().map(|until| until.left()).min() else { break };
        match answers.recv_timeout(left + GRACE) {
            Ok((at, found)) => {
                if out.remove(&at).is_some() {
                    let found = found.or_else(|| unseen(at, Gap::Bug("the look panicked".into())));
                    seen[at] = found.map(|found| own_deadline(found, asked[at].deadline));
                }
            }
            Err(_) => {
                let late: Vec<usize> =
                    out.iter().filter(|(_, until)| until.left().is_zero()).map(|(at, _)| *at).collect();
                for at in late {
                    out.remove(&at);
                    seen[at] = unseen(at, Gap::TimedOut).map(|one| own_deadline(one, asked[at].deadline));
                }
            }
        }
    }
    OwnFacts { checks: seen.into_iter().flatten().collect(), looked: Fact::present(true, "own checks") }
}

/// The check's own deadline ended it, whatever --timeout says.
fn own_deadline(mut seen: Seen, milliseconds: u64) -> Seen {
    let told = |gap: &mut Gap| {
        if *gap == Gap::TimedOut {
            let span = Duration::from_millis(milliseconds);
            *gap = Gap::Said(format!(
                "no answer within the deadline of this check, {span:?}; its key deadline gives it more"
            ));
        }
    };
    for condition in seen.when.iter_mut().chain(&mut seen.conditions) {
        if let State::Unknown(gap) = &mut condition.holds.state {
            told(gap);
        }
    }
    if let State::Unknown(gap) = &mut seen.said.state {
        told(gap);
    }
    seen
}

/// Those that nobody came to look at are there with the reason.
pub fn complete(facts: &mut OwnFacts, asked: &[Asked]) {
    let gap = facts.looked.gap().cloned().unwrap_or(Gap::NotAsked);
    for one in asked {
        if facts.checks.iter().all(|seen| seen.own.id != one.own.id) {
            facts.checks.push(Seen::unseen(one.own.clone(), gap.clone()));
        }
    }
}

fn look_at(eyes: &Eyes, asked: &Asked) -> Seen {
    let conditions = |looks: &[Look]| looks.iter().flat_map(|look| conditions(eyes, look)).collect::<Vec<_>>();
    let mut seen =
        Seen { own: asked.own.clone(), when: conditions(&asked.when), conditions: Vec::new(), said: Fact::default() };
    let applies = seen.when.iter().all(|condition| matches!(condition.holds.state, State::Present(true)));
    match &asked.ask {
        // Where it does not apply nothing is looked at, and no program started.
        _ if !applies => {}
        Ask::Looks(looks) => seen.conditions = conditions(looks),
        Ask::Program(program) => seen.said = program::ask(eyes, &asked.own, program),
    }
    seen
}

fn conditions(eyes: &Eyes, look: &Look) -> Vec<Condition> {
    let Some(kind) = kind(&look.kind) else {
        let gap = Gap::Unsupported(format!("this gdoctor knows no {}", look.kind));
        return vec![Condition::new(&look.kind, Fact::unknown(gap, ""))];
    };
    let of = |want: &Pair| {
        let sights = (kind.see)(eyes, look, &want.key);
        sights.into_iter().map(|(subject, fact)| condition(kind, want, &subject, fact)).collect::<Vec<_>>()
    };
    look.wants.iter().flat_map(of).collect()
}

/// One thing that was seen, held against what is wanted of it.
fn condition(kind: &Kind, want: &Pair, subject: &str, fact: Fact<Value>) -> Condition {
    let key = want.key.as_str();
    let form = kind.key(key).map_or(Form::Name, |key| key.form);
    let wanted = if form.is_told() { want.values.join(" or ") } else { "what is wanted".into() };
    let source = fact.source.0;
    let value = match fact.state {
        State::Present(value) => value,
        State::Absent => return Condition::new(format!("{subject} {}", kind.is.1), Fact::absent(source)),
        State::Unknown(gap) => {
            return Condition::new(format!("{key} of {subject}: {}", gap.reason()), Fact::unknown(gap, source));
        }
    };
    let holds = form.holds(&want.values, &value);
    // The first key of most kinds is whether there is such a thing at all.
    let is_first = kind.keys.first().is_some_and(|first| first.name == key);
    let words = match (&value, value.words(form)) {
        (Value::Flag(flag), _) if is_first => format!("{subject} {}", if *flag { kind.is.0 } else { kind.is.1 }),
        (_, Some(shown)) if holds == Some(true) => format!("{key} of {subject} is {shown}"),
        (_, Some(shown)) => format!("{key} of {subject} is {shown}, wanted {wanted}"),
        (seen, None) if matches!(form, Form::Contains | Form::Settings | Form::Lines) => {
            match form.lacks(&want.values, seen)[..] {
                [] => format!("{subject} has what is wanted"),
                ref lacks => format!("{subject} lacks {}", lacks.join(", ")),
            }
        }
        (_, None) if holds == Some(true) => format!("{key} of {subject} is as wanted"),
        (_, None) => format!("{key} of {subject} is not {wanted}"),
    };
    let holds = match holds {
        Some(holds) => Fact::present(holds, source),
        None => Fact::unknown(Gap::Unparsable(format!("{words}: the two cannot be compared")), source),
    };
    Condition::new(words, holds)
}
