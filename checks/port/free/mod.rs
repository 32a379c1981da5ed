//! Could each wanted port be published now, and if not, what is in the way?

use crate::model::facts::port::{Bind, Holder, Look, Network, Span};
use crate::model::finding::Verdict;
use crate::model::need::{Port, strongest};
use crate::model::prelude::*;
use crate::model::run::Published;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "port-free",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| strongest(&need.ports),
    tells: Tells::Machine,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let network = &facts.port.network;
    if network.known()? == Some(&Network::Container) {
        let why = "gdoctor runs in a container whose network is not the daemon's".into();
        return Err(Stop::Unknown(Gap::Unsupported(why), network.source.clone()));
    }
    let looks = facts.port.looks.known()?.map_or(&[][..], Vec::as_slice);
    let mut findings = Findings::new();
    for (at, wish) in need.ports.iter().enumerate() {
        // They stand in the wishes' order, but for those of an older file.
        let is_it = |look: &&Look| look.port == wish.what;
        let look = looks.get(at).filter(is_it).or_else(|| looks.iter().find(is_it));
        let spans = look.map_or(&[][..], |look| &look.spans);
        for span in spans {
            let finding = match span.holder.value() {
                Some(Holder::Container { name, .. }) if is_freed(need, name) => {
                    Finding::pass("freed-before").about(&wish.what).with("container", name).saw(&span.holder)
                }
                _ => one_span(facts, need, wish, span),
            };
            findings.push(moved(need, wish, span, finding).asked_by(&wish.by));
        }
        if spans.is_empty() {
            let source = facts.port.looks.source.clone();
            findings.push(Finding::unknown(Gap::NotAsked, source).about(&wish.what).asked_by(&wish.by));
        }
    }
    Ok(findings)
}

/// A command before the run stops or removes the container.
fn is_freed(need: &Need, container: &str) -> bool {
    need.run.as_ref().is_some_and(|line| {
        let earlier = &line.earlier;
        earlier.all_removed || earlier.removed.iter().chain(&earlier.stopped).any(|freed| freed == container)
    })
}

fn one_span(facts: &Facts, need: &Need, wish: &Wish<Port>, span: &Span) -> Finding {
    let port = Port { first: span.first, last: span.last, ..wish.what.clone() };
    let next = span.next_free.map_or_else(|| "none of the next 200".into(), |next| next.to_string());
    verdict(facts, need, wish, span)
        .about(&port)
        .with("port", span.first)
        .with("next", next)
        .with("protocol", port.protocol)
        .with("address", port.ip.map_or_else(|| "every address".into(), |ip| ip.to_string()))
        .saw(&span.bind)
}

/// Where a run line publishes the port and the next one is free, the line takes that.
fn moved(need: &Need, wish: &Wish<Port>, span: &Span, mut finding: Finding) -> Finding {
    let taken = span.bind.value() == Some(&Bind::InUse) || span.holder.value().is_some();
    let stays = span.holder.value().is_none_or(Holder::stays);
    let busy = matches!(finding.verdict, Verdict::Fail(_)) && taken && stays;
    let Some(next) = span.next_free.filter(|_| busy && wish.what.first == wish.what.last) else { return finding };
    let Some(line) = need.run.as_ref().filter(|line| line.made_up || matches!(wish.by, Origin::RunLine { .. })) else {
        return finding;
    };
    // Two that meet are told apart first, and nothing moves to where another is.
    let meets = |port: &Published| port.first.zip(port.last).is_some_and(|(a, b)| a <= next && next <= b);
    let same = line.ports.iter().filter(|port| port.first == Some(wish.what.first)).count();
    let Some(published) = line.ports.iter().find(|port| port.at.origin() == wish.by) else { return finding };
    let option = line.all("publish").find(|option| option.at.span == published.at.span && !option.value.contains('='));
    if let Some(option) = option.filter(|_| same == 1 && !line.ports.iter().any(meets)) {
        let (host, container) = option.value.rsplit_once(':').unwrap_or(("", &option.value));
        let ip = host.rsplit_once(':').map_or(String::new(), |(ip, _)| format!("{ip}:"));
        finding.verdict = Verdict::Fail("publish-next");
        finding = finding.edit(option.at.with_value(format!("{ip}{next}:{container}")));
    }
    finding
}

fn verdict(facts: &Facts, need: &Need, wish: &Wish<Port>, span: &Span) -> Finding {
    if let Some(holder) = span.holder.value() {
        let by_guide = wish.by == Origin::Guide;
        if let Some(look) = facts.registry.local_registry(span.first).filter(|_| by_guide && span.first == span.last) {
            return Finding::pass("registry").saw(&span.holder).with("registry", &look.registry);
        }
        return held(facts, holder, span).saw(&span.holder);
    }
    if needs_privilege(facts, need, span) {
        let start = facts.port.unprivileged_start.words();
        return Finding::fail("rootless-privileged", "allow-low-ports").with("start", start);
    }
    match &span.bind.state {
        State::Unknown(gap) => Finding::unknown(gap.clone(), span.bind.source.clone()),
        State::Absent => Finding::unknown(Gap::NotAsked, span.bind.source.clone()),
        State::Present(Bind::Free) if wants_ipv6(facts, wish) => {
            Finding::fail("ipv6-wanted", "newer-than-20-10-6").saw(&facts.port.ipv6)
        }
        State::Present(Bind::Free) if span.first == 0 && span.last == 0 => Finding::pass("any"),
        State::Present(Bind::Free) if facts.port.is_ephemeral(span.first) => Finding::pass("free-ephemeral"),
        State::Present(Bind::Free) => Finding::pass("free"),
        State::Present(Bind::Denied) => Finding::unknown(Gap::Denied, span.bind.source.clone()),
        State::Present(Bind::NoAddress) => Finding::fail("no-such-address", "list-addresses"),
        State::Present(Bind::NoIpv6) => Finding::fail("ipv6-off", "ipv4-instead"),
        State::Present(Bind::InUse) if span.holder.is_absent() => Finding::fail("silent", "find-silent"),
        State::Present(Bind::InUse) => Finding::fail("in-use", "find-holder"),
    }
}

/// One release binds `[::]` also where there is no IPv6 (moby's issue 42288).
fn wants_ipv6(facts: &Facts, wish: &Wish<Port>) -> bool {
    let engine = facts.docker.version.value().filter(|engine| !engine.is_podman());
    let that = engine.and_then(|engine| Version::leading(&engine.version)) == Some(Version::new(&[20, 10, 6]));
    that && wish.what.ip.is_none() && facts.port.ipv6.value() == Some(&false)
}

/// A rootless engine binds as its user, whoever runs gdoctor; podman as whoever starts it.
fn needs_privilege(facts: &Facts, need: &Need, span: &Span) -> bool {
    let start = facts.port.unprivileged_start.value().copied().unwrap_or(1024);
    let low = span.first != 0 && span.first < start;
    let engine = facts.docker.answered_info().is_some_and(|info| info.is_rootless());
    match need.run.as_ref().filter(|line| line.podman) {
        Some(line) => low && !line.as_root && span.bind.value() == Some(&Bind::Denied),
        None => low && engine && facts.port.rootless_may_bind.is_absent(),
    }
}

fn held(facts: &Facts, holder: &Holder, span: &Span) -> Finding {
    match holder {
        Holder::Container { name, image } => {
            Finding::fail("container", "stop-container").with("container", name).with("image", image)
        }
        Holder::Process { name, address, .. } if name == "systemd-resolve" && span.first == 53 => {
            Finding::fail("systemd-resolved", "stub-off").with("holder", address)
        }
        Holder::Process { pid, name, unit: Some(unit), address } => Finding::fail("unit", "stop-unit")
            .with("process", name)
            .with("pid", pid)
            .with("unit", unit)
            .with("holder", address),
        Holder::Process { pid, name, unit: None, address } => {
            Finding::fail("process", "find-holder").with("process", name).with("pid", pid).with("holder", address)
        }
        Holder::Silent { pid: Some(pid), name, address, .. } => Finding::fail("silent-process", "find-silent")
            .with("process", name)
            .with("pid", pid)
            .with("holder", address),
        Holder::Silent { uid, address, .. } => {
            Finding::fail("silent-hidden", "find-silent").with("uid", uid).with("holder", address)
        }
        Holder::StaleProxy { pid, .. } => Finding::fail("stale-proxy", "end-proxy").with("pid", pid),
        Holder::Hidden { uid, address } => {
            Finding::fail("hidden", "find-holder").with("uid", uid).with("holder", address)
        }
        Holder::Connection { remote, .. } => Finding::fail("connection", "reserve")
            .with("remote", remote)
            .with("reserved", with_reserved(facts, span.first))
            .with("reserved_before", facts.port.reserved.value().map_or("", String::as_str)),
    }
}

/// The kernel's list is replaced as a whole, so what is in it already has to be written again.
fn with_reserved(facts: &Facts, port: u16) -> String {
    match facts.port.reserved.value() {
        Some(reserved) if !reserved.is_empty() => format!("{reserved},{port}"),
        _ => port.to_string(),
    }
}
