//! The X server that DISPLAY names: how far a client gets, whom it lets in, and where the cookies lie.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Facts;
use super::host::Platform;
use crate::model::check::Stop;
use crate::model::fact::Fact;
use crate::model::need::ContainerUser;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisplayFacts {
    /// DISPLAY; Absent when it is unset or empty.
    pub name: Fact<Name>,
    /// What lies at the path of the display's socket file; Absent also for a display that is not on this host.
    pub socket: Fact<SocketFile>,
    /// /tmp/.X11-unix itself.
    pub folder: Fact<SocketFile>,
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
    pub extensions: Fact<Vec<String>>,
    /// The cookie file that the client library reads, without any cookie's value.
    pub cookies: Fact<CookieFile>,
    /// Other cookie files of this user's session, such as Xwayland's.
    pub session_cookies: Fact<Vec<String>>,
    /// `uname -n`, the name that cookies of the family Local are kept under.
    pub hostname: Fact<String>,
    pub session: Fact<Session>,
    /// WSLg's own copy of the display's socket; Absent when there is none.
    pub wslg_socket: Fact<String>,
    /// /etc/subuid.
    pub subuids: Fact<Vec<SubIds>>,
    /// Where dockerd's own /tmp comes from when it is not the host's (snap, PrivateTmp); Absent when it is the host's.
    pub docker_tmp: Fact<String>,
    /// `enforcing` or `permissive`; Absent without SELinux.
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
        uid == 0 || bits & 0o2 != 0
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
    pub address: String,
    /// The display's number in decimal; empty fits every display.
    #[serde(default)]
    pub number: String,
    /// `MIT-MAGIC-COOKIE-1`.
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

/// What the environment tells about where gdoctor was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// SUDO_USER.
    pub sudo_user: Option<String>,
    /// SSH_CONNECTION or SSH_TTY is set.
    pub ssh: bool,
    /// Path of the Wayland socket that WAYLAND_DISPLAY names, if it is there.
    pub wayland_socket: Option<String>,
}

/// A line of /etc/subuid: `owner` may use `count` ids from `first`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubIds {
    /// A name or a number, as the file has it.
    pub owner: String,
    pub first: u32,
    pub count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderNode {
    pub path: String,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

impl RenderNode {
    /// Whether a process of these ids may read and write it by the mode alone: the seat's ACL does not follow a device.
    pub fn admits(&self, uid: u32, gid: Option<u32>) -> bool {
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

impl Facts {
    /// Containers run where this host's sockets and devices are not. WSL's own Docker Desktop shares WSLg's socket.
    pub fn display_is_out_of_reach(&self) -> bool {
        self.docker.is_elsewhere() && self.host.platform.value() != Some(&Platform::Wsl)
    }

    /// The ids on this host, as the X server sees them, of a user inside a container.
    ///
    /// The daemon's security options tell of user namespaces; the numbers come from the data root's name
    /// (`…/100000.100000`) or from /etc/subuid. Stops when the daemon has not answered.
    pub fn host_ids(&self, user: ContainerUser) -> Result<HostIds, Stop> {
        let Some(info) = self.docker.info.known()? else {
            return Ok(HostIds { uid: user.uid, gid: Some(user.gid), mapping: Mapping::None });
        };
        let unreadable = |what: &str, source: &str| {
            Stop::Unknown(crate::model::fact::Gap::Unsupported(what.into()), crate::model::fact::Source::new(source))
        };
        if info.is_rootless() {
            let owner = self.docker.socket.value().map(|s| s.uid).or(self.host.user.value().map(|u| u.uid));
            let owner = owner.ok_or_else(|| unreadable("whose rootless engine it is", "the engine's socket"))?;
            let uid = match user.uid {
                0 => owner,
                inside => self.subordinate(owner, inside - 1)?,
            };
            return Ok(HostIds { uid, gid: None, mapping: Mapping::Rootless });
        }
        if info.has_security_option("userns") {
            let root = info.docker_root_dir.rsplit('/').next().and_then(|name| {
                let (uid, gid) = name.split_once('.')?;
                Some((uid.parse::<u32>().ok()?, gid.parse::<u32>().ok()?))
            });
            let (first_uid, first_gid) =
                root.ok_or_else(|| unreadable("which ids the daemon's containers get", "GET /info, DockerRootDir"))?;
            let add = |first: u32, id: u32| {
                first.checked_add(id).ok_or_else(|| unreadable("an id beyond the range", "GET /info, DockerRootDir"))
            };
            return Ok(HostIds {
                uid: add(first_uid, user.uid)?,
                gid: Some(add(first_gid, user.gid)?),
                mapping: Mapping::Remapped,
            });
        }
        Ok(HostIds { uid: user.uid, gid: Some(user.gid), mapping: Mapping::None })
    }

    /// The `at`th subordinate uid of the account `owner`.
    fn subordinate(&self, owner: u32, at: u32) -> Result<u32, Stop> {
        let name = self.host.user.value().filter(|user| user.uid == owner).map(|user| user.name.as_str());
        let ranges = self.display.subuids.known()?.map(Vec::as_slice).unwrap_or_default();
        let mut left = at;
        for range in ranges.iter().filter(|r| Some(r.owner.as_str()) == name || r.owner == owner.to_string()) {
            match range.count.checked_sub(left) {
                Some(1..) => return range.first.checked_add(left).ok_or_else(|| self.no_range(owner)),
                _ => left -= range.count,
            }
        }
        Err(self.no_range(owner))
    }

    fn no_range(&self, owner: u32) -> Stop {
        Stop::Unknown(
            crate::model::fact::Gap::Unsupported(format!(
                "no range of subordinate ids of uid {owner} reaches that far"
            )),
            self.display.subuids.source.clone(),
        )
    }
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
