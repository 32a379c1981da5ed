//! What a fix writes and a file that is read later sets otherwise: it would hold until the next boot, or not at all.

use crate::host::units::Setting;
use crate::host::{Host, sysctl, units};
use crate::report::Gate;

/// Why a file with this text would not decide, as a clause.
pub fn of(host: &Host, path: &str, text: &str) -> Option<String> {
    by_sysctl(host, path, text).or_else(|| by_drop_in(host, path, text))
}

fn told(file: &str, sets: &str) -> String {
    Gate::default().text(&format!("{file}, which is read after what it would write, sets {sets}: change it there"))
}

fn by_sysctl(host: &Host, path: &str, text: &str) -> Option<String> {
    let mut later = sysctl::after(host, path)?.into_iter().rev();
    let own = sysctl::settings(text);
    later.find_map(|file| {
        let sets = sysctl::settings(host.text(&file).value()?);
        let differs = |(name, value): &(String, String)| own.iter().any(|(own, wanted)| own == name && wanted != value);
        let (name, value) = sets.into_iter().rfind(differs)?;
        Some(told(&file, &format!("{name} = {value}")))
    })
}

fn by_drop_in(host: &Host, path: &str, text: &str) -> Option<String> {
    let (own, later) = units::around(host, path, text)?;
    let beats = |other: &&Setting| own.iter().any(|own| is_beaten(own, other));
    // A password can stand in a variable: the key alone is told.
    later.iter().find(beats).map(|other| told(&other.file, &format!("{}= itself", other.key)))
}

/// A command comes besides or in its place; of lists an empty line takes back what came before; of all else the last counts.
fn is_beaten(own: &Setting, other: &Setting) -> bool {
    if (own.section.as_str(), own.key.as_str()) != (other.section.as_str(), other.key.as_str()) || own.value.is_empty()
    {
        return false;
    }
    match own.key.as_str() {
        "Environment" => {
            let variables =
                |text: &str| text.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect::<Vec<_>>();
            let name = |word: &String| word.split('=').next().unwrap_or_default().to_owned();
            let (mine, theirs) = (variables(&own.value), variables(&other.value));
            other.value.is_empty()
                || theirs.iter().any(|word| mine.iter().any(|own| name(own) == name(word) && own != word))
        }
        _ => own.value != other.value,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // a folder of the test's own
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_file_that_wins_is_named() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("etc/sysctl.d/zz-site.conf", "net.ipv4.conf.all.forwarding=0\n");
        put("etc/sysctl.d/10-first.conf", "kernel.x = 1\n");
        put(
            "usr/lib/systemd/system/docker.service.d/zzz.conf",
            "[Service]\nExecStart=\nExecStart=/other\nEnvironment=B=1\n",
        );
        put("etc/systemd/system/docker.service.d/aa.conf", "[Service]\nLimitNOFILE=infinity\n");
        let host = Host::new(root.path(), Duration::from_secs(5));
        let winner =
            |path: &str, text: &str| of(&host, path, text).map(|why| why.split(',').next().unwrap().to_owned());
        let forward = "/etc/sysctl.d/99-docker-forward.conf";
        assert_eq!(winner(forward, "net.ipv4.ip_forward = 1\n").as_deref(), Some("/etc/sysctl.d/zz-site.conf"));
        assert_eq!(winner(forward, "net.ipv4.ip_forward = 0\nkernel.x=2\n"), None);
        assert_eq!(winner("/etc/sysctl.d/zzz.conf", "net.ipv4.ip_forward = 1\n"), None);
        let drop_in = |name: &str, lines: &str| {
            winner(&format!("/etc/systemd/system/docker.service.d/{name}"), &format!("[Service]\n{lines}\n"))
        };
        let later = Some("/usr/lib/systemd/system/docker.service.d/zzz.conf".to_owned());
        assert_eq!(drop_in("zz-hosts.conf", "ExecStart=\nExecStart=/usr/bin/dockerd"), later);
        assert_eq!(drop_in("no-raw.conf", "Environment=\"A=1\""), None);
        assert_eq!(drop_in("no-raw.conf", "Environment=\"B=2\""), later);
        assert_eq!(drop_in("files.conf", "LimitNOFILE=1048576"), None);
        assert_eq!(winner("/etc/docker/daemon.json", "{}"), None);
    }
}
