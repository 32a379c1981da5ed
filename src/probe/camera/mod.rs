//! Reads the video nodes of /dev: their files, their places in sysfs and udev, and what their drivers say to a child each.

pub mod frame;
mod holder;
mod node;
mod usb;

use std::collections::BTreeMap;
use std::path::Path;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::camera::{CameraFacts, Node, Queue, Said};
use gdoctor_checks::model::need::{Camera, Need};

use crate::host::child;
use crate::host::files::Kind;
use crate::host::{Deadline, Host, threads};

/// Character devices of Video4Linux have this major number everywhere (Documentation/admin-guide/devices.txt).
const MAJOR: u32 = 81;
const LOOPBACK: &str = "v4l2loopback";
/// As many nodes as Linux can have (VIDEO_NUM_DEVICES).
const NODES: usize = 256;

pub fn probe(host: &Host, need: &Need) -> CameraFacts {
    let names = host.list("/dev");
    let paths = wanted_paths(host, need);
    let mut found: Vec<String> =
        names.value().into_iter().flatten().filter(|n| is_video(n)).take(NODES).cloned().collect();
    found.iter_mut().for_each(|name| name.insert_str(0, "/dev/"));
    let count = names.map(|_| found.len() as u32);
    // In a container a node may have any name; other devices are never opened, for some act when they are.
    let renamed = paths.values().filter_map(|fact| fact.value()).filter(|path| is_video_device(host, path));
    let all: Vec<String> = found.iter().chain(renamed.filter(|path| !found.contains(path))).cloned().collect();
    let links = node::links(host);
    // What is looked up after the children came back needs some of the time too.
    let deadline = host.deadline.within(host.deadline.left() * 3 / 4);
    let look = |path: &str| {
        let mut node = node::read(host, path);
        node.links = links.get(path).cloned().unwrap_or_default();
        node.said = ask(host, path, deadline);
        node
    };
    let mut nodes = at_once(&all, look);
    for (path, node) in &mut nodes {
        if matches!(node.said.queue.value(), Some(Queue::Held)) {
            node.holders = holder::holders(host, path);
        }
    }
    CameraFacts {
        count: if all.is_empty() && count.value().is_some() { Fact::absent("/dev/video*") } else { count },
        nodes,
        paths,
        kernel_nodes: kernel_nodes(host),
        usb: usb::cameras(host),
        uvcvideo: usb::module(host, "uvcvideo"),
        loopback_wanted: loopback_wanted(host),
        loopback: usb::module(host, LOOPBACK),
    }
}

/// Sources for DKMS, or a line that loads the module at every start.
fn loopback_wanted(host: &Host) -> Fact<String> {
    const DKMS: &str = "/var/lib/dkms/v4l2loopback";
    const LOADED: &str = "/etc/modules-load.d";
    if host.exists(DKMS) {
        return Fact::present(DKMS.into(), DKMS);
    }
    let more = host.list(LOADED).value().cloned().unwrap_or_default();
    let files = more.iter().map(|file| format!("{LOADED}/{file}")).chain(["/etc/modules".to_owned()]);
    let names = |text: &String| text.lines().any(|line| line.split_whitespace().next() == Some(LOOPBACK));
    let found = files.into_iter().find(|file| host.text(file).value().is_some_and(names));
    Fact::found(found, format!("{DKMS}, {LOADED}, /etc/modules"))
}

/// Unknown where sysfs is not mounted or is masked, as some containers have it.
fn kernel_nodes(host: &Host) -> Fact<Vec<String>> {
    const FOLDER: &str = "/sys/class/video4linux";
    if !host.exists("/sys/class") {
        return Fact::unknown(Gap::ToolMissing("/sys/class".into()), FOLDER);
    }
    host.list(FOLDER).map(|names| names.into_iter().filter(|name| is_video(name)).collect())
}

fn is_video(name: &str) -> bool {
    name.strip_prefix("video").is_some_and(|number| number.parse::<u16>().is_ok())
}

fn is_video_device(host: &Host, path: &str) -> bool {
    host.stat(path).value().is_some_and(|stat| stat.kind == Kind::CharDevice && stat.rdev.0 == MAJOR)
}

/// Where each path that somebody asked for leads.
fn wanted_paths(host: &Host, need: &Need) -> BTreeMap<String, Fact<String>> {
    let typed = need.cameras.iter().filter_map(|wish| match &wish.what {
        Camera::Path(path) => Some(path.clone()),
        Camera::Any | Camera::Name(_) => None,
    });
    typed.map(|path| (path.clone(), host.real_path(Path::new(&path)))).collect()
}

/// All nodes at the same time: one that hangs costs the others nothing.
fn at_once(paths: &[String], look: impl Fn(&str) -> Node + Sync) -> BTreeMap<String, Node> {
    let looks = threads::at_once(paths, |path| look(path));
    paths.iter().cloned().zip(looks.into_iter().map(Option::unwrap_or_default)).collect()
}

fn ask(host: &Host, path: &str, deadline: Deadline) -> Said {
    let stat = host.stat(path);
    if let Some(other) = host.other_kernel().filter(|_| stat.value().is_some()) {
        return child::unknown_group(other, path);
    }
    match stat.value() {
        Some(stat) if stat.kind == Kind::CharDevice && stat.rdev.0 == MAJOR => {
            let on_disk = host.on_disk(path).to_string_lossy().into_owned();
            child::probe("v4l2", &[&on_disk], path, deadline)
        }
        // Below `--root` a regular file may stand in for a node: nobody is there to ask.
        Some(_) => child::unknown_group(Gap::Unsupported("what lies there is no video device".into()), path),
        None => child::unknown_group(stat.gap().cloned().unwrap_or(Gap::ToolMissing("the node".into())), path),
    }
}
