//! Sockets that are bound and neither listen nor are connected. /proc/net does not show them; the kernel's socket diagnosis
//! (sock_diag(7)) does since Linux 6.8, to every user. Nothing is changed by asking.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::Deadline;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub local: SocketAddr,
    pub uid: u32,
    pub inode: u64,
}

/// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;
const TCP: u8 = 6;
/// Kernels before 6.8 have no socket in this state and send an empty list.
const BOUND_INACTIVE: u32 = 1 << 13;
/// A kernel that never says that it is done is asked no longer.
const MOST: usize = 4096;

/// The silent TCP sockets of both families in this network.
pub fn bound_tcp(deadline: Deadline) -> Result<Vec<Bound>, Errno> {
    let mut all = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        ask(family as u8, deadline, &mut all)?;
    }
    Ok(all)
}

fn ask(family: u8, deadline: Deadline, all: &mut Vec<Bound>) -> Result<(), Errno> {
    let socket =
        socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)?;
    let left = i64::try_from(deadline.left().as_millis()).unwrap_or(i64::MAX).max(1);
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(left))?;
    send(socket.as_raw_fd(), &request(family), MsgFlags::empty())?;
    let mut buffer = vec![0; 32 << 10];
    for _ in 0..MOST {
        let count = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        if take(buffer.get(..count).unwrap_or_default(), all)? {
            return Ok(());
        }
    }
    Err(Errno::EMSGSIZE)
}

/// nlmsghdr and inet_diag_req_v2, whose last 48 bytes, the socket's own addresses, are not asked for.
fn request(family: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(72);
    bytes.extend(72u32.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, TCP, 0, 0]);
    bytes.extend(BOUND_INACTIVE.to_ne_bytes());
    bytes.extend([0; 48]);
    bytes
}

/// The messages of one datagram; true when the list is at its end.
fn take(mut rest: &[u8], all: &mut Vec<Bound>) -> Result<bool, Errno> {
    while let (Some(length), Some(kind)) = (number(rest, 0), rest.get(4..6).and_then(|kind| kind.try_into().ok())) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(message) = rest.get(HEADER..length) else { return Err(Errno::EBADMSG) };
        match u16::from_ne_bytes(kind) {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => return Err(Errno::from_raw(number(message, 0).map_or(0, |code| -code.cast_signed()))),
            _ => all.extend(bound(message)),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
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
    Some(Bound { local: SocketAddr::new(ip, port), uid: number(message, 64)?, inode: number(message, 68)?.into() })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_are_too_strange() {
        let mut all = Vec::new();
        for length in [0u32, 3, 15, 16, 20, u32::MAX] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([7; 30]);
            let _ = take(&bytes, &mut all);
        }
        assert!(take(&[], &mut all).is_ok_and(|done| !done));
        assert!(all.is_empty() && bound(&[2; 71]).is_none());
    }
}
