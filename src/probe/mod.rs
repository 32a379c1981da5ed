//! Turns the host into facts: every group in its own thread with one deadline, so that a slow or broken one costs nobody else
//! anything. A probe returns facts and never an error.

mod camera;
mod disk;
mod display;
mod docker;
mod engine;
mod host;
mod image;
mod library;
mod nvidia;
mod packages;
mod port;
mod reclaim;
mod registry;
mod run;
mod toolkit;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::need::Need;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::Host;
use crate::host::child::unknown_group;

/// How long each group's probe took, by the family of the checks that it serves.
pub type Times = BTreeMap<&'static str, Duration>;

/// All facts that the need and the selection ask for. No group takes longer than the host's deadline: one that does is given
/// up, and all its facts are "no answer within the deadline".
///
/// The second wave looks with the daemon's answers in hand: who holds a port, which registries it trusts, where images lie.
pub fn probe_all(host: &Host, need: &Need, selected: &dyn Fn(&Check) -> bool) -> (Facts, Times) {
    let asked = |check: &Check| selected(check) && (check.wanted)(need).is_some();
    let wanted = |families: &[&str]| ALL.iter().any(|c| families.contains(&c.family) && asked(c));
    let wanted_check = |id: &str| ALL.iter().any(|c| c.id == id && asked(c));
    // A run line's own checks look at what the families behind its options have seen.
    let line = wanted(&["run"]);
    let gpu = wanted(&["nvidia", "capability"]) || (line && need.gpu.is_some());
    let display = wanted(&["display"]) || (line && need.display.is_some());
    let mut facts = Facts::default();
    let mut crew = Crew::default();
    crew.send("host", host, need, |host, _| host::probe(host));
    // The daemon's answers tell every family which engine it is; they are read whatever is selected.
    crew.send("docker", host, need, |host, _| docker::probe(host));
    if gpu {
        crew.send("nvidia", host, need, nvidia::probe);
        crew.send("capability", host, need, library::probe);
    }
    if display {
        crew.send("display", host, need, display::probe);
    }
    if wanted(&["camera"]) {
        crew.send("camera", host, need, camera::probe);
    }
    if need.run.is_some() {
        crew.send("run", host, need, run::probe);
    }
    if !need.images.is_empty() {
        crew.send("image", host, need, image::probe);
    }
    facts.host = crew.collect(host, "host");
    facts.docker = crew.collect(host, "docker");
    let docker = Arc::new(facts.docker.clone());
    let first = host;
    let host = &first.renewed();
    if gpu {
        let docker = Arc::clone(&docker);
        crew.send("toolkit", host, need, move |host, _| toolkit::probe(host, &docker));
    }
    if wanted(&["docker", "host", "port"]) {
        let docker = Arc::clone(&docker);
        crew.send("engine", host, need, move |host, _| engine::probe(host, &docker));
    }
    if wanted(&["port"]) {
        let docker = Arc::clone(&docker);
        crew.send("port", host, need, move |host, need| port::probe(host, need, &docker));
    }
    if wanted(&["registry"]) {
        let docker = Arc::clone(&docker);
        crew.send("registry", host, need, move |host, need| registry::probe(host, need, &docker));
    }
    if wanted(&["disk"]) {
        let docker = Arc::clone(&docker);
        crew.send("disk", host, need, move |host, need| disk::probe(host, need, &docker));
    }
    facts.nvidia = crew.collect(first, "nvidia");
    facts.engine = crew.collect(host, "engine");
    facts.toolkit = crew.collect(host, "toolkit");
    facts.library = crew.collect(first, "capability");
    facts.display = crew.collect(first, "display");
    facts.camera = crew.collect(first, "camera");
    facts.port = crew.collect(host, "port");
    facts.registry = crew.collect(host, "registry");
    facts.disk = crew.collect(host, "disk");
    facts.run = crew.collect(host, "run");
    facts.image = crew.collect(first, "image");
    if let Some(time) = reclaim::time(&facts.disk, need).filter(|_| wanted_check("disk-reclaim")) {
        // Slow and last: it decides nothing for the others.
        let host = &time.map_or_else(|| host.renewed(), |time| host.patient(time));
        let docker = Arc::clone(&docker);
        crew.send("reclaim", host, need, move |host, _| reclaim::probe(host, &docker));
        facts.reclaim = crew.collect(host, "reclaim");
    }
    (facts, crew.times)
}

/// What fences of fixes may be tagged with on this host, as far as files tell.
pub fn tags(host: &Host) -> Vec<String> {
    Facts { host: host::probe(host), ..Facts::default() }.tags()
}

/// A group's facts, and how long they took.
type Answer = (Box<dyn Any + Send>, Duration);

/// Probes at work.
#[derive(Default)]
struct Crew {
    waiting: BTreeMap<&'static str, mpsc::Receiver<Answer>>,
    times: Times,
}

impl Crew {
    fn send<T, P>(&mut self, name: &'static str, host: &Host, need: &Need, probe: P)
    where
        T: Send + 'static,
        P: FnOnce(&Host, &Need) -> T + Send + 'static,
    {
        let (send, receive) = mpsc::channel();
        let (host, need) = (host.clone(), need.clone());
        thread::spawn(move || {
            let started = Instant::now();
            let facts: Box<dyn Any + Send> = Box::new(probe(&host, &need));
            let _ = send.send((facts, started.elapsed()));
        });
        self.waiting.insert(name, receive);
    }

    /// The group's facts; when it did not come back, all of them Unknown with the reason.
    fn collect<T: Default + Serialize + DeserializeOwned + 'static>(&mut self, host: &Host, name: &'static str) -> T {
        let Some(receive) = self.waiting.remove(name) else { return T::default() };
        // A little more than the probe's own deadline: it ends by itself unless a file system or a driver holds it.
        let gap = match receive.recv_timeout(host.deadline.left() + GRACE) {
            Ok((facts, took)) => {
                self.times.insert(name, took);
                match facts.downcast::<T>() {
                    Ok(facts) => return *facts,
                    Err(_) => Gap::Bug(format!("probe {name} returned another group's facts")),
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Gap::TimedOut,
            Err(mpsc::RecvTimeoutError::Disconnected) => Gap::Bug(format!("probe {name} panicked")),
        };
        unknown_group(gap, name)
    }
}

const GRACE: Duration = Duration::from_millis(250);
