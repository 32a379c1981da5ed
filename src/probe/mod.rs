//! Turns the host into facts: every group in its own thread with one deadline, so that a slow or broken one costs nobody else
//! anything. A probe returns facts and never an error.

mod acl;
mod camera;
mod context;
mod crew;
mod disk;
pub mod display;
pub mod docker;
mod dockerd;
mod driver_root;
mod engine;
mod host;
mod image;
mod inside;
pub mod library;
mod nvidia;
mod own;
mod packages;
mod packets;
mod podman;
mod port;
mod process;
mod reclaim;
mod registry;
mod run;
pub mod toolkit;

pub use docker::Asker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::facts::{Facts, Group};
use gdoctor_checks::model::need::{Gpus, Need, Origin, Wish};
use gdoctor_checks::model::own::Asked;

use crate::host::Host;
use crew::Crew;

/// How long each group's probe took.
pub type Times = BTreeMap<Group, Duration>;

/// Who is told while probes are at work.
pub trait Watch {
    fn sent(&self, group: Group);
    /// Of the facts, the groups in `open` are still to come.
    fn came(&self, group: Group, facts: &Facts, open: &[Group]);
}

/// The groups that the checks that are to speak read, as far as the need gives them something to look at.
fn wanted(need: &Need, selected: &dyn Fn(&Check) -> bool) -> Vec<Group> {
    let asked = |check: &Check| selected(check) && (check.wanted)(need).is_some();
    let reads = |group: Group| match group {
        // The daemon's answers tell every family which engine it is.
        Group::Host | Group::Docker => true,
        _ => ALL.iter().any(|check| check.reads(group) && asked(check)),
    };
    // A site's own check wants a look at what nothing else asks for.
    let for_own = crate::own::reads(&own_checks(need, selected));
    let concerns = |group: Group| reads(group) && group.concerns(need);
    Group::ALL.iter().copied().filter(|group| concerns(*group) || for_own.contains(group)).collect()
}

/// Those of the site's own checks that are to speak.
fn own_checks(need: &Need, selected: &dyn Fn(&Check) -> bool) -> Vec<Asked> {
    need.own.iter().filter(|asked| selected(crate::own::check(&asked.own))).cloned().collect()
}

/// The need with the GPU that variables may ask for, where NVIDIA's runtime serves the line's container.
fn unasked(facts: &Facts, need: &Need) -> Option<Need> {
    need.run.as_ref().filter(|line| need.gpu.is_none() && facts.is_served_by_nvidias(line))?;
    Some(Need { gpu: Some(Wish::new(Gpus::All, Origin::Default)), ..need.clone() })
}

/// All facts that the need and the selection ask for. No group takes longer than the host's deadline: one that does is given
/// up, and all its facts are "no answer within the deadline".
pub fn probe_all(host: &Host, need: &Need, selected: &dyn Fn(&Check) -> bool, watch: &dyn Watch) -> (Facts, Times) {
    let sudo = need.run.as_ref().is_some_and(|line| line.as_root && !line.keeps_environment);
    let of_root = sudo.then(|| host.under_sudo());
    let host = of_root.as_ref().unwrap_or(host);
    let mut wanted = wanted(need, selected);
    let mut crew = Crew::new(watch, wanted.clone());
    for group in &wanted {
        match group {
            Group::Host => crew.send(*group, host, need, |f| &mut f.host, |host, _| host::probe(host)),
            Group::Docker => crew.send(*group, host, need, |f| &mut f.docker, |host, _| docker::probe(host)),
            Group::Nvidia => crew.send(*group, host, need, |f| &mut f.nvidia, nvidia::probe),
            Group::Library => crew.send(*group, host, need, |f| &mut f.library, library::probe),
            Group::Display => crew.send(*group, host, need, |f| &mut f.display, display::probe),
            Group::Camera => crew.send(*group, host, need, |f| &mut f.camera, camera::probe),
            Group::Run => crew.send(*group, host, need, |f| &mut f.run, run::probe),
            Group::Image => crew.send(*group, host, need, |f| &mut f.image, image::probe),
            Group::Toolkit
            | Group::Engine
            | Group::Port
            | Group::Registry
            | Group::Disk
            | Group::Frame
            | Group::Reclaim
            // Made by `gdoctor prove` alone, after the host looks.
            | Group::Proof
            | Group::Own => {}
        }
    }
    crew.wait_for(&[Group::Host, Group::Docker]);
    let host = &host.renewed();
    let docker = Arc::new(crew.facts().docker.clone());
    let unasked = unasked(crew.facts(), need);
    for group in unasked.iter().flat_map(|need| self::wanted(need, selected)).filter(|group| !group.concerns(need)) {
        match group {
            Group::Nvidia => crew.send(group, host, need, |f| &mut f.nvidia, nvidia::probe),
            Group::Library => crew.send(group, host, need, |f| &mut f.library, library::probe),
            other => wanted.push(other),
        }
    }
    // These look with the daemon's answers in hand: who holds a port, which registries it trusts, where images lie.
    for group in &wanted {
        let docker = Arc::clone(&docker);
        match group {
            Group::Toolkit => crew.send(*group, host, need, |f| &mut f.toolkit, move |h, _| toolkit::probe(h, &docker)),
            Group::Engine => crew.send(*group, host, need, |f| &mut f.engine, move |h, _| engine::probe(h, &docker)),
            Group::Port => crew.send(*group, host, need, |f| &mut f.port, move |h, need| port::probe(h, need, &docker)),
            Group::Registry => {
                crew.send(*group, host, need, |f| &mut f.registry, move |h, need| registry::probe(h, need, &docker));
            }
            Group::Disk => crew.send(*group, host, need, |f| &mut f.disk, move |h, need| disk::probe(h, need, &docker)),
            _ => {}
        }
    }
    crew.wait_for_all();
    if wanted.contains(&Group::Frame) && !docker.is_elsewhere() {
        // After the others, so that who uses a camera by then has been seen.
        let cameras = camera::frame::cameras(&crew.facts().camera, need);
        let host = &host.for_many(cameras.len() as u32);
        let look = move |host: &Host, need: &Need| camera::frame::probe(host, need, &cameras);
        crew.send(Group::Frame, host, need, |f| &mut f.frame, look);
    }
    if wanted.contains(&Group::Reclaim)
        && let Some(time) = reclaim::time(&crew.facts().disk, need)
    {
        // Slow and last: it decides nothing for the others.
        let host = &time.map_or_else(|| host.renewed(), |time| host.patient(time));
        crew.send(Group::Reclaim, host, need, |f| &mut f.reclaim, move |host, _| reclaim::probe(host, &docker));
    }
    let own = own_checks(need, selected);
    if own.is_empty() {
        return crew.end();
    }
    // They may want what the others saw.
    crew.wait_for_all();
    let (host, asked, seen) = (&host.patient(crate::own::time(&own)), own.clone(), crew.facts().clone());
    crew.send(Group::Own, host, need, |f| &mut f.own, move |host, _| own::probe(host, &asked, &seen));
    let (mut facts, times) = crew.end();
    crate::own::complete(&mut facts.own, &own);
    (facts, times)
}

/// What fences of fixes may be tagged with on this host, as far as files tell.
pub fn tags(host: &Host) -> Vec<String> {
    Facts { host: host::probe(host), ..Facts::default() }.tags()
}

/// What a container of gdoctor's own is asked: only what the need names, and nothing of engines.
pub fn within(host: &Host, need: &Need) -> Facts {
    struct Nobody;
    impl Watch for Nobody {
        fn sent(&self, _: Group) {}
        fn came(&self, _: Group, _: &Facts, _: &[Group]) {}
    }
    let mut crew = Crew::new(&Nobody, Vec::new());
    if Group::Nvidia.concerns(need) {
        crew.send(Group::Nvidia, host, need, |f| &mut f.nvidia, nvidia::probe);
        crew.send(Group::Library, host, need, |f| &mut f.library, library::probe);
    }
    if Group::Display.concerns(need) {
        crew.send(Group::Display, host, need, |f| &mut f.display, display::probe);
    }
    if Group::Camera.concerns(need) {
        crew.send(Group::Camera, host, need, |f| &mut f.camera, camera::probe);
    }
    let mut facts = crew.end().0;
    if need.frame.is_some() {
        let cameras = camera::frame::cameras(&facts.camera, need);
        facts.frame = camera::frame::probe(&host.renewed(), need, &cameras);
    }
    facts
}
