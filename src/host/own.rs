//! The files that this very program runs from: itself, its loader, and the libraries that these need in another root.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Larger files are none of gdoctor's.
const CAP: u64 = 512 << 20;

/// What the C library of glibc loads later or what drivers' libraries name; older releases have these in files of their own.
const BESIDE: [&str; 10] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libresolv.so.2",
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libutil.so.1",
];

#[derive(Debug)]
pub struct Own {
    pub program: Vec<u8>,
    pub loader: Vec<u8>,
    /// By the names that they are loaded by.
    pub libraries: BTreeMap<String, Vec<u8>>,
}

/// Err: why this build cannot run in another root.
pub fn files() -> Result<Own, String> {
    // The file that runs, whatever lies at its path by now.
    let program = read(Path::new("/proc/self/exe"))?;
    let loader = interpreter(&program).ok_or("this gdoctor names no loader: it is no dynamic build")?;
    let mut libraries = BTreeMap::new();
    let mapped = mapped();
    for path in &mapped {
        if let Some(name) = path.file_name().and_then(OsStr::to_str).filter(|name| name.contains(".so")) {
            libraries.insert(name.to_owned(), read(path)?);
        }
        for name in BESIDE {
            if let Some(bytes) = path.parent().and_then(|folder| read(&folder.join(name)).ok()) {
                libraries.entry(name.to_owned()).or_insert(bytes);
            }
        }
    }
    if !libraries.contains_key("libc.so.6") {
        return Err("this gdoctor runs without glibc".into());
    }
    Ok(Own { loader: read(&loader)?, program, libraries })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let told = |why: std::io::Error| format!("{}: {why}", path.display());
    let length = fs::metadata(path).map_err(told)?.len();
    if length > CAP {
        return Err(format!("{}: more than {CAP} bytes", path.display()));
    }
    fs::read(path).map_err(told)
}

/// Files of which this process has code in its memory (proc_pid_maps(5)), but for the program itself.
fn mapped() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let own = fs::read_link("/proc/self/exe").unwrap_or_default();
    let path = |line: &str| line.split_once('/').map(|(_, path)| PathBuf::from(format!("/{path}")));
    let code = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.contains('x')));
    let mut paths: Vec<PathBuf> = code.filter_map(path).filter(|path| *path != own).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// PT_INTERP of a 64-bit little-endian ELF file (elf(5)).
fn interpreter(program: &[u8]) -> Option<PathBuf> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, size: usize| {
        let bytes = program.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte)))
    };
    if !program.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let entry = |index: u64| usize::try_from(table.checked_add(index.checked_mul(size)?)?).ok();
    let entry = (0..count).filter_map(entry).find(|at| number(*at, 4) == Some(PT_INTERP))?;
    let (from, length) = (number(entry + 8, 8)? as usize, number(entry + 32, 8)? as usize);
    let path = program.get(from..from.checked_add(length)?)?.split(|byte| *byte == 0).next()?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_itself_has_a_loader_and_libraries() {
        let own = files().unwrap();
        assert!(own.program.starts_with(b"\x7fELF") && own.loader.starts_with(b"\x7fELF"));
        assert!(own.libraries.contains_key("libc.so.6") && own.libraries.contains_key("libgcc_s.so.1"));
    }

    #[test]
    fn broken_files_name_no_loader() {
        let whole = fs::read("/proc/self/exe").unwrap();
        assert!(interpreter(&whole).is_some());
        for length in [0, 5, 40, 60, 64, 100] {
            assert_eq!(interpreter(&whole[..length]), None, "{length}");
        }
        let mut odd = whole[..4096].to_vec();
        odd[32..40].fill(0xff);
        assert_eq!(interpreter(&odd), None);
    }
}
