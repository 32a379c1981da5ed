//! The kernel's IPv4 packet filter as nf_tables has it, which is also where iptables-nft puts its rules. Only root may ask.

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::Deadline;
use super::netlink::{attributes, dump};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub table: String,
    pub name: String,
    /// What no rule decides is dropped.
    pub drops: bool,
}

/// What a rule does with the packets that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Jump(String),
    Accept,
    Other,
}

/// linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
const SUBSYSTEM: u16 = 10 << 8;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
const IPV4: u8 = 2;
const NF_ACCEPT: u32 = 1;
const NFT_JUMP: u32 = -3i32 as u32;
const NFT_GOTO: u32 = -4i32 as u32;
/// How often a list is asked for anew that changed while it was read.
const TIMES: usize = 4;

pub fn chains(deadline: Deadline) -> Result<Vec<Chain>, Errno> {
    list(GET_CHAIN, &[IPV4, 0, 0, 0], deadline, chain)
}

/// The rules of one chain, in their order.
pub fn rules(table: &str, chain: &str, deadline: Deadline) -> Result<Vec<End>, Errno> {
    let mut body = vec![IPV4, 0, 0, 0];
    // Kernels before 4.9 do not look at these and send all rules.
    attribute(&mut body, 1, table);
    attribute(&mut body, 2, chain);
    list(GET_RULE, &body, deadline, |message| rule(message, table, chain))
}

fn list<T>(kind: u16, body: &[u8], deadline: Deadline, of: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, Errno> {
    let mut last = Err(Errno::EINTR);
    for _ in 0..TIMES {
        let mut all = Vec::new();
        // A message begins with the family, the version and the number of the state.
        last = dump(SockProtocol::NetlinkNetFilter, kind, body, deadline, |message| {
            all.extend(message.get(4..).and_then(&of));
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
    Some(Chain {
        table: text(find(message, 1)?)?,
        name: text(find(message, 3)?)?,
        drops: find(message, 5).and_then(number) == Some(0),
    })
}

fn rule(message: &[u8], table: &str, chain: &str) -> Option<End> {
    let is = |kind, name: &str| find(message, kind).and_then(text).as_deref() == Some(name);
    if !is(1, table) || !is(2, chain) {
        return None;
    }
    let expressions = find(message, 4).unwrap_or_default();
    Some(attributes(expressions).find_map(|(_, expression)| end(expression)).unwrap_or(End::Other))
}

/// The verdict of an expression that is one: `immediate`, its data, the verdict, its code and chain.
fn end(expression: &[u8]) -> Option<End> {
    if text(find(expression, 1)?)? != "immediate" {
        return None;
    }
    let verdict = find(find(find(expression, 2)?, 2)?, 2)?;
    match number(find(verdict, 1)?)? {
        NF_ACCEPT => Some(End::Accept),
        NFT_JUMP | NFT_GOTO => Some(End::Jump(text(find(verdict, 2)?)?)),
        _ => None,
    }
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
        let message = [nested(1, b"filter\0"), nested(2, b"FORWARD\0"), nested(4, &expressions)].concat();
        assert_eq!(rule(&message, "filter", "FORWARD"), Some(End::Jump("DOCKER-USER".into())));
        assert_eq!(rule(&message, "filter", "INPUT"), None);
        for cut in 0..message.len() {
            let _ = rule(&message[..cut], "filter", "FORWARD");
        }
    }

    #[test]
    fn a_question_for_one_chain() {
        let mut body = Vec::new();
        attribute(&mut body, 1, "nat");
        attribute(&mut body, 2, "DOCKER");
        let all: Vec<(u16, &[u8])> = attributes(&body).collect();
        assert_eq!(all, [(1, &b"nat\0"[..]), (2, &b"DOCKER\0"[..])]);
    }
}
