//! A kernel that runs while its modules are gone: what is not loaded yet waits for a restart of the machine.

use alloc::string::String;
use alloc::vec::Vec;

use crate::model::facts::Facts;
use crate::model::facts::docker::{Address, Reach};
use crate::model::facts::engine::Modules;

impl Facts {
    /// The modules' table where the running kernel has none of its modules left. A container and a kernel in one piece have no modules
    /// of their own.
    pub fn old_kernel(&self) -> Option<&Modules> {
        let modules = self.engine.modules.value().filter(|modules| modules.loadable && !modules.running)?;
        (!modules.kernels.is_empty() && self.host.container.value().is_none()).then_some(modules)
    }

    /// What containers need of such a kernel and do not get any more. A daemon that runs has its own part already.
    pub fn lost_modules(&self) -> Vec<&str> {
        let Some(modules) = self.old_kernel() else { return Vec::new() };
        let docker = &self.docker;
        let info = docker.answered_info();
        let filter = self.engine.packet_filter.value().filter(|_| info.is_none() && !docker.uses_nftables());
        let told = docker.setting("storage-driver", |settings| settings.storage_driver.as_deref());
        let driver = info.map(|info| info.driver.as_str()).or(told.map(|told| told.value)).unwrap_or_default();
        let is_needed = |name: &&str| match *name {
            "overlay" => driver.is_empty() || driver.starts_with("overlay"),
            "ip_tables" => filter.is_some_and(|filter| filter.legacy),
            "nf_tables" => filter.is_some_and(|filter| filter.program.is_some() && !filter.legacy),
            "xt_addrtype" => filter.is_some_and(|filter| filter.program.is_some()),
            "bridge" => info.is_none(),
            _ => true,
        };
        modules.lost.iter().map(String::as_str).filter(is_needed).collect()
    }

    /// An engine of this machine's is down, and its network or its images cannot come up before the restart.
    pub fn engine_waits_for_reboot(&self) -> bool {
        let docker = &self.docker;
        let down = matches!(docker.reach.value(), Some(Reach::NotThere | Reach::Refused));
        let here = matches!(docker.endpoint.value().map(|endpoint| &endpoint.address), Some(Address::Unix(_)));
        let installed = docker.daemon_program.value().is_some() || docker.unit.value().is_some();
        down && here && installed && !docker.is_elsewhere() && !self.lost_modules().is_empty()
    }

    /// NVIDIA's driver is installed, and its module cannot be loaded before the restart.
    pub fn driver_waits_for_reboot(&self) -> bool {
        let nvidia = &self.nvidia;
        let waits = self.old_kernel().is_some() && nvidia.module.is_absent() && nvidia.kernel_tree.is_absent();
        waits && nvidia.is_installed() && nvidia.usable_gpus().next().is_some()
    }
}
