//! Who a container's user is on the host: user namespaces shift its numbers.

use alloc::string::String;

use crate::model::place;
use serde::{Deserialize, Serialize};

/// A line of /etc/subuid: `owner` may use `count` ids from `first`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubIds {
    /// A name or a number, as the file has it.
    #[serde(serialize_with = "place::user")]
    pub owner: String,
    pub first: u32,
    pub count: u32,
}

/// A container's user as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostIds {
    pub uid: u32,
    /// `None` where it cannot be told.
    pub gid: Option<u32>,
    pub mapping: Mapping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The same numbers inside and outside.
    None,
    /// userns-remap.
    Remapped,
    /// A rootless engine.
    Rootless,
}
