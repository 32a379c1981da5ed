//! `gdoctor fleet`: reports that the binary wrote, as hosts of one fleet; every format against something that is not ours.
#![allow(clippy::disallowed_methods)]

mod part;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use part::{left_out, root};
use serde_json::{Value, json};

fn gdoctor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fleet(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = gdoctor(&[&["fleet", folder.to_str().unwrap()], arguments].concat());
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// A report of this machine, as a host of that name that has these results and this kernel.
fn report(name: &str, kernel: &str, results: &[(&str, &str)]) -> Value {
    let output = gdoctor(&["--need", "none", "--only", "host", "--format", "json", "--label", &format!("host={name}")]);
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["host"]["kernel"] = kernel.into();
    let result = |(code, status): &(&str, &str)| {
        json!({ "id": code.split('/').next(), "code": code, "status": status, "required": true,
                "summary": format!("It is {status}: TOKEN=hunter2hunter2 \u{1b}[31m") })
    };
    report["results"] = results.iter().map(result).collect();
    report
}

/// Four hosts: one fails, two warn alike, one is well and has another kernel.
fn day() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |file: &str, report: &Value| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_string_pretty(report).unwrap()).unwrap();
    };
    put("a.json", &report("robot-1", "6.8", &[("docker-engine/stopped", "fail"), ("disk-space/low", "warn")]));
    put("b.json", &report("robot-2", "6.8", &[("disk-space/low", "warn")]));
    put("deeper/c.json", &report("robot-3", "6.8", &[("docker-engine/answers", "pass")]));
    put("deeper/d.json", &report("robot-4", "5.15", &[("docker-engine/answers", "pass")]));
    put("package.json", &json!({ "name": "something else" }));
    folder
}

#[test]
fn causes_versions_and_who_is_silent() {
    let folder = day();
    let (code, told) = fleet(folder.path(), &[]);
    assert_eq!(code, Some(1), "{told}");
    for line in [
        "4 hosts: 1 failed, 1 warned, 2 are well\n",
        "\nFAIL docker-engine/stopped on 1 host: robot-1\n",
        "\nWARN disk-space/low on 2 hosts: robot-1, robot-2\n",
        "  kernel   6.8 on 3 of 4; 5.15 on robot-4\n",
    ] {
        assert!(told.contains(line), "{line}{told}");
    }
    assert!(!told.contains("hunter2") && !told.contains('\u{1b}'), "{told}");
    assert!(told.contains("\nOther documents, not counted: "), "{told}");

    // Who is expected and silent, and whose report is old, is not well.
    fs::remove_file(folder.path().join("a.json")).unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "robot-2\nrobot-9 # in the workshop\n").unwrap();
    let (code, told) = fleet(folder.path(), &["--expect", hosts.to_str().unwrap()]);
    assert!(code == Some(3) && told.contains("Without a report that counts: robot-9"), "{told}");
    let mut old = report("robot-2", "6.8", &[]);
    old["generatedAt"] = "2026-01-01T00:00:00Z".into();
    fs::write(folder.path().join("b.json"), old.to_string()).unwrap();
    let (code, told) = fleet(folder.path(), &["--stale", "36h"]);
    assert!(code == Some(3) && told.contains("too old (--stale): robot-2 (2026-01-01T00:00:00Z)"), "{told}");
}

#[test]
fn facts_lines_and_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let facts = folder.path().join("robot-7.gdoctor");
    let output = gdoctor(&["collect", "-o", facts.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (_, told) = fleet(folder.path(), &[]);
    assert!(told.starts_with("1 host: "), "{told}");
    assert!(told.contains("robot-7") || told.contains("1 is well"), "{told}");

    let whole = fs::read_to_string(&facts).unwrap();
    fs::write(&facts, whole.replacen("\"kernel\"", "\"kernle\"", 1)).unwrap();
    let lines = [report("one", "6.8", &[]).to_string(), "{\"format\": \"gdoctor-report\"".into(), "{}".into()];
    fs::write(folder.path().join("day.jsonl"), lines.join("\n")).unwrap();
    let (code, told) = fleet(folder.path(), &[]);
    assert_eq!(code, Some(3), "{told}");
    for part in
        ["1 host: 1 is well", "its checksum does not fit", "this is no whole report", "this is neither a report"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    for (path, why) in [("/no/such", "no report is there: /no/such: there is no such file"), ("", "give reports")] {
        let output = gdoctor(&["fleet", path][..if path.is_empty() { 1 } else { 2 }]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}

/// A host whose report is no report has not said that it is well.
#[test]
fn no_host_vanishes() {
    let folder = tempfile::tempdir().unwrap();
    let put = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    put("a.json", &report("a", "6.8", &[]).to_string());
    for (text, why) in [
        ("", "it is empty"),
        ("\0\0\0\0", "no whole report"),
        ("Traceback (most recent call last):\n", "no whole report"),
        ("{}", "neither a report"),
        ("null", "no whole report"),
        ("[]", "neither a report"),
    ] {
        put("c.json", text);
        let (code, told) = fleet(folder.path(), &[]);
        assert!(code == Some(3) && told.contains("c.json: ") && told.contains(why), "{text:?}: {told}");
    }
    put("c.json", "{\"message\": \"Unauthorized\"}");
    let (_, told) = fleet(folder.path(), &[]);
    assert!(told.contains("Other documents, not counted: ") && told.contains("c.json"), "{told}");
    fs::remove_file(folder.path().join("c.json")).unwrap();
    put("d.jsonl", "");
    let (code, told) = fleet(folder.path(), &[]);
    assert!(code == Some(3) && told.contains("d.jsonl: it is empty"), "{told}");
    fs::remove_file(folder.path().join("d.jsonl")).unwrap();

    // PowerShell writes a byte order mark before it.
    put("e.json", &format!("\u{feff}{}", report("e", "6.8", &[])));
    assert_eq!(fleet(folder.path(), &[]).0, Some(0));
    // A word that this gdoctor does not know is not well, and neither is a report without a date.
    put("e.json", &report("e", "6.8", &[("docker-engine/stopped", "critical")]).to_string());
    let (code, told) = fleet(folder.path(), &[]);
    assert!(code == Some(3) && told.contains("e.json: ") && told.contains("\"critical\""), "{told}");
    let mut undated = report("e", "6.8", &[]);
    undated.as_object_mut().unwrap().remove("generatedAt");
    put("e.json", &undated.to_string());
    let (code, told) = fleet(folder.path(), &[]);
    assert!(code == Some(3) && told.contains("e.json: it does not say when it was made"), "{told}");
    fs::remove_file(folder.path().join("e.json")).unwrap();

    // A clock that is ahead does not hide what a host said by another.
    put("f.json", &report("f", "6.8", &[("docker-engine/stopped", "fail")]).to_string());
    let mut ahead = report("f", "6.8", &[]);
    ahead["generatedAt"] = "2099-01-01T00:00:00Z".into();
    put("g.json", &ahead.to_string());
    let (code, told) = fleet(folder.path(), &[]);
    assert!(code == Some(1) && told.contains("g.json: it is dated in the future"), "{told}");
    assert!(told.contains("FAIL docker-engine/stopped on 1 host: f"), "{told}");
    fs::remove_file(folder.path().join("f.json")).unwrap();
    let (code, told) = fleet(folder.path(), &[]);
    assert!(code == Some(3) && told.contains("2 hosts: 1 is silent, 1 is well"), "{told}");
    fs::remove_file(folder.path().join("g.json")).unwrap();

    // One name for two machines: neither hides the other.
    let mut other = report("a", "5.15", &[("docker-engine/stopped", "fail")]);
    other["host"]["machine"] = "aarch64".into();
    other["generatedAt"] = "2026-01-01T00:00:00Z".into();
    put("h.json", &other.to_string());
    let (_, told) = fleet(folder.path(), &["--stale", "9999d"]);
    assert!(told.contains("h.json: another machine is called a too"), "{told}");
    let (code, told) = fleet(folder.path(), &["--stale", "1d"]);
    assert!(code == Some(0) && told.starts_with("1 host: 1 is well"), "an old one says nothing any more: {told}");
    fs::remove_file(folder.path().join("h.json")).unwrap();

    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "b\n").unwrap();
    let (_, told) = fleet(folder.path(), &["--expect", hosts.to_str().unwrap()]);
    assert!(told.contains("Not expected: a\n"), "{told}");

    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let told = text(&gdoctor(&["fleet", pipe.to_str().unwrap()]).stderr);
    assert!(told.contains("pipe: it is no regular file"), "{told}");
}

#[test]
fn standard_input_has_a_document_a_line() {
    let lines = [report("one", "6.8", &[]), report("two", "6.8", &[("docker-engine/stopped", "fail")])];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    fs::write(&file, lines).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gdoctor"))
        .args(["fleet", "-"])
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert!(text(&output.stdout).starts_with("2 hosts: 1 failed, 1 is well"), "{}", text(&output.stdout));
    let indented = serde_json::to_string_pretty(&report("one", "6.8", &[])).unwrap();
    fs::write(&file, format!("{indented}\n{indented}\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gdoctor"))
        .args(["fleet", "-"])
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(told.contains("jq -c ."), "{told}");
}

#[test]
fn two_days() {
    let folder = day();
    let monday = folder.path().join("monday");
    let output =
        gdoctor(&["fleet", "--format", "json", "-o", monday.to_str().unwrap(), folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let same = gdoctor(&["fleet", "diff", monday.to_str().unwrap(), folder.path().to_str().unwrap()]);
    assert!(same.status.success() && text(&same.stdout).starts_with("Nothing changed."), "{}", text(&same.stdout));
    fs::write(folder.path().join("a.json"), report("robot-1", "6.8", &[]).to_string()).unwrap();
    let better = gdoctor(&["fleet", "diff", monday.to_str().unwrap(), folder.path().to_str().unwrap()]);
    let told = text(&better.stdout);
    assert!(better.status.success() && told.starts_with("Better."), "{told}");
    assert!(told.contains("robot-1: fail -> pass, no more disk-space/low, no more docker-engine/stopped"), "{told}");
    fs::remove_file(folder.path().join("b.json")).unwrap();
    fs::write(
        folder.path().join("deeper/d.json"),
        report("robot-4", "5.15", &[("docker-engine/stopped", "fail")]).to_string(),
    )
    .unwrap();
    let worse = gdoctor(&["fleet", "diff", monday.to_str().unwrap(), folder.path().to_str().unwrap()]);
    let told = text(&worse.stdout);
    assert_eq!(worse.status.code(), Some(1));
    for part in ["Worse, and better elsewhere.", "robot-4: pass -> fail", "Not there any more\n  robot-2\n"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn json_fits_its_schema_and_others_take_the_rest() {
    let folder = day();
    let (_, told) = fleet(folder.path(), &["--format", "json"]);
    let schema: Value = serde_json::from_slice(&gdoctor(&["schema", "fleet"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(&serde_json::from_str(&told).unwrap()).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");

    let file = folder.path().join("out");
    let whole = |program: &str, arguments: &[&str], format: &str| {
        fs::write(&file, fleet(folder.path(), &["--format", format]).1).unwrap();
        let ran = Command::new(program).args(arguments).stdin(fs::File::open(&file).unwrap()).output();
        match ran {
            Ok(output) => {
                assert!(output.status.success(), "{program}: {}{}", text(&output.stdout), text(&output.stderr))
            }
            Err(_) => left_out(&format!("{program} is not installed")),
        }
    };
    let junit = root().join("tests/schemas/junit-10.xsd");
    whole("xmllint", &["--noout", "--schema", junit.to_str().unwrap(), "-"], "junit");
    whole("promtool", &["check", "metrics"], "prom");
    let (_, page) = fleet(folder.path(), &["--format", "html"]);
    assert!(page.contains("<h1>4 hosts: 1 failed, 1 warned, 2 are well</h1>") && !page.contains("src="), "{page}");
    let (_, page) = fleet(folder.path(), &["--format", "md"]);
    assert!(page.contains("| FAIL | docker-engine/stopped | 1 host: robot-1 |"), "{page}");
}
