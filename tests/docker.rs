//! gdoctor against a real dockerd, healthy and broken, and against sockets that misbehave.
#![allow(clippy::disallowed_methods)]

mod part;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

use part::{Part, gdoctor, is_root, run};

const DOCKER: [&str; 2] = ["--only", "docker"];

#[test]
fn a_healthy_daemon_has_no_red_line() {
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let host = daemon.get("DOCKER_HOST");
    let run = gdoctor(&DOCKER, &[("DOCKER_HOST", host)]);
    assert_eq!(run.of("docker-engine"), ["pass docker-engine/answers"]);
    assert_eq!(run.of("docker-access"), ["pass docker-access/allowed"]);
    assert_eq!(run.of("docker-version"), ["pass docker-version/range"]);
    // The lab's daemon is started so that it leaves the host's rules and its forwarding alone.
    let as_started = ["warn docker-iptables/off-by-flag", "warn docker-forwarding/left-off"];
    assert!(run.told().iter().all(|line| as_started.contains(&line.as_str())), "{:#?}", run.told());
    assert_eq!(run.code, 0);
}

#[test]
fn a_daemon_killed_hard_leaves_a_stale_socket() {
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let socket = daemon.path().join("docker.sock");
    let pid = std::fs::read_to_string(daemon.path().join("pid")).unwrap();
    Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap();
    let refused = || std::os::unix::net::UnixStream::connect(&socket).is_err();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !refused() {
        assert!(Instant::now() < deadline, "the daemon still answers");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(socket.exists());
    let run = gdoctor(&DOCKER, &[("DOCKER_HOST", daemon.get("DOCKER_HOST"))]);
    assert_eq!(run.told(), ["fail docker-engine/stale-socket"]);
    assert_eq!(run.code, 1);
    let result = run.results().iter().find(|r| r["code"] == "docker-engine/stale-socket").unwrap();
    let systemd = std::path::Path::new("/run/systemd/system").exists();
    let log = if systemd { "journalctl" } else { "/var/log/docker.log" };
    let notes = result["fixes"][0]["notes"].as_array().unwrap();
    assert!(notes.len() == 1 && notes[0].as_str().unwrap().contains(log), "a note fits the host: {notes:?}");
}

/// The permission of a socket is asked as another user, in and out of its group; the printed fix is then executed.
#[test]
fn a_socket_without_permission_names_the_group() {
    if !is_root("docker: permission as another user") {
        return;
    }
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let socket = daemon.path().join("docker.sock");
    let owned_by = |group: u32| nix::unistd::chown(&socket, None, Some(group.into())).unwrap();
    let (games, nobodys) = (60, 4244);
    owned_by(games);
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o660)).unwrap();
    std::fs::set_permissions(daemon.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let binary = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(binary.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let gdoctor = binary.path().join("gdoctor");
    std::fs::copy(env!("CARGO_BIN_EXE_gdoctor"), &gdoctor).unwrap();
    let as_user = |groups: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "4242", "--regid", "4242", "--groups", groups]).arg(&gdoctor);
        run(command, &DOCKER, &[("DOCKER_HOST", daemon.get("DOCKER_HOST")), ("HOME", "/nonexistent")])
    };
    let outside = as_user("4242");
    assert_eq!(outside.told().first().map(String::as_str), Some("fail docker-access/not-in-group"));
    assert_eq!(outside.told().len(), 1, "{:#?}", outside.told());
    assert_eq!(outside.fix("docker-access/not-in-group")[0], "sudo usermod -aG games 4242");
    assert_eq!(as_user("60").of("docker-engine"), ["pass docker-engine/answers"]);
    owned_by(nobodys);
    assert_eq!(as_user("4242").told(), ["fail docker-access/nameless-group"]);

    owned_by(0);
    assert_eq!(as_user("4242").told(), ["fail docker-access/owned-by-root"]);

    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).unwrap();
    let open = as_user("4242");
    assert!(open.told().contains(&"warn docker-access/open-to-all".to_owned()), "{:#?}", open.told());
    let fix = open.fix("docker-access/open-to-all").join("\n").replace("sudo ", "");
    assert!(Command::new("sh").args(["-c", &fix]).status().unwrap().success());
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
}

/// docker takes a container's short name away before the rest of its layer; an image's is lost.
#[test]
fn a_layer_that_is_just_removed_is_no_failure() {
    let Some(daemon) = Part::start("docker", &[]) else { return };
    assert!(daemon.call("import", &[]).status.success());
    let removed = |layer: &str| {
        daemon.docker(&format!("cd data/overlay2; rm l/$(cat $(cat ../image/overlay2/layerdb/{layer})/link)"));
        let run = gdoctor(&["--only", "docker-storage"], &[("DOCKER_HOST", daemon.get("DOCKER_HOST"))]);
        run.of("docker-storage").iter().any(|line| line.starts_with("fail docker-storage/links-gone"))
    };
    let container = daemon.docker("docker create lab/busybox:1 true");
    assert!(!removed(&format!("mounts/{container}/mount-id")));
    assert!(removed("sha256/*/cache-id"));
}

/// A file below a host's root that is made up, with its folders; a program, should it be one.
fn place(root: &std::path::Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_malformed_daemon_json_is_told_with_line_and_column() {
    let root = tempfile::tempdir().unwrap();
    let file = |path: &str, text: &str| place(root.path(), path, text);
    file("etc/docker/daemon.json", "{\n  \"log-level\": \"warn\",\n}\n");
    file("etc/resolv.conf", "nameserver 192.0.2.53\n");
    // The kernel's trees are mounted there.
    for tree in ["proc", "sys", "dev"] {
        file(&format!("{tree}/.keep"), "");
    }
    file("usr/bin/dockerd", "");
    file("usr/bin/docker", "");
    let run = gdoctor(&["--only", "docker", "--root", root.path().to_str().unwrap()], &[("PATH", "/usr/bin:/bin")]);
    assert_eq!(run.told(), ["fail docker-config/malformed"]);
    let result = run.results().iter().find(|r| r["id"] == "docker-config").unwrap();
    assert!(result["summary"].as_str().unwrap().contains("line 2, column 22: trailing comma"), "{result}");
}

/// systemd starts neither docker.socket nor what requires it: its files and /etc/group tell that before anything was started.
#[test]
fn the_sockets_group_is_looked_for_in_the_files() {
    for (groups, sources, told) in [
        ("root:x:0:\n", "files systemd", "fail docker-engine/no-socket-group"),
        ("root:x:0:\ndocker:x:998:\n", "files systemd", "unknown docker-engine/unknown"),
        // A directory may have it.
        ("root:x:0:\n", "files sss", "unknown docker-engine/unknown"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| place(root.path(), path, text);
        file("etc/resolv.conf", "nameserver 192.0.2.53\n");
        file("etc/group", groups);
        file("etc/nsswitch.conf", &format!("passwd: files\ngroup: {sources}\n"));
        file("usr/bin/dockerd", "");
        file("usr/bin/docker", "");
        file("usr/sbin/iptables", "");
        let unit = "[Unit]\nRequires=docker.socket\n[Service]\nExecStart=/usr/bin/dockerd\n";
        file("usr/lib/systemd/system/docker.service", unit);
        let socket = "[Socket]\nListenStream=/run/docker.sock\nSocketGroup=docker\n";
        file("usr/lib/systemd/system/docker.socket", socket);
        let run = gdoctor(&["--only", "docker", "--root", root.path().to_str().unwrap()], &[("PATH", "/usr/bin:/bin")]);
        assert_eq!(run.of("docker-engine"), [told], "{groups:?} {sources}");
    }
}

/// A server that takes every connection and does with it what `answer` says.
fn misbehaving(answer: impl Fn(&mut std::os::unix::net::UnixStream) + Send + 'static) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let path = dir.path().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            answer(&mut stream);
            kept.push(stream);
        }
    });
    (dir, format!("unix://{}", path.display()))
}

fn read_request(stream: &mut std::os::unix::net::UnixStream) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
        request.push(byte[0]);
    }
}

#[test]
fn a_silent_daemon_costs_its_deadline_and_nothing_else() {
    let (_dir, host) = misbehaving(|_| {});
    let started = Instant::now();
    let run =
        gdoctor(&["--only", "docker", "--skip", "docker-client", "--timeout", "700ms"], &[("DOCKER_HOST", &host)]);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(run.told(), ["unknown docker-engine/unknown"]);
    assert!(
        run.results().iter().any(|r| r["id"] == "docker-engine" && r["summary"].as_str().unwrap().contains("deadline"))
    );
    assert_eq!(run.code, 3);
}

#[test]
fn half_an_answer_is_unknown_with_its_reason() {
    let answers: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"Version\": \"28",
        b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"Version\": \"28",
        b"\x7fELF\x00\x00\xff",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    ];
    for answer in answers {
        let (_dir, host) = misbehaving(move |stream| {
            read_request(stream);
            let _ = stream.write_all(answer);
            let _ = stream.shutdown(std::net::Shutdown::Both);
        });
        let run =
            gdoctor(&["--only", "docker", "--skip", "docker-client", "--timeout", "2s"], &[("DOCKER_HOST", &host)]);
        assert_eq!(run.told(), ["unknown docker-engine/unknown"], "{answer:?}");
        assert_eq!(run.code, 3);
    }
}

/// /version answers, /info stays silent: what was read is kept.
#[test]
fn a_daemon_that_hangs_at_info_keeps_its_version() {
    let (_dir, host) = misbehaving(|stream| {
        let mut request = [0; 512];
        let count = stream.read(&mut request).unwrap_or(0);
        if request[..count].starts_with(b"GET /version") {
            let body = r#"{"Version":"28.2.2","ApiVersion":"1.50","MinAPIVersion":"1.24","Components":null}"#;
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let run = gdoctor(&["--only", "docker", "--timeout", "700ms"], &[("DOCKER_HOST", &host)]);
    assert_eq!(run.of("docker-version"), ["pass docker-version/range"]);
    assert_eq!(run.of("docker-storage"), ["unknown docker-storage/unknown"]);
}

#[test]
fn a_leftover_docker_host_is_told_when_another_engine_answers() {
    if !is_root("docker: the default socket in a mount namespace") {
        return;
    }
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let mut command = Command::new("unshare");
    let script = "mkdir -p /var/run && touch /var/run/docker.sock && mount --bind \"$LAB_SOCKET\" /var/run/docker.sock && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_gdoctor")]);
    let socket = daemon.path().join("docker.sock");
    let env = [("LAB_SOCKET", socket.to_str().unwrap()), ("DOCKER_HOST", "tcp://localhost:2")];
    let run = run(command, &DOCKER, &env);
    let _ = std::fs::remove_file("/var/run/docker.sock");
    assert_eq!(run.told(), ["fail docker-endpoint/leftover"]);
    assert_eq!(run.fix("docker-endpoint/leftover")[0], "unset DOCKER_HOST");
}

#[test]
fn a_context_that_is_gone_is_named() {
    let config = tempfile::tempdir().unwrap();
    std::fs::write(config.path().join("config.json"), r#"{"currentContext": "desktop-linux"}"#).unwrap();
    let run = gdoctor(&DOCKER, &[("DOCKER_CONFIG", config.path().to_str().unwrap())]);
    assert!(run.told().contains(&"fail docker-endpoint/no-such-context".to_owned()), "{:#?}", run.told());
}

/// What is probed after the daemon has a deadline of its own.
#[test]
fn a_silent_daemon_does_not_cost_the_ports_their_time() {
    let (_dir, host) = misbehaving(|_| {});
    let started = Instant::now();
    let run = gdoctor(&["--timeout", "500ms", "--port", "0"], &[("DOCKER_HOST", &host)]);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert!(
        run.results().iter().filter(|r| r["id"] == "port-free").all(|r| r["status"] == "pass"),
        "{:#?}",
        run.told()
    );
}

/// Images are read from the daemon: their variables, and nothing of those that could be secret; none is pulled.
#[test]
fn an_image_is_read_and_never_pulled() {
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let host = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let make =
        "tar c -T /dev/null | /usr/bin/docker import -c 'ENV NVIDIA_REQUIRE_CUDA=cuda>=99.0 TOKEN=hush' - lab/cuda:1";
    assert!(Command::new("sh").args(["-c", make]).envs([host]).status().unwrap().success());
    let ask = |image: &str| gdoctor(&["--only", "nvidia-image", "--image", image], &[host]);

    let here = ask("lab/cuda:1");
    assert_eq!(here.of("nvidia-image"), ["skip nvidia-image/no-gpu lab/cuda:1"]);
    let text = here.report.to_string();
    assert!(text.contains("NVIDIA_REQUIRE_CUDA=cuda>=99.0") && !text.contains("hush"), "{text}");

    // A container that is never started, kept as an image whose history names its command.
    let make = "/usr/bin/docker commit \"$(/usr/bin/docker create lab/cuda:1 sh -c 'apt-get install -y libnvidia-compute-535')\" lab/driver:1";
    assert!(Command::new("sh").args(["-c", make]).envs([host]).status().unwrap().success());
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut collect = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    collect.args(["collect", "--image", "lab/driver:1", "-o"]).arg(file.path()).envs([host]);
    assert!(collect.output().unwrap().status.success());
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
    // The image's name is private, what is in it is not.
    let found = saved["facts"]["image"]["found"].as_object().unwrap();
    let (name, image) = found.iter().next().unwrap();
    assert!(found.len() == 1 && !name.contains("lab/driver"), "{found:?}");
    assert_eq!(image["is"]["driver_packages"]["is"], serde_json::json!(["libnvidia-compute-535"]), "{found:?}");

    let absent = ask("lab/none:1");
    assert_eq!(absent.told(), ["unknown nvidia-image/unknown lab/none:1"]);
    assert!(absent.report.to_string().contains("docker pull lab/none:1"));
    assert_eq!(absent.code, 3);
}
