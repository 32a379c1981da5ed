//! Root runs nothing of a user's: whatever a user's process claims to be, whatever lies in a folder of hers.

use std::path::{Path, PathBuf};

use crate::machine::Machine;
use crate::part::root;

/// A user's process that is called dockerd, answers as one, and has a PATH with a folder of hers.
const DOCKERD: &str = r#"
mkdir -p /tmp/ev/bin
printf '#!/bin/sh\nid >/tmp/ev/ran\necho "NVIDIA Container Toolkit CLI version 1.17.8"\n' >/tmp/ev/bin/nvidia-ctk
chmod 755 /tmp/ev/bin/nvidia-ctk
cat >/tmp/ev/dockerd.py <<'X'
import socket, ctypes
ctypes.CDLL(None).prctl(15, b"dockerd", 0, 0, 0)
listener = socket.socket(socket.AF_UNIX); listener.bind('/tmp/ev/docker.sock'); listener.listen(9)
while True:
    client, _ = listener.accept()
    line = client.recv(4096).split(b'\r\n')[0]
    body = b'{"DockerRootDir":"/var/lib/docker","Runtimes":{}}'
    if b'version' in line: body = b'{"Version":"26.1.0","ApiVersion":"1.45","MinAPIVersion":"1.24"}'
    if b'containers' in line: body = b'[]'
    head = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n'
    client.sendall(head % len(body) + body); client.close()
X
chown -R labuser /tmp/ev
setpriv --reuid labuser --regid labuser --init-groups env PATH=/tmp/ev/bin:/usr/bin:/bin python3 /tmp/ev/dockerd.py \
  >/dev/null 2>&1 </dev/null &
for turn in $(seq 300); do [ -S /tmp/ev/docker.sock ] && break; sleep 0.1; done
"#;

#[test]
fn a_users_dockerd_is_no_place_to_run_programs_from() {
    let Some(machine) = Machine::start(&[]) else { return };
    machine.bash(DOCKERD);
    let hers = "env DOCKER_HOST=unix:///tmp/ev/docker.sock";
    let report = machine.report(hers, "--gpu");
    assert_eq!(report.one("docker-engine").0, "pass docker-engine/answers");
    // What it says is told to be hers.
    let told = report.of("docker-endpoint");
    assert_eq!(told[1].0, "warn docker-endpoint/stranger", "{told:?}");
    assert!(told[1].1.contains("/tmp/ev belongs to labuser"), "{told:?}");
    // Her own gdoctor finds nothing strange, and asks no program in her folder either.
    let own = machine.report(&format!("setpriv --reuid labuser --regid labuser --init-groups {hers}"), "--gpu");
    assert_eq!(own.one("docker-endpoint").0, "pass docker-endpoint/resolved");
    assert_eq!(machine.bash("cat /tmp/ev/ran 2>/dev/null"), "");

    // A context of hers, and a port of hers.
    let context = "mkdir -p /home/labuser/.docker && chown labuser /home/labuser /home/labuser/.docker && \
        HOME=/home/labuser docker context create hers --docker host=unix:///tmp/ev/docker.sock >/dev/null && \
        HOME=/home/labuser docker context use hers >/dev/null; chown -R labuser /home/labuser/.docker";
    machine.bash(context);
    let told = machine.report("env HOME=/home/labuser", "--only docker").of("docker-endpoint");
    assert!(
        told[1].0 == "warn docker-endpoint/stranger" && told[1].1.contains("/home/labuser belongs to labuser"),
        "{told:?}"
    );
    let port = "setpriv --reuid labuser --regid labuser --init-groups \
        python3 -m http.server --bind 127.0.0.1 2399 >/dev/null 2>&1 </dev/null &
        for turn in $(seq 300); do ss -Hltn sport = :2399 | grep -q . && break; sleep 0.1; done";
    machine.bash(port);
    let told = machine.report("env DOCKER_HOST=tcp://127.0.0.1:2399", "--only docker").of("docker-endpoint");
    assert!(told[1].1.contains("port 2399 belongs to labuser"), "{told:?}");
}

#[test]
fn a_program_that_others_may_change_is_not_started() {
    let Some(machine) = Machine::start(&[]) else { return };
    // Each way in which somebody else has a hand in the program, in a folder of the system's where dockerd finds it.
    let hers = r#"
rm -rf /usr/local/bin/nvidia-ctk /tmp/ran /tmp/hers
printf '#!/bin/sh\nid >/tmp/ran\n' >/usr/local/bin/nvidia-ctk; chmod 755 /usr/local/bin/nvidia-ctk
"#;
    let runs = |change: &str| {
        machine.bash(&format!("{hers}{change}\ngdoctor --gpu --only nvidia >/dev/null 2>&1 </dev/null"));
        let ran = machine.bash("cat /tmp/ran 2>/dev/null");
        machine.bash("chown -h root:root /usr/local /usr/local/bin; chmod 755 /usr/local /usr/local/bin");
        !ran.is_empty()
    };
    // Its version is asked as long as all is root's.
    assert!(runs(""));
    for change in [
        "chown labuser /usr/local/bin/nvidia-ctk",
        "chmod 757 /usr/local/bin/nvidia-ctk",
        "chgrp labuser /usr/local/bin/nvidia-ctk; chmod 775 /usr/local/bin/nvidia-ctk",
        "chown labuser /usr/local/bin",
        "chmod 777 /usr/local/bin",
        "chown labuser /usr/local",
        "mkdir -p /tmp/hers; mv /usr/local/bin/nvidia-ctk /tmp/hers; chown labuser /tmp/hers; ln -s /tmp/hers/nvidia-ctk /usr/local/bin/nvidia-ctk",
    ] {
        assert!(!runs(change), "{change}");
    }
}

/// The one file that starts system programs, the one that starts a fix's commands, the one that starts gdoctor's own child, the one
/// that starts an engine's client for `gdoctor prove`, and the two that connect.
#[test]
fn there_is_one_door_for_programs_and_one_for_sockets() {
    let doors = [
        ("Command::new(", &["src/host/process.rs", "src/host/child.rs", "src/host/client.rs", "src/host/shell.rs"][..]),
        ("UnixStream::connect", &["src/native/x11.rs"]),
        ("TcpStream::connect", &["src/host/connect.rs", "src/native/x11.rs"]),
        ("socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket}", &["src/host/connect.rs"]),
    ];
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    for (call, allowed) in doors {
        let users = files.iter().filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            // explain has commands of its own, those of a text.
            let is_std = call != "Command::new(" || text.contains("std::process");
            is_std && text.split("#[cfg(test)]").next().unwrap().replace("clap::Command::new(", "").contains(call)
        });
        let users: Vec<&str> = users.map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap()).collect();
        assert!(users.iter().all(|path| allowed.contains(path)) && users.len() == allowed.len(), "{call}: {users:?}");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, files),
            path if path.extension().is_some_and(|ext| ext == "rs") => files.push(path),
            _ => {}
        }
    }
}
