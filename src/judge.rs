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

use crate::own;

/// What one check said, and how long it took to say it.
pub struct Judged {
    pub check: &'static Check,
    pub findings: Findings,
    pub took: Duration,
}

/// All checks that `selected` lets through, in the order of [`ALL`]; behind them the site's own, by what they saw.
pub fn judge_all(facts: &Facts, need: &Need, selected: impl Fn(&Check) -> bool) -> Vec<Judged> {
    let built_in = ALL.iter().copied().filter(|check| selected(check)).map(|check| {
        let started = Instant::now();
        let findings = judge(check, facts, need);
        Judged { check, findings, took: started.elapsed() }
    });
    let mut all: Vec<Judged> = built_in.collect();
    for seen in facts.own.checks.iter().filter(|seen| own::is_id(&seen.own.id)) {
        let check = own::check(&seen.own);
        if selected(check) {
            let started = Instant::now();
            let findings =
                own::findings(seen, check).into_iter().map(|finding| told_by_itself(finding, &all)).collect();
            all.push(Judged { check, findings, took: started.elapsed() });
        }
    }
    all
}

/// An own check waits for a built-in one only where that one speaks: else nobody would tell why it is not known.
fn told_by_itself(mut finding: Finding, built_in: &[Judged]) -> Finding {
    if let Verdict::Unknown(gap @ Gap::BlockedBy(_)) = &mut finding.verdict {
        let Gap::BlockedBy(cause) = &*gap else { return finding };
        let fails = |f: &Finding| matches!(f.verdict, Verdict::Fail(_) | Verdict::Warn(_));
        if !built_in.iter().any(|j| j.check.id == cause && j.findings.iter().any(fails)) {
            let first = ALL.iter().find(|check| check.id == cause).map_or(cause.as_str(), |check| check.title());
            *gap = Gap::Said(format!("it shows only where {first}"));
        }
    }
    finding
}

/// One check. Every finding leaves with the name of who asked.
pub fn judge(check: &Check, facts: &Facts, need: &Need) -> Findings {
    let need = &*facts.whole(need);
    let Some(origin) = (check.wanted)(need) else {
        return Finding::not_needed(NOT_NEEDED).into();
    };
    // Of Docker only that it is not here.
    if check.family.name == "docker" && check.id != "docker-client" && facts.has_another_engine_alone(need) {
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
    if facts.has_another_engine_alone(need) {
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
