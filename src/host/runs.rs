//! What a command line starts besides its program: the interpreter that a script names, and the scripts and programs among the
//! arguments. All of it has to be as trusted as the program.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::process::FOLDERS;
use super::trust::{self, Distrust};

/// Programs that run what they are given, by the beginnings of their names: python3.12, bash.
const RUNNERS: [&str; 31] = [
    "sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "busybox", "python", "perl", "ruby", "node", "php", "lua",
    "tclsh", "expect", "awk", "env", "timeout", "nice", "ionice", "nohup", "setsid", "sudo", "runuser", "su", "chrt",
    "taskset", "stdbuf", "xargs", "java",
];
/// A script of a script of a script; the kernel follows as many.
const DEEP: usize = 5;
const HEAD: u64 = 512;

/// True of a program that runs its arguments.
pub fn is_runner(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    RUNNERS.contains(&name)
}

/// Err: a file that `path` is run by, or that it runs, may be changed by others.
pub fn trusted(path: &Path, arguments: &[String]) -> Result<(), Distrust> {
    interpreters(path, DEEP)?;
    run_by(path.to_str().unwrap_or_default(), arguments, DEEP)
}

fn interpreters(path: &Path, deep: usize) -> Result<(), Distrust> {
    let Some(line) = interpreter(path) else { return Ok(()) };
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let Some((first, rest)) = words.split_first().filter(|_| deep > 0) else { return Ok(()) };
    if !Path::new(first).exists() {
        let why = "the interpreter that it names is not there";
        return Err(Distrust::Unseen(first.into(), std::io::Error::new(std::io::ErrorKind::NotFound, why)));
    }
    let whole = trust::whole_path(Path::new(first))?;
    interpreters(&whole, deep - 1)?;
    run_by(first, rest, deep - 1)
}

/// What stands behind `#!` in a script.
pub fn interpreter(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).trim().to_owned())
}

/// Each word of the arguments that is a file which may be run, or the first file behind a word that runs others. What a program
/// only reads may be anybody's.
fn run_by(program: &str, arguments: &[String], deep: usize) -> Result<(), Distrust> {
    let mut runs_next = is_runner(program);
    let is_end = |c: char| c.is_whitespace() || ";|&()<>\"'`={}".contains(c);
    // Where it is started, or the last folder that is named: `cd /srv && ./run`.
    let mut folder = PathBuf::from("/");
    for word in arguments.iter().flat_map(|argument| argument.split(is_end)).filter(|word| !word.is_empty()) {
        if word.starts_with('/') && Path::new(word).is_dir() {
            folder = word.into();
        }
        let Some(file) = file(word, &folder, runs_next) else {
            runs_next |= word == "." || word == "source" || is_runner(word);
            continue;
        };
        if runs_next || is_executable(&file) {
            let whole = trust::whole_path(&file)?;
            if deep > 0 {
                interpreters(&whole, deep - 1)?;
            }
        }
        // `timeout 5 sh FILE`: what is run may run others.
        runs_next = is_runner(word);
    }
    Ok(())
}

/// A file that is named by its path, or a program of the system's folders by its name.
fn file(word: &str, folder: &Path, by_name: bool) -> Option<PathBuf> {
    let is_file = |path: &PathBuf| path.is_file();
    match word.contains('/') {
        // A path from the root replaces the folder.
        true => Some(folder.join(word)).filter(is_file),
        false if by_name => FOLDERS.iter().map(|folder| Path::new(folder).join(word)).find(is_file),
        false => None,
    }
}

fn is_executable(path: &Path) -> bool {
    let mode = std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    mode & 0o111 != 0 || interpreter(path).is_some()
}
