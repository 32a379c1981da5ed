//! What lies around dockerd: its program, unit, process and daemon.json. This explains a daemon that does not answer.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Address, Client, Config, Package, Unit};
use serde_json::{Map, Value};

use crate::host::Host;

use super::endpoint::Route;

pub struct Daemon {
    pub program: Fact<String>,
    pub unit: Fact<Unit>,
    pub process: Fact<u32>,
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
    let wants = ["multi-user.target.wants/docker.service", "sockets.target.wants/docker.socket"];
    let enabled = wants.iter().any(|want| host.lstat(format!("/etc/systemd/system/{want}")).value().is_some());
    Fact::present(Unit { masked, enabled, hosts_flag: hosts_flag(host, &path) }, path)
}

/// True when the unit, or a drop-in that replaces its command, starts dockerd with `-H` or `--host`.
fn hosts_flag(host: &Host, path: &str) -> bool {
    let mut files = vec![path.to_owned()];
    for folder in UNIT_FOLDERS {
        let drop_ins = format!("{folder}/docker.service.d");
        let names = host.list(&drop_ins);
        files.extend(names.value().into_iter().flatten().map(|name| format!("{drop_ins}/{name}")));
    }
    let mut flag = false;
    for file in files {
        let text = host.text(file);
        for line in text.value().map(String::as_str).unwrap_or_default().lines() {
            if let Some(command) = line.trim().strip_prefix("ExecStart=").filter(|command| !command.is_empty()) {
                flag = command.split_whitespace().any(|word| word.starts_with("-H") || word.starts_with("--host"));
            }
        }
    }
    flag
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
    host.text(path).map(|text| parse_config(&text))
}

/// dockerd takes an empty file for an empty object, and skips a byte order mark.
fn parse_config(text: &str) -> Config {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Config::Read { keys: Vec::new(), runtimes: Vec::new(), insecure_registries: Vec::new() };
    }
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(object) => {
            let names = |key: &str| match object.get(key) {
                Some(Value::Object(map)) => map.keys().cloned().collect(),
                Some(Value::Array(list)) => list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
                _ => Vec::new(),
            };
            Config::Read {
                runtimes: names("runtimes"),
                insecure_registries: names("insecure-registries"),
                keys: object.keys().cloned().collect(),
            }
        }
        Err(error) => Config::Malformed { line: error.line(), column: error.column(), why: reason(&error) },
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
            matches!(parse_config("\u{feff}{\"runtimes\": {\"nvidia\": {}}}"), Config::Read { runtimes, .. } if runtimes == ["nvidia"])
        );
        assert!(matches!(parse_config(" \n"), Config::Read { keys, .. } if keys.is_empty()));
        let Config::Malformed { line, column, why } = parse_config("{\n  \"a\": 1,\n}") else {
            panic!("a trailing comma passed")
        };
        assert_eq!((line, column), (3, 1));
        assert!(why.contains("trailing comma") && !why.contains("line"), "{why}");
    }
}
