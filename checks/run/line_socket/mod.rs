//! Does the program that the line gives the engine's socket to speak an API that this engine still takes?

use crate::model::facts::docker::EngineVersion;
use crate::model::prelude::*;
use crate::model::run::{Image, MountKind, RunLine};
use crate::model::version::Version;
use crate::readings::engine_clients;

pub static CHECK: Check = Check {
    id: "run-line-socket",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

/// Of a program that has no newer release, and of docker's own clients.
const PINNED: &str = "DOCKER_API_VERSION";

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some((line, image)) = need.run.as_ref().and_then(|line| Some((line, line.image.as_ref()?))) else {
        return Err(Stop::NotNeeded("no-socket"));
    };
    let is_given =
        line.mounts.iter().any(|mount| mount.kind == MountKind::Bind && mount.source.ends_with("/docker.sock"));
    // DOCKER_HOST can name another engine.
    if !is_given || line.podman {
        return Err(Stop::NotNeeded("no-socket"));
    }
    let Some(engine) = facts.docker.version.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let Some(oldest) = Version::parse(&engine.min_api_version) else { return Err(Stop::NotNeeded("not-known")) };
    let finding =
        match line.variable(PINNED).map(|variable| (variable, variable.value.as_deref().and_then(Version::parse))) {
            Some((variable, Some(asked))) if asked < oldest => {
                let edit = variable.at.with_value(format!("{PINNED}={oldest}"));
                let finding = Finding::fail("pinned-too-old", "raise-pin").with("asked", &asked).edit(edit);
                finding.about(&variable.at.text).asked_by(&variable.at.origin())
            }
            Some(_) => return Err(Stop::NotNeeded("not-known")),
            None => by_image(line, image, &oldest).ok_or(Stop::NotNeeded("not-known"))?,
        };
    Ok(told(finding, engine, &oldest).into())
}

fn told(finding: Finding, engine: &EngineVersion, oldest: &Version) -> Finding {
    let seen = format!("{}, API {oldest} to {}", engine.version, engine.api_version);
    finding.with("oldest", oldest).with("engine", &engine.version).evidence("GET /version", seen)
}

fn by_image(line: &RunLine, image: &Image, oldest: &Version) -> Option<Finding> {
    let client = engine_clients::client(&image.reference)?;
    let Some(speaks) = client.speaks.filter(|speaks| speaks < oldest) else {
        return Some(Finding::pass("speaks").with("image", &image.reference).asked_by(&image.at.origin()));
    };
    let finding = match client.instead {
        Some(instead) => {
            Finding::fail("too-old", "newer-image").with("instead", &instead).edit(image.at.with_value(instead))
        }
        None => Finding::fail("too-old", "pin").edit(line.insert(&format!("-e {PINNED}={oldest}"))),
    };
    let finding = finding.about(&image.reference).with("image", &image.reference).with("speaks", speaks);
    Some(finding.asked_by(&image.at.origin()))
}
