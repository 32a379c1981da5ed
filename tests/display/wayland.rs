//! Xwayland, started on demand by a real compositor.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::containers::Containers;
use crate::part::{self, gdoctor};
use crate::{DISPLAY, STRANGER, mend};

/// weston without a screen; Xwayland starts when somebody connects to the socket that weston keeps for it.
struct Weston(std::process::Child, tempfile::TempDir);

impl Weston {
    /// The compositor and the DISPLAY of its Xwayland.
    fn start() -> Option<(Self, String)> {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let started = Command::new("weston")
            .args(["--backend=headless-backend.so", "--xwayland", "--socket=wayland-lab"])
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let Ok(child) = started else {
            part::left_out("display: weston is missing: install the packages weston and xwayland");
            return None;
        };
        let weston = Self(child, folder);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let log = fs::read_to_string(weston.1.path().join("log")).unwrap_or_default();
            let number = log.split_once("xserver listening on display ").and_then(|(_, rest)| rest.split_once('\n'));
            if let Some((number, _)) = number {
                return Some((weston, number.to_owned()));
            }
            assert!(Instant::now() < deadline, "weston does not come up:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Weston {
    fn drop(&mut self) {
        let _ =
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.0.id() as i32), nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Xwayland without a cookie file lets its own user in and lists it: a stranger stays outside.
#[test]
fn xwayland_lets_in_its_own_user_only() {
    let Some(containers) = Containers::start() else { return };
    let Some((weston, display)) = Weston::start() else { return };
    let runtime = weston.1.path().to_string_lossy();
    let env = [
        ("DISPLAY", display.as_str()),
        ("XAUTHORITY", "/nonexistent"),
        ("XDG_RUNTIME_DIR", &*runtime),
        ("WAYLAND_DISPLAY", "wayland-lab"),
        ("DOCKER_HOST", containers.daemon.get("DOCKER_HOST")),
    ];
    // weston holds the socket: to connect would start Xwayland.
    assert_eq!(gdoctor(&DISPLAY, &env).of("display-server"), ["unknown display-server/unknown"]);
    let run = gdoctor(&[&DISPLAY[..], &["--wake"]].concat(), &env);
    assert_eq!(run.of("display-server"), ["pass display-server/reached-beside-wayland"]);
    assert_eq!(run.of("display-access"), ["pass display-access/let-in-proven"]);
    let arguments = ["--only", "display", "--display", "--wake", "--container-user", STRANGER];
    let run = gdoctor(&arguments, &env);
    assert_eq!(run.of("display-access"), ["fail display-access/socket-mode", "fail display-access/shut-out"]);
    let container = containers.stay(&[]);
    // Xwayland ends with its last client, and its list with it: a program of the session stays. It tells of its window when it
    // is a client.
    let mut program = Command::new("xev")
        .args(["-display", &display])
        .stdout(Stdio::piped())
        .spawn()
        .expect("xev starts, of the package x11-utils");
    let mut told = BufReader::new(program.stdout.take().expect("a pipe"));
    let mut line = String::new();
    told.read_line(&mut line).expect("xev tells something");
    assert!(line.starts_with("Outer window"), "{line}");
    assert!(containers.lets_in(&container, &display, "0", "/none"));
    assert!(!containers.lets_in(&container, &display, STRANGER, "/none"));
    mend(&run, "display-access/shut-out", &env);
    // weston made the socket by its umask, as mutter does.
    assert_eq!(gdoctor(&arguments, &env).of("display-access"), ["fail display-access/socket-mode"]);
    assert!(!containers.lets_in(&container, &display, STRANGER, "/none"));
    mend(&run, "display-access/socket-mode", &env);
    assert_eq!(gdoctor(&arguments, &env).of("display-access"), ["pass display-access/let-in"]);
    assert!(containers.lets_in(&container, &display, STRANGER, "/none"));
    program.kill().unwrap();
    program.wait().unwrap();
}
