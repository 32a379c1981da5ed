//! One video node: its file, its place in sysfs and udev, and what its driver said.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::model::place;
use serde::{Deserialize, Serialize};

use super::usb::UsbPlace;
use crate::model::fact::Fact;
use crate::model::fact::Stop;
use crate::model::need::Camera;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    pub file: Fact<NodeFile>,
    /// Users (not the owner) whom the access control list of the node lets read and write, after its mask; Absent: no list.
    pub acl: Fact<Vec<u32>>,
    /// Stable names that lead here: /dev/v4l/by-id first, then by-path.
    pub links: Vec<String>,
    /// `name` in sysfs: what the driver calls it.
    pub name: Fact<String>,
    /// `index` in sysfs: 0 for the first node of an interface, 1 for the metadata node of a USB camera.
    pub index: Fact<u32>,
    /// The device in sysfs that the node belongs to; nodes of one camera share it.
    pub device: Fact<String>,
    /// Absent when it is not on USB.
    pub usb: Fact<UsbPlace>,
    /// ID_V4L_CAPABILITIES of udev's data base: `:capture:`.
    pub udev: Fact<String>,
    pub said: Said,
    /// Processes that have the node open; looked up only for a node that is held.
    pub holders: Fact<Vec<Holder>>,
}

/// stat(2) of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    pub kind: Kind,
    pub uid: u32,
    pub gid: u32,
    /// The name of `gid`; empty when it has none.
    #[serde(default)]
    #[serde(serialize_with = "place::group")]
    pub group: String,
    /// Permission bits, such as 0o660.
    pub mode: u32,
    /// Major and minor number of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Device,
    /// What `docker run -v` makes of a path that is not there.
    Folder,
    Other,
}

/// What the child learnt from the driver. Field names are those of its lines.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Said {
    /// open(2), read and write, by this user.
    pub opened: Fact<Opened>,
    pub capability: Fact<Capability>,
    /// Absent when it offers none, as nodes do that are no cameras.
    pub formats: Fact<Vec<Format>>,
    pub queue: Fact<Queue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opened {
    Granted,
    /// EACCES: the file's mode, groups and access control list.
    Denied,
    /// EPERM: a device cgroup, as in a container that was given the node by `-v`.
    Forbidden,
    /// ENODEV, ENXIO, ENOENT: unplugged while it was looked at.
    Gone,
    /// EBUSY: the driver lets one program in.
    Busy,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Opened::Granted => "it opens",
            Opened::Denied => "EACCES (permission denied)",
            Opened::Forbidden => "EPERM (operation not permitted)",
            Opened::Gone => "no such device",
            Opened::Busy => "EBUSY (device or resource busy)",
        })
    }
}

/// VIDIOC_QUERYCAP; bytes that are not UTF-8 are read lossily.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capability {
    #[serde(serialize_with = "place::word")]
    pub driver: String,
    pub card: String,
    pub bus: String,
    /// The union over all nodes of the device.
    pub capabilities: u32,
    /// Of this node; meaningful when `capabilities` has DEVICE_CAPS.
    pub device_caps: u32,
}

/// Bits of <linux/videodev2.h>.
const VIDEO_CAPTURE: u32 = 0x1;
const VIDEO_OUTPUT: u32 = 0x2;
const VIDEO_CAPTURE_MPLANE: u32 = 0x1000;
const VIDEO_OUTPUT_MPLANE: u32 = 0x2000;
const VIDEO_M2M_MPLANE: u32 = 0x4000;
const VIDEO_M2M: u32 = 0x8000;
const META_CAPTURE: u32 = 0x0080_0000;
const STREAMING: u32 = 0x0400_0000;
const META_OUTPUT: u32 = 0x0800_0000;
const IO_MC: u32 = 0x2000_0000;
const DEVICE_CAPS: u32 = 0x8000_0000;

/// Drivers whose capture nodes are ends of a pipeline that libcamera or the like must set up, though not all of them say
/// so by IO_MC: Raspberry Pi, Rockchip, Intel IPU.
const PIPELINE_DRIVERS: [&str; 9] =
    ["unicam", "rp1-cfe", "bcm2835-isp", "pispbe", "rkisp1", "ipu3-cio2", "ipu3-imgu", "isys", "sun6i-isp"];

/// What a video node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A camera: delivers pictures by itself.
    Capture,
    /// Data about pictures: the second node of a USB camera.
    Metadata,
    /// Shows pictures.
    Output,
    /// A loopback device that no program writes to: it offers output only until one does.
    LoopbackIdle,
    /// Encodes, decodes or scales in hardware.
    Codec,
    /// A CSI sensor's port or an image processor, useful only behind a media pipeline.
    Pipeline,
    /// Radio data, teletext, touch and the like.
    Other,
}

impl Role {
    pub fn words(self) -> &'static str {
        match self {
            Role::Capture => "camera",
            Role::Metadata => "metadata",
            Role::Output => "output",
            Role::LoopbackIdle => "loopback without a producer",
            Role::Codec => "codec",
            Role::Pipeline => "camera pipeline",
            Role::Other => "no camera",
        }
    }
}

/// The driver of a Jetson's CSI port: its nodes stream what the sensor gives, and NVIDIA's daemon makes pictures of it.
const JETSON_DRIVER: &str = "tegra-video";

/// The letters of Video4Linux's formats of a sensor's own cells (Documentation/userspace-api/media/v4l/pixfmt-bayer.rst): an order of
/// colours, then bits.
const SENSOR_FORMATS: [&str; 8] = ["RG", "BG", "GB", "BA", "GR", "pR", "pB", "pG"];

impl Capability {
    /// The bits of this node, not of the whole device.
    pub fn own(&self) -> u32 {
        if self.capabilities & DEVICE_CAPS != 0 { self.device_caps } else { self.capabilities }
    }

    pub fn is_loopback(&self) -> bool {
        self.driver == "v4l2 loopback"
    }

    pub fn role(&self) -> Role {
        let has = |bits: u32| self.own() & bits != 0;
        let captures = has(VIDEO_CAPTURE | VIDEO_CAPTURE_MPLANE);
        match () {
            () if has(VIDEO_M2M | VIDEO_M2M_MPLANE) => Role::Codec,
            () if (captures || has(META_CAPTURE | META_OUTPUT | VIDEO_OUTPUT | VIDEO_OUTPUT_MPLANE))
                && (has(IO_MC) || PIPELINE_DRIVERS.contains(&self.driver.as_str())) =>
            {
                Role::Pipeline
            }
            () if captures && has(STREAMING) => Role::Capture,
            () if has(VIDEO_OUTPUT | VIDEO_OUTPUT_MPLANE) && self.is_loopback() => Role::LoopbackIdle,
            () if has(VIDEO_OUTPUT | VIDEO_OUTPUT_MPLANE) => Role::Output,
            () if has(META_CAPTURE | META_OUTPUT) => Role::Metadata,
            () => Role::Other,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "driver {}, card {}, bus {}, device_caps {:#010x}", self.driver, self.card, self.bus, self.own())
    }
}

/// VIDIOC_REQBUFS with a count of 0, which takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    Free,
    /// EBUSY: another program streams or is about to.
    Held,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Queue::Free => "free",
            Queue::Held => "EBUSY (held by another program)",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    pub pid: u32,
    /// /proc/PID/comm.
    pub name: String,
    /// Id of the container that the process is in; empty on the host.
    #[serde(default)]
    #[serde(serialize_with = "place::word")]
    pub container: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// A pixel format with the sizes it comes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Four letters: `MJPG`, `YUYV`.
    #[serde(serialize_with = "place::word")]
    pub fourcc: String,
    #[serde(default)]
    pub compressed: bool,
    #[serde(default)]
    pub sizes: Vec<Extent>,
}

impl fmt::Display for Format {
    /// `YUYV 640x480@30 1280x720@10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fourcc)?;
        self.sizes.iter().try_for_each(|size| write!(f, " {size}"))
    }
}

/// One size (`min` and `max` are equal), or all sizes between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Width and height in pixels.
    pub min: (u32, u32),
    pub max: (u32, u32),
    /// The highest rate at the largest size, in frames per 1000 seconds; 0 when the driver does not tell.
    #[serde(default)]
    pub rate: u32,
}

impl Extent {
    pub fn holds(&self, width: u32, height: u32) -> bool {
        (self.min.0..=self.max.0).contains(&width) && (self.min.1..=self.max.1).contains(&height)
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min != self.max {
            write!(f, "{}x{} to ", self.min.0, self.min.1)?;
        }
        write!(f, "{}x{}", self.max.0, self.max.1)?;
        if self.rate > 0 {
            // Rounded to whole frames: 29970 is what everybody calls 30.
            write!(f, "@{}", (self.rate.saturating_add(500)) / 1000)?;
        }
        Ok(())
    }
}

/// How a user gets at a device file, by its owner, group and mode alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Granted,
    /// Only as a member of the file's group.
    NeedsGroup,
    Denied,
}

impl NodeFile {
    /// Read and write access for a user in no other group than `gid`.
    pub fn access(&self, uid: u32, gid: u32) -> Access {
        let may = |shift: u32| (self.mode >> shift) & 0o6 == 0o6;
        match () {
            () if uid == self.uid && may(6) => Access::Granted,
            () if uid == self.uid => Access::Denied,
            () if gid == self.gid && may(3) => Access::Granted,
            () if gid == self.gid => Access::Denied,
            () if may(0) => Access::Granted,
            () if may(3) => Access::NeedsGroup,
            () => Access::Denied,
        }
    }
}

impl fmt::Display for NodeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.group.is_empty() { format!("{}", self.gid) } else { self.group.clone() };
        write!(f, "mode {:04o}, owner {}, group {group} ({})", self.mode, self.uid, self.gid)
    }
}

impl Node {
    /// It streams a sensor's own cells and no pictures: those make a Jetson's daemon.
    pub fn is_raw_of_jetson(&self) -> bool {
        let jetson = self.said.capability.value().is_some_and(|capability| capability.driver == JETSON_DRIVER);
        let raw = |format: &Format| SENSOR_FORMATS.iter().any(|begin| format.fourcc.starts_with(begin));
        jetson && self.said.formats.value().is_some_and(|formats| !formats.is_empty() && formats.iter().all(raw))
    }

    /// From the driver's own words; where this user may not ask it, from udev's record of them.
    pub fn role(&self) -> Result<Role, Stop> {
        match self.said.opened.value() {
            Some(Opened::Denied | Opened::Forbidden) => self.recorded_role(),
            _ => Ok(self.said.capability.known()?.map_or(Role::Other, Capability::role)),
        }
    }

    fn recorded_role(&self) -> Result<Role, Stop> {
        // Old udev recorded the whole device's capabilities, so the second node of a USB interface is never believed.
        let second = self.usb.value().is_some() && self.index.value().is_some_and(|index| *index > 0);
        match self.udev.value() {
            Some(words) if words.contains(":capture:") && second => Ok(Role::Metadata),
            Some(words) if words.contains(":capture:") => Ok(Role::Capture),
            Some(words) if words.contains(":video_output:") => Ok(Role::Output),
            Some(_) => Ok(Role::Other),
            None => Err(Stop::blocked_by("camera-access")),
        }
    }

    /// What a person calls it.
    pub fn title(&self) -> &str {
        let card = self.said.capability.value().map(|capability| capability.card.as_str());
        card.or(self.name.value().map(String::as_str)).filter(|name| !name.is_empty()).unwrap_or("a camera")
    }

    /// 0 is best.
    pub fn trouble(&self) -> u8 {
        let closed = !matches!(self.said.opened.value(), Some(Opened::Granted));
        let held = matches!(self.said.queue.value(), Some(Queue::Held));
        u8::from(closed) * 2 + u8::from(held)
    }

    pub fn fits(&self, wish: &Camera) -> bool {
        match wish {
            Camera::Name(wanted) => self.title().to_lowercase().contains(&wanted.to_lowercase()),
            _ => true,
        }
    }
}
