//! Does the folder of the build hold what COPY and ADD take from it, and can the image start the script that comes from there?

use crate::model::dockerfile::{Absent, Dockerfile, Form, Part, Source, Stage, Started};
use crate::model::facts::run::{BuildFolder, Copied};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "dockerfile-context",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| {
        let file = need.dockerfile.as_ref()?;
        file.absent.as_ref().map(|absent| &absent.said.at).or(file.by())
    },
    tells: Tells::Anywhere,
    judge,
};

/// Folders and endings of what a step before the build makes.
const MADE: [&str; 8] = ["target", "dist", "build", "out", "bin", "publish", "release", "artifacts"];
const MADE_ENDINGS: [&str; 9] = [".jar", ".war", ".whl", ".deb", ".rpm", ".gz", ".tar", ".zip", ".so"];
/// What a step may do to a script's lines.
const MENDS_LINES: [&str; 7] = ["dos2unix", "fromdos", "\\r", "sed ", "tr ", "perl", "binfmt"];
/// The same for its mode.
const MENDS_MODE: [&str; 2] = ["chmod", "install -m"];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Ok(Findings::new()) };
    if let Some(absent) = &file.absent {
        return Ok(not_there(absent).into());
    }
    let context = facts.run.context.as_ref().filter(|folder| !folder.sources.is_empty());
    let Some(folder) = context else { return Err(Stop::NotNeeded("none")) };
    let mut findings = Findings::new();
    let mut told: Vec<&str> = Vec::new();
    for source in file.stages.iter().filter(|stage| stage.built).flat_map(|stage| &stage.sources) {
        if source.path.is_empty() || source.path.starts_with(".git") || told.contains(&source.path.as_str()) {
            continue;
        }
        told.push(&source.path);
        // That the build is given this folder is likely, and not known.
        let bad = if file.context.is_some() { Finding::fail } else { Finding::warn };
        let finding = match folder.sources.get(&source.path) {
            None => Finding::unknown(Gap::Unsupported("it could not be looked at".into()), Default::default()),
            Some(Copied::Missing) if file.context.is_some() || !is_made(&source.path) => bad("missing", "put-there"),
            Some(Copied::Ignored) => bad("ignored", "take-out"),
            _ => continue,
        };
        findings.push(about(finding, source, folder));
    }
    findings.extend(script(file, folder));
    if findings.is_empty() {
        findings.push(Finding::pass("there").with("folder", &folder.path).evidence("the Dockerfile", &*file.path));
    }
    Ok(findings)
}

/// What compose is told to build from; where an image is named too, it is pulled first.
fn not_there(absent: &Absent) -> Finding {
    let code = match absent.part {
        Part::Folder => "no-folder",
        Part::Dockerfile => "no-dockerfile",
        Part::Stage => "no-stage",
        Part::NamedFolder => "no-named-folder",
    };
    let finding = if absent.is_sole { Finding::fail(code, "name-there") } else { Finding::warn(code, "name-there") };
    finding.about(&absent.said.text).evidence("the build", &*absent.said.text).asked_by(&absent.said.at)
}

fn about(finding: Finding, source: &Source, folder: &BuildFolder) -> Finding {
    let finding = finding.about(&source.path).with("folder", &folder.path);
    finding.evidence(folder.path.clone(), &*source.path).asked_by(&source.said.at)
}

/// Something of a step before the build makes it.
fn is_made(path: &str) -> bool {
    path.split('/').any(|part| MADE.contains(&part)) || MADE_ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// The script that ENTRYPOINT, or CMD where there is none, starts as it stands.
fn script(file: &Dockerfile, folder: &BuildFolder) -> Option<Finding> {
    let entrypoint = file.running().find_map(|stage| stage.entrypoint.as_ref());
    let started: &Started = entrypoint.or_else(|| file.running().find_map(|stage| stage.command.as_ref()))?;
    let program = started.program.as_ref().filter(|_| started.form == Form::List)?;
    let lies = |source: &&Source| source.target == *program;
    let (stage, source) = file.running().find_map(|stage| Some((stage, stage.sources.iter().rev().find(lies)?)))?;
    let name = program.rsplit('/').next().unwrap_or_default();
    let found = folder.sources.get(&source.path)?;
    let lines = *found == Copied::Returns;
    if (source.mode_set && !lines) || mends(file, stage, name, lines) {
        return None;
    }
    let code = match found {
        Copied::NotExecutable => ("not-executable", "permit"),
        Copied::Returns => ("line-ends", "unix-lines"),
        Copied::NoProgram => ("no-program", "first-line"),
        _ => return None,
    };
    Some(about(Finding::fail(code.0, code.1), source, folder).with("program", program).asked_by(&started.said.at))
}

/// A step changes modes or lines, or does something to the script.
fn mends(file: &Dockerfile, stage: &Stage, name: &str, lines: bool) -> bool {
    let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    // Another mode changes no line.
    let alone = |line: &str| lines && has(line, &MENDS_MODE);
    let runs = |line: &str| line.starts_with("RUN") && line.contains(name) && !alone(line);
    let words = |text: &str| has(text, &MENDS_LINES) || !lines && has(text, &MENDS_MODE);
    file.running().any(|stage| words(&stage.rest) || stage.rest.lines().any(runs)) || stage.rest.contains("ONBUILD")
}
