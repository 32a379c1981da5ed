//! Which of the cameras is meant, and by which name it stays the same.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::fact::{Fact, Stop};
use crate::model::facts::camera::{CameraFacts, Kind, Node, Opened, Role};
use crate::model::finding::NOT_NEEDED;
use crate::model::need::{Camera, Need, Origin, Wish};

/// What a wish for a camera leads to.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    Node(&'a str, &'a Node),
    /// Nothing that could be it.
    Nothing,
}

impl CameraFacts {
    /// The node that a wish is about. Of several that would do, the one that this user may open and nobody holds, and of
    /// those the one with the lowest number. A named path is taken whatever it is; `any` takes cameras only.
    pub fn choose(&self, wish: &Camera) -> Result<Choice<'_>, Stop> {
        if let Camera::Path(typed) = wish {
            let real = self.paths.get(typed).map_or(Ok(Some(typed)), Fact::known)?;
            let node = real.and_then(|real| self.nodes.get_key_value(real));
            return Ok(node.map_or(Choice::Nothing, |(path, node)| Choice::Node(path, node)));
        }
        self.count.known()?;
        let mut stop = None;
        let mut cameras: Vec<(&str, &Node)> = Vec::new();
        for (path, node) in &self.nodes {
            match node.role() {
                Ok(Role::Capture) if node.fits(wish) => cameras.push((path, node)),
                Ok(_) => {}
                // Nobody could ask it, so it may be one; what keeps us from asking is told by that check.
                Err(why) if why == Stop::blocked_by("camera-access") && node.fits(wish) => cameras.push((path, node)),
                Err(why) => stop = Some(why),
            }
        }
        let best = cameras.into_iter().min_by_key(|(path, node)| (node.trouble(), number(path)));
        match (best, stop) {
            (Some((path, node)), _) => Ok(Choice::Node(path, node)),
            (None, Some(why)) => Err(why),
            (None, None) => Ok(Choice::Nothing),
        }
    }

    /// The cameras to take a picture of: with `any`, all that can be opened; else, and where none can, the one that is chosen.
    pub fn to_picture(&self, wish: &Camera) -> Result<Vec<(&str, &Node)>, Stop> {
        let mut ready = self.ordered();
        ready
            .retain(|(_, node)| node.said.opened.value() == Some(&Opened::Granted) && node.role() == Ok(Role::Capture));
        match wish {
            Camera::Any if !ready.is_empty() => Ok(ready),
            _ => Ok(alloc::vec![self.camera(wish)?]),
        }
    }

    /// The camera that a wish is about, for checks that only a camera can fail: whatever else the wish leads to, or why that
    /// cannot be told, is `camera-node`'s to say.
    pub fn camera(&self, wish: &Camera) -> Result<(&str, &Node), Stop> {
        let stop = Stop::blocked_by("camera-node");
        let Ok(Choice::Node(path, node)) = self.choose(wish) else { return Err(stop) };
        let is_device = node.file.value().is_none_or(|file| file.kind == Kind::Device);
        let is_there = node.said.opened.value() != Some(&Opened::Gone);
        match node.role() {
            Ok(Role::Capture) if is_device && is_there => Ok((path, node)),
            Err(why) if why == Stop::blocked_by("camera-access") => Ok((path, node)),
            _ => Err(stop),
        }
    }

    /// A named node that is no camera and need not be one: with the camera's own node its other ones are named as well, and a
    /// line may bring hardware codecs, and outputs for the pictures that its program makes.
    pub fn is_beside(&self, wish: &Wish<Camera>, all: &[Wish<Camera>]) -> Option<Role> {
        let Camera::Path(_) = wish.what else { return None };
        let Ok(Choice::Node(path, node)) = self.choose(&wish.what) else { return None };
        let role = node.role().ok().filter(|role| *role != Role::Capture)?;
        let by_line = matches!(wish.by, Origin::RunLine { .. } | Origin::File { .. });
        let camera = |wish: &Wish<Camera>| Some(self.camera(&wish.what).ok()?.0);
        let is_beside = match role {
            Role::Codec => by_line,
            Role::Output | Role::LoopbackIdle => by_line && all.iter().any(|wish| camera(wish).is_some()),
            _ => self.capture_sibling(path).is_some_and(|own| all.iter().any(|wish| camera(wish) == Some(own))),
        };
        is_beside.then_some(role)
    }

    /// The wishes that only a camera fulfils.
    pub fn wished(&self, need: &Need) -> Result<Vec<Wish<Camera>>, Stop> {
        let all = &need.cameras;
        let of_cameras: Vec<_> = all.iter().filter(|wish| self.is_beside(wish, all).is_none()).cloned().collect();
        if of_cameras.is_empty() && !all.is_empty() { Err(Stop::NotNeeded(NOT_NEEDED)) } else { Ok(of_cameras) }
    }

    /// The capture node of the same camera, when `path` is another of its nodes.
    pub fn capture_sibling(&self, path: &str) -> Option<&str> {
        let this = self.nodes.get(path)?;
        let device = this.device.value()?;
        // Some drivers make several cameras of one device; their bus words tell these apart.
        let bus = |node: &Node| node.said.capability.value().map(|capability| capability.bus.clone());
        let same = |node: &Node| match (bus(this), bus(node)) {
            (Some(one), Some(other)) if one != other => false,
            _ => node.device.value() == Some(device),
        };
        let mut siblings: Vec<&str> = self
            .nodes
            .iter()
            .filter(|(_, node)| same(node) && matches!(node.role(), Ok(Role::Capture)))
            .map(|(path, _)| path.as_str())
            .collect();
        siblings.sort_by_key(|path| number(path));
        siblings.first().copied()
    }

    /// The name of a node to write down: it stays when numbers change. `path` is taken when there is no other.
    ///
    /// Identical cameras without a serial number claim one name in /dev/v4l/by-id, which then leads to the one that came last:
    /// their place on the bus tells them apart.
    pub fn stable<'a>(&'a self, path: &'a str) -> &'a str {
        let Some(node) = self.nodes.get(path) else { return path };
        let by_id = |link: &&String| link.starts_with("/dev/v4l/by-id/");
        let rival = |(other, that): (&String, &Node)| {
            let same = that.title() == node.title() && that.index.value() == node.index.value();
            other != path && same && that.usb.value().is_some() && that.links.iter().find(by_id).is_none()
        };
        let shared = node.links.first().filter(by_id).is_some() && self.nodes.iter().any(rival);
        let lasting = node.links.iter().find(|link| !shared || !by_id(link));
        lasting.map_or(path, String::as_str)
    }

    /// Every camera with its nodes and its place, a line each.
    pub fn inventory(&self) -> String {
        let mut cameras: BTreeMap<&str, Vec<(&str, &Node)>> = BTreeMap::new();
        let mut order = Vec::new();
        for (path, node) in self.ordered() {
            let device = node.device.value().map_or(path, String::as_str);
            order.extend((!cameras.contains_key(device)).then_some(device));
            cameras.entry(device).or_default().push((path, node));
        }
        let line = |device: &&str| {
            let nodes = cameras.get(device).map_or(&[][..], Vec::as_slice);
            let parts: Vec<String> = nodes
                .iter()
                .map(|(path, node)| format!("{path} {}", node.role().map_or("cannot tell", Role::words)))
                .collect();
            let (title, place) = nodes.first().map_or(("", None), |(_, node)| (node.title(), node.usb.value()));
            let place = place.map_or_else(String::new, |usb| format!(" (USB {usb})"));
            format!("{title}{place}: {}", parts.join(", "))
        };
        order.iter().map(line).collect::<Vec<_>>().join("; ")
    }

    /// Paths of the nodes, by number.
    pub fn ordered(&self) -> Vec<(&str, &Node)> {
        let mut nodes: Vec<(&str, &Node)> = self.nodes.iter().map(|(path, node)| (path.as_str(), node)).collect();
        nodes.sort_by_key(|(path, _)| number(path));
        nodes
    }
}

fn number(path: &str) -> u32 {
    path.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::camera::UsbPlace;
    use alloc::string::ToString;
    use alloc::vec;

    fn twin(port: &str, links: &[&str]) -> Node {
        Node {
            name: Fact::present("Twin Cam".to_string(), "sysfs"),
            index: Fact::present(0, "sysfs"),
            device: Fact::present(format!("/sys/devices/{port}"), "sysfs"),
            usb: Fact::present(UsbPlace { bus: 1, port: port.into(), speed: 480, virtual_host: false }, "sysfs"),
            links: links.iter().map(ToString::to_string).collect(),
            ..Node::default()
        }
    }

    #[test]
    fn a_name_that_twins_claim_is_not_stable() {
        let one = twin("1-1", &["/dev/v4l/by-id/usb-Twin-video-index0", "/dev/v4l/by-path/usb-0:1"]);
        let mut facts = CameraFacts::default();
        facts.nodes.insert("/dev/video0".into(), one);
        assert_eq!(facts.stable("/dev/video0"), "/dev/v4l/by-id/usb-Twin-video-index0");
        facts.nodes.insert("/dev/video2".into(), twin("1-2", &["/dev/v4l/by-path/usb-0:2"]));
        assert_eq!(facts.stable("/dev/video0"), "/dev/v4l/by-path/usb-0:1");
        assert_eq!(facts.stable("/dev/video2"), "/dev/v4l/by-path/usb-0:2");
        assert_eq!(facts.stable("/dev/video9"), "/dev/video9");
    }

    #[test]
    fn nodes_of_one_camera_are_one_camera() {
        let mut facts = CameraFacts::default();
        for (path, port) in [("/dev/video0", "1-1"), ("/dev/video10", "1-2"), ("/dev/video1", "1-1")] {
            facts.nodes.insert(path.into(), twin(port, &[]));
        }
        let all: Vec<String> = facts.inventory().split("; ").map(ToString::to_string).collect();
        let place = |port| format!("Twin Cam (USB bus 1, port {port}, 480 Mbit/s)");
        assert_eq!(
            all,
            vec![
                format!("{}: /dev/video0 cannot tell, /dev/video1 cannot tell", place("1-1")),
                format!("{}: /dev/video10 cannot tell", place("1-2")),
            ]
        );
    }
}
