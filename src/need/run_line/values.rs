//! Which values docker's client or the daemon refuses, and in which words: docker/cli opts/*, go-units, go-connections/nat,
//! moby daemon/volume/mounts/linux_parser.go.

use std::net::IpAddr;

use gdoctor_checks::model::need::Protocol;
use gdoctor_checks::model::run::{Device, GpuRequest, Mount, MountKind, Published};

use super::flags::Kind;

/// `Some(why)` when docker takes no such value.
pub fn refused(kind: Kind, value: &str) -> Option<String> {
    let unless = |holds: bool, why: &str| (!holds).then(|| why.to_owned());
    match kind {
        Kind::Switch => unless(switch(value).is_some(), "a switch takes true or false"),
        Kind::Int => unless(value.parse::<i64>().is_ok(), "it takes a whole number"),
        Kind::Uint => unless(value.parse::<u64>().is_ok(), "it takes a whole number that is not negative"),
        Kind::Uint16 => unless(
            value.parse::<u16>().is_ok_and(|n| n == 0 || (10..=1000).contains(&n)),
            "it takes a number from 10 to 1000, or 0",
        ),
        Kind::Size => unless(size(value), "it takes a size such as 512m or 1g"),
        Kind::SizeOrAll => unless(value == "-1" || size(value), "it takes a size such as 512m or 1g, or -1"),
        Kind::Cpus => unless(decimal(value), "it takes a number such as 1.5"),
        Kind::Time => unless(duration(value), "it takes a time with its unit, such as 30s or 1m30s"),
        Kind::Variable => {
            unless(!value.is_empty() && !value.starts_with('='), "a variable needs a name: NAME=value, or NAME alone")
        }
        Kind::Publish => published(value).err(),
        Kind::Expose => {
            unless(!value.contains(':') && published(value).is_ok(), "it takes a port, without a host's port")
        }
        Kind::Gpus => gpus(value).err(),
        Kind::Device => device(value).err(),
        Kind::DeviceRule => unless(device_rule(value), "it takes a rule such as 'c 81:* rmw'"),
        Kind::Mount => mount(value, "/").err(),
        Kind::Volume => volume(value, "/").err(),
        Kind::Tmpfs => tmpfs(value).err(),
        Kind::Ulimit => ulimit(value).err(),
        Kind::Restart => restart(value).err(),
        Kind::Pull => unless(["always", "missing", "never"].contains(&value), "it takes always, missing or never"),
        Kind::Address => unless(value.parse::<IpAddr>().is_ok(), "it takes an IP address"),
        Kind::ExtraHost => unless(extra_host(value), "it takes NAME:ADDRESS"),
        Kind::Pair => unless(value.split_once('=').is_some_and(|(key, _)| !key.is_empty()), "it takes KEY=VALUE"),
        Kind::Label => unless(!value.is_empty() && !value.starts_with('='), "a label needs a name"),
        Kind::Attach => unless(
            ["stdin", "stdout", "stderr"].contains(&value.to_ascii_lowercase().as_str()),
            "it takes stdin, stdout or stderr",
        ),
        Kind::Name => unless(
            container_name(value),
            "a name is made of letters, digits, `_`, `.` and `-`, two at least, and begins with a letter or digit",
        ),
        Kind::Workdir => {
            unless(value.starts_with('/') || value.is_empty(), "it takes an absolute path of the container")
        }
        Kind::Ipc => unless(
            ["", "none", "private", "shareable", "host"].contains(&value) || of_container(value),
            "it takes none, private, shareable, host or container:NAME",
        ),
        Kind::Pid => unless(["", "host"].contains(&value) || of_container(value), "it takes host or container:NAME"),
        Kind::Host => unless(["", "host", "private"].contains(&value), "it takes host or private"),
        Kind::Userns => unless(["", "host"].contains(&value), "it takes host"),
        Kind::Platform => unless(platform(value), "it takes a system and an architecture such as linux/arm64"),
        Kind::Swappiness => {
            unless(value.parse::<i64>().is_ok_and(|n| (-1..=100).contains(&n)), "it takes a number from 0 to 100")
        }
        Kind::Mac => unless(
            value.is_empty() || (value.split([':', '-']).count() == 6 && value.split([':', '-']).all(hex_byte)),
            "it takes six bytes such as 92:d0:c6:0a:29:33",
        ),
        Kind::Link => unless(
            !value.is_empty() && value.split(':').count() <= 2 && value.split(':').all(|part| !part.is_empty()),
            "it takes NAME or NAME:ALIAS",
        ),
        Kind::Text => None,
    }
}

/// Go's strconv.ParseBool.
pub fn switch(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn of_container(value: &str) -> bool {
    value.strip_prefix("container:").is_some_and(|name| !name.is_empty())
}

fn hex_byte(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn size(value: &str) -> bool {
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit = unit.trim_start_matches(' ').to_ascii_lowercase();
    let unit = unit.strip_prefix(['k', 'm', 'g', 't', 'p']).unwrap_or(&unit);
    number.parse::<f64>().is_ok() && ["", "b", "i", "ib"].contains(&unit)
}

fn decimal(value: &str) -> bool {
    let fraction =
        value.split_once('/').is_some_and(|(a, b)| a.parse::<i64>().is_ok() && b.parse::<u32>().is_ok_and(|b| b > 0));
    fraction || value.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Go's time.ParseDuration.
fn duration(value: &str) -> bool {
    let mut rest = value.strip_prefix(['-', '+']).unwrap_or(value);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"]
            .iter()
            .find(|unit| after.strip_prefix(**unit).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphabetic())));
        match unit {
            Some(unit) if number.parse::<f64>().is_ok() => rest = &after[unit.len()..],
            _ => return false,
        }
        parts += 1;
    }
    parts > 0
}

fn device_rule(value: &str) -> bool {
    let mut parts = value.split(' ');
    let number = |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let kind = parts.next().is_some_and(|kind| ["a", "b", "c"].contains(&kind));
    let numbers = parts.next().and_then(|pair| pair.split_once(':')).is_some_and(|(a, b)| number(a) && number(b));
    let modes = parts.next().is_some_and(|m| (1..=3).contains(&m.len()) && m.bytes().all(|b| b"rwm".contains(&b)));
    kind && numbers && modes && parts.next().is_none()
}

fn ulimit(value: &str) -> Result<(), String> {
    const NAMES: [&str; 16] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
        "as",
    ];
    let (name, limits) = value.split_once('=').ok_or("it takes NAME=SOFT[:HARD], such as memlock=-1")?;
    if !NAMES[..15].contains(&name) {
        return Err(format!("there is no limit of the name {name:?}"));
    }
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("{text:?} is not a whole number"));
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (number(soft)?, number(hard)?);
    let above = hard != -1 && (soft == -1 || soft > hard);
    if above { Err(format!("the soft limit {soft} is above the hard one {hard}")) } else { Ok(()) }
}

fn restart(value: &str) -> Result<(), String> {
    let (name, count) = value.split_once(':').map_or((value, None), |(name, count)| (name, Some(count)));
    match (name, count) {
        ("on-failure", Some(count)) if count.parse::<i32>().is_err() => {
            Err("the number of tries is a whole number".into())
        }
        ("on-failure", Some(count)) if count.starts_with('-') => Err("the number of tries is not negative".into()),
        ("on-failure", _) | ("no" | "always" | "unless-stopped" | "", None) => Ok(()),
        ("no" | "always" | "unless-stopped", Some("0")) => Ok(()),
        ("no" | "always" | "unless-stopped", Some(_)) => {
            Err(format!("only on-failure takes a number of tries, not {name}"))
        }
        _ => Err("it takes no, always, unless-stopped or on-failure[:N]".into()),
    }
}

fn extra_host(value: &str) -> bool {
    let Some((name, address)) = value.split_once([':', '=']) else { return false };
    let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    !name.is_empty() && (address == "host-gateway" || address.parse::<IpAddr>().is_ok())
}

fn container_name(value: &str) -> bool {
    let value = value.strip_prefix('/').unwrap_or(value);
    let first = value.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    value.is_empty()
        || (first && value.len() > 1 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)))
}

/// containerd's platforms.Parse, for what docker runs on Linux.
fn platform(value: &str) -> bool {
    const SYSTEMS: [&str; 6] = ["linux", "windows", "darwin", "freebsd", "macos", "wasi"];
    const MACHINES: [&str; 20] = [
        "amd64", "x86_64", "x86-64", "arm64", "aarch64", "arm", "armhf", "armel", "386", "i386", "ppc64le", "s390x",
        "riscv64", "mips64le", "mips64", "ppc64", "loong64", "mips", "mipsle", "wasm",
    ];
    let value = value.to_ascii_lowercase();
    let parts: Vec<&str> = value.split('/').collect();
    match parts[..] {
        [""] => true,
        [one] => SYSTEMS.contains(&one) || MACHINES.contains(&one),
        [system, machine] | [system, machine, _] => {
            !system.is_empty() && !machine.is_empty() && (SYSTEMS.contains(&system) || MACHINES.contains(&machine))
        }
        _ => false,
    }
}

/// One record as Go's encoding/csv reads it: fields parted by commas, a field in double quotes may hold commas.
pub fn csv(value: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = value;
    if rest.is_empty() {
        return Err("it is empty".into());
    }
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut chars = quoted.char_indices().peekable();
            let end = loop {
                match chars.next() {
                    None => return Err("a double quote is not closed".into()),
                    Some((_, '"')) if chars.peek().is_some_and(|(_, c)| *c == '"') => {
                        chars.next();
                        field.push('"');
                    }
                    Some((at, '"')) => break at + 1,
                    Some((_, c)) => field.push(c),
                }
            };
            fields.push(field);
            rest = &quoted[end..];
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(fields),
                None => return Err("something stands behind a closing double quote".into()),
            }
        } else {
            let (field, after) = rest.split_once(',').map_or((rest, None), |(field, after)| (field, Some(after)));
            if field.contains('"') {
                return Err("a double quote stands in the middle of a field".into());
            }
            fields.push(field.into());
            match after {
                Some(after) => rest = after,
                None => return Ok(fields),
            }
        }
    }
}

/// docker/cli opts/gpus.go.
pub fn gpus(value: &str) -> Result<GpuRequest, String> {
    let mut request = GpuRequest::default();
    let mut seen: Vec<String> = Vec::new();
    let count = |text: &str| match text {
        "all" => Ok(-1),
        _ => text.parse::<i64>().map_err(|_| format!("{text:?} is no number of GPUs: `all`, a number, or device=…")),
    };
    for field in csv(value)? {
        let (key, text) = field.split_once('=').map_or((field.as_str(), None), |(key, text)| (key, Some(text)));
        if seen.iter().any(|s| s == key) {
            return Err(format!("{key} stands twice"));
        }
        seen.push(key.to_owned());
        match (key, text) {
            (number, None) => {
                request.count = Some(count(number)?);
                seen.push("count".into());
            }
            ("driver", Some(text)) => request.driver = text.into(),
            ("count", Some(text)) => request.count = Some(count(text)?),
            ("device", Some(text)) => request.devices = text.split(',').map(str::to_owned).collect(),
            ("capabilities", Some(text)) => request.capabilities = text.split(',').map(str::to_owned).collect(),
            ("options", Some(_)) => {}
            (key, _) => return Err(format!("{key:?} is none of driver, count, device, capabilities, options")),
        }
    }
    if request.count.is_none() && request.devices.is_empty() {
        request.count = Some(1);
    }
    Ok(request)
}

/// go-connections/nat ParsePortSpec, and the long form with `target=`.
pub fn published(value: &str) -> Result<Published, String> {
    if value.contains('=') {
        return published_long(value);
    }
    let (rest, protocol) = match value.split_once('/') {
        None => (value, "tcp"),
        Some((rest, protocol)) => (rest, protocol),
    };
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "tcp" | "" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "sctp" => None,
        other => return Err(format!("{other:?} is none of tcp, udp, sctp")),
    };
    let mut parts = rest.rsplitn(3, ':');
    let container = parts.next().unwrap_or_default();
    let host = parts.next().unwrap_or_default();
    let ip = parts.next().unwrap_or_default();
    let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    let ip = match bare {
        "" => None,
        _ => Some(bare.parse::<IpAddr>().map_err(|_| format!("{bare:?} is not an IP address"))?),
    };
    if container.is_empty() {
        return Err("no port of the container is given".into());
    }
    let (first, last) = range(container).ok_or(format!("{container:?} is not a port of the container"))?;
    if host.is_empty() {
        return Ok(Published { ip, first: None, last: None, container: first, protocol, ..Published::default() });
    }
    let (from, to) = range(host).ok_or(format!("{host:?} is not a port of the host"))?;
    if to - from != last - first && first != last {
        return Err(format!("the ranges {host} and {container} are not of the same length"));
    }
    // A range of the host for one port of the container: docker takes one that is free.
    let free_choice = to != from && first == last;
    let pick = |port| if free_choice || port == 0 { None } else { Some(port) };
    Ok(Published { ip, first: pick(from), last: pick(to), container: first, protocol, ..Published::default() })
}

fn published_long(value: &str) -> Result<Published, String> {
    let mut published = Published { protocol: Some(Protocol::Tcp), ..Published::default() };
    let mut target = None;
    for field in csv(value)? {
        let (key, text) = field.split_once('=').ok_or(format!("{field:?} is not KEY=VALUE"))?;
        let port = || text.parse::<u16>().map_err(|_| format!("{text:?} is not a port"));
        match key {
            "target" => target = Some(port()?),
            "published" => (published.first, published.last) = (Some(port()?), Some(port()?)),
            "protocol" if text == "udp" => published.protocol = Some(Protocol::Udp),
            "protocol" if text == "sctp" => published.protocol = None,
            "protocol" if text == "tcp" => {}
            "mode" if ["ingress", "host"].contains(&text) => {}
            _ => return Err(format!("{field:?} is not known here")),
        }
    }
    published.container = target.ok_or("target= is missing")?;
    Ok(published)
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// docker/cli validateLinuxPath and parseLinuxDevice, or a CDI name.
pub fn device(value: &str) -> Result<Device, String> {
    if is_cdi(value) {
        return Ok(Device { host: value.into(), cdi: true, ..Device::default() });
    }
    let mode = |text: &str| {
        !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b"rwm".contains(&b)) && {
            let mut letters: Vec<u8> = text.bytes().collect();
            letters.sort_unstable();
            letters.windows(2).all(|pair| pair[0] != pair[1])
        }
    };
    let parts: Vec<&str> = value.split(':').collect();
    let (host, container, permissions) = match parts[..] {
        [host] => (host, host, "rwm"),
        [host, permissions] if mode(permissions) => (host, host, permissions),
        [host, container] => (host, container, "rwm"),
        [host, container, permissions] if mode(permissions) => (host, container, permissions),
        [_, _, permissions] => return Err(format!("{permissions:?} is no permission: r, w and m")),
        _ => return Err("it takes HOST[:CONTAINER][:rwm]".into()),
    };
    if host.is_empty() {
        return Err("no device is given".into());
    }
    if !container.starts_with('/') {
        return Err(format!("{container:?} is not an absolute path"));
    }
    Ok(Device { host: host.into(), container: container.into(), permissions: permissions.into(), ..Device::default() })
}

/// `vendor.com/class=name`.
fn is_cdi(value: &str) -> bool {
    let Some((kind, name)) = value.split_once('=') else { return false };
    let Some((vendor, class)) = kind.split_once('/') else { return false };
    let plain = |text: &str, more: &[u8]| {
        text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    plain(vendor, b"_-.")
        && plain(class, b"_-.")
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
}

/// `-v`: the daemon's linux_parser.go; a source that begins with a dot is made absolute by the client.
pub fn volume(value: &str, cwd: &str) -> Result<Mount, String> {
    let parts: Vec<&str> = value.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err("nothing stands between two colons".into());
    }
    let (source, target, mode) = match parts[..] {
        [target] => ("", target, ""),
        [_, mode] if !mode.starts_with('/') && volume_mode(mode) => {
            return Err("a mode needs a target before it: SOURCE:TARGET:MODE".into());
        }
        [source, target] => (source, target, ""),
        [source, target, mode] => (source, target, mode),
        _ => return Err("it takes SOURCE:TARGET[:MODE]".into()),
    };
    if !mode.is_empty() && !volume_mode(mode) {
        return Err(format!("{mode:?} is no mode of a mount, such as ro or z"));
    }
    let target = target_path(target)?;
    let kind = match source {
        "" => MountKind::Volume,
        _ if source.starts_with(['/', '.', '~']) => MountKind::Bind,
        _ if volume_name(source) => MountKind::Volume,
        _ => {
            return Err(format!(
                "{source:?} is no volume's name (letters, digits, `_.-`); a path begins with `/` or `./`"
            ));
        }
    };
    let source = if kind == MountKind::Bind { absolute(source, cwd) } else { source.to_owned() };
    Ok(Mount {
        kind,
        source,
        target,
        makes_folder: kind == MountKind::Bind,
        read_only: mode.split(',').any(|m| m == "ro"),
        ..Mount::default()
    })
}

fn volume_mode(mode: &str) -> bool {
    const MODES: [&str; 16] = [
        "rw",
        "ro",
        "z",
        "Z",
        "nocopy",
        "shared",
        "slave",
        "private",
        "rshared",
        "rslave",
        "rprivate",
        "consistent",
        "cached",
        "delegated",
        "default",
        "",
    ];
    !mode.is_empty() && mode.split(',').all(|part| !part.is_empty() && MODES.contains(&part))
}

fn volume_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    first && name.len() > 1 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn target_path(target: &str) -> Result<String, String> {
    if !target.starts_with('/') {
        return Err(format!("the path in the container is not absolute: {target:?}"));
    }
    let clean = clean(target);
    if clean == "/" { Err("a mount cannot cover the container's root".into()) } else { Ok(clean) }
}

fn absolute(path: &str, cwd: &str) -> String {
    if path.starts_with('/') { clean(path) } else { clean(&format!("{cwd}/{path}")) }
}

/// Go's path.Clean of an absolute path.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn tmpfs(value: &str) -> Result<Mount, String> {
    let target = value.split(':').next().unwrap_or_default();
    Ok(Mount { kind: MountKind::Tmpfs, target: target_path(target)?, ..Mount::default() })
}

/// As `--tmpfs` names it.
pub fn tmpfs_mount(value: &str) -> Option<Mount> {
    tmpfs(value).ok()
}

/// docker/cli opts/mount.go, then the daemon's own rules for binds.
pub fn mount(value: &str, cwd: &str) -> Result<Mount, String> {
    let mut kind = "volume".to_owned();
    let (mut source, mut target, mut read_only) = (String::new(), String::new(), false);
    for field in csv(value)? {
        let (key, text) = field.split_once('=').map_or((field.as_str(), None), |(key, text)| (key, Some(text)));
        let key = key.to_ascii_lowercase();
        match (key.as_str(), text) {
            ("type", Some(text)) => kind = text.to_ascii_lowercase(),
            ("source" | "src", Some(text)) => source = text.into(),
            ("target" | "dst" | "destination", Some(text)) => target = text.into(),
            ("readonly" | "ro", None) => read_only = true,
            ("readonly" | "ro", Some(text)) => read_only = switch(text).ok_or("readonly takes true or false")?,
            ("volume-nocopy" | "bind-nonrecursive", None) => {}
            (
                "consistency" | "bind-propagation" | "bind-nonrecursive" | "bind-recursive" | "bind-create-src"
                | "volume-subpath" | "image-subpath" | "volume-nocopy" | "volume-label" | "volume-driver"
                | "volume-opt" | "tmpfs-size" | "tmpfs-mode",
                Some(_),
            ) => {}
            (_, None) => return Err(format!("{field:?} is not KEY=VALUE")),
            _ => return Err(format!("there is no key {key:?}")),
        }
    }
    let kind = match kind.as_str() {
        "bind" => MountKind::Bind,
        "volume" => MountKind::Volume,
        "tmpfs" => MountKind::Tmpfs,
        "image" | "npipe" | "cluster" => MountKind::Other,
        _ => return Err(format!("there is no mount of the type {kind:?}")),
    };
    if target.is_empty() {
        return Err("target= is missing".into());
    }
    let target = target_path(&target)?;
    if kind == MountKind::Bind {
        if source.is_empty() {
            return Err("source= is missing".into());
        }
        if !source.starts_with(['/', '.']) {
            return Err(format!("the source is not an absolute path: {source:?}"));
        }
        source = absolute(&source, cwd);
    } else if kind == MountKind::Volume && !source.is_empty() && !volume_name(&source) {
        return Err(format!("{source:?} is no volume's name; a path needs type=bind"));
    } else if kind == MountKind::Tmpfs && !source.is_empty() {
        return Err("a tmpfs has no source".into());
    }
    Ok(Mount { kind, source, target, read_only, ..Mount::default() })
}

/// A reference of an image, as distribution/reference's ParseNormalizedNamed takes it; and its registry, if it names one.
pub fn image(reference: &str) -> Result<Option<String>, String> {
    let is_id = reference.len() == 64 && reference.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        return Ok(None);
    }
    let (rest, digest) = reference.split_once('@').map_or((reference, None), |(rest, digest)| (rest, Some(digest)));
    if digest.is_some_and(|d| {
        !d.split_once(':').is_some_and(|(_, hex)| hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    }) {
        return Err("what follows @ is not a digest".into());
    }
    let (registry, path) = match rest.split_once('/') {
        Some((first, path))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (Some(first), path)
        }
        _ => (None, rest),
    };
    if let Some(registry) = registry {
        let (host, port) = registry.rsplit_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let named = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
        if !named
            || bare.starts_with('-')
            || port.is_some_and(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(format!("{registry:?} is not a registry's HOST:PORT"));
        }
    }
    let (name, tag) = path.split_once(':').map_or((path, None), |(name, tag)| (name, Some(tag)));
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("an image's name has no capital letters".into());
    }
    if !name.split('/').all(component) {
        return Err(format!("{reference:?} is not an image's name"));
    }
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if tag.is_some_and(|tag| {
        tag.len() > 128 || !tag.bytes().next().is_some_and(word) || !tag.bytes().all(|b| word(b) || b"-.".contains(&b))
    }) {
        return Err("what follows the colon is not a tag".into());
    }
    Ok(registry.map(str::to_owned))
}

/// Lower-case letters and digits, parted by one dot, one or two underscores, or hyphens.
fn component(text: &str) -> bool {
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    ends(text.bytes().next())
        && ends(text.bytes().last())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
        && !["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|odd| text.contains(odd))
}
