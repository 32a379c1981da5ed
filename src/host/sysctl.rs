//! The files from which the kernel's settings come at boot, in their order, and what each of them sets: sysctl.d(5), sysctl(8).

use super::Host;

/// A file in an earlier one replaces its namesake in a later one.
const FOLDERS: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
/// Read last of all, by `sysctl --system` and by distributions' links to it.
const LAST: &str = "/etc/sysctl.conf";

/// In the order in which they are read: the last that has a setting counts.
pub fn files(host: &Host) -> Vec<String> {
    let mut files: Vec<(String, String)> = Vec::new();
    for folder in FOLDERS {
        for name in host.list(folder).value().into_iter().flatten().filter(|name| name.ends_with(".conf")) {
            if files.iter().all(|(known, _)| known != name) {
                files.push((name.clone(), format!("{folder}/{name}")));
            }
        }
    }
    // Names decide, over all folders.
    files.sort();
    files.into_iter().map(|(_, path)| path).chain([LAST.to_owned()]).collect()
}

/// The files that are read after this one, there or not yet. None where it is no file of these settings.
pub fn after(host: &Host, path: &str) -> Option<Vec<String>> {
    let name = FOLDERS.iter().find_map(|folder| path.strip_prefix(folder)?.strip_prefix('/'))?;
    let later = |file: &String| file == LAST || file.rsplit('/').next().is_some_and(|other| other > name);
    Some(files(host).into_iter().filter(later).collect())
}

/// What a text sets, in its order: names with dots, and values with single blanks.
pub fn settings(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(setting).collect()
}

/// What one line sets.
pub fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) =
        line.strip_prefix('-').unwrap_or(line).split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    Some((name_of(name.trim()), value.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Where its first separator is a slash, the other ones are no separators: `net/ipv4/conf/eth0.1/forwarding`.
fn name_of(name: &str) -> String {
    let swapped = |letter: char| match letter {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    let by_slash = name.find(['.', '/']).is_some_and(|at| name[at..].starts_with('/'));
    let name: String = if by_slash { name.chars().map(swapped).collect() } else { name.to_owned() };
    match name.as_str() {
        // ip-sysctl.rst: the same switch.
        "net.ipv4.conf.all.forwarding" => "net.ipv4.ip_forward".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_as_they_are_read() {
        let text =
            "# a = 1\n;b = 2\n-net.ipv4.conf.all.forwarding=1\nnet/ipv4/conf/eth0.1/mtu = 9\nkernel.x =  4\t5 \nnone\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = [pair("net.ipv4.ip_forward", "1"), pair("net.ipv4.conf.eth0/1.mtu", "9"), pair("kernel.x", "4 5")];
        assert_eq!(settings(text), all);
    }

    #[test]
    fn names_decide_over_all_folders() {
        let root = tempfile::tempdir().unwrap();
        for path in
            ["etc/sysctl.d/90-a.conf", "usr/lib/sysctl.d/85-b.conf", "usr/lib/sysctl.d/90-a.conf", "etc/sysctl.d/no"]
        {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let host = Host::new(root.path(), Duration::from_secs(5));
        let all = ["/usr/lib/sysctl.d/85-b.conf", "/etc/sysctl.d/90-a.conf", "/etc/sysctl.conf"];
        assert_eq!(files(&host), all);
        assert_eq!(after(&host, "/etc/sysctl.d/86-new.conf").unwrap(), all[1..]);
        assert_eq!(after(&host, "/etc/docker/daemon.json"), None);
    }
}
