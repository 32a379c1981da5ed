//! gdoctor against a driver that is not there: a host's files in a folder, and a library of ours in libnvidia-ml.so.1's place
//! that answers, lies, hangs or crashes as told.
#![allow(clippy::disallowed_methods)]

mod part;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use part::{Run, gdoctor, is_root, left_out};

const VERSION: &str = "550.54.15";
const NVIDIA: [&str; 2] = ["--only", "nvidia-gpu,nvidia-driver,nvidia-version,nvidia-nvml,nvidia-health"];

/// What lies in the place of libnvidia-ml.so.1.
#[derive(Clone, Copy, Debug)]
enum Double {
    Whole,
    /// As a driver before 510, without its newer calls.
    Old,
    /// A library without a single symbol.
    Empty,
}

impl Double {
    /// Compiled once for all tests.
    fn compiled(self) -> Option<&'static Path> {
        static BUILT: [OnceLock<Option<PathBuf>>; 3] = [const { OnceLock::new() }; 3];
        BUILT[self as usize].get_or_init(|| self.compile()).as_deref()
    }

    fn compile(self) -> Option<PathBuf> {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nvml-{self:?}.so"));
        let source = match self {
            Double::Empty => "/dev/null",
            _ => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/nvml.c"),
        };
        let define = if matches!(self, Double::Old) { "-DOLD" } else { "-DWHOLE" };
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", define, "-x", "c", source, "-o"]).arg(&library);
        match compiler.status() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                left_out("the library that stands in for NVML: no C compiler (cc)");
                None
            }
            ended => {
                assert!(ended.unwrap().success(), "the double does not compile");
                Some(library)
            }
        }
    }
}

/// A host on disk with `gpus` cards that NVIDIA's driver holds, and the double that NVML is on it.
struct Fake {
    dir: tempfile::TempDir,
}

impl Fake {
    /// `None`, after saying so, where no C compiler is.
    fn new(gpus: u32, answers: &str) -> Option<Self> {
        Self::with(gpus, answers, Double::Whole)
    }

    fn with(gpus: u32, answers: &str, double: Double) -> Option<Self> {
        let library = double.compiled()?;
        let fake = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(fake.library().parent().unwrap()).unwrap();
        fs::copy(library, fake.library()).unwrap();
        fake.write_host(gpus);
        fs::write(fake.answers(), answers).unwrap();
        Some(fake)
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("lib/libnvidia-ml.so.1")
    }

    fn answers(&self) -> PathBuf {
        self.dir.path().join("answers")
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    fn write_host(&self, gpus: u32) {
        // The kernel's tree is mounted there, without a node of NVIDIA's.
        self.write("/dev/.keep", "");
        // By its boot id this is the machine's own root, seen from elsewhere: its drivers are asked.
        let boot = "/proc/sys/kernel/random/boot_id";
        self.write(boot, &fs::read_to_string(boot).unwrap());
        for index in 1..=gpus {
            let device = format!("/sys/bus/pci/devices/0000:{index:02x}:00.0");
            for (file, content) in [("vendor", "0x10de\n"), ("device", "0x2330\n"), ("class", "0x030200\n")] {
                self.write(&format!("{device}/{file}"), content);
            }
            self.link(&format!("{device}/driver"), "../../../../bus/pci/drivers/nvidia");
        }
        self.write("/sys/module/nvidia/version", &format!("{VERSION}\n"));
        self.write(
            "/proc/driver/nvidia/version",
            &format!("NVRM version: NVIDIA UNIX x86_64 Kernel Module  {VERSION}  Tue Mar  5 22:23:56 UTC 2024\n"),
        );
        self.write("/proc/devices", "Character devices:\n195 nvidia\n511 nvidia-uvm\n");
        self.write("/dev/null.txt", "");
        for library in ["libnvidia-ml", "libcuda"] {
            self.write(&format!("/usr/lib64/{library}.so.{VERSION}"), "");
            self.link(&format!("/usr/lib64/{library}.so.1"), &format!("{library}.so.{VERSION}"));
        }
    }

    fn look(&self, more: &[&str]) -> Run {
        let root = self.root();
        let library = self.library();
        let (answers, folder) = (self.answers(), library.parent().unwrap());
        let mut arguments = vec!["--root", text(&root), "--gpu"];
        arguments.extend(NVIDIA);
        arguments.extend(more);
        gdoctor(&arguments, &[("LD_LIBRARY_PATH", text(folder)), ("NVML_DOUBLE", text(&answers))])
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Answers of `count` healthy H100.
fn healthy(count: u32) -> String {
    let mut lines = format!("driver = {VERSION}\ncuda = 12040\ngpus = {count}\n");
    for index in 0..count {
        lines += &gpu(index, "");
    }
    lines
}

/// One healthy H100 whose first lines may be overridden: the double takes the first line of a key.
fn gpu(index: u32, first: &str) -> String {
    let mut lines: String = first.lines().map(|line| format!("gpu{index}.{line}\n")).collect();
    let bus = index + 1;
    for line in [
        "name = NVIDIA H100 80GB HBM3",
        "capability = 9.0",
        "memory = 85520809984",
        "free = 85000000000",
        "ecc = 0",
        "rows = 0 0 0 0",
        "mig = 0 0",
        "mode = 0",
        "fabric = 3 0",
        "persistence = 1",
        "throttle = 1",
        "temperature = 35",
        "width = 16",
        "width_possible = 16",
        "brand = 14",
    ] {
        lines += &format!("gpu{index}.{line}\n");
    }
    lines + &format!("gpu{index}.pci = 0:{bus:x}:0\ngpu{index}.minor = {index}\ngpu{index}.uuid = GPU-{index}\n")
}

#[test]
fn a_healthy_driver_has_no_red_line() {
    let Some(fake) = Fake::new(2, &healthy(2)) else { return };
    let run = fake.look(&[]);
    assert_eq!(run.told(), [""; 0]);
    assert_eq!(run.code, 0);
    assert_eq!(run.of("nvidia-driver"), ["pass nvidia-driver/loaded"]);
    assert_eq!(run.of("nvidia-version"), ["pass nvidia-version/same"]);
    assert_eq!(run.of("nvidia-health"), ["pass nvidia-health/well GPU 0", "pass nvidia-health/well GPU 1"]);
    let nvml = run.results().iter().find(|r| r["id"] == "nvidia-nvml").unwrap();
    assert_eq!(nvml["summary"], format!("NVML answers: GPUs 2, driver {VERSION}, CUDA up to 12.4."));
}

/// A library that never comes back costs its deadline, and nothing else.
#[test]
fn a_hang_costs_its_deadline_and_the_rest_is_whole() {
    let Some(fake) = Fake::new(2, "init = hang\n") else { return };
    let started = Instant::now();
    let run = fake.look(&["--timeout", "500ms"]);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(run.told(), ["unknown nvidia-nvml/unknown"]);
    let nvml = run.results().iter().find(|r| r["id"] == "nvidia-nvml").unwrap();
    assert!(nvml["summary"].as_str().unwrap().contains("no answer within the deadline"), "{}", nvml["summary"]);
    assert_eq!(run.of("nvidia-driver"), ["pass nvidia-driver/loaded"]);
    assert_eq!(run.of("nvidia-version"), ["pass nvidia-version/same"]);
    assert_eq!(run.code, 3);
}

/// What was read before the hang is kept.
#[test]
fn a_hang_at_the_second_gpu_keeps_the_first() {
    let answers =
        format!("driver = {VERSION}\ncuda = 12040\ngpus = 2\n{}gpu1.handle = hang\n", gpu(0, "rows = 0 1 1 0"));
    let Some(fake) = Fake::new(2, &answers) else { return };
    let run = fake.look(&["--timeout", "500ms"]);
    assert_eq!(run.told(), ["unknown nvidia-nvml/unknown", "warn nvidia-health/remap-pending GPU 0"]);
    assert_eq!(run.code, 3);
}

#[test]
fn a_crash_is_unknown_and_named() {
    for answers in ["init = abort\n".to_owned(), format!("driver = {VERSION}\ngpus = abort\n")] {
        let Some(fake) = Fake::new(1, &answers) else { return };
        let run = fake.look(&[]);
        assert_eq!(run.told(), ["unknown nvidia-nvml/unknown"], "{answers}");
        let nvml = run.results().iter().find(|r| r["id"] == "nvidia-nvml").unwrap();
        assert!(nvml["summary"].as_str().unwrap().contains("SIGABRT"), "{}", nvml["summary"]);
        assert_eq!(run.code, 3);
    }
}

#[test]
fn a_library_without_symbols_and_one_that_is_none() {
    let Some(fake) = Fake::with(1, "", Double::Empty) else { return };
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-nvml/bad-library"]);
    fs::write(fake.library(), "this is no library").unwrap();
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-nvml/bad-library"]);
    fs::remove_file(fake.library()).unwrap();
    // The machine that runs the tests may have a real one.
    if !Path::new("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1").exists() {
        assert_eq!(
            fake.look(&[]).told(),
            ["unknown nvidia-nvml/unknown"],
            "the root has its own, not to be loaded here"
        );
        fs::remove_file(fake.root().join("usr/lib64/libnvidia-ml.so.1")).unwrap();
        let run = fake.look(&["--capability", "compute"]);
        assert_eq!(run.of("nvidia-nvml"), ["fail nvidia-nvml/no-library"]);
    }
}

#[test]
fn every_answer_of_the_start_has_its_meaning() {
    for (code, expected) in [
        (4, "unknown nvidia-nvml/unknown"),
        (8, "fail nvidia-nvml/no-power"),
        (9, "fail nvidia-nvml/driver-not-reached"),
        (11, "fail nvidia-nvml/no-interrupt"),
        (12, "fail nvidia-nvml/bad-library"),
        (15, "fail nvidia-nvml/gpu-lost"),
        (17, "fail nvidia-nvml/blocked-by-system"),
        (18, "fail nvidia-nvml/version-mismatch"),
        (27, "fail nvidia-nvml/error"),
        (999, "fail nvidia-nvml/error"),
    ] {
        let Some(fake) = Fake::new(1, &format!("init = !{code}\n")) else { return };
        assert_eq!(fake.look(&[]).told(), [expected], "{code}");
    }
}

#[test]
fn a_lost_gpu_is_one_red_line() {
    let answers = format!("driver = {VERSION}\ncuda = 12040\ngpus = 2\n{}gpu1.handle = !15\n", gpu(0, ""));
    let Some(fake) = Fake::new(2, &answers) else { return };
    let run = fake.look(&[]);
    assert_eq!(run.told(), ["fail nvidia-health/lost GPU 1"]);
    // One that NVML no longer counts at all.
    let Some(fake) = Fake::new(2, &healthy(1)) else { return };
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-nvml/gpu-missing 0000:02:00.0"]);
    // One that still has a handle and answers nothing.
    let Some(fake) = Fake::new(1, &format!("driver = {VERSION}\ngpus = 1\n{}", gpu(0, "state = !15"))) else { return };
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-health/lost GPU 0"]);
}

/// The kernel's log and the driver's own list, beside NVML: a fault is told once, an excluded GPU is none.
#[test]
fn what_the_driver_itself_tells() {
    let Some(fake) = Fake::new(2, &healthy(2)) else { return };
    fake.write("/var/log/dmesg", "[ 9.1] NVRM: Xid (PCI:0000:02:00): 119, pid=7, name=x, Timeout after 6s\n");
    assert_eq!(fake.look(&[]).told(), ["warn nvidia-health/reported-faults GPU 1"]);
    fs::write(fake.answers(), healthy(1)).unwrap();
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-nvml/gpu-missing 0000:02:00.0"]);
    fake.write("/proc/driver/nvidia/gpus/0000:02:00.0/information", "GPU UUID:\t GPU-????????\nGPU Excluded:\t Yes\n");
    assert_eq!(fake.look(&[]).told(), [""; 0]);
    // The file of another generation, or of nobody's.
    fake.write("/proc/driver/nvidia/gpus/0000:02:00.0/information", "\u{0}\u{1}::\nGPU Excluded = Yes");
    fake.write("/proc/driver/nvidia/params", "\u{fffd}::::\nDeviceFileMode: -1\n");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-nvml/gpu-missing 0000:02:00.0"]);
}

#[test]
fn states_of_health() {
    for (state, expected) in [
        ("ecc = 2", "warn nvidia-health/memory-errors GPU 0"),
        ("rows = 0 4 0 1", "fail nvidia-health/memory-worn-out GPU 0"),
        ("retirement = 1", "warn nvidia-health/remap-pending GPU 0"),
        ("mig = 1 1", "fail nvidia-health/mig-empty GPU 0"),
        ("mig = 0 1", "warn nvidia-health/mig-waits GPU 0"),
        ("mode = 2", "fail nvidia-health/prohibited GPU 0"),
        ("mode = 3", "warn nvidia-health/exclusive GPU 0"),
        ("fabric = 2 0", "warn nvidia-health/fabric-not-ready GPU 0"),
        ("throttle = 0x40", "warn nvidia-health/slowed-down GPU 0"),
        ("width = 4", "warn nvidia-health/narrow-link GPU 0"),
        ("virtual = 2\nlicences = 1 3 0:1 0:0 1:0", "warn nvidia-health/unlicensed GPU 0"),
    ] {
        let answers = format!("driver = {VERSION}\ncuda = 12040\ngpus = 1\n{}", gpu(0, state));
        let Some(fake) = Fake::new(1, &answers) else { return };
        assert_eq!(fake.look(&[]).told(), [expected], "{state}");
    }
    for well in [
        "mig = 1 1\ninstances = 3",
        // Licensed, a number of features that is none, no licence needed, a card of one's own, nobody tells.
        "virtual = 2\nlicences = 1 2 0:1 1:1",
        "virtual = 2\nlicences = 1 4294967295 1:1",
        "virtual = 2\nlicences = 0 0",
        "virtual = 1\nlicences = 1 1 0:1",
        "virtual = 2\nlicences = !999",
    ] {
        let answers = format!("driver = {VERSION}\ngpus = 1\n{}", gpu(0, well));
        let Some(fake) = Fake::new(1, &answers) else { return };
        assert_eq!(fake.look(&[]).told(), [""; 0], "{well}");
    }
    let Some(fake) = Fake::new(1, &healthy(1)) else { return };
    fake.write("/sys/bus/pci/devices/0000:c0:00.0/vendor", "0x10de\n");
    fake.write("/sys/bus/pci/devices/0000:c0:00.0/class", "0x068000\n");
    fs::write(fake.answers(), format!("driver = {VERSION}\ngpus = 1\n{}", gpu(0, "fabric = 1 0"))).unwrap();
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-health/fabric-not-ready GPU 0"]);
}

/// "Not supported" and a driver of 2020 change no verdict.
#[test]
fn what_is_not_supported_is_neither_good_nor_bad() {
    let bare = format!("driver = {VERSION}\ncuda = 11000\ngpus = 1\ngpu0.name = X\ngpu0.pci = 0:1:0\n");
    let Some(fake) = Fake::new(1, &bare) else { return };
    assert_eq!(fake.look(&[]).told(), [""; 0]);
    let Some(fake) = Fake::with(1, &healthy(1), Double::Old) else { return };
    let run = fake.look(&[]);
    assert_eq!(run.told(), [""; 0]);
    let health = run.results().iter().find(|r| r["id"] == "nvidia-health").unwrap();
    assert!(health["summary"].as_str().unwrap().contains("81559 MiB"), "{}", health["summary"]);
}

/// What the flags ask of GPU and driver, all the way from the command line.
#[test]
fn fitness() {
    let Some(fake) =
        Fake::new(2, &(healthy(1).replace("gpus = 1", "gpus = 2") + &gpu(1, "memory = 8589934592\nfree = 1000")))
    else {
        return;
    };
    let look = |flags: &[&str]| {
        let root = fake.root();
        let (library, answers) = (fake.library(), fake.answers());
        let arguments = ["--root", text(&root), "--only", "nvidia-fitness"];
        let env = [("LD_LIBRARY_PATH", text(library.parent().unwrap())), ("NVML_DOUBLE", text(&answers))];
        gdoctor(&[&arguments, flags].concat(), &env).told()
    };
    let all = ["--gpu-memory", "40GiB", "--compute-capability", "9.0", "--driver", ">=535", "--cuda", "12.4"];
    assert_eq!(look(&all), [""; 0]);
    assert_eq!(look(&["--gpu-memory", "40GiB", "--gpu=2"]), ["fail nvidia-fitness/memory-too-small memory"]);
    assert_eq!(look(&["--gpu-memory", "8GiB", "--gpu=2"]), ["fail nvidia-fitness/memory-in-use memory"]);
    assert_eq!(look(&["--compute-capability", "10.0"]), ["fail nvidia-fitness/capability-too-low compute capability"]);
    assert_eq!(look(&["--driver", "<550"]), ["fail nvidia-fitness/driver-differs driver"]);
    assert_eq!(look(&["--cuda", "12.8"]), ["warn nvidia-fitness/cuda-minor CUDA"]);
    assert_eq!(look(&["--cuda", "13.0"]), ["fail nvidia-fitness/cuda-too-new CUDA"]);
}

/// Who holds the memory that is short: by number, name and size; a program that computes and draws is told once.
#[test]
fn the_holders_of_memory_are_named() {
    let me = std::process::id();
    let held = format!("free = 1048576\ncompute = {me}:2147483648 4000000000:1048576\ngraphics = {me}:2147483648");
    let answers = format!("driver = {VERSION}\ncuda = 12040\ngpus = 1\n{}", gpu(0, &held));
    let Some(fake) = Fake::new(1, &answers) else { return };
    let (root, library, answers) = (fake.root(), fake.library(), fake.answers());
    let env = [("LD_LIBRARY_PATH", text(library.parent().unwrap())), ("NVML_DOUBLE", text(&answers))];
    let run = gdoctor(&["--root", text(&root), "--only", "nvidia-fitness", "--gpu-memory", "8GiB"], &env);
    assert_eq!(run.told(), ["fail nvidia-fitness/memory-in-use memory"]);
    let summary = run.results()[0]["summary"].as_str().unwrap().to_owned();
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    assert!(summary.contains(&format!("{} {me} (2048 MiB), process 4000000000 (1 MiB).", name.trim())), "{summary}");
}

/// Two GPUs that the driver lets reach each other over PCI Express, while the IOMMU translates.
#[test]
fn gpus_that_reach_each_other_through_the_iommu() {
    let peers = |status: &str| {
        let answers = format!("driver = {VERSION}\ncuda = 12040\ngpus = 2\n{}", gpu(0, &format!("peer.1 = {status}")));
        answers + &gpu(1, "")
    };
    let Some(fake) = Fake::new(2, &peers("0 5")) else { return };
    assert_eq!(fake.look(&[]).told(), [""; 0], "no IOMMU at all");
    for device in ["0000:01:00.0", "0000:02:00.0"] {
        fake.write(&format!("/sys/bus/pci/devices/{device}/iommu_group/type"), "DMA-FQ\n");
    }
    assert_eq!(fake.look(&[]).told(), ["warn nvidia-health/peers-through-iommu"]);
    for status in ["0 0", "2 5", "!3"] {
        fs::write(fake.answers(), peers(status)).unwrap();
        assert_eq!(fake.look(&[]).told(), [""; 0], "{status}");
    }
    fs::write(fake.answers(), peers("0 5")).unwrap();
    fake.write("/sys/bus/pci/devices/0000:02:00.0/iommu_group/type", "identity\n");
    assert_eq!(fake.look(&[]).told(), [""; 0]);
    // Whoever hangs here costs nothing that was read before.
    fs::write(fake.answers(), peers("hang")).unwrap();
    assert_eq!(fake.look(&["--timeout", "1s"]).told(), [""; 0]);
}

/// The limit of sessions is the machine's: they are counted over all GPUs, and one that does not tell counts for none.
#[test]
fn the_encoders_sessions_are_used_up() {
    let answers = format!("driver = {VERSION}\ngpus = 3\n{}", gpu(0, "encodings = 2"));
    let answers = answers + &gpu(1, "encodings = 3") + &gpu(2, "encodings = !3");
    let Some(fake) = Fake::new(3, &answers) else { return };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/cuvid.c");
    for name in ["libcuda.so.1", "libnvidia-encode.so.1"] {
        let library = fake.library().with_file_name(name);
        assert!(
            Command::new("cc").args(["-shared", "-fPIC", source, "-o", text(&library)]).status().unwrap().success()
        );
        fake.write(&format!("/usr/lib64/{name}"), "");
    }
    let look = || {
        let (root, library, answers) = (fake.root(), fake.library(), fake.answers());
        let env = [
            ("LD_LIBRARY_PATH", text(library.parent().unwrap())),
            ("NVML_DOUBLE", text(&answers)),
            ("CUVID_DOUBLE", "too-many"),
        ];
        gdoctor(&["--root", text(&root), "--only", "gpu-encode", "--encode", "h264"], &env)
    };
    // The fake's libcuda.so.1 is a link to a file with the driver's version.
    fake.link("/usr/lib64/libcuda.so.1", &format!("libcuda.so.{VERSION}"));
    let run = look();
    assert_eq!(run.told(), ["fail gpu-encode/sessions-used-up"]);
    let summary = run.results()[0]["summary"].as_str().unwrap().to_owned();
    assert!(summary.ends_with("sessions open on this host: 5."), "{summary}");
    fs::write(fake.answers(), healthy(3)).unwrap();
    assert_eq!(look().told(), ["unknown gpu-encode/unknown h264"], "nobody encodes: another reason");
}

/// Names that are no text, ids of question marks, a million GPUs: findings, never a panic.
#[test]
fn hostile_answers() {
    let Some(fake) = Fake::new(1, "") else { return };
    let mut answers =
        b"driver = \xff\xfe\ncuda = -7\ngpus = 1\ngpu0.name = \xff\xff\x1b[2J\ngpu0.pci = 0:1:0\n".to_vec();
    answers.extend(b"gpu0.uuid = GPU-????????-????-????-????-????????????\ngpu0.width = 4294967295\n");
    fs::write(fake.answers(), answers).unwrap();
    let run = fake.look(&[]);
    assert_eq!(run.told(), [""; 0]);
    fs::write(fake.answers(), "driver = 550.54.15\ngpus = 4294967295\n").unwrap();
    let run = fake.look(&[]);
    assert!(run.told().len() > 100, "each index that has no GPU is told");
}

/// A file that modinfo reads like a kernel module; false, after saying so, where there is no modinfo.
fn compile_module(path: &Path, version: &str) -> bool {
    if !["/usr/sbin/modinfo", "/sbin/modinfo", "/usr/bin/modinfo"].iter().any(|tool| Path::new(tool).exists()) {
        left_out("what the module on disk tells: no modinfo (kmod)");
        return false;
    }
    let source = path.with_extension("c");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let fields = format!("version={version}\\0license=NVIDIA\\0vermagic=x");
    fs::write(&source, format!("__attribute__((section(\".modinfo\"), used)) const char told[] = \"{fields}\";\n"))
        .unwrap();
    assert!(Command::new("cc").arg("-c").arg("-o").arg(path).arg(&source).status().unwrap().success());
    true
}

#[test]
fn mismatches_and_a_pending_reboot() {
    let Some(fake) = Fake::new(1, "init = !18\n") else { return };
    for library in ["libnvidia-ml", "libcuda"] {
        fake.write(&format!("/usr/lib64/{library}.so.550.90.07"), "");
        fake.link(&format!("/usr/lib64/{library}.so.1"), &format!("{library}.so.550.90.07"));
    }
    fake.write("/proc/sys/kernel/osrelease", "6.8.0-45-generic\n");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-version/mismatch"]);
    fake.write("/lib/modules/6.8.0-45-generic/modules.dep", "updates/dkms/nvidia.ko:\n");
    let module = fake.root().join("lib/modules/6.8.0-45-generic/updates/dkms/nvidia.ko");
    if compile_module(&module, "550.90.07") {
        assert_eq!(fake.look(&[]).told(), ["fail nvidia-version/reboot-pending"]);
        compile_module(&module, VERSION);
        assert_eq!(fake.look(&[]).told(), ["fail nvidia-version/module-differs"]);
    }
    fake.link("/usr/lib64/libcuda.so.1", "libcuda.so.550.54.15");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-version/mixed"]);
}

#[test]
fn the_reasons_of_a_module_that_is_not_loaded() {
    let Some(fake) = Fake::new(1, "init = abort\n") else { return };
    fs::remove_dir_all(fake.root().join("sys/module")).unwrap();
    fs::remove_dir_all(fake.root().join("proc/driver")).unwrap();
    fs::remove_file(fake.root().join("sys/bus/pci/devices/0000:01:00.0/driver")).unwrap();
    fake.write("/proc/sys/kernel/osrelease", "6.8.0-45-generic\n");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-driver/reboot-pending"]);
    fake.write("/lib/modules/6.8.0-45-generic/modules.dep", "kernel/fs/ext4.ko:\n");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-driver/not-built"]);
    fake.write("/lib/modules/6.8.0-49-generic/modules.dep", "updates/dkms/nvidia.ko:\n");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-driver/built-for-newer"]);
    fake.write("/lib/modules/6.8.0-45-generic/modules.dep", "updates/dkms/nvidia.ko:\n");
    fake.write("/lib/modules/6.8.0-45-generic/updates/dkms/nvidia.ko", "no module, and modinfo says so");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-driver/not-loaded"]);
    fake.write("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\u{6}\0\0\0\u{1}");
    let told = fake.look(&[]).told();
    assert_eq!(told, ["fail nvidia-driver/not-loaded-secure-boot"], "modinfo has not told whether it is signed");
    if compile_module(&fake.root().join("lib/modules/6.8.0-45-generic/updates/dkms/nvidia.ko"), VERSION) {
        assert_eq!(fake.look(&[]).told(), ["fail nvidia-driver/unsigned"]);
    }
    fake.write("/etc/modprobe.d/x.conf", "# a comment\nblacklist nvidia\n");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-driver/blocked"]);
    fake.link("/sys/bus/pci/devices/0000:01:00.0/driver", "../../../../bus/pci/drivers/nouveau");
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-gpu/held-by-nouveau 0000:01:00.0"]);
    fs::remove_dir_all(fake.root().join("sys/bus/pci/devices")).unwrap();
    assert_eq!(fake.look(&[]).told(), ["fail nvidia-gpu/none"]);
}

/// Real nodes with real numbers, in the folder's /dev.
#[test]
fn nodes_by_their_numbers_and_rights() {
    if !is_root("nvidia-nodes: making device nodes") {
        return;
    }
    let Some(fake) = Fake::new(1, &healthy(1)) else { return };
    let node = |name: &str, major: u64, minor: u64, mode: u32| {
        let path = fake.root().join("dev").join(name);
        let _ = fs::remove_file(&path);
        let made = mknod(&path, SFlag::S_IFCHR, Mode::empty(), makedev(major, minor));
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        made.unwrap();
    };
    let look = |more: &[&str]| {
        let root = fake.root();
        let (library, answers) = (fake.library(), fake.answers());
        let arguments = ["--root", text(&root), "--gpu", "--only", "nvidia-nodes"];
        let env = [("LD_LIBRARY_PATH", text(library.parent().unwrap())), ("NVML_DOUBLE", text(&answers))];
        gdoctor(&[&arguments, more].concat(), &env).told()
    };
    assert_eq!(look(&[]).len(), 3, "no node at all: told, and none of it red");
    assert!(look(&[]).iter().all(|line| line.starts_with("warn ")));
    for (name, major, minor) in [("nvidiactl", 195, 255), ("nvidia0", 195, 0), ("nvidia-uvm", 511, 0)] {
        node(name, major, minor, 0o666);
    }
    assert_eq!(look(&[]), [""; 0]);
    node("nvidia-uvm", 509, 0, 0o666);
    assert_eq!(look(&[]), ["fail nvidia-nodes/wrong-number /dev/nvidia-uvm"]);
    node("nvidia-uvm", 511, 0, 0o660);
    assert_eq!(look(&[]), [""; 0]);
    assert_eq!(look(&["--container-user", "1000:1000"]), ["fail nvidia-nodes/closed-to-user /dev/nvidia-uvm"]);
    fs::remove_file(fake.root().join("dev/nvidia-uvm")).unwrap();
    fs::create_dir(fake.root().join("dev/nvidia-uvm")).unwrap();
    assert_eq!(look(&[]), ["fail nvidia-nodes/not-a-device /dev/nvidia-uvm"]);
}

/// A libcuda of ours that does not start: what the kernel tells besides decides which cause is named. Where CUDA would load a
/// module, it is not started at all.
#[test]
fn cuda_that_does_not_start() {
    if !is_root("nvidia-cuda: making device nodes") {
        return;
    }
    let Some(fake) = Fake::new(1, &healthy(1)) else { return };
    let cuda = fake.library().with_file_name("libcuda.so.1");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/cuvid.c");
    assert!(Command::new("cc").args(["-shared", "-fPIC", source, "-o", text(&cuda)]).status().unwrap().success());
    let look = |behaviour: &str| {
        let root = fake.root();
        let (library, answers) = (fake.library(), fake.answers());
        let env = [
            ("LD_LIBRARY_PATH", text(library.parent().unwrap())),
            ("NVML_DOUBLE", text(&answers)),
            ("CUVID_DOUBLE", behaviour),
            ("CUDA_VISIBLE_DEVICES", "-1"),
        ];
        gdoctor(&["--root", text(&root), "--gpu", "--only", "nvidia-cuda", "--timeout", "2s"], &env)
    };
    assert_eq!(look("abort-at-start").of("nvidia-cuda"), ["skip nvidia-cuda/would-load"]);
    fs::create_dir_all(fake.root().join("dev")).unwrap();
    mknod(&fake.root().join("dev/nvidia-uvm"), SFlag::S_IFCHR, Mode::S_IRUSR, makedev(511, 0)).unwrap();

    assert_eq!(look("all").of("nvidia-cuda"), ["pass nvidia-cuda/starts"]);
    let refused = look("unknown");
    assert_eq!(refused.told(), ["fail nvidia-cuda/refuses"]);
    assert!(refused.report.to_string().contains(text(&cuda)), "the library that was loaded is named");
    assert_eq!(look("no-device").told(), ["fail nvidia-cuda/no-device"]);
    assert_eq!(look("abort-at-start").told(), ["unknown nvidia-cuda/unknown"]);
    fake.write(
        "/proc/driver/nvidia/version",
        &format!("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {VERSION}  Release Build\n"),
    );
    fake.write("/sys/module/nvidia_uvm/parameters/uvm_disable_hmm", "N\n");
    assert_eq!(look("unknown").told(), ["fail nvidia-cuda/memory-management"]);
    fake.write("/sys/power/suspend_stats/success", "2\n");
    assert_eq!(look("unknown").told(), ["fail nvidia-cuda/stuck-after-suspend"]);
    fake.write("/sys/power/suspend_stats/success", "\u{0}rubbish");
    assert_eq!(look("unknown").told(), ["fail nvidia-cuda/memory-management"]);
}
