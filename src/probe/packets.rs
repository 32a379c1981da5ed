//! What the packet filter's rules do with a packet that comes to a container's published port, or that leaves a container. What of
//! the packet is not known, is taken as open: a rule that only some such packets meet is told as one for some.

use std::net::Ipv4Addr;

use gdoctor_checks::model::facts::engine::{Act, Met, Route};
use nix::errno::Errno;

use crate::host::netfilter::{self, Chain, End, Field, INET, IPV4, Rule, Span, Step};
use crate::host::{Deadline, Host};

use super::engine::network::table;

/// The rules of a kernel, as they were read once.
pub struct Filter {
    pub chains: Vec<Chain>,
    pub rules: Vec<Rule>,
    deadline: Deadline,
}

/// Docker's own nftables tables; what is in them is the engine's matter.
const OWN_TABLES: [&str; 2] = ["docker-bridges", "docker-swarm"];
/// Chains in which Docker itself accepts or drops what comes to it.
const DECIDES: [&str; 3] = ["DOCKER", "DOCKER-FORWARD", "DOCKER-BRIDGE"];
/// One chain may lead to another so often.
const DEEPEST: u32 = 16;

impl Filter {
    /// Loads no module of the kernel's.
    pub fn read(host: &Host) -> Result<Self, Errno> {
        let (chains, rules) = match host.kernel_has("nf_tables") {
            true => (netfilter::chains(host.deadline)?, netfilter::rules(host.deadline)?),
            false => (Vec::new(), Vec::new()),
        };
        Ok(Self { chains, rules, deadline: host.deadline })
    }

    /// The chain of iptables' with this name.
    pub fn find(&self, table: &str, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.family == IPV4 && chain.table == table && chain.name == name)
    }

    pub fn of<'a>(&'a self, chain: &'a Chain) -> impl Iterator<Item = &'a Rule> {
        self.rules
            .iter()
            .filter(|rule| (rule.family, &rule.table, &rule.chain) == (chain.family, &chain.table, &chain.name))
    }

    /// The first rule that keeps the packet from where it goes: one that all such packets meet, else one that some do.
    pub fn stops(&self, hook: u32, packet: &Packet) -> Option<Met> {
        let of_hook = |chain: &&Chain| {
            [IPV4, INET].contains(&chain.family)
                && chain.base.is_some_and(|base| base.hook == hook)
                && !OWN_TABLES.contains(&chain.table.as_str())
        };
        let mut bases: Vec<&Chain> = self.chains.iter().filter(of_hook).collect();
        bases.sort_by_key(|chain| chain.base.map(|base| base.priority));
        let mut some = None;
        // The first translation of a connection stays; of chains with Docker's own priority it is not known which is first.
        let own = bases.iter().position(|chain| chain.family == IPV4 && chain.table == "nat");
        let at = |at: Option<usize>| at.and_then(|at| bases.get(at)?.base).map(|base| base.priority);
        for (number, chain) in bases.iter().enumerate() {
            let translates = chain.base.is_some_and(|base| base.translates);
            let beside = own.is_some_and(|own| own != number) && at(Some(number)) >= at(own);
            if translates && beside {
                continue;
            }
            let mut walk = Walk { filter: self, packet, translates, some: None };
            let flow = walk.chain(chain, true, DEEPEST);
            let policy = || Met { rule: None, act: Act::Drops, always: true, ..place(chain) };
            match flow {
                Flow::Stopped(met) => return Some(met),
                Flow::On { sure: true } if chain.drops => return Some(policy()),
                Flow::On { sure: false } if chain.drops => walk.note(Met { always: false, ..policy() }),
                Flow::On { .. } | Flow::Accepted => {}
            }
            some = some.or(walk.some);
        }
        some
    }
}

/// Where it comes from and goes to, as far as that is known.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Interfaces of which it takes one; empty: not known.
    pub comes_in: Vec<String>,
    pub goes_out: Vec<String>,
    /// Addresses, first and last, of which it has any.
    pub source: Vec<(u32, u32)>,
    pub target: Vec<(u32, u32)>,
    /// 6 for TCP, 17 for UDP.
    pub protocol: Option<u8>,
    pub port: Option<u16>,
    /// The engine's rules have given it its target.
    pub translated: bool,
}

/// The networks around the engine, as /proc/net tells them.
pub struct Around {
    /// The interface of the default route.
    outside: String,
    /// This host's addresses there.
    addresses: Vec<(u32, u32)>,
    /// Docker's bridges with their networks.
    bridges: Vec<(String, (u32, u32))>,
}

impl Around {
    /// `None` where no packet comes or goes: without a default route, or without a bridge of Docker's.
    pub fn read(host: &Host, default: &str) -> Option<Self> {
        let routes = host.text("/proc/net/route");
        let lines = table(routes.value()?);
        let range = |route: &Route| {
            let first = u32::from(route.network);
            (first, first | u32::MAX.checked_shr(route.bits.into()).unwrap_or(0))
        };
        let whole = lines.iter().filter(|line| line.route.bits == 0).min_by_key(|line| line.metric);
        let outside = whole?.interface.clone();
        let of = |fits: &dyn Fn(&str) -> bool| {
            let linked = lines.iter().filter(|line| line.route.on_link && line.route.bits > 0 && fits(&line.interface));
            linked.map(|line| (line.interface.clone(), range(&line.route))).collect::<Vec<_>>()
        };
        let bridges = of(&|name| name == default || name.starts_with("br-"));
        let near = of(&|name| name == outside);
        let tree = host.text("/proc/net/fib_trie");
        let own = local_addresses(tree.value().map(String::as_str).unwrap_or_default());
        let is_near = |address: &u32| near.iter().any(|(_, (first, last))| (first..=last).contains(&address));
        let addresses = own.into_iter().filter(is_near).map(|address| (address, address)).collect();
        (!bridges.is_empty()).then_some(Self { outside, addresses, bridges })
    }

    fn networks(&self) -> Vec<(u32, u32)> {
        self.bridges.iter().map(|(_, network)| *network).collect()
    }

    /// From another machine to this host's port.
    pub fn coming(&self, protocol: u8, port: u16) -> Packet {
        let unknown = self.addresses.is_empty();
        Packet {
            comes_in: vec![self.outside.clone()],
            goes_out: Vec::new(),
            source: others(&self.networks()),
            target: if unknown { others(&self.networks()) } else { self.addresses.clone() },
            protocol: Some(protocol),
            port: Some(port),
            translated: false,
        }
    }

    /// The same on its way to the container.
    pub fn handed_on(&self, protocol: u8, inside: Option<u16>) -> Packet {
        Packet {
            goes_out: self.bridges.iter().map(|(name, _)| name.clone()).collect(),
            target: self.networks(),
            port: inside,
            translated: true,
            ..self.coming(protocol, 0)
        }
    }

    /// From a container on the default bridge to anywhere.
    pub fn leaving(&self, default: &str) -> Option<Packet> {
        let (name, network) = self.bridges.iter().find(|(name, _)| name == default)?;
        Some(Packet {
            comes_in: vec![name.clone()],
            goes_out: vec![self.outside.clone()],
            source: vec![*network],
            target: others(&self.networks()),
            protocol: None,
            port: None,
            translated: false,
        })
    }
}

/// Addresses of this host's own: leaves of the tree that are `/32 host LOCAL`.
fn local_addresses(tree: &str) -> Vec<u32> {
    let lines: Vec<&str> = tree.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| match pair {
        [address, "/32 host LOCAL"] => address.strip_prefix("|-- ")?.parse::<Ipv4Addr>().ok(),
        _ => None,
    });
    let mut all: Vec<u32> = pairs.map(u32::from).filter(|address| !Ipv4Addr::from(*address).is_loopback()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// All addresses but the loopback's, the multicast ones and those of `networks`.
pub fn others(networks: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let of = |first: [u8; 4], last: [u8; 4]| (u32::from(Ipv4Addr::from(first)), u32::from(Ipv4Addr::from(last)));
    let mut open = vec![of([1, 0, 0, 0], [126, 255, 255, 255]), of([128, 0, 0, 0], [223, 255, 255, 255])];
    for (first, last) in networks {
        let parts = open.into_iter().flat_map(|(from, to)| {
            let before = first.checked_sub(1).map(|end| (from, end.min(to))).filter(|(a, b)| a <= b);
            let after = last.checked_add(1).map(|start| (start.max(from), to)).filter(|(a, b)| a <= b);
            before.into_iter().chain(after)
        });
        open = parts.collect();
    }
    open
}

enum Flow {
    /// Not decided; `sure`: of no such packet, else of some.
    On {
        sure: bool,
    },
    Accepted,
    Stopped(Met),
}

struct Walk<'a> {
    filter: &'a Filter,
    packet: &'a Packet,
    /// Only the translation of the target counts here, which the packet would not get twice.
    translates: bool,
    some: Option<Met>,
}

fn place(chain: &Chain) -> Met {
    let family = if chain.family == INET { "inet" } else { "ip" };
    Met {
        family: family.into(),
        table: chain.table.clone(),
        chain: chain.name.clone(),
        rule: None,
        act: Act::Drops,
        always: false,
    }
}

impl Walk<'_> {
    fn note(&mut self, met: Met) {
        self.some.get_or_insert(met);
    }

    fn chain(&mut self, chain: &Chain, mut sure: bool, deep: u32) -> Flow {
        let filter = self.filter;
        for (number, rule) in (1..).zip(filter.of(chain)) {
            let (holds, end) = self.rule(rule);
            let Some(end) = end.filter(|_| holds != Some(false)) else { continue };
            let all = sure && holds == Some(true);
            let met = |act| Met { rule: Some(number), act, always: all, ..place(chain) };
            let stop = match end {
                End::Accept if all => return Flow::Accepted,
                End::Return if all => return Flow::On { sure },
                End::Accept | End::Return => {
                    sure = false;
                    continue;
                }
                End::Drop => met(Act::Drops),
                End::Reject => met(Act::Rejects),
                End::Translate if self.translates => met(Act::Redirects),
                End::Translate => continue,
                End::Jump { chain: name, back } => {
                    if DECIDES.contains(&name.as_str()) {
                        return Flow::Accepted;
                    }
                    // The engine's other chains part its networks from each other, which such a packet does not see.
                    let own = name.starts_with("DOCKER-") && name != "DOCKER-USER";
                    let to = filter
                        .chains
                        .iter()
                        .find(|to| (to.family, &to.table, &to.name) == (chain.family, &chain.table, &name));
                    let (Some(to), Some(deep), false) = (to, deep.checked_sub(1), own) else { continue };
                    match self.chain(to, all, deep) {
                        Flow::Accepted if all => return Flow::Accepted,
                        Flow::Stopped(met) => return Flow::Stopped(met),
                        Flow::On { sure: true } if all && back => {}
                        Flow::On { sure } if all && !back => return Flow::On { sure },
                        Flow::Accepted | Flow::On { .. } => sure = false,
                    }
                    continue;
                }
            };
            if all {
                return Flow::Stopped(stop);
            }
            self.note(stop);
            sure = false;
        }
        Flow::On { sure }
    }

    /// Whether the rule is for such packets, `None`: for some; and what it does then.
    fn rule(&self, rule: &Rule) -> (Option<bool>, Option<End>) {
        let mut held: Vec<(u32, Held)> = Vec::new();
        let mut holds = Some(true);
        let mut end = None;
        for step in &rule.steps {
            let with = |register: &u32| held.iter().rev().find(|(known, _)| known == register).map(|(_, held)| held);
            let test = match step {
                Step::Load { to, field } => {
                    held.push((*to, self.packet.load(*field)));
                    continue;
                }
                Step::Mask { from, to, mask } => {
                    let masked = with(from).cloned().unwrap_or(Held::Unknown).masked(mask);
                    held.push((*to, masked));
                    continue;
                }
                Step::Compare { with: register, operator, value } => {
                    with(register).and_then(|held| held.compare(*operator, value))
                }
                Step::Range { with: register, outside, from, to } => {
                    with(register).and_then(|held| held.within(from, to)).map(|within| within != *outside)
                }
                Step::Lookup { with: register, set, outside, map } => {
                    let elements = netfilter::elements(rule.family, &rule.table, set, self.filter.deadline);
                    let found = with(register).zip(elements.ok()).and_then(|(held, all)| {
                        let (found, to) = held.among(&all)?;
                        if *map {
                            end = to;
                        }
                        Some(found)
                    });
                    // Where it leads is told by the set alone.
                    if *map && found != Some(false) && end.is_none() {
                        end = found.is_none().then_some(End::Accept);
                    }
                    found.map(|found| found != *outside)
                }
                Step::Match { name, info } => self.packet.matches(name, info),
                Step::End(to) => {
                    end = Some(to.clone());
                    continue;
                }
                Step::Unknown => None,
            };
            match test {
                Some(true) => {}
                Some(false) => return (Some(false), None),
                None => holds = None,
            }
        }
        (holds, end)
    }
}

/// What a register has.
#[derive(Clone, Debug)]
enum Held {
    Bytes(Vec<u8>),
    /// One of these names.
    Name(Vec<String>),
    /// Any of these addresses, of which bits may be cut off.
    Address(Vec<(u32, u32)>, u32),
    Unknown,
}

impl Held {
    fn masked(self, mask: &[u8]) -> Self {
        match self {
            Held::Bytes(bytes) => Held::Bytes(bytes.iter().zip(mask).map(|(byte, mask)| byte & mask).collect()),
            Held::Address(all, old) => match mask.try_into().map(u32::from_be_bytes) {
                // Only the first bits of an address are a network.
                Ok(mask) if mask.leading_ones() + mask.trailing_zeros() == 32 => Held::Address(all, old & mask),
                _ => Held::Unknown,
            },
            Held::Name(_) | Held::Unknown => Held::Unknown,
        }
    }

    fn compare(&self, operator: u32, value: &[u8]) -> Option<bool> {
        let equal = || match self {
            Held::Bytes(bytes) => Some(bytes.starts_with(value)),
            Held::Name(names) => all(names.iter().map(|name| Some(is_name(name, value)))),
            Held::Address(..) => self.within(value, value),
            Held::Unknown => None,
        };
        match operator {
            0 => equal(),
            1 => equal().map(|equal| !equal),
            _ => {
                let Held::Bytes(bytes) = self else { return None };
                let bytes = bytes.as_slice();
                Some(match operator {
                    2 => bytes < value,
                    3 => bytes <= value,
                    4 => bytes > value,
                    _ => bytes >= value,
                })
            }
        }
    }

    fn within(&self, from: &[u8], to: &[u8]) -> Option<bool> {
        match self {
            Held::Bytes(bytes) => Some(from <= bytes.as_slice() && bytes.as_slice() <= to),
            Held::Name(names) => all(names.iter().map(|name| Some(is_name(name, from)))),
            Held::Address(addresses, mask) => {
                // A network is loaded by its first bytes or under a mask: all that the rest may be belongs to it.
                let bits = u32::try_from(from.len()).ok()?.checked_mul(8)?;
                let mask = mask & u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
                let first = padded(from)?;
                let last = padded(to)? | !mask;
                all(addresses.iter().map(|(a, b)| {
                    if first <= *a && *b <= last {
                        Some(true)
                    } else if *b < first || last < *a {
                        Some(false)
                    } else {
                        None
                    }
                }))
            }
            Held::Unknown => None,
        }
    }

    /// Whether one of the set's has it, and where that one leads.
    fn among(&self, elements: &[Span]) -> Option<(bool, Option<End>)> {
        let mut open = false;
        for (from, to, end) in elements {
            match self.within(from, to) {
                Some(true) => return Some((true, end.clone())),
                Some(false) => {}
                None => open = true,
            }
        }
        (!open).then_some((false, None))
    }
}

/// What all of them say.
fn all(mut answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let first = answers.next()??;
    answers.all(|answer| answer == Some(first)).then_some(first)
}

/// Whole names end with a zero; without one they are the beginning of a name (`eth+`).
fn is_name(name: &str, value: &[u8]) -> bool {
    match value.split(|byte| *byte == 0).next() {
        Some(whole) if whole.len() < value.len() => name.as_bytes() == whole,
        _ => name.as_bytes().starts_with(value),
    }
}

fn padded(bytes: &[u8]) -> Option<u32> {
    let mut whole = [0; 4];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u32::from_be_bytes(whole))
}

/// linux/netfilter/nf_conntrack_common.h: bits of a connection's state and status.
const NEW: u32 = 8;
const DST_NAT: u32 = 1 << 5;
/// Bits of xt_conntrack's for the same.
const XT_DNAT: u16 = 1 << 7;

impl Packet {
    fn load(&self, field: Field) -> Held {
        let name = |names: &Vec<String>| if names.is_empty() { Held::Unknown } else { Held::Name(names.clone()) };
        match field {
            Field::InterfaceIn => name(&self.comes_in),
            Field::InterfaceOut => name(&self.goes_out),
            Field::Version => Held::Bytes(vec![IPV4]),
            Field::Protocol => self.protocol.map_or(Held::Unknown, |protocol| Held::Bytes(vec![protocol])),
            Field::Source => Held::Address(self.source.clone(), u32::MAX),
            Field::Target => Held::Address(self.target.clone(), u32::MAX),
            Field::TargetPort => self.port.map_or(Held::Unknown, |port| Held::Bytes(port.to_be_bytes().into())),
            Field::State => Held::Bytes(NEW.to_ne_bytes().into()),
            Field::Status => Held::Bytes(if self.translated { DST_NAT } else { 0 }.to_ne_bytes().into()),
            Field::Other => Held::Unknown,
        }
    }

    /// Tests of iptables' own, by the form in which the kernel keeps them.
    fn matches(&self, name: &str, info: &[u8]) -> Option<bool> {
        let half = |at: usize| Some(u16::from_ne_bytes(info.get(at..at.checked_add(2)?)?.try_into().ok()?));
        let byte = |at: usize| info.get(at).copied();
        match name {
            "comment" => Some(true),
            // Source ports, target ports, then what else is asked of TCP.
            "tcp" => {
                let open = (half(0)?, half(2)?) == (0, u16::MAX) && (byte(8)?, byte(11)?) == (0, 0);
                // Flags of a connection's first packet: SYN of SYN, ACK, RST, FIN.
                let flags = (byte(9)?, byte(10)?);
                let first = flags.1 == flags.0 & 2;
                self.port_within(half(4)?, half(6)?).and_then(|within| match (within, open) {
                    (false, true) => Some(false),
                    (within, true) => Some(within && first),
                    _ => None,
                })
            }
            "udp" => {
                let open = (half(0)?, half(2)?, byte(8)?) == (0, u16::MAX, 0);
                self.port_within(half(4)?, half(6)?).filter(|_| open)
            }
            "multiport" => {
                const TARGET: u8 = 1;
                let (kind, count) = (byte(0)?, usize::from(byte(1)?).min(15));
                let flags = |number: usize| byte(32_usize.checked_add(number)?);
                let ports = (0..count).map(|number| Some((half(2 + 2 * number)?, flags(number)?)));
                let ports: Vec<(u16, u8)> = ports.collect::<Option<_>>()?;
                let port = self.port.filter(|_| kind == TARGET)?;
                let mut from = None;
                let mut found = false;
                for (value, begins) in ports {
                    match (begins, from.take()) {
                        (0, None) => found |= value == port,
                        (0, Some(first)) => found |= (first..=value).contains(&port),
                        _ => from = Some(value),
                    }
                }
                Some(found != (byte(47)? != 0))
            }
            "addrtype" => {
                // RTN_LOCAL, until it is known where it goes on to: to a container, or to another machine.
                const LOCAL: u16 = 1 << 2;
                const UNICAST: u16 = 1 << 1;
                let wanted = half(2)?;
                let is = if self.goes_out.is_empty() { LOCAL } else { UNICAST };
                let plain = half(0)? == 0 && info.get(4..8)? == [0; 4];
                plain.then_some(wanted & is != 0)
            }
            "conntrack" => {
                const STATE: u16 = 1;
                const ALIAS: u16 = 1 << 13;
                let (asked, inverted, states) = (half(146)?, half(148)?, half(150)?);
                let has = states & u16::try_from(NEW).ok()? != 0 || self.translated && states & XT_DNAT != 0;
                (asked & !ALIAS == STATE).then_some(has != (inverted & STATE != 0))
            }
            "state" => {
                let states = u32::from_ne_bytes(info.get(..4)?.try_into().ok()?);
                Some(states & NEW != 0)
            }
            _ => None,
        }
    }

    fn port_within(&self, first: u16, last: u16) -> Option<bool> {
        if (first, last) == (0, u16::MAX) {
            return Some(true);
        }
        self.port.map(|port| (first..=last).contains(&port))
    }
}
