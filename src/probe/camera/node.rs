//! What files tell of a video node: stat, access control list, sysfs, udev's data base, the links in /dev/v4l.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::camera::{Kind, Node, NodeFile};

use crate::host::Host;
use crate::host::files;
use crate::probe::acl;

/// Everything but `links`, `said` and `holders`.
pub fn read(host: &Host, path: &str) -> Node {
    let stat = host.stat(path);
    let sysfs = sysfs_folder(host, path, stat.value());
    let device = host.real_path(format!("{sysfs}/device"));
    let number = host.line(format!("{sysfs}/dev"));
    Node {
        file: stat.map(|stat| file(host, stat)),
        acl: acl::users(host, path, acl::READ_WRITE),
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
    let numbers = (kind == Kind::Device).then_some(stat.rdev);
    NodeFile { kind, uid: stat.uid, gid: stat.gid, group: group(host, stat.gid), mode: stat.mode & 0o777, numbers }
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
