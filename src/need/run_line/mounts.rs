//! `-v`, `--mount` and `--tmpfs` as docker's client and the daemon read them: docker/cli opts/mount.go, moby
//! daemon/volume/mounts/linux_parser.go.

use gdoctor_checks::model::run::{Mount, MountKind};

use super::numbers::{is_size, switch};
use super::things::csv;

/// `-v`: the daemon's linux_parser.go; a source that begins with a dot is made absolute by the client.
pub fn volume(value: &str, cwd: &str) -> Result<Mount, String> {
    let mut parts: Vec<&str> = value.split(':').collect();
    // A letter before a slash is read as a drive of Windows', and stays with what follows it.
    let drive = value.len() > 2
        && value.as_bytes()[1] == b':'
        && value.as_bytes()[0].is_ascii_alphabetic()
        && value.as_bytes()[2] == b'/';
    if drive {
        let end = parts.get(1).map_or(0, |part| part.len() + 2);
        parts.drain(..2);
        parts.insert(0, &value[..end]);
        if parts.len() == 1 {
            return Ok(Mount { kind: MountKind::Volume, target: format!("/{value}"), ..Mount::default() });
        }
    }
    // Nothing but colons is no volume at all.
    if !value.is_empty() && value.bytes().all(|b| b == b':') {
        return Ok(Mount { kind: MountKind::Volume, ..Mount::default() });
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Err("nothing stands between two colons".into());
    }
    let (source, target, mode) = match parts[..] {
        // What has no source is made absolute.
        [target] if !target.starts_with('/') => {
            return Ok(Mount { kind: MountKind::Volume, target: clean(&format!("/{target}")), ..Mount::default() });
        }
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
        _ if source.starts_with(['/', '.']) => MountKind::Bind,
        _ if volume_name(source) => MountKind::Volume,
        _ => {
            return Err(format!(
                "{source:?} is no volume's name (letters, digits, `_.-`); a path begins with `/` or `./`"
            ));
        }
    };
    let propagates = |mode: &str| ["shared", "slave", "private"].iter().any(|end| mode.ends_with(end));
    if kind == MountKind::Volume && mode.split(',').any(propagates) {
        return Err("a volume has no propagation".into());
    }
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
pub fn volume_mode(mode: &str) -> bool {
    const KINDS: [&[&str]; 5] = [
        &["rw", "ro"],
        &["z", "Z"],
        &["nocopy"],
        &["shared", "slave", "private", "rshared", "rslave", "rprivate"],
        &["consistent", "cached", "delegated"],
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
    // runc's checkProcMount.
    let open = [
        "cpuinfo",
        "diskstats",
        "meminfo",
        "stat",
        "swaps",
        "uptime",
        "loadavg",
        "slabinfo",
        "net/dev",
        "sys/kernel/ns_last_pid",
    ];
    let clean = clean(target);
    match clean.strip_prefix("/proc/") {
        _ if clean == "/" => Err("a mount cannot cover the container's root".into()),
        Some(inner) if !open.contains(&inner) => Err("nothing can be mounted within /proc".into()),
        _ => Ok(clean),
    }
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

/// `--tmpfs`: moby volume/mounts/linux_parser.go and opts.ParseTmpfs; the sizes are the kernel's.
pub fn tmpfs(value: &str) -> Result<Mount, String> {
    let (target, options) = value.split_once(':').unwrap_or((value, ""));
    let flags = [
        "ro",
        "rw",
        "exec",
        "noexec",
        "suid",
        "nosuid",
        "dev",
        "nodev",
        "sync",
        "async",
        "atime",
        "noatime",
        "diratime",
        "nodiratime",
        "relatime",
        "norelatime",
        "strictatime",
        "nostrictatime",
        "dirsync",
        "mand",
        "nomand",
        "private",
        "rprivate",
        "shared",
        "rshared",
        "slave",
        "rslave",
        "unbindable",
        "runbindable",
        "defaults",
    ];
    for option in options.split(',').filter(|_| !options.is_empty()) {
        let (key, text) = option.split_once('=').map_or((option, None), |(key, text)| (key, Some(text)));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let fits = match (key, text) {
            (flag, None) => flags.contains(&flag),
            ("size" | "nr_blocks", Some(text)) => is_tmpfs_size(text),
            ("nr_inodes", Some(text)) => is_tmpfs_size(text),
            ("mode", Some(text)) => u32::from_str_radix(text, 8).is_ok(),
            ("uid" | "gid", Some(text)) => is_number(text),
            ("mpol", Some(_)) => true,
            _ => false,
        };
        if !fits {
            return Err(format!("{option:?} is no option of a tmpfs, such as size=64m, mode=1777 or noexec"));
        }
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

/// A mount of a long option, field by field as docker/cli's opts/mount.go reads them.
#[derive(Default)]
struct Fields {
    kind: String,
    source: String,
    target: String,
    read_only: bool,
    propagation: String,
    recursive: String,
    subpath: Option<String>,
    driver: String,
    driver_options: Vec<(String, String)>,
    /// The kinds whose own options stand in it: `bind`, `volume`, `tmpfs`, `image`.
    mixed: Vec<&'static str>,
}

impl Fields {
    fn read(value: &str) -> Result<Self, String> {
        let mut fields = Self { kind: "volume".into(), ..Self::default() };
        for field in csv(value)? {
            let (key, text) = field.split_once('=').map_or((field.as_str(), None), |(key, text)| (key, Some(text)));
            fields.field(&key.to_ascii_lowercase(), text, &field)?;
        }
        Ok(fields)
    }

    fn field(&mut self, key: &str, text: Option<&str>, field: &str) -> Result<(), String> {
        let own = ["bind", "volume", "tmpfs", "image"]
            .into_iter()
            .find(|kind| key.strip_prefix(kind).is_some_and(|rest| rest.starts_with('-')));
        self.mixed.extend(own);
        match (key, text) {
            ("readonly" | "ro", None) => self.read_only = true,
            ("volume-nocopy" | "bind-nonrecursive", None) => {}
            (_, None) => return Err(format!("{field:?} is not KEY=VALUE")),
            ("type", Some(text)) => self.kind = text.to_ascii_lowercase(),
            ("source" | "src", Some(text)) => self.source = text.into(),
            ("target" | "dst" | "destination", Some(text)) => self.target = text.into(),
            ("readonly" | "ro", Some(text)) => {
                self.read_only = switch(text).ok_or("readonly takes true or false")?;
            }
            ("volume-nocopy" | "bind-nonrecursive", Some(text)) => {
                switch(text).ok_or(format!("{key} takes true or false"))?;
            }
            ("bind-propagation", Some(text)) => self.propagation = text.to_ascii_lowercase(),
            ("bind-recursive", Some(text)) => self.recursive = text.into(),
            ("volume-subpath" | "image-subpath", Some(text)) => self.subpath = Some(text.into()),
            ("volume-driver", Some(text)) => self.driver = text.into(),
            ("volume-opt", Some(text)) => {
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                self.driver_options.push((name.into(), value.into()));
            }
            ("tmpfs-size", Some(text)) => {
                if !is_size(text) {
                    return Err(format!("{text:?} is no size such as 64m"));
                }
            }
            ("tmpfs-mode", Some(text)) => {
                u32::from_str_radix(text, 8).map_err(|_| format!("{text:?} is no mode in octal digits"))?;
            }
            ("consistency" | "volume-label", Some(_)) => {}
            _ => return Err(format!("there is no key {key:?}")),
        }
        Ok(())
    }

    fn kind(&self) -> Result<MountKind, String> {
        Ok(match self.kind.as_str() {
            "bind" => MountKind::Bind,
            "volume" => MountKind::Volume,
            "tmpfs" => MountKind::Tmpfs,
            "image" => MountKind::Other,
            "npipe" => return Err("npipe is for Windows".into()),
            "cluster" => return Err("cluster volumes are for services of a swarm".into()),
            kind => return Err(format!("there is no mount of the type {kind:?}")),
        })
    }

    /// What no release takes, whatever the source is.
    fn agree(&self) -> Result<(), String> {
        if let Some(other) = self.mixed.iter().find(|kind| **kind != self.kind) {
            return Err(format!("{other}-… is no option of the type {}", self.kind));
        }
        let propagations = ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"];
        if !propagations.contains(&self.propagation.as_str()) {
            return Err(format!("{:?} is no propagation of a mount", self.propagation));
        }
        match self.recursive.as_str() {
            "" | "enabled" | "disabled" => {}
            "writable" | "readonly" if !self.read_only => {
                return Err(format!("bind-recursive={} needs readonly", self.recursive));
            }
            "writable" => {}
            "readonly" if self.propagation != "rprivate" => {
                return Err("bind-recursive=readonly needs bind-propagation=rprivate".into());
            }
            "readonly" => {}
            other => {
                return Err(format!("bind-recursive takes enabled, disabled, writable or readonly, not {other:?}"));
            }
        }
        Ok(())
    }
}

/// docker/cli opts/mount.go, then the daemon's own rules: moby volume/mounts/linux_parser.go.
pub fn mount(value: &str, cwd: &str) -> Result<Mount, String> {
    let fields = Fields::read(value)?;
    let kind = fields.kind()?;
    if fields.target.is_empty() {
        return Err("target= is missing".into());
    }
    fields.agree()?;
    let target = target_path(&fields.target)?;
    let mut source = fields.source.clone();
    match kind {
        MountKind::Bind if source.is_empty() => return Err("source= is missing".into()),
        MountKind::Bind if !source.starts_with(['/', '.']) => {
            return Err(format!("the source is not an absolute path: {source:?}"));
        }
        MountKind::Bind => source = absolute(&source, cwd),
        MountKind::Volume if source.is_empty() && fields.read_only => {
            return Err("a volume without a name cannot be read-only".into());
        }
        MountKind::Volume if source.is_empty() && fields.subpath.is_some() => {
            return Err("a volume without a name has no subpath".into());
        }
        MountKind::Volume if !source.is_empty() && !volume_name(&source) => {
            return Err(format!("{source:?} is no volume's name; a path needs type=bind"));
        }
        MountKind::Volume if !fields.driver_options.is_empty() => local_options(&fields)?,
        MountKind::Tmpfs if !source.is_empty() => return Err("a tmpfs has no source".into()),
        MountKind::Other if source.is_empty() => return Err("source= is missing".into()),
        _ => {}
    }
    let subpath = fields.subpath.filter(|_| kind == MountKind::Volume).unwrap_or_default();
    Ok(Mount { kind, source, target, subpath, read_only: fields.read_only, ..Mount::default() })
}

/// The driver `local` mounts what its options name: type and device belong together.
fn local_options(fields: &Fields) -> Result<(), String> {
    let has = |name: &str| fields.driver_options.iter().any(|(known, value)| known == name && !value.is_empty());
    if !["", "local"].contains(&fields.driver.as_str()) {
        return Ok(());
    }
    if let Some((name, _)) =
        fields.driver_options.iter().find(|(name, _)| !["type", "device", "o", "size"].contains(&name.as_str()))
    {
        return Err(format!("the driver local has no option {name:?}"));
    }
    let any = has("type") || has("device") || has("o");
    if any && !has("device") { Err("volume-opt=device=… is missing".into()) } else { Ok(()) }
}

/// The first release whose client makes a relative source absolute: `./x` and `.` came before `../x` and `.x`.
pub fn relative_since(source: &str) -> &'static str {
    if source == "." || source.starts_with("./") { "23.0" } else { "27.0" }
}

/// Which releases take a `--mount` that others refuse.
pub fn mount_versions(value: &str) -> Vec<(&'static str, &'static str)> {
    let Ok(fields) = Fields::read(value) else { return Vec::new() };
    let mut found = Vec::new();
    if fields.source.starts_with('.') && fields.kind == "bind" {
        found.push((relative_since(&fields.source), "older ones take no such relative path"));
    }
    if !fields.recursive.is_empty() {
        found.push(("25.0", "older ones do not know bind-recursive"));
    }
    if fields.subpath.is_some() {
        found.push(("26.0", "older ones know no subpath"));
    }
    if fields.kind == "image" {
        found.push(("28.0", "older ones mount no image"));
    }
    found
}
