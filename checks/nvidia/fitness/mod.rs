//! Do driver and GPUs have what was asked for: free memory, compute capability, a driver version, a CUDA version?

use crate::model::facts::host::Platform;
use crate::model::facts::nvidia::{NvmlGpu, Start};
use crate::model::need::Gpus;
use crate::model::prelude::*;
use crate::model::require::Condition;
use crate::model::version::Version;
use crate::readings::cuda::{self, Reach};
use crate::readings::known_image;

pub static CHECK: Check = Check {
    id: "nvidia-fitness",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.fitness().next(),
    tells: Tells::Machine,
    judge,
};

/// So many processes of one GPU are told by name.
const MOST_HOLDERS: usize = 5;

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if facts.host.platform.value() == Some(&Platform::Jetson) {
        return Err(Stop::NotNeeded("jetson"));
    }
    let nvidia = &facts.nvidia;
    if let Some(cause) = nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    if nvidia.nvml.start.value() != Some(&Start::Works) {
        let certain = by_module(facts, need);
        return if certain.is_empty() { Err(Stop::blocked_by("nvidia-nvml")) } else { Ok(certain) };
    }
    let mut findings = Findings::new();
    if let Some(wish) = &need.gpu_memory {
        findings.push(memory(facts, need, wish.what)?.asked_by(&wish.by));
    }
    if let Some(wish) = &need.compute_capability {
        findings.push(capability(facts, need, &wish.what)?.asked_by(&wish.by));
    }
    if let Some(wish) = &need.driver {
        findings.push(driver(facts, &wish.what)?.asked_by(&wish.by));
    }
    if let Some(wish) = &need.cuda {
        // What the image itself says is nearer to the truth than its name.
        let is_read = named_by(need, wish).is_some_and(|(_, by_line)| by_line) && facts.run.image.value().is_some();
        if !is_read {
            let compat = named_by(need, wish).is_some_and(|(name, _)| known_image::brings_compat(name));
            findings.extend(spoken(facts, &wish.what, compat)?.into_iter().map(|f| f.asked_by(&wish.by)));
        } else if findings.is_empty() {
            return Err(Stop::NotNeeded("image-here"));
        }
    }
    Ok(findings)
}

/// What the module's version alone rules out, where NVML cannot be asked.
fn by_module(facts: &Facts, need: &Need) -> Findings {
    let fact = &facts.nvidia.module;
    let Some(module) = fact.value().filter(|_| facts.nvidia.nvml.start.gap().is_some()) else { return Findings::new() };
    let fails = |condition: &Condition| condition.holds_for(&module.version) == Some(false);
    let driver = need.driver.as_ref().filter(|wish| fails(&wish.what)).map(|wish| {
        let finding = Finding::fail("driver-differs", "change-driver").about("driver").with("wanted", &wish.what);
        finding.with("version", &module.version).saw(fact).asked_by(&wish.by)
    });
    let spoken = Version::leading(&module.version).and_then(|version| cuda::of_branch(&version));
    let too_new =
        need.cuda.as_ref().zip(spoken).filter(|(wish, spoken)| cuda::reach(&wish.what, spoken) == Reach::TooNew);
    let cuda = too_new.map(|(wish, spoken)| {
        let compat = named_by(need, wish).is_some_and(|(name, _)| known_image::brings_compat(name));
        let finding = if compat { Finding::warn } else { Finding::fail }("cuda-too-new", "change-driver");
        let finding = finding.about("CUDA").with("wanted", &wish.what).with("spoken", spoken);
        finding.saw(fact).asked_by(&wish.by)
    });
    driver.into_iter().chain(cuda).collect()
}

/// The image whose name the CUDA was taken from, and whether it is the run line's.
fn named_by<'a>(need: &'a Need, wish: &Wish<Version>) -> Option<(&'a str, bool)> {
    let line = need.run.as_ref().and_then(|line| line.image.as_ref()).filter(|image| image.at.origin() == wish.by);
    let base = need.dockerfile.as_ref().and_then(|file| file.ground()).filter(|base| base.at == wish.by);
    line.map(|image| (image.reference.as_str(), true)).or(base.map(|base| (base.reference.as_str(), false)))
}

fn memory(facts: &Facts, need: &Need, wanted: u64) -> Result<Finding, Stop> {
    let sizes = each(facts, |gpu| Ok(gpu.memory.known()?.copied().unwrap_or_default()))?;
    let count = |fits: &dyn Fn(u64) -> bool, of: fn(&crate::model::facts::nvidia::Memory) -> u64| {
        sizes.iter().filter(|(_, memory)| fits(of(memory))).count()
    };
    let enough = |bytes: u64| bytes >= wanted;
    let finding = if count(&enough, |m| m.free) >= wanted_gpus(need) {
        Finding::pass("memory")
    } else if count(&enough, |m| m.total) >= wanted_gpus(need) {
        Finding::fail("memory-in-use", "free-memory")
    } else {
        Finding::fail("memory-too-small", "other-gpu")
    };
    let seen: Vec<String> = sizes
        .iter()
        .map(|(gpu, memory)| format!("GPU {}: {} MiB free of {} MiB", gpu.index, memory.free >> 20, memory.total >> 20))
        .collect();
    let words = seen.join(", ");
    Ok(finding
        .about("memory")
        .with("wanted", wanted >> 20)
        .with("seen", &words)
        .with("holders", holders(facts))
        .evidence("nvmlDeviceGetMemoryInfo", words))
}

/// Who holds the memory, as far as NVML tells.
fn holders(facts: &Facts) -> String {
    let told = |gpu: &NvmlGpu| {
        let holders = gpu.holders.value().filter(|holders| !holders.is_empty())?;
        let words: Vec<String> = holders.iter().take(MOST_HOLDERS).map(|holder| holder.to_string()).collect();
        let more = if holders.len() > MOST_HOLDERS { " and others" } else { "" };
        Some(format!("on GPU {} {}{more}", gpu.index, words.join(", ")))
    };
    let told: Vec<String> = facts.nvidia.nvml.gpus.iter().filter_map(told).collect();
    if told.is_empty() { "nobody that NVML names".to_string() } else { told.join("; ") }
}

fn capability(facts: &Facts, need: &Need, wanted: &Version) -> Result<Finding, Stop> {
    let found = capabilities(facts)?;
    let fit = found.iter().filter(|(_, version)| version >= wanted).count();
    let seen: Vec<String> = found.iter().map(|(gpu, version)| format!("GPU {}: {version}", gpu.index)).collect();
    let words = seen.join(", ");
    let finding = if fit >= wanted_gpus(need) {
        Finding::pass("capability")
    } else {
        Finding::fail("capability-too-low", "other-gpu")
    };
    let finding = finding.about("compute capability").with("wanted", wanted).with("seen", &words);
    Ok(finding.evidence("nvmlDeviceGetCudaComputeCapability", words))
}

fn driver(facts: &Facts, wanted: &Condition) -> Result<Finding, Stop> {
    let fact = &facts.nvidia.nvml.driver;
    let version = fact.known()?.map(String::as_str).unwrap_or_default();
    let holds =
        wanted.holds_for(version).ok_or_else(|| Stop::Unknown(Gap::Unparsable(version.into()), fact.source.clone()))?;
    let finding = if holds { Finding::pass("driver") } else { Finding::fail("driver-differs", "change-driver") };
    Ok(finding.about("driver").with("wanted", wanted).with("version", version).saw(fact))
}

/// Newer than the driver speaks; too old or too new for a GPU.
/// `compat`: the image has cuda-compat, with which data-centre GPUs go further than the driver.
fn spoken(facts: &Facts, wanted: &Version, compat: bool) -> Result<Findings, Stop> {
    let fact = &facts.nvidia.nvml.cuda;
    let unreadable = |text: &str| Stop::Unknown(Gap::Unparsable(text.into()), fact.source.clone());
    let text = fact.known()?.map(String::as_str).unwrap_or_default();
    let spoken = Version::parse(text).ok_or_else(|| unreadable(text))?;
    let finding = match cuda::reach(wanted, &spoken) {
        Reach::Whole => Finding::pass("cuda"),
        Reach::Minor => Finding::warn("cuda-minor", "change-driver"),
        Reach::TooNew if compat && goes_further(facts) => Finding::warn("cuda-too-new", "change-driver"),
        Reach::TooNew => Finding::fail("cuda-too-new", "change-driver"),
    };
    let mut findings: Findings = finding.about("CUDA").saw(fact).into();
    for (gpu, capability) in capabilities(facts)? {
        let first = cuda::first_for(&capability);
        let finding = if cuda::has_dropped(wanted, &capability) {
            Finding::fail("gpu-too-old", "older-image")
        } else if first.as_ref().is_some_and(|first| wanted < first) {
            Finding::warn("gpu-too-new", "newer-image")
        } else {
            continue;
        };
        let first = first.map_or_else(String::new, |first| first.to_string());
        findings.push(
            finding
                .about(format!("GPU {}", gpu.index))
                .with("capability", &capability)
                .with("first", first)
                .with("name", &gpu.name)
                .saw(&gpu.compute_capability),
        );
    }
    Ok(findings.into_iter().map(|f| f.with("wanted", wanted).with("spoken", &spoken)).collect())
}

/// Every GPU is, or may be, one of those that forward compatibility works on.
fn goes_further(facts: &Facts) -> bool {
    let gpus = &facts.nvidia.nvml.gpus;
    !gpus.is_empty() && gpus.iter().all(|gpu| cuda::forward_compatible(gpu) != Some(false))
}

fn capabilities(facts: &Facts) -> Result<Vec<(&NvmlGpu, Version)>, Stop> {
    each(facts, |gpu| {
        let fact = &gpu.compute_capability;
        let text = fact.known()?.map(String::as_str).unwrap_or_default();
        Version::parse(text).ok_or_else(|| Stop::Unknown(Gap::Unparsable(text.into()), fact.source.clone()))
    })
}

/// Every GPU that answers, with what was read of it; lost ones are the health check's matter.
fn each<T>(facts: &Facts, read: impl Fn(&NvmlGpu) -> Result<T, Stop>) -> Result<Vec<(&NvmlGpu, T)>, Stop> {
    facts.nvidia.nvml.listed.known()?;
    facts.nvidia.nvml.gpus.iter().filter(|gpu| gpu.refused.is_none()).map(|gpu| Ok((gpu, read(gpu)?))).collect()
}

/// `--gpu=N` asks for N such GPUs, everything else for one.
fn wanted_gpus(need: &Need) -> usize {
    match need.gpu.as_ref().map(|wish| wish.what) {
        Some(Gpus::Count(count)) => count as usize,
        _ => 1,
    }
}
