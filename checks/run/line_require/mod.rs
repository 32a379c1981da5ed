//! Do driver and GPU meet what the line's image asks of them, where the line's path checks it?

use crate::model::facts::nvidia::NvmlGpu;
use crate::model::prelude::*;
use crate::model::require::Verdict;
use crate::model::run::Edit;
use crate::readings::asks::Asks;
use crate::readings::passage::{Container, Refusal};

pub static CHECK: Check = Check {
    id: "run-line-require",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| !line.podman) else { return Err(Stop::NotNeeded("podman")) };
    if line.asks_for_gpu().is_none() && !facts.is_served_by_nvidias(line) {
        return Err(Stop::NotNeeded("no-gpu"));
    }
    let Some(image) = facts.run.image.known()? else { return Err(Stop::NotNeeded("to-pull")) };
    let Ok(passage) = Container::of_line(facts, line).and_then(|container| facts.passage(&container)) else {
        return Err(Stop::blocked_by("run-line-gpu"));
    };
    let refused = match &passage.refused {
        Some(Refusal::Requirement(verdict)) => Some(verdict.clone()),
        Some(_) => return Err(Stop::blocked_by("run-line-gpu")),
        None => None,
    };
    let Some(way) = passage.way() else { return Err(Stop::NotNeeded("no-gpu")) };
    let mut variables = image.variables.clone();
    for variable in line.variables.iter().filter(|v| v.value.is_some()) {
        variables.insert(variable.name.clone(), variable.value.clone().unwrap_or_default());
    }
    let asks = Asks(&variables);
    let conditions = asks.conditions();
    if conditions.is_empty() {
        return Err(Stop::NotNeeded("nothing-asked"));
    }
    let seen = conditions.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(" ");
    let nvml = &facts.nvidia.nvml;
    let finding = if facts.switches_requirements_off(asks) {
        let by = if asks.are_switched_off() { "NVIDIA_DISABLE_REQUIRE" } else { "the toolkit's disable-require" };
        Finding::pass("switched-off").with("by", by)
    } else {
        match (refused, passage.obeys_capabilities()) {
            (Some(Verdict::Unmet(condition)), _) => unmet(facts, line, asks, condition),
            (Some(Verdict::Invalid(rule)), _) => Finding::fail("invalid", "see").with("rule", rule),
            (_, true) => {
                // Who has told nothing of the driver cannot have met anything.
                asks.verdict(facts)?;
                Finding::pass("met")
            }
            (_, false) => match asks.verdict(facts)? {
                Verdict::Unmet(condition) => Finding::warn("unmet-unchecked", "fit").with("condition", condition),
                _ => Finding::pass("unchecked"),
            },
        }
    };
    let (cuda, driver) = (nvml.cuda.words(), nvml.driver.words());
    let image = line.image.as_ref().map_or("", |image| image.reference.as_str());
    let finding = finding
        .with("path", way)
        .with("image", image)
        .with("cuda", cuda)
        .with("driver", driver)
        .saw(&nvml.cuda)
        .saw(&nvml.driver);
    let by = line.image.as_ref().map(|image| image.at.origin());
    let finding = finding.evidence(facts.run.image.source.0.as_str(), seen);
    Ok(by.iter().fold(finding, |finding, by| finding.asked_by(by)).into())
}

/// By what the condition is on: another GPU of this host, an image for this GPU, or one for this driver.
fn unmet(facts: &Facts, line: &RunLine, asks: Asks<'_>, condition: String) -> Finding {
    let is_on = |name: &str| condition.to_ascii_lowercase().contains(name);
    let gpus = &facts.nvidia.nvml.gpus;
    if is_on("arch") || is_on("brand") {
        let told = |gpu: &NvmlGpu| {
            let arch = gpu.compute_capability.value().map_or("of an unknown generation", String::as_str);
            format!("GPU {} ({}) is {arch}", gpu.index, gpu.name)
        };
        let has = gpus.iter().map(told).collect::<Vec<_>>().join(", ");
        let meets = |index: &u32| asks.verdict_for(facts, Some(&[*index])) == Ok(Verdict::Met);
        let fitting: Vec<u32> = gpus.iter().map(|gpu| gpu.index).filter(meets).collect();
        let edit = edit_to(line, &fitting);
        let fix = if edit.is_empty() { "other-image" } else { "other-gpu" };
        return Finding::fail("unmet-by-gpu", fix).with("condition", condition).with("has", has).edits(edit);
    }
    let has_ceiling = condition.split(',').any(|rule| rule.starts_with("driver<"));
    let fix = if has_ceiling && !is_on(">") { "other-image" } else { "fit" };
    Finding::fail("unmet", fix).with("condition", condition)
}

/// The line's one way with these GPUs alone.
fn edit_to(line: &RunLine, fitting: &[u32]) -> Vec<Edit> {
    let list = fitting.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    match (line.gpus.as_slice(), line.variable("NVIDIA_VISIBLE_DEVICES"), fitting) {
        (_, _, []) => Vec::new(),
        ([request], ..) if fitting.len() == 1 => vec![request.at.with_value(format!("device={list}"))],
        ([request], ..) => vec![request.at.with_value(format!("'\"device={list}\"'"))],
        ([], Some(variable), _) => vec![variable.at.with_value(format!("NVIDIA_VISIBLE_DEVICES={list}"))],
        _ => Vec::new(),
    }
}
