//! Saved facts judged again: on every recorded host the shared report and the report of its facts file are the same to the byte in
//! every format; files that are cut, edited, older or newer are read or refused for what they are.
#![allow(clippy::disallowed_methods)]

mod part;
mod table;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use gdoctor::snapshot::Snapshot;
use gdoctor_checks::model::facts::Facts;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use table::Table;

const FORMATS: [&str; 11] = ["text", "json", "junit", "sarif", "html", "md", "prom", "github", "nagios", "npd", "tap"];

/// What whoever gets a file may want besides what the host itself asks for.
const WISHES: &[&str] = &[
    "--gpu",
    "--capability",
    "video,graphics",
    "--cuda",
    "12.4",
    "--display",
    "--camera",
    "any",
    "--port",
    "8080",
    "--registry",
    "localhost:5000",
    "--disk",
    "1GiB",
];

fn main() {
    let mut trials = vec![
        Trial::test("a file of the first format is read", the_first_format_is_read),
        Trial::test("a cut file is refused", cuts_are_refused),
        Trial::test("an edited file is refused", edits_are_refused),
        Trial::test("a newer file is refused", newer_is_refused),
    ];
    for path in table::host_files() {
        for case in Table::read(&path).cases {
            let name = format!("{path} :: {}", case.name);
            trials.push(Trial::test(name, move || the_same(&case.facts)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A file as the first format has it, with nothing taken out.
fn raw(facts: &Facts) -> String {
    let facts = serde_json::to_value(facts).unwrap();
    let document = json!({
        "format": "gdoctor-facts", "schemaVersion": "1.0", "toolVersion": "0.1.0",
        "reportId": "urn:uuid:00000000-0000-4000-8000-000000000000", "generatedAt": "2026-01-31T12:00:00Z",
        "generatedUnix": 1_769_860_800, "tookMs": 41, "probeMs": { "docker": 12, "nvidia": 30 },
        "evident": { "nvidia": "10de:2684 at 0000:01:00.0", "display": true, "camera": false },
        "redacted": {}, "checksum": checksum(&facts), "facts": facts,
    });
    format!("{document:#}\n")
}

/// FNV-1a, 64 bits, of the compact text.
fn checksum(value: &Value) -> String {
    let text = value.to_string();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("fnv1a64:{hash:016x}")
}

fn gdoctor(folder: &Path, facts: &str, more: &[&str], side: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    command.current_dir(folder).args(["check", "--need", "none", "--facts", facts]).args(more);
    for format in FORMATS {
        command.arg("--out").arg(format!("{format}={side}-{format}"));
    }
    command.output().unwrap()
}

fn the_same(facts: &Facts) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::write(folder.join("raw"), raw(facts))?;
    for wishes in [&[][..], WISHES] {
        let shared = [&["--share", "--out", "facts=host.gdoctor"][..], wishes].concat();
        let here = gdoctor(folder, "raw", &shared, "here");
        let there = gdoctor(folder, "host.gdoctor", wishes, "there");
        if !here.stderr.is_empty() || !matches!(here.status.code(), Some(0 | 1 | 3)) {
            return Err(String::from_utf8_lossy(&here.stderr).into_owned().into());
        }
        if (here.status.code(), &here.stdout) != (there.status.code(), &there.stdout) {
            let told = String::from_utf8_lossy(&there.stderr).into_owned();
            return Err(format!(
                "{}\nand\n{}\n{told}",
                String::from_utf8_lossy(&here.stdout),
                String::from_utf8_lossy(&there.stdout)
            )
            .into());
        }
        for format in FORMATS {
            let read = |side: &str| fs::read_to_string(folder.join(format!("{side}-{format}")));
            if read("here")? != read("there")? {
                return Err(format!("{format} differs").into());
            }
        }
    }
    Ok(())
}

fn kept() -> Vec<u8> {
    fs::read(part::root().join("tests/facts/1.0.gdoctor")).unwrap()
}

fn the_first_format_is_read() -> Result<(), Failed> {
    let saved = Snapshot::read(&kept()).unwrap();
    let facts = saved.facts().unwrap();
    assert!(facts.nvidia.module.value().is_some() && facts.docker.info.value().is_some());
    Ok(())
}

/// A file of today's format, small enough to try every byte of it.
fn small() -> (Vec<u8>, Value) {
    let mut saved = Snapshot::read(raw(&Facts::default()).as_bytes()).unwrap();
    saved.facts = json!({ "host": { "kernel": { "is": "6.1.0-\u{e9}", "source": "uname -r" } } });
    saved.schema_version = "1.1".into();
    let text = saved.write();
    let value = serde_json::from_str(&text).unwrap();
    (text.into_bytes(), value)
}

fn cuts_are_refused() -> Result<(), Failed> {
    let (bytes, _) = small();
    for end in 0..bytes.len() - 1 {
        assert!(Snapshot::read(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(Snapshot::read(&bytes).unwrap().facts().is_ok());
    let kept = kept();
    for end in (0..kept.len() - 2).step_by(997) {
        assert!(Snapshot::read(&kept[..end]).is_err(), "cut at {end}");
    }
    Ok(())
}

/// Whatever is changed in it, it is refused or still says the same.
fn edits_are_refused() -> Result<(), Failed> {
    let (bytes, value) = small();
    for at in 0..bytes.len() {
        for mask in [0x01, 0x02, 0x10, 0x20, 0x80, 0xff] {
            let mut edited = bytes.clone();
            edited[at] ^= mask;
            if let Ok(saved) = Snapshot::read(&edited) {
                let same = serde_json::to_value(&saved).unwrap() == value;
                assert!(same, "byte {at} with {mask:#x}: {}", String::from_utf8_lossy(&edited));
            }
        }
        let mut without = bytes.clone();
        without.remove(at);
        let read = Snapshot::read(&without);
        assert!(read.is_err() || serde_json::to_value(read.unwrap()).unwrap() == value, "without byte {at}");
    }
    Ok(())
}

fn newer_is_refused() -> Result<(), Failed> {
    let (bytes, _) = small();
    let text = String::from_utf8(bytes).unwrap();
    let newer = text.replace("\"schemaVersion\": \"1.1\"", "\"schemaVersion\": \"2.0\"");
    assert!(Snapshot::read(newer.as_bytes()).unwrap_err().contains("newer gdoctor"));
    // A later minor version may have more fields.
    let mut more: Value = serde_json::from_str(&text).unwrap();
    more["schemaVersion"] = "1.9".into();
    more["another"] = json!([1]);
    more.as_object_mut().unwrap().remove("checksum");
    let sum = checksum(&more);
    more["checksum"] = sum.into();
    assert!(Snapshot::read(more.to_string().as_bytes()).is_ok());
    Ok(())
}
