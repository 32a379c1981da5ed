//! Does CUDA start on this host? Where it does not, no container's will.

use crate::model::facts::nvidia::{ComputeMode, CudaFacts, Fabric, NvidiaFacts, NvmlGpu, Start};
use crate::model::prelude::*;
use crate::readings::cuda::error_name;

pub static CHECK: Check = Check {
    id: "nvidia-cuda",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if facts.host.platform.value().is_some() {
        return Err(Stop::NotNeeded("other-platform"));
    }
    let nvidia = &facts.nvidia;
    if let Some(cause) = nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    if nvidia.nvml.start.value() != Some(&Start::Works) {
        return Err(Stop::blocked_by("nvidia-nvml"));
    }
    let cuda = &nvidia.cuda;
    let Some(code) = cuda.start.known()?.copied() else { return Err(Stop::NotNeeded("would-load")) };
    if code == 0 {
        return Ok(Finding::pass("starts").saw(&cuda.library).into());
    }
    if is_closed_to_me(facts) {
        return Err(Stop::Unknown(Gap::Denied, cuda.start.source.clone()));
    }
    if nvidia.nvml.gpus.iter().any(keeps_cuda_out) {
        return Err(Stop::blocked_by("nvidia-health"));
    }
    let seen = format!("{code} {}", error_name(code));
    let finding = cause(nvidia, code).with("code", code).with("error", error_name(code));
    let library = cuda.library.value().map_or("libcuda.so.1", String::as_str);
    let finding = finding.with("library", library).evidence(cuda.start.source.0.as_str(), seen.trim());
    Ok(finding.saw(&cuda.library).saw(&cuda.resumed).saw(&nvidia.module).into())
}

fn cause(nvidia: &NvidiaFacts, code: u32) -> Finding {
    let CudaFacts { resumed, hmm, .. } = &nvidia.cuda;
    let open = nvidia.module.value().and_then(|module| module.open) == Some(true);
    match code {
        34 | 803 | 804 => Finding::fail("other-libcuda", "which-libcuda"),
        802 => Finding::fail("not-ready", "nvidia-health/start-fabric-manager")
            .with("index", 0)
            .with("branch", nvidia.branch().map_or_else(|| "BRANCH".to_string(), |branch| branch.to_string())),
        100 => Finding::fail("no-device", "read-log"),
        _ if resumed.value().is_some_and(|times| *times > 0) => {
            Finding::fail("stuck-after-suspend", "reload-memory-module")
        }
        3 | 999 if open && hmm.value() == Some(&true) => Finding::fail("memory-management", "switch-hmm-off"),
        _ => Finding::fail("refuses", "read-log"),
    }
}

/// NVML tells of a state in which CUDA finds nothing or waits; the check of GPUs' health says so.
fn keeps_cuda_out(gpu: &NvmlGpu) -> bool {
    let fabric = gpu.fabric.value();
    gpu.refused.is_some()
        || gpu.mig.value().is_some_and(|mig| mig.enabled && mig.instances == 0)
        || gpu.compute_mode.value() == Some(&ComputeMode::Prohibited)
        || matches!(fabric, Some(Fabric::NotStarted | Fabric::InProgress | Fabric::Failed(_)))
}

/// A node that this user may not open says nothing about what root's containers may.
fn is_closed_to_me(facts: &Facts) -> bool {
    let Some(user) = facts.host.user.value() else { return false };
    let nodes = facts.nvidia.nodes.value().into_iter().flatten().filter(|node| node.is_device);
    let open = |node: &crate::model::facts::nvidia::Node| {
        node.mode & 0o006 == 0o006 || (user.groups.contains(&node.gid) && node.mode & 0o060 == 0o060)
    };
    user.uid != 0 && nodes.into_iter().any(|node| !node.path.starts_with("/dev/nvidia-caps/") && !open(node))
}
