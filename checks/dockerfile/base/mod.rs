//! Can each base of the Dockerfile be had for this machine, or is its tag known to be gone?

use crate::model::dockerfile::Base;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "dockerfile-base",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

/// Tags of nvidia/cuda that are gone from Docker Hub and NGC, by their version, with the day on which that was seen and where
/// it is told. All tags of CUDA 10 and older are.
const GONE: [(&[u32], &str, &str); 15] = [
    (&[11, 0, 0], "2022-08-18", "NVIDIA/libnvidia-container#181"),
    (&[11, 1, 0], "2022-08-04", "tinkoff-ai/etna#838"),
    (&[11, 2, 0], "2023-07-11", NOTICE),
    (&[11, 2, 1], "2023-07-11", NOTICE),
    (&[11, 3, 0], "2023-07-03", "NVlabs/BundleSDF#30"),
    (&[11, 4, 0], "2023-07-11", NOTICE),
    (&[11, 4, 1], "2023-07-11", NOTICE),
    (&[11, 4, 2], "2023-07-11", NOTICE),
    (&[11, 5, 0], "2023-07-11", NOTICE),
    (&[11, 5, 1], "2023-07-11", NOTICE),
    (&[11, 6, 0], "2023-07-11", NOTICE),
    (&[11, 6, 1], "2023-07-11", NOTICE),
    (&[11, 7, 0], "2023-07-11", NOTICE),
    (&[10], "2023-07-11", NOTICE),
    (&[0], "2021-01-28", "NVIDIA/nvidia-docker#1454"),
];
/// Where NVIDIA's list of what it deletes is quoted.
const NOTICE: &str = "NVIDIA/cudf-spark-examples#311";

/// The last version of each minor one of CUDA 11, which stays.
const LAST: [&str; 9] = ["11.0.3", "11.1.1", "11.2.2", "11.3.1", "11.4.3", "11.5.2", "11.6.2", "11.7.1", "11.8.0"];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Err(Stop::NotNeeded("scratch")) };
    let mut findings = Findings::new();
    for base in file.bases() {
        let fact = facts.run.bases.get(&base.reference);
        let finding =
            platform(facts, base).unwrap_or_else(|| one(base, fact.is_some_and(|fact| fact.value().is_some())));
        let finding = finding.with("base", &base.reference).about(&base.reference);
        let asked = if finding.asked_by.is_some() { finding } else { finding.asked_by(&base.at) };
        let here = fact.map(|fact| fact.clone().map(|image| image.architecture));
        findings.push(match here {
            Some(here) if asked.evidence.is_empty() => asked.saw(&here),
            _ => asked,
        });
    }
    if findings.is_empty() { Err(Stop::NotNeeded("scratch")) } else { Ok(findings) }
}

fn one(base: &Base, here: bool) -> Finding {
    if base.reference.contains('$') {
        let gap = Gap::Unsupported("its name has a form of ${…} that gdoctor does not know".into());
        return Finding::unknown(gap, Default::default());
    }
    if let Some((since, told)) = gone(&base.reference) {
        let finding = if here { Finding::warn("kept", "another-tag") } else { Finding::fail("gone", "another-tag") };
        return finding
            .with("since", since)
            .with("told", told)
            .with("instead", instead(&base.reference))
            .evidence(format!("https://github.com/{}", told.replace('#', "/issues/")), format!("gone on {since}"));
    }
    if is_short(&base.reference) && !here {
        return Finding::fail("short", "another-tag")
            .with("instead", instead(&base.reference))
            .evidence("the Dockerfile", &*base.reference);
    }
    if here { Finding::pass("here") } else { Finding::pass("to-pull").evidence("the Dockerfile", &*base.reference) }
}

/// The tag of an image of NVIDIA's CUDA repository on Docker Hub or NGC; empty where none is named.
fn cuda_tag(reference: &str) -> Option<&str> {
    let bare = reference.strip_prefix("docker.io/").or(reference.strip_prefix("nvcr.io/")).unwrap_or(reference);
    if bare.contains('@') {
        return None;
    }
    match bare.split_once(':') {
        Some(("nvidia/cuda", tag)) => Some(tag),
        None if bare == "nvidia/cuda" => Some(""),
        _ => None,
    }
}

fn gone(reference: &str) -> Option<(&'static str, &'static str)> {
    let tag = cuda_tag(reference)?;
    let version = match tag {
        "" | "latest" => Version::new(&[0]),
        _ => Version::leading(tag)?,
    };
    let fits = |gone: &[u32]| match gone {
        [0] => version.major() == 0,
        [major] => version.major() != 0 && version.major() <= *major,
        exact => version == Version::new(exact),
    };
    GONE.iter().find(|(gone, ..)| fits(gone)).map(|(_, since, told)| (*since, *told))
}

/// Without the third number or without the system: there are no such tags of CUDA 12 and later.
fn is_short(reference: &str) -> bool {
    let Some(tag) = cuda_tag(reference) else { return false };
    let Some(version) = Version::leading(tag).filter(|version| version.major() >= 12) else { return false };
    let numbers = tag.split('-').next().unwrap_or_default().split('.').count();
    let system = tag.split('-').any(|part| {
        ["ubuntu", "ubi", "rockylinux", "oraclelinux", "centos", "opensuse", "amzn", "cm"]
            .iter()
            .any(|s| part.starts_with(s))
    });
    version.major() >= 12 && (numbers < 3 || !system)
}

/// The same flavour in a version that stays.
fn instead(reference: &str) -> String {
    let tag = cuda_tag(reference).unwrap_or_default();
    let flavour = ["devel", "runtime"].into_iter().find(|word| tag.contains(word)).unwrap_or("base");
    let version = Version::leading(tag);
    let last = version.as_ref().and_then(|version| {
        LAST.iter().find(|last| {
            Version::parse(last).is_some_and(|l| (l.major(), l.minor()) == (version.major(), version.minor()))
        })
    });
    let behind = tag.find('-').map_or("", |dash| &tag[dash..]);
    match last {
        Some(last) if behind.contains("ubuntu") || behind.contains("ubi") => format!("nvidia/cuda:{last}{behind}"),
        Some(last) => format!("nvidia/cuda:{last}-{flavour}-ubuntu20.04"),
        None => format!("nvidia/cuda:12.8.1-{flavour}-ubuntu24.04"),
    }
}

/// `--platform` of another machine: every RUN would have to be emulated, and the image does not start here.
fn platform(facts: &Facts, base: &Base) -> Option<Finding> {
    let said = base.platform.as_ref()?;
    let machine = match facts.host.machine.value()?.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let mut parts = said.text.split('/');
    let (system, architecture) = (parts.next()?, parts.next().unwrap_or(machine));
    if system == "linux" && architecture == machine {
        return None;
    }
    let finding = Finding::warn("other-platform", "own-platform").with("platform", &said.text).with("machine", machine);
    Some(finding.saw(&facts.host.machine).asked_by(&said.at))
}
