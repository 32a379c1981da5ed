//! What the engine keeps for one run, an image and at most two containers: made, run, and taken away again.

use std::time::Duration;

use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::facts::proof::{ProofFacts, Start};
use gdoctor_checks::model::run::RunLine;

use super::asked::{Answer, Asked};
use super::owner::Owner;
use super::words::{message, refused};
use super::{IMAGE, LABEL, SUBCOMMAND, owned, ports};
use crate::host::Deadline;
use crate::host::child::WITHIN;
use crate::host::client::{Client, Input, Then};
use crate::host::process::End;

/// What an engine may take for the image and for the container, in times that a probe may take.
const IMPORT: u32 = 12;
const RUN: u32 = 8;
/// Where a signal has ended gdoctor.
const TAKE_AWAY: Duration = Duration::from_secs(10);

/// What the engine keeps for this run.
#[derive(Clone)]
pub struct Kept {
    pub client: Client,
    pub owner: Owner,
    /// gdoctor's own.
    pub image: String,
    /// The line's, where the container is started from it.
    pub lines: Option<String>,
    /// The most that one question may take.
    pub span: Duration,
}

impl Kept {
    fn name(&self) -> String {
        format!("{IMAGE}-{}", self.owner)
    }

    /// A container that is never started: its volume has gdoctor's files for one of the line's image.
    fn files(&self) -> Option<String> {
        self.lines.is_some().then(|| format!("{IMAGE}-files-{}", self.owner))
    }

    fn label(&self) -> String {
        format!("{LABEL}={}", self.owner)
    }

    pub fn arguments(&self, options: &[String], asked: &Asked) -> Vec<String> {
        let (name, label, loader) = (self.name(), self.label(), format!("{WITHIN}/ld.so"));
        let (library, program) = (format!("{WITHIN}/lib"), format!("{WITHIN}/gdoctor"));
        let image = self.lines.as_ref().unwrap_or(&self.image);
        let files = self.files().map(|files| format!("{files}:ro"));
        let before = ["run", "--rm", "-i", "--name", &name, "--label", &label, "--pull=never", "--log-driver=none"];
        let beside: &[&str] = match &files {
            Some(files) => &["--volumes-from", files, "--no-healthcheck"],
            None => &[],
        };
        let behind = ["--entrypoint", &loader, image, "--library-path", &library, &program, SUBCOMMAND];
        let asked = serde_json::to_string(asked).unwrap_or_default();
        let options = options.iter().cloned();
        owned(&before).into_iter().chain(options).chain(owned(beside)).chain(owned(&behind)).chain([asked]).collect()
    }

    /// Hands the engine gdoctor's files.
    pub fn bring(&self, tar: &[u8]) -> Result<(), Gap> {
        let label = format!("LABEL {}", self.label());
        self.ask(&["import", "--change", &label, "-", &self.image], tar)?;
        let Some(files) = self.files() else { return Ok(()) };
        let (label, loader) = (self.label(), format!("{WITHIN}/ld.so"));
        self.ask(
            &[
                "create",
                "--name",
                &files,
                "--label",
                &label,
                "--pull=never",
                "--network=none",
                "-v",
                WITHIN,
                &self.image,
                &loader,
            ],
            &[],
        )?;
        match self.client.name() {
            // It fills a volume only now.
            "podman" => self.ask(&["init", &files], &[]),
            _ => Ok(()),
        }
    }

    fn ask(&self, arguments: &[&str], input: &[u8]) -> Result<(), Gap> {
        let said = self.client.run(&owned(arguments), input, Deadline::after(self.span * IMPORT));
        match said.end {
            End::Exited(0) => Ok(()),
            End::TimedOut => Err(Gap::TimedOut),
            _ => Err(Gap::Unsupported(format!("the engine does not take gdoctor's files: {}", message(&said)))),
        }
    }

    pub fn run(
        &self,
        arguments: &[String],
        asked: &Asked,
        line: &RunLine,
        proof: &mut ProofFacts,
    ) -> Result<Start, Gap> {
        let (mut started, mut looked) = (false, false);
        let (mut doors, mut looks) = (Vec::new(), Vec::new());
        let said = self.client.talk(arguments, Input::Open, Deadline::after(self.span * RUN), &mut |text| {
            match serde_json::from_slice(text) {
                Ok(Answer::Listens(failed)) => {
                    started = true;
                    if !line.ports.is_empty() && !line.is_host_network() {
                        let published =
                            self.client.run(&owned(&["port", &self.name()]), &[], Deadline::after(self.span));
                        doors = ports::looks(&published.text(), asked, &failed);
                    }
                }
                Ok(Answer::Looked(found)) => {
                    looked = true;
                    looks = found;
                    return Then::Close;
                }
                Err(_) => {}
            }
            Then::GoOn
        });
        proof.looks = looks;
        proof.looks.extend(doors);
        match said.end {
            _ if looked => Ok(Start::Started),
            End::TimedOut => Err(Gap::TimedOut),
            _ if !started && !message(&said).is_empty() => Ok(refused(message(&said))),
            End::Exited(code) => Ok(Start::Ended(format!("exit code {code}"))),
            End::Signalled(signal) => Ok(Start::Ended(format!("signal {signal}"))),
            End::TooMuch => Ok(Start::Ended("more output than gdoctor writes".into())),
            End::NotStarted(why) | End::NoRoom(why) => Err(Gap::NoRoom(why)),
        }
    }

    fn containers(&self) -> Vec<String> {
        std::iter::once(self.name()).chain(self.files()).collect()
    }

    /// Err: what has to be typed to take the rest away.
    pub fn take_away(&self) -> Result<(), String> {
        let end = Deadline::after(self.span * 2);
        let ask = |arguments: &[&str]| self.client.run(&owned(arguments), &[], end);
        for name in self.containers() {
            ask(&["rm", "-f", "-v", &name]);
        }
        ask(&["image", "rm", &self.image]);
        // An engine that does not answer says nothing of what it has.
        let is_gone =
            |kind: &str, name: &str| matches!(ask(&[kind, "inspect", name]).end, End::Exited(code) if code != 0);
        if self.containers().iter().all(|name| is_gone("container", name)) && is_gone("image", &self.image) {
            return Ok(());
        }
        let name = self.client.name();
        Err(format!(
            "gdoctor: the engine did not let gdoctor take its own away; the next `gdoctor prove` does, or:\n  \
             {name} rm -f -v {}; {name} image rm {}",
            self.containers().join(" "),
            self.image
        ))
    }

    /// A client that was ended may have asked for more than the engine has done by now: it is asked again.
    pub fn take_away_at_the_end(&self) {
        let end = Deadline::after(TAKE_AWAY);
        for pause in [0, 200, 400] {
            std::thread::sleep(Duration::from_millis(pause).min(end.left()));
            let containers = self.containers();
            let rm = ["rm", "-f", "-v"].into_iter().chain(containers.iter().map(String::as_str)).collect::<Vec<_>>();
            self.client.run_at_the_end(&owned(&rm), end);
            self.client.run_at_the_end(&owned(&["image", "rm", &self.image]), end);
        }
    }
}
