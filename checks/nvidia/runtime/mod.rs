//! Does the daemon know a runtime named nvidia, and is that runtime's program there?

use crate::model::prelude::*;
use crate::model::version::Version;
use crate::readings::passage::Refusal;
use crate::readings::way::Ways;

pub static CHECK: Check = Check {
    id: "nvidia-runtime",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    facts.is_for_docker(need)?;
    if facts.is_of_podman(need) {
        return Err(Stop::NotNeeded("podman"));
    }
    let info = facts.docker.info.known()?.ok_or(Stop::blocked_by("docker-engine"))?;
    let is_default = info.default_runtime == "nvidia";
    let refused = need.run.as_ref().and(facts.passage_for(need)).and_then(|passage| passage.refused);
    if let Some(Refusal::NoRuntimeProgram { runtime, path }) = &refused
        && !(is_default && runtime == "nvidia")
        && runtime != &info.default_runtime
    {
        let finding = Finding::fail("dangling", "register-anew").with("path", path).with("runtime", runtime);
        return Ok(finding.evidence("GET /info", path.as_str()).into());
    }
    if let Some(runtime) = info.runtimes.get("nvidia") {
        if facts.toolkit.registered_program.is_absent() {
            let culprit = facts.ways()?.culprit().filter(|culprit| *culprit != CHECK.id && !is_default);
            if let Some(culprit) = culprit {
                return Err(Stop::blocked_by(culprit));
            }
            let open = facts.ways()?.any_open();
            return Ok(dangling(is_default, open, &runtime.path).evidence("GET /info", runtime.path.as_str()).into());
        }
        let code = if is_default { "default" } else { "registered" };
        return Ok(Finding::pass(code).with("path", &runtime.path).evidence("GET /info", runtime.path.as_str()).into());
    }
    let ways = facts.ways()?;
    if let Some(culprit) = ways.culprit().filter(|culprit| *culprit != CHECK.id) {
        return Err(Stop::blocked_by(culprit));
    }
    let by_line = refused == Some(Refusal::NoRuntime("nvidia".to_string())) && facts.has_a_runtime_to_register();
    if by_line && facts.docker.config_fault(facts.engine_to_start().as_ref()).is_some() {
        // What the file registers or not, dockerd does not read it.
        return Err(Stop::blocked_by("docker-config"));
    }
    if facts.way_that_serves(need).is_some() {
        return Err(Stop::NotNeeded("other-way"));
    }
    let finding = unregistered(facts, &ways, by_line);
    let at = need.run.as_ref().and_then(|line| line.last("runtime")).filter(|_| by_line);
    let finding = at.iter().fold(finding, |finding, option| finding.asked_by(&option.at.origin()));
    Ok(finding.evidence("GET /info", "no runtime named nvidia").into())
}

/// As the default runtime, a missing program stops every container; otherwise those that name it.
fn dangling(is_default: bool, open: bool, path: &str) -> Finding {
    let finding = match (is_default, open) {
        (true, _) => Finding::fail("default-dangling", "register-anew"),
        (false, true) => Finding::warn("dangling", "register-anew"),
        (false, false) => Finding::fail("dangling", "register-anew"),
    };
    finding.with("path", path).with("runtime", "nvidia")
}

/// The snap sets up NVIDIA's runtime beside Ubuntu Core too since June 2024, when it had Docker 24.0.5 (its pull request 161).
fn snap_has_support(facts: &Facts) -> bool {
    let version = facts.docker.version.value().and_then(|version| Version::leading(&version.version));
    version.is_none_or(|version| version > Version::new(&[24, 0, 5]))
}

/// It fails where this very line names it, and where no other way is open.
fn unregistered(facts: &Facts, ways: &Ways, by_line: bool) -> Finding {
    let bad = if ways.any_open() && !by_line { Finding::warn } else { Finding::fail };
    if facts.docker.info.value().is_some_and(|info| info.is_snap()) {
        return bad("snap-without", if snap_has_support(facts) { "snap-support" } else { "snap-refresh" });
    }
    let files = facts.toolkit.daemon_files.value().map(Vec::as_slice).unwrap_or_default();
    let mine = files.iter().find(|file| file.in_use);
    if let Some(file) = mine.filter(|file| file.registers) {
        return bad("not-reloaded", "restart-docker").with("file", &file.path);
    }
    match (files.iter().find(|file| file.registers), mine) {
        (Some(other), Some(mine)) => bad("wrong-file", "register").with("file", &other.path).with("own", &mine.path),
        (Some(other), None) => {
            // It need not be there.
            let own = facts.docker.config.source.0.as_str();
            let own = if own.starts_with('/') { own } else { "another one" };
            bad("wrong-file", "register").with("file", &other.path).with("own", own)
        }
        _ => bad("not-registered", "register"),
    }
}
