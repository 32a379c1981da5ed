//! `gdoctor prove`: starts a container of gdoctor's own with the options of the run line, looks from within, asks the published
//! ports from the host, and takes everything away again. What was seen becomes facts; what they mean is the checks' matter.

mod asked;
mod foretold;
mod image;
mod line;
mod within;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::docker::{Address, Reach};
use gdoctor_checks::model::facts::proof::{Kind, Look, ProofFacts, Seen, Start};
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

use asked::{Answer, Asked};
pub use foretold::{Foretelling, Verdict};
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

/// What a container with these options shows. `tell` says beforehand what is run.
pub fn prove(host: &Host, need: &Need, facts: &Facts, foretelling: &Foretelling, tell: &dyn Fn(&str)) -> ProofFacts {
    let mut proof = ProofFacts { foretold: Some(foretelling.start()), ..ProofFacts::default() };
    let Some(line) = &need.run else {
        proof.start = Fact::unknown(Gap::NotAsked, "the run line");
        return proof;
    };
    proof.start = match tried(host, need, line, facts, &mut proof, tell) {
        Ok(start) => Fact::present(start, format!("{} run", program(line))),
        Err(gap) => Fact::unknown(gap, format!("{} run", program(line))),
    };
    for look in &mut proof.looks {
        look.foretold = foretelling.of(look);
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
    let mut own = line::own(line, host).map_err(Gap::Unsupported)?;
    let files = own::files().map_err(Gap::Unsupported)?;
    let values = passed(line);
    let client = Client::named(program(line), &values, line.as_root && !line.keeps_environment);
    let client = client.map_err(Gap::Unsupported)?;
    let span = host.deadline.left();
    sweep(&client, host, span)?;
    own.make_nameless(|name| client.run(&words(&["volume", "inspect", name]), &[], Deadline::after(span)).is_well());
    let owner = Owner::own(host);
    let image = format!("{IMAGE}:{}-{owner}", image::digest(&files));
    let kept = Kept { name: format!("{IMAGE}-{owner}"), image, client, span };
    let asked = Asked { word: format!("gdoctor {owner}"), lasts: LASTS, ..line::asked(line, need) };
    let arguments = kept.arguments(&own.options, &owner, &asked);
    proof.left_out = own.left_out.iter().map(|words| secret::masked(words)).collect();
    tell(&shown(line, &own.options, &proof.left_out));
    let left = kept.clone();
    let in_hand = Left::behind(move || left.take_away_at_the_end());
    let ended = kept.import(&image::archive(&files), &owner).and_then(|()| kept.run(&arguments, &asked, line, proof));
    if let Err(words) = kept.take_away() {
        tell(&words);
    }
    drop(in_hand);
    ended
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
fn shown(line: &RunLine, options: &[String], left_out: &[String]) -> String {
    let command = [program(line).to_owned(), "run".into(), "--rm".into()].into_iter();
    let all: Vec<String> = command.chain(options.iter().cloned()).chain([IMAGE.to_owned()]).collect();
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
    /// The container's.
    name: String,
    image: String,
    /// The most that one question may take.
    span: Duration,
}

impl Kept {
    fn arguments(&self, options: &[String], owner: &Owner, asked: &Asked) -> Vec<String> {
        let (label, loader) = (format!("{LABEL}={owner}"), format!("{WITHIN}/ld.so"));
        let (library, program) = (format!("{WITHIN}/lib"), format!("{WITHIN}/gdoctor"));
        let before =
            ["run", "--rm", "-i", "--name", &self.name, "--label", &label, "--pull=never", "--log-driver=none"];
        let behind = ["--entrypoint", &loader, &self.image, "--library-path", &library, &program, SUBCOMMAND];
        let asked = serde_json::to_string(asked).unwrap_or_default();
        words(&before).into_iter().chain(options.iter().cloned()).chain(words(&behind)).chain([asked]).collect()
    }

    fn import(&self, tar: &[u8], owner: &Owner) -> Result<(), Gap> {
        let label = format!("LABEL {LABEL}={owner}");
        let said = self.client.run(
            &words(&["import", "--change", &label, "-", &self.image]),
            tar,
            Deadline::after(self.span * IMPORT),
        );
        match said.end {
            End::Exited(0) => Ok(()),
            End::TimedOut => Err(Gap::TimedOut),
            _ => Err(Gap::Unsupported(format!("the engine takes no image: {}", message(&said)))),
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

    /// Asks each TCP port of the host that leads into the container.
    fn ports(&self, line: &RunLine, asked: &Asked, failed: &[(u16, String)]) -> Vec<Look> {
        if line.ports.is_empty() || line.is_host_network() {
            return Vec::new();
        }
        let said = self.client.run(&words(&["port", &self.name]), &[], Deadline::after(self.span));
        let mut all: Vec<Look> = Vec::new();
        for (container, protocol, address) in said.text().lines().filter_map(published) {
            let subject = format!("{address}/{protocol}");
            let source = format!("connect {address}");
            let unheard = failed.iter().find(|(port, _)| *port == container);
            let seen = match (protocol, unheard) {
                ("tcp", None) if asked.ports.contains(&container) => {
                    Fact::present(answered(address, &asked.word), source)
                }
                ("tcp", Some((_, why))) => {
                    Fact::unknown(Gap::Unsupported(format!("nothing can listen on {container} inside: {why}")), source)
                }
                _ => Fact::unknown(Gap::Unsupported("gdoctor asks some dozens of TCP ports alone".into()), source),
            };
            all.push(Look { kind: Kind::Port, subject, seen, foretold: None });
        }
        all
    }

    /// Err: what has to be typed to take the rest away.
    fn take_away(&self) -> Result<(), String> {
        let end = Deadline::after(self.span * 2);
        self.client.run(&words(&["rm", "-f", "-v", &self.name]), &[], end);
        self.client.run(&words(&["image", "rm", &self.image]), &[], end);
        let left = |kind: &str, name: &str| self.client.run(&words(&[kind, "inspect", name]), &[], end);
        // An engine that does not answer says nothing of what it has.
        let stays = [left("container", &self.name), left("image", &self.image)];
        if stays.iter().all(|said| matches!(said.end, End::Exited(code) if code != 0)) {
            return Ok(());
        }
        let name = self.client.name();
        Err(format!(
            "gdoctor: the engine did not let gdoctor take its own away; the next `gdoctor prove` does, or:\n  \
             {name} rm -f -v {}; {name} image rm {}",
            self.name, self.image
        ))
    }

    /// A client that was ended may have asked for more than the engine has done by now: it is asked again.
    fn take_away_at_the_end(&self) {
        let end = Deadline::after(TAKE_AWAY);
        for pause in [0, 200, 400] {
            std::thread::sleep(Duration::from_millis(pause).min(end.left()));
            self.client.run_at_the_end(&words(&["rm", "-f", "-v", &self.name]), end);
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
fn answered(address: SocketAddr, word: &str) -> Seen {
    use std::io::Read;
    let mut asked = address;
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
        asked.set_ip(loopback);
    }
    let said = connect::tcp(&[asked], Deadline::after(PORT)).and_then(|mut stream| {
        stream.set_read_timeout(Some(PORT))?;
        let mut text = vec![0; word.len()];
        stream.read_exact(&mut text).map(|()| text)
    });
    match said {
        Ok(text) if text == word.as_bytes() => Seen::Works(format!("{asked} leads to the container")),
        Ok(_) => Seen::Fails(format!("{asked} is answered by something else")),
        Err(why) => Seen::Fails(format!("connect to {asked}: {why}")),
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

/// The process that a container is for: `BOOT.PIDNS.PID.START`, so that a later run can tell whether it still is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    /// The machine's start and the namespace that process ids are of.
    place: String,
    pid: u32,
    /// In ticks since the machine's start.
    started: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.place, self.pid, self.started)
    }
}

impl Owner {
    fn own(host: &Host) -> Self {
        let pid = std::process::id();
        Self { place: place(host), pid, started: started(host, pid).unwrap_or_default() }
    }

    fn parse(text: &str) -> Option<Self> {
        let (rest, started) = text.rsplit_once('.')?;
        let (place, pid) = rest.rsplit_once('.')?;
        Some(Self { place: place.into(), pid: pid.parse().ok()?, started: started.into() })
    }

    /// It is of this start of this machine and is no more, or of an earlier start. Others' processes are not seen from here.
    fn is_gone(&self, host: &Host) -> bool {
        let (boot, here) = (|place: &str| place.split('.').next().unwrap_or_default().to_owned(), place(host));
        if boot(&self.place) != boot(&here) {
            return true;
        }
        self.place == here && started(host, self.pid).as_ref() != Some(&self.started)
    }
}

fn place(host: &Host) -> String {
    let boot = host.live().line("/proc/sys/kernel/random/boot_id").value().cloned().unwrap_or_default();
    let namespace = host.live().link("/proc/self/ns/pid").value().cloned().unwrap_or_default();
    let digits: String = namespace.chars().filter(char::is_ascii_digit).collect();
    format!("{}.{digits}", boot.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>())
}

fn started(host: &Host, pid: u32) -> Option<String> {
    let stat = host.live().line(format!("/proc/{pid}/stat"));
    stat.value()?.rsplit_once(") ")?.1.split(' ').nth(19).map(str::to_owned)
}

/// Takes away what runs that were killed have left. Err: the engine does not answer.
fn sweep(client: &Client, host: &Host, span: Duration) -> Result<(), Gap> {
    let filter = format!("label={LABEL}");
    let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
    let listed =
        client.run(&words(&["ps", "-a", "--filter", &filter, "--format", &format]), &[], Deadline::after(span));
    match listed.end {
        End::Exited(0) => {}
        End::TimedOut => return Err(Gap::TimedOut),
        _ => return Err(Gap::Unsupported(message(&listed))),
    }
    let gone = |owner: &str| Owner::parse(owner).is_some_and(|owner| owner.is_gone(host));
    for id in
        listed.text().lines().filter_map(|line| line.split_once(' ').filter(|(_, owner)| gone(owner))).map(|(id, _)| id)
    {
        client.run(&words(&["rm", "-f", "-v", id]), &[], Deadline::after(span * 2));
    }
    let format = "{{.Repository}}:{{.Tag}}";
    let listed = client.run(&words(&["images", "--filter", &filter, "--format", format]), &[], Deadline::after(span));
    let is_left = |name: &&str| {
        let owner = name.rsplit(':').next().and_then(|tag| tag.split_once('-'));
        owner.is_some_and(|(_, owner)| gone(owner))
    };
    for name in listed.text().lines().filter(is_left) {
        client.run(&words(&["image", "rm", name]), &[], Deadline::after(span * 2));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_that_are_gone_are_told_from_those_that_run() {
        let host = Host::new("/", Duration::from_secs(5));
        let own = Owner::own(&host);
        assert_eq!(Owner::parse(&own.to_string()).as_ref(), Some(&own));
        assert!(!own.is_gone(&host));
        assert!(Owner { started: "1".into(), ..own.clone() }.is_gone(&host));
        assert!(Owner { place: "0000abcd.1".into(), ..own.clone() }.is_gone(&host));
        let boot = own.place.split('.').next().unwrap();
        assert!(
            !Owner { place: format!("{boot}.1"), pid: 1, started: "1".into() }.is_gone(&host),
            "another namespace's"
        );
        assert!(Owner::parse("latest").is_none());
    }

    #[test]
    fn ports_as_clients_tell_them() {
        let read = |line| published(line).map(|(port, protocol, address)| (port, protocol, address.to_string()));
        assert_eq!(read("80/tcp -> 0.0.0.0:8080"), Some((80, "tcp", "0.0.0.0:8080".into())));
        assert_eq!(read("80/tcp -> :::8080"), Some((80, "tcp", "[::]:8080".into())));
        assert_eq!(read("53/udp -> [::1]:53"), Some((53, "udp", "[::1]:53".into())));
        assert_eq!(read("nothing"), None);
    }
}
