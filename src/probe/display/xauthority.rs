//! Reads the records of an .Xauthority file (libXau, AuRead.c). The secret of a record is skipped and never kept.

use std::net::{Ipv4Addr, Ipv6Addr};

use gdoctor_checks::model::facts::display::CookieEntry;

const INTERNET: u16 = 0;
const INTERNET6: u16 = 6;
/// Records beyond this are not told of; a session has a handful.
const RECORDS_CAP: usize = 256;

/// Records in the file's order, and what is wrong behind the last of them. libXau stops there without a word.
pub fn read(bytes: &[u8]) -> (Vec<CookieEntry>, Option<String>) {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && entries.len() < RECORDS_CAP {
        let at = bytes.len() - rest.len();
        match record(rest) {
            Some((entry, behind)) => {
                entries.push(entry);
                rest = behind;
            }
            None => return (entries, Some(format!("the record at byte {at} is cut short"))),
        }
    }
    (entries, None)
}

fn record(bytes: &[u8]) -> Option<(CookieEntry, &[u8])> {
    let (family, rest) = number(bytes)?;
    let (address, rest) = counted(rest)?;
    let (display, rest) = counted(rest)?;
    let (protocol, rest) = counted(rest)?;
    let (_secret, rest) = counted(rest)?;
    let entry =
        CookieEntry { family, address: spelled(family, address), number: text(display), protocol: text(protocol) };
    Some((entry, rest))
}

fn spelled(family: u16, address: &[u8]) -> String {
    match family {
        INTERNET => <[u8; 4]>::try_from(address).map_or_else(|_| text(address), |a| Ipv4Addr::from(a).to_string()),
        INTERNET6 => <[u8; 16]>::try_from(address).map_or_else(|_| text(address), |a| Ipv6Addr::from(a).to_string()),
        _ => text(address),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(255).collect()
}

/// Two bytes, the high one first.
fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*head), rest))
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number(bytes)?;
    rest.split_at_checked(usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(family: u16, parts: [&[u8]; 4]) -> Vec<u8> {
        let mut bytes = family.to_be_bytes().to_vec();
        for part in parts {
            bytes.extend((part.len() as u16).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }

    #[test]
    fn records_without_their_secrets() {
        let secret = b"0123456789abcdef";
        let mut file = bytes(256, [b"desk", b"0", b"MIT-MAGIC-COOKIE-1", secret]);
        file.extend(bytes(65535, [b"", b"", b"MIT-MAGIC-COOKIE-1", secret]));
        file.extend(bytes(0, [&[192, 168, 1, 2], b"10", b"MIT-MAGIC-COOKIE-1", secret]));
        let (entries, wrong) = read(&file);
        let shown: Vec<String> = entries.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["desk/unix:0 MIT-MAGIC-COOKIE-1", "any host: MIT-MAGIC-COOKIE-1", "192.168.1.2:10 MIT-MAGIC-COOKIE-1"]
        );
        assert_eq!(wrong, None);
        assert!(!format!("{entries:?}").contains("0123456789abcdef"));
        file.truncate(file.len() - 1);
        let (entries, wrong) = read(&file);
        assert_eq!(entries.len(), 2);
        assert!(wrong.is_some());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = bytes(256, [b"desk", b"0", b"MIT-MAGIC-COOKIE-1", b"secret"]);
        for end in 0..whole.len() {
            assert!(read(whole.get(..end).unwrap_or_default()).0.is_empty());
        }
        let mut seed = 7_u32;
        for length in 0..3000_usize {
            let noise: Vec<u8> = (0..length % 97)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8 & 3
                })
                .collect();
            let _ = read(&noise);
        }
    }
}
