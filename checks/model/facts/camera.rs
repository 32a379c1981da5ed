//! The video nodes of /dev: what each says of itself, who may open it, who holds it; and what explains that there is none.

mod node;
mod usb;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use node::{Access, Capability, Extent, Format, Holder, Kind, Node, NodeFile, Opened, Queue, Role, Said};
pub use usb::{Module, UsbCamera, UsbPlace};

use crate::model::fact::Fact;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraFacts {
    /// How many video nodes /dev has; Absent when it has none.
    pub count: Fact<u32>,
    /// By path: `/dev/video0`.
    pub nodes: BTreeMap<String, Node>,
    /// Where each wanted path leads, by the path as typed: `/dev/v4l/by-id/…` to `/dev/video0`.
    pub paths: BTreeMap<String, Fact<String>>,
    /// Video nodes that the kernel has (/sys/class/video4linux): in a container, also those that it was not given.
    pub kernel_nodes: Fact<Vec<String>>,
    /// USB devices that describe themselves as cameras, with or without a driver. Absent when there is none.
    pub usb: Fact<Vec<UsbCamera>>,
    /// The driver for USB cameras.
    pub uvcvideo: Fact<Module>,
    /// What shows that somebody wants v4l2loopback: DKMS's folder for it, or the file that loads it at start.
    pub loopback_wanted: Fact<String>,
    /// The driver for cameras that a program feeds.
    pub loopback: Fact<Module>,
}
