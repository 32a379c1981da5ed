//! Writing what the user asked for: a file whole or not at all, and standard output that may close early.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::ending::Unfinished;

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
    let mut unfinished = None;
    let mut file = tempfile::Builder::new().prefix(".gdoctor-").make_in(folder, |path| {
        let create = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let (file, mark) = Unfinished::create(path, create)?;
        unfinished = Some(mark);
        Ok(file)
    })?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
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
