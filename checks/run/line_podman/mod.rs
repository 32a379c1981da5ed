//! Has podman what it needs on this host before it looks at an image?

use crate::model::facts::run::{PodmanHost, PodmanImage, PodmanStore};
use crate::model::prelude::*;
use crate::model::run::RunOption;

pub static CHECK: Check = Check {
    id: "run-line-podman",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| match &need.run {
        Some(line) => line.by.as_ref(),
        None => need.docker.as_ref().filter(|by| **by == Origin::Default),
    },
    tells: Tells::Machine,
    judge,
};

/// What the options ask for is in podman's database, or in files that are not looked at.
const UNSEEN: [&str; 5] = ["pod", "pod-id-file", "secret", "requires", "rootfs"];
/// Words of `--network` that are no network's name.
const WAYS: [&str; 10] =
    ["", "default", "bridge", "host", "none", "private", "container", "ns", "pasta", "slirp4netns"];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let any = RunLine::default();
    let line = match &need.run {
        Some(line) if line.podman => line,
        None if facts.has_podman_alone(need) => &any,
        Some(_) => return Err(Stop::NotNeeded("docker")),
        None => return Err(Stop::NotNeeded("not-alone")),
    };
    let fact = &facts.run.podman;
    let mut findings = Findings::new();
    if let Some(podman) = fact.known()? {
        findings.extend(of_host(facts, line, podman));
        findings.extend(of_user(facts, podman));
        findings.extend(podman.network_disk.as_ref().map(|disk| {
            let fix = if podman.rootless { "local-store" } else { "local-store-of-root" };
            Finding::warn("network-disk", fix).with("path", &disk.path).with("kind", &disk.kind)
        }));
        if !podman.policy {
            findings.push(Finding::warn("no-policy", "bring-policy"));
        }
        if line.by.is_some() {
            findings.extend(of_store(facts, line, &podman.store));
        }
        findings.extend(groups(line, podman));
        findings.extend(open(line, podman, fact));
        if findings.is_empty() {
            findings.push(Finding::pass(if line.by.is_some() { "fit" } else { "ready" }));
        }
    }
    let user = facts.host.user.value().map_or("", |user| user.name.as_str());
    Ok(findings
        .into_iter()
        .map(|finding| finding.with("user", user).evidence(fact.source.0.as_str(), "looked at"))
        .collect())
}

fn of_host(facts: &Facts, line: &RunLine, podman: &PodmanHost) -> Findings {
    let mut findings = Findings::new();
    findings.extend(podman.refused.as_ref().map(|file| {
        Finding::fail("refused-file", "mend-file").about(&file.path).with("path", &file.path).with("why", &file.why)
    }));
    let missing = podman.missing.iter();
    findings.extend(missing.map(|name| Finding::fail("no-program", "install-program").about(name)));
    let own = line.last("network").is_none_or(|option| !["host", "none"].contains(&option.value.as_str()));
    // Its notes of 6.0.0: support for CNI and for slirp4netns is removed.
    let takes_old = facts.podman_version().is_none_or(|version| version.major() < 6);
    if own && !(podman.network && (takes_old || !podman.old_network)) {
        let fix = if podman.rootless { "install-pasta" } else { "install-network" };
        findings.push(Finding::fail("no-network-program", fix));
    }
    findings
}

/// The names of the line, among those that podman has.
fn of_store(facts: &Facts, line: &RunLine, fact: &Fact<PodmanStore>) -> Findings {
    let store = match fact.known() {
        Ok(Some(store)) => store,
        Ok(None) => return Findings::new(),
        Err(Stop::Unknown(gap, source)) => {
            return Finding::unknown(gap, source).about("podman's containers and images").into();
        }
        Err(_) => return Findings::new(),
    };
    let source = fact.source.0.as_str();
    let mut findings: Findings = image(facts, line, &store.image).into_iter().collect();
    findings.extend(name(line, store));
    for option in &line.options {
        let Some(name) = option.leans_on() else { continue };
        let made = line.earlier.containers.iter().any(|made| made == name);
        if !is_id(name) && !made && !store.containers.iter().any(|known| known == name) {
            let finding = Finding::fail("no-container", "list-containers").about(name).with("option", &option.at.text);
            findings.push(finding.asked_by(&option.at.origin()));
        }
    }
    for (name, option) in networks(line) {
        let made = line.earlier.networks.iter().any(|made| made == name);
        if !is_id(name) && !made && !store.networks.iter().any(|known| known == name) {
            let finding = Finding::fail("no-network", "make-network").about(name);
            findings.push(finding.asked_by(&option.at.origin()));
        }
    }
    findings.into_iter().map(|finding| finding.evidence(source, "looked at")).collect()
}

fn is_id(name: &str) -> bool {
    name.len() >= 4 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

fn networks(line: &RunLine) -> Vec<(&str, &RunOption)> {
    let named = line.all("network").filter(|option| !option.at.opaque && option.refused.is_none());
    let named = named.filter(|option| !WAYS.contains(&option.value.split(':').next().unwrap_or_default()));
    let names = |option: &'_ RunOption| match option.value.split_once(':') {
        Some((name, _)) => vec![name.len()],
        None => option.value.split(',').map(str::len).collect(),
    };
    let mut all = Vec::new();
    for option in named {
        let mut at = 0;
        for length in names(option) {
            all.push((&option.value[at..at + length], option));
            at += length + 1;
        }
    }
    all
}

fn name(line: &RunLine, store: &PodmanStore) -> Option<Finding> {
    let option = line.last("name").filter(|option| option.refused.is_none() && !option.at.opaque)?;
    let name = option.value.as_str();
    let replaces = line.switch("replace").is_some();
    let freed = line.earlier.all_removed || line.earlier.removed.iter().any(|removed| removed == name);
    let taken = store.containers.iter().any(|known| known == name) && !freed && !replaces;
    let free = (2..).map(|n| format!("{name}-{n}")).find(|free| !store.containers.contains(free)).unwrap_or_default();
    taken.then(|| {
        let finding = Finding::fail("name-taken", "other-name").about(name).with("name", name).with("free", &free);
        finding.edit(option.at.with_value(free)).asked_by(&option.at.origin())
    })
}

fn image(facts: &Facts, line: &RunLine, found: &PodmanImage) -> Option<Finding> {
    let image = line.image.as_ref()?;
    let name = image.reference.as_str();
    let is_made = line.earlier.loads_images || line.earlier.images.iter().any(|made| made == name);
    if is_made || matches!(found, PodmanImage::Here | PodmanImage::NotNamed) {
        return None;
    }
    let full = if name.contains('/') { format!("docker.io/{name}") } else { format!("docker.io/library/{name}") };
    let short = |code| Finding::fail(code, "full-name").with("full", &full).edit(image.at.with_value(full.as_str()));
    let finding = match found {
        _ if line.last("pull").is_some_and(|option| option.value == "never") => Finding::fail("never-pulled", "pull"),
        PodmanImage::NoRegistry => short("no-registry"),
        PodmanImage::Choice(registries) if facts.run.terminal.value() == Some(&false) => {
            short("no-choice").with("registries", registries.join(", "))
        }
        _ => return None,
    };
    Some(finding.about(name).with("image", name).asked_by(&image.at.origin()))
}

/// crun alone keeps a user's groups. Where a camera is on the line, that check tells what it means for it.
fn groups(line: &RunLine, podman: &PodmanHost) -> Option<Finding> {
    let option = line.all("group-add").find(|option| option.value == "keep-groups")?;
    let runtime = podman.runtime.as_deref().filter(|name| podman.rootless && *name != "crun")?;
    let camera = |path: &str| path.starts_with("/dev/video") || path.starts_with("/dev/v4l/");
    if line.devices.iter().any(|device| camera(&device.host)) {
        return None;
    }
    let finding = Finding::warn("groups-not-kept", "run-line-camera/take-crun").with("runtime", runtime);
    Some(finding.with("option", &option.at.text).asked_by(&option.at.origin()))
}

/// What may keep podman from it and is not seen; nothing of it matters where something else does already.
fn open(line: &RunLine, podman: &PodmanHost, fact: &Fact<PodmanHost>) -> Findings {
    let unknown =
        |why: &str, about: &str| Finding::unknown(Gap::Unsupported(why.into()), fact.source.clone()).about(about);
    let asked = line.options.iter().filter(|option| UNSEEN.contains(&option.name.as_str()));
    let asked = asked.filter(|option| !(option.name == "pod" && option.value.starts_with("new:")));
    let mut findings: Findings = asked
        .map(|option| {
            let why = format!("podman's database is not looked into, where --{} would be", option.name);
            unknown(&why, &option.at.text).asked_by(&option.at.origin())
        })
        .collect();
    let sets = |limit: &str| line.all("ulimit").any(|option| option.value.starts_with(limit));
    if podman.limited && !sets("nofile=") {
        findings.push(unknown(
            "podman raises the limit of open files, which this root may not (no CAP_SYS_RESOURCE)",
            "limits",
        ));
    }
    findings
}

/// What a user without root needs besides.
fn of_user(facts: &Facts, podman: &PodmanHost) -> Option<Finding> {
    if !podman.rootless {
        return None;
    }
    if let Some(path) = &podman.foreign_runtime {
        return Some(Finding::fail("foreign-runtime", "own-runtime").with("path", path));
    }
    let user = facts.engine.user_namespaces.value()?;
    if let Some(path) = &user.off_by {
        return Some(Finding::fail("no-namespaces", "allow-namespaces").with("path", path));
    }
    if let Some(path) = &user.powerless {
        return Some(Finding::fail("powerless", "docker-rootless/reinstall-uidmap").with("path", path));
    }
    if user.no_range_in.is_none() && !user.newuidmap {
        return Some(Finding::fail("no-newuidmap", "docker-rootless/install-uidmap"));
    }
    let path = user.no_range_in.as_ref()?;
    // Images with one user alone can do with one id.
    Some(Finding::warn("no-range", "give-range").with("path", path).with("range", facts.engine.id_range()))
}
