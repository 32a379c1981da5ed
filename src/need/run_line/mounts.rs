//! `-v`, `--mount` and `--tmpfs` as docker's client and the daemon read them: docker/cli opts/mount.go, moby
//! daemon/volume/mounts/linux_parser.go.

use gdoctor_checks::model::run::{Mount, MountKind};

use super::things::csv;
use super::values::switch;

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
    if kind == MountKind::Bind && mode.split(',').any(|mode| mode == "nocopy") {
        return Err("nocopy is for volumes".into());
    }
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

/// Words of a mode: one of each kind at the most.
fn volume_mode(mode: &str) -> bool {
    const KINDS: [&[&str]; 5] = [
        &["rw", "ro"],
        &["z", "Z"],
        &["nocopy"],
        &["shared", "slave", "private", "rshared", "rslave", "rprivate"],
        &["consistent", "cached", "delegated", "default"],
    ];
    let kinds: Vec<_> = mode.split(',').map(|word| KINDS.iter().position(|kind| kind.contains(&word))).collect();
    kinds.iter().enumerate().all(|(place, kind)| kind.is_some() && !kinds[..place].contains(kind))
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

pub fn absolute(path: &str, cwd: &str) -> String {
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

pub fn tmpfs(value: &str) -> Result<Mount, String> {
    let (target, options) = value.split_once(':').unwrap_or((value, ""));
    let sizes = options.split(',').filter_map(|option| option.strip_prefix("size="));
    if let Some(wrong) = sizes.into_iter().find(|size| !is_tmpfs_size(size)) {
        return Err(format!("{wrong:?} is no size of a tmpfs, such as 64m or 50%"));
    }
    Ok(Mount { kind: MountKind::Tmpfs, target: target_path(target)?, ..Mount::default() })
}

/// The file that docker's client reads for `--security-opt seccomp=FILE`.
pub fn seccomp_profile(value: &str, cwd: &str) -> Option<String> {
    let profile = value.strip_prefix("seccomp=").or_else(|| value.strip_prefix("seccomp:"))?;
    (!["unconfined", "builtin"].contains(&profile)).then(|| absolute(profile, cwd))
}

/// As `--tmpfs` names it.
pub fn tmpfs_mount(value: &str) -> Option<Mount> {
    tmpfs(value).ok()
}

/// What the kernel takes: memparse(), or a share of the memory.
fn is_tmpfs_size(size: &str) -> bool {
    let number = size.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T', 'p', 'P', 'e', 'E', '%']).unwrap_or(size);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
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
