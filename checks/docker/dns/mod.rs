//! Can containers ask a resolver that they reach?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-dns",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let set = facts.docker.setting("dns", |settings| Some(settings.dns.as_slice()).filter(|dns| !dns.is_empty()));
    if let Some(set) = set {
        let (path, servers) = (set.place.path(), set.value.join(", "));
        let finding = Finding::pass("set").with("path", path).with("servers", &servers);
        return Ok(finding.evidence(path, servers).into());
    }
    let fact = &facts.engine.resolver;
    let Some(resolver) = fact.known()? else { return Err(Stop::NotNeeded("no-file")) };
    // dockerd takes systemd-resolved's own servers where /etc/resolv.conf names nothing but its stub.
    let stub = resolver.servers == ["127.0.0.53"];
    let servers = if stub { &resolver.upstream } else { &resolver.servers };
    let finding = if servers.is_empty() {
        Finding::warn("no-server", "name-server")
    } else if servers.iter().all(|server| is_loopback(server)) {
        Finding::warn("loopback-only", "name-server")
    } else {
        Finding::pass("reachable")
    };
    let source = if stub { "/run/systemd/resolve/resolv.conf" } else { fact.source.0.as_str() };
    Ok(finding.with("servers", servers.join(", ")).evidence(source, servers.join(", ")).into())
}

fn is_loopback(server: &str) -> bool {
    server.starts_with("127.") || server == "::1"
}
