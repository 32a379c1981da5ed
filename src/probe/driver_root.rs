//! Where NVIDIA's driver has its user's half when a container brings it: the GPU operator's leaves its whole root below /run
//! (`driver-root` in its documentation), and the host has none of its libraries.

use gdoctor_checks::model::fact::Fact;

use crate::host::Host;

const ROOT: &str = "/run/nvidia/driver";
/// Where the images of that container keep libraries.
#[cfg(target_arch = "aarch64")]
pub const FOLDERS: [&str; 3] = ["/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
#[cfg(not(target_arch = "aarch64"))]
pub const FOLDERS: [&str; 3] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"];

/// Present only where libcuda or NVML lies below it, and the same is not the host's own root.
pub fn find(host: &Host) -> Fact<String> {
    let is_own = host.real_path(ROOT).value().is_none_or(|real| real == "/");
    let has = |folder: &str| {
        ["libnvidia-ml.so.1", "libcuda.so.1"].iter().any(|name| host.exists(format!("{ROOT}{folder}/{name}")))
    };
    Fact::found((!is_own && FOLDERS.iter().any(|folder| has(folder))).then(|| ROOT.to_owned()), ROOT)
}

/// The root to look for the driver's files in: that one, where the host's own folders have no library of the driver's.
pub fn prefix(host: &Host) -> &'static str {
    let own = |folder: &str| host.exists(format!("{folder}/libcuda.so.1"));
    match find(host).value() {
        Some(_) if !FOLDERS.iter().any(|folder| own(folder)) => ROOT,
        _ => "",
    }
}
