//! Is there a compose that works with this engine?

use crate::model::facts::docker::EngineVersion;
use crate::model::facts::engine::{Compose, Unfit};
use crate::model::prelude::*;
use crate::model::run::RunLine;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-compose",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

/// compose-spec: `gpus:` of a service.
const GPUS: [u32; 2] = [2, 30];
/// From here on images carry no ContainerConfig, which version 1 reads.
const WITHOUT_CONTAINER_CONFIG: [u32; 2] = [25, 0];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let service = need.run.as_ref().filter(|line| line.made_up);
    let fact = &facts.engine.compose;
    let compose = fact.known()?.cloned().unwrap_or_default();
    if compose.unfit.as_ref().is_some_and(|unfit| is_in_closed_folder(facts, unfit)) {
        return Err(Stop::blocked_by("docker-credentials"));
    }
    let finding = match (&compose.plugin, &compose.python) {
        (Some(plugin), _) => match &compose.unfit {
            Some(unfit) => broken(plugin, unfit, service),
            None => {
                refused(facts, &compose, service).unwrap_or_else(|| with_plugin(&compose, service)).with("path", plugin)
            }
        },
        (None, Some(path)) => version_1(facts, &compose, service).with("path", path),
        // podman brings no compose, and starts whichever is there.
        (None, None) if facts.docker.version.value().is_some_and(EngineVersion::is_podman) => {
            return Err(Stop::NotNeeded("not-installed"));
        }
        (None, None) => match service {
            Some(_) => Finding::fail("missing", "plugin"),
            None => return Err(Stop::NotNeeded("not-installed")),
        },
    };
    let finding = match service.and_then(|line| line.by.as_ref()) {
        Some(by) if finding.asked_by.is_none() => finding.asked_by(by),
        _ => finding,
    };
    let words = compose.plugin.iter().chain(&compose.python).map(String::as_str).collect::<Vec<_>>().join(", ");
    Ok(finding.evidence(fact.source.0.as_str(), words).into())
}

/// The client's own folder, which this user may not enter: that is told of its config.json.
fn is_in_closed_folder(facts: &Facts, unfit: &Unfit) -> bool {
    let config = &facts.engine.client_config;
    let folder = config.source.0.rsplit_once('/').map(|(folder, _)| folder);
    config.gap() == Some(&Gap::Denied) && matches!(unfit, Unfit::Closed(closed) if Some(closed.as_str()) == folder)
}

fn broken(path: &str, unfit: &Unfit, service: Option<&RunLine>) -> Finding {
    let bad = if service.is_some() { Finding::fail } else { Finding::warn };
    let finding = match unfit {
        Unfit::NotExecutable => bad("broken", "make-executable"),
        Unfit::Closed(folder) => bad("broken", "open-folder").with("folder", folder),
        _ => bad("broken", "replace-plugin"),
    };
    finding.with("path", path).with("why", unfit)
}

fn with_plugin(compose: &Compose, service: Option<&RunLine>) -> Finding {
    let Some(text) = &compose.version else { return Finding::pass("present") };
    let old = Version::leading(text).is_some_and(|version| version < Version::new(&GPUS));
    match old {
        true if service.is_some_and(has_short_form) => Finding::fail("too-old-for-gpus", "upgrade-plugin"),
        true => Finding::pass("before-gpus"),
        false => Finding::pass("knows-gpus"),
    }
    .with("version", text)
}

/// The newest API that it speaks, by its version: docker/compose's go.mod, release by release.
fn newest_api(compose: &Version) -> Option<Version> {
    const NEWEST: [([u32; 2], u32); 4] = [([2, 24], 44), ([2, 19], 43), ([2, 3], 42), ([2, 0], 41)];
    let row = NEWEST.iter().find(|(since, _)| *compose >= Version::new(since))?;
    Some(Version::new(&[1, row.1]))
}

/// Both agree on the older one's newest API, and the engine takes none as old as that.
fn refused(facts: &Facts, compose: &Compose, service: Option<&RunLine>) -> Option<Finding> {
    let text = compose.version.as_ref()?;
    let engine = facts.docker.version.value()?;
    let oldest = Version::parse(&engine.min_api_version)?;
    let speaks = newest_api(&Version::leading(text)?).filter(|speaks| *speaks < oldest)?;
    let bad = if service.is_some() { Finding::fail } else { Finding::warn };
    let finding = bad("too-old-for-engine", "upgrade-plugin").with("version", text).with("speaks", speaks);
    Some(finding.with("oldest", oldest).with("engine", &engine.version))
}

/// The service asks for GPUs by `gpus:`, and not through `deploy`.
fn has_short_form(line: &RunLine) -> bool {
    line.gpus.iter().any(|request| matches!(&request.at.file, Some(Origin::File { what, .. }) if what == "gpus"))
}

/// The last release of version 1.
const LAST_1: [u32; 2] = [1, 29];

/// Compose 1.x refuses the whole file for one key that it does not know.
fn refuses(compose: &Compose, service: &RunLine) -> Option<Finding> {
    let youngest = service.youngest.as_ref()?;
    let own = compose.python_version.as_deref().and_then(Version::leading);
    // What no release of it takes needs no number.
    let newest = own.unwrap_or_else(|| Version::new(&LAST_1));
    let refused = Version::parse(&youngest.since).is_some_and(|since| since > newest);
    let version = compose.python_version.as_deref().unwrap_or("1.x");
    refused.then(|| {
        let finding = Finding::fail("version-1-refuses", "plugin").about(&youngest.key).with("since", &youngest.since);
        finding.with("version", version).asked_by(&youngest.at.origin())
    })
}

fn version_1(facts: &Facts, compose: &Compose, service: Option<&RunLine>) -> Finding {
    if let Some(finding) = service.and_then(|service| refuses(compose, service)) {
        return finding;
    }
    let engine = facts.docker.version.value().and_then(|version| Version::leading(&version.version));
    match engine.filter(|engine| *engine >= Version::new(&WITHOUT_CONTAINER_CONFIG)) {
        Some(engine) => {
            let bad = if service.is_some() { Finding::fail } else { Finding::warn };
            bad("version-1", "plugin").with("engine", engine)
        }
        None => Finding::pass("version-1-fits"),
    }
}
