//! Are the libraries of each wanted driver capability on the host, where the toolkit finds them and of the running driver?

use crate::model::facts::host::Platform;
use crate::model::facts::library::{Found, Kind, Library, LibraryFacts, libraries, look_up};
use crate::model::facts::toolkit::Spec;
use crate::model::finding::Verdict;
use crate::model::need::Capability;
use crate::model::prelude::*;
use crate::readings::asks::words;
use crate::readings::way::KIND;

pub static CHECK: Check = Check {
    id: "driver-capability",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.capabilities.iter().map(|wish| &wish.by).min_by_key(|by| matches!(by, Origin::Guide)),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    if facts.host.platform.value() == Some(&Platform::Jetson) {
        return Err(Stop::NotNeeded("jetson"));
    }
    if let Some(cause) = facts.nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let driver = match facts.host.platform.value() {
        // WSL's libraries carry no version: Windows keeps them equal.
        Some(_) => None,
        None => facts.nvidia.module.known()?.map(|module| module.version.as_str()),
    };
    let found = facts.library.found.known()?.map(Vec::as_slice).unwrap_or_default();
    let unknown_to_loader = |stem| look_up(found, stem, Kind::Native, driver) == Found::Missing;
    if unknown_to_loader("libnvidia-ml") && unknown_to_loader("libcuda") {
        let source = facts.library.found.source.0.as_str();
        return Ok(Finding::fail("not-in-cache", "ldconfig").evidence(source, names(found)).into());
    }
    let wsl = facts.host.platform.value() == Some(&Platform::Wsl);
    if let Some(library) = found.iter().find(|library| wsl && is_of_linux(library)) {
        let file = library.file.as_deref().unwrap_or(&library.name);
        return Ok(Finding::fail("linux-driver-in-wsl", "purge-linux-driver")
            .with("library", file)
            .evidence(facts.library.found.source.0.as_str(), file)
            .into());
    }
    let mut findings = Findings::new();
    for wish in &need.capabilities {
        let finding = match wish.what {
            Capability::Graphics | Capability::Display if wsl => Finding::not_needed("not-in-wsl"),
            what => one(facts, need, found, what, driver),
        };
        let saw = if finding.evidence.is_empty() {
            finding.evidence(facts.library.found.source.0.as_str(), names(found))
        } else {
            finding
        };
        let encoding = need.encode.first().filter(|_| saw.code == "no-encode");
        findings.push(saw.about(wish.what).asked_by(encoding.map_or(&wish.by, |wish| &wish.by)));
    }
    let lacking = promised(facts, need).into_iter().map(|(what, by)| (one(facts, need, found, what, driver), what, by));
    for (finding, what, by) in lacking {
        if let Verdict::Fail(fix) | Verdict::Warn(fix) = finding.verdict {
            findings.push(Finding { verdict: Verdict::Warn(fix), ..finding }.about(what).asked_by(&by));
        }
    }
    Ok(findings)
}

/// What the container names besides the wishes, and gets of it what the host has: `all` on the line or in the image stands for
/// video, and for graphics where a window is wanted; and what the image names itself.
fn promised(facts: &Facts, need: &Need) -> Vec<(Capability, Origin)> {
    let Some(line) = need.run.as_ref().filter(|_| facts.host.platform.value().is_none()) else { return Vec::new() };
    let variable = line.variable("NVIDIA_DRIVER_CAPABILITIES");
    let by_line = variable.and_then(|variable| Some((words(variable.value.as_deref()?), variable.at.origin())));
    let by_image = || {
        let image = facts.run.image.value()?.variables.get("NVIDIA_DRIVER_CAPABILITIES")?;
        Some((words(image), line.image.as_ref()?.at.origin()))
    };
    let Some((named, by)) = by_line.or_else(by_image) else { return Vec::new() };
    let all = named.iter().any(|word| word == "all");
    let named = |one: Capability| named.iter().any(|word| word == one.word());
    let meant = |one: &Capability| match one {
        Capability::Video => all || named(*one),
        Capability::Graphics => all && need.display.is_some() || named(*one),
        _ => false,
    };
    let wished = |one: &Capability| need.capabilities.iter().any(|wish| wish.what == *one);
    let kinds = [Capability::Video, Capability::Graphics].into_iter();
    kinds.filter(|one| meant(one) && !wished(one)).map(|one| (one, by.clone())).collect()
}

/// Inside WSL2 a library of a Linux driver hides that of Windows.
fn is_of_linux(library: &Library) -> bool {
    let known = ["libcuda.so", "libnvidia-ml.so"].iter().any(|name| library.name.starts_with(name));
    let file = library.file.as_deref().unwrap_or_default();
    // A toolkit's libraries to link against, and those for older drivers, load in their own way.
    let own = ["/usr/lib/wsl/", "/stubs/", "/compat/"].iter().any(|folder| file.contains(folder));
    known && library.kind == Kind::Native && !file.is_empty() && !own
}

fn one(facts: &Facts, need: &Need, found: &[Library], wanted: Capability, driver: Option<&str>) -> Finding {
    let kind = if wanted == Capability::Compat32 { Kind::Compat32 } else { Kind::Native };
    let suffix = match facts.library.package_suffix.value() {
        Some(suffix) => suffix.clone(),
        None => driver.and_then(branch_suffix).unwrap_or_default(),
    };
    let package = |name: &str| format!("{name}{suffix}");
    let mut first = None;
    let wsl = facts.host.platform.value() == Some(&Platform::Wsl);
    // Windows' driver keeps it in its own store, where libcuda finds it.
    let elsewhere = |stem: &str| wsl && stem == "libnvidia-ptxjitcompiler";
    for stem in libraries(wanted).required.iter().filter(|stem| !elsewhere(stem)) {
        let finding = match look_up(found, stem, kind, driver) {
            Found::Fits(library) => {
                first = first.or(Some(library));
                continue;
            }
            Found::OtherVersion(library) | Found::Dangling(library) => other_version(library, driver.unwrap_or("")),
            Found::Missing if kind == Kind::Compat32 => {
                Finding::fail("absent", fix_of(wanted)).with("library", format!("the 32-bit {stem}"))
            }
            Found::Missing if wsl => Finding::fail("absent", "nvidia-gpu/wsl-driver").with("library", stem),
            Found::Missing => Finding::fail("absent", fix_of(wanted)).with("library", stem),
        };
        return packages(finding, &package);
    }
    let file = first.and_then(|library| library.file.as_deref()).unwrap_or_default();
    let warning = incomplete(&facts.library, need, found, wanted, driver).map(|warning| packages(warning, &package));
    let finding = warning.unwrap_or_else(|| way(facts, need, wanted)).with("library", file);
    finding.evidence(facts.library.found.source.0.as_str(), file)
}

/// Ubuntu's packages name their branch; NVIDIA's own leave it out from 590 on, which dpkg tells where one is installed.
fn branch_suffix(driver: &str) -> Option<String> {
    let branch: u32 = driver.split('.').next()?.parse().ok()?;
    Some(format!("-{branch}"))
}

fn other_version(library: &Library, driver: &str) -> Finding {
    let (code, file) = match library.file.as_deref() {
        Some(file) => ("other-version", file),
        None => ("dangling", library.name.as_str()),
    };
    Finding::fail(code, "repair-links").with("library", file).with("driver", driver).evidence("ld.so.cache", file)
}

/// What some programs of the capability miss although it is there.
fn incomplete(
    library: &LibraryFacts,
    need: &Need,
    found: &[Library],
    wanted: Capability,
    driver: Option<&str>,
) -> Option<Finding> {
    let lacks = |stem| !matches!(look_up(found, stem, Kind::Native, driver), Found::Fits(_));
    match wanted {
        Capability::Video if lacks("libnvidia-encode") && !need.encode.is_empty() => {
            Some(Finding::fail("no-encode", "video-libraries"))
        }
        Capability::Video if lacks("libnvidia-encode") => Some(Finding::warn("no-encode", "video-libraries")),
        Capability::Utility if library.smi.is_absent() => Some(Finding::warn("no-smi", "smi")),
        Capability::Graphics | Capability::Display if library.egl_vendor.is_absent() => {
            Some(Finding::warn("no-egl", "graphics-libraries").saw(&library.egl_vendor))
        }
        Capability::Graphics | Capability::Display if library.vulkan_icd.is_absent() => {
            Some(Finding::warn("no-vulkan", "graphics-libraries").saw(&library.vulkan_icd))
        }
        _ => None,
    }
}

/// The libraries are there; what a container does to get them depends on the way in.
fn way(facts: &Facts, need: &Need, wanted: Capability) -> Finding {
    match facts.way_for(need) {
        Some((flag, way)) if way.obeys_capabilities() => Finding::pass("named").with("flag", flag).with("path", way),
        Some((flag, way)) if wanted == Capability::Compat32 => {
            Finding::warn("not-by-cdi", "legacy-mode").with("flag", flag).with("path", way)
        }
        Some((flag, way)) => match left_out(facts, need, wanted) {
            Some((stem, spec)) => Finding::fail("not-in-spec", "nvidia-cdi/regenerate")
                .with("stem", stem)
                .with("flag", flag)
                .with("path", spec),
            None => Finding::pass("always").with("flag", flag).with("path", way),
        },
        None => Finding::pass("present"),
    }
}

/// A library that the host has and the spec, which decides on this way, does not name: it was made before, or by a toolkit that
/// did not find it.
fn left_out<'a>(facts: &'a Facts, need: &Need, wanted: Capability) -> Option<(&'static str, &'a str)> {
    let passage = facts.passage_for(need).filter(|passage| !passage.libraries.is_empty())?;
    let stem = libraries(wanted).required.iter().copied().find(|stem| !passage.libraries.contains(*stem))?;
    let of_gpus = |spec: &&Spec| spec.devices().is_some_and(|devices| devices.kind == KIND);
    let spec = facts.toolkit.specs.value()?.iter().find(of_gpus)?;
    Some((stem, &spec.path))
}

fn fix_of(wanted: Capability) -> &'static str {
    match wanted {
        Capability::Compute | Capability::Utility => "compute-libraries",
        Capability::Video => "video-libraries",
        Capability::Graphics | Capability::Display => "graphics-libraries",
        Capability::Compat32 => "compat32-libraries",
        Capability::Ngx => "ngx-libraries",
    }
}

fn packages(finding: Finding, name: &dyn Fn(&str) -> String) -> Finding {
    finding
        .with("compute_package", name("libnvidia-compute"))
        .with("decode_package", name("libnvidia-decode"))
        .with("encode_package", name("libnvidia-encode"))
        .with("gl_package", name("libnvidia-gl"))
        .with("utils_package", name("nvidia-utils"))
}

fn names(found: &[Library]) -> String {
    format!("{} of NVIDIA's libraries", found.len())
}
