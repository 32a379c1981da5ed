//! Writing what the user asked for: a file whole or not at all, and standard output that may close early.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::ending::Unfinished;

/// As many files of one name are kept side by side.
const MOST_OF_A_NAME: u32 = 999;

/// Writes `bytes` to a temporary file in the same folder, syncs it and renames it over `path`. Mode 0644.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o644)
}

/// The same for the user's eyes only: mode 0600.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o600)
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (file, _mark) = whole(folder, bytes, mode)?;
    file.persist(path)?;
    Ok(())
}

/// A file with all of `bytes` and no name to stay, and what takes it away when a signal ends gdoctor.
fn whole(folder: &Path, bytes: &[u8], mode: u32) -> io::Result<(tempfile::NamedTempFile, Option<Unfinished>)> {
    let mut unfinished = None;
    let mut file = tempfile::Builder::new().prefix(".gdoctor-").make_in(folder, |path| {
        let create = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let (file, mark) = Unfinished::create(path, create)?;
        unfinished = Some(mark);
        Ok(file)
    })?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok((file, unfinished))
}

/// Writes `bytes` to a file in `folder` that is not there yet: `NAME.ENDING`, else `NAME-2.ENDING` and so on. It appears whole.
pub fn write_new(folder: &Path, name: &str, ending: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (mut file, _mark) = whole(folder, bytes, 0o644)?;
    for turn in 1..=MOST_OF_A_NAME {
        let number = if turn == 1 { String::new() } else { format!("-{turn}") };
        let path = folder.join(format!("{name}{number}.{ending}"));
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => file = taken.file,
            Err(other) => return Err(other.error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("{name}.{ending} and {MOST_OF_A_NAME} of its kind are there"),
    ))
}

/// A folder and those above it.
pub fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// An empty file for a child to leave something in; gone when its values are, or when a signal ends gdoctor.
pub fn scratch() -> io::Result<(tempfile::NamedTempFile, Option<Unfinished>)> {
    whole(&std::env::temp_dir(), &[], 0o600)
}

/// Adds to the end of a file that others write to too, as a job's summary is.
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)
}

/// Writes to standard output; a reader that has gone (`| head`) is no error.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
