//! Everything one run knows about the host, in groups; each group is one file here, read by one file in `src/probe`.

pub mod camera;
pub mod disk;
pub mod display;
pub mod docker;
pub mod engine;
pub mod frame;
pub mod host;
pub mod image;
pub mod library;
pub mod nvidia;
pub mod port;
pub mod reclaim;
pub mod registry;
pub mod run;
pub mod toolkit;

use serde::{Deserialize, Serialize};

/// A group that was not probed is all "not asked".
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    pub host: host::HostFacts,
    pub docker: docker::DockerFacts,
    pub engine: engine::EngineFacts,
    pub nvidia: nvidia::NvidiaFacts,
    pub library: library::LibraryFacts,
    pub toolkit: toolkit::ToolkitFacts,
    pub display: display::DisplayFacts,
    pub camera: camera::CameraFacts,
    pub frame: frame::FrameFacts,
    pub port: port::PortFacts,
    pub registry: registry::RegistryFacts,
    pub disk: disk::DiskFacts,
    pub reclaim: reclaim::ReclaimFacts,
    pub run: run::RunFacts,
    pub image: image::WantedImages,
}

impl Facts {
    /// What fences of fixes may be tagged with on this host: the distribution's family, `systemd` or `no-systemd`, and so on.
    pub fn tags(&self) -> alloc::vec::Vec<alloc::string::String> {
        let mut tags = self.host.tags();
        tags.extend(self.docker.tags().into_iter().map(alloc::string::String::from));
        tags
    }
}
