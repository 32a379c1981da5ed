//! What the user hands over: standard input, and files that are named on the command line. They are read as given, not below
//! `--root`.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

/// All of standard input, up to `cap` bytes; the rest is not read. Err on a terminal: nobody pipes anything.
pub fn stdin(cap: usize) -> io::Result<Vec<u8>> {
    if io::stdin().is_terminal() {
        return Err(io::Error::other("nothing is piped in; give a text, a file, or `-` behind a pipe"));
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(cap as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Up to `cap` bytes of the file at `path`; `None` when there is no regular file of that name.
pub fn regular_file(path: &Path, cap: usize) -> Option<io::Result<Vec<u8>>> {
    let is_file = std::fs::metadata(path).is_ok_and(|meta| meta.is_file());
    is_file.then(|| {
        let mut bytes = Vec::new();
        File::open(path)?.take(cap as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

/// Asks a yes of the person at the terminal; without one the answer is no.
pub fn confirmed(question: &str) -> bool {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return false;
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
