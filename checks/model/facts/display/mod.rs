//! The X server that DISPLAY names: how far a client gets, whom it lets in, and where the cookies lie.

mod access;
mod cookie;
mod ids;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::model::place;
use serde::{Deserialize, Serialize};

pub use access::{AccessList, Admission, Entry, Program};
pub use cookie::{Content, CookieEntry, CookieFile, FAMILY_LOCAL, FAMILY_WILD};
pub use ids::{HostIds, Mapping, SubIds};

use crate::model::fact::Fact;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisplayFacts {
    /// DISPLAY; Absent when it is unset or empty.
    pub name: Fact<Name>,
    /// What lies at the path of the display's socket file; Absent also for a display that is not on this host.
    pub socket: Fact<SocketFile>,
    /// /tmp/.X11-unix itself.
    pub folder: Fact<SocketFile>,
    /// Whether anybody listens, at an address that is not the loopback's, at the TCP port of a DISPLAY that leads to this host by
    /// Docker's bridge; Absent where the line has none.
    pub bridge_port: Fact<bool>,
    /// X servers on this host that accept a connection, by their socket files.
    pub servers: Fact<Vec<Server>>,
    /// Which way the connection was made. Absent when none was.
    pub route: Fact<Route>,
    /// The handshake as this user's programs make it: with the cookie that the client library finds, if any.
    pub mine: Fact<Answer>,
    /// Whether that handshake had a cookie to show.
    pub cookie_shown: Fact<bool>,
    /// The handshake of the same user without any cookie.
    pub bare: Fact<Answer>,
    /// The handshake without a cookie as a user whom no list names: only root can try it. It tells what ListHosts hides: a
    /// server started without a cookie file lets every local user in and lists nothing (os/access.c, EnableLocalAccess).
    pub stranger: Fact<Answer>,
    /// The program that listens, as its command line tells.
    pub program: Fact<Program>,
    /// ListHosts: whom the server lets in without a cookie. Only an accepted client may ask.
    pub access: Fact<AccessList>,
    /// Names of the server's extensions.
    #[serde(serialize_with = "place::word")]
    pub extensions: Fact<Vec<String>>,
    /// The cookie file that the client library reads, without any cookie's value.
    pub cookies: Fact<CookieFile>,
    /// Other cookie files of this user's session, such as Xwayland's.
    pub session_cookies: Fact<Vec<String>>,
    /// `uname -n`, the name that cookies of the family Local are kept under.
    #[serde(serialize_with = "place::host")]
    pub hostname: Fact<String>,
    pub session: Fact<Session>,
    /// WSLg's own copy of the display's socket; Absent when there is none.
    pub wslg_socket: Fact<String>,
    /// /etc/subuid.
    pub subuids: Fact<Vec<SubIds>>,
    /// Where dockerd's own /tmp comes from when it is not the host's (snap, PrivateTmp); Absent when it is the host's.
    pub docker_tmp: Fact<String>,
    /// `enforcing` or `permissive`; Absent without SELinux.
    #[serde(serialize_with = "place::word")]
    pub selinux: Fact<String>,
    /// Render nodes of /dev/dri.
    pub render_nodes: Fact<Vec<RenderNode>>,
}

/// DISPLAY as libxcb reads it: `[protocol/][host]:number[.screen]`, `unix:number`, or a socket's path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    pub text: String,
    pub address: Address,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// /tmp/.X11-unix/X`number`.
    Local {
        number: u16,
        #[serde(default)]
        screen: u16,
    },
    /// TCP port 6000 + `number`.
    Tcp {
        #[serde(serialize_with = "place::host")]
        host: String,
        number: u16,
        #[serde(default)]
        screen: u16,
        /// `host` is this machine's loopback, as ssh's forwarding sets it.
        loopback: bool,
    },
    Path(String),
    /// No client library takes it; the words say why.
    Malformed(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Name {
    pub fn number(&self) -> Option<u16> {
        match self.address {
            Address::Local { number, .. } | Address::Tcp { number, .. } => Some(number),
            Address::Path(_) | Address::Malformed(_) => None,
        }
    }

    pub fn screen(&self) -> u16 {
        match self.address {
            Address::Local { screen, .. } | Address::Tcp { screen, .. } => screen,
            Address::Path(_) | Address::Malformed(_) => 0,
        }
    }

    pub fn is_tcp(&self) -> bool {
        matches!(self.address, Address::Tcp { .. })
    }

    /// As `ssh -X` sets it: this machine's loopback, number 10 or above.
    pub fn is_forwarded(&self) -> bool {
        matches!(self.address, Address::Tcp { loopback: true, number: 10.., .. })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketFile {
    pub path: String,
    pub kind: FileKind,
    pub uid: u32,
    #[serde(default)]
    pub gid: u32,
    /// Permission bits, such as 0o1777.
    pub mode: u32,
    /// Users whom its access control list lets write; the list stays with it when it is mounted.
    #[serde(default)]
    pub users: Vec<u32>,
    /// Folders only: there is nothing in it.
    #[serde(default)]
    pub empty: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    Socket,
    Folder,
    Other,
}

impl SocketFile {
    /// Whether the mode lets a process of these ids connect, which takes write permission (unix(7)). Xorg and Xvfb make
    /// their sockets open to all, compositors make Xwayland's by their umask.
    pub fn admits(&self, uid: u32, gid: Option<u32>) -> bool {
        let bits = if uid == self.uid {
            self.mode >> 6
        } else if gid == Some(self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        uid == 0 || bits & 0o2 != 0 || (uid != self.uid && self.users.contains(&uid))
    }
}

impl fmt::Display for SocketFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.kind, self.empty) {
            (FileKind::Socket, _) => "a socket",
            (FileKind::Folder, true) => "an empty folder",
            (FileKind::Folder, false) => "a folder",
            (FileKind::Other, _) => "neither a socket nor a folder",
        };
        write!(f, "{kind}, owner {}, group {}, mode {:04o}", self.uid, self.gid, self.mode)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub number: u16,
    /// Owner of the socket file.
    pub uid: u32,
}

/// `:1 (of uid 1000), :0 (of uid 0)`.
pub fn name_servers(servers: &[Server]) -> String {
    let names: Vec<String> = servers.iter().map(|s| format!(":{} (of uid {})", s.number, s.uid)).collect();
    names.join(", ")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// The socket file.
    File,
    /// The socket's abstract name, which belongs to the network namespace and needs no file.
    Abstract,
    Tcp,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Route::File => "by its socket file",
            Route::Abstract => "by its abstract socket",
            Route::Tcp => "by TCP",
        })
    }
}

/// What an attempt to become a client gave. A server that says nothing is Unknown(TimedOut).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The setup was accepted; the number of screens.
    Accepted { screens: u16 },
    /// The server refuses this client; its words.
    Rejected(String),
    /// "Maximum number of clients reached".
    Full,
    /// ENOENT.
    NotThere,
    /// ECONNREFUSED.
    NobodyListens,
    /// EACCES on the way to the socket.
    Denied,
    /// The host name does not resolve, or there is no route to it.
    Unreachable(String),
}

impl Answer {
    pub fn is_accepted(&self) -> bool {
        matches!(self, Answer::Accepted { .. })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Accepted { .. } => f.write_str("accepted"),
            Answer::Rejected(reason) => write!(f, "refused: {reason}"),
            Answer::Full => f.write_str("refused: Maximum number of clients reached"),
            Answer::NotThere => f.write_str("no such socket"),
            Answer::NobodyListens => f.write_str("connection refused: nobody listens"),
            Answer::Denied => f.write_str("permission denied"),
            Answer::Unreachable(why) => f.write_str(why),
        }
    }
}

/// What the environment tells about where gdoctor was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// SUDO_USER.
    #[serde(serialize_with = "place::user")]
    pub sudo_user: Option<String>,
    /// SSH_CONNECTION or SSH_TTY is set.
    pub ssh: bool,
    /// Path of the Wayland socket that WAYLAND_DISPLAY names, if it is there.
    pub wayland_socket: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderNode {
    pub path: String,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    /// Users whom its access control list lets read and write, such as the one at the seat.
    #[serde(default)]
    pub users: Vec<u32>,
}

impl RenderNode {
    /// Whether a process of these ids may read and write it: by the mode alone where `--device` makes a node of the same
    /// numbers, which has no list; a rootless engine mounts the node itself, and its list with it.
    pub fn admits(&self, ids: &HostIds) -> bool {
        let listed = ids.mapping == Mapping::Rootless && self.users.contains(&ids.uid);
        listed || self.admits_by_mode(ids.uid, ids.gid)
    }

    fn admits_by_mode(&self, uid: u32, gid: Option<u32>) -> bool {
        let bits = if uid == self.uid {
            self.mode >> 6
        } else if gid == Some(self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        uid == 0 || bits & 0o6 == 0o6
    }
}
