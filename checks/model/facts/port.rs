//! Whether the wanted host ports could be published now, and who holds those that could not.

use alloc::string::String;
use alloc::vec::Vec;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;
use crate::model::facts::engine::Met;
use crate::model::need::{Port, Protocol};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PortFacts {
    /// One for each wished port or range, in the order of the wishes.
    pub looks: Fact<Vec<Look>>,
    /// What listens behind those wanted ports that a container publishes.
    pub served: Fact<Vec<Served>>,
    /// What of the packet filter's rules a packet meets that another machine sends to a wanted port, on its way to a container.
    /// Absent where no daemon of this network has a bridge. Only root may read the rules.
    pub ways: Fact<Vec<Way>>,
    /// Whose network was looked at: binding proves something only in the daemon's.
    pub network: Fact<Network>,
    /// Sockets of IPv6 can be opened.
    pub ipv6: Fact<bool>,
    /// net.ipv4.ip_unprivileged_port_start: a user without privileges may bind from here on.
    pub unprivileged_start: Fact<u16>,
    /// net.ipv4.ip_local_port_range: outgoing connections take their ports from here.
    pub ephemeral: Fact<(u16, u16)>,
    /// net.ipv4.ip_local_reserved_ports, as the kernel prints it: `8080,9000-9010`; empty when none is reserved.
    #[serde(serialize_with = "place::word")]
    pub reserved: Fact<String>,
    /// rootlesskit's file capability to bind any port (CAP_NET_BIND_SERVICE); Absent when it has none.
    pub rootless_may_bind: Fact<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The network in which the daemon publishes ports.
    Daemon,
    /// A container's own, while the daemon is outside of it.
    Container,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    pub port: Port,
    /// Together the whole range, in its order; neighbours that differ in nothing are one span.
    pub spans: Vec<Span>,
}

/// A wanted host port that a container publishes, and who is behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    pub port: u16,
    pub protocol: Protocol,
    /// The container's name.
    #[serde(serialize_with = "place::container")]
    pub container: String,
    /// Its own port, where the host's leads to.
    pub inside: u16,
    /// Where programs in its network listen, on any port of this protocol.
    pub listeners: Fact<Vec<core::net::SocketAddr>>,
}

/// The way of a packet from another machine to a wanted port of the host, and on to its container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    pub port: u16,
    pub protocol: Protocol,
    /// What stops it first.
    pub met: Option<Met>,
}

/// Neighbouring ports of which the same is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub first: u16,
    pub last: u16,
    /// What binding gave, done as dockerd does it.
    pub bind: Fact<Bind>,
    /// Who holds it; Absent when nothing is seen that would. A container may publish a port that can be bound.
    #[serde(default)]
    pub holder: Fact<Holder>,
    /// The nearest port above it that can be bound.
    #[serde(default)]
    pub next_free: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bind {
    Free,
    /// EADDRINUSE.
    InUse,
    /// EACCES: this user may not bind it; dockerd may be allowed to.
    Denied,
    /// EADDRNOTAVAIL: no interface of this host has the address.
    NoAddress,
    /// EAFNOSUPPORT, or IPv6 is switched off.
    NoIpv6,
}

impl core::fmt::Display for Bind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Bind::Free => "free",
            Bind::InUse => "address already in use",
            Bind::Denied => "permission denied",
            Bind::NoAddress => "cannot assign requested address",
            Bind::NoIpv6 => "IPv6 is off",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Holder {
    /// A running container publishes it (`GET /containers/json`).
    Container {
        #[serde(serialize_with = "place::container")]
        name: String,
        #[serde(serialize_with = "place::image")]
        image: String,
    },
    /// A process of this host listens.
    Process {
        pid: u32,
        name: String,
        /// The systemd unit whose process it is, from its cgroup.
        #[serde(default)]
        unit: Option<String>,
        /// Where it listens: `127.0.0.53:53`.
        address: String,
    },
    /// docker-proxy, but no running container publishes the port.
    StaleProxy { pid: u32, address: String },
    /// A listener whose process this user may not see.
    Hidden { uid: u32, address: String },
    /// It has bound the port and does not listen; pid and name where this user may see them.
    Silent { pid: Option<u32>, name: String, uid: u32, address: String },
    /// No listener: a connection uses the port as its own end.
    Connection { remote: String, waits: bool },
}

impl Holder {
    /// False for what ends by itself or is left over: the port is free again then.
    pub fn stays(&self) -> bool {
        match self {
            Holder::Container { .. } | Holder::Process { .. } | Holder::Hidden { .. } | Holder::Silent { .. } => true,
            Holder::StaleProxy { .. } | Holder::Connection { .. } => false,
        }
    }
}

impl core::fmt::Display for Holder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Holder::Container { name, image } => write!(f, "container {name} ({image})"),
            Holder::Process { pid, name, address, .. } => write!(f, "{name} (pid {pid}) on {address}"),
            Holder::StaleProxy { pid, address } => write!(f, "docker-proxy (pid {pid}) on {address}, of no container"),
            Holder::Hidden { uid, address } => write!(f, "a process of uid {uid} on {address}"),
            Holder::Silent { pid: Some(pid), name, address, .. } => write!(f, "{name} (pid {pid}), bound to {address}"),
            Holder::Silent { uid, address, .. } => write!(f, "a process of uid {uid}, bound to {address}"),
            Holder::Connection { remote, waits: false } => write!(f, "a connection to {remote}"),
            Holder::Connection { remote, waits: true } => write!(f, "an ended connection to {remote} (TIME_WAIT)"),
        }
    }
}

impl PortFacts {
    /// Outgoing connections may take this port at any time.
    pub fn is_ephemeral(&self, port: u16) -> bool {
        self.ephemeral.value().is_some_and(|(from, to)| (*from..=*to).contains(&port))
            && !self.reserved.value().is_some_and(|reserved| lists(reserved, port))
    }
}

/// `8080,9000-9010` names the port.
fn lists(reserved: &str, port: u16) -> bool {
    reserved.split(',').any(|item| {
        let (from, to) = item.split_once('-').unwrap_or((item, item));
        matches!((from.trim().parse::<u16>(), to.trim().parse::<u16>()), (Ok(from), Ok(to)) if (from..=to).contains(&port))
    })
}
