//! Does each wanted registry answer as one?

use core::net::IpAddr;

use crate::model::cidr;
use crate::model::facts::docker::Info;
use crate::model::facts::registry::{Answer, Distrust, Look};
use crate::model::finding::Verdict;
use crate::model::need::{Registry, strongest};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "registry-answers",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| strongest(&need.registries),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let looks = facts.registry.looks.known()?.map_or(&[][..], Vec::as_slice);
    let look = |wish: &Wish<Registry>| {
        let finding = match looks.iter().find(|look| look.registry == wish.what) {
            _ if facts.run.needs_no_registry(need, &wish.by) => Finding::not_needed("image-here"),
            Some(look) if facts.docker.answered_info().is_some_and(|info| by_proxy(info, look)) => {
                through(look, &wish.by)
            }
            Some(look) => as_mirror(facts, look, one(look, &wish.by)),
            None => Finding::unknown(Gap::NotAsked, facts.registry.looks.source.clone()),
        };
        let finding = finding.with("host", &wish.what.host).with("port", wish.what.port);
        Ok(finding.with("config", facts.docker.config_path()))
    };
    Ok(each(&need.registries, look))
}

fn one(look: &Look, by: &Origin) -> Finding {
    if let Some(fact) = look.registry_answer() {
        let finding = match fact.value() {
            Some(Answer::Http { status: 401, .. }) => Finding::pass("asks-login"),
            // distribution's own server gives no such header.
            Some(Answer::Http { server, .. }) if !server.is_empty() => {
                Finding::pass("behind-proxy").with("server", server)
            }
            _ => Finding::pass("answers"),
        };
        return finding.saw(fact).saw(&look.catalog);
    }
    if look.addresses.is_absent() {
        return Finding::fail("no-such-name", "look-up").evidence(look.addresses.source.0.as_str(), "no such name");
    }
    if let Some(gap) = look.addresses.gap() {
        return Finding::unknown(gap.clone(), look.addresses.source.clone());
    }
    // What nobody asked for and is not there is no trouble; who holds the port is said by port-free.
    let nobody_asked = *by == Origin::Guide && look.is_loopback();
    // The last answer says most: http is asked where https has failed.
    let last = [&look.http, &look.https_unverified, &look.https].into_iter().find(|fact| fact.value().is_some());
    let asked = [&look.https, &look.https_unverified, &look.http];
    let stuck = asked.into_iter().find(|fact| fact.gap().is_some_and(|gap| *gap != Gap::NotAsked));
    if nobody_asked {
        return Finding::not_needed("none-here");
    }
    if let Some((fact, gap)) = stuck.and_then(|fact| Some((fact, fact.gap()?))) {
        return Finding::unknown(gap.clone(), fact.source.clone());
    }
    let Some(fact) = last else { return Finding::unknown(Gap::NotAsked, look.https.source.clone()) };
    let finding = match fact.value() {
        Some(Answer::Refused) if look.is_loopback() => Finding::fail("not-running", "start-registry"),
        Some(Answer::Refused) => Finding::fail("refused", "look-there"),
        Some(Answer::Unreachable) => Finding::fail("unreachable", "look-there"),
        Some(Answer::Http { status, server, .. }) => {
            let server = if server.is_empty() { "a server of no name" } else { server };
            Finding::fail("no-registry", "ask-by-hand").with("status", status).with("server", server)
        }
        Some(Answer::Tls(Distrust::WantsClientCertificate)) => Finding::pass("asks-certificate"),
        Some(Answer::Tls(Distrust::Other)) => {
            Finding::unknown(Gap::Unsupported("its TLS could not be read".into()), fact.source.clone())
        }
        _ => Finding::fail("no-http", "ask-by-hand"),
    };
    finding.saw(fact)
}

/// A mirror that asks for a login: dockerd sends it none, whoever has logged in (moby, daemon/internal/distribution/registry.go
/// and daemon/containerd/resolver.go: credentials go to the host of the image's name alone).
fn as_mirror(facts: &Facts, look: &Look, finding: Finding) -> Finding {
    let Registry { host, port } = &look.registry;
    let mirror = facts.docker.answered_info().is_some_and(|info| info.registry_config.is_mirror(host, *port));
    let asks =
        look.registry_answer().is_some_and(|fact| matches!(fact.value(), Some(Answer::Http { status: 401, .. })));
    match mirror && asks {
        true => Finding::warn("mirror-asks-login", "name-in-full").evidence("GET /info", "a mirror of Docker Hub"),
        false => finding,
    }
}

/// Whether the daemon asks a proxy for this registry.
fn by_proxy(info: &Info, look: &Look) -> bool {
    let plain = look.http.value().is_some_and(Answer::is_registry);
    let proxy = if plain { info.http_proxy } else { info.https_proxy };
    proxy && !look.is_loopback() && !is_exempt(&info.no_proxy, look)
}

/// NO_PROXY as Go reads it (golang.org/x/net/http/httpproxy): names with their subdomains, addresses, networks, `*`; each may
/// have a port. Addresses count only where the registry is addressed by one.
fn is_exempt(no_proxy: &str, look: &Look) -> bool {
    let host = look.registry.host.to_ascii_lowercase();
    let literal = host.parse::<IpAddr>().ok();
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry.contains('/') {
            return literal.is_some_and(|ip| cidr::contains(&entry, ip));
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() && !name.contains(':') => (name, port.parse().ok()),
            _ => (entry.as_str(), None),
        };
        if port.is_some_and(|port: u16| port != look.registry.port) {
            return false;
        }
        let suffix = name.strip_prefix('*').unwrap_or(name);
        name == "*"
            || (literal.is_some() && name.parse::<IpAddr>().ok() == literal)
            || (!suffix.starts_with('.') && (host == suffix || host.ends_with(&format!(".{suffix}"))))
            || (suffix.starts_with('.') && host.ends_with(suffix))
    })
}

/// The daemon's way is not gdoctor's: only that the proxy hardly reaches a private address can be told.
fn through(look: &Look, by: &Origin) -> Finding {
    let private = look.addresses.value().is_some_and(|all| !all.is_empty() && all.iter().all(is_private));
    if private {
        return Finding::warn("through-proxy", "exempt")
            .evidence("GET /info", "a proxy, and no exemption for this registry");
    }
    let finding = one(look, by);
    match finding.verdict {
        Verdict::Pass => finding,
        _ => Finding::unknown(
            Gap::Unsupported("the daemon asks through its proxy, gdoctor does not".into()),
            look.https.source.clone(),
        ),
    }
}

fn is_private(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
