//! The first screen of every recorded host: short where one thing is wrong, complete where more is.
#![allow(clippy::disallowed_methods)]

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use gdoctor::judge::judge_all;
use gdoctor::policy::{FailOn, Status};
use gdoctor::render::text::{self, Detail};
use gdoctor::report::{Frame, Report, write};
use table::Table;

const COLUMNS: usize = 80;
/// What fits a terminal of the usual height.
const ROWS: usize = 24;

fn reports() -> Vec<(String, Report)> {
    let mut reports = Vec::new();
    for path in table::host_files() {
        for case in Table::read(&path).cases {
            let frame = Frame {
                report_id: String::new(),
                generated_at: String::new(),
                took: Duration::ZERO,
                probe_times: BTreeMap::new(),
            };
            let judged = judge_all(&case.facts, &case.need, |_| true);
            reports.push((case.name, write(&case.facts, &case.need, &judged, FailOn::Fail, frame)));
        }
    }
    reports
}

/// The rows of every check, judged by it alone: what its trouble looks like where all else is well.
fn alone() -> Vec<(String, Report)> {
    let mut reports = Vec::new();
    for check in gdoctor_checks::ALL {
        for case in Table::read(&format!("checks/{}/cases.toml", check.folder())).cases {
            let judged = judge_all(&case.facts, &case.need, |one| one.id == check.id);
            let report = write(&case.facts, &case.need, &judged, FailOn::Fail, Frame::default());
            reports.push((format!("{}: {}", check.id, case.name), report));
        }
    }
    reports
}

#[test]
fn each_trouble_leaves_room_for_the_rest_of_the_screen() {
    let mut long = Vec::new();
    for (name, report) in alone() {
        let troubles = report.results.iter().filter(|o| o.is_trouble()).count();
        let commands: usize = report.results.iter().flat_map(|o| &o.fixes).map(|fix| fix.commands.len()).sum();
        if troubles != 1 || report.run_line.is_some() || report.compose.is_some() || commands > 5 {
            continue;
        }
        let shown = text::render(&report, Detail::Normal, COLUMNS);
        if shown.lines().count() > ROWS {
            long.push(format!("{name}: {} lines\n{shown}", shown.lines().count()));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn one_cause_fits_a_terminal() {
    let mut looked = 0;
    for (name, report) in reports() {
        let troubles = report.results.iter().filter(|o| o.is_trouble()).count();
        if troubles > 1 || report.run_line.is_some() {
            continue;
        }
        let shown = text::render(&report, Detail::Normal, COLUMNS);
        eprintln!("{} lines with {troubles}: {name}", shown.lines().count());
        assert!(shown.lines().count() <= ROWS, "{name}: {} lines\n{shown}", shown.lines().count());
        looked += 1;
    }
    assert!(looked >= 12, "only {looked} hosts with at most one cause");
}

/// Two causes say what each is and what mends it, and nothing that can wait.
#[test]
fn two_causes_take_no_more_than_they_must() {
    let mut looked = 0;
    for (name, report) in reports() {
        let troubles: Vec<_> = report.results.iter().filter(|o| o.is_trouble()).collect();
        if troubles.len() != 2 || report.run_line.is_some() {
            continue;
        }
        let shown = text::render(&report, Detail::Normal, COLUMNS);
        let lines = shown.lines().count();
        eprintln!("{lines} lines with 2: {name}");
        // What more there is stands behind -v, unless there is room for it.
        let has_more = ["Undo:", "Source:"].iter().any(|label| shown.contains(label));
        assert!(lines <= ROWS || !has_more, "{name}: {lines} lines\n{shown}");
        looked += 1;
    }
    assert!(looked >= 3, "only {looked} hosts with two causes");
}

#[test]
fn every_trouble_stands_on_the_screen_with_its_commands() {
    for (name, report) in reports() {
        let shown = text::render(&report, Detail::Normal, COLUMNS);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let all = words(&shown);
        for outcome in report.results.iter().filter(|o| o.is_trouble()) {
            assert!(all.contains(&words(&outcome.summary)), "{name}: {}\n{shown}", outcome.summary);
            for command in outcome.fixes.iter().filter(|fix| !fix.changes_line).flat_map(|fix| &fix.commands) {
                assert!(shown.contains(command.as_str()), "{name}: {command}\n{shown}");
            }
            let ends_in_nothing = outcome.status == Status::Unknown && outcome.find_out.is_empty();
            assert!(!ends_in_nothing, "{name}: {} leads nowhere", outcome.code);
        }
        let red = shown.lines().filter(|line| line.split_whitespace().any(|word| word == "FAIL")).count();
        let failed = report.results.iter().filter(|o| o.is_trouble() && o.status == Status::Fail);
        let families = report.families.iter().filter(|f| f.status == Status::Fail && f.name != "run");
        assert_eq!(red, failed.count() + families.count(), "{name}:\n{shown}");
    }
}

#[test]
fn lines_are_no_wider_than_the_terminal_but_for_commands() {
    for (name, report) in reports() {
        for columns in [40, 75, 200] {
            let shown = text::render(&report, Detail::Normal, columns);
            let families =
                shown.lines().skip_while(|line| !line.is_empty()).skip(1).take_while(|line| !line.is_empty());
            for line in families {
                let wide = textwrap::core::display_width(line);
                assert!(wide <= columns, "{name}: {wide} columns: {line}");
            }
        }
    }
}
