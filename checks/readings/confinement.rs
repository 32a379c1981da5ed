//! SELinux between containers and the host's devices.

use crate::model::fact::{Fact, Stop};
use crate::model::facts::Facts;
use crate::model::facts::docker::Info;
use crate::model::need::Need;
use crate::model::run::RunLine;

impl Facts {
    /// It keeps containers of this engine from a kind of devices: true where this very container is confined and every switch that
    /// would let it in is known. `None`: no engine told whether it labels, which counts as yes.
    pub fn selinux_stops(
        &self,
        need: &Need,
        info: Option<&Info>,
        switches: &[&Fact<bool>],
    ) -> Result<Option<bool>, Stop> {
        let labels = info.is_none_or(|info| info.has_security_option("selinux"));
        let allowed = switches.iter().any(|on| on.value() == Some(&true));
        let free = need.run.as_ref().is_some_and(is_unconfined);
        if !labels || free || self.toolkit.selinux.known()? != Some(&true) || allowed {
            return Ok(None);
        }
        // A switch that a policy does not have lets nobody in; the first is in all of them.
        let seen = switches.iter().all(|switch| switch.gap().is_none());
        Ok(Some(need.run.is_some() && seen && switches.first().is_some_and(|switch| switch.value().is_some())))
    }
}

/// SELinux holds this container to nothing, or to a type of its own.
fn is_unconfined(line: &RunLine) -> bool {
    let lifts = |value: &str| ["label=disable", "label:disable"].contains(&value) || value.contains("type");
    line.switch("privileged").is_some() || line.all("security-opt").any(|option| lifts(&option.value))
}
