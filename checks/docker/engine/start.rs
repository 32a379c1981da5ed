//! Why a start failed, by the last words that dockerd wrote. Its texts have no stable form, so only words that carry the meaning
//! are compared; everything else is quoted as it stands.

use crate::model::facts::engine::{Start, is_final};
use crate::model::prelude::*;

/// Words of a line, the code that they mean, and its fix. The first row that fits counts.
const MEANINGS: [(&str, &str, &str); 65] = [
    (".json: is a directory", "config-folder", "remove-config-folder"),
    // Whatever was being done when it happened.
    ("too many open files", "few-resources", "see-limits"),
    ("failed to create new os thread", "few-resources", "see-limits"),
    ("read-only file system", "read-only", "see-read-only"),
    ("unable to configure the docker daemon with file", "refuses-config", "docker-config/repair"),
    ("no space left on device", "disk-full", "make-room"),
    ("incompatible with swarm mode", "swarm-live-restore", "docker-config/repair"),
    ("invalid mirror", "bad-mirror", "docker-config/repair"),
    ("can't create id mappings", "no-id-range", "give-id-range"),
    ("no subuid ranges found", "no-id-range", "give-id-range"),
    ("no subgid ranges found", "no-id-range", "give-id-range"),
    ("open /etc/subuid", "no-id-range", "give-id-range"),
    ("open /etc/subgid", "no-id-range", "give-id-range"),
    ("error loading key file", "broken-key", "remove-key"),
    ("metadata database: timeout", "root-held", "one-daemon"),
    ("metadata.db): timeout", "root-held", "one-daemon"),
    ("volume store metadata database", "volume-store", "remove-volume-store"),
    ("unknown option", "setting-refused", "mend-setting"),
    ("error while populating kmap", "network-store", "remove-network-store"),
    ("invalid database", "network-store", "remove-network-store"),
    ("no sockets found via socket activation", "no-activation", "start-socket"),
    (": file exists", "root-in-the-way", "look-at-root"),
    (": not a directory", "root-in-the-way", "look-at-root"),
    ("zone_conflict", "firewalld-zone", "leave-zone"),
    ("non-overlapping ipv4 address pool", "no-address-range", "free-range"),
    ("list bridge addresses failed", "no-address-range", "free-range"),
    ("all predefined address pools", "no-address-range", "free-range"),
    ("devices cgroup isn't mounted", "no-cgroups", "mount-cgroups"),
    ("cgroup mountpoint does not exist", "no-cgroups", "mount-cgroups"),
    ("ip_set", "wants-ipset", "newer-than-28-0-0"),
    ("ipset", "wants-ipset", "newer-than-28-0-0"),
    ("missing kernel module", "lacks-module", "bring-module"),
    ("br_netfilter", "lacks-br-netfilter", "load-br-netfilter"),
    ("iptables not found", "no-iptables", "install-iptables"),
    ("failed to find iptables", "no-iptables", "install-iptables"),
    ("failed to create nat chain", "no-packet-filter", "filter-backend"),
    ("iptables failed", "no-packet-filter", "filter-backend"),
    ("contains several valid graphdrivers", "no-storage-driver", "fit-storage"),
    ("prior storage driver", "no-storage-driver", "fit-storage"),
    ("error initializing graphdriver", "no-storage-driver", "fit-storage"),
    ("pid file found, ensure docker is not running", "already-runs", "one-daemon"),
    ("is still running", "already-runs", "one-daemon"),
    ("failed to allocate gateway", "bridge-address", "own-bridge-address"),
    ("address already in use", "address-taken", "free-address"),
    ("cannot assign requested address", "address-missing", "own-address"),
    ("could not load x509 key pair", "no-certificate", "mend-certificates"),
    ("could not read ca certificate", "no-certificate", "mend-certificates"),
    ("failed to dial", "no-containerd", "start-containerd"),
    ("timeout waiting for containerd", "no-containerd", "start-containerd"),
    ("needs to be started with root", "needs-root", "start"),
    ("reference store repository", "image-names", "remove-image-names"),
    ("unknown log opt", "setting-refused", "mend-setting"),
    ("native.cgroupdriver", "setting-refused", "mend-setting"),
    ("log opts", "setting-refused", "mend-setting"),
    ("log-opt", "setting-refused", "mend-setting"),
    ("--fixed-cidr-v6", "setting-refused", "mend-setting"),
    ("authorization plugin", "setting-refused", "mend-setting"),
    ("cgroup-parent", "setting-refused", "mend-setting"),
    ("logging level", "setting-refused", "mend-setting"),
    ("insecure registry", "setting-refused", "mend-setting"),
    ("is not an ip address", "setting-refused", "mend-setting"),
    ("invalid cidr", "setting-refused", "mend-setting"),
    ("conflicting options", "setting-refused", "mend-setting"),
    ("seccomp profile", "setting-refused", "mend-setting"),
    ("default runtime", "setting-refused", "mend-setting"),
];

/// Words with which dockerd gives up.
const LAST_WORDS: [&str; 9] = [
    "level=fatal",
    "panic: ",
    "fatal error: ",
    "failed to start daemon",
    "unable to configure the docker daemon",
    "failed to load listeners",
    "failed to create api server",
    "needs to be started with root",
    "error starting daemon",
];

/// The finding for a start that failed; `None` when nothing tells of one.
pub fn finding(start: &Start) -> Option<Finding> {
    // A unit that was stopped in good order did not fail, whatever an earlier start said.
    if start.is_stopped() {
        return None;
    }
    let known = start.lines.iter().rposition(|line| is_last_word(line));
    let at = known.or_else(|| start.lines.iter().rposition(|line| is_final(line)))?;
    let line = own_containerd(start, at).or_else(|| start.lines.get(at))?;
    // What led to it stands in the lines before: containerd's "no space left on device", a driver's own words.
    let before = start.lines.get(at.saturating_sub(8)..at).unwrap_or_default();
    let meaning = MEANINGS
        .iter()
        .find(|(words, ..)| contains(line, words) || (*words == "no space left on device" && any(before, words)));
    let finding = match meaning {
        Some((_, code, fix)) => Finding::fail(code, fix),
        None => Finding::fail("start-failed", "see-log"),
    };
    let reason = message(line);
    // `no subuid ranges found for user "dockremap"`, `mkdir /srv/docker: file exists`
    let user = reason.split_once("user \"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or("dockremap");
    let path = reason.split([' ', '"']).find(|word| word.starts_with('/')).unwrap_or("/var/lib/docker");
    let finding = finding.with("user", user).with("named", path.trim_end_matches([':', '.']));
    Some(finding.with("reason", reason).evidence(start.log.as_str(), line.as_str()))
}

/// What a module of the kernel's that cannot be loaded looks like.
pub fn is_of_kernel(code: &str) -> bool {
    const CODES: [&str; 5] =
        ["no-packet-filter", "lacks-module", "lacks-br-netfilter", "wants-ipset", "no-storage-driver"];
    CODES.contains(&code)
}

/// A containerd that dockerd starts itself says why it ends, long before dockerd has waited enough for it.
fn own_containerd(start: &Start, at: usize) -> Option<&String> {
    let waited = start.lines.get(at).is_some_and(|line| contains(line, "timeout waiting for containerd"));
    start.lines.get(..at).filter(|_| waited)?.iter().rfind(|line| line.starts_with("containerd: "))
}

fn is_last_word(line: &str) -> bool {
    LAST_WORDS.iter().any(|words| contains(line, words))
}

fn any(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| contains(line, words))
}

fn contains(line: &str, words: &str) -> bool {
    line.to_ascii_lowercase().contains(words)
}

/// The text of `msg="…"` of a log line, else the whole line.
fn message(line: &str) -> &str {
    let Some((_, rest)) = line.split_once("msg=\"") else { return line };
    rest.rsplit_once('"').map_or(rest, |(text, _)| text)
}
