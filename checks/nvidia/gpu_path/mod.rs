//! Which ways lead a GPU into a container of this engine, and what each of them does?

use crate::model::facts::docker::PodRuntime;
use crate::model::facts::host::Platform;
use crate::model::prelude::*;
use crate::readings::passage::Container;
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
    if facts.has_kubernetes_alone(need) {
        return into_pods(facts, by);
    }
    let ways = facts.ways_for(need)?;
    let asked =
        [("--gpus", ways.gpus), ("--runtime=nvidia", ways.runtime), ("--device nvidia.com/gpu=all", ways.device)];
    Ok(asked.into_iter().map(|(flag, entry)| finding(facts, &ways, flag, entry)).collect())
}

/// Of an engine that serves Kubernetes its settings are seen; what a device plugin hands over by CDI is not.
fn into_pods(facts: &Facts, by: &Origin) -> Result<Findings, Stop> {
    let fact = &facts.docker.pod_runtimes;
    let Some(runtimes) = fact.value() else {
        if !by.is_explicit() {
            return Err(Stop::NotNeeded("kubernetes"));
        }
        let engine = facts.docker.kubernetes.words();
        let why = match fact.gap() {
            Some(gap) => format!("{engine} runs containers here for Kubernetes, and of its settings: {}", gap.reason()),
            None => format!(
                "{engine} runs containers here for Kubernetes, and its settings name no runtime of NVIDIA's; whether its \
                 device plugin brings GPUs by CDI is not seen from here"
            ),
        };
        return Err(Stop::Unknown(Gap::Unsupported(why), fact.source.clone()));
    };
    let told = |runtime: &PodRuntime| {
        let finding = match runtime.is_there {
            true => Finding::pass("by-pod-runtime"),
            false => Finding::fail("pod-runtime-gone", "look-for-toolkit"),
        };
        let finding = finding.about(&runtime.name).with("engine", facts.docker.kubernetes.words());
        finding.with("path", &runtime.program).evidence(fact.source.0.as_str(), runtime.program.as_str())
    };
    Ok(runtimes.iter().map(told).collect())
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
        (Err(Closed::NotKnown), _) => match facts.passage(&Container::of_flag(flag)) {
            Err(stop) => stop.into(),
            Ok(_) => Finding::unknown(Gap::NotAsked, Default::default()),
        },
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
