//! What other programs leave that a container may need, and which of them only ask something.

use super::state::absolute;
use super::walker::{Status, Walker};
use super::word::Word;
use super::{Token, Wrong};

impl Walker<'_, '_> {
    /// What other programs leave that a container may need.
    pub(super) fn noted(&mut self, name: &str, words: &[Word]) {
        let paths = words.iter().skip(1).filter(|word| !word.value.starts_with('-') && word.unknown.is_none());
        match name {
            "mkdir" | "touch" | "tee" | "install" => {
                let paths: Vec<String> = paths.map(|word| word.value.clone()).collect();
                paths.iter().for_each(|path| self.path(path));
            }
            "cp" | "mv" | "ln" | "wget" | "curl" | "git" | "tar" | "unzip" | "openssl" => {
                let paths: Vec<String> = paths.map(|word| word.value.clone()).collect();
                self.state.earlier.makes_files = true;
                paths.iter().for_each(|path| self.path(path));
            }
            "xhost" if words.iter().skip(1).any(|word| !word.value.starts_with('-')) => self.state.earlier.xhost = true,
            "xauth" => self.state.earlier.makes_files = true,
            _ => {}
        }
    }

    fn path(&mut self, path: &str) {
        if !self.state.folder_unknown || path.starts_with('/') {
            let path = absolute(path, self.state.cwd(self.outside));
            self.state.earlier.paths.push(path);
        }
    }

    pub(super) fn made(&mut self, target: Token) -> Result<(), Wrong> {
        if let Some(path) = self.text(&target)?.known().filter(|path| !path.is_empty() && !path.starts_with("/dev/")) {
            self.path(&path);
        }
        Ok(())
    }
}

/// Programs that ask something, and others, which do something.
pub(super) fn asks(name: &str) -> Status {
    let questions = [
        "grep",
        "egrep",
        "fgrep",
        "command",
        "which",
        "type",
        "hash",
        "nvidia-smi",
        "pgrep",
        "pidof",
        "ps",
        "lsmod",
        "curl",
        "wget",
        "ping",
        "nc",
        "diff",
        "cmp",
        "systemctl",
        "id",
        "lspci",
        "lsusb",
        "ldconfig",
        "dpkg",
        "rpm",
        "getent",
        "mountpoint",
        "ss",
        "netstat",
        "lsof",
    ];
    if questions.contains(&name) { Status::Open } else { Status::Likely }
}

/// Programs that print nothing when all goes well.
pub(super) fn is_silent(name: &str, words: &[Word]) -> bool {
    let silent = [
        "mkdir", "touch", "rm", "rmdir", "cp", "mv", "ln", "chmod", "chown", "kill", "sleep", "xhost", "install",
        "sync",
    ];
    let is_quiet = |word: &Word| word.value == "-q" || word.value == "--quiet";
    silent.contains(&name) || (["grep", "egrep", "fgrep"].contains(&name) && words.iter().any(is_quiet))
}
