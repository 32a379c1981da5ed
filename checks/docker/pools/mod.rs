//! Is an address range left for one more Docker network?

use core::net::Ipv4Addr;

use crate::model::facts::engine::Route;
use crate::model::prelude::*;
use crate::readings::pools::{self, ENOUGH, free, pool, range_of_route};

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
        0 => match unused(&taken) {
            Some(pool) => bad("exhausted", "more-pools").with("pool", pool),
            None => bad("all-covered", "narrow-routes").with("routes", widest(routes)),
        },
        _ => match in_the_way(routes) {
            Some((own, wide)) => Finding::warn("in-the-way", "other-ranges")
                .with("own", format!("{}/{}", own.network, own.bits))
                .with("route", format!("{}/{}", wide.network, wide.bits)),
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

/// One of Docker's networks inside what this host reaches through a gateway: the nearer route wins, and what has these addresses
/// behind the gateway is out of reach. Routes of half of all private addresses and more are default routes of a kind.
fn in_the_way(routes: &[Route]) -> Option<(&Route, &Route)> {
    let beyond = |own: &Route| {
        let (first, last) = range_of_route(own)?;
        routes.iter().find(|wide| {
            let covers = range_of_route(wide).is_some_and(|(from, to)| from <= first && last <= to);
            !wide.on_link && (9..own.bits).contains(&wide.bits) && covers
        })
    };
    routes.iter().filter(|route| route.on_link && route.by_docker).find_map(|own| Some((own, beyond(own)?)))
}

/// A network that is made with the container, for certain: the engine does not have it yet.
fn to_make(facts: &Facts, need: &Need) -> Option<(String, Origin)> {
    let line = need.run.as_ref()?;
    let known = facts.run.networks.value()?;
    let made = line.networks_to_make().into_iter().find(|(name, _)| known.iter().all(|known| known != name));
    made.map(|(name, by)| (name.to_string(), by))
}

/// A private range that no route of this host touches.
fn unused(taken: &[(u32, u32)]) -> Option<String> {
    let candidates = [200, 201, 123, 55].map(|second| Ipv4Addr::new(10, second, 0, 0));
    let candidates = candidates.into_iter().chain([Ipv4Addr::new(172, 30, 0, 0), Ipv4Addr::new(192, 168, 0, 0)]);
    let fits = |base: &Ipv4Addr| pool(*base, 16, 24).is_some_and(|pool| free(&pool, taken) == ENOUGH);
    candidates.filter(|base| fits(base)).map(|base| format!("{base}/16")).next()
}

/// The routes that cover most, as `ip route` names them.
fn widest(routes: &[Route]) -> String {
    let mut wide: Vec<&Route> = routes.iter().filter(|route| route.on_link && (1..=8).contains(&route.bits)).collect();
    wide.sort_by_key(|route| (route.bits, route.network));
    wide.iter().take(4).map(|route| format!("{}/{}", route.network, route.bits)).collect::<Vec<_>>().join(", ")
}
