//! Does the engine keep its images with a storage driver that is fit for use?

use crate::model::facts::docker::EngineVersion;
use crate::model::facts::engine::DataRoot;
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
    let place = if info.has_containerd_store() { &facts.engine.image_store } else { &facts.engine.data_root };
    let mounted = place.value().and_then(DataRoot::no_overlay);
    let unnamed = status("Backing Filesystem").is_none_or(|name| name == "<unknown>");
    let finding = match info.driver.as_str() {
        "" => {
            return Err(Stop::Unknown(
                Gap::Unsupported("this engine names no storage driver".into()),
                fact.source.clone(),
            ));
        }
        "vfs" => match mounted {
            Some(kind) => Finding::warn("copies-by-disk", "local-root").with("kind", kind),
            None => Finding::warn("whole-copies", "use-overlay2"),
        },
        // Podman's `overlay` is what Docker calls overlay2.
        "overlay" if podman => Finding::pass("fit"),
        "aufs" | "devicemapper" | "overlay" => Finding::warn("removed-driver", "use-overlay2"),
        // overlay2's Init refuses it (moby daemon/graphdriver/overlay2/overlay.go); only old engines run there.
        "overlay2" if status("Backing Filesystem") == Some("nfs") || unnamed && mounted.is_some() => {
            Finding::fail("on-a-server", "local-root")
        }
        // The same of containerd's own, which keeps its layers below containerd's root.
        "overlayfs" if info.has_containerd_store() && mounted.is_some() => {
            Finding::fail("store-on-a-server", "local-store")
        }
        "overlay2" if status("Supports d_type") == Some("false") => Finding::fail("no-d-type", "format-with-ftype"),
        _ => Finding::pass("fit"),
    };
    let named = status("Backing Filesystem").filter(|_| !unnamed).or(mounted);
    let backing = named.unwrap_or("the file system there");
    let mut findings: Findings = of_mount(facts);
    findings.insert(
        0,
        finding
            .with("driver", &info.driver)
            .with("backing", backing)
            .with("store", place.value().map_or("", |store| &store.path))
            .with("root", &info.docker_root_dir)
            .evidence(
                fact.source.0.as_str(),
                format!("Driver {} on {backing}, DockerRootDir {}", info.driver, info.docker_root_dir),
            ),
    );
    if findings.len() > 1 {
        findings.retain(|finding| finding.code != "fit");
    }
    Ok(findings)
}

/// What the mount below the data root keeps containers from, or is not there.
fn of_mount(facts: &Facts) -> Findings {
    let fact = &facts.engine.data_root;
    let mut findings = Findings::new();
    for root in [fact, &facts.engine.image_store].into_iter().filter_map(Fact::value) {
        let Some(place) = &root.not_mounted else { continue };
        let finding =
            Finding::warn("not-mounted", "mount-it").about(place).with("place", place).with("root", &root.path);
        findings.push(finding.evidence("/etc/fstab", place.as_str()));
    }
    findings.dedup_by(|one, other| one.subject == other.subject);
    let Some(root) = fact.value() else { return findings };
    findings.extend(root.gone.iter().map(|path| {
        let layers = path.ends_with("/overlay2/l");
        let bad = if layers { Finding::fail } else { Finding::warn };
        let code = if layers { "links-gone" } else { "tmp-gone" };
        let fix = if layers { "links-again" } else { "docker-engine/restart" };
        bad(code, fix).about(path).evidence(path.as_str(), "not there")
    }));
    if root.noexec {
        let finding = Finding::warn("noexec", "remount-exec").with("mount", &root.mount);
        findings.push(finding.evidence(fact.source.0.as_str(), format!("{} noexec", root.mount)));
    }
    let root_of = |finding: Finding| match finding.values.contains_key("root") {
        true => finding,
        false => finding.with("root", &root.path),
    };
    findings.into_iter().map(root_of).collect()
}
