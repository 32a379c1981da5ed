//! The need: everything somebody wants of this host, each wish with who wants it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::place;
use serde::{Deserialize, Serialize};

use super::dockerfile::Dockerfile;
pub use super::origin::{Origin, Protocol, Wish, strongest};
use super::own::Asked;
use super::require::Condition;
use super::run::RunLine;
use super::version::Version;

/// All wishes of one run. A field that is `None` or empty is not wanted, and its checks are "not needed".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Need {
    pub docker: Option<Origin>,
    pub gpu: Option<Wish<Gpus>>,
    /// Bytes that are free on each GPU that is counted.
    pub gpu_memory: Option<Wish<u64>>,
    pub compute_capability: Option<Wish<Version>>,
    /// A condition on the driver's version.
    pub driver: Option<Wish<Condition>>,
    /// The CUDA of the image.
    pub cuda: Option<Wish<Version>>,
    /// Images on this host that are going to be run, as `docker run` names them; the run line's own is in `run`.
    #[serde(serialize_with = "place::image")]
    pub images: Vec<Wish<String>>,
    pub capabilities: Vec<Wish<Capability>>,
    /// Codecs that the GPU itself is to decode.
    pub decode: Vec<Wish<Codec>>,
    /// Codecs that the GPU itself is to encode.
    pub encode: Vec<Wish<Codec>>,
    /// A working X server for this user.
    pub display: Option<Origin>,
    /// Access to that X server for `container_user`.
    pub display_access: Option<Origin>,
    pub cameras: Vec<Wish<Camera>>,
    /// Of each of these cameras.
    pub picture: Option<Wish<Picture>>,
    /// A picture of each of these cameras, for which they have to stream.
    pub frame: Option<Origin>,
    pub ports: Vec<Wish<Port>>,
    pub registries: Vec<Wish<Registry>>,
    /// Images can be deleted from each of them.
    pub registry_delete: Option<Origin>,
    /// Bytes that images and containers are going to take.
    pub disk: Option<Wish<u64>>,
    /// What Docker's own commands would free; the most seconds that counting it may take.
    pub reclaim: Option<Wish<u64>>,
    pub container_user: ContainerUser,
    /// A container that is started with these options and looked at from within.
    pub proof: Option<Origin>,
    /// The line that is going to be run, where one was given.
    pub run: Option<RunLine>,
    /// What the other containers want that the same text starts, each with its run line.
    pub others: Vec<Need>,
    /// The site's own checks.
    pub own: Vec<Asked>,
    /// The Dockerfile of the image, where one was given.
    pub dockerfile: Option<Dockerfile>,
    /// Texts of the user's files that origins point into, by path, secrets overwritten.
    pub files: BTreeMap<String, String>,
}

impl Need {
    /// Who asks for the GPU's decoder or encoder.
    pub fn codecs(&self) -> impl Iterator<Item = &Origin> {
        self.decode.iter().chain(&self.encode).map(|wish| &wish.by)
    }

    /// The capabilities that a line asks of its GPU: those that it names, else what every GPU program needs. Wishes that are
    /// there stay.
    pub fn want_capabilities_of(&mut self, line: &RunLine) {
        let by = self.gpu.as_ref().map_or(Origin::Default, |gpu| gpu.by.clone());
        let variable = line.variable("NVIDIA_DRIVER_CAPABILITIES");
        let named = variable.and_then(|variable| Some((variable.value.as_deref()?, variable.at.origin())));
        let (capabilities, by) = match named {
            Some((value, by)) if !value.is_empty() && value != "all" => {
                (value.split(',').filter_map(|word| Capability::from_word(word.trim())).collect(), by)
            }
            // `all` takes what the host has: nothing of it is insisted on but what every GPU program needs.
            named => (Vec::from([Capability::Compute, Capability::Utility]), named.map_or(by, |(_, by)| by)),
        };
        for capability in capabilities {
            if self.capabilities.iter().all(|wish| wish.what != capability) {
                self.capabilities.push(Wish::new(capability, by.clone()));
            }
        }
    }

    /// Who asks for something that not every GPU or driver has.
    pub fn fitness(&self) -> impl Iterator<Item = &Origin> {
        let memory = self.gpu_memory.iter().map(|wish| &wish.by);
        let capability = self.compute_capability.iter().map(|wish| &wish.by);
        let driver = self.driver.iter().map(|wish| &wish.by);
        memory.chain(capability).chain(driver).chain(self.cuda.iter().map(|wish| &wish.by))
    }
}

/// How many GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gpus {
    All,
    Count(u32),
}

/// A driver capability, by the words of NVIDIA_DRIVER_CAPABILITIES.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    Compute,
    Utility,
    Video,
    Graphics,
    Display,
    Compat32,
    Ngx,
}

impl Capability {
    pub const ALL: [Capability; 7] = [
        Capability::Compute,
        Capability::Utility,
        Capability::Video,
        Capability::Graphics,
        Capability::Display,
        Capability::Compat32,
        Capability::Ngx,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Capability::Compute => "compute",
            Capability::Utility => "utility",
            Capability::Video => "video",
            Capability::Graphics => "graphics",
            Capability::Display => "display",
            Capability::Compat32 => "compat32",
            Capability::Ngx => "ngx",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.word() == word)
    }
}

/// A video codec, by the names that ffmpeg uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    H264,
    Hevc,
    Vp9,
    Av1,
}

impl Codec {
    pub const ALL: [Codec; 4] = [Codec::H264, Codec::Hevc, Codec::Vp9, Codec::Av1];
    /// Those that any GPU of NVIDIA's encodes.
    pub const ENCODED: [Codec; 3] = [Codec::H264, Codec::Hevc, Codec::Av1];

    pub fn word(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::Hevc => "hevc",
            Codec::Vp9 => "vp9",
            Codec::Av1 => "av1",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.word() == word)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Camera {
    /// At least one capture node, whichever.
    Any,
    /// This node or link: `/dev/video0`, `/dev/v4l/by-id/…`.
    Path(String),
    /// A camera whose name holds these words, in any case.
    Name(String),
}

impl fmt::Display for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Camera::Any => f.write_str("any camera"),
            Camera::Path(words) | Camera::Name(words) => f.write_str(words),
        }
    }
}

/// What pictures a camera shall deliver; a part that is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Picture {
    /// Pixel format by its four letters: `MJPG`.
    #[serde(serialize_with = "place::word")]
    pub fourcc: Option<String>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// Frames per second.
    pub rate: Option<u32>,
}

impl fmt::Display for Picture {
    /// `MJPG 1280x720@30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fourcc = self.fourcc.as_deref().unwrap_or_default();
        f.write_str(fourcc)?;
        if let Some((width, height)) = self.size {
            write!(f, "{}{width}x{height}", if fourcc.is_empty() { "" } else { " " })?;
        }
        if let Some(rate) = self.rate {
            write!(f, "@{rate}")?;
        }
        Ok(())
    }
}

/// A port to publish: the host's side of `-p`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Host address as typed; `None` is every address, IPv4 and IPv6, as `-p 8080:80` asks.
    #[serde(default)]
    pub ip: Option<core::net::IpAddr>,
    pub first: u16,
    /// Last port of a range; equal to `first` for a single one.
    pub last: u16,
    pub protocol: Protocol,
}

impl fmt::Display for Port {
    /// `8080/tcp`, `127.0.0.1:8000-8010/udp`, `[::1]:53/udp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(core::net::IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
            Some(ip) => write!(f, "{ip}:")?,
            None => {}
        }
        write!(f, "{}", self.first)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        write!(f, "/{}", self.protocol)
    }
}

/// `HOST:PORT` of a registry, as an image reference spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Host name or address without brackets.
    #[serde(serialize_with = "place::host")]
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The user inside the container, by the numbers it has there. Default: root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerUser {
    pub uid: u32,
    pub gid: u32,
}
