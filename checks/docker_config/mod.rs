//! Can dockerd start with its daemon.json?

use crate::model::facts::docker::{Config, Reach};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-config",
    family: "docker",
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    if docker.is_elsewhere() {
        return Err(Stop::NotNeeded("elsewhere"));
    }
    let path = docker.config.source.0.as_str();
    let runs = docker.reach.value() == Some(&Reach::Answers);
    let finding = match docker.config.known()? {
        None => Finding::pass("defaults"),
        Some(Config::Malformed { line, column, why }) => {
            // A running daemon has read an older text, and fails at its next start.
            let finding =
                if runs { Finding::warn("broken-since-start", "repair") } else { Finding::fail("malformed", "repair") };
            finding
                .with("line", line)
                .with("column", column)
                .with("why", why)
                .evidence(path, format!("line {line} column {column}: {why}"))
        }
        Some(Config::Read { keys, .. }) => {
            let conflict =
                keys.iter().any(|key| key == "hosts") && docker.unit.value().is_some_and(|unit| unit.hosts_flag);
            match (conflict, runs) {
                (false, _) => Finding::pass("readable"),
                (true, true) => Finding::warn("hosts-twice", "one-hosts"),
                (true, false) => Finding::fail("hosts-twice", "one-hosts"),
            }
            .evidence(path, format!("keys: {}", keys.join(", ")))
        }
    };
    Ok(finding.with("path", path).into())
}
