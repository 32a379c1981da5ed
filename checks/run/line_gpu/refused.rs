//! What docker, the toolkit or runc refuses of this line's way to a GPU, where the line itself has to change: what each name or
//! word of it would have to be, and which other way is open.

use crate::model::finding::Verdict;
use crate::model::prelude::*;
use crate::model::run::{Argument, RunLine};
use crate::readings::passage::names::{Here, Name};
use crate::readings::passage::{Missing, Refusal};
use crate::readings::way::KIND;

use super::other;

/// The finding for a refusal; a `Stop` where another check has the cause.
pub fn judge(facts: &Facts, need: &Need, line: &RunLine, refusal: &Refusal) -> Result<Finding, Stop> {
    if let Some(at) = of_another_vendor(line, refusal) {
        let finding = Finding::fail("other-vendor", "see-specs").with("flag", &at.text);
        return Ok(finding.evidence("docker's words", refusal.to_string()).asked_by(&at.origin()));
    }
    let at = culprit(line, refusal);
    let finding = match refusal {
        _ if refusal.closes_the_way() => return closed(facts, need, line, refusal),
        Refusal::CountAndDevices => count_and_devices(line),
        Refusal::NoSuchDriver(name) => Finding::fail("no-such-driver", "other-way").with("driver", name),
        Refusal::NoSuchCapability(words) => Finding::fail("no-such-capability", "by-variable")
            .with("word", words.join(","))
            .edits(other::words_by_variable(line, words)),
        Refusal::CountByCdi => Finding::fail("count-by-cdi", "other-way"),
        Refusal::CdiNameAtHook(name) => Finding::fail("cdi-name-at-hook", "other-way").with("name", name),
        Refusal::NoAutomatic(name) => Finding::fail("automatic-name", "plain-names")
            .with("name", name)
            .with("version", facts.toolkit.version.words())
            .edits(plain_names(line)),
        Refusal::MixedVendors => Finding::fail("mixed-vendors", "plain-names").edits(plain_names(line)),
        Refusal::NoNameHere(id) => Finding::fail("no-name-here", "list-gpus").with("id", id),
        // Fewer GPUs than are counted: told of the host.
        Refusal::UnknownDevice { .. } if has_too_few(facts, line) => return Err(Stop::blocked_by("nvidia-gpu")),
        Refusal::UnknownDevice { id, missing } => unknown_device(facts, id, *missing),
        Refusal::Unresolvable { names, known, .. } => unresolvable(facts, names, known),
        Refusal::NoChannel(id) => Finding::fail("no-such-channel", "list-channels").with("id", id),
        Refusal::NoControlNode => Finding::fail("no-control-node", "nvidia-nodes/make-nodes"),
        Refusal::MigWithoutRights(variable) => {
            Finding::fail("mig-without-rights", "give-rights").with("variable", variable)
        }
        // Whatever the container is for.
        Refusal::NoRuntimeProgram { .. } if need.gpu.is_none() => return Err(Stop::blocked_by("docker-programs")),
        other if need.gpu.is_some() || other.owner().starts_with("run-line-") => {
            return Err(Stop::blocked_by(other.owner()));
        }
        _ => Finding::fail("refused-by-default", "plain-runtime").edit(line.insert("--runtime=runc")),
    };
    let finding = match finding.verdict {
        Verdict::Fail("other-way") => other::instead(facts, line, finding, at),
        _ => finding,
    };
    let flag = at.map_or("", |at| at.text.as_str());
    let finding = finding.with("flag", flag).evidence("docker's words", refusal.to_string());
    Ok(at.map_or(finding.clone(), |at| finding.asked_by(&at.origin())))
}

/// Docker refuses the line when one of its ways is closed, whatever the others do. Where no way is open at all, another check has
/// the cause.
fn closed(facts: &Facts, need: &Need, line: &RunLine, refusal: &Refusal) -> Result<Finding, Stop> {
    let Some(at) = culprit(line, refusal) else {
        // The default runtime: the line says nothing of it.
        return match need.gpu {
            Some(_) => Err(Stop::blocked_by(refusal.owner())),
            None => Ok(Finding::fail("refused-by-default", "plain-runtime").edit(line.insert("--runtime=runc"))),
        };
    };
    if is_of_the_host(facts, refusal) {
        return Err(Stop::blocked_by(match facts.ways().ok().and_then(|ways| ways.culprit()) {
            Some(culprit) => culprit,
            None => refusal.owner(),
        }));
    }
    if let Some(open) = other::open(facts, line, at) {
        let finding = Finding::fail("way-closed", "other-way").with("flag", &at.text).with("other", open.words);
        let finding = finding.with("why", why(facts, refusal));
        return Ok(finding.edits(open.edits).evidence("docker's words", refusal.to_string()).asked_by(&at.origin()));
    }
    if let Refusal::Unresolvable { names, known, .. } = refusal
        && let Some(name) =
            names.iter().find_map(|name| name.strip_prefix(KIND)?.strip_prefix('=')).filter(|n| *n != "all")
        && !known.is_empty()
    {
        return Ok(not_named(facts, name, known).asked_by(&at.origin()));
    }
    match facts.ways().ok().map(|ways| (ways.culprit(), ways.any_open())) {
        // Other ways are open, and none of them leads this line to its GPUs: so nobody else has a failure of it.
        Some((None, true)) => {
            let finding = Finding::fail("no-way", remedy(facts, refusal)).with("flag", &at.text);
            Ok(finding.evidence("docker's words", refusal.to_string()).asked_by(&at.origin()))
        }
        culprit => Err(Stop::blocked_by(culprit.and_then(|(culprit, _)| culprit).unwrap_or(refusal.owner()))),
    }
}

/// The host was to have this way and a setting or a restart is missing: that is the cause, whatever other way is open.
fn is_of_the_host(facts: &Facts, refusal: &Refusal) -> bool {
    match refusal {
        Refusal::CdiOff => facts.engine_can_cdi(),
        Refusal::NoRuntime(name) => name == "nvidia" && facts.has_a_runtime_to_register(),
        _ => matches!(refusal, Refusal::CameLater | Refusal::NoFolders),
    }
}

/// The cause in a few words.
fn why(facts: &Facts, refusal: &Refusal) -> String {
    let engine = facts.docker.version.value().map_or("", |version| version.version.as_str());
    match refusal {
        Refusal::CdiOff => format!("Docker {engine} knows no CDI names, which came with 25.0"),
        Refusal::NoProgram => "dockerd has found none of the toolkit's programs that serve it".to_string(),
        Refusal::NoRuntime(name) => format!("the daemon has no runtime named {name}"),
        Refusal::Unresolvable { .. } => "no CDI spec has that name".to_string(),
        Refusal::HookRefuses(mode) if mode == "csv" => "it leads to NVIDIA's hook, which serves no Jetson".to_string(),
        Refusal::HookRefuses(mode) => {
            format!("it leads to NVIDIA's hook, which config.toml's mode = {mode:?} makes refuse")
        }
        _ => "this engine takes no GPUs that way".to_string(),
    }
}

/// What opens a way that is closed.
fn remedy(facts: &Facts, refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::CdiOff if !facts.engine_can_cdi() => "nvidia-cdi/newer-engine",
        Refusal::NoProgram => "nvidia-toolkit/install",
        Refusal::CameLater => "nvidia-toolkit/restart-docker",
        Refusal::CdiOff => "nvidia-cdi/switch-on",
        Refusal::NoFolders => "nvidia-cdi/name-folders",
        Refusal::NoRuntime(_) => "nvidia-runtime/register",
        _ => "make-spec",
    }
}

/// A CDI name that is none of NVIDIA's, where docker refuses for its sake.
fn of_another_vendor<'a>(line: &'a RunLine, refusal: &Refusal) -> Option<&'a Argument> {
    let mut others = line.devices.iter().filter(|device| device.cdi && !device.host.starts_with("nvidia.com/"));
    let has_nvidias = line.asks_for_gpu().is_some();
    let other = match refusal {
        Refusal::Unresolvable { names, .. } => others.find(|device| names.contains(&device.host)),
        Refusal::CdiOff | Refusal::NoFolders if !has_nvidias => others.next(),
        Refusal::NodeGone { spec, .. } | Refusal::FileGone { spec, .. } if !has_nvidias && !spec.is_empty() => {
            others.next()
        }
        _ => None,
    };
    other.map(|device| &device.at)
}

/// The argument that leads into the refusal.
fn culprit<'a>(line: &'a RunLine, refusal: &Refusal) -> Option<&'a Argument> {
    let device =
        |name: &str| line.devices.iter().find(|device| device.cdi && device.host == name).map(|device| &device.at);
    let cdi = || line.devices.iter().find(|device| device.cdi && device.host.starts_with("nvidia.com/")).map(|d| &d.at);
    let runtime = || line.last("runtime").map(|option| &option.at);
    let gpus = || line.gpus.first().map(|request| &request.at);
    let variable = || line.variable("NVIDIA_VISIBLE_DEVICES").map(|variable| &variable.at);
    match refusal {
        Refusal::Unresolvable { names, .. } => {
            names.iter().find_map(|name| device(name)).or_else(gpus).or_else(variable).or_else(runtime)
        }
        Refusal::CdiOff | Refusal::NoFolders | Refusal::NodeGone { .. } | Refusal::FileGone { .. } => {
            cdi().or_else(gpus).or_else(runtime)
        }
        Refusal::NoRuntime(_) | Refusal::NoRuntimeProgram { .. } => runtime(),
        Refusal::NoAutomatic(_) | Refusal::MixedVendors => variable().or_else(runtime),
        Refusal::UnknownDevice { id, .. } | Refusal::NoNameHere(id) => {
            let has =
                |request: &&crate::model::run::GpuRequest| request.devices.contains(id) || request.count.is_some();
            let request = line.gpus.iter().find(has).map(|request| &request.at);
            request.or_else(variable).or_else(runtime)
        }
        _ => gpus().or_else(runtime),
    }
}

/// The variable with plain numbers and ids in the place of CDI names.
fn plain_names(line: &RunLine) -> Vec<crate::model::run::Edit> {
    let Some(variable) = line.variable("NVIDIA_VISIBLE_DEVICES") else { return Vec::new() };
    let names = variable.value.iter().flat_map(|value| value.split(','));
    let names: Vec<&str> = names.map(|name| name.trim().rsplit('=').next().unwrap_or_default()).collect();
    vec![variable.at.with_value(format!("NVIDIA_VISIBLE_DEVICES={}", names.join(",")))]
}

fn has_too_few(facts: &Facts, line: &RunLine) -> bool {
    let here = facts.nvidia.usable_gpus().count() as i64;
    facts.nvidia.gpus.value().is_some()
        && line.gpus.iter().any(|request| request.count.is_some_and(|count| count > here))
}

fn count_and_devices(line: &RunLine) -> Finding {
    let finding = Finding::fail("count-and-devices", "devices-alone");
    match line.gpus.iter().find(|request| request.count.is_some() && !request.devices.is_empty()) {
        Some(request) => finding.edit(request.at.with_value(format!("'\"device={}\"'", request.devices.join(",")))),
        None => finding,
    }
}

fn unknown_device(facts: &Facts, id: &str, missing: Missing) -> Finding {
    let here = Here::of(facts);
    let (code, fix) = match missing {
        Missing::Gpu => ("no-such-gpu", "list-gpus"),
        Missing::Slice => ("no-such-slice", "list-slices"),
        Missing::Id => ("no-such-id", "list-gpus"),
    };
    let slices = match Name::of(id) {
        Name::Slice(gpu, _) => here.slices(gpu).unwrap_or_default(),
        _ => 0,
    };
    let finding = Finding::fail(code, fix).with("id", id).with("count", here.count.unwrap_or_default());
    finding.with("slices", slices).saw(&facts.nvidia.nvml.listed)
}

/// A GPU that is not there has no spec that would help; one that is there has, once it is made anew.
fn unresolvable(facts: &Facts, names: &[String], known: &[String]) -> Finding {
    let own = names.iter().filter_map(|name| name.strip_prefix(KIND)?.strip_prefix('='));
    if let Some((id, missing)) = own.filter_map(|name| Some((name, Here::of(facts).lacks(name)?))).next() {
        return unknown_device(facts, id, missing);
    }
    let first = names.first().map_or("", String::as_str);
    not_named(facts, first.strip_prefix("nvidia.com/gpu=").unwrap_or(first), known)
}

fn not_named(facts: &Facts, name: &str, known: &[String]) -> Finding {
    let plain = known.iter().map(|name| name.strip_prefix("nvidia.com/gpu=").unwrap_or(name)).collect::<Vec<_>>();
    let seen = if plain.is_empty() { "no GPU".to_string() } else { plain.join(", ") };
    let name = if name.contains('=') { name.to_string() } else { format!("{KIND}={name}") };
    let finding = Finding::fail("unnamed", "make-spec").with("name", name).with("seen", &seen);
    finding.evidence(facts.toolkit.specs.source.0.as_str(), seen)
}
