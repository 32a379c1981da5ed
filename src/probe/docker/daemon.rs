//! What lies around dockerd: its program, unit, process, command and daemon.json. This explains a daemon that does not answer.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Address, Client, Command, Config, Package, Rights, Settings, Unit};
use serde_json::{Map, Value};

use crate::host::Host;

use super::command;
use super::endpoint::Route;
use super::rights;

pub struct Daemon {
    pub program: Fact<String>,
    pub unit: Fact<Unit>,
    pub process: Fact<u32>,
    /// Seconds since the epoch.
    pub started: Fact<i64>,
    pub rights: Fact<Rights>,
    pub config: Fact<Config>,
    pub command: Fact<Command>,
}

pub fn look(host: &Host, route: &Route, client: Option<&Client>, peer: Option<u32>) -> Daemon {
    let process = match peer.filter(|pid| is_dockerd(host, *pid)) {
        Some(pid) => Fact::present(pid, "the socket's other end"),
        None => from_pid_file(host),
    };
    let unit = unit(host);
    let running = process.value().map(|pid| command::of_process(host, *pid));
    let snap = client.is_some_and(|client| client.package == Package::Snap);
    let told = running.as_ref().and_then(|options| command::path(options.value()?, "config-file"));
    let path = told.unwrap_or_else(|| config_path(host, route, snap));
    Daemon {
        command: match running.is_some() || (is_system(route) && !snap) {
            true => command::look(host, running),
            false => Fact::absent("the engine is started by no service of the system's"),
        },
        program: host.executable(
            "dockerd",
            ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/libexec/docker", "/snap/docker/current/bin"],
        ),
        unit,
        started: match process.value() {
            Some(pid) => host.live().started(*pid),
            None => Fact::absent("dockerd's process"),
        },
        rights: rights::look(host, &process),
        process,
        config: config(host, &path),
    }
}

fn is_dockerd(host: &Host, pid: u32) -> bool {
    host.live().line(format!("/proc/{pid}/comm")).value().is_some_and(|comm| comm == "dockerd")
}

fn from_pid_file(host: &Host) -> Fact<u32> {
    let pid = host.line("/var/run/docker.pid");
    let alive = pid.value().and_then(|text| text.parse().ok()).filter(|pid| is_dockerd(host, *pid));
    match (alive, pid.gap()) {
        (Some(pid), _) => Fact::present(pid, "/var/run/docker.pid"),
        (None, Some(gap)) => Fact::unknown(gap.clone(), "/var/run/docker.pid"),
        (None, None) => Fact::absent("/var/run/docker.pid"),
    }
}

fn unit(host: &Host) -> Fact<Unit> {
    let Some(path) = command::unit(host) else { return Fact::absent("docker.service in systemd's folders") };
    let masked = host.link(&path).value().is_some_and(|target| target == "/dev/null");
    let linked = |want: &str| host.lstat(format!("/etc/systemd/system/{want}")).value().is_some();
    let on_demand = linked("sockets.target.wants/docker.socket");
    let at_boot = linked("multi-user.target.wants/docker.service");
    let mut flags: Vec<String> = command::of_unit(host, &path).into_iter().map(|option| option.key).collect();
    flags.sort();
    flags.dedup();
    let hosts_flag = flags.iter().any(|flag| flag == "hosts");
    let enabled = on_demand || at_boot;
    Fact::present(Unit { masked, enabled, hosts_flag, flags, on_demand, at_boot: Some(at_boot) }, path)
}

/// The endpoint is the socket of the engine that the system's service starts.
fn is_system(route: &Route) -> bool {
    let address = route.endpoint.value().map(|endpoint| &endpoint.address);
    matches!(address, Some(Address::Unix(path)) if ["/var/run/docker.sock", "/run/docker.sock"].contains(&path.as_str()))
}

/// Where this engine's daemon.json lies when no running daemon tells.
fn config_path(host: &Host, route: &Route, snap: bool) -> String {
    let socket = match route.endpoint.value().map(|endpoint| &endpoint.address) {
        Some(Address::Unix(path)) => path.as_str(),
        _ => "",
    };
    if socket.starts_with("/run/user/") {
        let home = host.env("HOME").unwrap_or_default();
        let config = host.env("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
        return format!("{config}/docker/daemon.json");
    }
    if snap {
        return "/var/snap/docker/current/config/daemon.json".into();
    }
    let written = is_system(route).then(|| command::written(host));
    written
        .and_then(|options| command::path(&options, "config-file"))
        .unwrap_or_else(|| "/etc/docker/daemon.json".into())
}

fn config(host: &Host, path: &str) -> Fact<Config> {
    let changed = host.stat(path).value().map_or(0, |stat| stat.ctime);
    host.text(path).map(|text| parse_config(&text, changed))
}

/// dockerd takes an empty file for an empty object, and skips a byte order mark.
fn parse_config(text: &str, changed: i64) -> Config {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed = match text.trim().is_empty() {
        true => Ok(Map::new()),
        false => serde_json::from_slice::<Map<String, Value>>(text.as_bytes()),
    };
    match parsed {
        Ok(object) => Config::Read {
            runtimes: names(&object, "runtimes"),
            insecure_registries: names(&object, "insecure-registries"),
            keys: object.keys().cloned().collect(),
            settings: Box::new(settings(&object, changed)),
        },
        Err(error) => Config::Malformed { line: error.line(), column: error.column(), why: reason(&error) },
    }
}

fn names(object: &Map<String, Value>, key: &str) -> Vec<String> {
    match object.get(key) {
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

pub fn settings(object: &Map<String, Value>, changed: i64) -> Settings {
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    let switch = |key: &str| object.get(key).and_then(Value::as_bool);
    Settings {
        kinds: kinds(object),
        iptables: switch("iptables"),
        ip_forward: switch("ip-forward"),
        bridge: text("bridge"),
        data_root: text("data-root"),
        firewall_backend: text("firewall-backend"),
        dns: names(object, "dns"),
        mtu: object.get("mtu").and_then(Value::as_u64).and_then(|mtu| u32::try_from(mtu).ok()).filter(|mtu| *mtu > 0),
        log_driver: text("log-driver"),
        log_limited: object.get("log-opts").is_some_and(|opts| opts.get("max-size").is_some()),
        storage_driver: text("storage-driver"),
        shm_size: object
            .get("default-shm-size")
            .map(|size| size.as_str().map_or_else(|| size.to_string(), str::to_owned)),
        changed,
    }
}

/// Objects that dockerd does not look into for keys: flatOptions of its configuration.
const WHOLE: [&str; 7] =
    ["builder", "cluster-store-opts", "default-network-opts", "default-ulimits", "features", "log-opts", "runtimes"];

fn kinds(object: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut kinds = BTreeMap::new();
    for (key, value) in object {
        match value {
            Value::Object(inner) if !WHOLE.contains(&key.as_str()) => {
                kinds.extend(inner.iter().map(|(key, value)| (key.clone(), kind(value).to_owned())));
            }
            _ => {
                kinds.insert(key.clone(), kind(value).to_owned());
            }
        }
    }
    kinds
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "switch",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// serde_json ends its message with " at line N column N", which is told apart.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemon_json_as_dockerd_reads_it() {
        assert!(
            matches!(parse_config("\u{feff}{\"runtimes\": {\"nvidia\": {}}}", 0), Config::Read { runtimes, .. } if runtimes == ["nvidia"])
        );
        assert!(matches!(parse_config(" \n", 0), Config::Read { keys, .. } if keys.is_empty()));
        let Config::Malformed { line, column, why } = parse_config("{\n  \"a\": 1,\n}", 0) else {
            panic!("a trailing comma passed")
        };
        assert_eq!((line, column), (3, 1));
        assert!(why.contains("trailing comma") && !why.contains("line"), "{why}");
    }
}
