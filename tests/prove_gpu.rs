//! `gdoctor prove` and GPUs, on engines that are real and with a driver that is not there: libraries of ours in the places of NVML,
//! CUDA, the decoder and the encoder, nodes of other devices, and files that show a loaded module. What brings them into the container
//! is CDI itself, or stand-ins for NVIDIA's hook, runtime and nvidia-container-cli that do what NVIDIA documents of them. The host has
//! no such GPU, so only what was seen inside is held here.
#![allow(clippy::disallowed_methods)]

mod part;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use part::proof::{binary, inventory, prove_with, proved, seen, suites};
use part::run_lines::{IMAGE, Lab};
use part::{Part, Run, has_engine, left_out};

const VERSION: &str = "550.54.15";
/// What the container is asked for beside its line.
const CODECS: &str = "--decode h264 --encode h264";
const VARIABLES: &str = "-e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video -e CUVID_DOUBLE=all";

const LIBRARIES: [&str; 5] = ["libnvidia-ml", "libcuda", "libnvcuvid", "libnvidia-encode", "libnvidia-ptxjitcompiler"];

/// A driver's files in a folder, and NVIDIA's programs that know of it.
struct Driver {
    dir: tempfile::TempDir,
}

impl Driver {
    /// `None`, after saying so, without a C compiler. Below the target folder, which the lab's machine sees as well.
    fn new() -> Option<Self> {
        let driver = Self { dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() };
        for folder in ["libraries", "nodes", "module/nvidia", "programs"] {
            fs::create_dir_all(driver.path(folder)).unwrap();
        }
        let doubles = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles");
        for stem in LIBRARIES {
            let source = if stem == "libnvidia-ml" { "nvml.c" } else { "cuvid.c" };
            let mut compiler = Command::new("cc");
            compiler.args(["-shared", "-fPIC", "-DANSWERS=\"/etc/nvml-answers\"", &format!("-Wl,-soname,{stem}.so.1")]);
            compiler.args(["-x", "c", &format!("{doubles}/{source}"), "-o"]).arg(driver.library(stem));
            if !compiler.status().is_ok_and(|status| status.success()) {
                left_out("the libraries that stand in for the driver's: no C compiler (cc)");
                return None;
            }
        }
        fs::rename(driver.library("libnvcuvid"), driver.path("decoder")).unwrap();
        driver.write("module/nvidia/version", &format!("{VERSION}\n"));
        let (place, own) = (driver.text("programs"), driver.text(""));
        for program in fs::read_dir(format!("{doubles}/nvidia")).unwrap().flatten() {
            let text = fs::read_to_string(program.path()).unwrap();
            let text = text.replace("@PLACE@", &place).replace("@DRIVER@", own.trim_end_matches('/'));
            let name = format!("programs/{}", program.file_name().to_str().unwrap());
            driver.write(&name, &text);
            fs::set_permissions(driver.path(&name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        Some(driver)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn text(&self, below: &str) -> String {
        self.path(below).display().to_string()
    }

    fn library(&self, stem: &str) -> PathBuf {
        self.path(&format!("libraries/{stem}.so.1"))
    }

    fn write(&self, below: &str, text: &str) {
        fs::write(self.path(below), text).unwrap();
    }

    /// Healthy but for what the state's name says.
    fn is(&self, state: &str) {
        fs::copy(self.path("decoder"), self.library("libnvcuvid")).unwrap();
        // Numbers of /dev/null, which every container may open, or of FUSE's node, which none may that was not given it.
        let (major, minor) = if state == "denied" { (10, 229) } else { (1, 3) };
        for name in ["nvidia0", "nvidiactl", "nvidia-uvm"] {
            let node = self.path("nodes").join(name);
            let _ = fs::remove_file(&node);
            mknod(&node, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(major, minor)).unwrap();
            fs::set_permissions(&node, PermissionsExt::from_mode(0o666)).unwrap();
        }
        self.write("devices", &format!("Character devices:\n195 nvidia\n {major} nvidia-uvm\n\nBlock devices:\n"));
        let answers = match state {
            "mismatch" => "init = !18\n".to_owned(),
            "hang" => "init = hang\n".to_owned(),
            _ => format!("driver = {VERSION}\ngpus = 1\ngpu0.name = NVIDIA L4\ngpu0.pci = 0:1:0\n"),
        };
        self.write("answers", &answers);
        match state {
            "no decoder" => fs::remove_file(self.library("libnvcuvid")).unwrap(),
            "no uvm" => fs::remove_file(self.path("nodes/nvidia-uvm")).unwrap(),
            _ => {}
        }
    }

    /// What a container showed: a line for each look at the GPU.
    fn looks(run: &Run) -> Vec<String> {
        let subjects = ["nodes", "NVML", "CUDA", "utility", "compute", "video", "decode h264", "encode h264"];
        subjects.map(|subject| format!("{subject}: {}", seen(run, "proof-inside", subject, ""))).to_vec()
    }
}

const HEALTHY: [&str; 8] = [
    "nodes: /dev/nvidia-uvm, /dev/nvidia0, /dev/nvidiactl can be opened",
    "NVML: 1 GPU(s), driver 550.54.15",
    "CUDA: cuInit succeeds",
    "utility: libnvidia-ml there",
    "compute: libcuda, libnvidia-ptxjitcompiler there",
    "video: libnvcuvid, libcuda there",
    "decode h264: cuvid decodes it",
    "encode h264: nvenc encodes it",
];

/// Of each state, what differs from a healthy one.
const STATES: [(&str, &[&str]); 6] = [
    ("healthy", &[]),
    ("mismatch", &["NVML: Driver/library version mismatch"]),
    (
        "hang",
        &[
            "NVML: cannot tell: no answer within the deadline",
            "CUDA: cannot tell: not asked: NVML gave no answer within the deadline",
        ],
    ),
    (
        "no decoder",
        &["video: libnvcuvid: no such library", "decode h264: libcuda, libnvcuvid: one of them is not there"],
    ),
    ("no uvm", &["nodes: /dev/nvidia0, /dev/nvidiactl can be opened", "CUDA: /dev/nvidia-uvm is not there"]),
    ("denied", &["nodes: open /dev/nvidia-uvm: Operation not permitted (os error 1)"]),
];

/// What a state shows inside.
fn expected(differs: &[&str]) -> Vec<String> {
    let subject = |line: &str| line.split(": ").next().unwrap_or_default().to_owned();
    let of = |line: &&str| {
        differs.iter().find(|other| subject(other) == subject(line)).map_or(*line, |other| *other).to_owned()
    };
    HEALTHY.iter().map(of).collect()
}

/// `--gpus` and NVIDIA's runtime in its legacy mode, by a stub of NVIDIA's hook and nvidia-container-cli.
#[test]
fn a_gpu_that_a_stub_of_nvidias_hook_brings() {
    let Some(driver) = Driver::new() else { return };
    driver.write(
        "daemon.json",
        &format!(
            "{{\"runtimes\": {{\"nvidia\": {{\"path\": \"{}\"}}}}}}",
            driver.text("programs/nvidia-container-runtime")
        ),
    );
    for suite in suites() {
        let config = driver.text("daemon.json");
        let mut arguments = vec!["--config", config.as_str()];
        arguments.extend(suite.into_iter().flat_map(|suite| ["--engine", suite]));
        let Some(lab) = Lab::beside(&driver.text("programs"), &arguments) else { return };
        let (engine, before) = (suite.unwrap_or("bookworm"), inventory(&lab));
        let ways = ["--gpus all", "--runtime nvidia -e NVIDIA_VISIBLE_DEVICES=all"];
        for (state, differs) in STATES {
            driver.is(state);
            // All states by the first engine; how an engine starts the hook is what the others add.
            for way in
                ways.iter().filter(|way| suite.is_none() && **way == ways[0] || ["healthy", "denied"].contains(&state))
            {
                let run = prove_with(&lab, CODECS, &format!("docker run {way} {VARIABLES} {IMAGE}"), &[]);
                assert_eq!(Driver::looks(&run), expected(differs), "{engine} {state} {way}: {:#?}", proved(&run));
            }
        }
        // Without NVML the hook ends the start, with NVIDIA's words.
        fs::rename(driver.library("libnvidia-ml"), driver.path("kept")).unwrap();
        let run = prove_with(&lab, "", &format!("docker run --gpus all {IMAGE}"), &[]);
        fs::rename(driver.path("kept"), driver.library("libnvidia-ml")).unwrap();
        let message = seen(&run, "proof-start", "", "docker run");
        assert!(message.contains("load library failed: libnvidia-ml.so.1"), "{engine}: {message:?}");
        let run =
            prove_with(&lab, "", &format!("docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=vidoe {IMAGE}"), &[]);
        let message = seen(&run, "proof-start", "", "docker run");
        assert!(message.contains("unsupported capabilities found in 'vidoe'"), "{engine}: {message:?}");
        assert_eq!(inventory(&lab), before, "{engine}");
    }
}

/// What the container is given by CDI, but for /proc/devices, which runtimes let nobody mount over: a hook of the spec does that.
fn spec(driver: &Driver, libraries: &[&str]) -> String {
    let folder = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let mount =
        |from: String, to: String| format!("    - {{hostPath: {from}, containerPath: {to}, options: [ro, bind]}}\n");
    let mut spec =
        "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: all\n  containerEdits:\n    deviceNodes:\n"
            .to_owned();
    for node in fs::read_dir(driver.path("nodes")).unwrap().flatten() {
        let name = node.file_name().into_string().unwrap();
        spec +=
            &format!("    - {{path: /dev/{name}, hostPath: {}, type: c, major: 1, minor: 3}}\n", node.path().display());
    }
    spec += &format!(
        "    hooks:\n    - {{hookName: createContainer, path: {}}}\n    mounts:\n",
        driver.text("devices-hook")
    );
    for stem in libraries {
        spec += &mount(driver.library(stem).display().to_string(), format!("{folder}/{stem}.so.1"));
    }
    spec += &mount(driver.text("answers"), "/etc/nvml-answers".into());
    spec + &mount(driver.text("module"), "/sys/module".into())
}

fn devices_hook(driver: &Driver) {
    let text = format!(
        "#!/bin/sh\nset -eu\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nbundle=$(jq -r .bundle)\nroot=$(jq -r .root.path \"$bundle/config.json\")\n\
         case $root in /*) ;; *) root=$bundle/$root ;; esac\nmount --bind {} \"$root/proc/devices\"\n",
        driver.text("devices")
    );
    driver.write("devices-hook", &text);
    fs::set_permissions(driver.path("devices-hook"), PermissionsExt::from_mode(0o755)).unwrap();
}

/// Without `library` where the state says so.
fn libraries_of(state: &str) -> Vec<&'static str> {
    LIBRARIES.into_iter().filter(|library| state != "no decoder" || *library != "libnvcuvid").collect()
}

#[test]
fn a_gpu_that_cdi_brings() {
    if !has_engine("sid") {
        return;
    }
    let Some(driver) = Driver::new() else { return };
    devices_hook(&driver);
    fs::create_dir(driver.path("cdi")).unwrap();
    driver.write("daemon.json", &format!("{{\"cdi-spec-dirs\": [\"{}\"]}}", driver.text("cdi")));
    driver.is("healthy");
    driver.write("cdi/nvidia.yaml", &spec(&driver, &LIBRARIES));
    let Some(lab) = Lab::of(&["--engine", "sid", "--config", &driver.text("daemon.json")]) else { return };
    let before = inventory(&lab);
    for (state, differs) in STATES.into_iter().filter(|(state, _)| *state != "denied") {
        driver.is(state);
        driver.write("cdi/nvidia.yaml", &spec(&driver, &libraries_of(state)));
        for image in [IMAGE, "no/such:1"] {
            let line = format!("docker run --device nvidia.com/gpu=all {VARIABLES} {image}");
            let run = prove_with(&lab, CODECS, &line, &[]);
            assert_eq!(Driver::looks(&run), expected(differs), "{state} {image}: {:#?}", proved(&run));
            // What this host lacks is told once, and nothing of it again.
            assert!(proved(&run).iter().all(|line| !line.starts_with("fail")), "{state}: {:#?}", proved(&run));
        }
    }
    assert_eq!(inventory(&lab), before);
}

#[test]
fn a_gpu_that_cdi_brings_to_podman() {
    let (Some(driver), Some(machine)) = (Driver::new(), Part::start("machine", &[])) else { return };
    let exec = |script: &str, input: &Path| {
        let mut command = Command::new(part::root().join("tests/lab/machine"));
        command.arg("exec").arg(machine.path()).args(["timeout", "120", "bash", "-c", script]);
        command.stdin(fs::File::open(input).unwrap()).output().unwrap()
    };
    let none = Path::new("/dev/null");
    devices_hook(&driver);
    exec("cat >/usr/local/bin/gdoctor && chmod 755 /usr/local/bin/gdoctor && mkdir -p /etc/cdi", binary().as_ref());
    exec("docker save lab/busybox:1 | podman load -q", none);
    let has = "podman ps -a -q; podman images -q; podman volume ls -q";
    let before = exec(has, none).stdout;
    for (state, differs) in STATES.into_iter().filter(|(state, _)| *state != "denied") {
        driver.is(state);
        driver.write("nvidia.yaml", &spec(&driver, &libraries_of(state)));
        exec("cat >/etc/cdi/nvidia.yaml", &driver.path("nvidia.yaml"));
        let line = format!("podman run --cgroupns private --device nvidia.com/gpu=all {VARIABLES} {IMAGE}");
        let run = Run::read(&exec(&format!("gdoctor prove --timeout 10s {CODECS} --format json -- {line}"), none));
        assert_eq!(Driver::looks(&run), expected(differs), "{state}: {:#?}", proved(&run));
    }
    assert_eq!(String::from_utf8_lossy(&exec(has, none).stdout), String::from_utf8_lossy(&before));
}
