//! Packages that are a part of NVIDIA's driver: they belong on the host, and an image gets them from there.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Beginnings of names of packages that are part of the driver: Debian's and Ubuntu's, Fedora's and NVIDIA's own, openSUSE's,
/// Arch's.
const DRIVER: [&str; 21] = [
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
    "opencl-nvidia",
    // Ubuntu's program that installs it.
    "ubuntu-drivers",
];
/// Of the same beginnings, and no part of it.
const NOT: [&str; 5] =
    ["libnvidia-container", "libnvidia-egl-", "libnvidia-ml-dev", "nvidia-driver-assistant", "ubuntu-drivers-common"];

/// By the package's name alone: `libnvidia-compute-550`, `nvidia-utils=550.54.15`.
pub fn is_of_the_driver(name: &str) -> bool {
    let begins = |list: &[&str]| list.iter().any(|begin| name.starts_with(begin));
    (begins(&DRIVER) || is_of_old_ubuntu(name)) && !begins(&NOT)
}

/// `nvidia-384`, `nvidia-375=375.66`: the driver's name in Ubuntu up to 17.10.
fn is_of_old_ubuntu(name: &str) -> bool {
    let branch = name.strip_prefix("nvidia-").map(|rest| rest.split(['=', ':']).next().unwrap_or_default());
    branch.is_some_and(|branch| branch.len() == 3 && branch.bytes().all(|b| b.is_ascii_digit()))
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
