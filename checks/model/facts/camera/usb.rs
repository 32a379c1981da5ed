//! Cameras as the USB bus shows them, before any driver.

use alloc::string::String;
use core::fmt;

use crate::model::place;
use serde::{Deserialize, Serialize};

/// A USB device with a video interface (class 0x0e).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsbCamera {
    /// Its own name, or vendor and product number.
    pub name: String,
    /// Bus and port: `1-4.2`.
    #[serde(serialize_with = "place::word")]
    pub port: String,
    /// What is bound to its video interface; empty when nothing is.
    #[serde(default)]
    #[serde(serialize_with = "place::word")]
    pub driver: String,
}

impl fmt::Display for UsbCamera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let driver = if self.driver.is_empty() { "no driver" } else { &self.driver };
        write!(f, "{} at {} ({driver})", self.name, self.port)
    }
}

/// Where on USB a node's camera is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsbPlace {
    pub bus: u32,
    #[serde(serialize_with = "place::word")]
    pub port: String,
    /// Link speed in Mbit/s: 12, 480, 5000.
    pub speed: u32,
    /// It comes over the network or from the Windows side (vhci_hcd).
    #[serde(default)]
    pub virtual_host: bool,
}

impl fmt::Display for UsbPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bus {}, port {}, {} Mbit/s", self.bus, self.port, self.speed)
    }
}

/// How far a driver module is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Module {
    /// Loaded, or built into the kernel.
    Loaded,
    OnDisk,
    /// This file forbids it.
    Forbidden(String),
    /// The running kernel's modules are there, but not this one.
    Missing,
    /// The running kernel has no folder of modules any more.
    TreeGone,
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Module::Loaded => f.write_str("loaded"),
            Module::OnDisk => f.write_str("on disk, not loaded"),
            Module::Forbidden(file) => write!(f, "forbidden by {file}"),
            Module::Missing => f.write_str("not among this kernel's modules"),
            Module::TreeGone => f.write_str("this kernel's folder of modules is gone"),
        }
    }
}
