//! What the PCI bus, the kernel, the driver's files and NVML say of NVIDIA GPUs.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;
use crate::model::facts::host::HostFacts;
use crate::model::facts::toolkit::Installed;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NvidiaFacts {
    /// NVIDIA's display controllers (vendor 0x10de, class 0x03…) on the PCI bus; Absent when there is none.
    pub gpus: Fact<Vec<PciGpu>>,
    /// NVSwitch chips (vendor 0x10de, class 0x0680) on the PCI bus.
    pub switches: Fact<u32>,
    /// The kernel module that is loaded now.
    pub module: Fact<Module>,
    /// The driver of a Jetson's own GPU is loaded, beside which NVIDIA's ordinary one serves the screen alone.
    pub nvgpu: Fact<String>,
    /// /dev/dxg: the GPU's way into WSL2.
    pub dxg: Fact<String>,
    /// What NVIDIA's driver of Windows lends to WSL, a file or a folder of its driver store. Absent where there is none of it.
    pub windows_driver: Fact<String>,
    /// The library through which programs in WSL speak to /dev/dxg.
    pub dxcore: Fact<String>,
    /// The root of the container that brings the driver to this host, as NVIDIA's GPU operator does it: libraries and nodes are found
    /// below it. Absent: they are the host's own, or not there.
    #[serde(serialize_with = "place::path")]
    pub driver_root: Fact<String>,
    /// libnvidia-ml.so.1 and libcuda.so.1 as the loader's folders have them.
    pub nvml_library: Fact<Library>,
    pub cuda_library: Fact<Library>,
    /// The module file for the running kernel. Looked for only where the loaded one leaves a question.
    pub module_file: Fact<ModuleFile>,
    /// Kernels, other than the running one, that have an nvidia module.
    #[serde(serialize_with = "place::word")]
    pub built_for: Fact<Vec<String>>,
    /// The newest kernel of this host, where another one runs: it is the one that is started next.
    pub next_kernel: Fact<NextKernel>,
    /// The module tree of the running kernel, /lib/modules/RELEASE; Absent after a kernel upgrade that waits for a reboot.
    pub kernel_tree: Fact<String>,
    /// Versions of the driver that DKMS knows of; Absent without DKMS.
    #[serde(serialize_with = "place::word")]
    pub dkms: Fact<Vec<String>>,
    /// What NVIDIA's own installer (`.run`) leaves, and no package has: the program that takes its driver away.
    #[serde(serialize_with = "place::path")]
    pub installer: Fact<String>,
    /// The setting that keeps the module out: `FILE: LINE`.
    pub blocked_module: Fact<String>,
    /// The mark of a program that switches the GPU off (prime-select, envycontrol): its file.
    pub switched_off: Fact<String>,
    /// UEFI Secure Boot; Absent on a host without UEFI.
    pub secure_boot: Fact<bool>,
    /// Device numbers that the kernel has given out.
    pub majors: Fact<Majors>,
    /// /dev/nvidia* and what lies below /dev/nvidia-caps.
    pub nodes: Fact<Vec<Node>>,
    /// /proc/driver/nvidia/params: who makes the nodes, and with which permissions.
    pub params: Fact<Params>,
    /// /proc/driver/nvidia/gpus: the driver's own list.
    pub listed: Fact<Vec<ListedGpu>>,
    /// Faults that the driver has written to the kernel's log since the machine's start.
    pub faults: Fact<Vec<Fault>>,
    /// The package of NVIDIA's fabric manager, looked for only where NVSwitch chips are on the bus; Absent where its program is
    /// not there.
    pub fabric_manager: Fact<Installed>,
    /// What is seen to make again at each start what lasts until the next one only.
    pub at_boot: Fact<AtBoot>,
    /// What NVML says of itself and of every GPU.
    pub nvml: NvmlFacts,
    /// How CUDA starts here, and what may keep it from that.
    pub cuda: CudaFacts,
}

/// The file by which each of these comes back when the machine has started; `None` where nothing is seen that does it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AtBoot {
    /// CDI specs below /run.
    pub specs: Option<String>,
    /// MIG mode and its instances.
    pub instances: Option<String>,
    /// /dev/nvidia-uvm.
    pub uvm: Option<String>,
}

/// A kernel that is installed and does not run yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NextKernel {
    #[serde(serialize_with = "place::word")]
    pub release: String,
    /// Its modules.dep lists an nvidia module.
    pub module: bool,
    /// That module's version and licence, as modinfo tells them.
    #[serde(serialize_with = "place::word")]
    pub version: Option<String>,
    #[serde(serialize_with = "place::word")]
    pub license: Option<String>,
    /// What modules are built with: the folder behind its `build`.
    pub headers: bool,
    /// akmods, which builds what is missing when the machine starts.
    pub akmods: bool,
}

/// One file /proc/driver/nvidia/gpus/ADDRESS/information.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListedGpu {
    /// `0000:01:00.0`
    #[serde(serialize_with = "place::word")]
    pub address: String,
    /// `None` until the driver has started the GPU for the first time: its id is then made of question marks.
    pub uuid: Option<String>,
    /// The module's setting NVreg_ExcludedGpus keeps this one from every program.
    pub excluded: bool,
}

/// "Xid" messages of one number about one GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// `0000:01:00.0`
    #[serde(serialize_with = "place::word")]
    pub address: String,
    pub xid: u32,
    pub count: u32,
}

impl Fault {
    /// The hardware, the link or the GPU's own firmware failed, by NVIDIA's catalogue of Xid; most other numbers come from
    /// programs that made a mistake.
    pub fn is_of_the_gpu(&self) -> bool {
        matches!(self.xid, 46 | 48 | 61 | 62 | 64 | 74 | 79 | 92 | 94 | 95 | 119 | 120 | 136 | 140 | 144..=150)
    }
}

/// What the child that started CUDA wrote, and the kernel's side of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CudaFacts {
    /// cuInit's answer: 0, or a CUresult. Absent where it was not asked, because it would have loaded a module.
    pub start: Fact<u32>,
    /// The file that the loader took for libcuda.so.1.
    pub library: Fact<String>,
    /// How often this machine has come back from a suspend since its start.
    pub resumed: Fact<u32>,
    /// The memory module may use heterogeneous memory management; Absent where it does not know of that.
    pub hmm: Fact<bool>,
}

/// One display controller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PciGpu {
    /// `0000:01:00.0`
    #[serde(serialize_with = "place::word")]
    pub address: String,
    /// PCI device id.
    pub device: u16,
    /// The driver that holds it: `nvidia`, `nouveau`, `vfio-pci` …
    #[serde(serialize_with = "place::word")]
    pub driver: Option<String>,
    /// True when neither BAR 0 nor BAR 1 got an address.
    pub no_address: bool,
    /// How the IOMMU serves it (iommu_group/type): `DMA`, `DMA-FQ`, `identity`; `None` where it is in no group.
    #[serde(serialize_with = "place::word")]
    pub iommu: Option<String>,
}

/// Generations as far as the driver's branches tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Kepler and before: last driven by branch 470 or older ones.
    BeforeMaxwell,
    /// Maxwell, Pascal, Volta: closed module only, branch 580 is the last.
    MaxwellToVolta,
    /// Turing to Ada and Hopper: either module.
    TuringToHopper,
    /// Blackwell and later: open module only, from branch 570 on.
    Blackwell,
}

impl Generation {
    /// A driver of this branch has a module for it, of the flavour that is known.
    pub fn is_driven_by(self, branch: u32, open: Option<bool>) -> bool {
        match self {
            Generation::BeforeMaxwell => branch < 495,
            Generation::MaxwellToVolta => branch < 590 && open != Some(true),
            Generation::TuringToHopper => true,
            Generation::Blackwell => branch >= 570 && open != Some(false),
        }
    }
}

impl PciGpu {
    /// By device id, as the compatibility table of NVIDIA's open modules orders them; each chip that pci.ids names falls into its own.
    pub fn generation(&self) -> Generation {
        match self.device {
            0..=0x133f => Generation::BeforeMaxwell,
            0x1340..=0x1dff => Generation::MaxwellToVolta,
            0x1e00..=0x28ff => Generation::TuringToHopper,
            _ => Generation::Blackwell,
        }
    }

    /// The last branch of the driver that drives it, by NVIDIA's list of legacy GPUs; `None` while every branch does.
    pub fn last_branch(&self) -> Option<u32> {
        match (self.generation(), self.device) {
            // Kepler.
            (Generation::BeforeMaxwell, 0x0fc0..=0x0fff | 0x1000..=0x103f | 0x1180..=0x11ff | 0x1280..=0x133f) => {
                Some(470)
            }
            // Fermi.
            (
                Generation::BeforeMaxwell,
                0x06c0..=0x06df
                | 0x0dc0..=0x0e3f
                | 0x0f00..=0x0f3f
                | 0x1040..=0x109f
                | 0x1140..=0x117f
                | 0x1200..=0x127f,
            ) => Some(390),
            (Generation::BeforeMaxwell, _) => Some(340),
            (Generation::MaxwellToVolta, _) => Some(580),
            _ => None,
        }
    }

    /// This branch of the driver has dropped it.
    pub fn is_older_than(&self, branch: u32) -> bool {
        self.last_branch().is_some_and(|last| branch > last)
    }

    /// The IOMMU gives it addresses of its own making, instead of handing them through.
    pub fn is_translated(&self) -> bool {
        self.iommu.as_deref().is_some_and(|kind| matches!(kind, "DMA" | "DMA-FQ"))
    }

    /// Azure hands A10s out by NVIDIA's vGPU alone: its driver takes no other (Azure/azhpc-extensions, NVadsA10_v5: GRID).
    pub fn is_azures_share(&self, host: &HostFacts) -> bool {
        const A10: u16 = 0x2236;
        self.device == A10 && host.azure.value() == Some(&true)
    }

    pub fn is_held_by(&self, driver: &str) -> bool {
        self.driver.as_deref() == Some(driver)
    }

    /// nouveau, or its successor nova: drivers that keep NVIDIA's own out.
    pub fn is_held_by_kernels_own(&self) -> bool {
        self.driver.as_deref().is_some_and(|d| matches!(d, "nouveau" | "nova" | "nova_core" | "NovaCore" | "nova-core"))
    }
}

/// The module in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Module {
    /// `nvidia`, or `nvidia_current` of Debian's packages.
    #[serde(serialize_with = "place::word")]
    pub name: String,
    /// As the driver spells it: `535.183.01`.
    #[serde(serialize_with = "place::word")]
    pub version: String,
    /// The open flavour; `None` when nothing tells.
    pub open: Option<bool>,
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flavour = match self.open {
            Some(true) => " (open)",
            Some(false) => " (proprietary)",
            None => "",
        };
        write!(f, "{}{flavour}", self.version)
    }
}

/// A library as its soname resolves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Library {
    pub path: String,
    /// The file that the path leads to after all links.
    pub file: String,
    /// The version that the file's name ends in; `None` when it ends in none.
    #[serde(serialize_with = "place::word")]
    pub version: Option<String>,
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)
    }
}

/// A module on disk, as modinfo reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModuleFile {
    pub path: String,
    #[serde(serialize_with = "place::word")]
    pub version: Option<String>,
    /// `NVIDIA`, or `Dual MIT/GPL` of the open flavour.
    #[serde(serialize_with = "place::word")]
    pub license: Option<String>,
    /// Who signed it; `None` when nobody, or when modinfo could not be asked.
    pub signer: Option<String>,
    /// It is signed, and modinfo could not read by whom.
    pub unread_signature: bool,
    /// The file itself ends without a signature, whatever modinfo said. False also where it is compressed.
    pub unsigned: bool,
}

impl ModuleFile {
    pub fn is_open(&self) -> Option<bool> {
        is_open(self.license.as_deref())
    }
}

impl NextKernel {
    pub fn is_open(&self) -> Option<bool> {
        is_open(self.license.as_deref())
    }
}

/// By the licence that the module names: the open flavour's is `Dual MIT/GPL`.
fn is_open(license: Option<&str>) -> Option<bool> {
    license.map(|license| license.contains("GPL"))
}

impl fmt::Display for ModuleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Lines of /proc/devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Majors {
    /// `nvidia`, before 550.40 `nvidia-frontend`.
    pub nvidia: Option<u32>,
    pub uvm: Option<u32>,
    pub caps: Option<u32>,
}

/// One name below /dev.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    pub path: String,
    /// False: a folder or file lies where a device should.
    pub is_device: bool,
    pub major: u32,
    pub minor: u32,
    /// 0o7777
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// When it was made, in seconds since the epoch; 0: not told.
    pub made: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// False: the driver's tools keep their hands off /dev.
    pub modify_device_files: bool,
    pub mode: u32,
    pub gid: u32,
}

/// What the child that asked NVML wrote. When it hung or crashed, what it had written before is here, the rest is Unknown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NvmlFacts {
    /// nvmlInit_v2.
    pub start: Fact<Start>,
    /// NVML's word for the driver's version.
    #[serde(serialize_with = "place::word")]
    pub driver: Fact<String>,
    /// The newest CUDA that the driver speaks: `12.4`.
    #[serde(serialize_with = "place::word")]
    pub cuda: Fact<String>,
    /// nvmlDeviceGetCount_v2.
    pub count: Fact<u32>,
    /// Every GPU that was asked, in NVML's order.
    pub gpus: Vec<NvmlGpu>,
    /// How many GPUs were asked to the end: Unknown when the child did not come so far.
    pub listed: Fact<u32>,
    /// Pairs of indices, the lower first: the driver lets these two read each other's memory over PCI Express, without NVLink.
    pub peers: Fact<Vec<(u32, u32)>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    Works,
    /// The loader found no libnvidia-ml.so.1: its words.
    NoLibrary(String),
    /// The library was found and could not be loaded, or is no NVML: the words of the loader.
    BadLibrary(String),
    Refused(Refusal),
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Works => f.write_str("works"),
            Start::NoLibrary(words) | Start::BadLibrary(words) => f.write_str(words),
            Start::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}

/// nvmlReturn_t, as far as it tells anything; the number in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// 3
    NotSupported,
    /// 4
    NoPermission,
    /// 6
    NotFound,
    /// 8
    InsufficientPower,
    /// 9
    DriverNotLoaded,
    /// 10
    Timeout,
    /// 11
    IrqIssue,
    /// 12: a library that NVML itself needs.
    LibraryNotFound,
    /// 13
    FunctionNotFound,
    /// 14
    CorruptedInforom,
    /// 15
    GpuIsLost,
    /// 16
    ResetRequired,
    /// 17: the operating system or a cgroup blocks the GPU.
    OperatingSystem,
    /// 18
    VersionMismatch,
    /// 20
    Memory,
    /// 999
    UnknownError,
    /// Any other number.
    Other(u32),
}

/// The other values of nvmlReturn_t (nvml.h), which all mean the same here; empty for a number that it does not have.
fn code_name(code: u32) -> &'static str {
    match code {
        1 => "Uninitialized",
        2 => "Invalid Argument",
        5 => "Already Initialized",
        7 => "Insufficient Size",
        19 => "In use by another client",
        21 => "No data",
        22 => "ECC is not supported with vGPU",
        23 => "Insufficient resources",
        24 => "Frequency not supported",
        25 => "Argument version mismatch",
        26 => "Deprecated",
        27 => "System is not in ready state",
        28 => "No GPUs were found",
        29 => "Invalid state",
        30 => "Reset type not supported",
        _ => "",
    }
}

impl fmt::Display for Refusal {
    /// As NVML's own nvmlErrorString says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotSupported => "Not Supported",
            Refusal::NoPermission => "Insufficient Permissions",
            Refusal::NotFound => "Not Found",
            Refusal::InsufficientPower => "Insufficient External Power",
            Refusal::DriverNotLoaded => "Driver Not Loaded",
            Refusal::Timeout => "Timeout",
            Refusal::IrqIssue => "Interrupt Request Issue",
            Refusal::LibraryNotFound => "NVML Shared Library Not Found",
            Refusal::FunctionNotFound => "Function Not Found",
            Refusal::CorruptedInforom => "Corrupted infoROM",
            Refusal::GpuIsLost => "GPU is lost",
            Refusal::ResetRequired => "GPU requires reset",
            Refusal::OperatingSystem => "The operating system has blocked the request",
            Refusal::VersionMismatch => "Driver/library version mismatch",
            Refusal::Memory => "Insufficient Memory",
            Refusal::UnknownError => "Unknown Error",
            Refusal::Other(code) => {
                return match code_name(*code) {
                    "" => write!(f, "return code {code}"),
                    name => f.write_str(name),
                };
            }
        })
    }
}

/// One GPU as NVML tells it. "Not supported" is an Unknown of its own fact and changes no verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NvmlGpu {
    pub index: u32,
    /// Its handle was refused; nothing else is known then.
    pub refused: Option<Refusal>,
    #[serde(serialize_with = "place::word")]
    pub name: String,
    pub uuid: String,
    /// As sysfs spells it: `0000:01:00.0`; empty when NVML did not say.
    #[serde(serialize_with = "place::word")]
    pub address: String,
    /// N of /dev/nvidiaN.
    pub minor: Option<u32>,
    #[serde(serialize_with = "place::word")]
    pub brand: Option<String>,
    /// `8.9`
    #[serde(serialize_with = "place::word")]
    pub compute_capability: Fact<String>,
    pub memory: Fact<Memory>,
    /// The processes that hold memory of it, most of it first.
    pub holders: Fact<Vec<Holder>>,
    /// Uncorrected ECC errors since the driver was loaded.
    pub ecc_uncorrected: Fact<u64>,
    pub remapped_rows: Fact<RemappedRows>,
    /// Pages wait for retirement (before Ampere).
    pub retirement_pending: Fact<bool>,
    pub mig: Fact<Mig>,
    /// Ids of its MIG devices, in their order: `MIG-…`.
    pub slices: Fact<Vec<String>>,
    pub compute_mode: Fact<ComputeMode>,
    pub fabric: Fact<Fabric>,
    pub persistence: Fact<bool>,
    /// Reasons that hold the clocks down for the hardware's sake: `hardware thermal`, `power brake` …
    #[serde(serialize_with = "place::word")]
    pub slowdowns: Fact<Vec<String>>,
    /// Degrees Celsius.
    pub temperature: Fact<u32>,
    pub link: Fact<Link>,
    /// A part of what this virtual GPU was given is licensed; Absent: it is none.
    pub licensed: Fact<bool>,
    /// Sessions of its encoder that are open now.
    pub encodings: Fact<u32>,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Memory {
    pub total: u64,
    pub free: u64,
}

/// A process that computes or draws on a GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Holder {
    /// Its number on the host, of a container's process too.
    pub pid: u32,
    /// /proc/PID/comm; empty where that cannot be read.
    pub name: String,
    /// `None` where NVML does not tell.
    pub bytes: Option<u64>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "process" } else { self.name.as_str() };
        match self.bytes {
            Some(bytes) => write!(f, "{name} {} ({} MiB)", self.pid, bytes >> 20),
            None => write!(f, "{name} {}", self.pid),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemappedRows {
    pub uncorrectable: u32,
    /// A remap waits for the next reset.
    pub pending: bool,
    /// A remap failed: spare rows are used up.
    pub failed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mig {
    pub enabled: bool,
    /// What the mode will be after the next reset.
    pub enabled_next: bool,
    pub instances: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComputeMode {
    Default,
    ExclusiveThread,
    Prohibited,
    ExclusiveProcess,
}

/// State of the NVSwitch fabric as the GPU sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fabric {
    NotSupported,
    NotStarted,
    InProgress,
    Completed,
    /// Completed, and the probe of the fabric ended with an error: nvmlReturn_t.
    Failed(u32),
}

/// PCI Express lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    pub width: u32,
    /// What GPU and slot could do together.
    pub width_possible: u32,
}

impl NvidiaFacts {
    /// True when NVIDIA's driver has left files on this host, loaded or not.
    pub fn is_installed(&self) -> bool {
        self.module.value().is_some()
            || self.module_file.value().is_some()
            || self.nvml_library.value().is_some()
            || self.cuda_library.value().is_some()
            || self.dkms.value().is_some_and(|versions| !versions.is_empty())
            || self.built_for.value().is_some_and(|kernels| !kernels.is_empty())
    }

    /// NVIDIA's installer brought the driver, and DKMS does not know it: nobody builds it for other kernels.
    pub fn is_of_installer(&self) -> bool {
        self.installer.value().is_some() && self.dkms.value().is_none_or(|versions| versions.is_empty())
    }

    /// GPUs that NVIDIA's driver holds or could take: not those passed through to a virtual machine.
    pub fn usable_gpus(&self) -> impl Iterator<Item = &PciGpu> {
        let installed = self.is_installed();
        let gpus = self.gpus.value().into_iter().flatten();
        gpus.filter(move |gpu| {
            gpu.driver.is_none() || gpu.is_held_by("nvidia") || (!installed && gpu.is_held_by_kernels_own())
        })
    }

    /// `Xid 79, Xid 119 (3 times)`: the faults of its own that the kernel's log tells of this GPU; `None` where it tells none.
    pub fn faults_of(&self, address: &str) -> Option<String> {
        let faults = self.faults.value().into_iter().flatten();
        let words: Vec<String> = faults
            .filter(|fault| fault.address == address && fault.is_of_the_gpu())
            .map(|fault| match fault.count {
                1 => alloc::format!("Xid {}", fault.xid),
                count => alloc::format!("Xid {} ({count} times)", fault.xid),
            })
            .collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// Versions of the two libraries that have one in their file's name.
    pub fn library_versions(&self) -> impl Iterator<Item = &str> {
        [&self.nvml_library, &self.cuda_library].into_iter().filter_map(|fact| fact.value()?.version.as_deref())
    }
}
