//! A line of a fix, run by the system's own shell as the user would run it, and what needs root by sudo. Only lines of gdoctor's
//! documents come here, with what the host put into them quoted.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
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

/// Whether there is a way to be root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sudo {
    /// gdoctor runs as root.
    NotNeeded,
    /// It is installed. Whether it lets this user through is not asked before somebody wants it: it writes that into the log.
    There,
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
    let (file, outputs) =
        match output::scratch().and_then(|(file, _)| Ok((file.try_clone()?, (file.try_clone()?, file)))) {
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

pub fn sudo() -> Sudo {
    match nix::unistd::geteuid().is_root() {
        true => Sudo::NotNeeded,
        false if Program::named("sudo").is_ok() => Sudo::There,
        false => Sudo::Missing,
    }
}

/// Whether sudo lets this user through. It asks for the password itself, on the terminal: gdoctor never sees it.
pub fn may_sudo() -> bool {
    let Ok(sudo) = Program::named("sudo") else { return false };
    let mut quietly = Command::new(sudo.path());
    quietly.args(["-n", "true"]);
    let asked =
        || std::io::stdin().is_terminal() && Command::new(sudo.path()).arg("-v").status().is_ok_and(|s| s.success());
    watched(quietly, Deadline::after(Duration::from_secs(10))).end == End::Exited(0) || asked()
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
