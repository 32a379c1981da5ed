//! Two days of a fleet: who got worse or better, who came and went, which causes spread.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{Fleet, Member, State, text};

/// What `gdoctor fleet diff` tells.
pub struct Told {
    pub text: String,
    /// Some host is worse than it was, or is not heard of any more.
    pub worse: bool,
}

type Hosts<'a> = BTreeMap<&'a str, &'a Member>;

fn by_name(fleet: &Fleet) -> Hosts<'_> {
    fleet.hosts.iter().map(|host| (host.name.as_str(), host)).collect()
}

pub fn diff(before: &Fleet, after: &Fleet) -> Told {
    let (old, new) = (by_name(before), by_name(after));
    let (mut worse, mut better, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for (name, is) in &new {
        let Some(was) = old.get(name) else { continue };
        let (gone, come) = (codes(was, is), codes(is, was));
        if was.state == is.state && gone.is_empty() && come.is_empty() {
            continue;
        }
        let mut line = format!("{name}: {}", is.state.word());
        if was.state != is.state {
            line = format!("{name}: {} -> {}", was.state.word(), is.state.word());
        }
        come.iter().for_each(|code| line.push_str(&format!(", new {code}")));
        gone.iter().for_each(|code| line.push_str(&format!(", no more {code}")));
        let weighed = weight(is.state).cmp(&weight(was.state)).then_with(|| come.len().min(1).cmp(&gone.len().min(1)));
        match weighed {
            std::cmp::Ordering::Greater => worse.push(line),
            std::cmp::Ordering::Less => better.push(line),
            std::cmp::Ordering::Equal => other.push(line),
        }
    }
    let only = |a: &Hosts, b: &Hosts| -> Vec<String> {
        a.keys().filter(|name| !b.contains_key(*name)).map(|name| (*name).to_owned()).collect()
    };
    let (came, went) = (only(&new, &old), only(&old, &new));
    let verdict = match (worse.is_empty() && went.is_empty(), better.is_empty()) {
        (true, true) if came.is_empty() && other.is_empty() => "Nothing changed.",
        (true, true) => "Neither better nor worse.",
        (true, false) => "Better.",
        (false, true) => "Worse.",
        (false, false) => "Worse, and better elsewhere.",
    };
    let mut out = format!("{verdict}\nBefore: {}\nAfter:  {}\n", before.verdict(), after.verdict());
    let mut list = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            let _ = writeln!(out, "\n{title}");
            lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
    };
    list("Worse", &worse);
    list("Better", &better);
    list("Otherwise", &other);
    list("Not there any more", &went);
    list("New", &came);
    list("Causes", &spread(before, after));
    Told { text: out, worse: !worse.is_empty() || !went.is_empty() }
}

/// Codes that the one has and the other has not.
fn codes<'a>(one: &'a Member, other: &Member) -> BTreeSet<&'a str> {
    let has = |code: &str| other.told.iter().any(|told| told.code == code);
    one.told.iter().map(|told| told.code.as_str()).filter(|code| !has(code)).collect()
}

/// How bad a state is; the order of [`State`] is that of attention.
fn weight(state: State) -> u8 {
    match state {
        State::Pass => 0,
        State::Warn => 1,
        State::Unknown | State::Stale | State::Silent => 2,
        State::Fail => 3,
    }
}

/// Causes that more or fewer hosts have.
fn spread(before: &Fleet, after: &Fleet) -> Vec<String> {
    let count = |fleet: &Fleet, code: &str| {
        fleet.causes.iter().find(|cause| cause.code == code).map_or(0, |cause| cause.hosts.len())
    };
    let all: BTreeSet<&str> = before.causes.iter().chain(&after.causes).map(|cause| cause.code.as_str()).collect();
    let line = |code: &&str| {
        let (was, is) = (count(before, code), count(after, code));
        let now = after.causes.iter().find(|cause| cause.code == **code).map(|cause| text::hosts(&cause.hosts));
        (was != is).then(|| match now {
            Some(hosts) => format!("{code}: {was} -> {hosts}"),
            None => format!("{code}: {was} -> none"),
        })
    };
    all.iter().filter_map(line).collect()
}
