//! Little to be had - threads, processes, memory, stack - and much to be told.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

use crate::{binary, gdoctor, is_root};

const FORMATS: [&str; 11] = ["text", "json", "junit", "sarif", "html", "md", "prom", "github", "nagios", "npd", "tap"];
/// No format tells more than this of one host.
const MOST: u64 = 2 << 20;

/// gdoctor under a limit of bash's.
fn limited(limit: &str, program: &Path) -> Command {
    let mut command = Command::new("bash");
    let line = format!("ulimit {limit} && exec {} check --timeout 3s --format json", program.display());
    command.args(["-c", &line]).env_remove("DOCKER_HOST").env_remove("DISPLAY");
    command
}

/// A report came, whatever it could see.
fn is_reported(output: &Output, what: &str) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{what}: {:?} {told}", output.status);
    assert!(!told.contains("panicked"), "{what}: {told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{what}: no report: {why}"))
}

#[test]
fn without_threads_the_report_says_what_nobody_could_look_at() {
    if !is_root("limits on processes count for others than root") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = scratch.path().join("gdoctor");
    fs::copy(binary(), &copy).unwrap();
    for processes in 1..=6 {
        // bash itself needs a process of this user's only when it forks, and here it does not.
        let output = Command::new("setpriv")
            .args(["--reuid", "4245", "--regid", "4245", "--clear-groups", "--"])
            .args(["bash", "-c"])
            .arg(format!("ulimit -u {processes} && exec {} check --timeout 3s --format json", copy.display()))
            .env_remove("DOCKER_HOST")
            .output()
            .unwrap();
        let report = is_reported(&output, &format!("{processes} processes"));
        let reason = "the system had no room for the look";
        let told = |r: &Value| r["status"] == "unknown" && r["summary"].as_str().unwrap().contains(reason);
        let unseen = report["results"].as_array().unwrap().iter().filter(|r| told(r)).count();
        assert!(processes > 3 || unseen > 0, "{processes} processes: {:#}", report["results"]);
    }
}

#[test]
fn little_memory_and_little_stack_are_no_crash() {
    for stack in [64, 128, 256, 1024] {
        is_reported(&limited(&format!("-s {stack}"), &binary()).output().unwrap(), &format!("{stack} KiB of stack"));
    }
    // As much as the program's own file takes to be loaded, and some more.
    let loaded = (1..40)
        .map(|some| some * 4096)
        .find(|kib| {
            let line = format!("ulimit -v {kib} && exec {} --version", binary().display());
            Command::new("bash").args(["-c", &line]).output().is_ok_and(|output| output.status.success())
        })
        .expect("gdoctor can be loaded with 160 MB");
    for more in [6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 80, 100, 130, 160] {
        let limit = loaded + more * 1024;
        is_reported(&limited(&format!("-v {limit}"), &binary()).output().unwrap(), &format!("{limit} KiB of memory"));
    }
}

/// Sizes of all formats together, by one run.
fn sizes(arguments: &[&str], env: &[(&str, &str)]) -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = |format: &str| folder.path().join(format);
    let outs: Vec<String> = FORMATS.iter().map(|f| format!("--out={f}={}", path(f).display())).collect();
    let output = gdoctor(arguments).args(outs).envs(env.iter().copied()).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{output:?}");
    FORMATS.iter().map(|f| (*f, fs::metadata(path(f)).unwrap().len())).collect()
}

fn are_bounded(what: &str, arguments: &[&str], env: &[(&str, &str)]) {
    let sizes = sizes(arguments, env);
    assert!(sizes.iter().all(|(_, size)| *size < MOST), "{what}: {sizes:?}");
}

#[test]
fn thousands_of_wishes_give_a_report_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let each = |between: &str, entry: fn(u32) -> String| {
        (0..3000).map(|n| entry(20_000 + n)).collect::<Vec<_>>().join(between)
    };
    let need = file("need.toml", &format!("port = [{}]\n", each(", ", |port| format!("\"{port}\""))));
    are_bounded("a line of gdoctor.toml", &["check", "--need", &need], &[]);
    let line = file("line.sh", &format!("docker run {} ubuntu\n", each(" ", |port| format!("-p {port}:80"))));
    are_bounded("a run line", &["check", "--need", "none", "--run-file", &line], &[]);
    let compose =
        format!("services:\n  a:\n    image: ubuntu\n    ports: [{}]\n", each(", ", |port| format!("\"{port}:80\"")));
    let compose = file("compose.yaml", &compose);
    are_bounded("a compose file", &["check", "--need", "none", "--compose", &compose], &[]);
    let text = gdoctor(&["check", "--need", &need, "-v", "--format", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&text.stdout).unwrap();
    let of = |code: &str| -> u64 {
        let all = report["results"].as_array().unwrap().iter().filter(|r| r["id"] == code);
        all.map(|r| r["standsFor"].as_u64().unwrap_or(1)).sum()
    };
    assert_eq!(of("port-free"), 3000, "every one is told or counted");
}

/// A daemon whose one container publishes half a million ports.
#[test]
fn half_a_million_ports_are_cut_with_a_count_of_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let port =
        |n: u32| format!(r#"{{"IP":"0.0.0.0","PrivatePort":{0},"PublicPort":{0},"Type":"tcp"}}"#, n % 65_535 + 1);
    let ports: Vec<String> = (0..500_000).map(port).collect();
    let containers = format!(
        r#"[{{"Id":"{}","Names":["/web"],"Image":"x","State":"running","Ports":[{}]}}]"#,
        "a".repeat(64),
        ports.join(",")
    );
    thread::spawn(move || {
        for stream in listener.incoming() {
            let containers = containers.clone();
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let count = stream.read(&mut request).unwrap_or(0);
                let path = String::from_utf8_lossy(&request[..count]).split(' ').nth(1).unwrap_or("").to_owned();
                let body = match path.rsplit('/').next() {
                    Some("version") => r#"{"Version":"28.2.2","ApiVersion":"1.50","MinAPIVersion":"1.24"}"#,
                    Some("info") => {
                        r#"{"ServerVersion":"28.2.2","DockerRootDir":"/var/lib/docker","Driver":"overlay2"}"#
                    }
                    Some("json") if path.contains("containers") => &containers,
                    _ => "{}",
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
            });
        }
    });
    let host = format!("unix://{}", socket.display());
    are_bounded(
        "ports",
        &["check", "-v", "--timeout", "30s", "--need", "none", "--only", "docker,port", "--port", "8080"],
        &[("DOCKER_HOST", &host)],
    );
}
