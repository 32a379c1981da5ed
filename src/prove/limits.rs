//! What a line sets for the processes of its container (limits, ids, rights, the resolver), and whether a process in it has that.

use std::collections::BTreeSet;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::Rights;
use gdoctor_checks::model::facts::proof::{Kind, Look, Seen};
use gdoctor_checks::model::run::{RunLine, RunOption};
use serde::{Deserialize, Serialize};

use crate::host::files::gap_of;
use crate::host::{Host, within};

/// The kernel gives out memory in pages.
const PAGE: u64 = 4096;
/// Docker's own resolver, which asks the servers that the line names (Docker's documentation, "Networking", DNS services).
const DOCKERS_RESOLVER: &str = "127.0.0.11";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// `--ulimit`; `None`: unlimited.
    Resource {
        name: String,
        soft: Option<u64>,
        hard: Option<u64>,
    },
    /// Bytes of /dev/shm.
    SharedMemory(u64),
    User(u64),
    Groups(Vec<u64>),
    /// Names without `CAP_`.
    Capabilities {
        added: Vec<String>,
        dropped: Vec<String>,
    },
    NoNewPrivileges,
    /// True: there is to be a filter.
    Seccomp(bool),
    ReadOnly,
    /// Bytes.
    Memory(u64),
    Processes(u64),
    /// In thousandths.
    Cpus(u64),
    Resolver(Vec<String>),
    /// A file of /proc/sys.
    Setting {
        path: String,
        value: String,
    },
}

pub fn asked(line: &RunLine) -> Vec<Limit> {
    let values = |name: &'static str| line.all(name).map(|option| option.value.clone()).collect::<Vec<_>>();
    let mut all: Vec<Limit> = line.all("ulimit").filter_map(resource).collect();
    let own_memory = line.last("ipc").is_none_or(|ipc| ["", "private", "shareable"].contains(&ipc.value.as_str()));
    all.extend(line.size("shm-size").filter(|_| own_memory).map(Limit::SharedMemory));
    all.extend(line.last("user").and_then(|user| user.value.split(':').next()?.parse().ok()).map(Limit::User));
    let groups: Vec<u64> = values("group-add").iter().filter_map(|group| group.parse().ok()).collect();
    all.extend((!groups.is_empty()).then_some(Limit::Groups(groups)));
    all.extend(line.switch("read-only").map(|_| Limit::ReadOnly));
    all.extend(line.size("memory").filter(|bytes| *bytes > 0).map(Limit::Memory));
    let count = line.last("pids-limit").and_then(|limit| limit.value.parse().ok());
    all.extend(count.filter(|count| *count > 0).map(Limit::Processes));
    let cpus = line.last("cpus").and_then(|cpus| cpus.value.parse::<f64>().ok()).filter(|cpus| *cpus > 0.0);
    all.extend(cpus.map(|cpus| Limit::Cpus((cpus * 1000.0) as u64)));
    let servers: Vec<String> =
        values("dns").into_iter().filter(|server| server.parse::<std::net::IpAddr>().is_ok()).collect();
    all.extend((!servers.is_empty()).then_some(Limit::Resolver(servers)));
    all.extend(line.all("sysctl").filter_map(setting));
    // A privileged container has all rights, whatever else the line says.
    if line.switch("privileged").is_none() {
        all.extend(rights(line));
    }
    all
}

fn resource(option: &RunOption) -> Option<Limit> {
    let (name, values) = option.value.split_once('=')?;
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    // -1 is unlimited.
    let number = |text: &str| text.parse::<i64>().ok().map(|number| u64::try_from(number).ok());
    Some(Limit::Resource { name: name.to_owned(), soft: number(soft)?, hard: number(hard)? })
}

fn setting(option: &RunOption) -> Option<Limit> {
    let (key, value) = option.value.split_once('=')?;
    let mut parts: Vec<&str> = key.split('.').collect();
    // A card's name may have dots, which sysctl(8) writes as slashes.
    let card =
        (parts.len() > 5 && parts[0] == "net" && ["conf", "neigh"].contains(&parts[2])).then(|| 3..parts.len() - 1);
    let name = card.as_ref().map(|card| parts[card.clone()].join("."));
    if let Some((card, name)) = card.zip(name.as_deref()) {
        parts.splice(card, [name]);
    }
    Some(Limit::Setting { path: format!("/proc/sys/{}", parts.join("/")), value: value.to_owned() })
}

fn rights(line: &RunLine) -> Vec<Limit> {
    let names = |name| -> Vec<String> {
        let upper = line.all(name).map(|option| option.value.to_ascii_uppercase());
        upper.map(|name| name.strip_prefix("CAP_").unwrap_or(&name).to_owned()).collect()
    };
    let (added, dropped) = (names("cap-add"), names("cap-drop"));
    let capabilities = (!added.is_empty() || !dropped.is_empty()).then_some(Limit::Capabilities { added, dropped });
    let said = |option: &RunOption| match option.value.split_once(['=', ':']).unwrap_or((&option.value, "true")) {
        ("no-new-privileges", "true") => Some(Limit::NoNewPrivileges),
        ("seccomp", profile) => Some(Limit::Seccomp(profile != "unconfined")),
        _ => None,
    };
    capabilities.into_iter().chain(line.all("security-opt").filter_map(said)).collect()
}

impl Limit {
    fn subject(&self) -> String {
        match self {
            Limit::Resource { name, .. } => name.clone(),
            Limit::SharedMemory(_) => "/dev/shm".into(),
            Limit::User(_) => "user".into(),
            Limit::Groups(_) => "groups".into(),
            Limit::Capabilities { .. } => "capabilities".into(),
            Limit::NoNewPrivileges => "no-new-privileges".into(),
            Limit::Seccomp(_) => "seccomp".into(),
            Limit::ReadOnly => "read-only root".into(),
            Limit::Memory(_) => "memory".into(),
            Limit::Processes(_) => "processes".into(),
            Limit::Cpus(_) => "cpus".into(),
            Limit::Resolver(_) => "resolver".into(),
            Limit::Setting { path, .. } => path.clone(),
        }
    }

    /// From within.
    pub fn look(&self, host: &Host) -> Look {
        Look { kind: Kind::Limit, subject: self.subject(), seen: self.seen(host), foretold: None }
    }

    fn seen(&self, host: &Host) -> Fact<Seen> {
        match self {
            Limit::Resource { name, soft, .. } => match within::limit(name) {
                Some(Ok((has, hard))) => {
                    let words = |value: Option<u64>| value.map_or("unlimited".to_owned(), |value| value.to_string());
                    told(has == *soft, format!("{}, hard {}", words(has), words(hard)), "getrlimit")
                }
                Some(Err(why)) => Fact::unknown(gap_of(&why), "getrlimit"),
                None => Fact::unknown(Gap::Unsupported(format!("gdoctor does not read {name}")), "getrlimit"),
            },
            Limit::SharedMemory(asked) => match within::size("/dev/shm".as_ref()) {
                Ok(size) => {
                    told(asked.div_ceil(PAGE) == size.div_ceil(PAGE), format!("{size} bytes"), "statvfs /dev/shm")
                }
                Err(why) => Fact::unknown(gap_of(&why), "statvfs /dev/shm"),
            },
            Limit::User(asked) => {
                let (uid, gid) = within::user();
                told(u64::from(uid) == *asked, format!("uid {uid}, gid {gid}"), "geteuid")
            }
            Limit::Groups(asked) => status(host, "Groups", |groups| {
                let has: BTreeSet<u64> = groups.split_whitespace().filter_map(|group| group.parse().ok()).collect();
                (asked.iter().all(|group| has.contains(group)), format!("groups {groups}"))
            }),
            // The bounding set: a user's process has none of them in force and may still come to them.
            Limit::Capabilities { added, dropped } => status(host, "CapBnd", |set| {
                let has = u64::from_str_radix(set, 16).unwrap_or_default();
                (has_rights(has, added, dropped), rights_words(has))
            }),
            Limit::NoNewPrivileges => status(host, "NoNewPrivs", |set| (set == "1", format!("NoNewPrivs {set}"))),
            Limit::Seccomp(asked) => {
                status(host, "Seccomp", |mode| ((mode != "0") == *asked, format!("Seccomp mode {mode}")))
            }
            Limit::ReadOnly => match within::is_read_only("/".as_ref()) {
                Ok(is) => told(is, if is { "/ is read-only" } else { "/ can be written to" }.into(), "statvfs /"),
                Err(why) => Fact::unknown(gap_of(&why), "statvfs /"),
            },
            Limit::Memory(asked) => group(host, "memory", ["memory.max", "memory.limit_in_bytes"], |text| {
                (text.parse().is_ok_and(|has: u64| has / PAGE == asked / PAGE), format!("{text} bytes"))
            }),
            Limit::Processes(asked) => group(host, "pids", ["pids.max", "pids.max"], |text| {
                (text.parse() == Ok(*asked), format!("{text} processes"))
            }),
            Limit::Cpus(asked) => group(host, "cpu", ["cpu.max", "cpu.cfs_quota_us"], |text| {
                // v2: quota and period. The engine takes a period of 100 ms.
                let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().unwrap_or_default());
                let (quota, period) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or(100_000));
                (quota * 1000 / period.max(1) == *asked, format!("{quota} of {period} microseconds"))
            }),
            Limit::Resolver(asked) => host.text("/etc/resolv.conf").map(|text| {
                let servers: Vec<&str> =
                    text.lines().filter_map(|line| line.strip_prefix("nameserver ")).map(str::trim).collect();
                let has = |server: &String| servers.contains(&server.as_str());
                compared(asked.iter().all(has) || servers == [DOCKERS_RESOLVER], servers.join(", "))
            }),
            Limit::Setting { path, value } => host.live().line(path).map(|has| {
                let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                compared(words(&has) == words(value), has.clone())
            }),
        }
    }
}

fn compared(is: bool, words: String) -> Seen {
    if is { Seen::Works(words) } else { Seen::Fails(format!("it is: {words}")) }
}

fn told(is: bool, words: String, source: &str) -> Fact<Seen> {
    Fact::present(compared(is, words), source)
}

/// A line of /proc/self/status.
fn status(host: &Host, name: &str, is: impl Fn(&str) -> (bool, String)) -> Fact<Seen> {
    host.live().text("/proc/self/status").parse(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let (is, words) = is(line.ok_or_else(|| format!("no line {name}"))?.trim());
        Ok(compared(is, words))
    })
}

/// A file of this process's control group: its name in version 2 and in version 1, where each controller has a tree.
fn group(host: &Host, controller: &str, files: [&str; 2], is: impl Fn(&str) -> (bool, String)) -> Fact<Seen> {
    let host = host.live();
    let own = host.text("/proc/self/cgroup");
    let mut places = Vec::new();
    for line in own.value().map(String::as_str).unwrap_or_default().lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        // What the container sees may begin at its own group.
        let (folder, file) = match controllers {
            "" => ("/sys/fs/cgroup".to_owned(), files[0]),
            named if named.split(',').any(|name| name == controller) => (format!("/sys/fs/cgroup/{named}"), files[1]),
            _ => continue,
        };
        places.extend([format!("{folder}{path}/{file}"), format!("{folder}/{file}")]);
        if !controllers.is_empty() {
            places.push(format!("/sys/fs/cgroup/{controller}/{file}"));
        }
    }
    let read = places.iter().map(|place| host.line(place)).find(|line| line.value().is_some());
    let missing = || {
        Fact::unknown(
            Gap::Unsupported(format!("no control group of {controller} is seen from within")),
            "/sys/fs/cgroup",
        )
    };
    read.map_or_else(missing, |line| {
        line.map(|text| {
            let (is, words) = is(text.trim());
            compared(is, words)
        })
    })
}

fn bit(name: &str) -> u64 {
    Rights::NAMES.iter().position(|known| *known == name).map_or(0, |at| 1 << at)
}

/// What is named is there or is not; `ALL` is what the engine and the kernel have, less or more than that.
fn has_rights(has: u64, added: &[String], dropped: &[String]) -> bool {
    let is_all = |name: &String| name == "ALL";
    let named = |names: &[String]| names.iter().fold(0, |all, name| all | bit(name));
    let (plus, minus) = (named(added), named(dropped));
    let none_else = !dropped.iter().any(is_all) || added.iter().any(is_all) || has & !plus == 0;
    has & plus == plus && has & minus & !plus == 0 && none_else
}

fn rights_words(has: u64) -> String {
    let names: Vec<&str> =
        Rights::NAMES.iter().enumerate().filter(|(at, _)| has & (1 << at) != 0).map(|(_, name)| *name).collect();
    match names.len() {
        0 => "none".into(),
        all if all == Rights::NAMES.len() => "all".into(),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::run_line::{Shell, parse_one};

    fn of(text: &str) -> Vec<Limit> {
        asked(&parse_one(text, &Shell { cwd: "/", ..Shell::BARE }).unwrap())
    }

    #[test]
    fn options_that_set_something() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            of(
                "docker run --cap-drop all --cap-add cap_net_raw --security-opt seccomp=unconfined --cpus 1.5 --dns 1.1.1.1 img"
            ),
            [
                Limit::Cpus(1500),
                Limit::Resolver(words(&["1.1.1.1"])),
                Limit::Capabilities { added: words(&["NET_RAW"]), dropped: words(&["ALL"]) },
                Limit::Seccomp(false),
            ]
        );
        assert_eq!(of("docker run --privileged --cap-drop ALL --ipc host --shm-size 1g --pids-limit -1 img"), []);
        let path = |text: &str| match &of(&format!("docker run --sysctl {text} img"))[..] {
            [Limit::Setting { path, value }] => format!("{path} {value}"),
            other => format!("{other:?}"),
        };
        assert_eq!(path("net.ipv4.conf.all.src_valid_mark=1"), "/proc/sys/net/ipv4/conf/all/src_valid_mark 1");
        assert_eq!(path("net.ipv4.conf.eth0.5.rp_filter=2"), "/proc/sys/net/ipv4/conf/eth0.5/rp_filter 2");
        let unlimited = Limit::Resource { name: "memlock".into(), soft: None, hard: None };
        assert_eq!(of("docker run --ulimit memlock=-1 --group-add video img"), [unlimited]);
    }

    #[test]
    fn rights_are_those_of_the_line() {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let has = |set, added, dropped| has_rights(set, &names(added), &names(dropped));
        assert!(has(bit("NET_RAW"), "NET_RAW", "ALL") && !has(bit("NET_RAW"), "", "ALL"));
        assert!(has(0, "", "NET_RAW") && !has(bit("NET_RAW"), "", "NET_RAW"));
        assert!(!has(0, "SYS_ADMIN", "") && has(bit("SYS_ADMIN") | bit("CHOWN"), "SYS_ADMIN", "NET_RAW"));
        assert!(has(bit("CHOWN"), "ALL", "ALL"), "how many there are only the engine knows");
    }
}
