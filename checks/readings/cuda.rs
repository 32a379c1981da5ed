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

/// The CUDA that drivers of a branch speak: "CUDA Toolkit and Corresponding Driver Versions" of CUDA's release notes. `None` for
/// branches before the table.
pub fn of_branch(driver: &Version) -> Option<Version> {
    const FIRST: [(u32, [u32; 2]); 21] = [
        (450, [11, 0]),
        (455, [11, 1]),
        (460, [11, 2]),
        (465, [11, 3]),
        (470, [11, 4]),
        (495, [11, 5]),
        (510, [11, 6]),
        (515, [11, 7]),
        (520, [11, 8]),
        (525, [12, 0]),
        (530, [12, 1]),
        (535, [12, 2]),
        (545, [12, 3]),
        (550, [12, 4]),
        (555, [12, 5]),
        (560, [12, 6]),
        (565, [12, 7]),
        (570, [12, 8]),
        (575, [12, 9]),
        (580, [13, 0]),
        (590, [13, 1]),
    ];
    FIRST.iter().rev().find(|(branch, _)| driver.major() >= *branch).map(|(_, cuda)| Version::new(cuda))
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

/// NVIDIA's data-centre GPUs by their brand: forward compatibility works on these. `None` where the brand does not tell: some
/// professional cards have it too.
pub fn forward_compatible(gpu: &NvmlGpu) -> Option<bool> {
    match gpu.brand.as_deref()? {
        "Tesla" | "Nvidia" => Some(true),
        "GeForce" | "GeForceRTX" | "Titan" | "TitanRTX" => Some(false),
        _ => None,
    }
}
