//! Which Docker Engine starts next: the package that is installed, which a running daemon may be older than.

use alloc::vec::Vec;

use crate::model::facts::Facts;
use crate::model::version::Version;

/// A package that brings dockerd and the programs that it starts; its version is the engine's.
pub fn is_engine_package(name: &str) -> bool {
    ["docker-ce", "docker.io", "docker-engine", "moby-engine"].contains(&name)
}

impl Facts {
    /// `None` where neither a package nor a running engine tells.
    pub fn engine_to_start(&self) -> Option<Version> {
        let packages = self.engine.packages.value().map(Vec::as_slice).unwrap_or_default();
        let packaged = packages.iter().find(|package| is_engine_package(&package.name));
        let running = || self.docker.version.value().filter(|version| !version.is_podman());
        let text = packaged.map(|package| &package.version).or_else(|| running().map(|version| &version.version));
        text.and_then(|text| Version::leading(text))
    }
}
