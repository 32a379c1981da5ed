//! Which engine is it, and what does its kind keep from containers?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-kind",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let fact = &docker.info;
    let Some(info) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    if let Some(by) = facts.unseen_wish(need) {
        let why = format!(
            "the engine runs on another machine or in a virtual one, and nothing of it that {by} needs is seen from here"
        );
        return Ok(Finding::unknown(Gap::Unsupported(why), fact.source.clone()).asked_by(by).into());
    }
    let podman = docker.version.value().is_some_and(|version| version.is_podman());
    let finding = match () {
        // What it keeps from containers the checks of GPUs, cameras and the display tell.
        () if info.is_desktop() => Finding::pass("desktop"),
        () if podman => Finding::pass("podman"),
        () if info.is_snap() => Finding::warn("snap", "replace-snap"),
        () if info.is_rootless() => Finding::pass("rootless"),
        () if info.has_security_option("userns") => Finding::pass("remapped"),
        () => Finding::pass("engine"),
    };
    Ok(finding
        .with("system", &info.operating_system)
        .with("root", &info.docker_root_dir)
        .evidence(fact.source.0.as_str(), format!("{}, {}", info.operating_system, info.docker_root_dir))
        .into())
}
