//! The whole line on a healthy host: a virtual machine that has cameras, a dockerd, an X server and a registry, with
//! everything asked for except a GPU. No red line, exit 0; then one thing is broken at a time.
#![allow(clippy::disallowed_methods)]

mod part;

use std::process::Command;

use part::proof::binary;
use part::{Part, Run, run};

const WISHES: &str = "--timeout 60s --display --camera any --port 8080 --port 9000-9010/udp --disk 100MiB";

/// The binary's copy inside the guest: the way to this machine's files is slow.
const GDOCTOR: &str = "/tmp/gdoctor";

/// gdoctor inside the guest, in the environment that the parts printed there.
fn inside(guest: &Part, prelude: &str, arguments: &str) -> Run {
    let mut command = Command::new(part::root().join("tests/lab/camera"));
    let script = format!(". /run/lab.env; {{ {prelude}; }} >/dev/null 2>&1; {GDOCTOR} {arguments} \"$@\"");
    command.arg("exec").arg(guest.path()).args(["sh", "-c", &shell_word(&script), "sh"]);
    run(command, &[], &[])
}

/// `exec` joins its words for the guest's shell.
fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn a_healthy_host_has_no_red_line_and_each_breakage_has_one() {
    let Some(guest) = Part::start("camera", &[]) else { return };
    let lab = part::root().join("tests/lab");
    let set_up = format!(
        "set -e; cd /; cp {binary} {GDOCTOR}; lab={}; mkdir -p /run/docker /run/display /run/registry; \
         echo '{{\"iptables\": true}}' > /run/docker.json; \
         $lab/docker start /run/docker --config /run/docker.json >> /run/lab.env; \
         for part in display registry; do $lab/$part start /run/$part >> /run/lab.env; done; sed -i 's/^/export /' /run/lab.env; \
         . /run/lab.env; echo 1 > /proc/sys/net/ipv4/ip_forward; xhost +si:localuser:root",
        lab.display(),
        binary = binary()
    );
    let output = guest.call("exec", &[&set_up]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let registry = "--registry $REGISTRY";

    let healthy = inside(&guest, "true", &format!("{WISHES} {registry}"));
    assert_eq!((healthy.told(), healthy.code), (vec![], 0));
    assert_eq!(healthy.of("docker-iptables"), ["pass docker-iptables/in-kernel"]);
    for family in ["docker", "display", "camera", "port", "registry", "disk"] {
        assert!(
            healthy.results().iter().any(|r| r["group"] == family && r["status"] == "pass"),
            "nothing passed in {family}"
        );
    }

    let broken = [
        ("xhost -si:localuser:root", "xhost +si:localuser:root", "fail display-access/"),
        (
            "mv /run/docker/docker.sock /run/docker/away",
            "mv /run/docker/away /run/docker/docker.sock",
            "fail docker-endpoint/no-such-socket",
        ),
    ];
    for (breakage, repair, line) in broken {
        let run = inside(&guest, breakage, &format!("{WISHES} {registry}"));
        assert!(guest.call("exec", &[&format!(". /run/lab.env; {repair}")]).status.success());
        assert_eq!(run.told().len(), 1, "{breakage}: {:#?}", run.told());
        assert!(run.told()[0].starts_with(line), "{breakage}: {:#?}", run.told());
        assert_eq!(run.code, 1);
    }
}
