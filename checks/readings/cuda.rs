//! Which CUDA makes code for which GPU, and how far a driver's own CUDA reaches: the tables of CUDA's release notes and of
//! NVIDIA's compatibility guide (docs.nvidia.com/deploy/cuda-compatibility).

use crate::model::facts::nvidia::NvmlGpu;
use crate::model::version::Version;

/// The first CUDA whose code runs on a compute capability: code runs on the same major version and the same or a higher minor
/// one (CUDA C++ Programming Guide, "Binary Compatibility"). The chips of Jetson stand apart: desktop code does not run there.
/// An older CUDA may still work: its code is translated when the program starts, if the program carries it in that form.
const FIRST_CUDA: [(&[u32], &[u32]); 8] = [
    (&[12, 0], &[12, 8]),
    (&[11, 0], &[13, 0]),
    (&[10, 0], &[12, 8]),
    (&[9, 0], &[11, 8]),
    (&[8, 0], &[11, 0]),
    (&[7, 0], &[9, 0]),
    (&[6, 0], &[8, 0]),
    (&[5, 0], &[6, 0]),
];
/// The same of Jetson's chips.
const FIRST_CUDA_OF_JETSON: [(&[u32], &[u32]); 4] =
    [(&[8, 7], &[11, 4]), (&[7, 2], &[10, 0]), (&[6, 2], &[8, 0]), (&[5, 3], &[7, 0])];
/// From this CUDA on, GPUs below that capability are not supported at all.
const DROPPED: [(u32, &[u32]); 3] = [(13, &[7, 5]), (12, &[5, 0]), (11, &[3, 5])];

/// The newest CUDA that a branch of the driver speaks, from that branch on (CUDA's release notes, "CUDA Toolkit and Corresponding
/// Driver Versions").
const SPOKEN: [(u32, (u32, u32)); 27] = [
    (418, (10, 1)),
    (440, (10, 2)),
    (450, (11, 0)),
    (455, (11, 1)),
    (460, (11, 2)),
    (465, (11, 3)),
    (470, (11, 4)),
    (495, (11, 5)),
    (510, (11, 6)),
    (515, (11, 7)),
    (520, (11, 8)),
    (525, (12, 0)),
    (530, (12, 1)),
    (535, (12, 2)),
    (545, (12, 3)),
    (550, (12, 4)),
    (555, (12, 5)),
    (560, (12, 6)),
    (565, (12, 7)),
    (570, (12, 8)),
    (575, (12, 9)),
    (580, (13, 0)),
    (590, (13, 1)),
    (595, (13, 2)),
    // What comes between these and after them is not known here.
    (596, (0, 0)),
    (610, (13, 3)),
    (611, (0, 0)),
];

/// By the driver's version alone, where NVML cannot be asked: `11.4` of `470.199.02`.
pub fn spoken_by(driver: &str) -> Option<Version> {
    let branch: u32 = driver.split('.').next()?.parse().ok()?;
    let (_, (major, minor)) = SPOKEN.iter().rev().find(|(since, _)| *since <= branch)?;
    (*major > 0).then(|| Version::new(&[*major, *minor]))
}

/// Compute capabilities by PCI device id, from the first id to the last: chips by pci.ids (all of its release of 2023-04-11 are
/// told right), later ones and the capability of a chip by developer.nvidia.com/cuda-gpus.
const BY_DEVICE: [(u16, u16, [u32; 2]); 21] = [
    (0x1340, 0x13bf, [5, 0]),
    (0x13c0, 0x143f, [5, 2]),
    (0x15f0, 0x15ff, [6, 0]),
    (0x1617, 0x1667, [5, 2]),
    (0x1725, 0x172f, [6, 0]),
    (0x174d, 0x179f, [5, 0]),
    (0x17c0, 0x17ff, [5, 2]),
    (0x1b00, 0x1d7f, [6, 1]),
    (0x1d81, 0x1dff, [7, 0]),
    (0x1e00, 0x1fff, [7, 5]),
    (0x2080, 0x20ff, [8, 0]),
    (0x2180, 0x21ff, [7, 5]),
    (0x2200, 0x22bf, [8, 6]),
    (0x2302, 0x234f, [9, 0]),
    (0x2414, 0x25ff, [8, 6]),
    (0x2680, 0x28ff, [8, 9]),
    (0x2900, 0x29ff, [10, 0]),
    (0x2b80, 0x2dff, [12, 0]),
    (0x2e00, 0x2eff, [12, 1]),
    (0x2f00, 0x2fff, [12, 0]),
    (0x3180, 0x31ff, [10, 3]),
];

/// By the GPU's place on the bus alone, where NVML cannot be asked.
pub fn capability_of(device: u16) -> Option<Version> {
    let row = BY_DEVICE.iter().find(|(first, last, _)| (*first..=*last).contains(&device))?;
    Some(Version::new(&row.2))
}

/// How a CUDA runs on a driver that speaks another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The driver speaks it, or a newer one.
    Whole,
    /// Newer, of the driver's major version: minor version compatibility.
    Minor,
    /// Of a newer major version: only forward compatibility could help.
    TooNew,
}

pub fn reach(wanted: &Version, spoken: &Version) -> Reach {
    if wanted <= spoken {
        Reach::Whole
    } else if wanted.major() == spoken.major() {
        Reach::Minor
    } else {
        Reach::TooNew
    }
}

/// `None` for GPUs that are older or newer than the table.
pub fn first_for(capability: &Version) -> Option<Version> {
    let own = FIRST_CUDA_OF_JETSON.iter().find(|(chip, _)| *capability == Version::new(chip));
    let major = |from: &[u32]| from.first() == Some(&capability.major());
    own.or_else(|| FIRST_CUDA.iter().find(|(from, _)| major(from))).map(|(_, first)| Version::new(first))
}

/// This CUDA has nothing for GPUs of that capability any more.
pub fn has_dropped(cuda: &Version, capability: &Version) -> bool {
    let dropped = DROPPED.iter().find(|(from, _)| cuda.major() >= *from);
    dropped.is_some_and(|(_, least)| *capability < Version::new(least))
}

/// The name of a CUresult that cuInit or the first calls after it return; empty for any other.
pub fn error_name(code: u32) -> &'static str {
    match code {
        2 => "CUDA_ERROR_OUT_OF_MEMORY",
        3 => "CUDA_ERROR_NOT_INITIALIZED",
        34 => "CUDA_ERROR_STUB_LIBRARY",
        46 => "CUDA_ERROR_DEVICE_UNAVAILABLE",
        100 => "CUDA_ERROR_NO_DEVICE",
        101 => "CUDA_ERROR_INVALID_DEVICE",
        304 => "CUDA_ERROR_OPERATING_SYSTEM",
        801 => "CUDA_ERROR_NOT_SUPPORTED",
        802 => "CUDA_ERROR_SYSTEM_NOT_READY",
        803 => "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        804 => "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
        999 => "CUDA_ERROR_UNKNOWN",
        _ => "",
    }
}

/// NVIDIA's data-centre GPUs by their brand, consumers' GPUs by brand or name: forward compatibility works on the first alone.
/// `None` where neither tells: some professional cards have it too.
pub fn forward_compatible(gpu: &NvmlGpu) -> Option<bool> {
    match gpu.brand.as_deref() {
        Some("Tesla" | "Nvidia") => Some(true),
        Some("GeForce" | "GeForceRTX" | "Titan" | "TitanRTX") => Some(false),
        _ => ["GeForce", "TITAN"].iter().any(|name| gpu.name.contains(name)).then_some(false),
    }
}
