//! gdoctor among adversaries: what it writes, starts, wakes, obeys and asks for, and how it ends where little is to be had.
//! `GDOCTOR_BINARY` names another binary to try than the one that was built with the tests, such as a release's.
#![allow(clippy::disallowed_methods)]

#[path = "../part/mod.rs"]
mod part;
#[path = "../table/mod.rs"]
mod table;

mod doors;
mod load;
mod machine;
mod names;
mod parsers;
mod programs;
mod secrets;
mod trust;
mod waking;
mod writing;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

fn binary() -> PathBuf {
    std::env::var_os("GDOCTOR_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_gdoctor").into(), PathBuf::from)
}

/// gdoctor without what the caller's environment says of Docker and of screens.
fn gdoctor(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY"] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// True for root; else says what is left out.
fn is_root(what: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        left_out(&format!("{what} needs root"));
    }
    root
}

/// Says, past the test runner's capture, what is not tested and why.
fn left_out(why: &str) {
    let _ = writeln!(std::io::stderr(), "left out: {why}");
}
