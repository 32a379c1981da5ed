//! The proxy that dockerd itself is told to use, where it is one of this host's: whether anybody listens there. Of its address only the
//! port is kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::engine::DeadProxy;
use serde_json::Value;

use crate::host::Host;
use crate::probe::docker::command;

use super::sockets::{Protocol, Sockets};

const SOURCE: &str = "docker.service, daemon.json, /proc/net/tcp";

/// Absent too where dockerd says that it uses none, or has a network of its own.
pub fn dead(host: &Host, docker: &DockerFacts) -> Fact<DeadProxy> {
    let uses = docker.info.value().is_none_or(|info| info.http_proxy || info.https_proxy);
    if !uses || docker.is_rootless() || docker.is_elsewhere() {
        return Fact::absent(SOURCE);
    }
    let all = of_service(host).into_iter().chain(of_command(host)).chain(of_config(host, docker.config_path()));
    let is_dead = |(name, file, url): Set| {
        let (at, port) = here(&url)?;
        let sockets = Sockets::read(host, Protocol::Tcp, port)?;
        (!at.iter().any(|at| sockets.hear(*at))).then_some(DeadProxy { name, file, port })
    };
    Fact::found(all.filter_map(is_dead).next(), SOURCE)
}

/// The loopback's addresses that a proxy's URL can mean, and its port. None for another machine's.
fn here(url: &str) -> Option<(Vec<IpAddr>, u16)> {
    let (scheme, place) = url.split_once("://").unwrap_or(("http", url));
    let place = place.split('/').next()?;
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match place.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((name, port)) => (name, port.parse().ok()?),
        None => (
            place,
            match scheme {
                "https" => 443,
                "socks5" | "socks5h" => 1080,
                _ => 80,
            },
        ),
    };
    let both = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    match name.trim_matches(['[', ']']) {
        "localhost" => Some((both, port)),
        name => name.parse::<IpAddr>().ok().filter(IpAddr::is_loopback).map(|at| (vec![at], port)),
    }
}

fn is_proxy(name: &str) -> bool {
    ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].contains(&name)
}

/// A proxy's variable or key, the file that has it, and its URL.
type Set = (String, String, String);

/// The variables that dockerd is started with.
fn of_service(host: &Host) -> Vec<Set> {
    let unquoted = |url: String| url.trim_matches(['"', '\'']).to_owned();
    let all = command::variables(host).into_iter().filter(|variable| is_proxy(&variable.name));
    all.map(|variable| (variable.name, variable.file, unquoted(variable.value))).collect()
}

fn of_command(host: &Host) -> Vec<Set> {
    let is_proxy = |key: &str| ["http-proxy", "https-proxy"].contains(&key);
    let options = command::written(host).into_iter().filter(|option| is_proxy(&option.key));
    options.map(|option| (format!("--{}", option.key), "dockerd's command".to_owned(), option.value)).collect()
}

fn of_config(host: &Host, path: &str) -> Vec<Set> {
    let text = host.text(path);
    let config: Value = text.value().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let proxy = |key: &str| {
        let url = config.get("proxies")?.get(key)?.as_str()?;
        Some((key.to_owned(), path.to_owned(), url.to_owned()))
    };
    ["http-proxy", "https-proxy"].into_iter().filter_map(proxy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_of_this_host() {
        let at = |url: &str| here(url).map(|(at, port)| (at.len(), port));
        assert_eq!(at("http://me:word@127.0.0.1:3128/"), Some((1, 3128)));
        assert_eq!(at("localhost:7890"), Some((2, 7890)));
        assert_eq!(at("http://[::1]:8118"), Some((1, 8118)));
        assert_eq!(at("socks5://127.0.0.1"), Some((1, 1080)));
        assert_eq!(at("https://127.0.0.1"), Some((1, 443)));
        assert_eq!((at("http://proxy:3128"), at("http://10.0.0.1:3128"), at("")), (None, None, None));
    }
}
