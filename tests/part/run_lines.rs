//! A daemon of the lab that run lines are tried on: what gdoctor says of a line, and what docker does with it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Part, left_out, root};

pub const IMAGE: &str = "lab/busybox:1";

/// A daemon with the image and the container `taken`.
pub struct Lab {
    pub part: Part,
    /// Everything runs on the view of the host in which a later release's Docker lies.
    newer: bool,
    pub work: tempfile::TempDir,
    /// A folder with Debian's docker client as `docker`: another one may stand before it on PATH.
    path: String,
}

impl Lab {
    pub fn start() -> Option<Self> {
        Self::of(&[])
    }

    /// With the engine and the client of a later release of Debian's: `--engine SUITE`.
    pub fn of(arguments: &[&str]) -> Option<Self> {
        Self::beside("", arguments)
    }

    /// The daemon finds the programs of that folder as well.
    pub fn beside(programs: &str, arguments: &[&str]) -> Option<Self> {
        if !Path::new("/usr/bin/docker").exists() {
            left_out("run lines: no /usr/bin/docker");
            return None;
        }
        let found = format!("PATH={}:{programs}", std::env::var("PATH").unwrap_or_default());
        let before: &[&str] = if programs.is_empty() { &[] } else { &[&found] };
        let part = Part::start_in("env", before, "docker", arguments)?;
        assert!(part.call("import", &[]).status.success(), "the image can be imported");
        let path = format!("/usr/bin:{}", std::env::var("PATH").unwrap_or_default());
        let lab = Self { part, newer: !arguments.is_empty(), work: tempfile::tempdir_in("/tmp").unwrap(), path };
        assert!(lab.shell(&format!("docker run --name taken {IMAGE} true"), &BTreeMap::new()).status.success());
        Some(lab)
    }

    fn command(&self, program: &str, env: &BTreeMap<String, String>) -> Command {
        let mut command = match self.newer {
            false => Command::new(program),
            true => Command::new(root().join("tests/lab/docker")),
        };
        if self.newer {
            command.arg("exec").arg(self.part.path()).arg(program);
        }
        command.env_clear().env("PATH", &self.path).env("HOME", "/root").env("CI", "true").envs(env);
        command.env("DOCKER_HOST", self.part.get("DOCKER_HOST")).current_dir(self.work.path()).stdin(Stdio::null());
        command
    }

    pub fn shell(&self, text: &str, env: &BTreeMap<String, String>) -> Output {
        // A daemon whose handler has died leaves its client waiting for good.
        self.command("timeout", env).args(["-k", "5", "60", "bash", "-c", text]).output().unwrap()
    }

    /// What gdoctor says of a text: its report, or why it refuses it.
    pub fn judged(&self, text: &str, env: &BTreeMap<String, String>) -> Result<Value, String> {
        let mut child = self
            .command(env!("CARGO_BIN_EXE_gdoctor"), env)
            .args(["check", "--run-file", "-", "--format", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        match output.status.code() {
            Some(2) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            _ => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        }
    }

    /// True when docker starts it. Containers that it leaves are removed.
    pub fn starts(&self, text: &str, env: &BTreeMap<String, String>) -> bool {
        let output = self.shell(text, env);
        let refused = [1, 2, 124, 125, 126, 127, 137].contains(&output.status.code().unwrap_or(125));
        let mut starts = !refused;
        if starts && text.contains("docker create") {
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            let id = printed.lines().last().unwrap_or_default();
            starts = self.shell(&format!("docker start {id}"), env).status.success();
        }
        self.tidy();
        starts
    }

    pub fn tidy(&self) {
        let all = "docker ps -a --format '{{.ID}} {{.Names}}' | grep -vE ' (taken|running)$' | cut -d' ' -f1 | xargs -r docker rm -f";
        self.shell(all, &BTreeMap::new());
    }
}
