//! What a person at a terminal sees while it lasts, and what is left when a signal ends it: nothing.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const BINARY: &str = env!("CARGO_BIN_EXE_gdoctor");

/// A daemon and an X server that take connections and never answer.
struct Hung {
    folder: tempfile::TempDir,
    _daemon: UnixListener,
    display: TcpListener,
}

impl Hung {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let daemon = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        Self { folder, _daemon: daemon, display: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `program` in an environment where nothing answers. The marker is in the environment of all that it starts.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let port = self.display.local_addr().unwrap().port();
        for name in ["CI", "NO_COLOR", "DOCKER_CONTEXT", "XAUTHORITY", "WAYLAND_DISPLAY"] {
            command.env_remove(name);
        }
        command
            .env("TERM", "xterm")
            .env("GDOCTOR_TEST", self.folder.path())
            .env("DOCKER_HOST", format!("unix://{}", self.path("docker.sock").display()))
            .env("DISPLAY", format!("127.0.0.1:{}", port.saturating_sub(6000)))
            .stdin(Stdio::null());
        command
    }

    /// On a terminal of its own: everything that is written there, keys that are pressed, the exit code.
    fn on_terminal(&self, arguments: &str, env: &[(&str, &str)], key: Option<(&str, &str)>) -> (String, Option<i32>) {
        let mut command = self.command("script");
        command.args(["-qefc", &format!("{BINARY} {arguments}"), "/dev/null"]).envs(env.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut seen, mut key) = (Vec::new(), key);
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..count]);
            if let Some((_, press)) = key.filter(|(when, _)| String::from_utf8_lossy(&seen).contains(when)) {
                keys.write_all(press.as_bytes()).unwrap();
                key = None;
            }
        }
        (String::from_utf8_lossy(&seen).into_owned(), child.wait().unwrap().code())
    }

    /// Command lines of what was started here and still runs.
    fn running(&self) -> Vec<String> {
        let mark = format!("GDOCTOR_TEST={}", self.folder.path().display());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter(|entry| {
                fs::read(entry.path().join("environ")).is_ok_and(|e| String::from_utf8_lossy(&e).contains(&mark))
            })
            .map(|entry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default().replace('\0', " "))
            .collect()
    }

    fn is_quiet(&self) -> bool {
        until(|| self.running().is_empty())
    }
}

/// Polls for half a minute.
fn until(done: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

const SLOW: &str = "--timeout 1s --only docker,display,disk --display";
const LINE: &str = "docker     still looking";

#[test]
fn a_terminal_shows_what_is_slow_and_then_the_report_alone() {
    let hung = Hung::new();
    let (seen, code) = hung.on_terminal(SLOW, &[], None);
    assert_eq!(code, Some(3), "{seen}");
    assert!(seen.contains(LINE), "{seen}");
    let known = seen.find(" things are not known").unwrap();
    let words = seen[..known].rfind(|c: char| !c.is_ascii_digit()).unwrap() + 1;
    // Its colour stands before it.
    let report = seen[..words].rfind("\u{1b}[").filter(|at| seen[*at..words].ends_with('m')).unwrap_or(words);
    assert!(seen.rfind("still looking").unwrap() < report, "{seen}");
    // All lines are wiped, one after another, before the report begins.
    assert!(seen[..report].ends_with("\u{1b}[2K") || seen[..report].ends_with("A"), "{:?}", &seen[..report]);
    assert!(!seen.contains("\u{1b}[?25l"), "the cursor was hidden: {seen}");
}

#[test]
fn the_first_verdicts_are_those_of_the_report() {
    let hung = Hung::new();
    // The daemon is found dead at once, the X server hangs: Docker's verdicts are shown while it does.
    let dead = format!("unix://{}", hung.path("no.sock").display());
    let (seen, _) = hung.on_terminal(SLOW, &[("DOCKER_HOST", dead.as_str())], None);
    let report = seen.find("1 problem").unwrap();
    let first = seen[..report].find("docker     1 failed").unwrap_or_else(|| panic!("{seen}"));
    assert!(seen[first..report].contains("display    still looking"), "{seen}");
    let sentence: String = seen[first..].split(": ").nth(2).unwrap().chars().take(20).collect();
    assert!(seen[report..].contains(&sentence), "{sentence}: {seen}");
    let shared = hung.on_terminal(&format!("--share {SLOW}"), &[("DOCKER_HOST", dead.as_str())], None).0;
    assert!(!shared.contains("docker     1 failed") && shared.contains("still looking"), "{shared}");
}

#[test]
fn nothing_moves_where_nobody_looks() {
    let hung = Hung::new();
    for env in [("CI", "true"), ("TERM", "dumb")] {
        let (seen, _) = hung.on_terminal(SLOW, &[env], None);
        assert!(!seen.contains("still looking") && !seen.contains("\u{1b}[2K"), "{env:?}: {seen}");
    }
    let colourless = hung.on_terminal(SLOW, &[("NO_COLOR", "1")], None).0;
    assert!(colourless.contains(LINE), "{colourless}");
    // Lines that are moved and wiped, and no colours: `m` ends those.
    assert!(
        !colourless
            .split('\u{1b}')
            .skip(1)
            .any(|code| code.trim_start_matches(['[', ';', '0', '1', '2', '3', '4', '9']).starts_with('m'))
    );
    let quiet = hung.on_terminal(&format!("-q {SLOW}"), &[], None).0;
    assert!(!quiet.contains("still looking"), "{quiet}");
    let output = hung.command(BINARY).args(SLOW.split(' ')).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stdout.contains(&0x1b), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn ctrl_c_wipes_the_lines_and_ends_all() {
    let hung = Hung::new();
    let long = SLOW.replace("1s", "60s");
    let (seen, code) = hung.on_terminal(&long, &[], Some(("display    still looking", "\u{3}")));
    assert_eq!(code, Some(130), "{seen}");
    assert!(!seen.contains("gdoctor 0."), "{seen}");
    let wiped = seen.rfind("\u{1b}[2K").unwrap();
    assert!(seen.rfind("still looking").unwrap() < wiped, "{seen:?}");
    assert!(hung.is_quiet(), "{:?}", hung.running());
}

#[test]
fn a_signal_leaves_no_process_and_no_file() {
    let hung = Hung::new();
    for (ends, code) in [(Signal::SIGTERM, Some(143)), (Signal::SIGHUP, Some(129)), (Signal::SIGKILL, None)] {
        let report = hung.path("report.json");
        let mut command = hung.command(BINARY);
        command.args(SLOW.replace("1s", "60s").split(' ')).arg("--out").arg(format!("json={}", report.display()));
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        // It is in the middle of it when the probe of the X server runs.
        assert!(until(|| hung.running().iter().any(|line| line.contains("__probe"))), "{:?}", hung.running());
        signal(&child, ends);
        let status = child.wait().unwrap();
        assert_eq!(status.code(), code, "{ends}: {status:?}");
        assert!(hung.is_quiet(), "{ends}: {:?}", hung.running());
        assert_eq!(names(hung.folder.path()), ["docker.sock"], "{ends}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_whole_or_not_there_whenever_the_signal_comes() {
    let hung = Hung::new();
    let formats = ["json", "html", "sarif", "junit", "md", "text", "prom", "tap"];
    for step in 0..40 {
        let out = tempfile::tempdir().unwrap();
        let mut command = hung.command(BINARY);
        command.args(["--only", "host,disk", "--timeout", "100ms", "--disk", "1MB"]);
        for format in formats {
            command.arg("--out").arg(format!("{format}={}", out.path().join(format).display()));
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The signal comes somewhere among the files.
        until(|| names(out.path()).len() > step % formats.len() || child_ended(&child));
        signal(&child, Signal::SIGTERM);
        let status = child.wait().unwrap();
        assert!(status.signal().is_none(), "{status:?}");
        for name in names(out.path()) {
            assert!(formats.contains(&name.as_str()), "{name} is left");
            assert!(!fs::read(out.path().join(&name)).unwrap().is_empty(), "{name} is half written");
        }
    }
}

fn child_ended(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z') || rest.is_empty())
}

#[test]
fn a_signal_that_is_ignored_stays_so() {
    let hung = Hung::new();
    let mut command = hung.command("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" --timeout 2s --only docker,display --display", BINARY]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    assert!(until(|| hung.running().iter().any(|line| line.contains("__probe"))));
    signal(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn waiting_tells_for_what_and_ends_when_it_is_well() {
    let hung = Hung::new();
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let check =
        format!("[[check]]\nid = \"lab-ready\"\ntitle = \"the lab is ready\"\nfile = {ready:?}\nfix = \"Wait\"\n");
    fs::write(folder.path().join("lab.toml"), check).unwrap();
    let mut command = hung.command(BINARY);
    command.args([
        "--only",
        "lab-ready",
        "--timeout",
        "500ms",
        "--wait",
        "5m",
        "--interval",
        "50ms",
        "--run-file",
        "-",
    ]);
    command.arg("--checks").arg(folder.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The line is piped in once and judged at every look.
    child.stdin.take().unwrap().write_all(b"docker run nginx").unwrap();
    let mut told = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut told).unwrap();
    assert!(told.starts_with("gdoctor: waiting for lab-ready, "), "{told}");
    fs::write(&ready, "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn waiting_can_be_broken_off() {
    let hung = Hung::new();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = hung.command(BINARY);
    command.args(["--only", "port-free", "--timeout", "500ms", "--wait", "60m", "--interval", "60m", "--port"]);
    let mut child = command.arg(held.local_addr().unwrap().to_string()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut told).unwrap();
    signal(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
}
