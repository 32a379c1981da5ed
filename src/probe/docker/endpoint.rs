//! Where the docker client would send its requests: DOCKER_HOST, DOCKER_CONTEXT, currentContext, the default socket, in the
//! order of docker/cli's resolveContextName.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Address, ChosenBy, Endpoint, Socket};
use serde::Deserialize;

use crate::host::files::Kind;
use crate::host::http::{Target, Tls};
use crate::host::{Host, connect};

pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The endpoint and how to open it.
pub struct Route {
    pub endpoint: Fact<Endpoint>,
    /// None where gdoctor opens nothing: ssh, malformed, no such context.
    pub target: Option<Target>,
    pub tls: Tls,
}

pub fn resolve(host: &Host) -> Route {
    if let Some(text) = host.env("DOCKER_HOST") {
        return route(host, parse_address(&text), ChosenBy::DockerHost, "DOCKER_HOST", variable_tls(host));
    }
    let config = docker_config(host);
    let (name, chosen_by, source) = match host.env("DOCKER_CONTEXT") {
        Some(name) => (name.clone(), ChosenBy::ContextVariable(name), "DOCKER_CONTEXT".to_owned()),
        None => {
            let path = format!("{config}/config.json");
            let name = host.text(&path).value().and_then(|text| current_context(text)).unwrap_or_default();
            (name.clone(), ChosenBy::CurrentContext(name), path)
        }
    };
    if name.is_empty() || name == "default" {
        let by_variable = matches!(chosen_by, ChosenBy::ContextVariable(_));
        let chosen_by = if by_variable { chosen_by } else { ChosenBy::Default };
        return route(host, Address::Unix(DEFAULT_SOCKET.into()), chosen_by, "docker's default", Tls::default());
    }
    match find_context(host, &config, &name) {
        Some((address, tls)) => route(host, address, chosen_by, &source, tls),
        None => route(host, Address::NoSuchContext(name), chosen_by, &source, Tls::default()),
    }
}

fn route(host: &Host, address: Address, chosen_by: ChosenBy, source: &str, tls: Tls) -> Route {
    let target = match &address {
        // DOCKER_HOST speaks of this machine; every other path is a file below the root.
        Address::Unix(path) if chosen_by == ChosenBy::DockerHost => Some(Target::Unix(PathBuf::from(path))),
        Address::Unix(path) => Some(Target::Unix(host.on_disk(path))),
        Address::Tcp { host, port, .. } => {
            let scheme = if tls.authorities.is_empty() && !tls.skip_verify { "http" } else { "https" };
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            Some(Target::Url(format!("{scheme}://{host}:{port}")))
        }
        _ => None,
    };
    Route { endpoint: Fact::present(Endpoint { address, chosen_by }, source), target, tls }
}

fn docker_config(host: &Host) -> String {
    host.env("DOCKER_CONFIG")
        .unwrap_or_else(|| format!("{}/.docker", host.env("HOME").unwrap_or_else(|| "/root".into())))
}

fn current_context(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "currentContext", default)]
        current_context: String,
    }
    serde_json::from_slice::<Config>(text.as_bytes()).ok().map(|config| config.current_context)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    #[serde(default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// contexts/meta/<digest of the name>/meta.json names its context itself, so no digest has to be made.
fn find_context(host: &Host, config: &str, name: &str) -> Option<(Address, Tls)> {
    let folder = format!("{config}/contexts/meta");
    host.list(&folder).value()?.iter().find_map(|digest| {
        let text = host.text(format!("{folder}/{digest}/meta.json"));
        let meta: Meta = serde_json::from_slice(text.value()?.as_bytes()).ok()?;
        let docker = meta.endpoints.docker.filter(|_| meta.name == name)?;
        let read = |file: &str| pem(host, &format!("{config}/contexts/tls/{digest}/docker/{file}"));
        let tls = Tls {
            authorities: read("ca.pem"),
            certificate: read("cert.pem"),
            key: read("key.pem"),
            skip_verify: docker.skip_tls_verify,
        };
        Some((parse_address(&docker.host), tls))
    })
}

/// DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as the client reads them.
fn variable_tls(host: &Host) -> Tls {
    if host.env("DOCKER_TLS_VERIFY").is_none() && host.env("DOCKER_TLS").is_none() {
        return Tls::default();
    }
    let folder = host.env("DOCKER_CERT_PATH").unwrap_or_else(|| docker_config(host));
    let read = |file: &str| pem(&host.live(), &format!("{folder}/{file}"));
    Tls {
        authorities: read("ca.pem"),
        certificate: read("cert.pem"),
        key: read("key.pem"),
        skip_verify: host.env("DOCKER_TLS_VERIFY").is_none(),
    }
}

fn pem(host: &Host, path: &str) -> Vec<u8> {
    host.bytes(path, 1 << 20).value().cloned().unwrap_or_default()
}

/// `unix:///path`, `tcp://host[:port]`, `ssh://…`, or `host:port`, which is tcp. User and password are dropped.
fn parse_address(text: &str) -> Address {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    match scheme {
        "unix" if rest.starts_with('/') => Address::Unix(rest.into()),
        "unix" if rest.is_empty() => Address::Unix(DEFAULT_SOCKET.into()),
        "ssh" if !place.is_empty() => Address::Ssh(place.into()),
        "tcp" | "http" | "https" => tcp(place).unwrap_or_else(|| Address::Malformed(format!("{scheme}://{place}"))),
        _ => Address::Malformed(format!("{scheme}://{place}")),
    }
}

fn tcp(place: &str) -> Option<Address> {
    let place = place.split('/').next()?;
    let (host, port) = match place.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map(|(host, port)| (host, port.trim_start_matches(':')))?,
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let port = if port.is_empty() { 2375 } else { port.parse().ok()? };
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    Some(Address::Tcp { host: host.into(), port, local })
}

/// The endpoint's socket file; Absent also for endpoints that are no file.
pub fn socket(host: &Host, route: &Route) -> Fact<Socket> {
    let Some(Target::Unix(path)) = &route.target else { return Fact::absent("the endpoint is no socket file") };
    host.live().stat(path).map(|stat| Socket {
        is_socket: stat.kind == Kind::Socket,
        uid: stat.uid,
        gid: stat.gid,
        group: nix::unistd::Group::from_gid(stat.gid.into()).ok().flatten().map_or(String::new(), |group| group.name),
        mode: stat.mode,
    })
}

/// Other engines' sockets that accept a connection.
pub fn elsewhere(host: &Host, route: &Route) -> Fact<Vec<String>> {
    let runtime = host.env("XDG_RUNTIME_DIR").unwrap_or_else(|| format!("/run/user/{}", nix::unistd::geteuid()));
    let home = host.env("HOME").unwrap_or_default();
    let candidates = [
        DEFAULT_SOCKET.to_owned(),
        format!("{runtime}/docker.sock"),
        format!("{home}/.docker/desktop/docker.sock"),
        "/run/podman/podman.sock".into(),
        format!("{runtime}/podman/podman.sock"),
    ];
    let used = match &route.target {
        Some(Target::Unix(path)) => Some(path.clone()),
        _ => None,
    };
    let open = |path: &String| {
        let on_disk = host.on_disk(path);
        let deadline = host.deadline.within(Duration::from_millis(200));
        used.as_ref() != Some(&on_disk) && connect::unix(&on_disk, deadline).is_ok()
    };
    Fact::present(candidates.into_iter().filter(open).collect(), "connect to other engines' sockets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_the_client_reads_them() {
        for (text, shown, local) in [
            ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock", true),
            ("tcp://10.0.0.5:2376", "tcp://10.0.0.5:2376", false),
            ("tcp://localhost", "tcp://localhost:2375", true),
            ("127.0.0.1:2375", "tcp://127.0.0.1:2375", true),
            ("tcp://[::1]:99", "tcp://::1:99", true),
            ("tcp://me:secret@build.lan:2375", "tcp://build.lan:2375", false),
            ("ssh://me@gpu.lan", "ssh://gpu.lan", false),
        ] {
            let address = parse_address(text);
            assert_eq!((address.to_string().as_str(), address.is_local()), (shown, local), "{text}");
        }
        for text in ["npipe:////./pipe/docker_engine", "unix://relative", "tcp://host:port", "fd://"] {
            assert!(matches!(parse_address(text), Address::Malformed(_)), "{text}");
        }
    }
}
