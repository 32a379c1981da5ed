//! Which socket unit has systemd listen at an address: by the unit files, because systemd tells it to no file.

use std::net::SocketAddr;

use gdoctor_checks::model::need::Protocol;

use crate::host::Host;
use crate::host::units::{self, Manager};

/// `None` where none or more than one would.
pub fn listening(host: &Host, protocol: Protocol, local: SocketAddr) -> Option<String> {
    let key = match protocol {
        Protocol::Tcp => "ListenStream",
        Protocol::Udp => "ListenDatagram",
    };
    let mut fits = units::listening(host, Manager::System, key, |at| is_at(at, local)).into_iter();
    let first = fits.next()?;
    fits.next().is_none().then_some(first.name)
}

/// `8080` is every address, `127.0.0.1:8080` and `[::1]:8080` are one.
fn is_at(written: &str, local: SocketAddr) -> bool {
    match written.parse::<u16>() {
        Ok(port) => port == local.port() && local.ip().is_unspecified(),
        Err(_) => written.parse() == Ok(local),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_socket_units_write_them() {
        let at = |text: &str| text.parse().unwrap();
        assert!(is_at("8080", at("[::]:8080")) && is_at("8080", at("0.0.0.0:8080")));
        assert!(is_at("127.0.0.1:631", at("127.0.0.1:631")) && is_at("[::1]:631", at("[::1]:631")));
        assert!(!is_at("8080", at("127.0.0.1:8080")) && !is_at("/run/cups/cups.sock", at("[::]:8080")));
    }
}
