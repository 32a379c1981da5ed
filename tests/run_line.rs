//! The reading of run lines: against the real docker client and daemon line by line, on its own corrections, and on every
//! kind of broken text.
#![allow(clippy::disallowed_methods)]

mod part;
mod table;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use gdoctor::need::run_line::{self, Shell, Wrong};
use gdoctor_checks::model::need::Protocol;
use gdoctor_checks::model::run::{MountKind, RunLine};
use part::run_lines::{IMAGE, Lab};
use part::{has_engine, root};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    line: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    text: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    starts: bool,
    /// Whether it starts hangs on what the lab's own machine may do: docker alone is asked.
    #[serde(default, rename = "by-host")]
    by_host: bool,
    /// gdoctor cannot tell, and says so.
    #[serde(default)]
    unseen: bool,
}

fn lines() -> Vec<Line> {
    let text = std::fs::read_to_string(root().join("tests/run_line.toml")).unwrap();
    let lines: Lines = toml::from_str(&text).unwrap();
    lines.line.into_iter().map(|line| Line { text: line.text.replace("IMG", IMAGE), ..line }).collect()
}

#[test]
fn what_gdoctor_says_of_a_line_is_what_docker_does_with_it() {
    hold_lines(&[], lines());
}

/// Every fourth line: the whole table takes minutes.
#[test]
fn what_gdoctor_says_of_a_line_is_what_a_newer_docker_does_with_it() {
    if has_engine("sid") {
        hold_lines(&["--engine", "sid"], lines().into_iter().step_by(4).collect());
    }
}

fn hold_lines(arguments: &[&str], lines: Vec<Line>) {
    let Some(lab) = Lab::of(arguments) else { return };
    let mut wrong = Vec::new();
    for line in lines {
        let said = match lab.judged(&line.text, &line.env) {
            Ok(report) => report["runLine"]["starts"].as_str().unwrap_or_default().to_owned(),
            Err(_) => "no".into(),
        };
        let did = lab.starts(&line.text, &line.env);
        let right = if line.unseen { said == "unknown" } else { said == if did { "yes" } else { "no" } };
        if (did != line.starts && !line.by_host) || !right {
            wrong.push(format!("{:?}: the table says {}, docker {did}, gdoctor {said}", line.text, line.starts));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The corrected command of each line that does not start does start, but for what only the host can mend; and gdoctor finds
/// nothing in it any more that the correction was meant for.
#[test]
fn corrected_lines_start() {
    let Some(lab) = Lab::start() else { return };
    let (mut corrected, mut started) = (0, 0);
    for line in lines() {
        let Ok(report) = lab.judged(&line.text, &line.env) else { continue };
        let Some(command) = report["runLine"]["corrected"].as_str() else { continue };
        corrected += 1;
        let codes: Vec<&str> = report["runLine"]["changes"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|change| change["code"].as_str())
            .collect();
        let again =
            lab.judged(command, &line.env).unwrap_or_else(|why| panic!("{:?} became {command:?}: {why}", line.text));
        for result in again["results"].as_array().unwrap() {
            let code = result["code"].as_str().unwrap();
            let bad = ["fail", "warn"].contains(&result["status"].as_str().unwrap());
            assert!(!bad || !codes.contains(&code), "{:?} became {command:?}, and {code} is still there", line.text);
        }
        // A word that docker had taken for something else reads anew, and may show what could not be seen before.
        let read_anew = codes.iter().any(|code| code.starts_with("run-line-syntax/"));
        assert!(read_anew || again["runLine"].get("corrected").is_none(), "{command:?} is corrected again");
        // What is left then is the host's: no GPU, a container that does not exist.
        if again["runLine"]["starts"] == "yes" {
            started += 1;
            assert!(lab.starts(command, &line.env), "{:?} became {command:?}, which does not start", line.text);
        }
    }
    assert!(corrected >= 20 && started >= 16, "{corrected} lines were corrected, {started} of them start");
}

/// A port that is held moves to the next free one, and the line so corrected starts.
#[test]
fn a_busy_port_is_moved() {
    let Some(lab) = Lab::start() else { return };
    let holder = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let env = BTreeMap::new();
    let line = format!("docker run --rm -p {port}:80 {IMAGE} true");
    assert!(!lab.starts(&line, &env));
    let report = lab.judged(&line, &env).unwrap();
    let corrected = report["runLine"]["corrected"].as_str().unwrap_or_else(|| panic!("{report}"));
    assert!(corrected.contains(":80 ") && !corrected.contains(&port.to_string()), "{corrected}");
    assert!(lab.starts(corrected, &env), "{corrected}");
    assert_eq!(lab.judged(corrected, &env).unwrap()["runLine"]["starts"], "yes");
}

/// What gdoctor reads of each line that docker takes is what `docker inspect` shows of the container created from it.
#[test]
fn options_are_read_as_docker_inspect_shows_them() {
    let Some(lab) = Lab::start() else { return };
    let mut compared = 0;
    for line in lines() {
        let cwd = lab.work.path().to_str().unwrap();
        let Ok(read) = parse(&line.text, &line.env, cwd) else { continue };
        let id = lab.work.path().join("id");
        let _ = std::fs::remove_file(&id);
        let create = read.text.replacen("container run", "create", 1).replacen("docker run", "docker create", 1);
        let create = create.replacen("docker create", &format!("docker create --cidfile {}", id.display()), 1);
        let create = create.replace(" -d ", " ").replace(" -dit ", " -it ");
        if !lab.shell(&create, &line.env).status.success() {
            lab.tidy();
            continue;
        }
        let id = std::fs::read_to_string(&id).unwrap();
        let output = lab.shell(&format!("docker inspect {id}"), &BTreeMap::new());
        let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
        lab.tidy();
        same(&line.text, &read, &seen[0]);
        compared += 1;
    }
    assert!(compared >= 40, "only {compared} lines could be compared");
}

fn same(text: &str, read: &RunLine, seen: &Value) {
    let host = &seen["HostConfig"];
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|v| v.as_str().unwrap_or_default().to_owned()).collect()
    };
    let on = |name: &str| read.switch(name).is_some();
    assert_eq!(seen["Config"]["Image"], read.image.as_ref().unwrap().reference, "{text}");
    for (name, value) in [
        ("privileged", &host["Privileged"]),
        ("rm", &host["AutoRemove"]),
        ("read-only", &host["ReadonlyRootfs"]),
        ("publish-all", &host["PublishAllPorts"]),
        ("tty", &seen["Config"]["Tty"]),
        ("interactive", &seen["Config"]["OpenStdin"]),
    ] {
        assert_eq!(value.as_bool(), Some(on(name)), "{text}: --{name}");
    }
    for (name, value) in [
        ("user", &seen["Config"]["User"]),
        ("workdir", &seen["Config"]["WorkingDir"]),
        ("runtime", &host["Runtime"]),
        ("network", &host["NetworkMode"]),
        ("ipc", &host["IpcMode"]),
        ("pid", &host["PidMode"]),
    ] {
        if let Some(option) = read.last(name) {
            assert_eq!(value.as_str(), Some(option.value.as_str()), "{text}: --{name}");
        }
    }
    if let Some(option) = read.last("name") {
        assert_eq!(seen["Name"], format!("/{}", option.value), "{text}");
    }
    if let Some(option) = read.last("restart").filter(|option| option.value != "no") {
        assert_eq!(host["RestartPolicy"]["Name"].as_str(), option.value.split(':').next(), "{text}");
    }
    let mut names: Vec<&str> = read.variables.iter().filter(|v| !v.unset).map(|v| v.name.as_str()).collect();
    let shown = words(&seen["Config"]["Env"]);
    // `-e NAME` of a variable that is not set is kept as a bare name, and the container does not get it.
    let mut shown: Vec<&str> =
        shown.iter().filter_map(|pair| Some(pair.split_once('=')?.0)).filter(|name| *name != "PATH").collect();
    names.sort_unstable();
    shown.sort_unstable();
    assert_eq!(names, shown, "{text}: variables");
    ports(text, read, &host["PortBindings"]);
    let devices: Vec<(String, String, String)> = read
        .devices
        .iter()
        .filter(|device| !device.cdi)
        .map(|d| (d.host.clone(), d.container.clone(), d.permissions.clone()))
        .collect();
    let field = |device: &Value, key: &str| device[key].as_str().unwrap_or_default().to_owned();
    let shown: Vec<(String, String, String)> = host["Devices"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|d| (field(d, "PathOnHost"), field(d, "PathInContainer"), field(d, "CgroupPermissions")))
        .collect();
    assert_eq!(devices, shown, "{text}: devices");
    for mount in read.mounts.iter().filter(|mount| mount.kind == MountKind::Bind) {
        let found = seen["Mounts"].as_array().into_iter().flatten().find(|m| m["Destination"] == mount.target.as_str());
        let found = found.unwrap_or_else(|| panic!("{text}: {} is not mounted", mount.target));
        assert_eq!(found["Source"], mount.source, "{text}");
        assert_eq!(found["RW"].as_bool(), Some(!mount.read_only), "{text}");
    }
    let requests = host["DeviceRequests"].as_array().cloned().unwrap_or_default();
    assert_eq!(requests.len(), read.gpus.len(), "{text}: --gpus");
    for (request, gpu) in requests.iter().zip(&read.gpus) {
        assert_eq!(request["Count"].as_i64(), Some(gpu.count.unwrap_or(0)), "{text}");
        assert_eq!(words(&request["DeviceIDs"]), gpu.devices, "{text}");
        let capabilities = words(&request["Capabilities"][0]);
        let named: Vec<&String> = capabilities.iter().filter(|word| *word != "gpu").collect();
        assert_eq!(named, gpu.capabilities.iter().collect::<Vec<_>>(), "{text}");
    }
}

fn ports(text: &str, read: &RunLine, bindings: &Value) {
    let mut shown = Vec::new();
    for (container, hosts) in bindings.as_object().into_iter().flatten() {
        for host in hosts.as_array().into_iter().flatten() {
            let part = |key: &str| host[key].as_str().unwrap_or_default().to_owned();
            shown.push(format!("{}:{}:{container}", part("HostIp"), part("HostPort")));
        }
    }
    let mut mine = Vec::new();
    for port in &read.ports {
        let protocol = match port.protocol {
            Some(Protocol::Udp) => "udp",
            Some(Protocol::Tcp) => "tcp",
            None => "sctp",
        };
        let ip = port.ip.map_or(String::new(), |ip| ip.to_string());
        match port.first.zip(port.last) {
            Some((first, last)) => {
                mine.extend((first..=last).map(|n| format!("{ip}:{n}:{}/{protocol}", port.container + (n - first))));
            }
            None => {
                // Docker chooses: the host's side is empty, or the range that was given.
                assert!(shown.iter().any(|s| s.ends_with(&format!(":{}/{protocol}", port.container))), "{text}");
                shown.retain(|s| !s.ends_with(&format!(":{}/{protocol}", port.container)));
            }
        }
    }
    mine.sort();
    shown.sort();
    assert_eq!(mine, shown, "{text}: ports");
}

fn parse(text: &str, env: &BTreeMap<String, String>, cwd: &str) -> Result<RunLine, Wrong> {
    let variable = |name: &str| match name {
        "HOME" => Some("/root".to_owned()),
        "CI" => Some("true".to_owned()),
        _ => env.get(name).cloned(),
    };
    // What patterns of the table find.
    let exists = |path: &str| (path == "/dev").then_some(true);
    let list = |folder: &str| (folder == "/dev").then(|| vec!["full".to_owned(), "null".to_owned()]);
    let shell = Shell {
        variable: &variable,
        passed: &variable,
        exists: &exists,
        list: &list,
        cwd,
        home: Some("/root"),
        ..Shell::BARE
    };
    run_line::parse_one(text, &shell)
}

/// The shell puts files in the place of a pattern that is a word of its own, and of no other.
#[test]
fn a_pattern_is_the_files_that_it_finds() {
    let list = |folder: &str| {
        let names: &[&str] = if folder == "/dev" { &["video1", "video0", "null", ".video9"] } else { &[] };
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    };
    let exists = |path: &str| Some(path == "/dev");
    let shell = Shell { list: &list, exists: &exists, ..Shell::BARE };
    let read = |text: &str| run_line::parse_one(text, &shell).unwrap();
    let words = |text: &str| read(text).words.join(" ");
    assert_eq!(words("docker run --device /dev/video* cam"), "--device /dev/video0 /dev/video1 cam");
    assert_eq!(words("docker run --device /dev/nul? cam"), "--device /dev/null cam");
    for kept in ["--device=/dev/video*", "-v /dev/video*:/dev/video*", "--device '/dev/video*'", "--device /dev/tty*"] {
        let plain = kept.replace('\'', "");
        assert_eq!(words(&format!("docker run {kept} cam")), format!("{plain} cam"));
    }
    let line = read("docker run --device /dev/video* cam");
    assert_eq!(line.image.as_ref().unwrap().reference, "/dev/video1");
    assert_eq!(line.image.as_ref().unwrap().at.span, line.options[0].at.value);
}

/// The value of an option before the command is not taken for the command.
#[test]
fn options_of_the_program_itself_have_values() {
    let read = |text: &str| parse(text, &BTreeMap::new(), "/").map_err(|wrong| wrong.what);
    let line = read("podman --runtime crun --root /srv/store --storage-opt a=b --log-level=debug run busybox").unwrap();
    assert_eq!((line.global("runtime"), line.global("root")), (Some("crun"), Some("/srv/store")));
    assert_eq!(line.image.unwrap().reference, "busybox");
    assert_eq!(read("podman run --runtime crun busybox").unwrap().global("runtime"), Some("crun"));
    assert!(read("docker -D --tlscert run --tlskey=run -l debug run busybox").is_ok());
    for elsewhere in ["docker -DH tcp://far run busybox", "docker -c far run busybox", "podman --url x run busybox"] {
        assert_eq!(read(elsewhere).unwrap_err(), "another daemon is named on the line itself", "{elsewhere}");
    }
}

/// The guide's own lines, with what they find on a host where all is right.
#[test]
fn the_guides_lines_are_read() {
    let env = BTreeMap::from([("DISPLAY".to_owned(), ":0".to_owned())]);
    let window = "docker run --name mydocker --gpus all --shm-size=1g --ulimit memlock=-1 -it -v /tmp/.X11-unix:/tmp/.X11-unix -e DISPLAY=$DISPLAY snn-server:basic";
    let read = parse(window, &env, "/").unwrap();
    assert_eq!(read.gpus[0].count, Some(-1));
    assert_eq!(read.variable("DISPLAY").unwrap().value.as_deref(), Some(":0"));
    assert_eq!(read.variable("DISPLAY").unwrap().from.as_deref(), Some("DISPLAY"));
    assert_eq!(read.image.as_ref().unwrap().reference, "snn-server:basic");
    let long = "docker run --name mydocker -p 8080:8080  --gpus all --shm-size=1g --ulimit memlock=-1 -v /dev/video0:/dev/video0 --device=/dev/video0 -it -v /tmp/.X11-unix:/tmp/.X11-unix -e DISPLAY=$DISPLAY myimage:latest";
    let read = parse(long, &env, "/").unwrap();
    assert_eq!((read.mounts.len(), read.devices.len(), read.ports[0].first), (2, 1, Some(8080)));
    let port = &read.ports[0].at;
    assert_eq!(&long[port.span.start..port.span.end], "-p 8080:8080");
    let registry = "docker run -d -p 5000:5000 --restart=always --name xy-registry -v /home/centos/registry:/registry  registry:latest";
    let read = parse(registry, &env, "/").unwrap();
    assert_eq!(read.image.as_ref().unwrap().registry, None);
    assert!(read.options.iter().all(|option| option.refused.is_none()));
}

/// Every place lies within the text on whole characters, whatever the text; and nothing panics or takes long.
#[test]
fn broken_lines_never_break_the_reader() {
    let seeds: Vec<String> = lines().into_iter().map(|line| line.text).collect();
    let pieces = [
        "'",
        "\"",
        "\\",
        "\n",
        "$",
        "${",
        "}",
        "$(",
        ")",
        "`",
        " ",
        "--",
        "-",
        "=",
        ":",
        ",",
        "é",
        "\u{2013}",
        "\u{a0}",
        "\0",
        "\r",
        "<",
        ">",
        "|",
        "&",
        ";",
        "#",
        "~",
        "~/",
        "$DISPLAY",
        "${A:-${B:-${C:-x}}}",
        "$(pwd)",
        "-p",
        "-v",
        "--gpus",
        "--mount",
        "[::1]",
        "65535",
        "65536",
        "99999999999999999999",
        "\"a\"b",
        "=",
        "-e",
        "/",
        "..",
        "*",
    ];
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = move |below: usize| {
        // xorshift64: the same texts in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let env = BTreeMap::from([("DISPLAY".to_owned(), ":0 --gpus all".to_owned())]);
    for _ in 0..20_000 {
        let mut text = seeds[random(seeds.len())].clone();
        for _ in 0..random(6) {
            let mut at = random(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if random(3) == 0 {
                text.truncate(at);
            } else {
                text.insert_str(at, pieces[random(pieces.len())]);
            }
        }
        match parse(&text, &env, "/work") {
            Ok(read) => {
                let arguments = read.options.iter().map(|option| &option.at).chain(&read.arguments);
                for at in arguments.chain(read.image.iter().map(|image| &image.at)) {
                    for span in [at.span, at.value, at.removal] {
                        assert!(text.get(span.start..span.end).is_some(), "{span:?} in {text:?}");
                    }
                    assert_eq!(text.get(at.span.start..at.span.end), Some(at.text.as_str()), "{text:?}");
                }
            }
            Err(wrong) => assert!(text.get(wrong.span.start..wrong.span.end).is_some(), "{:?} in {text:?}", wrong),
        }
    }
}

/// What stands behind `gdoctor check --` is parted again as the shell had parted it.
#[test]
fn words_survive_being_joined() {
    for words in [
        vec!["docker", "run", "--gpus", "\"device=0,1\"", "cuda"],
        vec!["docker", "run", "-e", "A=it's \"quoted\" $HOME `x`", "cuda", "", "a\\b", "#", "~", "*"],
        vec!["docker", "run", "-e", "DISPLAY=", "--label=a b=c\nd", "cuda", "{x}", "é"],
    ] {
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let text = run_line::join(&words);
        let parsed = Command::new("sh").args(["-c", &format!("printf '%s\\0' {text}")]).output().unwrap();
        let again: Vec<String> =
            String::from_utf8(parsed.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect();
        assert_eq!(again, words, "{text}");
        assert!(parse(&text, &BTreeMap::new(), "/").is_ok(), "{text}");
    }
}

/// Texts that are no lines end at once with exit code 2.
#[test]
fn what_is_no_line_is_refused_within_a_second() {
    let big = format!("docker run {} busybox", "-e A=1 ".repeat(60_000));
    let texts: [&[u8]; 11] = [
        b"",
        b"echo hello",
        b"docker ps",
        b"docker run",
        b"docker run 'busybox",
        b"docker run \"busybox",
        b"docker run $(busybox",
        b"docker run ${busybox",
        b"\x7fELF\x02\x01\x01\0\0\0",
        b"\xff\xfe\0d\0o",
        big.as_bytes(),
    ];
    for text in texts {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gdoctor"))
            .args(["check", "--run-file", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(text);
        let output = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(text).chars().take(60).collect::<String>();
        assert_eq!(output.status.code(), Some(2), "{shown:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{shown:?}");
    }
    for file in ["/dev/zero", "/no/such/file", "/"] {
        let output = Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(["check", "--run-file", file]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{file}");
    }
}

/// A folder of a project: its gdoctor.toml is found from below, asked beside a run line, and beaten by flags.
#[test]
fn a_project_says_what_it_needs() {
    let project = tempfile::tempdir_in("/tmp").unwrap();
    let below = project.path().join("src/deep");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::create_dir(project.path().join(".git")).unwrap();
    let file = project.path().join("gdoctor.toml");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
        let output = command.args(arguments).current_dir(&below).env_remove("DISPLAY").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    std::fs::write(&file, "decode = \"h264\"\nport = 18080\ndisk = \"1KiB\"\n").unwrap();
    let (code, shown, _) = run(&["check", "--show-need"]);
    assert_eq!(code, Some(0));
    assert!(
        shown.contains("decode h264") && shown.contains("gdoctor.toml:1:1") && shown.contains("port 18080"),
        "{shown}"
    );
    assert!(!shown.contains("port 8080 ") && !shown.contains("guide"), "{shown}");
    let (_, shown, _) = run(&["check", "--show-need", "--port", "18081"]);
    assert!(shown.contains("port 18081") && !shown.contains("port 18080"), "{shown}");
    let (_, shown, _) = run(&["check", "--show-need", "--need", "none", "--port", "1"]);
    assert!(!shown.contains("decode"), "{shown}");
    let (_, shown, _) = run(&["check", "--show-need", "--", "docker", "run", "--gpus", "all", "busybox"]);
    assert!(shown.contains("capability video") && shown.contains("--gpus all"), "{shown}");

    std::fs::write(&file, "gpu = 1\nprot = 80\n").unwrap();
    let (code, out, errors) = run(&["check"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("gdoctor.toml:2:1") && errors.contains("did you mean port?"), "{errors}");

    // What fails and is waived does not decide the exit code; a waiver that has run out does not count.
    let waiver = |until: &str| {
        let text = format!(
            "camera = \"/dev/video99\"\n[[waiver]]\ncode = \"camera-node/no-camera\"\nreason = \"ours\"\nowner = \"me\"\nuntil = {until}\n"
        );
        std::fs::write(&file, text).unwrap();
        run(&["check", "--only", "camera", "--format", "json"])
    };
    let (code, out, _) = waiver("2999-12-31");
    let report: Value = serde_json::from_str(&out).unwrap();
    let result = report["results"].as_array().unwrap().iter().find(|r| r["status"] == "fail").unwrap();
    // 3 where what waits for it is not known.
    assert!(code != Some(1) && result["waiver"]["expired"] == false, "{code:?} {result}");
    assert_eq!(result["askedBy"]["file"]["line"], 1);
    let (code, out, _) = waiver("2020-01-01");
    assert_eq!(code, Some(1));
    assert!(out.contains("\"expired\": true"));

    // What init writes is read again, and an existing file stays.
    let (code, _, errors) = run(&["init", "-o", "../../gdoctor.toml", "--gpu"]);
    assert_eq!(code, Some(2), "{errors}");
    let (code, ..) = run(&[
        "init",
        "--force",
        "-o",
        "../../gdoctor.toml",
        "--camera",
        "any",
        "--",
        "docker",
        "run",
        "--gpus",
        "all",
        "-p",
        "18080:80",
        "busybox",
    ]);
    assert_eq!(code, Some(0));
    let (code, shown, errors) = run(&["check", "--show-need"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(shown.contains("camera any") && shown.contains("port 18080") && shown.contains("gpu all"), "{shown}");
}
