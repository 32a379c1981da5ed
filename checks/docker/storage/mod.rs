//! Does the engine keep its images with a storage driver that is fit for use?

use crate::model::facts::docker::EngineVersion;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-storage",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.docker.info;
    let Some(info) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let status = |key: &str| info.driver_status.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    let podman = facts.docker.version.value().is_some_and(EngineVersion::is_podman);
    let finding = match info.driver.as_str() {
        "" => {
            return Err(Stop::Unknown(
                Gap::Unsupported("this engine names no storage driver".into()),
                fact.source.clone(),
            ));
        }
        "vfs" => Finding::warn("whole-copies", "use-overlay2"),
        // Podman's `overlay` is what Docker calls overlay2.
        "overlay" if podman => Finding::pass("fit"),
        "aufs" | "devicemapper" | "overlay" => Finding::warn("removed-driver", "use-overlay2"),
        "overlay2" if status("Supports d_type") == Some("false") => Finding::fail("no-d-type", "format-with-ftype"),
        _ => Finding::pass("fit"),
    };
    let backing = status("Backing Filesystem").unwrap_or("the file system there");
    Ok(finding
        .with("driver", &info.driver)
        .with("backing", backing)
        .with("root", &info.docker_root_dir)
        .evidence(
            fact.source.0.as_str(),
            format!("Driver {} on {backing}, DockerRootDir {}", info.driver, info.docker_root_dir),
        )
        .into())
}
