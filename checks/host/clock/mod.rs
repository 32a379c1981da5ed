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
    Ok(finding.evidence(fact.source.0.as_str(), format!("{} (UTC)", written(clock.now))).into())
}

/// Seconds since 1970 as `2026-12-01 07:30`, by the algorithm of days from http://howardhinnant.github.io/date_algorithms.html.
fn written(time: i64) -> String {
    let (days, minutes) = (time.div_euclid(DAY) + 719_468, time.rem_euclid(DAY) / 60);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}
