//! What files tell of a video node: stat, access control list, sysfs, udev's data base, the links in /dev/v4l.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::camera::{Kind, Node, NodeFile};

use crate::host::Host;
use crate::host::files;

/// Everything but `links`, `said` and `holders`.
pub fn read(host: &Host, path: &str) -> Node {
    let stat = host.stat(path);
    let sysfs = sysfs_folder(host, path, stat.value());
    let device = host.real_path(format!("{sysfs}/device"));
    let number = host.line(format!("{sysfs}/dev"));
    Node {
        file: stat.map(|stat| file(host, stat)),
        acl: host.attribute(path, "system.posix_acl_access").parse(|bytes| writers(&bytes)),
        name: host.line(format!("{sysfs}/name")),
        index: host.line(format!("{sysfs}/index")).parse(|text| text.parse().map_err(|_| format!("{text:?}"))),
        usb: super::usb::place(host, &device),
        udev: number.value().map_or_else(|| Fact::absent("/run/udev/data"), |number| udev(host, number)),
        device,
        ..Node::default()
    }
}

/// The folder of sysfs that describes the node; by its number where its name is not the kernel's.
fn sysfs_folder(host: &Host, path: &str, stat: Option<&files::Stat>) -> String {
    let by_number = stat
        .filter(|stat| stat.kind == files::Kind::CharDevice)
        .and_then(|stat| host.real_path(format!("/sys/dev/char/{}:{}", stat.rdev.0, stat.rdev.1)).value().cloned());
    by_number.unwrap_or_else(|| format!("/sys/class/video4linux/{}", path.rsplit('/').next().unwrap_or(path)))
}

fn file(host: &Host, stat: files::Stat) -> NodeFile {
    let kind = match stat.kind {
        files::Kind::CharDevice => Kind::Device,
        files::Kind::Directory => Kind::Folder,
        _ => Kind::Other,
    };
    NodeFile { kind, uid: stat.uid, gid: stat.gid, group: group(host, stat.gid), mode: stat.mode & 0o777 }
}

/// By /etc/group: the groups of devices are never anywhere else. Empty when the number has no name.
fn group(host: &Host, gid: u32) -> String {
    let groups = host.text("/etc/group");
    let name = groups.value().and_then(|text| {
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse::<u32>().ok()? == gid).then(|| name.to_owned())
        })
    });
    name.unwrap_or_default()
}

/// ID_V4L_CAPABILITIES as udev wrote it down when the node appeared.
fn udev(host: &Host, number: &str) -> Fact<String> {
    let text = host.text(format!("/run/udev/data/c{number}"));
    let source = text.source.0.clone();
    match text.value() {
        Some(text) => {
            let words = text.lines().find_map(|line| line.strip_prefix("E:ID_V4L_CAPABILITIES="));
            Fact::found(words.map(str::to_owned), source)
        }
        None => text,
    }
}

/// Stable names by the node that they lead to: by-id before by-path, each in its order.
pub fn links(host: &Host) -> BTreeMap<String, Vec<String>> {
    let mut links: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["/dev/v4l/by-id", "/dev/v4l/by-path"] {
        for name in host.list(folder).value().into_iter().flatten() {
            let link = format!("{folder}/{name}");
            if let Some(node) = host.real_path(&link).value() {
                links.entry(node.clone()).or_default().push(link);
            }
        }
    }
    links
}

/// Users whom a POSIX access control list names and lets read and write. The form is that of
/// <linux/posix_acl_xattr.h>: a version (2), then entries of tag, permissions and id, all little-endian.
fn writers(bytes: &[u8]) -> Result<Vec<u32>, String> {
    const VERSION: [u8; 4] = [2, 0, 0, 0];
    const USER: u16 = 0x02;
    const MASK: u16 = 0x10;
    const READ_WRITE: u16 = 0o6;
    let entries = bytes.strip_prefix(&VERSION).ok_or("an access control list of an unknown version")?;
    let entries: Vec<(u16, u16, u32)> = entries
        .chunks(8)
        .map(|entry| match *entry {
            [t0, t1, p0, p1, i0, i1, i2, i3] => {
                Ok((u16::from_le_bytes([t0, t1]), u16::from_le_bytes([p0, p1]), u32::from_le_bytes([i0, i1, i2, i3])))
            }
            _ => Err("an access control list that is cut off"),
        })
        .collect::<Result<_, _>>()?;
    let mask = entries.iter().find(|(tag, ..)| *tag == MASK).map_or(READ_WRITE, |(_, permissions, _)| *permissions);
    let writes = |permissions: u16| permissions & mask & READ_WRITE == READ_WRITE;
    Ok(entries.into_iter().filter(|(tag, p, _)| *tag == USER && writes(*p)).map(|(_, _, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::writers;

    /// user::rw-, user:1000:rw-, user:1001:r--, group::rw-, mask::rw-, other::---
    const LIST: &[u8] = &[
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 232, 3, 0, 0, 2, 0, 4, 0, 233, 3, 0, 0, 4, 0, 6, 0,
        255, 255, 255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ];

    #[test]
    fn the_list_of_a_seat() {
        assert_eq!(writers(LIST), Ok(vec![1000]));
        assert_eq!(writers(&[2, 0, 0, 0]), Ok(vec![]));
    }

    #[test]
    fn a_mask_takes_away() {
        let mut masked = LIST.to_vec();
        masked[38] = 4;
        assert_eq!(writers(&masked), Ok(vec![]));
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        for end in 0..LIST.len() {
            let cut = writers(&LIST[..end]);
            assert_eq!(cut.is_ok(), end >= 4 && (end - 4) % 8 == 0, "{end}");
        }
        for byte in 0..=255 {
            let _ = writers(&[2, 0, 0, 0, byte, byte, byte, byte, byte, byte, byte, byte]);
        }
    }
}
