//! Engines of other kinds, really started in the lab's machine: Docker without root, and podman. Healthy, none has a red line.
#![allow(clippy::disallowed_methods)]

mod part;

use std::process::{Command, Stdio};

use part::{Part, Run, left_out, root};

struct Machine(Part);

impl Machine {
    /// `None`, after saying so, when `program` is not installed.
    fn start(program: &str) -> Option<Self> {
        if !std::path::Path::new("/usr/bin").join(program).exists() {
            left_out(&format!("engines: {program} is not installed"));
            return None;
        }
        let machine = Self(Part::start("machine", &[])?);
        let binary = std::fs::File::open(env!("CARGO_BIN_EXE_gdoctor")).unwrap();
        let copy = "cat >/usr/local/bin/gdoctor && chmod 755 /usr/local/bin/gdoctor";
        assert!(machine.exec(&["sh", "-c", copy]).stdin(binary).status().unwrap().success());
        Some(machine)
    }

    fn exec(&self, words: &[&str]) -> Command {
        let mut command = Command::new(root().join("tests/lab/machine"));
        command.arg("exec").arg(self.0.path()).args(["timeout", "60"]).args(words);
        command
    }

    /// gdoctor as `user`, talking to the engine at `host`.
    fn look(&self, user: &str, host: &str, arguments: &[&str]) -> Run {
        let user = [&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"].map(String::from);
        let set = [format!("DOCKER_HOST={host}"), "HOME=/home/labuser".into(), "XDG_RUNTIME_DIR=/run/user/4242".into()];
        let mut command = self.exec(&["setpriv"]);
        command.args(user).arg("env").args(set).args([
            "gdoctor",
            "--only",
            "host,docker,port,registry,disk",
            "--timeout",
            "60s",
        ]);
        Run::read(&command.args(arguments).args(["--format", "json"]).output().unwrap())
    }
}

#[test]
fn docker_without_root() {
    let Some(machine) = Machine::start("rootlesskit") else { return };
    let started = machine.exec(&["rootless-docker"]).stdout(Stdio::null()).output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let host = "unix:///run/user/4242/docker.sock";
    let run = machine.look("labuser", host, &[]);
    assert_eq!(run.of("docker-kind"), ["pass docker-kind/rootless"]);
    assert_eq!(run.of("docker-rootless"), ["pass docker-rootless/runs"]);
    assert_eq!(run.of("docker-mtu"), ["skip docker-mtu/own-network"]);
    assert_eq!(run.of("docker-config"), ["pass docker-config/defaults"]);
    // With version 1 of cgroups, or without systemd, it has no limits to give.
    assert!(run.told().iter().all(|line| line == "warn docker-cgroup/no-delegation"), "{:#?}", run.told());
    let low = machine.look("labuser", host, &["--port", "80"]);
    assert_eq!(low.of("port-free"), ["fail port-free/rootless-privileged 80/tcp"]);
}

#[test]
fn podman_in_dockers_place() {
    let Some(machine) = Machine::start("podman") else { return };
    let script = "mkdir -p /run/podman; setsid podman system service --time=0 unix:///run/podman/podman.sock </dev/null \
                  >/var/log/podman.log 2>&1 & for turn in $(seq 300); do \
                  ! curl -sf --unix-socket /run/podman/podman.sock http://d/version || exit 0; sleep 0.1; done; exit 1";
    assert!(machine.exec(&["sh", "-c", script]).stdout(Stdio::null()).status().unwrap().success());
    let run = machine.look("root", "unix:///run/podman/podman.sock", &[]);
    assert_eq!(run.of("docker-engine"), ["pass docker-engine/podman-answers"]);
    assert_eq!(run.of("docker-kind"), ["pass docker-kind/podman"]);
    assert_eq!(run.of("docker-version"), ["skip docker-version/podman"]);
    assert_eq!(run.told(), Vec::<String>::new());
}
