//! `gdoctor prove` against the real engines of Debian's releases: what it starts has the line's options, what it says is what the
//! container met, and nothing of it stays, however it ends.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::Pid;
use part::proof::{binary, free_port, image, inventory, prove, proved, seen, suites};
use part::run_lines::{IMAGE, Lab};
use part::{Part, Run, has_engine};

fn until(done: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A node of FUSE's that is root's alone.
fn root_node(lab: &Lab) -> String {
    let node = lab.work.path().join("fuse");
    let made = mknod(&node, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(10, 229));
    assert!(made.is_ok(), "{made:?}");
    node.display().to_string()
}

fn spawned(lab: &Lab, line: &str) -> Child {
    let mut command = Command::new(binary());
    command
        .args(["prove", "--timeout", "2s", "--"])
        .args(line.split(' '))
        .env("DOCKER_HOST", lab.part.get("DOCKER_HOST"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir(lab.work.path())
        .spawn()
        .unwrap()
}

#[test]
fn every_engine_takes_the_line_or_says_why_not_and_nothing_stays() {
    for suite in suites() {
        let arguments: Vec<&str> = suite.into_iter().flat_map(|suite| ["--engine", suite]).collect();
        let Some(lab) = Lab::of(&arguments) else { return };
        let engine = suite.unwrap_or("bookworm");
        options_are_met_inside(&lab, engine);
        refusals_are_told_with_the_argument(&lab, engine);
    }
}

/// Images that containerd keeps, as new installations of Docker 29 have them.
#[test]
fn containerds_own_store() {
    if !has_engine("sid") {
        return;
    }
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), r#"{"features": {"containerd-snapshotter": true}}"#).unwrap();
    let Some(lab) = Lab::of(&["--engine", "sid", "--config", config.path().to_str().unwrap()]) else { return };
    let store = lab.shell("docker info --format '{{.DriverStatus}}'", &BTreeMap::new()).stdout;
    assert!(String::from_utf8_lossy(&store).contains("io.containerd.snapshotter"), "the store is containerd's");
    options_are_met_inside(&lab, "sid with containerd's store");
}

fn options_are_met_inside(lab: &Lab, engine: &str) {
    let before = inventory(lab);
    let port = free_port();
    let node = root_node(lab);
    let line = format!(
        "docker run -dit --name snn --restart always -p 127.0.0.1:{port}:8080 --shm-size 32m --ulimit nofile=1000:2000 \
             --user 4242:7 --cap-drop ALL --read-only --security-opt no-new-privileges -e TOKEN=hunter2hunter2 \
             -v data:/data -v {}/missing:/new -l traefik.enable=true --entrypoint /app --device {node}:/dev/fuse {IMAGE} --serve",
        lab.work.path().display()
    );
    let run = prove(lab, &line, &[]);
    let said = proved(&run);
    let works = |subject: &str| format!("pass proof-inside/works {subject}");
    for expected in [
        "pass proof-start/started".to_owned(),
        works("nofile"),
        works("/dev/shm"),
        works("user"),
        works(&format!("127.0.0.1:{port}/tcp")),
    ] {
        assert!(said.contains(&expected), "{engine}: no {expected} in {said:#?}");
    }
    // The node is root's alone: the container's user may not open it.
    assert!(said.contains(&"fail proof-inside/fails /dev/fuse".to_owned()), "{engine}: {said:#?}");
    assert_eq!(image(&run), "the line's", "{engine}");
    // An image that is not there is not pulled.
    let run = prove(lab, &format!("docker run --device {node}:/dev/fuse no/such:1"), &[]);
    assert!(proved(&run).contains(&works("/dev/fuse")), "{engine}: {:#?}", proved(&run));
    assert_eq!(image(&run), "gdoctor's own", "{engine}");
    assert_eq!(inventory(lab), before, "{engine}");
    assert!(!lab.work.path().join("missing").exists(), "{engine}: a folder was made on the host");
}

fn refusals_are_told_with_the_argument(lab: &Lab, engine: &str) {
    let before = inventory(lab);
    // The host's kernel has that setting, and takes no such value of it: only who writes it learns that.
    let run = prove(lab, &format!("docker run --sysctl net.ipv4.ip_default_ttl=999 {IMAGE}"), &[]);
    assert_eq!(run.code, 1, "{engine}");
    let result = run.results().iter().find(|r| r["id"] == "proof-start").unwrap();
    assert_eq!(result["status"], "fail", "{engine}: {result}");
    assert!(result["summary"].as_str().unwrap().contains("ip_default_ttl"), "{engine}: {result}");
    assert!(result["askedBy"]["text"].as_str().unwrap_or_default().contains("--sysctl"), "{engine}: {result}");
    // Where the host looks had the cause, it is told there alone.
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let run = prove(lab, &format!("docker run -p {port}:80 {IMAGE}"), &[]);
    let start = run.results().iter().find(|r| r["id"] == "proof-start").unwrap();
    assert_eq!((start["status"].as_str(), start["cause"].as_str()), (Some("unknown"), Some("port-free")), "{engine}");
    assert_eq!(inventory(lab), before, "{engine}");
}

#[test]
fn nothing_stays_wherever_a_signal_falls() {
    let Some(lab) = Lab::start() else { return };
    let before = inventory(&lab);
    for (signal, pause) in [
        (Signal::SIGINT, 100),
        (Signal::SIGTERM, 500),
        (Signal::SIGINT, 1100),
        (Signal::SIGHUP, 1800),
        (Signal::SIGTERM, 2600),
    ] {
        let mut child = spawned(&lab, &format!("docker run -v /data {IMAGE}"));
        std::thread::sleep(Duration::from_millis(pause));
        let _ = kill(Pid::from_raw(child.id() as i32), signal);
        child.wait().unwrap();
        assert!(until(|| inventory(&lab) == before), "{signal} after {pause} ms leaves {}", inventory(&lab));
    }
}

#[test]
fn a_killed_run_is_swept_by_the_next_and_others_are_left_alone() {
    let Some(lab) = Lab::start() else { return };
    let before = inventory(&lab);
    let running = || String::from_utf8(lab.shell("docker ps --format '{{.Names}}'", &BTreeMap::new()).stdout).unwrap();
    // A display that takes the connection and says nothing keeps the container for some seconds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let display = i32::from(silent.local_addr().unwrap().port()) - 6000;
    let mut child = spawned(&lab, &format!("docker run --network host -e DISPLAY=127.0.0.1:{display} {IMAGE}"));
    assert!(until(|| running().contains("gdoctor-prove")), "a container comes");
    let _ = kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
    child.wait().unwrap();
    // Its standard input is closed with it, and so it ends.
    assert!(until(|| !running().contains("gdoctor-prove")), "{}", running());
    assert!(inventory(&lab).contains("gdoctor-prove:"), "the image is still there");
    let run = prove(&lab, &format!("docker run {IMAGE}"), &[]);
    assert_eq!(proved(&run)[0], "pass proof-start/started");
    assert_eq!(inventory(&lab), before);
}

#[test]
fn an_engine_that_hangs_costs_its_deadline_and_is_told() {
    let Some(lab) = Lab::start() else { return };
    let before = inventory(&lab);
    let pid = lab.shell("pgrep -f \"dockerd.*$(dirname ${DOCKER_HOST#unix://})\"", &BTreeMap::new()).stdout;
    let pids = String::from_utf8(pid).unwrap();
    let daemon: Vec<i32> = pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let all = |signal| daemon.iter().all(|pid| kill(Pid::from_raw(*pid), signal).is_ok());
    assert!(!daemon.is_empty() && all(Signal::SIGSTOP));
    let started = Instant::now();
    let run =
        lab.shell(&format!("{} prove --timeout 1s --format json -- docker run {IMAGE}", binary()), &BTreeMap::new());
    let took = started.elapsed();
    assert!(all(Signal::SIGCONT));
    let run = Run::read(&run);
    let start = run.results().iter().find(|r| r["id"] == "proof-start").unwrap();
    assert_eq!(start["cause"], "docker-engine", "{start}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert!(until(|| inventory(&lab) == before), "{}", inventory(&lab));
}

#[test]
fn an_engine_that_is_not_there_and_a_line_that_is_not_known_start_nothing() {
    let environment = [("DOCKER_HOST", "unix:///no/such/docker.sock")];
    let mut command = Command::new(binary());
    command
        .args(["prove", "--only", "proof,docker", "--format", "json", "--", "docker", "run", "img"])
        .envs(environment);
    let run = Run::read(&command.output().unwrap());
    let start = run.results().iter().find(|r| r["id"] == "proof-start").unwrap();
    assert_eq!(start["cause"], "docker-endpoint", "{start}");
    for refused in [&["prove", "--facts", "x", "--", "docker", "run", "img"][..], &["prove", "--root", "/tmp", "--gpu"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(refused).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{refused:?}");
    }
}

/// X for real: the server's access list and cookie, met by the container's own user.
#[test]
fn a_window_is_tried_from_within() {
    let (Some(lab), Some(display)) = (Lab::start(), Part::start("display", &["any"])) else { return };
    let (name, cookie) = (display.get("DISPLAY").to_owned(), display.get("XAUTHORITY").to_owned());
    let env = [("DISPLAY", name.as_str()), ("XAUTHORITY", cookie.as_str())];
    let socket = "-v /tmp/.X11-unix:/tmp/.X11-unix -e DISPLAY";
    // Without its cookie nobody is let in, and the host looks say so already.
    let refused = prove(&lab, &format!("docker run {socket} {IMAGE}"), &env);
    let inside = refused.results().iter().find(|r| r["id"] == "proof-inside").unwrap();
    assert!(inside["cause"].as_str().is_some_and(|cause| cause.contains("display")), "{inside}");
    let handed = format!("docker run {socket} -e XAUTHORITY=/x -v {cookie}:/x:ro --hostname $(hostname) {IMAGE}");
    let accepted = prove(&lab, &handed, &env);
    assert!(proved(&accepted).contains(&format!("pass proof-inside/works {name}")), "{:#?}", proved(&accepted));
    // Memory that a program shares by its number, which only one IPC namespace knows; foretold either way.
    let told =
        |run: &Run| run.of("proof-inside").into_iter().find(|line| line.ends_with("MIT-SHM")).unwrap_or_default();
    assert_eq!(told(&accepted), "pass proof-inside/memory-apart MIT-SHM");
    assert!(seen(&accepted, "proof-inside", "MIT-SHM", "what gdoctor").starts_with("it fails"));
    let in_common = prove(&lab, &format!("docker run --ipc=host {}", &handed["docker run ".len()..]), &env);
    assert_eq!(told(&in_common), "pass proof-inside/works MIT-SHM");
    assert_eq!(seen(&in_common, "proof-inside", "MIT-SHM", "what gdoctor"), "it works");
}

/// What is told of an image that is not here, of words that are none, and of a program that this host lacks: from published lines.
#[test]
fn images_and_programs_that_are_not_here() {
    let Some(lab) = Lab::start() else { return };
    let before = inventory(&lab);
    let foretold = |run: &Run| seen(run, "proof-start", "", "what gdoctor");
    let pulled = prove(&lab, "docker run -e GROUP=`id -gn` -p 127.0.0.1::80 no/such:1", &[]);
    assert_eq!((proved(&pulled)[0].as_str(), foretold(&pulled)), ("pass proof-start/started", "it works".into()));
    assert!(seen(&pulled, "proof-start", "", "not in this container").contains("no/such:1"));
    for (line, refused) in
        [("docker run -device /dev/ttyUSB0:/dev/ttyUSB0 no/such", true), ("nvidia-docker run no/such", false)]
    {
        let run = prove(&lab, line, &[]);
        let start = run.results().iter().find(|r| r["id"] == "proof-start").unwrap();
        assert_eq!(start["cause"], "run-line-syntax", "{line}: {start}");
        assert_eq!(
            seen(&run, "proof-start", "", "docker run").contains("invalid reference"),
            refused,
            "{line}: {start}"
        );
    }
    assert_eq!(inventory(&lab), before);
}

/// Between the host looks and the start somebody else takes the port: the engine's refusal is the answer.
#[test]
fn a_port_that_is_taken_meanwhile() {
    use std::io::{BufRead, BufReader};
    let Some(lab) = Lab::start() else { return };
    let (before, port) = (inventory(&lab), free_port());
    let mut command = Command::new(binary());
    command
        .args(["prove", "--format", "json", "--", "docker", "run", "-p", &format!("{port}:80"), IMAGE])
        .env("DOCKER_HOST", lab.part.get("DOCKER_HOST"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // What is going to be run is told after the host looks.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("starts a container") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "gdoctor tells what it starts");
    }
    let _holder = TcpListener::bind(("0.0.0.0", port)).unwrap();
    let run = Run::read(&child.wait_with_output().unwrap());
    assert_eq!(proved(&run)[0], "fail proof-start/refused-known", "{:#?}", run.told());
    let start = run.results().iter().find(|r| r["id"] == "proof-start").unwrap();
    assert!(start["askedBy"]["text"].as_str().unwrap_or_default().contains(&port.to_string()), "{start}");
    assert!(
        start["summary"].as_str().unwrap().contains("port is already allocated")
            || start["summary"].as_str().unwrap().contains("address already in use"),
        "{start}"
    );
    assert_eq!(inventory(&lab), before);
}

/// Facts of a proof say the same wherever they are judged; shared ones hold no name.
#[test]
fn facts_carry_what_was_proved() {
    let Some(lab) = Lab::start() else { return };
    let (binary, file) = (binary(), lab.work.path().join("proved.gdoctor"));
    let line = format!("docker run --ulimit nofile=1000:2000 -v /home/secretname/x:/x {IMAGE}");
    let script = format!("{binary} prove --out facts={} --format json -- {line}", file.display());
    let live = Run::read(&lab.shell(&script, &BTreeMap::new()));
    let saved = Run::read(
        &lab.shell(&format!("{binary} check --facts {} --format json -- {line}", file.display()), &BTreeMap::new()),
    );
    assert_eq!(proved(&live), proved(&saved));
    assert!(proved(&live).contains(&"pass proof-inside/works nofile".to_owned()), "{:#?}", proved(&live));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("secretname"));
    let shared = lab.shell(&format!("{binary} prove --share --format json -- {line}"), &BTreeMap::new());
    assert_eq!(proved(&Run::read(&shared)), proved(&live));
    for bytes in [&shared.stdout, &shared.stderr] {
        assert!(!String::from_utf8_lossy(bytes).contains("secretname"), "{}", String::from_utf8_lossy(bytes));
    }
}

/// The image's own user, by its name, meets the line's devices.
#[test]
fn the_lines_own_image_keeps_its_user() {
    let Some(lab) = Lab::start() else { return };
    let node = root_node(&lab);
    lab.part.docker(&format!(
        "docker run --name made {IMAGE} sh -c 'echo app:x:4711:4711::/:/bin/sh >>/etc/passwd'
         docker commit --change 'USER app' --change 'VOLUME /kept' --change 'HEALTHCHECK CMD false' made lab/app:1
         docker rm made"
    ));
    let before = inventory(&lab);
    for (options, status) in [("", "fail"), ("-u root ", "pass"), ("-u app ", "fail"), ("-u nobody-here ", "refused")] {
        let run = prove(&lab, &format!("docker run {options}--device {node}:/dev/fuse lab/app:1"), &[]);
        let said = proved(&run);
        let expected = match status {
            // The host looks have the cause.
            "refused" => "unknown proof-start/unknown".to_owned(),
            "pass" => "pass proof-inside/works /dev/fuse".to_owned(),
            _ => "fail proof-inside/fails /dev/fuse".to_owned(),
        };
        assert!(said.iter().any(|line| line.starts_with(&expected)), "{options}: {said:#?}");
        assert_eq!(inventory(&lab), before, "{options}");
    }
}

/// Compose files, scripts, and wishes alone are proved by the line that they mean.
#[test]
fn every_way_to_say_what_is_run() {
    let Some(lab) = Lab::start() else { return };
    let before = inventory(&lab);
    let port = free_port();
    let file = |name: &str, text: String| std::fs::write(lab.work.path().join(name), text).unwrap();
    file(
        "compose.yaml",
        format!(
            "services:\n  app:\n    image: {IMAGE}\n    ports: [\"127.0.0.1:{port}:80\"]\n    shm_size: 64m\n  \
             other:\n    image: no/such:1\n"
        ),
    );
    file("run.sh", format!("PORT={port}\ndocker run -d -p 127.0.0.1:$PORT:80 \\\n  --shm-size 64m {IMAGE}\n"));
    let (all, own) = (format!("127.0.0.1:{port}/tcp"), format!("0.0.0.0:{port}/tcp"));
    for (arguments, subjects) in [
        ("--compose compose.yaml --service app".to_owned(), vec![all.as_str(), "/dev/shm"]),
        ("--run-file run.sh".to_owned(), vec![all.as_str(), "/dev/shm"]),
        (format!("--port {port}"), vec![own.as_str()]),
    ] {
        let script = format!("{} prove --format json {arguments}", binary());
        let run = Run::read(&lab.shell(&script, &BTreeMap::new()));
        let said = proved(&run);
        assert_eq!(said[0], "pass proof-start/started", "{arguments}");
        for subject in subjects {
            assert!(said.contains(&format!("pass proof-inside/works {subject}")), "{arguments}: {said:#?}");
        }
        assert_eq!(inventory(&lab), before, "{arguments}");
    }
    // gdoctor's own time and its client's, whatever else this machine does; a release build takes less.
    let line = format!("docker run -p 127.0.0.1:{port}:80 --device /dev/fuse --shm-size 64m {IMAGE}");
    let script = format!("TIMEFORMAT='%U %S'; time {} prove -- {line} >/dev/null 2>&1", binary());
    let told = lab.shell(&script, &BTreeMap::new()).stderr;
    let told = String::from_utf8_lossy(&told).into_owned();
    let spent: f64 = told.split_whitespace().map(|seconds| seconds.parse::<f64>().unwrap()).sum();
    assert!(spent < 2.0, "{told}");
}

/// Podman by root, docker and podman without root, in the lab's machine. A second view of /proc lets a user mount one, as on a host;
/// control groups of the machine are another's, so the containers get a namespace of them.
#[test]
fn podman_and_engines_without_root() {
    let Some(machine) = Part::start("machine", &[]) else { return };
    let exec = |script: &str, input: &std::path::Path| {
        let mut command = Command::new(part::root().join("tests/lab/machine"));
        command.arg("exec").arg(machine.path()).args(["timeout", "120", "bash", "-c", script]);
        let output = command.stdin(std::fs::File::open(input).unwrap()).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output)
    };
    exec("cat >/usr/local/bin/gdoctor && chmod 755 /usr/local/bin/gdoctor", binary().as_ref());
    let image =
        "docker save lab/busybox:1 >/tmp/image.tar && chmod 644 /tmp/image.tar && podman load -q -i /tmp/image.tar";
    exec(image, "/dev/null".as_ref());
    exec("mkdir /mnt/proc && mount -t proc proc /mnt/proc && rootless-docker >/dev/null 2>&1", "/dev/null".as_ref());
    let as_user = "cd /home/labuser && exec setpriv --reuid=labuser --regid=labuser --clear-groups env HOME=/home/labuser \
                   DOCKER_HOST=unix:///run/user/4242/docker.sock XDG_RUNTIME_DIR=/run/user/4242";
    exec(&format!("{as_user} docker load -q -i /tmp/image.tar"), "/dev/null".as_ref());
    let port = free_port();
    for (who, client, named, from) in [
        ("env", "podman", IMAGE, "the line's"),
        ("env", "podman", "no/such:1", "gdoctor's own"),
        (as_user, "docker", IMAGE, "the line's"),
        (as_user, "docker", "no/such:1", "gdoctor's own"),
        (as_user, "podman", "no/such:1", "gdoctor's own"),
    ] {
        let has = format!(
            "{who} sh -c '{client} ps -a -q; {client} images -q; {client} volume ls -q; {client} network ls --format {{{{.Name}}}}'"
        );
        let before = exec(&has, "/dev/null".as_ref()).0;
        let line = format!(
            "{client} run -d --cgroupns private -p 127.0.0.1:{port}:8080 --shm-size 32m --device /dev/fuse {named} serve"
        );
        let script = format!("{who} gdoctor prove --timeout 10s --format json -- {line}");
        let run = Run::read(&exec(&script, "/dev/null".as_ref()).1);
        let said = proved(&run);
        assert_eq!(said[0], "pass proof-start/started", "{line}: {:#?}", run.told());
        for subject in ["/dev/fuse", "/dev/shm", &format!("127.0.0.1:{port}/tcp")] {
            assert!(said.contains(&format!("pass proof-inside/works {subject}")), "{line}: {said:#?}");
        }
        assert_eq!(self::image(&run), from, "{line}");
        assert_eq!(exec(&has, "/dev/null".as_ref()).0, before, "{line}");
    }
}

/// What gdoctor says beforehand, held against what the container shows: options, the start and each look, and why they differ.
const CALIBRATION: [(&str, &str, &str); 77] = [
    ("-p 127.0.0.1:FREE:80", "start works, port works", ""),
    ("-p 127.0.0.1:FREE:80/udp", "start works, port works", ""),
    ("-p TAKEN:80", "start fails", ""),
    ("--network nowhere", "start fails", ""),
    ("--device /dev/no-such", "start fails", ""),
    ("--mount type=bind,source=/no/such,target=/x", "start fails", ""),
    ("-v /etc/hostname:/etc", "start fails", ""),
    ("--gpus all", "start fails", ""),
    ("--device nvidia.com/gpu=all", "start fails", ""),
    ("--sysctl net.ipv4.no_such_setting=1", "start fails", ""),
    ("--sysctl net.core.netdev_max_backlog=1", "start fails", ""),
    ("--memory 4m", "start fails", ""),
    (
        "--pids-limit 5",
        "start unknown but works, limit untold but works",
        "how many processes a program needs is not known before",
    ),
    ("--user nobody-here", "start fails", ""),
    ("--security-opt seccomp=/no/such.json", "start fails", ""),
    ("--restart sometimes --name taken --entrypoint /no/such", "start works", ""),
    (
        "--cap-drop ALL --read-only --security-opt no-new-privileges",
        "start works, limit untold but works, limit untold but works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    ("--ulimit nofile=1000:2000", "start works, limit untold but works", "what a line asks for is not foretold"),
    (
        "--user 4242 --device NODE:/dev/fuse",
        "start works, device untold but fails, limit untold but works",
        "rights to nodes are looked at for cameras and GPUs alone",
    ),
    (
        "-v /dev/fuse:/dev/fuse",
        "start works, device untold but fails",
        "a mount brings a node and not the right to open it",
    ),
    ("-e DISPLAY=:77 -v /tmp/.X11-unix:/tmp/.X11-unix", "start works, display fails", ""),
    (
        "-i -t -w /made --hostname a --shm-size 64m",
        "start works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    (
        "--ulimit nofile=900:1000 --ulimit nproc=500 --ulimit core=0",
        "start works, limit untold but works, limit untold but works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    (
        "--memory 64m --cpus 0.5",
        "start works, limit untold but works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    (
        "--user 4242:7 --group-add 44 --group-add 109",
        "start works, limit untold but works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    (
        "--dns 192.168.7.7 --dns-search lab",
        "start works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    ("--network host --dns 192.168.7.7", "start works, limit untold but works", "what a line asks for is not foretold"),
    ("--read-only --tmpfs /run", "start works, limit untold but works", "what a line asks for is not foretold"),
    ("--cap-drop ALL --cap-add NET_RAW", "start works, limit untold but works", "what a line asks for is not foretold"),
    (
        "--cap-drop net_raw --security-opt no-new-privileges --security-opt seccomp=unconfined",
        "start works, limit untold but works, limit untold but works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    ("--security-opt seccomp=PROFILE", "start works, limit untold but works", "what a line asks for is not foretold"),
    ("--cap-add NO_SUCH_RIGHT", "start fails", ""),
    (
        "--sysctl net.ipv4.ip_unprivileged_port_start=80 --sysctl net.ipv4.conf.all.src_valid_mark=1",
        "start works, limit untold but works, limit untold but works",
        "what a line asks for is not foretold",
    ),
    ("--sysctl kernel.shmmax=1000000", "start works, limit untold but works", "what a line asks for is not foretold"),
    ("--ipc host --sysctl kernel.shmmax=1000000", "start fails", ""),
    ("--network host --sysctl net.ipv4.ip_forward=1", "start fails", ""),
    ("--shm-size 100k", "start works, limit untold but works", "what a line asks for is not foretold"),
    ("--ulimit nofile=10:5", "start fails", ""),
    ("--ulimit nofile=99999999999", "start fails", ""),
    ("--ulimit nowhere=1", "start fails", ""),
    ("-p [::1]:FREE:80", "start works, port works", ""),
    ("-p 192.168.250.250:FREE:80", "start fails", ""),
    ("--network host -p FREE:80", "start works", ""),
    ("--network none -p 127.0.0.1:FREE:80", "start works", ""),
    (
        "-p 127.0.0.1:FREE:80 --user 4242 --cap-drop ALL",
        "start works, limit untold but works, limit untold but works, port works",
        "what a line asks for is not foretold",
    ),
    (
        "-p 127.0.0.1:FREE:80 --user 4242 --sysctl net.ipv4.ip_unprivileged_port_start=1024",
        "start works, limit untold but works, limit untold but works, port works but unknown",
        "a program of that user cannot listen there either, and gdoctor does not know which program runs",
    ),
    ("-p LOOPED:80", "start fails", ""),
    ("-p 127.0.0.1:LOOPED:80", "start fails", ""),
    (
        "--device NODE:/dev/fuse:r",
        "start works, device untold but works",
        "rights to nodes are looked at for cameras and GPUs alone",
    ),
    (
        "--device NODE:/dev/fuse:m",
        "start works, device untold but fails",
        "rights to nodes are looked at for cameras and GPUs alone",
    ),
    (
        "--device-cgroup-rule 'c 10:229 rwm' -v NODE:/dev/fuse",
        "start works, device untold but works",
        "rights to nodes are looked at for cameras and GPUs alone",
    ),
    ("--device-cgroup-rule bogus", "start fails", ""),
    (
        "--device /dev/null:/dev/other",
        "start works, device untold but unknown",
        "gdoctor opens only what does nothing when it is opened",
    ),
    ("--uts host --hostname a", "start fails", ""),
    ("--pid host", "start works", ""),
    ("--pid container:taken", "start fails", ""),
    ("--network container:taken", "start fails", ""),
    ("--ipc container:taken", "start fails", ""),
    ("--volumes-from taken", "start works", ""),
    ("--volumes-from nowhere", "start fails", ""),
    ("--link taken:x", "start fails", ""),
    ("--runtime nowhere", "start fails", ""),
    ("--log-driver nowhere --health-cmd x", "start works", ""),
    ("--env-file /no/such", "start fails", ""),
    ("--add-host a:192.168.7.8 --mac-address 02:42:ac:11:00:02", "start works", ""),
    ("--add-host bad", "start fails", ""),
    ("--mac-address zz", "start fails", ""),
    ("--ip 172.29.0.5", "start works", ""),
    ("--stop-signal NOPE", "start fails", ""),
    ("--oom-score-adj 5000", "start fails", ""),
    ("--memory 64m --memory-swap 32m", "start fails", ""),
    ("--cpus 9999", "start fails", ""),
    ("--cpuset-cpus 99", "start fails", ""),
    ("--workdir relative", "start fails", ""),
    ("--mount type=tmpfs,target=/x --mount type=volume,source=new,target=/y", "start works", ""),
    ("-v /tmp:/x:bogus", "start fails", ""),
    ("-e GROUP=$(cat /no/such) --label a=b", "start works", ""),
];

const PROFILE: &str =
    r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}"#;

#[test]
fn foretold_and_proved_are_held_against_each_other() {
    let Some(lab) = Lab::start() else { return };
    let (node, holder) = (root_node(&lab), TcpListener::bind("0.0.0.0:0").unwrap());
    let taken = holder.local_addr().unwrap().port().to_string();
    let looped = TcpListener::bind("127.0.0.1:0").unwrap();
    let looped_port = looped.local_addr().unwrap().port().to_string();
    let profile = lab.work.path().join("profile.json");
    std::fs::write(&profile, PROFILE).unwrap();
    let profile = profile.display().to_string();
    let before = inventory(&lab);
    let wrong = |(options, expected, why): &(&str, &str, &str)| {
        let options = options.replace("FREE", &free_port().to_string()).replace("TAKEN", &taken).replace("NODE", &node);
        let options = options.replace("LOOPED", &looped_port).replace("PROFILE", &profile);
        let run = prove(&lab, &format!("docker run {options} {IMAGE}"), &[]);
        let told = calibrated(&run);
        let is_right = told == *expected && told.contains(" but ") != why.is_empty();
        (!is_right).then(|| format!("{options}: {told}; expected {expected} ({why}); {}", failures(&run)))
    };
    // A few at once: most of the time is the engine's.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts = CALIBRATION.chunks(CALIBRATION.len().div_ceil(4));
        let parts = parts.map(|rows| scope.spawn(|| rows.iter().filter_map(&wrong).collect::<Vec<_>>()));
        parts.collect::<Vec<_>>().into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(inventory(&lab), before);
}

/// What failed, for whoever looks at a red row.
fn failures(run: &Run) -> String {
    let failed = run.results().iter().filter(|r| r["status"] == "fail");
    failed.map(|r| format!("{}: {}", r["id"], r["summary"])).collect::<Vec<_>>().join("; ")
}

/// `start works, port works but fails`: of each what was foretold, and where that differs, what was proved.
fn calibrated(run: &Run) -> String {
    let mut all = Vec::new();
    for result in run.results().iter().filter(|r| r["group"] == "proof" && r["evidence"][0].is_object()) {
        let is_start = result["id"] == "proof-start";
        let subject = result["subject"].as_str().unwrap_or_default();
        let said = seen(run, result["id"].as_str().unwrap(), subject, "what gdoctor says");
        let foretold = match said.split(" (").next().unwrap_or_default() {
            "it works" => "works",
            "it fails" => "fails",
            "cannot tell" => "unknown",
            _ => "untold",
        };
        // What waits for the finding that foretold it has failed as well.
        let proved = match result["status"].as_str() {
            Some("pass" | "warn") => "works",
            Some("unknown") if result.get("cause").is_none() => "unknown",
            _ => "fails",
        };
        let what = match subject {
            _ if is_start => "start",
            subject if subject.contains("/tcp") || subject.contains("/udp") => "port",
            subject if subject.starts_with(':') => "display",
            "/dev/shm" => "limit",
            subject if subject.starts_with("/dev/") => "device",
            _ => "limit",
        };
        let differs = if foretold == proved { String::new() } else { format!(" but {proved}") };
        all.push(format!("{what} {foretold}{differs}"));
    }
    all.join(", ")
}
