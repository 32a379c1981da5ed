//! What lies below the data root and belongs to nothing that Docker's own records name. Only root may look.

use std::collections::BTreeSet;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::disk::Leftovers;
use gdoctor_checks::model::facts::docker::DockerFacts;

use crate::host::{Host, clock};

/// Seconds: a pull's folders are known to the records only at its end.
const SETTLED: u64 = 3600;
/// Drivers whose images Docker keeps records of in `image/NAME`.
const DRIVERS: [&str; 7] = ["overlay2", "overlay", "aufs", "btrfs", "zfs", "vfs", "fuse-overlayfs"];

pub fn look(host: &Host, data: &str, docker: &DockerFacts) -> Fact<Leftovers> {
    let folder = format!("{data}/overlay2");
    let names = host.list(&folder);
    if let Some(gap) = names.gap() {
        return Fact::unknown(gap.clone(), folder);
    }
    let records = match records(host, data) {
        Ok(records) => records,
        Err(gap) => return Fact::unknown(gap, format!("{data}/image/overlay2/layerdb")),
    };
    let now = clock::unix_seconds();
    let settled = |name: &&String| {
        let stat = host.stat(format!("{folder}/{name}"));
        stat.value().is_some_and(|stat| now.saturating_sub(u64::try_from(stat.mtime).unwrap_or(0)) > SETTLED)
    };
    let lost = names.value().into_iter().flatten().filter(|name| is_layer(name) && !records.contains(*name));
    let folders = lost.filter(settled).count() as u64;
    let driver = docker.answered_info().map(|info| info.driver.as_str());
    let is_old = |name: &&str| {
        let images = host.list(format!("{data}/image/{name}/layerdb/sha256"));
        driver.is_some_and(|driver| driver != *name) && images.value().is_some_and(|images| !images.is_empty())
    };
    let drivers = DRIVERS.iter().copied().filter(is_old).map(str::to_owned).collect();
    Fact::present(Leftovers { root: data.into(), folders, drivers }, format!("{folder}, {data}/image"))
}

/// A folder of Docker's own layers: 64 hexadecimal digits. BuildKit's have shorter names and records of their own.
fn is_layer(name: &str) -> bool {
    let id = name.strip_suffix("-removing").or(name.strip_suffix("-init")).unwrap_or(name);
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The folders of `overlay2` that belong to a layer of an image or to a container.
fn records(host: &Host, data: &str) -> Result<BTreeSet<String>, Gap> {
    let mut known = BTreeSet::new();
    for (kind, files) in [("sha256", &["cache-id"][..]), ("mounts", &["mount-id", "init-id"])] {
        let folder = format!("{data}/image/overlay2/layerdb/{kind}");
        let entries = host.list(&folder);
        if let Some(gap) = entries.gap() {
            return Err(gap.clone());
        }
        for entry in entries.value().into_iter().flatten() {
            if host.deadline.left().is_zero() {
                return Err(Gap::TimedOut);
            }
            for file in files {
                let id = host.line(format!("{folder}/{entry}/{file}"));
                match id.gap() {
                    Some(gap) => return Err(gap.clone()),
                    None => known.extend(id.value().cloned()),
                }
            }
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::is_layer;

    #[test]
    fn folders_of_layers_by_their_names() {
        let id = "0123456789abcdef".repeat(4);
        for name in [id.clone(), format!("{id}-init"), format!("{id}-removing")] {
            assert!(is_layer(&name), "{name}");
        }
        for name in ["l", "backingFsBlockDev", "abcdefghijklmnopqrstuvwxy", &id[1..]] {
            assert!(!is_layer(name), "{name}");
        }
    }
}
