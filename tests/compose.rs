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
    restart: ${RESTART:-sometimes}
    shm_size: 1g
  deployed:
    image: ${REG:?set REG}/app
    profiles: [d]
    deploy: {resources: {reservations: {devices: [{driver: nvidia, device_ids: ['0', '1'], capabilities: [gpu, video]}]}}}
volumes:
  named:
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
    std::fs::write(folder.path().join(".env"), "# defaults\nSECRET='hunter2'\nexport IMAGE=mine # ours\nREG=x\n")
        .unwrap();
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
    assert_eq!(place("run-line-syntax/bad-value"), ("compose.yaml".into(), 28));
    assert_eq!(place("run-line-ports/twice"), ("compose.yaml".into(), 18));
    assert_eq!(place("run-line-camera/shown-twice"), ("compose.yaml".into(), 22));
    assert_eq!(report.get("runLine"), None);
}

#[test]
fn limits_and_names_are_judged_as_those_of_a_line() {
    let folder = project(
        "services:\n  app:\n    image: app\n    devices:\n      - /dev/none\n    cap_drop: [NOPE]\n    restart: lots\n    \
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
    // Compose loads nothing of a file in which one service insists on what is not set.
    let (code, _, errors) = show(&["--service", "app"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("REG is not set") && errors.contains("compose.yaml:31:12"), "{errors}");
    std::fs::write(folder.path().join(".env"), "REG=localhost:5000\n").unwrap();
    let (code, shown, errors) = show(&["--service", "app"]);
    assert_eq!(code, Some(0), "{errors}");
    for wish in ["gpu all", "camera /dev/video0", "port 8080", "port 127.0.0.1:9090/udp", "display", "compose.yaml:16:"]
    {
        assert!(shown.contains(wish), "{wish} in {shown}");
    }
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
    let text = "services:\n  app:\n    image: lab/app:1\n    ports:\n      - \"18080:80\"\n      - \"18080:81\"\n    volumes:\n      - /dev/video0:/dev/video0\n    devices:\n      - /dev/video0\n    environment:\n      - DISPLAY=:0\n";
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
        "services:\n  app:\n    gpus: all\n    environment: ['DISPLAY=:0']\n    ports: ['18081:81', '18080:80']\n    volumes: ['/dev/video1:/dev/video0']\n",
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

/// Small files that compose refuses, each of a kind: where gdoctor points, what it says and what it advises. All were put before
/// `docker compose config` 2.40.
#[test]
fn what_compose_refuses_is_told_with_its_place_and_remedy() {
    let app = |rest: &str| format!("services:\n  app:\n    image: busybox\n{rest}");
    let rows = [
        (app("    prots: ['80:80']\n"), ":4:5", "prots is no key", "did you mean ports?"),
        (app("    cap-add: [ALL]\n"), ":4:5", "cap-add is no key", "did you mean cap_add?"),
        (app("    gpu: all\n"), ":4:5", "gpu is no key", "did you mean gpus?"),
        (app("    resources: {limits: {cpus: 1}}\n"), ":4:5", "resources is no key", "under deploy:"),
        (app("    deploy: {gpus: all}\n"), ":4:14", "gpus is no key", "beside deploy"),
        (app("    ports: 80:80\n"), ":4:12", "takes a list", "ports: [\"80:80\"]"),
        (app("    gpus: 1\n"), ":4:11", "takes text or a list", "count: 1"),
        (app("    gpus: [{device_ids: [0]}]\n"), ":4:26", "takes text", "in quotes: \"0\""),
        (app("    gpus: [{count: some}]\n"), ":4:20", "a number, or all", "count: 1"),
        (app("    healthcheck: {interval: 30}\n"), ":4:29", "takes text", "its unit: 30s"),
        (app("    healthcheck: {timeout: '30'}\n"), ":4:28", "no unit", "its unit: 30s"),
        (app("    devices:\n      - /dev/x: /dev/y\n"), ":5:9", "the blank behind /dev/x:", "- \"/dev/x:/dev/y\""),
        (app("    volumes:\n      - data: /y\nvolumes: {data: }\n"), ":5:9", "the blank behind data:", "- \"data:/y\""),
        (app("    deploy: {resources: {limits: {cpus: two}}}\n"), ":4:41", "no number", "processors: 2"),
        (app("    ports: ['80-90:80-85']\n"), ":4:13", "11 ports of the host for 6 of the container", "one length"),
        (app("    ports: ['90-80:90-80']\n"), ":4:13", "ends before it begins", "write 80-90"),
        (app("    ports: ['80:80/tpc']\n"), ":4:13", "is no protocol", "8080:80/udp"),
        (app("    ports: ['web:80']\n"), ":4:13", "no port's number", "from 1 to 65535"),
        (app("    ports: ['80:99999']\n"), ":4:13", "no port 99999", "65535"),
        (app("    ports: ['127.0.0.1:80']\n"), ":4:13", "it takes two", "127.0.0.1:80:80"),
        (app("    ports: ['127.0.0.1']\n"), ":4:13", "without a port", "127.0.0.1:8080:80"),
        (app("    ports: ['80:127.0.0.1:81']\n"), ":4:13", "behind the port", "127.0.0.1:80:81"),
        (app("    ports: ['lan:80:81']\n"), ":4:13", "is no address", "127.0.0.1"),
        (app("    ports: ['80: 80']\n"), ":4:13", "has a blank in it", "80:80"),
        (app("    ports: [{target: 80, published: '80-90:80'}]\n"), ":4:37", "no port's number", "65535"),
        (app("    shm_size: 1q\n"), ":4:15", "no size", "512m"),
        (app("    privileged: maybe\n"), ":4:17", "neither true nor false", ""),
        (app("    networks: [lan]\n"), ":4:16", "which the file does not have", "add lan:"),
        (app("    volumes: ['date:/d']\nvolumes: {data: }\n"), ":4:15", "does not have", "did you mean data?"),
        (app("    depends_on: [ap]\n"), ":4:18", "no service", "did you mean app?"),
        (app("    network_mode: host\n    networks: [default]\n"), ":4:19", "exclude", "keep one"),
        (app("    ports: ['80:80']\n    ports: ['81:81']\n"), ":5:5", "a second time", "keep one"),
        (app("  b: {gpus: all}\n"), ":4:3", "neither an image nor a build", "image: NAME"),
        (app("  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [b]}\n"), ":", "b -> c -> b", "out"),
        (app("    environment: {1: a}\n"), ":4:19", "is no text", "\"1\""),
        (app("---\n"), ":4:4", "a map at its first level", "goes"),
        ("version: 3\nservices: {app: {image: x}}\n".into(), ":1:10", "version takes text", "take the line out"),
        ("app: {image: x}\n".into(), ":1:1", "app is no key", "under services:"),
        (
            app("    deploy: {resources: {limits: {devices: []}}}\n"),
            ":4:35",
            "devices is no key",
            "under reservations:",
        ),
        (app("    devices: [{driver: nvidia, count: 1}]\n"), ":4:16", "driver is no key", "under gpus:"),
        (app("    environment:\n      - DISPLAY: ${DISPLAY}\n"), ":5:9", "takes text", "- DISPLAY=${DISPLAY}"),
        (app("    environment:\n      - DISPLAY: :0\n"), ":5:9", "takes text", "- DISPLAY=:0"),
        (app("    environment: ['A = all']\n"), ":4:19", "a blank behind its name", "- A=…"),
        (app("  volumes:\n    - ./a:/a\n"), ":5:5", "takes a map", "as the service's other keys"),
        (app("\ttty: true\n"), ":4:1", "a tab", "blanks alone"),
        (app("    extends:\n        file: a.yml\n      service: b\n"), ":", "not YAML", "one column"),
        (format!("----\n{}", app("")), ":", "not YAML", "three dashes"),
    ];
    for (text, place, what, help) in rows {
        let folder = project(&text);
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--service", "app"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}{errors}");
        let place = format!("compose.yaml{place}");
        for part in [place.as_str(), what, help] {
            assert!(errors.contains(part), "{part:?} for\n{text}\n{errors}");
        }
    }
}

/// What compose takes though it looks odd, and what it makes of it.
#[test]
fn what_compose_takes_is_taken() {
    let many: String = (0..300).map(|n| format!("  s{n}: {{image: x, environment: *e}}\n")).collect();
    let rows = [
        ("services: {app: {image: x, restart: no, privileged: 'yes', environment: {A: yes, B: off, C: 012}}}\n", ""),
        ("services: {app: {image: x, environment: {RE: '^(a|b)$', P: 'a$1'}}}\n", ""),
        ("services: {app: {image: x, ipc: 'service:b', pid: 'service:b'}, b: {image: x, ipc: shareable}}\n", ""),
        ("services: {app: {image: x}}\n---\nservices: {app: {ports: ['8080:80']}}\n", "port 8080"),
        ("services: {app: {image: x}, llm: {provider: {type: model}}}\n", ""),
        ("services: {app: {image: x, ports: ['80${N:-8}1:80']}}\nx-a: {b: c}\n", "port 8081"),
        ("services: {app: {image: 'nvcr.io/nvidia/pytorch:25.03-py3', gpus: all}}\n", "cuda 12.8"),
        ("services: {app: {image: x, gpus: [{capabilities: [gpu, video]}]}}\n", "capability video"),
        ("services: {app: {image: x, gpus: all, command: ffmpeg -hwaccel cuda -i a b}}\n", "capability video"),
        ("services: {app: {image: x, gpus: all, command: [ffmpeg, -c:v, h264_cuvid]}}\n", "capability video"),
        ("services: {app: {image: x, volumes: ['${PWD}/a:/b'], environment: {KEY: '<your key>'}}}\n", ""),
        ("include: ['oci://example.com/a:1']\nservices: {app: {image: x, networks: [lan], depends_on: [db]}}\n", ""),
        (&format!("x-e: &e {{A: b}}\nservices:\n  app: {{image: x, environment: {{<<: *e}}}}\n{many}"), ""),
    ];
    for (text, wish) in rows {
        let folder = project(text);
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--service", "app", "--show-need"]);
        assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains(wish), "{wish} of {text}");
    }
}

/// A display that another container has, or that it has itself, a socket that no DISPLAY names: no window of this host's.
#[test]
fn what_a_container_has_itself_is_not_asked_of_the_host() {
    for service in [
        "{image: x, environment: ['DISPLAY=novnc:0.0']}",
        "{image: x, network_mode: host, environment: ['DISPLAY=:55'], volumes: ['./own/.X11-unix:/tmp/.X11-unix']}",
        "{image: x, volumes: ['/tmp/.X11-unix:/tmp/.X11-unix']}",
    ] {
        let folder = project(&format!("services: {{app: {service}, novnc: {{image: y}}}}\n"));
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--service", "app", "--show-need"]);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.code() == Some(0) && !shown.contains("display"), "{service}: {shown}");
    }
    // The home folder by its sign.
    let folder = project("services: {app: {image: x, env_file: '~/gdoctor-has-no-such-file.env'}}\n");
    let errors = gdoctor(folder.path(), &["--compose", "compose.yaml"]).stderr;
    let errors = String::from_utf8_lossy(&errors).into_owned();
    assert!(
        errors.contains("gdoctor-has-no-such-file.env is no file")
            && !errors.contains("~/gdoctor-has-no-such-file.env is"),
        "{errors}"
    );
}

/// What compose empties since nobody sets it is named where that breaks the start: in its own reading, and in the engine's.
#[test]
fn a_variable_that_nobody_sets_is_the_cause() {
    let of = |service: &str| {
        let folder = project(&format!("services:\n  app: {service}\n"));
        gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "run", "--format", "json"])
    };
    let service = "{image: x, devices: ['${LENS}:/dev/video3'], restart: '${AGAIN:-lots}', environment: ['A=${B}']}";
    let report: Value = serde_json::from_slice(&of(service).stdout).unwrap();
    let told = report["results"].as_array().unwrap().iter().filter(|r| r["id"] == "run-line-syntax");
    let told: Vec<_> = told.map(|r| (r["code"].as_str().unwrap(), r["subject"].as_str().unwrap())).collect();
    let other = ("run-line-syntax/bad-value", "restart: lots");
    assert_eq!(told, [("run-line-syntax/unset", "LENS"), other], "{report:#}");
    let refused = of("{image: x, volumes: ['${WHERE}:/data']}");
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && errors.contains("WHERE is not set"), "{errors}");
}

/// .env, an include's own, and what compose reads of its own settings there.
#[test]
fn variables_come_from_where_compose_takes_them() {
    let folder = project(
        "name: '8181'\ninclude:\n  - sub/compose.yaml\n  - {path: sub/other.yaml, project_directory: ., env_file: sub/my.env}\n\
         services:\n  app:\n    image: x\n    profiles: [on]\n    ports: ['${PORT}:80', '${COMPOSE_PROJECT_NAME}:81']\n",
    );
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    write(".env", "BASE=80\nPORT=${BASE}${P:-80} # why\nCOMPOSE_PROFILES=on\nCOMPOSE_FILE=compose.yaml:gpu.yaml\n");
    write("gpu.yaml", "services: {app: {gpus: all}}\n");
    write("sub/compose.yaml", "services: {db: {image: x, ports: ['${INNER}:80'], profiles: [other]}}\n");
    write("sub/.env", "INNER=8090\n");
    write(
        "sub/other.yaml",
        "services: {web: {image: x, ports: ['${OWN}:80'], volumes: ['./d:/d'], profiles: [other]}}\n",
    );
    write("sub/my.env", "export OWN=\"8091\"\n");
    let show = |arguments: &[&str]| {
        let output = gdoctor(folder.path(), &[&["--compose", "compose.yaml"], arguments, &["--show-need"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = show(&[]);
    assert!(shown.contains("port 8080") && shown.contains("gpu all"), "{shown}");
    assert!(shown.contains("port 8181"), "{shown}");
    assert!(show(&["--service", "db"]).contains("port 8090"));
    assert!(show(&["--service", "web"]).contains("port 8091"));
    write(".env", "A='never closed\n");
    let output = gdoctor(folder.path(), &["--compose", "compose.yaml"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(2) && errors.contains("never closed") && errors.contains(".env:1:"),
        "{errors}"
    );
    assert!(!errors.contains("'never"), "a value is repeated: {errors}");
}

/// What `docker compose up` ends with, "port is already allocated": by a service that this one needs it is certain.
#[test]
fn services_that_publish_one_port() {
    let folder = project(
        "services:\n  web:\n    image: web\n    depends_on: [api]\n    ports: ['8080:80', '9000:90']\n  api:\n    image: api\n    \
         ports: [{target: 80, published: '8080', host_ip: 127.0.0.1}, '9001:90']\n  asleep:\n    image: x\n    profiles: [x]\n    \
         ports: ['9000:90']\n  many:\n    image: x\n    deploy: {replicas: 2}\n    ports: ['7000:70', '71']\n",
    );
    let told = |arguments: &[&str]| {
        let arguments =
            [&["--compose", "compose.yaml", "--only", "run-line-ports", "--format", "json"], arguments].concat();
        let report: Value = serde_json::from_slice(&gdoctor(folder.path(), &arguments).stdout).unwrap();
        let results = report["results"].as_array().unwrap().iter();
        let line = |r: &Value| {
            format!(
                "{} {} {}",
                r["status"].as_str().unwrap(),
                r["code"].as_str().unwrap(),
                r["askedBy"]["file"]["line"]
            )
        };
        results.map(line).collect::<Vec<_>>()
    };
    assert_eq!(told(&["--service", "web"]), ["fail run-line-ports/beside 5"]);
    assert_eq!(told(&["--service", "api"]), ["warn run-line-ports/beside 8"]);
    let both = ["warn run-line-ports/beside 5", "fail run-line-ports/beside 5"];
    assert_eq!(told(&["--service", "web", "--profile", "x"]), [both[1], both[0]]);
    assert_eq!(told(&["--service", "many"]), ["fail run-line-ports/copies 16"]);
}

/// `docker create --network container:ID`, which is how compose hands another service's network on, publishes nothing.
#[test]
fn another_services_network_publishes_nothing() {
    let told = |ports: &str| {
        let text = "services:\n  vpn:\n    image: vpn\n  app:\n    image: app\n    network_mode: service:vpn\n";
        let folder = project(&format!("{text}{ports}"));
        let arguments =
            ["--compose", "compose.yaml", "--service", "app", "--only", "run-line-options", "--format", "json"];
        let report: Value = serde_json::from_slice(&gdoctor(folder.path(), &arguments).stdout).unwrap();
        report["results"][0]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(told("    ports: ['8080:80']\n"), "run-line-options/exclude");
    assert_ne!(told(""), "run-line-options/exclude");
}

/// With a cookie where X's library looks by itself, the server's list is not what lets the container in.
#[test]
fn a_cookie_is_known_by_its_place() {
    let wants = |target: &str| {
        let text = "services:\n  app:\n    image: app\n    environment: {DISPLAY: ':0'}\n    volumes: ['/etc/hostname:";
        let folder = project(&format!("{text}{target}']\n"));
        let arguments = ["--compose", "compose.yaml", "--only", "display-access", "--format", "json"];
        let report: Value = serde_json::from_slice(&gdoctor(folder.path(), &arguments).stdout).unwrap();
        report["results"][0]["status"] != "skip"
    };
    assert!(wants("/data/cookie"));
    assert!(!wants("/root/.Xauthority"));
}

#[test]
fn a_folder_is_no_file() {
    let folder = project("");
    for flag in ["--compose", "--dockerfile", "--run-file", "--facts"] {
        let output = gdoctor(folder.path(), &[flag, "."]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), errors.contains("this is a folder")), (Some(2), true), "{flag}: {errors}");
    }
}

/// Real: Docker refuses a name on a network of its own, and compose gives one to each container on a network of its file.
#[test]
fn a_network_of_dockers_own_takes_no_names() {
    let told = |networks: &str, service: &str| {
        let folder = project(&format!("services:\n  app:\n    image: app\n{service}networks:\n{networks}"));
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "run", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = report["results"].as_array().unwrap();
        let code = |result: &Value| result["code"].as_str().unwrap().to_owned();
        results.iter().filter(|result| result["status"] == "fail").map(code).collect::<Vec<_>>()
    };
    let refused = ["run-line-options/names-on-dockers-network"];
    assert_eq!(told("  default: {external: true, name: bridge}\n", ""), refused);
    assert_eq!(told("  lan: {external: {name: host}}\n", "    networks: [lan]\n"), refused);
    assert_eq!(told("  lan: {external: true, name: lan}\n", "    networks: {lan: {aliases: [x]}}\n"), [""; 0]);
    assert_eq!(told("  default: {external: true, name: bridge}\n", "    network_mode: bridge\n"), [""; 0]);
    assert_eq!(told("  default: {name: bridge}\n", ""), [""; 0]);
}

#[test]
fn the_long_form_of_a_device_takes_colons() {
    let path = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0";
    let codes = |item: &str| {
        let folder = project(&format!("services:\n  app:\n    image: app\n    devices:\n      - {item}\n"));
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "run", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = report["results"].as_array().unwrap();
        let code = |result: &Value| result["code"].as_str().unwrap().to_owned();
        results.iter().filter(|result| result["status"] == "fail").map(code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&format!("{path}:/dev/ttyUSB0")), ["run-line-syntax/colon-in-path"]);
    assert_eq!(codes(&format!("{{source: '{path}', target: /dev/ttyUSB0}}")), ["run-line-names/no-device"]);
}

/// What a service is built from is there, or its absence is told at the key that names it.
#[test]
fn what_a_build_names_is_looked_for() {
    let told = |service: &str| {
        let folder = project(&format!("services:\n  a:\n    {service}\n"));
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("Dockerfile"), "FROM busybox AS run\nFROM run AS last\n").unwrap();
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "dockerfile", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let bad = report["results"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| ["fail", "warn"].contains(&one["status"].as_str().unwrap()));
        bad.map(|one| {
            format!("{} {} {}", one["status"], one["code"], one["askedBy"]["file"]["column"]).replace('"', "")
        })
    };
    for (service, code) in [
        ("build: ./nope", "fail dockerfile-context/no-folder 12"),
        ("{image: x, build: ./nope}", "warn dockerfile-context/no-folder 23"),
        ("build: sub", "fail dockerfile-context/no-dockerfile 12"),
        ("build: {context: ., dockerfile: docker/App}", "fail dockerfile-context/no-dockerfile 37"),
        ("build: {context: ., target: dev}", "fail dockerfile-context/no-stage 33"),
        ("build: {context: ., additional_contexts: {libs: ../libs}}", "fail dockerfile-context/no-named-folder 53"),
    ] {
        assert_eq!(told(service).as_deref(), Some(code), "{service}");
    }
    for service in [
        "build: .",
        "build: {context: ., target: run}",
        "build: {context: ., target: '1'}",
        "build: {context: $NOBODY_SAYS/x}",
        "build: https://github.com/x/y.git",
        "build: {context: ., additional_contexts: [libs=sub, base=docker-image://busybox]}",
    ] {
        assert_eq!(told(service), None, "{service}");
    }
}

/// The words of compose's own command say what `--compose` does.
#[test]
fn the_command_of_compose_is_a_line() {
    let folder =
        project("services:\n  a:\n    image: x\n    ports: [\"${PORT}:80\"]\n  b: {image: y, profiles: [p]}\n");
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("vars"), "PORT=8089\n").unwrap();
    let need = |words: &str, sub: &str| {
        let arguments: Vec<&str> = std::iter::once("--show-need").chain(words.split(' ')).collect();
        let output = gdoctor(&folder.path().join(sub), &arguments);
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    for (words, sub, wanted) in [
        ("docker compose --env-file vars up -d", "", "8089"),
        ("docker --debug compose --env-file ../vars -f ../compose.yaml up a", "sub", "8089"),
        ("docker compose --env-file ../vars run --rm a sh", "sub", "8089"),
        ("docker-compose --env-file vars --profile p up --build a", "", "8089"),
    ] {
        let (status, told) = need(words, sub);
        assert!(status == Some(0) && told.contains(wanted), "{words}: {told}");
    }
    for (words, what) in [
        ("docker compose --env-file nope up", "nope: there is no such file"),
        ("docker --context far compose up", "another daemon is named"),
        ("docker compose down", "this is no `docker run`"),
        ("docker compose up a b", "one service at a time"),
    ] {
        let (status, told) = need(words, "");
        assert!(status == Some(2) && told.contains(what), "{words}: {told}");
    }
}

/// Compose takes no notice of a word in a mode that it does not know; docker refuses it.
#[test]
fn a_mode_that_compose_does_not_know_is_none() {
    for mount in ["/tmp:/x:bind", "/tmp:/x:cached,ro", "/tmp:/x:rw,ro", "/tmp:/x:nocopy", "data:/x:rshared"] {
        let file = format!("services:\n  a:\n    image: busybox\n    volumes: [\"{mount}\"]\nvolumes: {{data: }}\n");
        let output = gdoctor(project(&file).path(), &["--compose", "compose.yaml", "--only", "run-line-syntax"]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{mount}: {told}");
    }
}

/// What -v cannot say of a mount is not lost: it goes by --mount, as compose does it.
#[test]
fn the_long_form_of_a_mount_is_kept_whole() {
    let told = |item: &str| {
        let folder = project(&format!("services:\n  app:\n    image: app\n    volumes:\n      - {item}\n"));
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "run", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = report["results"].as_array().unwrap();
        let code = |result: &Value| result["code"].as_str().unwrap().to_owned();
        let bad = |result: &&Value| ["fail", "warn"].contains(&result["status"].as_str().unwrap());
        results.iter().filter(bad).map(code).collect::<Vec<_>>()
    };
    let bind = |more: &str| format!("{{type: bind, source: /not/here, target: /d, {more}}}");
    assert_eq!(told(&bind("read_only: true")), ["run-line-volumes/folder-missing"]);
    assert_eq!(told(&bind("bind: {create_host_path: true}")), ["run-line-volumes/folder-missing"]);
    assert_eq!(told(&bind("bind: {create_host_path: false}")), ["run-line-volumes/mount-missing"]);
    assert_eq!(told(&bind("bind: {propagation: sharde}")), ["run-line-syntax/bad-value"]);
    assert_eq!(
        told("{type: bind, source: /etc, target: d, bind: {create_host_path: false}}"),
        ["run-line-syntax/bad-value"]
    );
    assert_eq!(told("{type: volume, target: /d, volume: {nocopy: true}}"), [""; 0]);
    assert_eq!(told("{type: tmpfs, target: /d, tmpfs: {size: 64m}}"), [""; 0]);
}

/// A path that a variable leaves short is nobody's folder.
#[test]
fn a_variable_in_a_path_is_named() {
    let folder = project("services:\n  app:\n    image: app\n    volumes: ['/srv/${NO_SUCH_NAME}/data:/data']\n");
    let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--only", "run", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = report["results"].as_array().unwrap();
    let found = results.iter().find(|result| result["code"] == "run-line-syntax/unset-blank").unwrap();
    assert_eq!((&found["subject"], &found["status"]), (&"NO_SUCH_NAME".into(), &"warn".into()), "{report:#}");
    assert!(!report.to_string().contains("mkdir"), "{report:#}");
}

/// A blank display is left blank on purpose where the file says so, and by accident where a variable does.
#[test]
fn a_blank_display_is_told_by_who_left_it() {
    let wants = |item: &str| {
        let folder = project(&format!("services:\n  app:\n    image: app\n    environment: ['{item}']\n"));
        let output = gdoctor(folder.path(), &["--compose", "compose.yaml", "--show-need"]);
        String::from_utf8_lossy(&output.stdout).contains("display")
    };
    assert!(!wants("DISPLAY="));
    assert!(wants("DISPLAY=${NO_SUCH_NAME}"));
    assert!(wants("DISPLAY=:0"));
}
