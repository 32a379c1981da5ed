//! Reports as bytes: JSON against the published schema with a validator that is not ours, exit codes the same in every
//! format, and text that a terminal cannot be hurt by.
#![allow(clippy::disallowed_methods)]

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use gdoctor::judge::{Judged, judge_all};
use gdoctor::policy::{self, FailOn, Status};
use gdoctor::render::text::Detail;
use gdoctor::render::{json, text};
use gdoctor::report::{Frame, Report, write};
use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::fact::{Gap, Source};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::finding::Finding;
use gdoctor_checks::model::need::{Need, Origin};
use table::Table;

fn frame() -> Frame {
    Frame {
        report_id: "urn:uuid:01234567-89ab-cdef-0123-456789abcdef".into(),
        generated_at: "2026-01-31T12:00:00Z".into(),
        took: Duration::from_millis(12),
        probe_times: BTreeMap::new(),
    }
}

fn report_of(finding: Finding, fail_on: FailOn) -> Report {
    write(
        &Facts::default(),
        &Need::default(),
        &[Judged { check: check("docker-client"), findings: vec![finding], took: Duration::ZERO }],
        fail_on,
        frame(),
    )
}

/// Every row of every table as a whole report.
fn check(id: &str) -> &'static Check {
    ALL.iter().find(|check| check.id == id).unwrap()
}

#[test]
fn every_report_validates_against_the_published_schema() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../docs/gdoctor-report-1.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut tables: Vec<String> = ALL.iter().map(|c| format!("checks/{}/cases.toml", c.folder())).collect();
    tables.extend(table::host_files());
    let mut count = 0;
    for path in tables {
        for case in Table::read(&path).cases {
            let report =
                write(&case.facts, &case.need, &judge_all(&case.facts, &case.need, |_| true), FailOn::Fail, frame());
            let instance: serde_json::Value = serde_json::from_str(&json::render(&report)).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&instance).map(|e| format!("{} at {}", e, e.instance_path())).collect();
            assert!(errors.is_empty(), "{path}: {:?}: {errors:#?}", case.name);
            assert!(ALL.iter().all(|check| report.results.iter().any(|r| r.id == check.id)), "a check vanished");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} reports were validated");
}

/// conventions: one exit code for every format, whatever the verdict and whoever asked.
#[test]
fn exit_codes_are_crossed_with_verdicts_origins_and_formats() {
    let verdicts: [(fn() -> Finding, Status); 5] = [
        (|| Finding::pass("found"), Status::Pass),
        (|| Finding::warn("podman", "use-podman"), Status::Warn),
        (|| Finding::fail("not-installed", "install"), Status::Fail),
        (|| Finding::unknown(Gap::TimedOut, Source::new("somewhere")), Status::Unknown),
        (|| Finding::not_needed("not-needed"), Status::Skip),
    ];
    let origins = [Origin::Flag("--gpu".into()), Origin::Default, Origin::Host("seen".into()), Origin::Guide];
    for (make, verdict) in verdicts {
        for origin in &origins {
            for fail_on in [FailOn::Fail, FailOn::Warn] {
                let report = report_of(make().asked_by(origin), fail_on);
                let guide = *origin == Origin::Guide;
                let status = if verdict == Status::Fail && guide { Status::Warn } else { verdict };
                let code = match (status, fail_on) {
                    (Status::Fail, _) | (Status::Warn, FailOn::Warn) => 1,
                    (Status::Unknown, _) if !guide => 3,
                    _ => 0,
                };
                assert_eq!(
                    (report.results[0].status, report.exit_code),
                    (status, code),
                    "{verdict:?} {origin:?} {fail_on:?}"
                );
                let rendered: serde_json::Value = serde_json::from_str(&json::render(&report)).unwrap();
                assert_eq!(rendered["exitCode"], code);
                assert_eq!(rendered["results"][0]["status"], status.word());
                let shown = text::render(&report, Detail::Verbose, 100);
                assert!(shown.contains(&status.word().to_uppercase()), "{shown}");
            }
        }
    }
    assert_eq!((policy::OK, policy::FAILED, policy::MISUSE, policy::UNDETERMINED), (0, 1, 2, 3));
}

#[test]
fn one_cause_is_one_line_and_what_waits_is_named_under_it() {
    let mut blocked = Finding::unknown(Gap::BlockedBy("docker-client".into()), Source::default());
    blocked.asked_by = Some(Origin::Default);
    let judged = [
        Judged {
            check: check("docker-client"),
            findings: vec![Finding::fail("not-installed", "install").asked_by(&Origin::Default)],
            took: Duration::ZERO,
        },
        Judged { check: check("docker-endpoint"), findings: vec![blocked], took: Duration::ZERO },
    ];
    let report = write(&Facts::default(), &Need::default(), &judged, FailOn::Fail, frame());
    assert_eq!(report.results[1].cause.as_deref(), Some(check("docker-client").id));
    let shown = text::render(&report, Detail::Normal, 100);
    // Once in the family's line, once in full.
    assert_eq!(shown.matches("FAIL").count(), 2);
    assert!(!shown.contains("docker-endpoint") && shown.contains("1 check waits for it"), "{shown}");
    assert_eq!((report.count("unknown"), report.count("waiting")), (0, 1));
    let shown = text::render(&report, Detail::Verbose, 100);
    assert!(shown.contains("waits 1 check waits for this"), "{shown}");
    assert!(shown.contains("  WAITING docker-endpoint: ") && !shown.contains("UNKNOWN"), "{shown}");
}

#[test]
fn no_escape_reaches_the_terminal_or_the_document() {
    let finding = Finding::pass("found")
        .with("path", "/bin/\u{1b}]0;owned\u{7}\u{202e}x")
        .with("package", "a\nb")
        .evidence("\u{9b}2J", "\u{0}");
    let report = report_of(finding, FailOn::Fail);
    for shown in [text::render(&report, Detail::Verbose, 100), json::render(&report)] {
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
        assert!(!shown.contains("\\u001b") && !shown.contains("\\u009b") && !shown.contains("\\u0000"), "{shown}");
    }
}
