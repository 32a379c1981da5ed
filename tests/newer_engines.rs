//! gdoctor against the real engines of Debian's releases, this one's and the later ones': healthy, and as their ways to a GPU open
//! and close. What it says of a line that asks for a GPU is what docker then does with it. The GPU and its driver are a host on
//! disk; hook and runtime are stand-ins, which dockerd finds at the same paths.
#![allow(clippy::disallowed_methods)]

mod part;
mod root;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use part::{Part, is_root};
use root::{DRIVER, Root};
use serde_json::Value;

const HOOK: &str = "nvidia-container-runtime-hook";
const CDI_HOOK: &str = "nvidia-cdi-hook";
const RUNTIME: &str = "nvidia-container-runtime";

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
        programs: &[RUNTIME, HOOK],
        steps: &[AsItStarts, Take(HOOK), Take(RUNTIME)],
    },
    Daemon { features: "", registered: true, programs: &[RUNTIME], steps: &[AsItStarts, Spec(&["all", "0"])] },
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

/// A folder that dockerd has on its PATH and looks for specs in, and the host on disk with the same folder.
struct Bench {
    place: tempfile::TempDir,
    root: Root,
}

impl Bench {
    fn new() -> Option<Self> {
        let place = tempfile::Builder::new().prefix("bench").tempdir_in("/tmp").unwrap();
        let root = Root::with_driver();
        for stem in ["libnvidia-ml", "libcuda"] {
            if !root.library(stem, DRIVER, "/dev/null", "-DEMPTY") {
                part::left_out("newer engines: no C compiler (cc)");
                return None;
            }
        }
        root.ldconfig();
        root.program("usr/bin/docker");
        root.write("dev/nvidiactl", "");
        root.write("dev/nvidia0", "");
        root.write("dev/nvidia-uvm", "");
        let package = "Package: nvidia-container-toolkit-base\nStatus: install ok installed\nVersion: 1.19.1-1\n\n";
        root.write("var/lib/dpkg/status", package);
        Some(Self { place, root })
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.place.path().display())
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.below(name);
        for path in [Path::new(&path), &self.root.path(&path)] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        }
    }

    fn bring(&self, program: &str) {
        let text = if program == RUNTIME { "#!/bin/sh\nexec runc \"$@\"\n" } else { "#!/bin/sh\n" };
        self.write(&format!("bin/{program}"), text, 0o755);
    }

    fn take(&self, program: &str) {
        let path = self.below(&format!("bin/{program}"));
        fs::remove_file(self.root.path(&path)).unwrap();
        fs::remove_file(path).unwrap();
    }

    fn spec(&self, devices: &[&str]) {
        let device = |name: &&str| format!("- name: \"{name}\"\n  containerEdits:\n    env: [GPU={name}]\n");
        let devices: String = devices.iter().map(device).collect();
        self.write("cdi/nvidia.yaml", &format!("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n{devices}"), 0o644);
    }

    fn start(&self, suite: Option<&str>, daemon: &Daemon) -> Option<Part> {
        for folder in ["bin", "cdi"].map(|name| self.below(name)) {
            for folder in [Path::new(&folder), &self.root.path(&folder)] {
                let _ = fs::remove_dir_all(folder);
            }
        }
        daemon.programs.iter().for_each(|program| self.bring(program));
        let mut config = format!("{{\"features\": {{{}}}", daemon.features);
        if suite.is_some() {
            config.push_str(&format!(", \"cdi-spec-dirs\": [\"{}\"]", self.below("cdi")));
        }
        if daemon.registered {
            let path = self.below(&format!("bin/{RUNTIME}"));
            config.push_str(&format!(", \"runtimes\": {{\"nvidia\": {{\"path\": \"{path}\"}}}}"));
        }
        self.write("daemon.json", &format!("{config}}}"), 0o644);
        let path = format!("PATH={}:{}", self.below("bin"), std::env::var("PATH").unwrap_or_default());
        let part = start(suite, &path, &self.below("daemon.json"))?;
        assert!(part.call("import", &[]).status.success());
        Some(part)
    }

    fn take_step(&self, step: &Step, started: Instant) {
        match step {
            AsItStarts => {}
            Bring(program) => {
                // A process's start is known to the second, and gdoctor leaves room for that.
                std::thread::sleep(Duration::from_millis(4200).saturating_sub(started.elapsed()));
                self.bring(program);
            }
            Take(program) => self.take(program),
            Spec(devices) => self.spec(devices),
        }
    }

    fn judged(&self, daemon: &Part, line: &str) -> Value {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gdoctor"))
            .args(["check", "--root", self.root.argument(), "--timeout", "10s", "--run-file", "-", "--format", "json"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/root")
            .env("DOCKER_HOST", daemon.get("DOCKER_HOST"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
    }
}

fn start(suite: Option<&str>, path: &str, config: &str) -> Option<Part> {
    let mut arguments = vec!["--config", config];
    arguments.extend(suite.iter().flat_map(|suite| ["--engine", suite]));
    Part::start_in("env", &[path], "docker", &arguments)
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
            bench.take_step(step, since);
            for line in LINES.into_iter().chain((number == 0).then_some(OTHERS)) {
                let line = line.replace("IMG", "lab/busybox:1");
                let report = bench.judged(&part, &line);
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
    if let Some(started) = walk(Some("trixie")) {
        assert!(started >= 10, "{started}");
    }
}

/// Docker 28.5 reads them unless it is told not to.
#[test]
fn ways_to_a_gpu_of_sid() {
    if let Some(started) = walk(Some("sid")) {
        assert!(started >= 10, "{started}");
    }
}
