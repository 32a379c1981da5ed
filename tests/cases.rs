//! The truth tables: every row of every `checks/*/*/cases.toml`, judged by its check, and every row of `tests/hosts/*.toml`,
//! judged by all of them. `docs/architecture.md` tells how a row is written.
#![allow(clippy::disallowed_methods)]

mod table;

use gdoctor::judge::judge;
use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::facts::{Facts, Group};
use gdoctor_checks::model::finding::Evidence;
use libtest_mimic::{Arguments, Failed, Trial};
use table::{Case, Table, line_of};

fn main() {
    let mut trials = Vec::new();
    for check in ALL {
        let path = format!("checks/{}/cases.toml", check.folder());
        for case in Table::read(&path).cases {
            let name = format!("{} :: {}", check.id, case.name);
            trials.push(Trial::test(name, move || one_check(check, &case)));
        }
    }
    for path in table::host_files() {
        for case in Table::read(&path).cases {
            let name = format!("{path} :: {}", case.name);
            trials.push(Trial::test(name, move || whole_host(&case)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Every finding of the check, in order, and what the row says of their values, evidence and edits.
fn one_check(check: &Check, case: &Case) -> Result<(), Failed> {
    let findings = judge(check, &case.facts, &case.need);
    let found: Vec<String> = findings.iter().map(line_of).collect();
    same(&case.expect, &found)?;
    for (name, value) in &case.values {
        let given: Vec<&String> = findings.iter().filter_map(|finding| finding.values.get(name.as_str())).collect();
        if !given.contains(&value) {
            return Err(format!("{name}: expected {value:?}\n   found {given:?}").into());
        }
    }
    let evidence = || findings.iter().flat_map(|finding| &finding.evidence);
    let words = |seen: &Evidence| format!("{}: {}", seen.source.0, seen.value).trim_start_matches(": ").to_string();
    let seen: Vec<String> = evidence().map(words).collect();
    if let Some(missing) = case.saw.iter().find(|wanted| !seen.contains(wanted)) {
        return Err(format!("saw: expected {missing:?}\n   found {seen:?}").into());
    }
    if let Some(expected) = &case.corrected {
        let mut line = case.need.run.as_ref().expect("a row with a corrected line has a line").text.clone();
        let mut edits: Vec<_> = findings.iter().flat_map(|finding| &finding.edits).collect();
        edits.sort_by_key(|edit| edit.span);
        for edit in edits.into_iter().rev() {
            line.replace_range(edit.span.start..edit.span.end, &edit.text);
        }
        if line != *expected {
            return Err(format!("expected the line {expected}\n   found {line}").into());
        }
    }
    let early = judge(check, &declared(check, &case.facts), &case.need).iter().map(line_of).collect::<Vec<_>>();
    same(&found, &early).map_err(|why| format!("judged from the groups that its family reads alone: {why:?}").into())
}

/// The facts without the groups that the check is not said to read: those alone are probed where it is selected alone.
fn declared(check: &Check, facts: &Facts) -> Facts {
    let mut value = serde_json::to_value(facts).unwrap();
    let reads = |field: &str| Group::ALL.iter().any(|group| group.name() == field && check.reads(*group));
    value.as_object_mut().unwrap().retain(|field, _| reads(field));
    serde_json::from_value(value).unwrap()
}

/// Everything that is not pass and not skip, by all checks: one cause gives one red line, a healthy host none.
fn whole_host(case: &Case) -> Result<(), Failed> {
    let found: Vec<String> = ALL
        .iter()
        .flat_map(|check| {
            judge(check, &case.facts, &case.need)
                .iter()
                .map(|f| format!("{} {}", check.id, line_of(f)))
                .collect::<Vec<_>>()
        })
        .filter(|line| !line.contains(" pass ") && !line.contains(" skip ") && !line.contains(" unknown blocked-by "))
        .collect();
    same(&case.expect, &found)
}

fn same(expected: &[String], found: &[String]) -> Result<(), Failed> {
    if expected == found { Ok(()) } else { Err(format!("expected {expected:#?}\n   found {found:#?}").into()) }
}
