//! Are the loaded module and the driver's libraries of one version?

use crate::model::facts::nvidia::{ModuleFile, NvidiaFacts};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "nvidia-version",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if facts.host.platform.value().is_some() {
        return Err(Stop::NotNeeded("one-piece"));
    }
    let nvidia = &facts.nvidia;
    if let Some(cause) = nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let Some(module) = nvidia.module.known()? else { return Err(Stop::blocked_by("nvidia-driver")) };
    let (nvml, cuda) = (nvidia.nvml_library.known()?, nvidia.cuda_library.known()?);
    let (nvml, cuda) = (nvml.and_then(|l| l.version.as_deref()), cuda.and_then(|l| l.version.as_deref()));
    let loaded = module.version.as_str();
    let finding = match (nvml, cuda) {
        _ if nvidia.nvml_library.is_absent() && nvidia.cuda_library.is_absent() => {
            let branch = loaded.split('.').next().unwrap_or_default();
            let fix = if facts.host.is_lxc_guest() { "as-outside" } else { "install-libraries" };
            Finding::fail("no-libraries", fix).with("branch", branch)
        }
        (Some(nvml), Some(cuda)) if nvml != cuda => {
            Finding::fail("mixed", "one-driver").with("nvml", nvml).with("cuda", cuda)
        }
        (Some(library), _) | (_, Some(library)) if library != loaded && facts.host.is_lxc_guest() => {
            Finding::fail("outside-differs", "as-outside").with("library", library)
        }
        (Some(library), _) | (_, Some(library)) if library != loaded => {
            mismatch(nvidia, loaded, library).with("library", library)
        }
        (Some(_), _) | (_, Some(_)) => Finding::pass("same"),
        (None, None) => {
            return Err(Stop::Unknown(
                Gap::Unparsable("the library's file has no version in its name".into()),
                nvidia.nvml_library.source.clone(),
            ));
        }
    };
    let finding =
        finding.with("loaded", loaded).saw(&nvidia.module).saw(&nvidia.nvml_library).saw(&nvidia.cuda_library);
    Ok(finding.into())
}

/// The module on disk tells which of the two is old: the one in memory, or the one that was never built.
fn mismatch(nvidia: &NvidiaFacts, loaded: &str, library: &str) -> Finding {
    let on_disk = nvidia.module_file.value().and_then(|file| file.version.as_deref());
    let finding = match on_disk {
        Some(disk) if disk == library => {
            match nvidia.lost_to(disk, nvidia.module_file.value().and_then(ModuleFile::is_open)) {
                Some(lost) => lost.told(Finding::fail("reboot-drops", lost.fix())),
                None => Finding::fail("reboot-pending", "nvidia-driver/reboot"),
            }
        }
        Some(disk) => {
            let known = nvidia.dkms.value().is_some_and(|versions| versions.iter().any(|v| v == library));
            let fix = if known && disk == loaded { "build" } else { "one-driver" };
            Finding::fail("module-differs", fix).with("disk", disk)
        }
        None => Finding::fail("mismatch", "reboot-first"),
    };
    finding.saw(&nvidia.module_file)
}
