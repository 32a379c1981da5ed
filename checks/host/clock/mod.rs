//! Can the system clock be right, by what is known without a network?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "host-clock",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

/// Time zones and a file system without seconds excuse less than this.
const DAY: i64 = 86_400;

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.engine.clock;
    let Some(clock) = fact.known()? else { return Err(Stop::NotNeeded("other-root")) };
    let behind = |time: i64| time.saturating_sub(clock.now);
    let newest = clock.newest.as_ref().filter(|(_, time)| behind(*time) > DAY);
    let finding = match newest {
        // Then the file is what is wrong: it was written while the clock was ahead.
        Some((path, time)) if clock.synchronized => {
            Finding::pass("synchronized").with("path", path).with("days", behind(*time) / DAY)
        }
        Some((path, time)) => {
            Finding::warn("behind-files", "set-clock").with("path", path).with("days", behind(*time) / DAY)
        }
        None if behind(clock.released) > DAY => {
            Finding::fail("before-release", "set-clock").with("days", behind(clock.released) / DAY)
        }
        None => Finding::pass("plausible"),
    };
    Ok(finding.evidence(fact.source.0.as_str(), format!("{} seconds after 1970 began", clock.now)).into())
}
