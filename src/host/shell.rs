//! A line of a fix, run by the system's own shell as the user would run it, and what needs root by sudo. Only lines of gdoctor's
//! documents come here, with what the host put into them quoted.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Deadline;
use super::ending::Running;
use super::output;
use super::process::{self, End, FOLDERS, Program};

/// As much of a command's output is kept, from its end.
const KEPT: u64 = 64 << 10;
/// A command that writes more is ended.
const CAP: u64 = 64 << 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Root needs no sudo, which many a small system lacks.
const AS_ROOT: &str = "sudo() { \"$@\"; }\n";

/// What a command said, both outputs in their order, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub end: End,
}

/// How sudo can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sudo {
    /// gdoctor runs as root.
    NotNeeded,
    /// It asks for nothing now.
    Free,
    /// It asks for a password, on the terminal.
    Asks,
    Missing,
}

/// Runs the line to its end. What it leaves running is left alone.
pub fn run(line: &str, deadline: Deadline) -> Said {
    let sh = match Program::named("sh") {
        Ok(sh) => sh,
        Err(why) => return Said { text: why, end: End::Exited(127) },
    };
    let root = nix::unistd::geteuid().is_root();
    let mut command = Command::new(sh.path());
    command.arg("-c").arg(format!("{}{line}", if root { AS_ROOT } else { "" }));
    watched(environment(command), deadline)
}

/// The user's own, without what would make a program load or run something else.
fn environment(mut command: Command) -> Command {
    let changes = |name: &str| name.starts_with("LD_") || ["GCONV_PATH", "ENV", "BASH_ENV", "IFS"].contains(&name);
    let kept = std::env::vars_os().filter(|(name, _)| !changes(&name.to_string_lossy()));
    command.env_clear().envs(kept).env("PATH", FOLDERS.join(":")).env("LC_ALL", "C");
    command
}

/// The output goes into a file without a name: a pipe would be held open by a service that the command starts.
fn watched(mut command: Command, deadline: Deadline) -> Said {
    let none = |why: String| Said { text: why.clone(), end: End::NotStarted(why) };
    let (file, outputs) = match output::scratch().and_then(|(file, _)| Ok((file.try_clone()?, (file.try_clone()?, file)))) {
        Ok(files) => files,
        Err(why) => return none(why.to_string()),
    };
    command.stdin(Stdio::null()).stdout(outputs.0).stderr(outputs.1).process_group(0);
    let (mut child, running) = match Running::start(|| command.spawn()) {
        Ok(started) => started,
        Err(why) => return none(why.to_string()),
    };
    let end = loop {
        match process::wait(&mut child, deadline.within(PAUSE)) {
            End::TimedOut if deadline.left().is_zero() => break End::TimedOut,
            End::TimedOut if file.metadata().is_ok_and(|meta| meta.len() > CAP) => break End::TooMuch,
            End::TimedOut => thread::sleep(PAUSE),
            end => break end,
        }
    };
    if matches!(end, End::TimedOut | End::TooMuch) {
        running.kill();
        let _ = child.wait();
    }
    Said { text: kept(file), end }
}

fn kept(mut file: File) -> String {
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut bytes = Vec::new();
    let _ = file.seek(SeekFrom::Start(length.saturating_sub(KEPT)));
    let _ = file.take(KEPT).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether sudo is there, and whether it would ask.
pub fn sudo() -> Sudo {
    if nix::unistd::geteuid().is_root() {
        return Sudo::NotNeeded;
    }
    let Ok(sudo) = Program::named("sudo") else { return Sudo::Missing };
    let mut command = Command::new(sudo.path());
    command.args(["-n", "true"]).process_group(0);
    match watched(command, Deadline::after(Duration::from_secs(10))).end {
        End::Exited(0) => Sudo::Free,
        _ => Sudo::Asks,
    }
}

/// Lets sudo ask for the password on the terminal, itself: gdoctor never sees it. False: it was not given.
pub fn ask_sudo() -> bool {
    let Ok(sudo) = Program::named("sudo") else { return false };
    Command::new(sudo.path()).arg("-v").status().is_ok_and(|status| status.success())
}

/// Runs this very program as root with these arguments and this standard input; what it wrote on its standard output.
pub fn own_by_sudo(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let sudo = Program::named("sudo")?;
    let own = std::fs::read_link("/proc/self/exe").map_err(|why| why.to_string())?;
    let mut command = Command::new(sudo.path());
    command.arg("-n").arg("--").arg(own).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let (mut child, _running) = Running::start(|| command.spawn()).map_err(|why| why.to_string())?;
    let written = child.stdin.take().map(|mut pipe| pipe.write_all(input));
    let output = child.wait_with_output().map_err(|why| why.to_string())?;
    match output.status.success() && written.is_some_and(|written| written.is_ok()) {
        true => Ok(output.stdout),
        false => Err(format!("sudo: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
