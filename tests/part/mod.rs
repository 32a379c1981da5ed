//! For tests against real parts: starts and stops what `tests/lab` has, runs the gdoctor binary, reads its report.
#![allow(dead_code, clippy::disallowed_methods)] // each test program uses its own part of this

pub mod file_system;
pub mod proof;
pub mod run_lines;
pub mod service;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;

/// A part of the lab that runs until it is dropped.
pub struct Part {
    script: PathBuf,
    pub dir: tempfile::TempDir,
    /// The KEY=VALUE lines that `start` printed.
    pub env: BTreeMap<String, String>,
}

impl Part {
    /// `tests/lab/NAME start DIR ARGUMENTS…`. `None`, after saying so, when what it needs is not installed; with GDOCTOR_LAB
    /// set that is a failure.
    pub fn start(name: &str, arguments: &[&str]) -> Option<Self> {
        Self::start_in("env", &[], name, arguments)
    }

    /// As `start`, with the script started by another program: `unshare --mount …`.
    pub fn start_in(program: &str, before: &[&str], name: &str, arguments: &[&str]) -> Option<Self> {
        let script = root().join("tests/lab").join(name);
        let dir = tempfile::Builder::new().prefix("lab").tempdir_in("/tmp").expect("a folder below /tmp");
        let output = Command::new(program)
            .args(before)
            .arg(&script)
            .arg("start")
            .arg(dir.path())
            .args(arguments)
            .output()
            .expect("the lab's script starts");
        let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.code() {
            Some(0) => {}
            Some(77) => {
                left_out(&format!("{name}: {errors}"));
                return None;
            }
            _ => panic!("tests/lab/{name} start: {errors}"),
        }
        let env = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
            .collect();
        Some(Self { script, dir, env })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn get(&self, key: &str) -> &str {
        self.env.get(key).map(String::as_str).unwrap_or_else(|| panic!("the part printed no {key}"))
    }

    /// What a bash script prints that talks to this part's daemon.
    pub fn docker(&self, script: &str) -> String {
        let output = Command::new("bash")
            .args(["-ec", script])
            .env("DOCKER_HOST", self.get("DOCKER_HOST"))
            .current_dir(self.path())
            .output()
            .expect("bash starts");
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The commands of a fix as they are printed, each question answered with yes.
    pub fn carry_out(&self, commands: &[String]) {
        self.docker(&format!("{{\n{}\n}} < <(yes)", commands.join("\n")));
    }

    /// Another verb of the script: `import`, `exec`, `stop`.
    pub fn call(&self, verb: &str, arguments: &[&str]) -> Output {
        Command::new(&self.script).arg(verb).arg(self.path()).args(arguments).output().expect("the lab's script starts")
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.call("stop", &[]);
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says, past the test runner's capture, what is not tested and why; fails where the whole lab was asked for.
pub fn left_out(why: &str) {
    assert!(std::env::var_os("GDOCTOR_LAB").is_none(), "GDOCTOR_LAB is set, but: {why}");
    let _ = writeln!(std::io::stderr(), "left out: {why} (tests/lab/install installs what the lab needs)");
}

/// Whether tests/lab/install has the engine of a later release of Debian's. Where the mirror gives none, that is no failure of the lab.
pub fn has_engine(suite: &str) -> bool {
    let cache = std::env::var("GDOCTOR_LAB_CACHE").unwrap_or_else(|_| "/var/cache/gdoctor-lab".into());
    let has = Path::new(&cache).join("engine").join(suite).join("version").exists();
    if !has {
        let _ = writeln!(std::io::stderr(), "left out: tests/lab/install has no engine of Debian's {suite}");
    }
    has
}

/// True for root; else says what is left out.
pub fn is_root(what: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        left_out(&format!("{what}: needs root"));
    }
    root
}

/// One run of the gdoctor binary, as JSON.
pub struct Run {
    pub code: i32,
    pub report: Value,
}

/// `gdoctor ARGUMENTS… --format json` in an environment without the caller's DOCKER_* and DISPLAY.
pub fn gdoctor(arguments: &[&str], env: &[(&str, &str)]) -> Run {
    run(Command::new(env!("CARGO_BIN_EXE_gdoctor")), arguments, env)
}

/// As [`gdoctor`], started by `command` (setpriv, unshare … with the binary as its last argument).
pub fn run(mut command: Command, arguments: &[&str], env: &[(&str, &str)]) -> Run {
    for name in [
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_CONFIG",
        "DOCKER_API_VERSION",
        "DISPLAY",
        "XAUTHORITY",
        "WAYLAND_DISPLAY",
    ] {
        command.env_remove(name);
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    let output =
        command.args(arguments).args(["--format", "json"]).envs(env.iter().copied()).output().expect("gdoctor starts");
    Run::read(&output)
}

/// Every report of every test fits the published schema.
fn validate(report: &Value) {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/gdoctor-report-1.json")).expect("the schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is a schema")
    });
    let errors: Vec<String> = SCHEMA.iter_errors(report).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

impl Run {
    /// What gdoctor printed, wherever it ran.
    pub fn read(output: &Output) -> Self {
        let errors = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("not a report: {error}\n{}\n{errors}", String::from_utf8_lossy(&output.stdout))
        });
        validate(&report);
        Self { code: output.status.code().unwrap_or(-1), report }
    }

    /// `fail docker-access/not-in-group join…` of every result that is neither pass nor skip nor folded under a cause.
    pub fn told(&self) -> Vec<String> {
        self.lines(|result| !["pass", "skip"].contains(&word(result, "status")) && result.get("cause").is_none())
    }

    /// All lines of one check.
    pub fn of(&self, id: &str) -> Vec<String> {
        self.lines(|result| word(result, "id") == id)
    }

    /// The commands of the first fix of a result with this code.
    pub fn fix(&self, code: &str) -> Vec<String> {
        self.of_fix(code, "commands").iter().map(|c| c.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Of the same fix the commands among its lines of this name: `verify`, `undo`.
    pub fn steps(&self, code: &str, name: &str) -> Vec<String> {
        self.of_fix(code, name).iter().filter_map(|step| step["command"].as_str().map(str::to_owned)).collect()
    }

    fn of_fix(&self, code: &str, name: &str) -> Vec<Value> {
        let result = self
            .results()
            .iter()
            .find(|r| word(r, "code") == code)
            .unwrap_or_else(|| panic!("no {code} in {:#?}", self.told()));
        result["fixes"][0][name].as_array().cloned().unwrap_or_default()
    }

    /// What the first result with this code says.
    pub fn summary(&self, code: &str) -> &str {
        self.results().iter().find(|r| word(r, "code") == code).map_or("", |r| word(r, "summary"))
    }

    pub fn results(&self) -> &[Value] {
        self.report["results"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn lines(&self, keep: impl Fn(&Value) -> bool) -> Vec<String> {
        let line = |r: &Value| {
            let subject = word(r, "subject");
            let space = if subject.is_empty() { "" } else { " " };
            format!("{} {}{space}{subject}", word(r, "status"), word(r, "code"))
        };
        self.results().iter().filter(|r| keep(r)).map(line).collect()
    }
}

fn word<'a>(result: &'a Value, key: &str) -> &'a str {
    result[key].as_str().unwrap_or_default()
}
