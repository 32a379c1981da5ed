//! What the file system below the engine's data root keeps dockerd from.

use alloc::string::String;

use crate::model::facts::Facts;
use crate::model::facts::engine::DataRoot;

impl Facts {
    /// Images of an engine that is down are kept by overlay2, which its Init refuses on this file system (moby,
    /// daemon/graphdriver/overlay2/overlay.go).
    pub fn root_without_overlay(&self) -> Option<(&DataRoot, &str)> {
        let root = self.engine.data_root.value()?;
        let set = self.docker.setting("storage-driver", |settings| settings.storage_driver.as_deref());
        let driver = set.map(|set| set.value).filter(|driver| !driver.is_empty());
        let by_overlay = driver.map_or(root.overlay2, |driver| driver == "overlay2");
        Some((root, root.no_overlay()?)).filter(|_| by_overlay && self.docker.answered_info().is_none())
    }

    /// overlay2 is to limit each container's layer, which wants XFS that counts by project: what the file system is instead.
    pub fn size_without_quotas(&self) -> Option<(&DataRoot, &'static str)> {
        let settings = self.docker.settings()?;
        let root = self.engine.data_root.value().filter(|root| !root.kind.is_empty())?;
        let driver = settings.storage_driver.as_deref().unwrap_or_default();
        let by_overlay = driver == "overlay2" || driver.is_empty() && root.overlay2;
        let is_size = |option: &String| {
            let (name, size) = option.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case("overlay2.size") && !["", "0"].contains(&size.trim())
        };
        let asked = by_overlay && settings.storage_opts.iter().any(is_size);
        match root.kind.as_str() {
            "xfs" if root.quotas => None,
            "xfs" => Some((root, "XFS without pquota")),
            _ => Some((root, "not XFS")),
        }
        .filter(|_| asked)
    }
}
