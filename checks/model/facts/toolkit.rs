//! What of the NVIDIA Container Toolkit is on the host, how it is configured, and which CDI specs lie where engines look.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::place;
use crate::model::version::Version;
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
    /// nvidia-ctk: where config.toml has it, else the same way.
    pub ctk: Fact<Program>,
    /// nvidia-container-cli, which the hook starts: where config.toml has it, else the same way.
    pub cli: Fact<Program>,
    /// That program knows the option --cuda-compat-mode, which hooks pass since 1.17.5.
    pub cli_knows_compat: Fact<bool>,
    /// The program that makes the container's cache of libraries, on the host: config.toml's `ldconfig`, or the default.
    pub ldconfig: Fact<String>,
    /// The driver's cache of libraries below config.toml's `root`, where that is not the host's own.
    pub root_cache: Fact<String>,
    /// The first of config.toml's `runtimes` that is on dockerd's PATH: what nvidia-container-runtime hands over to.
    pub low_level: Fact<String>,
    /// When dockerd started, in seconds since the epoch.
    pub daemon_started: Fact<i64>,
    /// The toolkit's version: `1.17.8`.
    #[serde(serialize_with = "place::word")]
    pub version: Fact<String>,
    /// The toolkit's packages with their versions; without dpkg its program and its library, which tell theirs themselves.
    pub packages: Fact<Vec<Installed>>,
    /// Entries of apt's sources that name NVIDIA's container repositories; Absent without apt.
    pub repositories: Fact<Vec<Repository>>,
    /// SELinux enforces; Absent where the kernel runs without it.
    pub selinux: Fact<bool>,
    /// SELinux's switch container_use_devices.
    pub selinux_devices: Fact<bool>,
    /// SELinux's switch container_use_xserver_devices, of whose kind the GPU's nodes are; Absent in older policies.
    pub selinux_xserver_devices: Fact<bool>,
    /// config.toml; Absent means the toolkit's defaults.
    pub config: Fact<Config>,
    /// Last change of config.toml, in seconds since the epoch.
    pub config_changed: Fact<i64>,
    /// Every daemon.json that some engine of this host would read.
    pub daemon_files: Fact<Vec<DaemonFile>>,
    /// The program that the daemon has registered as runtime `nvidia`; Absent: nothing lies at the registered path.
    pub registered_program: Fact<String>,
    /// The same of every other runtime that the daemon knows by a program, by its name.
    pub runtime_programs: BTreeMap<String, Fact<String>>,
    /// CDI specs of kind nvidia.com/… , and files that are no specs, in the engine's folders, in the order of rising priority.
    pub specs: Fact<Vec<Spec>>,
    /// The same in folders that the engine does not read, and nvidia-container-runtime does in its mode cdi.
    pub runtime_specs: Fact<Vec<Spec>>,
    /// systemd's nvidia-cdi-refresh.service, which writes a fresh spec.
    pub refresh: Fact<String>,
    /// /dev/char/195:255, the link by which runc finds /dev/nvidiactl after a reload.
    pub char_link: Fact<String>,
    /// Lists of what a Jetson's containers get: files below host-files-for-container.d.
    pub csv: Fact<Vec<String>>,
    /// The uid map of this process is not the whole range: an unprivileged LXC guest, or another user namespace.
    pub user_namespace: Fact<bool>,
    /// The system's root is the kernel's first file system, in memory, out of which pivot_root does not lead.
    pub root_in_ram: Fact<bool>,
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
    #[serde(serialize_with = "place::container")]
    pub container: String,
    /// `always`, `unless-stopped`, `on-failure`.
    #[serde(serialize_with = "place::word")]
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
    #[serde(serialize_with = "place::word")]
    pub name: String,
    /// Upstream part: `1.17.8` of `1.17.8-1`.
    #[serde(serialize_with = "place::word")]
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
    Read(Box<Settings>),
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
    #[serde(serialize_with = "place::word")]
    pub supported_driver_capabilities: Option<String>,
    /// Variables, separated by commas, that are read in the place of NVIDIA_VISIBLE_DEVICES where they are set.
    #[serde(serialize_with = "place::word")]
    pub swarm_resource: Option<String>,
    pub nvidia_container_cli: Cli,
    pub nvidia_container_runtime: Runtime,
    pub nvidia_container_runtime_hook: Hook,
    pub nvidia_ctk: Ctk,
    pub features: Features,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Cli {
    pub no_cgroups: Option<bool>,
    #[serde(serialize_with = "place::word")]
    pub ldconfig: Option<String>,
    pub path: Option<String>,
    pub root: Option<String>,
    pub load_kmods: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Ctk {
    pub path: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Runtime {
    #[serde(serialize_with = "place::word")]
    pub mode: Option<String>,
    /// Programs to hand over to, the first that is there.
    #[serde(serialize_with = "place::word")]
    pub runtimes: Option<Vec<String>>,
    pub modes: Modes,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Modes {
    pub cdi: CdiMode,
    pub legacy: LegacyMode,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct CdiMode {
    #[serde(serialize_with = "place::word")]
    pub default_kind: Option<String>,
    /// Beginnings of annotations that ask for devices; by default `cdi.k8s.io/` alone.
    #[serde(serialize_with = "place::word")]
    pub annotation_prefixes: Option<Vec<String>>,
    pub spec_dirs: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct LegacyMode {
    #[serde(serialize_with = "place::word")]
    pub cuda_compat_mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Hook {
    pub skip_mode_detection: Option<bool>,
    pub path: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Features {
    pub ignore_imex_channel_requests: Option<bool>,
    pub allow_ldconfig_from_container: Option<bool>,
    pub allow_cuda_compat_libs_from_container: Option<bool>,
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
    /// The programs of runtimes that are registered by a `runtimeType`, by the runtime's name; empty where its options name none.
    pub shims: BTreeMap<String, String>,
    /// features.cdi.
    pub cdi: Option<bool>,
    /// cdi-spec-dirs.
    pub spec_dirs: Option<Vec<String>>,
    /// Last change, in seconds since the epoch.
    pub changed: i64,
}

/// One file in a CDI folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub path: String,
    pub content: Content,
    /// Last change, in seconds since the epoch; 0 in older recordings.
    #[serde(default)]
    pub changed: i64,
}

impl Spec {
    /// It lies in memory, and is gone when the machine is started again.
    pub fn is_below_run(&self) -> bool {
        ["/run/", "/var/run/"].iter().any(|folder| self.path.starts_with(folder))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    Read(Box<Devices>),
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
    #[serde(serialize_with = "place::word")]
    pub kind: String,
    /// `cdiVersion`.
    #[serde(serialize_with = "place::word")]
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
    /// The lowest `cdiVersion` that has all that it uses: `0.5.0`; empty in older recordings.
    #[serde(serialize_with = "place::word")]
    pub least: String,
    /// What else keeps every reader from taking it: a device named twice, no device at all.
    pub fault: Option<String>,
    /// The value that it gives NVIDIA_VISIBLE_DEVICES, empty for none; `None` in older recordings.
    pub visible: Option<String>,
    /// What comes with whichever device of it.
    pub common: Edits,
    /// What each device brings by itself, by its name; empty in older recordings.
    pub each: BTreeMap<String, Edits>,
}

/// What a part of a spec brings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edits {
    /// Device nodes, as the container gets them.
    pub nodes: Vec<String>,
    /// Those of NVIDIA's libraries: `libcuda`.
    pub libraries: Vec<String>,
    /// Nodes that the reader has to look at on the host and that are not there: the container is refused by the engine.
    pub missing_nodes: Vec<String>,
    /// Files to mount and programs to start that are not there: the container is refused by runc.
    pub missing_files: Vec<String>,
}

impl ToolkitFacts {
    /// config.toml's keys, defaults where there is no file; `None` when the file is malformed or could not be read.
    pub fn settings(&self) -> Option<Settings> {
        match &self.config.value() {
            Some(Config::Read(settings)) => Some(Settings::clone(settings)),
            Some(Config::Malformed { .. }) => None,
            None => self.config.is_absent().then(Settings::default),
        }
    }

    /// NVIDIA's hook reads config.toml. That of 1.14.0 looks for it below /run/nvidia/driver alone, and goes by the defaults
    /// (CHANGELOG.md of nvidia-container-toolkit, v1.14.1); the runtime of that version reads it.
    pub fn hook_reads_config(&self) -> bool {
        let version = self.version.value().and_then(|text| Version::leading(text));
        version != Some(Version::new(&[1, 14, 0]))
    }

    /// The keys that NVIDIA's hook goes by.
    pub fn hook_settings(&self) -> Option<Settings> {
        if self.hook_reads_config() { self.settings() } else { Some(Settings::default()) }
    }

    /// The program of a runtime that the daemon knows under this name.
    pub fn program_of(&self, runtime: &str) -> Fact<String> {
        match runtime {
            "nvidia" => self.registered_program.clone(),
            name => self.runtime_programs.get(name).cloned().unwrap_or_default(),
        }
    }

    /// The daemon.json of the engine that answers.
    pub fn daemon_file(&self) -> Option<&DaemonFile> {
        self.daemon_files.value()?.iter().find(|file| file.in_use)
    }

    /// config.toml, or the daemon.json that registers the runtime, was last changed before dockerd started: the toolkit is older
    /// than this run of dockerd.
    pub fn configured_before_dockerd(&self) -> bool {
        let Some(started) = self.daemon_started.value() else { return false };
        let registered = self.daemon_file().filter(|file| file.registers).map(|file| file.changed);
        let changed = self.config_changed.value().copied();
        [changed, registered].into_iter().flatten().any(|changed| changed <= *started)
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
