//! Looks at what a run line or a Dockerfile names: the paths it mounts, the name it takes, images, a terminal.

use std::collections::BTreeMap;
use std::path::Path;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::image::ImageFacts;
use gdoctor_checks::model::facts::run::{Leaned, Lies, Parent, RunFacts, VolumeSource};
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::run::{Mount, MountKind, NamedFile, RunLine, RunOption};
use serde::Deserialize;

use crate::document::fault;
use crate::host::Host;
use crate::host::files::Kind;

use super::docker::Asker;

/// A Dockerfile of more bases is no work of a person's.
const BASES: usize = 32;

pub fn probe(host: &Host, need: &Need) -> RunFacts {
    let daemon = Asker::new(host);
    let bases = need.dockerfile.iter().flat_map(|file| file.bases()).map(|base| &base.reference);
    // Only what can be a reference goes into the daemon's address.
    let plain = |base: &&String| base.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-:/@".contains(&b));
    let bases = bases.filter(plain).take(BASES);
    let bases = bases.map(|base| (base.clone(), super::image::look(host, &daemon, base))).collect();
    let context = need.dockerfile.as_ref().and_then(|file| super::context::look(host, file));
    let Some(line) = &need.run else {
        let podman = super::podman::look(host, &RunLine::default());
        return RunFacts { bases, context, podman, ..RunFacts::default() };
    };
    let mounts = Mounted::read(host);
    let (program, program_fault) = super::inside::program(host, line, &daemon);
    RunFacts {
        bases,
        context,
        sources: sources(host, line),
        names: names(host, line, &daemon),
        networks: networks(host, line, &daemon),
        parent: parent_of_network(host, line, &daemon),
        last_cpu: last_cpu(host, line),
        most_files: most_files(host, line),
        image: line_image(host, line, &daemon),
        contents: contents(host, line),
        program,
        program_fault,
        targets: super::inside::targets(host, line, &daemon),
        accounts: super::inside::accounts(host, line, &daemon),
        subpaths: subpaths(host, line, &daemon),
        private_mounts: private_mounts(host, line, &mounts),
        read_only_mounts: read_only_mounts(host, line, &mounts),
        volumes: volumes(host, line, &daemon),
        leans: leans(host, line, &daemon),
        podman: super::podman::look(host, line),
        terminal: terminal(host),
    }
}

/// What lies at the host's side of every bind mount and device, and at the files that the client opens.
fn sources(host: &Host, line: &RunLine) -> BTreeMap<String, Fact<Lies>> {
    let binds = line.mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
    let devices = line.devices.iter().filter(|device| !device.cdi);
    let paths = binds.map(|mount| &mount.source).chain(line.files.iter().map(|file| &file.path));
    let files = line.files.iter().filter(|file| file.new).map(|file| parent(&file.path).to_owned());
    let onto = line.mounts.iter().map(|mount| mount.target.clone()).filter(|target| target.starts_with("/sys/"));
    let above = paths.clone().filter_map(|path| above(host, path));
    let settings = line.all("sysctl").filter_map(RunOption::setting);
    let paths = paths.cloned().chain(files).chain(onto).chain(above).chain(settings);
    let paths = paths.map(|path| (path.clone(), lies(host, &path)));
    paths.chain(devices.map(|device| (device.host.clone(), device_lies(host, &device.host)))).collect()
}

/// Of a path that is not there: the nearest one above that is.
fn above(host: &Host, path: &str) -> Option<String> {
    let is_there = |path: &str| host.stat(path).value().is_some();
    let mut at = (!is_there(path)).then(|| parent(path))?;
    while !is_there(at) && at != "/" {
        at = parent(at);
    }
    Some(at.to_owned())
}

/// What the client reads: lists of variables and labels, profiles.
fn contents(host: &Host, line: &RunLine) -> BTreeMap<String, Fact<String>> {
    let read = line.files.iter().filter(|file| !file.new);
    let options = line.options_by_place();
    let wrong = |file: &NamedFile| {
        let option = options.of(&file.at).map_or("", |option| option.name.as_str());
        let text = host.text(&file.path);
        let Some(text) = text.value() else { return Fact::unknown(Gap::NotAsked, file.path.clone()) };
        let why = match option {
            "security-opt" => serde_json::from_str::<serde_json::Value>(text).err().map(|error| {
                let (line, column, why) = fault(text, &error);
                format!("it is no JSON: line {line}, column {column}: {why}")
            }),
            _ => text.lines().enumerate().find_map(|(number, row)| {
                let row = row.trim_start();
                let name = row.split('=').next().unwrap_or_default();
                let skipped = row.is_empty() || row.starts_with('#');
                let wrong = name.is_empty() || name.contains([' ', '\t']);
                (wrong && !skipped).then(|| format!("line {} has no name, or blanks in it", number + 1))
            }),
        };
        why.map_or_else(|| Fact::absent(file.path.clone()), |why| Fact::present(why, file.path.clone()))
    };
    read.map(|file| (file.path.clone(), wrong(file))).collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent })
}

/// The same of what is given as a device: a folder counts by the devices below it, as moby walks it (runc's devices.GetDevices).
fn device_lies(host: &Host, path: &str) -> Fact<Lies> {
    lies(host, path).map(|lies| match lies {
        Lies::Folder => devices_below(host, path),
        lies => lies,
    })
}

/// Folders of a device's that are looked into.
const FOLDERS: usize = 256;

fn devices_below(host: &Host, path: &str) -> Lies {
    const SKIPPED: [&str; 7] = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"];
    let (mut open, mut found) = (vec![path.to_owned()], Lies::Folder);
    for _ in 0..FOLDERS {
        let Some(folder) = open.pop() else { break };
        for name in host.list(&folder).value().into_iter().flatten() {
            let inner = format!("{folder}/{name}");
            match host.lstat(&inner).value().map(|stat| stat.kind) {
                Some(Kind::Directory) if !SKIPPED.contains(&name.as_str()) => open.push(inner),
                Some(Kind::CharDevice | Kind::Other) => found = Lies::DeviceFolder,
                Some(Kind::Pipe) => return Lies::PipeFolder,
                _ => {}
            }
        }
    }
    found
}

fn lies(host: &Host, path: &str) -> Fact<Lies> {
    host.stat(path).map(|stat| match stat.kind {
        Kind::File => Lies::File,
        Kind::Directory if host.list(path).value().is_some_and(Vec::is_empty) => Lies::EmptyFolder,
        Kind::Directory => Lies::Folder,
        Kind::Socket => Lies::Socket,
        Kind::CharDevice => Lies::CharDevice,
        _ => Lies::Other,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(default)]
    names: Option<Vec<String>>,
}

fn names(host: &Host, line: &RunLine, daemon: &Asker) -> Fact<Vec<String>> {
    const SOURCE: &str = "GET /containers/json?all=true";
    // Only these options speak of containers by their names.
    let speaks = ["name", "link", "volumes-from", "network", "ipc", "pid"].iter().any(|name| line.last(name).is_some());
    if line.podman || !speaks {
        return Fact::unknown(Gap::NotAsked, SOURCE);
    }
    daemon.get::<Vec<Row>>(host, "/containers/json?all=true", SOURCE).map(|rows| {
        let names = rows.into_iter().flat_map(|row| row.names.unwrap_or_default());
        names.map(|name| name.trim_start_matches('/').to_owned()).collect()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    name: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    driver: String,
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
}

/// Of a network of macvlan or ipvlan, or a bridge's own; dockerd's interfaces are this host's where it is the host's own.
fn parent_of_network(host: &Host, line: &RunLine, daemon: &Asker) -> Fact<Parent> {
    const SOURCE: &str = "/sys/class/net";
    let Some((name, _)) = line.network().filter(|_| !line.podman) else { return Fact::unknown(Gap::NotAsked, SOURCE) };
    let networks = daemon.get::<Vec<Network>>(host, "/networks", SOURCE);
    let network = networks.value().and_then(|networks| networks.iter().find(|network| network.name == name));
    let parent = network.and_then(|network| {
        let option = |key: &str| network.options.as_ref()?.get(key).cloned();
        match network.driver.as_str() {
            "macvlan" | "ipvlan" => option("parent"),
            // libnetwork's bridge driver names it so where nobody else does.
            "bridge" => {
                option("com.docker.network.bridge.name").or_else(|| Some(format!("br-{}", network.id.get(..12)?)))
            }
            _ => None,
        }
    });
    let (Some(network), Some(parent)) = (network, parent.filter(|parent| !parent.is_empty() && !parent.contains('/')))
    else {
        return Fact::absent(SOURCE);
    };
    let host = &host.live();
    let at = |rest: &str| format!("{SOURCE}/{parent}{rest}");
    // Without the folder of a machine's interfaces nothing is known.
    if !host.exists(format!("{SOURCE}/lo")) {
        return Fact::unknown(Gap::ToolMissing("/sys".into()), SOURCE);
    }
    let port_of = host.link(at("/master"));
    let port_of = port_of.value().and_then(|link| link.rsplit('/').next()).map(str::to_owned);
    let is_there = host.exists(at(""));
    let wireless = host.exists(at("/wireless")) || host.exists(at("/phy80211"));
    let driver = network.driver.clone();
    Fact::present(Parent { driver, name: parent, is_there, port_of, wireless }, SOURCE)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    state: State,
    host_config: HostConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    running: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    ipc_mode: String,
}

/// What is mounted on this host, as its first process sees it: mountinfo(5).
struct Mounted(String);

impl Mounted {
    /// Nothing under another root, whose mounts are not here.
    fn read(host: &Host) -> Self {
        let first = host.live().text("/proc/1/mountinfo");
        let table = if first.value().is_some() { first } else { host.live().text("/proc/self/mountinfo") };
        Self(table.value().filter(|_| host.is_live()).cloned().unwrap_or_default())
    }

    /// The fields of the mount that a path lies on: of several at one place the last.
    fn holding(&self, path: &str) -> Option<Vec<&str>> {
        let above =
            |at: &str| at == "/" || path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let rows = self.0.lines().map(|row| row.split(' ').collect::<Vec<_>>());
        rows.filter(|row| row.get(4).is_some_and(|at| above(at))).max_by_key(|row| row[4].len())
    }
}

fn binds(line: &RunLine) -> impl Iterator<Item = &Mount> {
    line.mounts.iter().filter(|mount| mount.kind == MountKind::Bind)
}

/// moby, daemon/volumes_linux: a source that is to be shared, or a slave, has to lie on a mount that is.
fn private_mounts(host: &Host, line: &RunLine, mounts: &Mounted) -> BTreeMap<String, String> {
    let options = line.options_by_place();
    let place = |mount: &Mount| {
        let option = options.of(&mount.at)?;
        let says = |words: [&str; 2]| option.value.split([':', ',', '=']).any(|part| words.contains(&part));
        let (shared, slave) = (says(["shared", "rshared"]), says(["slave", "rslave"]));
        let source = host.live().real_path(&mount.source);
        let row = mounts.holding(source.value().filter(|_| shared || slave)?)?;
        let has =
            |kind: &str| row.iter().skip(6).take_while(|field| **field != "-").any(|field| field.starts_with(kind));
        (!has("shared:") && (shared || !has("master:"))).then(|| row[4].to_owned())
    };
    binds(line).filter(|_| !line.podman).filter_map(|mount| Some((mount.source.clone(), place(mount)?))).collect()
}

/// The mount's own options say `ro`, or those of its file system, behind ` - TYPE SOURCE`.
fn is_read_only(row: &[&str]) -> bool {
    let system = row.iter().position(|field| *field == "-").and_then(|at| row.get(at + 3));
    row.get(5).into_iter().chain(system).any(|options| options.split(',').any(|option| option == "ro"))
}

fn read_only_mounts(host: &Host, line: &RunLine, mounts: &Mounted) -> BTreeMap<String, String> {
    let place = |mount: &Mount| {
        if !host.stat(&mount.source).is_absent() {
            return None;
        }
        let above = Path::new(&mount.source).ancestors().skip(1);
        let nearest = above.map(|folder| folder.display().to_string()).find(|folder| host.exists(folder))?;
        let real = host.live().real_path(&nearest);
        let row = mounts.holding(real.value()?)?;
        is_read_only(&row).then(|| row[4].to_owned())
    };
    binds(line).filter_map(|mount| Some((mount.source.clone(), place(mount)?))).collect()
}

/// The containers that the line leans on, as far as they exist.
fn leans(host: &Host, line: &RunLine, daemon: &Asker) -> BTreeMap<String, Fact<Leaned>> {
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    let names = line.options.iter().filter_map(RunOption::leans_on).filter(plain).filter(|_| !line.podman);
    let look = |name: &str| {
        let source = format!("GET /containers/{name}/json");
        daemon.get::<Container>(host, &source["GET ".len()..], &source).map(|container| Leaned {
            running: container.state.running,
            shares_ipc: ["shareable", "host", ""].contains(&container.host_config.ipc_mode.as_str()),
        })
    };
    names.map(|name| (name.to_owned(), look(name))).collect()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Volume {
    mountpoint: String,
    driver: String,
    options: Option<BTreeMap<String, String>>,
}

/// Of the line's volumes that are there already, those that have a mount of their own: `docker volume create --opt device=…`.
fn volumes(host: &Host, line: &RunLine, daemon: &Asker) -> BTreeMap<String, Fact<VolumeSource>> {
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    let named = line.mounts.iter().filter(|mount| mount.kind == MountKind::Volume && !mount.source.is_empty());
    let named = named.filter(|mount| plain(&mount.source) && !line.podman);
    let look = |mount: &Mount| {
        let source = format!("GET /volumes/{}", mount.source);
        let volume = daemon.get::<Volume>(host, &source["GET ".len()..], &source);
        let volume = volume.value()?;
        let option = |key: &str| volume.options.as_ref()?.get(key).map(String::as_str);
        let device = option("device").filter(|device| !device.is_empty() && volume.driver == "local")?;
        if option("type") == Some("tmpfs") {
            return None;
        }
        let gap = Gap::Unsupported(format!("the volume is mounted from {device}, which is not asked"));
        Some(match device.starts_with('/') {
            true => {
                let lies = lies(&host.live(), device);
                match lies.gap() {
                    Some(gap) => Fact::unknown(gap.clone(), source),
                    None => Fact::present(VolumeSource { path: device.into(), lies: lies.value().copied() }, source),
                }
            }
            false => Fact::unknown(gap, source),
        })
    };
    named.filter_map(|mount| Some((mount.source.clone(), look(mount)?))).collect()
}

/// The folders of volumes that the line mounts; a volume that is not there yet has none.
fn subpaths(host: &Host, line: &RunLine, daemon: &Asker) -> BTreeMap<String, Fact<Lies>> {
    let mounts = line.mounts.iter().filter(|mount| !mount.subpath.is_empty() && !line.podman);
    let look = |mount: &Mount| {
        let source = format!("GET /volumes/{}", mount.source);
        let volume = daemon.get::<Volume>(host, &source["GET ".len()..], &source);
        match (volume.value(), volume.gap()) {
            (Some(volume), _) => lies(&host.live(), &format!("{}/{}", volume.mountpoint, mount.subpath)),
            (None, Some(gap)) => Fact::unknown(gap.clone(), source),
            (None, None) => Fact::absent(source),
        }
    };
    mounts.map(|mount| (format!("{}/{}", mount.source, mount.subpath), look(mount))).collect()
}

fn networks(host: &Host, line: &RunLine, daemon: &Asker) -> Fact<Vec<String>> {
    const SOURCE: &str = "GET /networks";
    if line.podman || (line.network().is_none() && line.makes.is_empty()) {
        return Fact::unknown(Gap::NotAsked, SOURCE);
    }
    let networks = daemon.get::<Vec<Network>>(host, "/networks", SOURCE);
    networks.map(|networks| networks.into_iter().map(|network| network.name).collect())
}

fn last_cpu(host: &Host, line: &RunLine) -> Fact<u32> {
    const LIST: &str = "/sys/devices/system/cpu/online";
    if line.last("cpuset-cpus").is_none() {
        return Fact::unknown(Gap::NotAsked, LIST);
    }
    // `0-3,6-7`
    let last = |list: String| list.rsplit([',', '-']).next().and_then(|last| last.parse().ok());
    host.line(LIST).parse(|list| last(list).ok_or("no list of processors".into()))
}

fn most_files(host: &Host, line: &RunLine) -> Fact<u64> {
    const LIMIT: &str = "/proc/sys/fs/nr_open";
    if line.all("ulimit").all(|option| !option.value.starts_with("nofile=")) {
        return Fact::unknown(Gap::NotAsked, LIMIT);
    }
    host.live().line(LIMIT).parse(|text| text.trim().parse().map_err(|_| "no number".into()))
}

fn line_image(host: &Host, line: &RunLine, daemon: &Asker) -> Fact<ImageFacts> {
    let Some(image) = line.image.as_ref().filter(|image| !image.at.opaque && !line.podman) else {
        return Fact::unknown(Gap::NotAsked, "GET /images");
    };
    if line.all("image").next().is_some() {
        return Fact::absent("no such image can be");
    }
    super::image::look(host, daemon, &image.reference)
}

/// Whether the command, started from here, would have a terminal.
fn terminal(host: &Host) -> Fact<bool> {
    if host.env("CI").is_some_and(|ci| ci != "false" && ci != "0") {
        return Fact::present(false, "CI is set");
    }
    Fact::present(host.has_terminal(), "the standard streams and /dev/tty")
}
