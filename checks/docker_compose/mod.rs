//! Is there a compose that works with this engine?

use crate::model::facts::engine::Compose;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-compose",
    family: "docker",
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    judge,
};

/// compose-spec: `gpus:` of a service.
const GPUS: [u32; 2] = [2, 30];
/// From here on images carry no ContainerConfig, which version 1 reads.
const WITHOUT_CONTAINER_CONFIG: [u32; 2] = [25, 0];

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.engine.compose;
    let Some(compose) = fact.known()? else { return Err(Stop::NotNeeded("not-installed")) };
    let engine = facts.docker.version.value().and_then(|version| Version::leading(&version.version));
    let finding = match (&compose.plugin, &compose.python) {
        (Some(plugin), _) => with_plugin(compose).with("path", plugin),
        (None, Some(path)) => match engine {
            Some(engine) if engine >= Version::new(&WITHOUT_CONTAINER_CONFIG) => {
                Finding::warn("version-1", "plugin").with("engine", engine)
            }
            _ => Finding::pass("version-1-fits"),
        }
        .with("path", path),
        (None, None) => return Err(Stop::NotNeeded("not-installed")),
    };
    let words = compose.plugin.iter().chain(&compose.python).map(String::as_str).collect::<Vec<_>>().join(", ");
    Ok(finding.evidence(fact.source.0.as_str(), words).into())
}

fn with_plugin(compose: &Compose) -> Finding {
    let Some(text) = &compose.version else { return Finding::pass("present") };
    let old = Version::leading(text).is_some_and(|version| version < Version::new(&GPUS));
    Finding::pass(if old { "before-gpus" } else { "knows-gpus" }).with("version", text)
}
