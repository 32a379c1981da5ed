//! Is the engine new enough for what is wanted?

use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-version",
    family: "docker",
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
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
    let finding = match (api < Version::new(&GPUS_API), &need.gpu) {
        (false, _) => Finding::pass("range"),
        (true, Some(wish)) => Finding::fail("no-gpus", "upgrade").asked_by(&wish.by),
        (true, None) => Finding::warn("out-of-support", "upgrade"),
    };
    // Daemons before 25.0 do not all tell their oldest version.
    let oldest = if version.min_api_version.is_empty() { "1.12" } else { &version.min_api_version };
    Ok(finding
        .with("version", &version.version)
        .with("newest", &version.api_version)
        .with("oldest", oldest)
        .evidence(fact.source.0.as_str(), format!("{} API {oldest} to {}", version.version, version.api_version))
        .into())
}
