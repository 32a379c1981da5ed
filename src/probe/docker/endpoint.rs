//! Where the docker client would send its requests: DOCKER_HOST, DOCKER_CONTEXT, currentContext, the default socket, in the
//! order of docker/cli's resolveContextName.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Address, ChosenBy, Endpoint, Socket, TlsFile};
use serde::Deserialize;

use crate::host::files::Kind;
use crate::host::http::{Target, Tls};
use crate::host::trust::{self, Distrust};
use crate::host::{Host, connect, listener};

pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The endpoint and how to open it.
pub struct Route {
    pub endpoint: Fact<Endpoint>,
    /// The files that it was read from.
    pub files: Vec<PathBuf>,
    /// None where gdoctor opens nothing: ssh, malformed, no such context.
    pub target: Option<Target>,
    pub tls: Tls,
}

pub fn resolve(host: &Host) -> Route {
    if let Some(text) = host.env("DOCKER_HOST") {
        let (tls, files) = variable_tls(host);
        return route(host, of_variable(&text), ChosenBy::DockerHost, "DOCKER_HOST", tls, files);
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
        let address = Address::Unix(DEFAULT_SOCKET.into());
        return route(host, address, chosen_by, "docker's default", Tls::default(), Vec::new());
    }
    let mut files = vec![host.on_disk(&source)];
    files.retain(|_| source.starts_with('/'));
    match find_context(host, &config, &name) {
        Some((address, tls, file)) => {
            files.push(host.on_disk(file));
            route(host, address, chosen_by, &source, tls, files)
        }
        None => route(host, Address::NoSuchContext(name), chosen_by, &source, Tls::default(), files),
    }
}

fn route(host: &Host, address: Address, chosen_by: ChosenBy, source: &str, tls: Tls, files: Vec<PathBuf>) -> Route {
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
    Route { endpoint: Fact::present(Endpoint { address, chosen_by }, source), files, target, tls }
}

/// docker's client starts `ssh` itself, from its own PATH (docker/cli, cli/connhelper).
pub fn ssh(host: &Host, endpoint: &Fact<Endpoint>) -> Fact<String> {
    if !matches!(endpoint.value().map(|endpoint| &endpoint.address), Some(Address::Ssh(_))) {
        return Fact::unknown(Gap::NotAsked, "PATH");
    }
    host.on_path("ssh")
}

fn docker_config(host: &Host) -> String {
    host.env("DOCKER_CONFIG").unwrap_or_else(|| format!("{}/.docker", host.home()))
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
fn find_context(host: &Host, config: &str, name: &str) -> Option<(Address, Tls, String)> {
    let folder = format!("{config}/contexts/meta");
    host.list(&folder).value()?.iter().find_map(|digest| {
        let path = format!("{folder}/{digest}/meta.json");
        let text = host.text(&path);
        let meta: Meta = serde_json::from_slice(text.value()?.as_bytes()).ok()?;
        let docker = meta.endpoints.docker.filter(|_| meta.name == name)?;
        let read = |file: &str| pem(host, &format!("{config}/contexts/tls/{digest}/docker/{file}"));
        let tls = Tls {
            authorities: read("ca.pem"),
            certificate: read("cert.pem"),
            key: read("key.pem"),
            skip_verify: docker.skip_tls_verify,
        };
        Some((parse_address(&docker.host), tls, path))
    })
}

/// DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as the client reads them, and the file of authorities that they name.
fn variable_tls(host: &Host) -> (Tls, Vec<PathBuf>) {
    if host.env("DOCKER_TLS_VERIFY").is_none() && host.env("DOCKER_TLS").is_none() {
        return Default::default();
    }
    let folder = host.env("DOCKER_CERT_PATH").unwrap_or_else(|| docker_config(host));
    let read = |file: &str| pem(&host.live(), &format!("{folder}/{file}"));
    let tls = Tls {
        authorities: read("ca.pem"),
        certificate: read("cert.pem"),
        key: read("key.pem"),
        skip_verify: host.env("DOCKER_TLS_VERIFY").is_none(),
    };
    (tls, vec![PathBuf::from(format!("{folder}/ca.pem"))])
}

/// TLSDataFromFiles of docker/cli: with either variable the client reads the file of authorities before it asks any engine, over
/// a unix socket too; contexts other than the default have files of their own.
pub fn tls_file(host: &Host, endpoint: &Fact<Endpoint>) -> Fact<TlsFile> {
    let by_default = endpoint.value().is_some_and(|endpoint| match &endpoint.chosen_by {
        ChosenBy::DockerHost | ChosenBy::Default => true,
        ChosenBy::ContextVariable(name) | ChosenBy::CurrentContext(name) => name == "default",
    });
    let variable = ["DOCKER_TLS_VERIFY", "DOCKER_TLS"].into_iter().find(|name| host.env(name).is_some());
    let Some(variable) = variable.filter(|_| by_default) else { return Fact::absent("DOCKER_TLS_VERIFY, DOCKER_TLS") };
    let folder = host.env("DOCKER_CERT_PATH").unwrap_or_else(|| docker_config(host));
    let path = format!("{folder}/ca.pem");
    let gone = host.live().stat(&path).is_absent().then(|| TlsFile { variable: variable.into(), path });
    Fact::found(gone, variable)
}

fn pem(host: &Host, path: &str) -> Vec<u8> {
    host.bytes(path, 1 << 20).value().cloned().unwrap_or_default()
}

/// docker's client takes no http in DOCKER_HOST, and reads `unix:/path` as a host that is called unix; what it does not take is
/// shown as it is written.
fn of_variable(text: &str) -> Address {
    const SCHEMES: [&str; 4] = ["unix:", "tcp:", "ssh:", "npipe:"];
    let text = text.trim();
    let lacks_slashes = !text.contains("://") && SCHEMES.iter().any(|scheme| text.starts_with(scheme));
    if lacks_slashes || ["http://", "https://"].iter().any(|scheme| text.to_ascii_lowercase().starts_with(scheme)) {
        return Address::Malformed(without_user(text));
    }
    parse_address(text)
}

/// Without what stands before `@`, which may be a password.
fn without_user(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (&text[..scheme.len() + 3], rest));
    format!("{scheme}{}", rest.rsplit_once('@').map_or(rest, |(_, place)| place))
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
        group: host.group_name(stat.gid).unwrap_or_default(),
        mode: stat.mode,
    })
}

/// Other engines' sockets: those that accept a connection, and those where the first one would start the engine.
pub fn elsewhere(host: &Host, route: &Route) -> (Fact<Vec<String>>, Fact<Vec<String>>) {
    let runtime =
        host.env("XDG_RUNTIME_DIR").unwrap_or_else(|| format!("/run/user/{}", host.uid().unwrap_or_default()));
    let home = host.home();
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
    let (mut open, mut waiting) = (Vec::new(), Vec::new());
    for path in candidates {
        let on_disk = host.on_disk(&path);
        if used.as_ref() == Some(&on_disk) {
            continue;
        }
        match connect::unix(&on_disk, host.deadline.within(Duration::from_millis(200))) {
            Ok(_) => open.push(path),
            Err(error) if listener::reason(&error).is_some() => waiting.push(path),
            Err(_) => {}
        }
    }
    (
        Fact::present(open, "connect to other engines' sockets"),
        Fact::present(waiting, "who holds other engines' sockets"),
    )
}

/// What on the way to the engine is another user's, who then decides which engine answers, and what.
pub fn strangers(host: &Host, route: &Route) -> Fact<Vec<String>> {
    let mut found: Vec<String> =
        route.files.iter().filter_map(|path| stranger(trust::whole_path(path).err()?)).collect();
    if let Some(Target::Unix(path)) = &route.target {
        let folder = path.parent().and_then(|folder| trust::whole_path(folder).err());
        let socket = host.live().stat(path).value().map(|stat| stat.uid).filter(|uid| !trust::is_own(*uid));
        let socket = socket.map(|uid| Distrust::Owner(path.clone(), uid));
        found.extend(folder.or(socket).and_then(stranger));
    }
    if let Some(Address::Tcp { port, local: true, .. }) = route.endpoint.value().map(|endpoint| &endpoint.address) {
        let owners = listener::tcp_owners(*port).into_iter().filter(|uid| !trust::is_own(*uid));
        found.extend(owners.map(|uid| format!("port {port} belongs to {}", trust::user_name(uid))));
    }
    found.dedup();
    Fact::present(found, "owners of what leads to the engine")
}

/// A folder or file that is not there is nobody's; the ids of another user namespace say nothing of who somebody is.
fn stranger(why: Distrust) -> Option<String> {
    match why {
        Distrust::Owner(..) if trust::ids_are_mapped() => None,
        Distrust::Owner(..) | Distrust::Open(_) => Some(why.to_string()),
        Distrust::Kind(_) | Distrust::Unseen(..) => None,
    }
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
        // docker 28.2 refuses http in DOCKER_HOST: "invalid bind address format".
        for (text, shown) in [
            ("unix:/var/run/docker.sock", "unix:/var/run/docker.sock"),
            ("http://127.0.0.1:2375", "http://127.0.0.1:2375"),
            ("https://me:secret@build.lan", "https://build.lan"),
        ] {
            assert_eq!(of_variable(text), Address::Malformed(shown.into()));
        }
        assert_eq!(of_variable("localhost:2375").to_string(), "tcp://localhost:2375");
    }
}
