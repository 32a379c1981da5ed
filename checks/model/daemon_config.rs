//! What in daemon.json keeps dockerd from starting: the check of the file tells it, and the check of the daemon waits for it.

use alloc::string::String;
use alloc::vec::Vec;

use core::net::IpAddr;

use super::daemon_keys::{Taken, member, of_option, taken, wanted};
use super::daemon_names::meant;
use super::facts::docker::{Config, DockerFacts, Oddity, Reach, RefusedValue, Settings};
use super::version::Version;

#[derive(Clone, Debug, PartialEq)]
pub enum Fault<'a> {
    Malformed {
        line: usize,
        column: usize,
        why: &'a str,
    },
    UnknownKeys(Vec<&'a str>),
    /// In the words of `Settings::kinds`.
    WrongKind {
        key: &'a str,
        wanted: &'static str,
        found: &'a str,
    },
    /// `default-runtime` names one that neither the file nor the command registers, and that is none of the engine's own.
    NoSuchRuntime(&'a str),
    /// Of the right kind, and refused all the same.
    RefusedValue(&'a RefusedValue),
    /// An entry of `storage-opts` that the storage driver does not know.
    NoSuchOption {
        option: &'a str,
        driver: &'a str,
    },
    /// An entry of "dns" that this engine does not take for an address.
    NoAddress(&'a str),
    /// `storage-driver` names one that this engine has no more.
    GoneDriver {
        driver: &'a str,
        since: u32,
    },
    /// In the file and in the unit's command.
    Twice(Vec<&'a str>),
}

/// From this release on getConflictFreeConfiguration of moby's daemon/config/config.go takes an empty file and a byte order mark, and
/// nothing behind the object; json.Decoder of those before does the opposite.
const READS_WHOLE: [u32; 2] = [23, 0];
/// From this one on DNSConfig has addresses, which bear no blanks; those before trim texts, and refuse an empty one.
const DNS_AS_ADDRESSES: [u32; 2] = [25, 0];
/// Storage drivers that are gone, and the release without them (docker/cli, docs/deprecated.md).
const GONE_DRIVERS: [(&str, u32); 3] = [("aufs", 24), ("overlay", 24), ("devicemapper", 25)];

impl DockerFacts {
    /// The first fault of daemon.json, for the engine that starts next. What a running daemon has read it has accepted,
    /// whatever is known here.
    pub fn config_fault(&self, engine: Option<&Version>) -> Option<Fault<'_>> {
        match self.config.value()? {
            Config::Malformed { line, column, why } => Some(Fault::Malformed { line: *line, column: *column, why }),
            Config::Read { keys, settings, runtimes, .. } if !self.has_read(settings) => {
                let of_text = settings.oddities.iter().find_map(|oddity| odd(oddity, engine));
                of_text
                    .or_else(|| self.content_fault(keys, settings, engine))
                    .or_else(|| self.unregistered_default(settings, runtimes))
            }
            Config::Read { .. } => None,
        }
    }

    /// Keys of which nobody here knows whether that engine takes them.
    pub fn config_untold(&self, engine: Option<&Version>) -> Vec<&str> {
        match self.config.value() {
            Some(Config::Read { keys, settings, .. }) if !self.has_read(settings) => {
                flat(keys, settings).filter(|key| taken(key, engine) == Taken::Unknown).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is meant by each of the file's own keys that dockerd does not know; empty where that is not certain of all, or where the file has
    /// one of these already.
    pub fn config_meant(&self, engine: Option<&Version>) -> Vec<&'static str> {
        let Some(Config::Read { keys, settings, .. }) = self.config.value() else { return Vec::new() };
        let is_unknown = |key: &&str| taken(key, engine) == Taken::No;
        let own = keys.iter().map(String::as_str).filter(is_unknown);
        let meant: Option<Vec<&str>> =
            own.map(|key| meant(key).filter(|meant| taken(meant, engine) == Taken::Yes)).collect();
        let meant = meant.unwrap_or_default();
        let is_new = |(at, key): (usize, &&str)| !keys.iter().any(|known| known == key) && !meant[..at].contains(key);
        // What stands in an object that dockerd does not know is told with it, and is a key of its own no more.
        let inner = flat(keys, settings).filter(is_unknown).any(|key| !keys.iter().any(|own| own == key));
        let holds = !inner || meant.iter().any(|key| wanted(key) == Some("object"));
        if holds && meant.iter().enumerate().all(is_new) { meant } else { Vec::new() }
    }

    /// Keys that bear an option's name: dockerd starts with them, and sets nothing.
    pub fn config_without_effect(&self) -> Vec<&str> {
        match self.config.value() {
            Some(Config::Read { keys, .. }) => {
                keys.iter().map(String::as_str).filter(|key| of_option(key).is_some()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Addresses of TCP at which dockerd listens from its next start on and not now, and lets in everybody who reaches them.
    pub fn would_open(&self) -> Vec<&str> {
        let runs = self.reach.value() == Some(&Reach::Answers) || self.daemon_process.value().is_some();
        let command = self.command.value().map(|command| &command.settings);
        let file = self.settings().filter(|settings| !runs || self.started_before(settings.changed) == Some(true));
        let all = || file.into_iter().chain(command.filter(|_| !runs));
        match all().any(|settings| settings.tlsverify == Some(true)) {
            true => Vec::new(),
            false => all().flat_map(Settings::open_hosts).collect(),
        }
    }

    fn has_read(&self, settings: &Settings) -> bool {
        self.reach.value() == Some(&Reach::Answers) && self.started_before(settings.changed) == Some(false)
    }

    /// Whether the daemon has started before that moment, in seconds since the epoch. Times of processes are right to a second.
    pub fn started_before(&self, moment: i64) -> Option<bool> {
        self.daemon_started.value().map(|started| started.saturating_add(1) < moment)
    }

    /// setupRuntimes of moby's daemon/runtime_unix.go: a name with a dot or a slash may be a shim's, which containerd looks for.
    fn unregistered_default<'a>(&self, settings: &'a Settings, runtimes: &[String]) -> Option<Fault<'a>> {
        let name = settings.default_runtime.as_deref().filter(|name| !["", "runc"].contains(name))?;
        let by_command = self.command.value().is_some_and(|command| command.options.contains_key("runtimes"));
        let by_unit = self.unit.value().is_some_and(|unit| unit.flags.iter().any(|flag| flag == "runtimes"));
        let known = runtimes.iter().any(|known| known == name) || name.contains(['.', '/']) || by_command || by_unit;
        (!known).then_some(Fault::NoSuchRuntime(name))
    }

    fn content_fault<'a>(
        &'a self,
        keys: &'a [String],
        settings: &'a Settings,
        engine: Option<&Version>,
    ) -> Option<Fault<'a>> {
        let unknown: Vec<&str> = flat(keys, settings).filter(|key| taken(key, engine) == Taken::No).collect();
        if !unknown.is_empty() {
            return Some(Fault::UnknownKeys(unknown));
        }
        let kinds = settings.kinds.iter().chain(&settings.members);
        if let Some(fault) = kinds.into_iter().find_map(|(key, found)| wrong_kind(key, found)) {
            return Some(fault);
        }
        if let Some(entry) = settings.dns.iter().find(|entry| !is_address(entry, engine)) {
            return Some(Fault::NoAddress(entry));
        }
        if let Some(refused) = settings.refused.first() {
            return Some(Fault::RefusedValue(refused));
        }
        let driver = settings.storage_driver.as_deref().unwrap_or_default();
        let gone = GONE_DRIVERS
            .into_iter()
            .find(|(name, since)| *name == driver && engine.is_some_and(|engine| *engine >= Version::new(&[*since])));
        if let Some((driver, since)) = gone {
            return Some(Fault::GoneDriver { driver, since });
        }
        let no_option = |option: &&String| is_no_option(option, driver, engine);
        if let Some(option) = settings.storage_opts.iter().find(no_option) {
            return Some(Fault::NoSuchOption { option, driver });
        }
        let by_unit = |key: &str| {
            let unit = self.unit.value();
            unit.is_some_and(|unit| unit.flags.iter().any(|flag| flag == key) || (key == "hosts" && unit.hosts_flag))
        };
        // A running daemon's option that no file has any more does not come back.
        let by_file = |key: &str| {
            let command = self.command.value();
            command.is_some_and(|command| command.options.get(key).is_some_and(|file| !file.is_empty()))
        };
        let in_command = |key: &str| by_unit(key) || by_file(key);
        let twice: Vec<&str> = flat(keys, settings).filter(|key| *key != "runtimes" && in_command(key)).collect();
        (!twice.is_empty()).then_some(Fault::Twice(twice))
    }
}

/// All keys; dockerd looks into objects that it does not know as such (`proxies`), and `kinds` has what is in them.
fn flat<'a>(keys: &'a [String], settings: &'a Settings) -> impl Iterator<Item = &'a str> {
    let whole = settings.kinds.is_empty();
    let inner = settings.kinds.keys().filter(move |_| !whole);
    keys.iter().filter(move |_| whole).chain(inner).map(String::as_str)
}

/// Options of storage drivers that engines of now have, and the release that has one no more: parseOptions of each in moby's
/// daemon/graphdriver. Those of another driver are refused too.
const STORAGE_OPTIONS: [(&str, &str, Option<u32>); 6] = [
    ("overlay2", "overlay2.override_kernel_check", Some(24)),
    ("overlay2", "overlay2.size", None),
    ("btrfs", "btrfs.min_space", None),
    ("vfs", "size", None),
    ("vfs", "vfs.xattrs", None),
    ("zfs", "zfs.fsname", None),
];

/// A driver of another name may know it. Where none is named every driver of the engine is asked until one fits; engines of now may
/// take none of these drivers then, but containerd's.
fn is_no_option(option: &str, driver: &str, engine: Option<&Version>) -> bool {
    const BY_CONTAINERD: [u32; 2] = [29, 0];
    let name = option.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    let at_least = |release: &[u32]| engine.is_some_and(|engine| *engine >= Version::new(release));
    let gone = |since: &Option<u32>| since.is_some_and(|since| at_least(&[since]));
    let own = || STORAGE_OPTIONS.iter().filter(|(of, ..)| *of == driver || driver.is_empty());
    let is_told = match driver {
        // Before 25.0 there was devicemapper, with many of its own.
        "" => at_least(&[25]) && !at_least(&BY_CONTAINERD),
        _ => own().next().is_some(),
    };
    is_told && !own().any(|(_, known, until)| *known == name && !gone(until))
}

fn wrong_kind<'a>(key: &'a str, found: &'a str) -> Option<Fault<'a>> {
    let wanted = member(key)
        .or_else(|| wanted(key))
        .filter(|wanted| !wanted.is_empty() && *wanted != found && found != "null")?;
    Some(Fault::WrongKind { key, wanted, found })
}

fn odd(oddity: &Oddity, engine: Option<&Version>) -> Option<Fault<'static>> {
    let reads_whole = engine.is_none_or(|engine| *engine >= Version::new(&READS_WHOLE));
    let at = |line, column, why| Some(Fault::Malformed { line, column, why });
    match *oddity {
        Oddity::Empty if !reads_whole => at(1, 1, "the file is empty, which Docker before 23.0 does not take"),
        Oddity::ByteOrderMark if !reads_whole => {
            at(1, 1, "the file begins with a byte order mark, which Docker before 23.0 does not take")
        }
        Oddity::Behind { line, column } if reads_whole => at(line, column, "something stands behind the closing brace"),
        _ => None,
    }
}

fn is_address(entry: &str, engine: Option<&Version>) -> bool {
    let as_addresses = engine.is_none_or(|engine| *engine >= Version::new(&DNS_AS_ADDRESSES));
    let text = if as_addresses { entry } else { entry.trim() };
    text.parse::<IpAddr>().is_ok() || (as_addresses && text.is_empty())
}
