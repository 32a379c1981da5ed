//! Reported failures made for real in the lab's machine, one after another: what gdoctor says of each, its fix pasted into a shell
//! as printed, and a host without a red line after it; then what shows that it worked, what takes it back, and the fix once more.
//! tests/fixes.toml is the table; tests/systemd.toml has what only a host with systemd can suffer.
#![allow(clippy::disallowed_methods)]

mod part;

use std::io::Write;
use std::process::{Command, Stdio};

use part::{Part, Run, root};
use serde::Deserialize;

/// As many reported failures as this have to be in the table.
const FORTY: usize = 40;
const LOOK: &str = "gdoctor --timeout 5s --only host,docker,port,registry,disk --format json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

/// See the head of tests/fixes.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Where no report stands for it.
    #[serde(default)]
    name: String,
    #[serde(default)]
    corpus: Vec<String>,
    #[serde(rename = "break", default)]
    breakage: String,
    #[serde(default)]
    shell: String,
    #[serde(default)]
    user: bool,
    #[serde(default)]
    ask: String,
    before: Vec<String>,
    #[serde(default)]
    edit: String,
    #[serde(default)]
    then: String,
    #[serde(default)]
    unshown: String,
    #[serde(default)]
    undone: Option<Vec<String>>,
    #[serde(default)]
    restore: String,
}

fn cases(table: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(root().join("tests").join(table)).unwrap();
    toml::from_str::<Table>(&text).unwrap().case
}

impl Case {
    fn title(&self) -> String {
        format!("{} {}", self.name, self.corpus.join(" ")).trim().to_owned()
    }
}

struct Machine(Part);

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
    fn start(arguments: &[&str]) -> Option<Self> {
        let machine = Self(Part::start("machine", arguments)?);
        let binary = std::fs::File::open(env!("CARGO_BIN_EXE_gdoctor")).unwrap();
        let copy = "cat >/usr/local/bin/gdoctor && chmod 755 /usr/local/bin/gdoctor";
        assert!(machine.command(&["sh", "-c", copy]).stdin(binary).status().unwrap().success());
        machine.as_root(REGISTRY_IMAGE);
        Some(machine)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(root().join("tests/lab/machine"));
        command.arg("exec").arg(self.0.path()).args(["timeout", "150"]).args(words);
        command
    }

    fn read(&self, path: &str) -> Vec<u8> {
        self.command(&["cat", path]).output().unwrap().stdout
    }

    /// Pastes lines into a shell; what it said. That goes through a file: what a line leaves running would hold a pipe open.
    fn paste(&self, words: &[&str], lines: &str) -> String {
        let words = [&["sh", "-c", "rm -f /said; exec \"$@\" >/said 2>&1", "sh"], words].concat();
        let mut child =
            self.command(&words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        child.wait().unwrap();
        String::from_utf8_lossy(&self.read("/said")).into_owned()
    }

    fn as_root(&self, script: &str) -> String {
        self.paste(&["bash"], &format!("{WORDS}{script}"))
    }

    /// What the case's shell says of the lines, and gdoctor at their end.
    fn look_after(&self, case: &Case, lines: &str) -> Result<(String, Run), String> {
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

    /// Breaks, looks, mends, looks, takes it back, looks, mends again. What was pasted, or what went otherwise than the table says.
    fn go_through(&self, case: &Case) -> Result<String, String> {
        let broken = self.as_root(&case.breakage);
        let (_, before) = self.look_after(case, "")?;
        if before.told() != case.before {
            return Err(format!("broken, it tells {:#?}, not {:#?}\n{broken}", before.told(), case.before));
        }
        if case.before.is_empty() {
            return Ok("well".to_owned());
        }
        self.as_root(&format!("cat >/editor <<'EDIT'\n#!/bin/bash\n{}\nEDIT\nchmod 755 /editor", case.edit));
        let code = case.before.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let mut lines = String::new();
        for line in before.fix(code) {
            // Each prune asks before it deletes.
            let answer = if line.ends_with(" prune") { " <<<y" } else { "" };
            lines.push_str(&format!("{line}{answer}\n"));
        }
        // The daemon answers a moment after `service` has come back.
        let wait = "for turn in $(seq 100); do ! docker version || break; sleep 0.1; done";
        let mend = format!("{lines}{}\n{wait}", case.then);
        let verify = before.steps(code, "verify");
        let shown: String = verify.iter().map(|line| format!("{line}\nprintf '\\n{EXIT}%s\\n' $?\n")).collect();
        let (said, after) = self.look_after(case, &format!("{mend}\n{shown}"))?;
        if !after.told().is_empty() {
            return Err(format!("after its fix it tells {:#?}\n{lines}\n{said}", after.told()));
        }
        let good = said.lines().filter(|line| *line == format!("{EXIT}0")).count();
        if case.unshown.is_empty() != (good == verify.len()) {
            return Err(format!("{good} of these end well after its fix: {verify:#?}\n{said}"));
        }
        // No package comes back without a network: of those that an undo removes it is only seen that they can be.
        let simulated = |line: String| line.replace("apt-get remove", "apt-get remove --simulate");
        let undo: Vec<String> = before.steps(code, "undo").into_iter().map(simulated).collect();
        if undo.is_empty() {
            return Ok(format!("{good} shown"));
        }
        let undone = case.undone.as_ref().unwrap_or(&case.before);
        let mut unlike = String::new();
        // What is taken back shows when the daemon has come up, or has given up.
        for turn in 0..UNDO_TURNS {
            let lines = if turn == 0 { undo.join("\n") } else { "sleep 1".to_owned() };
            let (said, again) = self.look_after(case, &lines)?;
            let told = again.told();
            if told == *undone {
                unlike.clear();
                break;
            }
            unlike = format!("but {told:#?}\n{said}");
        }
        if !unlike.is_empty() {
            return Err(format!("undone, it tells not {undone:#?}\n{undo:#?}\n{unlike}"));
        }
        let (said, after) = self.look_after(case, &mend)?;
        if !after.told().is_empty() {
            return Err(format!("mended once more, it tells {:#?}\n{lines}\n{said}", after.told()));
        }
        Ok(format!("{good} shown, undone"))
    }
}

/// Before the exit status of a line that shows something.
const EXIT: &str = "exit status ";
/// So often is looked for the failure of before, a second apart.
const UNDO_TURNS: usize = 20;

/// Goes through a table; a machine that a case leaves in disorder is replaced.
fn go_through(cases: &[Case], arguments: &[&str]) {
    let Some(mut machine) = Machine::start(arguments) else { return };
    let only = std::env::var("FIXES").unwrap_or_default();
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| only.split(',').any(|part| case.title().contains(part))) {
        let name = case.title();
        let outcome = machine.go_through(case);
        match outcome {
            Ok(pasted) => {
                machine.as_root(&format!("{}\nawait docker version", case.restore));
                println!("{name}: {} … green, {pasted}", case.before.join(", "));
            }
            Err(why) => {
                println!("{name}: RED");
                wrong.push(format!("{name}: {why}"));
                drop(machine);
                machine = Machine::start(arguments).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_failure_is_told_and_its_printed_fix_mends_it() {
    let cases = cases("fixes.toml");
    let ids: Vec<&str> = cases.iter().flat_map(|case| case.corpus.iter().map(String::as_str)).collect();
    println!("{} reported failures made for real: {}", ids.len(), ids.join(" "));
    assert!(ids.len() >= FORTY);
    go_through(&cases, &[]);
}

#[test]
fn with_systemd_each_failure_is_told_and_its_printed_fix_mends_it() {
    go_through(&cases("systemd.toml"), &["--systemd"]);
}
