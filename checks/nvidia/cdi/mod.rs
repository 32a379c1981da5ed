//! Do the CDI specs that engines find describe this host as it is now?

use crate::model::facts::host::Platform;
use crate::model::facts::toolkit::{Content, Devices, Spec};
use crate::model::finding::Verdict;
use crate::model::prelude::*;
use crate::readings::passage::Refusal;
use crate::readings::passage::registry::Untaken;
use crate::readings::way::{Closed, Way, Ways};

pub static CHECK: Check = Check {
    id: "nvidia-cdi",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

const SOCKET: &str = "nvidia-persistenced/socket";

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    facts.is_for_docker(need)?;
    let ways = ways(facts, need)?;
    let podman = facts.is_of_podman(need);
    if podman && need.run.is_some() && facts.podman_lacks_cdi() {
        return Err(Stop::blocked_by("run-line-gpu"));
    }
    let line = need.run.as_ref().filter(|line| !line.podman);
    let passage = facts.passage_for(need);
    let refused = passage.as_ref().and_then(|passage| passage.refused.as_ref());
    let mine = refused.filter(|refusal| refusal.owner() == CHECK.id);
    let culprit = ways.culprit();
    if let Some(other) = culprit.filter(|culprit| *culprit != CHECK.id && (mine.is_none() || !facts.engine_can_cdi())) {
        return Err(Stop::blocked_by(other));
    }
    if let Some(other) = refused.filter(|refusal| line.is_some() && mine.is_none() && !refusal.closes_the_way())
        && culprit.is_some()
    {
        return Err(Stop::blocked_by(other.owner()));
    }
    let seen = facts.toolkit.specs.known()?.map(Vec::as_slice).unwrap_or_default();
    let specs: Vec<Spec> = seen.iter().filter(|spec| !is_of_another_vendor(spec)).cloned().collect();
    let specs = specs.as_slice();
    // A line whose own way is closed by a setting, whatever others are open.
    let by_line = line.filter(|_| matches!(mine, Some(Refusal::CdiOff | Refusal::NoFolders)));
    if by_line.is_some_and(|_| facts.engine_can_cdi())
        || culprit.is_some() && (ways.device.is_err() || mine.is_some_and(Refusal::closes_the_way))
    {
        let by = by_line.and_then(|line| line.by.as_ref());
        let finding = closed(facts, &ways, specs, podman);
        return Ok(by.iter().fold(finding, |finding, by| finding.asked_by(by)).into());
    }
    let own = facts.toolkit.runtime_specs.value().map(Vec::as_slice).unwrap_or_default();
    let named = |spec: &&Spec| match mine {
        Some(Refusal::NodeGone { spec: path, .. } | Refusal::FileGone { spec: path, .. }) => *path == spec.path,
        Some(Refusal::Conflict { specs, .. }) => specs.contains(&spec.path),
        _ => false,
    };
    let mut all: Vec<&Spec> = specs.iter().collect();
    let others = seen.iter().filter(|spec| is_of_another_vendor(spec));
    all.extend(own.iter().chain(others).filter(named));
    if all.is_empty() {
        return Err(Stop::NotNeeded("none"));
    }
    let wsl = facts.host.platform.value() == Some(&Platform::Wsl);
    if let Some(cause) = facts.nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    let driver = if wsl { None } else { facts.nvidia.module.known()?.map(|module| module.version.as_str()) };
    let reads = |way: Way| way.reads_specs();
    let on_specs = match &passage {
        Some(passage) => passage.ways.iter().copied().any(reads),
        None => (line.is_none() || podman) && ways.usual().is_some_and(|(_, way)| reads(way)),
    };
    // Docker refuses this very line, or the usual one, for the sake of one spec.
    let weight = |spec: &Spec| match mine {
        Some(_) if named(&spec) => Weight::Refused,
        _ if on_specs => Weight::Used,
        _ => Weight::Unused,
    };
    let by = need.run.as_ref().and_then(|line| line.by.as_ref());
    let findings = all.into_iter().map(|spec| one(facts, specs, spec, driver, weight(spec), podman));
    let of_line = |finding: Finding| match (&finding.verdict, by) {
        (Verdict::Fail(_), Some(by)) => finding.asked_by(by),
        _ => finding,
    };
    Ok(findings.map(of_line).collect())
}

/// Its devices are no GPUs of NVIDIA's. A file that is no spec may be anybody's.
fn is_of_another_vendor(spec: &Spec) -> bool {
    spec.devices().is_some_and(|devices| !devices.kind.starts_with("nvidia.com/"))
}

/// What hangs on a spec.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// A container is refused for its sake.
    Refused,
    /// Containers get what it says.
    Used,
    Unused,
}

/// No way in is open, and a spec would open one.
/// Where the other ways cannot be seen, what the engine says of its CDI still closes that of a line's own name.
fn ways(facts: &Facts, need: &Need) -> Result<Ways, Stop> {
    facts.ways_for(need).or_else(|stop| {
        let refused = facts.passage_for(need).and_then(|passage| passage.refused);
        let unseen = Err(Closed::NotKnown);
        match refused {
            Some(Refusal::CdiOff | Refusal::NoFolders) if need.run.is_some() => {
                Ok(Ways { gpus: unseen, runtime: unseen, device: Err(Closed::CdiOff) })
            }
            _ => Err(stop),
        }
    })
}

fn closed(facts: &Facts, ways: &Ways, specs: &[Spec], podman: bool) -> Finding {
    let broken = specs.iter().find_map(|spec| match &spec.content {
        Content::Malformed { line, column, why } => Some((&spec.path, *line, *column, why)),
        _ => None,
    });
    let fault = |spec: &Spec| untaken(facts, spec.devices()?, podman).or_else(|| conflict(specs, spec));
    let untaken = specs.iter().find_map(|spec| Some((&spec.path, fault(spec)?)));
    let told = facts.toolkit.daemon_file().and_then(|file| file.spec_dirs.as_deref());
    let none = told.is_some_and(|dirs| dirs.iter().all(String::is_empty));
    let finding = match (ways.device, broken, untaken) {
        (Err(Closed::CdiOff), ..) if none => Finding::fail("no-folders", "name-folders"),
        (Err(Closed::CdiOff), ..) if facts.engine_can_cdi() => Finding::fail("off", "switch-on"),
        (_, Some((path, line, column, why)), _) => malformed(true, path, line, column, why),
        (_, None, Some((path, fault))) => fault.build(true).about(path).with("path", path),
        _ => Finding::fail("no-spec", "generate"),
    };
    let folders = facts.toolkit.specs.source.0.as_str();
    finding.with("folders", folders).evidence(folders, format!("{} specs of nvidia.com", specs.len()))
}

fn one(facts: &Facts, specs: &[Spec], spec: &Spec, driver: Option<&str>, weight: Weight, podman: bool) -> Finding {
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
    let fault = conflict(specs, spec).or_else(|| fault(facts, devices, driver, podman));
    let finding = match fault {
        None if weight != Weight::Unused && is_gone_at_start(facts, specs, spec) => {
            let fix = if facts.toolkit.refresh.value().is_some() { "enable-refresh" } else { "generate" };
            let seen = "nothing that writes a CDI spec";
            Finding::warn("not-kept", fix).evidence(facts.nvidia.at_boot.source.0.as_str(), seen)
        }
        None => Finding::pass("fresh").with("count", devices.names.len()),
        Some(_) if weight != Weight::Refused && is_shadowed(specs, spec) => Finding::warn("leftover", "put-aside"),
        Some(fault) => {
            let fails = weight == Weight::Refused || weight == Weight::Used && !fault.closes;
            fault.build(fails)
        }
    };
    finding.about(&spec.path).with("path", &spec.path).evidence(spec.path.as_str(), saw)
}

fn malformed(only_one: bool, path: &str, line: usize, column: usize, why: &str) -> Finding {
    let bad = if only_one { Finding::fail } else { Finding::warn };
    let why = if line == 0 { why.to_string() } else { format!("line {line}, column {column}: {why}") };
    bad("malformed", "regenerate").about(path).with("path", path).with("why", &why).evidence(path, why)
}

/// What is wrong with a spec; it fails where containers get what it says, and warns elsewhere.
struct Fault {
    code: &'static str,
    fix: &'static str,
    values: Vec<(&'static str, String)>,
    /// Readers take nothing of it: what is used then comes from elsewhere.
    closes: bool,
}

impl Fault {
    fn new(code: &'static str, fix: &'static str, values: &[(&'static str, &str)]) -> Self {
        let values = values.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Self { code, fix, values, closes: false }
    }

    fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    fn build(self, fails: bool) -> Finding {
        let bad = if fails { Finding::fail } else { Finding::warn };
        self.values.into_iter().fold(bad(self.code, self.fix), |finding, (name, value)| finding.with(name, value))
    }
}

/// Readers are strict: one thing that they do not know, and the whole file does not count.
fn untaken(facts: &Facts, devices: &Devices, podman: bool) -> Option<Fault> {
    let engine = match podman {
        true => facts.podman_version().map_or("of an unknown version".to_string(), |version| version.to_string()),
        false => facts.docker.version.value().map_or(String::new(), |engine| engine.version.clone()),
    };
    let engine = engine.as_str();
    let (name, fix) = if podman { ("podman", "for-podman") } else { ("Docker", "newer-engine") };
    let version = devices.version.as_str();
    let fault = match facts.untaken(devices, podman)? {
        Untaken::TooNew => Fault::new("too-new", fix, &[("version", version), ("name", name), ("engine", engine)]),
        Untaken::Version => Fault::new(
            "not-read",
            "regenerate",
            &[("why", &format!("there is no version {version} of the specification"))],
        ),
        Untaken::Needs(least) => Fault::new(
            "not-read",
            "regenerate",
            &[("why", &format!("its version is {version}, and it uses what came with {least}"))],
        ),
        Untaken::Field(field) => Fault::new("unknown-field", "regenerate", &[("field", &field)]),
        Untaken::Fault(why) => Fault::new("not-read", "regenerate", &[("why", &why)]),
    };
    Some(fault.closing())
}

fn fault(facts: &Facts, devices: &Devices, driver: Option<&str>, podman: bool) -> Option<Fault> {
    if let Some(fault) = untaken(facts, devices, podman) {
        return Some(fault);
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
    None
}

/// Another file of the same folder defines one of its devices: then that name leads nowhere. Told of the smaller one of the two,
/// without which the least is lost.
fn conflict(specs: &[Spec], spec: &Spec) -> Option<Fault> {
    let own = names(spec);
    let rank = |spec: &Spec| (names(spec).len(), spec.path.clone());
    let beside = |other: &&Spec| folder(&other.path) == folder(&spec.path) && rank(spec) < rank(other);
    let shared = |other| Some((other, names(other).into_iter().find(|name| own.contains(name))?));
    let (other, (kind, name)) = specs.iter().filter(beside).find_map(shared)?;
    let device = format!("{kind}={name}");
    Some(Fault::new("conflict", "put-aside", &[("other", &other.path), ("device", &device)]).closing())
}

/// Every device that it defines is defined again in a folder of higher priority.
fn is_shadowed(specs: &[Spec], spec: &Spec) -> bool {
    let later =
        specs.iter().skip_while(|other| other.path != spec.path).filter(|o| folder(&o.path) != folder(&spec.path));
    let defined: Vec<_> = later.flat_map(names).collect();
    !names(spec).is_empty() && names(spec).iter().all(|name| defined.contains(name))
}

/// It lies in memory, was written by hand, and no spec that lasts defines all of its devices.
fn is_gone_at_start(facts: &Facts, specs: &[Spec], spec: &Spec) -> bool {
    let lasting: Vec<_> = specs.iter().filter(|other| !other.is_below_run()).flat_map(names).collect();
    spec.is_below_run()
        && facts.is_made_by_hand(spec.changed)
        && facts.nothing_makes(|at_boot| &at_boot.specs)
        && names(spec).iter().any(|name| !lasting.contains(name))
}

fn names(spec: &Spec) -> Vec<(&str, &str)> {
    let devices = spec.devices().into_iter();
    devices.flat_map(|devices| devices.names.iter().map(|name| (devices.kind.as_str(), name.as_str()))).collect()
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
