//! Starting a program: one of the system's that nobody else could have changed, or gdoctor itself; no shell, no input, the C
//! locale, output capped, everything it started ended at the deadline.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use gdoctor_checks::model::fact::Gap;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Deadline;
use super::ending::Running;
use super::runs;
use super::trust::{self, Distrust};

/// Where programs of the system lie; the last one is NixOS's. No other folder is ever looked into for a program to start: the PATH
/// of this process or of another one is a fact to judge by.
pub(super) const FOLDERS: [&str; 7] =
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin", "/run/current-system/sw/bin"];
/// What a program of the system's gets of this process's environment: where the user's own services are reached.
const HANDED_ON: [&str; 3] = ["HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// A program of the system's: its file and every folder above belong to root or the effective user, and nobody else may write
/// to them.
#[derive(Debug)]
pub struct Program {
    /// Without links.
    path: PathBuf,
    /// As it was asked for: one file may be several programs, and does by this name what is wanted (kmod as modinfo).
    name: String,
}

impl Program {
    /// By its name; Err tells why none is started.
    pub fn named(name: &str) -> Result<Self, String> {
        let mut refused = None;
        for folder in FOLDERS {
            match whole_program(&Path::new(folder).join(name), &[]) {
                Ok(path) => return Ok(Self { path, name: name.to_owned() }),
                Err(Distrust::Unseen(_, why)) if why.kind() == ErrorKind::NotFound => {}
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        Err(refused.map_or_else(|| format!("{name} is in no folder of the system's"), |why| not_started(name, &why)))
    }

    /// By its path, which has to lie in a folder of the system's.
    pub fn at(path: &str) -> Result<Self, String> {
        if !FOLDERS.iter().any(|folder| Path::new(path).parent() == Some(Path::new(folder))) {
            return Err(format!("{path} lies in no folder of the system's, so gdoctor does not start it"));
        }
        let whole = whole_program(Path::new(path), &[]).map_err(|why| not_started(path, &why))?;
        Ok(Self { path: whole, name: path.to_owned() })
    }

    /// One of the site's own, wherever it lies, or by its name one of the system's: the same holds of it, of every folder above,
    /// and of all that it is run by and that its arguments let it run.
    pub fn of_site(path: &str, arguments: &[String]) -> Result<Self, String> {
        let place = match path.contains('/') {
            true => PathBuf::from(path),
            false => Self::named(path)?.path,
        };
        let whole = whole_program(&place, arguments).map_err(|why| not_started(path, &why))?;
        startable(&whole).map_err(|why| format!("{path} {why}"))?;
        Ok(Self { path: whole, name: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>, cap: usize, deadline: Deadline) -> Ran {
        let mut command = Command::new(&self.path);
        command.arg0(&self.name).env_clear().env("PATH", FOLDERS.join(":")).env("TZ", "UTC").args(arguments);
        for name in HANDED_ON {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        run(command, cap, deadline)
    }
}

impl Program {
    /// With these variables and a PATH of the system's folders, and nothing else of this process's environment.
    pub fn run_with(
        &self,
        arguments: &[String],
        variables: &[(String, String)],
        cap: usize,
        deadline: Deadline,
    ) -> Ran {
        let mut command = Command::new(&self.path);
        command.arg0(&self.name).args(arguments).env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        command.env("PATH", FOLDERS.join(":")).current_dir("/");
        run(command, cap, deadline)
    }
}

/// Without links; the file, and what it is run by and runs, are nobody else's.
fn whole_program(path: &Path, arguments: &[String]) -> Result<PathBuf, Distrust> {
    let whole = trust::whole_path(path)?;
    runs::trusted(&whole, arguments)?;
    Ok(whole)
}

/// Err: why the kernel would not start it.
fn startable(path: &Path) -> Result<(), String> {
    let meta = std::fs::metadata(path).map_err(|why| why.to_string())?;
    if meta.is_dir() {
        return Err("is a folder".into());
    }
    if meta.permissions().mode() & 0o111 == 0 {
        return Err(format!("may not be executed: sudo chmod +x {}", path.display()));
    }
    Ok(())
}

/// Where programs of the system lie.
pub fn folders() -> impl Iterator<Item = &'static str> {
    FOLDERS.into_iter()
}

fn not_started(name: &str, why: &Distrust) -> String {
    format!("gdoctor does not start {name}: {why}")
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Exited(i32),
    Signalled(i32),
    /// It was still running at the deadline and has been killed.
    TimedOut,
    /// It wrote more than the cap and has been killed.
    TooMuch,
    /// It could not be started: errno text.
    NotStarted(String),
    /// The system gave no process for it: errno text.
    NoRoom(String),
}

impl End {
    /// Why there is no answer, of one that did not come to its own end.
    pub fn gap(&self) -> Gap {
        match self {
            End::Exited(code) => Gap::Unsupported(format!("it ended with exit code {code}")),
            End::Signalled(signal) => Gap::Crashed(format!("signal {signal}")),
            End::TimedOut => Gap::TimedOut,
            End::TooMuch => Gap::Unparsable("it wrote more than it may".into()),
            End::NotStarted(why) => Gap::Said(format!("it could not be started: {why}")),
            End::NoRoom(why) => Gap::NoRoom(format!("it did not start: {why}")),
        }
    }
}

/// What a program wrote before its end: kept even when it hangs or crashes.
#[derive(Debug)]
pub struct Ran {
    pub stdout: Vec<u8>,
    pub end: End,
}

/// Runs `command` with a cap on its standard output. Standard error is discarded.
pub(super) fn run(mut command: Command, cap: usize, deadline: Deadline) -> Ran {
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let (mut child, running) = match Running::start(|| command.spawn()) {
        Ok(started) => started,
        Err(error) => return Ran { stdout: Vec::new(), end: not_spawned(&error) },
    };
    let Some(mut pipe) = child.stdout.take() else {
        return Ran { stdout: Vec::new(), end: End::NotStarted("no pipe".into()) };
    };
    let (mut stdout, mut buffer) = (Vec::new(), [0; 8192]);
    let mut ended = None;
    loop {
        if !is_ready(&pipe, deadline.within(QUIET)) {
            // What it left in the background may hold the pipe for ever; what the program had to say is said.
            if let Some(end) = ended {
                running.kill();
                return Ran { stdout, end };
            }
            if deadline.left().is_zero() {
                // Not waited for: a process that a driver holds cannot even be killed, and we do not stay with it.
                running.kill();
                return Ran { stdout, end: End::TimedOut };
            }
            // One more turn, for what it wrote just before its end.
            ended = child.try_wait().ok().flatten().map(end_of);
            continue;
        }
        match pipe.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(count) if stdout.len() + count > cap => {
                running.kill();
                let _ = child.wait();
                return Ran { stdout, end: End::TooMuch };
            }
            Ok(count) => stdout.extend(&buffer[..count]),
        }
    }
    let end = ended.unwrap_or_else(|| wait(&mut child, deadline));
    if end == End::TimedOut {
        running.kill();
    }
    Ran { stdout, end }
}

/// How long nothing comes from a program before it is asked whether it has ended.
const QUIET: Duration = Duration::from_millis(100);

fn not_spawned(error: &io::Error) -> End {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) => End::NoRoom(error.to_string()),
        Some(Errno::ENOEXEC) => {
            End::NotStarted("it begins with no #! line, and is no program of this machine's".into())
        }
        _ => End::NotStarted(error.to_string()),
    }
}

/// Something can be read, or the end has been reached. False: neither by the deadline.
fn is_ready(pipe: &ChildStdout, deadline: Deadline) -> bool {
    loop {
        // Rounded up, so that the last wait does not spin.
        let left = PollTimeout::try_from(deadline.left() + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], left) {
            Ok(0) if deadline.left().is_zero() => return false,
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

/// Standard output is closed, so the end is near; yet a crash may still be writing its core.
pub(super) fn wait(child: &mut Child, deadline: Deadline) -> End {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return end_of(status),
            Ok(None) if deadline.left().is_zero() => return End::TimedOut,
            Ok(None) => thread::sleep(Duration::from_micros(200)),
            Err(error) => return End::NotStarted(error.to_string()),
        }
    }
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(signal)) => End::Signalled(signal),
        (None, None) => End::NotStarted(status.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, cap: usize, span: Duration) -> (String, End) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ran = run(command, cap, Deadline::after(span));
        (String::from_utf8_lossy(&ran.stdout).into_owned(), ran.end)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn every_end_is_told_and_output_before_it_is_kept() {
        assert_eq!(sh("echo said; exit 3", 100, LONG), ("said\n".into(), End::Exited(3)));
        assert_eq!(sh("echo said; kill -SEGV $$", 100, LONG), ("said\n".into(), End::Signalled(11)));
        assert_eq!(sh("yes", 100_000, LONG).1, End::TooMuch);
        let missing = run(Command::new("/no/such/program"), 1, Deadline::after(LONG));
        assert!(matches!(missing.end, End::NotStarted(_)));
    }

    #[test]
    fn programs_are_the_systems() {
        let said = Program::named("printf").unwrap().run(["said"].map(OsStr::new), 100, Deadline::after(LONG));
        assert_eq!((said.stdout.as_slice(), said.end), (&b"said"[..], End::Exited(0)));
        let environment = Program::named("env").unwrap().run([], 10_000, Deadline::after(LONG)).stdout;
        let environment = String::from_utf8(environment).unwrap();
        assert!(environment.contains("PATH=/usr/bin:") && !environment.contains("CARGO"), "{environment}");
        assert!(Program::named("no-such-program").is_err() && Program::at("/usr/bin/no-such-program").is_err());
        assert!(Program::at("/etc/passwd").is_err() && Program::at("/usr/bin/../../etc/passwd").is_err());
    }

    #[test]
    fn a_hang_costs_its_deadline_grandchildren_included() {
        let started = std::time::Instant::now();
        let (said, end) = sh("echo said; sleep 1000 & sleep 1000", 100, Duration::from_millis(300));
        assert_eq!((said.as_str(), end), ("said\n", End::TimedOut));
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_closed_output_is_not_an_end() {
        assert_eq!(sh("exec >&-; sleep 1000", 100, Duration::from_millis(300)).1, End::TimedOut);
    }
}
