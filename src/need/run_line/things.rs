//! GPU requests, published ports and devices as docker's client reads them: docker/cli opts/gpus.go, go-connections/nat.

use std::net::IpAddr;

use gdoctor_checks::model::need::Protocol;
use gdoctor_checks::model::run::{Device, GpuRequest, Published};

use super::flags::Kind;

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
            ("options", Some(_)) => request.has_options = true,
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
    // What follows a second slash is dropped.
    let mut parts = value.split('/');
    let (rest, protocol) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("tcp"));
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
        _ if ip.contains(':') && bare == ip => return Err(format!("an IPv6 address stands in brackets: [{ip}]")),
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

/// The client makes the short form of `target` and `published`, and takes no notice of other keys.
fn published_long(value: &str) -> Result<Published, String> {
    let (mut target, mut host, mut protocol) = (String::new(), String::new(), "tcp".to_owned());
    for field in value.split(',') {
        let pair: Vec<&str> = field.split('=').collect();
        match pair[..] {
            ["target", text] => target = text.into(),
            ["published", text] => host = text.into(),
            ["protocol", text] => protocol = text.into(),
            [_, _] => {}
            _ => return Err(format!("{field:?} is not KEY=VALUE")),
        }
    }
    if target.is_empty() {
        return Err("target= is missing".into());
    }
    published(&format!("{host}:{target}/{protocol}"))
}

pub fn range(text: &str) -> Option<(u16, u16)> {
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
/// `C:\\dir:/app`, `C:/dir:/app`, with or without the backslashes that the shell takes: a path of Windows'.
pub fn windows_path(kind: Kind, value: &str) -> Option<String> {
    let source = match kind {
        Kind::Volume => Some(value).filter(|value| value.matches(':').count() > 1),
        Kind::Mount => {
            value.split(',').find_map(|field| ["source=", "src="].iter().find_map(|key| field.strip_prefix(key)))
        }
        Kind::InFile => Some(value),
        _ => None,
    }?;
    let mut letters = source.chars();
    let drive = letters.next().filter(char::is_ascii_alphabetic)?;
    let next = letters.next().filter(|c| *c == ':').and_then(|_| letters.next())?;
    // `v:/data:ro` is a volume; in `C:/dir:/app` the target follows what would be one.
    let is_path = match kind {
        Kind::Volume if next == '/' => source.splitn(3, ':').nth(2).is_some_and(|rest| rest.starts_with('/')),
        _ => next != ':',
    };
    is_path.then(|| format!("{drive}: is a drive of Windows', and paths of this host begin with `/`"))
}
