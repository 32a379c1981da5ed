//! The cookie file, without any cookie's value.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::model::place;
use serde::{Deserialize, Serialize};

/// The file that XAUTHORITY names, else ~/.Xauthority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CookieFile {
    pub path: String,
    /// XAUTHORITY names it.
    pub by_variable: bool,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    Missing,
    /// Docker makes a folder in place of a file that a `-v` names and that is not there.
    Folder {
        empty: bool,
    },
    Entries(Vec<CookieEntry>),
    /// The first record already is none.
    Malformed(String),
}

/// One record of the file, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CookieEntry {
    /// 0 IPv4, 6 IPv6, 256 Local, 65535 Wild; others as Xau.h numbers them.
    pub family: u16,
    /// Host name for Local; an address in its usual spelling; empty for Wild.
    #[serde(default)]
    #[serde(serialize_with = "place::host")]
    pub address: String,
    /// The display's number in decimal; empty fits every display.
    #[serde(default)]
    #[serde(serialize_with = "place::word")]
    pub number: String,
    /// `MIT-MAGIC-COOKIE-1`.
    #[serde(serialize_with = "place::word")]
    pub protocol: String,
}

pub const FAMILY_LOCAL: u16 = 256;
pub const FAMILY_WILD: u16 = 65535;

impl CookieEntry {
    pub fn is_for(&self, number: u16) -> bool {
        self.number.is_empty() || self.number == number.to_string()
    }
}

impl fmt::Display for CookieEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            FAMILY_WILD => f.write_str("any host")?,
            FAMILY_LOCAL => write!(f, "{}/unix", self.address)?,
            _ => f.write_str(&self.address)?,
        }
        write!(f, ":{} {}", self.number, self.protocol)
    }
}

impl fmt::Display for CookieFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Missing => f.write_str("not there"),
            Content::Folder { .. } => f.write_str("a folder"),
            Content::Malformed(why) => write!(f, "not a cookie file: {why}"),
            Content::Entries(entries) if entries.is_empty() => f.write_str("no entry"),
            Content::Entries(entries) => {
                let names: Vec<String> = entries.iter().take(8).map(ToString::to_string).collect();
                f.write_str(&names.join(", "))?;
                if entries.len() > 8 { write!(f, " and {} more", entries.len() - 8) } else { Ok(()) }
            }
        }
    }
}
