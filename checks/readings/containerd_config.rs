//! Does containerd take its own /etc/containerd/config.toml? What 1.6, 1.7 and 2.1 take and refuse was tried with their `config dump`.

use alloc::format;
use alloc::string::String;

use crate::model::facts::Facts;
use crate::model::version::Version;

pub const PATH: &str = "/etc/containerd/config.toml";

impl Facts {
    /// Why the containerd that dockerd is told to use does not start with its file; `None` where it takes it, or nothing is known.
    pub fn containerd_refuses(&self) -> Option<String> {
        let command = self.docker.command.value()?;
        let file = self.engine.containerd_config.value().filter(|_| command.options.contains_key("containerd"))?;
        if let Some(why) = &file.malformed {
            return Some(why.clone());
        }
        if let Some((key, wanted)) = &file.wrong_kind {
            return Some(format!("{key} is not {wanted}"));
        }
        let whole = "names a plugin otherwise than io.containerd.KIND.vN.NAME";
        if let Some(name) = file.short_names.first().filter(|_| file.version > 1) {
            return Some(format!("{name:?} {whole}"));
        }
        let version = self.containerd_version()?;
        let two = Version::new(&[2, 0]);
        if let Some(name) = file.short_tables.first().filter(|_| file.version > 1 && version < two) {
            return Some(format!("[plugins.{name}] {whole}"));
        }
        let newest = if version >= two { 3 } else { 2 };
        let checks = version >= Version::new(&[1, 7]);
        let form = file.version;
        (checks && form > newest).then(|| format!("containerd {version} does not know version {form} of it"))
    }

    /// By its package.
    fn containerd_version(&self) -> Option<Version> {
        let packages = self.engine.packages.value()?;
        let package =
            packages.iter().find(|package| ["containerd", "containerd.io"].contains(&package.name.as_str()))?;
        Version::leading(&package.version)
    }
}
