//! Does `docker build` of the Dockerfile have the builder that it needs?

use crate::model::dockerfile::Dockerfile;
use crate::model::facts::docker::{EngineVersion, Package};
use crate::model::facts::engine::Unfit;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-buildx",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(Dockerfile::by),
    tells: Tells::Anywhere,
    judge,
};

/// From here on `docker build` is buildx; before, the client has BuildKit in itself.
const BY_PLUGIN: [u32; 2] = [23, 0];
/// Flags that the old builder stops at; the others it passes over (docker/docker builder/dockerfile/dispatchers.go).
const FLAGS: [(&str, &[&str]); 3] =
    [("RUN", &["--mount", "--network", "--security", "--device"]), ("COPY", &["--chmod"]), ("ADD", &["--chmod"])];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let podman = docker.client.value().is_some_and(|client| client.package == Package::Podman)
        || docker.version.value().is_some_and(EngineVersion::is_podman);
    let client = facts.engine.client_version.value().map(String::as_str);
    let engine = docker.version.value().map(|version| version.version.as_str());
    let version = client.or(engine).and_then(Version::leading);
    if podman || version.as_ref().is_some_and(|version| *version < Version::new(&BY_PLUGIN)) {
        return Err(Stop::NotNeeded("built-in"));
    }
    let fact = &facts.engine.buildx;
    let plugin = fact.known()?;
    let finding = match plugin {
        Some(plugin) => match &plugin.unfit {
            None => {
                let finding = Finding::pass("present").with("path", &plugin.path);
                return Ok(finding.evidence(fact.source.0.as_str(), plugin.path.as_str()).into());
            }
            Some(Unfit::Closed(folder)) => Finding::fail("closed", "open-folder").with("folder", folder),
            Some(unfit) => {
                // What lies elsewhere no package repairs.
                let fix = if plugin.path.starts_with("/usr/lib") { "install" } else { "set-aside" };
                old_builder(need, format!("{} {unfit}", plugin.path), fix)
            }
        }
        .with("path", &plugin.path),
        None => old_builder(need, "no buildx is installed".into(), "install"),
    };
    // Only a version tells whether the client has a builder of its own.
    if version.is_none() {
        let gap = Gap::Unsupported("nothing tells the version of docker's client".into());
        return Err(Stop::Unknown(gap, facts.engine.client_version.source.clone()));
    }
    let path = plugin.map_or("no docker-buildx", |plugin| plugin.path.as_str());
    Ok(finding.evidence(fact.source.0.as_str(), path).into())
}

fn old_builder(need: &Need, why: String, fix: &'static str) -> Finding {
    match need.dockerfile.as_ref().and_then(flag) {
        Some(flag) => Finding::fail("needs-buildkit", fix).with("flag", flag),
        None => Finding::warn("old-builder", fix),
    }
    .with("why", why)
}

/// The first flag of an instruction that the old builder stops at.
fn flag(file: &Dockerfile) -> Option<String> {
    let built = file.stages.iter().filter(|stage| stage.built);
    built.flat_map(|stage| stage.rest.lines()).find_map(|line| {
        let (keyword, flags) = FLAGS.iter().find(|(keyword, _)| line.starts_with(keyword))?;
        let words = line[keyword.len()..].split_whitespace().take_while(|word| word.starts_with("--"));
        let names = words.map(|word| word.split('=').next().unwrap_or(word));
        let known = names.into_iter().find(|name| flags.contains(name))?;
        Some(format!("{keyword} {known}"))
    })
}
