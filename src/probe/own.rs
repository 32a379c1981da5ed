//! The site's own checks, as `src/own` looks at them, lent what the other probes read.

use std::net::IpAddr;

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::own::OwnFacts;
use gdoctor_checks::model::own::Asked;

use super::engine::sockets::{Protocol, Sockets};
use super::packages;
use crate::host::Host;
use crate::own::{self, Readers};

pub fn probe(host: &Host, asked: &[Asked], facts: &Facts) -> OwnFacts {
    own::look(host, asked, facts, Readers { package, listeners })
}

fn listeners(host: &Host, port: u16, udp: bool) -> Option<Vec<IpAddr>> {
    Sockets::read(host, if udp { Protocol::Udp } else { Protocol::Tcp }, port).map(Sockets::addresses)
}

/// By the files of dpkg, pacman and apk; RPM's are asked by its program.
fn package(host: &Host, name: &str) -> Fact<String> {
    const PACMAN: &str = "/var/lib/pacman/local";
    const APK: &str = "/lib/apk/db/installed";
    let dpkg = packages::of_dpkg(host, name);
    match dpkg.state {
        State::Present(found) => return Fact::found(found.map(|one| one.version), dpkg.source.0),
        State::Unknown(gap) => return Fact::unknown(gap, dpkg.source.0),
        State::Absent => {}
    }
    if host.exists(PACMAN) {
        return Fact::found(packages::of_pacman(host, name), PACMAN);
    }
    let apk = host.bytes(APK, 64 << 20);
    if let Some(bytes) = apk.value() {
        return Fact::found(of_apk(&String::from_utf8_lossy(bytes), name), APK);
    }
    Fact::unknown(Gap::Unsupported("no database of packages that gdoctor reads is here".into()), name)
}

/// Paragraphs of `P:NAME` and `V:VERSION`.
fn of_apk(text: &str, name: &str) -> Option<String> {
    let own = text.split("\n\n").find(|one| one.lines().any(|line| line.strip_prefix("P:") == Some(name)))?;
    let version = own.lines().find_map(|line| line.strip_prefix("V:"))?;
    Some(version.split_once("-r").map_or(version, |(upstream, _)| upstream).to_owned())
}
