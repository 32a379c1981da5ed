//! What keeps NVIDIA's driver from serving this host: no GPU, no module, libraries of another version, GPUs that it leaves alone.

use alloc::vec::Vec;

use crate::model::facts::host::{HostFacts, Platform};
use crate::model::facts::nvidia::{Generation, NvidiaFacts, PciGpu};
use crate::model::finding::Finding;

impl NvidiaFacts {
    /// The check that has to be mended before anything can come of the driver: `nvidia-gpu`, `nvidia-driver` or
    /// `nvidia-version`. For [`crate::model::fact::Stop::blocked_by`]; a check of this list asks with its own id and hears
    /// of those before it only.
    pub fn blocker(&self, host: &HostFacts, asking: &str) -> Option<&'static str> {
        let causes = [
            ("nvidia-gpu", self.lacks_gpu(host)),
            ("nvidia-driver", self.lacks_module(host)),
            ("nvidia-version", self.lacks_matching_libraries(host)),
        ];
        causes.into_iter().take_while(|(id, _)| *id != asking).find_map(|(id, bad)| bad.then_some(id))
    }

    fn lacks_gpu(&self, host: &HostFacts) -> bool {
        match host.platform.value() {
            Some(Platform::Wsl) => self.dxg.is_absent() || self.windows_driver.is_absent(),
            Some(Platform::Wsl1) => true,
            Some(Platform::Jetson) => false,
            None if self.gpus.is_absent() => true,
            None => self.gpus.value().is_some() && self.usable_gpus().next().is_none(),
        }
    }

    fn lacks_module(&self, host: &HostFacts) -> bool {
        host.platform.value().is_none()
            && (self.module.is_absent()
                || self
                    .module
                    .value()
                    .is_some_and(|module| self.dropped_gpus(&module.version, module.open).all_of(self)))
    }

    fn lacks_matching_libraries(&self, host: &HostFacts) -> bool {
        if host.platform.value().is_some() || host.is_application_container() {
            return false;
        }
        let Some(module) = self.module.value() else { return false };
        let none_there = self.nvml_library.is_absent() && self.cuda_library.is_absent();
        none_there || self.library_versions().any(|version| version != module.version)
    }

    /// GPUs on the bus that a driver of this version and flavour leaves alone.
    pub fn dropped_gpus(&self, version: &str, open: Option<bool>) -> Dropped<'_> {
        let branch = version.split('.').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let gpus = self.usable_gpus().filter(|gpu| {
            // A GPU that the module has bound is not left alone; Blackwell binds to the closed module and then fails.
            let unbound = gpu.driver.is_none();
            match gpu.generation() {
                Generation::BeforeMaxwell => unbound && branch >= 495,
                // The open module may hold one without starting it; where NVML's count is known, that tells.
                Generation::MaxwellToVolta => {
                    (unbound && branch >= 590) || (open == Some(true) && (unbound || self.nvml_misses(gpu)))
                }
                Generation::TuringToHopper => false,
                Generation::Blackwell => (open == Some(false) && self.nvml_misses(gpu)) || (unbound && branch < 570),
            }
        });
        Dropped { branch, gpus: gpus.collect() }
    }

    /// The first GPU that the module has now, and a driver of this version and flavour would leave alone.
    pub fn lost_to(&self, version: &str, open: Option<bool>) -> Option<Lost<'_>> {
        let branch = version.split('.').next()?.parse().ok()?;
        let gpu =
            self.usable_gpus().find(|gpu| gpu.is_held_by("nvidia") && !gpu.generation().is_driven_by(branch, open))?;
        Some(Lost { gpu, branch })
    }

    /// NVML has counted its GPUs, and this one is not among them.
    fn nvml_misses(&self, gpu: &PciGpu) -> bool {
        self.nvml.count.value() == Some(&0)
            || (self.nvml.listed.value().is_some() && self.nvml.gpus.iter().all(|seen| seen.address != gpu.address))
    }
}

/// See [`NvidiaFacts::lost_to`].
pub struct Lost<'a> {
    pub gpu: &'a PciGpu,
    pub branch: u32,
}

impl Lost<'_> {
    /// The fix that installs a driver which the GPU has; by its full name.
    pub fn fix(&self) -> &'static str {
        match self.gpu.generation() {
            Generation::Blackwell => "nvidia-driver/install-open",
            Generation::BeforeMaxwell => "nvidia-driver/install-legacy",
            _ => "nvidia-driver/install-580",
        }
    }

    pub fn told(&self, finding: Finding) -> Finding {
        let id = alloc::format!("10de:{:04x}", self.gpu.device);
        finding
            .about(&self.gpu.address)
            .with("id", &id)
            .with("branch", self.branch)
            .evidence("/sys/bus/pci/devices", id)
    }
}

/// See [`NvidiaFacts::dropped_gpus`].
pub struct Dropped<'a> {
    /// First number of the driver's version, 0 when it has none.
    pub branch: u32,
    pub gpus: Vec<&'a PciGpu>,
}

impl Dropped<'_> {
    fn all_of(&self, facts: &NvidiaFacts) -> bool {
        !self.gpus.is_empty() && self.gpus.len() == facts.usable_gpus().count()
    }
}
