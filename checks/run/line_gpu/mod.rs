//! Does the line ask for GPUs in a way that works?

mod other;
mod podman;
mod refused;
mod variables;

use crate::model::facts::host::Platform;
use crate::model::need::{Gpus, Origin as By};
use crate::model::prelude::*;
use crate::model::run::{Argument, Device, Edit, GpuRequest, Image, Mount, MountKind, RunOption, Variable};
use crate::readings::known_image;
use crate::readings::passage::{Container, Passage};

const VISIBLE: &str = "NVIDIA_VISIBLE_DEVICES";

pub static CHECK: Check = Check {
    id: "run-line-gpu",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Ok(Findings::new()) };
    if let Some(at) = line.opaque(&["gpus", "runtime"]) {
        let gap = Gap::Unsupported(format!("{} comes from a command that gdoctor does not run", at.text));
        return Ok(Finding::unknown(gap, Default::default()).asked_by(&at.origin()).into());
    }
    if line.podman {
        return podman::judge(facts, need, line);
    }
    if let Some(option) = line.all("gpus").find(|option| lost_quotes(option)) {
        return Ok(quotes_lost(option).into());
    }
    if facts.docker.is_elsewhere() && line.asks_for_gpu().is_some() {
        return Err(not_seen(facts));
    }
    let passage = match Container::of_line(facts, line).and_then(|container| facts.passage(&container)) {
        Ok(passage) => passage,
        Err(stop) => return Err(if is_of_a_gpu(facts, need, line) { stop } else { Stop::NotNeeded("no-gpu") }),
    };
    let mut findings: Findings = line.gpus.iter().filter_map(count_of_zero).collect();
    if let Some(refusal) = &passage.refused {
        findings.push(refused::judge(facts, need, line, refusal)?);
        return Ok(findings);
    }
    if let Some(doubt) = passage.doubt.clone() {
        return Err(doubt);
    }
    let Some(asked) = line.asks_for_gpu() else { return not_asked(facts, need, line, &passage) };
    if findings.is_empty() && passage.ways.is_empty() {
        findings.extend(nothing_comes(facts, line, asked)?);
    }
    if passage.without_gpu {
        findings.extend(none_is_named(facts, line, asked));
    }
    findings.extend(socket_in_the_way(facts, line, &passage));
    findings.extend(privileged_takes_all(facts, line, &passage));
    findings.extend(for_amd(line, asked));
    findings.extend(variables::overwritten(facts, line));
    findings.extend(variables::out_of_range(facts, line));
    if findings.is_empty() {
        let once = || Finding::pass("asked").with("flag", &asked.text).evidence("the line", &*asked.text);
        findings.push(both(line, &passage).unwrap_or_else(once).asked_by(&asked.origin()));
    }
    Ok(findings)
}

/// Docker Desktop's machine has no GPU of this host's, which another check tells; of another host nothing is seen.
fn not_seen(facts: &Facts) -> Stop {
    let desktop = facts.docker.info.value().is_some_and(|info| info.is_desktop());
    if desktop && facts.host.platform.value() != Some(&Platform::Wsl) {
        return Stop::blocked_by("gpu-path");
    }
    let gap = Gap::Unsupported("the daemon's toolkit cannot be seen from here".to_string());
    Stop::Unknown(gap, Default::default())
}

/// `--gpus device=0,1`: the comma has parted the value, because the shell took the inner quotes.
fn lost_quotes(option: &RunOption) -> bool {
    option.value.split_once(',').is_some_and(|(first, rest)| {
        first.starts_with("device=") && !rest.split(',').next().unwrap_or_default().contains('=')
    })
}

fn quotes_lost(option: &RunOption) -> Finding {
    let value = format!("'\"{}\"'", option.value.replace(['\'', '"'], ""));
    Finding::fail("quotes-lost", "quote")
        .with("value", &option.value)
        .evidence("the line", &*option.at.text)
        .edit(option.at.with_value(value))
        .asked_by(&option.at.origin())
}

fn count_of_zero(request: &GpuRequest) -> Option<Finding> {
    let none = request.count == Some(0) && request.devices.is_empty();
    let finding = none.then(|| Finding::warn("count-of-zero", "ask-for-one").edit(request.at.with_value("1")))?;
    Some(finding.evidence("the line", &*request.at.text).asked_by(&request.at.origin()))
}

/// `--gpus` and a runtime of NVIDIA's: the runtime's way is the one that counts. What that leaves unchecked run-line-require tells.
fn both(line: &RunLine, passage: &Passage) -> Option<Finding> {
    let (request, runtime) = (line.gpus.first()?, line.nvidia_runtime()?);
    let finding = Finding::pass("both-ways").with("one", &request.at.text).with("other", &runtime.text);
    Some(finding.with("path", passage.way()?).evidence("the line", &*runtime.text))
}

/// Asked for, and nobody brings any: the variable says none, or the toolkit does not heed it.
fn nothing_comes(facts: &Facts, line: &RunLine, asked: &Argument) -> Result<Option<Finding>, Stop> {
    let variable = line.variable(VISIBLE);
    let said = variable.and_then(|variable| variable.value.as_deref());
    // What an image that is not here would say is not known.
    let Some(image) = facts.run.image.value() else { return Ok(None) };
    let image = image.variables.get(VISIBLE).map(String::as_str);
    let named = said.or(image);
    let names = !line.gpus.is_empty() || named.is_some_and(|value| !says_none(value));
    let finding = match named {
        _ if names && is_shut(facts, line) => {
            let finding = match other::open(facts, line, asked) {
                Some(open) => {
                    Finding::fail("variable-ignored", "other-way").with("other", open.words).edits(open.edits)
                }
                // The file that closes all ways has to change.
                None => Finding::fail("variable-ignored", "nvidia-config/heed-variable"),
            };
            return Ok(Some(finding.with("flag", &asked.text).asked_by(&asked.origin())));
        }
        // Neither the variable nor config.toml says why.
        _ if names => {
            let gap = Gap::Unsupported(format!("nothing seen here tells why {} brings no GPU", asked.text));
            return Err(Stop::Unknown(gap, Default::default()));
        }
        Some(value) => Finding::fail("nothing-named", "name-visible").with("said", format!("it is {value:?}")),
        None => Finding::fail("nothing-named", "name-visible").with("said", "it is not set"),
    };
    let finding = finding.with("flag", &asked.text).edit(naming(line, named));
    Ok(Some(finding.evidence("the line", &*asked.text).asked_by(&asked.origin())))
}

/// config.toml closes the variable to this container.
fn is_shut(facts: &Facts, line: &RunLine) -> bool {
    let set = facts.toolkit.settings().and_then(|s| s.accept_nvidia_visible_devices_envvar_when_unprivileged);
    set == Some(false) && Container::of_line(facts, line).is_ok_and(|container| !container.is_admin)
}

/// One `none` or `void` in a list, or a name that comes twice, and none of its names counts; `none` alone is meant.
fn none_is_named(facts: &Facts, line: &RunLine, asked: &Argument) -> Option<Finding> {
    let said = line.variable(VISIBLE).and_then(|variable| variable.value.as_deref());
    let image = facts.run.image.value().and_then(|image| image.variables.get(VISIBLE)).map(String::as_str);
    let value = said.or(image).filter(|value| !is_none(Some(value)))?;
    let why = match value.split(',').any(|word| word.trim() == "none") {
        true => format!("it is {value:?}, in which none takes the others away"),
        false => format!("it is {value:?}, in which a name that comes twice takes all away"),
    };
    let finding = Finding::fail("none-counts", "name-visible").with("flag", &asked.text).with("said", why);
    let finding = finding.edit(naming(line, Some(value)));
    Some(finding.evidence("the line", &*asked.text).asked_by(&asked.origin()))
}

/// The GPUs that the variable names, each once; all where it names none.
fn naming(line: &RunLine, said: Option<&str>) -> Edit {
    let mut names: Vec<&str> = Vec::new();
    for word in said.unwrap_or_default().split(',').map(str::trim) {
        if !["", "none", "void"].contains(&word) && !names.contains(&word) {
            names.push(word);
        }
    }
    let list = if names.is_empty() { "all".to_string() } else { names.join(",") };
    match line.variable(VISIBLE) {
        Some(variable) => Edit { span: variable.at.value, text: format!("{VISIBLE}={list}") },
        None => line.insert(&format!("-e {VISIBLE}={list}")),
    }
}

/// A list with `void` in it is as good as none.
fn says_none(value: &str) -> bool {
    value.split(',').all(|word| word.trim().is_empty())
        || value.split(',').any(|word| ["none", "void"].contains(&word.trim()))
}

/// The older ways make a file in the container's /run for each socket of NVIDIA's daemons; where /run is the host's, the socket
/// itself lies there, and cannot be opened as a file.
fn socket_in_the_way(facts: &Facts, line: &RunLine, passage: &Passage) -> Option<Finding> {
    let obeys = passage.obeys_capabilities();
    let socket = facts.toolkit.sockets.value().filter(|_| obeys && !facts.docker.is_elsewhere())?.first()?;
    let run = ["/run", "/var/run"];
    let of_host = |mount: &&Mount| {
        let path = |path: &str| run.contains(&path.trim_end_matches('/'));
        mount.kind == MountKind::Bind && path(&mount.source) && path(&mount.target)
    };
    let mount = line.mounts.iter().find(of_host)?;
    let finding =
        Finding::fail("socket-in-the-way", "part-of-run").with("mount", &mount.at.text).with("socket", socket);
    Some(finding.evidence(facts.toolkit.sockets.source.0.as_str(), &**socket).asked_by(&mount.at.origin()))
}

/// The image is made for another vendor's GPUs than the option brings.
fn for_amd(line: &RunLine, asked: &Argument) -> Option<Finding> {
    let image = line.image.as_ref().filter(|image| known_image::is_for_amd(&image.reference))?;
    let finding = Finding::warn("for-amd", "amd-devices").with("image", &image.reference).with("flag", &asked.text);
    let finding = finding.edit(asked.without()).edit(line.insert("--device=/dev/kfd --device=/dev/dri"));
    Some(finding.evidence("the line", &*image.reference).asked_by(&asked.origin()))
}

/// A privileged container gets every node below /dev, those of GPUs that the line leaves out too.
fn privileged_takes_all(facts: &Facts, line: &RunLine, passage: &Passage) -> Option<Finding> {
    let privileged = &line.switch("privileged")?.at;
    let is_gpus = |path: &&str| {
        path.strip_prefix("/dev/nvidia").is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let here: Vec<&str> = facts.nvidia.nodes.value()?.iter().map(|node| node.path.as_str()).filter(is_gpus).collect();
    let taken = passage.nodes.iter().map(String::as_str).filter(is_gpus).count();
    let others: Vec<&str> = here.into_iter().filter(|path| !passage.nodes.contains(*path)).collect();
    if taken == 0 || others.is_empty() {
        return None;
    }
    let finding = Finding::warn("privileged-takes-all", "drop-privileged").edit(privileged.without());
    let finding = finding.with("flag", &privileged.text).with("others", others.join(", "));
    Some(finding.evidence(facts.nvidia.nodes.source.0.as_str(), others.join(" ")).asked_by(&privileged.origin()))
}

/// Nothing on the line brings a GPU: is one meant all the same, and does the default runtime bring it?
fn not_asked(facts: &Facts, need: &Need, line: &RunLine, passage: &Passage) -> Result<Findings, Stop> {
    if !is_of_a_gpu(facts, need, line) {
        return Err(Stop::NotNeeded("no-gpu"));
    }
    if facts.is_served_by_nvidias(line)
        && passage.ways.is_empty()
        && let Some(variable) = line.variable(VISIBLE).filter(|variable| !is_none(variable.value.as_deref()))
    {
        return Ok(nothing_comes(facts, line, &variable.at)?.into_iter().collect());
    }
    let meant = meant(line);
    let by_flag = by_flag(need);
    if let Some(way) = passage.way() {
        let named = line.last("runtime").map(|option| option.value.as_str());
        let name = named.or(facts.docker.info.value().map(|info| info.default_runtime.as_str())).unwrap_or_default();
        if let Some(finding) = privileged_takes_all(facts, line, passage) {
            return Ok(finding.into());
        }
        let finding = Finding::pass("default-runtime").with("path", way).with("runtime", name);
        return Ok(finding.evidence("GET /info", format!("{name} is a runtime of NVIDIA's")).into());
    }
    let count = match by_flag.map(|wish| wish.what) {
        Some(Gpus::Count(count)) => count.to_string(),
        _ => "all".to_string(),
    };
    let insert = line.insert(&format!("--gpus {count}"));
    let finding = match (meant, by_flag) {
        // What a GPU is to be used for does not ask for one.
        (Some(variable), _) if variable.name != VISIBLE => Finding::warn("variables-alone", "add-gpus")
            .with("variable", &variable.name)
            .evidence("the line", &*variable.at.text)
            .asked_by(&variable.at.origin()),
        (Some(variable), _) => Finding::fail("variables-alone", "add-gpus")
            .with("variable", &variable.name)
            .evidence("the line", &*variable.at.text)
            .asked_by(&variable.at.origin()),
        (None, Some(wish)) => {
            Finding::fail("not-asked", "add-gpus").with("who", &wish.by).evidence("the line", "no --gpus")
        }
        (None, None) if nodes_alone(line).is_some() => {
            let device = nodes_alone(line).map(|device| &device.at).cloned().unwrap_or_default();
            Finding::warn("nodes-alone", "add-gpus")
                .with("device", &device.text)
                .evidence("the line", &*device.text)
                .asked_by(&device.origin())
        }
        (None, None) if by_name(facts, line) => Finding::warn("not-asked", "add-gpus")
            .with("who", "the image, by its name,")
            .evidence("the line", line.image.as_ref().map_or("", |image| &*image.reference)),
        (None, None) => Finding::warn("not-asked", "add-gpus")
            .with("who", "the image, by its NVIDIA_VISIBLE_DEVICES,")
            .saw(&facts.run.image.clone().map(|_| "NVIDIA_VISIBLE_DEVICES is set")),
    };
    Ok(finding.edit(insert).into())
}

/// The line, a flag or the image speaks of one.
fn is_of_a_gpu(facts: &Facts, need: &Need, line: &RunLine) -> bool {
    let image = facts.run.image.value().and_then(|image| image.variables.get(VISIBLE));
    let by_image = image.is_some_and(|value| !is_none(Some(value)));
    let asked = line.asks_for_gpu().is_some() || meant(line).is_some() || by_flag(need).is_some();
    asked || by_image || by_name(facts, line) || facts.unasked_gpu(line).is_some() || nodes_alone(line).is_some()
}

/// An image that is still to be pulled, whose name tells that it is for NVIDIA's GPUs; on a host that has one.
fn by_name(facts: &Facts, line: &RunLine) -> bool {
    let wants = |image: &Image| known_image::wants_nvidia(&image.reference) && !image.at.opaque;
    let here = facts.nvidia.gpus.value().is_some_and(|gpus| !gpus.is_empty());
    here && facts.run.image.is_absent() && line.image.as_ref().is_some_and(wants)
}

/// A GPU's node on a line that brings no library: a mount of libraries may be the user's own way.
fn nodes_alone(line: &RunLine) -> Option<&Device> {
    let libraries = |mount: &Mount| mount.source.contains("/lib") || mount.source.contains("libcuda");
    let node = |device: &&Device| device.host.starts_with("/dev/nvidia") && !device.cdi;
    line.devices.iter().find(node).filter(|_| !line.mounts.iter().any(libraries))
}

fn meant(line: &RunLine) -> Option<&Variable> {
    let mut named = line.variables.iter().filter(|v| v.name.starts_with("NVIDIA_") && !is_none(v.value.as_deref()));
    let first = named.next()?;
    if first.name == VISIBLE { Some(first) } else { named.find(|v| v.name == VISIBLE).or(Some(first)) }
}

fn by_flag(need: &Need) -> Option<&Wish<Gpus>> {
    need.gpu.as_ref().filter(|wish| matches!(wish.by, By::Flag(_)))
}

fn is_none(value: Option<&str>) -> bool {
    matches!(value, None | Some("" | "none" | "void"))
}
