//! Programs of others that a test starts and that end with it; what they answer over HTTP.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that runs until this is dropped; what it says is in a file.
pub struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    /// `None` where the program is not installed.
    pub fn start(folder: &Path, program: &str, arguments: &[String]) -> Option<Self> {
        let name = Path::new(program).file_name().unwrap().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}-{}.log", fs::read_dir(folder).unwrap().count()));
        let file = File::create(&log).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().ok()?;
        Some(Self { child, log })
    }

    /// As [`until`]; where the program ends before, the test fails too, with the end of what it said.
    pub fn until<T>(&mut self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        until(what, || match ask() {
            None if self.child.try_wait().unwrap().is_some() => panic!("{what}: it has ended\n{}", self.tail()),
            answer => answer,
        })
    }

    fn tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// The first `Some` that `ask` gives within a minute; else the test fails.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not seen within a minute");
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of the loopback that nobody has, below those that the kernel gives away by itself.
pub fn own_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let next = || first + NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    std::iter::repeat_with(next).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// The body of the answer, where it is one of success.
pub fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.0 200").then(|| body.to_owned())
}
