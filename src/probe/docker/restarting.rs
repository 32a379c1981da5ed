//! Containers that the daemon starts again by itself when the machine has started, with what they take of this host that may then be
//! missing, or another thing.

use std::time::Duration;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Container as Row, Info, Restarting};
use serde::Deserialize;

use crate::host::Host;
use crate::host::files::Kind;

use super::api::Asker;

/// So many of the newest running containers are asked for; a host may have thousands.
const MOST: usize = 20;
const SOURCE: &str = "GET /containers/ID/json";
/// Of all these questions. The daemon does not answer for a container that hangs in a change, and nothing else may wait for it.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    name: String,
    host_config: HostConfig,
    mounts: Vec<Mount>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    restart_policy: Policy,
    devices: Option<Vec<Device>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Policy {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Device {
    path_on_host: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Mount {
    r#type: String,
    source: String,
}

/// A rootless engine starts with its user's session, when all of that is there again.
pub fn look(host: &Host, info: &Fact<Info>, rows: &Fact<Vec<Row>>, elsewhere: bool) -> Fact<Vec<Restarting>> {
    let (Some(info), Some(rows)) = (info.value(), rows.value()) else { return Fact::default() };
    if elsewhere || info.is_rootless() || info.is_desktop() {
        return Fact::absent(SOURCE);
    }
    let daemon = Asker::new(host);
    let ids = rows.iter().map(|row| row.id.as_str()).filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let deadline = host.deadline.within(PATIENCE);
    let mut found = Vec::new();
    for id in ids.take(MOST) {
        let answer = daemon.wait_until::<Container>(deadline, &format!("/containers/{id}/json"), SOURCE);
        match (answer.value(), answer.gap()) {
            (Some(container), _) => found.extend(of(host, container)),
            // It is gone since.
            (None, None) => {}
            (None, Some(gap)) => return Fact::unknown(gap.clone(), SOURCE),
        }
    }
    Fact::present(found, SOURCE)
}

/// `on-failure` is no policy by which the daemon starts a container when it starts itself.
fn of(host: &Host, container: &Container) -> Option<Restarting> {
    let policy = &container.host_config.restart_policy.name;
    let by_itself = ["always", "unless-stopped"].contains(&policy.as_str());
    let sources = container.mounts.iter().filter(|mount| mount.r#type == "bind").map(|mount| &mount.source);
    let fleeting: Vec<String> = sources.filter(|source| is_fleeting(host, source)).cloned().collect();
    let devices = container.host_config.devices.iter().flatten().map(|device| &device.path_on_host);
    let videos: Vec<String> = devices.filter(|path| is_video(path)).cloned().collect();
    let found = by_itself && !(fleeting.is_empty() && videos.is_empty());
    let name = container.name.trim_start_matches('/').to_owned();
    found.then(|| Restarting { name, policy: policy.clone(), fleeting, videos })
}

fn is_video(path: &str) -> bool {
    path.strip_prefix("/dev/video").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// A user's folder below /run comes with the login, unless somebody lingers; a file or a socket below /tmp is gone where that is
/// in memory or emptied at each start. Folders in /tmp are made again, by Docker or by systemd-tmpfiles.
fn is_fleeting(host: &Host, path: &str) -> bool {
    let of_login = ["/run/user/", "/var/run/user/"].iter().any(|folder| path.starts_with(folder));
    if of_login {
        return host.list("/var/lib/systemd/linger").value().is_none_or(Vec::is_empty);
    }
    let is_file = || host.stat(path).value().is_some_and(|stat| stat.kind != Kind::Directory);
    path.starts_with("/tmp/") && is_file() && is_emptied(host)
}

/// /tmp is a file system in memory, or systemd-tmpfiles has a line `D /tmp …` for it (tmpfiles.d(5)).
fn is_emptied(host: &Host) -> bool {
    let mounts = host.text("/proc/self/mounts");
    let in_memory = |line: &str| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some("/tmp") && words.next() == Some("tmpfs")
    };
    if mounts.value().is_some_and(|text| text.lines().any(in_memory)) {
        return true;
    }
    let files = ["/etc/tmpfiles.d/tmp.conf", "/usr/lib/tmpfiles.d/tmp.conf"];
    let Some(text) = files.iter().find_map(|path| host.text(path).value().cloned()) else { return false };
    let emptied = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|kind| kind.starts_with('D')) && words.next() == Some("/tmp")
    };
    text.lines().any(emptied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn what_a_restart_takes() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let host = Host::new(root.path(), std::time::Duration::from_secs(5));
        put("tmp/.docker.xauth", "");
        put("tmp/.X11-unix/X0", "");
        assert!(is_fleeting(&host, "/run/user/1000/gdm/Xauthority"));
        assert!(!is_fleeting(&host, "/tmp/.docker.xauth"), "nobody empties /tmp");
        put("usr/lib/tmpfiles.d/tmp.conf", "# D /tmp\nq /tmp 1777 root root 10d\n");
        assert!(!is_fleeting(&host, "/tmp/.docker.xauth"), "kept for ten days");
        put("usr/lib/tmpfiles.d/tmp.conf", "D /tmp 1777 root root -\n");
        assert!(is_fleeting(&host, "/tmp/.docker.xauth"));
        assert!(!is_fleeting(&host, "/tmp/.X11-unix"), "a folder is there again");
        assert!(!is_fleeting(&host, "/home/u/.Xauthority"));
        put("var/lib/systemd/linger/u", "");
        assert!(!is_fleeting(&host, "/run/user/1000/gdm/Xauthority"), "a session that starts at boot");
        for (path, is) in
            [("/dev/video0", true), ("/dev/video12", true), ("/dev/video", false), ("/dev/v4l/by-id/x", false)]
        {
            assert_eq!(is_video(path), is, "{path}");
        }
    }
}
