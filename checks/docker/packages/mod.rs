//! Do the installed packages of Docker's kind go together?

use crate::model::facts::docker::Reach;
use crate::model::facts::engine::{AptSource, Package};
use crate::model::prelude::*;
use crate::readings::engine_to_start::is_engine_package;

pub static CHECK: Check = Check {
    id: "docker-packages",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.engine.packages;
    let snap = facts.engine.snap.value();
    let Some(packages) = fact.known()? else { return Err(Stop::NotNeeded("no-dpkg")) };
    let runs = facts.docker.reach.value() == Some(&Reach::Answers);
    let engines: Vec<&str> =
        packages.iter().map(|package| package.name.as_str()).filter(|name| is_engine_package(name)).collect();
    let finding = if let Some(half) = packages.iter().find(|package| !package.whole) {
        let bad = if runs { Finding::warn } else { Finding::fail };
        bad("half-configured", "configure").with("package", &half.name)
    } else if let (Some(_), Some(engine)) = (snap, engines.first()) {
        Finding::warn("snap-beside", "remove-snap").with("package", engine)
    } else if let Some(source) = foreign_source(facts).filter(|_| engines.is_empty()) {
        let system = facts.host.system.value();
        let based = system.is_some_and(|system| !system.base_codename.is_empty());
        let ubuntu = system.is_some_and(|system| system.id_like.iter().any(|like| like == "ubuntu"));
        Finding::warn("wrong-suite", if based { "right-suite" } else { "suite-of-debian" })
            .with("folder", if ubuntu { "ubuntu" } else { "debian" })
            .with("suite", &source.suite)
            .with("file", &source.file)
            .with("distribution", &source.distribution)
    } else {
        Finding::pass("together")
    };
    Ok(finding.with("packages", names(packages)).evidence(fact.source.0.as_str(), names(packages)).into())
}

fn names(packages: &[Package]) -> String {
    match packages {
        [] => "none".into(),
        _ => packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect::<Vec<_>>().join(", "),
    }
}

/// A line of apt's sources with a derivative's own code name, which download.docker.com does not have.
fn foreign_source(facts: &Facts) -> Option<&AptSource> {
    let system = facts.host.system.value()?;
    let derivative = !["debian", "ubuntu", "raspbian"].contains(&system.id.as_str());
    let own = |suite: &str| !system.codename.is_empty() && suite == system.codename && suite != system.base_codename;
    facts.engine.sources.value()?.iter().find(|source| derivative && own(&source.suite))
}
