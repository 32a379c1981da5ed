//! NVML, asked in the child: what it says of itself, then each GPU in turn, written down as soon as it is known.

use std::ffi::OsStr;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::nvidia::{
    ComputeMode, Fabric, Holder, Link, Memory, Mig, NvmlGpu, Refusal, RemappedRows, Start,
};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{
    self, EccCounter, GpuVirtualizationMode, MemoryError, P2pCapabilitiesIndex, P2pStatus, TemperatureSensor,
};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{self as sys, nvmlReturn_t};

use crate::host::child::Speaker;

const SONAME: &str = "libnvidia-ml.so.1";
const SOURCE: &str = "NVML";
/// No machine has more; a library that claims so is not believed.
const MOST_GPUS: u32 = 1024;

/// The largest machines that NVIDIA builds as one; pairs grow with the square.
const MOST_PEERS: u32 = 16;

/// `arguments`: paths to try where the loader finds none by its soname.
pub fn run(speaker: &Speaker, arguments: &[String]) {
    let nvml = match open(arguments) {
        Ok(nvml) => nvml,
        Err(start) => return speaker.set("start", Fact::present(start, "nvmlInit")),
    };
    speaker.set("start", Fact::present(Start::Works, "nvmlInit"));
    speaker.set("driver", fact(nvml.sys_driver_version(), "nvmlSystemGetDriverVersion"));
    let cuda = nvml.sys_cuda_driver_version().map(|v| format!("{}.{}", v / 1000, v % 1000 / 10));
    speaker.set("cuda", fact(cuda, "nvmlSystemGetCudaDriverVersion"));
    let count = nvml.device_count().map(|count| count.min(MOST_GPUS));
    speaker.set("count", fact(count.as_ref().copied().map_err(same), "nvmlDeviceGetCount"));
    if let Ok(count) = count {
        for index in 0..count {
            speaker.push("gpus", gpu(&nvml, index));
        }
        speaker.set("listed", Fact::present(count, "nvmlDeviceGetHandleByIndex"));
        speaker.set("peers", fact(peers(&nvml, count.min(MOST_PEERS)), "nvmlDeviceGetP2PStatus"));
    }
    // Nothing comes after this that a hanging nvmlShutdown could cost.
    std::mem::forget(nvml);
}

fn open(fallbacks: &[String]) -> Result<Nvml, Start> {
    let mut first = None;
    for path in std::iter::once(SONAME).chain(fallbacks.iter().map(String::as_str)) {
        match Nvml::builder().lib_path(OsStr::new(path)).init() {
            Ok(nvml) => return Ok(nvml),
            Err(error) => {
                let start = start_of(&error);
                let missing = matches!(start, Start::NoLibrary(_));
                first.get_or_insert(start.clone());
                if !missing {
                    return Err(start);
                }
            }
        }
    }
    Err(first.unwrap_or_else(|| Start::NoLibrary(format!("{SONAME} was not tried"))))
}

fn start_of(error: &NvmlError) -> Start {
    match error {
        NvmlError::LibloadingError(why) => {
            let words = std::error::Error::source(why).map_or_else(|| why.to_string(), ToString::to_string);
            let absent = words.starts_with(SONAME) && words.contains("No such file or directory")
                || words.starts_with('/') && words.ends_with("No such file or directory");
            if absent { Start::NoLibrary(words) } else { Start::BadLibrary(words) }
        }
        NvmlError::FailedToLoadSymbol(words) => Start::BadLibrary(words.clone()),
        other => Start::Refused(refusal(other)),
    }
}

fn gpu(nvml: &Nvml, index: u32) -> NvmlGpu {
    let device = match nvml.device_by_index(index) {
        Ok(device) => device,
        Err(error) => return NvmlGpu { index, refused: Some(refusal(&error)), ..NvmlGpu::default() },
    };
    let mut gpu = identity(&device, index);
    // A GPU that is lost answers to its handle and to nothing else.
    if let Err(error @ (NvmlError::GpuLost | NvmlError::ResetRequired)) = device.memory_info() {
        gpu.refused = Some(refusal(&error));
        return gpu;
    }
    let capability = device.cuda_compute_capability().map(|c| format!("{}.{}", c.major, c.minor));
    gpu.compute_capability = fact(capability, "nvmlDeviceGetCudaComputeCapability");
    gpu.memory = fact(memory(&device), "nvmlDeviceGetMemoryInfo");
    gpu.holders = fact(holders(&device), "nvmlDeviceGetComputeRunningProcesses");
    let ecc = device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile);
    gpu.ecc_uncorrected = fact(ecc, "nvmlDeviceGetTotalEccErrors");
    gpu.remapped_rows = fact(remapped_rows(&device), "nvmlDeviceGetRemappedRows");
    gpu.retirement_pending = fact(device.are_pages_pending_retired(), "nvmlDeviceGetRetiredPagesPendingStatus");
    gpu.mig = fact(mig(&device), "nvmlDeviceGetMigMode");
    gpu.slices = fact(slices(&device), "nvmlDeviceGetMigDeviceHandleByIndex");
    gpu.compute_mode = fact(device.compute_mode().map(compute_mode), "nvmlDeviceGetComputeMode");
    gpu.fabric = fact(fabric(&device), "nvmlDeviceGetGpuFabricInfo");
    gpu.persistence = fact(device.is_in_persistent_mode(), "nvmlDeviceGetPersistenceMode");
    gpu.slowdowns = fact(device.current_throttle_reasons().map(slowdowns), "nvmlDeviceGetCurrentClocksEventReasons");
    gpu.temperature = fact(device.temperature(TemperatureSensor::Gpu), "nvmlDeviceGetTemperature");
    gpu.link = fact(link(&device), "nvmlDeviceGetCurrPcieLinkWidth");
    gpu.licensed = licensed(&device);
    // Not nvmlDeviceGetEncoderCapacity: the driver answers 100 for H.264 on GPUs that have no encoder.
    gpu.encodings = fact(device.encoder_stats().map(|stats| stats.session_count), "nvmlDeviceGetEncoderStats");
    gpu
}

fn identity(device: &Device<'_>, index: u32) -> NvmlGpu {
    let address = device.pci_info().map(|pci| format!("{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device));
    NvmlGpu {
        index,
        name: device.name().unwrap_or_else(|error| match error {
            NvmlError::Utf8Error(_) => "a name that is not UTF-8".into(),
            _ => String::new(),
        }),
        uuid: device.uuid().unwrap_or_default(),
        address: address.unwrap_or_default(),
        minor: device.minor_number().ok(),
        brand: device.brand().ok().map(|brand| format!("{brand:?}")),
        ..NvmlGpu::default()
    }
}

/// The newer call tells reserved memory apart; drivers before 510 have the older one only.
fn memory(device: &Device<'_>) -> Result<Memory, NvmlError> {
    match device.memory_info() {
        Ok(info) => Ok(Memory { total: info.total, free: info.free }),
        Err(NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound | NvmlError::UnexpectedVariant(_)) => {
            old_memory(device)
        }
        Err(error) => Err(error),
    }
}

#[allow(unsafe_code)]
fn old_memory(device: &Device<'_>) -> Result<Memory, NvmlError> {
    let call = device.nvml().lib().nvmlDeviceGetMemoryInfo.as_ref().map_err(no_symbol)?;
    let mut info = sys::nvmlMemory_t { total: 0, free: 0, used: 0 };
    // SAFETY: the handle comes from this library and lives as long as `device`; the struct is NVML's own.
    done(unsafe { call(device.handle(), &mut info) })?;
    Ok(Memory { total: info.total, free: info.free })
}

/// Programs that compute, and those that draw; one that does both is told twice by NVML, with the same number.
fn holders(device: &Device<'_>) -> Result<Vec<Holder>, NvmlError> {
    let mut processes = device.running_compute_processes()?;
    processes.extend(device.running_graphics_processes().unwrap_or_default());
    processes.sort_unstable_by_key(|process| process.pid);
    processes.dedup_by_key(|process| process.pid);
    let mut holders: Vec<Holder> = processes
        .iter()
        .map(|process| Holder {
            pid: process.pid,
            name: std::fs::read_to_string(format!("/proc/{}/comm", process.pid)).unwrap_or_default().trim().into(),
            bytes: match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes),
                UsedGpuMemory::Unavailable => None,
            },
        })
        .collect();
    holders.sort_by_key(|holder| std::cmp::Reverse(holder.bytes));
    Ok(holders)
}

#[allow(unsafe_code)]
fn remapped_rows(device: &Device<'_>) -> Result<RemappedRows, NvmlError> {
    let call = device.nvml().lib().nvmlDeviceGetRemappedRows.as_ref().map_err(no_symbol)?;
    let (mut correctable, mut uncorrectable, mut pending, mut failed) = (0, 0, 0, 0);
    // SAFETY: the handle comes from this library; the four are unsigned ints that live through the call.
    done(unsafe { call(device.handle(), &mut correctable, &mut uncorrectable, &mut pending, &mut failed) })?;
    Ok(RemappedRows { uncorrectable, pending: pending != 0, failed: failed != 0 })
}

fn mig(device: &Device<'_>) -> Result<Mig, NvmlError> {
    let mode = device.mig_mode()?;
    let instances = if mode.current == 1 { instances(device)?.count() } else { 0 };
    Ok(Mig { enabled: mode.current == 1, enabled_next: mode.pending == 1, instances: instances as u32 })
}

fn slices(device: &Device<'_>) -> Result<Vec<String>, NvmlError> {
    if device.mig_mode()?.current != 1 {
        return Ok(Vec::new());
    }
    instances(device)?.map(|instance| instance.uuid()).collect()
}

/// Those that really are there; NVML's own count is of those that there could be.
fn instances<'a>(device: &'a Device<'_>) -> Result<impl Iterator<Item = Device<'a>>, NvmlError> {
    let most = device.mig_device_count()?.min(64);
    Ok((0..most).filter_map(|index| device.mig_device_by_index(index).ok()))
}

#[allow(unsafe_code)]
fn fabric(device: &Device<'_>) -> Result<Fabric, NvmlError> {
    let lib = device.nvml().lib();
    if let Ok(call) = lib.nvmlDeviceGetGpuFabricInfoV.as_ref() {
        let mut info = sys::nvmlGpuFabricInfoV_t {
            // NVML_STRUCT_VERSION(GpuFabricInfo, 2): drivers that know version 3 know 2 too.
            version: (size_of::<sys::nvmlGpuFabricInfo_v2_t>() | 2 << 24) as u32,
            clusterUuid: [0; 16],
            status: 0,
            cliqueId: 0,
            state: 0,
            healthMask: 0,
            healthSummary: 0,
        };
        // SAFETY: the handle comes from this library; the buffer is larger than the version that it names.
        match unsafe { call(device.handle(), &mut info) } {
            0 => return Ok(fabric_of(info.state.into(), info.status)),
            sys::nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH
            | sys::nvmlReturn_enum_NVML_ERROR_FUNCTION_NOT_FOUND => {}
            code => return Err(code.into()),
        }
    }
    let call = lib.nvmlDeviceGetGpuFabricInfo.as_ref().map_err(no_symbol)?;
    let mut info = sys::nvmlGpuFabricInfo_t { clusterUuid: [0; 16], status: 0, cliqueId: 0, state: 0 };
    // SAFETY: as above; the struct is NVML's own.
    done(unsafe { call(device.handle(), &mut info) })?;
    Ok(fabric_of(info.state.into(), info.status))
}

fn fabric_of(state: u32, status: nvmlReturn_t) -> Fabric {
    match (state, status) {
        (sys::NVML_GPU_FABRIC_STATE_NOT_STARTED, _) => Fabric::NotStarted,
        (sys::NVML_GPU_FABRIC_STATE_IN_PROGRESS, _) => Fabric::InProgress,
        (sys::NVML_GPU_FABRIC_STATE_COMPLETED, 0) => Fabric::Completed,
        (sys::NVML_GPU_FABRIC_STATE_COMPLETED, status) => Fabric::Failed(status),
        _ => Fabric::NotSupported,
    }
}

/// Of a virtual GPU only: whether one of the features that it was given is licensed.
#[allow(unsafe_code)]
fn licensed(device: &Device<'_>) -> Fact<bool> {
    const SOURCE: &str = "nvmlDeviceGetGridLicensableFeatures";
    match device.virtualization_mode() {
        Ok(GpuVirtualizationMode::Vgpu) => {}
        Ok(_) | Err(NvmlError::NotSupported) => return Fact::absent(SOURCE),
        Err(error) => return fact(Err(error), SOURCE),
    }
    let ask = || {
        let call = device.nvml().lib().nvmlDeviceGetGridLicensableFeatures_v4.as_ref().map_err(no_symbol)?;
        // SAFETY: a struct of integers and arrays of them, for which zeros are a value.
        let mut features: sys::nvmlGridLicensableFeatures_t = unsafe { std::mem::zeroed() };
        // SAFETY: the handle comes from this library; the struct is NVML's own.
        done(unsafe { call(device.handle(), &mut features) })?;
        let count = features.gridLicensableFeatures.len().min(features.licensableFeaturesCount as usize);
        let mut given = features.gridLicensableFeatures[..count].iter().filter(|feature| feature.featureEnabled != 0);
        // Nothing of it that would need a licence.
        let free = features.isGridLicenseSupported == 0 || given.clone().next().is_none();
        Ok(free || given.any(|feature| feature.featureState != 0))
    };
    fact(ask(), SOURCE)
}

/// See [`NvmlFacts::peers`](gdoctor_checks::model::facts::nvidia::NvmlFacts::peers).
fn peers(nvml: &Nvml, count: u32) -> Result<Vec<(u32, u32)>, NvmlError> {
    let devices = (0..count).map(|index| nvml.device_by_index(index)).collect::<Result<Vec<_>, _>>()?;
    let mut peers = Vec::new();
    for (one, device) in (0..).zip(&devices) {
        for (other, second) in (0..).zip(&devices).skip(one as usize + 1) {
            let may = |how| device.p2p_status(second, how).map(|status| status == P2pStatus::Ok);
            if may(P2pCapabilitiesIndex::Read)? && !may(P2pCapabilitiesIndex::NvLink)? {
                peers.push((one, other));
            }
        }
    }
    Ok(peers)
}

fn compute_mode(mode: device::ComputeMode) -> ComputeMode {
    match mode {
        device::ComputeMode::Default => ComputeMode::Default,
        device::ComputeMode::ExclusiveThread => ComputeMode::ExclusiveThread,
        device::ComputeMode::Prohibited => ComputeMode::Prohibited,
        device::ComputeMode::ExclusiveProcess => ComputeMode::ExclusiveProcess,
    }
}

/// Only what the hardware does to save itself: an idle GPU or a power limit is nobody's fault.
fn slowdowns(reasons: ThrottleReasons) -> Vec<String> {
    [
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "hardware thermal slowdown"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "software thermal slowdown"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "power brake slowdown"),
    ]
    .into_iter()
    .filter(|(reason, _)| reasons.contains(*reason))
    .map(|(_, words)| words.to_owned())
    .collect()
}

fn link(device: &Device<'_>) -> Result<Link, NvmlError> {
    Ok(Link { width: device.current_pcie_link_width()?, width_possible: device.max_pcie_link_width()? })
}

fn no_symbol(error: impl std::fmt::Display) -> NvmlError {
    NvmlError::FailedToLoadSymbol(error.to_string())
}

fn done(code: nvmlReturn_t) -> Result<(), NvmlError> {
    if code == 0 { Ok(()) } else { Err(code.into()) }
}

fn fact<T>(answer: Result<T, NvmlError>, call: &str) -> Fact<T> {
    let source = if call.is_empty() { SOURCE } else { call };
    match answer {
        Ok(value) => Fact::present(value, source),
        Err(NvmlError::NoPermission) => Fact::unknown(Gap::Denied, source),
        Err(NvmlError::Timeout) => Fact::unknown(Gap::TimedOut, source),
        Err(error) => Fact::unknown(Gap::Unsupported(gap_words(&error)), source),
    }
}

fn gap_words(error: &NvmlError) -> String {
    match error {
        NvmlError::FailedToLoadSymbol(_) => "this driver's NVML has no such call".into(),
        other => format!("NVML says {}", refusal(other)),
    }
}

/// NvmlError is not Clone.
fn same(error: &NvmlError) -> NvmlError {
    code_of(error).into()
}

fn code_of(error: &NvmlError) -> nvmlReturn_t {
    match error {
        NvmlError::Uninitialized => 1,
        NvmlError::InvalidArg => 2,
        NvmlError::NotSupported => 3,
        NvmlError::NoPermission => 4,
        NvmlError::NotFound => 6,
        NvmlError::InsufficientSize(_) => 7,
        NvmlError::InsufficientPower => 8,
        NvmlError::DriverNotLoaded => 9,
        NvmlError::Timeout => 10,
        NvmlError::IrqIssue => 11,
        NvmlError::LibraryNotFound => 12,
        NvmlError::FunctionNotFound | NvmlError::FailedToLoadSymbol(_) => 13,
        NvmlError::CorruptedInfoROM => 14,
        NvmlError::GpuLost => 15,
        NvmlError::ResetRequired => 16,
        NvmlError::OperatingSystem => 17,
        NvmlError::LibRmVersionMismatch => 18,
        NvmlError::InUse => 19,
        NvmlError::InsufficientMemory => 20,
        NvmlError::NoData => 21,
        NvmlError::VgpuEccNotSupported => 22,
        NvmlError::UnexpectedVariant(code) => *code,
        _ => 999,
    }
}

fn refusal(error: &NvmlError) -> Refusal {
    match code_of(error) {
        3 => Refusal::NotSupported,
        4 => Refusal::NoPermission,
        6 => Refusal::NotFound,
        8 => Refusal::InsufficientPower,
        9 => Refusal::DriverNotLoaded,
        10 => Refusal::Timeout,
        11 => Refusal::IrqIssue,
        12 => Refusal::LibraryNotFound,
        13 => Refusal::FunctionNotFound,
        14 => Refusal::CorruptedInforom,
        15 => Refusal::GpuIsLost,
        16 => Refusal::ResetRequired,
        17 => Refusal::OperatingSystem,
        18 => Refusal::VersionMismatch,
        20 => Refusal::Memory,
        999 => Refusal::UnknownError,
        other => Refusal::Other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_return_code_has_its_name() {
        for code in (3..=30).filter(|code| *code != 5).chain([999]) {
            let error = NvmlError::from(code);
            assert_eq!(code_of(&error), code, "{error:?}");
            assert!(!refusal(&error).to_string().is_empty());
        }
        assert_eq!(refusal(&NvmlError::from(18)), Refusal::VersionMismatch);
        assert_eq!(refusal(&NvmlError::from(4711)), Refusal::Other(4711));
        let words = |code| refusal(&NvmlError::from(code)).to_string();
        assert_eq!((words(27).as_str(), words(4711).as_str()), ("System is not in ready state", "return code 4711"));
        // Every value of nvmlReturn_t has words of its own.
        assert!((1..=30).chain([999]).all(|code| !words(code).starts_with("return code")));
    }

    #[test]
    fn only_the_hardware_s_own_brakes_count() {
        assert!(slowdowns(ThrottleReasons::GPU_IDLE | ThrottleReasons::SW_POWER_CAP).is_empty());
        assert_eq!(slowdowns(ThrottleReasons::HW_THERMAL_SLOWDOWN), ["hardware thermal slowdown"]);
    }
}
