//! Texts of others, torn and mixed at random: no parser panics, whatever it is given. The same doors as fuzz/ has, without its
//! compiler; `GDOCTOR_FUZZ_SECONDS` is the time that each parser gets, and `GDOCTOR_FUZZ_SEED` another beginning.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use gdoctor::foreign;

/// Enough to notice a slip, and not to be waited for.
const USUAL: Duration = Duration::from_secs(1);

struct Chance(u64);

impl Chance {
    /// xorshift64*.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

/// Pieces that parsers stumble over.
const PIECES: [&str; 36] = [
    "",
    "\0",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "é",
    "\u{10ffff}",
    "\\",
    "\\\n",
    "\"",
    "'",
    "$",
    "${",
    "}",
    "$(",
    "`",
    ":",
    "=",
    "-",
    "--",
    ",",
    "[",
    "]",
    "{",
    "&a",
    "*a",
    "<<",
    "#",
    "0",
    "-1",
    "4294967296",
    "18446744073709551616",
    "1e400",
    "%s",
];

fn changed(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut text = seeds[chance.below(seeds.len())].clone();
    for _ in 0..=chance.below(6) {
        let at = chance.below(text.len() + 1);
        let to = at + chance.below((text.len() - at).min(40) + 1);
        match chance.below(6) {
            0 => drop(text.splice(at..to, [])),
            1 => drop(text.splice(at..to, PIECES[chance.below(PIECES.len())].bytes())),
            2 => drop(text.splice(at..at, text[at..to].to_vec())),
            3 => {
                let other = &seeds[chance.below(seeds.len())];
                let from = chance.below(other.len() + 1);
                let some = other[from..from + chance.below((other.len() - from).min(200) + 1)].to_vec();
                drop(text.splice(at..to, some));
            }
            4 if at < text.len() => text[at] ^= 1 << chance.below(8),
            _ => text.truncate(text.len() - chance.below(text.len().min(30) + 1)),
        }
    }
    text
}

fn numbers(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Tries `parser` for its time, and shows every text that it panicked at, the shortest of each kind of panic.
fn try_out(name: &str, seeds: Vec<Vec<u8>>, parser: impl Fn(&[u8])) {
    assert!(!seeds.is_empty(), "{name}: nothing to begin with");
    let time = Duration::from_secs(numbers("GDOCTOR_FUZZ_SECONDS", USUAL.as_secs()));
    let mut chance = Chance(numbers("GDOCTOR_FUZZ_SEED", 0x9e37_79b9_7f4a_7c15) | 1);
    let started = Instant::now();
    let (mut tried, mut slowest) = (0_u64, (Duration::ZERO, Vec::new()));
    let mut crashed: Vec<Vec<u8>> = Vec::new();
    while started.elapsed() < time && crashed.len() < 5 {
        let text = changed(&seeds, &mut chance);
        let began = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| parser(&text))).is_err() {
            crashed.push(text.clone());
        }
        tried += 1;
        if began.elapsed() > slowest.0 {
            slowest = (began.elapsed(), text);
        }
    }
    let slow = String::from_utf8_lossy(&slowest.1).chars().take(300).collect::<String>();
    println!(
        "{name}: {tried} texts in {:?}, {} panics, the slowest {:?}: {slow:?}",
        started.elapsed(),
        crashed.len(),
        slowest.0
    );
    let shown: Vec<_> = crashed.iter().map(|text| String::from_utf8_lossy(text)).collect();
    assert!(crashed.is_empty(), "{name}: {shown:#?}");
}

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The texts below a key of a table.
fn told(path: &str, table: &str, key: &str) -> Vec<Vec<u8>> {
    let parsed: toml::Table = toml::from_str(&String::from_utf8(read(path)).unwrap()).unwrap();
    let texts = parsed[table].as_array().unwrap().iter().filter_map(|row| row.get(key));
    let texts = texts.flat_map(|text| text.as_array().cloned().unwrap_or_else(|| vec![text.clone()]));
    texts.filter_map(|text| text.as_str().map(|text| text.as_bytes().to_vec())).collect()
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn run_lines() {
    let table: toml::Table = toml::from_str(&String::from_utf8(read("tests/run_line.toml")).unwrap()).unwrap();
    let name =
        table.iter().find(|(_, rows)| rows.as_array().is_some_and(|rows| rows[0].get("text").is_some())).unwrap().0;
    try_out("run line", told("tests/run_line.toml", name, "text"), foreign::run_line);
}

#[test]
fn compose_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    let seeds = texts(&[
        "services:\n  a:\n    image: \"${IMAGE:-ubuntu}\"\n    ports: [\"8080:80\", {target: 80, published: \"9000-9010\"}]\n    environment:\n      A: b\n      PASSWORD: x\n",
        "x-a: &a\n  image: b\nservices:\n  a:\n    <<: *a\n    gpus: all\n    devices: [/dev/video0, nvidia.com/gpu=all]\n    deploy:\n      resources:\n        reservations:\n          devices:\n            - {driver: nvidia, count: 1, capabilities: [gpu]}\n",
        "include: [./compose.yaml]\nservices:\n  a:\n    extends: {file: compose.yaml, service: b}\n    profiles: [x]\n    volumes: [\"/tmp/.X11-unix:/tmp/.X11-unix:ro\", {type: bind, source: ~/a, target: /a}]\n    shm_size: 1gb\n    ulimits: {memlock: -1, nofile: {soft: 1, hard: 2}}\n",
    ]);
    try_out("compose", seeds, |text| {
        fs::write(&file, text).unwrap();
        foreign::compose(&file);
    });
}

#[test]
fn dockerfiles() {
    let seeds = texts(&[
        "# syntax=docker/dockerfile:1\nARG VERSION=12\nFROM nvidia/cuda:${VERSION}.4.1-base-ubuntu22.04 AS a\nRUN --mount=type=cache,target=/x <<EOF\nmake\nEOF\nENV PATH=\"/a:${PATH}\" B=c\nCOPY --from=0 /a /b\n",
        "# escape=`\nFROM --platform=$TARGETPLATFORM scratch\nENV NVIDIA_REQUIRE_CUDA \"cuda>=12.0 brand=tesla,driver>=470\"\nONBUILD RUN [\"x\", \"y\"]\nHEALTHCHECK --interval=5s CMD true\n",
    ]);
    try_out("Dockerfile", seeds, foreign::dockerfile);
}

#[test]
fn project_files() {
    let seeds = texts(&[
        "gpu = 1\ndecode = [\"h264\"]\ncamera = \"any\"\nport = [8080, \"127.0.0.1:9000-9010/udp\"]\ncapability = [\"all\"]\n",
        "registry = \"a.lan:5000\"\ndisk = \"20GiB\"\ndriver = \"535\"\n[[waiver]]\ncode = \"display-access/everybody\"\nreason = \"a\"\nowner = \"b\"\nuntil = 2027-01-31\n",
        "camera-size = \"1280x720@30\"\ncamera-format = \"MJPG\"\ngpu-memory = \"8GiB\"\nimage = [\"a:1\"]\ncuda = \"12.4\"\n",
    ]);
    try_out("gdoctor.toml", seeds, foreign::need);
}

#[test]
fn facts_files_and_two_of_them() {
    let saved = read("tests/facts/1.0.gdoctor");
    let parsed: serde_json::Value = serde_json::from_slice(&saved).unwrap();
    let alone = serde_json::to_vec(&parsed["facts"]).unwrap();
    try_out("facts", vec![saved.clone(), alone.clone()], foreign::facts);
    let report = br#"{"format":"gdoctor-report","results":[{"id":"a","code":"a/b","status":"pass","subject":"","summary":"x"}]}"#;
    let both = |a: &[u8], b: &[u8]| [a, b"\0", b].concat();
    try_out("diff", vec![both(report, report), both(report, &saved), both(&saved, &saved)], foreign::two);
    try_out(
        "redaction",
        vec![alone, saved, b"https://u:p@host.example.org/x 10.1.2.3 fd00::1".to_vec()],
        foreign::redaction,
    );
}

#[test]
fn messages() {
    let seeds =
        [told("tests/explain.toml", "report", "said"), texts(&["\u{1b}[31mError\u{1b}[0m: a\n".repeat(50).as_str()])]
            .concat();
    try_out("explain", seeds, foreign::explained);
}

#[test]
fn tables_of_libraries_specs_and_cookies() {
    let words = |all: &[u32]| all.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let head = [b"glibc-ld.so.cache1.1".to_vec(), words(&[1, 32, 0, 0, 0, 0, 0])].concat();
    let cache = [head, words(&[0x303, 72, 85, 0, 0, 0]), b"libcuda.so.1\0/usr/lib/libcuda.so.1\0".to_vec()].concat();
    try_out("ld.so.cache", vec![cache], foreign::cache);
    let cookie: Vec<u8> = [&b"desk"[..], b"0", b"MIT-MAGIC-COOKIE-1", b"0123456789abcdef"]
        .iter()
        .flat_map(|part| [&(part.len() as u16).to_be_bytes(), *part].concat())
        .collect();
    let both = [&[1, 0][..], &cookie, &[0xff, 0xff], &cookie].concat();
    try_out("Xauthority", vec![both], foreign::xauthority);
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("etc/cdi");
    fs::create_dir_all(&folder).unwrap();
    let seeds = texts(&[
        "cdiVersion: 0.6.0\nkind: nvidia.com/gpu\ndevices:\n- name: all\n  containerEdits:\n    deviceNodes: [{path: /dev/nvidia0}]\n    mounts: [{hostPath: /a, containerPath: /b}]\n",
        "{\"cdiVersion\": \"0.5.0\", \"kind\": \"nvidia.com/gpu\", \"devices\": [{\"name\": \"0\", \"containerEdits\": {}}]}",
    ]);
    try_out("CDI", seeds, |text| {
        fs::write(folder.join("a.yaml"), text).unwrap();
        fs::write(folder.join("a.json"), text).unwrap();
        foreign::cdi(root.path().to_path_buf());
    });
}

#[test]
fn daemons() {
    let recorded = ["19.03", "26.1", "29.0", "podman-5.4", "rootless-28.2", "snap-28.1"].map(|name| {
        let recorded: serde_json::Value = serde_json::from_slice(&read(&format!("tests/api/{name}.json"))).unwrap();
        let or = |name: &str, other: serde_json::Value| recorded.get(name).cloned().unwrap_or(other);
        let info = or("info", serde_json::json!({}));
        serde_json::to_vec(&serde_json::json!([
            or("version", serde_json::json!({})),
            info,
            or("containers", serde_json::json!([]))
        ]))
        .unwrap()
    });
    try_out("the daemon's JSON", recorded.into(), foreign::daemon);
}
