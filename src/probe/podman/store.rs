//! What podman has on this host, as its files tell it: containers, networks, images. It is not started: its first command makes
//! folders and files.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::run::{PodmanImage, PodmanStore};
use gdoctor_checks::model::run::RunLine;
use serde::Deserialize;

use super::settings::Settings;
use crate::host::Host;

/// A list of some thousand images.
const CAP: usize = 16 << 20;

pub struct Folders {
    pub rootless: bool,
    /// The user's folder of settings, `~/.config`.
    pub config: String,
    /// `~/.local/share`.
    pub data: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kept {
    id: String,
    digest: String,
    // Go writes null where there are none.
    names: Option<Vec<String>>,
}

pub fn look(host: &Host, line: &RunLine, settings: &Settings, folders: &Folders) -> Fact<PodmanStore> {
    let root = root(line, settings, folders);
    let containers = match kept(host, &root, "containers") {
        Ok(kept) => kept.into_iter().flat_map(|one| one.names.unwrap_or_default()).collect(),
        Err(gap) => return Fact::unknown(gap, root),
    };
    let image = match image(host, line, settings, folders, &root) {
        Ok(image) => image,
        Err(gap) => return Fact::unknown(gap, root),
    };
    match networks(host, line, settings, folders, &root) {
        Ok(networks) => Fact::present(PodmanStore { containers, networks, image }, root),
        Err(gap) => Fact::unknown(gap, root),
    }
}

pub fn root(line: &RunLine, settings: &Settings, folders: &Folders) -> String {
    if let Some(root) = line.global("root") {
        return root.to_owned();
    }
    let own = || format!("{}/containers/storage", folders.data);
    match folders.rootless {
        // `graphroot` of the system's files is root's; `$HOME` and the like stand in it as they are typed.
        true => settings.storage("rootless_storage_path").map_or_else(own, str::to_owned),
        false => settings.storage("graphroot").unwrap_or("/var/lib/containers/storage").to_owned(),
    }
}

/// Of whichever driver: `overlay-images/images.json`, `vfs-containers/containers.json`.
fn kept(host: &Host, root: &str, what: &str) -> Result<Vec<Kept>, Gap> {
    if root.contains('$') {
        return Err(Gap::Unsupported(format!("the folder {root} has variables in it")));
    }
    let names = host.list(root);
    if let Some(gap) = names.gap() {
        return Err(gap.clone());
    }
    let folders = names.value().into_iter().flatten().filter(|name| name.ends_with(&format!("-{what}")));
    let mut all = Vec::new();
    for folder in folders {
        for list in [what.to_owned(), format!("volatile-{what}")] {
            let file = host.bytes(format!("{root}/{folder}/{list}.json"), CAP);
            match (file.value(), file.gap()) {
                (Some(bytes), _) => all.extend(
                    serde_json::from_slice::<Vec<Kept>>(bytes).map_err(|why| Gap::Unparsable(why.to_string()))?,
                ),
                (None, Some(gap)) => return Err(gap.clone()),
                (None, None) => {}
            }
        }
    }
    Ok(all)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Network {
    name: String,
}

/// Those of netavark and those of CNI; `podman` is there without a file.
fn networks(
    host: &Host,
    line: &RunLine,
    settings: &Settings,
    folders: &Folders,
    root: &str,
) -> Result<Vec<String>, Gap> {
    let told = settings.containers("network", "network_config_dir").and_then(toml::Value::as_str);
    let told = line.global("network-config-dir").or(told);
    let usual = match folders.rootless {
        true => vec![format!("{root}/networks"), format!("{}/cni/net.d", folders.config)],
        false => vec!["/etc/containers/networks".into(), "/etc/cni/net.d".into()],
    };
    let mut found = vec!["podman".to_owned()];
    for folder in told.map(str::to_owned).into_iter().chain(usual) {
        let names = host.list(&folder);
        if let Some(gap) = names.gap() {
            return Err(gap.clone());
        }
        let files = names.value().into_iter().flatten();
        for name in files.filter(|name| name.ends_with(".json") || name.ends_with(".conflist")) {
            let text = host.text(format!("{folder}/{name}"));
            let network: Option<Network> = text.value().and_then(|text| serde_json::from_slice(text.as_bytes()).ok());
            found.extend(network.map(|network| network.name));
        }
    }
    Ok(found)
}

fn image(host: &Host, line: &RunLine, settings: &Settings, folders: &Folders, root: &str) -> Result<PodmanImage, Gap> {
    let Some(image) = line.image.as_ref().filter(|image| !image.at.opaque) else { return Ok(PodmanImage::NotNamed) };
    let reference = image.reference.as_str();
    // `docker-archive:…`, `oci:…`: transports, which bring the image with them.
    if reference.contains(":/") || line.last("rootfs").is_some() {
        return Ok(PodmanImage::NotNamed);
    }
    let mut images = kept(host, root, "images")?;
    let named = line.global("imagestore").map(str::to_owned);
    for store in settings.more_images().into_iter().chain(named) {
        images.extend(kept(host, &store, "images")?);
    }
    if images.iter().any(|image| image.is(reference)) {
        return Ok(PodmanImage::Here);
    }
    let (first, rest) = reference.split_once('/').unwrap_or(("", reference));
    let full = first == "localhost" || first.contains(['.', ':']);
    let bare = reference.split('@').next().unwrap_or(reference);
    let name = match bare.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((name, _)) => name,
        None => bare,
    };
    if full || rest.is_empty() || settings.is_alias(name) || is_known_alias(host, folders, name) {
        return Ok(PodmanImage::ToPull);
    }
    let registries = settings.search();
    Ok(match registries.as_slice() {
        [] => PodmanImage::NoRegistry,
        [_] => PodmanImage::ToPull,
        _ if settings.asks_which() => PodmanImage::Choice(registries),
        _ => PodmanImage::ToPull,
    })
}

/// What a person chose before is kept.
fn is_known_alias(host: &Host, folders: &Folders, name: &str) -> bool {
    let home = folders.data.strip_suffix("/.local/share").unwrap_or(&folders.data);
    let path = match folders.rootless {
        true => format!("{home}/.cache/containers/short-name-aliases.conf"),
        false => "/var/cache/containers/short-name-aliases.conf".into(),
    };
    let text = host.text(path);
    let table: Option<toml::Table> = text.value().and_then(|text| toml::from_str(text).ok());
    table.is_some_and(|table| table.get("aliases").is_some_and(|aliases| aliases.get(name).is_some()))
}

impl Kept {
    /// libimage: by id, by digest, by name; a name without a registry is any registry's.
    fn is(&self, reference: &str) -> bool {
        let is_id = reference.len() >= 3 && reference.bytes().all(|b| b.is_ascii_hexdigit());
        if is_id && self.id.starts_with(reference) {
            return true;
        }
        let names = self.names.iter().flatten();
        if let Some((name, digest)) = reference.split_once('@') {
            return digest == self.digest
                || names.into_iter().any(|known| known.ends_with(&format!("/{name}@{digest}")));
        }
        let tagged = match reference.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some(_) => reference.to_owned(),
            None => format!("{reference}:latest"),
        };
        let hub = tagged.strip_prefix("docker.io/").filter(|rest| !rest.contains('/'));
        let hub = hub.map(|rest| format!("docker.io/library/{rest}"));
        let is_it =
            |known: &String| *known == tagged || hub.as_ref() == Some(known) || known.ends_with(&format!("/{tagged}"));
        names.into_iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_go_by_id_digest_and_name() {
        let image = Kept {
            id: "32723de5c330".into(),
            digest: "sha256:49c3".into(),
            names: Some(vec!["docker.io/library/busybox:latest".into(), "localhost/lab/busybox:1".into()]),
        };
        for known in ["3272", "busybox", "busybox:latest", "docker.io/busybox", "lab/busybox:1", "busybox@sha256:49c3"]
        {
            assert!(image.is(known), "{known}");
        }
        for other in ["busybox:2", "docker.io/lab/busybox:1", "box", "beef", "busybox@sha256:1"] {
            assert!(!image.is(other), "{other}");
        }
    }
}
