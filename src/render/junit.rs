//! JUnit XML in the part that Ant's and Jenkins' schemas share: no attribute on `testsuites`, `properties` first, one element in
//! a test case, output only of the whole suite.

use std::fmt::Write;

use super::status::{self, Junit};
use crate::report::{self, COUNTED, Outcome, Report};

pub fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (number, group) in report.results.chunk_by(|a, b| a.group == b.group).enumerate() {
        suite(&mut out, report, number, group);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, report: &Report, number: usize, group: &[Outcome]) {
    let count = |kind: Junit| group.iter().filter(|o| status::junit(status::shown(o)) == kind).count();
    let name = group.first().map_or("", |o| o.group);
    // Ant's schema takes a time without its zone; it is UTC.
    let time = report.generated_at.trim_end_matches('Z');
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" package=\"gdoctor\" id=\"{number}\" timestamp=\"{}\" hostname=\"{}\" tests=\"{}\" \
         failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
        text(time),
        text(report.labels.get("host").map_or("localhost", String::as_str)),
        group.len(),
        count(Junit::Failure),
        count(Junit::Error),
        count(Junit::Skipped),
        seconds(group.iter().map(|o| o.duration_ms).sum()),
    );
    let _ = writeln!(
        out,
        "    <properties>\n      <property name=\"gdoctor.version\" value=\"{}\"/>\n      <property name=\"host.system\" \
         value=\"{}\"/>\n      <property name=\"host.kernel\" value=\"{}\"/>",
        text(report.tool.version),
        text(&report.host.system),
        text(&report.host.kernel)
    );
    if let Some(file) = &report.need_file {
        let _ = writeln!(out, "      <property name=\"gdoctor.need\" value=\"{}\"/>", text(&file.words()));
    }
    // The schema's own counts are of cases, and know nothing that waits.
    for word in COUNTED {
        let count = report::count(group, word);
        let _ = writeln!(out, "      <property name=\"gdoctor.{word}\" value=\"{count}\"/>");
    }
    for (name, value) in &report.labels {
        let _ = writeln!(out, "      <property name=\"label.{}\" value=\"{}\"/>", text(name), text(value));
    }
    out.push_str("    </properties>\n");
    for outcome in group {
        case(out, outcome);
    }
    let _ = write!(out, "    <system-out>");
    for outcome in group.iter().filter(|o| status::junit(status::shown(o)) == Junit::Noted) {
        let _ = writeln!(out, "WARN {}: {}", text(&status::name(outcome)), text(&outcome.summary));
        for line in status::advice(outcome) {
            let _ = writeln!(out, "{}", text(&line));
        }
    }
    out.push_str("</system-out>\n    <system-err></system-err>\n  </testsuite>\n");
}

fn case(out: &mut String, outcome: &Outcome) {
    let _ = write!(
        out,
        "    <testcase name=\"{}: {}\" classname=\"gdoctor.{}\" time=\"{}\"",
        text(&status::name(outcome)),
        text(outcome.title),
        outcome.group,
        seconds(outcome.duration_ms)
    );
    let message = text(&status::summary(outcome));
    let body = text(&status::advice(outcome).join("\n"));
    let code = text(&outcome.code);
    let _ = match status::junit(status::shown(outcome)) {
        Junit::Passed | Junit::Noted => writeln!(out, "/>"),
        Junit::Failure => {
            writeln!(out, ">\n      <failure message=\"{message}\" type=\"{code}\">{body}</failure>\n    </testcase>")
        }
        Junit::Error => {
            writeln!(out, ">\n      <error message=\"{message}\" type=\"{code}\">{body}</error>\n    </testcase>")
        }
        Junit::Skipped => writeln!(out, ">\n      <skipped message=\"{message}\"/>\n    </testcase>"),
    };
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text for an attribute or an element; what XML 1.0 forbids is left out.
pub fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
