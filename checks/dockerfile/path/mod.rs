//! Does ENV PATH name folders that nothing in the Dockerfile makes?

use crate::model::dockerfile::{Dockerfile, Said};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "dockerfile-path",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

/// Every image has these, or packages fill them.
const SYSTEM: [&str; 5] = ["usr", "bin", "sbin", "snap", "lib"];
/// Bases of which is known that they bring nothing outside of these.
const PLAIN: [&str; 8] = ["nvidia/cuda", "ubuntu", "debian", "alpine", "fedora", "rockylinux", "centos", "busybox"];
/// What a folder of programs is called: its name says nothing.
const USUAL: [&str; 4] = ["bin", "sbin", "condabin", "lib"];

fn judge(_: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Err(Stop::NotNeeded("no-path")) };
    if let Some(path) = file.variable("PATH").filter(|path| path.value.is_none()) {
        let gap = Gap::Unsupported("PATH has a form of ${…} that gdoctor does not know".into());
        return Ok(Finding::unknown(gap, Default::default()).asked_by(&path.at).into());
    }
    let paths: Vec<&Said> = file.running().flat_map(|stage| &stage.paths).collect();
    if paths.is_empty() {
        return Err(Stop::NotNeeded("no-path"));
    }
    let text = file.running().map(|stage| stage.rest.as_str()).collect::<Vec<_>>().join("\n");
    let mut findings = Findings::new();
    for path in &paths {
        findings.extend(one(file, path, &text).map(|finding| finding.about(&path.text).asked_by(&path.at)));
    }
    if findings.is_empty() {
        let names: Vec<&str> = paths.iter().map(|path| path.text.as_str()).collect();
        findings.push(Finding::pass("there").evidence("the Dockerfile", names.join(" ")));
    }
    Ok(findings)
}

fn one(file: &Dockerfile, path: &Said, text: &str) -> Option<Finding> {
    let parts: Vec<&str> = path.text.split('/').filter(|part| !part.is_empty()).collect();
    let named = parts.iter().rposition(|part| !USUAL.contains(part))?;
    // An installer makes folders such as ~/.cargo and ~/.local by itself.
    if SYSTEM.contains(parts.first()?) || parts.iter().any(|part| part.starts_with('.')) || mentions(text, parts[named])
    {
        return None;
    }
    let folder = format!("/{}", parts[..=named].join("/"));
    let behind = parts[named + 1..].iter().map(|part| format!("/{part}")).collect::<String>();
    if let Some(near) = words(text).find(|word| word.starts_with('/') && is_near(&folder, word)) {
        let instead = format!("{near}{behind}");
        let finding = Finding::warn("other-folder", "name-it").with("near", near).with("instead", instead);
        return Some(finding.evidence("the Dockerfile", near));
    }
    let base = file.ground().map(|base| base.reference.as_str()).unwrap_or_default();
    let name = base.split([':', '@']).next().unwrap_or_default();
    let plain = PLAIN.iter().any(|plain| name == *plain || name.ends_with(&format!("/{plain}")));
    let silent = plain && !text.lines().any(|line| may_make(line, &folder));
    silent.then(|| Finding::warn("never-made", "look").with("base", base).evidence("the Dockerfile", &*path.text))
}

/// Programs that make no folder but those that they name, and Debian's packages, which keep to the system's.
const QUIET: [&str; 27] = [
    "apt",
    "apt-get",
    "cat",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "dpkg-reconfigure",
    "echo",
    "export",
    "groupadd",
    "head",
    "ldconfig",
    "ln",
    "locale-gen",
    "ls",
    "mkdir",
    "printf",
    "pwd",
    "rm",
    "rmdir",
    "set",
    "touch",
    "true",
    "update-alternatives",
    "useradd",
    "usermod",
];
/// Instructions that make nothing.
const MAKE_NOTHING: [&str; 10] =
    ["CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "SHELL", "STOPSIGNAL", "USER", "WORKDIR"];

/// What this line of a Dockerfile runs, copies or mounts may make the folder: a script, a clone, a package of somebody's own, all
/// that is copied to where the folder lies. Then nobody knows.
fn may_make(line: &str, folder: &str) -> bool {
    let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match keyword {
        "" => false,
        "RUN" => commands(rest).any(|command| !is_quiet(command)),
        "COPY" | "ADD" | "VOLUME" => {
            let target = rest.trim().trim_end_matches(']').rsplit([' ', '\t', ',']).next().unwrap_or_default();
            let target = target.trim_matches(['"', '\'']).trim_end_matches('/');
            let above = folder.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            above || !target.starts_with('/')
        }
        known => !MAKE_NOTHING.contains(&known),
    }
}

fn commands(script: &str) -> impl Iterator<Item = &str> {
    script.split([';', '&', '|']).map(str::trim).filter(|command| !command.is_empty())
}

fn is_quiet(command: &str) -> bool {
    let is_assignment = |word: &&str| word.contains('=') || ["sudo", "DEBIAN_FRONTEND"].contains(word);
    let mut words = command.split_whitespace().skip_while(is_assignment);
    let program = words.next().unwrap_or_default();
    QUIET.contains(&program.rsplit('/').next().unwrap_or_default())
}

/// A word of the text has this name in it, in any case: `Anaconda3-2023.03-Linux-x86_64.sh` makes anaconda3.
fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    text.match_indices(&name).any(|(at, _)| {
        let next = text[at + name.len()..].bytes().next();
        next.is_none_or(|b| !b.is_ascii_alphanumeric())
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'=:;,()[]".contains(c)).map(|word| word.trim_end_matches('/'))
}

/// Of the same length, and one or two letters differ.
fn is_near(one: &str, other: &str) -> bool {
    let differ = one.bytes().zip(other.bytes()).filter(|(a, b)| a != b).count();
    one.len() == other.len() && (1..=2).contains(&differ)
}
