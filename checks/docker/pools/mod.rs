//! Is an address range left for one more Docker network?

use core::net::Ipv4Addr;

use crate::model::facts::docker::AddressPool;
use crate::model::facts::engine::Route;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-pools",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

/// The engine's own pools, and the bits of each network made from one: moby daemon/libnetwork/ipamutils.
const OWN: [(Ipv4Addr, u8, u8); 7] = [
    (Ipv4Addr::new(172, 17, 0, 0), 16, 16),
    (Ipv4Addr::new(172, 18, 0, 0), 16, 16),
    (Ipv4Addr::new(172, 19, 0, 0), 16, 16),
    (Ipv4Addr::new(172, 20, 0, 0), 14, 16),
    (Ipv4Addr::new(172, 24, 0, 0), 14, 16),
    (Ipv4Addr::new(172, 28, 0, 0), 14, 16),
    (Ipv4Addr::new(192, 168, 0, 0), 16, 20),
];
/// More than this many networks are not counted: there is room.
const ENOUGH: usize = 64;

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(info) = facts.docker.info.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    if info.is_rootless() {
        return Err(Stop::NotNeeded("own-network"));
    }
    let fact = &facts.engine.routes;
    let Some(routes) = fact.known()? else { return Err(Stop::NotNeeded("own-network")) };
    // Since 23.0 only networks that this host is part of count as taken.
    let taken: Vec<(u32, u32)> =
        routes.iter().filter(|route| route.on_link && route.bits > 0).filter_map(range_of_route).collect();
    let pools: Vec<(u32, u32, u32)> = match info.default_address_pools.is_empty() {
        true => OWN.iter().filter_map(|(base, bits, size)| pool(*base, *bits, *size)).collect(),
        false => info.default_address_pools.iter().filter_map(parse).collect(),
    };
    let free = pools.iter().map(|pool| free(pool, &taken)).sum::<usize>().min(ENOUGH);
    let wanted = to_make(facts, need);
    let bad = if wanted.is_some() { Finding::fail } else { Finding::warn };
    let finding = match free {
        0 if pools.is_empty() => return Err(Stop::NotNeeded("own-network")),
        0 => match unused(&taken) {
            Some(pool) => bad("exhausted", "more-pools").with("pool", pool),
            None => bad("all-covered", "narrow-routes").with("routes", widest(routes)),
        },
        _ => Finding::pass("room"),
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

/// A network that is made with the container, for certain: the engine does not have it yet.
fn to_make(facts: &Facts, need: &Need) -> Option<(String, Origin)> {
    let line = need.run.as_ref().filter(|line| !line.podman)?;
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

fn range(base: Ipv4Addr, bits: u8) -> Option<(u32, u32)> {
    let size = 1_u64.checked_shl(32_u32.checked_sub(u32::from(bits))?)?;
    let first = u32::try_from(u64::from(u32::from(base)) / size * size).ok()?;
    Some((first, u32::try_from(u64::from(first).checked_add(size)?.checked_sub(1)?).ok()?))
}

fn range_of_route(route: &Route) -> Option<(u32, u32)> {
    range(route.network, route.bits)
}

/// First and last address, and how many addresses each network has.
fn pool(base: Ipv4Addr, bits: u8, size: u8) -> Option<(u32, u32, u32)> {
    let (first, last) = range(base, bits)?;
    let step = 1_u32.checked_shl(32_u32.checked_sub(u32::from(size))?)?;
    (size >= bits).then_some((first, last, step))
}

fn parse(text: &AddressPool) -> Option<(u32, u32, u32)> {
    let (base, bits) = text.base.split_once('/')?;
    pool(base.parse().ok()?, bits.parse().ok()?, text.size)
}

/// Networks of the pool that touch nothing taken, counted up to [`ENOUGH`].
fn free(&(first, last, step): &(u32, u32, u32), taken: &[(u32, u32)]) -> usize {
    let networks = (u64::from(first)..=u64::from(last)).step_by(step as usize);
    networks
        .filter(|from| {
            let to = from + u64::from(step) - 1;
            taken.iter().all(|(a, b)| u64::from(*b) < *from || u64::from(*a) > to)
        })
        .take(ENOUGH)
        .count()
}
