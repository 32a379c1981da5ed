//! Images that the daemon has: what they are made for, and what their variables ask of driver and GPU.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;

/// The images that are wanted apart from a run line's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WantedImages {
    /// By the name that was asked for; Absent when the daemon would have to pull it.
    #[serde(serialize_with = "place::image")]
    pub found: BTreeMap<String, Fact<ImageFacts>>,
}

/// The part of `GET /images/NAME/json` that checks use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageFacts {
    #[serde(serialize_with = "place::word")]
    pub os: String,
    /// Go's name: `amd64`, `arm64`.
    #[serde(serialize_with = "place::word")]
    pub architecture: String,
    /// The variables that decide about GPUs and windows; no others are kept.
    #[serde(serialize_with = "place::text")]
    pub variables: BTreeMap<String, String>,
    /// Where the image declares volumes.
    #[serde(serialize_with = "place::text")]
    pub volumes: Vec<String>,
    #[serde(serialize_with = "place::user")]
    pub user: String,
    /// The image names a program that the words behind the image are given to.
    pub entrypoint: bool,
    /// Packages of NVIDIA's driver that the image's layers installed, by its history; not asked for a run line's image.
    #[serde(serialize_with = "place::word")]
    pub driver_packages: Fact<Vec<String>>,
}

impl ImageFacts {
    /// True for a variable that is kept in `variables`.
    pub fn keeps(variable: &str) -> bool {
        variable.starts_with("NVIDIA_") || ["CUDA_VERSION", "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR"].contains(&variable)
    }
}

/// Go's name of `uname -m`.
pub fn go_name(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i686" => "386",
        "armv6l" | "armv7l" => "arm",
        other => other,
    }
}
