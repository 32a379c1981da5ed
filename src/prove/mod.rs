//! `gdoctor prove`: starts a container of gdoctor's own with the options of the run line, looks from within, asks the published
//! ports from the host, and takes everything away again. What was seen becomes facts; what they mean is the checks' matter.

mod asked;
mod foretold;
mod image;
mod line;
mod owner;
mod within;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::docker::{Address, Reach};
use gdoctor_checks::model::facts::proof::{Image, Kind, Look, ProofFacts, Seen, Start};
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::run::RunLine;

use crate::explain::find::Finder;
use crate::host::child::WITHIN;
use crate::host::client::{Client, Input, Said, Then};
use crate::host::ending::Left;
use crate::host::process::End;
use crate::host::{Deadline, Host, connect, own};
use crate::need::run_line;
use crate::secret;

use asked::{Answer, Asked, Door};
pub use foretold::{Foretelling, Verdict};
pub use line::is_replaced;
use owner::Owner;
pub use within::run as within;

/// On containers and images: whose they are. Nothing without it is ever taken away.
const LABEL: &str = "org.gdoctor.prove";
const IMAGE: &str = "gdoctor-prove";
/// The hidden subcommand that looks from within.
pub const SUBCOMMAND: &str = "__within";

/// What an engine may take for the image and for the container, in times that a probe may take.
const IMPORT: u32 = 12;
const RUN: u32 = 8;
/// The container ends by itself after this, also where nobody is there any more to end it.
const LASTS: u64 = 60;
/// Where a signal has ended gdoctor.
const TAKE_AWAY: Duration = Duration::from_secs(10);
const PORT: Duration = Duration::from_secs(2);
/// An engine's message.
const MESSAGE: usize = 1000;

/// What a container with these options shows. `foretell` has what the host looks say of a line that is started from such an image;
/// `tell` says beforehand what is run.
pub fn prove(
    host: &Host,
    need: &Need,
    facts: &Facts,
    foretell: &dyn Fn(Image) -> Foretelling,
    tell: &dyn Fn(&str),
) -> ProofFacts {
    let mut proof = ProofFacts::default();
    let Some(line) = &need.run else {
        proof.start = Fact::unknown(Gap::NotAsked, "the run line");
        return proof;
    };
    proof.start = match tried(host, need, line, facts, &mut proof, tell) {
        Ok(start) => Fact::present(start, format!("{} run", program(line))),
        Err(gap) => Fact::unknown(gap, format!("{} run", program(line))),
    };
    let foretelling = foretell(proof.image.unwrap_or(Image::Own));
    proof.foretold = Some(foretelling.start());
    for look in &mut proof.looks {
        look.foretold = foretelling.of(look, line);
    }
    proof
}

fn program(line: &RunLine) -> &'static str {
    if line.podman { "podman" } else { "docker" }
}

fn tried(
    host: &Host,
    need: &Need,
    line: &RunLine,
    facts: &Facts,
    proof: &mut ProofFacts,
    tell: &dyn Fn(&str),
) -> Result<Start, Gap> {
    reached(line, facts)?;
    let sudo = line.as_root && !nix::unistd::geteuid().is_root();
    if sudo {
        return Err(Gap::Unsupported("the line is run by sudo: start `gdoctor prove` by sudo as well".into()));
    }
    let values = passed(line);
    let client = Client::named(program(line), &values, line.as_root && !line.keeps_environment);
    let client = client.map_err(Gap::Unsupported)?;
    let span = host.deadline.left();
    let files = own::files().map_err(Gap::Unsupported)?;
    let lines = lines_image(&client, line, span);
    let kind = if lines.is_ok() { Image::Lines } else { Image::Own };
    let mut own = line::own(line, host, kind).map_err(Gap::Unsupported)?;
    owner::sweep(&client, host, span)?;
    own.make_nameless(|name| client.run(&words(&["volume", "inspect", name]), &[], Deadline::after(span)).is_well());
    let owner = Owner::own(host);
    let asked = Asked { word: format!("gdoctor {owner}"), lasts: LASTS, ..line::asked(line, need) };
    proof.image = Some(kind);
    proof.left_out = lines.as_ref().err().into_iter().chain(&own.left_out).map(|words| secret::masked(words)).collect();
    let image = format!("{IMAGE}:{}-{owner}", image::digest(&files));
    let kept = Kept { owner, image, lines: lines.ok(), client, span };
    tell(&shown(line, &own.options, kept.lines.as_deref().unwrap_or(IMAGE), &proof.left_out));
    let left = kept.clone();
    let in_hand = Left::behind(move || left.take_away_at_the_end());
    let ended = kept
        .bring(&image::archive(&files))
        .and_then(|()| kept.run(&kept.arguments(&own.options, &asked), &asked, line, proof));
    if let Err(words) = kept.take_away() {
        tell(&words);
    }
    drop(in_hand);
    ended
}

/// The name of the line's own image, where the engine has it and it is for this machine. Err tells why another takes its place.
fn lines_image(client: &Client, line: &RunLine, span: Duration) -> Result<String, String> {
    let image = line.image.as_ref().filter(|image| !image.at.opaque && !image.reference.is_empty());
    let name = &image
        .ok_or("the image, which only the running script would tell: gdoctor's own stands in its place")?
        .reference;
    let arguments = words(&["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", name]);
    let said = client.run(&arguments, &[], Deadline::after(span));
    let own = match std::env::consts::ARCH {
        "x86_64" => "linux/amd64",
        "aarch64" => "linux/arm64",
        _ => "",
    };
    match said.text().trim() {
        _ if !said.is_well() => {
            Err(format!("{name}, which is not on this host: gdoctor's own image stands in its place"))
        }
        kind if kind == own => Ok(name.clone()),
        kind => Err(format!("{name}, which is for {kind}: gdoctor's own image stands in its place")),
    }
}

/// Whether there is an engine on this machine to ask. Of podman's nothing is known before.
fn reached(line: &RunLine, facts: &Facts) -> Result<(), Gap> {
    let docker = &facts.docker;
    let blocked = |check: &str| Err(Gap::BlockedBy(check.into()));
    match docker.endpoint.value().map(|endpoint| &endpoint.address) {
        _ if line.podman => Ok(()),
        Some(Address::Tcp { local: false, .. } | Address::Ssh(_)) => {
            Err(Gap::Unsupported("the engine is on another machine, and gdoctor sends it nothing: run it there".into()))
        }
        Some(Address::Malformed(_) | Address::NoSuchContext(_)) => blocked("docker-endpoint"),
        _ => match docker.reach.value() {
            Some(Reach::Answers) => Ok(()),
            Some(Reach::Denied) => blocked("docker-access"),
            _ => blocked("docker-engine"),
        },
    }
}

/// Variables that the line hands on and that only the text that it stands in sets.
fn passed(line: &RunLine) -> Vec<(String, String)> {
    let bare = |variable: &&gdoctor_checks::model::run::Variable| !variable.at.text.contains('=');
    let handed = line.variables.iter().filter(bare);
    handed.filter_map(|variable| Some((variable.name.clone(), variable.value.clone()?))).collect()
}

/// What is going to be run, as a user would type it, without secrets; and what of the line is not in it.
fn shown(line: &RunLine, options: &[String], image: &str, left_out: &[String]) -> String {
    let command = [program(line).to_owned(), "run".into(), "--rm".into()].into_iter();
    let all: Vec<String> = command.chain(options.iter().cloned()).chain([image.to_owned()]).collect();
    let mut text =
        format!("gdoctor: starts a container of its own, and takes it away again:\n  {}", run_line::join(&all));
    left_out.iter().for_each(|words| text.push_str(&format!("\n  without {words}")));
    secret::masked(&text)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What the engine keeps for this run.
#[derive(Clone)]
struct Kept {
    client: Client,
    owner: Owner,
    /// gdoctor's own.
    image: String,
    /// The line's, where the container is started from it.
    lines: Option<String>,
    /// The most that one question may take.
    span: Duration,
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

    fn arguments(&self, options: &[String], asked: &Asked) -> Vec<String> {
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
        words(&before).into_iter().chain(options).chain(words(beside)).chain(words(&behind)).chain([asked]).collect()
    }

    /// Hands the engine gdoctor's files.
    fn bring(&self, tar: &[u8]) -> Result<(), Gap> {
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
        let said = self.client.run(&words(arguments), input, Deadline::after(self.span * IMPORT));
        match said.end {
            End::Exited(0) => Ok(()),
            End::TimedOut => Err(Gap::TimedOut),
            _ => Err(Gap::Unsupported(format!("the engine does not take gdoctor's files: {}", message(&said)))),
        }
    }

    fn run(&self, arguments: &[String], asked: &Asked, line: &RunLine, proof: &mut ProofFacts) -> Result<Start, Gap> {
        let (mut started, mut looked) = (false, false);
        let (mut ports, mut looks) = (Vec::new(), Vec::new());
        let said = self.client.talk(arguments, Input::Open, Deadline::after(self.span * RUN), &mut |text| {
            match serde_json::from_slice(text) {
                Ok(Answer::Listens(failed)) => {
                    started = true;
                    ports = self.ports(line, asked, &failed);
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
        proof.looks.extend(ports);
        match said.end {
            _ if looked => Ok(Start::Started),
            End::TimedOut => Err(Gap::TimedOut),
            _ if !started && !message(&said).is_empty() => Ok(refused(message(&said))),
            End::Exited(code) => Ok(Start::Ended(format!("exit code {code}"))),
            End::Signalled(signal) => Ok(Start::Ended(format!("signal {signal}"))),
            End::TooMuch => Ok(Start::Ended("more output than gdoctor writes".into())),
            End::NotStarted(why) => Err(Gap::NoRoom(why)),
        }
    }

    /// Asks each port of the host that leads into the container.
    fn ports(&self, line: &RunLine, asked: &Asked, failed: &[(Door, String)]) -> Vec<Look> {
        if line.ports.is_empty() || line.is_host_network() {
            return Vec::new();
        }
        let said = self.client.run(&words(&["port", &self.name()]), &[], Deadline::after(self.span));
        let look = |(container, protocol, address): (u16, &str, SocketAddr)| {
            let source = format!("{protocol} {address}");
            let door = Door { port: container, udp: protocol == "udp" };
            let unheard = failed.iter().find(|(failed, _)| *failed == door);
            let unasked = |why: String| Fact::unknown(Gap::Unsupported(why), source.clone());
            let seen = match unheard {
                _ if !["tcp", "udp"].contains(&protocol) => unasked(format!("gdoctor does not speak {protocol}")),
                Some((_, why)) => unasked(format!("nothing can listen on {container} inside: {why}")),
                None if asked.ports.contains(&door) => {
                    Fact::present(answered(address, door.udp, &asked.word), source.clone())
                }
                None => unasked(format!("gdoctor asks {} ports of a line", line::PORTS)),
            };
            Look { kind: Kind::Port, subject: format!("{address}/{protocol}"), seen, foretold: None }
        };
        said.text().lines().filter_map(published).map(look).collect()
    }

    fn containers(&self) -> Vec<String> {
        std::iter::once(self.name()).chain(self.files()).collect()
    }

    /// Err: what has to be typed to take the rest away.
    fn take_away(&self) -> Result<(), String> {
        let end = Deadline::after(self.span * 2);
        let ask = |arguments: &[&str]| self.client.run(&words(arguments), &[], end);
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
    fn take_away_at_the_end(&self) {
        let end = Deadline::after(TAKE_AWAY);
        for pause in [0, 200, 400] {
            std::thread::sleep(Duration::from_millis(pause).min(end.left()));
            let containers = self.containers();
            let rm = ["rm", "-f", "-v"].into_iter().chain(containers.iter().map(String::as_str)).collect::<Vec<_>>();
            self.client.run_at_the_end(&words(&rm), end);
            self.client.run_at_the_end(&words(&["image", "rm", &self.image]), end);
        }
    }
}

/// `80/tcp -> 0.0.0.0:8080`.
fn published(line: &str) -> Option<(u16, &str, SocketAddr)> {
    let (inside, outside) = line.split_once(" -> ")?;
    let (port, protocol) = inside.split_once('/')?;
    // Podman and older dockers write `:::8080`.
    let outside = outside.strip_prefix(":::").map_or_else(|| outside.to_owned(), |port| format!("[::]:{port}"));
    Some((port.parse().ok()?, protocol, outside.parse().ok()?))
}

/// Whether what listens in the container is what answers here.
fn answered(address: SocketAddr, udp: bool, word: &str) -> Seen {
    use std::io::Read;
    let mut asked = address;
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
        asked.set_ip(loopback);
    }
    let end = Deadline::after(PORT);
    let said = if udp {
        connect::udp(asked, b"?", word.len(), end)
    } else {
        connect::tcp(&[asked], end).and_then(|mut stream| {
            stream.set_read_timeout(Some(PORT))?;
            let mut text = vec![0; word.len()];
            stream.read_exact(&mut text).map(|()| text)
        })
    };
    match said {
        Ok(text) if text == word.as_bytes() => Seen::Works(format!("{asked} leads to the container")),
        Ok(_) => Seen::Fails(format!("{asked} is answered by something else")),
        Err(why) => Seen::Fails(format!("{asked}: {why}")),
    }
}

fn refused(message: String) -> Start {
    let found = Finder::new().search(message.as_bytes()).found;
    let mut codes: Vec<String> =
        found.iter().map(|found| format!("{}/{}", found.entry.id, found.entry.code.name)).collect();
    codes.truncate(3);
    Start::Refused { message: secret::masked(&message), codes }
}

/// What a client said of its failure, without what it says besides.
fn message(said: &Said) -> String {
    let besides = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with("WARNING")
            || line.starts_with("See 'docker")
            || line.starts_with("Run 'docker")
    };
    let lines: Vec<&str> = said.stderr.lines().filter(|line| !besides(line)).map(str::trim).collect();
    lines.join(" ").chars().take(MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_as_clients_tell_them() {
        let read = |line| published(line).map(|(port, protocol, address)| (port, protocol, address.to_string()));
        assert_eq!(read("80/tcp -> 0.0.0.0:8080"), Some((80, "tcp", "0.0.0.0:8080".into())));
        assert_eq!(read("80/tcp -> :::8080"), Some((80, "tcp", "[::]:8080".into())));
        assert_eq!(read("53/udp -> [::1]:53"), Some((53, "udp", "[::1]:53".into())));
        assert_eq!(read("nothing"), None);
    }
}
