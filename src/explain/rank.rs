//! Which of several causes of one message it is: the checks that can see them decide.

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::Frequency;
use gdoctor_checks::model::need::{Gpus, Port, Protocol};

use super::entries::Entry;
use super::find::Found;
use super::witnesses::camera_in;
use crate::cli::Wishes;
use crate::policy::Status;
use crate::report::{Outcome, Report};

/// What this host shows of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Here {
    /// The check says this very code on this host.
    Seen,
    /// Nobody looked, or no check can see it, or it could not be determined.
    Undetermined,
    /// The check looked and found something else, or all in order.
    RuledOut,
}

/// A cause with what this host shows of it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub found: Found,
    pub here: Here,
    /// The finding, where it is seen on this host or on the run line of the text.
    pub outcome: Option<Outcome>,
}

/// Best first: by the text, and among causes that fit it about as well by this host, what is ruled out behind; where
/// the host decides nothing, what users report often comes first.
pub fn rank(found: Vec<Found>, report: Option<&Report>) -> Vec<Answer> {
    let mut answers: Vec<Answer> = found.into_iter().map(|found| answer(found, report)).collect();
    let best = answers.iter().map(|answer| answer.found.score).fold(0.0, f32::max);
    let weight = |a: &Answer| {
        a.found.score
            + match a.here {
                // What fits the text clearly worse is another message, whatever this host shows of it.
                Here::Seen if a.found.score > best - 0.1 => 0.12,
                Here::Seen => 0.0,
                Here::Undetermined => 0.0,
                Here::RuledOut => -0.12,
            }
            + match a.found.entry.code.frequency {
                Frequency::High => 0.015,
                Frequency::Medium => 0.0,
                Frequency::Low => -0.015,
            }
    };
    answers.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    answers
}

/// The checks that can decide between the causes found.
pub fn deciding(found: &[Found]) -> Vec<&'static Check> {
    ALL.iter().copied().filter(|check| found.iter().any(|f| f.entry.id == check.id)).collect()
}

/// What asks for a check's own subject: families and checks, with the flag without which they do not look. src/commands.rs
/// holds that every check is asked by its flags.
const ASKED_BY: [(&[&str], &str); 14] = [
    (&["nvidia-image"], " --image IMAGE"),
    (&["nvidia", "capability", "docker-limits"], " --gpu"),
    (&["nvidia-fitness"], " --gpu-memory SIZE --cuda VERSION"),
    (&["gpu-decode"], " --decode h264"),
    (&["gpu-encode"], " --encode h264"),
    (&["display"], " --display"),
    (&["camera"], " --camera any"),
    (&["camera-frame"], " --frame"),
    (&["camera-format"], " --camera-size 640x480"),
    (&["port"], " --port PORT"),
    (&["registry"], " --registry HOST:PORT"),
    (&["registry-delete"], " --registry-delete"),
    (&["dockerfile", "docker-buildx"], " --dockerfile Dockerfile"),
    (&["disk-reclaim"], " --reclaim"),
];

/// The look that tells these checks' causes apart, as a command: with what they judge by, and without what else there is.
pub fn look(checks: &[&str]) -> Option<String> {
    look_with(checks, "docker")
}

/// What a service of a compose file is told by, and no line.
const COMPOSE: &str = "compose";

/// The engine whose lines a code is about, by its name.
pub fn engine(code: &str) -> &'static str {
    const OF_COMPOSE: [&str; 3] =
        ["run-line-ports/copies", "run-line-ports/beside", "run-line-options/names-on-dockers-network"];
    if OF_COMPOSE.contains(&code) {
        return COMPOSE;
    }
    if code.contains("podman") && !code.ends_with("/docker") { "podman" } else { "docker" }
}

/// The same for the lines of an engine.
pub fn look_with(checks: &[&str], engine: &str) -> Option<String> {
    let (lines, hosts): (Vec<&str>, Vec<&str>) = checks.iter().partition(|id| id.starts_with("run-line"));
    let looked: Vec<&Check> = ALL.iter().copied().filter(|check| hosts.contains(&check.id)).collect();
    if looked.iter().any(|check| check.family.name == "proof") {
        return Some(format!("gdoctor prove {engine} run …"));
    }
    let mut command = String::from("gdoctor");
    for (names, flag) in ASKED_BY {
        let is_asked = |check: &&Check| names.contains(&check.id) || names.contains(&check.family.name);
        let shared = flag.contains("--camera any") && hosts.contains(&"camera-bandwidth");
        let flag = if shared { " --camera /dev/video0 --camera /dev/video2" } else { flag };
        command.push_str(if looked.iter().any(is_asked) { flag } else { "" });
    }
    match (hosts.is_empty(), lines.is_empty()) {
        (true, true) => None,
        (true, false) if engine == COMPOSE => Some("gdoctor check --compose compose.yaml".to_owned()),
        (true, false) => Some(format!("{command} {engine} run …")),
        (false, true) => Some(format!("{command} --only {}", hosts.join(","))),
        (false, false) => Some(format!("{command} --only {},{} {engine} run …", hosts.join(","), lines.join(","))),
    }
}

/// What must be wanted for the deciding checks to judge: the things that the messages speak of.
pub fn wishes(found: &[Found]) -> Wishes {
    let families: Vec<&str> = found.iter().filter_map(|f| Some(f.entry.check?.family.name)).collect();
    let mut wishes = wishes_of(&families);
    if families.contains(&"camera") {
        let named = found.iter().find_map(|f| camera_in(&f.matched)?.parse().ok());
        wishes.camera = named.into_iter().collect();
    }
    if families.contains(&"port") {
        wishes.port = found.iter().find_map(port_of).into_iter().collect();
    }
    wishes
}

/// What must be wanted for the checks of these families to judge, where no text names a thing.
pub fn wishes_of(families: &[&str]) -> Wishes {
    let about = |names: &[&str]| families.iter().any(|family| names.contains(family));
    Wishes {
        display: about(&["display"]),
        gpu: about(&["nvidia", "capability"]).then_some(Gpus::All),
        camera: about(&["camera"]).then(|| "any".parse().ok()).flatten().into_iter().collect(),
        ..Wishes::default()
    }
}

/// The port that a cause is about, as a wish.
pub fn port_of(found: &Found) -> Option<Port> {
    found.port.map(|port| Port { ip: None, first: port, last: port, protocol: Protocol::Tcp })
}

fn answer(found: Found, report: Option<&Report>) -> Answer {
    let (here, outcome) = here(&found.entry, report);
    Answer { outcome: outcome.cloned().or_else(|| found.told.clone()), found, here }
}

/// What this report shows of a code, and its finding where it is seen.
pub fn here<'a>(entry: &Entry, report: Option<&'a Report>) -> (Here, Option<&'a Outcome>) {
    let name = entry.name();
    let outcomes: Vec<&Outcome> =
        report.iter().flat_map(|r| &r.results).filter(|outcome| outcome.id == entry.id).collect();
    let seen = outcomes.iter().find(|o| o.code == name);
    let decided = |o: &&Outcome| matches!(o.status, Status::Pass | Status::Warn | Status::Fail);
    let here = match seen {
        Some(_) => Here::Seen,
        None if !outcomes.is_empty() && outcomes.iter().all(decided) => Here::RuledOut,
        None => Here::Undetermined,
    };
    (here, seen.copied())
}
