//! Do the packet filter's rules let packets of other machines through to the wanted ports?

use crate::model::facts::engine::{Act, Met, Rules};
use crate::model::facts::port::Way;
use crate::model::need::{Port, strongest};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "port-way",
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
    // Without the engine's own rules nothing is forwarded; that is told there.
    if facts.engine.rules.value().is_some_and(is_without) {
        return Err(Stop::blocked_by("docker-iptables"));
    }
    let fact = &facts.port.ways;
    let published = facts.port.served.value().is_some_and(|served| !served.is_empty());
    let ways = match fact.known() {
        Ok(ways) => ways.map_or(&[][..], Vec::as_slice),
        // Of a port that nobody publishes yet nothing is claimed.
        Err(_) if !published && fact.gap() == Some(&Gap::Denied) => return Err(Stop::NotNeeded("not-seen")),
        Err(_) if !published => return Err(Stop::NotNeeded("not-read")),
        Err(stop) => return Err(stop),
    };
    // A rule that stops containers' packets both ways is told once.
    let both_ways = facts.engine.rules.value().and_then(|rules| rules.on_way_out.as_ref()).filter(|met| met.always);
    if both_ways.is_some() && ways.iter().all(|way| way.met.as_ref() == both_ways) {
        return Err(Stop::blocked_by("docker-iptables"));
    }
    let findings: Findings = ways.iter().filter_map(|way| one(need, way, fact.source.0.as_str())).collect();
    match findings.is_empty() {
        true => Err(Stop::NotNeeded("no-way")),
        false => Ok(findings),
    }
}

fn is_without(rules: &Rules) -> bool {
    !rules.missing.is_empty() || !rules.unlinked.is_empty()
}

fn one(need: &Need, way: &Way, source: &str) -> Option<Finding> {
    let is_it = |port: &Port| port.protocol == way.protocol && (port.first..=port.last).contains(&way.port);
    let wish = need.ports.iter().find(|wish| is_it(&wish.what))?;
    let finding = match &way.met {
        None => Finding::pass("open").evidence(source, "no rule stops it"),
        Some(met) => stopped(met).with("act", met.act).with("place", met.place()).evidence(source, met.place()),
    };
    let port = Port { ip: None, first: way.port, last: way.port, protocol: way.protocol };
    Some(finding.about(port).with("port", way.port).asked_by(&wish.by))
}

fn stopped(met: &Met) -> Finding {
    let fix = if met.is_iptables() { "see-chain" } else { "see-nft-chain" };
    let finding = match (met.always, met.act) {
        (false, _) => Finding::pass("some"),
        (true, Act::Redirects) => Finding::warn("redirected", fix),
        (true, Act::Drops | Act::Rejects) => Finding::warn("stopped", fix),
    };
    finding.with("family", &met.family).with("table", &met.table).with("chain", &met.chain)
}
