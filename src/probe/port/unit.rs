//! Which socket unit has systemd listen at an address: by the unit files, because systemd tells it to no file.

use std::net::SocketAddr;

use gdoctor_checks::model::need::Protocol;

use crate::host::Host;

const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// `None` where none or more than one would.
pub fn listening(host: &Host, protocol: Protocol, local: SocketAddr) -> Option<String> {
    let mut names: Vec<String> =
        FOLDERS.iter().flat_map(|folder| host.list(folder).value().cloned().unwrap_or_default()).collect();
    names.retain(|name| name.ends_with(".socket"));
    names.sort();
    names.dedup();
    let mut fits = names.into_iter().filter(|name| addresses(host, name, protocol).iter().any(|at| is_at(at, local)));
    let first = fits.next()?;
    fits.next().is_none().then_some(first)
}

/// What the unit listens at: its file in the first folder that has one, and the drop-ins of all. An empty value takes back those before.
fn addresses(host: &Host, unit: &str, protocol: Protocol) -> Vec<String> {
    let file = FOLDERS.iter().map(|folder| format!("{folder}/{unit}")).find(|path| host.lstat(path).value().is_some());
    let drop_ins = FOLDERS.iter().flat_map(|folder| {
        let folder = format!("{folder}/{unit}.d");
        let names = host.list(&folder).value().cloned().unwrap_or_default();
        names.into_iter().map(move |name| format!("{folder}/{name}"))
    });
    let key = match protocol {
        Protocol::Tcp => "ListenStream=",
        Protocol::Udp => "ListenDatagram=",
    };
    let mut found = Vec::new();
    for path in file.into_iter().chain(drop_ins) {
        let text = host.text(path);
        for value in
            text.value().into_iter().flat_map(|text| text.lines()).filter_map(|line| line.trim().strip_prefix(key))
        {
            match value.trim() {
                "" => found.clear(),
                value => found.push(value.to_owned()),
            }
        }
    }
    found
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
