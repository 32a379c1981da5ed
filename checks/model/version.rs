//! Dotted version numbers, compared component by component as NVIDIA and Docker do.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use serde::{Deserialize, Serialize};

/// `550.54.15`: components are numbers, a missing one counts as 0 (`12.4` equals `12.4.0`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    parts: Vec<u32>,
}

impl Version {
    pub fn new(parts: &[u32]) -> Self {
        Self { parts: parts.into() }
    }

    /// Digits and dots only, one to six components; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Option<Vec<u32>> =
            text.split('.')
                .map(|part| {
                    if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) { None } else { part.parse().ok() }
                })
                .collect();
        parts.filter(|parts| parts.len() <= 6).map(|parts| Self { parts })
    }

    /// The leading version of `28.2.2+dfsg1` or `29.0.0-rc.1`.
    pub fn leading(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        Self::parse(text[..end].trim_end_matches('.'))
    }

    /// True for `3.6.1` in `3.6` and in `3`: the other names all releases that begin so.
    pub fn is_within(&self, shorter: &Self) -> bool {
        self.parts.len() > shorter.parts.len() && self.parts.starts_with(&shorter.parts)
    }

    pub fn major(&self) -> u32 {
        self.parts.first().copied().unwrap_or(0)
    }

    pub fn minor(&self) -> u32 {
        self.parts.get(1).copied().unwrap_or(0)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.parts.len().max(other.parts.len());
        let at = |v: &Self, i: usize| v.parts.get(i).copied().unwrap_or(0);
        (0..longest).map(|i| at(self, i).cmp(&at(other, i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts.iter().enumerate() {
            write!(f, "{}{part}", if i == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Version {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or(alloc::format!("{text:?} is not a dotted version number"))
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        alloc::format!("{version}")
    }
}

/// The numbers of a kernel release in their order, by which releases are compared: 6, 8, 0, 45 of `6.8.0-45-generic`.
pub fn release_numbers(release: &str) -> alloc::vec::Vec<u64> {
    release.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}
