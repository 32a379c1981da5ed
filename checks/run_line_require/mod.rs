//! Do driver and GPU meet what the line's image asks of them, where the line's path checks it?

use alloc::collections::BTreeMap;

use crate::model::prelude::*;
use crate::model::require::{Card, Subject, Verdict, evaluate};

pub static CHECK: Check = Check {
    id: "run-line-require",
    family: "run",
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().filter(|run| run.asks_for_gpu().is_some()).and_then(|run| run.by.as_ref()),
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| !line.podman) else { return Err(Stop::NotNeeded("podman")) };
    let Some(image) = facts.run.image.known()? else { return Err(Stop::NotNeeded("to-pull")) };
    let ways = facts.ways()?;
    let entry = if !line.gpus.is_empty() {
        ways.gpus
    } else if line.nvidia_runtime().is_some() {
        ways.runtime
    } else {
        ways.device
    };
    let Ok(way) = entry else { return Err(ways.culprit().map_or(Stop::blocked_by("run-line-gpu"), Stop::blocked_by)) };
    let mut variables = image.variables.clone();
    for variable in line.variables.iter().filter(|v| v.name.starts_with("NVIDIA_")) {
        variables.insert(variable.name.clone(), variable.value.clone().unwrap_or_default());
    }
    let conditions = conditions(&variables);
    if conditions.is_empty() {
        return Err(Stop::NotNeeded("nothing-asked"));
    }
    let seen = conditions.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(" ");
    let off = variables
        .get("NVIDIA_DISABLE_REQUIRE")
        .is_some_and(|v| ["1", "t", "T", "true", "TRUE", "True"].contains(&v.as_str()));
    let off = off || facts.toolkit.settings().and_then(|settings| settings.disable_require) == Some(true);
    if off || !way.obeys_capabilities() {
        let code = if off { "switched-off" } else { "unchecked" };
        return Ok(Finding::pass(code).with("path", way).evidence(facts.run.image.source.0.as_str(), seen).into());
    }
    let nvml = &facts.nvidia.nvml;
    let cuda = nvml.cuda.known()?.ok_or(Stop::blocked_by("nvidia-nvml"))?;
    let driver = nvml.driver.known()?.ok_or(Stop::blocked_by("nvidia-nvml"))?;
    let cards: Vec<Card> = nvml
        .gpus
        .iter()
        .filter_map(|gpu| Some(Card { arch: gpu.compute_capability.value()?, brand: gpu.brand.as_deref()? }))
        .collect();
    let subjects: Vec<Subject> = match cards.is_empty() {
        true => vec![Subject { cuda, driver, gpu: None }],
        false => cards.into_iter().map(|card| Subject { cuda, driver, gpu: Some(card) }).collect(),
    };
    let verdict =
        conditions.iter().flat_map(|(_, text)| subjects.iter().map(|s| evaluate(text, s))).find(|v| *v != Verdict::Met);
    let finding = match verdict {
        None | Some(Verdict::Met) => Finding::pass("met"),
        Some(Verdict::Unmet(condition)) => Finding::fail("unmet", "fit").with("condition", condition),
        Some(Verdict::Invalid(rule)) => Finding::fail("invalid", "see").with("rule", rule),
    };
    let image = line.image.as_ref().map_or("", |image| image.reference.as_str());
    let finding =
        finding.with("image", image).with("cuda", cuda).with("driver", driver).saw(&nvml.cuda).saw(&nvml.driver);
    let by = line.image.as_ref().map(|image| image.at.origin());
    let finding = finding.evidence(facts.run.image.source.0.as_str(), seen);
    Ok(by.iter().fold(finding, |finding, by| finding.asked_by(by)).into())
}

/// All NVIDIA_REQUIRE_* but Jetson's; for an image that names only its CUDA_VERSION, what the toolkit makes of that.
fn conditions(variables: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let asks = |name: &str| name.starts_with("NVIDIA_REQUIRE_") && !name.starts_with("NVIDIA_REQUIRE_JETPACK");
    let mut found: Vec<(String, String)> =
        variables.iter().filter(|(n, v)| asks(n) && !v.is_empty()).map(|(n, v)| (n.clone(), v.clone())).collect();
    let version =
        variables.get("CUDA_VERSION").filter(|_| !found.iter().any(|(name, _)| name == "NVIDIA_REQUIRE_CUDA"));
    if let Some(version) = version {
        let mut parts = version.split('.');
        if let (Some(major), Some(minor)) = (parts.next(), parts.next()) {
            found.push(("CUDA_VERSION".to_string(), format!("cuda>={major}.{minor}")));
        }
    }
    found
}
