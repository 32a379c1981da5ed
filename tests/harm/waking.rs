//! Services whose sockets systemd holds, and that do not run: gdoctor tells them and leaves them alone, whoever runs it, whatever
//! it is asked; `--wake` starts them. With a real systemd, Docker and podman.

use crate::machine::{Machine, Report};

/// As a user of the group docker, with a systemd of her own.
const USER: &str =
    "setpriv --reuid labuser --regid labuser --init-groups env HOME=/home/labuser XDG_RUNTIME_DIR=/run/user/4242";
/// As one who may not open Docker's socket.
const NOBODY: &str = "setpriv --reuid nobody --regid nogroup --clear-groups";
const PODMAN: &str = "env DOCKER_HOST=unix:///run/podman/podman.sock";
const TCP: &str = "env DOCKER_HOST=tcp://127.0.0.1:2375";
/// An engine that is started by the first connection takes its time on a busy machine.
const WAKE: &str = "--wake --timeout 60s";

const PREPARE: &str = r#"
usermod -aG docker labuser
mkdir -p /etc/systemd/system/docker.socket.d /run/user/4242
printf '[Socket]\nListenStream=127.0.0.1:2375\n' >/etc/systemd/system/docker.socket.d/tcp.conf
chown labuser:labuser /run/user/4242 && chmod 700 /run/user/4242
systemctl daemon-reload
systemctl stop docker.socket docker.service
systemctl start docker.socket podman.socket
systemd-run --quiet --unit=labuser --uid=labuser -p Delegate=yes --setenv=XDG_RUNTIME_DIR=/run/user/4242 \
  --setenv=HOME=/home/labuser /lib/systemd/systemd --user
as() { setpriv --reuid labuser --regid labuser --init-groups env HOME=/home/labuser XDG_RUNTIME_DIR=/run/user/4242 "$@"; }
for turn in $(seq 300); do as systemctl --user start podman.socket 2>/dev/null && break; sleep 0.1; done
systemctl is-active docker.socket podman.socket; as systemctl --user is-active podman.socket
"#;

const ASLEEP: &str = "systemctl is-active docker.service podman.service; \
    setpriv --reuid labuser --regid labuser --init-groups env XDG_RUNTIME_DIR=/run/user/4242 systemctl --user is-active podman.service";

#[track_caller]
fn waits(report: &Report, check: &str, service: &str) {
    let (code, summary) = report.one(check);
    assert_eq!(code, format!("unknown {check}/unknown"), "{summary}");
    let told = format!("systemd holds the socket, {service} is not running");
    assert!(summary.contains(&told) && summary.contains("--wake") && summary.contains("systemctl"), "{summary}");
}

#[test]
fn what_only_waits_is_told_and_not_started() {
    let Some(machine) = Machine::start(&["--systemd"]) else { return };
    assert_eq!(machine.bash(PREPARE), "active\nactive\nactive");
    let asleep = |what: &str| assert_eq!(machine.bash(ASLEEP), "inactive\ninactive\ninactive", "{what}");
    asleep("before");

    for (who, service) in [("", "docker.service"), (USER, "docker.service"), (PODMAN, "podman.service")] {
        let report = machine.report(who, "");
        waits(&report, "docker-engine", service);
        assert_eq!(report.one("docker-access").0, "pass docker-access/allowed", "{who}");
        assert_eq!(report.one("docker-kind").0, "unknown docker-kind/unknown", "{who}");
        assert!(report.0["summary"]["fail"] == 0 && report.0["exitCode"] == 3, "{who}: {}", report.0["summary"]);
        asleep(who);
    }
    for who in [TCP, &format!("{USER} {TCP}")] {
        let report = machine.report(who, "--registry 127.0.0.1:2375");
        waits(&report, "docker-engine", "docker.service");
        waits(&report, "registry-answers", "docker.service");
        asleep(who);
    }
    let own = format!("{USER} DOCKER_HOST=unix:///run/user/4242/podman/podman.sock");
    let report = machine.report(&own, "");
    waits(&report, "docker-engine", "podman.service");
    assert!(report.one("docker-engine").1.contains("systemctl --user start podman.service"));
    asleep(&own);

    // Who may not open the socket is told so, and a setting that leads nowhere is told beside the engine that waits.
    assert_eq!(machine.report(NOBODY, "").one("docker-access").0, "fail docker-access/not-in-group");
    let leftover = machine.report("env DOCKER_HOST=unix:///no.sock", "").one("docker-endpoint");
    assert!(
        leftover.0 == "fail docker-endpoint/leftover" && leftover.1.contains("/var/run/docker.sock"),
        "{leftover:?}"
    );
    // A line that would wake it is no failure.
    let line = machine.report("", "check --only docker,run");
    assert_eq!(line.0["summary"]["fail"], 0, "{line:?}", line = line.0);
    let line = machine.bash("gdoctor check --format json -- docker run --rm lab/busybox:1 true </dev/null");
    assert!(line.contains("\"starts\": \"unknown\""), "{line}");
    for other in [
        "gdoctor --only host",
        "gdoctor suggest --port 8080",
        "gdoctor collect -o /tmp/host.gdoctor",
        "gdoctor explain 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'",
        "gdoctor check --facts /tmp/host.gdoctor",
    ] {
        machine.bash(&format!("{other} >/dev/null 2>&1 </dev/null"));
        asleep(other);
    }

    // Asked to, it wakes them.
    assert_eq!(machine.report("", WAKE).one("docker-engine").0, "pass docker-engine/answers");
    assert_eq!(machine.report(PODMAN, WAKE).one("docker-engine").0, "pass docker-engine/podman-answers");
    assert_eq!(machine.report(&own, WAKE).one("docker-engine").0, "pass docker-engine/podman-answers");
    // What runs behind systemd's socket is asked without more ado, by everybody.
    for who in ["", USER] {
        assert_eq!(machine.report(who, "").one("docker-engine").0, "pass docker-engine/answers", "{who}");
    }
}

/// X's socket, held by a program that starts the server at the first connection, as compositors do with Xwayland.
#[test]
fn an_x_server_is_not_started() {
    let Some(machine) = Machine::start(&["--systemd"]) else { return };
    let held = r#"
mkdir -p -m 1777 /tmp/.X11-unix
(systemd-socket-activate --listen=/tmp/.X11-unix/X77 touch /tmp/started >/dev/null 2>&1 </dev/null &)
for turn in $(seq 300); do [ -S /tmp/.X11-unix/X77 ] && chmod 777 /tmp/.X11-unix/X77 && break; sleep 0.1; done
"#;
    machine.bash(held);
    for who in ["env DISPLAY=:77", "env DISPLAY=unix/:77", &format!("{USER} DISPLAY=:77")] {
        let (code, summary) = machine.report(who, "--display --only display").one("display-server");
        assert_eq!(code, "unknown display-server/unknown", "{summary}");
        assert!(summary.contains("waiting: systemd-socket-"), "{who}: {summary}");
        assert_eq!(machine.bash("ls /tmp/started 2>/dev/null"), "", "{who}");
    }
    machine.bash("DISPLAY=:77 gdoctor --wake --display --only display >/dev/null 2>&1 </dev/null");
    assert_eq!(machine.bash("ls /tmp/started"), "/tmp/started");
}
