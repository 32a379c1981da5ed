//! dockerd as the toolkit depends on it: its PATH, when it started, and what daemon.json files say of GPUs.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::toolkit::DaemonFile;
use serde_json::Value;

use crate::host::Host;

/// What systemd gives a service, and what other init systems do.
const USUAL_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// NixOS puts system programs here and nowhere else.
const NIXOS_PATH: &str = "/run/current-system/sw/bin";

pub struct Dockerd {
    /// Folders where it looks for programs.
    pub path: Vec<String>,
    pub path_source: String,
    /// Seconds since the epoch.
    pub started: Fact<i64>,
    pub rootless: bool,
}

impl Dockerd {
    pub fn look(host: &Host, docker: &DockerFacts) -> Self {
        let process = docker.daemon_process.value().copied();
        // The environment of a process is its owner's and root's to read; only PATH is taken from it.
        let environ = process.map(|pid| host.live().text(format!("/proc/{pid}/environ")));
        let own =
            environ.as_ref().and_then(|fact| fact.value()?.split('\0').find_map(|entry| entry.strip_prefix("PATH=")));
        let (path, path_source) = match own {
            Some(path) => (path.split(':').map(str::to_owned).collect(), "PATH of dockerd".to_owned()),
            None => (usual_path(host), "the PATH that dockerd usually has".to_owned()),
        };
        let started =
            process.filter(|_| is_this_machine(host)).map_or_else(Fact::default, |pid| host.live().started(pid));
        let rootless = docker.info.value().is_some_and(|info| info.is_rootless());
        Self { path, path_source, started, rootless }
    }
}

/// Times of files under `--root` may be held against the daemon's start only when they are this machine's: its root seen from
/// a container has the same boot id, a copy of another host has not, and all its files are as old as the copy.
fn is_this_machine(host: &Host) -> bool {
    const BOOT: &str = "/proc/sys/kernel/random/boot_id";
    let boot = host.line(BOOT);
    host.is_live() || (boot.value().is_some() && boot.value() == host.live().line(BOOT).value())
}

fn usual_path(host: &Host) -> Vec<String> {
    let nixos = host.exists(NIXOS_PATH).then_some(NIXOS_PATH);
    USUAL_PATH.into_iter().chain(nixos).map(str::to_owned).collect()
}

/// Every daemon.json that an engine of this host would read, the answering engine's marked.
pub fn files(host: &Host, docker: &DockerFacts) -> Fact<Vec<DaemonFile>> {
    let in_use = docker.config.source.0.as_str();
    let config = host.env("XDG_CONFIG_HOME").or_else(|| host.env("HOME").map(|home| format!("{home}/.config")));
    let mut paths =
        vec!["/etc/docker/daemon.json".to_owned(), "/var/snap/docker/current/config/daemon.json".to_owned()];
    paths.extend(config.map(|config| format!("{config}/docker/daemon.json")));
    if in_use.starts_with('/') && !paths.iter().any(|path| path == in_use) {
        paths.push(in_use.to_owned());
    }
    let files = paths.iter().filter_map(|path| {
        let text = host.text(path);
        let json =
            serde_json::from_slice(text.value()?.trim_start_matches('\u{feff}').as_bytes()).unwrap_or(Value::Null);
        let changed = host.stat(path).value().map_or(0, |stat| stat.ctime);
        Some(file(path, path == in_use, &json, changed))
    });
    Fact::present(files.collect(), paths.join(", "))
}

fn file(path: &str, in_use: bool, json: &Value, changed: i64) -> DaemonFile {
    DaemonFile {
        path: path.to_owned(),
        in_use,
        registers: json.pointer("/runtimes/nvidia").is_some_and(Value::is_object),
        cdi: json.pointer("/features/cdi").and_then(Value::as_bool),
        spec_dirs: json
            .get("cdi-spec-dirs")
            .and_then(Value::as_array)
            .map(|dirs| dirs.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        changed,
    }
}
