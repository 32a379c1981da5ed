//! What podman needs of this host before it starts a container: its programs, its files of settings, a policy for pulls, a folder of
//! the user's; and what it has already.

mod settings;
mod store;

use std::collections::BTreeSet;
use std::path::Path;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::run::{NetworkDisk, PodmanHost};
use gdoctor_checks::model::run::RunLine;

use crate::host::{Host, within};
use settings::Settings;

/// Where podman looks for CNI's plugins and for its own helpers (containers/common, pkg/config).
const CNI: [&str; 5] =
    ["/usr/local/libexec/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/usr/lib/cni", "/opt/cni/bin"];
const HELPERS: [&str; 4] =
    ["/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"];
/// Keys of `[engine]` by which it looks elsewhere for its programs.
const ELSEWHERE: [&str; 2] = ["cni_plugin_dirs", "helper_binaries_dir"];
/// Where it looks for conmon and the runtime, before PATH.
const PROGRAMS: [&str; 8] = [
    "/usr/libexec/podman",
    "/usr/local/libexec/podman",
    "/usr/local/lib/podman",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/run/current-system/sw/bin",
];
/// Those that it tries by itself, each with the names of its program (containers/common, config.go and default.go).
const RUNTIMES: [(&str, &[&str]); 6] = [
    ("crun", &["crun"]),
    ("runc", &["runc"]),
    ("runj", &["runj"]),
    ("kata", &["kata-runtime", "kata-qemu", "kata-fc", "kata"]),
    ("runsc", &["runsc"]),
    ("ocijail", &["ocijail"]),
];
/// Each container of root's may open so many files (libpod/define, RLimitDefaultValue) …
const MOST_FILES: u64 = 1 << 20;
/// … for which root needs this capability, as linux/capability.h numbers it.
const SYS_RESOURCE: u64 = 24;

pub fn look(host: &Host, line: &RunLine) -> Fact<PodmanHost> {
    let source = "containers.conf(5), the folders of podman's helpers";
    if !line.podman && line.by.is_some() {
        return Fact::unknown(Gap::NotAsked, source);
    }
    let is_root = nix::unistd::geteuid().is_root();
    let host = &if line.as_root && !is_root && !line.keeps_environment { host.under_sudo() } else { host.clone() };
    if !host.is_live() {
        return Fact::unknown(Gap::Unsupported("podman of another root is not looked at".into()), source);
    }
    if host.env("CONTAINER_HOST").is_some() {
        return Fact::unknown(Gap::Unsupported("podman asks an engine elsewhere".into()), "CONTAINER_HOST");
    }
    let rootless = !is_root && !line.as_root;
    let home = host.env("HOME").unwrap_or_default();
    let config = host.env("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
    let data = host.env("XDG_DATA_HOME").unwrap_or_else(|| format!("{home}/.local/share"));
    let own = format!("{config}/containers");
    let settings = Settings::read(host, if rootless { &own } else { "/etc/containers" });
    let policies = [&*own, "/etc/containers", "/usr/share/containers"].map(|folder| format!("{folder}/policy.json"));
    let policy = policies.iter().any(|path| !host.stat(path).is_absent());
    let foreign = host.env("XDG_RUNTIME_DIR").filter(|_| rootless).filter(|folder| {
        let stat = host.stat(folder);
        stat.value().is_some_and(|stat| stat.uid != nix::unistd::geteuid().as_raw())
    });
    let (network, old_network) = has_network(host, rootless, &settings);
    // What a file sets that podman refuses is not looked into.
    let elsewhere = ELSEWHERE.iter().any(|key| settings.containers("engine", key).is_some());
    let unknown = settings.refused.is_some() || host.exists("/run/current-system");
    let folders = store::Folders { rootless, config, data };
    let store = store::look(host, line, &settings, &folders);
    let network_disk = network_disk(host, store::root(line, &settings, &folders));
    Fact::present(
        PodmanHost {
            rootless,
            policy,
            network: unknown || elsewhere || network,
            old_network: !unknown && !elsewhere && old_network,
            foreign_runtime: foreign,
            runtime: if unknown { None } else { runtime(host, line, &settings) },
            missing: if unknown { BTreeSet::new() } else { missing(host, line, &settings) },
            refused: settings.refused,
            limited: !rootless && is_limited(host),
            network_disk,
            store,
        },
        source,
    )
}

/// Servers' disks, by the words of /proc/mounts.
const OF_SERVERS: [&str; 5] = ["nfs", "nfs4", "cifs", "smb3", "9p"];

fn network_disk(host: &Host, path: String) -> Option<NetworkDisk> {
    let mounts = host.text("/proc/mounts");
    let rows = mounts.value()?.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = rows.filter(|(place, _)| Path::new(&path).starts_with(place));
    // Of several at one place the last is seen.
    let (_, kind) = above.max_by_key(|(place, _)| place.len())?;
    let kind = OF_SERVERS.contains(&kind).then(|| kind.to_owned())?;
    Some(NetworkDisk { path, kind })
}

fn folders_of_path(host: &Host) -> Vec<String> {
    let path = host.env("PATH").unwrap_or_default();
    path.split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned).collect()
}

/// Whether one of the programs is there that make the network which a container gets by itself, and whether none but those is that
/// podman takes up to 5 only.
fn has_network(host: &Host, rootless: bool, settings: &Settings) -> (bool, bool) {
    let path = folders_of_path(host);
    let path = || path.iter().map(String::as_str);
    let folders = || HELPERS.iter().chain(&CNI).copied().chain(path()).chain(["/usr/bin", "/usr/sbin"]);
    let backend = settings.containers("network", "network_backend").and_then(toml::Value::as_str);
    let names: &[&str] = match backend {
        _ if rootless => &["pasta", "slirp4netns"],
        Some("netavark") => &["netavark"],
        Some("cni") => &["bridge"],
        _ => &["netavark", "bridge"],
    };
    // `bridge` of iproute2 is another program.
    let at = |name: &str| match name {
        "bridge" => host.executable("bridge", CNI),
        name => host.executable(name, folders()),
    };
    let there: Vec<&str> = names.iter().copied().filter(|name| !at(name).is_absent()).collect();
    (!there.is_empty(), there.iter().all(|name| ["bridge", "slirp4netns"].contains(name)))
}

/// Where the programs are that watch and start containers. containers.conf may name paths of theirs, and one runtime alone; the line
/// goes before it.
struct Programs<'a> {
    host: &'a Host,
    line: &'a RunLine,
    settings: &'a Settings,
    path: Vec<String>,
}

impl<'a> Programs<'a> {
    fn new(host: &'a Host, line: &'a RunLine, settings: &'a Settings) -> Self {
        Self { host, line, settings, path: folders_of_path(host) }
    }

    fn gone(&self, name: &str) -> bool {
        let folders = PROGRAMS.into_iter().chain(self.path.iter().map(String::as_str));
        self.host.executable(name, folders).is_absent()
    }

    fn all_gone(&self, paths: &[String]) -> bool {
        paths.iter().all(|path| self.host.stat(path).is_absent())
    }

    fn lacks_conmon(&self) -> bool {
        if let Some(path) = self.line.global("conmon") {
            return self.host.stat(path).is_absent();
        }
        let told = self.settings.containers("engine", "conmon_path").and_then(paths).filter(|paths| !paths.is_empty());
        told.is_none_or(|paths| self.all_gone(&paths)) && self.gone("conmon")
    }

    fn named_runtime(&self) -> Option<&str> {
        let set = self.settings.containers("engine", "runtime").and_then(toml::Value::as_str);
        self.line.global("runtime").or(set).filter(|name| !name.is_empty())
    }

    fn lacks(&self, name: &str) -> bool {
        let known = self.settings.containers("engine", "runtimes").and_then(|all| all.get(name)).and_then(paths);
        match known.filter(|paths| !paths.is_empty()) {
            Some(paths) => self.all_gone(&paths),
            None if name.starts_with('/') => self.host.stat(name).is_absent(),
            None => match RUNTIMES.iter().find(|(known, _)| *known == name) {
                Some((_, programs)) => programs.iter().all(|program| self.gone(program)),
                None => self.gone(name),
            },
        }
    }

    /// The runtime that is taken.
    fn runtime(&self) -> Option<&str> {
        let usual = || RUNTIMES.iter().map(|(name, _)| *name).find(|name| !self.lacks(name));
        self.named_runtime().or_else(usual)
    }
}

fn paths(value: &toml::Value) -> Option<Vec<String>> {
    let list = value.as_array()?;
    Some(list.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect())
}

/// Its name without the folder.
fn runtime(host: &Host, line: &RunLine, settings: &Settings) -> Option<String> {
    let programs = Programs::new(host, line, settings);
    programs.runtime().and_then(|name| name.rsplit('/').next()).map(str::to_owned)
}

/// Of conmon and a runtime, what is in no folder.
fn missing(host: &Host, line: &RunLine, settings: &Settings) -> BTreeSet<String> {
    let programs = Programs::new(host, line, settings);
    let runtime = match programs.named_runtime() {
        Some(name) => programs.lacks(name).then(|| name.to_owned()),
        None => programs.runtime().is_none().then(|| RUNTIMES[0].0.to_owned()),
    };
    programs.lacks_conmon().then(|| "conmon".to_owned()).into_iter().chain(runtime).collect()
}

/// Root's podman sets limits that this root may not set. It sets none where it could not even lower the one for processes to what the
/// kernel has numbers for (containers/common, getDefaultProcessLimits).
fn is_limited(host: &Host) -> bool {
    let status = host.text("/proc/self/status");
    let rights = status.value().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    });
    let hard = |name: &str| within::limit(name).and_then(Result::ok).and_then(|(_, hard)| hard);
    let most = host.line("/proc/sys/kernel/pid_max");
    let most: u64 = most.value().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    rights.is_some_and(|rights| rights >> SYS_RESOURCE & 1 == 0)
        && hard("nofile").is_some_and(|files| files < MOST_FILES)
        && hard("nproc").is_none_or(|processes| processes >= most)
}
