//! Questions to the kernel over netlink(7) that it answers with a list. Nothing is changed by asking; a protocol that the kernel
//! does not have loaded is not asked for here.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::Deadline;

/// linux/netlink.h.
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;
/// A kernel that never says that it is done is asked no longer.
const MOST: usize = 65_536;

/// Hands every message of the answer to `take`, without its header. EINTR: what the list is of changed meanwhile.
pub fn dump(
    protocol: SockProtocol,
    kind: u16,
    body: &[u8],
    deadline: Deadline,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Errno> {
    let socket = socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol)?;
    let left = i64::try_from(deadline.left().as_millis()).unwrap_or(i64::MAX).max(1);
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(left))?;
    send(socket.as_raw_fd(), &request(kind, body), MsgFlags::empty())?;
    let mut buffer = vec![0; 32 << 10];
    for _ in 0..MOST {
        let count = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        if messages(buffer.get(..count).unwrap_or_default(), &mut take)? {
            return Ok(());
        }
        if deadline.left().is_zero() {
            return Err(Errno::EAGAIN);
        }
    }
    Err(Errno::EMSGSIZE)
}

/// nlmsghdr and what follows it.
fn request(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER.saturating_add(body.len())).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER.saturating_add(body.len()));
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// The messages of one datagram; true when the list is at its end.
fn messages(mut rest: &[u8], take: &mut impl FnMut(&[u8])) -> Result<bool, Errno> {
    while let (Some(length), Some(kind), Some(flags)) = (word(rest, 0), half(rest, 4), half(rest, 6)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(message) = rest.get(HEADER..length) else { return Err(Errno::EBADMSG) };
        if flags & NLM_F_DUMP_INTR != 0 {
            return Err(Errno::EINTR);
        }
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => return Err(Errno::from_raw(word(message, 0).map_or(0, |code| -code.cast_signed()))),
            _ => take(message),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// The attributes of a message's body (struct nlattr), each with its kind; the list ends where its form does.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// NLA_F_NESTED and NLA_F_NET_BYTEORDER.
    const KIND: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let length = usize::from(half(rest, 0)?);
        let kind = half(rest, 2)? & KIND;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A number in the machine's byte order.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_are_too_strange() {
        let mut taken = 0;
        for length in [0u32, 3, 15, 16, 20, u32::MAX] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([7; 30]);
            let _ = messages(&bytes, &mut |_| taken += 1);
        }
        assert!(messages(&[], &mut |_| taken += 1).is_ok_and(|done| !done));
        for bytes in [&[][..], &[1], &[0, 0, 1, 0, 9], &[255, 255, 1, 0], &[4, 0, 1, 0, 3]] {
            assert!(attributes(bytes).count() <= 1);
        }
    }

    #[test]
    fn attributes_one_after_another() {
        let bytes = [
            6u16.to_ne_bytes(),
            0x8001u16.to_ne_bytes(),
            [b'a', b'b'],
            [0, 0],
            5u16.to_ne_bytes(),
            2u16.to_ne_bytes(),
            [b'c', 0],
        ];
        let all: Vec<(u16, &[u8])> = attributes(bytes.as_flattened()).collect();
        assert_eq!(all, [(1, &b"ab"[..]), (2, &b"c"[..])]);
    }
}
