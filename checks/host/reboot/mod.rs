//! Can the running kernel still load its modules, or was it upgraded under it?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "host-reboot",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    // A container and a kernel in one piece have no modules of their own.
    let fact = &facts.engine.modules;
    let modules = fact.known()?.filter(|modules| modules.loadable && !modules.kernels.is_empty());
    let Some(modules) = modules.filter(|_| facts.host.container.value().is_none()) else {
        return Err(Stop::NotNeeded("no-modules"));
    };
    let kernel = facts.host.kernel.value().map_or("", String::as_str);
    let finding = if !modules.running {
        Finding::warn("upgraded", "reboot").with("installed", modules.kernels.join(", "))
    } else if let Some(packages) = facts.engine.reboot_wanted.value() {
        Finding::pass("wanted").with("packages", packages.join(", "))
    } else {
        Finding::pass("current")
    };
    Ok(finding.with("kernel", kernel).evidence(fact.source.0.as_str(), modules.kernels.join(", ")).into())
}
