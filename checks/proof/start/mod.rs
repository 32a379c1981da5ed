//! Did the engine start a container with these options, and had gdoctor said so?

use super::SAID;
use crate::model::facts::proof::{Foretold, Image, Outlook, Start};
use crate::model::prelude::*;
use crate::model::run::{Argument, RunOption};

/// Shorter words stand in a message by chance.
const SPOKEN: usize = 4;

pub static CHECK: Check = Check {
    id: "proof-start",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.proof.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let start = &facts.proof.start;
    let foretold = facts.proof.foretold.clone().unwrap_or_default();
    let finding = match start.known()? {
        None => return Err(Stop::Unknown(Gap::NotAsked, start.source.clone())),
        Some(Start::Started) if foretold.outlook == Outlook::Fails => {
            Finding::warn("started-after-all", "report").with("codes", foretold.codes.join(", "))
        }
        Some(Start::Started) => Finding::pass("started"),
        Some(Start::Ended(how)) => return Err(Stop::Unknown(Gap::Crashed(how.clone()), start.source.clone())),
        Some(Start::Refused { message, codes }) => {
            let finding = refused(message, codes, &foretold);
            match need.run.as_ref().and_then(|line| named_in(line, message)) {
                Some(argument) => finding.asked_by(&argument.origin()),
                None => finding,
            }
        }
    };
    let left_out = facts.proof.left_out.iter();
    let image = facts.proof.image.map_or("none", Image::words);
    let finding = finding.saw(start).evidence("image", image).evidence(SAID, foretold.to_string());
    Ok(left_out.fold(finding, |finding, words| finding.evidence("not in this container", words.as_str())).into())
}

/// The option whose value the message repeats, the longest of them.
fn named_in<'a>(line: &'a RunLine, message: &str) -> Option<&'a Argument> {
    // runc writes a setting as its file: `net/ipv4/ip_forward`.
    let alike = |text: &str| text.replace('/', ".");
    let message = alike(message);
    let spoken = |option: &&RunOption| {
        let parts = option.value.split([':', ',', '=']).chain([option.value.as_str()]);
        let spoken = parts.filter(|part| part.len() >= SPOKEN && message.contains(&alike(part)));
        spoken.map(str::len).max().unwrap_or_default()
    };
    let named = line.options.iter().filter(|option| !option.at.opaque && spoken(option) > 0);
    named.max_by_key(spoken).map(|option| &option.at)
}

/// One cause is told once: where the host looks have what the engine says already, it stands there. The engine stops at the first
/// cause that it meets, which may be another than the one that they have.
fn refused(message: &str, codes: &[String], foretold: &Foretold) -> Finding {
    let of = |code: &str| code.split('/').next().unwrap_or_default().to_string();
    let meant = |code: &&String| codes.iter().any(|known| of(known) == of(code));
    let failing = (foretold.outlook == Outlook::Fails).then_some(&foretold.codes);
    if let Some(same) = failing.and_then(|failing| failing.iter().find(meant)) {
        return Finding::unknown(Gap::BlockedBy(of(same)), Default::default());
    }
    let code = if codes.is_empty() { "refused" } else { "refused-known" };
    Finding::fail(code, "explain").with("message", message).with("codes", codes.join(", "))
}
