//! Do driver and GPUs of this host suit the images that are wanted, by the path that a container takes here?

use crate::model::facts::host::Platform;
use crate::model::facts::image::ImageFacts;
use crate::model::facts::nvidia::Start;
use crate::model::prelude::*;
use crate::model::require::Verdict;
use crate::model::version::Version;
use crate::readings::asks::Asks;
use crate::readings::cuda::{self, Reach};
use crate::readings::way::Way;

pub static CHECK: Check = Check {
    id: "nvidia-image",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.images.first().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    Ok(need.images.iter().flat_map(|wish| of_one(facts, need, wish)).collect())
}

/// One image; what stops its judgement does not silence the others.
fn of_one(facts: &Facts, need: &Need, wish: &Wish<String>) -> Findings {
    let fact = facts.image.found.get(&wish.what).cloned().unwrap_or_default();
    let findings = match fact.known() {
        Err(stop) => Finding::from(stop).into(),
        Ok(None) => Finding::unknown(
            Gap::ToolMissing(format!("the image, which `docker pull {}` brings,", wish.what)),
            fact.source.clone(),
        )
        .into(),
        Ok(Some(image)) => look(facts, need, image).unwrap_or_else(|stop| Finding::from(stop).into()),
    };
    let named = |finding: Finding| {
        let subject = [wish.what.as_str(), finding.subject.as_str()].join(" ");
        let finding = finding.about(subject.trim_end()).with("image", &wish.what);
        let finding = if finding.asked_by.is_some() { finding } else { finding.asked_by(&wish.by) };
        match fact.value() {
            Some(image) => finding.evidence(fact.source.0.as_str(), seen(image)),
            None => finding,
        }
    };
    findings.into_iter().map(named).collect()
}

fn look(facts: &Facts, need: &Need, image: &ImageFacts) -> Result<Findings, Stop> {
    let machine = facts.architecture();
    if !image.architecture.is_empty() && !machine.is_empty() && image.architecture != machine {
        let finding = Finding::fail("other-architecture", "pull-own");
        return Ok(finding.with("architecture", &image.architecture).with("machine", machine).into());
    }
    let asks = Asks(&image.variables);
    if !asks.are_of_a_gpu() {
        return Ok(Finding::pass("asks-nothing").into());
    }
    if need.gpu.is_none() {
        return Err(Stop::NotNeeded("no-gpu"));
    }
    if facts.host.platform.value() == Some(&Platform::Jetson) {
        return Err(Stop::NotNeeded("jetson"));
    }
    if let Some(cause) = facts.nvidia.blocker(&facts.host, "nvidia-nvml") {
        return Err(Stop::blocked_by(cause));
    }
    if facts.nvidia.nvml.start.value() != Some(&Start::Works) {
        return Err(Stop::blocked_by("nvidia-nvml"));
    }
    let ways = facts.ways()?;
    let Some((flag, way)) = ways.usual() else { return Err(Stop::blocked_by(ways.culprit().unwrap_or("gpu-path"))) };
    let told = |finding: Finding| finding.with("flag", flag).with("path", way);
    let (finding, starts) = driver(facts, asks, way)?;
    let mut findings = vec![finding];
    if starts {
        findings.extend(libraries_in_the_way(facts, image));
        findings.extend(driver_inside(image));
        findings.extend(generations(facts, asks)?);
        findings.extend(capabilities(need, asks, way));
    }
    Ok(findings.into_iter().map(told).collect())
}

/// The image against the driver, and whether its container starts.
fn driver(facts: &Facts, asks: Asks<'_>, way: Way) -> Result<(Finding, bool), Stop> {
    let nvml = &facts.nvidia.nvml;
    let conditions = asks.conditions();
    let off = facts.switches_requirements_off(asks);
    let verdict = if conditions.is_empty() { Verdict::Met } else { asks.verdict(facts)? };
    let enforced = way.obeys_capabilities() && !off;
    let finding = match (&verdict, enforced) {
        (Verdict::Unmet(condition), true) => Finding::fail("unmet", "fit").with("condition", condition),
        (Verdict::Invalid(rule), true) => Finding::fail("invalid", "see").with("rule", rule),
        _ => match reach(facts, asks)? {
            // The image itself lists this driver among those that it runs on.
            Some((Reach::Whole, _)) | None => Finding::pass(if enforced { "fits" } else { "fits-unchecked" }),
            Some(_) if verdict == Verdict::Met && !conditions.is_empty() => Finding::pass("listed"),
            Some((Reach::Minor, wanted)) => Finding::warn("minor", "fit").with("wanted", wanted),
            Some((Reach::TooNew, wanted)) => Finding::fail("too-new", "fit").with("wanted", wanted),
        },
    };
    let starts = !matches!(finding.verdict, crate::model::finding::Verdict::Fail(_));
    let (cuda, version) = (nvml.cuda.words(), nvml.driver.words());
    Ok((finding.with("cuda", cuda).with("driver", version).saw(&nvml.cuda).saw(&nvml.driver), starts))
}

/// How the image's CUDA runs on this driver; `None` when it names none.
fn reach(facts: &Facts, asks: Asks<'_>) -> Result<Option<(Reach, Version)>, Stop> {
    let Some(wanted) = asks.cuda() else { return Ok(None) };
    let fact = &facts.nvidia.nvml.cuda;
    let spoken = fact.known()?.and_then(|text| Version::parse(text));
    let spoken = spoken.ok_or_else(|| Stop::Unknown(Gap::Unparsable(fact.words()), fact.source.clone()))?;
    Ok(Some((cuda::reach(&wanted, &spoken), wanted)))
}

/// Folders in LD_LIBRARY_PATH that hold a libcuda of their own: it is loaded in the place of the driver's.
fn libraries_in_the_way(facts: &Facts, image: &ImageFacts) -> Option<Finding> {
    let path = image.variables.get("LD_LIBRARY_PATH")?;
    let holds = |name: &str| path.split(':').find(|folder| folder.trim_end_matches('/').ends_with(name));
    if let Some(folder) = holds("/stubs") {
        return Some(Finding::warn("stubs", "leave-folder").about("LD_LIBRARY_PATH").with("folder", folder));
    }
    let folder = holds("/compat")?;
    let consumer = facts.nvidia.nvml.gpus.iter().find(|gpu| cuda::forward_compatible(gpu) == Some(false))?;
    let finding = Finding::fail("compat-on-consumer", "leave-folder").about("LD_LIBRARY_PATH");
    Some(finding.with("folder", folder).with("name", &consumer.name))
}

/// A part of the driver in the image: of another version than the host's, or in the place where the toolkit puts its own.
fn driver_inside(image: &ImageFacts) -> Option<Finding> {
    let packages = image.driver_packages.value().filter(|packages| !packages.is_empty())?.join(", ");
    let finding = Finding::warn("driver-inside", "leave-driver-out").about("layers").with("packages", &packages);
    Some(finding.evidence(image.driver_packages.source.0.as_str(), packages))
}

/// Compute capabilities against the image's CUDA.
fn generations(facts: &Facts, asks: Asks<'_>) -> Result<Findings, Stop> {
    let Some(wanted) = asks.cuda() else { return Ok(Findings::new()) };
    facts.nvidia.nvml.listed.known()?;
    let mut findings = Findings::new();
    for gpu in facts.nvidia.nvml.gpus.iter().filter(|gpu| gpu.refused.is_none()) {
        let Some(capability) = gpu.compute_capability.known()?.and_then(|text| Version::parse(text)) else { continue };
        let first = cuda::first_for(&capability);
        let finding = if cuda::has_dropped(&wanted, &capability) {
            Finding::fail("gpu-too-old", "older-image")
        } else if first.as_ref().is_some_and(|first| wanted < *first) {
            Finding::warn("gpu-too-new", "newer-image")
        } else {
            continue;
        };
        let finding = finding.about(format!("GPU {}", gpu.index)).with("name", &gpu.name).with("wanted", &wanted);
        let first = first.map_or_else(String::new, |first| first.to_string());
        findings.push(finding.with("capability", &capability).with("first", first).saw(&gpu.compute_capability));
    }
    Ok(findings)
}

/// What is wanted and the image does not name, where only what is named comes.
fn capabilities(need: &Need, asks: Asks<'_>, way: Way) -> Findings {
    let named = asks.capabilities();
    if !way.obeys_capabilities() || named.words.iter().any(|word| word == "all") {
        return Findings::new();
    }
    let missing = need.capabilities.iter().filter(|wish| !named.words.iter().any(|word| word == wish.what.word()));
    let missing: Vec<_> = missing.collect();
    let mut all = named.words.clone();
    all.extend(missing.iter().map(|wish| wish.what.to_string()));
    let fix = if way == Way::Hook { "name" } else { "name-by-runtime" };
    let lacks = |wish: &&Wish<_>| {
        let finding = Finding::fail("not-named", fix).about(wish.what).asked_by(&wish.by);
        finding
            .with("capability", wish.what)
            .with("named", named.words.join(","))
            .with("whose", named.whose)
            .with("wanted", all.join(","))
    };
    missing.iter().map(lacks).collect()
}

fn seen(image: &ImageFacts) -> String {
    let shown = image.variables.iter().map(|(name, value)| format!("{name}={value}"));
    let platform = [image.os.as_str(), image.architecture.as_str()].join("/");
    core::iter::once(platform).chain(shown).collect::<Vec<_>>().join(" ")
}
