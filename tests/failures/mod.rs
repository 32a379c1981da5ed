//! Reported failures that the lab's machine is put into, from tests/fixes.toml and tests/systemd.toml, and that machine.
#![allow(dead_code, clippy::disallowed_methods)] // each test program uses its own part of this

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed};
use serde::Deserialize;
use serde_json::Value;

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

/// Where gdoctor's document goes, and what else it says.
const MADE: [&str; 2] = ["/look/shown", "/look/errors"];

/// What the table's lines may use besides what a host has: each waits for at most about a minute.
const WORDS: &str = r#"
await() {
  [ "$*" != "docker version" ] || pinged
  for turn in $(seq 600); do ! "$@" >/dev/null 2>&1 || return 0; sleep 0.1; done; echo "await $*: in vain"
}
# Docker's client is slow to start: what asks the daemon often is smaller.
pinged() { [ -z "${DOCKER_HOST-}" ] && for turn in $(seq 100); do ! curl -sf --unix-socket /run/docker.sock http://d/_ping >/dev/null 2>&1 || return 0; sleep 0.1; done; }
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

/// A daemon that is to end at its start is gone, one that comes up answers.
const SETTLED: &str = "for turn in $(seq 100); do pgrep -x dockerd >/dev/null || break; \
                       ! curl -sf --unix-socket /var/run/docker.sock http://d/_ping >/dev/null 2>&1 || break; sleep 0.1; done";

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

    /// Pastes lines into a shell; what it said. That goes through a file: what a line leaves running would hold a pipe open.
    pub fn paste(&self, words: &[&str], lines: &str) -> String {
        self.pasted(words, lines).swap_remove(0)
    }

    /// The same with what then stands in the files of [`MADE`], behind it: each look into the machine takes a while.
    fn pasted(&self, words: &[&str], lines: &str) -> Vec<String> {
        let files = MADE.map(|file| format!("printf '\\0'; cat {file} 2>/dev/null")).join("; ");
        let all = format!("rm -rf /said /look; mkdir -m 777 /look; \"$@\" >/said 2>&1; cat /said; {files}");
        let words = [&["sh", "-c", &all, "sh"], words].concat();
        let piped = || Stdio::piped();
        let mut child = self.command(&words).stdin(piped()).stdout(piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let said = child.wait_with_output().unwrap().stdout;
        let mut texts: Vec<String> =
            said.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        // A shell that was ended says nothing more.
        texts.resize(MADE.len() + 1, String::new());
        texts
    }

    pub fn as_root(&self, script: &str) -> String {
        self.paste(&["bash"], &format!("{WORDS}{script}"))
    }

    /// Breaks it, and looks until it tells of that: a script of init ends before the daemon that it started is there.
    pub fn broken(&self, case: &Case) -> Result<Run, String> {
        let said = self.as_root(&format!("{}\n{SETTLED}", case.breakage));
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
        let (said, report) =
            self.shown_after(case, &format!("{lines}\n{LOOK} {} >/look/shown 2>/look/errors", case.ask))?;
        Ok((said, Run { code: 0, report }))
    }

    /// What the case's shell says of the lines, and the document that they leave in /look/shown, or what they say in /look/errors.
    pub fn shown_after(&self, case: &Case, lines: &str) -> Result<(String, Value), String> {
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
        let texts = self.pasted(&words, &format!("{WORDS}{}\n{lines}\n", case.shell));
        let [said, shown, errors] = &texts[..] else { return Err(format!("another number of texts: {texts:#?}")) };
        match serde_json::from_str(shown) {
            Ok(document) => Ok((said.clone(), document)),
            Err(why) => Err(format!("no document: {why}\n{errors}\n{said}")),
        }
    }
}
