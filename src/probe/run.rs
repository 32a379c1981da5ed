//! Looks at what a run line or a Dockerfile names: the paths it mounts, the name it takes, images, a terminal.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::image::ImageFacts;
use gdoctor_checks::model::facts::run::{Lies, RunFacts};
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::run::{MountKind, RunLine};
use serde::Deserialize;

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
    let Some(line) = &need.run else { return RunFacts { bases, ..RunFacts::default() } };
    RunFacts {
        bases,
        sources: sources(host, line),
        names: names(host, line, &daemon),
        networks: networks(host, line, &daemon),
        last_cpu: last_cpu(host, line),
        image: line_image(host, line, &daemon),
        terminal: terminal(host),
    }
}

/// What lies at the host's side of every bind mount and device, and at the files that the client opens.
fn sources(host: &Host, line: &RunLine) -> BTreeMap<String, Fact<Lies>> {
    let binds = line.mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
    let devices = line.devices.iter().filter(|device| !device.cdi);
    let paths = binds.map(|mount| &mount.source).chain(devices.map(|device| &device.host));
    let paths = paths.chain(line.files.iter().map(|file| &file.path));
    paths.map(|path| (path.clone(), lies(host, path))).collect()
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
}

fn networks(host: &Host, line: &RunLine, daemon: &Asker) -> Fact<Vec<String>> {
    const SOURCE: &str = "GET /networks";
    if line.podman || line.network().is_none() {
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
