//! Device nodes, the numbers that the kernel has given out, and the rules by which the driver makes nodes.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::nvidia::{Majors, Node, Params};

use crate::host::Host;
use crate::host::files::Kind;

/// The host's, and where it has none those of the container that brings the driver, as its own /dev has them.
pub fn nodes(host: &Host, driver_root: Option<&str>) -> Fact<Vec<Node>> {
    let own = nodes_below(host, "");
    match driver_root.filter(|_| own.value().is_some_and(Vec::is_empty)) {
        Some(root) => nodes_below(host, root),
        None => own,
    }
}

/// Every /dev/nvidia*, and what lies in the folders of the driver there; an empty list is present.
fn nodes_below(host: &Host, root: &str) -> Fact<Vec<Node>> {
    let below_dev =
        |names: Vec<String>| names.into_iter().filter(|name| name.starts_with("nvidia")).collect::<Vec<_>>();
    host.list(format!("{root}/dev")).map(|names| {
        let below = |folder: &str| {
            let names = host.list(format!("{root}{folder}")).value().cloned().unwrap_or_default();
            names.into_iter().map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
        };
        let caps = ["/dev/nvidia-caps", "/dev/nvidia-caps-imex-channels"].into_iter().flat_map(below);
        below_dev(names)
            .into_iter()
            .filter(|name| !name.starts_with("nvidia-caps"))
            .map(|name| format!("/dev/{name}"))
            .chain(caps)
            .filter_map(|path| node(host, root, path))
            .collect()
    })
}

fn node(host: &Host, root: &str, path: String) -> Option<Node> {
    let stat = *host.stat(format!("{root}{path}")).value()?;
    let (major, minor) = stat.rdev;
    let is_device = stat.kind == Kind::CharDevice;
    Some(Node { path, is_device, major, minor, mode: stat.mode, uid: stat.uid, gid: stat.gid, made: stat.mtime })
}

pub fn majors(host: &Host) -> Fact<Majors> {
    host.text("/proc/devices").map(|text| parse_majors(&text))
}

/// Lines `NUMBER NAME` of the character devices; those of block devices come after.
fn parse_majors(text: &str) -> Majors {
    let mut majors = Majors::default();
    for line in text.lines().take_while(|line| !line.starts_with("Block")) {
        let Some((number, name)) = line.trim().split_once(' ') else { continue };
        let number = number.parse().ok();
        match name {
            "nvidia" | "nvidia-frontend" => majors.nvidia = number,
            "nvidia-uvm" => majors.uvm = number,
            "nvidia-caps" => majors.caps = number,
            _ => {}
        }
    }
    majors
}

pub fn params(host: &Host) -> Fact<Params> {
    host.text("/proc/driver/nvidia/params").map(|text| parse_params(&text))
}

/// Lines `Name: NUMBER`; the driver's defaults where a line is missing.
fn parse_params(text: &str) -> Params {
    let value = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse::<u32>().ok())
    };
    Params {
        modify_device_files: value("ModifyDeviceFiles").is_none_or(|v| v != 0),
        mode: value("DeviceFileMode").unwrap_or(0o666) & 0o7777,
        gid: value("DeviceFileGID").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_proc_devices() {
        let text = "Character devices:\n  1 mem\n195 nvidia\n195 nvidia-modeset\n195 nvidiactl\n234 nvidia-caps\n511 nvidia-uvm\n\nBlock devices:\n  7 nvidia\n";
        assert_eq!(parse_majors(text), Majors { nvidia: Some(195), uvm: Some(511), caps: Some(234) });
        assert_eq!(
            parse_majors("195 nvidia-frontend\n99999999999 nvidia-uvm\n\u{fffd}"),
            Majors { nvidia: Some(195), ..Majors::default() }
        );
    }

    #[test]
    fn params_of_the_driver() {
        let text = "ResmanDebugLevel: 4294967295\nModifyDeviceFiles: 1\nDeviceFileUID: 0\nDeviceFileGID: 44\nDeviceFileMode: 432\n";
        assert_eq!(parse_params(text), Params { modify_device_files: true, mode: 0o660, gid: 44 });
        assert_eq!(parse_params(""), Params { modify_device_files: true, mode: 0o666, gid: 0 });
    }
}
