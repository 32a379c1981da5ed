//! Which deleted files processes still have open, by /proc: without root only this user's own processes can be seen.

use std::collections::BTreeSet;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::disk::OpenFile;

use crate::host::Host;
use crate::host::files::Kind;
use crate::probe::process::container_id;

/// So many are kept, the largest.
const MOST: usize = 10;

/// Unknown when a process could not be looked at and nothing was found in the others.
pub fn look(host: &Host, data: &str) -> Fact<Vec<OpenFile>> {
    const SOURCE: &str = "/proc/*/fd";
    if !host.is_live() {
        // Files below --root belong to a host that no process here is of.
        return Fact::absent(SOURCE);
    }
    let (_, device) = super::nearest(host, data);
    let processes = host.list("/proc");
    let Some(names) = processes.value() else { return processes.map(|_| Vec::new()) };
    let (mut found, mut seen, mut unseen) = (Vec::new(), BTreeSet::new(), None);
    for pid in names.iter().filter_map(|name| name.parse::<u32>().ok()) {
        if host.deadline.left().is_zero() {
            unseen = Some(Gap::TimedOut);
            break;
        }
        let files = host.list(format!("/proc/{pid}/fd"));
        if let Some(gap) = files.gap() {
            unseen.get_or_insert_with(|| gap.clone());
        }
        for fd in files.value().into_iter().flatten().filter_map(|name| name.parse::<u32>().ok()) {
            if let Some((number, file)) = deleted(host, pid, fd, device) {
                // Several processes may have one file open.
                if seen.insert(number) {
                    found.push(file);
                }
            }
        }
    }
    found.sort_by_key(|file| std::cmp::Reverse(file.bytes));
    found.truncate(MOST);
    match unseen {
        Some(gap) if found.is_empty() => Fact::unknown(gap, SOURCE),
        _ => Fact::present(found, SOURCE),
    }
}

/// The deleted file that this is, with its device and inode, if it takes room on `device`.
fn deleted(host: &Host, pid: u32, fd: u32, device: u64) -> Option<((u64, u64), OpenFile)> {
    let link = format!("/proc/{pid}/fd/{fd}");
    let target = host.link(&link);
    let path = target.value()?.strip_suffix(" (deleted)")?.to_owned();
    let stat = host.behind(&link).filter(|stat| stat.kind == Kind::File && stat.allocated > 0)?;
    let group = host.text(format!("/proc/{pid}/cgroup"));
    let container = group.value().and_then(|text| container_id(text));
    // A container's own files lie on an overlay, whose upper folder is below the data root.
    let ours = stat.dev == device || (container.is_some() && host.is_overlay(&link));
    ours.then(|| {
        let process = host.line(format!("/proc/{pid}/comm")).value().cloned().unwrap_or_default();
        let container = log_of(&path).or(container).unwrap_or_default();
        ((stat.dev, stat.inode), OpenFile { path, bytes: stat.allocated, pid, fd, process, container })
    })
}

/// The container whose log a path is: `…/containers/ID/ID-json.log`.
fn log_of(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    let id = name.strip_suffix("-json.log")?;
    folder.ends_with(&format!("/containers/{id}")).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::log_of;

    #[test]
    fn logs_by_their_path() {
        assert_eq!(log_of("/var/lib/docker/containers/abc/abc-json.log").as_deref(), Some("abc"));
        assert_eq!(log_of("/var/lib/docker/containers/abc/def-json.log"), None);
        assert_eq!(log_of("abc-json.log"), None);
    }
}
