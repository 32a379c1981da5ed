//! Does the docker client send its requests to the engine that is meant?

use crate::model::facts::docker::{Address, ChosenBy, DockerFacts, Endpoint, Package, Reach};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-endpoint",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let Some(endpoint) = docker.endpoint.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let unreachable = matches!(docker.reach.value(), Some(Reach::NotThere | Reach::Refused | Reach::Unreachable));
    let other = docker.other_engine().filter(|_| unreachable);
    let finding = match (&endpoint.address, other) {
        (Address::NoSuchContext(_), _) => Finding::fail("no-such-context", leave(endpoint)),
        (Address::Malformed(_), _) => Finding::fail("malformed", leave(endpoint)),
        (_, Some(other)) => wrong_engine(endpoint, other, docker),
        (Address::Ssh(_), _) if docker.ssh.is_absent() => Finding::fail("no-ssh", "install-ssh"),
        (Address::Unix(path), None) if docker.missing_socket().is_some() => {
            Finding::fail("no-such-socket", leave(endpoint)).with("socket", path)
        }
        (address, None) if !address.is_local() => Finding::pass("remote"),
        (_, None) => Finding::pass("resolved"),
    };
    let is_docker = docker.client.value().is_none_or(|client| client.package != Package::Podman);
    let tls = docker.tls_file.value().filter(|_| is_docker).map(|file| {
        let finding = Finding::fail("tls-file", "unset-tls").with("variable", &file.variable).with("path", &file.path);
        finding.evidence(file.path.as_str(), "there is no such file")
    });
    let strangers = docker.strangers.value().filter(|all| !all.is_empty());
    let strangers = strangers.map(|all| Finding::warn("stranger", mistrust(endpoint)).with("why", all.join(", ")));
    let complete = |finding: Finding| {
        finding
            .with("address", &endpoint.address)
            .with("chosen_by", &endpoint.chosen_by)
            .evidence(docker.endpoint.source.0.as_str(), endpoint.address.to_string())
    };
    Ok(core::iter::once(tls.unwrap_or(finding)).chain(strangers).map(complete).collect())
}

fn mistrust(endpoint: &Endpoint) -> &'static str {
    match endpoint.chosen_by {
        ChosenBy::Default => "docker-access/restart-socket",
        _ => leave(endpoint),
    }
}

/// Nothing answers where the client asks, while another engine on this host does.
fn wrong_engine(endpoint: &Endpoint, other: &str, docker: &DockerFacts) -> Finding {
    let finding = match endpoint.chosen_by {
        ChosenBy::Default if other.contains("podman") => Finding::fail("only-podman", "docker-client/use-podman"),
        ChosenBy::Default => Finding::fail("other-engine", "use-other-engine"),
        _ => Finding::fail("leftover", leave(endpoint)),
    };
    let answers = docker.elsewhere.value().is_some_and(|sockets| sockets.iter().any(|socket| socket == other));
    let (fact, state) = match answers {
        true => (&docker.elsewhere, "accepts connections"),
        false => (&docker.waiting, "is held by systemd, which starts the engine at the first connection"),
    };
    finding.with("other", other).evidence(fact.source.0.as_str(), format!("{other} {state}"))
}

fn leave(endpoint: &Endpoint) -> &'static str {
    match endpoint.chosen_by {
        ChosenBy::DockerHost => "unset-docker-host",
        ChosenBy::ContextVariable(_) => "unset-docker-context",
        ChosenBy::CurrentContext(_) | ChosenBy::Default => "use-default-context",
    }
}
