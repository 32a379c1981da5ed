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
pub mod own;
pub mod port;
pub mod proof;
pub mod reclaim;
pub mod registry;
pub mod run;
pub mod toolkit;

use serde::{Deserialize, Serialize};

use super::need::{Need, Origin};

/// Names each group once: the field of [`Facts`] that holds it, its [`Group`], its type.
macro_rules! groups {
    ($($field:ident $group:ident $facts:ty,)+) => {
        /// A group that was not probed is all "not asked".
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Facts {
            $(pub $field: $facts,)+
        }

        /// A group of facts, which one probe reads. A family says which groups its checks read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Group {
            $($group,)+
        }

        impl Group {
            pub const ALL: &'static [Group] = &[$(Group::$group,)+];

            /// The field of [`Facts`], as saved files name it too.
            pub fn name(self) -> &'static str {
                match self {
                    $(Group::$group => stringify!($field),)+
                }
            }
        }
    };
}

groups! {
    host Host host::HostFacts,
    docker Docker docker::DockerFacts,
    engine Engine engine::EngineFacts,
    nvidia Nvidia nvidia::NvidiaFacts,
    library Library library::LibraryFacts,
    toolkit Toolkit toolkit::ToolkitFacts,
    display Display display::DisplayFacts,
    camera Camera camera::CameraFacts,
    frame Frame frame::FrameFacts,
    port Port port::PortFacts,
    registry Registry registry::RegistryFacts,
    disk Disk disk::DiskFacts,
    reclaim Reclaim reclaim::ReclaimFacts,
    run Run run::RunFacts,
    image Image image::WantedImages,
    proof Proof proof::ProofFacts,
    own Own own::OwnFacts,
}

impl Group {
    /// The one check that reads this group, where looking is slow or lets cameras stream: only for it is it looked at.
    pub fn only_for(self) -> Option<&'static str> {
        match self {
            Group::Reclaim => Some("disk-reclaim"),
            Group::Frame => Some("camera-frame"),
            _ => None,
        }
    }

    /// True where the need gives this group something to look at.
    pub fn concerns(self, need: &Need) -> bool {
        match self {
            Group::Host | Group::Docker | Group::Engine | Group::Disk | Group::Reclaim => true,
            Group::Nvidia | Group::Library | Group::Toolkit => {
                need.gpu.is_some()
                    || !need.images.is_empty()
                    || !need.capabilities.is_empty()
                    || need.codecs().next().is_some()
            }
            // A line can name a display itself: whether it is this host's.
            Group::Display => {
                let named = || need.run.as_ref().is_some_and(|line| line.own_display().is_some());
                need.display.is_some() || need.display_access.is_some() || named()
            }
            Group::Camera => !need.cameras.is_empty(),
            Group::Frame => need.frame.is_some(),
            Group::Port => !need.ports.is_empty(),
            Group::Registry => !need.registries.is_empty(),
            // Where nothing is said of an engine, podman may be the one that is here.
            Group::Run => need.run.is_some() || need.dockerfile.is_some() || need.docker == Some(Origin::Default),
            Group::Image => !need.images.is_empty(),
            Group::Proof => need.proof.is_some(),
            Group::Own => !need.own.is_empty(),
        }
    }
}

impl Facts {
    /// What fences of fixes may be tagged with on this host: the distribution's family, `systemd` or `no-systemd`, and so on.
    pub fn tags(&self) -> alloc::vec::Vec<alloc::string::String> {
        let mut tags = self.host.tags();
        tags.extend(self.docker.tags().into_iter().map(alloc::string::String::from));
        // What reads the commands is the engine that starts next, also where none runs.
        let old = self.engine_to_start().is_some_and(|version| version.major() < 23);
        if !tags.iter().any(|tag| tag == "podman") {
            tags.push(if old { "before-23" } else { "since-23" }.into());
        }
        tags
    }
}
