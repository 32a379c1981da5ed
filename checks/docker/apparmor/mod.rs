//! Can dockerd load the AppArmor profile that it gives every container?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-apparmor",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.docker.info;
    let Some(info) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    if !info.has_security_option("apparmor") || info.is_snap() {
        return Err(Stop::NotNeeded("not-used"));
    }
    let host = &facts.engine.apparmor;
    let Some(apparmor) = host.known()? else { return Err(Stop::NotNeeded("not-used")) };
    let finding = match &apparmor.parser {
        Some(path) => Finding::pass("loadable").with("path", path),
        None => Finding::fail("no-parser", "install-parser"),
    };
    Ok(finding
        .evidence(fact.source.0.as_str(), "name=apparmor")
        .evidence(host.source.0.as_str(), apparmor.parser.as_deref().unwrap_or("no apparmor_parser"))
        .into())
}
