//! gdoctor reads compose files: what it makes of a service, where its findings point, and how broken files end.
#![allow(clippy::disallowed_methods)]

use std::path::Path;
use std::process::{Command, Output};

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
    for wish in ["gpu all", "camera /dev/video0", "port 8080", "port 127.0.0.1:9090/udp", "display", "compose.yaml:16:"]
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
    assert!(shown.contains("port 80") && shown.contains("port 81"), "{shown}");
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
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml"]);
        let shown: String = text.chars().take(60).collect();
        assert_eq!(output.status.code(), Some(2), "{shown:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty() && output.stderr.len() < 2000, "{shown:?}");
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

/// Every change is shown with its line, and a file so changed has none of the findings that it was for.
#[test]
fn the_corrected_lines_mend_the_file() {
    let text = "services:\n  app:\n    image: lab/app:1\n    ports:\n      - \"18080:80\"\n      - \"18080:81\"\n    volumes:\n      - /dev/video0:/dev/video0\n    devices:\n      - /dev/video0\n    environment:\n      - DISPLAY=:7\n";
    let folder = project(text);
    let arguments = ["--compose", "compose.yaml", "--only", "run", "--format", "json"];
    let report: Value = serde_json::from_slice(&gdoctor(folder.path(), &arguments).stdout).unwrap();
    let changes = report["compose"]["changes"].as_array().unwrap().clone();
    let lines = |change: &Value| {
        let lines = change["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
        lines.collect::<Vec<String>>()
    };
    let told: Vec<(u64, bool, Vec<String>)> = changes
        .iter()
        .map(|change| (change["file"]["line"].as_u64().unwrap(), change["adds"] == true, lines(change)))
        .collect();
    let added = vec!["volumes:".to_owned(), "  - /tmp/.X11-unix:/tmp/.X11-unix".to_owned()];
    assert_eq!(told, [(3, true, added), (6, false, vec!["- \"18081:81\"".to_owned()]), (8, false, vec![])]);
    let codes: Vec<&str> = changes.iter().map(|change| change["code"].as_str().unwrap()).collect();

    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    for change in changes.iter().rev() {
        let at = change["file"]["line"].as_u64().unwrap() as usize - 1;
        let indent = " ".repeat(rows[at].len() - rows[at].trim_start().len());
        let new = lines(change).into_iter().map(|line| format!("{indent}{line}"));
        if change["adds"] == true {
            // The key is there already and has just lost its only item.
            let key = rows.iter().position(|row| row.trim() == "volumes:").unwrap();
            rows.splice(key..=key, new.collect::<Vec<_>>());
        } else {
            rows.splice(at..=at, new.collect::<Vec<_>>());
        }
    }
    std::fs::write(folder.path().join("compose.yaml"), rows.join("\n")).unwrap();
    let again: Value = serde_json::from_slice(&gdoctor(folder.path(), &arguments).stdout).unwrap();
    for result in again["results"].as_array().unwrap() {
        let bad = ["fail", "warn"].contains(&result["status"].as_str().unwrap());
        assert!(!bad || !codes.contains(&result["code"].as_str().unwrap()), "{result}\n{}", rows.join("\n"));
    }
    assert_eq!(again["compose"]["changes"].as_array().unwrap().len(), 0, "{}", rows.join("\n"));

    std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    let shown = gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "run"]).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("6 |       - \"18080:81\"\n"), "{shown}");
    assert!(shown.contains("  -       - \"18080:81\"\n  +       - \"18081:81\"\n"), "{shown}");
}

/// compose.override.yaml, several --compose, include, env_file, extends: as `docker compose config` puts them together.
#[test]
fn files_are_put_together_as_compose_does() {
    let base = "include:\n  - sub/more.yaml\nservices:\n  app:\n    image: x\n    env_file: [base.env, {path: none.env, required: false}]\n    environment:\n      A: '1'\n      DISPLAY: ':1'\n    ports: ['18080:80']\n    volumes:\n      - ./here:/data\n      - /dev/video0:/dev/video0\n    command: [a]\n    profiles: [p]\n";
    let folder = project(base);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    write("base.env", "NVIDIA_DRIVER_CAPABILITIES=compute,video\n");
    write("sub/more.yaml", "services:\n  cam:\n    image: y\n    volumes: ['./below:/x']\n    profiles: [c]\n");
    write(
        "compose.override.yaml",
        "services:\n  app:\n    gpus: all\n    environment: ['DISPLAY=:2']\n    ports: ['18081:81', '18080:80']\n    volumes: ['/dev/video1:/dev/video0']\n",
    );
    let show = |arguments: &[&str]| {
        let output = gdoctor(folder.path(), &[arguments, &["--show-need"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = show(&["--compose", "compose.yaml", "--service", "app"]);
    for wish in
        ["gpu all", "compose.override.yaml:3:", "port 18081", "camera /dev/video1", "capability video", "display"]
    {
        assert!(shown.contains(wish), "{wish} in {shown}");
    }
    assert!(!shown.contains("camera /dev/video0"), "one thing is at one place: {shown}");
    assert_eq!(shown.matches("port 18080").count(), 1, "{shown}");
    // Named one by one, only the named files are read.
    let shown = show(&["--compose", "compose.yaml", "--compose", "sub/more.yaml", "--service", "app"]);
    assert!(!shown.contains("gpu all") && shown.contains("camera /dev/video0"), "{shown}");
    // Relative paths of an included file count from its folder.
    let arguments = ["--compose", "compose.yaml", "--service", "cam", "--only", "run-line-volumes", "--format", "json"];
    let report = String::from_utf8(gdoctor(folder.path(), &arguments).stdout).unwrap();
    assert!(report.contains("sub/below") && report.contains("sub/more.yaml"), "{report}");
    // Compose's own tags: one takes the place of what is below, one takes it away.
    write(
        "compose.override.yaml",
        "services:\n  app:\n    gpus: all\n    ports: !override ['18082:82']\n    environment: !reset null\n    volumes: !reset []\n",
    );
    let shown = show(&["--compose", "compose.yaml", "--service", "app"]);
    assert!(shown.contains("port 18082") && shown.contains("capability video"), "{shown}");
    assert!(["port 18080", "camera", "display"].iter().all(|gone| !shown.contains(gone)), "{shown}");
    // A file that is missing, and a circle.
    write("compose.override.yaml", "services:\n  app: {env_file: gone.env}\n");
    let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--service", "app"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(2) && errors.contains("gone.env is no file") && errors.contains(":2:"),
        "{errors}"
    );
    write("compose.yaml", "include: [compose.yaml]\nservices: {app: {image: x}}\n");
    let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--service", "app"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && errors.contains("in a circle"), "{errors}");
}
