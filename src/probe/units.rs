//! systemd's unit files: where one lies, and what it and its drop-ins set. systemd itself is not asked.

use std::collections::BTreeMap;

use crate::host::Host;

const FOLDERS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// The file of a unit: `docker.service`.
pub fn path(host: &Host, unit: &str) -> Option<String> {
    FOLDERS.iter().map(|folder| format!("{folder}/{unit}")).find(|path| host.lstat(path).value().is_some())
}

/// The last value that the unit's file or one of its drop-ins has for `key`, and the file that has it, the file first.
pub fn last(host: &Host, path: &str, key: &str) -> Option<(String, String)> {
    let unit = path.rsplit('/').next().unwrap_or_default();
    let mut drop_ins: BTreeMap<String, String> = BTreeMap::new();
    // systemd reads drop-ins in the order of their names; one in an earlier folder takes the place of its namesake.
    for folder in FOLDERS {
        let folder = format!("{folder}/{unit}.d");
        for name in host.list(&folder).value().into_iter().flatten().filter(|name| name.ends_with(".conf")) {
            drop_ins.entry(name.clone()).or_insert_with(|| format!("{folder}/{name}"));
        }
    }
    let mut last = None;
    for file in std::iter::once(path.to_owned()).chain(drop_ins.into_values()) {
        let text = host.text(&file).map(|text| text.replace("\\\n", " "));
        for line in text.value().map(String::as_str).unwrap_or_default().lines() {
            let value = line.trim().strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix('='));
            last = value.map(|value| (file.clone(), value.trim().to_owned())).or(last);
        }
    }
    last
}
