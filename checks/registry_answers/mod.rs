//! Does each wanted registry answer as one?

use crate::model::facts::registry::{Answer, Distrust, Look};
use crate::model::need::strongest;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "registry-answers",
    family: "registry",
    doc: include_str!("doc.md"),
    wanted: |need| strongest(&need.registries),
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    if facts.docker.is_elsewhere() {
        return Err(Stop::NotNeeded("elsewhere"));
    }
    let looks = facts.registry.looks.known()?.map_or(&[][..], Vec::as_slice);
    let findings = need.registries.iter().map(|wish| {
        let finding = match looks.iter().find(|look| look.registry == wish.what) {
            Some(look) => one(look, &wish.by),
            None => Finding::unknown(Gap::NotAsked, facts.registry.looks.source.clone()),
        };
        let finding = finding.about(&wish.what).with("host", &wish.what.host).with("port", wish.what.port);
        finding.asked_by(&wish.by)
    });
    Ok(findings.collect())
}

fn one(look: &Look, by: &Origin) -> Finding {
    if let Some(fact) = look.registry_answer() {
        let asks_login = matches!(fact.value(), Some(Answer::Http { status: 401, .. }));
        return Finding::pass(if asks_login { "asks-login" } else { "answers" }).saw(fact);
    }
    if look.addresses.is_absent() {
        return Finding::fail("no-such-name", "look-up").evidence(look.addresses.source.0.as_str(), "no such name");
    }
    if let Some(gap) = look.addresses.gap() {
        return Finding::unknown(gap.clone(), look.addresses.source.clone());
    }
    // What nobody asked for and is not there is no trouble; who holds the port is said by port-free.
    let nobody_asked = *by == Origin::Guide && look.is_loopback();
    // The last answer says most: http is asked where https has failed.
    let last = [&look.http, &look.https_unverified, &look.https].into_iter().find(|fact| fact.value().is_some());
    let asked = [&look.https, &look.https_unverified, &look.http];
    let stuck = asked.into_iter().find(|fact| fact.gap().is_some_and(|gap| *gap != Gap::NotAsked));
    if nobody_asked {
        return Finding::not_needed("none-here");
    }
    if let Some((fact, gap)) = stuck.and_then(|fact| Some((fact, fact.gap()?))) {
        return Finding::unknown(gap.clone(), fact.source.clone());
    }
    let Some(fact) = last else { return Finding::unknown(Gap::NotAsked, look.https.source.clone()) };
    let finding = match fact.value() {
        Some(Answer::Refused) if look.is_loopback() => Finding::fail("not-running", "start-registry"),
        Some(Answer::Refused) => Finding::fail("refused", "look-there"),
        Some(Answer::Unreachable) => Finding::fail("unreachable", "look-there"),
        Some(Answer::Http { status, server, .. }) => {
            let server = if server.is_empty() { "a server of no name" } else { server };
            Finding::fail("no-registry", "ask-by-hand").with("status", status).with("server", server)
        }
        Some(Answer::Tls(Distrust::WantsClientCertificate)) => Finding::pass("asks-certificate"),
        Some(Answer::Tls(Distrust::Other)) => {
            Finding::unknown(Gap::Unsupported("its TLS could not be read".into()), fact.source.clone())
        }
        _ => Finding::fail("no-http", "ask-by-hand"),
    };
    finding.saw(fact)
}
