//! A fleet for programs: JUnit XML, a test case a host; Prometheus text for node_exporter's textfile collector.

use std::fmt::Write;

use super::{Fleet, Member, State};
use crate::host::clock;
use crate::render::{junit, prom};

pub fn junit(fleet: &Fleet) -> String {
    let count = |is: fn(&Member) -> bool| fleet.hosts.iter().filter(|host| is(host)).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"fleet\" package=\"gdoctor\" id=\"0\" \
         timestamp=\"{}\" hostname=\"localhost\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"0.000\">\n    <properties/>\n",
        junit::text(fleet.generated_at.trim_end_matches('Z')),
        fleet.hosts.len(),
        count(|host| host.state == State::Fail),
        count(|host| host.state.is_open()),
    );
    for host in &fleet.hosts {
        let _ = write!(
            out,
            "    <testcase name=\"{}\" classname=\"gdoctor.fleet\" time=\"0.000\"",
            junit::text(&host.name)
        );
        let lines: Vec<String> = host.told.iter().map(|told| format!("{}: {}", told.code, told.summary)).collect();
        let (message, body) = (junit::text(&message(host)), junit::text(&lines.join("\n")));
        let element = match host.state {
            State::Fail => "failure",
            state if state.is_open() => "error",
            _ => {
                out.push_str("/>\n");
                continue;
            }
        };
        let word = host.state.word();
        let _ = writeln!(
            out,
            ">\n      <{element} message=\"{message}\" type=\"{word}\">{body}</{element}>\n    </testcase>"
        );
    }
    out.push_str("    <system-out></system-out>\n    <system-err></system-err>\n  </testsuite>\n</testsuites>\n");
    out
}

fn message(host: &Member) -> String {
    match host.state {
        State::Stale => format!("the last report is of {}", host.generated_at),
        State::Silent => "there is no report of it".into(),
        state => {
            let codes: Vec<&str> =
                host.told.iter().filter(|told| told.state == state).map(|told| told.code.as_str()).collect();
            codes.join(", ")
        }
    }
}

pub fn prom(fleet: &Fleet) -> String {
    let mut out = String::new();
    let mut head = |name: &str, help: &str, lines: Vec<String>| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        lines.iter().for_each(|line| out.push_str(&format!("{name}{line}\n")));
    };
    let states = State::ALL.iter().map(|state| {
        let count = fleet.summary.get(state).copied().unwrap_or_default();
        format!("{{state=\"{}\"}} {count}", state.word())
    });
    head("gdoctor_fleet_hosts", "Hosts by state: fail, unknown, warn, stale, silent, pass.", states.collect());
    let hosts = fleet.hosts.iter();
    let hosts = hosts.map(|host| format!("{{host=\"{}\",state=\"{}\"}} 1", prom::label(&host.name), host.state.word()));
    head("gdoctor_fleet_host_state", "1 for the state of each host.", hosts.collect());
    let causes = fleet.causes.iter().map(|cause| {
        let (code, state) = (prom::label(&cause.code), cause.state.word());
        format!("{{code=\"{code}\",state=\"{state}\"}} {}", cause.hosts.len())
    });
    head("gdoctor_fleet_cause_hosts", "Hosts that have a cause.", causes.collect());
    let versions = fleet.versions.iter().flat_map(|of| {
        of.values.iter().map(move |version| {
            let (what, value) = (prom::label(&of.of), prom::label(&version.value));
            format!("{{of=\"{what}\",version=\"{value}\"}} {}", version.hosts.len())
        })
    });
    head("gdoctor_fleet_version_hosts", "Hosts that have a version.", versions.collect());
    head("gdoctor_fleet_unread", "Files that are no report.", vec![format!(" {}", fleet.unread.len())]);
    let made = clock::unix(&fleet.generated_at).unwrap_or_default();
    head("gdoctor_fleet_timestamp_seconds", "When the reports were counted, in Unix time.", vec![format!(" {made}")]);
    out
}
