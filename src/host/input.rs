//! What the user hands over: standard input, and files that are named on the command line. They are read as given, not below
//! `--root`.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The end of what was read, from the start of a line on, and how many bytes before it were left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tail {
    pub bytes: Vec<u8>,
    pub left_out: u64,
}

/// The last `cap` bytes of standard input. Err on a terminal: nobody pipes anything.
pub fn stdin_tail(cap: usize) -> io::Result<Tail> {
    if io::stdin().is_terminal() {
        return Err(io::Error::other("nothing is piped in; give a text, a file, or `-` behind a pipe"));
    }
    tail(io::stdin().lock(), cap)
}

/// The last `cap` bytes of the file at `path`; `None` when there is no regular file of that name.
pub fn regular_file_tail(path: &Path, cap: usize) -> Option<io::Result<Tail>> {
    let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let read = || {
        let mut file = File::open(path)?;
        // A byte more is read than is kept, so that the first line is seen to be torn.
        let before = file.seek(SeekFrom::Start(meta.len().saturating_sub(cap as u64 + 1)))?;
        let read = tail(file, cap)?;
        Ok(Tail { left_out: read.left_out + before, ..read })
    };
    Some(read())
}

fn tail(mut from: impl Read, cap: usize) -> io::Result<Tail> {
    let mut read = Tail::default();
    let keep_end = |read: &mut Tail, cap: usize| {
        let more = read.bytes.len().saturating_sub(cap);
        read.bytes.drain(..more);
        read.left_out += more as u64;
    };
    while from.by_ref().take(cap as u64 / 4 + 1).read_to_end(&mut read.bytes)? > 0 {
        keep_end(&mut read, cap);
    }
    if read.left_out > 0 {
        let rest =
            read.bytes.iter().position(|byte| *byte == b'\n').map_or(read.bytes.len(), |at| read.bytes.len() - at - 1);
        keep_end(&mut read, rest);
    }
    Ok(read)
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

/// What is done with a line; Err says why there is none.
type EachLine<'a> = dyn FnMut(Result<&[u8], String>) + 'a;

/// Each line of standard input that is not blank; Err of one that has more than `cap` bytes. Err on a terminal.
pub fn stdin_lines(cap: usize, each: &mut EachLine<'_>) -> io::Result<()> {
    if io::stdin().is_terminal() {
        return Err(io::Error::other("nothing is piped in; give files, folders, or `-` behind a pipe"));
    }
    lines(io::stdin().lock(), cap, each)
}

fn lines(mut from: impl BufRead, cap: usize, each: &mut EachLine<'_>) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(cap as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() > cap {
            from.skip_until(b'\n')?;
            each(Err(format!("a line has more than {} MiB", cap >> 20)));
        } else if !line.trim_ascii().is_empty() {
            each(Ok(&line));
        }
    }
}

/// The files below a folder whose names end in one of these, in the order of their names; links to folders are not followed. Err
/// where there are more than `most`.
pub fn files_below(folder: &Path, endings: &[&str], most: usize) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            seen += 1;
            if seen > most {
                return Err(io::Error::other(format!("more than {most} files and folders lie there")));
            }
            let path = entry.path();
            let is_named = || path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one));
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if is_named() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Something is there, of whatever kind.
pub fn is_there(path: &Path) -> bool {
    path.exists()
}

/// A path that somebody gave leads to a folder.
pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Somebody sits before it and can be asked.
pub fn is_answered() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks the person at the terminal; the answer without blanks around it. None where there is none: the input has ended.
pub fn answer(question: &str) -> Option<String> {
    let _ = write!(io::stdout(), "{question} ");
    let _ = io::stdout().flush();
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer).is_ok_and(|count| count > 0);
    read.then(|| answer.trim().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_one_by_one_and_a_long_one_is_told() {
        let mut told = Vec::new();
        let mut each = |line: Result<&[u8], String>| told.push(line.map(<[u8]>::to_vec).map_err(drop));
        lines("one\n\ntoo long\nend".as_bytes(), 4, &mut each).unwrap();
        assert_eq!(told, [Ok(b"one\n".to_vec()), Err(()), Ok(b"end".to_vec())]);
    }

    #[test]
    fn the_end_is_kept_from_the_start_of_a_line() {
        let end = |text: &str, cap| tail(text.as_bytes(), cap).unwrap();
        assert_eq!(end("one\ntwo\n", 20), Tail { bytes: b"one\ntwo\n".to_vec(), left_out: 0 });
        assert_eq!(end("one\ntwo\nthree\n", 12), Tail { bytes: b"two\nthree\n".to_vec(), left_out: 4 });
        assert_eq!(end("onetwothree", 4), Tail { bytes: b"hree".to_vec(), left_out: 7 });
    }
}
