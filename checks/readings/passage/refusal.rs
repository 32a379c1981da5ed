//! Who refuses a container for the sake of its GPU, and why: each as the real program says it, and the check that has its cause.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::model::facts::nvidia::Start;
use crate::model::need::Capability;
use crate::model::require;

/// What config.toml may set as the runtime's mode.
pub const MODES: [&str; 5] = ["auto", "legacy", "csv", "cdi", "jit-cdi"];

#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    // docker's daemon
    CountAndDevices,
    /// `driver=NAME` in --gpus, and the engine has none of that name.
    NoSuchDriver(String),
    /// Words of `capabilities=` that no driver of the engine has.
    NoSuchCapability(Vec<String>),
    /// dockerd has found neither of the toolkit's programs when it started.
    NoProgram,
    /// They came after it had looked.
    CameLater,
    /// The hook was there when dockerd started, or the toolkit's runtime starts it, and it is gone.
    HookGone,
    /// `driver=cdi` takes names, no count and no options.
    CountByCdi,
    CdiOff,
    /// cdi-spec-dirs is a list of one empty text.
    NoFolders,
    /// No spec that this reader takes has these names.
    Unresolvable {
        names: Vec<String>,
        known: Vec<String>,
        by: Reader,
    },
    /// Two specs of one folder have this name, so that the reader takes it from neither.
    Conflict {
        name: String,
        specs: [String; 2],
    },
    /// A spec names a device node that is not there.
    NodeGone {
        spec: String,
        path: String,
    },
    NoRuntime(String),
    /// The engine is not one that takes GPUs this way.
    OtherEngine,

    // containerd's shim and runc
    /// The registered runtime's program is not there.
    NoRuntimeProgram {
        runtime: String,
        path: String,
    },
    /// A spec names a file to mount or a program to start that is not there.
    FileGone {
        spec: String,
        path: String,
    },

    // the toolkit's runtime and hook
    MalformedConfig,
    LdconfigOfContainer(String),
    Mode(String),
    NoLowLevel(Vec<String>),
    /// The hooks of a spec made for one container start nvidia-ctk: where it should be.
    NoCtk(String),
    /// The hooks of CDI change the container's root by a call that a root in memory does not have.
    NoPivot,
    /// The hook serves the legacy mode only.
    HookRefuses(String),
    /// Only CDI names are asked for, of a hook that has none.
    CdiNameAtHook(String),
    SupportedCapabilities(String),
    Capability {
        word: String,
        whole: String,
    },
    NoCli,
    /// The hook passes an option that nvidia-container-cli does not know.
    OldCli,
    Nvml(Start),
    Cgroups,
    /// A number, an id or a slice that is not among this host's GPUs.
    UnknownDevice {
        id: String,
        missing: Missing,
    },
    /// A name of a kind that this way does not take, whatever GPUs there are.
    NoNameHere(String),
    /// A name of the vendor runtime.nvidia.com, which this toolkit does not know.
    NoAutomatic(String),
    /// Names of the vendor runtime.nvidia.com beside others.
    MixedVendors,
    /// NVML does not tell this GPU's id.
    SilentGpu(u32),
    /// NVIDIA_IMEX_CHANNELS names a channel that has no node.
    NoChannel(String),
    Requirement(require::Verdict),
    NoControlNode,
    NoLdconfig(String),
    /// `root` of [nvidia-container-cli] leads to no file system with a driver.
    NoDriverRoot(String),
    MigWithoutRights(&'static str),
}

/// What a device's name would have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Gpu,
    Slice,
    Id,
}

/// Who reads CDI specs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Dockerd,
    /// nvidia-container-runtime, for a name that it has made of a plain one.
    Runtime,
    /// The same, for a name that was asked for in full.
    Named,
}

impl Refusal {
    /// The check that has its cause and its remedy. `run-line-gpu` for what the line itself must change.
    pub fn owner(&self) -> &'static str {
        match self {
            Refusal::NoProgram
            | Refusal::CameLater
            | Refusal::HookGone
            | Refusal::NoCli
            | Refusal::OldCli
            | Refusal::NoCtk(_)
            | Refusal::NoPivot => "nvidia-toolkit",
            Refusal::CdiOff
            | Refusal::NoFolders
            | Refusal::Conflict { .. }
            | Refusal::NodeGone { .. }
            | Refusal::FileGone { .. } => "nvidia-cdi",
            Refusal::Unresolvable { .. } if self.other_kind().is_some() => "nvidia-config",
            Refusal::Unresolvable { known, .. } if known.is_empty() => "nvidia-cdi",
            Refusal::NoRuntime(name) if name == "nvidia" => "nvidia-runtime",
            Refusal::NoRuntimeProgram { .. } => "nvidia-runtime",
            Refusal::MalformedConfig
            | Refusal::LdconfigOfContainer(_)
            | Refusal::Mode(_)
            | Refusal::NoLowLevel(_)
            | Refusal::SupportedCapabilities(_)
            | Refusal::NoLdconfig(_)
            | Refusal::NoDriverRoot(_)
            | Refusal::Cgroups => "nvidia-config",
            Refusal::HookRefuses(mode) if !MODES.contains(&mode.as_str()) => "nvidia-config",
            Refusal::HookRefuses(_) => "gpu-path",
            Refusal::Capability { word, .. } if Capability::from_word(word).is_some() => "nvidia-config",
            Refusal::Capability { .. } => "run-line-capabilities",
            Refusal::Requirement(_) => "run-line-require",
            Refusal::Nvml(_) => "nvidia-nvml",
            Refusal::SilentGpu(_) => "nvidia-health",
            _ => "run-line-gpu",
        }
    }

    /// The kind that config.toml has made of plain names, where it is not NVIDIA's.
    pub fn other_kind(&self) -> Option<&str> {
        let Refusal::Unresolvable { names, by: Reader::Runtime, .. } = self else { return None };
        let (kind, _) = names.first()?.split_once('=')?;
        (!kind.starts_with("nvidia.com/")).then_some(kind)
    }

    /// The way itself is not there, and another may be: not one that is there and leads into a fault.
    pub fn closes_the_way(&self) -> bool {
        match self {
            Refusal::Unresolvable { known, .. } => known.is_empty() && self.other_kind().is_none(),
            Refusal::HookRefuses(mode) => MODES.contains(&mode.as_str()),
            _ => matches!(
                self,
                Refusal::NoProgram
                    | Refusal::CameLater
                    | Refusal::CdiOff
                    | Refusal::NoFolders
                    | Refusal::NoRuntime(_)
                    | Refusal::OtherEngine
            ),
        }
    }
}

/// In the words of the program that says it, as far as they are its own.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::CountAndDevices => f.write_str("cannot set both Count and DeviceIDs on device request"),
            Refusal::NoSuchDriver(name) => write!(f, "could not select device driver \"{name}\""),
            Refusal::NoSuchCapability(words) => {
                write!(f, "could not select device driver \"\" with capabilities: [[{} gpu]]", words.join(" "))
            }
            Refusal::NoProgram | Refusal::CameLater => {
                f.write_str("could not select device driver \"\" with capabilities: [[gpu]]")
            }
            Refusal::HookGone => f.write_str("nvidia-container-runtime-hook: no such file or directory"),
            Refusal::CountByCdi => f.write_str("unexpected count in CDI device request"),
            Refusal::CdiOff => f.write_str("could not select device driver \"cdi\" with capabilities: []"),
            Refusal::NoFolders => {
                f.write_str("CDI device injection failed: no CDI specification directories specified")
            }
            Refusal::Unresolvable { names, .. } => write!(f, "unresolvable CDI devices {}", names.join(", ")),
            Refusal::Conflict { name, .. } => write!(f, "unresolvable CDI devices {name}"),
            Refusal::NodeGone { path, .. } => {
                write!(f, "failed to stat CDI host device \"{path}\": no such file or directory")
            }
            Refusal::NoRuntime(name) => write!(f, "unknown or invalid runtime name: {name}"),
            Refusal::OtherEngine => f.write_str("this engine takes no GPUs that way"),
            Refusal::NoRuntimeProgram { path, .. } => write!(f, "exec: \"{path}\": executable file not found"),
            Refusal::FileGone { path, .. } => write!(f, "{path}: no such file or directory"),
            Refusal::MalformedConfig => f.write_str("failed to load config"),
            Refusal::LdconfigOfContainer(path) => {
                write!(
                    f,
                    "nvidia-container-cli.ldconfig value \"{path}\" is not host-relative (does not start with a '@')"
                )
            }
            Refusal::Mode(mode) => write!(f, "invalid mode \"{mode}\""),
            Refusal::NoLowLevel(names) => {
                write!(f, "no runtime binary found from candidate list: [{}]", names.join(" "))
            }
            Refusal::NoCtk(path) => write!(f, "fork/exec {path}: no such file or directory"),
            Refusal::NoPivot => f.write_str("error running pivot_root: pivot_root .: invalid argument"),
            Refusal::HookRefuses(_) | Refusal::CdiNameAtHook(_) => {
                f.write_str("invoking the NVIDIA Container Runtime Hook directly is not supported")
            }
            Refusal::SupportedCapabilities(value) => {
                write!(f, "Invalid value for config option 'SupportedDriverCapabilities'; {value}")
            }
            Refusal::Capability { whole, .. } => write!(f, "unsupported capabilities found in '{whole}'"),
            Refusal::NoCli => f.write_str("couldn't find binary nvidia-container-cli in PATH"),
            Refusal::OldCli => f.write_str("nvidia-container-cli: unrecognized option '--cuda-compat-mode'"),
            Refusal::Nvml(start) => write!(f, "initialization error: {start}"),
            Refusal::Cgroups => f.write_str("mount error: failed to add device rules"),
            Refusal::UnknownDevice { id, .. } => write!(f, "device error: {id}: unknown device"),
            Refusal::NoNameHere(id) => write!(f, "identifier is not a valid UUID or index: \"{id}\""),
            Refusal::NoAutomatic(name) => write!(f, "unresolvable CDI devices {name}"),
            Refusal::MixedVendors => f.write_str(
                "requesting a CDI device with vendor 'runtime.nvidia.com' is not supported when requesting other CDI devices",
            ),
            Refusal::SilentGpu(_) => {
                f.write_str("failed to construct device spec generators: failed to get device UUID")
            }
            Refusal::NoChannel(id) => write!(f, "IMEX channel {id} not found"),
            Refusal::Requirement(require::Verdict::Unmet(condition)) => {
                write!(f, "requirement error: unsatisfied condition: {condition}")
            }
            Refusal::Requirement(_) => f.write_str("requirement error: invalid expression"),
            Refusal::NoControlNode => {
                f.write_str("mount error: stat failed: /dev/nvidiactl: no such file or directory")
            }
            Refusal::NoLdconfig(path) => write!(f, "ldcache error: open failed: {path}: no such file or directory"),
            Refusal::NoDriverRoot(root) => {
                write!(f, "ldcache error: open failed: {root}/etc/ld.so.cache: no such file or directory")
            }
            Refusal::MigWithoutRights(variable) => write!(f, "cannot set {variable} in non privileged container"),
        }
    }
}
