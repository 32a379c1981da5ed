//! gdoctor reads compose files: what it makes of a service, where its findings point, and how broken files end.
#![allow(clippy::disallowed_methods)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

const FILE: &str = r#"x-common: &common
  environment: &env
    LANG: C
    DISPLAY: ${DISPLAY:-:0}
    PASSWORD: $SECRET
services:
  base:
    image: ${IMAGE-app}:1
    profiles: [never]
    ports:
      - "8080:8080"
  app:
    <<: *common
    extends: {service: base}
    profiles: [app]
    gpus: all
    ports:
      - "8080:81"
      - {target: 90, published: "9090", host_ip: 127.0.0.1, protocol: udp}
    devices: [/dev/video0, vendor.com/class=x]
    volumes:
      - /dev/video0:/dev/video0
      - {type: bind, source: /tmp, target: /x, read_only: true}
      - named:/named
    ulimits:
      memlock: -1
      nofile: {soft: 1024, hard: 2048}
    restart: ${RESTART:-unless-stopped}
    shm_size: 1q
  deployed:
    image: ${REG:?set REG}/app
    profiles: [d]
    deploy: {resources: {reservations: {devices: [{driver: nvidia, device_ids: ['0', '1'], capabilities: [gpu, video]}]}}}
"#;

fn gdoctor(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    for name in ["DISPLAY", "IMAGE", "RESTART", "REG", "SECRET", "DOCKER_HOST"] {
        command.env_remove(name);
    }
    command.arg("check").args(arguments).current_dir(folder).output().unwrap()
}

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    folder
}

#[test]
fn findings_point_at_lines_of_the_file() {
    let folder = project(FILE);
    std::fs::write(folder.path().join(".env"), "# defaults\nSECRET='hunter2'\nexport IMAGE=mine # ours\n").unwrap();
    let output =
        gdoctor(folder.path(), &["--compose", "compose.yaml", "--profile", "app", "--only", "run", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("hunter2"), "a secret is repeated");
    let report: Value = serde_json::from_str(&text).unwrap();
    let place = |code: &str| {
        let result = report["results"].as_array().unwrap().iter().find(|r| r["code"] == code);
        let result = result.unwrap_or_else(|| panic!("no {code} in {text}"));
        let file = &result["askedBy"]["file"];
        (file["path"].as_str().unwrap().to_owned(), file["line"].as_u64().unwrap())
    };
    assert_eq!(place("run-line-syntax/bad-value"), ("compose.yaml".into(), 29));
    assert_eq!(place("run-line-ports/twice"), ("compose.yaml".into(), 18));
    assert_eq!(place("run-line-camera/shown-twice"), ("compose.yaml".into(), 22));
    assert_eq!(report.get("runLine"), None);
}

#[test]
fn limits_and_names_are_judged_as_those_of_a_line() {
    let folder = project(
        "services:\n  app:\n    image: app\n    devices:\n      - /dev/none\n    cap_drop: [NOPE]\n    cpus: lots\n    \
         security_opt:\n      - seccomp=none.json\n",
    );
    let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "run", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = report["results"].as_array().unwrap();
    let bad = results.iter().filter(|result| result["status"] == "fail");
    let told = bad.map(|r| (r["code"].as_str().unwrap(), r["askedBy"]["file"]["line"].as_u64().unwrap()));
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    let (value, device, file) = ("run-line-syntax/bad-value", "run-line-names/no-device", "run-line-names/no-file");
    assert_eq!(told, [(device, 5), (file, 9), (value, 6), (value, 7)]);
}

#[test]
fn a_service_is_read_with_all_that_it_asks() {
    let folder = project(FILE);
    let show = |arguments: &[&str]| {
        let output = gdoctor(folder.path(), &[&["--compose", "compose.yaml", "--show-need"], arguments].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, shown, errors) = show(&["--service", "app"]);
    assert_eq!(code, Some(0), "{errors}");
    for wish in
        ["gpu all", "camera /dev/video0", "port 8080/tcp", "port 127.0.0.1:9090/udp", "display", "compose.yaml:16:"]
    {
        assert!(shown.contains(wish), "{wish} in {shown}");
    }
    let (code, _, errors) = show(&["--service", "deployed"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("REG is not set") && errors.contains("compose.yaml:31:12"), "{errors}");
    std::fs::write(folder.path().join(".env"), "REG=localhost:5000\n").unwrap();
    let (_, shown, _) = show(&["--service", "deployed"]);
    assert!(shown.contains("gpu 2") && shown.contains("registry localhost:5000"), "{shown}");
    let (code, _, errors) = show(&["--service", "ap"]);
    assert_eq!((code, errors.contains("did you mean app?")), (Some(2), true), "{errors}");
    let (code, _, errors) = show(&["--profile", "app", "--profile", "d"]);
    assert_eq!((code, errors.contains("--service app | deployed")), (Some(2), true), "{errors}");
}

#[test]
fn what_extends_from_another_file_is_found() {
    let folder = project("services:\n  a:\n    extends: {file: sub/base.yaml, service: b}\n    ports: ['81:81']\n");
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/base.yaml"), "services:\n  b: {image: x, ports: ['80:80']}\n").unwrap();
    let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--show-need"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("port 80/tcp") && shown.contains("port 81/tcp"), "{shown}");
}

#[test]
fn broken_files_end_at_once() {
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (one, next) in ('a'..='l').zip('b'..='m') {
        bomb.push_str(&format!("{next}: &{next} [{}]\n", vec![format!("*{one}"); 9].join(",")));
    }
    bomb.push_str("services: {s: {image: x, volumes: *m}}\n");
    let many: String =
        (0..10_000).map(|n| format!("  s{n}:\n    image: i{n}\n    ports: ['{}:80']\n", n + 1)).collect();
    let texts = [
        bomb,
        format!("services:\n{many}"),
        "services:\n  a: {image: x, extends: a}\n".into(),
        "services: &s\n  a: *s\n".into(),
        format!("services: {}", "[".repeat(100_000)),
        "services:\n  b: [\n".into(),
        "services: {}\n".into(),
        "services: 3\n".into(),
        String::new(),
        "\u{0}\u{1}".into(),
        "services: {a: {image: '${X'}}\n".into(),
        "services: {a: {image: '$1'}}\n".into(),
        "services: {a: {image: x, deploy: {resources: {reservations: {devices: [{count: 1}]}}}}}\n".into(),
        "services: {a: {image: x, gpus: [{count: 1, device_ids: ['0']}]}}\n".into(),
    ];
    for text in texts {
        let folder = project(&text);
        let started = Instant::now();
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml"]);
        let shown: String = text.chars().take(60).collect();
        assert_eq!(output.status.code(), Some(2), "{shown:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty() && output.stderr.len() < 2000, "{shown:?}");
        // A build without optimisation, beside other tests.
        assert!(started.elapsed() < Duration::from_secs(30), "{shown:?}: {:?}", started.elapsed());
    }
}

#[test]
fn bitten_files_never_break_the_reader() {
    let folder = project("");
    let bytes = FILE.as_bytes();
    for step in 1..60 {
        let mut text = bytes.to_vec();
        let at = step * 97 % text.len();
        match step % 4 {
            0 => text.truncate(at),
            1 => text[at] = b"{}[]:&*$'\"\n"[step % 11],
            2 => drop(text.drain(at..(at + 9).min(bytes.len()))),
            _ => text.splice(at..at, *b"${A:-${B}}").for_each(drop),
        }
        std::fs::write(folder.path().join("compose.yaml"), &text).unwrap();
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--service", "app", "--show-need"]);
        assert!(
            [Some(0), Some(2)].contains(&output.status.code()),
            "{step}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{step}");
    }
}
