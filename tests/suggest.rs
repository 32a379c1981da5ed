//! What gdoctor suggests is what gdoctor check passes: on every recorded host, and in the lab, where docker starts it.
#![allow(clippy::disallowed_methods)]

mod part;
mod table;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use gdoctor::judge::judge;
use gdoctor::need::run_line::{self, Shell};
use gdoctor::suggest;
use gdoctor_checks::ALL;
use gdoctor_checks::model::finding::Verdict;
use gdoctor_checks::model::need::Need;
use part::Part;
use table::{Case, Table};

const IMAGE: &str = "lab/busybox:1";

/// Of every recorded host on which all is right: nothing of the suggested line fails or is warned of.
#[test]
fn suggestions_pass_on_recorded_hosts() {
    let (mut judged, mut by_id) = (0, 0);
    for file in table::host_files() {
        for case in
            Table::read(&file).cases.into_iter().filter(|case| case.expect.is_empty() && case.need.run.is_none())
        {
            // A line of docker's is none for a node of Kubernetes.
            if case.facts.docker.kubernetes.value().is_some() {
                continue;
            }
            let words = suggest::words(&case.facts, &case.need, "/home/me");
            let line = run_line::join(&words);
            let shell = Shell {
                variable: &|_| None,
                passed: &|name| (name == "DISPLAY").then(|| ":0".to_owned()),
                cwd: "/home/me",
                home: None,
                uid: Some(1000),
                gid: Some(1000),
                ..Shell::BARE
            };
            let read = run_line::parse_one(&line, &shell).unwrap_or_else(|wrong| panic!("{file}: {line}: {wrong:?}"));
            // Facts of the ports and cameras stand for the wishes as the host's table has them.
            let mut need = Need { run: Some(read), ..case.need.clone() };
            need.docker = case.need.docker.clone();
            for check in ALL {
                for finding in judge(check, &case.facts, &need) {
                    let bad = matches!(finding.verdict, Verdict::Warn(_) | Verdict::Fail(_));
                    assert!(!bad, "{file}: {}: {line}: {}/{}", case.name, check.id, finding.code);
                }
            }
            judged += 1;
            by_id += usize::from(line.contains("--device /dev/v4l/by-id/") && line.contains("--group-add 44"));
        }
    }
    assert!(judged >= 20 && by_id >= 1, "{judged} hosts, {by_id} of them with a camera");
}

/// A line that is suggested where no engine answers does not work yet.
#[test]
fn an_engine_that_fails_is_told_before_the_line() {
    let stopped = |case: &Case| case.expect.iter().any(|line| line.starts_with("fail not-started"));
    let cases: Vec<Case> = Table::read("checks/docker/engine/cases.toml").cases.into_iter().filter(stopped).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let words = suggest::words(&case.facts, &case.need, "/home/me");
        let asked = suggest::asked(&case.facts, &words, "/home/me").unwrap();
        let engine = ALL.iter().find(|check| check.id == "docker-engine").unwrap();
        let told = judge(engine, &case.facts, &asked);
        assert!(told.iter().any(|finding| matches!(finding.verdict, Verdict::Fail(_))), "{}: {told:?}", case.name);
    }
}

/// On hosts whose table says which way the GPU comes, the line takes it.
#[test]
fn the_line_takes_the_way_that_is_open() {
    let text = |name: &str| {
        let cases = Table::read("checks/dockerfile/variables/cases.toml").cases;
        let case = cases.into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("{name}"));
        suggest::words(&case.facts, &case.need, "/home/me").join(" ")
    };
    let by_hook = text("decoding, and the base names compute,utility");
    assert!(by_hook.contains("--gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video"), "{by_hook}");
    let by_cdi = text("by CDI the variable changes nothing");
    assert!(by_cdi.contains("--gpus all") && !by_cdi.contains("CAPABILITIES"), "{by_cdi}");
}

fn gdoctor(lab: &Part, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    command.args(arguments).env("DOCKER_HOST", lab.get("DOCKER_HOST")).current_dir("/tmp");
    command.env_remove("DISPLAY").env_remove("XAUTHORITY").env("CI", "true").envs(env.iter().copied());
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A port that is taken, a window: the steps and the line are pasted into a shell, and both are right.
#[test]
fn suggestions_start_in_the_lab() {
    if !Path::new("/usr/bin/docker").exists() {
        part::left_out("suggestions: no /usr/bin/docker");
        return;
    }
    let (Some(docker), Some(server)) = (Part::start("docker", &[]), Part::start("display", &[])) else { return };
    assert!(docker.call("import", &[]).status.success(), "the image can be imported");
    let cookies = server.path().join("Xauthority");
    let env = [("DISPLAY", server.get("DISPLAY")), ("XAUTHORITY", cookies.to_str().unwrap())];
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let wishes = ["suggest", "--display", "--port", &port.to_string(), "--image", IMAGE];

    let output = gdoctor(&docker, &wishes, &env);
    let script = stdout(&output);
    let line = script.lines().last().unwrap().to_owned();
    assert!(line.contains("-e DISPLAY") && !line.contains(&format!("-p {port}:")), "{script}");
    assert!(line.contains(&format!(":{port} ")), "the container's port stays: {script}");
    assert!(script.contains("xhost +si:localuser:root"), "{script}");

    // Pasted as it is, with a command that ends by itself.
    let mut shell = Command::new("sh");
    shell.args(["-ec", &format!("{} true", script.trim_end())]).envs(env).env("DOCKER_HOST", docker.get("DOCKER_HOST"));
    let pasted = shell.env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(pasted.status.success(), "{script}\n{}", String::from_utf8_lossy(&pasted.stderr));

    // Now that the step is done, none is left, and check passes the line and the service.
    let again = stdout(&gdoctor(&docker, &wishes, &env));
    assert_eq!(again.trim_end(), line, "a step is left");
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let file = folder.path().join("compose.yaml");
    let service = stdout(&gdoctor(&docker, &[&wishes[..], &["--compose"]].concat(), &env));
    std::fs::write(&file, &service).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let only = ["--only", "run,display,port", "--need", "none"];
    for arguments in [[&["check"], &only[..], &["--"], &words[..]].concat(), {
        [&["check"], &only[..], &["--compose", file.to_str().unwrap()]].concat()
    }] {
        let output = gdoctor(&docker, &arguments, &env);
        assert!([Some(0), Some(3)].contains(&output.status.code()), "{service}\n{}", stdout(&output));
        assert!(!stdout(&output).contains("FAIL"), "{}", stdout(&output));
    }
}
