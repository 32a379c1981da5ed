//! What listens behind a wanted port that a container publishes: the tables of the container's own network, which /proc shows to
//! everybody.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Container, DockerFacts, EngineVersion};
use gdoctor_checks::model::facts::port::Served;
use gdoctor_checks::model::need::Protocol;
use serde::Deserialize;

use super::{Wanted, table};
use crate::host::Host;
use crate::probe::docker::Asker;

/// A wide range may be all of a busy host's containers.
const CONTAINERS: usize = 16;
const LISTENERS: usize = 64;
const SOURCE: &str = "GET /containers/json";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Inspect {
    state: State,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct State {
    pid: u32,
}

/// Absent for engines whose containers' processes are not this host's, or not looked at.
pub fn look(host: &Host, wanted: &Wanted, docker: &DockerFacts) -> Fact<Vec<Served>> {
    let podman = docker.version.value().is_some_and(EngineVersion::is_podman);
    if docker.is_elsewhere() || docker.is_rootless() || podman {
        return Fact::absent("the engine");
    }
    let Some(containers) = docker.containers.value() else { return Fact::absent(SOURCE) };
    let publishing: Vec<&Container> =
        containers.iter().filter(|container| published(container, wanted).next().is_some()).take(CONTAINERS).collect();
    let asker = (!publishing.is_empty()).then(|| Asker::new(host));
    let mut all = BTreeMap::new();
    for container in publishing {
        let process = asker.as_ref().map_or_else(Fact::default, |asker| process(host, asker, container));
        for (port, inside, protocol) in published(container, wanted) {
            let listeners = match process.value() {
                Some(pid) => listeners(host, *pid, protocol),
                None => process.clone().map(|_| Vec::new()),
            };
            let served = Served { port, protocol, container: container.name().into(), inside, listeners };
            // Docker publishes on each family of addresses by itself.
            all.entry((port, protocol)).or_insert(served);
        }
    }
    Fact::present(all.into_values().collect(), SOURCE)
}

/// Wanted host ports of the container's, with the port inside.
fn published<'a>(container: &'a Container, wanted: &'a Wanted) -> impl Iterator<Item = (u16, u16, Protocol)> + 'a {
    container.ports.iter().filter(|port| port.public_port != 0).filter_map(|port| {
        let protocol = match port.protocol.as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        };
        wanted.has(protocol, port.public_port).then_some((port.public_port, port.private_port, protocol))
    })
}

/// The container's first process as this host numbers it.
fn process(host: &Host, asker: &Asker, container: &Container) -> Fact<u32> {
    let source = format!("GET /containers/{}/json", container.name());
    let inspect = asker.get::<Inspect>(host, &format!("/containers/{}/json", container.id), &source);
    let pid = match inspect.value() {
        Some(Inspect { state: State { pid: 0 } }) => return Fact::absent(source),
        Some(found) => found.state.pid,
        None => return inspect.map(|_| 0),
    };
    // The daemon may number processes otherwise than this /proc does.
    let cgroup = host.text(format!("/proc/{pid}/cgroup"));
    match cgroup.value().is_some_and(|text| text.contains(container.id.as_str())) {
        true => Fact::present(pid, source),
        false => {
            let why = format!("process {pid} is not seen here as the container's");
            Fact::unknown(Gap::Unsupported(why), cgroup.source.0)
        }
    }
}

fn listeners(host: &Host, pid: u32, protocol: Protocol) -> Fact<Vec<SocketAddr>> {
    table::listeners(host, &format!("/proc/{pid}/net"), protocol).map(|mut all| {
        all.sort();
        all.dedup();
        all.truncate(LISTENERS);
        all
    })
}
