//! Runs every check over the facts: each gives at least one finding in every run, whatever happens inside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::fact::Stop;
use gdoctor_checks::model::fact::{Gap, Source};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::finding::{Finding, Findings, NOT_NEEDED, Verdict};
use gdoctor_checks::model::need::Need;

/// What one check said, and how long it took to say it.
pub struct Judged {
    pub check: &'static Check,
    pub findings: Findings,
    pub took: Duration,
}

/// All checks that `selected` lets through, in the order of [`ALL`].
pub fn judge_all(facts: &Facts, need: &Need, selected: impl Fn(&Check) -> bool) -> Vec<Judged> {
    ALL.iter()
        .filter(|check| selected(check))
        .map(|check| {
            let started = Instant::now();
            let findings = judge(check, facts, need);
            Judged { check, findings, took: started.elapsed() }
        })
        .collect()
}

/// One check. Every finding leaves with the name of who asked.
pub fn judge(check: &Check, facts: &Facts, need: &Need) -> Findings {
    let need = &*facts.whole(need);
    let Some(origin) = (check.wanted)(need) else {
        return Finding::not_needed(NOT_NEEDED).into();
    };
    // Of Docker only that it is not here.
    if check.family.name == "docker" && check.id != "docker-client" && facts.has_podman_alone(need) {
        return Finding::not_needed(NOT_NEEDED).into();
    }
    let judged = || facts.not_judged(check.tells, need, origin).map_or_else(|| (check.judge)(facts, need), Err);
    let outcome = catch_unwind(AssertUnwindSafe(judged))
        .unwrap_or_else(|panic| Err(Stop::Unknown(Gap::Bug(panic_words(&panic)), Source::default())));
    let mut findings = match outcome {
        Ok(findings) if findings.is_empty() => {
            Finding::unknown(Gap::Bug("the check said nothing".into()), Source::default()).into()
        }
        Ok(findings) => findings,
        Err(Stop::NotNeeded(code)) => Finding::not_needed(code).into(),
        Err(Stop::Unknown(gap, source)) => Finding::unknown(gap, source).into(),
    };
    if facts.has_podman_alone(need) {
        for finding in &mut findings {
            let waits = matches!(&finding.verdict, Verdict::Unknown(Gap::BlockedBy(id)) if id.starts_with("docker-"));
            if waits {
                *finding = Finding::not_needed(NOT_NEEDED);
            }
        }
    }
    for finding in &mut findings {
        finding.asked_by.get_or_insert_with(|| origin.clone());
    }
    findings
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    words.unwrap_or("panic").to_owned()
}
