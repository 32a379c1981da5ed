//! Is the image one that this host can start, and do all options stand before it?

use crate::model::facts::image::go_name;
use crate::model::prelude::*;
use crate::model::run::{Argument, Image};

pub static CHECK: Check = Check {
    id: "run-line-image",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

/// Options of docker that hardly any program has: behind the image they are meant for docker.
const UNMISTAKABLE: [&str; 18] = [
    "--gpus",
    "--shm-size",
    "--ulimit",
    "--runtime",
    "--restart",
    "--rm",
    "--device",
    "--network",
    "--net",
    "--privileged",
    "--ipc",
    "--cap-add",
    "--group-add",
    "--publish",
    "--volume",
    "--env",
    "-it",
    "-ti",
];
const WITHOUT_VALUE: [&str; 4] = ["--rm", "--privileged", "-it", "-ti"];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some((line, image)) = need.run.as_ref().and_then(|line| Some((line, line.image.as_ref()?))) else {
        return Err(Stop::NotNeeded("podman"));
    };
    if line.podman {
        return Err(Stop::NotNeeded("podman"));
    }
    if line.all("image").next().is_some() {
        return Err(Stop::blocked_by("run-line-syntax"));
    }
    let mut findings: Findings = behind(facts, line, image).into_iter().collect();
    match here(facts, line, image) {
        Ok(finding) => findings.extend(finding),
        Err(Stop::Unknown(gap, source)) if findings.is_empty() => return Err(Stop::Unknown(gap, source)),
        Err(_) => {}
    }
    let architecture = facts.run.image.clone().map(|image| image.architecture);
    let never = findings.iter().any(|finding| finding.code == "never-pulled");
    if facts.run.image.is_absent() && !never {
        findings.push(Finding::not_needed("to-pull").with("image", &image.reference).saw(&architecture));
    } else if findings.is_empty() {
        findings.push(Finding::pass("here").with("image", &image.reference).saw(&architecture));
    }
    Ok(findings.into_iter().map(|f| if f.asked_by.is_some() { f } else { f.asked_by(&image.at.origin()) }).collect())
}

fn here(facts: &Facts, line: &RunLine, image: &Image) -> Result<Option<Finding>, Stop> {
    let machine = facts.architecture();
    let platform = line.last("platform").filter(|option| !option.at.opaque);
    if let Some(option) = platform.filter(|option| differs(architecture(&option.value), machine)) {
        return Ok(Some(
            Finding::fail("other-platform", "drop-platform")
                .with("platform", &option.value)
                .with("machine", machine)
                .evidence("the line", &*option.at.text)
                .edit(option.at.without())
                .asked_by(&option.at.origin()),
        ));
    }
    let Some(found) = facts.run.image.known()? else {
        let never = line.last("pull").filter(|option| option.value == "never");
        return Ok(never.map(|option| {
            Finding::fail("never-pulled", "pull")
                .with("image", &image.reference)
                .saw(&facts.run.image.clone().map(|_| ""))
                .asked_by(&option.at.origin())
        }));
    };
    let other =
        differs(&found.architecture, machine) && line.last("pull").is_none_or(|option| option.value != "always");
    Ok(other.then(|| {
        Finding::fail("other-architecture", "pull-own")
            .with("image", &image.reference)
            .with("architecture", &found.architecture)
            .with("machine", machine)
            .evidence(facts.run.image.source.0.as_str(), &*found.architecture)
    }))
}

fn differs(one: &str, machine: &str) -> bool {
    !one.is_empty() && !machine.is_empty() && one != machine
}

/// `arm64` of `linux/arm64/v8`; empty where only a system is named.
fn architecture(platform: &str) -> &str {
    let mut parts = platform.split('/');
    let first = parts.next().unwrap_or_default();
    go_name(parts.next().unwrap_or(if ["linux", "windows"].contains(&first) { "" } else { first }))
}

/// Options behind the image go to the program in it. The words from the first to the last of them are moved.
fn behind(facts: &Facts, line: &RunLine, image: &Image) -> Option<Finding> {
    let mut moved: Vec<&Argument> = Vec::new();
    let mut rest = line.arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        let flag = argument.text.split('=').next().unwrap_or_default();
        let value = rest.peek().map_or("", |next| next.text.as_str());
        let short = match flag {
            "-p" => value.split_once(':').is_some_and(|(a, b)| is_port(a) && is_port(b)),
            "-v" => value.starts_with('/') && value.contains(":/"),
            _ => false,
        };
        if !short && !UNMISTAKABLE.contains(&flag) {
            break;
        }
        moved.push(argument);
        if short || (!WITHOUT_VALUE.contains(&flag) && !argument.text.contains('=')) {
            moved.extend(rest.next());
        }
    }
    let first = moved.first()?;
    let words: Vec<&str> = moved.iter().map(|argument| argument.text.as_str()).collect();
    // Without an entrypoint the first word behind the image is the program to start: there is none of such a name.
    let starts_it = facts.run.image.value().is_some_and(|found| !found.entrypoint) && line.last("entrypoint").is_none();
    let finding =
        if starts_it { Finding::fail("options-behind", "move") } else { Finding::warn("options-behind", "move") };
    Some(
        finding
            .with("options", words.join(" "))
            .with("image", &image.reference)
            .evidence("the line", words.join(" "))
            .edit(line.insert(&words.join(" ")))
            .edits(moved.iter().map(|argument| argument.without()))
            .asked_by(&first.origin()),
    )
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
