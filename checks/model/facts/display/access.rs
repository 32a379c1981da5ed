//! Whom the X server lets in by who they are, as its own list decides.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Whom the server lets in by who they are; a valid cookie always gets in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessList {
    /// False after `xhost +`: everybody who can connect is a client.
    pub enabled: bool,
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// `xhost +local:` with whatever behind the colon: every user of this host.
    Local,
    /// `si:localuser:NAME`; `uid` is missing when no account has that name.
    User {
        name: String,
        #[serde(default)]
        uid: Option<u32>,
    },
    /// `si:localgroup:NAME`.
    Group {
        name: String,
        #[serde(default)]
        gid: Option<u32>,
    },
    /// A host by its address. An address of this host's own lets every local user in, too (os/access.c, InvalidHost).
    Host { address: IpAddr, own: bool },
    /// A kind that lets no local client in: its family and length.
    Other(String),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Local => f.write_str("LOCAL:"),
            Entry::User { name, .. } => write!(f, "SI:localuser:{name}"),
            Entry::Group { name, .. } => write!(f, "SI:localgroup:{name}"),
            Entry::Host { address, .. } => write!(f, "{address}"),
            Entry::Other(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for AccessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.enabled { "access control on" } else { "access control off" })?;
        if self.entries.is_empty() {
            return f.write_str(", the list is empty");
        }
        for (at, entry) in self.entries.iter().enumerate() {
            write!(f, "{} {entry}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// The X server's process, or the compositor that started it on demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Program {
    pub pid: u32,
    pub name: String,
    /// It was started with `-auth FILE`.
    pub auth: bool,
}

impl Program {
    /// Xwayland, or a compositor that starts it: without a cookie file they let in, and list, their own user only.
    pub fn is_wayland(&self) -> bool {
        const NAMES: [&str; 14] = [
            "Xwayland",
            "gnome-shell",
            "mutter",
            "kwin_wayland",
            "kwin_wayland_wrapper",
            "sway",
            "weston",
            "labwc",
            "Hyprland",
            "wayfire",
            "river",
            "niri",
            "cosmic-comp",
            "xwayland-satellite",
        ];
        NAMES.contains(&self.name.as_str())
    }
}

/// Why a local process gets in without a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission<'a> {
    /// Access control is off.
    Everybody,
    /// Every user of this host is let in, by this entry.
    EveryLocalUser(&'a Entry),
    /// Just this user or group, by this entry.
    ByEntry(&'a Entry),
}

impl AccessList {
    /// What the server will say to a local process of these ids on the host, as InvalidHost of os/access.c decides.
    pub fn admits(&self, uid: u32, gid: Option<u32>) -> Option<Admission<'_>> {
        self.admits_everyone().or_else(|| {
            let fits = |entry: &&Entry| match entry {
                Entry::User { uid: Some(allowed), .. } => *allowed == uid,
                Entry::Group { gid: Some(allowed), .. } => Some(*allowed) == gid,
                _ => false,
            };
            self.entries.iter().find(fits).map(Admission::ByEntry)
        })
    }

    /// The part of the answer that does not depend on who asks.
    pub fn admits_everyone(&self) -> Option<Admission<'_>> {
        if !self.enabled {
            return Some(Admission::Everybody);
        }
        let opens = |entry: &&Entry| matches!(entry, Entry::Local | Entry::Host { own: true, .. });
        self.entries.iter().find(opens).map(Admission::EveryLocalUser)
    }
}
