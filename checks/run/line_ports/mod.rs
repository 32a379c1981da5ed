//! Can all the ports of the line be published at once?

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
        let Some(before) = line.ports.iter().take(place).find(|other| clash(other, port)) else { continue };
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

/// Both want a same port of the host: same protocol, ranges that meet, and addresses that do.
fn clash(one: &Published, other: &Published) -> bool {
    let addresses = match (one.ip, other.ip) {
        (Some(a), Some(b)) => a == b || ((a.is_unspecified() || b.is_unspecified()) && a.is_ipv4() == b.is_ipv4()),
        _ => true,
    };
    let ranges = match (one.first.zip(one.last), other.first.zip(other.last)) {
        (Some((a, b)), Some((c, d))) => a <= d && c <= b,
        _ => false,
    };
    addresses && ranges && one.protocol == other.protocol
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
    let taken = |n: u16| line.ports.iter().any(|p| p.first.zip(p.last).is_some_and(|(a, b)| a <= n && n <= b));
    let free = (number.max(1023)..=u16::MAX).find(|n| *n > 1023 && !taken(*n));
    match free.filter(|_| single && port.container != before.container) {
        Some(free) => {
            let ip =
                port.ip.map_or(String::new(), |ip| if ip.is_ipv6() { format!("[{ip}]:") } else { format!("{ip}:") });
            let protocol = port
                .protocol
                .filter(|p| *p != crate::model::need::Protocol::Tcp)
                .map_or(String::new(), |p| format!("/{p}"));
            finding.edit(port.at.with_value(format!("{ip}{free}:{}{protocol}", port.container)))
        }
        None => finding.edit(port.at.without()),
    }
}
