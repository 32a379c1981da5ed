//! Is libseccomp new enough for the images of today?

use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-seccomp",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

/// libseccomp 2.5.0 knows clone3 and faccessat2, and answers ENOSYS for what is newer than itself.
const KNOWS_CLONE3: [u32; 2] = [2, 5];

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if facts.docker.answered_info().is_some_and(|info| info.is_snap()) {
        return Err(Stop::NotNeeded("not-seen"));
    }
    let fact = &facts.engine.libseccomp;
    let Some(text) = fact.known()? else { return Err(Stop::NotNeeded("not-seen")) };
    let Some(version) = Version::leading(text) else {
        return Err(Stop::Unknown(Gap::Unparsable(format!("version {text:?}")), fact.source.clone()));
    };
    let finding = match version < Version::new(&KNOWS_CLONE3) {
        true => Finding::warn("too-old", "upgrade"),
        false => Finding::pass("new-enough"),
    };
    Ok(finding.with("version", text).evidence(fact.source.0.as_str(), text.as_str()).into())
}
