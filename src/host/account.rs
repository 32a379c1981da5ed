//! Whose account is judged: this process's on its own machine, and under `--root DIR` one of DIR's own, by its files. An account, a
//! group and a home directory of this machine mean nothing in another one's.

use nix::unistd::{self, Gid, Uid};

use super::Host;

/// A line of passwd(5), with the groups that group(5) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub home: String,
    pub groups: Vec<u32>,
}

/// Where people's accounts begin and end: login.defs(5), UID_MIN and UID_MAX.
const OF_PEOPLE: std::ops::RangeInclusive<u32> = 1000..=60_000;
/// Variables that come with an account and its session; those of a daemon or a program have these beginnings.
const OF_ACCOUNT: [&str; 6] = ["HOME", "USER", "LOGNAME", "PATH", "SHELL", "SUDO_USER"];
const OF_ITS_PROGRAMS: [&str; 8] =
    ["DOCKER_", "BUILDX_", "COMPOSE_", "CONTAINER", "XDG_", "DBUS_SESSION_", "SSH_", "NVIDIA_CTK_"];

impl Host {
    /// The account that docker would be called by. Below another machine's root it is root where gdoctor is root, else the only
    /// account there that a person logs in with; `None` where no file tells.
    pub fn account(&self) -> Option<Account> {
        let uid = Uid::effective();
        if self.is_live() {
            let user = unistd::User::from_uid(uid).ok().flatten()?;
            let name = std::ffi::CString::new(user.name.clone()).ok()?;
            let groups = unistd::getgrouplist(&name, user.gid).ok()?;
            let home = user.dir.to_string_lossy().into_owned();
            let groups = groups.into_iter().map(Gid::as_raw).collect();
            return Some(Account { name: user.name, uid: uid.as_raw(), home, groups });
        }
        let here = self.is_this_machine() || uid.is_root();
        let table = self.accounts("passwd");
        let mut fitting = table.lines().filter_map(line).filter(|line| match here {
            true => line.uid == uid.as_raw(),
            false => OF_PEOPLE.contains(&line.uid) && line.logs_in,
        });
        let found = fitting.next()?;
        if fitting.next().is_some_and(|_| !here) {
            return None;
        }
        let (name, home) = (found.name.to_owned(), found.home.to_owned());
        Some(Account { groups: self.groups_of(found.name, found.gid), name, uid: found.uid, home })
    }

    /// The user id that docker would be called by.
    pub fn uid(&self) -> Option<u32> {
        if let Some(session) = &self.session {
            return session.uid;
        }
        if self.is_live() || self.is_this_machine() {
            return Some(Uid::effective().as_raw());
        }
        self.account().map(|account| account.uid)
    }

    /// Where that account's own files lie. Where nobody tells who it is, a folder that no machine has.
    pub fn home(&self) -> String {
        let home = self.env("HOME").or_else(|| Some(self.account()?.home));
        home.unwrap_or_else(|| if self.uid() == Some(0) { "/root".into() } else { "/nonexistent".into() })
    }

    /// The name of a group, by the files of the root.
    pub fn group_name(&self, gid: u32) -> Option<String> {
        if self.is_live() {
            return unistd::Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name);
        }
        let table = self.accounts("group");
        let line = table.lines().find(|line| line.split(':').nth(2) == Some(&gid.to_string()))?;
        line.split(':').next().map(str::to_owned)
    }

    /// A variable that is not this process's to tell, and what the root's own files say of it.
    pub(super) fn of_account(&self, name: &str) -> Option<Option<String>> {
        let known = OF_ACCOUNT.contains(&name) || OF_ITS_PROGRAMS.iter().any(|beginning| name.starts_with(beginning));
        if !known || self.is_live() || self.is_this_machine() {
            return None;
        }
        Some(match name {
            "HOME" => self.account().map(|account| account.home),
            "USER" | "LOGNAME" => self.account().map(|account| account.name),
            _ => None,
        })
    }

    /// The lines of `passwd` or `group`; where nsswitch.conf(5) asks for them, those that an image brings in /usr/lib, too (altfiles).
    pub fn accounts(&self, database: &str) -> String {
        let own = self.text(format!("/etc/{database}"));
        let of_image = self.account_sources(database).iter().any(|source| source == "altfiles");
        let of_image = of_image.then(|| self.text(format!("/usr/lib/{database}")));
        let texts = [Some(own), of_image].into_iter().flatten();
        texts.filter_map(|text| text.value().cloned()).collect::<Vec<_>>().join("\n")
    }

    /// Where nsswitch.conf(5) has a database looked up; files alone where it does not say.
    pub fn account_sources(&self, database: &str) -> Vec<String> {
        let text = self.text("/etc/nsswitch.conf");
        let line = |line: &str| Some(line.trim().strip_prefix(database)?.strip_prefix(':')?.to_owned());
        let sources = text.value().and_then(|text| text.lines().find_map(line)).unwrap_or_else(|| "files".into());
        let sources = sources.split_whitespace().filter(|word| !word.starts_with('['));
        sources.map(str::to_owned).collect()
    }

    fn groups_of(&self, name: &str, gid: u32) -> Vec<u32> {
        let table = self.accounts("group");
        let lines = table.lines();
        let member = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            let is_in = fields.get(3)?.split(',').any(|member| member.trim() == name);
            fields[2].parse().ok().filter(|_| is_in)
        };
        let mut groups: Vec<u32> = lines.filter_map(member).chain([gid]).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

struct Line<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
    logs_in: bool,
}

/// `name:password:uid:gid:comment:home:shell`
fn line(text: &str) -> Option<Line<'_>> {
    let fields: Vec<&str> = text.split(':').collect();
    let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
    let logs_in = !shell.ends_with("/nologin") && !shell.ends_with("/false");
    Some(Line { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, home, logs_in })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    const ROOT: &str = "root:x:0:0:root:/root:/bin/bash\n";
    const NOBODY: &str = "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n";

    /// A root of another machine.
    fn host(passwd: &str) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        fs::write(root.path().join("etc/group"), "docker:x:997:ann,ben\nann:x:1500:\nroot:x:0:\n").unwrap();
        let host = Host::new(root.path(), Duration::from_secs(5));
        (root, host)
    }

    #[test]
    fn the_account_is_one_of_the_roots_own() {
        let person = "ann:x:1500:1500:Ann,,,:/srv/ann:/bin/zsh\n";
        let (_root, host) = host(&format!("{ROOT}{NOBODY}{person}"));
        let account = host.account().unwrap();
        let expected = match Uid::effective().is_root() {
            true => Account { name: "root".into(), uid: 0, home: "/root".into(), groups: vec![0] },
            false => Account { name: "ann".into(), uid: 1500, home: "/srv/ann".into(), groups: vec![997, 1500] },
        };
        assert_eq!(
            (account, host.env("HOME"), host.home()),
            (expected.clone(), Some(expected.home.clone()), expected.home)
        );
        assert_eq!(host.groups_of("ann", 1500), [997, 1500]);
        assert_eq!((host.group_name(997).as_deref(), host.group_name(5)), (Some("docker"), None));
    }

    /// PATH is set wherever a test runs, and it is this machine's.
    #[test]
    fn this_sessions_variables_say_nothing_of_another_machine() {
        let (_root, host) = host(ROOT);
        assert!(std::env::var_os("PATH").is_some());
        assert_eq!((host.env("PATH"), host.env("DOCKER_HOST"), host.env("XDG_RUNTIME_DIR")), (None, None, None));
        assert_eq!(host.live().env("PATH"), std::env::var("PATH").ok());
    }

    #[test]
    fn where_no_file_names_an_account_none_is_judged() {
        let (_root, host) = host(NOBODY);
        assert_eq!((host.account(), host.uid(), host.home().as_str()), (None, None, "/nonexistent"));
    }
}
