//! What of the NVIDIA Container Toolkit is on the host, how it is configured, and which CDI specs lie where engines look.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolkitFacts {
    /// nvidia-container-runtime-hook, as dockerd finds it on its own PATH.
    pub hook: Fact<Program>,
    /// nvidia-cdi-hook, the same way.
    pub cdi_hook: Fact<Program>,
    /// nvidia-container-runtime, the same way.
    pub runtime: Fact<Program>,
    /// nvidia-ctk, the same way.
    pub ctk: Fact<Program>,
    /// When dockerd started, in seconds since the epoch.
    pub daemon_started: Fact<i64>,
    /// The toolkit's version: `1.17.8`.
    pub version: Fact<String>,
    /// The toolkit's packages with their versions; without dpkg its program and its library, which tell theirs themselves.
    pub packages: Fact<Vec<Installed>>,
    /// Entries of apt's sources that name NVIDIA's container repositories; Absent without apt.
    pub repositories: Fact<Vec<Repository>>,
    /// SELinux enforces; Absent where the kernel runs without it.
    pub selinux: Fact<bool>,
    /// SELinux's switch container_use_devices.
    pub selinux_devices: Fact<bool>,
    /// config.toml; Absent means the toolkit's defaults.
    pub config: Fact<Config>,
    /// Last change of config.toml, in seconds since the epoch.
    pub config_changed: Fact<i64>,
    /// Every daemon.json that some engine of this host would read.
    pub daemon_files: Fact<Vec<DaemonFile>>,
    /// The program that the daemon has registered as runtime `nvidia`; Absent: nothing lies at the registered path.
    pub registered_program: Fact<String>,
    /// CDI specs of kind nvidia.com/… , and files that are no specs, in the order of rising priority.
    pub specs: Fact<Vec<Spec>>,
    /// systemd's nvidia-cdi-refresh.service, which writes a fresh spec.
    pub refresh: Fact<String>,
    /// /dev/char/195:255, the link by which runc finds /dev/nvidiactl after a reload.
    pub char_link: Fact<String>,
    /// Lists of what a Jetson's containers get: files below host-files-for-container.d.
    pub csv: Fact<Vec<String>>,
    /// The uid map of this process is not the whole range: an unprivileged LXC guest, or another user namespace.
    pub user_namespace: Fact<bool>,
    /// Sockets of NVIDIA's daemons below /run that the older ways put into a container.
    pub sockets: Fact<Vec<String>>,
    /// Containers that Docker was to start by itself; looked for only where the driver is loaded now.
    pub failed_starts: Fact<FailedStarts>,
}

/// Stopped containers whose last start failed because the driver was not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailedStarts {
    /// So many stopped containers were looked at, the newest first.
    pub looked: u32,
    /// There are others.
    pub more: bool,
    pub failed: Vec<FailedStart>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedStart {
    pub container: String,
    /// `always`, `unless-stopped`, `on-failure`.
    pub policy: String,
    pub missing: Early,
}

/// What was not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Early {
    /// NVML found no module.
    Driver,
    /// A CDI spec led to this node.
    Node(String),
    /// No CDI spec named the GPU.
    Spec,
}

impl core::fmt::Display for Early {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Early::Driver => f.write_str("NVIDIA's driver"),
            Early::Node(path) => f.write_str(path),
            Early::Spec => f.write_str("the CDI spec"),
        }
    }
}

/// A program file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub path: String,
    /// Last change of the inode, in seconds since the epoch.
    #[serde(default)]
    pub changed: i64,
}

impl core::fmt::Display for Program {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.path)
    }
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    pub name: String,
    /// Upstream part: `1.17.8` of `1.17.8-1`.
    pub version: String,
}

/// One entry of apt's sources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repository {
    pub file: String,
    /// With `$(ARCH)` and trailing slashes as written taken away.
    pub url: String,
    pub signed_by: Option<String>,
    /// The file is a web page or an error message that was saved in its place.
    pub is_page: bool,
}

/// The toolkit's config.toml.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Config {
    Read(Settings),
    /// The toolkit will not start with it. Lines and columns count from 1; 0 when unknown.
    Malformed {
        line: usize,
        column: usize,
        why: String,
    },
}

/// The keys of config.toml that decide whether a container gets its GPU. `None`: the key is not set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    pub disable_require: Option<bool>,
    pub accept_nvidia_visible_devices_envvar_when_unprivileged: Option<bool>,
    pub accept_nvidia_visible_devices_as_volume_mounts: Option<bool>,
    /// Words separated by commas.
    pub supported_driver_capabilities: Option<String>,
    pub nvidia_container_cli: Cli,
    pub nvidia_container_runtime: Runtime,
    pub nvidia_container_runtime_hook: Hook,
    pub features: Features,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Cli {
    pub no_cgroups: Option<bool>,
    pub ldconfig: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Runtime {
    pub mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Hook {
    pub skip_mode_detection: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Features {
    pub allow_ldconfig_from_container: Option<bool>,
}

/// What one daemon.json says of GPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonFile {
    pub path: String,
    /// The engine that answers reads this one.
    pub in_use: bool,
    /// It registers a runtime named nvidia.
    pub registers: bool,
    /// features.cdi.
    pub cdi: Option<bool>,
    /// Last change, in seconds since the epoch.
    pub changed: i64,
}

/// One file in a CDI folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub path: String,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    Read(Devices),
    /// It is no spec: engines skip it. Lines and columns count from 1; 0 when unknown.
    Malformed {
        line: usize,
        column: usize,
        why: String,
    },
    /// It could not be read.
    Unreadable(String),
}

/// A spec, reduced to what can be compared with the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Devices {
    /// `nvidia.com/gpu`.
    pub kind: String,
    /// `cdiVersion`.
    pub version: String,
    /// Device names: `0`, `GPU-…`, `all`.
    pub names: Vec<String>,
    /// Host paths of mounts, device nodes and hooks that are not there.
    pub missing: Vec<String>,
    /// Driver versions that mounted libraries end in, each with one such file.
    pub libraries: Vec<Installed>,
    /// Major number that the spec gives nvidia-uvm, if it gives one.
    pub uvm_major: Option<u32>,
    /// It brings /dev/nvidia-uvm.
    pub uvm: bool,
    /// It brings a GPU's own node, /dev/nvidiaN.
    pub nodes: bool,
    /// Fields that the CDI specification does not know.
    pub unknown: Vec<String>,
}

impl ToolkitFacts {
    /// config.toml's keys, defaults where there is no file; `None` when the file is malformed or could not be read.
    pub fn settings(&self) -> Option<Settings> {
        match &self.config.value() {
            Some(Config::Read(settings)) => Some(settings.clone()),
            Some(Config::Malformed { .. }) => None,
            None => self.config.is_absent().then(Settings::default),
        }
    }

    /// The daemon.json of the engine that answers.
    pub fn daemon_file(&self) -> Option<&DaemonFile> {
        self.daemon_files.value()?.iter().find(|file| file.in_use)
    }

    /// config.toml was last changed before dockerd started: the toolkit is older than this run of dockerd.
    pub fn configured_before_dockerd(&self) -> bool {
        match (self.config_changed.value(), self.daemon_started.value()) {
            (Some(changed), Some(started)) => changed <= started,
            _ => false,
        }
    }
}

impl Spec {
    pub fn devices(&self) -> Option<&Devices> {
        match &self.content {
            Content::Read(devices) => Some(devices),
            _ => None,
        }
    }
}
