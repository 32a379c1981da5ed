//! dockerd as it runs: where it looks for programs, when it started, whether its own file is still there.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::DockerFacts;

use crate::host::Host;

/// proc(5): behind the name of a file that is no longer there.
const DELETED: &str = " (deleted)";

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
    /// The file that it runs from was replaced or taken away since; only its owner and root may see that.
    pub replaced: Fact<bool>,
    /// That file's path, where it was.
    pub old_file: Option<String>,
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
        let file = process.map(|pid| host.live().link(format!("/proc/{pid}/exe")));
        let old_file = file.as_ref().and_then(|file| Some(file.value()?.strip_suffix(DELETED)?.to_owned()));
        let replaced = file.map_or_else(Fact::default, |file| file.map(|path| path.ends_with(DELETED)));
        Self { path, path_source, started, rootless, replaced, old_file }
    }
}

/// Times of files under `--root` may be held against the daemon's start only when they are this machine's: its root seen from
/// a container has the same boot id, a copy of another host has not, and all its files are as old as the copy.
pub fn is_this_machine(host: &Host) -> bool {
    const BOOT: &str = "/proc/sys/kernel/random/boot_id";
    let boot = host.line(BOOT);
    host.is_live() || (boot.value().is_some() && boot.value() == host.live().line(BOOT).value())
}

fn usual_path(host: &Host) -> Vec<String> {
    let nixos = host.exists(NIXOS_PATH).then_some(NIXOS_PATH);
    USUAL_PATH.into_iter().chain(nixos).map(str::to_owned).collect()
}
