//! Turns the host into facts: every group in its own thread with one deadline, so that a slow or broken one costs nobody else
//! anything. A probe returns facts and never an error.

mod acl;
mod camera;
mod crew;
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
mod process;
mod reclaim;
mod registry;
mod run;
mod toolkit;
mod units;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;
use crew::Crew;

/// How long each group's probe took, by the family of the checks that it serves.
pub type Times = BTreeMap<&'static str, Duration>;

/// Who is told while probes are at work. A group is named as its checks' family, except `host` and `docker`, which all read,
/// `toolkit` and `engine`.
pub trait Watch {
    fn sent(&self, group: &'static str);
    /// Of the facts, the groups in `open` are still to come.
    fn came(&self, group: &'static str, facts: &Facts, open: &[&'static str]);
}

/// All facts that the need and the selection ask for. No group takes longer than the host's deadline: one that does is given
/// up, and all its facts are "no answer within the deadline".
pub fn probe_all(host: &Host, need: &Need, selected: &dyn Fn(&Check) -> bool, watch: &dyn Watch) -> (Facts, Times) {
    let asked = |check: &Check| selected(check) && (check.wanted)(need).is_some();
    let wanted = |families: &[&str]| ALL.iter().any(|c| families.contains(&c.family.name) && asked(c));
    let wanted_check = |id: &str| ALL.iter().any(|c| c.id == id && asked(c));
    // A run line's own checks look at what the families behind its options have seen.
    let line = wanted(&["run", "dockerfile"]);
    let gpu = wanted(&["nvidia", "capability"]) || (line && need.gpu.is_some());
    let display = wanted(&["display"]) || (line && need.display.is_some());
    // These look with the daemon's answers in hand: who holds a port, which registries it trusts, where images lie.
    let second = [
        ("toolkit", gpu),
        ("engine", wanted(&["docker", "host", "port"])),
        ("port", wanted(&["port"])),
        ("registry", wanted(&["registry"])),
        ("disk", wanted(&["disk"])),
    ];
    let second: Vec<&str> = second.into_iter().filter(|(_, wanted)| *wanted).map(|(group, _)| group).collect();
    let third = wanted_check("disk-reclaim").then_some("reclaim");
    let frame = wanted_check("camera-frame").then_some("frame");
    let mut crew = Crew::new(watch, second.iter().copied().chain(third).chain(frame).collect());
    // The daemon's answers tell every family which engine it is; they are read whatever is selected.
    crew.send("host", host, need, |f| &mut f.host, |host, _| host::probe(host));
    crew.send("docker", host, need, |f| &mut f.docker, |host, _| docker::probe(host));
    if gpu {
        crew.send("nvidia", host, need, |f| &mut f.nvidia, nvidia::probe);
        crew.send("capability", host, need, |f| &mut f.library, library::probe);
    }
    if display {
        crew.send("display", host, need, |f| &mut f.display, display::probe);
    }
    if wanted(&["camera"]) {
        crew.send("camera", host, need, |f| &mut f.camera, camera::probe);
    }
    if need.run.is_some() || need.dockerfile.is_some() {
        crew.send("run", host, need, |f| &mut f.run, run::probe);
    }
    if !need.images.is_empty() {
        crew.send("image", host, need, |f| &mut f.image, image::probe);
    }
    crew.wait_for(&["host", "docker"]);
    let host = &host.renewed();
    let docker = Arc::new(crew.facts().docker.clone());
    for group in second {
        let docker = Arc::clone(&docker);
        match group {
            "toolkit" => crew.send(group, host, need, |f| &mut f.toolkit, move |h, _| toolkit::probe(h, &docker)),
            "engine" => crew.send(group, host, need, |f| &mut f.engine, move |h, _| engine::probe(h, &docker)),
            "port" => crew.send(group, host, need, |f| &mut f.port, move |h, need| port::probe(h, need, &docker)),
            "registry" => {
                crew.send(group, host, need, |f| &mut f.registry, move |h, need| registry::probe(h, need, &docker))
            }
            _ => crew.send(group, host, need, |f| &mut f.disk, move |h, need| disk::probe(h, need, &docker)),
        }
    }
    crew.wait_for_all();
    if let Some(group) = frame.filter(|_| !docker.is_elsewhere()) {
        // After the others, so that who uses a camera by then has been seen.
        let cameras = camera::frame::cameras(&crew.facts().camera, need);
        let host = &host.for_many(cameras.len() as u32);
        crew.send(group, host, need, |f| &mut f.frame, move |host, need| camera::frame::probe(host, need, &cameras));
    }
    if let Some((group, time)) = third.zip(reclaim::time(&crew.facts().disk, need)) {
        // Slow and last: it decides nothing for the others.
        let host = &time.map_or_else(|| host.renewed(), |time| host.patient(time));
        crew.send(group, host, need, |f| &mut f.reclaim, move |host, _| reclaim::probe(host, &docker));
    }
    crew.end()
}

/// What fences of fixes may be tagged with on this host, as far as files tell.
pub fn tags(host: &Host) -> Vec<String> {
    Facts { host: host::probe(host), ..Facts::default() }.tags()
}
