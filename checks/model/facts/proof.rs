//! What a container showed that gdoctor itself started with the options of the run line: how the engine answered, and what was
//! seen from within. Only `gdoctor prove` makes these facts.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;
use crate::model::place;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProofFacts {
    /// What became of the container.
    pub start: Fact<Start>,
    /// What it was started from.
    pub image: Option<Image>,
    /// What the host looks had said of its start.
    pub foretold: Option<Foretold>,
    /// One for each thing that was looked at in it.
    pub looks: Vec<Look>,
    /// Of the line, what the container did not have: the argument and why.
    pub left_out: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Image {
    /// gdoctor itself and no more.
    Own,
    /// The one that the line names, with gdoctor beside its files.
    Lines,
}

impl Image {
    pub fn words(self) -> &'static str {
        match self {
            Image::Own => "gdoctor's own",
            Image::Lines => "the line's",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// gdoctor ran in it.
    Started,
    /// The engine made none or could not start it; its words, and the codes that explain them.
    Refused {
        message: String,
        #[serde(serialize_with = "place::word")]
        codes: Vec<String>,
    },
    /// It started, and gdoctor could not look around in it: how it ended.
    Ended(String),
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Started => f.write_str("it started"),
            Start::Refused { message, .. } | Start::Ended(message) => f.write_str(message),
        }
    }
}

/// One thing that was tried in the container, or on the way to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    pub kind: Kind,
    /// `/dev/video0`, `8080/tcp`; as the container has it.
    pub subject: String,
    pub seen: Fact<Seen>,
    /// What the host looks had said; `None` where they say nothing of it.
    #[serde(default)]
    pub foretold: Option<Foretold>,
}

/// What a look is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Gpu,
    Capability,
    /// The GPU's decoder or encoder: `decode h264`.
    Codec,
    Display,
    /// Memory that a program shares with the X server.
    Memory,
    Camera,
    Device,
    Port,
    Limit,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Gpu => "GPU",
            Kind::Capability => "driver capability",
            Kind::Codec => "codec",
            Kind::Display => "display",
            Kind::Memory => "shared memory",
            Kind::Camera => "camera",
            Kind::Device => "device",
            Kind::Port => "port",
            Kind::Limit => "limit",
        }
    }
}

/// How it went, in the words of who tried: `open for reading and writing: EPERM (operation not permitted)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    Works(String),
    Fails(String),
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Works(words) | Seen::Fails(words) => f.write_str(words),
        }
    }
}

/// What gdoctor says of the host when it has started nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Foretold {
    pub outlook: Outlook,
    /// Of the findings that decide; empty where nothing is wrong.
    #[serde(serialize_with = "place::word")]
    pub codes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    Works,
    Fails,
    #[default]
    Unknown,
}

impl Foretold {
    /// The check that says that it fails.
    pub fn failing_check(&self) -> Option<&str> {
        let failing = (self.outlook == Outlook::Fails).then(|| self.codes.first()).flatten();
        failing.and_then(|code| code.split('/').next())
    }
}

impl fmt::Display for Foretold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outlook {
            Outlook::Works => "it works",
            Outlook::Fails => "it fails",
            Outlook::Unknown => "cannot tell",
        })?;
        if self.codes.is_empty() { Ok(()) } else { write!(f, " ({})", self.codes.join(", ")) }
    }
}
