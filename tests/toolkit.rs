//! gdoctor against a real dockerd that a stand-in runtime is registered with, and against a host on disk whose toolkit,
//! configuration, CDI specs and loader's cache are whole, stale, broken or hostile.
#![allow(clippy::disallowed_methods)]

mod part;
mod root;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use part::{Part, Run, gdoctor, is_root};
use root::{DRIVER, Root};

const CHECKS: &str = "gpu-path,nvidia-toolkit,nvidia-runtime,nvidia-config,nvidia-cdi,nvidia-cgroup-risk";
const PROGRAMS: [&str; 5] = [
    "nvidia-container-runtime-hook",
    "nvidia-cdi-hook",
    "nvidia-container-cli",
    "nvidia-container-runtime",
    "nvidia-ctk",
];
/// Docker's own programs, which the toolkit's lead to.
const HANDED_TO: [&str; 1] = ["runc"];
const SPEC: &str = "var/run/cdi/nvidia.yaml";

/// The host on disk, with a toolkit of 1.19.1 by its packages, in legacy mode.
fn host() -> Root {
    let root = Root::with_driver();
    for program in PROGRAMS.iter().chain(&HANDED_TO) {
        root.program(&format!("usr/bin/{program}"));
    }
    root.program("sbin/ldconfig.real");
    let package = |name: &str| format!("Package: {name}\nStatus: install ok installed\nVersion: 1.19.1-1\n\n");
    let packages = ["nvidia-container-toolkit", "nvidia-container-toolkit-base", "libnvidia-container1"].map(package);
    root.write("var/lib/dpkg/status", &packages.concat());
    root.write(
        "etc/nvidia-container-runtime/config.toml",
        "[nvidia-container-cli]\nldconfig = \"@/sbin/ldconfig.real\"\n[nvidia-container-runtime]\nmode = \"legacy\"\n",
    );
    root.write("dev/nvidia0", "");
    root.write("dev/nvidia-uvm", "");
    root.write(&format!("usr/lib/libcuda.so.{DRIVER}"), "");
    symlink(format!("libcuda.so.{DRIVER}"), root.path("usr/lib/libcuda.so.1")).unwrap();
    root
}

fn spec(library: &str) -> String {
    format!(
        "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/nvidia0\n\
         containerEdits:\n  deviceNodes:\n  - path: /dev/nvidia-uvm\n  hooks:\n  - hookName: createContainer\n    \
         path: /usr/bin/nvidia-cdi-hook\n  mounts:\n  - hostPath: {library}\n    containerPath: {library}\n"
    )
}

fn look(root: &Root, daemon: &Part) -> Run {
    gdoctor(&["--gpu", "--root", root.argument(), "--only", CHECKS], &[("DOCKER_HOST", daemon.get("DOCKER_HOST"))])
}

/// The daemon's own word counts, not the file: registered, and then only written down.
#[test]
fn the_daemon_says_which_runtimes_it_has() {
    let config = tempfile::NamedTempFile::new().unwrap();
    fs::write(config.path(), "{\"runtimes\": {\"nvidia\": {\"path\": \"/usr/bin/nvidia-container-runtime\"}}}")
        .unwrap();
    let root = host();
    let Some(daemon) = Part::start("docker", &["--config", config.path().to_str().unwrap()]) else { return };
    let run = look(&root, &daemon);
    assert_eq!(run.of("nvidia-runtime"), ["pass nvidia-runtime/registered"]);
    assert_eq!(run.of("nvidia-toolkit"), ["pass nvidia-toolkit/installed"]);
    assert_eq!(run.of("gpu-path")[..2], ["pass gpu-path/filtered --gpus", "pass gpu-path/filtered --runtime=nvidia"]);
    assert_eq!(run.of("nvidia-config"), ["pass nvidia-config/sound"]);

    fs::remove_file(root.path("usr/bin/nvidia-container-runtime")).unwrap();
    assert_eq!(look(&root, &daemon).of("nvidia-runtime"), ["warn nvidia-runtime/dangling"]);
}

#[test]
fn registered_in_a_file_is_not_registered() {
    let root = host();
    let Some(daemon) = Part::start("docker", &[]) else { return };
    assert_eq!(look(&root, &daemon).of("nvidia-runtime"), ["warn nvidia-runtime/not-registered"]);
    root.write("etc/docker/daemon.json", "{\"runtimes\": {\"nvidia\": {\"path\": \"nvidia-container-runtime\"}}}");
    let told = look(&root, &daemon).of("nvidia-runtime");
    assert!(told[0].ends_with("/not-reloaded") || told[0].ends_with("/wrong-file"), "{told:?}");

    for program in PROGRAMS {
        fs::remove_file(root.path("usr/bin").join(program)).unwrap();
    }
    let run = look(&root, &daemon);
    assert_eq!(run.told(), ["fail nvidia-toolkit/not-installed"], "one cause, one red line");
    assert_eq!(run.code, 1);
}

/// A rule of dockerd: it looks for the hook at its start only.
#[test]
fn a_toolkit_newer_than_the_daemon_asks_for_a_restart() {
    if !is_root("toolkit: a daemon older than the toolkit") {
        return;
    }
    let Some(daemon) = Part::start("docker", &[]) else { return };
    std::thread::sleep(std::time::Duration::from_millis(4200));
    let root = host();
    let run = look(&root, &daemon);
    assert_eq!(run.of("nvidia-toolkit"), ["fail nvidia-toolkit/installed-after-dockerd"], "{:#?}", run.told());
    assert_eq!(run.told().len(), 1, "{:#?}", run.told());
}

#[test]
fn specs_on_disk_fresh_stale_and_broken() {
    let root = host();
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let told = |text: &str| {
        root.write(SPEC, text);
        look(&root, &daemon).of("nvidia-cdi")
    };
    let fresh = spec(&format!("/usr/lib/libcuda.so.{DRIVER}"));
    assert_eq!(told(&fresh), ["pass nvidia-cdi/fresh /var/run/cdi/nvidia.yaml"]);
    assert_eq!(told(&spec("/usr/lib/libcuda.so.535.183.01")), ["warn nvidia-cdi/stale /var/run/cdi/nvidia.yaml"]);
    assert_eq!(told(&spec("/usr/lib/libgone.so.1")), ["warn nvidia-cdi/missing /var/run/cdi/nvidia.yaml"]);
    let socket = spec("/run/nvidia-persistenced/socket");
    assert_eq!(told(&socket), ["warn nvidia-cdi/no-socket /var/run/cdi/nvidia.yaml"]);
    let with_major = fresh.replace("- path: /dev/nvidia-uvm", "- path: /dev/nvidia-uvm\n    major: 500");
    assert_eq!(told(&with_major), ["warn nvidia-cdi/old-uvm /var/run/cdi/nvidia.yaml"]);
    assert_eq!(told("cdiVersion: [\n"), ["warn nvidia-cdi/malformed /var/run/cdi/nvidia.yaml"]);

    let huge = root.path(SPEC);
    let file = fs::File::create(&huge).unwrap();
    file.set_len(100 << 20).unwrap();
    assert_eq!(look(&root, &daemon).of("nvidia-cdi"), ["warn nvidia-cdi/malformed /var/run/cdi/nvidia.yaml"]);
}

#[test]
fn a_configuration_that_is_no_toml_names_its_line() {
    let root = host();
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let path = "etc/nvidia-container-runtime/config.toml";
    root.write(path, "disable-require = false\n[nvidia-container-cli\nno-cgroups = true\n");
    let run = look(&root, &daemon);
    assert_eq!(run.of("nvidia-config"), ["fail nvidia-config/malformed"]);
    let summary = run.results().iter().find(|r| r["id"] == "nvidia-config").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("line 2, column 22"), "{summary}");

    // The printed fixes, run on the file itself.
    for (text, code, mended) in [
        ("[nvidia-container-cli]\nldconfig = \"/sbin/ldconfig\"\n", "ldconfig", "ldconfig = \"@/sbin/ldconfig\""),
        ("supported-driver-capabilities = \"utility\"\n", "capability", "#supported-driver-capabilities"),
    ] {
        root.write(path, text);
        let before = look(&root, &daemon);
        let fix = before.fix(&format!("nvidia-config/{code}")).join("\n").replace("sudo ", "");
        let fix = fix.replace("/etc/", &format!("{}/etc/", root.argument()));
        assert!(Command::new("sh").args(["-ec", &fix]).status().unwrap().success(), "{fix}");
        assert!(fs::read_to_string(root.path(path)).unwrap().contains(mended));
        assert_eq!(look(&root, &daemon).of("nvidia-config"), ["pass nvidia-config/sound"]);
    }
}

/// Whatever lies in the place of ld.so.cache: one finding, no panic.
#[test]
fn a_hostile_cache_is_one_gap() {
    let root = host();
    let look = |bytes: &[u8]| {
        fs::write(root.path("etc/ld.so.cache"), bytes).unwrap();
        gdoctor(&["--gpu", "--root", root.argument(), "--only", "driver-capability"], &[])
    };
    let mut cut = b"glibc-ld.so.cache1.1".to_vec();
    cut.extend(u32::MAX.to_le_bytes());
    cut.resize(64, 0xff);
    for bytes in [&b"not a cache"[..], &cut, &[0; 4096]] {
        let run = look(bytes);
        assert_eq!(run.of("driver-capability"), ["unknown driver-capability/unknown"]);
        assert_eq!(run.code, 3);
    }
}

/// A boot: Docker starts its containers again, and the driver is not there yet. What Docker keeps of that is told while nothing
/// else is wrong any more, and no longer when the container runs.
#[test]
fn a_container_that_was_started_before_the_driver() {
    let programs = tempfile::tempdir().unwrap();
    let hook = programs.path().join("nvidia-container-runtime-hook");
    let behave = |script: &str| {
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    behave("exit 0");
    let path = format!("PATH={}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    let Some(daemon) = Part::start_in("env", &[&path], "docker", &[]) else { return };
    assert!(daemon.call("import", &[]).status.success());
    daemon.docker("docker run -d --gpus all --restart always --name work lab/busybox:1 sleep 1000");
    daemon.docker("docker run -d --gpus all --name once lab/busybox:1 sleep 1000");
    let root = host();
    let look = || {
        let arguments = ["--gpu", "--root", root.argument(), "--only", "gpu-restarts"];
        gdoctor(&arguments, &[("DOCKER_HOST", daemon.get("DOCKER_HOST"))])
    };
    assert_eq!(look().of("gpu-restarts"), ["pass gpu-restarts/none"]);

    behave("echo 'nvidia-container-cli: initialization error: nvml error: driver not loaded' >&2; exit 1");
    assert!(daemon.call("stop", &[]).status.success());
    let mut again = Command::new("env");
    again.arg(&path).arg(part::root().join("tests/lab/docker")).arg("start").arg(daemon.path());
    assert!(again.output().unwrap().status.success());
    let run = look();
    assert_eq!(run.told(), ["warn gpu-restarts/started-before-driver work"]);
    let said = run.results()[0]["summary"].as_str().unwrap().to_owned();
    assert!(said.contains("work (restart always)"), "{said}");
    assert_eq!(run.fix("gpu-restarts/started-before-driver")[0], "docker start work");

    behave("exit 0");
    daemon.docker("docker start work");
    assert_eq!(look().told(), Vec::<String>::new());
    // Whoever has not loaded the driver is told of that elsewhere.
    fs::remove_dir_all(root.path("sys/module/nvidia")).unwrap();
    assert_eq!(look().told(), Vec::<String>::new());
}

/// Ids of the line against the driver's own list; in a report to be shared both have pseudonyms, and the verdict is the same. The NVML
/// of another root is not loaded, so of an id that is there no more than that is known.
#[test]
fn the_ids_of_a_line_are_compared_with_the_hosts() {
    const HERE_AND_NO_MORE: [&str; 1] = ["unknown run-line-gpu/unknown"];
    const HERE: &str = "GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab";
    let root = host();
    root.write(&format!("usr/lib/libnvidia-ml.so.{DRIVER}"), "");
    symlink(format!("libnvidia-ml.so.{DRIVER}"), root.path("usr/lib/libnvidia-ml.so.1")).unwrap();
    let information = "proc/driver/nvidia/gpus/0000:01:00.0/information";
    root.write(information, &format!("Model: \t\t NVIDIA L4\nGPU UUID: \t {HERE}\nDevice Minor: \t 0\n"));
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let look = |id: &str, more: &[&str]| {
        let line = tempfile::NamedTempFile::new().unwrap();
        fs::write(line.path(), format!("docker run --gpus device={id} lab/none\n")).unwrap();
        let mut arguments = vec!["--root", root.argument(), "--only", "run-line-gpu"];
        arguments.extend(["--run-file", line.path().to_str().unwrap()]);
        arguments.extend(more);
        gdoctor(&arguments, &[("DOCKER_HOST", daemon.get("DOCKER_HOST"))]).of("run-line-gpu")
    };
    for more in [&[][..], &["--share"]] {
        assert_eq!(look(HERE, more), HERE_AND_NO_MORE, "{more:?}");
        assert_eq!(look(&HERE.to_lowercase(), more), HERE_AND_NO_MORE, "{more:?}");
        let other = HERE.replace('5', "6");
        assert_eq!(look(&other, more), ["fail run-line-gpu/no-such-id"], "{more:?}");
        assert_eq!(look("GPU-5ddc1ab9", more), ["fail run-line-gpu/no-such-id"], "{more:?}");
    }
    // Until a program has started the GPU its id is not known, and nothing is said of it.
    root.write(information, "GPU UUID: \t GPU-????????-????-????-????-????????????\n");
    assert_eq!(look(&HERE.replace('5', "6"), &[]), HERE_AND_NO_MORE);
}
