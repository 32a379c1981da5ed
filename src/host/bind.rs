//! Whether a port can be bound, asked of the kernel the way dockerd asks it. Nothing is connected to; every socket is closed
//! at once, and a listener that never accepted leaves nothing behind.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use gdoctor_checks::model::need::Protocol;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, getsockopt, listen, setsockopt, socket,
    sockopt,
};

/// As dockerd's port allocator does it (moby, daemon/libnetwork/portallocator): for TCP with SO_REUSEADDR, bind and listen;
/// for UDP without; an IPv6 socket is for IPv6 alone.
pub fn as_dockerd(address: SocketAddr, protocol: Protocol) -> Result<(), Errno> {
    let socket = open(address, protocol)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    if protocol == Protocol::Tcp {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind_to(&socket, address)?;
    if protocol == Protocol::Tcp {
        listen(&socket, Backlog::new(1)?)?;
    }
    Ok(())
}

/// True when nobody at all uses the port, on any address of either family: one strict bind, which fails wherever
/// [`as_dockerd`] would, and sometimes where it would not. False says nothing.
pub fn is_untouched(port: u16, protocol: Protocol) -> bool {
    let everywhere = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    let tried = open(everywhere, protocol).and_then(|socket| {
        if !takes_both_families(&socket) {
            setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
        }
        bind_to(&socket, everywhere)
    });
    tried.is_ok()
}

/// What net.ipv6.bindv6only makes of every new IPv6 socket; asked once, since all ports may be tried.
fn takes_both_families(socket: &OwnedFd) -> bool {
    static BOTH: OnceLock<bool> = OnceLock::new();
    *BOTH.get_or_init(|| getsockopt(socket, sockopt::Ipv6V6Only).is_ok_and(|alone| !alone))
}

/// True when this machine has the address: a datagram socket can be bound to it.
pub fn is_own(ip: IpAddr) -> bool {
    let address = SocketAddr::new(ip, 0);
    open(address, Protocol::Udp).and_then(|socket| bind_to(&socket, address)).is_ok()
}

/// dockerd publishes on `[::]` only where this works.
pub fn has_ipv6() -> bool {
    as_dockerd(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0), Protocol::Tcp).is_ok()
}

fn open(address: SocketAddr, protocol: Protocol) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    socket(family, kind, SockFlag::SOCK_CLOEXEC, None)
}

fn bind_to(socket: &OwnedFd, address: SocketAddr) -> Result<(), Errno> {
    match address {
        SocketAddr::V4(address) => bind(socket.as_raw_fd(), &SockaddrIn::from(address)),
        SocketAddr::V6(address) => bind(socket.as_raw_fd(), &SockaddrIn6::from(address)),
    }
}
