//! What came when the camera streamed, which it does only where somebody asked for a picture of it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameFacts {
    /// How many cameras were asked. Those that somebody uses, or that cannot be opened, were not.
    pub asked: Fact<u32>,
    /// By the camera's node: `/dev/video0`.
    pub cameras: BTreeMap<String, Streamed>,
}

/// Field names are those of the child's lines, which come in this order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Streamed {
    /// What the driver settled on (VIDIOC_S_FMT).
    pub agreed: Fact<Agreed>,
    pub first: Fact<First>,
    pub then: Fact<Then>,
    /// The last picture that came. Unknown where its format is none that can be shown.
    pub picture: Fact<Picture>,
}

/// Pixel format and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// Four letters: `MJPG`.
    #[serde(serialize_with = "place::word")]
    pub fourcc: String,
    /// Width and height in pixels.
    pub size: (u32, u32),
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.fourcc, self.size.0, self.size.1)
    }
}

/// What asking for pictures led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    /// Milliseconds from the start of the stream to the first whole picture.
    After(u32),
    /// EBUSY: another program has begun to use it.
    Busy,
    /// ENOSPC: the USB bus has no room for this stream.
    NoBandwidth,
    /// ENODEV: unplugged.
    Gone,
    /// The stream runs, and within so many milliseconds no picture came.
    Silent(u32),
    /// Pictures came within so many milliseconds, and the driver marked each as damaged.
    Damaged(u32),
    /// The driver's words for another refusal.
    Refused(String),
}

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            First::After(ms) => write!(f, "the first picture after {ms} ms"),
            First::Busy => f.write_str("EBUSY (device or resource busy)"),
            First::NoBandwidth => f.write_str("ENOSPC (no space left on device)"),
            First::Gone => f.write_str("ENODEV (no such device)"),
            First::Silent(ms) => write!(f, "no picture within {ms} ms"),
            First::Damaged(ms) => write!(f, "only damaged pictures within {ms} ms"),
            First::Refused(why) => f.write_str(why),
        }
    }
}

/// How the stream went on for about a second after its first picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// Pictures per 1000 seconds.
    Flows(u32),
    /// No second picture came.
    Stops,
    /// ENODEV: unplugged.
    Gone,
    /// The driver's words for another end.
    Breaks(String),
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Then::Flows(rate) => write!(f, "{} pictures a second", per_second(*rate)),
            Then::Stops => f.write_str("no second picture"),
            Then::Gone => f.write_str("ENODEV (no such device)"),
            Then::Breaks(why) => f.write_str(why),
        }
    }
}

/// Of pictures per 1000 seconds: `30`, `14.9`.
pub fn per_second(rate: u32) -> String {
    let tenths = rate.saturating_add(50) / 100;
    if tenths.is_multiple_of(10) { format!("{}", tenths / 10) } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// A picture that a person can look at. A recording of the facts never has its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    pub kind: PictureKind,
    /// The file that it was saved as; empty when it was not.
    #[serde(default)]
    pub file: String,
    /// The whole PNG or JPEG file; empty in facts that were read from a file.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureKind {
    Png,
    Jpeg,
}

impl PictureKind {
    /// The ending of a file's name.
    pub fn ending(self) -> &'static str {
        match self {
            PictureKind::Png => "png",
            PictureKind::Jpeg => "jpg",
        }
    }
}
