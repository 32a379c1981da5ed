//! podman's own files of settings, in the order in which they count: containers.conf(5), containers-storage.conf(5),
//! containers-registries.conf(5).

use gdoctor_checks::model::facts::run::RefusedFile;
use toml::{Table, Value};

use crate::host::Host;

pub struct Settings {
    containers: Vec<Table>,
    storage: Vec<Table>,
    registries: Vec<Table>,
    /// The first of them that podman refuses, and every command with it.
    pub refused: Option<RefusedFile>,
}

impl Settings {
    /// `own`: the folder of the user's files. Where they are files of root's alone, the same folder is named again, and changes nothing.
    pub fn read(host: &Host, own: &str) -> Self {
        let mut refused = None;
        let mut read = |path: String| {
            let text = host.text(&path);
            match toml::from_str::<Table>(text.value()?) {
                Ok(table) => Some(table),
                Err(why) => {
                    let why = why.message().to_owned();
                    refused.get_or_insert(RefusedFile { path, why });
                    None
                }
            }
        };
        let mut all = |paths: Vec<String>| paths.into_iter().filter_map(&mut read).collect::<Vec<_>>();
        let containers = all([
            vec!["/usr/share/containers/containers.conf".into(), "/etc/containers/containers.conf".into()],
            below(host, "/etc/containers/containers.conf.d"),
            vec![format!("{own}/containers.conf")],
            below(host, &format!("{own}/containers.conf.d")),
        ]
        .concat());
        // Of these the last that is there counts alone.
        let storage = [format!("{own}/storage.conf"), "/etc/containers/storage.conf".into()];
        let storage = storage.into_iter().chain(["/usr/share/containers/storage.conf".into()]);
        let storage = all(storage.filter(|path| host.exists(path)).take(1).collect());
        let registries = [format!("{own}/registries.conf"), "/etc/containers/registries.conf".into()];
        let registries = registries.into_iter().filter(|path| host.exists(path)).take(1).collect();
        let more = [below(host, "/etc/containers/registries.conf.d"), below(host, &format!("{own}/registries.conf.d"))];
        let registries = all([registries, more.concat()].concat());
        Self { containers, storage, registries, refused }
    }

    /// What the last of containers.conf's files says under `[table]`.
    pub fn containers(&self, table: &str, key: &str) -> Option<&Value> {
        self.containers.iter().rev().find_map(|file| file.get(table)?.get(key))
    }

    pub fn storage(&self, key: &str) -> Option<&str> {
        self.storage.iter().rev().find_map(|file| file.get("storage")?.get(key)?.as_str())
    }

    /// Folders of images that others keep.
    pub fn more_images(&self) -> Vec<String> {
        let stores = |file: &Table| {
            let stores = file.get("storage")?.get("options")?.get("additionalimagestores")?.as_array()?.clone();
            Some(stores)
        };
        let stores = self.storage.iter().filter_map(stores).flatten();
        stores.filter_map(|store| store.as_str().map(str::to_owned)).collect()
    }

    /// Where an image is looked for whose name has no registry; the older form of the file has them in a table.
    pub fn search(&self) -> Vec<String> {
        let said = |file: &Table| {
            let new = file.get("unqualified-search-registries");
            let old = || file.get("registries")?.get("search")?.get("registries");
            Some(new.or_else(old)?.as_array()?.clone())
        };
        let last = self.registries.iter().rev().find_map(said).unwrap_or_default();
        last.iter().filter_map(|registry| registry.as_str().map(str::to_owned)).collect()
    }

    /// Of several registries only a person may choose.
    pub fn asks_which(&self) -> bool {
        let mode = self.registries.iter().rev().find_map(|file| file.get("short-name-mode")?.as_str());
        mode == Some("enforcing")
    }

    pub fn is_alias(&self, name: &str) -> bool {
        let said = self.registries.iter().rev().find_map(|file| file.get("aliases")?.get(name)?.as_str());
        said.is_some_and(|name| !name.is_empty())
    }
}

fn below(host: &Host, folder: &str) -> Vec<String> {
    let names = host.list(folder);
    let names = names.value().into_iter().flatten().filter(|name| name.ends_with(".conf"));
    names.map(|name| format!("{folder}/{name}")).collect()
}
