//! Where a registry of this host keeps its images: the container that publishes its port, or the distribution's service.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Container, DockerFacts};
use gdoctor_checks::model::facts::registry::{Look, Storage};
use serde::Deserialize;

use crate::host::{Host, bind};
use crate::probe::disk::nearest;
use crate::probe::docker::Asker;

/// Where Debian's service has its configuration; the image of registry 2 has it at the same place.
const SERVICE: &str = "/etc/docker/registry/config.yml";
/// The folder of the image, unless its configuration names another.
const FOLDER: &str = "/var/lib/registry";

/// Absent when nothing on this host is seen to be this registry.
pub fn find(host: &Host, look: &Look, docker: &DockerFacts) -> Fact<Storage> {
    const SOURCE: &str = "containers that publish its port";
    let here = look.is_loopback() || look.addresses.value().is_some_and(|all| all.iter().any(|ip| bind::is_own(*ip)));
    if !here || look.registry_answer().is_none() {
        return Fact::absent(SOURCE);
    }
    let publishes = |container: &&Container| {
        container.ports.iter().any(|port| port.public_port == look.registry.port && port.protocol == "tcp")
    };
    match docker.containers.value().and_then(|all| all.iter().find(publishes)) {
        Some(container) => in_container(host, container, docker),
        None => service(host, look.registry.port),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Inspect {
    config: Settings,
    mounts: Option<Vec<Mount>>,
    graph_driver: GraphDriver,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Settings {
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    source: String,
    destination: String,
    #[serde(rename = "RW", default = "yes")]
    writable: bool,
}

fn yes() -> bool {
    true
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct GraphDriver {
    data: Option<Layers>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Layers {
    upper_dir: String,
}

impl Inspect {
    /// The host's side of a path in the container, where a mount covers it.
    fn on_host(&self, path: &str) -> Option<String> {
        self.mount(path).map(|(mount, rest)| format!("{}{rest}", mount.source))
    }

    /// The mount that covers a path, and what of the path lies below it.
    fn mount<'a>(&self, path: &'a str) -> Option<(&Mount, &'a str)> {
        let mounts = self.mounts.iter().flatten();
        let inside = mounts.filter_map(|mount| Some((mount, path.strip_prefix(mount.destination.as_str())?)));
        inside
            .filter(|(_, rest)| rest.is_empty() || rest.starts_with('/'))
            .max_by_key(|(mount, _)| mount.destination.len())
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.config.env.iter().flatten().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

fn in_container(host: &Host, container: &Container, docker: &DockerFacts) -> Fact<Storage> {
    let source = format!("GET /containers/{}/json", container.name());
    let path = format!("/containers/{}/json", container.id);
    let inspect = Asker::new(host).get::<Inspect>(host, &path, &source);
    let Some(found) = inspect.value() else { return inspect.map(|_| Storage::default()) };
    let words = found.config.cmd.iter().flatten();
    // A proxy before a registry may publish the port as well: only distribution's own program is started with this.
    let Some(config) = words.into_iter().rfind(|word| word.ends_with(".yml") || word.ends_with(".yaml")) else {
        return Fact::absent(source);
    };
    let file = found.on_host(config).and_then(|path| read(host, &path).value().cloned()).unwrap_or_default();
    let folder = found.variable("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY").or(file.folder()).unwrap_or(FOLDER);
    if file.is_elsewhere() || found.variable("REGISTRY_STORAGE").is_some_and(|kind| kind != "filesystem") {
        return Fact::absent(source);
    }
    let upper = found.graph_driver.data.as_ref().map(|data| data.upper_dir.clone()).filter(|path| !path.is_empty());
    let root = docker.answered_info().map(|info| info.docker_root_dir.clone());
    let Some(path) = found.on_host(folder).or(upper).or(root) else { return Fact::absent(source) };
    let deletes = match found.variable("REGISTRY_STORAGE_DELETE_ENABLED") {
        Some(value) => value == "true",
        None => file.deletes(),
    };
    let cache_of = found.variable("REGISTRY_PROXY_REMOTEURL").filter(|url| !url.is_empty()).or(file.cache_of());
    let maintenance = match found.variable("REGISTRY_STORAGE_MAINTENANCE_READONLY") {
        // The variable's value is a line of the configuration: `{"enabled": true}`.
        Some(value) => serde_saphyr::from_str::<Switch>(value).is_ok_and(|switch| switch.enabled),
        None => found.variable("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED") == Some("true") || file.maintenance(),
    };
    let storage = Storage {
        cache_of: cache_of.and_then(host_of),
        maintenance,
        space: host.space(nearest(host, &path).0),
        path,
        container: container.name().into(),
        image: container.image.clone(),
        config: config.clone(),
        deletes,
        mounted_read_only: found.mount(folder).is_some_and(|(mount, _)| !mount.writable),
    };
    Fact::present(storage, source)
}

fn service(host: &Host, port: u16) -> Fact<Storage> {
    let config = read(host, SERVICE);
    let Some(found) = config.value() else { return config.map(|_| Storage::default()) };
    let mine = found.http.addr.rsplit_once(':').is_some_and(|(_, number)| number.parse() == Ok(port));
    match found.folder().filter(|_| mine) {
        Some(path) => {
            let space = host.space(nearest(host, path).0);
            let storage = Storage {
                path: path.to_owned(),
                space,
                config: SERVICE.into(),
                deletes: found.deletes(),
                cache_of: found.cache_of().and_then(host_of),
                maintenance: found.maintenance(),
                ..Storage::default()
            };
            Fact::present(storage, SERVICE)
        }
        None => Fact::absent(SERVICE),
    }
}

/// The part of distribution's configuration that tells where images lie.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Config {
    storage: Option<Kinds>,
    http: Http,
    proxy: Proxy,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Proxy {
    remoteurl: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Maintenance {
    readonly: Switch,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Kinds {
    filesystem: Option<Filesystem>,
    delete: Switch,
    maintenance: Maintenance,
    #[serde(flatten)]
    others: std::collections::BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Filesystem {
    rootdirectory: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Switch {
    enabled: bool,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Http {
    addr: String,
}

impl Config {
    fn folder(&self) -> Option<&str> {
        let filesystem = self.storage.as_ref()?.filesystem.as_ref()?;
        Some(if filesystem.rootdirectory.is_empty() { FOLDER } else { filesystem.rootdirectory.as_str() })
    }

    fn deletes(&self) -> bool {
        self.storage.as_ref().is_some_and(|storage| storage.delete.enabled)
    }

    fn cache_of(&self) -> Option<&str> {
        Some(self.proxy.remoteurl.as_str()).filter(|url| !url.is_empty())
    }

    fn maintenance(&self) -> bool {
        self.storage.as_ref().is_some_and(|storage| storage.maintenance.readonly.enabled)
    }

    /// Images go to a cloud's store.
    fn is_elsewhere(&self) -> bool {
        let clouds = ["s3", "gcs", "azure", "swift", "oss", "inmemory"];
        self.storage.as_ref().is_some_and(|storage| clouds.iter().any(|cloud| storage.others.contains_key(*cloud)))
    }
}

/// Host and port of an address, without whom it is asked for.
fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit('@').next()?.to_owned()).filter(|host| !host.is_empty())
}

fn read(host: &Host, path: &str) -> Fact<Config> {
    host.text(path).parse(|text| serde_saphyr::from_str(&text).map_err(|why| why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_tells_folder_and_deleting() {
        let text = "version: 0.1\nstorage:\n  cache:\n    blobdescriptor: inmemory\n  delete:\n    enabled: true\n  \
                    filesystem:\n    rootdirectory: /srv/images\nhttp:\n  addr: :5001\n";
        let config: Config = serde_saphyr::from_str(text).unwrap();
        assert_eq!((config.folder(), config.deletes(), config.is_elsewhere()), (Some("/srv/images"), true, false));
        assert_eq!(config.http.addr, ":5001");
        assert!(config.cache_of().is_none() && !config.maintenance());
        let text = "storage: { filesystem: {}, maintenance: { readonly: { enabled: true } } }\n\
                    proxy: { remoteurl: 'https://ann:pw@registry-1.docker.io/' }";
        let cache: Config = serde_saphyr::from_str(text).unwrap();
        assert_eq!(cache.cache_of().and_then(host_of).as_deref(), Some("registry-1.docker.io"));
        assert!(cache.maintenance());
        let cloud: Config = serde_saphyr::from_str("storage: { s3: { bucket: x } }").unwrap();
        assert!(cloud.is_elsewhere() && !cloud.deletes() && cloud.folder().is_none());
        assert!(serde_saphyr::from_str::<Config>("storage: [").is_err());
    }

    #[test]
    fn the_innermost_mount_decides() {
        let mount = |source: &str, destination: &str| Mount {
            source: source.into(),
            destination: destination.into(),
            writable: true,
        };
        let found = Inspect {
            mounts: Some(vec![mount("/a", "/var"), mount("/b", "/var/lib/registry"), mount("/c", "/var/lib/reg")]),
            ..Inspect::default()
        };
        assert_eq!(found.on_host("/var/lib/registry").as_deref(), Some("/b"));
        assert_eq!(found.on_host("/var/lib/registry/docker").as_deref(), Some("/b/docker"));
        assert_eq!(found.on_host("/etc/x"), None);
    }
}
