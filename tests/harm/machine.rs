//! The lab's machine with gdoctor in it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::part::{Part, root};

pub struct Machine(Part);

impl Machine {
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let machine = Self(Part::start("machine", arguments)?);
        let binary = std::fs::File::open(env!("CARGO_BIN_EXE_gdoctor")).unwrap();
        let copy = "cat >/usr/local/bin/gdoctor && chmod 755 /usr/local/bin/gdoctor";
        assert!(machine.command(&["sh", "-c", copy]).stdin(binary).status().unwrap().success());
        Some(machine)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(root().join("tests/lab/machine"));
        command.arg("exec").arg(self.0.path()).args(["timeout", "150"]).args(words);
        command
    }

    /// What root's bash says of these lines; what a line leaves running must not hold the output.
    pub fn bash(&self, lines: &str) -> String {
        let mut child = self.command(&["bash"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).trim().to_owned()
    }

    /// gdoctor's report; `before` stands in front of it: `env NAME=VALUE`, `setpriv …`.
    pub fn report(&self, before: &str, arguments: &str) -> Report {
        let said = self.bash(&format!("{before} gdoctor {arguments} --format json </dev/null"));
        Report(serde_json::from_str(&said).unwrap_or_else(|why| panic!("{before} gdoctor {arguments}: {why}\n{said}")))
    }
}

pub struct Report(pub Value);

impl Report {
    /// `unknown docker-engine/unknown` and the sentence, of each result of a check.
    pub fn of(&self, check: &str) -> Vec<(String, String)> {
        let results = self.0["results"].as_array().unwrap().iter().filter(|result| result["id"] == check);
        let text = |result: &Value, key: &str| result[key].as_str().unwrap_or_default().to_owned();
        results.map(|r| (format!("{} {}", text(r, "status"), text(r, "code")), text(r, "summary"))).collect()
    }

    /// The only result of a check.
    #[track_caller]
    pub fn one(&self, check: &str) -> (String, String) {
        let all = self.of(check);
        assert_eq!(all.len(), 1, "{check}: {all:?}");
        all.into_iter().next().unwrap()
    }
}
