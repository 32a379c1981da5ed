//! What a run line asks of the host: each wish with the argument that it comes from.

use gdoctor_checks::model::need::{Camera, Capability, ContainerUser, Gpus, Need, Origin, Port, Registry, Wish};
use gdoctor_checks::model::require::Condition;
use gdoctor_checks::model::run::{Argument, Mount, MountKind, RunLine};
use gdoctor_checks::readings::known_image;

use crate::need::video;

/// Adds the wishes of the line, and the line itself. Wishes that flags made stay.
pub fn add(need: &mut Need, line: RunLine) {
    if line.podman {
        need.docker = None;
    }
    if need.gpu.is_none() {
        need.gpu = gpu(&line);
    }
    if need.gpu.is_some() {
        video_of(need, &line);
        need.want_capabilities_of(&line);
        let image = line.image.as_ref();
        let cuda = image.and_then(|image| Some((known_image::cuda(&image.reference)?, image.at.origin())));
        if let Some((version, by)) = cuda {
            need.cuda.get_or_insert(Wish::new(version, by));
        }
        let driver = image.and_then(|image| Some((known_image::driver(&image.reference)?, image.at.origin())));
        if let Some((condition, by)) = driver.and_then(|(least, by)| Some((Condition::parse(least)?, by))) {
            need.driver.get_or_insert(Wish::new(condition, by));
        }
    }
    display(need, &line);
    add_all(&mut need.cameras, cameras(&line));
    if !line.is_host_network() {
        add_all(&mut need.ports, ports(&line));
    }
    add_all(&mut need.registries, registry(&line).into_iter().collect());
    let typed = line.last("user").and_then(|option| user(&option.value));
    if let Some(user) = typed.filter(|_| need.container_user == ContainerUser::default()) {
        need.container_user = user;
    }
    need.run = Some(line);
}

/// What a flag asks as well is told once, at its place in the line.
fn add_all<T: PartialEq>(wishes: &mut Vec<Wish<T>>, of_line: Vec<Wish<T>>) {
    wishes.retain(|wish| !of_line.iter().any(|own| own.what == wish.what));
    wishes.extend(of_line);
}

fn gpu(line: &RunLine) -> Option<Wish<Gpus>> {
    if let Some(request) = line.gpus.first() {
        let gpus = match (request.count, request.devices.len()) {
            (Some(-1), _) => Gpus::All,
            (_, count @ 1..) => Gpus::Count(u32::try_from(count).unwrap_or(u32::MAX)),
            // A count of none leaves it to the image; some GPU is meant all the same.
            (count, _) => Gpus::Count(count.and_then(|c| u32::try_from(c).ok()).unwrap_or(1).max(1)),
        };
        return Some(Wish::new(gpus, request.at.origin()));
    }
    line.asks_for_gpu().or(line.wrapper.as_ref()).map(|at| Wish::new(Gpus::All, at.origin()))
}

/// What a request names, and what the program does.
fn video_of(need: &mut Need, line: &RunLine) {
    let mut add = |capability, by: Origin| {
        if need.capabilities.iter().all(|wish| wish.what != capability) {
            need.capabilities.push(Wish::new(capability, by));
        }
    };
    for request in &line.gpus {
        for capability in request.capabilities.iter().filter_map(|word| Capability::from_word(word)) {
            add(capability, request.at.origin());
        }
    }
    if let Some(at) = line.arguments.windows(2).find_map(of_video).or_else(|| line.arguments.iter().find_map(alone)) {
        add(Capability::Video, at.origin());
    }
}

fn of_video(pair: &[Argument]) -> Option<&Argument> {
    let [option, value] = pair else { return None };
    (!video::asked(&format!("{} {}", option.text, value.text)).is_empty()).then_some(value)
}

fn alone(argument: &Argument) -> Option<&Argument> {
    (!video::asked(&argument.text).is_empty()).then_some(argument)
}

fn display(need: &mut Need, line: &RunLine) {
    let variable = line
        .variable("DISPLAY")
        .filter(|_| line.own_display().is_none() && !line.wants_no_window())
        .map(|variable| &variable.at);
    // The sockets alone, without DISPLAY, want no window: the line's own check tells of it.
    if let Some(at) = variable {
        need.display.get_or_insert_with(|| at.origin());
        // With a cookie of its own the container needs no entry in the server's list.
        if !brings_cookie(line) && !line.earlier.xhost {
            need.display_access.get_or_insert_with(|| at.origin());
        }
    }
}

/// By the variable, or where X's library looks by itself: ~/.Xauthority of whoever runs in the container.
fn brings_cookie(line: &RunLine) -> bool {
    let by_default = |mount: &Mount| mount.target.ends_with("/.Xauthority");
    line.variable("XAUTHORITY").is_some() || line.mounts.iter().any(by_default)
}

/// `/dev/video0`, or a link to one below /dev/v4l.
pub fn is_camera(path: &str) -> bool {
    path.strip_prefix("/dev/video").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        || path.starts_with("/dev/v4l/")
}

fn cameras(line: &RunLine) -> Vec<Wish<Camera>> {
    let devices = line.devices.iter().map(|device| (&device.host, &device.at));
    let mounts = line.mounts.iter().filter(|m| m.kind == MountKind::Bind).map(|mount| (&mount.source, &mount.at));
    let mut found: Vec<Wish<Camera>> = Vec::new();
    for (path, at) in devices.chain(mounts).filter(|(path, _)| is_camera(path)) {
        let wish = Wish::new(Camera::Path(path.clone()), at.origin());
        if !found.iter().any(|known| known.what == wish.what) {
            found.push(wish);
        }
    }
    found
}

fn ports(line: &RunLine) -> Vec<Wish<Port>> {
    let mut found: Vec<Wish<Port>> = Vec::new();
    for port in &line.ports {
        let (Some(first), Some(last), Some(protocol)) = (port.first, port.last, port.protocol) else { continue };
        let wish = Port { ip: port.ip, first, last, protocol };
        if !found.iter().any(|known| known.what == wish) {
            found.push(Wish::new(wish, port.at.origin()));
        }
    }
    found
}

/// The registry that the image names, where it is none of the public ones.
fn registry(line: &RunLine) -> Option<Wish<Registry>> {
    let image = line.image.as_ref()?;
    let name = image.registry.as_deref()?;
    // Podman calls what it built itself so.
    if line.podman && name == "localhost" {
        return None;
    }
    if line.last("pull").is_some_and(|option| option.value == "never") {
        return None;
    }
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None if name == "localhost" || name.parse::<std::net::IpAddr>().is_ok() => (name, 443),
        None => return None,
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some(Wish::new(Registry { host: host.into(), port }, image.at.origin()))
}

fn user(value: &str) -> Option<ContainerUser> {
    let (uid, gid) = value.split_once(':').unwrap_or((value, "0"));
    Some(ContainerUser { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
}
