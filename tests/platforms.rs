//! What the fixes print on each system that Docker and NVIDIA support, and whether the package managers take the commands.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use gdoctor_checks::ALL;
use gdoctor_checks::model::doc::Doc;
use part::{is_root, root};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    platform: Vec<Platform>,
}

/// See the head of tests/platforms.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    os: [String; 3],
    #[serde(default)]
    base: String,
    #[serde(default)]
    kernel: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    driver: Vec<String>,
    toolkit: Vec<String>,
    docker: Vec<String>,
}

#[test]
fn each_supported_system_gets_its_own_commands() {
    let text = std::fs::read_to_string(root().join("tests/platforms.toml")).unwrap();
    let mut wrong = Vec::new();
    for Platform { os: [id, version, like], base, kernel, files, driver, toolkit, docker } in
        toml::from_str::<Table>(&text).unwrap().platform
    {
        let host = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(host.path().join("etc")).unwrap();
        std::fs::create_dir_all(host.path().join("run/systemd/system")).unwrap();
        let mut release = format!("ID={id}\nVERSION_ID=\"{version}\"\nID_LIKE=\"{like}\"\n");
        if !base.is_empty() {
            release.push_str(&format!("PLATFORM_ID=\"platform:{base}\"\n"));
        }
        if !kernel.is_empty() {
            std::fs::create_dir_all(host.path().join("proc/sys/kernel")).unwrap();
            std::fs::write(host.path().join("proc/sys/kernel/osrelease"), &kernel).unwrap();
        }
        std::fs::write(host.path().join("etc/os-release"), release).unwrap();
        for (path, text) in files {
            let path = host.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let asked = [
            ("nvidia-driver/not-installed", driver),
            ("nvidia-toolkit/not-installed", toolkit),
            ("docker-client/not-installed", docker),
        ];
        for (code, parts) in asked {
            let commands = commands(host.path(), code);
            for part in parts {
                let holds = match part.strip_prefix('!') {
                    Some(part) => !commands.contains(part),
                    None => commands.contains(&part),
                };
                if !holds {
                    wrong.push(format!("{id} {version}: {code}: {part}\n{commands}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The commands of the first fix of a code on a host with this root.
fn commands(host: &Path, code: &str) -> String {
    let mut gdoctor = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    let run = gdoctor.args(["explain", code, "--no-look", "--format", "json", "--root"]).arg(host).output().unwrap();
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    let lines = told["matches"][0]["fixes"][0]["commands"].as_array().cloned().unwrap_or_default();
    lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// A package manager, how it is kept from doing anything, and what it says of options and commands that it does not know.
const MANAGERS: [(&str, &str, &[&str]); 4] = [
    ("dnf", "--installroot=$PWD --releasever=9 --assumeno", &["unrecognized arguments", "invalid choice", "expected"]),
    (
        "zypper",
        "--root $PWD --non-interactive --no-refresh",
        &["is not known", "Unknown command", "Unknown option", "Missing argument"],
    ),
    ("pacman", "--root $PWD", &["unrecognized option", "invalid option", "only one operation"]),
    ("apt-get", "--simulate -o Dir::State=$PWD -o Dir::Cache=$PWD", &["Command line option", "Invalid operation"]),
];
/// dnf's plugins, which Debian has no package of beside zypper.
const PLUGINS: &str = "No such command: ";

/// Nothing is installed: the package managers look into an empty folder, as nobody, without a network.
#[test]
fn package_managers_take_the_commands() {
    if !is_root("platforms: package managers without a network") {
        return;
    }
    let mut wrong = Vec::new();
    for (manager, options, refusals) in MANAGERS {
        if Command::new(manager).arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("SKIP: {manager} is not installed");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(folder.path(), Some(65534), Some(65534)).unwrap();
        let (mut taken, mut plugins) = (0, 0);
        for arguments in arguments_of(manager) {
            // Arch keeps the name of a kernel's package in a file of that kernel.
            let script = format!("cat() {{ echo linux; }}; {manager} {options} {arguments}");
            let nobody = ["--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "timeout", "60"];
            let mut command = Command::new("unshare");
            command.args(nobody).args(["sh", "-c", &script]).current_dir(folder.path()).stdin(Stdio::null());
            let run = command.output().unwrap();
            let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
            match refusals.iter().any(|refusal| said.contains(refusal)) {
                true => wrong.push(format!("{script}\n{said}")),
                false if said.contains(PLUGINS) => plugins += 1,
                false => taken += 1,
            }
        }
        println!("{manager}: {taken} commands taken, {plugins} of plugins not tried");
        assert!(taken > 2, "{manager}: only {taken} commands were found");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What stands behind this program's name in every fix's commands and what undoes them, placeholders as plain words; of those
/// that differ only in packages, one.
fn arguments_of(manager: &str) -> Vec<String> {
    let mut found = BTreeMap::new();
    let start = format!("sudo {manager} ");
    for check in ALL.iter() {
        let doc = Doc::parse(check.doc).unwrap();
        for fix in &doc.fixes {
            let undo = fix.undo.iter().map(|line| line.text);
            for line in fix.commands.iter().flat_map(|fence| fence.text.lines()).chain(undo) {
                let line = line.replace(['{', '}'], "");
                for (at, _) in line.match_indices(&start) {
                    let rest = &line[at + start.len()..];
                    let end = rest.find(['|', ';', '&', '`']).unwrap_or(rest.len());
                    let arguments = rest[..end].trim();
                    let form = arguments.split_whitespace().filter(|word| word.starts_with('-'));
                    let verb = arguments.split_whitespace().find(|word| !word.starts_with('-'));
                    let form: Vec<&str> = form.chain(verb.filter(|_| manager != "pacman")).collect();
                    if arguments == "update" {
                        continue;
                    }
                    // Cut in the middle of a command that stands for a word.
                    let script = format!("{manager} {arguments}");
                    let whole = Command::new("sh").args(["-n", "-c", &script]).stderr(Stdio::null()).status().unwrap();
                    if whole.success() && !arguments.contains("$(dpkg") {
                        found.entry(form.join(" ")).or_insert_with(|| arguments.to_owned());
                    }
                }
            }
        }
    }
    found.into_values().collect()
}
