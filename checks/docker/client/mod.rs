//! Is there a docker command, and which?

use crate::model::facts::docker::Package;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "docker-client",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let fact = &facts.docker.client;
    let Some(client) = fact.known()? else {
        if facts.host.container.value().is_some() {
            return Err(Stop::NotNeeded("inside-container"));
        }
        let finding = match facts.engine.windows_client.value() {
            Some(path) => Finding::fail("integration-off", "integrate").evidence(path.as_str(), "Docker Desktop's"),
            None if facts.has_kubernetes_alone(need) => {
                let engine = facts.docker.kubernetes.words();
                return Ok(Finding::pass("kubernetes-alone")
                    .with("engine", engine)
                    .saw(&facts.docker.kubernetes)
                    .into());
            }
            None if facts.has_podman_alone(need) => {
                let podman = facts.docker.podman.words();
                let finding = Finding::pass("podman-alone").with("podman", podman);
                return Ok(finding.saw(&facts.docker.podman).into());
            }
            None => match (facts.docker.client_off_path.value(), engine_package(facts)) {
                (Some(path), _) => {
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    Finding::fail("off-path", "take-into-path").with("path", path).with("folder", folder)
                }
                (None, Some(package)) => Finding::fail("client-missing", "install-client").with("package", package),
                (None, None) => Finding::fail("not-installed", "install"),
            },
        };
        return Ok(finding.evidence("PATH", "no docker").into());
    };
    let finding = match client.package {
        Package::Podman => Finding::warn("podman", "use-podman"),
        _ => Finding::pass("found"),
    };
    Ok(finding.with("path", &client.path).with("package", client.package).evidence("PATH", client.path.as_str()).into())
}

/// The package that brings the client, where an engine's is installed.
fn engine_package(facts: &Facts) -> Option<&'static str> {
    let packages = facts.engine.packages.value()?;
    let version = |name: &str| packages.iter().find(|package| package.name == name).map(|package| &package.version);
    if version("docker-ce").is_some() {
        return Some("docker-ce-cli");
    }
    // Debian has them apart from 26.1 on.
    let apart = |version: &String| Version::leading(version).is_some_and(|version| version >= Version::new(&[26, 0]));
    version("docker.io").map(|version| if apart(version) { "docker-cli" } else { "docker.io" })
}
