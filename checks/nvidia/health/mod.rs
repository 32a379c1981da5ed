//! Is each GPU in a state in which it can work: by what NVML tells of it. What a GPU does not support changes no verdict.

use crate::model::facts::nvidia::{ComputeMode, Fabric, Node, NvidiaFacts, NvmlFacts, NvmlGpu, Refusal, Start};
use crate::model::finding::Verdict;
use crate::model::need::Gpus;
use crate::model::prelude::*;
use crate::readings::passage::Passage;

pub static CHECK: Check = Check {
    id: "nvidia-health",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

/// From so many GPUs on their start takes so long that programs give up waiting.
const SLOW_START: usize = 4;
/// So many pairs of GPUs are told.
const MOST_PAIRS: usize = 4;

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let nvidia = &facts.nvidia;
    if let Some(cause) = nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let nvml = &nvidia.nvml;
    if nvml.start.value() != Some(&Start::Works) {
        return no_fabric_manager(nvidia).map(Findings::from).ok_or(Stop::blocked_by("nvidia-nvml"));
    }
    if nvml.gpus.is_empty() {
        return Err(Stop::blocked_by("nvidia-nvml"));
    }
    let switched = nvidia.switches.value().is_some();
    let passage = need.run.as_ref().and(facts.passage_for(need)).filter(|passage| passage.refused.is_none());
    let unkept = mig_is_unkept(facts);
    let state = |gpu: &NvmlGpu| {
        let mut findings = state_of(gpu, switched, unkept, nvidia.faults_of(&gpu.address));
        if passage.as_ref().is_some_and(|passage| leaves_out(passage, gpu)) {
            findings.iter_mut().for_each(soften);
        }
        findings
    };
    let mut findings: Findings = nvml.gpus.iter().flat_map(state).collect();
    let branch = branch(nvidia);
    findings = findings.into_iter().map(|finding| finding.with("branch", &branch)).collect();
    if findings.iter().all(|finding| finding.code != "fabric-not-ready") {
        findings.extend(other_fabric_manager(nvidia));
    }
    findings.extend(slow_start(nvml));
    findings.extend(peers(nvidia, need));
    Ok(findings)
}

/// NVSwitches are on the bus, and what sets their fabric up is not installed: told where NVML, which knows its state, cannot be
/// asked.
fn no_fabric_manager(nvidia: &NvidiaFacts) -> Option<Finding> {
    let there = nvidia.switches.value().filter(|_| nvidia.nvml.start.gap().is_some())?;
    nvidia.fabric_manager.is_absent().then(|| {
        let finding = Finding::fail("no-fabric-manager", "start-fabric-manager").with("switches", there);
        finding
            .with("index", 0)
            .with("branch", branch(nvidia))
            .saw(&nvidia.switches)
            .evidence(nvidia.fabric_manager.source.0.as_str(), "not there")
    })
}

fn branch(nvidia: &NvidiaFacts) -> String {
    nvidia.branch().map_or_else(|| "BRANCH".into(), |branch| branch.to_string())
}

/// The line's container gets GPUs, and this is none of them.
fn leaves_out(passage: &Passage, gpu: &NvmlGpu) -> bool {
    let others = passage
        .nodes
        .iter()
        .any(|node| node.starts_with("/dev/nvidia") && node.ends_with(|c: char| c.is_ascii_digit()));
    // A GPU that is lost does not tell its node any more; the driver counts them as NVML does.
    others && !passage.nodes.contains(&format!("/dev/nvidia{}", gpu.minor.unwrap_or(gpu.index)))
}

fn soften(finding: &mut Finding) {
    if let Verdict::Fail(fix) = finding.verdict {
        finding.verdict = Verdict::Warn(fix);
    }
}

/// Everything that is wrong with one GPU, or that it is well.
fn state_of(gpu: &NvmlGpu, switched: bool, unkept: bool, faults: Option<String>) -> Findings {
    let subject = format!("GPU {}", gpu.index);
    let mut findings: Findings = match gpu.refused {
        Some(Refusal::NoPermission) => {
            Finding::unknown(Gap::Denied, crate::model::fact::Source::new("nvmlDeviceGetHandleByIndex")).into()
        }
        Some(refusal) => Finding::fail("lost", "reset-or-restart")
            .with("words", refusal)
            .evidence("NVML", refusal.to_string())
            .into(),
        None => [
            memory_errors(gpu),
            mig(gpu, unkept),
            compute_mode(gpu),
            fabric(gpu, switched),
            slowed(gpu),
            narrow(gpu),
            unlicensed(gpu),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    match &faults {
        // What the GPU reported, where NVML does not already tell what is wrong now.
        Some(_) if findings.is_empty() => findings.push(Finding::warn("reported-faults", "read-catalogue")),
        None if findings.is_empty() => findings.push(well(gpu)),
        _ => {}
    }
    if let Some(faults) = faults {
        let told = |finding: Finding| finding.with("faults", &faults).evidence("the kernel's log", &*faults);
        findings = findings.into_iter().map(told).collect();
    }
    let name = if gpu.name.is_empty() { "a GPU without a name" } else { gpu.name.as_str() };
    findings.into_iter().map(|f| f.about(&subject).with("name", name).with("index", gpu.index)).collect()
}

fn well(gpu: &NvmlGpu) -> Finding {
    let memory = gpu.memory.value().map(|m| format!("{} MiB free of {} MiB", m.free >> 20, m.total >> 20));
    let memory = memory.as_deref().unwrap_or("memory not told");
    Finding::pass("well").with("memory", memory).evidence(gpu.memory.source.0.as_str(), memory).saw(&gpu.temperature)
}

/// The worst that the memory's own bookkeeping tells; the lesser follow from it.
fn memory_errors(gpu: &NvmlGpu) -> Option<Finding> {
    let rows = gpu.remapped_rows.value();
    let errors = gpu.ecc_uncorrected.value().copied().unwrap_or(0);
    let finding = match rows {
        Some(rows) if rows.failed => Finding::fail("memory-worn-out", "replace"),
        Some(rows) if rows.pending => Finding::warn("remap-pending", "reset"),
        _ if gpu.retirement_pending.value() == Some(&true) => Finding::warn("remap-pending", "reset"),
        _ if errors > 0 => Finding::warn("memory-errors", "reset"),
        _ => return None,
    };
    let source = gpu.ecc_uncorrected.source.0.as_str();
    Some(finding.with("errors", errors).evidence(source, format!("{errors} uncorrected errors")))
}

/// Instances are gone when the machine is started again, from Hopper on the mode too. The nodes of their capabilities are made with
/// them: all of these long after the start, none is an instance that something makes at it.
fn mig_is_unkept(facts: &Facts) -> bool {
    let is_instance = |node: &&Node| {
        let number = node.path.strip_prefix("/dev/nvidia-caps/nvidia-cap");
        number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number > MONITOR_CAPABILITY)
    };
    let nodes: Vec<&Node> = facts.nvidia.nodes.value().into_iter().flatten().filter(is_instance).collect();
    !nodes.is_empty()
        && nodes.iter().all(|node| facts.is_made_by_hand(node.made))
        && facts.nothing_makes(|at_boot| &at_boot.instances)
}

/// nvidia-cap1 is MIG's configuration, nvidia-cap2 its monitoring; each instance has a number behind.
const MONITOR_CAPABILITY: u32 = 2;

fn mig(gpu: &NvmlGpu, unkept: bool) -> Option<Finding> {
    let mig = gpu.mig.value()?;
    let finding = match (mig.enabled, mig.enabled_next, mig.instances) {
        (true, true, 0) => Finding::fail("mig-empty", "make-instances"),
        (now, next, _) if now != next => Finding::warn("mig-waits", "reset"),
        (true, true, 1..) if unkept => Finding::warn("mig-not-kept", "keep-instances"),
        _ => return None,
    };
    let word = |on: bool| if on { "on" } else { "off" };
    let seen = format!("{}, after a reset {}, {} instances", word(mig.enabled), word(mig.enabled_next), mig.instances);
    Some(
        finding
            .with("now", word(mig.enabled))
            .with("next", word(mig.enabled_next))
            .evidence(gpu.mig.source.0.as_str(), seen),
    )
}

fn compute_mode(gpu: &NvmlGpu) -> Option<Finding> {
    // As `nvidia-smi -c` takes it; EXCLUSIVE_THREAD is no longer one of its words.
    let (finding, seen, old_mode) = match gpu.compute_mode.value()? {
        ComputeMode::Default => return None,
        ComputeMode::Prohibited => (Finding::fail("prohibited", "default-mode"), "prohibited", "PROHIBITED"),
        ComputeMode::ExclusiveProcess | ComputeMode::ExclusiveThread => {
            (Finding::warn("exclusive", "default-mode"), "exclusive", "EXCLUSIVE_PROCESS")
        }
    };
    let finding = finding.with("old_mode", old_mode);
    Some(finding.evidence(gpu.compute_mode.source.0.as_str(), seen))
}

/// Without an NVSwitch in sight the fabric may be somebody else's affair: a warning.
fn fabric(gpu: &NvmlGpu, switched: bool) -> Option<Finding> {
    let seen = match gpu.fabric.value()? {
        Fabric::NotSupported | Fabric::Completed => return None,
        Fabric::NotStarted => "not started".to_string(),
        Fabric::InProgress => "in progress".to_string(),
        Fabric::Failed(status) => format!("ended with error {status}"),
    };
    let finding = if switched {
        Finding::fail("fabric-not-ready", "start-fabric-manager")
    } else {
        Finding::warn("fabric-not-ready", "start-fabric-manager")
    };
    Some(finding.with("state", &seen).evidence(gpu.fabric.source.0.as_str(), seen))
}

/// It refuses to start beside a driver of another version. The libraries on disk are those of the driver that starts next.
fn other_fabric_manager(nvidia: &NvidiaFacts) -> Option<Finding> {
    nvidia.switches.value()?;
    let fact = &nvidia.fabric_manager;
    let package = fact.value()?;
    let driver = nvidia.library_versions().next().filter(|driver| *driver != package.version)?;
    let finding = Finding::warn("fabric-manager-differs", "level-fabric-manager").with("manager", &package.version);
    let finding = finding.with("driver", driver).with("package", &package.name);
    Some(finding.evidence(fact.source.0.as_str(), format!("{} {}", package.name, package.version)))
}

fn slowed(gpu: &NvmlGpu) -> Option<Finding> {
    let reasons = gpu.slowdowns.value().filter(|reasons| !reasons.is_empty())?.join(", ");
    let finding =
        Finding::warn("slowed-down", "cool").with("reasons", &reasons).with("degrees", gpu.temperature.words());
    Some(finding.evidence(gpu.slowdowns.source.0.as_str(), reasons).saw(&gpu.temperature))
}

/// A quarter of the lanes or fewer: half is what many boards give to the second slot.
fn narrow(gpu: &NvmlGpu) -> Option<Finding> {
    let link = gpu.link.value()?;
    let narrow = link.width > 0 && link.width.saturating_mul(4) <= link.width_possible;
    let seen = format!("x{} of x{}", link.width, link.width_possible);
    narrow.then(|| {
        let finding =
            Finding::warn("narrow-link", "reseat").with("width", link.width).with("possible", link.width_possible);
        finding.evidence(gpu.link.source.0.as_str(), seen)
    })
}

/// Somebody asks for several GPUs, and what they send each other over PCI Express goes through the IOMMU's translation.
fn peers(nvidia: &NvidiaFacts, need: &Need) -> Option<Finding> {
    let wish = need.gpu.as_ref()?;
    let asked = matches!(wish.by, Origin::Flag(_) | Origin::File { .. } | Origin::RunLine { .. });
    let several = !matches!(wish.what, Gpus::Count(0 | 1));
    let translated = |index: &u32| {
        let gpu = nvidia.nvml.gpus.iter().find(|gpu| gpu.index == *index);
        let buses = nvidia.gpus.value().into_iter().flatten();
        gpu.is_some_and(|gpu| buses.into_iter().any(|bus| bus.address == gpu.address && bus.is_translated()))
    };
    let pairs = nvidia.nvml.peers.value()?.iter().filter(|(one, other)| translated(one) && translated(other));
    let pairs: Vec<String> = pairs.map(|(one, other)| format!("{one} and {other}")).collect();
    if !asked || !several || pairs.is_empty() {
        return None;
    }
    let shown = pairs.iter().take(MOST_PAIRS).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if pairs.len() > MOST_PAIRS { ", and others" } else { "" };
    let finding = Finding::warn("peers-through-iommu", "hand-through").with("pairs", format!("{shown}{more}"));
    let seen = format!("{} pairs over PCI Express", pairs.len());
    Some(finding.evidence(nvidia.nvml.peers.source.0.as_str(), seen).evidence("iommu_group/type", "DMA"))
}

fn unlicensed(gpu: &NvmlGpu) -> Option<Finding> {
    (gpu.licensed.value() == Some(&false)).then(|| Finding::warn("unlicensed", "license").saw(&gpu.licensed))
}

fn slow_start(nvml: &NvmlFacts) -> Option<Finding> {
    let off = nvml.gpus.iter().filter(|gpu| gpu.persistence.value() == Some(&false)).count();
    (off >= SLOW_START).then(|| {
        let seen = format!("off on {off} GPUs");
        Finding::warn("persistence-off", "persistence")
            .with("count", off)
            .evidence("nvmlDeviceGetPersistenceMode", seen)
    })
}
