//! Single lines that say what a machine, its settings or its files are. Each shows some causes and rules out others, where the error in
//! the same text has several.

use super::rows::{begins, has_any, is_module};
use super::seek;

/// What a line says, and the codes for which that counts. A check's id stands for all its codes.
struct Mark {
    seen: fn(&str) -> bool,
    shows: &'static [&'static str],
    rules_out: &'static [&'static str],
}

/// The marks that a text has, a bit each.
#[derive(Debug, Default)]
pub struct Beside {
    seen: u64,
}

impl Beside {
    /// The next line.
    pub fn note(&mut self, line: &str) {
        for (at, mark) in MARKS.iter().enumerate() {
            if self.seen & (1 << at) == 0 && (mark.seen)(line) {
                self.seen |= 1 << at;
            }
        }
    }

    /// True where a mark shows a code's cause, false where one rules it out and none shows it.
    pub fn shows(&self, code: &str) -> Option<bool> {
        let seen = || MARKS.iter().enumerate().filter(|(at, _)| self.seen & (1 << at) != 0).map(|(_, mark)| mark);
        let names = |names: &[&str]| names.iter().any(|name| is_of(code, name));
        if seen().any(|mark| names(mark.shows)) {
            return Some(true);
        }
        seen().any(|mark| names(mark.rules_out)).then_some(false)
    }
}

/// True for the code of this name, and for every code of the check of this name.
pub fn is_of(code: &str, name: &str) -> bool {
    code == name || code.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
}

fn has_all(line: &str, words: &[&str]) -> bool {
    words.iter().all(|word| seek::has(line, word))
}

/// A setting of JSON, YAML or TOML that is not commented out.
fn is_set(line: &str, name: &str, value: &str) -> bool {
    let Some((before, after)) = line.split_once(name) else { return false };
    let before_is_free = before.trim_matches(['"', '\'', ' ', '\t', '{', ',', '-']).is_empty();
    let given = after.trim_start_matches(['"', '\'', ' ', ':', '=']);
    before_is_free && given.starts_with(value)
}

/// `srw-rw---- 1 root docker 0 … /var/run/docker.sock` with its owner, its group and whether all may write.
fn socket(line: &str) -> Option<(&str, &str, bool)> {
    let mut words = line.split_whitespace();
    let mode = words.next().filter(|mode| mode.starts_with('s') && mode.len() >= 10)?;
    let (owner, group) = (words.nth(1)?, words.next()?);
    seek::has(line, "docker.sock").then_some((owner, group, mode.as_bytes()[8] == b'w'))
}

static MARKS: [Mark; 18] = [
    // getenforce, sestatus, an AVC of a container.
    Mark {
        seen: |l| {
            l.trim() == "Enforcing"
                || has_all(l, &["urrent mode:", "enforcing"])
                || has_all(l, &["avc:  denied", "container_t"])
        },
        shows: &["gpu-confinement/selinux", "display-access/selinux"],
        rules_out: &[],
    },
    Mark {
        seen: |l| matches!(l.trim(), "Permissive" | "Disabled") || has_all(l, &["SELinux status:", "disabled"]),
        shows: &[],
        rules_out: &["gpu-confinement/selinux", "display-access/selinux"],
    },
    // A Jetson, by its release, its kernel and its programs.
    Mark {
        seen: |l| {
            has_any(l, &["L4T", "JetPack", "Jetpack", "nv_tegra_release", "-tegra", "aarch64-linux-gnu/tegra"])
                || has_any(l, &["nvbuf_utils", "NvRmMem", "NvMMLite", "nvarguscamerasrc", "NvBufSurf"])
                || begins(l, &["# R3"]) && seek::has(l, "REVISION")
        },
        shows: &["at-run/jetson-nodes", "at-run/listed-file", "docker-iptables/no-raw-table"],
        rules_out: &[
            "nvidia-driver",
            "nvidia-version",
            "nvidia-nodes",
            "run-line-capabilities",
            "driver-capability/no-egl",
            "driver-capability/no-vulkan",
            "in-image/newer-cuda-inside",
        ],
    },
    // The camera of a Jetson's own port.
    Mark {
        seen: |l| has_any(l, &["tegra-capture-vi", "tegra-video", "vi-output,"]),
        shows: &["camera-node/raw-alone"],
        rules_out: &["camera-node/no-camera", "camera-node/not-passed"],
    },
    Mark {
        seen: |l| has_any(l, &["microsoft-standard-WSL2", "usbipd", "/mnt/wslg", "/usr/lib/wsl/"]),
        shows: &[
            "camera-node/over-usbip",
            "camera-node/wsl-no-driver",
            "display-server/wslg-not-linked",
            "driver-capability/not-in-wsl",
        ],
        rules_out: &["camera-node/driver-missing", "nvidia-driver/not-built", "nvidia-driver/not-installed"],
    },
    // lsusb names a camera.
    Mark {
        seen: |l| begins(l, &["Bus "]) && seek::has(l, ": ID ") && has_any(l, &["ebcam", "ebCam", "amera", "UVC"]),
        shows: &[],
        rules_out: &["camera-node/no-camera", "camera-node/wsl-not-attached"],
    },
    Mark {
        seen: |l| is_module(l) && begins(l, &["nvidia "]),
        shows: &[],
        rules_out: &["nvidia-driver/not-loaded", "nvidia-driver/not-installed", "nvidia-driver/not-built"],
    },
    // /etc/docker/daemon.json
    Mark {
        seen: |l| seek::has(l, "\"path\"") && seek::has(l, "nvidia-container-runtime\""),
        shows: &["nvidia-runtime/not-reloaded"],
        rules_out: &["nvidia-runtime/not-registered", "nvidia-toolkit/not-installed"],
    },
    Mark {
        seen: |l| seek::has(l, "\"dns\"") && seek::has(l, "\"127."),
        shows: &["docker-dns/set-loopback"],
        rules_out: &[],
    },
    Mark { seen: |l| is_set(l, "iptables\"", "false"), shows: &["docker-iptables/switched-off"], rules_out: &[] },
    Mark {
        seen: |l| seek::has(l, "\"userns-remap\""),
        shows: &["gpu-confinement/userns", "camera-access/userns-remap"],
        rules_out: &[],
    },
    // /etc/resolv.conf
    Mark {
        seen: |l| begins(l, &["nameserver 127."]),
        shows: &["docker-dns/loopback-only", "docker-dns/nobody-listens"],
        rules_out: &[],
    },
    // NVIDIA's config.toml
    Mark { seen: |l| is_set(l, "no-cgroups", "true"), shows: &["nvidia-config/no-cgroups"], rules_out: &[] },
    Mark {
        seen: |l| is_set(l, "no-cgroups", "false"),
        shows: &["nvidia-config/cgroups-rootless"],
        rules_out: &["nvidia-config/no-cgroups"],
    },
    // A CDI spec.
    Mark {
        seen: |l| is_set(l, "kind", "nvidia.com/gpu"),
        shows: &["nvidia-cdi/off", "run-line-names/cdi-off"],
        rules_out: &["nvidia-cdi/no-spec"],
    },
    // The socket's owner and its group's members.
    Mark {
        seen: |l| matches!(socket(l), Some(("root", "root", _))),
        shows: &["docker-access/owned-by-root"],
        rules_out: &["docker-access/not-in-group", "docker-access/login-is-older"],
    },
    Mark {
        seen: |l| begins(l, &["docker:x:"]) && !l.trim_end().ends_with(':'),
        shows: &["docker-access/login-is-older"],
        rules_out: &[],
    },
    // id: this very login has the group.
    Mark {
        seen: |l| seek::has(l, "uid=") && seek::has(l, "(docker)"),
        shows: &["docker-access/refused-anyway"],
        rules_out: &["docker-access/not-in-group", "docker-access/login-is-older"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::entries::entries;

    #[test]
    fn every_name_is_a_code_or_a_check() {
        let known = entries();
        for name in MARKS.iter().flat_map(|mark| mark.shows.iter().chain(mark.rules_out)) {
            assert!(known.iter().any(|entry| is_of(&entry.name(), name)), "{name}");
        }
    }

    #[test]
    fn a_setting_counts_where_it_holds() {
        assert!(is_set("no-cgroups = true", "no-cgroups", "true"));
        assert!(is_set("  \"iptables\": false,", "iptables\"", "false"));
        assert!(is_set("{ \"iptables\":false }", "iptables\"", "false"));
        assert!(!is_set("#no-cgroups = true", "no-cgroups", "true"));
        assert!(!is_set("  \"ip6tables\": false", "iptables\"", "false"));
        assert!(!is_set("no-cgroups = false", "no-cgroups", "true"));
    }

    #[test]
    fn a_line_of_ls_tells_whose_the_socket_is() {
        let line = "srw-rw---- 1 root docker 0 Nov 23 01:07 /var/run/docker.sock";
        assert_eq!(socket(line), Some(("root", "docker", false)));
        assert_eq!(socket("srw-rw-rw- 1 root root 0 Nov 23 01:07 docker.sock"), Some(("root", "root", true)));
        assert_eq!(socket("drwxr-xr-x 2 root root 40 Nov 23 01:07 docker.sock"), None);
    }
}
