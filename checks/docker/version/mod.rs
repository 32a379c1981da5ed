//! Is the engine new enough for what is wanted?

use crate::model::facts::docker::EngineVersion;
use crate::model::newest;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-version",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

/// `--gpus` came with API 1.40 (Docker 19.03): docker/cli opts.go.
const GPUS_API: [u32; 2] = [1, 40];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let fact = &facts.docker.version;
    let Some(version) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    if version.is_podman() {
        return Err(Stop::NotNeeded("podman"));
    }
    let Some(api) = Version::parse(&version.api_version) else {
        return Err(Stop::Unknown(
            Gap::Unparsable(format!("API version {:?}", version.api_version)),
            fact.source.clone(),
        ));
    };
    if let Some(finding) = refused(facts, version, &api) {
        return Ok(finding.evidence(fact.source.0.as_str(), range(version)).into());
    }
    // A line that brings its GPUs by a runtime or by nodes needs no `--gpus`.
    let by_flag = need.gpu.as_ref().filter(|_| need.run.as_ref().is_none_or(|line| line.last("gpus").is_some()));
    let finding = match (api < Version::new(&GPUS_API), by_flag) {
        (false, _) => Finding::pass("range"),
        (true, Some(wish)) => Finding::fail("no-gpus", "upgrade").asked_by(&wish.by),
        (true, None) => Finding::warn("out-of-support", "upgrade"),
    };
    // Daemons before 25.0 do not all tell their oldest version.
    let oldest = if version.min_api_version.is_empty() { "1.12" } else { &version.min_api_version };
    let finding = finding.with("version", &version.version).with("newest", &version.api_version).with("oldest", oldest);
    let seen = format!("{} API {oldest} to {}", version.version, version.api_version);
    let mut findings = Findings::from(finding.evidence(fact.source.0.as_str(), seen));
    findings.extend(refused_next(facts, version));
    Ok(findings)
}

/// The engine that is installed and starts next takes no old clients any more: its package's version, and what is known of it.
fn refused_next(facts: &Facts, version: &EngineVersion) -> Option<Finding> {
    // moby daemon/config/config.go, defaultMinAPIVersion: 1.24 before.
    const OLDEST: [([u32; 2], [u32; 2]); 2] = [([29, 3], [1, 40]), ([29, 0], [1, 44])];
    let next = facts.engine_to_start().filter(|next| *next <= newest::engine())?;
    let (_, oldest) = OLDEST.iter().find(|(since, _)| next >= Version::new(since))?;
    let oldest = Version::new(oldest);
    // The running engine told its own, which a setting may hold down for the next one, too.
    Version::leading(&version.version).filter(|running| running.major() < 29)?;
    if facts.docker.settings().is_some_and(|settings| settings.kinds.contains_key("min-api-version")) {
        return None;
    }
    let (pinned, client) = (&facts.engine.pinned_api, &facts.engine.client_version);
    let pin = pinned.value().and_then(|text| Version::parse(text));
    let (finding, speaks, source) = match pin {
        Some(pin) => (Finding::warn("refused-next", "unpin"), pin, pinned.source.0.as_str()),
        None => {
            let speaks = newest_of_client(&Version::leading(client.value()?)?)?;
            (Finding::warn("refused-next", "upgrade"), speaks, client.source.0.as_str())
        }
    };
    (speaks < oldest).then(|| {
        let finding = finding.with("next", &next).with("oldest", &oldest).with("speaks", &speaks);
        finding.with("version", &version.version).evidence(source, format!("API {speaks}"))
    })
}

fn range(version: &EngineVersion) -> String {
    format!("{} API {} to {}", version.version, version.min_api_version, version.api_version)
}

/// The client is held to an API version, by a variable or by its age, that this engine does not take.
fn refused(facts: &Facts, version: &EngineVersion, newest: &Version) -> Option<Finding> {
    let oldest = Version::parse(&version.min_api_version)?;
    let pinned = &facts.engine.pinned_api;
    if let Some(text) = pinned.value() {
        let asked = Version::parse(text).filter(|asked| *asked < oldest || asked > newest)?;
        let finding =
            Finding::fail("pinned", "unpin").with("asked", asked).evidence(pinned.source.0.as_str(), text.as_str());
        return Some(finding.with("oldest", &version.min_api_version).with("newest", &version.api_version));
    }
    let client = &facts.engine.client_version;
    let text = client.value()?;
    let speaks = newest_of_client(&Version::leading(text)?)?;
    (speaks < oldest).then(|| {
        Finding::fail("client-too-old", "upgrade")
            .with("client", text)
            .with("speaks", speaks)
            .with("oldest", &version.min_api_version)
            .with("version", &version.version)
            .evidence(client.source.0.as_str(), text.as_str())
    })
}

/// The newest API of a client, by its version: the tags of moby and docker/cli.
fn newest_of_client(client: &Version) -> Option<Version> {
    const NEWEST: [([u32; 2], u32); 13] = [
        ([28, 0], 48),
        ([27, 5], 47),
        ([27, 0], 46),
        ([26, 0], 45),
        ([25, 0], 44),
        ([24, 0], 43),
        ([23, 0], 42),
        ([20, 10], 41),
        ([19, 3], 40),
        ([18, 9], 39),
        ([18, 6], 38),
        ([18, 3], 37),
        ([17, 12], 35),
    ];
    let row = NEWEST.iter().find(|(since, _)| *client >= Version::new(since))?;
    Some(Version::new(&[1, row.1]))
}
