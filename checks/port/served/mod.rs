//! Where a wanted port is published by a container: does a program listen behind it?

use core::net::{IpAddr, SocketAddr};

use crate::model::facts::port::Served;
use crate::model::need::{Port, strongest};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "port-served",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| strongest(&need.ports),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if facts.docker.is_rootless() {
        return Err(Stop::NotNeeded("own-network"));
    }
    // Nobody has asked for the container by name: not to know of one is no gap in what was wanted.
    let served = facts.port.served.value().map_or(&[][..], Vec::as_slice);
    let asked = |served: &&Served| wish(need, served).is_some();
    let findings: Findings = served.iter().filter(asked).map(|served| one(need, served)).collect();
    if findings.is_empty() {
        return Err(Stop::NotNeeded("no-container"));
    }
    Ok(findings)
}

fn wish<'a>(need: &'a Need, served: &Served) -> Option<&'a Wish<Port>> {
    let is_it = |port: &Port| port.protocol == served.protocol && (port.first..=port.last).contains(&served.port);
    need.ports.iter().find(|wish| is_it(&wish.what))
}

fn one(need: &Need, served: &Served) -> Finding {
    let (port, protocol) = (served.port, served.protocol);
    let finding = match served.listeners.known() {
        Ok(listeners) => behind(served, listeners.map_or(&[][..], Vec::as_slice)),
        Err(stop) => Finding::from(stop),
    };
    let finding = finding
        .about(Port { ip: None, first: port, last: port, protocol })
        .with("port", port)
        .with("protocol", protocol)
        .with("container", &served.container)
        .with("inside", served.inside);
    match wish(need, served) {
        Some(wish) => finding.asked_by(&wish.by),
        None => finding,
    }
}

fn behind(served: &Served, listeners: &[SocketAddr]) -> Finding {
    let there = || listeners.iter().filter(|address| address.port() == served.inside);
    // 127.0.0.11 is Docker's own resolver.
    let elsewhere = || listeners.iter().filter(|address| !address.ip().is_loopback());
    let finding = if there().any(|address| !address.ip().is_loopback()) {
        Finding::pass("served")
    } else if let Some(address) = there().next() {
        Finding::warn("loopback-only", "listen-on-all").with("address", all_of(address.ip()))
    } else if let Some(other) = elsewhere().next() {
        Finding::warn("other-port", "publish-that").with("other", other.port()).with("others", list(elsewhere()))
    } else {
        Finding::warn("nothing-listens", "see-its-log")
    };
    finding.with("holder", list(there())).evidence(served.listeners.source.0.as_str(), list(listeners.iter()))
}

/// What the program should be told instead of the address that it has now.
fn all_of(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "0.0.0.0" } else { "::" }
}

fn list<'a>(addresses: impl Iterator<Item = &'a SocketAddr>) -> String {
    let mut some: Vec<String> = addresses.map(|address| address.to_string()).collect();
    some.truncate(5);
    match some.is_empty() {
        true => "nothing".into(),
        false => some.join(", "),
    }
}
