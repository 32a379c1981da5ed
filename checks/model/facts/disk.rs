//! Room where images, containers and volumes really lie.

use alloc::string::String;
use alloc::vec::Vec;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskFacts {
    /// The places that fill up, one for each file system.
    pub places: Fact<Vec<Place>>,
    /// Log files of containers, largest first; Denied to whoever may not enter Docker's data root.
    pub logs: Fact<Vec<LogFile>>,
    /// Deleted files that processes still have open on Docker's file system, largest first. Looked for only when room is short,
    /// as is `leftovers`.
    pub deleted: Fact<Vec<OpenFile>>,
    pub leftovers: Fact<Leftovers>,
}

/// A deleted file whose blocks stay taken until the last process closes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenFile {
    /// Where it was.
    #[serde(serialize_with = "place::path")]
    pub path: String,
    pub bytes: u64,
    pub pid: u32,
    /// The number by which that process has it open.
    pub fd: u32,
    pub process: String,
    /// The id of the container that this process belongs to, or whose log this was; empty when there is none.
    #[serde(default)]
    #[serde(serialize_with = "place::word")]
    pub container: String,
}

/// What lies below the data root and no record of Docker's knows; Denied to whoever may not enter it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Leftovers {
    /// The data root.
    #[serde(serialize_with = "place::path")]
    pub root: String,
    /// Folders of layers in `overlay2`, older than an hour, that belong to no image and no container.
    pub folders: u64,
    /// Storage drivers that the engine used before and whose images are still there.
    #[serde(serialize_with = "place::word")]
    pub drivers: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What lies there, all on one file system.
    pub holds: Vec<Content>,
    /// The folder that Docker uses, as Docker names it.
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// The folder that was looked at: `path`, or its nearest parent that this user can see.
    #[serde(serialize_with = "place::path")]
    pub looked_at: String,
    pub space: Fact<Space>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Layers of images and containers: what pulls and builds write.
    Images,
    /// Volumes, logs, and what else is in Docker's data root.
    Data,
    /// BuildKit's cache, which is a part of the data root.
    BuildCache,
    /// /tmp, where clients and builds put what they need for a while.
    Temporary,
    /// /run, or a user's part of it: what containerd and runc write down of each container while it runs. Told of only where it is full.
    State,
}

/// statvfs(3): for users without privileges, in bytes and inodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Space {
    pub available: u64,
    pub total: u64,
    pub inodes_available: u64,
    /// 0: the file system (btrfs) sets no limit.
    pub inodes_total: u64,
    pub read_only: bool,
}

const GIB: u64 = 1 << 30;
/// Below this, even small images do not fit.
const FULL: u64 = 64 << 20;
/// Below this, one image of the usual GPU frameworks does not fit.
const SHORT: u64 = 5 * GIB;
/// Large file systems are short below a twentieth, yet not while this much is free.
const PLENTY: u64 = 20 * GIB;
/// Even a small image has some hundred files.
const NO_INODES: u64 = 500;
/// A Python framework's image has some ten thousand files.
const FEW_INODES: u64 = 50_000;

/// How much is left of bytes or of inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    Enough,
    /// It will not last.
    Short,
    /// Nothing can be pulled any more.
    None,
}

impl Space {
    pub fn bytes_left(&self) -> Left {
        let (free, total) = (self.available, self.total);
        match () {
            () if free < FULL => Left::None,
            () if free < SHORT || (free < total / 20 && free < PLENTY) => Left::Short,
            () => Left::Enough,
        }
    }

    /// Even empty it would count as full.
    pub fn is_tiny(&self) -> bool {
        self.total < FULL
    }

    pub fn inodes_left(&self) -> Left {
        match (self.inodes_total, self.inodes_available) {
            (0, _) => Left::Enough,
            (_, ..NO_INODES) => Left::None,
            (_, ..FEW_INODES) => Left::Short,
            _ => Left::Enough,
        }
    }
}

impl Place {
    /// Nothing of Docker's lies there: no command of its own can make room.
    pub fn is_temporary(&self) -> bool {
        self.holds.iter().all(|content| *content == Content::Temporary)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    pub bytes: u64,
}

impl core::fmt::Display for Space {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} of {} free, ", bytes(self.available), bytes(self.total))?;
        match self.inodes_total {
            0 => f.write_str("no limit of inodes")?,
            total => write!(f, "{} of {total} inodes free", self.inodes_available)?,
        }
        if self.read_only { f.write_str(", read-only") } else { Ok(()) }
    }
}

/// A size for a reader: `512 B`, `3.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return alloc::format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if tenths >= 1000 {
        alloc::format!("{} {name}", tenths / 10)
    } else {
        alloc::format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}
