//! Can containers ask a resolver that they reach?

use crate::model::facts::docker::Place;
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
    let fact = &facts.engine.resolver;
    let Some(resolver) = fact.known()? else {
        // Go's resolver, and glibc's, then ask this host itself.
        return Ok(Finding::warn("no-file", "mend-host").saw_file(&fact.source.0, "there is no such file").into());
    };
    // dockerd takes systemd-resolved's own servers where /etc/resolv.conf names nothing but its stub.
    let stub = resolver.servers == ["127.0.0.53"];
    let servers = if stub { &resolver.upstream } else { &resolver.servers };
    let source = if stub { "/run/systemd/resolve/resolv.conf" } else { fact.source.0.as_str() };
    // The daemon asks these itself for each pull; a rootless one has a network, and a resolver, of its own.
    let deaf = resolver.servers.iter().all(|server| resolver.silent.contains(server));
    let deaf = deaf && !resolver.servers.is_empty() && !facts.docker.is_rootless();
    if deaf {
        let own = if stub { "start-stub" } else { "see-resolver" };
        let finding = Finding::warn("nobody-listens", own).with("servers", resolver.servers.join(", "));
        return Ok(finding.saw_file(&fact.source.0, &resolver.servers.join(", ")).into());
    }
    let finding = match set {
        _ if servers.is_empty() && set.is_some() => Finding::warn("daemon-without", "mend-host"),
        Some(set) if set.value.iter().all(|server| is_loopback(server.trim())) => {
            let (path, told) = (set.place.path(), set.value.join(", "));
            let has_others = servers.iter().any(|server| !is_loopback(server));
            let fix = match set.place {
                Place::File(_) if has_others => "drop-dns",
                Place::File(_) => "name-server",
                _ => "docker-engine/mend-command",
            };
            let finding = Finding::warn("set-loopback", fix).with("path", path).with("servers", &told);
            return Ok(finding.with("own", servers.join(", ")).evidence(path, told).into());
        }
        Some(set) => {
            let (path, servers) = (set.place.path(), set.value.join(", "));
            let finding = Finding::pass("set").with("path", path).with("servers", &servers);
            return Ok(finding.evidence(path, servers).into());
        }
        None if servers.is_empty() => Finding::warn("no-server", "name-server"),
        None if servers.iter().all(|server| is_loopback(server)) => Finding::warn("loopback-only", "name-server"),
        None => Finding::pass("reachable"),
    };
    Ok(finding.with("servers", servers.join(", ")).saw_file(source, &servers.join(", ")).into())
}

trait Saw {
    fn saw_file(self, path: &str, what: &str) -> Self;
}

impl Saw for Finding {
    fn saw_file(self, path: &str, what: &str) -> Self {
        self.with("file", path).evidence(path, what)
    }
}

fn is_loopback(server: &str) -> bool {
    server.starts_with("127.") || server == "::1"
}
