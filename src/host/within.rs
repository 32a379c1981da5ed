//! Doors of a container that gdoctor itself started: its own limits and user, a listener for published ports.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::threads;

/// Soft and hard limit, as `ulimit` has them: `None` is unlimited.
pub fn limit(name: &str) -> Option<io::Result<(Option<u64>, Option<u64>)>> {
    let resource = match name {
        "memlock" => Resource::RLIMIT_MEMLOCK,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "stack" => Resource::RLIMIT_STACK,
        "core" => Resource::RLIMIT_CORE,
        _ => return None,
    };
    let words = |value: u64| (value != RLIM_INFINITY).then_some(value);
    Some(getrlimit(resource).map(|(soft, hard)| (words(soft), words(hard))).map_err(io::Error::from))
}

/// Bytes of a mounted file system.
pub fn size(path: &Path) -> io::Result<u64> {
    let all = statvfs(path)?;
    Ok(all.blocks() as u64 * all.fragment_size() as u64)
}

/// Whether its mount lets nobody write.
pub fn is_read_only(path: &Path) -> io::Result<bool> {
    Ok(statvfs(path)?.flags().contains(FsFlags::ST_RDONLY))
}

pub fn user() -> (u32, u32) {
    (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
}

/// Answers everybody who asks this port with one line, for as long as the process lives.
pub fn answer(port: u16, udp: bool, line: String) -> io::Result<()> {
    // Where IPv6 is there, one socket serves both.
    let places = [SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
    if udp {
        let socket = UdpSocket::bind(places[0]).or_else(|_| UdpSocket::bind(places[1]))?;
        let answer = move || {
            while let Ok((_, asker)) = socket.recv_from(&mut [0; 16]) {
                let _ = socket.send_to(line.as_bytes(), asker);
            }
        };
        return threads::spawn(answer).map(drop);
    }
    let listener = TcpListener::bind(places[0]).or_else(|_| TcpListener::bind(places[1]))?;
    let answer = move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(line.as_bytes());
        }
    };
    threads::spawn(answer).map(drop)
}
