//! Do the image's NVIDIA_* variables let in what is wanted, on the path that containers of this host take?

use crate::model::dockerfile::Dockerfile;
use crate::model::need::Capability;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "dockerfile-variables",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().filter(|_| need.gpu.is_some()).and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

const CAPABILITIES: &str = "NVIDIA_DRIVER_CAPABILITIES";
const DEVICES: &str = "NVIDIA_VISIBLE_DEVICES";

/// What the image will have, and who says so.
struct Held {
    value: String,
    by: Origin,
}

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Ok(Findings::new()) };
    let mut findings = Findings::new();
    findings.extend(hidden(file));
    findings.extend(unchecked(file));
    match capabilities(facts, need, file) {
        Ok(more) => findings.extend(more),
        Err(stop) if findings.is_empty() => return Err(stop),
        Err(_) => {}
    }
    Ok(findings)
}

fn capabilities(facts: &Facts, need: &Need, file: &Dockerfile) -> Result<Findings, Stop> {
    let ways = facts.ways()?;
    let Some((flag, way)) = ways.usual() else {
        return Err(ways.culprit().map_or(Stop::blocked_by("gpu-path"), Stop::blocked_by));
    };
    if !way.obeys_capabilities() {
        let finding = Finding::pass("all-come").with("flag", flag).with("path", way);
        return Ok(finding.evidence("the path", way.to_string()).into());
    }
    let Some(held) = held(facts, file) else {
        let gap = Gap::Unsupported("the base decides, and it is not on this host".into());
        return Ok(Finding::unknown(gap, Default::default()).into());
    };
    let words: Vec<&str> = held.value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    let mut findings = Findings::new();
    for word in words.iter().filter(|word| **word != "all" && Capability::from_word(word).is_none()) {
        findings.push(Finding::fail("unknown-word", "right-word").with("word", word).about(word).asked_by(&held.by));
    }
    let names = |capability: Capability| words.iter().any(|word| *word == "all" || *word == capability.word());
    let missing: Vec<&Wish<Capability>> =
        need.capabilities.iter().filter(|wish| !matches!(wish.by, Origin::Guide) && !names(wish.what)).collect();
    let all = words.iter().copied().chain(missing.iter().map(|wish| wish.what.word())).collect::<Vec<_>>().join(",");
    for wish in &missing {
        let finding = Finding::fail("lacks", "name-it").about(wish.what).with("all", &all).with("path", way);
        findings.push(finding.with("value", &held.value).with("who", &wish.by).asked_by(&held.by));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("named").with("value", &held.value).with("path", way).asked_by(&held.by));
    }
    Ok(findings.into_iter().map(|finding| finding.evidence(CAPABILITIES, &*held.value)).collect())
}

/// The file's own, else the base's: as its copy here has it, else as all of nvidia/cuda have it.
fn held(facts: &Facts, file: &Dockerfile) -> Option<Held> {
    if let Some(setting) = file.variable(CAPABILITIES) {
        let value = setting.value.clone()?;
        let value = if value.is_empty() { "utility,compute".to_string() } else { value };
        return Some(Held { value, by: setting.at.clone() });
    }
    let base = file.ground()?;
    let by = base.at.clone();
    if let Some(image) = facts.run.bases.get(&base.reference).and_then(|fact| fact.value()) {
        let value = image.variables.get(CAPABILITIES).cloned().unwrap_or("utility,compute".to_string());
        return Some(Held { value, by });
    }
    let name = base.reference.split(':').next().unwrap_or_default();
    name.ends_with("nvidia/cuda").then(|| Held { value: "compute,utility".to_string(), by })
}

/// With `--runtime=nvidia` this value decides; `--gpus` puts its own in its place.
fn hidden(file: &Dockerfile) -> Option<Finding> {
    let setting = file.variable(DEVICES)?;
    let value = setting.value.as_deref().filter(|value| ["", "void", "none"].contains(value))?;
    let shown = if value.is_empty() { "nothing" } else { value };
    Some(Finding::warn("hidden", "show").with("value", shown).evidence(DEVICES, shown).asked_by(&setting.at))
}

fn unchecked(file: &Dockerfile) -> Option<Finding> {
    let setting = file.variable("NVIDIA_DISABLE_REQUIRE")?;
    let value = setting.value.as_deref()?;
    let on = ["1", "t", "T", "true", "TRUE", "True"].contains(&value);
    on.then(|| Finding::warn("unchecked", "check").evidence("NVIDIA_DISABLE_REQUIRE", value).asked_by(&setting.at))
}
