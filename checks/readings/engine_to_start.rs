//! Which Docker Engine starts next: the package that is installed, which a running daemon may be older than.

use alloc::vec::Vec;

use crate::model::facts::Facts;
use crate::model::version::Version;

/// Packages whose version is that of the engine in them.
const PACKAGES: [&str; 4] = ["docker-ce", "docker.io", "docker-engine", "moby-engine"];

impl Facts {
    /// `None` where neither a package nor a running engine tells.
    pub fn engine_to_start(&self) -> Option<Version> {
        let packages = self.engine.packages.value().map(Vec::as_slice).unwrap_or_default();
        let packaged = packages.iter().find(|package| PACKAGES.contains(&package.name.as_str()));
        let running = || self.docker.version.value().filter(|version| !version.is_podman());
        let text = packaged.map(|package| &package.version).or_else(|| running().map(|version| &version.version));
        text.and_then(|text| Version::leading(text))
    }
}
