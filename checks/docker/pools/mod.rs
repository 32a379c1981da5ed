//! Is an address range left for one more Docker network?

use crate::model::facts::engine::Route;
use crate::model::prelude::*;
use crate::readings::pools::{self, ENOUGH, Unused, WIDE, range_of_route};

pub static CHECK: Check = Check {
    id: "docker-pools",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(info) = facts.docker.info.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    if info.is_rootless() {
        return Err(Stop::NotNeeded("own-network"));
    }
    let fact = &facts.engine.routes;
    let Some(routes) = fact.known()? else { return Err(Stop::NotNeeded("own-network")) };
    let (pools, taken) = (pools::pools(info), pools::taken(routes));
    let free = pools::room(&pools, &taken);
    let wanted = to_make(facts, need);
    let bad = if wanted.is_some() { Finding::fail } else { Finding::warn };
    let finding = match free {
        0 if pools.is_empty() => return Err(Stop::NotNeeded("own-network")),
        0 => match pools::unused(routes) {
            Some(unused) => bad("exhausted", "more-pools").with("pool", unused.whole()),
            None => bad("all-covered", "narrow-routes").with("routes", widest(routes)),
        },
        _ => match in_the_way(routes) {
            Some((code, own, other)) => moved(code, own, pools::for_docker0(facts))
                .with("path", facts.docker.config_path())
                .with("own", format!("{}/{}", own.network, own.bits))
                .with("route", format!("{}/{}", other.network, other.bits)),
            None => Finding::pass("room"),
        },
    };
    let finding = match wanted.filter(|_| free == 0) {
        Some((name, by)) => finding.asked_by(&by).evidence("the network that is made", name),
        None => finding,
    };
    Ok(finding
        .with("free", if free == ENOUGH { format!("{ENOUGH} or more") } else { free.to_string() })
        .evidence(fact.source.0.as_str(), format!("{} networks of this host", taken.len()))
        .into())
}

/// One of Docker's networks, another route for some of its addresses, and what comes of it: the nearer route wins, and of what the
/// other led to nothing is reached. Widest routes through a gateway are default routes of a kind.
fn in_the_way(routes: &[Route]) -> Option<(&'static str, &Route, &Route)> {
    let met = |own: &Route, other: &Route| {
        let ((first, last), (from, to)) = (range_of_route(own)?, range_of_route(other)?);
        match () {
            () if other.by_docker || other.bits <= WIDE => None,
            () if from <= first && last <= to => Some(if other.on_link { "on-own-network" } else { "in-the-way" }),
            // A route to one machine, or two, is a server's.
            () if first <= from && to <= last && other.bits <= 30 => Some("covers"),
            () => None,
        }
    };
    let own = routes.iter().filter(|route| route.on_link && route.by_docker);
    own.flat_map(|own| routes.iter().map(move |other| (own, other)))
        .find_map(|(own, other)| Some((met(own, other)?, own, other)))
}

fn moved(code: &'static str, own: &Route, unused: Option<Unused>) -> Finding {
    match unused {
        Some(unused) if own.docker0 => {
            Finding::warn(code, "other-ranges").with("bip", unused.bridge()).with("pool", unused.pool())
        }
        None if own.docker0 => Finding::warn(code, "choose-ranges"),
        _ => Finding::warn(code, "make-anew"),
    }
}

/// A network that is made with the container, for certain: the engine does not have it yet.
fn to_make(facts: &Facts, need: &Need) -> Option<(String, Origin)> {
    let line = need.run.as_ref()?;
    let known = facts.run.networks.value()?;
    let made = line.networks_to_make().into_iter().find(|(name, _)| known.iter().all(|known| known != name));
    made.map(|(name, by)| (name.to_string(), by))
}

/// The routes that cover most, as `ip route` names them.
fn widest(routes: &[Route]) -> String {
    let mut wide: Vec<&Route> = routes.iter().filter(|route| route.on_link && (1..=8).contains(&route.bits)).collect();
    wide.sort_by_key(|route| (route.bits, route.network));
    wide.iter().take(4).map(|route| format!("{}/{}", route.network, route.bits)).collect::<Vec<_>>().join(", ")
}
