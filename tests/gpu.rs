//! gdoctor beside `nvidia-smi -q`, line by line: with a real GPU when there is one (`cargo test --test gpu -- --ignored`), and
//! always with a text of nvidia-smi and a library of ours that answers what the text says.
#![allow(clippy::disallowed_methods)]

mod part;
mod root;

use std::collections::BTreeMap;
use std::process::Command;

use part::{gdoctor, left_out};
use root::Root;
use serde_json::Value;

const SMI: &str = include_str!("doubles/nvidia-smi-q.txt");
/// What the double has to answer so that it is the host of that text.
const ANSWERS: &str = "driver = 550.54.15
cuda = 12040
gpus = 2
gpu0.name = NVIDIA H100 80GB HBM3
gpu0.brand = 14
gpu0.uuid = GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab
gpu0.minor = 0
gpu0.pci = 0:1:0
gpu0.persistence = 1
gpu0.mig = 0 0
gpu0.width = 8
gpu0.width_possible = 16
gpu0.memory = 85520809984
gpu0.free = 84938850304
gpu0.mode = 0
gpu0.ecc = 2
gpu0.temperature = 35
gpu1.name = NVIDIA GeForce RTX 4090
gpu1.brand = 5
gpu1.uuid = GPU-6ddc1ab9-7b1c-4e0c-9f00-0123456789ab
gpu1.minor = 1
gpu1.pci = 0:2:0
gpu1.persistence = 0
gpu1.width = 16
gpu1.width_possible = 16
gpu1.memory = 25757220864
gpu1.free = 4194304000
gpu1.mode = 3
gpu1.temperature = 61
";

/// `nvidia-smi -q`: what stands before the first GPU, and each GPU's lines by their headings: `PCI/GPU Link Info/Link Width/Max`.
struct Smi {
    host: BTreeMap<String, String>,
    gpus: Vec<BTreeMap<String, String>>,
}

impl Smi {
    fn read(text: &str) -> Self {
        let mut smi = Self { host: BTreeMap::new(), gpus: Vec::new() };
        let mut headings: Vec<(usize, &str)> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let depth = line.len() - line.trim_start().len();
            headings.retain(|(above, _)| *above < depth);
            if depth == 0 && line.starts_with("GPU ") {
                let address = line.trim_start_matches("GPU ").trim().to_ascii_lowercase();
                // Eight digits of the domain here, four in sysfs.
                let address = address.get(4..).unwrap_or_default().to_owned();
                smi.gpus.push(BTreeMap::from([("address".to_owned(), address)]));
                continue;
            }
            match line.split_once(" : ") {
                Some((key, value)) => {
                    let path: Vec<&str> = headings.iter().map(|(_, name)| *name).chain([key.trim()]).collect();
                    let lines = smi.gpus.last_mut().unwrap_or(&mut smi.host);
                    lines.insert(path.join("/"), value.trim().to_owned());
                }
                None => headings.push((depth, line.trim())),
            }
        }
        smi
    }

    /// The sum of the numbers below a heading whose keys say `word`; `None` where there is none.
    fn sum(gpu: &BTreeMap<String, String>, heading: &str, word: &str) -> Option<u64> {
        let below = gpu.iter().filter(|(key, _)| key.starts_with(heading) && key.contains(word));
        let numbers: Vec<u64> = below.filter_map(|(_, value)| value.parse().ok()).collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum())
    }
}

/// The facts that gdoctor saves, unredacted.
fn facts(arguments: &[&str], env: &[(&str, &str)]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    command.args(["collect", "--redact", "none", "--yes", "--timeout", "30s", "-o"]).arg(file.path());
    let output = command.args(arguments).envs(env.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let saved: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
    saved["facts"]["nvidia"]["nvml"].clone()
}

/// Every line in which they differ. Numbers that move by themselves lie between what nvidia-smi said before and after.
fn differences(before: &Smi, after: &Smi, nvml: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |line: &str, smi: Option<&String>, ours: String| {
        let smi = smi.map_or("N/A", String::as_str);
        if !smi.eq_ignore_ascii_case(&ours) {
            found.push(format!("{line}: nvidia-smi {smi:?}, gdoctor {ours:?}"));
        }
    };
    same("Driver Version", before.host.get("Driver Version"), text(&nvml["driver"]["is"]));
    same("CUDA Version", before.host.get("CUDA Version"), text(&nvml["cuda"]["is"]));
    same("Attached GPUs", before.host.get("Attached GPUs"), text(&nvml["count"]["is"]));
    let ours = nvml["gpus"].as_array().cloned().unwrap_or_default();
    for (smi, later) in before.gpus.iter().zip(&after.gpus) {
        let address = &smi["address"];
        let Some(gpu) = ours.iter().find(|gpu| gpu["address"] == address.as_str()) else {
            same("GPU", Some(address), "not there".into());
            continue;
        };
        let mut line = |key: &str, ours: String| same(&format!("{address} {key}"), smi.get(key), ours);
        line("Product Name", text(&gpu["name"]));
        line("GPU UUID", text(&gpu["uuid"]));
        line("Minor Number", text(&gpu["minor"]));
        line("Persistence Mode", word(&gpu["persistence"]["is"], "Enabled", "Disabled"));
        line("MIG Mode/Current", word(&gpu["mig"]["is"]["enabled"], "Enabled", "Disabled"));
        line("MIG Mode/Pending", word(&gpu["mig"]["is"]["enabled_next"], "Enabled", "Disabled"));
        line("Compute Mode", text(&gpu["compute_mode"]["is"]).replace('-', "_"));
        line("FB Memory Usage/Total", unit(&gpu["memory"]["is"]["total"], 20, " MiB"));
        line("PCI/GPU Link Info/Link Width/Max", unit(&gpu["link"]["is"]["width_possible"], 0, "x"));
        if smi.contains_key("Encoder Stats/Active Sessions") {
            line("Encoder Stats/Active Sessions", text(&gpu["encodings"]["is"]));
        }
        let brand = smi.get("Product Brand").map(|brand| brand.replace(' ', ""));
        same(&format!("{address} Product Brand"), brand.as_ref(), text(&gpu["brand"]));
        let ecc = Smi::sum(smi, "ECC Errors/Volatile/", "Uncorrectable").map(|sum| sum.to_string());
        same(&format!("{address} ECC Errors"), ecc.as_ref(), text(&gpu["ecc_uncorrected"]["is"]));
        for (key, ours, slack) in [
            ("FB Memory Usage/Free", gpu["memory"]["is"]["free"].as_u64().map(|bytes| bytes >> 20), 64),
            ("Temperature/GPU Current Temp", gpu["temperature"]["is"].as_u64(), 3),
            ("PCI/GPU Link Info/Link Width/Current", gpu["link"]["is"]["width"].as_u64(), 0),
        ] {
            let ends = [smi, later].map(|look| look.get(key).and_then(|value| leading(value)));
            let fits = match (ends, ours) {
                ([Some(a), Some(b)], Some(ours)) => a.min(b) <= ours + slack && ours <= a.max(b) + slack,
                ([None, None], None) => true,
                _ => false,
            };
            if !fits {
                same(&format!("{address} {key}"), smi.get(key), format!("{ours:?}"));
            }
        }
    }
    found
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "N/A".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn word(value: &Value, yes: &str, no: &str) -> String {
    value.as_bool().map_or("N/A".into(), |on| if on { yes } else { no }.to_owned())
}

fn unit(value: &Value, shift: u32, unit: &str) -> String {
    value.as_u64().map_or("N/A".into(), |number| format!("{}{unit}", number >> shift))
}

fn leading(value: &str) -> Option<u64> {
    let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    value[..end].parse().ok()
}

/// gdoctor's facts of a host whose NVML is the double with these answers.
fn of_double(answers: &str) -> Option<Value> {
    let root = Root::with_driver();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/nvml.c");
    if !root.library("libnvidia-ml", root::DRIVER, source, "-DWHOLE") {
        left_out("the library that stands in for NVML: no C compiler (cc)");
        return None;
    }
    root.ldconfig();
    root.write("answers", answers);
    let (libraries, answers) = (root.path("usr/lib"), root.path("answers"));
    let env = [("LD_LIBRARY_PATH", libraries.to_str().unwrap()), ("NVML_DOUBLE", answers.to_str().unwrap())];
    Some(facts(&["--root", root.argument()], &env))
}

#[test]
fn what_nvidia_smi_prints_is_what_gdoctor_reads() {
    let smi = Smi::read(SMI);
    assert_eq!(smi.gpus.len(), 2);
    let Some(nvml) = of_double(ANSWERS) else { return };
    assert_eq!(differences(&smi, &smi, &nvml), Vec::<String>::new());
}

/// The comparison itself: each line that is made to differ is told, and no other.
#[test]
fn a_line_that_differs_is_told() {
    let smi = Smi::read(SMI);
    for (from, to, line) in [
        ("driver = 550.54.15", "driver = 550.90.07", "Driver Version"),
        ("cuda = 12040", "cuda = 12080", "CUDA Version"),
        ("gpu0.name = NVIDIA H100 80GB HBM3", "gpu0.name = NVIDIA H100", "Product Name"),
        ("gpu0.uuid = GPU-5", "gpu0.uuid = GPU-7", "GPU UUID"),
        ("gpu0.persistence = 1", "gpu0.persistence = 0", "Persistence Mode"),
        ("gpu0.mig = 0 0", "gpu0.mig = 0 1", "MIG Mode/Pending"),
        ("gpu0.memory = 85520809984", "gpu0.memory = 85899345920", "FB Memory Usage/Total"),
        ("gpu1.free = 4194304000", "gpu1.free = 8388608000", "FB Memory Usage/Free"),
        ("gpu1.mode = 3", "gpu1.mode = 0", "Compute Mode"),
        ("gpu0.ecc = 2", "gpu0.ecc = 0", "ECC Errors"),
        ("gpu1.temperature = 61", "gpu1.temperature = 16", "GPU Current Temp"),
        ("gpu0.width = 8", "gpu0.width = 16", "Link Width/Current"),
        ("gpu0.brand = 14", "gpu0.brand = 2", "Product Brand"),
    ] {
        assert!(ANSWERS.contains(from), "{from}");
        let Some(nvml) = of_double(&ANSWERS.replace(from, to)) else { return };
        let told = differences(&smi, &smi, &nvml);
        assert!(told.len() == 1 && told[0].contains(line), "{to}: {told:?}");
    }
}

/// On a machine with a GPU and its driver: every line agrees, and what the report says is what the facts hold.
#[test]
#[ignore = "needs a machine with an NVIDIA GPU"]
fn a_real_gpu_agrees_with_nvidia_smi() {
    let smi = || {
        let output = Command::new("nvidia-smi").arg("-q").output().expect("nvidia-smi is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Smi::read(&String::from_utf8_lossy(&output.stdout))
    };
    let before = smi();
    let nvml = facts(&[], &[]);
    let after = smi();
    assert!(!before.gpus.is_empty(), "nvidia-smi lists no GPU");
    assert_eq!(differences(&before, &after, &nvml), Vec::<String>::new());

    let run = gdoctor(&["--gpu", "--only", "nvidia-nvml,nvidia-health,nvidia-version,nvidia-cuda"], &[]);
    let summary = |id: &str| {
        let of_check = run.results().iter().filter(|result| result["id"] == id);
        of_check.map(|result| text(&result["summary"])).collect::<Vec<_>>().join("\n")
    };
    for (id, value) in [("nvidia-nvml", text(&nvml["driver"]["is"])), ("nvidia-nvml", text(&nvml["cuda"]["is"]))] {
        assert!(summary(id).contains(&value), "{id} does not say {value}: {}", summary(id));
    }
    for gpu in &before.gpus {
        assert!(summary("nvidia-health").contains(&gpu["Product Name"]), "{}", summary("nvidia-health"));
    }
    assert!(run.of("nvidia-version").iter().all(|line| line.starts_with("pass")), "{:?}", run.told());
}
