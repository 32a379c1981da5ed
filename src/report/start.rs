//! Will docker start the container of this run line? What stops it stands in doc.md, beside each code (`- stops: start`).

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::{Code, Doc, Stops};
use gdoctor_checks::model::run::{RunLine, RunOption};
use serde::Serialize;

use super::{Outcome, length, parse};
use crate::policy::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starts {
    Yes,
    No,
    /// Something that would decide could not be determined or is not looked at, or the image would have to be pulled first.
    Unknown,
}

/// Options that docker may refuse by what no check looks at: the image's own files, the kernel, a plugin.
const UNSEEN: [&str; 7] = [
    "device-read-bps",
    "device-read-iops",
    "device-write-bps",
    "device-write-iops",
    "link-local-ip",
    "storage-opt",
    "use-api-socket",
];

/// A volume of a driver that may not be installed.
fn has_foreign_driver(mount: &str) -> bool {
    mount.split(',').filter_map(|field| field.strip_prefix("volume-driver=")).any(|driver| driver != "local")
}

/// The arguments that keep a clear answer away: those whose outcome the kernel, a plugin or a server decides, and mounts that
/// need a shared one below them.
pub fn unseen(line: &RunLine) -> Vec<&str> {
    let keeps = |option: &&RunOption| match option.name.as_str() {
        // The source's own mount has to be shared.
        "mount" | "volume" => {
            let names = |word: &str| option.value.split([':', ',', '=']).any(|part| part == word);
            ["shared", "rshared", "slave", "rslave"].into_iter().any(names) || has_foreign_driver(&option.value)
        }
        // The kernel's module may not be there.
        "publish" => option.value.to_ascii_lowercase().ends_with("/sctp"),
        // runc's own threads count until the program is there.
        "pids-limit" => option.value.parse::<i64>().is_ok_and(|n| (1..8).contains(&n)),
        // What the daemon's log driver does with options of its own; a driver that reaches out.
        "log-driver" => !["json-file", "local", "none", ""].contains(&option.value.as_str()),
        "log-opt" => {
            let plain =
                ["max-size=", "max-file=", "labels=", "env=", "tag="].iter().any(|key| option.value.starts_with(key));
            !plain
                || line
                    .last("log-driver")
                    .is_some_and(|driver| !["json-file", "local", ""].contains(&driver.value.as_str()))
        }
        "blkio-weight" => option.value.parse::<u16>().is_ok_and(|n| n != 0 && !(10..=1000).contains(&n)),
        "cpuset-mems" => !["", "0"].contains(&option.value.as_str()),
        "cpu-rt-period" | "cpu-rt-runtime" => option.value != "0",
        "volume-driver" => !["", "local"].contains(&option.value.as_str()),
        // These ask a server elsewhere.
        "pull" => option.value == "always",
        "disable-content-trust" => option.value == "false",
        // The network's own addresses are not looked at.
        "ip" | "ip6" => line.network().is_some(),
        // Settings of modules that may not be loaded.
        "sysctl" => {
            !["net.ipv4.", "net.ipv6.", "net.core.", "kernel.", "fs."].iter().any(|own| option.value.starts_with(own))
        }
        "cpu-shares" => option.value == "1" || option.value.parse::<i64>().is_ok_and(|n| n > 262_144),
        name => UNSEEN.contains(&name),
    };
    line.options.iter().filter(keeps).map(|option| option.at.text.as_str()).collect()
}

/// The container gets a network of Docker's, whose rules are set when it starts.
fn has_bridge(line: &RunLine) -> bool {
    line.last("network").is_none_or(|option| option.value != "host" && option.value != "none")
}

/// What a finding of this check can keep docker from.
fn stops<'a>(doc: &'a Doc<'_>, outcome: &Outcome) -> Option<&'a Code<'a>> {
    let code = outcome.code.rsplit('/').next().unwrap_or_default();
    match outcome.status {
        // What could not be seen may be any of them.
        Status::Unknown => doc.codes.iter().find(|code| code.stops.is_some()),
        _ => doc.code(code).filter(|code| code.stops.is_some()),
    }
}

/// Only some of the checks that decide were selected.
pub fn is_partial(results: &[Outcome]) -> bool {
    let decides = |check: &&&Check| parse(check).codes.iter().any(|code| code.stops.is_some());
    let silent = |check: &&&Check| results.iter().all(|outcome| outcome.id != check.id);
    ALL.iter().filter(silent).any(|check| decides(&check))
}

/// What of the line docker refuses, beside what is mended; in sentences.
pub fn left(results: &[Outcome], is_mended: impl Fn(&str) -> bool) -> Vec<String> {
    let refused = |outcome: &&Outcome| {
        let check = ALL.iter().find(|check| {
            outcome.status == Status::Fail && check.id == outcome.id && check.id.starts_with("run-line-")
        });
        check.is_some_and(|check| stops(&parse(check), outcome).is_some_and(|code| code.stops == Some(Stops::Start)))
    };
    results
        .iter()
        .filter(refused)
        .filter(|outcome| !is_mended(&outcome.code))
        .map(|outcome| outcome.summary.clone())
        .collect()
}

/// Findings of the line's own wishes only: what a flag or the guide wants besides does not stop this container.
pub fn verdict(line: &RunLine, results: &[Outcome]) -> Starts {
    let deciding = deciding(line, results);
    let has = |status: Status| deciding.iter().any(|outcome| outcome.status == status);
    // Of what GPUs have to do with it, run-line-gpu knows for this very line; another check may have the cause.
    let failed = |id: &str| results.iter().any(|outcome| outcome.id == id && outcome.status == Status::Fail);
    let is_caused = |outcome: &&&Outcome| outcome.id == "run-line-gpu" && outcome.cause.as_deref().is_some_and(failed);
    if has(Status::Fail) || deciding.iter().any(|outcome| is_caused(&outcome)) {
        Starts::No
    } else if is_partial(results) || !open(line, results).is_empty() {
        Starts::Unknown
    } else {
        Starts::Yes
    }
}

/// What keeps a clear answer away, each as the end of "cannot be told: …".
pub fn open(line: &RunLine, results: &[Outcome]) -> Vec<String> {
    let mut open = Vec::new();
    let to_come = ["run-line-image/to-pull", "run-line-image/to-pull-by-podman", "run-line-image/made-before"];
    if results.iter().any(|outcome| to_come.contains(&outcome.code.as_str())) {
        open.push("its image is not on this host yet".to_owned());
    }
    let untold = deciding(line, results).into_iter().filter(|outcome| outcome.status == Status::Unknown);
    open.extend(untold.map(|outcome| outcome.brief().to_owned()));
    let unseen = unseen(line);
    if !unseen.is_empty() {
        open.push(format!("{} cannot be looked into", length::cut(unseen.join(", "))));
    }
    open.dedup();
    open
}

/// What failed or is not known of that on which the start depends.
pub fn deciding<'a>(line: &RunLine, results: &'a [Outcome]) -> Vec<&'a Outcome> {
    let decides = |outcome: &&Outcome| {
        let asked = outcome.asked_by.as_ref().is_some_and(|by| ["run-line", "default"].contains(&by.kind));
        let decisive = asked && matches!(outcome.status, Status::Fail | Status::Unknown);
        let Some(check) = ALL.iter().find(|check| decisive && check.id == outcome.id) else { return false };
        let stops = stops(&parse(check), outcome).and_then(|code| code.stops);
        stops.is_some_and(|stops| match stops {
            Stops::Start => true,
            Stops::StartOnBridge => has_bridge(line),
            Stops::StartOnNewNetwork => !line.networks_to_make().is_empty(),
        })
    };
    results.iter().filter(decides).collect()
}
