//! docker's or podman's own client, as the user would start it: with this process's environment and folder, talked to over its
//! standard streams, ended at a deadline. Who takes away what it left is registered with [`super::ending`].

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::ending::Running;
use super::process::{self, End, Program};
use super::{Deadline, KEPT};

/// What a client may say: a container's facts, or an error.
const CAP: usize = 4 << 20;

/// A client of an engine.
#[derive(Clone, Debug)]
pub struct Client {
    name: String,
    path: std::path::PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// What a client said before its end.
#[derive(Debug)]
pub struct Said {
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub end: End,
}

impl Said {
    pub fn is_well(&self) -> bool {
        self.end == End::Exited(0)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// What goes into the client's standard input.
pub enum Input<'a> {
    /// These bytes, then its end.
    Bytes(&'a [u8]),
    /// Nothing; it stays open until somebody has heard enough.
    Open,
}

/// After a line of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    GoOn,
    /// Standard input is closed.
    Close,
}

impl Client {
    /// `docker` or `podman`, where it is the system's. `values` are variables that the line sets for it; `sudo`: it gets those alone
    /// that sudo hands on.
    pub fn named(name: &str, values: &[(String, String)], sudo: bool) -> Result<Self, String> {
        let program = Program::named(name)?;
        let handed = |name: &OsString| {
            let text = name.to_string_lossy();
            // What would make the client load or run something else.
            let changes = text.starts_with("LD_") || text == "GCONV_PATH";
            !changes && (!sudo || KEPT.contains(&text.as_ref()))
        };
        let mut environment: Vec<_> = std::env::vars_os().filter(|(name, _)| handed(name)).collect();
        if sudo {
            environment.push(("HOME".into(), "/root".into()));
        }
        environment.extend(values.iter().map(|(name, value)| (name.into(), value.into())));
        Ok(Self { name: name.to_owned(), path: program.path().to_owned(), environment })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value))).args(arguments);
        command.env("LC_ALL", "C").process_group(0);
        command
    }

    /// Runs it to its end with these bytes on its standard input.
    pub fn run(&self, arguments: &[String], input: &[u8], deadline: Deadline) -> Said {
        self.talk(arguments, Input::Bytes(input), deadline, &mut |_| Then::GoOn)
    }

    /// As `run`; every whole line of its standard output is handed on as it comes.
    pub fn talk(
        &self,
        arguments: &[String],
        input: Input,
        deadline: Deadline,
        heard: &mut dyn FnMut(&[u8]) -> Then,
    ) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut child, running) = match Running::start(|| command.spawn()) {
            Ok(started) => started,
            Err(why) => return Said::nothing(End::NotStarted(why.to_string())),
        };
        let said = converse(&mut child, input, deadline, heard);
        if matches!(said.end, End::TimedOut | End::TooMuch) {
            running.kill();
            let _ = child.try_wait();
        }
        said
    }

    /// Runs it while gdoctor is being ended: nothing else is begun any more. True when it ended well.
    pub fn run_at_the_end(&self, arguments: &[String], deadline: Deadline) -> bool {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else { return false };
        let end = process::wait(&mut child, deadline);
        if end == End::TimedOut {
            let _ = child.kill();
        }
        end == End::Exited(0)
    }
}

impl Said {
    fn nothing(end: End) -> Self {
        Self { stdout: Vec::new(), stderr: String::new(), end }
    }
}

/// One of the client's outputs.
struct Output<T> {
    pipe: Option<T>,
    bytes: Vec<u8>,
}

impl<T: Read> Output<T> {
    fn read(&mut self) {
        let mut buffer = [0; 16 << 10];
        let Some(pipe) = &mut self.pipe else { return };
        match pipe.read(&mut buffer) {
            Err(error) if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
            Ok(0) | Err(_) => self.pipe = None,
            Ok(count) => self.bytes.extend(&buffer[..count]),
        }
    }
}

fn converse(child: &mut Child, input: Input, deadline: Deadline, heard: &mut dyn FnMut(&[u8]) -> Then) -> Said {
    let mut stdin = child.stdin.take();
    let (mut rest, stays_open) = match input {
        Input::Bytes(bytes) => (bytes, false),
        Input::Open => (&[][..], true),
    };
    if let Some(pipe) = &stdin {
        let _ = fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    }
    let mut out = Output { pipe: child.stdout.take(), bytes: Vec::new() };
    let mut errors = Output { pipe: child.stderr.take(), bytes: Vec::new() };
    let mut told = 0;
    let end = loop {
        if rest.is_empty() && !stays_open {
            stdin = None;
        }
        if out.pipe.is_none() && errors.pipe.is_none() {
            break process::wait(child, deadline);
        }
        let writes = stdin.as_ref().filter(|_| !rest.is_empty());
        if !wait_for(
            out.pipe.as_ref().map(|p| p.as_fd()),
            errors.pipe.as_ref().map(|p| p.as_fd()),
            writes.map(|p| p.as_fd()),
            deadline,
        ) {
            break End::TimedOut;
        }
        if let Some(pipe) = stdin.as_mut().filter(|_| !rest.is_empty()) {
            match pipe.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
                // It reads no more: what it says tells why.
                Err(_) => rest = &[],
            }
        }
        if readable(out.pipe.as_ref().map(|p| p.as_fd())) {
            out.read();
        }
        if readable(errors.pipe.as_ref().map(|p| p.as_fd())) {
            errors.read();
        }
        while let Some(length) = out.bytes[told..].iter().position(|byte| *byte == b'\n') {
            if heard(&out.bytes[told..told + length]) == Then::Close {
                stdin = None;
            }
            told += length + 1;
        }
        if out.bytes.len() + errors.bytes.len() > CAP {
            break End::TooMuch;
        }
    };
    Said { stdout: out.bytes, stderr: String::from_utf8_lossy(&errors.bytes).into_owned(), end }
}

/// Something can be read or written. False: neither by the deadline.
fn wait_for(
    out: Option<BorrowedFd>,
    errors: Option<BorrowedFd>,
    input: Option<BorrowedFd>,
    deadline: Deadline,
) -> bool {
    let reads = [out, errors].into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let mut all: Vec<PollFd> = reads.chain(input.map(|fd| PollFd::new(fd, PollFlags::POLLOUT))).collect();
    loop {
        let left = PollTimeout::try_from(deadline.left() + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut all, left) {
            Ok(0) if deadline.left().is_zero() => return false,
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

fn readable(fd: Option<BorrowedFd>) -> bool {
    fd.is_some_and(|fd| poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::ZERO).is_ok_and(|ready| ready > 0))
}

/// Until nobody holds the other end of this process's standard input any more, or the deadline.
pub fn wait_for_silence(deadline: Deadline) {
    let stdin = io::stdin();
    let mut buffer = [0; 256];
    loop {
        if !wait_for(Some(stdin.as_fd()), None, None, deadline) {
            return;
        }
        match nix::unistd::read(&stdin, &mut buffer) {
            Ok(0) => return,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(program: &str) -> Client {
        Client { name: program.into(), path: program.into(), environment: Vec::new() }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn bytes_go_in_and_both_outputs_come_back() {
        let bytes = vec![b'x'; 300_000];
        let said = client("/bin/sh").run(&words(&["-c", "cat; echo no >&2; exit 3"]), &bytes, Deadline::after(LONG));
        assert_eq!((said.stdout.len(), said.stderr.as_str(), said.end), (300_000, "no\n", End::Exited(3)));
    }

    #[test]
    fn who_reads_nothing_keeps_nobody() {
        let bytes = vec![b'x'; 300_000];
        let said = client("/bin/sh").run(&words(&["-c", "echo no; exit 3"]), &bytes, Deadline::after(LONG));
        assert_eq!((said.text().as_str(), said.end), ("no\n", End::Exited(3)));
    }

    #[test]
    fn its_input_stays_open_until_enough_was_heard() {
        let mut heard = Vec::new();
        let script = "echo one; echo two; cat >/dev/null; echo three";
        let said = client("/bin/sh").talk(&words(&["-c", script]), Input::Open, Deadline::after(LONG), &mut |line| {
            heard.push(String::from_utf8_lossy(line).into_owned());
            if line == b"two" { Then::Close } else { Then::GoOn }
        });
        assert_eq!((heard, said.end), (words(&["one", "two", "three"]), End::Exited(0)));
    }

    #[test]
    fn a_hang_costs_its_deadline() {
        let said = client("/bin/sh").run(
            &words(&["-c", "echo said; sleep 1000"]),
            &[],
            Deadline::after(Duration::from_millis(300)),
        );
        assert_eq!((said.text().as_str(), said.end), ("said\n", End::TimedOut));
    }
}
