//! The line's ports: what leads from the host into the container, and who answers there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::proof::{Kind, Look, Seen};

use super::asked::{Asked, Door};
use super::line;
use crate::host::{Deadline, connect};

const PORT: Duration = Duration::from_secs(2);

/// Asks each port of the host that leads into the container. `published` is what the client's `port` says; on those in `failed`
/// nothing can listen inside.
pub fn looks(published: &str, asked: &Asked, failed: &[(Door, String)]) -> Vec<Look> {
    let look = |(container, protocol, address): (u16, &str, SocketAddr)| {
        let source = format!("{protocol} {address}");
        let door = Door { port: container, udp: protocol == "udp" };
        let unheard = failed.iter().find(|(failed, _)| *failed == door);
        let unasked = |why: String| Fact::unknown(Gap::Unsupported(why), source.clone());
        let seen = match unheard {
            _ if !["tcp", "udp"].contains(&protocol) => unasked(format!("gdoctor does not speak {protocol}")),
            Some((_, why)) => unasked(format!("nothing can listen on {container} inside: {why}")),
            None if asked.ports.contains(&door) => {
                Fact::present(answered(address, door.udp, &asked.word), source.clone())
            }
            None => unasked(format!("gdoctor asks {} ports of a line", line::PORTS)),
        };
        Look { kind: Kind::Port, subject: format!("{address}/{protocol}"), seen, foretold: None }
    };
    published.lines().filter_map(self::published).map(look).collect()
}

/// `80/tcp -> 0.0.0.0:8080`.
fn published(line: &str) -> Option<(u16, &str, SocketAddr)> {
    let (inside, outside) = line.split_once(" -> ")?;
    let (port, protocol) = inside.split_once('/')?;
    // Older dockers and podman write `:::8080` and `::1:8080`.
    let (address, outer) = outside.rsplit_once(':')?;
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    Some((port.parse().ok()?, protocol, SocketAddr::new(address, outer.parse().ok()?)))
}

/// Whether what listens in the container is what answers here.
fn answered(address: SocketAddr, udp: bool, word: &str) -> Seen {
    use std::io::Read;
    let mut asked = address;
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
        asked.set_ip(loopback);
    }
    let end = Deadline::after(PORT);
    let said = if udp {
        connect::udp(asked, b"?", word.len(), end)
    } else {
        connect::tcp(&[asked], end).and_then(|mut stream| {
            stream.set_read_timeout(Some(PORT))?;
            let mut text = vec![0; word.len()];
            stream.read_exact(&mut text).map(|()| text)
        })
    };
    match said {
        Ok(text) if text == word.as_bytes() => Seen::Works(format!("{asked} leads to the container")),
        Ok(_) => Seen::Fails(format!("{asked} is answered by something else")),
        Err(why) => Seen::Fails(format!("{asked}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_as_clients_tell_them() {
        let read = |line| published(line).map(|(port, protocol, address)| (port, protocol, address.to_string()));
        assert_eq!(read("80/tcp -> 0.0.0.0:8080"), Some((80, "tcp", "0.0.0.0:8080".into())));
        assert_eq!(read("80/tcp -> :::8080"), Some((80, "tcp", "[::]:8080".into())));
        assert_eq!(read("80/tcp -> ::1:8080"), Some((80, "tcp", "[::1]:8080".into())));
        assert_eq!(read("53/udp -> [::1]:53"), Some((53, "udp", "[::1]:53".into())));
        assert_eq!(read("nothing"), None);
    }
}
