//! `gdoctor prove`: starts a container of gdoctor's own with the options of the run line, looks from within, asks the published
//! ports from the host, and takes everything away again. What was seen becomes facts; what they mean is the checks' matter.

mod asked;
mod foretold;
mod image;
mod kept;
mod limits;
mod line;
mod owner;
mod ports;
mod within;
mod words;

use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::docker::{Address, Reach};
use gdoctor_checks::model::facts::proof::{Image, ProofFacts, Start};
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::run::RunLine;

use crate::host::client::Client;
use crate::host::ending::Left;
use crate::host::{Deadline, Host, own};
use crate::secret;

use asked::Asked;
pub use foretold::{Foretelling, Verdict};
use kept::Kept;
pub use line::{is_replaced, replaces};
use owner::Owner;
pub use within::run as within;
use words::shown;

/// On containers and images: whose they are. Nothing without it is ever taken away.
const LABEL: &str = "org.gdoctor.prove";
const IMAGE: &str = "gdoctor-prove";
/// The hidden subcommand that looks from within.
pub const SUBCOMMAND: &str = "__within";

/// The container ends by itself after this, also where nobody is there any more to end it.
const LASTS: u64 = 60;
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
    if line.wrapper.is_some() {
        // The program that the line names is not on this host.
        return Err(Gap::BlockedBy("run-line-syntax".into()));
    }
    let client = Client::named(program(line), &values, line.as_root && !line.keeps_environment);
    let client = client.map_err(Gap::Unsupported)?;
    let span = host.deadline.left();
    let files = own::files().map_err(Gap::Unsupported)?;
    let lines = lines_image(&client, line, span);
    let kind = if lines.is_ok() { Image::Lines } else { Image::Own };
    let mut own = line::own(line, host, kind).map_err(Gap::Unsupported)?;
    owner::sweep(&client, host, span)?;
    own.make_nameless(line.podman, |name| {
        client.run(&owned(&["volume", "inspect", name]), &[], Deadline::after(span)).is_well()
    });
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
    let arguments = owned(&["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", name]);
    let said = client.run(&arguments, &[], Deadline::after(span));
    let own = match std::env::consts::ARCH {
        "x86_64" => "linux/amd64",
        "aarch64" => "linux/arm64",
        _ => "",
    };
    match said.text().trim() {
        // No engine has an image of such a name: it refuses the line.
        _ if ["invalid reference", "must be lowercase"].iter().any(|words| said.stderr.contains(words)) => {
            Ok(name.clone())
        }
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

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
