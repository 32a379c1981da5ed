//! Will docker start the container of this run line? The findings that stop it, apart from those that only spoil it later.

use serde::Serialize;

use crate::policy::Status;
use crate::report::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starts {
    Yes,
    No,
    /// Something that would decide could not be determined, or the image would have to be pulled first.
    Unknown,
}

/// Checks whose failure keeps docker from starting the container, and which of their codes do; no code: all.
const STOPS: [(&str, &[&str]); 22] = [
    ("docker-client", &["not-installed"]),
    ("docker-endpoint", &[]),
    ("docker-access", &[]),
    ("docker-engine", &[]),
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
    ("run-line-image", &[]),
    ("run-line-gpu", &["quotes-lost", "count-and-devices", "way-closed"]),
    ("run-line-capabilities", &["unknown-word"]),
    ("run-line-require", &[]),
    ("run-line-ports", &[]),
    ("run-line-volumes", &[]),
    ("registry-answers", &[]),
];

/// Findings of the line's own wishes only: what a flag or the guide wants besides does not stop this container.
pub fn verdict(results: &[Outcome]) -> Starts {
    let stops = |outcome: &&Outcome| {
        let code = outcome.code.rsplit('/').next().unwrap_or_default();
        let listed = STOPS.iter().any(|(id, codes)| {
            *id == outcome.id && (codes.is_empty() || outcome.status == Status::Unknown || codes.contains(&code))
        });
        let asked = outcome.asked_by.as_ref().is_some_and(|by| ["run-line", "default"].contains(&by.kind));
        listed && asked
    };
    let has = |status: Status| results.iter().filter(stops).any(|outcome| outcome.status == status);
    let to_pull = results.iter().any(|outcome| outcome.code == "run-line-image/to-pull");
    if has(Status::Fail) {
        Starts::No
    } else if has(Status::Unknown) || to_pull {
        Starts::Unknown
    } else {
        Starts::Yes
    }
}
