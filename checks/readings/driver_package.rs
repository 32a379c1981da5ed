//! Packages that are a part of NVIDIA's driver: they belong on the host, and an image gets them from there.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Beginnings of names of packages that are part of the driver: Debian's and Ubuntu's, Fedora's and NVIDIA's own, openSUSE's,
/// Arch's.
const DRIVER: [&str; 19] = [
    "nvidia-driver",
    "nvidia-utils",
    "nvidia-compute-utils",
    "nvidia-compute-G0",
    "nvidia-video-G0",
    "nvidia-gl-G0",
    "nvidia-kernel",
    "nvidia-dkms",
    "nvidia-headless",
    "nvidia-open",
    "nvidia-smi",
    "libnvidia-",
    "libcuda1",
    "libnvcuvid1",
    "cuda-drivers",
    "xserver-xorg-video-nvidia",
    "xorg-x11-drv-nvidia",
    "kmod-nvidia",
    "akmod-nvidia",
];
/// Of the same beginnings, and no part of it.
const NOT: [&str; 4] = ["libnvidia-container", "libnvidia-egl-", "libnvidia-ml-dev", "nvidia-driver-assistant"];

/// By the package's name alone: `libnvidia-compute-550`, `nvidia-utils=550.54.15`.
pub fn is_of_the_driver(name: &str) -> bool {
    DRIVER.iter().any(|begin| name.starts_with(begin)) && !NOT.iter().any(|begin| name.starts_with(begin))
}

/// The driver's packages that a shell's command installs: what stands behind `install`, up to the end of that command.
pub fn installed_by(command: &str) -> Vec<String> {
    let parts = command.split(['&', ';', '|', '\n']);
    let behind = parts.filter_map(|part| part.split_once(" install ").map(|(_, words)| words));
    let names = behind.flat_map(|words| words.split_whitespace()).filter(|word| is_of_the_driver(word));
    names.map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_layer_installed() {
        let layer = "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ffmpeg libnvidia-encode-535 \
            nvidia-utils-535=535.183.01 && rm -rf /var/lib/apt/lists/* # buildkit";
        assert_eq!(installed_by(layer), ["libnvidia-encode-535", "nvidia-utils-535=535.183.01"]);
        assert_eq!(
            installed_by("zypper --non-interactive install nvidia-compute-G06=580.95.05"),
            ["nvidia-compute-G06=580.95.05"]
        );
        for none in [
            "/bin/sh -c apt-get install -y cuda-compat-12-4=${NV_CUDA_COMPAT} libnccl2",
            "apt-get purge -y libnvidia-compute-535",
            "pip install nvidia-cublas-cu12",
            "apt-get install -y nvidia-container-toolkit libnvidia-container1",
            "CMD [\"nvidia-smi\"]",
            "",
        ] {
            assert!(installed_by(none).is_empty(), "{none}");
        }
    }
}
