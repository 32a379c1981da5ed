//! Does each thing that is wanted work in a container with these options, and had gdoctor said so?

use super::SAID;
use crate::model::facts::proof::{Foretold, Kind, Look, Outlook, Seen, Start};
use crate::model::need::strongest;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "proof-inside",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.proof.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let proof = &facts.proof;
    // Why there was no container is told once.
    if proof.start.value() != Some(&Start::Started) {
        return Err(Stop::blocked_by("proof-start"));
    }
    if proof.looks.is_empty() {
        return Err(Stop::NotNeeded("nothing-to-look-at"));
    }
    let one = |look: &Look| {
        let finding = finding(look, &proof.looks);
        match wanted_by(look, need) {
            Some(origin) => finding.asked_by(origin),
            None => finding,
        }
    };
    Ok(proof.looks.iter().map(one).collect())
}

/// Who wants it, so that the line is marked there.
fn wanted_by<'a>(look: &Look, need: &'a Need) -> Option<&'a Origin> {
    match look.kind {
        Kind::Gpu => need.gpu.as_ref().map(|wish| &wish.by),
        Kind::Capability => need.capabilities.iter().find(|wish| wish.what.word() == look.subject).map(|wish| &wish.by),
        Kind::Codec => need.codecs().next(),
        Kind::Display | Kind::Memory => need.display_access.as_ref().or(need.display.as_ref()),
        Kind::Port => {
            let same = need.ports.iter().find(|wish| wish.what.to_string() == look.subject);
            same.map(|wish| &wish.by).or_else(|| strongest(&need.ports))
        }
        Kind::Camera => strongest(&need.cameras),
        Kind::Device | Kind::Limit => None,
    }
}

/// Whether this look cannot go well before that one does: what is told once is the first of them.
fn waits_for(look: &Look, first: &Look) -> bool {
    let is =
        |look: &Look, kind: Kind, subjects: &[&str]| look.kind == kind && subjects.contains(&look.subject.as_str());
    let is_engine = look.kind == Kind::Codec;
    let (nvml, cuda) = (is(look, Kind::Gpu, &["NVML"]), is(look, Kind::Gpu, &["CUDA"]));
    match first.kind {
        Kind::Gpu if first.subject == "nodes" => nvml || cuda || is_engine,
        Kind::Gpu if first.subject == "NVML" => cuda || is_engine,
        Kind::Gpu => is_engine,
        Kind::Capability if first.subject == "utility" => nvml,
        Kind::Capability if first.subject == "compute" => cuda || is_engine,
        Kind::Capability if first.subject == "video" => is_engine,
        Kind::Display => look.kind == Kind::Memory,
        _ => false,
    }
}

/// `first` failed; or neither of the two gave an answer.
fn is_in_the_way(first: &Look, look: &Look) -> bool {
    let is_unknown = |look: &Look| matches!(look.seen.state, State::Unknown(_));
    matches!(first.seen.state, State::Present(Seen::Fails(_))) || (is_unknown(first) && is_unknown(look))
}

fn finding(look: &Look, all: &[Look]) -> Finding {
    let foretold = look.foretold.clone().unwrap_or_default();
    let works = matches!(look.seen.state, State::Present(Seen::Works(_)));
    let waits = !works && all.iter().any(|first| waits_for(look, first) && is_in_the_way(first, look));
    let finding = match &look.seen.state {
        _ if waits && foretold.failing_check().is_none() => {
            Finding::unknown(Gap::BlockedBy(CHECK.id.into()), Default::default())
        }
        State::Unknown(gap) => Finding::unknown(gap.clone(), look.seen.source.clone()),
        State::Absent => Finding::unknown(Gap::NotAsked, look.seen.source.clone()),
        State::Present(Seen::Works(_)) if foretold.failing_check().is_some() => {
            Finding::warn("works-after-all", "proof-start/report").with("codes", foretold.codes.join(", "))
        }
        State::Present(Seen::Works(words)) => Finding::pass("works").with("inside", words),
        State::Present(Seen::Fails(words)) if look.kind == Kind::Memory => apart(&foretold).with("inside", words),
        State::Present(Seen::Fails(words)) => fails(look, words),
    };
    let finding = finding.about(&look.subject).with("kind", look.kind.word()).saw(&look.seen);
    match &look.foretold {
        Some(foretold) => finding.evidence(SAID, foretold.to_string()),
        None => finding,
    }
}

/// Programs do without such memory; it is a fault only where the line was to give it.
fn apart(foretold: &Foretold) -> Finding {
    match foretold.outlook {
        Outlook::Works => Finding::warn("memory-refused", "explain"),
        _ => Finding::pass("memory-apart"),
    }
}

fn fails(look: &Look, words: &str) -> Finding {
    let foretold = look.foretold.clone().unwrap_or_default();
    if let Some(check) = foretold.failing_check() {
        return Finding::unknown(Gap::BlockedBy(check.into()), Default::default());
    }
    let code = match foretold.outlook {
        Outlook::Works => "fails-inside-only",
        _ => "fails",
    };
    Finding::fail(code, "explain").with("inside", words)
}
