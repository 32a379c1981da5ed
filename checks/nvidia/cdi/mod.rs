//! Do the CDI specs that engines find describe this host as it is now?

use crate::model::facts::host::Platform;
use crate::model::facts::toolkit::{Content, Devices, Spec};
use crate::model::prelude::*;
use crate::model::version::Version;
use crate::readings::way::{Closed, Ways};

pub static CHECK: Check = Check {
    id: "nvidia-cdi",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

/// Engines before 26.1 skip specs of version 0.7.0.
const READS_0_7: [u32; 2] = [26, 1];
const SOCKET: &str = "nvidia-persistenced/socket";

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    let ways = facts.ways()?;
    let culprit = ways.culprit();
    if let Some(other) = culprit.filter(|culprit| *culprit != CHECK.id) {
        return Err(Stop::blocked_by(other));
    }
    let specs = facts.toolkit.specs.known()?.map(Vec::as_slice).unwrap_or_default();
    if culprit.is_some() {
        return Ok(closed(facts, &ways, specs).into());
    }
    if specs.is_empty() {
        return Err(Stop::NotNeeded("none"));
    }
    let wsl = facts.host.platform.value() == Some(&Platform::Wsl);
    if let Some(cause) = facts.nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let driver = if wsl { None } else { facts.nvidia.module.known()?.map(|module| module.version.as_str()) };
    let on_specs = ways.usual().is_some_and(|(_, way)| way.reads_specs());
    Ok(specs.iter().map(|spec| one(facts, specs, spec, driver, on_specs)).collect())
}

/// No way in is open, and a spec would open one.
fn closed(facts: &Facts, ways: &Ways, specs: &[Spec]) -> Finding {
    let broken = specs.iter().find_map(|spec| match &spec.content {
        Content::Malformed { line, column, why } => Some((&spec.path, *line, *column, why)),
        _ => None,
    });
    let finding = match (ways.device, broken) {
        (Err(Closed::CdiOff), _) => Finding::fail("off", "switch-on"),
        (_, Some((path, line, column, why))) => malformed(true, path, line, column, why),
        _ => Finding::fail("no-spec", "generate"),
    };
    let folders = facts.toolkit.specs.source.0.as_str();
    finding.with("folders", folders).evidence(folders, format!("{} specs of nvidia.com", specs.len()))
}

fn one(facts: &Facts, specs: &[Spec], spec: &Spec, driver: Option<&str>, on_specs: bool) -> Finding {
    let devices = match &spec.content {
        Content::Read(devices) => devices,
        // Another spec opens the way, so this one only lies there.
        Content::Malformed { line, column, why } => return malformed(false, &spec.path, *line, *column, why),
        Content::Unreadable(why) => {
            let source = facts.toolkit.specs.source.clone();
            return Finding::unknown(Gap::Unparsable(why.clone()), source).about(&spec.path);
        }
    };
    let saw = format!("cdiVersion {}, {} {}", devices.version, devices.kind, devices.names.join(" "));
    let fault = conflict(specs, spec).or_else(|| fault(facts, devices, driver));
    let finding = match fault {
        None => Finding::pass("fresh").with("count", devices.names.len()),
        Some(_) if is_shadowed(specs, spec) => Finding::warn("leftover", "put-aside"),
        Some(fault) => fault.build(on_specs),
    };
    finding.about(&spec.path).with("path", &spec.path).evidence(spec.path.as_str(), saw)
}

fn malformed(only_one: bool, path: &str, line: usize, column: usize, why: &str) -> Finding {
    let bad = if only_one { Finding::fail } else { Finding::warn };
    let finding = bad("malformed", "regenerate").about(path).with("path", path).with("why", why);
    let place = if line == 0 { "it".to_string() } else { format!("line {line}, column {column}") };
    finding.evidence(path, format!("{place}: {why}")).with("place", place)
}

/// What is wrong with a spec; it fails where specs are the way that is taken, and warns elsewhere.
struct Fault {
    code: &'static str,
    fix: &'static str,
    values: Vec<(&'static str, String)>,
    always_warn: bool,
}

impl Fault {
    fn new(code: &'static str, fix: &'static str, values: &[(&'static str, &str)]) -> Self {
        let values = values.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Self { code, fix, values, always_warn: false }
    }

    fn build(self, on_specs: bool) -> Finding {
        let bad = if on_specs && !self.always_warn { Finding::fail } else { Finding::warn };
        self.values.into_iter().fold(bad(self.code, self.fix), |finding, (name, value)| finding.with(name, value))
    }
}

fn fault(facts: &Facts, devices: &Devices, driver: Option<&str>) -> Option<Fault> {
    let engine = facts.docker.version.value()?;
    let (spec_version, engine_version) = (Version::parse(&devices.version), Version::leading(&engine.version));
    let too_new = spec_version.is_some_and(|version| version >= Version::new(&[0, 7]))
        && engine_version.is_some_and(|version| version < Version::new(&READS_0_7))
        && !engine.is_podman();
    if too_new {
        return Some(Fault::new(
            "too-new",
            "newer-engine",
            &[("version", &devices.version), ("engine", &engine.version)],
        ));
    }
    let other = devices.libraries.iter().find(|library| driver.is_some_and(|driver| library.version != driver));
    if let (Some(other), Some(driver)) = (other, driver) {
        let values = [("library", other.name.as_str()), ("version", &other.version), ("driver", driver)];
        return Some(Fault::new("stale", "regenerate", &values));
    }
    match devices.missing.iter().find(|path| !path.ends_with(SOCKET)).or(devices.missing.first()) {
        Some(socket) if socket.ends_with(SOCKET) => {
            return Some(Fault::new("no-socket", "persistenced", &[("file", socket)]));
        }
        Some(file) => return Some(Fault::new("missing", "regenerate", &[("file", file)])),
        None => {}
    }
    if devices.nodes && !devices.uvm {
        return Some(Fault::new("no-uvm", "uvm", &[]));
    }
    if let (Some(written), Some(major)) = (devices.uvm_major, facts.nvidia.majors.value().and_then(|majors| majors.uvm))
        && written != major
    {
        return Some(Fault::new("old-uvm", "uvm", &[("written", &written.to_string()), ("major", &major.to_string())]));
    }
    let field = devices.unknown.first()?;
    Some(Fault { always_warn: true, ..Fault::new("unknown-field", "regenerate", &[("field", field)]) })
}

/// Another file of the same folder defines one of its devices: then neither counts.
fn conflict(specs: &[Spec], spec: &Spec) -> Option<Fault> {
    let names = names(spec);
    let folder = folder(&spec.path);
    let other = specs.iter().find(|other| {
        other.path != spec.path
            && self::folder(&other.path) == folder
            && self::names(other).iter().any(|name| names.contains(name))
    })?;
    Some(Fault::new("conflict", "put-aside", &[("other", &other.path)]))
}

/// Every device that it defines is defined again in a folder of higher priority.
fn is_shadowed(specs: &[Spec], spec: &Spec) -> bool {
    let later =
        specs.iter().skip_while(|other| other.path != spec.path).filter(|o| folder(&o.path) != folder(&spec.path));
    let defined: Vec<_> = later.flat_map(names).collect();
    !names(spec).is_empty() && names(spec).iter().all(|name| defined.contains(name))
}

fn names(spec: &Spec) -> Vec<(&str, &str)> {
    let devices = spec.devices().into_iter();
    devices.flat_map(|devices| devices.names.iter().map(|name| (devices.kind.as_str(), name.as_str()))).collect()
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
