//! Is there an NVIDIA GPU that NVIDIA's driver holds or could take?

use crate::model::facts::host::Platform;
use crate::model::facts::nvidia::{NvidiaFacts, PciGpu};
use crate::model::need::Gpus;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "nvidia-gpu",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let nvidia = &facts.nvidia;
    match facts.host.platform.value() {
        Some(Platform::Wsl) => return Ok(wsl(nvidia)?.into()),
        Some(Platform::Wsl1) => return Err(Stop::blocked_by("docker-engine")),
        Some(Platform::Jetson) => return Ok(Finding::pass("jetson").evidence("host", "Tegra").into()),
        None => {}
    }
    let Some(all) = nvidia.gpus.known()? else { return Ok(none(facts, need).into()) };
    let usable: Vec<&PciGpu> = nvidia.usable_gpus().collect();
    let source = nvidia.gpus.source.0.as_str();
    let kept: Vec<&PciGpu> = all.iter().filter(|gpu| usable.iter().all(|u| u.address != gpu.address)).collect();
    let branch = nvidia.branch();
    let mut findings: Findings = kept.iter().map(|gpu| held(gpu, usable.is_empty(), branch, source)).collect();
    let wanted = match need.gpu.as_ref().map(|wish| wish.what) {
        Some(Gpus::Count(count)) => count as usize,
        _ => 1,
    };
    if usable.len() >= wanted {
        let found = Finding::pass("found").with("count", usable.len());
        findings.insert(0, usable.iter().fold(found, |f, gpu| f.evidence(source, words(gpu))));
    } else if !usable.is_empty() {
        let few = Finding::fail("too-few", "attach").with("count", usable.len()).with("wanted", wanted);
        findings.insert(0, usable.iter().fold(few, |f, gpu| f.evidence(source, words(gpu))));
    }
    Ok(findings)
}

/// A GPU that is kept from NVIDIA's driver: a failure when there is no other.
/// `branch`: of the driver that is installed.
fn held(gpu: &PciGpu, alone: bool, branch: Option<u32>, source: &str) -> Finding {
    let driver = gpu.driver.as_deref().unwrap_or_default();
    let own = gpu.is_held_by_kernels_own();
    let dropped = branch.is_some_and(|branch| gpu.is_older_than(branch));
    let (code, fix) = match gpu.last_branch() {
        Some(580) if own && dropped => ("held-and-dropped", "nvidia-driver/install-580"),
        Some(_) if own && dropped => ("held-and-dropped", "nvidia-driver/install-legacy"),
        _ if own => ("held-by-nouveau", "blacklist-nouveau"),
        _ => ("passed-through", "give-back"),
    };
    let finding = match (alone, own) {
        (true, _) => Finding::fail(code, fix),
        (false, true) => Finding::warn(code, fix),
        // Somebody gave this one to a virtual machine and kept others: that is how it is meant.
        (false, false) => Finding::pass("reserved"),
    };
    let last = gpu.last_branch().map(|last| last.to_string()).unwrap_or_default();
    let finding = finding.with("last", last).with("branch", branch.unwrap_or_default());
    finding.about(&gpu.address).with("driver", driver).evidence(source, words(gpu))
}

fn none(facts: &Facts, need: &Need) -> Finding {
    let nvidia = &facts.nvidia;
    let finding = match nvidia.switched_off.value().map(String::as_str) {
        Some("prime-select") => Finding::fail("switched-off", "prime-select"),
        Some(_) => Finding::fail("switched-off", "envycontrol"),
        None => {
            let finding = match need.run.as_ref().and_then(|line| line.asks_for_gpu()) {
                Some(at) => Finding::fail("none", "leave-out").asked_by(&at.origin()),
                None => Finding::fail("none", "attach"),
            };
            return finding.evidence(nvidia.gpus.source.0.as_str(), "no NVIDIA display controller");
        }
    };
    finding.with("mark", &nvidia.switched_off.source).saw(&nvidia.switched_off)
}

/// /dev/dxg is any GPU's way into WSL.
fn wsl(nvidia: &NvidiaFacts) -> Result<Finding, Stop> {
    let (dxg, driver) = (&nvidia.dxg, &nvidia.windows_driver);
    Ok(match dxg.known()? {
        Some(_) if driver.is_absent() => Finding::fail("wsl-no-nvidia", "wsl-driver").saw(driver),
        Some(_) if nvidia.dxcore.is_absent() => Finding::fail("wsl-no-dxcore", "wsl-driver").saw(&nvidia.dxcore),
        Some(_) => Finding::pass("wsl").saw(dxg).saw(driver),
        None => Finding::fail("wsl-no-adapter", "wsl-driver").saw(dxg),
    })
}

fn words(gpu: &PciGpu) -> String {
    format!("{} (10de:{:04x}), driver {}", gpu.address, gpu.device, gpu.driver.as_deref().unwrap_or("none"))
}
