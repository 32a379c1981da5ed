//! Takes out what must not leave the machine and puts stable pseudonyms in: the same original is the same pseudonym everywhere,
//! private addresses stay private, addresses of one subnet stay in one subnet.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

/// Originals and what stands for them.
#[derive(Default)]
pub struct Redactor {
    /// Original → (kind, pseudonym).
    map: BTreeMap<String, (&'static str, String)>,
    numbers: BTreeMap<&'static str, usize>,
    subnets: BTreeMap<String, usize>,
}

/// Names that are nobody's own; replacing them would only make the text unreadable.
const COMMON: &str = "root nobody docker podman containerd ubuntu debian fedora admin administrator user users video render \
daemon system host localhost default gpu test linux pi guest local nogroup unknown null none home data nvidia overlay2 bridge \
max min run port camera disk display engine library toolkit registry kernel server client service open closed \
first last other name present absent group groups facts format version source driver report checksum \
localhost.localdomain ip6-localhost host.docker.internal host.containers.internal gateway.docker.internal unix http https tcp";
/// Hosts of these domains are everybody's.
const PUBLIC: [&str; 14] = [
    "docker.com",
    "docker.io",
    "nvidia.com",
    "nvidia.github.io",
    "github.com",
    "github.io",
    "debian.org",
    "ubuntu.com",
    "fedoraproject.org",
    "archlinux.org",
    "kernel.org",
    "x.org",
    "quay.io",
    "ghcr.io",
];

impl Redactor {
    /// Learns a user's login name.
    pub fn user(&mut self, name: &str) {
        if name.len() > 1 && !is_common(name) && !name.bytes().all(|b| b.is_ascii_digit()) {
            self.learn("user", name);
        }
    }

    /// Learns a host's name, and its first label where it has a domain.
    pub fn host(&mut self, name: &str) {
        let name = name.trim_matches(['[', ']', '.']);
        let public = PUBLIC.iter().any(|p| name == *p || name.strip_suffix(p).is_some_and(|rest| rest.ends_with('.')));
        let address = name.parse::<Ipv4Addr>().is_ok() || name.parse::<Ipv6Addr>().is_ok();
        let word = name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        if name.len() < 2 || public || address || !word || is_common(name) || name.starts_with('{') {
            return;
        }
        self.learn("host", name);
        if let Some((label, domain)) = name.split_once('.') {
            if label.len() > 2 && !is_common(label) {
                let known = self.map[name].1.clone();
                self.map.entry(label.to_owned()).or_insert(("host", known));
            }
            if domain.contains('.') {
                self.learn("domain", domain);
            }
        }
    }

    /// Learns everything private in a document.
    pub fn document(&mut self, value: &Value) {
        self.walk(value, "");
    }

    fn walk(&mut self, value: &Value, key: &str) {
        match value {
            Value::Object(map) => {
                for (name, inner) in map {
                    self.text(name);
                    // A fact is a table: its value has the fact's own name.
                    self.walk(inner, if ["is", "source"].contains(&name.as_str()) { key } else { name });
                }
            }
            Value::Array(list) => list.iter().for_each(|inner| self.walk(inner, key)),
            Value::String(text) => {
                match key {
                    "hostname" | "host" | "subject_alt_names" => self.host(text.trim_start_matches("*.")),
                    "serial" => self.learn("serial", text),
                    _ => {}
                }
                self.text(text);
            }
            _ => {}
        }
    }

    /// Learns what shows itself in any text: addresses, ids, credentials and hosts of URLs, names of homes.
    pub fn text(&mut self, text: &str) {
        self.urls(text);
        for prefix in ["/home/", "/Users/", "/run/media/"] {
            for (at, _) in text.match_indices(prefix) {
                let rest = &text[at + prefix.len()..];
                let end = rest.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).unwrap_or(rest.len());
                self.user(&rest[..end]);
            }
        }
        let word = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
        for piece in text.split(|c: char| !word(c)) {
            self.identifier(piece.trim_matches(['.', ':', '-']));
        }
        // `10.0.0.5:5000` and `host=10.0.0.5`: the address without its port.
        for piece in text.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
            self.address4(piece.trim_matches('.'), text);
        }
    }

    fn urls(&mut self, text: &str) {
        for (at, _) in text.match_indices("://") {
            let rest = &text[at + 3..];
            let end = rest.find(|c: char| c.is_whitespace() || "/'\"`,;)>".contains(c)).unwrap_or(rest.len());
            let (credentials, host) = rest[..end].rsplit_once('@').map_or((None, &rest[..end]), |(c, h)| (Some(c), h));
            if let Some(credentials) = credentials.filter(|c| !c.is_empty() && c.chars().any(|c| c != '*')) {
                self.learn("credential", credentials);
                for part in credentials.splitn(2, ':').filter(|part| part.len() > 3 && !is_common(part)) {
                    self.learn("credential", part);
                }
            }
            let name = host.split(':').next().unwrap_or("");
            if !text[..at].ends_with("unix")
                && !text[..at].ends_with("fd")
                && name.contains(|c: char| c.is_alphabetic())
            {
                self.host(name);
            }
        }
    }

    fn identifier(&mut self, piece: &str) {
        let bare = piece.rsplit(':').next().unwrap_or(piece);
        for (prefix, kind) in [("GPU-", "gpu"), ("MIG-", "mig")] {
            if let Some(at) = piece.to_ascii_uppercase().find(prefix)
                && is_uuid(&piece[at + prefix.len()..])
            {
                return self.device(kind, &piece[at..]);
            }
        }
        if is_uuid(bare) && bare.bytes().any(|b| b != b'0' && b != b'-') {
            self.learn("uuid", bare);
        }
        let parts: Vec<&str> = piece.split(':').collect();
        let hex = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
        if parts.len() == 6 && parts.iter().all(hex) {
            return self.learn("mac", piece);
        }
        if parts.len() > 2
            && let Ok(address) = piece.parse::<Ipv6Addr>()
            && !address.is_loopback()
            && !address.is_unspecified()
            && !self.map.contains_key(piece)
        {
            let octets = address.segments();
            let subnet = self.subnet(format!("{:x}:{:x}:{:x}:{:x}", octets[0], octets[1], octets[2], octets[3]));
            let private = (octets[0] & 0xfe00) == 0xfc00 || (octets[0] & 0xffc0) == 0xfe80;
            let number = self.next("ipv6");
            let base = if private { "fd00" } else { "2001:db8" };
            self.map.insert(piece.to_owned(), ("ip", format!("{base}:{subnet:x}::{number:x}")));
        }
    }

    /// An id that is compared without regard to case: one pseudonym for all its spellings.
    fn device(&mut self, kind: &'static str, id: &str) {
        let known = self.map.iter().find(|(original, _)| original.eq_ignore_ascii_case(id));
        match known.map(|(_, known)| known.clone()) {
            Some(known) => drop(self.map.insert(id.to_owned(), known)),
            None => self.learn(kind, id),
        }
    }

    fn address4(&mut self, piece: &str, text: &str) {
        let Ok(address) = piece.parse::<Ipv4Addr>() else { return };
        let octets = address.octets();
        let everybodys =
            address.is_loopback() || address.is_unspecified() || octets[0] >= 224 || address.is_link_local();
        // A wide network tells nothing of anybody, and verdicts are made of it.
        let wide = text.find(piece).and_then(|at| text[at + piece.len()..].strip_prefix('/')).is_some_and(|prefix| {
            let digits = prefix.find(|c: char| !c.is_ascii_digit()).unwrap_or(prefix.len());
            prefix[..digits].parse::<u8>().is_ok_and(|bits| bits <= 16)
        });
        if everybodys || wide || self.map.contains_key(piece) {
            return;
        }
        let subnet = self.subnet(format!("{}.{}.{}", octets[0], octets[1], octets[2]));
        let last = match octets[3] {
            edge @ (0 | 1 | 255) => edge,
            _ => {
                let used =
                    self.map.values().filter(|(kind, p)| *kind == "ip" && p.contains(&format!(".{subnet}."))).count();
                u8::try_from(used + 2).unwrap_or(254).min(254)
            }
        };
        let (high, low) = ((subnet >> 8) as u8, (subnet & 0xff) as u8);
        let pseudonym = if address.is_private() {
            Ipv4Addr::new(10, high, low, last)
        } else {
            // 198.18.0.0/15 is set aside for tests (RFC 2544).
            Ipv4Addr::new(198, 18 + (high & 1), low, last)
        };
        self.map.insert(piece.to_owned(), ("ip", pseudonym.to_string()));
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

    fn learn(&mut self, kind: &'static str, original: &str) {
        if original.is_empty() || self.map.contains_key(original) {
            return;
        }
        let number = self.next(kind);
        let pseudonym = match kind {
            "mac" => format!("02:00:00:00:{:02x}:{:02x}", number >> 8 & 0xff, number & 0xff),
            "credential" => "***".to_owned(),
            "domain" => format!("domain-{number}.example"),
            _ => format!("{kind}-{number}"),
        };
        self.map.insert(original.to_owned(), (kind, pseudonym));
    }

    /// The text with pseudonyms in the place of originals, the longest first.
    pub fn apply(&self, text: &str) -> String {
        let mut originals: Vec<(&str, &str)> = self.map.iter().map(|(o, (_, p))| (o.as_str(), p.as_str())).collect();
        originals.sort_by_key(|(original, _)| std::cmp::Reverse(original.len()));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let before = text[..at].chars().next_back();
            let found = originals.iter().find(|(original, _)| {
                let same = rest.get(..original.len()).is_some_and(|head| head.eq_ignore_ascii_case(original));
                let free = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
                same && free(before) && free(rest[original.len()..].chars().next())
            });
            match (found, rest.chars().next()) {
                (Some((original, pseudonym)), _) => {
                    out.push_str(pseudonym);
                    at += original.len();
                }
                (None, Some(c)) => {
                    out.push(c);
                    at += c.len_utf8();
                }
                (None, None) => break,
            }
        }
        out
    }

    /// The document with all its texts and names replaced.
    pub fn apply_to(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                map.iter().map(|(k, v)| (self.apply(k), self.apply_to(v))).collect::<serde_json::Map<_, _>>().into()
            }
            Value::Array(list) => list.iter().map(|v| self.apply_to(v)).collect(),
            Value::String(text) => self.apply(text).into(),
            other => other.clone(),
        }
    }

    /// How many originals of each kind are known.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in self.map.values() {
            *counts.entry((*kind).to_owned()).or_insert(0) += 1;
        }
        counts
    }

    /// The first original that still stands in a text: the last look before anything leaves.
    pub fn survivor(&self, text: &str) -> Option<&str> {
        let pseudonyms: Vec<&str> = self.map.values().map(|(_, p)| p.as_str()).collect();
        self.map.keys().map(String::as_str).find(|original| {
            !pseudonyms.contains(original)
                && text.match_indices(original).any(|(at, _)| {
                    let free = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
                    free(text[..at].chars().next_back()) && free(text[at + original.len()..].chars().next())
                })
        })
    }

    /// Original and pseudonym, for the owner's eyes only.
    pub fn private_map(&self) -> String {
        let map: BTreeMap<&str, &str> = self.map.iter().map(|(o, (_, p))| (o.as_str(), p.as_str())).collect();
        let mut text = serde_json::to_string_pretty(&map).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn is_common(name: &str) -> bool {
    COMMON.split(' ').any(|word| word.eq_ignore_ascii_case(name))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    groups.len() == 5
        && groups.iter().zip(lengths).all(|(g, n)| g.len() == n && g.bytes().all(|b| b.is_ascii_hexdigit()))
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
        assert!(shown.contains("10.0.2.2 10.0.2.3 198.18.3.2 gpu-1"), "{shown}");
        assert!(shown.contains("http://***@host-2:3128") && shown.contains("127.0.0.1 0.0.0.0"), "{shown}");
        assert!(shown.contains("02:00:00:00:00:01") && shown.contains("fd00:"), "{shown}");
        assert_eq!(r.survivor(&shown), None);
        assert_eq!(r.survivor("here is alice"), Some("alice"));
    }

    #[test]
    fn prose_stays() {
        let mut r = Redactor::default();
        for name in ["ubuntu", "root", "docker"] {
            r.user(name);
        }
        let text = "root may talk to Docker on ubuntu; driver 550.54.15; see https://docs.docker.com/engine/";
        r.text(text);
        assert_eq!(r.apply(text), text);
    }
}
