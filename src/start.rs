//! Will docker start the container of this run line? The findings that stop it, apart from those that only spoil it later.

use gdoctor_checks::model::run::{RunLine, RunOption};
use serde::Serialize;

use crate::policy::Status;
use crate::report::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starts {
    Yes,
    No,
    /// Something that would decide could not be determined or is not looked at, or the image would have to be pulled first.
    Unknown,
}

/// Checks whose failure keeps docker from starting the container, and which of their codes do; no code: all.
const STOPS: [(&str, &[&str]); 25] = [
    ("docker-client", &["not-installed"]),
    ("docker-endpoint", &[]),
    ("docker-access", &[]),
    ("docker-engine", &[]),
    ("docker-iptables", &["no-raw-table"]),
    ("nvidia-gpu", &[]),
    ("nvidia-driver", &[]),
    ("nvidia-version", &[]),
    ("nvidia-toolkit", &[]),
    ("nvidia-runtime", &[]),
    ("nvidia-config", &["malformed", "mode", "ldconfig"]),
    ("gpu-path", &[]),
    (
        "camera-node",
        &[
            "no-camera",
            "only-others",
            "other-cameras",
            "unplugged",
            "not-bound",
            "driver-not-loaded",
            "folder",
            "driver-missing",
        ],
    ),
    ("port-free", &[]),
    ("run-line-syntax", &[]),
    ("run-line-options", &[]),
    ("run-line-names", &[]),
    ("run-line-limits", &[]),
    ("run-line-image", &[]),
    (
        "run-line-gpu",
        &[
            "quotes-lost",
            "count-and-devices",
            "way-closed",
            "no-such-gpu",
            "no-such-slice",
            "no-such-id",
            "unnamed",
            "socket-in-the-way",
        ],
    ),
    ("run-line-capabilities", &["unknown-word"]),
    ("run-line-require", &[]),
    ("run-line-ports", &[]),
    ("run-line-volumes", &[]),
    ("registry-answers", &[]),
];

/// Options that docker may refuse by what no check looks at: the image's own files, the kernel, a plugin.
const UNSEEN: [&str; 26] = [
    "env-file",
    "label-file",
    "blkio-weight",
    "blkio-weight-device",
    "cgroup-parent",
    "cpu-quota",
    "cpu-rt-period",
    "cpu-rt-runtime",
    "cpu-shares",
    "cpuset-mems",
    "device-read-bps",
    "device-read-iops",
    "device-write-bps",
    "device-write-iops",
    "entrypoint",
    "ip",
    "ip6",
    "kernel-memory",
    "link-local-ip",
    "log-opt",
    "memory-swappiness",
    "pids-limit",
    "storage-opt",
    "sysctl",
    "use-api-socket",
    "volume-driver",
];

/// The arguments that keep a clear answer away: of these options, names of users and groups that only the image knows,
/// security profiles that the kernel must hold, and mounts that need a shared one below them.
pub fn unseen(line: &RunLine) -> Vec<&str> {
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let keeps = |option: &&RunOption| match option.name.as_str() {
        "user" => !option.value.split(':').all(|name| name == "root" || is_number(name)),
        "group-add" => option.value != "root" && !is_number(&option.value),
        "mount" | "volume" => ["shared", "slave"].iter().any(|propagation| option.value.contains(propagation)),
        "network-alias" => line.last("network").is_none(),
        "security-opt" => ["apparmor", "label"].iter().any(|kind| option.value.starts_with(kind)),
        name => UNSEEN.contains(&name),
    };
    line.options.iter().filter(keeps).map(|option| option.at.text.as_str()).collect()
}

/// The container gets a network of Docker's, whose rules are set when it starts.
fn has_bridge(line: &RunLine) -> bool {
    line.last("network").is_none_or(|option| option.value != "host" && option.value != "none")
}

/// Only some of the checks that decide were selected.
pub fn is_partial(results: &[Outcome]) -> bool {
    STOPS.iter().any(|(id, _)| results.iter().all(|outcome| outcome.id != *id))
}

/// Findings of the line's own wishes only: what a flag or the guide wants besides does not stop this container.
pub fn verdict(line: &RunLine, results: &[Outcome]) -> Starts {
    let stops = |outcome: &&Outcome| {
        let code = outcome.code.rsplit('/').next().unwrap_or_default();
        let listed = STOPS.iter().any(|(id, codes)| {
            *id == outcome.id && (codes.is_empty() || outcome.status == Status::Unknown || codes.contains(&code))
        });
        let listed = listed && (outcome.id != "docker-iptables" || has_bridge(line));
        let asked = outcome.asked_by.as_ref().is_some_and(|by| ["run-line", "default"].contains(&by.kind));
        listed && asked
    };
    let has = |status: Status| results.iter().filter(stops).any(|outcome| outcome.status == status);
    let partial = is_partial(results);
    let to_pull = results.iter().any(|outcome| outcome.code == "run-line-image/to-pull");
    if has(Status::Fail) {
        Starts::No
    } else if has(Status::Unknown) || to_pull || partial || !unseen(line).is_empty() {
        Starts::Unknown
    } else {
        Starts::Yes
    }
}
