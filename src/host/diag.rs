//! Sockets that are bound and neither listen nor are connected. /proc/net does not show them; the kernel's socket diagnosis
//! (sock_diag(7)) does since Linux 6.8, to every user. Nothing is changed by asking.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockProtocol};

use super::Deadline;
use super::netlink::{dump, word};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub local: SocketAddr,
    pub uid: u32,
    pub inode: u64,
}

/// linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const TCP: u8 = 6;
/// Kernels before 6.8 have no socket in this state and send an empty list.
const BOUND_INACTIVE: u32 = 1 << 13;

/// The silent TCP sockets of both families in this network.
pub fn bound_tcp(deadline: Deadline) -> Result<Vec<Bound>, Errno> {
    let mut all = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        dump(SockProtocol::NetlinkSockDiag, SOCK_DIAG_BY_FAMILY, &request(family as u8), deadline, |message| {
            all.extend(bound(message));
        })?;
    }
    Ok(all)
}

/// inet_diag_req_v2, whose last 48 bytes, the socket's own addresses, are not asked for.
fn request(family: u8) -> Vec<u8> {
    let mut bytes = vec![family, TCP, 0, 0];
    bytes.extend(BOUND_INACTIVE.to_ne_bytes());
    bytes.extend([0; 48]);
    bytes
}

/// inet_diag_msg: four bytes, the ports and addresses in network order, then what is read here.
fn bound(message: &[u8]) -> Option<Bound> {
    let port = u16::from_be_bytes(message.get(4..6)?.try_into().ok()?);
    let address: [u8; 16] = message.get(8..24)?.try_into().ok()?;
    let [a, b, c, d, ..] = address;
    let ip = match i32::from(*message.first()?) == AddressFamily::Inet as i32 {
        true => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        false => IpAddr::V6(Ipv6Addr::from(address)),
    };
    Some(Bound { local: SocketAddr::new(ip, port), uid: word(message, 64)?, inode: word(message, 68)?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_are_too_strange() {
        assert!(bound(&[]).is_none() && bound(&[2; 71]).is_none());
    }
}
