//! The sockets on one port, asked of the kernel's socket diagnosis (sock_diag(7)): quicker than its tables in /proc/net where there
//! are many, and since Linux 6.8 with those that are bound and neither listen nor are connected. Every user may ask; nothing is
//! changed by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gdoctor_checks::model::need::Protocol;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockProtocol};

use super::netlink::{dump, word};
use super::{Deadline, Host};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// As /proc/net prints it (net/tcp_states.h).
    pub state: u8,
    pub uid: u32,
    pub inode: u64,
}

/// linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h, linux/in.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// All but those that a listener has not accepted yet. Kernels before 6.8 know no sockets that are only bound.
const STATES: u32 = !(1 << 12);

/// False when asking would load a module.
pub fn is_there(host: &Host, protocol: Protocol) -> bool {
    host.kernel_has(match protocol {
        Protocol::Tcp => "tcp_diag",
        Protocol::Udp => "udp_diag",
    })
}

/// The sockets of both families that have this port here.
pub fn on_port(port: u16, protocol: Protocol, deadline: Deadline) -> Result<Vec<Socket>, Errno> {
    let mut all = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let request = request(family as u8, protocol, port);
        dump(SockProtocol::NetlinkSockDiag, SOCK_DIAG_BY_FAMILY, &request, deadline, |message| {
            all.extend(socket(message));
        })?;
    }
    Ok(all)
}

/// inet_diag_req_v2: of the socket's own addresses, its last 48 bytes, only the port is asked for.
fn request(family: u8, protocol: Protocol, port: u16) -> Vec<u8> {
    let protocol = match protocol {
        Protocol::Tcp => TCP,
        Protocol::Udp => UDP,
    };
    let mut bytes = vec![family, protocol, 0, 0];
    bytes.extend(STATES.to_ne_bytes());
    bytes.extend(port.to_be_bytes());
    bytes.resize(56, 0);
    bytes
}

/// inet_diag_msg: family and state, the ports and addresses in network order, then what is read here.
fn socket(message: &[u8]) -> Option<Socket> {
    let [family, state, ..] = *message else { return None };
    let port = |at: usize| Some(u16::from_be_bytes(message.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let ip = |at: usize| {
        let address: [u8; 16] = message.get(at..at.checked_add(16)?)?.try_into().ok()?;
        let [a, b, c, d, ..] = address;
        Some(match i32::from(family) == AddressFamily::Inet as i32 {
            true => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            // An IPv4 address in IPv6's clothes is IPv4.
            false => Ipv6Addr::from(address).to_canonical(),
        })
    };
    Some(Socket {
        local: SocketAddr::new(ip(8)?, port(4)?),
        remote: SocketAddr::new(ip(24)?, port(6)?),
        state,
        uid: word(message, 64)?,
        inode: word(message, 68)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn no_bytes_are_too_strange() {
        assert!(socket(&[]).is_none() && socket(&[2; 71]).is_none() && socket(&[2; 72]).is_some());
    }

    #[test]
    fn a_listener_and_both_ends_of_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let _server = listener.accept().unwrap();
        let deadline = Deadline::after(Duration::from_secs(5));
        let Ok(found) = on_port(address.port(), Protocol::Tcp, deadline) else {
            return println!("left out: this kernel refuses socket diagnosis");
        };
        let states: Vec<u8> =
            found.iter().filter(|socket| socket.local == address).map(|socket| socket.state).collect();
        assert_eq!(states, [10, 1]);
        assert!(found.iter().any(|socket| socket.remote == client.local_addr().unwrap() && socket.inode != 0));
    }
}
