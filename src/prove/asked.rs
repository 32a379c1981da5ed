//! What is asked of gdoctor inside the container, as one argument of it, and what it answers, a line each.

use super::limits::Limit;
use gdoctor_checks::model::facts::proof::Look;
use gdoctor_checks::model::need::Need;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The wishes alone, without lines and files.
    pub need: Need,
    pub devices: Vec<Device>,
    /// Ports of the container that are published.
    pub ports: Vec<Door>,
    /// What those who connect are answered.
    pub word: String,
    pub limits: Vec<Limit>,
    /// Seconds after which it ends by itself.
    pub lasts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    pub port: u16,
    pub udp: bool,
}

/// A device that the line brings into the container.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Device {
    pub host: String,
    /// As the container has it.
    pub path: String,
    pub camera: bool,
    pub write: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Published ports may be asked now; these could not be listened on.
    Listens(Vec<(Door, String)>),
    Looked(Vec<Look>),
}
