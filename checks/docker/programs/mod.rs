//! Is the running dockerd the installed one, and are the programs there that start a container?

use crate::model::facts::docker::Place;
use crate::model::facts::engine::DaemonHelper;
use crate::model::need::strongest;
use crate::model::prelude::*;
use crate::readings::engine_to_start::is_engine_package;

pub static CHECK: Check = Check {
    id: "docker-programs",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let Some(version) = docker.version.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    if version.is_podman() {
        return Err(Stop::NotNeeded("podman"));
    }
    let replaced = facts.engine.daemon_replaced.value() == Some(&true);
    let off = docker.setting("userland-proxy", |settings| settings.userland_proxy).is_some_and(|set| !set.value);
    let port = strongest(&need.ports).filter(|_| !off && !names(facts, PROXY_PATH));
    let init = need.run.as_ref().and_then(|line| line.last("init")).filter(|option| option.value != "false");
    let init = init.filter(|_| !names(facts, INIT_PATH));
    let fact = &facts.engine.helpers;
    let runtime = runtime_gone(facts, need);
    let helpers = match (fact.known(), runtime) {
        (Ok(Some(helpers)), _) => helpers,
        // Who starts a container is known without dockerd's process.
        (_, Some(gone)) => return Ok(gone.with("package", package(facts)).into()),
        (Ok(None), None) => return Err(Stop::NotNeeded("out-of-sight")),
        (Err(stop), None) => return Err(stop),
    };
    let gone = |name: &str| helpers.iter().any(|helper| helper.name == name && helper.path.is_none());
    let mut findings = Findings::new();
    let containerd = facts.engine.containerd.value().filter(|containerd| !containerd.listens);
    findings.extend(containerd.map(|containerd| {
        let finding = Finding::fail("containerd-down", "docker-engine/start-containerd");
        let finding = finding.with("address", &containerd.address);
        finding.evidence(facts.engine.containerd.source.0.as_str(), format!("nobody listens at {}", containerd.address))
    }));
    let other = need.run.as_ref().is_some_and(|line| line.last("runtime").is_some_and(|option| option.value != "runc"));
    let missing = ["runc", "containerd-shim-runc-v2"].into_iter().filter(|name| !other && gone(name));
    findings.extend(missing.map(|name| {
        Finding::fail("no-runtime", "reinstall-runtime").about(name).with("package", package_of(facts, name))
    }));
    findings.extend(runtime_gone(facts, need));
    let wanted = |helper: &&DaemonHelper| match helper.name.as_str() {
        "docker-proxy" => port.is_some(),
        "docker-init" => init.is_some(),
        _ => !other,
    };
    findings.extend(helpers.iter().filter(wanted).filter_map(|helper| {
        let (path, unfit) = (helper.path.as_ref()?, helper.unfit.as_ref()?);
        let finding = Finding::fail("unfit", "see-program").about(&helper.name).with("path", path);
        Some(finding.with("why", unfit).evidence(path.as_str(), unfit.to_string()))
    }));
    if let Some(by) = port.filter(|_| gone("docker-proxy")) {
        findings.push(Finding::fail("no-proxy", "reinstall").asked_by(by));
    }
    if let Some(option) = init.filter(|_| gone("docker-init")) {
        findings.push(Finding::fail("no-init", "reinstall").asked_by(&option.at.origin()));
    }
    if replaced {
        // A restart of what is no longer installed ends the engine.
        let finding = match gone("dockerd") && docker.daemon_program.is_absent() {
            true => Finding::warn("removed", "docker-client/install"),
            false => Finding::warn("replaced", "docker-engine/restart"),
        };
        findings.push(finding.saw(&facts.engine.daemon_replaced).with("version", &version.version));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("found"));
    }
    let package = package(facts);
    let with_package = |f: Finding| if f.code == "no-runtime" { f } else { f.with("package", package) };
    Ok(findings.into_iter().map(|f| with_package(f).evidence(fact.source.0.as_str(), seen(helpers))).collect())
}

/// The program of a runtime that is not runc: the one that the line names, else Docker's default.
fn runtime_gone(facts: &Facts, need: &Need) -> Option<Finding> {
    let docker = &facts.docker;
    let info = docker.info.value()?;
    let line = need.run.as_ref();
    let named = line.and_then(|line| line.last("runtime")).filter(|option| !option.value.is_empty());
    let name = named.map_or(&info.default_runtime, |option| &option.value);
    let path = &info.runtimes.get(name)?.path;
    // Looked for by dockerd's own PATH where its process is seen, and with what GPUs need.
    let gone = |helper: &DaemonHelper| helper.name == *path && helper.path.is_none();
    let is_gone = facts.engine.helpers.value().is_some_and(|helpers| helpers.iter().any(gone));
    if name == "runc" || path.is_empty() || !(is_gone || facts.toolkit.program_of(name).is_absent()) {
        return None;
    }
    // Told there, with what GPUs need.
    if (name == "nvidia" || named.is_some()) && need.gpu.is_some() && facts.has_a_driven_gpu().is_ok() {
        return Some(Stop::blocked_by("nvidia-runtime").into());
    }
    let finding = match named {
        Some(option) => {
            let edit = option.at.with_value("runc");
            Finding::fail("named-gone", "plain-runtime").edit(edit).asked_by(&option.at.origin())
        }
        None => {
            let set = docker.setting("default-runtime", |settings| settings.default_runtime.as_deref());
            let by_file = set.is_some_and(|set| matches!(set.place, Place::File(_)));
            let fix = if by_file { "docker-config/default-runc" } else { "docker-engine/mend-command" };
            Finding::fail("default-gone", fix).with("path", docker.config_path())
        }
    };
    Some(finding.with("name", name).with("program", path).evidence("GET /info", path.as_str()))
}

/// Keys of daemon.json by which dockerd is told a path and looks for none.
const PROXY_PATH: &str = "userland-proxy-path";
const INIT_PATH: &str = "init-path";

fn names(facts: &Facts, key: &str) -> bool {
    let docker = &facts.docker;
    docker.settings().is_some_and(|settings| settings.kinds.contains_key(key))
        || docker.command.value().is_some_and(|command| command.options.contains_key(key))
}

/// Docker's own repository has runc and the shim in containerd.io, distributions in packages of their own.
fn package_of(facts: &Facts, program: &str) -> &'static str {
    let packages = facts.engine.packages.value().map(Vec::as_slice).unwrap_or_default();
    let dockers = packages.iter().any(|package| ["containerd.io", "docker-ce"].contains(&package.name.as_str()));
    match (dockers, program) {
        (true, _) => "containerd.io",
        (false, "runc") => "runc",
        (false, _) => "containerd",
    }
}

/// The package that brings dockerd and these programs.
fn package(facts: &Facts) -> &str {
    let packages = facts.engine.packages.value().map(Vec::as_slice).unwrap_or_default();
    let installed = packages.iter().map(|package| package.name.as_str()).find(|name| is_engine_package(name));
    installed.unwrap_or("docker-ce")
}

fn seen(helpers: &[DaemonHelper]) -> String {
    let one = |helper: &DaemonHelper| helper.path.clone().unwrap_or_else(|| format!("{} not there", helper.name));
    helpers.iter().map(one).collect::<Vec<_>>().join(", ")
}
