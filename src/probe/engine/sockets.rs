//! Who listens at a port of this host, by the kernel's tables /proc/net/{tcp,tcp6,udp,udp6}: nothing is sent.

use std::net::IpAddr;

use crate::host::Host;

const CAP: usize = 64 << 20;

#[derive(Clone, Copy, PartialEq)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// The addresses at which sockets listen on one port.
pub struct Sockets(Vec<IpAddr>);

impl Sockets {
    /// `None` where the tables cannot be read, or are another host's.
    pub fn read(host: &Host, protocol: Protocol, port: u16) -> Option<Self> {
        let name = if protocol == Protocol::Tcp { "tcp" } else { "udp" };
        if !host.is_live() {
            return None;
        }
        let mut found = Vec::new();
        for table in [format!("/proc/net/{name}"), format!("/proc/net/{name}6")] {
            let bytes = host.bytes(table, CAP);
            match (bytes.value(), bytes.is_absent()) {
                (Some(bytes), _) => found.extend(listeners(&String::from_utf8_lossy(bytes), protocol, port)),
                // Without IPv6 there is no second table.
                (None, true) => {}
                (None, false) => return None,
            }
        }
        Some(Self(found))
    }

    pub fn addresses(self) -> Vec<IpAddr> {
        self.0
    }

    pub fn hear(&self, at: IpAddr) -> bool {
        self.0.iter().any(|socket| match (socket, at) {
            (IpAddr::V6(socket), IpAddr::V4(at)) => socket.is_unspecified() || *socket == at.to_ipv6_mapped(),
            (socket, at) => *socket == at || socket.is_unspecified() && socket.is_ipv4() == at.is_ipv4(),
        })
    }
}

/// Addresses are words of 32 bits in the machine's byte order; 0A is TCP_LISTEN.
fn listeners(table: &str, protocol: Protocol, port: u16) -> Vec<IpAddr> {
    let listener = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (address, number) = fields.next()?.split_once(':')?;
        let state = fields.nth(1)?;
        let listens = protocol == Protocol::Udp || state == "0A";
        let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
        let words: Option<Vec<[u8; 4]>> = (0..address.len()).step_by(8).map(word).collect();
        let bytes = words.filter(|_| listens && u16::from_str_radix(number, 16) == Ok(port))?.concat();
        let four = <[u8; 4]>::try_from(bytes.as_slice()).map(IpAddr::from);
        four.or_else(|_| <[u8; 16]>::try_from(bytes.as_slice()).map(IpAddr::from)).ok()
    };
    table.lines().skip(1).filter_map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_hear_at_their_addresses() {
        let row = |address: &str, state: &str| format!("head\n 0: {address}:0035 00000000:0000 {state} 0\n");
        let of = |address: &str, state: &str, protocol| Sockets(listeners(&row(address, state), protocol, 53));
        let stub: IpAddr = [127, 0, 0, 53].into();
        assert!(of("3500007F", "07", Protocol::Udp).hear(stub));
        assert!(of("00000000", "0A", Protocol::Tcp).hear(stub));
        assert!(of("00000000000000000000000000000000", "07", Protocol::Udp).hear(stub));
        assert!(!of("0100007F", "07", Protocol::Udp).hear(stub));
        assert!(!of("3500007F", "01", Protocol::Tcp).hear(stub));
        assert!(Sockets(listeners(&row("3500007F", "07"), Protocol::Udp, 54)).0.is_empty());
    }
}
