//! Prometheus text for node_exporter's textfile collector: gauges of this one run, no time stamps. The host's own
//! words are labels of `gdoctor_host_info` and subjects alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::status;
use crate::report::{Outcome, Report};

/// `unix` is when the run was made, in seconds.
pub fn render(report: &Report, unix: u64) -> String {
    let mut out = String::new();
    let mut head = |name: &str, help: &str, lines: &[String]| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for line in lines {
            let _ = writeln!(out, "{name}{line}");
        }
    };
    let mut worst: BTreeMap<&str, (&str, u8)> = BTreeMap::new();
    for outcome in &report.results {
        if let Some(value) = status::metric(status::shown(outcome)) {
            let entry = worst.entry(outcome.id).or_insert((outcome.group, 0));
            // A failure weighs more than what is unknown, though its value is smaller.
            let rank = |value: u8| [0, 2, 3, 1].get(usize::from(value)).copied().unwrap_or(0);
            if rank(value) > rank(entry.1) {
                entry.1 = value;
            }
        }
    }
    let checks: Vec<String> = worst
        .iter()
        .map(|(check, (group, value))| format!("{{check=\"{check}\",group=\"{group}\"}} {value}"))
        .collect();
    if !checks.is_empty() {
        head("gdoctor_check_status", "Verdict of a check: 0 pass, 1 warn, 2 fail, 3 unknown.", &checks);
    }
    let states: BTreeSet<String> = report.results.iter().map(state).collect();
    head(
        "gdoctor_check_state",
        "1 for the state of each result: pass, warn, fail, unknown, skip, waiting for another check, waived.",
        &states.into_iter().collect::<Vec<_>>(),
    );
    let counts: Vec<String> =
        report.summary.iter().map(|(word, count)| format!("{{status=\"{word}\"}} {count}")).collect();
    head("gdoctor_checks", "Results of the last run by status.", &counts);
    let seconds = format!(" {}.{:03}", report.duration_ms / 1000, report.duration_ms % 1000);
    head("gdoctor_run_duration_seconds", "How long the last run took.", &[seconds]);
    head("gdoctor_last_run_timestamp_seconds", "When the last run was made, in Unix time.", &[format!(" {unix}")]);
    let success = u8::from(report.exit_code == crate::policy::OK);
    head(
        "gdoctor_run_success",
        "1 when nothing failed and all that was asked for was determined.",
        &[format!(" {success}")],
    );
    let build = format!("{{version=\"{}\"}} 1", label(report.tool.version));
    head("gdoctor_build_info", "The gdoctor that made this file.", &[build]);
    if let Some(file) = &report.need_file {
        let line = format!("{{file=\"{}\",used=\"{}\"}} 1", label(&file.path), file.used);
        head("gdoctor_need_info", "The gdoctor.toml of this run, and whether it counts.", &[line]);
    }
    let host = &report.host;
    let labels = [
        ("system", &host.system),
        ("kernel", &host.kernel),
        ("machine", &host.machine),
        ("driver", &host.driver),
        ("toolkit", &host.toolkit),
        ("docker", &host.docker),
    ];
    // An empty label is no label to Prometheus.
    let asked = report.labels.iter().map(|(name, value)| (name.as_str(), value));
    let labels: Vec<String> = labels
        .into_iter()
        .chain(asked)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}=\"{}\"", label(value)))
        .collect();
    let host = format!("{{{}}} 1", labels.join(","));
    head("gdoctor_host_info", "The system that was looked at.", &[host]);
    out
}

fn state(outcome: &Outcome) -> String {
    format!(
        "{{check=\"{}\",group=\"{}\",code=\"{}\",subject=\"{}\",state=\"{}\"}} 1",
        outcome.id,
        outcome.group,
        label(&outcome.code),
        label(&outcome.subject),
        outcome.counted_as()
    )
}

pub fn label(raw: &str) -> String {
    raw.chars().take(100).collect::<String>().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}
