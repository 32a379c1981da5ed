//! Run lines that nobody thought of: made of every option of `docker run --help`, whole and broken values and options that meet, and
//! held against what the lab's engines do with them. GDOCTOR_LINES=1000 tries as many on each engine; a sample otherwise.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::fs;

use part::has_engine;
use part::run_lines::{IMAGE, Lab};
use serde::Deserialize;
use serde_json::Value;

const SAMPLE: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    folders: Vec<String>,
    files: BTreeMap<String, String>,
    tails: Vec<String>,
    together: Vec<String>,
    options: BTreeMap<String, Vec<String>>,
}

/// xorshift64: the same lines in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

fn option(name: &str, value: &str) -> String {
    // A switch takes a value only behind `=`.
    if value.is_empty()
        || (value.starts_with('=') && !["-e", "-l", "--annotation", "--log-opt", "--sysctl"].contains(&name))
    {
        format!("{name}{value}")
    } else {
        format!("{name} {value}")
    }
}

impl Table {
    fn read() -> Self {
        let text = fs::read_to_string(part::root().join("tests/generated.toml")).unwrap();
        toml::from_str(&text).unwrap()
    }

    /// Each option with each value, those that meet, each tail; then some at random together. A smaller count takes every n-th.
    fn lines(&self, count: usize) -> Vec<String> {
        let rm = |name: &str| if ["--rm", "--restart"].contains(&name) { "" } else { "--rm " };
        let mut lines: Vec<String> = Vec::new();
        for (name, values) in &self.options {
            lines.extend(values.iter().map(|value| format!("docker run {}{} IMG true", rm(name), option(name, value))));
        }
        lines.extend(self.together.iter().map(|options| format!("docker run {options} IMG true")));
        lines.extend(self.tails.iter().map(|tail| format!("docker run --rm {tail}")));
        let names: Vec<&String> = self.options.keys().collect();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        while lines.len() < count.max(1250) {
            let options: Vec<String> = (0..2 + random.below(3))
                .map(|_| {
                    let name = *random.of(&names);
                    let values = &self.options[name];
                    // Mostly the first, which every engine takes: a line of broken values alone tells little.
                    let value = if random.below(4) > 0 { &values[0] } else { random.of(values) };
                    option(name, value)
                })
                .collect();
            lines.push(format!("docker run {} {}", options.join(" "), random.of(&self.tails)));
        }
        let step = (lines.len() / count.max(1)).max(1);
        lines.into_iter().step_by(step).collect()
    }
}

/// What the lines speak of.
fn furnish(lab: &Lab, table: &Table) {
    let cwd = lab.work.path();
    let _ = fs::remove_dir_all(cwd);
    fs::create_dir_all(cwd).unwrap();
    table.folders.iter().for_each(|folder| fs::create_dir(cwd.join(folder)).unwrap());
    table.files.iter().for_each(|(name, text)| fs::write(cwd.join(name), text).unwrap());
}

#[derive(Default)]
struct Count {
    yes: usize,
    no: usize,
    unknown: usize,
    /// Said yes, and refused; said no, and started.
    refused: Vec<String>,
    started: Vec<String>,
    corrected: usize,
    /// Corrected lines that are as wrong as before.
    failed: Vec<String>,
}

#[test]
fn what_gdoctor_says_of_generated_lines_is_what_docker_does() {
    hold(&[], "20.10");
}

#[test]
fn what_gdoctor_says_of_generated_lines_is_what_a_newer_docker_does() {
    if has_engine("trixie") {
        hold(&["--engine", "trixie"], "26.1");
    }
}

#[test]
fn what_gdoctor_says_of_generated_lines_is_what_the_newest_docker_does() {
    if has_engine("sid") {
        hold(&["--engine", "sid"], "28.5");
    }
}

fn hold(arguments: &[&str], engine: &str) {
    let table = Table::read();
    let Some(lab) = Lab::of(arguments) else { return };
    let none = BTreeMap::new();
    for command in [
        "docker network create --subnet 10.99.0.0/24 mynet",
        "docker volume create myvolume",
        "docker run -d --name running lab/busybox:1 sleep 100000",
    ] {
        assert!(lab.shell(command, &none).status.success(), "{command}");
    }
    // The port that lines want and cannot have.
    let _held = std::net::TcpListener::bind("0.0.0.0:23999");
    let count = std::env::var("GDOCTOR_LINES").ok().and_then(|count| count.parse().ok()).unwrap_or(SAMPLE);
    let mut seen = Count::default();
    let cwd = lab.work.path().display().to_string();
    for line in table.lines(count) {
        furnish(&lab, &table);
        let text = line.replace("IMG", IMAGE).replace("CWD", &cwd);
        one(&lab, &text, &mut seen);
        if ["-v", "volume", "--mount"].iter().any(|option| text.contains(option)) {
            lab.shell("docker volume ls -q | grep -vx myvolume | xargs -r docker volume rm -f", &none);
        }
    }
    let all = seen.yes + seen.no + seen.unknown;
    println!(
        "Docker {engine}: {all} lines, {} yes ({} refused), {} no ({} started), {} unknown, {} corrected",
        seen.yes,
        seen.refused.len(),
        seen.no,
        seen.started.len(),
        seen.unknown,
        seen.corrected
    );
    println!("{}\n{}\n{}", seen.refused.join("\n"), seen.started.join("\n"), seen.failed.join("\n"));
    // Corrected lines count among the others. One line more than the share, so that a small sample is not held to nothing.
    assert!(seen.refused.len() <= seen.yes / 100 + 1, "said yes and refused: {:#?}", seen.refused);
    assert!(seen.started.len() <= seen.no / 200 + 1, "said no and started: {:#?}", seen.started);
    assert!(seen.unknown <= all / 20 + 2, "{} of {all} are unknown", seen.unknown);
    assert!(seen.failed.is_empty(), "{:#?}", seen.failed);
}

/// What is said of a line, held against what docker does with it.
fn tell(lab: &Lab, text: &str, seen: &mut Count) -> Option<Value> {
    let none = BTreeMap::new();
    let report = lab.judged(text, &none);
    let said = report.as_ref().map_or("no", |report| report["runLine"]["starts"].as_str().unwrap_or_default());
    let did = lab.starts(text, &none);
    match (said, did) {
        ("yes", true) => seen.yes += 1,
        ("no", false) => seen.no += 1,
        ("yes", false) => {
            seen.yes += 1;
            seen.refused.push(text.to_owned());
        }
        ("no", true) => {
            seen.no += 1;
            seen.started.push(text.to_owned());
        }
        _ => seen.unknown += 1,
    }
    report.ok()
}

/// A line, and the line that it is corrected to.
fn one(lab: &Lab, text: &str, seen: &mut Count) {
    let Some(report) = tell(lab, text, seen) else { return };
    let Some(corrected) = report["runLine"]["corrected"].as_str() else { return };
    seen.corrected += 1;
    let changes = report["runLine"]["changes"].as_array().cloned().unwrap_or_default();
    let codes: Vec<&str> = changes.iter().filter_map(|change| change["code"].as_str()).collect();
    let Some(again) = tell(lab, corrected, seen) else {
        seen.failed.push(format!("{text} became {corrected}, which is no line"));
        return;
    };
    let bad = |result: &&Value| {
        let code = result["code"].as_str().unwrap_or_default();
        ["fail", "warn"].contains(&result["status"].as_str().unwrap_or_default()) && codes.contains(&code)
    };
    if let Some(result) = again["results"].as_array().unwrap().iter().find(bad) {
        seen.failed.push(format!("{text} became {corrected}, and {} is still there", result["code"]));
    }
}
