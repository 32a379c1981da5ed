//! The kernel's packet filter as nf_tables has it, which is also where iptables-nft puts its rules. Only root may ask.

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::Deadline;
use super::netlink::{attributes, dump};

/// linux/netfilter.h: tables of IPv4 alone, and of both versions of IP.
pub const IPV4: u8 = 2;
pub const INET: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub family: u8,
    pub table: String,
    pub name: String,
    /// Where the kernel itself begins with it; `None`: other chains lead to it.
    pub base: Option<Base>,
    /// What no rule decides is dropped.
    pub drops: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    pub hook: u32,
    /// Lower ones come first.
    pub priority: i32,
    /// It is of type `nat`: each connection comes by once.
    pub translates: bool,
}

/// Hooks of linux/netfilter.h.
pub const PREROUTING: u32 = 0;
pub const FORWARD: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub family: u8,
    pub table: String,
    pub chain: String,
    pub steps: Vec<Step>,
}

impl Rule {
    /// What it does with the packets that it is for.
    pub fn end(&self) -> Option<&End> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::End(end) => Some(end),
            _ => None,
        })
    }
}

/// One expression of a rule, as far as it decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Load {
        to: u32,
        field: Field,
    },
    Mask {
        from: u32,
        to: u32,
        mask: Vec<u8>,
    },
    Compare {
        with: u32,
        operator: u32,
        value: Vec<u8>,
    },
    Range {
        with: u32,
        outside: bool,
        from: Vec<u8>,
        to: Vec<u8>,
    },
    /// Whether a set has it; the set of a map tells the end, too.
    Lookup {
        with: u32,
        set: String,
        outside: bool,
        map: bool,
    },
    /// A test of iptables' own.
    Match {
        name: String,
        info: Vec<u8>,
    },
    End(End),
    /// Whether the rule goes on here is not told.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    InterfaceIn,
    InterfaceOut,
    /// IPv4 or IPv6.
    Version,
    /// TCP, UDP.
    Protocol,
    Source,
    Target,
    TargetPort,
    /// Of the connection: new, established.
    State,
    Status,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// `back`: what that chain does not decide goes on here.
    Jump {
        chain: String,
        back: bool,
    },
    Accept,
    Drop,
    Reject,
    /// The packet gets another address or port to go to.
    Translate,
    Return,
}

/// What a set has: each from its first to its last value, with the end that a map has for it.
pub type Span = (Vec<u8>, Vec<u8>, Option<End>);

/// linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
const SUBSYSTEM: u16 = 10 << 8;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
const GET_ELEMENTS: u16 = SUBSYSTEM | 13;
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;
const NFT_JUMP: u32 = -3i32 as u32;
const NFT_GOTO: u32 = -4i32 as u32;
const NFT_RETURN: u32 = -5i32 as u32;
/// How often a list is asked for anew that changed while it was read.
const TIMES: usize = 4;

/// Those of all families.
pub fn chains(deadline: Deadline) -> Result<Vec<Chain>, Errno> {
    list(GET_CHAIN, &[0; 4], deadline, chain)
}

/// The rules of all chains, each chain's in their order.
pub fn rules(deadline: Deadline) -> Result<Vec<Rule>, Errno> {
    list(GET_RULE, &[0; 4], deadline, rule)
}

pub fn elements(family: u8, table: &str, set: &str, deadline: Deadline) -> Result<Vec<Span>, Errno> {
    let mut body = vec![family, 0, 0, 0];
    attribute(&mut body, 1, table);
    attribute(&mut body, 2, set);
    let parts = list(GET_ELEMENTS, &body, deadline, |message| Some(points(message.get(4..)?)))?;
    Ok(spans(parts.into_iter().flatten().collect()))
}

fn list<T>(kind: u16, body: &[u8], deadline: Deadline, of: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, Errno> {
    let mut last = Err(Errno::EINTR);
    for _ in 0..TIMES {
        let mut all = Vec::new();
        // A message begins with the family, the version and the number of the state.
        last = dump(SockProtocol::NetlinkNetFilter, kind, body, deadline, |message| {
            all.extend(of(message));
        })
        .map(|()| all);
        if !matches!(last, Err(Errno::EINTR)) {
            break;
        }
    }
    last
}

/// A text that ends with a zero.
fn attribute(body: &mut Vec<u8>, kind: u16, text: &str) {
    let length = text.len().saturating_add(5);
    body.extend(u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(text.as_bytes());
    body.resize(body.len().saturating_add(1).next_multiple_of(4), 0);
}

fn find(attributes_of: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(attributes_of).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

fn text(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    value.get(..end).and_then(|text| String::from_utf8(text.to_vec()).ok())
}

fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.get(..4)?.try_into().ok()?))
}

fn chain(message: &[u8]) -> Option<Chain> {
    let (family, message) = (*message.first()?, message.get(4..)?);
    let base = find(message, 4).and_then(|hook| {
        Some(Base {
            hook: number(find(hook, 1)?)?,
            priority: number(find(hook, 2)?)?.cast_signed(),
            translates: find(message, 7).and_then(text).as_deref() == Some("nat"),
        })
    });
    Some(Chain {
        family,
        table: text(find(message, 1)?)?,
        name: text(find(message, 3)?)?,
        base,
        drops: find(message, 5).and_then(number) == Some(NF_DROP),
    })
}

fn rule(message: &[u8]) -> Option<Rule> {
    let (family, message) = (*message.first()?, message.get(4..)?);
    let expressions = find(message, 4).unwrap_or_default();
    Some(Rule {
        family,
        table: text(find(message, 1)?)?,
        chain: text(find(message, 2)?)?,
        steps: attributes(expressions)
            .filter_map(|(_, expression)| step(expression).transpose())
            .collect::<Result<_, _>>()
            .unwrap_or_else(|()| vec![Step::Unknown]),
    })
}

/// `None`: it decides nothing. An error: its form is not the one that is known.
fn step(expression: &[u8]) -> Result<Option<Step>, ()> {
    let name = find(expression, 1).and_then(text).ok_or(())?;
    let data = find(expression, 2).unwrap_or_default();
    let register = |kind| find(data, kind).and_then(number).ok_or(());
    let bytes = |kind| find(data, kind).and_then(|value| find(value, 1)).map(<[u8]>::to_vec).ok_or(());
    Ok(Some(match name.as_str() {
        "counter" | "log" | "notrack" | "last" => return Ok(None),
        "meta" => match find(data, 1).and_then(number) {
            Some(to) => Step::Load { to, field: of_meta(register(2)?) },
            // It writes a mark.
            None => return Ok(None),
        },
        "payload" => match find(data, 1).and_then(number) {
            Some(to) => Step::Load { to, field: of_payload(register(2)?, register(3)?, register(4)?) },
            None => return Ok(None),
        },
        "ct" => match find(data, 1).and_then(number) {
            Some(to) => Step::Load { to, field: of_connection(register(2)?) },
            None => return Ok(None),
        },
        "fib" | "socket" | "osf" | "rt" | "hash" | "numgen" | "exthdr" | "byteorder" => {
            match find(data, if name == "hash" || name == "byteorder" { 2 } else { 1 }).and_then(number) {
                Some(to) => Step::Load { to, field: Field::Other },
                None => Step::Unknown,
            }
        }
        "bitwise" => match (bytes(4), bytes(5)) {
            (Ok(mask), Ok(other)) if other.iter().all(|byte| *byte == 0) => {
                Step::Mask { from: register(1)?, to: register(2)?, mask }
            }
            _ => Step::Load { to: register(2)?, field: Field::Other },
        },
        "cmp" => Step::Compare { with: register(1)?, operator: register(2)?, value: bytes(3)? },
        "range" => Step::Range { with: register(1)?, outside: register(2)? == 1, from: bytes(3)?, to: bytes(4)? },
        "lookup" => Step::Lookup {
            set: find(data, 1).and_then(text).ok_or(())?,
            with: register(2)?,
            map: find(data, 3).and_then(number) == Some(0),
            outside: find(data, 5).and_then(number).is_some_and(|flags| flags & 1 != 0),
        },
        "match" => Step::Match {
            name: find(data, 1).and_then(text).ok_or(())?,
            info: find(data, 3).unwrap_or_default().to_vec(),
        },
        "immediate" if find(data, 1).and_then(number) != Some(0) => return Ok(None),
        "immediate" => match find(data, 2).and_then(|data| find(data, 2)) {
            Some(verdict) => match end(verdict) {
                Some(end) => Step::End(end),
                None => return Ok(None),
            },
            None => Step::Unknown,
        },
        "reject" => Step::End(End::Reject),
        "redir" | "tproxy" => Step::End(End::Translate),
        // Its kind: 1 changes where the packet goes to, 0 where it comes from.
        "nat" if register(1)? == 1 => Step::End(End::Translate),
        "nat" | "masq" | "dup" | "ct_helper" | "objref" | "dynset" | "flow_offload" => return Ok(None),
        "target" => match find(data, 1).and_then(text).as_deref() {
            Some("REJECT") => Step::End(End::Reject),
            Some("DNAT" | "REDIRECT" | "NETMAP" | "TPROXY") => Step::End(End::Translate),
            Some("NFQUEUE" | "SYNPROXY" | "STEAL" | "TARPIT") => Step::Unknown,
            _ => return Ok(None),
        },
        _ => Step::Unknown,
    }))
}

fn of_meta(key: u32) -> Field {
    match key {
        6 => Field::InterfaceIn,
        7 => Field::InterfaceOut,
        15 => Field::Version,
        16 => Field::Protocol,
        _ => Field::Other,
    }
}

/// Base 1 is the head of IP's packet, 2 that of TCP's or UDP's. An address may be loaded in part, from its first byte on.
fn of_payload(base: u32, offset: u32, length: u32) -> Field {
    match (base, offset, length) {
        (1, 9, 1) => Field::Protocol,
        (1, 12, 1..=4) => Field::Source,
        (1, 16, 1..=4) => Field::Target,
        (2, 2, 2) => Field::TargetPort,
        _ => Field::Other,
    }
}

fn of_connection(key: u32) -> Field {
    match key {
        0 => Field::State,
        2 => Field::Status,
        _ => Field::Other,
    }
}

/// `None`: it goes on with the next rule.
fn end(verdict: &[u8]) -> Option<End> {
    let chain = || find(verdict, 2).and_then(text);
    match number(find(verdict, 1)?)? {
        NF_DROP => Some(End::Drop),
        NF_ACCEPT => Some(End::Accept),
        NFT_RETURN => Some(End::Return),
        NFT_JUMP => Some(End::Jump { chain: chain()?, back: true }),
        NFT_GOTO => Some(End::Jump { chain: chain()?, back: false }),
        _ => None,
    }
}

/// A value of a set; `last`: the range that began before it ends here, without it.
struct Point {
    value: Vec<u8>,
    to: Option<Vec<u8>>,
    last: bool,
    end: Option<End>,
}

fn points(message: &[u8]) -> Vec<Point> {
    let point = |element: &[u8]| {
        Some(Point {
            value: find(find(element, 1)?, 1)?.to_vec(),
            to: find(element, 10).and_then(|value| find(value, 1)).map(<[u8]>::to_vec),
            last: find(element, 3).and_then(number).is_some_and(|flags| flags & 1 != 0),
            end: find(element, 2).and_then(|data| find(data, 2)).and_then(end),
        })
    };
    find(message, 3)
        .map(|list| attributes(list).filter_map(|(_, element)| point(element)).collect())
        .unwrap_or_default()
}

fn spans(mut points: Vec<Point>) -> Vec<Span> {
    if !points.iter().any(|point| point.last) {
        return points
            .into_iter()
            .map(|point| (point.value.clone(), point.to.unwrap_or(point.value), point.end))
            .collect();
    }
    points.sort_by(|a, b| a.value.cmp(&b.value));
    let after = |at: usize| points.get(at.saturating_add(1)).map(|next| next.value.clone());
    let span = |(at, point): (usize, &Point)| {
        let last = after(at).map_or_else(|| vec![u8::MAX; point.value.len()], before);
        (!point.last).then(|| (point.value.clone(), last, point.end.clone()))
    };
    points.iter().enumerate().filter_map(span).collect()
}

/// The number before this one, in the network's byte order.
fn before(mut value: Vec<u8>) -> Vec<u8> {
    for byte in value.iter_mut().rev() {
        let borrows = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrows {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_rule_that_jumps() {
        let verdict = [nested(1, &NFT_JUMP.to_be_bytes()), nested(2, b"DOCKER-USER\0")].concat();
        let data = [nested(1, &[0, 0, 0, 0]), nested(2, &nested(2, &verdict))].concat();
        let counter = [nested(1, b"counter\0"), nested(2, &[])].concat();
        let immediate = [nested(1, b"immediate\0"), nested(2, &data)].concat();
        let expressions = [nested(1, &counter), nested(1, &immediate)].concat();
        let message =
            [vec![IPV4, 0, 0, 0], nested(1, b"filter\0"), nested(2, b"FORWARD\0"), nested(4, &expressions)].concat();
        let end = End::Jump { chain: "DOCKER-USER".into(), back: true };
        assert_eq!(rule(&message).unwrap().steps, [Step::End(end)]);
        for cut in 0..message.len() {
            let _ = rule(&message[..cut]);
        }
    }

    #[test]
    fn a_question_for_one_set() {
        let mut body = Vec::new();
        attribute(&mut body, 1, "nat");
        attribute(&mut body, 2, "DOCKER");
        let all: Vec<(u16, &[u8])> = attributes(&body).collect();
        assert_eq!(all, [(1, &b"nat\0"[..]), (2, &b"DOCKER\0"[..])]);
    }

    #[test]
    fn sets_of_ranges_end_before_their_last_mark() {
        let point = |value: [u8; 2], last| Point { value: value.into(), to: None, last, end: None };
        let all = spans(vec![point([1, 0], true), point([0, 0], true), point([0, 80], false), point([9, 9], false)]);
        assert_eq!(all, [(vec![0, 80], vec![0, 255], None), (vec![9, 9], vec![255, 255], None)]);
    }
}
