//! Does `docker build` of the Dockerfile have the builder that it needs?

use crate::model::dockerfile::Dockerfile;
use crate::model::facts::docker::{Config, EngineVersion, Info, Package};
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
                let finding = finding.evidence(fact.source.0.as_str(), plugin.path.as_str());
                let found: Findings = need.dockerfile.as_ref().map_or(Findings::new(), |file| registries(facts, file));
                return Ok(if found.is_empty() { finding.into() } else { found });
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

/// A builder in a container reads no daemon.json, and has a loopback of its own.
fn registries(facts: &Facts, file: &Dockerfile) -> Findings {
    let Some(builder) = facts.engine.builder.value().filter(|builder| builder.driver == "docker-container") else {
        return Findings::new();
    };
    let mut told: Vec<&str> = Vec::new();
    let mut findings = Findings::new();
    for base in file.bases() {
        let Some((host, _)) = base.reference.split_once('/').filter(|(host, _)| host.contains(['.', ':'])) else {
            continue;
        };
        if told.contains(&host) {
            continue;
        }
        told.push(host);
        let loopback = host.starts_with("127.") || host.starts_with("localhost:");
        let listed = builder.insecure.iter().any(|known| known == host);
        let finding = match (loopback && !builder.host_network, listed || !facts.is_insecure_by_name(host)) {
            (true, _) => Finding::warn("builder-loopback", "builder-on-host"),
            (false, false) => Finding::warn("builder-registry", "tell-builder"),
            (false, true) => continue,
        };
        let seen = format!("{} {}", builder.name, builder.driver);
        let finding = finding.about(host).with("builder", &builder.name).asked_by(&base.at);
        findings.push(finding.evidence(facts.engine.builder.source.0.as_str(), seen));
    }
    findings
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

impl Facts {
    /// The daemon takes this registry, by its name, without a certificate.
    fn is_insecure_by_name(&self, host: &str) -> bool {
        let listed = |info: &Info| info.registry_config.index_configs.get(host).is_some_and(|entry| !entry.secure);
        let by_file = match self.docker.config.value() {
            Some(Config::Read { insecure_registries, .. }) => insecure_registries.iter().any(|known| known == host),
            _ => false,
        };
        by_file || self.docker.info.value().is_some_and(listed)
    }
}
