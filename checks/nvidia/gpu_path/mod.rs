//! Which ways lead a GPU into a container of this engine, and what each of them does?

use crate::model::facts::host::Platform;
use crate::model::prelude::*;
use crate::readings::way::{Closed, Entry, Way, Ways};

pub static CHECK: Check = Check {
    id: "gpu-path",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let desktop = facts.docker.info.value().is_some_and(|info| info.is_desktop());
    if desktop && facts.host.platform.value() == Some(&Platform::Wsl) {
        return Err(Stop::NotNeeded("desktop-wsl"));
    }
    if desktop {
        return Ok(Finding::fail("desktop-vm", "use-engine").evidence("GET /info", "Docker Desktop").into());
    }
    let by = need.gpu.as_ref().map_or(&Origin::Guide, |wish| &wish.by);
    if let Some(stop) = facts.not_judged(Tells::Files, need, by) {
        return Err(stop);
    }
    facts.has_a_driven_gpu()?;
    let ways = facts.ways_for(need)?;
    let asked =
        [("--gpus", ways.gpus), ("--runtime=nvidia", ways.runtime), ("--device nvidia.com/gpu=all", ways.device)];
    Ok(asked.into_iter().map(|(flag, entry)| finding(facts, &ways, flag, entry)).collect())
}

fn finding(facts: &Facts, ways: &Ways, flag: &str, entry: Entry) -> Finding {
    let jetson = facts.host.platform.value() == Some(&Platform::Jetson);
    let found = match (entry, ways.culprit()) {
        (Ok(Way::Csv), _)
            if facts.toolkit.csv.value().is_none_or(Vec::is_empty) && facts.toolkit.csv.gap().is_none() =>
        {
            Finding::fail("no-lists", "bring-lists").evidence(facts.toolkit.csv.source.0.as_str(), "no lists")
        }
        (Ok(way), _) if way.obeys_capabilities() => Finding::pass("filtered").with("path", way),
        (Ok(way), _) => Finding::pass("unfiltered").with("path", way),
        // Nothing is wrong with a Jetson whose runtime is registered: NVIDIA never meant `--gpus` for it.
        (Err(Closed::Refused), _) if jetson && ways.runtime.is_ok() => Finding::not_needed("by-runtime"),
        (Err(Closed::Refused), _) => Finding::warn("refused", "leave-mode"),
        (Err(Closed::NoSpec | Closed::CdiOff), _) if flag.starts_with("--device") => Finding::not_needed("no-devices"),
        (Err(Closed::NotKnown), _) => Finding::unknown(
            Gap::Unsupported("what dockerd found at its start is gone".to_string()),
            Default::default(),
        ),
        (Err(Closed::Empty), _) => Finding::not_needed("empty"),
        (Err(Closed::OtherEngine), _) => Finding::not_needed("other-engine"),
        (Err(_), Some(culprit)) => Finding::unknown(Gap::BlockedBy(culprit.to_string()), Default::default()),
        (Err(_), None) => Finding::not_needed("closed"),
    };
    let found = found.about(flag);
    let found = match facts.docker.version.value() {
        Some(version) => found.evidence("GET /version", version.version.as_str()),
        None => found,
    };
    let found = found.saw(&facts.toolkit.version);
    match facts.toolkit.settings() {
        Some(settings) => {
            let mode = settings.nvidia_container_runtime.mode.unwrap_or_else(|| "auto".to_string());
            found.evidence(facts.toolkit.config.source.0.as_str(), format!("mode = {mode}"))
        }
        None => found,
    }
}
