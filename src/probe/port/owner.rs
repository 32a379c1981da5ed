//! Who holds a port: the container that the Docker API names, else the process whose socket the kernel's tables show.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Container, DockerFacts};
use gdoctor_checks::model::facts::port::Holder;
use gdoctor_checks::model::need::{Port, Protocol};

use super::table::{self, Key, Row, Rows, State};
use super::unit;
use crate::host::Host;
use crate::probe::process::container_id;

/// The containers that publish ports, and the sockets and processes on the taken ones.
pub struct Owners<'a> {
    docker: &'a DockerFacts,
    published: BTreeMap<Key, Vec<(Option<IpAddr>, &'a Container)>>,
    rows: Fact<Rows>,
    /// By inode.
    processes: BTreeMap<u64, Process>,
}

#[derive(Clone, Debug)]
struct Process {
    pid: u32,
    name: String,
    unit: Option<String>,
    /// The container whose process it is: on the host's network, where nothing is published.
    container: Option<String>,
}

impl Process {
    fn is_systemd(&self) -> bool {
        self.pid == 1 && self.name == "systemd"
    }
}

impl<'a> Owners<'a> {
    /// One reading of the tables and one pass over /proc, and neither when nothing is taken.
    pub fn find(host: &Host, taken: &BTreeSet<Key>, docker: &'a DockerFacts) -> Self {
        let published = published(docker.containers.value().map_or(&[], Vec::as_slice));
        if taken.is_empty() {
            let rows = Fact::present(Rows::new(), "/proc/net");
            return Self { docker, published, rows, processes: BTreeMap::new() };
        }
        let rows = table::read(host, taken);
        let wanted: BTreeMap<u64, u32> = rows
            .value()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !published.contains_key(key))
            .flat_map(|(_, rows)| rows)
            .filter(|row| matches!(row.state, State::Listens | State::Bound) && row.inode != 0)
            .map(|row| (row.inode, row.uid))
            .collect();
        let mut processes = processes(host, wanted);
        for (key, row) in
            rows.value().into_iter().flatten().flat_map(|(key, rows)| rows.iter().map(move |row| (key, row)))
        {
            if let Some(process) = processes.get_mut(&row.inode).filter(|process| process.is_systemd()) {
                process.unit = unit::listening(host, key.protocol, row.local);
            }
        }
        Self { docker, published, processes, rows }
    }

    /// A running container publishes this port, on whatever address.
    pub fn publishes(&self, protocol: Protocol, number: u16) -> bool {
        !self.published.is_empty() && self.published.contains_key(&Key { number, protocol })
    }

    /// Who holds `number` against `port`'s address; Absent when nothing is seen that would. Only what could not be bound
    /// (`occupied`) is looked up in the kernel's tables.
    pub fn holder(&self, port: &Port, number: u16, occupied: bool) -> Fact<Holder> {
        let key = Key { number, protocol: port.protocol };
        if let Some((_, container)) = self.published.get(&key).into_iter().flatten().find(|(ip, _)| meet(port.ip, *ip))
        {
            return Fact::present(by_container(container), "GET /containers/json");
        }
        if !occupied {
            return Fact::absent("/proc/net");
        }
        let source = format!("/proc/net/{}", port.protocol);
        let rows = match (self.rows.value(), self.rows.gap()) {
            (Some(rows), _) => rows.get(&key).map_or(&[][..], Vec::as_slice),
            (None, gap) => return Fact::unknown(gap.cloned().unwrap_or(Gap::NotAsked), source),
        };
        let mut against = rows.iter().filter(|row| collide(port.ip, row.local.ip()));
        // Listeners come first; one whose process is known says more.
        let known = against.clone().find(|row| self.processes.contains_key(&row.inode));
        let Some(row) = known.or_else(|| against.next()) else { return Fact::absent(source) };
        Fact::present(self.by_row(row), source)
    }

    fn by_row(&self, row: &Row) -> Holder {
        let address = row.local.to_string();
        let containers = &self.docker.containers;
        let process = self.processes.get(&row.inode);
        let id = process.and_then(|process| process.container.as_deref());
        if let Some(container) = containers.value().into_iter().flatten().find(|c| Some(c.id.as_str()) == id) {
            return by_container(container);
        }
        match (row.state, process) {
            (State::Listens, Some(process)) if process.name == "docker-proxy" && containers.value().is_some() => {
                Holder::StaleProxy { pid: process.pid, address }
            }
            (State::Listens, Some(Process { pid, name, unit, .. })) => {
                Holder::Process { pid: *pid, name: name.clone(), unit: unit.clone(), address }
            }
            (State::Listens, None) => Holder::Hidden { uid: row.uid, address },
            (State::Bound, process) => Holder::Silent {
                pid: process.map(|process| process.pid),
                name: process.map(|process| process.name.clone()).unwrap_or_default(),
                uid: row.uid,
                address,
            },
            (state, _) => Holder::Connection { remote: row.remote.to_string(), waits: state == State::Waits },
        }
    }
}

fn by_container(container: &Container) -> Holder {
    Holder::Container { name: container.name().into(), image: container.image.clone() }
}

/// Host ports that containers publish, with the address; an address that is none means every one.
fn published(containers: &[Container]) -> BTreeMap<Key, Vec<(Option<IpAddr>, &Container)>> {
    let mut all: BTreeMap<Key, Vec<(Option<IpAddr>, &Container)>> = BTreeMap::new();
    for container in containers {
        for port in container.ports.iter().filter(|port| port.public_port != 0) {
            let protocol = match port.protocol.as_str() {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                _ => continue,
            };
            let key = Key { number: port.public_port, protocol };
            all.entry(key).or_default().push((port.ip.parse().ok(), container));
        }
    }
    all
}

/// dockerd's own IPv6 sockets take no IPv4, so only addresses of one family meet.
fn meet(wanted: Option<IpAddr>, published: Option<IpAddr>) -> bool {
    match (wanted, published) {
        (Some(wanted), Some(published)) => wanted.is_ipv4() == published.is_ipv4() && collide(Some(wanted), published),
        _ => true,
    }
}

/// A wildcard on either side collides with every address of its family. `::` may or may not take IPv4 too, so it counts: the
/// bind has already said that something is in the way.
fn collide(wanted: Option<IpAddr>, held: IpAddr) -> bool {
    match (wanted, held) {
        (None, _) => true,
        (Some(IpAddr::V4(_)), IpAddr::V6(held)) => held.is_unspecified(),
        (Some(IpAddr::V6(_)), IpAddr::V4(_)) => false,
        (Some(wanted), held) => wanted == held || wanted.is_unspecified() || held.is_unspecified(),
    }
}

/// The processes that hold these sockets, as far as this user may see. Nearly always the user who made a socket holds it, and
/// looking into a process costs much more than asking whose it is.
fn processes(host: &Host, wanted: BTreeMap<u64, u32>) -> BTreeMap<u64, Process> {
    let makers: BTreeSet<u32> = wanted.values().copied().collect();
    let mut search = Search { host, wanted, found: BTreeMap::new() };
    let all = host.list("/proc");
    let mut others = Vec::new();
    for pid in all.value().into_iter().flatten().filter_map(|name| name.parse::<u32>().ok()) {
        let owner =
            if search.is_over() { None } else { host.stat(format!("/proc/{pid}")).value().map(|stat| stat.uid) };
        match owner.is_some_and(|owner| makers.contains(&owner)) {
            true => search.look_into(pid),
            false => others.push(pid),
        }
    }
    others.into_iter().for_each(|pid| search.look_into(pid));
    search.found
}

struct Search<'a> {
    host: &'a Host,
    /// Sockets whose process is not known yet, and who made them.
    wanted: BTreeMap<u64, u32>,
    found: BTreeMap<u64, Process>,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.wanted.is_empty() || self.host.deadline.left().is_zero()
    }

    fn look_into(&mut self, pid: u32) {
        if self.is_over() {
            return;
        }
        let folder = format!("/proc/{pid}/fd");
        for fd in self.host.list(&folder).value().into_iter().flatten() {
            let link = self.host.link(format!("{folder}/{fd}"));
            let Some(inode) = link.value().and_then(|link| socket_inode(link)) else { continue };
            if self.wanted.remove(&inode).is_some() {
                self.found.insert(inode, process(self.host, pid));
            }
        }
    }
}

/// `socket:[14870]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn process(host: &Host, pid: u32) -> Process {
    let name = host.line(format!("/proc/{pid}/comm"));
    let cgroup = host.text(format!("/proc/{pid}/cgroup"));
    Process {
        pid,
        name: name.value().cloned().unwrap_or_else(|| "a process".into()),
        unit: cgroup.value().and_then(|text| service(text)),
        container: cgroup.value().and_then(|text| container_id(text)),
    }
}

/// The innermost service of a cgroup file: `0::/system.slice/nginx.service` → `nginx.service`. A user's own services are not
/// system units and are left out.
fn service(cgroup: &str) -> Option<String> {
    let path = cgroup
        .lines()
        .find_map(|line| line.strip_prefix("0::").or_else(|| line.split_once(":name=systemd:").map(|s| s.1)))?;
    if path.contains("/user@") {
        return None;
    }
    path.rsplit('/').find(|part| part.ends_with(".service")).map(str::to_owned)
}

/// rootlesskit, which binds ports for a rootless engine, when it carries CAP_NET_BIND_SERVICE as a file capability.
pub fn rootlesskit_capability(host: &Host) -> Fact<String> {
    let home = host.env("HOME").unwrap_or_default();
    let own = format!("{home}/bin");
    let program = host.executable("rootlesskit", ["/usr/bin", "/usr/local/bin", own.as_str()]);
    let Some(path) = program.value() else { return program };
    let capability = host.attribute(path, "security.capability");
    match (capability.value().map(|bytes| permits_low_ports(bytes)), capability.gap()) {
        (Some(true), _) => Fact::present(path.clone(), capability.source.0),
        (_, Some(gap)) => Fact::unknown(gap.clone(), capability.source.0),
        _ => Fact::absent(capability.source.0),
    }
}

/// A `vfs_cap_data` (linux/capability.h): the first set of permitted capabilities follows the magic number.
fn permits_low_ports(data: &[u8]) -> bool {
    const CAP_NET_BIND_SERVICE: u32 = 10;
    let permitted = data.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    permitted & (1 << CAP_NET_BIND_SERVICE) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_system_only() {
        assert_eq!(service("0::/system.slice/nginx.service\n").as_deref(), Some("nginx.service"));
        assert_eq!(service("1:name=systemd:/system.slice/ssh.service\n0::/\n").as_deref(), Some("ssh.service"));
        assert_eq!(service("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app.service"), None);
        assert_eq!(service("0::/init.scope"), None);
        assert_eq!(socket_inode("socket:[14870]"), Some(14870));
        assert_eq!(socket_inode("socket:[x]"), None);
    }

    #[test]
    fn a_file_capability_as_setcap_writes_it() {
        let bind = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(permits_low_ports(&bind));
        assert!(!permits_low_ports(&[1, 0, 0, 2, 0, 2, 0, 0]));
        assert!(!permits_low_ports(&[1, 0, 0]));
    }
}
