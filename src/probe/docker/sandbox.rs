//! What docker.service's files keep from dockerd: folders that it does not see or may not write to, and root (systemd.exec(5)).

use gdoctor_checks::model::facts::docker::Hidden;

use crate::host::units::Setting;

const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

fn is_on(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].contains(&value.to_ascii_lowercase().as_str())
}

fn last<'a>(settings: &'a [Setting], key: &str) -> Option<&'a Setting> {
    settings.iter().rfind(|line| line.key == key)
}

/// The lines of a list; an empty one takes those before it back.
fn list<'a>(settings: &'a [Setting], key: &str) -> Vec<&'a Setting> {
    let lines: Vec<&Setting> = settings.iter().filter(|line| line.key == key).collect();
    let since = lines.iter().rposition(|line| line.value.is_empty()).map_or(0, |at| at + 1);
    lines.get(since..).unwrap_or_default().to_vec()
}

fn paths(line: &Setting) -> Vec<&str> {
    line.value.split_whitespace().map(|path| path.trim_start_matches(['-', '+'])).collect()
}

fn hidden(line: &Setting, folders: &[&str]) -> Hidden {
    let texts = |all: &[&str]| all.iter().map(|&folder| folder.to_owned()).collect();
    Hidden {
        setting: format!("{}={}", line.key, line.value),
        file: line.file.clone(),
        folders: texts(folders),
        but: Vec::new(),
    }
}

/// What dockerd does not see.
pub fn hides(settings: &[Setting]) -> Vec<Hidden> {
    let mut all = Vec::new();
    all.extend(last(settings, "PrivateDevices").filter(|line| is_on(&line.value)).map(|line| hidden(line, &["/dev"])));
    let homes = |line: &&Setting| is_on(&line.value) || line.value == "tmpfs";
    all.extend(last(settings, "ProtectHome").filter(homes).map(|line| hidden(line, &HOMES)));
    all.extend(own_tmp(settings).map(|line| hidden(line, &TEMPORARY)));
    for key in ["InaccessiblePaths", "InaccessibleDirectories"] {
        all.extend(list(settings, key).into_iter().map(|line| hidden(line, &paths(line))));
    }
    all
}

fn own_tmp(settings: &[Setting]) -> Option<&Setting> {
    last(settings, "PrivateTmp").filter(|line| is_on(&line.value) || line.value == "disconnected")
}

/// What dockerd sees and may not write to.
pub fn read_only(settings: &[Setting]) -> Vec<Hidden> {
    let mut all = Vec::new();
    let system = last(settings, "ProtectSystem").and_then(|line| {
        let folders: &[&str] = match line.value.as_str() {
            "strict" => &["/"],
            "full" => &["/usr", "/boot", "/efi", "/etc"],
            value if is_on(value) => &["/usr", "/boot", "/efi"],
            _ => return None,
        };
        Some(hidden(line, folders))
    });
    all.extend(system);
    let homes = last(settings, "ProtectHome").filter(|line| line.value == "read-only");
    all.extend(homes.map(|line| hidden(line, &HOMES)));
    for (key, folders) in
        [("ProtectKernelTunables", &["/proc/sys", "/sys"][..]), ("ProtectControlGroups", &["/sys/fs/cgroup"])]
    {
        let line = last(settings, key)
            .filter(|line| is_on(&line.value) || ["strict", "private"].contains(&line.value.as_str()));
        all.extend(line.map(|line| hidden(line, folders)));
    }
    for key in ["ReadOnlyPaths", "ReadOnlyDirectories"] {
        all.extend(list(settings, key).into_iter().map(|line| hidden(line, &paths(line))));
    }
    let writable = writable(settings);
    for closed in &mut all {
        closed.but = writable.clone();
        if closed.setting.starts_with("ProtectSystem=") {
            closed.but.extend(["/dev", "/proc", "/sys"].map(str::to_owned));
        }
    }
    all
}

fn writable(settings: &[Setting]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for key in ["ReadWritePaths", "ReadWriteDirectories", "InaccessiblePaths"] {
        all.extend(list(settings, key).into_iter().flat_map(paths).map(str::to_owned));
    }
    let own = [
        ("StateDirectory", "/var/lib"),
        ("CacheDirectory", "/var/cache"),
        ("LogsDirectory", "/var/log"),
        ("RuntimeDirectory", "/run"),
        ("ConfigurationDirectory", "/etc"),
    ];
    for (key, above) in own {
        all.extend(list(settings, key).into_iter().flat_map(paths).map(|name| format!("{above}/{name}")));
    }
    all.extend(own_tmp(settings).into_iter().flat_map(|_| TEMPORARY.map(str::to_owned)));
    all
}

/// The line by which dockerd is not root's.
pub fn as_user(settings: &[Setting]) -> Option<Hidden> {
    let line = last(settings, "User").filter(|line| !["", "root", "0"].contains(&line.value.as_str()));
    let own = || last(settings, "DynamicUser").filter(|line| is_on(&line.value));
    line.or_else(own).map(|line| hidden(line, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(lines: &[&str]) -> Vec<Setting> {
        let setting = |(at, text): (usize, &&str)| {
            let (key, value) = text.split_once('=').unwrap();
            let (key, value) = (key.to_owned(), value.to_owned());
            Setting { file: "/etc/x.conf".into(), line: at as u32, section: "Service".into(), key, value }
        };
        lines.iter().enumerate().map(setting).collect()
    }

    #[test]
    fn the_inner_folder_decides() {
        let closes = |lines: &[&str], path: &str| {
            read_only(&settings(lines)).iter().find(|hidden| hidden.has(path)).map(|hidden| hidden.setting.clone())
        };
        let strict = Some("ProtectSystem=strict".to_owned());
        assert_eq!(closes(&["ProtectSystem=strict"], "/var/lib/docker"), strict);
        assert_eq!(closes(&["ProtectSystem=strict"], "/sys/fs/cgroup/x"), None);
        assert_eq!(
            closes(&["ProtectSystem=strict", "ReadWritePaths=/var/lib/docker /run"], "/var/lib/docker/tmp"),
            None
        );
        assert_eq!(closes(&["ProtectSystem=strict", "ReadWritePaths=/var/lib/docker"], "/run/docker.pid"), strict);
        assert_eq!(closes(&["ProtectSystem=strict", "StateDirectory=docker"], "/var/lib/docker"), None);
        assert_eq!(closes(&["ProtectSystem=strict", "ProtectSystem=no"], "/var/lib/docker"), None);
        assert_eq!(closes(&["ProtectSystem=full"], "/var/lib/docker"), None);
        assert_eq!(closes(&["ProtectSystem=full"], "/etc/docker/key.json"), Some("ProtectSystem=full".into()));
        let lists = ["ReadWritePaths=/var", "ReadOnlyPaths=-/var/lib/docker"];
        assert_eq!(closes(&lists, "/var/lib/docker"), Some("ReadOnlyPaths=-/var/lib/docker".into()));
        assert_eq!(closes(&["ReadOnlyPaths=/var", "ReadOnlyPaths="], "/var/lib/docker"), None);
        assert_eq!(closes(&["ReadOnlyPaths=/var/lib/dock"], "/var/lib/docker"), None);
        assert_eq!(
            closes(&["ProtectKernelTunables=yes"], "/proc/sys/net").as_deref(),
            Some("ProtectKernelTunables=yes")
        );
    }

    #[test]
    fn another_user_is_named() {
        let user = |lines: &[&str]| as_user(&settings(lines)).map(|line| line.setting);
        assert_eq!(user(&["User=root", "User=lab"]).as_deref(), Some("User=lab"));
        assert_eq!(user(&["User=lab", "User=root"]), None);
        assert_eq!(user(&["Group=docker", "DynamicUser=yes"]).as_deref(), Some("DynamicUser=yes"));
    }
}
