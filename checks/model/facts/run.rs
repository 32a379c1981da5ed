//! What the host holds of the things that a run line names: paths, a name, an image, a terminal.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::place;
use serde::{Deserialize, Serialize};

use super::engine::Unfit;
use super::image::ImageFacts;
use crate::model::dockerfile::Step;
use crate::model::fact::Fact;
use crate::model::need::{Need, Origin};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunFacts {
    /// What lies at each path of the host that the line mounts, passes as a device, or has docker's client read; of one that is not
    /// there also at the nearest folder above that is, and at what is mounted onto below /sys, which is the kernel's own everywhere.
    #[serde(serialize_with = "place::path")]
    pub sources: BTreeMap<String, Fact<Lies>>,
    /// Names of all containers, stopped ones too, without the slash.
    #[serde(serialize_with = "place::container")]
    pub names: Fact<Vec<String>>,
    /// Names of all networks, when the line names one of its own, or one is made for it.
    #[serde(serialize_with = "place::network")]
    pub networks: Fact<Vec<String>>,
    /// The interface of this host that the line's network of macvlan or ipvlan lies on.
    pub parent: Fact<Parent>,
    /// The highest number of a processor that is online, when the line names processors.
    pub last_cpu: Fact<u32>,
    /// The most files that any process may open, when the line sets how many its own may: fs.nr_open.
    pub most_files: Fact<u64>,
    /// The line's image as the daemon has it; Absent when it would have to be pulled.
    pub image: Fact<ImageFacts>,
    /// Why docker refuses what stands in a file that its client reads; Absent: it takes it.
    pub contents: BTreeMap<String, Fact<String>>,
    /// The program that the line starts, as a path in the image; Absent: there is none to start.
    pub program: Fact<String>,
    /// Why it is not there to start, where `program` is Absent.
    pub program_fault: Option<ProgramFault>,
    /// What the image has at the paths that the line mounts onto or works in; only what is there.
    pub targets: BTreeMap<String, Lies>,
    /// The users and groups that the line names and the image has; Unknown where its files cannot be seen.
    pub accounts: Fact<Accounts>,
    /// What lies in volumes at the folders of theirs that the line mounts, `VOLUME/FOLDER`.
    #[serde(serialize_with = "place::path")]
    pub subpaths: BTreeMap<String, Fact<Lies>>,
    /// What lies at the folder of this host that a volume of the line stands for, by the volume's name; where it stands for something
    /// else that has to be mounted, such as a server's folder, Unknown.
    pub volumes: BTreeMap<String, Fact<VolumeSource>>,
    /// Where the source of a mount that is to be shared lies on a mount that is not: that mount's place, by the source.
    #[serde(serialize_with = "place::path")]
    pub private_mounts: BTreeMap<String, String>,
    /// Where a source is missing and would have to be made on a mount that is read-only: that mount's place, by the source.
    #[serde(serialize_with = "place::path")]
    pub read_only_mounts: BTreeMap<String, String>,
    /// The containers that the line leans on, by their names.
    pub leans: BTreeMap<String, Fact<Leaned>>,
    /// The folder that the Dockerfile is built from.
    pub context: Option<BuildFolder>,
    /// The bases of the Dockerfile as the daemon has them, by reference; Absent where one would have to be pulled.
    #[serde(serialize_with = "place::image")]
    pub bases: BTreeMap<String, Fact<ImageFacts>>,
    /// What podman needs before it looks at an image, where the line is podman's.
    pub podman: Fact<PodmanHost>,
    /// Present(true): a person's terminal is there. Present(false): none, as in CI or cron.
    pub terminal: Fact<bool>,
}

impl RunFacts {
    /// True when this wish comes from the run line's image and that image is here already: no registry is asked for it.
    pub fn needs_no_registry(&self, need: &Need, by: &Origin) -> bool {
        let always =
            need.run.as_ref().and_then(|line| line.last("pull")).is_some_and(|option| option.value == "always");
        let of_image =
            need.run.as_ref().and_then(|line| line.image.as_ref()).is_some_and(|image| image.at.origin() == *by);
        of_image && self.image.value().is_some() && !always
    }
}

/// Names of /etc/passwd and /etc/group in an image, as far as a line asks for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    #[serde(serialize_with = "place::user")]
    pub users: Vec<String>,
    #[serde(serialize_with = "place::group")]
    pub groups: Vec<String>,
    /// The numbers that the container's first process gets.
    pub ids: Option<Ids>,
}

/// A user and all groups of a process, as the engine finds them in an image's /etc/passwd and /etc/group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ids {
    pub uid: u32,
    /// The first is the process's own, the others are supplementary.
    pub groups: Vec<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PodmanHost {
    /// Started by a user without root.
    pub rootless: bool,
    /// There is a policy.json, without which nothing is pulled.
    pub policy: bool,
    /// There is a program that makes the usual network: netavark or CNI's bridge, pasta or slirp4netns.
    pub network: bool,
    /// All that is there of these is CNI's bridge or slirp4netns.
    pub old_network: bool,
    /// XDG_RUNTIME_DIR where it is another user's.
    #[serde(serialize_with = "place::path")]
    pub foreign_runtime: Option<String>,
    /// What starts its containers and lies in no folder where it looks: conmon, crun (and no runc either).
    #[serde(serialize_with = "place::word")]
    pub missing: BTreeSet<String>,
    /// What starts its containers: `crun`, or what the line or its settings name. `None` where that is not known.
    #[serde(serialize_with = "place::word")]
    pub runtime: Option<String>,
    /// A file of its settings that it refuses.
    pub refused: Option<RefusedFile>,
    /// It sets limits for each container that this root may not set.
    pub limited: bool,
    /// The network's file system that its store lies on.
    pub network_disk: Option<NetworkDisk>,
    /// What it has already.
    pub store: Fact<PodmanStore>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkDisk {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// As /proc/mounts calls it: `nfs4`.
    #[serde(serialize_with = "place::word")]
    pub kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefusedFile {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    pub why: String,
}

/// podman's containers, networks and the line's image, as its files have them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PodmanStore {
    #[serde(serialize_with = "place::container")]
    pub containers: Vec<String>,
    #[serde(serialize_with = "place::network")]
    pub networks: Vec<String>,
    pub image: PodmanImage,
}

/// The line's image as podman finds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodmanImage {
    /// The line names none, or a file.
    #[default]
    NotNamed,
    Here,
    /// One registry has to be asked, or several in turn.
    ToPull,
    /// Its name has no registry, and none is set for such names.
    NoRegistry,
    /// Its name has no registry, and only a person may choose among these.
    Choice(#[serde(serialize_with = "place::host")] Vec<String>),
}

/// A program of the image's that is there and does not start, or that a mount hides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProgramFault {
    /// As it is started.
    #[serde(serialize_with = "place::path")]
    pub name: String,
    /// Where it lies in the image; empty where it does not.
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// Where the line mounts something over it.
    #[serde(serialize_with = "place::path")]
    pub under: Option<String>,
    pub unfit: Option<Unfit>,
}

/// The folder or the device that a volume of the local driver mounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VolumeSource {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    pub lies: Option<Lies>,
}

/// What COPY and ADD find in the folder of a build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildFolder {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// By their paths in it.
    #[serde(serialize_with = "place::path")]
    pub sources: BTreeMap<String, Copied>,
    /// What the files bring by which steps install, by their paths in the image.
    #[serde(serialize_with = "place::path")]
    pub brings: BTreeMap<String, Vec<Brings>>,
}

impl BuildFolder {
    /// A file by which this step installs brings it.
    pub fn step_brings(&self, step: &Step, what: Brings) -> bool {
        step.files.iter().filter_map(|file| self.brings.get(file)).any(|brings| brings.contains(&what))
    }
}

/// What a setup.py or a list of requirements has pip install.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Brings {
    /// Something that is compiled for CUDA.
    CudaExtension,
    /// OpenCV with its windows.
    OpenCv,
}

/// A source of COPY or ADD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copied {
    Missing,
    /// It is there, and .dockerignore keeps it from the build.
    Ignored,
    /// A folder, or a file that may be started.
    #[default]
    Fine,
    /// A file that nobody may execute.
    NotExecutable,
    /// A script whose first line ends as Windows ends it.
    Returns,
    /// A text without `#!`.
    NoProgram,
}

/// An interface that a network of Docker's is laid upon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parent {
    /// `macvlan`, `ipvlan`.
    #[serde(serialize_with = "place::word")]
    pub driver: String,
    /// `eth0`, or `eth0.10` of a VLAN.
    #[serde(serialize_with = "place::word")]
    pub name: String,
    pub is_there: bool,
    /// The bridge or bond whose port it is: the kernel gives nobody else what comes in there.
    #[serde(serialize_with = "place::word")]
    pub port_of: Option<String>,
    pub wireless: bool,
}

/// A container that a line leans on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Leaned {
    pub running: bool,
    /// Another container may join its shared memory.
    pub shares_ipc: bool,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lies {
    File,
    Folder,
    EmptyFolder,
    /// A folder that devices lie in; told only of what is given as a device.
    DeviceFolder,
    /// The same with a named pipe among them, which no container can be given.
    PipeFolder,
    Socket,
    CharDevice,
    Other,
}

impl core::fmt::Display for Lies {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Lies::File => "a file",
            Lies::Folder => "a folder",
            Lies::EmptyFolder => "an empty folder",
            Lies::DeviceFolder => "a folder of devices",
            Lies::PipeFolder => "a folder with a named pipe in it",
            Lies::Socket => "a socket",
            Lies::CharDevice => "a device",
            Lies::Other => "something else",
        })
    }
}
