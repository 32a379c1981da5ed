//! The kernel's sockets on the ports that matter: asked for one by one where they are few, else by its tables
//! /proc/net/{tcp,tcp6,udp,udp6}.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::need::Protocol;

use crate::host::Host;
use crate::host::diag::{self, Socket};

/// 100,000 sockets take 15 MB.
const TABLE_CAP: usize = 256 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub number: u16,
    pub protocol: Protocol,
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub state: State,
    pub uid: u32,
    /// 0 for sockets that no process holds any more.
    pub inode: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It takes connections, or datagrams.
    Listens,
    Connected,
    /// TIME_WAIT.
    Waits,
    /// Neither of these: only bound. Not in /proc/net.
    Bound,
}

/// Sockets by the port they use here, listeners first.
pub type Rows = BTreeMap<Key, Vec<Row>>;

/// As many ports as this are asked for one by one.
const FEW: usize = 16;

/// The sockets on `wanted` ports; Unknown when a table that the port needs could not be read.
pub fn read(host: &Host, wanted: &BTreeSet<Key>) -> Fact<Rows> {
    let mut rows = Rows::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let keys: BTreeSet<Key> = wanted.iter().copied().filter(|key| key.protocol == protocol).collect();
        let asks = !keys.is_empty() && diag::is_there(host, protocol);
        if asks
            && keys.len() <= FEW
            && let Some(found) = asked(host, &keys)
        {
            rows.extend(found);
            continue;
        }
        if !keys.is_empty()
            && let Some((gap, path)) = add_tables(host, &keys, protocol, &mut rows)
        {
            return Fact::unknown(gap, path);
        }
        let unexplained = |key: &Key| protocol == Protocol::Tcp && !rows.contains_key(key);
        let unexplained: BTreeSet<Key> = keys.into_iter().filter(unexplained).take(FEW).collect();
        if asks {
            rows.extend(asked(host, &unexplained).unwrap_or_default());
        }
    }
    for found in rows.values_mut() {
        found.sort_by_key(|row| row.state);
    }
    Fact::present(rows, "/proc/net")
}

/// What the kernel's socket diagnosis tells; None where it is refused.
fn asked(host: &Host, keys: &BTreeSet<Key>) -> Option<Rows> {
    let mut rows = Rows::new();
    for key in keys {
        for socket in diag::on_port(key.number, key.protocol, host.deadline).ok()? {
            let Socket { local, remote, state, uid, inode } = socket;
            let row = Row { local, remote, state: state_of(key.protocol, state), uid, inode };
            rows.entry(*key).or_default().push(row);
        }
    }
    Some(rows)
}

fn add_tables(host: &Host, keys: &BTreeSet<Key>, protocol: Protocol, rows: &mut Rows) -> Option<(Gap, String)> {
    let path = format!("/proc/net/{protocol}");
    for path in [path.clone(), format!("{path}6")] {
        let table = host.bytes(&path, TABLE_CAP);
        match (table.value(), table.gap()) {
            (Some(bytes), _) => add(rows, bytes, protocol, keys),
            // Without IPv6 there is no tcp6.
            (None, None) => {}
            (None, Some(gap)) => return Some((gap.clone(), path)),
        }
    }
    None
}

/// Where programs of the network that this folder shows take connections or datagrams.
pub fn listeners(host: &Host, folder: &str, protocol: Protocol) -> Fact<Vec<SocketAddr>> {
    let mut all = Vec::new();
    let path = format!("{folder}/{protocol}");
    for path in [path.clone(), format!("{path}6")] {
        let table = host.bytes(&path, TABLE_CAP);
        if let Some(gap) = table.gap() {
            return Fact::unknown(gap.clone(), path);
        }
        let lines = table.value().into_iter().flat_map(|bytes| bytes.split(|byte| *byte == b'\n').skip(1));
        let rows = lines.filter_map(|line| parse(std::str::from_utf8(line).ok()?, protocol).ok());
        all.extend(rows.filter(|row| row.state == State::Listens).map(|row| row.local));
    }
    Fact::present(all, path)
}

fn add(rows: &mut Rows, bytes: &[u8], protocol: Protocol, wanted: &BTreeSet<Key>) {
    for line in bytes.split(|byte| *byte == b'\n').skip(1) {
        // Of a hundred thousand lines only a few are worth parsing.
        if !local_port(line).is_some_and(|number| wanted.contains(&Key { number, protocol })) {
            continue;
        }
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Ok(row) = parse(line, protocol) else { continue };
        let key = Key { number: row.local.port(), protocol };
        if wanted.contains(&key) {
            rows.entry(key).or_default().push(row);
        }
    }
}

/// The `0035` of `  0: 3500007F:0035 …`, read without looking at the rest of the line.
fn local_port(line: &[u8]) -> Option<u16> {
    let mut parts = line.splitn(4, |byte| *byte == b':');
    let digits = parts.nth(2)?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// `  0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 14870 …` (proc_net_tcp.txt).
fn parse(line: &str, protocol: Protocol) -> Result<Row, Gap> {
    let garbled = || Gap::Unparsable("not a line of /proc/net".into());
    let mut fields = line.split_whitespace().skip(1);
    let mut next = || fields.next().ok_or_else(garbled);
    let local = address(next()?).ok_or_else(garbled)?;
    let remote = address(next()?).ok_or_else(garbled)?;
    let code = u8::from_str_radix(next()?, 16).map_err(|_| garbled())?;
    let (_queues, _timer, _retransmits) = (next()?, next()?, next()?);
    let uid = next()?.parse().map_err(|_| garbled())?;
    let _timeout = next()?;
    let inode = next()?.parse().map_err(|_| garbled())?;
    Ok(Row { local, remote, state: state_of(protocol, code), uid, inode })
}

/// net/tcp_states.h; a socket that does nothing but be bound is "closed" there, which datagram sockets that are not connected are too.
fn state_of(protocol: Protocol, code: u8) -> State {
    match (protocol, code) {
        (Protocol::Tcp, 10) | (Protocol::Udp, 7) => State::Listens,
        (Protocol::Tcp, 6) => State::Waits,
        (Protocol::Tcp, 7) => State::Bound,
        _ => State::Connected,
    }
}

/// `0100007F:1F90`, or 32 digits for IPv6: words of the machine's byte order. An IPv4 address in IPv6's clothes is IPv4.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |digits: &str| u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(ip)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, place) in bytes.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(ip.get(at * 8..at * 8 + 8)?)?);
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_tcp_and_one_of_tcp6() {
        let resolved =
            "   0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 14870 1 0";
        let row = parse(resolved, Protocol::Tcp).unwrap();
        assert_eq!(row.local.to_string(), "127.0.0.53:53");
        assert_eq!(local_port(resolved.as_bytes()), Some(53));
        assert_eq!((row.state, row.uid, row.inode), (State::Listens, 101, 14870));
        let mapped =
            "1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 01 0:0 0:0 0 0 0 7";
        assert_eq!(parse(mapped, Protocol::Tcp).unwrap().local.to_string(), "127.0.0.1:8080");
        let loopback =
            "1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7";
        assert_eq!(parse(loopback, Protocol::Tcp).unwrap().local.to_string(), "[::1]:8080");
    }

    #[test]
    fn rubbish_is_no_row() {
        for line in [
            "",
            "x",
            "0: 0:0",
            "0: zz:0035 00000000:0000 0A",
            "0: 3500007F:0035 00000000:0000 0A 1 2 3",
            "\u{e9}: \u{e9}",
        ] {
            assert!(parse(line, Protocol::Tcp).is_err(), "{line:?}");
            let _ = local_port(line.as_bytes());
        }
        assert!(address("0123456é:0001").is_none() && address(&format!("{}:1", "é".repeat(16))).is_none());
    }
}
