//! Does the docker client send its requests to the engine that is meant?

use crate::model::facts::docker::{Address, ChosenBy, Endpoint, Reach};
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
    let other = docker.elsewhere.value().and_then(|sockets| sockets.first()).filter(|_| unreachable);
    let finding = match (&endpoint.address, other) {
        (Address::NoSuchContext(_), _) => Finding::fail("no-such-context", leave(endpoint)),
        (Address::Malformed(_), _) => Finding::fail("malformed", leave(endpoint)),
        (_, Some(other)) => wrong_engine(endpoint, other, &docker.elsewhere),
        (address, None) if !address.is_local() => Finding::pass("remote"),
        (_, None) => Finding::pass("resolved"),
    };
    Ok(finding
        .with("address", &endpoint.address)
        .with("chosen_by", &endpoint.chosen_by)
        .evidence(docker.endpoint.source.0.as_str(), endpoint.address.to_string())
        .into())
}

/// Nothing answers where the client asks, while another engine on this host does.
fn wrong_engine(endpoint: &Endpoint, other: &str, elsewhere: &Fact<Vec<String>>) -> Finding {
    let finding = match endpoint.chosen_by {
        ChosenBy::Default if other.contains("podman") => Finding::fail("only-podman", "docker-client/use-podman"),
        ChosenBy::Default => Finding::fail("other-engine", "use-other-engine"),
        _ => Finding::fail("leftover", leave(endpoint)),
    };
    finding.with("other", other).evidence(elsewhere.source.0.as_str(), format!("{other} accepts connections"))
}

fn leave(endpoint: &Endpoint) -> &'static str {
    match endpoint.chosen_by {
        ChosenBy::DockerHost => "unset-docker-host",
        ChosenBy::ContextVariable(_) => "unset-docker-context",
        ChosenBy::CurrentContext(_) | ChosenBy::Default => "use-default-context",
    }
}
