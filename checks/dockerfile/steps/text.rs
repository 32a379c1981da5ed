//! What a step is as the text of a shell, and whether its files and its user are there.

use super::{SET_PATH_ALONE, Seen, WITH_APT, since};
use crate::model::dockerfile::Step;
use crate::model::prelude::*;

/// Users that each image of Debian, Ubuntu or Alpine has; node's has one more.
const USERS: [&str; 40] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
    "nobody",
    "_apt",
    "ubuntu",
    "adm",
    "shutdown",
    "halt",
    "operator",
    "ftp",
    "sshd",
    "guest",
    "cron",
    "squid",
    "xfs",
    "ntp",
    "smmsp",
    "svn",
    "at",
    "postmaster",
    "cyrus",
    "vpopmail",
    "dnsmasq",
    "node",
    "apache",
];

/// An official image with nothing of the user's in it, by its name.
pub fn is_plain(reference: &str) -> bool {
    let bare = reference.trim_start_matches("docker.io/").trim_start_matches("library/");
    let name = bare.split(['@', ':']).next().unwrap_or_default();
    (SET_PATH_ALONE.contains(&name) || WITH_APT.contains(&name) || name == "nvidia/cuda") && !bare.contains("onbuild")
}

impl Seen<'_> {
    /// `[[`, `set -o pipefail`, a list: from the releases on that nobody has seen yet dash may know more.
    pub(super) fn only_bash(&self, never: bool) -> Option<Finding> {
        let newer = self.system.is_some_and(|system| since(system, 14, (26, 4)));
        let bad = if never && is_plain(self.base) && !newer { Finding::fail } else { Finding::warn };
        self.has_dash().then(|| bad("only-bash", "use-bash").with("base", self.base))
    }

    pub(super) fn too_early(&self, step: &Step) -> Option<Finding> {
        let file = step.files.first()?;
        let bad = if step.meant == "fails" && is_plain(self.base) { Finding::fail } else { Finding::warn };
        Some(bad("too-early", "copy-first").with("file", shown(file)))
    }

    pub(super) fn not_copied(&self, step: &Step) -> Option<Finding> {
        let file = step.files.first()?;
        is_plain(self.base).then(|| Finding::fail("not-copied", "copy-it").with("file", shown(file)))
    }

    pub(super) fn not_root(&self, user: &str) -> Option<Finding> {
        let is_root = self.says(&["-u 0", "--uid 0", "--uid=0", "-o -u", "setcap", "chmod u+s", "/etc/passwd"]);
        (!is_root).then(|| Finding::fail("not-root", "root-first").with("user", user))
    }

    /// A user that no line names but USER itself.
    pub(super) fn no_user(&self, name: &str) -> Option<Finding> {
        let names = |line: &str| {
            let is_of = |keyword: &str| line.starts_with(keyword);
            !["USER ", "LABEL ", "WORKDIR ", "ENV ", "ARG "].iter().any(|keyword| is_of(keyword)) && line.contains(name)
        };
        let told = self.line.iter().any(|stage| stage.rest.lines().any(names));
        let unread = self.says(&["/etc/passwd", "/etc ", "<<", "--from=", "xargs", "add --root"]) || self.runs_script();
        let fits = is_plain(self.base) && !USERS.contains(&name) && !told && !unread && !name.contains('$');
        fits.then(|| Finding::fail("no-user", "make-user"))
    }
}

/// As it is told: the base's own folder has no name.
fn shown(file: &str) -> &str {
    file.strip_prefix("./").unwrap_or(file)
}
