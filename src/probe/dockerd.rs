//! dockerd as it runs: where it looks for programs, when it started, whether its own file is still there.

use gdoctor_checks::model::fact::{Fact, Gap, Source};
use gdoctor_checks::model::facts::docker::DockerFacts;

use super::docker::command;
use crate::host::Host;

/// proc(5): behind the name of a file that is no longer there.
const DELETED: &str = " (deleted)";

/// What systemd gives a service, and what other init systems do.
const USUAL_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// NixOS and Guix have their programs elsewhere, and tell each service where.
const OF_STORES: &str = "/run/current-system";
const OF_NIXOS: &str = "/run/current-system/sw/bin";

pub struct Dockerd {
    /// Folders where it looks for programs.
    pub path: Vec<String>,
    pub path_source: String,
    /// These folders are a guess, and this system's may be others.
    pub is_guessed: bool,
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
        let folders = |path: &str| path.split(':').map(str::to_owned).collect::<Vec<_>>();
        let rootless = docker.info.value().is_some_and(|info| info.is_rootless());
        let mut written = command::variables(host).into_iter().filter(|_| !rootless);
        let written = written.find(|variable| variable.name == "PATH");
        // A wrapper of a store's dockerd adds to what its unit says.
        let is_guessed = own.is_none() && !is_usual(host);
        let (path, path_source) = match (own, written) {
            (Some(path), _) => (folders(path), "PATH of dockerd".to_owned()),
            (None, Some(set)) => (folders(set.value.trim_matches(['"', '\''])), set.file),
            (None, None) => {
                let all = USUAL_PATH.into_iter().chain([OF_NIXOS]);
                (all.map(str::to_owned).collect(), "the PATH that dockerd usually has".to_owned())
            }
        };
        let started =
            process.filter(|_| host.is_this_machine()).map_or_else(Fact::default, |pid| host.live().started(pid));
        let file = process.map(|pid| host.live().link(format!("/proc/{pid}/exe")));
        let old_file = file.as_ref().and_then(|file| Some(file.value()?.strip_suffix(DELETED)?.to_owned()));
        let replaced = file.map_or_else(Fact::default, |file| file.map(|path| path.ends_with(DELETED)));
        Self { path, path_source, is_guessed, started, rootless, replaced, old_file }
    }

    /// A program on its PATH. Of a guess it is only told that one is there.
    pub fn program(&self, host: &Host, name: &str) -> Fact<String> {
        let found = host.executable(name, self.path.iter().map(String::as_str));
        match found.is_absent() && self.is_guessed {
            true => Fact::unknown(Gap::Unsupported("dockerd's PATH is not known here".into()), &*self.path_source),
            false => Fact { source: Source::new(&*self.path_source), ..found },
        }
    }
}

/// Programs lie in the usual folders of this system: a tree that has none of these folders tells nothing either.
fn is_usual(host: &Host) -> bool {
    !host.exists(OF_STORES) && USUAL_PATH.iter().any(|folder| host.exists(folder))
}
