//! The address ranges that the engine makes networks from, and which of them are left on this host.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::model::facts::Facts;
use crate::model::facts::docker::{AddressPool, Info, Settings};
use crate::model::facts::engine::Route;

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
pub const ENOUGH: usize = 64;

/// First and last address of a pool, and how many addresses each network has.
pub type Pool = (u32, u32, u32);

/// The engine's own, or those of its settings.
pub fn pools(info: &Info) -> Vec<Pool> {
    match info.default_address_pools.is_empty() {
        true => OWN.iter().filter_map(|(base, bits, size)| pool(*base, *bits, *size)).collect(),
        false => info.default_address_pools.iter().filter_map(parse).collect(),
    }
}

/// Since 23.0 only networks that this host is part of count as taken.
pub fn taken(routes: &[Route]) -> Vec<(u32, u32)> {
    routes.iter().filter(|route| route.on_link && route.bits > 0).filter_map(range_of_route).collect()
}

/// How many networks more can be made, up to [`ENOUGH`].
pub fn room(pools: &[Pool], taken: &[(u32, u32)]) -> usize {
    pools.iter().map(|pool| free(pool, taken)).sum::<usize>().min(ENOUGH)
}

fn range(base: Ipv4Addr, bits: u8) -> Option<(u32, u32)> {
    let size = 1_u64.checked_shl(32_u32.checked_sub(u32::from(bits))?)?;
    let first = u32::try_from(u64::from(u32::from(base)) / size * size).ok()?;
    Some((first, u32::try_from(u64::from(first).checked_add(size)?.checked_sub(1)?).ok()?))
}

pub fn range_of_route(route: &Route) -> Option<(u32, u32)> {
    range(route.network, route.bits)
}

/// First and last address, and how many addresses each network has.
pub fn pool(base: Ipv4Addr, bits: u8, size: u8) -> Option<(u32, u32, u32)> {
    let (first, last) = range(base, bits)?;
    let step = 1_u32.checked_shl(32_u32.checked_sub(u32::from(size))?)?;
    (size >= bits).then_some((first, last, step))
}

fn parse(text: &AddressPool) -> Option<(u32, u32, u32)> {
    let (base, bits) = text.base.split_once('/')?;
    pool(base.parse().ok()?, bits.parse().ok()?, text.size)
}

/// Networks of the pool that touch nothing taken, counted up to [`ENOUGH`].
pub fn free(&(first, last, step): &(u32, u32, u32), taken: &[(u32, u32)]) -> usize {
    let networks = (u64::from(first)..=u64::from(last)).step_by(step as usize);
    networks
        .filter(|from| {
            let to = from + u64::from(step) - 1;
            taken.iter().all(|(a, b)| u64::from(*b) < *from || u64::from(*a) > to)
        })
        .take(ENOUGH)
        .count()
}

/// 16 bits of private addresses for networks to come that no route of this host touches, also none through a gateway. Where those cover all
/// private addresses, the widest of them do not count.
pub fn unused(routes: &[Route]) -> Option<Unused> {
    let of_ten = [200, 201, 123, 55].map(|second| Ipv4Addr::new(10, second, 0, 0));
    let all = of_ten.into_iter().chain([Ipv4Addr::new(172, 30, 0, 0), Ipv4Addr::new(192, 168, 0, 0)]);
    // Routes of one bit stand for the default route.
    [1, WIDE].into_iter().find_map(|wide| {
        let counts = |route: &&Route| route.bits > wide || (route.on_link && route.bits > 0);
        let taken: Vec<_> = routes.iter().filter(counts).filter_map(range_of_route).collect();
        let is_free = |base: &Ipv4Addr| {
            range(*base, 16).is_some_and(|(first, last)| taken.iter().all(|(from, to)| *to < first || *from > last))
        };
        all.clone().find(is_free).map(Unused)
    })
}

/// Where docker0 may move. None too where settings besides its address would have to move with it.
pub fn for_docker0(facts: &Facts) -> Option<Unused> {
    let held = ["bridge", "default-gateway", "fixed-cidr"];
    let holds = |settings: &Settings| held.iter().any(|key| settings.kinds.contains_key(*key));
    unused(facts.engine.routes.value()?).filter(|_| !facts.docker.settings().is_some_and(holds))
}

/// Of routes through a gateway those of so few bits are default routes of a kind.
pub const WIDE: u8 = 8;

/// The first address of 16 bits.
pub struct Unused(Ipv4Addr);

impl Unused {
    pub fn whole(&self) -> String {
        format!("{}/16", self.0)
    }

    /// For docker0: its address and its network's length.
    pub fn bridge(&self) -> String {
        let [one, two, ..] = self.0.octets();
        format!("{}/24", Ipv4Addr::new(one, two, 0, 1))
    }

    /// For all other networks: the half in which the bridge does not lie.
    pub fn pool(&self) -> String {
        let [one, two, ..] = self.0.octets();
        format!("{}/17", Ipv4Addr::new(one, two, 128, 0))
    }
}
