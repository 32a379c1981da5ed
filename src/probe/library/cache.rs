//! Reads the dynamic loader's cache, /etc/ld.so.cache, as glibc writes it (elf/dl-cache.h): untrusted bytes in, entries out.
//! No offset is followed before it is checked, and nothing here touches the host.

use std::borrow::Cow;

/// One entry: what programs ask for, where the loader finds it, and the flags that say whose programs may load it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub name: Cow<'a, str>,
    pub path: Cow<'a, str>,
    /// `0x0303` for x86-64, `0x0a03` for aarch64, `0x0003` for i386, `0x0903` for armhf.
    pub flags: u32,
}

const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const NEW_HEADER: usize = 48;
const NEW_ENTRY: usize = 24;
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
/// PATH_MAX: no name or path of a library is longer.
const LONGEST: usize = 4096;

/// All entries in the order of the file; Err says what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry<'_>>, String> {
    if bytes.starts_with(NEW_MAGIC) {
        return new_format(bytes);
    }
    if !bytes.starts_with(OLD_MAGIC) {
        return Err("it does not begin as a cache of the loader does".into());
    }
    let count = number(bytes, 12).ok_or("it ends in its header")?;
    let strings = table_end(OLD_HEADER, count, OLD_ENTRY, bytes)?;
    // A cache for both kinds of loader carries the new format behind the old table, aligned to 8 bytes.
    let inner = strings.checked_next_multiple_of(8).and_then(|at| bytes.get(at..)).unwrap_or_default();
    if inner.starts_with(NEW_MAGIC) {
        return new_format(inner);
    }
    entries(bytes, OLD_HEADER, OLD_ENTRY, count, bytes.get(strings..).unwrap_or_default())
}

fn new_format(bytes: &[u8]) -> Result<Vec<Entry<'_>>, String> {
    let count = number(bytes, 20).ok_or("it ends in its header")?;
    if bytes.get(28).is_some_and(|flags| flags & 3 == 3) {
        return Err("it was written for a big-endian machine".into());
    }
    table_end(NEW_HEADER, count, NEW_ENTRY, bytes)?;
    entries(bytes, NEW_HEADER, NEW_ENTRY, count, bytes)
}

/// Both formats begin an entry with flags, name and path; the latter two are offsets into `strings`.
fn entries<'a>(
    bytes: &'a [u8],
    header: usize,
    size: usize,
    count: u32,
    strings: &'a [u8],
) -> Result<Vec<Entry<'a>>, String> {
    let table = bytes.get(header..).unwrap_or_default();
    table
        .chunks_exact(size)
        .take(count as usize)
        .enumerate()
        .map(|(index, entry)| {
            let text = |at: usize| number(entry, at).and_then(|offset| text(strings, offset));
            let outside = || format!("entry {index} of {count} points outside the file");
            Ok(Entry {
                flags: number(entry, 0).ok_or_else(outside)?,
                name: text(4).ok_or_else(outside)?,
                path: text(8).ok_or_else(outside)?,
            })
        })
        .collect()
}

/// Where the table of `count` entries ends; Err when that is behind the end of the file.
fn table_end(header: usize, count: u32, size: usize, bytes: &[u8]) -> Result<usize, String> {
    (count as usize)
        .checked_mul(size)
        .and_then(|table| table.checked_add(header))
        .filter(|end| *end <= bytes.len())
        .ok_or(format!("it promises {count} entries and is too short for them"))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// The text that starts at `offset` and ends before a NUL.
fn text(strings: &[u8], offset: u32) -> Option<Cow<'_, str>> {
    let rest = strings.get(offset as usize..)?;
    let rest = rest.get(..rest.len().min(LONGEST))?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(rest.get(..end)?))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// A cache that the machine's own ldconfig made: a folder with links to real shared objects.
    fn made_by_ldconfig(format: &str, names: &[&str]) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let (etc, lib) = (folder.path().join("etc"), folder.path().join("usr/lib"));
        std::fs::create_dir_all(&etc).unwrap();
        std::fs::create_dir_all(&lib).unwrap();
        std::fs::write(etc.join("ld.so.conf"), "/usr/lib\n").unwrap();
        for name in names {
            std::fs::copy(libc()?, lib.join(name)).unwrap();
        }
        // -X: names as they are; the copies all carry libc's soname.
        let program = ["/sbin/ldconfig", "/usr/sbin/ldconfig"].into_iter().find(|path| Path::new(path).exists())?;
        let status = Command::new(program).args(["-X", "-c", format, "-r"]).arg(folder.path()).status().ok()?;
        status.success().then(|| std::fs::read(etc.join("ld.so.cache")).unwrap())
    }

    fn libc() -> Option<PathBuf> {
        let cache = std::fs::read("/etc/ld.so.cache").ok()?;
        let entries = parse(&cache).ok()?;
        let libc = entries.iter().find(|entry| entry.name == "libc.so.6")?;
        std::fs::canonicalize(libc.path.as_ref()).ok()
    }

    fn both_formats() -> Vec<Vec<u8>> {
        ["new", "compat", "old"].into_iter().filter_map(|format| made_by_ldconfig(format, &["libc.so.6"])).collect()
    }

    #[test]
    fn this_machines_cache_says_what_ldconfig_says() {
        let Ok(cache) = std::fs::read("/etc/ld.so.cache") else { return };
        let Ok(told) = Command::new("/sbin/ldconfig").arg("-p").output() else { return };
        let told = String::from_utf8_lossy(&told.stdout);
        let entries = parse(&cache).unwrap();
        let lines: Vec<&str> = told.lines().filter(|line| line.contains(" => ")).collect();
        assert_eq!(entries.len(), lines.len());
        for (entry, line) in entries.iter().zip(lines) {
            assert!(line.trim().starts_with(entry.name.as_ref()) && line.ends_with(entry.path.as_ref()), "{line}");
            assert_eq!(entry.flags == 0x0303, line.contains("libc6,x86-64"), "{line}");
        }
    }

    #[test]
    fn caches_of_every_format_are_read_alike() {
        let caches = both_formats();
        for cache in &caches {
            let entries = parse(cache).unwrap();
            assert!(entries.iter().any(|e| e.name == "libc.so.6" && e.path == "/usr/lib/libc.so.6"), "{entries:?}");
        }
        assert!(!caches.is_empty() || libc().is_none(), "ldconfig made no cache at all");
    }

    #[test]
    fn every_truncation_and_every_mutation_is_survived() {
        let mut whole = both_formats();
        whole.push(by_hand(0x0a03));
        for cache in whole {
            for end in 0..cache.len() {
                let _ = parse(&cache[..end]);
            }
            let mut state = 0x9e37_79b9_7f4a_7c15_u64;
            for _ in 0..20_000 {
                let mut mutated = cache.clone();
                for _ in 0..4 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let at = (state >> 33) as usize % mutated.len();
                    mutated[at] = (state >> 24) as u8;
                }
                let _ = parse(&mutated);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = by_hand(0x0a03);
        assert_eq!(parse(&good).unwrap()[0].flags, 0x0a03);
        assert!(parse(b"").unwrap_err().contains("does not begin"));
        assert!(parse(b"ELF").unwrap_err().contains("does not begin"));
        let mut many = good.clone();
        many[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&many).unwrap_err().contains("too short"));
        let mut outside = good.clone();
        outside[52..56].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&outside).unwrap_err().contains("entry 0 of 1 points outside"));
        let mut endless = good.clone();
        endless.truncate(good.len() - 1);
        assert!(parse(&endless).is_err(), "the last text has no end");
        let mut big = good;
        big[28] = 3;
        assert!(parse(&big).unwrap_err().contains("big-endian"));
    }

    /// The new format with one entry, put together as glibc's headers describe it.
    fn by_hand(flags: u32) -> Vec<u8> {
        let mut bytes = NEW_MAGIC.to_vec();
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(40_u32.to_le_bytes());
        bytes.resize(NEW_HEADER, 0);
        bytes[28] = 2;
        for number in [flags, 72, 85, 0, 0, 0] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"libcuda.so.1\0/usr/lib/libcuda.so.1\0");
        bytes
    }
}
