//! Reported failures that the lab's machine is put into, from tests/fixes.toml and tests/systemd.toml, and that machine.
#![allow(dead_code, clippy::disallowed_methods)] // each test program uses its own part of this

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed};
use serde::Deserialize;

use crate::part::{Part, Run, root};

/// What is asked after each failure.
pub const LOOK: &str = "gdoctor --timeout 30s --only host,docker,port,registry,disk --format json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

/// See the head of tests/fixes.toml.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Where no report stands for it.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub corpus: Vec<String>,
    #[serde(rename = "break", default)]
    pub breakage: String,
    #[serde(default)]
    pub shell: String,
    #[serde(default)]
    pub user: bool,
    #[serde(default)]
    pub ask: String,
    pub before: Vec<String>,
    #[serde(default)]
    pub edit: String,
    #[serde(default)]
    pub then: String,
    #[serde(default)]
    pub unshown: String,
    #[serde(default)]
    pub undone: Option<Vec<String>>,
    #[serde(default)]
    pub restore: String,
}

pub fn cases(table: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(root().join("tests").join(table)).unwrap();
    toml::from_str::<Table>(&text).unwrap().case
}

impl Case {
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.corpus.join(" ")).trim().to_owned()
    }
}

/// So many trials at once, each in a machine of its own: most of their time they wait for a daemon that ends or starts.
const AT_ONCE: usize = 4;

pub fn arguments() -> Arguments {
    let given = Arguments::from_args();
    Arguments { test_threads: given.test_threads.or(Some(AT_ONCE)), ..given }
}

/// Machines of one kind: a trial takes one that is free, or starts one, and gives it back unless it is in disorder.
pub struct Shared {
    arguments: &'static [&'static str],
    free: Mutex<Vec<Machine>>,
}

impl Shared {
    pub fn new(arguments: &'static [&'static str]) -> Arc<Self> {
        Arc::new(Self { arguments, free: Mutex::default() })
    }

    /// Ok too where the lab is not installed; that is said.
    pub fn with(&self, work: impl FnOnce(&Machine) -> Result<(), String>) -> Result<(), Failed> {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        let Some(machine) = taken.or_else(|| Machine::start(self.arguments)) else { return Ok(()) };
        work(&machine)?;
        free().push(machine);
        Ok(())
    }

    pub fn had_machine(&self) -> bool {
        !self.free.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

pub struct Machine(pub Part);

/// What the table's lines may use besides what a host has: each waits for at most about a minute.
const WORDS: &str = r#"
await() { for turn in $(seq 600); do ! "$@" >/dev/null 2>&1 || return 0; sleep 0.1; done; echo "await $*: in vain"; }
listens() { ss -Hltn sport = ":$1" | grep -q .; }
unconnected() { ! ss -Htan sport = ":$1" | grep -q .; }
ended() { ! pgrep -x "$1"; }
is() { [ "$(systemctl show docker -p "$1" --value)" = "$2" ]; }
"#;

/// What stands in for the image that the guide's registry is started from.
const REGISTRY_IMAGE: &str = r#"
mkdir -p /tmp/registry/bin /tmp/registry/tmp /tmp/registry/var/lib/registry
cp --parents $(ldd /usr/bin/docker-registry | grep -o '/[^ ]*') /tmp/registry
cp /usr/bin/docker-registry /tmp/registry/bin
printf 'version: 0.1\nstorage: { filesystem: { rootdirectory: /var/lib/registry } }\nhttp: { addr: ":5000" }\n' >/tmp/registry/config.yml
tar -C /tmp/registry -c . | docker import --change 'CMD ["/bin/docker-registry", "serve", "/config.yml"]' - registry:3
"#;

impl Machine {
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let machine = Self(Part::start("machine", arguments)?);
        let binary = std::fs::File::open(env!("CARGO_BIN_EXE_gdoctor")).unwrap();
        let copy = "cat >/usr/local/bin/gdoctor && chmod 755 /usr/local/bin/gdoctor";
        assert!(machine.command(&["sh", "-c", copy]).stdin(binary).status().unwrap().success());
        machine.as_root(REGISTRY_IMAGE);
        Some(machine)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(root().join("tests/lab/machine"));
        command.arg("exec").arg(self.0.path()).args(["timeout", "150"]).args(words);
        command
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        self.command(&["cat", path]).output().unwrap().stdout
    }

    /// Pastes lines into a shell; what it said. That goes through a file: what a line leaves running would hold a pipe open.
    pub fn paste(&self, words: &[&str], lines: &str) -> String {
        let words = [&["sh", "-c", "rm -f /said; exec \"$@\" >/said 2>&1", "sh"], words].concat();
        let mut child =
            self.command(&words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        child.wait().unwrap();
        String::from_utf8_lossy(&self.read("/said")).into_owned()
    }

    pub fn as_root(&self, script: &str) -> String {
        self.paste(&["bash"], &format!("{WORDS}{script}"))
    }

    /// Breaks it, and looks until it tells of that: a script of init ends before the daemon that it started is there.
    pub fn broken(&self, case: &Case) -> Result<Run, String> {
        let said = self.as_root(&case.breakage);
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let (_, run) = self.look_after(case, "")?;
            if run.told() == case.before {
                return Ok(run);
            }
            if Instant::now() > end {
                return Err(format!("broken, it tells {:#?}, not {:#?}\n{said}", run.told(), case.before));
            }
        }
    }

    /// What the case's shell says of the lines, and gdoctor at their end.
    pub fn look_after(&self, case: &Case, lines: &str) -> Result<(String, Run), String> {
        self.as_root("rm -rf /look && mkdir -m 777 /look");
        let user = [
            "setpriv",
            "--reuid=labuser",
            "--regid=labuser",
            "--clear-groups",
            "env",
            "HOME=/home/labuser",
            "USER=labuser",
        ];
        let words = [if case.user { &user[..] } else { &[] }, &["env", "EDITOR=/editor", "bash"]].concat();
        let look = format!("{LOOK} {} >/look/report 2>/look/errors", case.ask);
        let said = self.paste(&words, &format!("{WORDS}{}\n{lines}\n{look}\n", case.shell));
        match serde_json::from_slice(&self.read("/look/report")) {
            Ok(report) => Ok((said, Run { code: 0, report })),
            Err(_) => Err(format!("no report: {}\n{said}", String::from_utf8_lossy(&self.read("/look/errors")))),
        }
    }
}
