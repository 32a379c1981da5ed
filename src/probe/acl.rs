//! POSIX access control lists: users whom a file lets in beside its owner and group, such as the one at the seat.

use gdoctor_checks::model::fact::Fact;

use crate::host::Host;

/// Permissions that are wanted of a list.
pub const READ_WRITE: u16 = 0o6;
pub const WRITE: u16 = 0o2;

/// Users (not the owner) whom the file's list grants all of `wanted`, after its mask. Absent: it has no list.
pub fn users(host: &Host, path: &str, wanted: u16) -> Fact<Vec<u32>> {
    host.attribute(path, "system.posix_acl_access").parse(|bytes| read(&bytes, wanted))
}

/// The form is that of <linux/posix_acl_xattr.h>: a version (2), then entries of tag, permissions and id, all little-endian.
fn read(bytes: &[u8], wanted: u16) -> Result<Vec<u32>, String> {
    const VERSION: [u8; 4] = [2, 0, 0, 0];
    const USER: u16 = 0x02;
    const MASK: u16 = 0x10;
    let entries = bytes.strip_prefix(&VERSION).ok_or("an access control list of an unknown version")?;
    let entries: Vec<(u16, u16, u32)> = entries
        .chunks(8)
        .map(|entry| match *entry {
            [t0, t1, p0, p1, i0, i1, i2, i3] => {
                Ok((u16::from_le_bytes([t0, t1]), u16::from_le_bytes([p0, p1]), u32::from_le_bytes([i0, i1, i2, i3])))
            }
            _ => Err("an access control list that is cut off"),
        })
        .collect::<Result<_, _>>()?;
    let mask = entries.iter().find(|(tag, ..)| *tag == MASK).map_or(wanted, |(_, permissions, _)| *permissions);
    let allows = |permissions: u16| permissions & mask & wanted == wanted;
    Ok(entries.into_iter().filter(|(tag, p, _)| *tag == USER && allows(*p)).map(|(_, _, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::{READ_WRITE, WRITE, read};

    /// user::rw-, user:1000:rw-, user:1001:r--, group::rw-, mask::rw-, other::---
    const LIST: &[u8] = &[
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 232, 3, 0, 0, 2, 0, 4, 0, 233, 3, 0, 0, 4, 0, 6, 0,
        255, 255, 255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ];

    #[test]
    fn the_list_of_a_seat() {
        assert_eq!(read(LIST, READ_WRITE), Ok(vec![1000]));
        assert_eq!(read(&[2, 0, 0, 0], READ_WRITE), Ok(vec![]));
    }

    #[test]
    fn a_mask_takes_away() {
        let mut masked = LIST.to_vec();
        masked[38] = 4;
        assert_eq!(read(&masked, WRITE), Ok(vec![]));
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        for end in 0..LIST.len() {
            let cut = read(&LIST[..end], READ_WRITE);
            assert_eq!(cut.is_ok(), end >= 4 && (end - 4) % 8 == 0, "{end}");
        }
        for byte in 0..=255 {
            let _ = read(&[2, 0, 0, 0, byte, byte, byte, byte, byte, byte, byte, byte], WRITE);
        }
    }
}
