//! Runs what docs/monitoring.md tells people to run.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use part::left_out;

/// The blocks of the page that have a name: `ini gdoctor.timer`.
fn blocks() -> BTreeMap<String, String> {
    let page = fs::read_to_string(part::root().join("docs/monitoring.md")).unwrap();
    let mut blocks = BTreeMap::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (info, text) = block.split_once('\n').unwrap();
        if let Some((_, name)) = info.split_once(' ') {
            blocks.insert(name.to_owned(), text.to_owned());
        }
    }
    blocks
}

/// Runs a command line of the page with the gdoctor under test, in a folder of its own.
fn run(line: &str) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let line = line.replace("/usr/bin/gdoctor", "gdoctor").replace("/var/lib/prometheus/node-exporter", ".");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_gdoctor")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("bash").args(["-c", &line]).env("PATH", path).current_dir(folder.path()).output().unwrap();
    (output, folder)
}

#[test]
fn the_timer_writes_the_metrics() {
    let blocks = blocks();
    let line = blocks["gdoctor.service"].lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let (_, folder) = run(line);
    assert!(fs::read_to_string(folder.path().join("gdoctor.prom")).unwrap().contains("gdoctor_run_success"));
    for unit in ["gdoctor.service", "gdoctor.timer"] {
        let text = blocks[unit].replace("/usr/bin/gdoctor", env!("CARGO_BIN_EXE_gdoctor"));
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let units = ["gdoctor.service", "gdoctor.timer"].map(|unit| folder.path().join(unit));
    match Command::new("systemd-analyze").arg("verify").args(units).output() {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!told.contains("gdoctor.service:") && !told.contains("gdoctor.timer:"), "{told}");
        }
        Err(_) => left_out("systemd-analyze is not installed"),
    }
}

#[test]
fn prometheus_takes_the_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yml");
    fs::write(&file, &blocks()["alert"]).unwrap();
    match Command::new("promtool").args(["check", "rules"]).arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => left_out("promtool is not installed"),
    }
}

/// Every query of the dashboard is one for Prometheus, of a metric that gdoctor writes; panels do not lie upon each other.
#[test]
fn the_dashboard_asks_what_gdoctor_writes() {
    let text = fs::read_to_string(part::root().join("docs/grafana.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let (_, folder) = run("gdoctor --only docker-client,port --out prom=all.prom");
    let written = fs::read_to_string(folder.path().join("all.prom")).unwrap();
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    let mut cells = std::collections::BTreeSet::new();
    for panel in panels {
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for (x, y) in (0..at("w")).flat_map(|x| (0..at("h")).map(move |y| (x, y))) {
            assert!(cells.insert((at("x") + x, at("y") + y)) && at("x") + x < 24, "{}", panel["title"]);
        }
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            let names =
                query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|n| n.starts_with("gdoctor_"));
            for name in names {
                assert!(written.contains(&format!("# TYPE {name} gauge")), "{name} is not written");
            }
            rules.push_str(&format!("      - record: a{}\n        expr: {}\n", panel["id"], serde_json::json!(query)));
        }
    }
    let file = folder.path().join("queries.yml");
    fs::write(&file, rules).unwrap();
    match Command::new("promtool").args(["check", "rules"]).arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => left_out("promtool is not installed"),
    }
}

#[test]
fn the_problem_detector_runs_its_rule() {
    let rule: serde_json::Value = serde_json::from_str(&blocks()["npd"]).unwrap();
    let words: Vec<&str> = rule["rules"][0]["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let (output, _) = run(&format!("gdoctor {}", words.join(" ")));
    assert!(matches!(output.status.code(), Some(0..=2)), "{output:?}");
    assert!(output.stdout.len() <= 81 && output.stderr.is_empty(), "{output:?}");
    let conditions: Vec<&str> =
        rule["rules"].as_array().unwrap().iter().map(|r| r["condition"].as_str().unwrap()).collect();
    assert_eq!(conditions.len(), 1, "two rules on one condition take turns");
}

#[test]
fn nagios_runs_its_command() {
    let block = &blocks()["nagios"];
    let line = block.lines().find_map(|line| line.trim().strip_prefix("command_line")).unwrap();
    let (output, _) = run(line.trim());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
    let word = words[usize::try_from(output.status.code().unwrap()).unwrap()];
    assert!(told.starts_with(&format!("GDOCTOR {word} - ")), "{told}");
}

#[test]
fn waiting_ends() {
    let line = blocks()["wait"].trim().replace("5m", "1s").replace("2s", "300ms");
    let started = std::time::Instant::now();
    let (output, _) = run(&line);
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)) && started.elapsed().as_secs() < 30, "{output:?}");
}
