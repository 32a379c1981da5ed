//! What Docker's own commands would free, counted from `GET /system/df`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReclaimFacts {
    /// One for each command that would free something. The daemon is asked only where somebody wants to know or room is short.
    pub commands: Fact<Vec<Freed>>,
}

/// What one command would free at least: what several things share is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freed {
    pub by: Command,
    /// Things that it would remove.
    pub count: u64,
    pub bytes: u64,
    /// So many of these bytes may be layers of build cache as well, and then stay until that is pruned, too.
    #[serde(default)]
    pub held: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// `docker builder prune`
    BuilderPrune,
    /// `docker image prune`: images without a name.
    ImagePrune,
    /// `docker container prune`: stopped containers, with what was written in them.
    ContainerPrune,
    /// `docker image prune -a`: every image that no container uses.
    ImagePruneAll,
    /// `docker rmi NAME`: one image that no container uses, by its only name, or by its id where it has none.
    Rmi(String),
    /// `docker volume prune`: volumes that no container uses; `named` of them have names that somebody gave. Since Engine 23
    /// the command leaves those alone.
    VolumePrune { named: u64 },
    /// `docker volume prune -a`, since Engine 23: every volume that no container uses.
    VolumePruneAll,
}

impl Command {
    pub fn removes_images(&self) -> bool {
        matches!(self, Command::ImagePrune | Command::ImagePruneAll | Command::Rmi(_))
    }
}

impl core::fmt::Display for Command {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Command::BuilderPrune => "docker builder prune",
            Command::ImagePrune => "docker image prune",
            Command::ContainerPrune => "docker container prune",
            Command::ImagePruneAll => "docker image prune -a",
            Command::Rmi(image) => return write!(f, "docker rmi {image}"),
            Command::VolumePrune { .. } => "docker volume prune",
            Command::VolumePruneAll => "docker volume prune -a",
        })
    }
}
