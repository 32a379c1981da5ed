//! Is NVIDIA's kernel module loaded, and does it drive the GPUs that are there? If not, the one reason that can be seen.

use crate::model::facts::host::Platform;
use crate::model::facts::nvidia::{Generation, NvidiaFacts, PciGpu};
use crate::model::prelude::*;
use crate::model::version::release_numbers;

pub static CHECK: Check = Check {
    id: "nvidia-driver",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    match facts.host.platform.value() {
        Some(Platform::Wsl | Platform::Wsl1) => return Err(Stop::NotNeeded("wsl")),
        Some(Platform::Jetson) => return Err(Stop::NotNeeded("jetson")),
        None => {}
    }
    let nvidia = &facts.nvidia;
    if let Some(cause) = nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let Some(module) = nvidia.module.known()? else {
        let finding = not_loaded(facts);
        return match finding.code == "reboot-pending" && facts.driver_waits_for_reboot() && need.docker.is_some() {
            true => Err(Stop::blocked_by("host-reboot")),
            false => Ok(finding.saw(&nvidia.module).into()),
        };
    };
    let undriven = nvidia.dropped_gpus(&module.version, module.open);
    let mut findings: Findings = undriven.gpus.iter().map(|gpu| dropped(gpu, undriven.branch, false)).collect();
    let unclaimed = nvidia
        .usable_gpus()
        .filter(|gpu| gpu.driver.is_none() && undriven.gpus.iter().all(|other| other.address != gpu.address));
    findings.extend(unclaimed.map(unclaimed_finding));
    let total = nvidia.usable_gpus().count();
    if findings.len() < total.max(1) {
        // Some GPU is driven: what is wrong with the others is a warning.
        findings = findings.into_iter().map(softened).collect();
        findings.insert(0, Finding::pass("loaded"));
        findings.extend(gone_after_restart(nvidia));
    }
    Ok(findings.into_iter().map(|f| f.with("version", &module.version).saw(&nvidia.module)).collect())
}

/// The kernel that starts next has no module, and nothing is seen that will build one.
fn gone_after_restart(nvidia: &NvidiaFacts) -> Option<Finding> {
    // A container that brings the driver builds it for whatever kernel has started.
    let next = nvidia.next_kernel.value().filter(|_| nvidia.driver_root.value().is_none())?;
    let source = nvidia.next_kernel.source.0.as_str();
    if let Some(lost) = next.version.as_deref().and_then(|version| nvidia.lost_to(version, next.is_open())) {
        let version = next.version.as_deref().unwrap_or_default();
        let fix = lost.fix().split_once('/').map_or("", |(_, fix)| fix);
        let finding = lost.told(Finding::warn("next-kernel-drops", fix)).with("next", &next.release);
        return Some(finding.with("other", version).evidence(source, format!("nvidia {version} in {}", next.release)));
    }
    if next.module || next.akmods && next.headers {
        return None;
    }
    let fix = if nvidia.is_of_installer() { "run-installer" } else { "build-next" };
    let code = if next.headers { "next-kernel-not-built" } else { "next-kernel-no-headers" };
    let seen = format!("no nvidia module in {}", next.release);
    let finding = Finding::warn(code, fix).with("next", &next.release).with("kernel", &next.release);
    Some(finding.evidence(source, seen))
}

fn softened(finding: Finding) -> Finding {
    use crate::model::finding::Verdict;
    match finding.verdict {
        Verdict::Fail(fix) => Finding { verdict: Verdict::Warn(fix), ..finding },
        _ => finding,
    }
}

/// A GPU that a driver of this branch and flavour cannot drive.
fn dropped(gpu: &PciGpu, branch: u32, on_disk: bool) -> Finding {
    let (code, fix) = match (gpu.generation(), branch) {
        (Generation::Blackwell, _) => ("needs-open", "install-open"),
        (Generation::BeforeMaxwell, _) => ("dropped", "install-legacy"),
        (_, 590..) => ("dropped", "install-580"),
        _ => ("needs-proprietary", "install-580"),
    };
    let last = gpu.last_branch().map(|last| last.to_string()).unwrap_or_default();
    let source = if on_disk { "the driver on disk" } else { "/sys/bus/pci/devices" };
    let id = format!("10de:{:04x}", gpu.device);
    Finding::fail(code, fix)
        .about(&gpu.address)
        .with("id", &id)
        .with("branch", branch)
        .with("last", last)
        .evidence(source, format!("{id} at {}, driver {}", gpu.address, gpu.driver.as_deref().unwrap_or("none")))
}

/// The module is there and leaves a GPU alone that it should know.
fn unclaimed_finding(gpu: &PciGpu) -> Finding {
    let (code, fix) = if gpu.no_address { ("no-address", "firmware") } else { ("unclaimed", "read-log") };
    let seen = format!("{} (10de:{:04x}), driver none", gpu.address, gpu.device);
    Finding::fail(code, fix).about(&gpu.address).evidence("/sys/bus/pci/devices", seen)
}

/// The most certain reason that the files show, in the order in which one hides the next.
fn not_loaded(facts: &Facts) -> Finding {
    let nvidia = &facts.nvidia;
    if facts.host.container.value().is_some() {
        return Finding::fail("not-loaded-outside", "load-outside").saw(&facts.host.container);
    }
    if !nvidia.is_installed() {
        if let Some(gpu) = nvidia.usable_gpus().find(|gpu| gpu.is_azures_share(&facts.host)) {
            let id = format!("10de:{:04x}", gpu.device);
            let finding = Finding::fail("not-installed-grid", "install-grid").about(&gpu.address).with("id", id);
            return finding.saw(&facts.host.azure).saw(&nvidia.nvml_library);
        }
        return Finding::fail("not-installed", installer(facts)).saw(&nvidia.nvml_library);
    }
    // Of all that may be wrong this alone is mended by another driver, and another driver mends the rest as well.
    let version = nvidia.version_on_disk().unwrap_or_default();
    let open = nvidia.module_file.value().and_then(|file| file.license.as_deref());
    let undriven = nvidia.dropped_gpus(version, open.map(|license| license.contains("GPL")));
    if let Some(gpu) = undriven.gpus.first().filter(|_| undriven.gpus.len() == nvidia.usable_gpus().count()) {
        let finding = dropped(gpu, undriven.branch, true).with("version", version);
        return finding.saw(&nvidia.module_file).saw(&nvidia.nvml_library);
    }
    if nvidia.kernel_tree.is_absent() {
        return Finding::fail("reboot-pending", "reboot").with("kernel", kernel(facts)).saw(&nvidia.kernel_tree);
    }
    let Some(file) = nvidia.module_file.value() else { return not_built(facts) };
    if let Some(line) = nvidia.blocked_module.value() {
        let place = &nvidia.blocked_module.source;
        return Finding::fail("blocked", fix_of_block(nvidia))
            .with("line", line)
            .with("file", place)
            .saw(&nvidia.blocked_module);
    }
    let finding = match (nvidia.secure_boot.value(), &file.signer) {
        (Some(true), None) if file.unsigned || file.license.is_some() && !file.unread_signature => {
            Finding::fail("unsigned", "enroll-key").with("signer", "nobody")
        }
        (Some(true), Some(signer)) if !is_vendor(signer) => {
            Finding::fail("own-key", "enroll-key").with("signer", signer)
        }
        (Some(true), None) => Finding::fail("not-loaded-secure-boot", "load"),
        _ => Finding::fail("not-loaded", "load"),
    };
    finding.with("path", &file.path).saw(&nvidia.module_file).saw(&nvidia.secure_boot)
}

/// The driver that fits: what distributions offer by itself has dropped GPUs before Turing, but for Debian's and Ubuntu's.
fn installer(facts: &Facts) -> &'static str {
    let newest = facts.nvidia.usable_gpus().map(PciGpu::generation).max();
    match (newest, facts.host.family()) {
        (Some(Generation::BeforeMaxwell), _) => "install-legacy",
        (Some(Generation::MaxwellToVolta), family) if family != Some("debian") => "install-580",
        _ => "install",
    }
}

fn not_built(facts: &Facts) -> Finding {
    let nvidia = &facts.nvidia;
    let newer = |tree: &&String| release_numbers(tree) > release_numbers(kernel(facts));
    let finding = match nvidia.built_for.value().and_then(|trees| trees.iter().find(newer)) {
        Some(tree) => Finding::fail("built-for-newer", "reboot").with("other", tree),
        None if nvidia.is_of_installer() => Finding::fail("not-built", "run-installer"),
        None => Finding::fail("not-built", "build"),
    };
    let finding = match nvidia.version_on_disk() {
        Some(version) => finding.with("version", version),
        None => finding,
    };
    let dkms = nvidia.dkms.value().filter(|versions| !versions.is_empty()).map(|versions| versions.join(", "));
    finding
        .with("kernel", kernel(facts))
        .saw(&nvidia.module_file)
        .evidence("/var/lib/dkms", dkms.as_deref().unwrap_or("no NVIDIA driver"))
}

fn fix_of_block(nvidia: &NvidiaFacts) -> &'static str {
    match nvidia.switched_off.value().map(String::as_str) {
        Some("prime-select") => "nvidia-gpu/prime-select",
        _ if nvidia.blocked_module.source.0 == "/proc/cmdline" => "unblock-cmdline",
        _ => "unblock",
    }
}

/// Signers whose keys come with the firmware's or the distribution's own chain of trust.
fn is_vendor(signer: &str) -> bool {
    [
        "Canonical",
        "Debian Secure Boot",
        "Red Hat",
        "Fedora",
        "SUSE",
        "openSUSE",
        "Microsoft",
        "Oracle",
        "Rocky",
        "AlmaLinux",
    ]
    .iter()
    .any(|vendor| signer.contains(vendor))
}

fn kernel(facts: &Facts) -> &str {
    facts.host.kernel.value().map_or("the running one", String::as_str)
}
