//! Is what the line mounts there, and does it lie where the container looks?

mod maker;

use alloc::collections::BTreeMap;

use maker::{Meant, Start};

use crate::model::fact::Source;
use crate::model::facts::run::Lies;
use crate::model::finding::Verdict;
use crate::model::prelude::*;
use crate::model::run::{Edit, Mount, MountKind, RunLine, RunOption};
use crate::readings::sight::ENGINE_FILES;

pub static CHECK: Check = Check {
    id: "run-line-volumes",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("nothing-mounted")) };
    if line.mounts.is_empty() {
        return Err(Stop::NotNeeded("nothing-mounted"));
    }
    let mut findings = Findings::new();
    let options = line.options_by_place();
    let mut targets = Targets::default();
    for mount in &line.mounts {
        let option = options.of(&mount.at);
        if let Some(before) = targets.clashes(mount, option) {
            findings.push(same_target(before, mount));
        } else if let Some(finding) = other_kind(facts, mount).or_else(|| onto_sysfs(facts, mount)) {
            findings.push(finding);
        } else if let Some(finding) = not_shared(facts, mount).or_else(|| of_volume(facts, mount)) {
            findings.push(finding);
        } else if let Some(finding) = subpath(facts, mount).or_else(|| holds_root(facts, option, mount)) {
            findings.push(finding);
        } else if mount.kind == MountKind::Bind && !facts.docker.is_elsewhere() && !is_told_elsewhere(&mount.source) {
            findings.extend(source(facts, line, mount));
        }
    }
    findings.extend(out_of_sight(facts, line));
    findings.extend(of_cgroups(facts, line));
    findings.extend(keeps_nothing(line));
    if findings.is_empty() {
        let count = line.mounts.len();
        findings.push(Finding::pass("there").with("count", count).evidence("the line", format!("{count} mounts")));
    }
    Ok(findings)
}

/// What the engine's own machine has, or the snap's, which shows its dockerd the folders of users and little else.
fn out_of_sight(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let of_host = |mount: &&Mount| mount.kind == MountKind::Bind && !is_told_elsewhere(&mount.source);
    // What of a home begins with a dot the snap's rules leave out.
    let hidden_of_home = |path: &str| {
        let home = path.strip_prefix("/home/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
        home.or(path.strip_prefix("/root/")).is_some_and(|rest| rest.starts_with('.'))
    };
    let folders = ["/home/", "/root/", "/var/snap/docker/"];
    let shown = |path: &str| folders.iter().any(|folder| path.starts_with(folder)) && !hidden_of_home(path);
    let snap = facts.docker.info.value().is_some_and(|info| info.is_snap());
    if let Some(mount) = line.mounts.iter().find(|mount| snap && of_host(mount) && is_not_in_snap(&mount.source)) {
        let finding = Finding::fail("not-in-snap", "docker-kind/replace-snap").about(&mount.source);
        let seen = facts.docker.info.value().map_or("", |info| info.docker_root_dir.as_str());
        return Some(finding.evidence("GET /info: DockerRootDir", seen).asked_by(&mount.at.origin()));
    }
    let (mount, why) = if facts.docker.is_elsewhere() {
        (line.mounts.iter().find(of_host)?, ENGINE_FILES)
    } else {
        let hidden = |mount: &&Mount| of_host(mount) && !shown(&mount.source);
        (line.mounts.iter().find(hidden).filter(|_| snap)?, SNAP_FILES)
    };
    let finding = Finding::unknown(Gap::Unsupported(why.into()), facts.docker.endpoint.source.clone());
    Some(finding.about(&mount.source).asked_by(&mount.at.origin()))
}

/// The snap's root is its base's, read-only, with some of the host's folders in it (snapd, cmd/snap-confine/mount-support.c); what
/// systems do not have by themselves, and /opt and /srv, are none of them (canonical/docker-snap#188).
fn is_not_in_snap(path: &str) -> bool {
    const OTHERS: [&str; 18] = [
        "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "proc", "root", "run", "sbin", "snap",
        "sys", "tmp", "usr", "var",
    ];
    let top = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    !top.is_empty() && !OTHERS.contains(&top)
}

/// A container whose init is systemd has to write into its own group. Under version 2 it sees that group as the root of the tree, which a
/// mount of the host's tree hides (systemd.io, "The Container Interface").
fn of_cgroups(facts: &Facts, line: &RunLine) -> Option<Finding> {
    const TREE: &str = "/sys/fs/cgroup";
    let is_tree = |path: &str| path.trim_end_matches('/') == TREE;
    let mount = line.mounts.iter().find(|mount| is_tree(&mount.source) && is_tree(&mount.target))?;
    let info = facts.docker.info.value().filter(|info| info.cgroup_version == "2" && !line.podman)?;
    let by_daemon = facts.docker.settings().and_then(|settings| settings.kinds.get("default-cgroupns-mode")).is_some();
    let namespace = line.last("cgroupns");
    let shares = namespace.is_some_and(|option| option.value == "host") || namespace.is_none() && by_daemon;
    if shares && !mount.read_only {
        return None;
    }
    let writable = mount.at.text.strip_suffix(":ro").filter(|_| mount.read_only);
    let mut finding = Finding::warn("cgroups-of-host", "share-cgroups").about(&mount.at.text);
    if let Some(text) = writable {
        finding = finding.edit(Edit { span: mount.at.span, text: format!("{text}:rw") });
    }
    if !shares {
        finding = match namespace {
            Some(option) => finding.edit(option.at.with_value("host")),
            None => finding.edit(line.insert("--cgroupns=host")),
        };
    }
    Some(finding.evidence("GET /info: CgroupVersion", &*info.cgroup_version).asked_by(&mount.at.origin()))
}

const SNAP_FILES: &str =
    "the snap of Docker has a root of its own, in which it sees users' folders and little else of this host";

/// A folder covers no file of the image, and a file no folder.
fn other_kind(facts: &Facts, mount: &Mount) -> Option<Finding> {
    let there = facts.run.targets.get(&mount.target)?;
    let fact = facts.run.sources.get(&mount.source);
    let brings = match mount.kind {
        MountKind::Tmpfs => Lies::Folder,
        // docker makes a folder of what is not there.
        MountKind::Bind if mount.makes_folder && fact.is_some_and(|fact| fact.is_absent()) => Lies::Folder,
        MountKind::Bind => match fact?.value()? {
            Lies::Folder | Lies::EmptyFolder => Lies::Folder,
            Lies::File => Lies::File,
            _ => return None,
        },
        _ => return None,
    };
    (brings != *there).then(|| {
        let finding = match is_of_time(&mount.source) {
            true => Finding::fail("other-kind", "time-zone").edit(mount.at.without()),
            false => Finding::fail("other-kind", "look"),
        };
        let finding = finding.with("brings", brings).with("there", there);
        finding
            .about(&mount.target)
            .with("parent", parent(&mount.source))
            .evidence("the image", there.to_string())
            .asked_by(&mount.at.origin())
    })
}

/// The kernel's own tree has the same paths in every container, and nobody can make one there.
fn onto_sysfs(facts: &Facts, mount: &Mount) -> Option<Finding> {
    let fact = facts.run.sources.get(&mount.target).filter(|_| !facts.docker.is_elsewhere())?;
    let below = mount.target.starts_with("/sys/") && !mount.target.starts_with("/sys/fs/cgroup/");
    let finding = Finding::fail("in-sysfs", "look").about(&mount.target).with("parent", parent(&mount.target));
    (below && fact.is_absent()).then(|| finding.saw(fact).asked_by(&mount.at.origin()))
}

/// What is mounted later reaches the container only through a mount that is shared itself.
fn not_shared(facts: &Facts, mount: &Mount) -> Option<Finding> {
    let place = facts.run.private_mounts.get(&mount.source).filter(|_| mount.kind == MountKind::Bind)?;
    if facts.docker.is_elsewhere() || facts.docker.is_rootless() {
        return None;
    }
    let finding = Finding::fail("not-shared", "share-mount").about(&mount.source).with("place", place);
    Some(finding.evidence("/proc/1/mountinfo", format!("{place} is private")).asked_by(&mount.at.origin()))
}

/// A volume that stands for a folder or a device of this host, which nothing makes.
fn of_volume(facts: &Facts, mount: &Mount) -> Option<Finding> {
    let fact = facts.run.volumes.get(&mount.source).filter(|_| mount.kind == MountKind::Volume)?;
    let finding = match fact.known() {
        _ if facts.docker.is_elsewhere() => return None,
        Ok(Some(source)) if source.lies.is_none() => {
            let finding = Finding::fail("volume-source-gone", "make-source").with("path", &source.path);
            finding.evidence(fact.source.0.as_str(), &*source.path)
        }
        Ok(_) | Err(Stop::NotNeeded(_)) => return None,
        Err(Stop::Unknown(gap, source)) => Finding::unknown(gap, source),
    };
    Some(finding.about(&mount.source).asked_by(&mount.at.origin()))
}

/// A folder of a volume's has to be in it before.
fn subpath(facts: &Facts, mount: &Mount) -> Option<Finding> {
    let fact = facts.run.subpaths.get(&format!("{}/{}", mount.source, mount.subpath))?;
    let finding = match fact.known() {
        Ok(Some(_)) => return None,
        Ok(None) => Finding::fail("no-subpath", "look-into-volume").with("volume", &mount.source).saw(fact),
        Err(Stop::Unknown(gap, source)) => Finding::unknown(gap, source),
        Err(_) => return None,
    };
    Some(finding.about(&mount.subpath).asked_by(&mount.at.origin()))
}

/// What holds the engine's own files cannot be mounted with a private propagation: it would keep them busy.
fn holds_root(facts: &Facts, option: Option<&RunOption>, mount: &Mount) -> Option<Finding> {
    let info = facts.docker.info.value().filter(|_| mount.kind == MountKind::Bind)?;
    let private = option?.value.split([':', ',', '=']).any(|word| ["private", "rprivate"].contains(&word));
    let inside = info.docker_root_dir.strip_prefix(mount.source.trim_end_matches('/'));
    let holds = inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let finding = Finding::fail("holds-root", "leave-out").about(&mount.source).with("root", &info.docker_root_dir);
    let finding = finding.with("other", &mount.at.text).evidence("GET /info: DockerRootDir", &*info.docker_root_dir);
    (private && holds).then(|| finding.edit(mount.at.without()).asked_by(&mount.at.origin()))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent })
}

/// A file stands where a folder would have to be.
fn below_file<'a>(facts: &Facts, path: &'a str) -> Option<&'a str> {
    let mut at = parent(path);
    loop {
        match facts.run.sources.get(at).and_then(|fact| fact.value()) {
            Some(Lies::Folder | Lies::EmptyFolder | Lies::DeviceFolder | Lies::PipeFolder) => return None,
            Some(_) => return Some(at),
            None if at == "/" => return None,
            None => at = parent(at),
        }
    }
}

/// What the line has mounted so far, by the place in the container.
#[derive(Default)]
struct Targets<'a>(BTreeMap<&'a str, Vec<Taken<'a>>>);

type Taken<'a> = (&'a Mount, Option<&'a RunOption>);

impl<'a> Targets<'a> {
    /// The mount before that this one cannot stand beside.
    fn clashes(&mut self, mount: &'a Mount, option: Option<&'a RunOption>) -> Option<&'a Mount> {
        let taken = self.0.entry(&mount.target).or_default();
        let before = taken.iter().find(|before| clashes(**before, (mount, option))).map(|(before, _)| *before);
        // What says the same clashes with the same.
        let said = |(mount, option): &Taken<'a>| {
            (
                mount.kind == MountKind::Volume && mount.source.is_empty(),
                option.map(|option| (&option.name, &option.value)),
            )
        };
        if !taken.iter().any(|one| said(one) == said(&(mount, option))) {
            taken.push((mount, option));
        }
        before
    }
}

/// Of two mounts in one place. docker takes the same words twice for one, lets a nameless volume give way, and keeps --tmpfs apart from -v.
fn clashes((one, first): Taken, (other, second): Taken) -> bool {
    let (Some(first), Some(second)) = (first, second) else { return true };
    let nameless = |mount: &Mount, option: &RunOption| {
        mount.kind == MountKind::Volume && mount.source.is_empty() && option.name == "volume"
    };
    let either = |name: &str| first.name == name || second.name == name;
    let same_words = first.name == second.name && first.value == second.value && first.name == "volume";
    let of_tmpfs = either("tmpfs") && (first.name == second.name || either("mount"));
    let gives_way = nameless(one, first) || nameless(other, second);
    !same_words && !of_tmpfs && !gives_way
}

/// The checks of cameras, GPUs and displays tell of these.
fn is_told_elsewhere(path: &str) -> bool {
    ["/dev/video", "/dev/v4l", "/dev/nvidia", "/tmp/.X11-unix"].iter().any(|told| path.starts_with(told))
}

fn same_target(before: &Mount, mount: &Mount) -> Finding {
    Finding::fail("target-twice", "drop-mount")
        .about(&mount.target)
        .with("one", &before.at.text)
        .with("other", &mount.at.text)
        .evidence("the line", format!("{} and {}", before.at.text, mount.at.text))
        .edit(mount.at.without())
        .asked_by(&mount.at.origin())
}

fn source(facts: &Facts, line: &RunLine, mount: &Mount) -> Option<Finding> {
    let Some(fact) = facts.run.sources.get(&mount.source) else {
        let absolute = mount.source.starts_with('/');
        let unseen = || Finding::unknown(Gap::NotAsked, Source::new(mount.source.as_str())).about(&mount.source);
        return absolute.then(|| unseen().asked_by(&mount.at.origin()));
    };
    if line.earlier.has_path(&mount.source) {
        return None;
    }
    if line.earlier.makes_files && fact.is_absent() {
        let gap = Gap::Unsupported("a command before the run may make it".into());
        return (!mount.makes_folder)
            .then(|| Finding::unknown(gap, fact.source.clone()).about(&mount.source).asked_by(&mount.at.origin()));
    }
    let finding = match fact.known() {
        Ok(Some(Lies::EmptyFolder)) => folder_in_its_place(&mount.source)?,
        Ok(Some(_)) => return None,
        Ok(None) if mount.makes_folder && below_file(facts, &mount.source).is_some() => {
            let file = below_file(facts, &mount.source).unwrap_or_default();
            Finding::fail("below-file", "look").with("file", file)
        }
        Ok(None) => match facts.run.read_only_mounts.get(&mount.source).filter(|_| mount.makes_folder) {
            Some(place) => Finding::fail("not-to-be-made", "other-folder").with("place", place),
            // What is left of the path is nobody's folder: the variable is the cause.
            None if line.unset.iter().any(|unset| unset.at.contains(&mount.at)) => {
                return Some(Finding::from(Stop::blocked_by("run-line-syntax")).about(&mount.source));
            }
            None => missing(mount),
        },
        Err(Stop::Unknown(gap, source)) => Finding::unknown(gap, source),
        Err(_) => return None,
    };
    let finding = match is_of_time(&mount.source) && !matches!(finding.verdict, Verdict::Unknown(_)) {
        true => finding.edit(mount.at.without()),
        false => finding,
    };
    Some(finding.about(&mount.source).with("parent", parent(&mount.source)).saw(fact).asked_by(&mount.at.origin()))
}

/// What an earlier `-v` has left where something else belongs.
fn folder_in_its_place(path: &str) -> Option<Finding> {
    match maker::meant(path) {
        Some(Meant::Socket(maker)) => {
            Some(Finding::warn("folder-for-socket", "remove-folder").with("program", maker.program))
        }
        Some(_) => None,
        None if is_of_time(path) => Some(Finding::warn("folder-for-file", "time-zone")),
        None => looks_like_file(path).then(|| Finding::warn("folder-for-file", "look")),
    }
}

/// Only what a person makes is made by hand: a folder in the place of a socket keeps its program from ever making it.
fn missing(mount: &Mount) -> Finding {
    let path = mount.source.as_str();
    let (code, fix) = match maker::meant(path) {
        Some(Meant::Socket(maker)) => return socket_missing(mount, maker),
        Some(Meant::Runtime) => ("runtime-missing", Start::Unknown.fix()),
        Some(Meant::Node) => ("node-missing", "look"),
        None if is_of_time(path) => ("file-missing", "time-zone"),
        None if looks_like_file(path) => ("file-missing", "look"),
        None => ("folder-missing", "make"),
    };
    if mount.makes_folder { Finding::warn(code, fix) } else { Finding::fail("mount-missing", fix) }
        .with("program", "the program that it belongs to")
}

fn socket_missing(mount: &Mount, maker: maker::Maker) -> Finding {
    let (unit, service) = maker.start.names();
    let fix = maker.start.fix();
    if mount.makes_folder { Finding::warn("socket-missing", fix) } else { Finding::fail("mount-missing", fix) }
        .with("program", maker.program)
        .with("unit", unit)
        .with("service", service)
}

/// Not every system has these: /etc/timezone is Debian's own, and /etc/localtime may be missing where the time is UTC.
fn is_of_time(path: &str) -> bool {
    ["/etc/timezone", "/etc/localtime"].contains(&path)
}

/// A name with an ending, or one of the well-known files; `.d` and `.git` are endings of folders.
fn looks_like_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.trim_start_matches('.').rsplit_once('.').is_some_and(|(stem, ending)| {
        let of_folders = ["d", "git"].contains(&ending);
        !stem.is_empty()
            && !of_folders
            && (1..=5).contains(&ending.len())
            && ending.bytes().all(|b| b.is_ascii_alphabetic())
    });
    ending || name == ".Xauthority" || path.starts_with("/etc/") && !name.ends_with(".d")
}

/// The registry's image keeps its data in /var/lib/registry; a mount elsewhere keeps nothing.
fn keeps_nothing(line: &RunLine) -> Option<Finding> {
    const DATA: &str = "/var/lib/registry";
    let image = line.image.as_ref()?;
    let name = image.reference.rsplit('/').next()?.split([':', '@']).next()?;
    let covered = line.mounts.iter().any(|mount| DATA.starts_with(mount.target.as_str()));
    let moved = line.variables.iter().any(|v| v.name == "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY");
    if name != "registry" || covered || moved {
        return None;
    }
    let mount = line.mounts.iter().find(|mount| mount.target.ends_with("/registry"))?;
    let text = mount.at.text.get(mount.at.value.start.checked_sub(mount.at.span.start)?..)?;
    let value = text.replacen(&format!(":{}", mount.target), &format!(":{DATA}"), 1);
    Some(
        Finding::warn("keeps-nothing", "mount-data")
            .about(&mount.target)
            .with("target", DATA)
            .evidence("the line", &*mount.at.text)
            .edit(Edit { span: mount.at.value, text: value })
            .asked_by(&mount.at.origin()),
    )
}
