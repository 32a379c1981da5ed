//! Reads how much room is left where images, containers and their logs really lie.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::disk::{Content, DiskFacts, LogFile, Place};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(host: &Host, _need: &Need, docker: &DockerFacts) -> DiskFacts {
    if docker.is_elsewhere() {
        return DiskFacts::default();
    }
    let (data, read_from) = data_root(host, docker);
    let images = image_root(host, docker, &data);
    let mut places: Vec<(u64, Place)> = Vec::new();
    for (content, path) in [(Content::Images, &images), (Content::Data, &data)] {
        let (looked_at, device) = nearest(host, path);
        match places.iter_mut().find(|(known, _)| *known == device) {
            Some((_, place)) => place.holds.push(content),
            None => {
                let space = host.space(&looked_at);
                places.push((device, Place { holds: vec![content], path: path.clone(), looked_at, space }));
            }
        }
    }
    DiskFacts {
        places: Fact::present(places.into_iter().map(|(_, place)| place).collect(), read_from),
        logs: logs(host, &data),
    }
}

/// Docker's data root and who says so: the daemon, else its configuration file, else the default.
fn data_root(host: &Host, docker: &DockerFacts) -> (String, &'static str) {
    if let Some(root) = docker.answered_info().map(|info| &info.docker_root_dir).filter(|root| root.starts_with('/')) {
        return (root.clone(), "GET /info");
    }
    let home = host.env("HOME").filter(|home| home.starts_with('/'));
    if let (true, Some(home)) = (docker.is_rootless(), home) {
        return (format!("{home}/.local/share/docker"), "the default of a rootless daemon");
    }
    let config = host
        .text("/etc/docker/daemon.json")
        .parse(|text| serde_json::from_str::<serde_json::Value>(&text).map_err(|error| error.to_string()));
    let named = config.value().and_then(|config| config.get("data-root")?.as_str().map(str::to_owned));
    match named.filter(|root| root.starts_with('/')) {
        Some(root) => (root, "/etc/docker/daemon.json"),
        None => ("/var/lib/docker".into(), "the default data root"),
    }
}

/// With the containerd store, images lie in containerd's root, which the daemon's data root does not move.
fn image_root(host: &Host, docker: &DockerFacts, data: &str) -> String {
    let Some(info) = docker.answered_info().filter(|info| info.has_containerd_store()) else { return data.into() };
    // A containerd that dockerd itself starts keeps everything below the data root.
    if info.containerd.address != "/run/containerd/containerd.sock" {
        return format!("{data}/containerd/daemon");
    }
    let config = host.text("/etc/containerd/config.toml");
    let root = config.value().and_then(|text| top_level_root(text));
    root.unwrap_or_else(|| "/var/lib/containerd".into())
}

/// `root = "/big/containerd"` before the first table of containerd's configuration.
fn top_level_root(text: &str) -> Option<String> {
    let top = text.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    let value = top.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "root")?.1.trim();
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let (path, _) = value.get(1..)?.split_once(quote)?;
    path.starts_with('/').then(|| path.to_owned())
}

/// The folder itself or its nearest parent that this user can see, and the device it lies on.
fn nearest(host: &Host, path: &str) -> (String, u64) {
    let mut at = path;
    loop {
        if let Some(stat) = host.stat(at).value() {
            return (at.to_owned(), stat.dev);
        }
        at = match at.rsplit_once('/') {
            Some((parent, _)) if !parent.is_empty() => parent,
            _ => "/",
        };
        if at == "/" {
            return ("/".into(), host.stat("/").value().map_or(0, |stat| stat.dev));
        }
    }
}

/// Containers' logs of the json-file driver, largest first.
fn logs(host: &Host, data: &str) -> Fact<Vec<LogFile>> {
    let folder = format!("{data}/containers");
    let ids = host.list(&folder);
    let Some(ids) = ids.value() else {
        return ids.map(|_| Vec::new());
    };
    let mut found: Vec<LogFile> = Vec::new();
    for id in ids {
        if host.deadline.left().is_zero() {
            return Fact::unknown(Gap::TimedOut, folder);
        }
        let path = format!("{folder}/{id}/{id}-json.log");
        if let Some(stat) = host.stat(&path).value() {
            found.push(LogFile { bytes: stat.size, path });
        }
    }
    found.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    found.truncate(10);
    Fact::present(found, format!("{folder}/*/*-json.log"))
}

#[cfg(test)]
mod tests {
    use super::top_level_root;

    #[test]
    fn containerd_root_is_a_top_level_key() {
        assert_eq!(
            top_level_root("version = 2\nroot = \"/big/containerd\"\n[grpc]\n").as_deref(),
            Some("/big/containerd")
        );
        assert_eq!(top_level_root("[plugins]\n root = '/elsewhere'\n"), None);
        assert_eq!(top_level_root("root = \n#root = \"/x\"\nroot=é"), None);
    }
}
