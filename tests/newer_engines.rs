//! gdoctor against the real engines of Debian's releases, this one's and the later ones': healthy, and as their ways to a GPU open
//! and close. What it says of a line that asks for a GPU is what docker then does with it. The GPU and its driver are files
//! (tests/lab/driver), a library of ours answers in NVML's place, and the toolkit's programs are stand-ins, which do of
//! theirs what the lines come to.
#![allow(clippy::disallowed_methods)]

mod part;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use part::{Part, Run, has_engine, is_root};
use serde_json::Value;

const HOOK: &str = "nvidia-container-runtime-hook";
const CDI_HOOK: &str = "nvidia-cdi-hook";
const RUNTIME: &str = "nvidia-container-runtime";
/// What the others start, and none of them looks for before.
const BESIDE: [&str; 2] = ["nvidia-container-cli", "nvidia-ctk"];

/// A daemon, by what daemon.json says and by the programs that are there when it starts; and what then changes beneath it.
struct Daemon {
    features: &'static str,
    /// The runtime nvidia stands in daemon.json.
    registered: bool,
    programs: &'static [&'static str],
    steps: &'static [Step],
}

#[derive(Debug)]
enum Step {
    AsItStarts,
    Bring(&'static str),
    Take(&'static str),
    /// A spec that names these devices, in the place of the last one.
    Spec(&'static [&'static str]),
}

use Step::{AsItStarts, Bring, Spec, Take};

const DAEMONS: [Daemon; 5] = [
    Daemon { features: "", registered: false, programs: &[], steps: &[AsItStarts, Spec(&["all", "0"]), Bring(HOOK)] },
    Daemon {
        features: "\"cdi\": true",
        registered: false,
        programs: &[CDI_HOOK],
        steps: &[AsItStarts, Spec(&["0"]), Spec(&["1"]), Spec(&["all", "0"])],
    },
    Daemon { features: "\"cdi\": false", registered: false, programs: &[HOOK], steps: &[Spec(&["all", "0"])] },
    Daemon {
        features: "",
        registered: true,
        programs: &[RUNTIME, HOOK, CDI_HOOK],
        steps: &[AsItStarts, Take(HOOK), Take(RUNTIME)],
    },
    Daemon {
        features: "",
        registered: true,
        programs: &[RUNTIME, CDI_HOOK],
        steps: &[AsItStarts, Spec(&["all", "0"])],
    },
];

const LINES: [&str; 5] = [
    "docker run --rm --gpus all IMG true",
    "docker create --gpus device=0 --runtime=nvidia IMG true",
    "docker run --rm --device nvidia.com/gpu=all IMG true",
    "docker create --device nvidia.com/gpu=0 --device nvidia.com/gpu=7 IMG true",
    "docker run --rm --runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=0 IMG true",
];
/// Asked of each daemon once. Engines before API 1.50 do not tell what other vendors' specs name.
const OTHERS: &str = "docker create --device example.com/thing=one IMG true";

/// The host: DIR of tests/lab/driver, and where things lie in that view.
struct Bench {
    place: tempfile::TempDir,
}

const BIN: &str = "/opt/nvidia/bin";
const SPECS: &str = "/etc/cdi";
const DRIVER: &str = "550.54.15";

impl Bench {
    fn new() -> Option<Self> {
        let bench = Self { place: tempfile::Builder::new().prefix("bench").tempdir_in("/tmp").unwrap() };
        let gpu = "sys/bus/pci/devices/0000:01:00.0";
        bench.write(&format!("{gpu}/vendor"), "0x10de\n");
        bench.write(&format!("{gpu}/class"), "0x030200\n");
        bench.write(&format!("{gpu}/device"), "0x1eb8\n");
        bench.write("sys/bus/pci/drivers/nvidia/bind", "");
        std::os::unix::fs::symlink("../../drivers/nvidia", bench.host(&format!("{gpu}/driver"))).unwrap();
        bench.write("sys/module/nvidia/version", &format!("{DRIVER}\n"));
        let answers = format!(
            "driver = {DRIVER}\ncuda = 12040\ngpus = 1\ngpu0.name = Tesla T4\ngpu0.minor = 0\ngpu0.pci = 0000:01:00\n"
        );
        bench.write("opt/nvidia/answers", &answers);
        fs::write(bench.place.path().join("devices"), "nvidiactl 195 255\nnvidia0 195 0\nnvidia-uvm 511 0\n").unwrap();
        let package = "\nPackage: nvidia-container-toolkit-base\nStatus: install ok installed\nVersion: 1.19.1-1\n";
        fs::write(bench.place.path().join("packages"), package).unwrap();
        let nvml = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/nvml.c");
        let whole = bench.library("libnvidia-ml", nvml) && bench.library("libcuda", "/dev/null");
        if !whole {
            part::left_out("newer engines: no C compiler (cc)");
        }
        whole.then_some(bench)
    }

    /// Where a file lies before the view is made.
    fn host(&self, below: &str) -> PathBuf {
        self.place.path().join("host").join(below.trim_start_matches('/'))
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.host(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn library(&self, stem: &str, source: &str) -> bool {
        let file = self.host(&format!("opt/nvidia/lib/{stem}.so.{DRIVER}"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let soname = format!("-Wl,-soname,{stem}.so.1");
        let answers = "-DANSWERS=\"/opt/nvidia/answers\"";
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", answers, &soname, "-x", "c", source, "-o"]).arg(file);
        match compiler.status() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            ended => {
                assert!(ended.unwrap().success(), "{source} does not compile");
                true
            }
        }
    }

    fn start(&self, suite: Option<&str>, daemon: &Daemon) -> Option<Part> {
        let _ = fs::remove_dir_all(self.host(BIN));
        fs::create_dir_all(self.host(BIN)).unwrap();
        let beside = if daemon.programs.is_empty() { &[][..] } else { &BESIDE };
        for program in daemon.programs.iter().chain(beside) {
            let path = self.host(&format!("{BIN}/{program}"));
            fs::write(&path, stand_in(program)).unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let mut config = format!("{{\"features\": {{{}}}", daemon.features);
        if daemon.registered {
            config.push_str(&format!(", \"runtimes\": {{\"nvidia\": {{\"path\": \"{BIN}/{RUNTIME}\"}}}}"));
        }
        let file = self.place.path().join("daemon.json");
        fs::write(&file, format!("{config}}}")).unwrap();
        let path = format!("PATH={}:{BIN}", std::env::var("PATH").unwrap_or_default());
        let view = part::root().join("tests/lab/driver");
        let mut arguments = vec!["--config", file.to_str().unwrap()];
        arguments.extend(suite.iter().flat_map(|suite| ["--engine", suite]));
        let before = [self.place.path().to_str().unwrap(), "env", &path];
        let part = Part::start_in(view.to_str().unwrap(), &before, "docker", &arguments)?;
        assert!(part.call("import", &[]).status.success());
        Some(part)
    }
}

/// As far as these lines come to them. The runtime, in its mode jit-cdi, takes dockerd's hook out again.
fn stand_in(program: &str) -> &'static str {
    match program {
        RUNTIME => {
            r#"#!/bin/sh
before=
for word; do [ "$before" = --bundle ] && bundle=$word; before=$word; done
if [ -n "${bundle:-}" ]; then
  jq '(.hooks.prestart // empty) |= map(select(.path | endswith("-hook") | not))' "$bundle/config.json" >"$bundle/without" &&
    mv "$bundle/without" "$bundle/config.json"
fi
exec runc "$@"
"#
        }
        "nvidia-ctk" => "#!/bin/sh\necho NVIDIA Container Toolkit CLI version 1.19.1\n",
        _ => "#!/bin/sh\n",
    }
}

impl Step {
    fn take(&self, daemon: &Part, started: Instant) {
        let script = match self {
            AsItStarts => return,
            Bring(program) => {
                // A process's start is known to the second, and gdoctor leaves room for that.
                std::thread::sleep(Duration::from_millis(4200).saturating_sub(started.elapsed()));
                format!("printf '#!/bin/sh\n' >{BIN}/{program}; chmod 755 {BIN}/{program}")
            }
            Take(program) => format!("rm {BIN}/{program}"),
            Spec(devices) => {
                let device = |name: &&str| format!("- name: \"{name}\"\n  containerEdits:\n    env: [GPU={name}]\n");
                let devices: String = devices.iter().map(device).collect();
                let text = format!("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n{devices}");
                format!("mkdir -p {SPECS}; printf %s '{text}' >{SPECS}/nvidia.yaml")
            }
        };
        let done = daemon.call("exec", &["sh", "-ec", &script]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

fn judged(daemon: &Part, line: &str) -> Value {
    let script = "printf '%s\n' \"$2\" | \"$1\" check --timeout 10s --run-file - --format json";
    let host = format!("DOCKER_HOST={}", daemon.get("DOCKER_HOST"));
    let ran = daemon.call(
        "exec",
        &[
            "env",
            "-i",
            "PATH=/usr/bin:/bin",
            "HOME=/root",
            &host,
            "sh",
            "-c",
            script,
            "sh",
            env!("CARGO_BIN_EXE_gdoctor"),
            line,
        ],
    );
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)))
}

/// What docker does with a line: nothing when the container starts, else its words.
fn refused(daemon: &Part, line: &str) -> Option<String> {
    let line = match line.contains("docker create") {
        true => format!("docker start $({line})"),
        false => line.into(),
    };
    let ran: Output = daemon.call("exec", &["sh", "-c", &line]);
    (!ran.status.success()).then(|| String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// Holds gdoctor against every line at every step; returns how many lines started.
fn walk(suite: Option<&str>) -> Option<usize> {
    let bench = Bench::new()?;
    let mut wrong = Vec::new();
    let mut started = 0;
    for daemon in DAEMONS {
        let part = bench.start(suite, &daemon)?;
        let since = Instant::now();
        for (number, step) in daemon.steps.iter().enumerate() {
            step.take(&part, since);
            for line in LINES.into_iter().chain((number == 0).then_some(OTHERS)) {
                let line = line.replace("IMG", "lab/busybox:1");
                let report = judged(&part, &line);
                let refusal = refused(&part, &line);
                started += usize::from(refusal.is_none());
                let at = format!("{} {:?} {step:?}: {line}", daemon.features, daemon.programs);
                let said = report["runLine"]["starts"].as_str().unwrap_or_default();
                let unseen = line.contains("example.com") && said == "unknown";
                if !unseen && said != if refusal.is_none() { "yes" } else { "no" } {
                    wrong.push(format!("{at}: {said}, but {refusal:?}\n{}", told(&report)));
                }
                let corrected = report["runLine"]["corrected"].as_str();
                if let Some((corrected, refusal)) = corrected.and_then(|line| Some((line, refused(&part, line)?))) {
                    wrong.push(format!("{at}: corrected to {corrected}, but {refusal}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Some(started)
}

fn told(report: &Value) -> String {
    let results = report["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bad = results.iter().filter(|r| !["pass", "skip"].contains(&r["status"].as_str().unwrap_or_default()));
    bad.map(|r| format!("  {} {} {}", r["status"], r["code"], r["cause"])).collect::<Vec<_>>().join("\n")
}

/// Docker 20.10 reads no CDI specs.
#[test]
fn ways_to_a_gpu_here() {
    if is_root("newer engines")
        && let Some(started) = walk(None)
    {
        assert!(started >= 5, "{started}");
    }
}

/// Docker 26.1 reads them where it is told to.
#[test]
fn ways_to_a_gpu_of_trixie() {
    if has_engine("trixie")
        && let Some(started) = walk(Some("trixie"))
    {
        assert!(started >= 8, "{started}");
    }
}

/// Docker 28.5 reads them unless it is told not to.
#[test]
fn ways_to_a_gpu_of_sid() {
    if has_engine("sid")
        && let Some(started) = walk(Some("sid"))
    {
        assert!(started >= 10, "{started}");
    }
}

const LATER: [&str; 2] = ["trixie", "sid"];

/// gdoctor on the view of the host that the daemon has, with its release's client.
fn look(daemon: &Part, arguments: &[&str]) -> Run {
    let all = [&[env!("CARGO_BIN_EXE_gdoctor")], arguments, &["--format", "json"]].concat();
    Run::read(&daemon.call("exec", &all))
}

fn with_store(suite: &str, snapshotter: bool) -> Option<Part> {
    let config = tempfile::NamedTempFile::new().unwrap();
    fs::write(config.path(), format!("{{\"features\": {{\"containerd-snapshotter\": {snapshotter}}}}}")).unwrap();
    Part::start("docker", &["--config", config.path().to_str().unwrap(), "--engine", suite])
}

/// The lab's daemon is told to set no rules and to leave the host's forwarding; and of a containerd in a place of its own nobody tells
/// where its images lie.
#[test]
fn a_healthy_newer_engine_has_no_red_line() {
    let suites = LATER.into_iter().filter(|suite| has_engine(suite));
    for (suite, snapshotter) in suites.flat_map(|suite| [(suite, false), (suite, true)]) {
        let Some(daemon) = with_store(suite, snapshotter) else { return };
        let run = look(&daemon, &["--only", "docker,disk"]);
        let mut told = run.told();
        let as_started = ["warn docker-iptables/off-by-flag", "warn docker-forwarding/left-off"];
        told.retain(|line| !as_started.contains(&line.as_str()) && line != "warn docker-forwarding/off");
        let socket = format!("{}/containerd.sock", daemon.path().display());
        let store = if snapshotter { vec![format!("unknown disk-space/unknown {socket}")] } else { vec![] };
        assert_eq!(told, store, "{suite}");
        assert_eq!(run.of("docker-version"), ["pass docker-version/range"]);
        assert!(
            run.summary("docker-version/range").contains(daemon.get("ENGINE")),
            "{}",
            run.summary("docker-version/range")
        );
        assert_eq!(run.of("docker-kind"), ["pass docker-kind/engine"]);
        assert_eq!(run.of("docker-storage"), ["pass docker-storage/fit"]);
        assert!(run.of("disk-space").contains(&format!("pass disk-space/room {}/data", daemon.path().display())));
    }
}

/// An image that a newer one replaces, a stopped container, a volume of no name, build cache of an image that is there and of one that
/// is not.
const USED: &str = r#"
mkdir -p one two context
head -c 30M /dev/urandom >one/old; head -c 1M /dev/urandom >two/new; head -c 3M /dev/urandom >context/file
tar -C one -c . | docker import - app:1; tar -C two -c . | docker import - app:1
docker run --name done lab/busybox:1 sh -c 'head -c 20000000 /dev/urandom >/written'
docker run --name idle -v /anon lab/busybox:1 sh -c 'head -c 7000000 /dev/urandom >/anon/x'; docker rm idle
printf 'FROM lab/busybox:1\nCOPY file /file\nRUN --mount=type=cache,target=/c head -c 11000000 /dev/urandom >/c/x\nRUN head -c 17000000 /dev/urandom >/two\n' >context/Dockerfile
docker build --network none -t built context
printf 'FROM lab/busybox:1\nRUN head -c 19000000 /dev/urandom >/three\n' >context/Dockerfile
docker build --network none -t gone context; docker rmi gone
"#;

#[test]
fn what_a_newer_docker_would_free_is_counted_and_frees_it() {
    let all = [("trixie", false), ("sid", false), ("sid", true)];
    for (suite, snapshotter) in all.into_iter().filter(|(suite, _)| has_engine(suite)) {
        let Some(daemon) = with_store(suite, snapshotter) else { return };
        assert!(daemon.call("import", &[]).status.success());
        let script = format!("cd {}\nset -e\n{USED}", daemon.path().display());
        let made = daemon.call("exec", &["env", "DOCKER_BUILDKIT=1", "bash", "-c", &script]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let commands = [
            "docker builder prune",
            "docker image prune",
            "docker container prune",
            "docker volume prune",
            "docker image prune -a",
            "docker builder prune",
        ];
        for command in commands {
            let run = look(&daemon, &["--only", "disk-space,disk-reclaim", "--reclaim"]);
            let result = run.results().iter().find(|r| r["subject"] == command);
            let summary = result.unwrap_or_else(|| panic!("{suite}: no {command} in {:#?}", run.of("disk-reclaim")));
            let (least, most) = told_sizes(summary["summary"].as_str().unwrap());
            let before = used(&daemon);
            assert!(daemon.call("exec", &["bash", "-c", &format!("{command} -f")]).status.success());
            let freed = before - used(&daemon);
            let within = least * 0.9 - 0.5 <= freed && freed <= most * 1.1 + 0.5;
            assert!(within, "{suite}, {snapshotter}: {command} freed {freed} MiB: {summary}");
        }
    }
}

/// What the daemon's folders take, in MiB.
fn used(daemon: &Part) -> f64 {
    let output =
        Command::new("du").args(["-s", "--block-size=1", "data", "containerd"]).current_dir(daemon.path()).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let bytes = text.lines().filter_map(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    bytes.sum::<f64>() / f64::from(1 << 20)
}

/// The sizes behind `free`: `31.6 MiB`, or `0 B to 31.6 MiB`, in MiB. At least so much: as it is written, or more.
fn told_sizes(summary: &str) -> (f64, f64) {
    let words: Vec<&str> = summary.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "free").unwrap() + 1;
    let rest = &words[at..];
    let size = |number: &str, unit: &str| {
        let scale = [("B", 1e-6), ("KiB", 1.0 / 1024.0), ("MiB", 1.0), ("GiB", 1024.0)];
        number.parse::<f64>().unwrap() * scale.iter().find(|(name, _)| *name == unit.trim_end_matches(',')).unwrap().1
    };
    match rest {
        ["at", "least", number, unit, ..] => (size(number, unit), f64::INFINITY),
        [low, low_unit, "to", high, high_unit, ..] => (size(low, low_unit), size(high, high_unit)),
        [number, unit, ..] => (size(number, unit), size(number, unit)),
        _ => panic!("{summary}"),
    }
}
