//! Binds the wanted ports as dockerd would, and looks for who holds those that cannot be bound. Binding is the verdict; the
//! Docker API and /proc only explain it.

mod inside;
mod owner;
mod table;
mod unit;
mod way;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::port::{Bind, Holder, Look, Network, PortFacts, Span};
use gdoctor_checks::model::need::{Need, Port, Protocol};
use nix::errno::Errno;

use crate::host::Host;
use crate::host::{bind, threads};
use owner::Owners;
use table::Key;

const ANOTHERS: &str = "--root names another system's files, and ports are those of the machine that gdoctor runs on";
/// How far above a taken port the next free one is looked for.
const NEAR: u16 = 200;
/// Fewer ports than this are not worth a thread.
const ALONE: usize = 2048;

pub fn probe(host: &Host, need: &Need, docker: &DockerFacts) -> PortFacts {
    let live = host.live();
    let ports: Vec<Port> = need.ports.iter().map(|wish| wish.what.clone()).collect();
    let wanted = Wanted::new(&ports);
    let served = inside::look(&live, &wanted, docker);
    PortFacts {
        ways: way::look(&live, &ports, &served, docker),
        looks: Fact::present(looks(&live, &ports, &wanted, docker), "bind, /proc/net, GET /containers/json"),
        served,
        network: match host.is_this_machine() {
            true => network(&live, docker),
            false => Fact::unknown(Gap::Unsupported(ANOTHERS.into()), "/proc/sys/kernel/random/boot_id"),
        },
        ipv6: Fact::present(bind::has_ipv6(), "a socket of IPv6"),
        unprivileged_start: number(&live, "/proc/sys/net/ipv4/ip_unprivileged_port_start"),
        ephemeral: live.line("/proc/sys/net/ipv4/ip_local_port_range").parse(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            match (numbers.next(), numbers.next()) {
                (Some(Ok(from)), Some(Ok(to))) => Ok((from, to)),
                _ => Err("not two numbers".into()),
            }
        }),
        reserved: live.line("/proc/sys/net/ipv4/ip_local_reserved_ports"),
        rootless_may_bind: owner::rootlesskit_capability(&live),
    }
}

/// The numbers of all wanted ports: of a machine with many, each is asked for.
struct Wanted {
    tcp: Vec<bool>,
    udp: Vec<bool>,
}

impl Wanted {
    fn new(ports: &[Port]) -> Self {
        let of = |protocol: Protocol| {
            let mut all = vec![false; usize::from(u16::MAX) + 1];
            for port in ports.iter().filter(|port| port.protocol == protocol && port.first <= port.last) {
                all[usize::from(port.first)..=usize::from(port.last)].fill(true);
            }
            all
        };
        Self { tcp: of(Protocol::Tcp), udp: of(Protocol::Udp) }
    }

    fn has(&self, protocol: Protocol, number: u16) -> bool {
        match protocol {
            Protocol::Tcp => self.tcp[usize::from(number)],
            Protocol::Udp => self.udp[usize::from(number)],
        }
    }
}

fn number(host: &Host, path: &str) -> Fact<u16> {
    host.line(path).parse(|line| line.parse().map_err(|_| "not a port number".into()))
}

/// In a container, binding proves something only when the container shares the network of the daemon's host.
fn network(host: &Host, docker: &DockerFacts) -> Fact<Network> {
    let container = crate::probe::host::container(host);
    if container.is_absent() {
        return Fact::present(Network::Daemon, container.source.0);
    }
    // A container on the host's network has the host's name too; and Docker's bridges are seen only in their own network. Where
    // no daemon answers, as without its socket, the bridges alone tell.
    let name = host.line("/proc/sys/kernel/hostname");
    let same_name = docker.answered_info().is_some_and(|info| name.value() == Some(&info.name));
    let bridges = host.list("/sys/class/net").map(|all| all.iter().any(|n| n == "docker0" || n.starts_with("br-")));
    if same_name || bridges.value() == Some(&true) {
        Fact::present(Network::Daemon, "host name, /sys/class/net")
    } else {
        Fact::present(Network::Container, "host name, /sys/class/net")
    }
}

fn looks(host: &Host, ports: &[Port], wanted: &Wanted, docker: &DockerFacts) -> Vec<Look> {
    let has_ipv6 = bind::has_ipv6();
    let tried: Vec<Vec<Tried>> = ports.iter().map(|port| try_range(port, has_ipv6)).collect();
    let taken: BTreeSet<Key> = ports
        .iter()
        .zip(&tried)
        .flat_map(|(port, tried)| {
            (port.first..=port.last)
                .zip(tried)
                .filter(|(_, tried)| matches!(tried.outcome, Ok(Bind::InUse | Bind::Denied)))
                .map(|(number, _)| Key { number, protocol: port.protocol })
        })
        .collect();
    let owners = Owners::find(host, &taken, docker);
    let finish = |(port, tried): (&Port, Vec<Tried>)| {
        let singles = (port.first..=port.last).zip(tried).map(|(number, tried)| {
            let occupied = matches!(tried.outcome, Ok(Bind::InUse | Bind::Denied));
            let known = occupied || owners.publishes(port.protocol, number);
            Single { number, tried, holder: known.then(|| owners.holder(port, number, occupied)) }
        });
        let spans = merged(singles).into_iter().map(|span| span.finish(port, wanted, has_ipv6)).collect();
        Look { port: port.clone(), spans }
    };
    ports.iter().zip(tried).map(finish).collect()
}

/// What binding one port gave, and on which of dockerd's addresses; on all of them when it is free.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tried {
    outcome: Result<Bind, Errno>,
    at: Option<IpAddr>,
}

struct Single {
    number: u16,
    tried: Tried,
    /// None: nobody, and not looked for.
    holder: Option<Fact<Holder>>,
}

/// Neighbours of which the same is known.
struct Raw {
    first: u16,
    last: u16,
    tried: Tried,
    /// None: nobody, and not looked for.
    holder: Option<Fact<Holder>>,
}

fn merged(singles: impl Iterator<Item = Single>) -> Vec<Raw> {
    let mut spans: Vec<Raw> = Vec::new();
    for Single { number, tried, holder } in singles {
        match spans.last_mut() {
            Some(last) if last.tried == tried && same_holder(last.holder.as_ref(), holder.as_ref()) => {
                last.last = number
            }
            _ => spans.push(Raw { first: number, last: number, tried, holder }),
        }
    }
    spans
}

fn same_holder(one: Option<&Fact<Holder>>, other: Option<&Fact<Holder>>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() && other.is_none() };
    match (one.value(), other.value()) {
        (Some(Holder::Process { pid: a, .. }), Some(Holder::Process { pid: b, .. })) => a == b,
        (Some(Holder::Hidden { uid: a, .. }), Some(Holder::Hidden { uid: b, .. })) => a == b,
        _ => one.state == other.state,
    }
}

impl Raw {
    fn finish(self, port: &Port, wanted: &Wanted, has_ipv6: bool) -> Span {
        let addresses = self.tried.at.map_or_else(|| addresses(port, has_ipv6), |ip| vec![ip]);
        let source = source(&addresses, self.first, self.last, port.protocol);
        let bind = match self.tried.outcome {
            Ok(bind) => Fact::present(bind, source),
            Err(errno) => Fact::unknown(Gap::Unsupported(errno.desc().into()), source),
        };
        let holder = self.holder.unwrap_or_else(|| Fact::absent("/proc/net"));
        let free = bind.value() == Some(&Bind::Free) && holder.value().is_none();
        let next_free = if free { None } else { next_free(port, self.last, wanted, has_ipv6) };
        Span { first: self.first, last: self.last, bind, holder, next_free }
    }
}

/// The addresses that dockerd binds for this publication: both wildcards when none is named.
fn addresses(port: &Port, has_ipv6: bool) -> Vec<IpAddr> {
    match port.ip {
        Some(ip) => vec![ip],
        None if has_ipv6 => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        None => vec![Ipv4Addr::UNSPECIFIED.into()],
    }
}

/// All ports of a range, in its order; a large one by several threads, since each bind is a kernel call or three.
fn try_range(port: &Port, has_ipv6: bool) -> Vec<Tried> {
    let addresses = addresses(port, has_ipv6);
    let numbers: Vec<u16> = (port.first..=port.last).collect();
    let one = |number: &u16| try_port(port, *number, &addresses, has_ipv6);
    if numbers.len() < ALONE {
        return numbers.iter().map(one).collect();
    }
    let crew = thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    let chunks: Vec<&[u16]> = numbers.chunks(numbers.len().div_ceil(crew)).collect();
    let tried = threads::at_once(&chunks, |chunk| chunk.iter().map(one).collect::<Vec<Tried>>());
    tried.into_iter().flatten().flatten().collect()
}

fn try_port(port: &Port, number: u16, addresses: &[IpAddr], has_ipv6: bool) -> Tried {
    let everywhere = port.ip.is_none() && has_ipv6;
    if number == 0 || (everywhere && bind::is_untouched(number, port.protocol)) {
        return Tried { outcome: Ok(Bind::Free), at: None };
    }
    for ip in addresses {
        let outcome = match bind::as_dockerd(SocketAddr::new(*ip, number), port.protocol) {
            Ok(()) => continue,
            Err(Errno::EADDRINUSE) => Ok(Bind::InUse),
            Err(Errno::EACCES | Errno::EPERM) => Ok(Bind::Denied),
            Err(Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT) if ip.is_ipv6() && !has_ipv6 => Ok(Bind::NoIpv6),
            Err(Errno::EADDRNOTAVAIL) => Ok(Bind::NoAddress),
            Err(errno) => Err(errno),
        };
        return Tried { outcome, at: Some(*ip) };
    }
    Tried { outcome: Ok(Bind::Free), at: None }
}

/// `bind and listen on 0.0.0.0:8080 and [::]:8080`, `bind udp 127.0.0.1:8000-8010`.
fn source(addresses: &[IpAddr], first: u16, last: u16, protocol: Protocol) -> String {
    let verb = match protocol {
        Protocol::Tcp => "bind and listen on",
        Protocol::Udp => "bind udp",
    };
    let upto = if first == last { String::new() } else { format!("-{last}") };
    let all: Vec<String> = addresses.iter().map(|ip| format!("{}{upto}", SocketAddr::new(*ip, first))).collect();
    format!("{verb} {}", all.join(" and "))
}

/// Near and easy to remember: above a privileged port, 8000 more of it (80 → 8080, 443 → 8443).
fn next_free(port: &Port, number: u16, wanted: &Wanted, has_ipv6: bool) -> Option<u16> {
    let addresses = addresses(port, has_ipv6);
    let first = if number < 1024 { number.checked_add(8000)? } else { number.checked_add(1)? };
    (first..=first.saturating_add(NEAR))
        .filter(|candidate| ![Protocol::Tcp, Protocol::Udp].iter().any(|of| wanted.has(*of, *candidate)))
        .find(|candidate| try_port(port, *candidate, &addresses, has_ipv6).outcome == Ok(Bind::Free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_merged() {
        let single = |number, bind| Single {
            number,
            tried: Tried { outcome: Ok(bind), at: None },
            holder: Some(Fact::absent(number.to_string())),
        };
        let tried = [single(1, Bind::Free), single(2, Bind::Free), single(3, Bind::InUse), single(4, Bind::Free)];
        let ranges: Vec<(u16, u16)> = merged(tried.into_iter()).iter().map(|span| (span.first, span.last)).collect();
        assert_eq!(ranges, [(1, 2), (3, 3), (4, 4)]);
    }

    #[test]
    fn a_range_is_tried_in_its_order() {
        let port = Port { ip: None, first: 1, last: u16::MAX, protocol: Protocol::Tcp };
        assert_eq!(try_range(&port, bind::has_ipv6()).len(), 65_535);
    }
}
