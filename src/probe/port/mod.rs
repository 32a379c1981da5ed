//! Binds the wanted ports as dockerd would, and looks for who holds those that cannot be bound. Binding is the verdict; the
//! Docker API and /proc only explain it.

mod owner;
mod table;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::port::{Bind, Holder, Look, Network, PortFacts, Span};
use gdoctor_checks::model::need::{Need, Port, Protocol};
use nix::errno::Errno;

use crate::host::Host;
use crate::host::bind;
use owner::Owners;
use table::Key;

/// How far above a taken port the next free one is looked for.
const NEAR: u16 = 200;

pub fn probe(host: &Host, need: &Need, docker: &DockerFacts) -> PortFacts {
    let live = host.live();
    let ports: Vec<Port> = need.ports.iter().map(|wish| wish.what.clone()).collect();
    PortFacts {
        looks: Fact::present(looks(&live, &ports, docker), "bind, /proc/net, GET /containers/json"),
        network: network(&live, docker),
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

fn number(host: &Host, path: &str) -> Fact<u16> {
    host.line(path).parse(|line| line.parse().map_err(|_| "not a port number".into()))
}

/// In a container, binding proves something only when the container shares the network of the daemon's host.
fn network(host: &Host, docker: &DockerFacts) -> Fact<Network> {
    let marks = "/.dockerenv, /run/.containerenv";
    if !host.exists("/.dockerenv") && !host.exists("/run/.containerenv") {
        return Fact::present(Network::Daemon, marks);
    }
    let Some(info) = docker.answered_info() else { return Fact::present(Network::Daemon, marks) };
    // A container on the host's network has the host's name too; and Docker's bridges are seen only in their own network.
    let name = host.line("/proc/sys/kernel/hostname");
    let bridges = host.list("/sys/class/net").map(|all| all.iter().any(|n| n == "docker0" || n.starts_with("br-")));
    if name.value() == Some(&info.name) || bridges.value() == Some(&true) {
        Fact::present(Network::Daemon, "host name, /sys/class/net")
    } else {
        Fact::present(Network::Container, "host name, /sys/class/net")
    }
}

fn looks(host: &Host, ports: &[Port], docker: &DockerFacts) -> Vec<Look> {
    let has_ipv6 = bind::has_ipv6();
    let tried: Vec<Vec<Fact<Bind>>> =
        ports.iter().map(|port| (port.first..=port.last).map(|n| try_port(port, n, has_ipv6)).collect()).collect();
    let taken: BTreeSet<Key> = ports
        .iter()
        .zip(&tried)
        .flat_map(|(port, binds)| {
            (port.first..=port.last)
                .zip(binds)
                .filter(|(_, bind)| matches!(bind.value(), Some(Bind::InUse | Bind::Denied)))
                .map(|(number, _)| Key { number, protocol: port.protocol })
        })
        .collect();
    let owners = Owners::find(host, &taken, docker);
    let wanted: BTreeSet<u16> = ports.iter().flat_map(|port| port.first..=port.last).collect();
    ports
        .iter()
        .zip(tried)
        .map(|(port, binds)| {
            let singles = (port.first..=port.last).zip(binds).map(|(number, bind)| {
                let holder = owners.holder(port, number, &bind, docker);
                let free = bind.value() == Some(&Bind::Free) && holder.value().is_none();
                let next_free = if free { None } else { next_free(port, number, &wanted, has_ipv6) };
                Span { first: number, last: number, bind, holder, next_free }
            });
            Look { port: port.clone(), spans: merged(singles) }
        })
        .collect()
}

/// Neighbours of which the same is known become one.
fn merged(singles: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for single in singles {
        match spans.last_mut() {
            Some(last) if last.bind.state == single.bind.state && same_holder(&last.holder, &single.holder) => {
                last.last = single.last;
                last.next_free = single.next_free;
            }
            _ => spans.push(single),
        }
    }
    spans
}

fn same_holder(one: &Fact<Holder>, other: &Fact<Holder>) -> bool {
    match (one.value(), other.value()) {
        (Some(Holder::Process { pid: a, .. }), Some(Holder::Process { pid: b, .. })) => a == b,
        (Some(Holder::Hidden { uid: a, .. }), Some(Holder::Hidden { uid: b, .. })) => a == b,
        _ => one.state == other.state,
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

fn try_port(port: &Port, number: u16, has_ipv6: bool) -> Fact<Bind> {
    let addresses = addresses(port, has_ipv6);
    let all_of_them = port.ip.is_none() && has_ipv6;
    if number == 0 || (all_of_them && bind::is_untouched(number, port.protocol)) {
        return Fact::present(Bind::Free, source(&addresses, number, port.protocol));
    }
    for ip in &addresses {
        let answer = bind::as_dockerd(SocketAddr::new(*ip, number), port.protocol);
        let tried = match answer {
            Ok(()) => continue,
            Err(Errno::EADDRINUSE) => Ok(Bind::InUse),
            Err(Errno::EACCES | Errno::EPERM) => Ok(Bind::Denied),
            Err(Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT) if ip.is_ipv6() && !has_ipv6 => Ok(Bind::NoIpv6),
            Err(Errno::EADDRNOTAVAIL) => Ok(Bind::NoAddress),
            Err(errno) => Err(Gap::Unsupported(errno.desc().into())),
        };
        let source = source(std::slice::from_ref(ip), number, port.protocol);
        return tried.map_or_else(|gap| Fact::unknown(gap, &*source), |bind| Fact::present(bind, &*source));
    }
    Fact::present(Bind::Free, source(&addresses, number, port.protocol))
}

/// `bind and listen on 0.0.0.0:8080 and [::]:8080`.
fn source(addresses: &[IpAddr], number: u16, protocol: Protocol) -> String {
    let verb = match protocol {
        Protocol::Tcp => "bind and listen on",
        Protocol::Udp => "bind udp",
    };
    let all: Vec<String> = addresses.iter().map(|ip| SocketAddr::new(*ip, number).to_string()).collect();
    format!("{verb} {}", all.join(" and "))
}

/// Near and easy to remember: above a privileged port, 8000 more of it (80 → 8080, 443 → 8443).
fn next_free(port: &Port, number: u16, wanted: &BTreeSet<u16>, has_ipv6: bool) -> Option<u16> {
    let first = if number < 1024 { number.checked_add(8000)? } else { number.checked_add(1)? };
    (first..=first.saturating_add(NEAR))
        .filter(|candidate| !wanted.contains(candidate))
        .find(|candidate| try_port(port, *candidate, has_ipv6).value() == Some(&Bind::Free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_merged() {
        let span = |n: u16, bind: Bind| Span {
            first: n,
            last: n,
            bind: Fact::present(bind, n.to_string()),
            holder: Fact::default(),
            next_free: None,
        };
        let spans =
            merged([span(1, Bind::Free), span(2, Bind::Free), span(3, Bind::InUse), span(4, Bind::Free)].into_iter());
        let ranges: Vec<(u16, u16)> = spans.iter().map(|s| (s.first, s.last)).collect();
        assert_eq!(ranges, [(1, 2), (3, 3), (4, 4)]);
    }
}
