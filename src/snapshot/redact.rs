//! Takes names out of what leaves the machine and puts stable pseudonyms in: the same original is the same pseudonym everywhere,
//! private addresses stay private, addresses of one subnet stay in one subnet.
//!
//! Where a text is a name by its place ([`Place`]), it is replaced whatever it is. In prose, a name that is no word of gdoctor's own
//! is replaced wherever it stands; one that is (`list`, `storage`) only where names stand: in a home's path, a URL, `name=list`.
//! Keys and the words of enums are no texts, and are never touched. Secrets go on the way, with and without names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use gdoctor_checks::model::place::Place;
use serde::Serialize;
use serde_json::Value;

use super::names;
use super::shapes::{self, Shape};
use super::tree::{self, Tree};
use super::vocabulary::Vocabulary;
use crate::secret;

/// Originals and what stands for them.
#[derive(Default)]
pub struct Redactor {
    vocabulary: Vocabulary,
    /// By the original in small letters.
    known: HashMap<String, Known>,
    /// Lengths of originals by their first word, the longest first: what may begin at a word.
    lengths: HashMap<String, Vec<usize>>,
    numbers: BTreeMap<&'static str, usize>,
    subnets: BTreeMap<String, usize>,
    /// The third numbers of private addresses in each block of sixteen, in the order in which they came.
    thirds: BTreeMap<[u8; 3], Vec<u8>>,
    /// The last numbers of addresses that are taken in each subnet.
    taken: BTreeMap<usize, usize>,
    counts: BTreeMap<&'static str, usize>,
}

/// What was replaced in a text, in order, and how long it is then.
#[derive(Default)]
pub struct Moves(Vec<Move>);

struct Move {
    before: Range<usize>,
    after: Range<usize>,
}

impl Moves {
    fn new(replaced: impl Iterator<Item = (Range<usize>, usize)>) -> Self {
        let (mut from, mut to) = (0, 0);
        let moves = replaced.map(|(before, length)| {
            let start = to + (before.start - from);
            (from, to) = (before.end, start + length);
            Move { before, after: start..to }
        });
        Self(moves.collect())
    }

    /// Where a byte of the text before is in the text after.
    pub fn of(&self, at: usize) -> usize {
        let next = self.0.partition_point(|one| one.before.start < at);
        match next.checked_sub(1).map(|last| &self.0[last]) {
            Some(last) if at < last.before.end => last.after.start,
            Some(last) => last.after.end + (at - last.before.end),
            None => at,
        }
    }
}

struct Known {
    original: String,
    pseudonym: String,
    /// A word of gdoctor's own too: in prose it is replaced only where names stand.
    common: bool,
}

impl Redactor {
    /// Learns a user's login name.
    pub fn user(&mut self, name: &str) {
        self.names(Place::User, name);
    }

    /// Learns a host's name, and its first label where it has a domain.
    pub fn host(&mut self, name: &str) {
        self.names(Place::Host, name);
    }

    /// Learns which words are the documents' own: those of their types, and of their fields that hold no names. Comes before any
    /// name.
    pub fn learn_words(&mut self, trees: &[&Tree]) {
        for tree in trees {
            tree.each(&mut |leaf| match leaf {
                Tree::Fixed(Value::String(word)) | Tree::Text(Place::Word, word) => self.vocabulary.add(word),
                _ => {}
            });
        }
    }

    /// Learns everything private in documents.
    pub fn learn(&mut self, trees: &[&Tree]) {
        // Names by their place first: what prose shows is then known by its proper kind.
        for prose in [false, true] {
            for tree in trees {
                tree.each(&mut |leaf| match leaf {
                    Tree::Text(Place::Word, _) => {}
                    Tree::Text(_, text) if prose => self.text(&secret::masked(text)),
                    // A group tells of nobody unless it is called like a user.
                    Tree::Text(Place::Text | Place::Group, _) => {}
                    Tree::Text(place, text) => self.names(*place, &secret::masked(text)),
                    _ => {}
                });
            }
        }
    }

    fn names(&mut self, place: Place, text: &str) {
        for name in names::within(place, text, &self.vocabulary) {
            let original = &text[name.range];
            self.name(name.kind, original);
            if name.kind == "host" {
                self.labels(original);
            }
        }
    }

    /// The first label of a host's whole name is the same host; the rest is a domain.
    fn labels(&mut self, name: &str) {
        let Some((label, domain)) = name.split_once('.') else { return };
        let key = label.to_ascii_lowercase();
        if label.len() > 2
            && !names::is_everybodys(label)
            && !self.known.contains_key(&key)
            && let Some(pseudonym) = self.known.get(&name.to_ascii_lowercase()).map(|known| known.pseudonym.clone())
        {
            self.insert("host", label, pseudonym, self.vocabulary.has(label));
        }
        if domain.contains('.') && !names::is_public(domain) {
            self.name("domain", domain);
        }
    }

    /// Learns what shows itself in any text: addresses, ids, hosts of URLs, names of homes.
    pub fn text(&mut self, text: &str) {
        for (shape, range) in shapes::within(text) {
            let original = &text[range];
            match shape {
                Shape::User => self.user(original),
                Shape::Host => self.host(original),
                Shape::Device(kind) => self.name(kind, original),
                Shape::Mac => self.mac(original),
                // A version of four parts looks like an address.
                Shape::Address4(_) if self.vocabulary.has_number(original) => {}
                Shape::Address4(address) => self.address4(original, address),
                Shape::Address6(address) => self.address6(original, address),
            }
        }
    }

    fn name(&mut self, kind: &'static str, original: &str) {
        let key = original.to_ascii_lowercase();
        if key.is_empty() || self.known.contains_key(&key) {
            return;
        }
        // What was shared before keeps its pseudonyms.
        if let Some(number) = names::number_of_pseudonym(original) {
            let last = self.numbers.entry(kind).or_insert(0);
            *last = (*last).max(number);
            return;
        }
        let number = self.next(kind);
        let pseudonym = if kind == "domain" { format!("domain-{number}.example") } else { format!("{kind}-{number}") };
        let nobodys = !original.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80);
        let named = ["gpu", "mig", "uuid", "serial"].contains(&kind);
        self.insert(kind, original, pseudonym, !named && (nobodys || self.vocabulary.has(original)));
    }

    fn mac(&mut self, original: &str) {
        if self.known.contains_key(&original.to_ascii_lowercase()) {
            return;
        }
        let number = self.next("mac");
        let pseudonym = format!("02:00:00:00:{:02x}:{:02x}", number >> 8 & 0xff, number & 0xff);
        self.insert("mac", original, pseudonym, false);
    }

    fn address4(&mut self, original: &str, address: std::net::Ipv4Addr) {
        if self.known.contains_key(original) {
            return;
        }
        let octets = address.octets();
        let subnet = self.subnet(format!("{}.{}.{}", octets[0], octets[1], octets[2]));
        let last = match octets[3] {
            edge @ (0 | 1 | 255) => edge,
            _ => {
                let taken = self.taken.entry(subnet).or_insert(1);
                // Its own number is no pseudonym.
                *taken += if *taken + 1 == usize::from(octets[3]) { 2 } else { 1 };
                u8::try_from(*taken).unwrap_or(254).min(254)
            }
        };
        let (high, low) = ((subnet >> 8) as u8, (subnet & 0xff) as u8);
        let pseudonym = match octets[0] {
            10 => std::net::Ipv4Addr::new(10, high, low, last),
            // Docker makes its networks of these; which of them are taken decides about the next.
            _ if address.is_private() => std::net::Ipv4Addr::new(octets[0], octets[1], self.third(octets), last),
            // 198.18.0.0/15 is set aside for tests (RFC 2544).
            _ => std::net::Ipv4Addr::new(198, 18 + (high & 1), low, last),
        };
        // The first and last of a network that Docker makes everywhere are nobody's.
        if pseudonym != address {
            self.insert("ip", original, pseudonym.to_string(), false);
        }
    }

    /// The third number of a private address: it stays in its block of sixteen, of which Docker makes networks, and is renamed
    /// there; the block's first keeps its place. So as many of Docker's networks are taken as before.
    fn third(&mut self, octets: [u8; 4]) -> u8 {
        let block = octets[2] & 0xf0;
        if octets[2] == block {
            return block;
        }
        let thirds = self.thirds.entry([octets[0], octets[1], block]).or_default();
        let known = thirds.iter().position(|third| *third == octets[2]);
        let place = known.unwrap_or_else(|| {
            thirds.push(octets[2]);
            thirds.len() - 1
        });
        block + u8::try_from(place + 1).unwrap_or(15).min(15)
    }

    fn address6(&mut self, original: &str, address: std::net::Ipv6Addr) {
        if self.known.contains_key(&original.to_ascii_lowercase()) {
            return;
        }
        let parts = address.segments();
        let subnet = self.subnet(format!("{:x}:{:x}:{:x}:{:x}", parts[0], parts[1], parts[2], parts[3]));
        let private = (parts[0] & 0xfe00) == 0xfc00 || (parts[0] & 0xffc0) == 0xfe80;
        let number = self.next("ipv6");
        let base = if private { "fd00" } else { "2001:db8" };
        self.insert("ip", original, format!("{base}:{subnet:x}::{number:x}"), false);
    }

    fn subnet(&mut self, key: String) -> usize {
        let next = self.subnets.len() + 1;
        *self.subnets.entry(key).or_insert(next)
    }

    fn next(&mut self, kind: &'static str) -> usize {
        let number = self.numbers.entry(kind).or_insert(0);
        *number += 1;
        *number
    }

    fn insert(&mut self, kind: &'static str, original: &str, pseudonym: String, common: bool) {
        let key = original.to_ascii_lowercase();
        let lengths = self.lengths.entry(first_word(&key).to_owned()).or_default();
        if let Err(place) = lengths.binary_search_by(|length| key.len().cmp(length)) {
            lengths.insert(place, key.len());
        }
        *self.counts.entry(kind).or_insert(0) += 1;
        self.known.insert(key, Known { original: original.to_owned(), pseudonym, common });
    }

    /// Prose with pseudonyms in the place of originals, and without secrets.
    pub fn apply(&self, text: &str) -> String {
        self.place(Place::Text, text)
    }

    /// The same of a text that has its place.
    pub fn place(&self, place: Place, text: &str) -> String {
        let text = secret::masked(text);
        if place == Place::Word {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (range, pseudonym) in self.replaced(place, &text) {
            out.push_str(&text[at..range.start]);
            out.push_str(pseudonym);
            at = range.end;
        }
        out.push_str(&text[at..]);
        out
    }

    /// What of a text is replaced by what, in order.
    fn replaced(&self, place: Place, text: &str) -> Vec<(Range<usize>, &str)> {
        let by_place = names::within(place, text, &self.vocabulary).into_iter();
        let by_place = by_place.filter_map(|name| {
            let known = self.known.get(&text[name.range.clone()].to_ascii_lowercase())?;
            Some((name.range, known.pseudonym.as_str()))
        });
        let mut all: Vec<(Range<usize>, &str)> = by_place.collect();
        // Both lists are in order.
        let taken: Vec<Range<usize>> = all.iter().map(|(range, _)| range.clone()).collect();
        let overlaps = |range: &Range<usize>| {
            let next = taken.partition_point(|other| other.end <= range.start);
            taken.get(next).is_some_and(|other| other.start < range.end)
        };
        all.extend(self.in_prose(text).into_iter().filter(|(range, _)| !overlaps(range)));
        all.sort_by_key(|(range, _)| range.start);
        all
    }

    /// The same for prose: at each word the longest original that ends where a word ends.
    fn in_prose(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let mut found = Vec::new();
        let lower = text.to_ascii_lowercase();
        let mut at = 0;
        while let Some(start) = next_word(&lower, at) {
            let word = first_word(&lower[start..]);
            let lengths = self.lengths.get(word).map(Vec::as_slice).unwrap_or_default();
            let here = lengths.iter().find_map(|length| {
                let end = start + length;
                let known = self.known.get(lower.get(start..end)?)?;
                let ends = !lower[end..].starts_with(char::is_alphanumeric);
                let stands = !known.common || names::stands_for_a_name(&lower, start..end);
                (ends && stands).then_some((start..end, known.pseudonym.as_str()))
            });
            at = here.as_ref().map_or(start + word.len(), |(range, _)| range.end);
            found.extend(here);
        }
        found
    }

    /// How places move in a text whose secrets are overwritten already.
    pub fn moves(&self, text: &str) -> Moves {
        Moves::new(self.in_prose(text).into_iter().map(|(range, pseudonym)| (range, pseudonym.len())))
    }

    /// The document with all its texts replaced.
    pub fn document(&self, tree: &Tree) -> Value {
        tree.document(&|place, text| self.place(place, text))
    }

    /// How many originals of each kind are known.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.counts.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
    }

    /// The first original that still stands in a text: the last look before anything leaves.
    pub fn survivor(&self, text: &str) -> Option<&str> {
        // An address may be the original of one and the pseudonym of another.
        let pseudonyms: HashSet<&str> = self.known.values().map(|known| known.pseudonym.as_str()).collect();
        let standing = self.in_prose(text).into_iter().map(|(range, _)| &text[range]);
        let known = standing.filter(|shown| !pseudonyms.contains(shown));
        // gdoctor's own texts have its own words where names stand: `docker run --name registry`.
        let known = known.filter_map(|shown| self.known.get(&shown.to_ascii_lowercase()));
        known.filter(|known| !known.common).map(|known| known.original.as_str()).next()
    }

    /// Original and pseudonym, for the owner's eyes only.
    pub fn private_map(&self) -> String {
        let pair = |known: &'_ Known| (known.original.clone(), known.pseudonym.clone());
        let map: BTreeMap<String, String> = self.known.values().map(pair).collect();
        let mut text = serde_json::to_string_pretty(&map).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// The document of a value as it is, but for secrets.
pub fn without_secrets(value: &impl Serialize) -> Value {
    tree::tree(value).map(|tree| Redactor::default().document(&tree)).unwrap_or_default()
}

/// Letters and digits from here on.
fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

/// Where the next word begins.
fn next_word(text: &str, at: usize) -> Option<usize> {
    text.get(at..)?.find(char::is_alphanumeric).map(|offset| at + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_the_same_everywhere() {
        let mut r = Redactor::default();
        r.user("alice");
        r.host("node-17.corp.example.net");
        let text = "alice@node-17 192.168.7.20 192.168.7.21 8.8.4.4 GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab \
            /home/alice/x http://bob:s3cret@proxy.corp.example.net:3128 52:54:00:12:34:56 fe80::5054:ff:fe12:3456 127.0.0.1 0.0.0.0";
        r.text(text);
        let shown = r.apply(text);
        assert_eq!(shown.matches("user-1").count(), 2, "{shown}");
        assert!(shown.contains("192.168.1.2 192.168.1.3 198.18.3.2 gpu-1"), "{shown}");
        assert!(shown.contains("http://***@host-2:3128") && shown.contains("127.0.0.1 0.0.0.0"), "{shown}");
        assert!(shown.contains("02:00:00:00:00:01") && shown.contains("fd00:"), "{shown}");
        assert_eq!(r.survivor(&shown), None);
        assert_eq!(r.survivor("here is alice"), Some("alice"));
        assert_eq!(r.apply(&shown), shown, "twice is once");
    }

    #[test]
    fn prose_stays() {
        let mut r = Redactor::default();
        for name in ["ubuntu", "root", "list", "storage"] {
            r.user(name);
        }
        let text = "root may list the storage on ubuntu; driver 550.54.15; see https://docs.docker.com/engine/";
        r.text(text);
        assert_eq!(r.apply(text), text);
        assert_eq!(
            r.apply("/home/list/x, list@storage:22, --name=list"),
            "/home/user-1/x, user-1@user-2:22, --name=user-1"
        );
    }

    /// A version of four parts is no address, wherever it stands.
    #[test]
    fn versions_stay() {
        let mut r = Redactor::default();
        r.learn_words(&[&Tree::Text(Place::Word, "5.15.167.4-microsoft-standard-WSL2".into())]);
        let text = "Linux version 5.15.167.4-microsoft-standard-WSL2, modules 5.15.167.4, next 6.6.87.2-microsoft";
        r.text(text);
        assert_eq!((r.apply(text).as_str(), r.survivor(text)), (text, None));
        r.text("from 8.8.4.4, 6.6.87.3 and 192.168.7.20-eth0");
        assert_eq!(r.apply("8.8.4.4 6.6.87.3 192.168.7.20-eth0"), "198.18.1.2 198.18.2.2 192.168.1.2-eth0");
    }

    #[test]
    fn places_move_with_the_text() {
        let mut r = Redactor::default();
        r.user("wilhelmina");
        r.user("jo");
        let text = "a wilhelmina b jo c";
        assert_eq!(r.apply(text), "a user-1 b user-2 c");
        assert_eq!([0, 2, 12, 13, 15, 18].map(|at| r.moves(text).of(at)), [0, 2, 8, 9, 11, 18]);
    }
}
