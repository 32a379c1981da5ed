//! Can all the ports of the line be published at once?

use crate::model::need::Protocol;
use crate::model::prelude::*;
use crate::model::run::Published;

pub static CHECK: Check = Check {
    id: "run-line-ports",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(_: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("no-port")) };
    if let Some(at) = line.opaque(&["publish", "network"]) {
        let gap = Gap::Unsupported(format!("{} comes from a command that gdoctor does not run", at.text));
        return Ok(Finding::unknown(gap, Default::default()).asked_by(&at.origin()).into());
    }
    let Some(first) = line.ports.first() else { return Err(Stop::NotNeeded("no-port")) };
    if line.is_host_network() {
        return Ok(Finding::warn("host-network", "drop-ports")
            .with("ports", list(line))
            .evidence("the line", list(line))
            .edits(line.ports.iter().map(|port| port.at.without()))
            .asked_by(&first.at.origin())
            .into());
    }
    let mut findings = Findings::new();
    for (place, port) in line.ports.iter().enumerate() {
        let Some(before) = line.ports.iter().take(place).find(|other| other.meets(port)) else {
            findings.extend(of_others(line, port));
            continue;
        };
        findings.push(twice(line, before, port));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("apart").with("ports", list(line)).evidence("the line", list(line)));
    }
    Ok(findings)
}

fn list(line: &RunLine) -> String {
    line.ports.iter().map(|port| port.at.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// A container of another service, or a second one of this, gets none of the ports that this one has.
fn of_others(line: &RunLine, port: &Published) -> Option<Finding> {
    let own = port.first.zip(port.last).or(port.choice());
    let (first, last) = own.filter(|(first, last)| *first != 0 && first <= last)?;
    let copies = line.copies.unwrap_or(1);
    let room = if port.first.is_some() { 1 } else { u32::from(last - first) + 1 };
    let at = |finding: Finding| {
        let finding = finding.about(first).with("other", &port.at.text);
        finding.asked_by(&port.at.origin())
    };
    if copies > room {
        let finding = at(Finding::fail("copies", "range")).with("copies", copies);
        let finding = finding.evidence("the compose file", format!("{copies} containers and {}", port.at.text));
        let end = u32::from(first).checked_add(copies - 1).and_then(|end| u16::try_from(end).ok());
        return Some(match end.filter(|_| port.first == port.last) {
            Some(end) => finding.edit(port.at.with_value(written(port, &format!("{first}-{end}")))),
            None => finding.edit(port.at.without()),
        });
    }
    // One that takes any of a range leaves fixed ones to others, and finds no room where all are taken.
    let meets = |theirs: &Published| match (port.first, theirs.first.zip(theirs.last).or(theirs.choice())) {
        (Some(_), Some((from, to))) => port.is_beside(theirs) && first <= to && from <= last,
        _ => false,
    };
    let found = |needed: bool| {
        let services = line.beside.iter().filter(move |other| other.needed == needed);
        services
            .flat_map(|other| other.ports.iter().map(move |theirs| (other, theirs)))
            .find(|(_, theirs)| meets(theirs))
    };
    let (other, theirs) = found(true).or_else(|| found(false))?;
    // It is certain where both name it and compose starts both.
    let certain = other.needed && theirs.first.is_some();
    let finding = if certain { Finding::fail("beside", "other-port") } else { Finding::warn("beside", "other-port") };
    let finding = at(finding).with("one", &theirs.at.text).with("service", &other.service);
    let finding = finding.evidence("the compose file", format!("{} of {}", theirs.at.text, other.service));
    Some(match free(line, first).filter(|_| first == last) {
        Some(free) => finding.edit(port.at.with_value(written(port, &free.to_string()))),
        None => finding.edit(port.at.without()),
    })
}

/// The port with another number of the host's.
fn written(port: &Published, host: &str) -> String {
    let ip = port.ip.map_or(String::new(), |ip| if ip.is_ipv6() { format!("[{ip}]:") } else { format!("{ip}:") });
    let protocol = match port.protocol {
        Some(Protocol::Tcp) => String::new(),
        Some(other) => format!("/{other}"),
        None => "/sctp".into(),
    };
    format!("{ip}{host}:{}{protocol}", port.container)
}

/// The next number that neither the line nor a service beside it names.
fn free(line: &RunLine, number: u16) -> Option<u16> {
    let others = || line.beside.iter().flat_map(|other| &other.ports);
    let range = |port: &Published| port.first.zip(port.last).or(port.choice());
    let taken = |n: u16| line.ports.iter().chain(others()).any(|p| range(p).is_some_and(|(a, b)| a <= n && n <= b));
    (number.max(1024)..=u16::MAX).find(|n| !taken(*n))
}

/// The same mapping twice goes; another one moves to the next number that the line leaves free.
fn twice(line: &RunLine, before: &Published, port: &Published) -> Finding {
    let number = port.first.unwrap_or_default();
    let finding = Finding::fail("twice", "other-port")
        .about(number)
        .with("one", &before.at.text)
        .with("other", &port.at.text)
        .evidence("the line", format!("{} and {}", before.at.text, port.at.text))
        .asked_by(&port.at.origin());
    let long = line.all("publish").any(|option| option.at.span == port.at.span && option.value.contains('='));
    let single = port.first == port.last && !long;
    match free(line, number).filter(|_| single && port.container != before.container) {
        Some(free) => finding.edit(port.at.with_value(written(port, &free.to_string()))),
        None => finding.edit(port.at.without()),
    }
}
