//! What lies around dockerd: its program, unit, process and daemon.json. This explains a daemon that does not answer.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Address, Client, Config, Package, Settings, Unit};
use serde_json::{Map, Value};

use crate::host::Host;

use super::endpoint::Route;

pub struct Daemon {
    pub program: Fact<String>,
    pub unit: Fact<Unit>,
    pub process: Fact<u32>,
    /// Seconds since the epoch.
    pub started: Fact<i64>,
    pub config: Fact<Config>,
}

pub fn look(host: &Host, route: &Route, client: Option<&Client>, peer: Option<u32>) -> Daemon {
    let process = match peer.filter(|pid| is_dockerd(host, *pid)) {
        Some(pid) => Fact::present(pid, "the socket's other end"),
        None => from_pid_file(host),
    };
    let path = config_path(host, route, client, process.value().copied());
    Daemon {
        program: host.executable(
            "dockerd",
            ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/libexec/docker", "/snap/docker/current/bin"],
        ),
        unit: unit(host),
        started: match process.value() {
            Some(pid) => host.live().started(*pid),
            None => Fact::absent("dockerd's process"),
        },
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

const UNIT_FOLDERS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

fn unit(host: &Host) -> Fact<Unit> {
    let found = UNIT_FOLDERS
        .iter()
        .map(|folder| format!("{folder}/docker.service"))
        .find(|path| host.lstat(path).value().is_some());
    let Some(path) = found else { return Fact::absent("docker.service in systemd's folders") };
    let masked = host.link(&path).value().is_some_and(|target| target == "/dev/null");
    let linked = |want: &str| host.lstat(format!("/etc/systemd/system/{want}")).value().is_some();
    let on_demand = linked("sockets.target.wants/docker.socket");
    let enabled = on_demand || linked("multi-user.target.wants/docker.service");
    let command = command(host, &path);
    let flags = flags(host, &command);
    let hosts_flag = flags.iter().any(|flag| flag == "hosts");
    Fact::present(Unit { masked, enabled, hosts_flag, flags, on_demand }, path)
}

/// The command of the unit, or of a drop-in that replaces it.
fn command(host: &Host, path: &str) -> String {
    let mut files = vec![path.to_owned()];
    for folder in UNIT_FOLDERS {
        let drop_ins = format!("{folder}/docker.service.d");
        let names = host.list(&drop_ins);
        files.extend(names.value().into_iter().flatten().map(|name| format!("{drop_ins}/{name}")));
    }
    let mut command = String::new();
    for file in files {
        let text = host.text(file).map(|text| text.replace("\\\n", " "));
        for line in text.value().map(String::as_str).unwrap_or_default().lines() {
            if let Some(set) = line.trim().strip_prefix("ExecStart=") {
                command = set.to_owned();
            }
        }
    }
    command
}

/// Files whose variables units of distributions put into dockerd's command.
const VARIABLE_FILES: [&str; 3] = ["/etc/default/docker", "/etc/sysconfig/docker", "/etc/conf.d/docker"];

/// Options by the keys that daemon.json has for them; variables such as $DOCKER_OPTS are looked up.
fn flags(host: &Host, command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in command.split_whitespace().skip(1) {
        match word.strip_prefix('$') {
            Some(name) => words.extend(variable(host, name.trim_matches(['{', '}']))),
            None => words.push(word.to_owned()),
        }
    }
    let mut keys: Vec<String> = words.iter().filter_map(|word| key_of(word)).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn variable(host: &Host, name: &str) -> Vec<String> {
    let value = VARIABLE_FILES.iter().find_map(|path| {
        let text = host.text(path);
        let mut lines = text.value()?.lines();
        lines.find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    });
    let value = value.unwrap_or_default();
    value.trim_matches(['"', '\'']).split_whitespace().map(str::to_owned).collect()
}

/// `data-root` of `--data-root=/x`, `hosts` of `-H` and `--host`; None for a value.
fn key_of(word: &str) -> Option<String> {
    const SHORT: [(char, &str); 7] = [
        ('b', "bridge"),
        ('D', "debug"),
        ('G', "group"),
        ('H', "hosts"),
        ('l', "log-level"),
        ('p', "pidfile"),
        ('s', "storage-driver"),
    ];
    const PLURAL: [&str; 15] = [
        "allow-nondistributable-artifact",
        "authorization-plugin",
        "cdi-spec-dir",
        "default-address-pool",
        "default-network-opt",
        "default-ulimit",
        "dns-opt",
        "exec-opt",
        "host",
        "insecure-registry",
        "label",
        "log-opt",
        "node-generic-resource",
        "registry-mirror",
        "storage-opt",
    ];
    let Some(long) = word.strip_prefix("--") else {
        let letter = word.strip_prefix('-')?.chars().next()?;
        return SHORT.iter().find(|(short, _)| *short == letter).map(|(_, key)| (*key).to_owned());
    };
    let name = long.split('=').next().filter(|name| !name.is_empty())?;
    Some(match name {
        "add-runtime" => "runtimes".into(),
        "graph" => "data-root".into(),
        "insecure-registry" => "insecure-registries".into(),
        _ if PLURAL.contains(&name) => format!("{name}s"),
        _ => name.into(),
    })
}

/// Where this engine's daemon.json lies: what a running daemon was told, else by the kind of engine.
fn config_path(host: &Host, route: &Route, client: Option<&Client>, process: Option<u32>) -> String {
    if let Some(path) = process.and_then(|pid| config_file_argument(host, pid)) {
        return path;
    }
    let socket = match route.endpoint.value().map(|endpoint| &endpoint.address) {
        Some(Address::Unix(path)) => path.as_str(),
        _ => "",
    };
    if socket.starts_with("/run/user/") {
        let home = host.env("HOME").unwrap_or_default();
        let config = host.env("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
        return format!("{config}/docker/daemon.json");
    }
    if client.is_some_and(|client| client.package == Package::Snap) {
        return "/var/snap/docker/current/config/daemon.json".into();
    }
    "/etc/docker/daemon.json".into()
}

fn config_file_argument(host: &Host, pid: u32) -> Option<String> {
    let line = host.live().text(format!("/proc/{pid}/cmdline"));
    let mut words = line.value()?.split('\0').map(str::to_owned).collect::<Vec<_>>().into_iter();
    while let Some(word) = words.next() {
        if let Some(path) = word.strip_prefix("--config-file") {
            return path
                .strip_prefix('=')
                .map(str::to_owned)
                .or_else(|| words.next())
                .filter(|path| path.starts_with('/'));
        }
    }
    None
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
            settings: settings(&object, changed),
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

fn settings(object: &Map<String, Value>, changed: i64) -> Settings {
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    Settings {
        kinds: kinds(object),
        iptables: object.get("iptables").and_then(Value::as_bool),
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

    #[test]
    fn flags_by_the_keys_of_daemon_json() {
        let keys: Vec<String> = "-H fd:// --containerd=/run/c.sock --insecure-registry r:5000 --log-opt max-size=1m -s overlay2 --dns 1.1.1.1 -- -"
            .split(' ')
            .filter_map(key_of)
            .collect();
        assert_eq!(keys, ["hosts", "containerd", "insecure-registries", "log-opts", "storage-driver", "dns"]);
    }
}
