//! What shows by its shape in any text that it is somebody's: addresses, ids of devices, hosts of URLs, names of homes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub enum Shape {
    User,
    Host,
    /// An id with the kind of its pseudonym.
    Device(&'static str),
    Mac,
    Address4(Ipv4Addr),
    Address6(Ipv6Addr),
}

pub fn within(text: &str) -> Vec<(Shape, Range<usize>)> {
    let mut found = Vec::new();
    urls(text, &mut found);
    homes(text, &mut found);
    let place = |piece: &str| {
        let start = piece.as_ptr() as usize - text.as_ptr() as usize;
        start..start + piece.len()
    };
    let word = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    for piece in text.split(|c: char| !word(c)) {
        let piece = piece.trim_matches(['.', ':', '-']);
        if let Some((shape, id)) = identifier(piece) {
            found.push((shape, place(id)));
        }
    }
    // `10.0.0.5:5000` and `host=10.0.0.5`: the address without its port.
    for piece in text.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
        let piece = piece.trim_matches('.');
        let range = place(piece);
        if let Some(address) = address4(piece, &text[range.end..]) {
            found.push((Shape::Address4(address), range));
        }
    }
    found
}

fn urls(text: &str, found: &mut Vec<(Shape, Range<usize>)>) {
    for (at, _) in text.match_indices("://") {
        if text[..at].ends_with("unix") || text[..at].ends_with("fd") || text[..at].ends_with("npipe") {
            continue;
        }
        let rest = &text[at + 3..];
        let end = rest.find(|c: char| c.is_whitespace() || "/'\"`,;)>?#".contains(c)).unwrap_or(rest.len());
        let start = rest[..end].rfind('@').map_or(0, |at| at + 1);
        let length = rest[start..end].find(':').unwrap_or(end - start);
        if rest[start..start + length].contains(char::is_alphabetic) {
            found.push((Shape::Host, at + 3 + start..at + 3 + start + length));
        }
    }
}

fn homes(text: &str, found: &mut Vec<(Shape, Range<usize>)>) {
    for prefix in ["/home/", "/Users/", "/run/media/"] {
        for (at, _) in text.match_indices(prefix) {
            let start = at + prefix.len();
            let rest = &text[start..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).unwrap_or(rest.len());
            found.push((Shape::User, start..start + rest[..end].trim_end_matches('.').len()));
        }
    }
}

/// The id of a device, a MAC address or an IPv6 address that a piece of text is or ends in.
fn identifier(piece: &str) -> Option<(Shape, &str)> {
    for (prefix, kind) in [("GPU-", "gpu"), ("MIG-", "mig")] {
        if let Some(at) = piece.to_ascii_uppercase().find(prefix)
            && is_uuid(&piece[at + prefix.len()..])
        {
            return Some((Shape::Device(kind), &piece[at..]));
        }
    }
    let bare = piece.rsplit(':').next().unwrap_or(piece);
    if is_uuid(bare) && bare.bytes().any(|b| b != b'0' && b != b'-') {
        return Some((Shape::Device("uuid"), bare));
    }
    let parts: Vec<&str> = piece.split(':').collect();
    if parts.len() == 6 && parts.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Some((Shape::Mac, piece));
    }
    let address = piece.parse::<Ipv6Addr>().ok().filter(|_| parts.len() > 2)?;
    (!address.is_loopback() && !address.is_unspecified()).then_some((Shape::Address6(address), piece))
}

fn address4(piece: &str, behind: &str) -> Option<Ipv4Addr> {
    let address = piece.parse::<Ipv4Addr>().ok()?;
    let everybodys =
        address.is_loopback() || address.is_unspecified() || address.octets()[0] >= 224 || address.is_link_local();
    // A wide network tells nothing of anybody, and verdicts are made of it.
    let wide = behind.strip_prefix('/').is_some_and(|prefix| {
        let digits = prefix.find(|c: char| !c.is_ascii_digit()).unwrap_or(prefix.len());
        prefix[..digits].parse::<u8>().is_ok_and(|bits| bits <= 16)
    });
    // `6.6.87.2-microsoft`: a kernel's or a package's version. Of private addresses some are followed so by a word.
    let version = behind.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    (!everybodys && !wide && (!version || address.is_private())).then_some(address)
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    groups.len() == 5
        && groups.iter().zip(lengths).all(|(g, n)| g.len() == n && g.bytes().all(|b| b.is_ascii_hexdigit()))
}
