//! Connecting to sockets: never where that would start a service, see [`listener`], and never for longer than a deadline.

use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

use super::Deadline;
use super::listener::{self, Place};

/// A connected stream, in blocking mode. connect(2) on a unix socket blocks for ever while the listener's backlog is full,
/// so this asks without blocking and asks again until the deadline (then: TimedOut).
pub fn unix(path: &Path, deadline: Deadline) -> io::Result<UnixStream> {
    listener::look(&Place::Path(path.to_owned()))?;
    let address = UnixAddr::new(path)?;
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    loop {
        match connect(socket.as_raw_fd(), &address) {
            Ok(()) => {
                let stream = UnixStream::from(socket);
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(Errno::EAGAIN | Errno::EINTR) if !deadline.left().is_zero() => {
                std::thread::sleep(Duration::from_millis(10).min(deadline.left()));
            }
            Err(Errno::EAGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A connected stream to the first address that takes a connection; the last one's error when none does.
pub fn tcp(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<TcpStream> {
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        let left = deadline.left().max(Duration::from_millis(1));
        match listener::look_at(*address).and_then(|()| TcpStream::connect_timeout(address, left)) {
            Ok(stream) => return Ok(stream),
            Err(why) => error = why,
        }
    }
    Err(error)
}

/// What answers one packet, at most `most` bytes.
pub fn udp(address: SocketAddr, packet: &[u8], most: usize, deadline: Deadline) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if address.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(deadline.left().max(Duration::from_millis(1))))?;
    socket.send(packet)?;
    let mut answer = vec![0; most];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}
