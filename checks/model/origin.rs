//! Who wants something, and where that is written.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::place;

/// Bytes `start..end` of a line or a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The empty place at `offset`: where something is missing.
    pub fn at(offset: usize) -> Self {
        Self { start: offset, end: offset }
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Who wants something. Policy reads it: a wish that comes only from the guide can at worst warn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A flag of the command line, as typed: `--port 8080`.
    Flag(#[serde(serialize_with = "place::text")] String),
    /// A place in a file of the user's: gdoctor.toml, a compose file, a Dockerfile. Lines and columns count from 1, the span in
    /// bytes of the file.
    File {
        #[serde(serialize_with = "place::path")]
        path: String,
        line: usize,
        column: usize,
        #[serde(serialize_with = "place::text")]
        what: String,
        #[serde(default)]
        span: Span,
    },
    /// An argument of the run line, as it stands there, and where.
    RunLine {
        #[serde(serialize_with = "place::text")]
        argument: String,
        span: Span,
    },
    /// Nothing was asked for, so the usual is: a Docker to run containers with.
    Default,
    /// The host itself evidently has it; the words say how that is seen.
    Host(#[serde(serialize_with = "place::text")] String),
    /// The usual guide suggests it (ports 8080 and 5000, the `video` capability, cameras that are there …).
    Guide,
}

impl Origin {
    /// Somebody asks for it in words, and not the host or the usual.
    pub fn is_explicit(&self) -> bool {
        matches!(self, Origin::Flag(_) | Origin::File { .. } | Origin::RunLine { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => f.write_str(flag),
            Origin::File { path, line, column, what, .. } => write!(f, "{what} ({path}:{line}:{column})"),
            Origin::RunLine { argument, .. } => f.write_str(argument),
            Origin::Default => f.write_str("every container needs it"),
            Origin::Host(seen) => f.write_str(seen),
            Origin::Guide => f.write_str("checked because most tutorials for GPU containers need it"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wish<T> {
    pub what: T,
    pub by: Origin,
}

impl<T> Wish<T> {
    pub fn new(what: T, by: Origin) -> Self {
        Self { what, by }
    }
}

/// Who wants the kind of thing most: whoever asks for it outright, before the guide's suggestion. `None`: nobody.
pub fn strongest<T>(wishes: &[Wish<T>]) -> Option<&Origin> {
    wishes.iter().map(|wish| &wish.by).min_by_key(|by| match by {
        by if by.is_explicit() => 0,
        Origin::Default => 1,
        Origin::Host(_) => 2,
        _ => 3,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    Tcp,
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}
