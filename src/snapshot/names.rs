//! Where in a text of a certain place names stand, and which names are everybody's.

use std::net::IpAddr;
use std::ops::Range;

use gdoctor_checks::model::place::Place;

use super::vocabulary::Vocabulary;

pub struct Name {
    /// Of its pseudonym: `host`.
    pub kind: &'static str,
    pub range: Range<usize>,
}

/// Accounts and hosts that distributions, images and engines make themselves.
const EVERYBODYS: &str = "root nobody nogroup docker podman containerd ubuntu debian fedora pi admin administrator user guest \
users video render audio plugdev dialout adm wheel sudo \
localhost localhost.localdomain localdomain ip6-localhost ip6-loopback host.docker.internal host.containers.internal \
gateway.docker.internal kubernetes.docker.internal";
/// Folders that every system has.
const FOLDERS: &str =
    "bin boot dev etc home lib lib64 media mnt opt proc run sbin share snap srv store sys tmp users usr var volumes";
/// Networks and contexts that engines make themselves.
const ENGINES: &str =
    "bridge host none default ingress docker_gwbridge rootless desktop-linux desktop-windows colima orbstack";
/// Hosts of these domains are everybody's.
const PUBLIC: [&str; 18] = [
    "docker.com",
    "docker.io",
    "nvidia.com",
    "nvcr.io",
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
    "gcr.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
];
/// What a pseudonym begins with.
const KINDS: [&str; 14] = [
    "user",
    "host",
    "domain",
    "container",
    "network",
    "context",
    "helper",
    "image",
    "tag",
    "dir",
    "serial",
    "gpu",
    "mig",
    "uuid",
];
/// A name follows these in prose: `--name x`, `"host": "x"`.
const BEFORE: [&str; 10] =
    ["name", "names", "hostname", "host", "user", "login", "container", "registry", "link", "owner"];
const HOMES: [&str; 3] = ["/home/", "/users/", "/run/media/"];

pub fn is_everybodys(name: &str) -> bool {
    EVERYBODYS.split(' ').any(|word| word.eq_ignore_ascii_case(name))
}

pub fn is_public(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    PUBLIC.iter().any(|p| host == *p || host.strip_suffix(p).is_some_and(|rest| rest.ends_with('.')))
}

/// The number of what stands for somebody's name already: 3 of `host-3`.
pub fn number_of_pseudonym(name: &str) -> Option<usize> {
    let name = name.strip_suffix(".example").unwrap_or(name);
    let (kind, number) = name.rsplit_once('-')?;
    KINDS.contains(&kind).then(|| number.parse().ok()).flatten()
}

/// The names in a text of this place, in order and apart.
pub fn within(place: Place, text: &str, vocabulary: &Vocabulary) -> Vec<Name> {
    let whole = |kind: &'static str, kept: bool| match text.is_empty() || kept {
        true => Vec::new(),
        false => vec![Name { kind, range: 0..text.len() }],
    };
    match place {
        Place::Text | Place::Word => Vec::new(),
        Place::User | Place::Group => whole("user", !is_login(text)),
        Place::Host => hosts(text),
        Place::Container => split(text, 0, &['/', ',', ' ']).map(|range| Name { kind: "container", range }).collect(),
        Place::Network => whole("network", ENGINES.split(' ').any(|word| word == text) || text.contains(':')),
        Place::Context => whole("context", ENGINES.split(' ').any(|word| word == text)),
        Place::Helper => whole("helper", vocabulary.makes(text)),
        Place::Image => image(text, vocabulary),
        Place::Path => path(text, vocabulary),
        Place::Serial => whole("serial", false),
    }
}

/// Somebody's own: neither a number nor an account that every system has.
fn is_login(name: &str) -> bool {
    name.len() > 1 && !is_everybodys(name) && !name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Hosts of a list, without their ports, brackets, `*.` and user information.
fn hosts(text: &str) -> Vec<Name> {
    // Hosts of URLs show themselves.
    split(text, 0, &[',', ' ', ';'])
        .filter(|range| !text[range.clone()].contains("://"))
        .filter_map(|r| host(text, r))
        .collect()
}

fn host(text: &str, range: Range<usize>) -> Option<Name> {
    let item = &text[range.clone()];
    let start = range.start + item.rfind('@').map_or(0, |at| at + 1);
    let item = &text[start..range.end];
    let start = start + (item.len() - item.trim_start_matches(['*', '.']).len());
    let item = &text[start..range.end];
    // An address and a network are seen by their shape.
    let bare = item.trim_start_matches('[').split([']', '/']).next().unwrap_or(item);
    let length = item.find([':', '/']).unwrap_or(item.len());
    let name = item[..length].trim_end_matches('.');
    let address = bare.parse::<IpAddr>().is_ok() || name.parse::<IpAddr>().is_ok() || item.starts_with('[');
    let word = name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) && name.contains(char::is_alphabetic);
    let kept = address || !word || name.len() < 2 || is_everybodys(name) || is_public(name);
    (!kept).then_some(Name { kind: "host", range: start..start + name.len() })
}

/// Namespaces of the official images by machine (docker-library/official-images, "Architectures other than amd64").
const MACHINES: [&str; 10] =
    ["amd64", "arm32v5", "arm32v6", "arm32v7", "arm64v8", "i386", "mips64le", "ppc64le", "riscv64", "s390x"];

/// Registry, name and tag of `registry.corp:5000/team/app:tag@sha256:…`. What NVIDIA and Docker publish keeps its name, by which it
/// is judged.
fn image(text: &str, vocabulary: &Vocabulary) -> Vec<Name> {
    let end = text.find('@').unwrap_or(text.len());
    let reference = &text[..end];
    let mut names = Vec::new();
    let first = reference.split('/').next().unwrap_or_default();
    let is_registry = reference.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let start = if is_registry { first.len() + 1 } else { 0 };
    names.extend(if is_registry { host(text, 0..first.len()) } else { None });
    // `arm64v8/ros`: Docker's own names for a machine's images tell what an image is made for.
    let machine = reference[start..].find('/').filter(|end| MACHINES.contains(&&reference[start..start + end]));
    let start = start + machine.map_or(0, |end| end + 1);
    let path = &reference[start..];
    let length = path.rfind(':').unwrap_or(path.len());
    let own = !names.is_empty() || !path[..length].split('/').all(|part| vocabulary.makes(part));
    if own && length > 0 {
        names.push(Name { kind: "image", range: start..start + length });
    }
    let tag = start + (length + 1).min(path.len());
    if tag < end && !vocabulary.makes(&text[tag..end]) && !is_version(&text[tag..end]) {
        names.push(Name { kind: "tag", range: tag..end });
    }
    names
}

/// `1.2.3-rc1`, `v2`, `cu121`, a commit.
fn is_version(tag: &str) -> bool {
    tag.split(['-', '.', '_', '+']).all(|part| {
        let letters = part.trim_matches(|c: char| c.is_ascii_digit());
        letters.len() <= 2 || part.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Folders and files whose names are no words of gdoctor's, numbers or ids.
fn path(text: &str, vocabulary: &Vocabulary) -> Vec<Name> {
    let own = |range: &Range<usize>| {
        let part = &text[range.clone()];
        let id = part.len() >= 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let everywhere = FOLDERS.split(' ').any(|folder| folder.eq_ignore_ascii_case(part));
        !id && !everywhere
            && !vocabulary.makes(part)
            && part.contains(char::is_alphabetic)
            && !part.contains(['$', '{', '*'])
    };
    let parts = split(text, 0, &['/']).filter(own);
    parts
        .filter_map(|range| {
            let part = &text[range.clone()];
            let ends_with = |home: &str| {
                let tail = range.start.checked_sub(home.len()).and_then(|start| text.get(start..range.start));
                tail.is_some_and(|tail| tail.eq_ignore_ascii_case(home))
            };
            let in_home = HOMES.iter().any(|home| ends_with(home));
            // `certs.d/HOST:PORT`, and what a file is by its ending.
            let end =
                part.find(':').or_else(|| part.rfind('.').filter(|at| *at > 0 && vocabulary.makes(&part[at + 1..])));
            let end = range.start + end.unwrap_or(part.len());
            let kind = if in_home { "user" } else { "dir" };
            (range.start < end && (!in_home || is_login(&text[range.start..end])))
                .then_some(Name { kind, range: range.start..end })
        })
        .collect()
}

/// The parts between separators, with their places.
fn split<'a>(text: &'a str, from: usize, separators: &'a [char]) -> impl Iterator<Item = Range<usize>> + 'a {
    let parts = text[from..].split(move |c: char| separators.contains(&c));
    let start = text.as_ptr() as usize;
    parts.filter(|part| !part.is_empty()).map(move |part| {
        let at = part.as_ptr() as usize - start;
        at..at + part.len()
    })
}

/// A name stands here and no word of prose: in a home's path, in a URL, before a port, behind `--name`. `text` is in small letters.
pub fn stands_for_a_name(text: &str, range: Range<usize>) -> bool {
    let before = &text[..range.start];
    let behind = &text.as_bytes()[range.end..];
    let port = behind.first() == Some(&b':') && behind.get(1).is_some_and(u8::is_ascii_digit);
    if HOMES.iter().any(|home| before.ends_with(home)) || before.ends_with("://") || before.ends_with('@') {
        return true;
    }
    if behind.first() == Some(&b'@') || port {
        return !before.ends_with(['/', ':']) || port && !before.ends_with(':');
    }
    let open = before.trim_end_matches(['"', '\'', '\\', '/']);
    let label = open.trim_end_matches(['=', ':', ' ']).trim_end_matches(['"', '\'', '\\']);
    let assigned = open[label.len()..].contains(['=', ':']);
    let word = label.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or(label);
    let flag = label[..label.len() - word.len()].ends_with("--") && open.len() > label.len();
    BEFORE.contains(&word) && (assigned || flag)
}
