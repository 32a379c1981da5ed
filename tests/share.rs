//! What leaves the machine: a host in which names, addresses and secrets are sown leaks none of them in any format, and saved
//! facts give the same report everywhere.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Everything that is sown, none of which may come out.
const SOWN: [&str; 20] = [
    "wilhelmina",
    "vault-77",
    "corp.intra.example",
    "192.168.77.12",
    "10.77.1.9",
    "s3cr3tpass",
    "proxyuser",
    "52:54:00:77:12:34",
    "5ddc1ab9-7b1c-4e0c-9f00-0123456789ab",
    "0123456789abcdef0123456789abcdef",
    "bartholomew",
    "fd12:3456:789a:1::77",
    "2a01:4f8:77:1::12",
    "c00c1ec00c1ec00c1ec00c1ec00c1e77",
    "hunter77secret",
    "hunter78secret",
    "cHJveHl1c2VyOnMzY3IzdHBhc3M",
    "relay77.lan",
    "203.0.113.77",
    "7d1f0c5a-77aa-4b1e-8e55-aabbccddeeff",
];

/// A root in which all of it stands where gdoctor reads.
fn planted() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let files = [
        ("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n"),
        (
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nwilhelmina:x:1000:1000::/home/wilhelmina:/bin/sh\n\
             bartholomew:x:1001:1001::/home/bartholomew:/bin/sh\n",
        ),
        ("etc/group", "root:x:0:\ndocker:x:999:wilhelmina,bartholomew\nvideo:x:44:bartholomew\n"),
        (
            "etc/systemd/system/docker.service.d/http-proxy.conf",
            "[Service]\nEnvironment=\"HTTPS_PROXY=http://proxyuser:s3cr3tpass@relay77.lan:3128\" \"TOKEN=hunter77secret\"\n",
        ),
        (
            "etc/cdi/nvidia.yaml",
            "cdiVersion: 0.6.0\nkind: nvidia.com/gpu\ndevices:\n- name: GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab\n  containerEdits:\n    \
             deviceNodes:\n    - path: /dev/nvidia0\n",
        ),
        ("etc/docker/certs.d/vault-77.corp.intra.example:5000/ca.crt", "not a certificate\n"),
        ("etc/fstab", "UUID=7d1f0c5a-77aa-4b1e-8e55-aabbccddeeff / ext4 defaults 0 1\n"),
        (
            "home/wilhelmina/.Xauthority",
            "\u{1}\u{0}\u{0}\u{8}vault-77\u{0}\u{1}0\u{0}\u{12}MIT-MAGIC-COOKIE-1c00c1ec00c1ec00c1ec00c1ec00c1e77",
        ),
        ("etc/hosts", "127.0.0.1 localhost\n192.168.77.12 vault-77.corp.intra.example vault-77\n"),
        ("etc/hostname", "vault-77\n"),
        ("etc/resolv.conf", "nameserver 10.77.1.9\nsearch corp.intra.example\n"),
        (
            "etc/docker/daemon.json",
            "{\"data-root\": \"/home/wilhelmina/docker\", \"insecure-registries\": [\"vault-77.corp.intra.example:5000\", \
             \"192.168.77.12:5000\", \"[2a01:4f8:77:1::12]:5000\"], \"dns\": [\"10.77.1.9\", \"fd12:3456:789a:1::77\"], \
             \"hosts\": [\"tcp://192.168.77.12:2375\", \"tcp://203.0.113.77:2375\"], \"proxies\": \
             {\"http-proxy\": \"http://proxyuser:s3cr3tpass@vault-77.corp.intra.example:3128\"}}",
        ),
        (
            "home/wilhelmina/.docker/config.json",
            "{\"auths\": {\"vault-77.corp.intra.example:5000\": {\"auth\": \"cHJveHl1c2VyOnMzY3IzdHBhc3M=\"}}, \
             \"credsStore\": \"desktop\"}",
        ),
        ("proc/driver/nvidia/gpus/0000:01:00.0/information", "GPU UUID: \t GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab\n"),
        ("sys/class/net/eth0/address", "52:54:00:77:12:34\n"),
        // Of a system that does not run less is read.
        ("run/.keep", ""),
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ];
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

const FORMATS: [&str; 12] =
    ["text", "json", "junit", "sarif", "html", "md", "prom", "github", "nagios", "npd", "tap", "facts"];

fn gdoctor(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    for name in ["DOCKER_CONTEXT", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY"] {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .env("DOCKER_HOST", "tcp://proxyuser:s3cr3tpass@vault-77.corp.intra.example:2375")
        .env("HTTPS_PROXY", "http://proxyuser:s3cr3tpass@192.168.77.12:3128")
        .env("HOME", "/home/wilhelmina")
        .env("XAUTHORITY", "/home/wilhelmina/.Xauthority")
        .env("DISPLAY", "192.168.77.12:0")
        .env("REGISTRY_TOKEN", "hunter78secret")
        .output()
        .unwrap()
}

fn leaks(name: &str, text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    SOWN.iter().filter(|sown| lower.contains(&sown.to_lowercase())).map(|sown| format!("{name}: {sown}")).collect()
}

#[test]
fn a_planted_host_leaks_nothing() {
    let (root, out) = (planted(), tempfile::tempdir().unwrap());
    let root = root.path().to_str().unwrap();
    let path = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let asked = ["--registry", "vault-77.corp.intra.example:5000", "--port", "192.168.77.12:8080", "--timeout", "2s"];
    let outs: Vec<String> = FORMATS.iter().map(|f| format!("{f}={}", path(f))).collect();
    let mut arguments = vec!["check", "--root", root, "--share", "-v"];
    arguments.extend(asked);
    outs.iter().for_each(|out| arguments.extend(["--out", out]));
    let output = gdoctor(&arguments);
    let mut found = leaks("stdout", &String::from_utf8_lossy(&output.stdout));
    found.extend(leaks("stderr", &String::from_utf8_lossy(&output.stderr)));
    for format in FORMATS {
        found.extend(leaks(format, &fs::read_to_string(path(format)).unwrap()));
    }
    // The line, the compose file and the project's file are the user's own texts.
    // They lie in somebody's folder.
    fs::create_dir_all(out.path().join("home/wilhelmina")).unwrap();
    let project = path("home/wilhelmina/gdoctor.toml");
    fs::write(
        &project,
        "display = true\nregistry = [\"vault-77.corp.intra.example:5000\"]\n[[waiver]]\ncode = \"docker-client/not-installed\"\n\
         reason = \"bartholomew knows, see http://relay77.lan/77\"\nowner = \"wilhelmina@corp.intra.example\"\nuntil = \"2999-01-01\"\n",
    )
    .unwrap();
    let compose = path("home/wilhelmina/compose.yaml");
    fs::write(
        &compose,
        "services:\n  app:\n    image: vault-77.corp.intra.example:5000/app\n    environment:\n      PASSWORD: hunter77secret\n    \
         volumes: [/home/bartholomew/data:/data]\n    ports: ['192.168.77.12:8080:80']\n",
    )
    .unwrap();
    let line = [
        "docker",
        "run",
        "-e",
        "TOKEN=hunter77secret",
        "-e",
        "REGISTRY_TOKEN",
        "-v",
        "/home/bartholomew/data:/data",
        "-h",
        "vault-77",
        "-p",
        "192.168.77.12:8080:80",
        "vault-77.corp.intra.example:5000/app",
    ];
    let more: [Vec<&str>; 3] = [
        [&["--need", "none", "--"][..], &line].concat(),
        vec!["--need", "none", "--compose", &compose],
        vec!["--need", &project],
    ];
    let mut told = String::new();
    for (number, given) in more.iter().enumerate() {
        // What is sown is told where nothing is taken out, or this test shows nothing.
        let bare =
            gdoctor(&[&["check", "--root", root, "-v", "--timeout", "2s", "--format", "json"][..], given].concat());
        told.push_str(&String::from_utf8_lossy(&bare.stdout));
        let outs: Vec<String> = FORMATS.iter().map(|f| format!("{f}={}", path(&format!("{number}-{f}")))).collect();
        let mut arguments = vec!["check", "--root", root, "--share", "-v", "--timeout", "2s"];
        outs.iter().for_each(|out| arguments.extend(["--out", out]));
        arguments.extend(given);
        let output = gdoctor(&arguments);
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
        found.extend(leaks(&format!("{number} stdout"), &String::from_utf8_lossy(&output.stdout)));
        for format in FORMATS {
            let name = format!("{number}-{format}");
            found.extend(leaks(&name, &fs::read_to_string(path(&name)).unwrap()));
        }
    }
    let bare = path("bare.gdoctor");
    let mut arguments = vec!["collect", "--redact", "none", "--yes", "--root", root, "-o", &bare];
    arguments.extend(asked);
    assert!(gdoctor(&arguments).status.success());
    told.push_str(&fs::read_to_string(&bare).unwrap());
    // Credentials are not even collected; all else is.
    assert!(leaks("", &told).len() >= 10, "{:#?}", leaks("", &told));
    let saved = path("host.gdoctor");
    let mut arguments = vec!["collect", "--root", root, "-o", &saved];
    arguments.extend(asked);
    let output = gdoctor(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    found.extend(leaks("collect", &fs::read_to_string(&saved).unwrap()));
    found.extend(leaks("told", &String::from_utf8_lossy(&output.stdout)));
    assert!(found.is_empty(), "{found:#?}");
    // Who wrote it can look everything up again; nobody else can.
    let map = format!("{saved}.map");
    assert_eq!(fs::metadata(&map).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&map).unwrap().contains("wilhelmina"));
}

/// One run gives the shared report and the facts; the facts give that report again, byte for byte, in every format.
#[test]
fn replay_is_the_same_to_the_byte() {
    let (root, out) = (planted(), tempfile::tempdir().unwrap());
    let root = root.path().to_str().unwrap();
    let path = |side: &str, name: &str| out.path().join(format!("{side}-{name}")).to_str().unwrap().to_owned();
    let reports = &FORMATS[..FORMATS.len() - 1];
    let outs = |side: &str| -> Vec<String> {
        reports.iter().flat_map(|f| ["--out".to_owned(), format!("{f}={}", path(side, f))]).collect()
    };
    let facts = path("host", "facts");
    let here = outs("here");
    let mut arguments: Vec<&str> = vec!["check", "--root", root, "--share", "--timeout", "2s"];
    arguments.extend(here.iter().map(String::as_str));
    let kept = format!("facts={facts}");
    arguments.extend(["--out", &kept]);
    let first = gdoctor(&arguments);
    let there = outs("there");
    let mut arguments: Vec<&str> = vec!["check", "--facts", &facts];
    arguments.extend(there.iter().map(String::as_str));
    let again = gdoctor(&arguments);
    assert_eq!(first.status.code(), again.status.code(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&again.stdout));
    for format in reports {
        let read = |side: &str| fs::read_to_string(path(side, format)).unwrap();
        assert_eq!(read("here"), read("there"), "{format}");
    }
}

#[test]
fn broken_files_are_refused_with_the_reason() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("host.gdoctor");
    let name = file.to_str().unwrap();
    assert!(gdoctor(&["collect", "-o", name, "--timeout", "1s"]).status.success());
    let whole = fs::read_to_string(&file).unwrap();
    let refused = |text: &str| {
        fs::write(&file, text).unwrap();
        let output = gdoctor(&["check", "--facts", name]);
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let newer = whole.replace("\"schemaVersion\": \"1.", "\"schemaVersion\": \"2.");
    assert!(refused(&newer).contains("newer gdoctor"));
    let mut edited: serde_json::Value = serde_json::from_str(&whole).unwrap();
    edited["facts"]["host"]["kernel"] = serde_json::json!({ "is": "9.9.9", "source": "uname -r" });
    assert!(refused(&edited.to_string()).contains("checksum"));
    assert!(refused("").contains("facts file") && refused("[]").contains("facts file"));
    for cut in [1, 10, 100, 1000, whole.len() / 2, whole.len() - 3] {
        refused(&whole[..(0..=cut).rev().find(|at| whole.is_char_boundary(*at)).unwrap()]);
    }
}

#[test]
fn diff_tells_what_got_worse() {
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let (before, after) = (path("before.json"), path("after.json"));
    gdoctor(&["check", "--only", "docker-client", "--format", "json", "-o", &before]);
    let text = fs::read_to_string(&before).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    report["results"][0]["status"] = "unknown".into();
    report["results"][0]["evidence"] = serde_json::json!([{ "source": "driver", "value": "560.35" }]);
    fs::write(&after, report.to_string()).unwrap();
    report["results"][0]["evidence"] = serde_json::json!([{ "source": "driver", "value": "550.54" }]);
    report["results"][0]["status"] = "pass".into();
    fs::write(&before, report.to_string()).unwrap();
    let run = |a: &str, b: &str| {
        let output = gdoctor(&["diff", a, b]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) = run(&before, &after);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("pass -> unknown") && told.contains("550.54 -> 560.35"), "{told}");
    assert_eq!(run(&after, &before).0, Some(0));
    assert_eq!(run(&before, &before), (Some(0), "Nothing changed.\n".into()));
    assert_eq!(run(&before, "/no/such/file").0, Some(2));
    let facts = path("host.gdoctor");
    gdoctor(&["collect", "-o", &facts, "--timeout", "1s"]);
    assert_eq!(run(&facts, &facts).0, Some(0));
    assert_eq!(run(&facts, &before).0, Some(2));
}

#[test]
fn nothing_unredacted_without_a_yes() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("host.gdoctor");
    let name = file.to_str().unwrap();
    assert_eq!(gdoctor(&["collect", "--redact", "none", "-o", name]).status.code(), Some(2));
    assert!(!Path::new(name).exists());
    assert!(gdoctor(&["collect", "--redact", "none", "--yes", "-o", name, "--timeout", "1s"]).status.success());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
