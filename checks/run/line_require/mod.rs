//! Do driver and GPU meet what the line's image asks of them, where the line's path checks it?

use crate::model::prelude::*;
use crate::model::require::Verdict;
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
            (Some(Verdict::Unmet(condition)), _) => Finding::fail("unmet", "fit").with("condition", condition),
            (Some(Verdict::Invalid(rule)), _) => Finding::fail("invalid", "see").with("rule", rule),
            (_, true) => {
                // Who has told nothing of the driver cannot have met anything.
                asks.verdict(nvml)?;
                Finding::pass("met")
            }
            (_, false) => match asks.verdict(nvml)? {
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
