//! Is the NVIDIA Container Toolkit installed where dockerd finds it, before dockerd looked, and in one sound version?

use crate::model::facts::docker::Package;
use crate::model::facts::toolkit::{Repository, ToolkitFacts};
use crate::model::finding::Verdict;
use crate::model::prelude::*;
use crate::model::version::Version;
use crate::readings::passage::Refusal;
use crate::readings::way::{Closed, Ways};

pub static CHECK: Check = Check {
    id: "nvidia-toolkit",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

/// Published weaknesses, newest first: the first version without them, the month of the bulletin, its number at
/// nvidia.custhelp.com/app/answers/detail/a_id/NUMBER, and the weaknesses. As of 2026-09.
const ADVISORIES: [(&[u32], &str, u32, &str); 6] = [
    (&[1, 19, 1], "2026-06", 5850, "CVE-2026-24260"),
    (&[1, 17, 8], "2025-07", 5659, "CVE-2025-23266, CVE-2025-23267"),
    (&[1, 17, 4], "2025-02", 5616, "CVE-2025-23359"),
    (&[1, 17, 3], "2025-01", 5599, "CVE-2024-0135, CVE-2024-0136, CVE-2024-0137"),
    (&[1, 17, 0], "2024-11", 5585, "CVE-2024-0134"),
    (&[1, 16, 2], "2024-09", 5582, "CVE-2024-0132, CVE-2024-0133"),
];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    let snap = facts.docker.client.value().is_some_and(|client| client.package == Package::Snap);
    if snap || facts.docker.info.value().is_some_and(|info| info.is_snap()) {
        return beside_snap(facts).map(Findings::from).ok_or(Stop::NotNeeded("snap-own"));
    }
    let toolkit = &facts.toolkit;
    let is_default = facts.docker.info.value().is_some_and(|info| info.default_runtime == "nvidia");
    if is_default && toolkit.registered_program.is_absent() {
        // No container starts at all: that check tells, and its fix brings the toolkit back.
        return Err(Stop::blocked_by("nvidia-runtime"));
    }
    let ways = facts.ways_for(need);
    if let Some(missing) = missing(facts, need, ways.as_ref().ok())? {
        if facts.has_kubernetes_alone(need) {
            return Err(Stop::NotNeeded("kubernetes"));
        }
        return Ok([missing].into_iter().chain(apt(toolkit)).collect());
    }
    let ways = ways?;
    let closed = ways.gpus.err();
    let place = [&toolkit.hook, &toolkit.cdi_hook, &toolkit.runtime, &toolkit.ctk].into_iter().find_map(Fact::value);
    let path = place.map_or("", |program| program.path.as_str());
    let later = |finding: Finding| finding.with("path", path).saw(&toolkit.hook);
    let refused = facts.passage_for(need).and_then(|passage| passage.refused);
    let waited = need.run.is_some() && refused == Some(Refusal::CameLater);
    let other = match closed {
        Some(Closed::NoProgram | Closed::CameLater) => facts.way_that_serves(need),
        Some(Closed::NotKnown) if place.is_none() => ways.usual().map(|(_, way)| way),
        _ => None,
    };
    let mut findings: Findings = match (closed.filter(|_| other.is_none()), ways.any_open() && !waited) {
        (Some(Closed::CameLater), false) => later(Finding::fail("installed-after-dockerd", "restart-docker")).into(),
        (Some(Closed::CameLater), true) => later(Finding::warn("installed-after-dockerd", "restart-docker")).into(),
        (Some(Closed::NoProgram), true) => later(Finding::warn("no-hook", bring_back(toolkit))).into(),
        (Some(Closed::NoProgram), false) => later(Finding::fail("no-hook", bring_back(toolkit))).into(),
        _ => match other {
            Some(way) => Finding::pass("other-way").with("way", way).saw(&toolkit.hook).into(),
            None => Finding::pass("installed")
                .with("path", path)
                .with("version", toolkit.version.value().map_or("not known", String::as_str))
                .saw(&toolkit.version)
                .into(),
        },
    };
    let gone = gone(facts, need, refused.as_ref());
    // What only warns hides no failure.
    if let Some(gone) = gone.filter(|gone| fails(gone) || !findings.iter().any(fails)) {
        findings = gone.into();
    }
    findings.extend(mixed(toolkit, refused == Some(Refusal::OldCli)));
    findings.extend(outdated(facts, need).or_else(|| weak(toolkit)));
    findings.extend(apt(toolkit));
    Ok(findings)
}

fn fails(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail(_))
}

/// A program that this very line, or the usual one, comes to and that is not there.
fn gone(facts: &Facts, need: &Need, refused: Option<&Refusal>) -> Option<Finding> {
    let toolkit = &facts.toolkit;
    let finding = match refused {
        Some(Refusal::HookGone) => Finding::fail("hook-gone", bring_back(toolkit)).saw(&toolkit.hook),
        Some(Refusal::NoCli) => Finding::fail("no-cli", "install-tools").saw(&toolkit.cli),
        Some(Refusal::NoCtk(_)) => {
            let named = toolkit.settings().and_then(|settings| settings.nvidia_ctk.path);
            let fix = if named.is_some_and(|path| path.starts_with('/')) { "own-ctk" } else { "install" };
            Finding::fail("no-ctk", fix).saw(&toolkit.ctk)
        }
        Some(Refusal::NoPivot) => {
            let version = toolkit.version.words();
            Finding::fail("no-pivot", "upgrade").with("version", version).saw(&toolkit.root_in_ram)
        }
        _ if toolkit.cli.is_absent() && toolkit.hook.value().is_some() => {
            return Some(Finding::warn("no-cli", "install-tools").saw(&toolkit.cli));
        }
        _ => return None,
    };
    let by = need.run.as_ref().and_then(|line| line.by.as_ref());
    Some(by.iter().fold(finding, |finding, by| finding.asked_by(by)))
}

/// An installation of what is installed brings nothing back. Of packages the one that has the hook decides; where no dpkg tells
/// them, a part of the toolkit that is there.
fn bring_back(toolkit: &ToolkitFacts) -> &'static str {
    let packages = toolkit.packages.value().map(Vec::as_slice).unwrap_or_default();
    let has = |name: &str| packages.iter().any(|package| package.name == name);
    let is_there = match has("nvidia-container-toolkit-base") {
        true => has("nvidia-container-toolkit"),
        false => [&toolkit.runtime, &toolkit.ctk].iter().any(|program| program.value().is_some()),
    };
    if is_there { "install-anew" } else { "install" }
}

/// Versions that are known to fail on a host like this.
fn outdated(facts: &Facts, need: &Need) -> Option<Finding> {
    let version = Version::leading(facts.toolkit.version.value()?)?;
    let cgroup2 = facts.docker.info.value().is_some_and(|info| info.cgroup_version == "2");
    let (_, way) = facts.way_for(need)?;
    let finding = if cgroup2 && way.obeys_capabilities() && version < Version::new(&[1, 8, 1]) {
        Finding::fail("too-old", "upgrade")
    } else if !way.obeys_capabilities() && version == Version::new(&[1, 17, 0]) {
        Finding::warn("symlinks", "upgrade")
    } else {
        return None;
    };
    Some(finding.with("version", &version).saw(&facts.toolkit.version))
}

/// Two files of apt's that name one repository with two keys, or a web page saved as such a file.
fn apt(toolkit: &ToolkitFacts) -> Option<Finding> {
    let entries = toolkit.repositories.value()?;
    if let Some(page) = entries.iter().find(|entry| entry.is_page) {
        return Some(
            Finding::warn("apt-page", "one-source").with("file", &page.file).evidence(page.file.as_str(), "HTML"),
        );
    }
    if let Some(entry) = entries.iter().find(|entry| is_for_a_later_release(&entry.url)) {
        return Some(
            Finding::warn("apt-gone", "one-source").with("file", &entry.file).evidence(entry.file.as_str(), &entry.url),
        );
    }
    let differ = |a: &Repository, b: &Repository| a.url == b.url && a.signed_by != b.signed_by;
    let usual = |entry: &&Repository| entry.file.ends_with("/nvidia-container-toolkit.list");
    let mut odd = entries.iter().filter(|entry| !usual(entry));
    let (odd, other) = odd.find_map(|odd| Some((odd, entries.iter().find(|other| differ(odd, other))?)))?;
    let finding = Finding::warn("apt-clash", "one-source").with("file", &odd.file).with("other", &other.file);
    let key = |entry: &Repository| entry.signed_by.clone().unwrap_or_else(|| "no signed-by".to_string());
    Some(finding.evidence(odd.file.as_str(), key(odd)).evidence(other.file.as_str(), key(other)))
}

/// NVIDIA had a folder for each distribution's release until these; from then on `stable/deb` serves them all.
const FIRST_WITHOUT_FOLDER: [(&str, [u32; 2]); 2] = [("/ubuntu", [23, 4]), ("/debian", [12, 0])];

fn is_for_a_later_release(url: &str) -> bool {
    FIRST_WITHOUT_FOLDER.iter().any(|(folder, first)| {
        let release = url.split_once(folder).and_then(|(_, rest)| Version::leading(rest));
        release.is_some_and(|release| release >= Version::new(first))
    })
}

/// From this version on the snap fails with the host's own toolkit beside it (README.md of canonical/docker-snap, its issue 357).
const SNAP_WITHOUT_HOSTS: [u32; 2] = [29, 2];

fn beside_snap(facts: &Facts) -> Option<Finding> {
    let packages = facts.toolkit.packages.value()?;
    let package = packages.first()?;
    let version = facts.docker.version.value()?;
    Version::leading(&version.version).filter(|version| *version >= Version::new(&SNAP_WITHOUT_HOSTS))?;
    let finding = Finding::fail("beside-snap", "remove-beside-snap").with("engine", &version.version);
    let seen = format!("{} {}", package.name, package.version);
    Some(finding.with("package", &package.name).evidence(facts.toolkit.packages.source.0.as_str(), seen))
}

/// None of the toolkit's programs is where dockerd looks, and no runtime is registered from elsewhere.
fn missing(facts: &Facts, need: &Need, ways: Option<&Ways>) -> Result<Option<Finding>, Stop> {
    let toolkit = &facts.toolkit;
    // A line that names its GPUs by a spec that is there needs none of them; the setting that closes that way is told there.
    let by_name = |line: &RunLine| line.gpus.is_empty() && line.devices.iter().any(|device| device.cdi);
    let has_specs = toolkit.specs.value().is_some_and(|specs| !specs.is_empty());
    let is_off = facts.engine_can_cdi() && ways.is_some_and(|ways| ways.device == Err(Closed::CdiOff));
    if need.run.as_ref().is_some_and(by_name) && is_off && has_specs {
        return Err(Stop::blocked_by("nvidia-cdi"));
    }
    if ways.is_some_and(Ways::any_open) {
        return Ok(None);
    }
    for program in [&toolkit.hook, &toolkit.cdi_hook, &toolkit.runtime, &toolkit.ctk] {
        if program.known()?.is_some() {
            return Ok(None);
        }
    }
    Ok(Some(Finding::fail("not-installed", "install").saw(&toolkit.hook).saw(&toolkit.runtime)))
}

/// Its four packages are released together and must be equal. A hook that is newer than nvidia-container-cli passes it an option
/// that it does not know.
fn mixed(toolkit: &ToolkitFacts, refused: bool) -> Option<Finding> {
    let packages = toolkit.packages.value().map(Vec::as_slice).unwrap_or_default();
    let pair = packages.first().and_then(|first| {
        let other = packages.iter().find(|package| package.version != first.version)?;
        Some((first, other))
    });
    let Some((first, other)) = pair else {
        return refused.then(|| Finding::fail("old-cli", "level-packages").saw(&toolkit.cli).saw(&toolkit.version));
    };
    let bad = if refused { Finding::fail } else { Finding::warn };
    let finding = bad("mixed-versions", "level-packages");
    let finding = finding.with("one", &first.name).with("one_version", &first.version);
    let finding = finding.with("other", &other.name).with("other_version", &other.version);
    Some(finding.evidence(toolkit.packages.source.0.as_str(), format!("{} {}", other.name, other.version)))
}

fn weak(toolkit: &ToolkitFacts) -> Option<Finding> {
    let version = Version::leading(toolkit.version.value()?)?;
    let open: Vec<_> = ADVISORIES.iter().filter(|(fixed, ..)| version < Version::new(fixed)).collect();
    let (fixed, month, bulletin, _) = open.first()?;
    let numbers: Vec<&str> = open.iter().map(|(.., numbers)| *numbers).collect();
    let finding = Finding::warn("advisory", "upgrade").with("version", &version).with("fixed", Version::new(fixed));
    let finding = finding.with("month", month).with("bulletin", bulletin).with("numbers", numbers.join(", "));
    Some(finding.saw(&toolkit.version))
}
