//! gdoctor as the container's process: looks at what was asked for, tells it on standard output, and waits until nobody listens.

use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::camera::{Opened, Queue};
use gdoctor_checks::model::facts::frame::First;
use gdoctor_checks::model::facts::library::{Found, Kind as LibraryKind, libraries, look_up};
use gdoctor_checks::model::facts::nvidia::Start;
use gdoctor_checks::model::facts::proof::{Kind, Look, Seen};
use gdoctor_checks::model::need::{Camera, Capability, Codec, Need, Origin, Wish};
use gdoctor_checks::readings::cuda::error_name;
use serde::{Deserialize, Serialize};

use super::asked::{Answer, Asked, Device, Door};
use crate::host::files::Kind as FileKind;
use crate::host::{Deadline, Host, child, client, output, threads, within};
use crate::probe;

/// The most that one look may take.
const LOOK: Duration = Duration::from_secs(5);
/// Nodes of a folder that a line brings in.
const NODES: usize = 32;
/// Opening these does nothing; others act when they are opened.
const HARMLESS: [&str; 7] =
    ["/dev/dri/", "/dev/nvidia", "/dev/kfd", "/dev/snd/", "/dev/fuse", "/dev/kvm", "/dev/net/tun"];

/// Err: the argument is none.
pub fn run(argument: &str) -> Result<(), String> {
    let asked: Asked =
        serde_json::from_slice(argument.as_bytes()).map_err(|why| format!("not what gdoctor asks: {why}"))?;
    let end = Deadline::after(Duration::from_secs(asked.lasts.clamp(1, 600)));
    let failed =
        |door: &Door| within::answer(door.port, door.udp, asked.word.clone()).err().map(|why| (*door, why.to_string()));
    tell(&Answer::Listens(asked.ports.iter().filter_map(failed).collect()))?;
    tell(&Answer::Looked(looks(&asked)))?;
    client::wait_for_silence(end);
    Ok(())
}

fn tell(answer: &Answer) -> Result<(), String> {
    let line = serde_json::to_string(answer).map_err(|why| why.to_string())?;
    output::write_stdout(format!("{line}\n").as_bytes())
}

fn looks(asked: &Asked) -> Vec<Look> {
    let host = Host::new("/", LOOK);
    let cameras = asked.devices.iter().filter(|device| device.camera);
    let cameras = cameras.map(|device| Wish::new(Camera::Path(device.path.clone()), Origin::Default)).collect();
    let need = Need { cameras, ..asked.need.clone() };
    let facts = probe::within(&host, &need);
    let mut all = Vec::new();
    if need.gpu.is_some() {
        all.extend(gpu_nodes(&facts).map(|seen| look(Kind::Gpu, "nodes", seen)));
        all.push(look(Kind::Gpu, "NVML", nvml(&facts)));
        if need.capabilities.iter().any(|wish| wish.what.word() == "compute") {
            all.push(look(Kind::Gpu, "CUDA", cuda(&facts)));
        }
    }
    for wish in &need.capabilities {
        all.push(look(Kind::Capability, wish.what.word(), capability(&facts, wish)));
    }
    all.extend(
        need.decode.iter().map(|wish| look(Kind::Codec, &format!("decode {}", wish.what), decodes(&facts, wish.what))),
    );
    all.extend(
        need.encode.iter().map(|wish| look(Kind::Codec, &format!("encode {}", wish.what), encodes(&facts, wish.what))),
    );
    if need.display.is_some() {
        all.push(display(&facts));
        let memory = probe::display::shared_memory(&host, &facts.display);
        all.extend(memory.map(|seen| look(Kind::Memory, "MIT-SHM", seen)));
    }
    let nodes = |device: &Device| match device.camera {
        true => vec![look(Kind::Camera, &device.path, camera(&facts, &device.path))],
        false => devices(&host, device),
    };
    all.extend(asked.devices.iter().flat_map(nodes));
    all.extend(asked.limits.iter().map(|limit| limit.look(&host)));
    all
}

fn look(kind: Kind, subject: &str, seen: Fact<Seen>) -> Look {
    Look { kind, subject: subject.to_owned(), seen, foretold: None }
}

fn nvml(facts: &Facts) -> Fact<Seen> {
    let nvml = &facts.nvidia.nvml;
    let counted = nvml.count.value().copied().unwrap_or_default();
    let driver = nvml.driver.value().map_or("?", String::as_str);
    nvml.start.clone().map(|start| match start {
        Start::Works if counted > 0 => Seen::Works(format!("{counted} GPU(s), driver {driver}")),
        Start::Works => Seen::Fails(format!("NVML answers and sees no GPU; driver {driver}")),
        other => Seen::Fails(other.to_string()),
    })
}

/// The nodes that the engine brought, opened as the driver's library opens them: a control group may deny what the file's mode
/// allows. `None` where there are none, which the others tell.
fn gpu_nodes(facts: &Facts) -> Option<Fact<Seen>> {
    // Others belong to modules of their own, which may not be loaded, or are for reading alone.
    let decides = |path: &&String| {
        let kind = path.trim_start_matches("/dev/nvidia");
        ["ctl", "-uvm"].contains(&kind) || (!kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let nodes = facts.nvidia.nodes.value()?.iter().filter(|node| node.is_device);
    let paths: Vec<String> = nodes.map(|node| &node.path).filter(decides).take(NODES).cloned().collect();
    let open = |path: &String| open(path, true).map(|seen| (path.clone(), seen));
    let opened: Vec<Fact<(String, Seen)>> = threads::at_once(&paths, open).into_iter().flatten().collect();
    let fails = |fact: &&Fact<(String, Seen)>| matches!(fact.value(), Some((_, Seen::Fails(_))));
    let is_bad = |fact: &&Fact<(String, Seen)>| fact.value().is_none();
    let first = opened.iter().find(fails).or_else(|| opened.iter().find(is_bad)).or_else(|| opened.first())?;
    Some(first.clone().map(|(_, seen)| match seen {
        Seen::Works(_) => Seen::Works(format!("{} can be opened", paths.join(", "))),
        fails => fails,
    }))
}

fn cuda(facts: &Facts) -> Fact<Seen> {
    let start = &facts.nvidia.cuda.start;
    if start.is_absent() {
        return Fact::present(Seen::Fails("/dev/nvidia-uvm is not there".into()), "/dev");
    }
    start.clone().map(|code| match code {
        0 => Seen::Works("cuInit succeeds".into()),
        code => Seen::Fails(match error_name(code) {
            "" => format!("cuInit returns {code}"),
            name => format!("cuInit returns {code}, {name}"),
        }),
    })
}

/// The libraries that the capability cannot do without.
fn capability(facts: &Facts, wish: &Wish<Capability>) -> Fact<Seen> {
    facts.library.found.clone().map(|found| {
        let required = libraries(wish.what).required;
        let missing = |stem: &&&str| {
            matches!(look_up(&found, stem, LibraryKind::Native, None), Found::Missing | Found::Dangling(_))
        };
        let missing: Vec<&str> = required.iter().filter(missing).copied().collect();
        match missing.is_empty() {
            true => Seen::Works(format!("{} there", required.join(", "))),
            false => Seen::Fails(format!("{}: no such library", missing.join(", "))),
        }
    })
}

fn decodes(facts: &Facts, codec: Codec) -> Fact<Seen> {
    let asked = facts.library.decode.clone().map(|_| {
        let can = facts.library.decoders.iter().any(|decoder| decoder.codec == codec && decoder.supported);
        told(can, "cuvid decodes it", "cuvid does not decode it")
    });
    reached(asked, "libnvcuvid")
}

fn encodes(facts: &Facts, codec: Codec) -> Fact<Seen> {
    let encoder = &facts.library.encoder;
    let refused = encoder.session.clone().map(|code| Seen::Fails(format!("nvEncOpenEncodeSessionEx returns {code}")));
    let first = [encoder.interface.gap(), encoder.gpu.gap()].into_iter().flatten().next();
    match (first, encoder.session.value()) {
        (Some(gap), _) => reached(Fact::unknown(gap.clone(), encoder.interface.source.0.clone()), "libnvidia-encode"),
        (None, Some(0)) => encoder
            .codecs
            .clone()
            .map(|codecs| told(codecs.contains(&codec), "nvenc encodes it", "nvenc does not encode it")),
        (None, _) => refused,
    }
}

fn told(works: bool, yes: &str, no: &str) -> Seen {
    if works { Seen::Works(yes.into()) } else { Seen::Fails(no.into()) }
}

/// What kept the engine's library from being asked at all is something that this container lacks.
fn reached(asked: Fact<Seen>, library: &str) -> Fact<Seen> {
    let lacks = match asked.gap() {
        Some(Gap::BlockedBy(check)) if check == "nvidia-driver" => "no NVIDIA driver is seen".to_owned(),
        Some(Gap::BlockedBy(_)) => format!("libcuda, {library}: one of them is not there"),
        _ => return asked,
    };
    Fact::present(Seen::Fails(lacks), asked.source.0)
}

fn display(facts: &Facts) -> Look {
    let display = &facts.display;
    let subject = display.name.value().map_or("DISPLAY", |name| name.text.as_str());
    let seen = match display.name.value() {
        None => Fact::present(Seen::Fails("DISPLAY is not set".into()), "DISPLAY"),
        Some(_) => display.mine.clone().map(|answer| match answer.is_accepted() {
            true => Seen::Works("the X server takes the handshake".into()),
            false => Seen::Fails(answer.to_string()),
        }),
    };
    look(Kind::Display, subject, seen)
}

fn camera(facts: &Facts, path: &str) -> Fact<Seen> {
    let nodes = &facts.camera.nodes;
    let real = facts.camera.paths.get(path).and_then(|real| real.value()).map_or(path, String::as_str);
    let Some((real, node)) = nodes.get_key_value(real).or_else(|| nodes.get_key_value(path)) else {
        return Fact::present(Seen::Fails(format!("{path}: no such file or directory")), path);
    };
    let said = &node.said;
    if said.opened.value() != Some(&Opened::Granted) {
        return said.opened.clone().map(|opened| Seen::Fails(format!("open {path}: {opened}")));
    }
    if said.queue.value() == Some(&Queue::Held) {
        return said
            .queue
            .clone()
            .map(|_| Seen::Fails(format!("{path} opens, and another program takes its pictures (EBUSY)")));
    }
    let opens = said.capability.clone().map(|driver| format!("it opens: {}", driver.card));
    let Some(streamed) = facts.frame.cameras.get(real) else { return opens.map(Seen::Works) };
    let Some(opens) = opens.value() else { return opens.map(Seen::Works) };
    streamed.first.clone().map(|first| match first {
        First::After(_) => Seen::Works(format!("{opens}; {first}")),
        first => Seen::Fails(format!("{path} opens, and gives no picture: {first}")),
    })
}

/// One look for each node that a path brings in: a folder brings all that lie in it.
fn devices(host: &Host, device: &Device) -> Vec<Look> {
    let stat = host.stat(&device.path);
    let is_folder = stat.value().is_some_and(|stat| stat.kind == FileKind::Directory);
    let paths: Vec<String> = match host.list(&device.path).value().filter(|_| is_folder) {
        Some(names) => names.iter().take(NODES).map(|name| format!("{}/{name}", device.path)).collect(),
        None => vec![device.path.clone()],
    };
    let is_node = |path: &&String| host.stat(path).value().is_none_or(|stat| stat.kind != FileKind::Directory);
    let paths: Vec<String> = paths.iter().filter(is_node).cloned().collect();
    let open = |path: &String| look(Kind::Device, path, opened(host, path, device.write));
    threads::at_once(&paths, open).into_iter().flatten().collect()
}

fn opened(host: &Host, path: &str, write: bool) -> Fact<Seen> {
    let source = format!("open {path}");
    if host.stat(path).is_absent() {
        return Fact::present(Seen::Fails(format!("{path}: no such file or directory")), source);
    }
    let real = host.real_path(path).value().cloned().unwrap_or_else(|| path.to_owned());
    if !HARMLESS.iter().any(|begin| real.starts_with(begin) || real == begin.trim_end_matches('/')) {
        let why = "gdoctor does not open it: some devices act when they are opened";
        return Fact::unknown(Gap::Unsupported(why.into()), source);
    }
    open(path, write)
}

fn open(path: &str, write: bool) -> Fact<Seen> {
    let arguments = if write { vec![path, "write"] } else { vec![path] };
    child::probe::<Node>("open", &arguments, &format!("open {path}"), Deadline::after(LOOK)).opened
}

/// What the child that opens a node says.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Node {
    opened: Fact<Seen>,
}
