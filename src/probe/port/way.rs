//! Which rules of the packet filter a packet from another machine meets on its way to a wanted port and on to its container.

use std::net::IpAddr;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::port::{Served, Way};
use gdoctor_checks::model::need::{Port, Protocol};

use crate::host::Host;
use crate::host::netfilter::{FORWARD, PREROUTING};
use crate::probe::engine::rules;
use crate::probe::packets::Around;

/// A wide range is not gone through port by port.
const WAYS: usize = 32;

pub fn look(host: &Host, ports: &[Port], served: &Fact<Vec<Served>>, docker: &DockerFacts) -> Fact<Vec<Way>> {
    if ports.is_empty() || docker.is_elsewhere() || docker.is_rootless() {
        return Fact::absent("the engine");
    }
    let served = served.value().map_or(&[][..], Vec::as_slice);
    // A published port is gone through with the container's own; of the other ports the first of each range is one for all.
    let published = served.iter().map(|served| (served.port, served.protocol, Some(served.inside)));
    let for_others = |port: &&Port| port.ip.is_none_or(|ip| !ip.is_loopback());
    let wanted = ports.iter().filter(for_others).map(|port| (port.first, port.protocol, None));
    let mut all: Vec<(u16, Protocol, Option<u16>)> = Vec::new();
    for one in published.chain(wanted.filter(|(port, ..)| *port != 0)) {
        if all.len() == WAYS {
            break;
        }
        if !all.iter().any(|known| (known.0, known.1) == (one.0, one.1)) && !is_for_this_host(docker, one.0, one.1) {
            all.push(one);
        }
    }
    let Some(around) = Around::read(host, rules::default_bridge(docker)) else {
        return Fact::absent("no default route, or no bridge of Docker's, in /proc/net/route");
    };
    rules::filter(host, docker).map(|filter| {
        let way = |(port, protocol, inside)| {
            let number = match protocol {
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
            };
            let met = filter
                .stops(PREROUTING, &around.coming(number, port))
                .filter(|met| met.always)
                .or_else(|| filter.stops(FORWARD, &around.handed_on(number, inside)));
            let met = met.or_else(|| filter.stops(PREROUTING, &around.coming(number, port)));
            Way { port, protocol, met }
        };
        all.iter().copied().map(way).collect()
    })
}

/// Published on the loopback alone.
fn is_for_this_host(docker: &DockerFacts, port: u16, protocol: Protocol) -> bool {
    let ports = docker.containers.value().into_iter().flatten().flat_map(|container| &container.ports);
    let mut at = ports.filter(|found| found.public_port == port && found.protocol == protocol.to_string());
    let is_loopback = |ip: &str| ip.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    at.next().is_some_and(|first| is_loopback(&first.ip) && at.all(|next| is_loopback(&next.ip)))
}
