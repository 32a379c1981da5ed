//! CDI specs as their readers take them (pkg/cdi of tags.cncf.io/container-device-interface): which files count, which name
//! leads to which, and what comes of injecting them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::refusal::{Reader, Refusal};
use crate::model::fact::Stop;
use crate::model::facts::Facts;
use crate::model::facts::docker::Info;
use crate::model::facts::toolkit::{Content, Devices, Edits, Spec};
use crate::model::version::Version;

/// Where readers look unless they are told otherwise: the last has priority.
pub const FOLDERS: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];
/// From this version of the API on, the daemon lists the devices that its specs give it.
const LISTS_DEVICES: [u32; 2] = [1, 50];
/// The newest version of the specification that an engine's reader knows, by the engine's version (moby's vendor.mod).
const BY_ENGINE: [([u32; 2], [u32; 2]); 5] =
    [([29, 2], [1, 1]), ([28, 1], [1, 0]), ([27, 4], [0, 8]), ([26, 1], [0, 7]), ([0, 0], [0, 6])];
/// The same by podman's version (its go.mod).
const BY_PODMAN: [([u32; 2], [u32; 2]); 7] = [
    ([6, 0], [1, 1]),
    ([5, 5], [1, 0]),
    ([5, 2], [0, 8]),
    ([5, 1], [0, 7]),
    ([4, 7], [0, 6]),
    ([4, 3], [0, 5]),
    ([0, 0], [0, 4]),
];
/// The same by the toolkit's version (its go.mod), for nvidia-container-runtime in its mode cdi.
const BY_TOOLKIT: [([u32; 3], [u32; 2]); 5] =
    [([1, 18, 2], [1, 1]), ([1, 18, 0], [1, 0]), ([1, 16, 0], [0, 8]), ([1, 15, 0], [0, 7]), ([0, 0, 0], [0, 6])];
/// All versions that there are; each reader knows those up to its own.
const VERSIONS: [&str; 10] = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

/// What one reader has of all specs.
pub struct Registry<'a> {
    reader: Reader,
    /// The spec behind each name; `None` where the engine tells of a name whose file is not seen from here.
    devices: BTreeMap<String, Option<(&'a Spec, &'a Devices)>>,
    /// Names that two files of one folder have, with the two.
    conflicts: BTreeMap<String, [&'a str; 2]>,
    /// A file that cannot be read from here may have more names.
    hidden: Option<&'a Spec>,
    /// The engine itself tells what it has.
    told: bool,
}

/// What injecting names gives.
#[derive(Clone, Debug, Default)]
pub struct Injected {
    pub nodes: Vec<String>,
    pub libraries: BTreeSet<String>,
    /// NVIDIA_VISIBLE_DEVICES as the specs set it.
    pub visible: Option<String>,
    /// The first file that runc will not find, and its spec.
    pub gone: Option<Refusal>,
}

impl<'a> Registry<'a> {
    /// dockerd's.
    pub fn of_engine(facts: &'a Facts, info: &'a Info) -> Result<Self, Stop> {
        let version = facts.docker.version.known()?;
        let engine = version.and_then(|version| Version::leading(&version.version)).unwrap_or(Version::new(&[0]));
        let api = version.and_then(|version| Version::leading(&version.api_version));
        let lists = api.is_some_and(|api| api >= Version::new(&LISTS_DEVICES));
        let specs = if lists { facts.toolkit.specs.value() } else { facts.toolkit.specs.known()? };
        let specs = specs.map(Vec::as_slice).unwrap_or_default();
        let folders: Vec<&str> = match info.cdi_spec_dirs.as_slice() {
            [] => FOLDERS.to_vec(),
            told => told.iter().map(String::as_str).collect(),
        };
        let newest = newest(&BY_ENGINE, &engine);
        let read = Self::read(Reader::Dockerd, specs.iter(), &folders, &newest);
        if !lists {
            return Ok(read);
        }
        // What the daemon lists is what it has, whatever lies in its folders by now.
        let listed = info.discovered_devices.iter().map(|device| &device.id);
        let devices = listed.map(|name| (name.clone(), read.behind(name))).collect();
        Ok(Self { devices, hidden: None, told: true, ..read })
    }

    /// podman's, which looks into folders of its own.
    pub fn of_podman(facts: &'a Facts) -> Result<Self, Stop> {
        let version = facts.podman_version();
        // Where neither a service nor a package of podman's tells its version, a spec is no newer than it until that is seen.
        let newest = version.map_or(Version::new(&[1, 1]), |version| newest(&BY_PODMAN, &version));
        let specs = facts.toolkit.specs.known()?.map(Vec::as_slice).unwrap_or_default();
        let folders = facts.podman_spec_dirs();
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        Ok(Self::read(Reader::Dockerd, specs.iter(), &folders, &newest))
    }

    /// nvidia-container-runtime's, in its mode cdi.
    pub fn of_runtime(facts: &'a Facts, folders: Option<&[String]>, toolkit: Option<&Version>) -> Result<Self, Stop> {
        let engines = facts.toolkit.specs.known()?.map(Vec::as_slice).unwrap_or_default();
        let own = facts.toolkit.runtime_specs.value().map(Vec::as_slice).unwrap_or_default();
        let folders: Vec<&str> = match folders {
            Some(folders) => folders.iter().map(String::as_str).collect(),
            None => FOLDERS.to_vec(),
        };
        let newest = toolkit.map_or(Version::new(&[1, 1]), |toolkit| newest(&BY_TOOLKIT, toolkit));
        Ok(Self::read(Reader::Runtime, engines.iter().chain(own), &folders, &newest))
    }

    /// Cache.refresh: a later folder has priority; two specs of one folder that share a name, and the name is gone.
    fn read(reader: Reader, specs: impl Iterator<Item = &'a Spec>, folders: &[&str], newest: &Version) -> Self {
        let (devices, conflicts) = (BTreeMap::new(), BTreeMap::new());
        let mut read = Self { reader, devices, conflicts, hidden: None, told: false };
        let mut places: BTreeMap<String, (usize, &str)> = BTreeMap::new();
        let place = |spec: &Spec| folders.iter().position(|known| same_folder(known, folder(&spec.path)));
        let mut specs: Vec<(usize, &Spec)> = specs.filter_map(|spec| Some((place(spec)?, spec))).collect();
        specs.sort_by_key(|(place, _)| *place);
        for (place, spec) in specs {
            let devices = match &spec.content {
                Content::Read(devices) if refuses(devices, newest).is_none() => devices,
                Content::Unreadable(_) => {
                    read.hidden = Some(spec);
                    continue;
                }
                _ => continue,
            };
            for name in &devices.names {
                let qualified = alloc::format!("{}={name}", devices.kind);
                match places.insert(qualified.clone(), (place, &spec.path)) {
                    Some((other, path)) if other == place => {
                        read.conflicts.insert(qualified, [path, &spec.path]);
                    }
                    _ => drop(read.devices.insert(qualified, Some((spec, devices)))),
                }
            }
        }
        let Self { devices, conflicts, .. } = &mut read;
        devices.retain(|name, _| !conflicts.contains_key(name));
        read
    }

    fn behind(&self, name: &str) -> Option<(&'a Spec, &'a Devices)> {
        self.devices.get(name).copied().flatten()
    }

    /// The names of one kind, without it: `0`, `all`.
    pub fn names(&self, kind: &str) -> Vec<&str> {
        self.devices.keys().filter_map(|name| name.strip_prefix(kind)?.strip_prefix('=')).collect()
    }

    /// One of these names comes from a file that was changed after this time, and the engine does not tell what it has.
    pub fn is_newer_than(&self, names: &[String], time: Option<i64>) -> bool {
        let later =
            |name: &String| self.behind(name).is_some_and(|(spec, _)| time.is_some_and(|time| spec.changed > time));
        !self.told && names.iter().any(later)
    }

    /// No file of its folders is out of sight.
    pub fn is_whole(&self) -> bool {
        self.hidden.is_none()
    }

    /// Cache.InjectDevices. `Err` is what the reader itself refuses; what runc will refuse comes with the rest.
    pub fn inject(&self, names: &[String]) -> Result<Result<Injected, (Refusal, Injected)>, Stop> {
        let missing: Vec<String> = names.iter().filter(|name| !self.devices.contains_key(*name)).cloned().collect();
        if let Some(hidden) = self.hidden.filter(|_| !missing.is_empty()) {
            let gap = crate::model::fact::Gap::Unsupported(alloc::format!("{} cannot be read", hidden.path));
            return Err(Stop::Unknown(gap, Default::default()));
        }
        if let Some((name, specs)) = missing.iter().find_map(|name| self.conflicts.get_key_value(name)) {
            let conflict = Refusal::Conflict { name: name.clone(), specs: specs.map(ToString::to_string) };
            return Ok(Err((conflict, Injected::default())));
        }
        if !missing.is_empty() {
            let kind = missing.first().and_then(|name| name.split_once('=')).map_or("", |(kind, _)| kind);
            let known = self.devices.keys().filter(|name| kind.is_empty() || name.starts_with("nvidia.com/gpu="));
            let known = known.cloned().collect();
            return Ok(Err((Refusal::Unresolvable { names: missing, known, by: self.reader }, Injected::default())));
        }
        let mut injected = Injected::default();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for name in names {
            let Some((spec, devices)) = self.behind(name) else { continue };
            if seen.insert(&spec.path)
                && let Err(refusal) = injected.add(spec, &devices.common)
            {
                return Ok(Err((refusal, injected)));
            }
            injected.visible = Some(devices.visible.clone().unwrap_or_else(|| "void".to_string()));
            let own = name.split_once('=').and_then(|(_, name)| devices.each.get(name));
            let older = Edits { missing_files: devices.missing.clone(), ..Edits::default() };
            let nothing = Edits::default();
            let edits = own.unwrap_or(if devices.each.is_empty() { &older } else { &nothing });
            if let Err(refusal) = injected.add(spec, edits) {
                return Ok(Err((refusal, injected)));
            }
        }
        if injected.visible.as_deref() == Some("") {
            injected.visible = None;
        }
        Ok(Ok(injected))
    }
}

impl Injected {
    fn add(&mut self, spec: &Spec, edits: &Edits) -> Result<(), Refusal> {
        for node in &edits.nodes {
            if let Some(path) = edits.missing_nodes.iter().find(|missing| *missing == node) {
                return Err(Refusal::NodeGone { spec: spec.path.clone(), path: path.clone() });
            }
            self.nodes.push(node.clone());
        }
        if let Some(path) = edits.missing_nodes.first() {
            return Err(Refusal::NodeGone { spec: spec.path.clone(), path: path.clone() });
        }
        self.libraries.extend(edits.libraries.iter().cloned());
        let gone = || edits.missing_files.first().map(|path| (spec.path.clone(), path.clone()));
        if self.gone.is_none() {
            self.gone = gone().map(|(spec, path)| Refusal::FileGone { spec, path });
        }
        Ok(())
    }
}

/// Why readers that know versions up to `newest` do not take a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untaken {
    /// There is no such version.
    Version,
    /// Its version is newer than the reader.
    TooNew,
    /// It uses what came with this later version.
    Needs(String),
    Field(String),
    Fault(String),
}

fn refuses(devices: &Devices, newest: &Version) -> Option<Untaken> {
    let written = devices.version.strip_prefix('v').unwrap_or(&devices.version);
    let version = Version::parse(written).filter(|_| VERSIONS.contains(&written));
    let Some(version) = version else { return Some(Untaken::Version) };
    if version > *newest {
        return Some(Untaken::TooNew);
    }
    let least = if devices.least.is_empty() { "0.3.0" } else { devices.least.as_str() };
    if Version::parse(least).is_some_and(|least| least > version) {
        return Some(Untaken::Needs(least.to_string()));
    }
    let field = devices.unknown.first().map(|field| Untaken::Field(field.clone()));
    field.or_else(|| devices.fault.clone().map(Untaken::Fault))
}

impl Facts {
    /// Why dockerd, or podman, takes nothing of a spec that was read.
    pub fn untaken(&self, devices: &Devices, podman: bool) -> Option<Untaken> {
        if podman {
            let newest = self.podman_version().map_or(Version::new(&[1, 1]), |version| newest(&BY_PODMAN, &version));
            return refuses(devices, &newest);
        }
        let engine = Version::leading(&self.docker.version.value()?.version)?;
        refuses(devices, &newest(&BY_ENGINE, &engine))
    }

    /// Containers are podman's: it answers Docker's clients, or no Docker answers and podman is here.
    pub fn is_podmans(&self) -> bool {
        match self.docker.version.value() {
            Some(version) => version.is_podman(),
            None => self.docker.podman.value().is_some(),
        }
    }

    /// That of the service which answers, else of the program.
    pub fn podman_version(&self) -> Option<Version> {
        let service = self.docker.version.value().filter(|version| version.is_podman());
        let service = service.and_then(|version| Version::leading(&version.version));
        service.or_else(|| Version::leading(&self.docker.podman.value()?.version))
    }

    /// Where podman looks for specs. Until 5.5 it did as the library of CDI does, whatever containers.conf said; 5.5 has a default
    /// of its own without the second folder (containers/common, pkg/config/default.go).
    pub fn podman_spec_dirs(&self) -> Vec<String> {
        let both = || FOLDERS.map(ToString::to_string).to_vec();
        let Some(version) = self.podman_version() else { return both() };
        let said = self.docker.podman.value().and_then(|podman| podman.spec_dirs.clone());
        match said {
            Some(said) if version >= Version::new(&[5, 5]) => said,
            _ if version >= Version::new(&[5, 5]) && version < Version::new(&[5, 6]) => {
                [FOLDERS[0].to_string()].to_vec()
            }
            _ => both(),
        }
    }
}

/// The newest version of the specification that a program of this version reads.
fn newest<const N: usize>(table: &[([u32; N], [u32; 2])], version: &Version) -> Version {
    let known = table.iter().find(|(from, _)| *version >= Version::new(from));
    Version::new(&known.map_or([0, 6], |(_, known)| *known))
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// /var/run is a link to /run.
fn same_folder(one: &str, other: &str) -> bool {
    let plain = |path: &str| path.trim_end_matches('/').strip_prefix("/var/run/").map(ToString::to_string);
    let name =
        |path: &str| plain(path).map_or(path.trim_end_matches('/').to_string(), |rest| alloc::format!("/run/{rest}"));
    name(one) == name(other)
}
