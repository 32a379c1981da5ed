//! gdoctor against engines of every age, served from recorded answers, and against real daemons that do not start.
#![allow(clippy::disallowed_methods)]

mod part;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use part::{Run, gdoctor, is_root, left_out, root};
use serde_json::{Value, json};

/// Serves one recorded engine until the folder is dropped.
fn serve(answers: Value) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let path = dir.path().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = answers.clone();
            std::thread::spawn(move || answer(&stream, &answers));
        }
    });
    (dir, format!("unix://{}", path.display()))
}

fn answer(stream: &UnixStream, answers: &Value) {
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(request)) = lines.next() {
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let path = request.split(' ').nth(1).unwrap_or_default();
        // A request in a newer API than the engine's is refused, as engines do.
        let asked = path.strip_prefix("/v1.").and_then(|rest| rest.split('/').next()?.parse::<u32>().ok());
        let newest = answers["version"]["ApiVersion"].as_str().and_then(|v| v.strip_prefix("1.")?.parse::<u32>().ok());
        let body = match path.rsplit('/').next().map(|end| end.split('?').next().unwrap_or_default()) {
            _ if asked > newest => None,
            Some("version") => Some(&answers["version"]),
            Some("info") => Some(&answers["info"]),
            Some("json") => Some(&answers["containers"]),
            _ => None,
        };
        let (status, body) = match body {
            Some(body) => ("200 OK", body.to_string()),
            None => ("400 Bad Request", r#"{"message":"client version is too new"}"#.into()),
        };
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = stream;
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

fn recorded(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join(format!("tests/api/{name}.json"))).unwrap();
    let text = with_this_kernel(&text);
    serde_json::from_str(&text).unwrap()
}

/// What the engine's own answers decide; the rest is this machine's.
const BY_ANSWERS: [&str; 6] =
    ["docker-engine", "docker-version", "docker-storage", "docker-warnings", "docker-kind", "docker-access"];

fn against(name: &str) -> Run {
    let (_dir, host) = serve(recorded(name));
    gdoctor(&["--only", &BY_ANSWERS.join(",")], &[("DOCKER_HOST", &host)])
}

/// An engine that tells of another kernel is on another machine.
fn with_this_kernel(text: &str) -> String {
    let own = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let key = "\"KernelVersion\":";
    let mut parts = text.split(key);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start().trim_start_matches('"');
        let rest = &rest[rest.find('"').unwrap()..];
        told.push_str(&format!("{key} \"{}{rest}", own.trim()));
    }
    told
}

#[test]
fn engines_of_every_age_are_understood() {
    for name in [
        "19.03",
        "20.10",
        "23.0",
        "24.0",
        "25.0",
        "26.1",
        "27.5",
        "28.2",
        "29.0",
        "29.7",
        "rootless-28.2",
        "desktop-4.44",
    ] {
        let run = against(name);
        assert_eq!(run.told(), Vec::<String>::new(), "{name}");
        assert_eq!(run.code, 0, "{name}");
        assert_eq!(run.of("docker-version"), ["pass docker-version/range"], "{name}");
    }
    assert_eq!(against("rootless-28.2").of("docker-kind"), ["pass docker-kind/rootless"]);
    assert_eq!(against("desktop-4.44").of("docker-kind"), ["pass docker-kind/desktop"]);
    assert_eq!(against("snap-28.1").told(), ["warn docker-kind/snap"]);
    let podman = against("podman-5.4");
    assert_eq!(podman.of("docker-engine"), ["pass docker-engine/podman-answers"]);
    assert_eq!(podman.of("docker-version"), ["skip docker-version/podman"]);
}

/// Docker Desktop's machine has ports of its own, and nothing of it is seen from here: no format says that all is well.
#[test]
fn what_an_engine_elsewhere_is_asked_for_is_not_known() {
    let (_dir, host) = serve(recorded("desktop-4.44"));
    let run = gdoctor(&["--port", "8080"], &[("DOCKER_HOST", &host)]);
    assert_eq!((run.code, run.of("docker-kind")), (3, vec!["unknown docker-kind/unknown".to_owned()]));
    assert_eq!(run.told(), ["unknown docker-kind/unknown"]);
    let run = gdoctor(&[], &[("DOCKER_HOST", &host)]);
    assert_eq!((run.code, run.of("docker-kind")), (0, vec!["pass docker-kind/desktop".to_owned()]));
    for format in ["text", "md", "html", "junit", "sarif", "tap", "nagios", "npd", "prom", "github"] {
        let arguments = ["check", "--port", "8080", "--format", format];
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_gdoctor"))
            .args(arguments)
            .env("DOCKER_HOST", &host)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("Ready"), "{format}: {text}");
        assert!(text.contains("docker-kind"), "{format}: {text}");
    }
    // A line's port is no less a wish.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gdoctor"))
        .args(["--format", "json", "--", "docker", "run", "-p", "8080:80", "nginx"])
        .env("DOCKER_HOST", &host)
        .output()
        .unwrap();
    let run = Run::read(&output);
    assert_eq!((run.code, run.report["runLine"]["starts"].as_str()), (3, Some("unknown")));
    assert_eq!(run.told(), ["unknown docker-kind/unknown"]);
}

#[test]
fn a_client_held_to_an_old_api_is_told() {
    let (_dir, host) = serve(recorded("29.0"));
    let run = gdoctor(&["--only", "docker-version"], &[("DOCKER_HOST", &host), ("DOCKER_API_VERSION", "1.41")]);
    assert_eq!(run.told(), ["fail docker-version/pinned"]);
    assert_eq!(run.fix("docker-version/pinned")[0], "unset DOCKER_API_VERSION");
    let (_dir, host) = serve(recorded("29.7"));
    let run = gdoctor(&["--only", "docker-version"], &[("DOCKER_HOST", &host), ("DOCKER_API_VERSION", "1.41")]);
    assert_eq!(run.of("docker-version"), ["pass docker-version/range"]);
}

#[test]
fn a_thousand_containers_do_not_hold_a_run() {
    let mut answers = recorded("28.2");
    let row = |n: u32| {
        json!({"Id": format!("{n:064x}"), "Names": [format!("/c{n}")], "Image": "busybox", "State": "running",
               "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 20_000 + n, "Type": "tcp"}],
               "Labels": {"com.docker.compose.project": "x".repeat(500)}})
    };
    answers["containers"] = (0..1000).map(row).collect();
    answers["info"]["Images"] = json!(5000);
    let (_dir, host) = serve(answers);
    let started = Instant::now();
    let run = gdoctor(&["--only", "docker"], &[("DOCKER_HOST", &host)]);
    println!("1,000 containers: {:?}", started.elapsed());
    assert_eq!(run.of("docker-engine"), ["pass docker-engine/answers"]);
}

#[test]
fn a_proxy_of_the_shell_is_held_against_the_daemons() {
    let shell = |host: &str| {
        gdoctor(&["--only", "docker-proxy"], &[("DOCKER_HOST", host), ("HTTPS_PROXY", "http://me:secret@proxy:3128")])
    };
    let (_dir, host) = serve(recorded("28.2"));
    let run = shell(&host);
    assert_eq!(run.told(), ["warn docker-proxy/shell-only"]);
    assert!(!run.report.to_string().contains("secret"));
    let mut answers = recorded("28.2");
    answers["info"]["HttpsProxy"] = json!("http://xxxxx:xxxxx@proxy:3128");
    let (_dir, host) = serve(answers);
    let run = shell(&host);
    assert_eq!(run.of("docker-proxy"), ["pass docker-proxy/both"]);
    assert!(!run.report.to_string().contains("xxxxx"));
}

#[test]
fn a_credential_helper_that_went_away_is_told_and_its_fix_mends_it() {
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("config.json");
    std::fs::write(&file, r#"{"auths": {"r.lan": {"auth": "c2VjcmV0"}}, "credsStore": "gone-with-desktop"}"#).unwrap();
    let run = || gdoctor(&["--only", "docker-credentials"], &[("DOCKER_CONFIG", config.path().to_str().unwrap())]);
    let before = run();
    assert_eq!(before.told(), ["fail docker-credentials/store-missing"]);
    assert!(!before.report.to_string().contains("c2VjcmV0"));
    let fix: Vec<String> = before.fix("docker-credentials/store-missing");
    let fix = fix.iter().filter(|line| !line.starts_with("docker login")).cloned().collect::<Vec<_>>().join("\n");
    if Command::new("python3").arg("--version").output().is_err() {
        return left_out("the fix: needs python3");
    }
    assert!(Command::new("sh").args(["-c", &fix]).status().unwrap().success(), "{fix}");
    assert_eq!(run().of("docker-credentials"), ["pass docker-credentials/startable"]);
    assert!(std::fs::read_to_string(&file).unwrap().contains("r.lan"));
}

/// Starts a dockerd that cannot start, as a host without systemd would: its words go to /var/log/docker.log. Returns what
/// gdoctor, with the files of that host as its root, says of it.
fn failing(daemon_json: &str, arguments: &[&str]) -> Option<Run> {
    if !is_root("engine: a real dockerd that does not start") {
        return None;
    }
    let host = tempfile::tempdir_in("/tmp").unwrap();
    let at = |path: &str| host.path().join(path);
    for folder in ["etc/docker", "usr/bin", "var/log", "state"] {
        std::fs::create_dir_all(at(folder)).unwrap();
    }
    std::fs::write(at("etc/docker/daemon.json"), daemon_json).unwrap();
    for program in ["usr/bin/docker", "usr/bin/dockerd"] {
        std::fs::write(at(program), "").unwrap();
        std::fs::set_permissions(at(program), PermissionsExt::from_mode(0o755)).unwrap();
    }
    let log = std::fs::File::create(at("var/log/docker.log")).unwrap();
    let option = |name: &str, path: &str| format!("--{name}={}", at(path).display());
    // dockerd mounts its data root and leaves it so; a mount namespace takes that with it.
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "timeout", "60", "dockerd", "--iptables=false", "--ip-forward=false", "--bridge=none"])
        .arg(format!("--host=unix://{}", at("state/docker.sock").display()))
        .args([option("data-root", "state/data"), option("exec-root", "state/exec"), option("pidfile", "state/pid")])
        .arg(option("config-file", "etc/docker/daemon.json"))
        .args(arguments)
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    match command.status() {
        Ok(status) if status.code() == Some(127) => {
            left_out("engine: dockerd is not installed");
            return None;
        }
        Ok(status) => assert!(!status.success(), "dockerd started"),
        Err(error) => panic!("{error}"),
    }
    Some(told_below(host.path()))
}

fn told_below(root: &Path) -> Run {
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/resolv.conf"), "nameserver 192.0.2.53\n").unwrap();
    // The kernel's trees are mounted there.
    for tree in ["proc", "sys", "dev"] {
        std::fs::create_dir_all(root.join(tree)).unwrap();
        std::fs::write(root.join(tree).join(".keep"), "").unwrap();
    }
    gdoctor(&["--only", "docker", "--root", root.to_str().unwrap()], &[("PATH", "/usr/bin:/bin"), ("HOME", "/root")])
}

#[test]
fn dockerd_refuses_its_configuration() {
    for (text, code) in [
        (r#"{"log-levle": "warn"}"#, "misnamed-key"),
        (r#"{"no-such-key": "warn"}"#, "unknown-key"),
        (r#"{"debug": "true"}"#, "wrong-kind"),
        (r#"{"insecure-registries": "a:5000"}"#, "wrong-kind"),
        (r#"{"default-runtime": "nope"}"#, "no-such-runtime"),
        ("{\"debug\": true,}", "malformed"),
        ("{\"log-opts\": {\"max-file\": 3}}", "wrong-kind"),
        (r#"{"log-level": "loud"}"#, "refused-value"),
        (r#"{"bip": "172.17.0.0/16"}"#, "refused-value"),
        (r#"{"registry-mirrors": ["mirror.example"]}"#, "refused-value"),
        (r#"{"insecure-registries": ["a:5000/team"]}"#, "refused-value"),
        (r#"{"exec-opts": ["native.cgroupdriver=other"]}"#, "refused-value"),
        (r#"{"labels": ["a=1", "a=2"]}"#, "refused-value"),
        (r#"{"default-ulimits": {"nofile": {"Name": "nofile", "Hard": "1024", "Soft": 1024}}}"#, "refused-value"),
        (r#"{"default-ulimits": {"nofile": "1024:2048"}}"#, "refused-value"),
        (r#"{"log-driver": "journald", "log-opts": {"max-size": "10m"}}"#, "refused-value"),
        (r#"{"log-opts": {"mode": "nonblocking"}}"#, "refused-value"),
        (r#"{"storage-driver": "overlay2", "storage-opts": ["dm.basesize=20G"]}"#, "refused-value"),
        (r#"{"storage-driver": "vfs", "storage-opts": ["overlay2.size=20G"]}"#, "refused-value"),
    ] {
        let Some(run) = failing(text, &[]) else { return };
        assert_eq!(run.told(), [format!("fail docker-config/{code}")], "{text}");
    }
}

/// What only dockerd itself knows is quoted from its log.
#[test]
fn dockerd_gives_up_with_its_own_words() {
    for (text, arguments, code) in [
        (r#"{"storage-driver": "btrfs"}"#, &[][..], "no-storage-driver"),
        ("{}", &["--log-level=loud"], "setting-refused"),
        ("{}", &["--tlsverify", "--tlscacert=/none/ca.pem"], "no-certificate"),
        ("{}", &["--host=tcp://192.0.2.77:23751"], "address-missing"),
    ] {
        let Some(run) = failing(text, arguments) else { return };
        assert_eq!(run.told(), [format!("fail docker-engine/{code}")], "{text} {arguments:?}");
    }
    let Some(run) = failing("{}", &["--group=nosuch"]) else { return };
    let result = run.results().iter().find(|result| result["code"] == "docker-engine/start-failed").unwrap();
    assert!(result["summary"].as_str().unwrap().contains("group nosuch not found"), "{result}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--host=tcp://{}", listener.local_addr().unwrap());
    let Some(run) = failing("{}", &[&taken]) else { return };
    assert_eq!(run.told(), ["fail docker-engine/address-taken"]);
}

/// Mount namespaces make a host without cgroups, and one whose disk is full, for this one daemon.
#[test]
fn dockerd_without_cgroups_and_on_a_full_disk() {
    if !is_root("engine: mount namespaces") || Command::new("dockerd").arg("--version").output().is_err() {
        return;
    }
    for (prepare, code) in [
        ("umount -R /sys/fs/cgroup", "no-cgroups"),
        ("mount -t tmpfs -o size=64k none state/data && ! head -c 100000 /dev/zero >state/data/x", "disk-full"),
    ] {
        let host = tempfile::tempdir_in("/tmp").unwrap();
        for folder in ["usr/bin", "var/log", "state/data"] {
            std::fs::create_dir_all(host.path().join(folder)).unwrap();
        }
        for program in ["usr/bin/docker", "usr/bin/dockerd"] {
            std::fs::write(host.path().join(program), "").unwrap();
            std::fs::set_permissions(host.path().join(program), PermissionsExt::from_mode(0o755)).unwrap();
        }
        let script = format!(
            "cd {dir} && {{ {prepare}; }} 2>/dev/null; exec timeout 60 dockerd --iptables=false --ip-forward=false --bridge=none \
             --host=unix://{dir}/state/docker.sock --data-root={dir}/state/data --exec-root={dir}/state/exec \
             --pidfile={dir}/state/pid --config-file={dir}/none.json >var/log/docker.log 2>&1",
            dir = host.path().display()
        );
        std::fs::write(host.path().join("none.json"), "{}").unwrap();
        let status = Command::new("unshare").args(["--mount", "sh", "-c", &script]).status().unwrap();
        assert!(!status.success(), "{code}: dockerd started");
        assert_eq!(told_below(host.path()).told(), [format!("fail docker-engine/{code}")]);
    }
}

#[test]
fn a_second_daemon_on_the_same_pid_file_is_told() {
    let sleeping = tempfile::tempdir().unwrap();
    let pid = sleeping.path().join("pid");
    // dockerd looks whether the process of the file lives, not what it is.
    std::fs::write(&pid, std::process::id().to_string()).unwrap();
    let Some(run) = failing("{}", &[&format!("--pidfile={}", pid.display())]) else { return };
    assert_eq!(run.told(), ["fail docker-engine/already-runs"]);
}

/// systemd's two programs stand in for a host that runs it: what they say of a failed start is told, and their hang costs
/// its deadline only.
#[test]
fn systemd_is_asked_why_a_start_failed() {
    let missing =
        || Command::new("dockerd").arg("--version").output().is_err() || !Path::new("/usr/bin/journalctl").exists();
    if !is_root("engine: systemd in a mount namespace") || missing() {
        return;
    }
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let tool = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    tool("systemctl", "printf 'ActiveState=failed\\nResult=exit-code\\n'");
    let below = || {
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs none /run && mkdir -p /run/systemd/system && cd \"$FAKES\" && \
                      mount --bind systemctl /usr/bin/systemctl && mount --bind journalctl /usr/bin/journalctl && exec \"$@\"";
        command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_gdoctor")]);
        part::run(command, &["--only", "docker-engine"], &[("FAKES", dir.path().to_str().unwrap())])
    };
    tool("journalctl", "echo \"failed to start daemon: Devices cgroup isn't mounted\"");
    assert_eq!(below().told(), ["fail docker-engine/no-cgroups"]);
    tool("journalctl", "sleep 1000");
    let started = Instant::now();
    assert_eq!(below().told(), ["fail docker-engine/not-started"]);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
