//! Reads how much room is left where images, containers and their logs really lie; where it is short, what takes it unseen.

mod deleted;
mod leftovers;

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::disk::{Content, DiskFacts, LogFile, Place, Space};
use gdoctor_checks::model::facts::docker::{DockerFacts, Package, Place as Given, Setting};
use gdoctor_checks::model::need::Need;

use crate::host::Host;
use crate::probe::docker::{command, kubernetes};

pub fn probe(host: &Host, need: &Need, docker: &DockerFacts) -> DiskFacts {
    if docker.is_elsewhere() {
        return DiskFacts::default();
    }
    let (data, read_from) = data_root(host, docker);
    let images = image_root(host, docker, &data);
    let mut facts = DiskFacts {
        logs: logs(host, &data),
        places: Fact::present(with_others(host, places(host, images, data.clone()), &data), read_from),
        ..DiskFacts::default()
    };
    if let Some(full) = full_state(host, docker)
        && let State::Present(places) = &mut facts.places.state
        // A file system that is known already is told of once.
        && !places.iter().any(|place| place.space.value() == full.space.value())
    {
        places.push(full);
    }
    if facts.short(need).next().is_some() {
        facts.deleted = deleted::look(host, &data);
        facts.leftovers = leftovers::look(host, &data, docker);
    }
    facts
}

/// One place for each file system, with its device; one without a known path stands alone.
fn places(host: &Host, images: Result<String, String>, data: String) -> Vec<(Option<u64>, Place)> {
    let mut found: Vec<(Option<u64>, Place)> = Vec::new();
    for (content, path) in [(Content::Images, images), (Content::Data, Ok(data))] {
        let (device, place) = match path {
            Ok(path) => {
                let (looked_at, device) = nearest(host, &path);
                let space = match dangling(host, &path) {
                    Some(link) => Fact::unknown(Gap::Unsupported(format!("{link} is a link that leads nowhere")), link),
                    None => host.space(&looked_at),
                };
                (Some(device), Place { holds: vec![content], path, looked_at, space })
            }
            Err(address) => {
                let gap = Gap::Unsupported("the folder of this containerd's images".into());
                let space = Fact::unknown(gap, format!("containerd at {address}"));
                (None, Place { holds: vec![content], looked_at: address.clone(), path: address, space })
            }
        };
        add(&mut found, device, place);
    }
    found
}

/// Adds the folders that are worth a word only where they have a file system of their own.
fn with_others(host: &Host, mut found: Vec<(Option<u64>, Place)>, data: &str) -> Vec<Place> {
    let others = [(Content::BuildCache, format!("{data}/buildkit")), (Content::Temporary, "/tmp".into())];
    for (content, path) in others {
        if let Some(stat) = host.stat(&path).value() {
            let place = Place { holds: vec![content], looked_at: path.clone(), space: host.space(&path), path };
            add(&mut found, Some(stat.dev), place);
        }
    }
    found.into_iter().map(|(_, place)| place).collect()
}

/// Where the engine writes down each container that runs, where nothing more goes in.
fn full_state(host: &Host, docker: &DockerFacts) -> Option<Place> {
    let path = if docker.is_rootless() { host.env("XDG_RUNTIME_DIR")? } else { "/run".into() };
    let space = host.space(&path);
    let is_full = |space: &Space| space.available < STATE || space.inodes_total > 0 && space.inodes_available == 0;
    space.value().is_some_and(is_full).then(|| Place {
        holds: vec![Content::State],
        looked_at: path.clone(),
        space,
        path,
    })
}

/// A container's part is some ten kilobytes, and a few sockets.
const STATE: u64 = 256 << 10;

/// A place on a file system that is known already is no place of its own.
fn add(found: &mut Vec<(Option<u64>, Place)>, device: Option<u64>, place: Place) {
    match found.iter_mut().find(|(known, _)| known.is_some() && *known == device) {
        Some((_, same)) => same.holds.extend(place.holds),
        None => found.push((device, place)),
    }
}

/// Docker's data root and who says so: the daemon, else its configuration file, else the default.
fn data_root(host: &Host, docker: &DockerFacts) -> (String, &'static str) {
    if let Some(root) = docker.answered_info().map(|info| &info.docker_root_dir).filter(|root| root.starts_with('/')) {
        return (root.clone(), "GET /info");
    }
    let home = host.env("HOME").filter(|home| home.starts_with('/'));
    // Where another engine is here in Docker's place, its images take the room.
    let none = docker.client.is_absent() && docker.daemon_program.value().is_none() && docker.version.value().is_none();
    if none && docker.kubernetes.value().is_some() {
        return match kubernetes::root(host, &docker.kubernetes) {
            Some(root) => (root, "the default of Kubernetes' engine"),
            None => (containerd_root(host), "containerd's configuration"),
        };
    }
    if none && docker.podman.value().is_some() {
        return match home.filter(|_| host.uid() != Some(0)) {
            Some(home) => (format!("{home}/.local/share/containers/storage"), "the default of podman without root"),
            None => ("/var/lib/containers/storage".into(), "the default of podman"),
        };
    }
    if let (true, Some(home)) = (docker.is_rootless(), home) {
        return (format!("{home}/.local/share/docker"), "the default of a rootless daemon");
    }
    if docker.client.value().is_some_and(|client| client.package == Package::Snap) {
        return ("/var/snap/docker/common/var-lib-docker".into(), "the default of the snap");
    }
    let told = docker.setting("data-root", |settings| settings.data_root.clone());
    match told.filter(|told| told.value.starts_with('/')) {
        Some(Setting { value, place: Given::File(_) }) => (value, "daemon.json"),
        Some(Setting { value, .. }) => (value, "the command of dockerd"),
        None => ("/var/lib/docker".into(), "the default data root"),
    }
}

/// With the containerd store, images lie in containerd's root, which the daemon's data root does not move. Err is the socket
/// of a containerd whose configuration is not known.
fn image_root(host: &Host, docker: &DockerFacts, data: &str) -> Result<String, String> {
    let Some(info) = docker.answered_info().filter(|info| info.has_containerd_store()) else { return Ok(data.into()) };
    // Engines before API 1.46 do not tell it.
    let options = || {
        let options = command::of_process(host, *docker.daemon_process.value()?);
        options.value().and_then(|options| command::path(options, "containerd"))
    };
    let told = Some(info.containerd.address.clone()).filter(|address| !address.is_empty());
    let address = told.or_else(options).unwrap_or_default();
    let address = address.as_str();
    if !["", "/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock"].contains(&address) {
        // A containerd that dockerd itself starts has its socket below dockerd's exec root, and its data in the data root.
        let own = address.ends_with("/containerd/containerd.sock");
        return if own { Ok(format!("{data}/containerd/daemon")) } else { Err(address.into()) };
    }
    Ok(containerd_root(host))
}

pub fn containerd_root(host: &Host) -> String {
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
pub fn nearest(host: &Host, path: &str) -> (String, u64) {
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

/// A link on the way to a path whose target is not there: what lies behind it cannot be told of the folder above.
fn dangling(host: &Host, path: &str) -> Option<String> {
    let parts = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]).chain([path]);
    let dangles = |path: &&str| host.link(path).value().is_some() && host.stat(path).is_absent();
    parts.into_iter().find(dangles).map(str::to_owned)
}

/// Containers' logs of the drivers json-file and local, largest first.
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
        // Those of the driver local are limited by themselves, and larger where somebody wants them so.
        for path in [format!("{folder}/{id}/{id}-json.log"), format!("{folder}/{id}/local-logs/container.log")] {
            let stat = host.stat(&path);
            match (stat.value(), stat.gap()) {
                (Some(stat), _) => found.push(LogFile { bytes: stat.size, path }),
                (None, Some(gap)) => return Fact::unknown(gap.clone(), path),
                (None, None) => {}
            }
        }
    }
    found.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    found.truncate(10);
    Fact::present(found, format!("{folder}/*"))
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
