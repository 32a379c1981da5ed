//! Does NVML, the library behind nvidia-smi, answer, and does it see every GPU that is on the bus?

use crate::model::facts::host::Platform;
use crate::model::facts::nvidia::{Generation, PciGpu, Refusal, Start};
use crate::model::need::Capability;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "nvidia-nvml",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let nvidia = &facts.nvidia;
    if let Some(cause) = nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    if facts.host.is_application_container() && nvidia.nvml_library.is_absent() {
        return Err(Stop::NotNeeded("inside"));
    }
    let nvml = &nvidia.nvml;
    let Some(start) = nvml.start.known()? else { return Err(Stop::NotNeeded("no-nvml")) };
    let utility = need.capabilities.iter().any(|wish| wish.what == Capability::Utility);
    if nvidia.nvml_library.is_absent() && utility && matches!(start, Start::NoLibrary(_)) {
        // The capability that brings this library names its package.
        return Err(Stop::blocked_by("driver-capability"));
    }
    let wsl = facts.host.platform.value() == Some(&Platform::Wsl);
    // Windows' own library carries no version: this one came with a Linux driver.
    let not_reached = matches!(
        start,
        Start::Refused(
            Refusal::DriverNotLoaded | Refusal::NotFound | Refusal::VersionMismatch | Refusal::LibraryNotFound
        )
    );
    if not_reached && wsl && nvidia.nvml_library.value().is_some_and(|library| library.version.is_some()) {
        return Err(Stop::blocked_by("driver-capability"));
    }
    let jetson = facts.host.platform.value() == Some(&Platform::Jetson);
    if *start != Start::Works {
        return if jetson { Err(Stop::NotNeeded("no-nvml")) } else { refused(facts, start).map(Findings::from) };
    }
    let count = nvml.count.known()?.copied().unwrap_or(0);
    let missing: Vec<&PciGpu> =
        nvidia.usable_gpus().filter(|gpu| gpu.is_held_by("nvidia") && !is_seen(facts, gpu)).collect();
    let mut findings: Findings = Vec::new();
    let unseen: Findings = missing.iter().map(|gpu| unseen(facts, gpu)).collect();
    if count == 0 && !unseen.is_empty() && unseen.iter().all(|finding| finding.code == "excluded") {
        findings
            .push(Finding::fail("all-excluded", "include").saw(&nvidia.listed.clone().map(|_| "GPU Excluded: Yes")));
    } else if count == 0 && !jetson {
        findings.push(Finding::fail("sees-none", "read-log"));
    } else {
        nvml.listed.known()?;
        findings.extend(unseen);
        if findings.iter().all(|finding| finding.code == "excluded") {
            findings.push(Finding::pass("answers"));
        }
    }
    Ok(findings.into_iter().map(|f| with_counts(facts, f, count)).collect())
}

/// A GPU on the bus that NVML does not count: kept out on purpose, or lost.
fn unseen(facts: &Facts, gpu: &PciGpu) -> Finding {
    let nvidia = &facts.nvidia;
    let listed = nvidia.listed.value().map(|gpus| gpus.iter().find(|listed| listed.address == gpu.address));
    if listed.flatten().is_some_and(|listed| listed.excluded) {
        let finding = Finding::pass("excluded").about(&gpu.address);
        return finding.evidence(nvidia.listed.source.0.as_str(), "GPU Excluded: Yes");
    }
    let seen = format!("{} (10de:{:04x})", gpu.address, gpu.device);
    let finding = Finding::fail("gpu-missing", "restart").about(&gpu.address).evidence("/sys/bus/pci/devices", seen);
    let finding = match nvidia.faults_of(&gpu.address) {
        Some(faults) => finding.evidence("the kernel's log", faults),
        None => finding,
    };
    match listed {
        Some(None) => finding.evidence(nvidia.listed.source.0.as_str(), "not in the driver's list"),
        _ => finding,
    }
}

fn with_counts(facts: &Facts, finding: Finding, count: u32) -> Finding {
    let nvml = &facts.nvidia.nvml;
    finding
        .with("count", count)
        .with("driver", nvml.driver.words())
        .with("cuda", nvml.cuda.words())
        .saw(&nvml.count)
        .saw(&nvml.driver)
        .saw(&nvml.cuda)
}

/// By address; where NVML told none of a GPU, by count. Inside a container the bus shows the host's GPUs, NVML only those that
/// the container was given.
fn is_seen(facts: &Facts, gpu: &PciGpu) -> bool {
    if facts.host.container.value().is_some() {
        return true;
    }
    let nvidia = &facts.nvidia;
    let seen = &nvidia.nvml.gpus;
    if seen.iter().any(|other| other.address.is_empty()) {
        return seen.len() >= nvidia.usable_gpus().filter(|gpu| gpu.is_held_by("nvidia")).count();
    }
    // An older card beside newer ones, which the driver check warns of, is no lost one.
    seen.iter().any(|other| other.address == gpu.address) || gpu.generation() == Generation::BeforeMaxwell
}

/// nvmlInit did not succeed: what its answer means here, where the module is loaded and the versions agree.
fn refused(facts: &Facts, start: &Start) -> Result<Finding, Stop> {
    let nvml = &facts.nvidia.nvml;
    let (code, fix) = match start {
        Start::Works => ("answers", ""),
        Start::NoLibrary(_) => ("no-library", "install-library"),
        Start::BadLibrary(_) => ("bad-library", "which-library"),
        Start::Refused(refusal) => match refusal {
            Refusal::VersionMismatch => ("version-mismatch", "which-library"),
            Refusal::DriverNotLoaded | Refusal::NotFound if facts.host.platform.value() == Some(&Platform::Wsl) => {
                ("blocked-by-windows", "nvidia-gpu/wsl-driver")
            }
            Refusal::DriverNotLoaded | Refusal::NotFound => ("driver-not-reached", "make-nodes"),
            // Another user, or root in a container, may well be let in.
            Refusal::NoPermission => return Err(Stop::Unknown(Gap::Denied, nvml.start.source.clone())),
            Refusal::OperatingSystem if facts.host.platform.value() == Some(&Platform::Wsl) => {
                ("blocked-by-windows", "nvidia-gpu/wsl-driver")
            }
            Refusal::OperatingSystem => ("blocked-by-system", "cgroup"),
            Refusal::GpuIsLost | Refusal::ResetRequired => ("gpu-lost", "restart"),
            Refusal::InsufficientPower => ("no-power", "power"),
            Refusal::IrqIssue => ("no-interrupt", "read-log"),
            Refusal::LibraryNotFound | Refusal::FunctionNotFound => ("bad-library", "which-library"),
            _ => ("error", "read-log"),
        },
    };
    Ok(Finding::fail(code, fix).with("words", start).saw(&nvml.start).saw(&facts.nvidia.nvml_library))
}
