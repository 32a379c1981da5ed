//! The image of a proof: a tar of gdoctor, its loader and its libraries in a folder of their own, and so much of a root that
//! NVIDIA's hooks can do their work in it.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

use crate::host::child::WITHIN;
use crate::host::own::Own;

/// Empty folders that hooks mount into.
const FOLDERS: [&str; 9] =
    ["dev/", "etc/", "etc/ld.so.conf.d/", "proc/", "run/", "sys/", "usr/bin/", "usr/lib/", "usr/lib64/"];
const LINKS: [(&str, &str); 4] = [("bin", "usr/bin"), ("sbin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")];
const FILES: [(&str, &str); 3] = [
    ("etc/passwd", "root:x:0:0:root:/:/bin/false\n"),
    ("etc/group", "root:x:0:\n"),
    // Where hooks put a driver's libraries; ldconfig makes its cache from this.
    (
        "etc/ld.so.conf",
        "/usr/local/nvidia/lib\n/usr/local/nvidia/lib64\n/usr/lib64\n/usr/lib/x86_64-linux-gnu\n/usr/lib/aarch64-linux-gnu\n",
    ),
];

/// Twelve digits that stand for these very files.
pub fn digest(own: &Own) -> String {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(&own.program);
    hasher.write(&own.loader);
    for (name, bytes) in &own.libraries {
        hasher.write(name.as_bytes());
        hasher.write(bytes);
    }
    format!("{:016x}", hasher.finish())[..12].to_owned()
}

/// The image's root as a tar file: the same bytes for the same files.
pub fn archive(own: &Own) -> Vec<u8> {
    let folder = WITHIN.trim_start_matches('/');
    let mut tar = Vec::with_capacity(own.program.len() + (8 << 20));
    for name in FOLDERS.into_iter().map(str::to_owned).chain([format!("{folder}/"), format!("{folder}/lib/")]) {
        entry(&mut tar, &name, Kind::Folder(0o755));
    }
    entry(&mut tar, "tmp/", Kind::Folder(0o1777));
    for (name, target) in LINKS {
        entry(&mut tar, name, Kind::Link(target));
    }
    for (name, text) in FILES {
        entry(&mut tar, name, Kind::File(0o644, text.as_bytes()));
    }
    entry(&mut tar, &format!("{folder}/gdoctor"), Kind::File(0o755, &own.program));
    entry(&mut tar, &format!("{folder}/ld.so"), Kind::File(0o755, &own.loader));
    for (name, bytes) in &own.libraries {
        entry(&mut tar, &format!("{folder}/lib/{name}"), Kind::File(0o755, bytes));
    }
    // Two empty blocks end it.
    tar.resize(tar.len() + 1024, 0);
    tar
}

enum Kind<'a> {
    Folder(u32),
    Link(&'a str),
    File(u32, &'a [u8]),
}

/// One member in the format of POSIX.1-1988 (ustar). All names here are shorter than its 100 bytes.
fn entry(tar: &mut Vec<u8>, name: &str, kind: Kind) {
    let (mode, letter, target, bytes) = match kind {
        Kind::Folder(mode) => (mode, b'5', "", &[][..]),
        Kind::Link(target) => (0o777, b'2', target, &[][..]),
        Kind::File(mode, bytes) => (mode, b'0', "", bytes),
    };
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{:011o}", bytes.len()).as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[letter]);
    put(157, target.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    tar.extend(header);
    tar.extend(bytes);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn own(program: &[u8]) -> Own {
        let libraries = BTreeMap::from([("libc.so.6".to_owned(), b"c".to_vec())]);
        Own { program: program.to_vec(), loader: b"loader".to_vec(), libraries }
    }

    #[test]
    fn the_digest_stands_for_every_byte() {
        assert_eq!(digest(&own(b"one")), digest(&own(b"one")));
        assert_ne!(digest(&own(b"one")), digest(&own(b"two")));
    }

    /// With a release's program, of some 11 MB, the image stays below 20 MiB.
    #[test]
    fn what_lies_beside_the_program_is_small() {
        let own = crate::host::own::files().unwrap();
        let beside = archive(&own).len() - own.program.len();
        assert!(beside < 8 << 20, "{beside} bytes");
    }

    #[test]
    fn whole_blocks_with_sums_that_fit() {
        let tar = archive(&own(&[7; 700]));
        assert_eq!(tar.len() % 512, 0);
        assert!(tar.ends_with(&[0; 1024]));
        let header = &tar[..512];
        let sum: u32 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        assert_eq!(&header[148..154], format!("{sum:06o}").as_bytes());
    }
}
