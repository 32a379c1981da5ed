//! Which values docker's client or the daemon refuses, and in which words: docker/cli opts/*, go-units. Values that become a
//! thing of their own are read in `things` and `mounts`.

use std::net::IpAddr;

use gdoctor_checks::model::run::{Versions, bytes};

use super::flags::{Flag, Kind};
use super::mounts::{mount, tmpfs, volume};
use super::numbers::{cpu_list, cpus, is_size, switch, time};
use super::things::{device, gpus, published};

/// `Some(why)` when docker takes no such value.
pub fn refused(kind: Kind, value: &str) -> Option<String> {
    let unless = |holds: bool, why: &str| (!holds).then(|| why.to_owned());
    match kind {
        Kind::Switch => unless(switch(value).is_some(), "a switch takes true or false"),
        Kind::Int => unless(value.parse::<i64>().is_ok(), "it takes a whole number"),
        Kind::Uint16 => unless(value.parse::<u16>().is_ok(), "it takes a number from 10 to 1000, or 0"),
        Kind::Size => unless(is_size(value), "it takes a size such as 512m or 1g"),
        Kind::SizeOrAll => unless(value == "-1" || is_size(value), "it takes a size such as 512m or 1g, or -1"),
        Kind::Cpus => cpus(value).err(),
        Kind::Time => time(value).err(),
        Kind::Period => unless(
            value.parse::<i64>().is_ok_and(|n| n == 0 || (1000..=1_000_000).contains(&n)),
            "it takes microseconds from 1000 to 1000000",
        ),
        Kind::Quota => {
            unless(value.parse::<i64>().is_ok_and(|n| n <= 0 || n >= 1000), "it takes microseconds, 1000 at the least")
        }
        Kind::Count => unless(value.parse::<i64>().is_ok_and(|n| n >= 0), "it takes a number that is not negative"),
        Kind::CpuList => unless(cpu_list(value), "it takes numbers and ranges such as 0-2,4"),
        Kind::Hostname => unless(value.len() <= 64, "the kernel takes 64 characters at the most"),
        // Docker 28.5 dies over it and leaves its client waiting.
        Kind::Group if value.is_empty() => Some("no group has an empty name".into()),
        Kind::Group => unless(
            value
                .parse::<i64>()
                .map_or(!value.bytes().all(|b| b.is_ascii_digit()), |n| (0..=i64::from(i32::MAX)).contains(&n)),
            "a group's number is at most 2147483647",
        ),
        Kind::User => user(value).err(),
        Kind::Network => network(value).err(),
        Kind::SearchDomain => unless(search_domain(value), "it takes a domain such as example.com"),
        Kind::Throttle => throttle(value).err(),
        Kind::Weights => unless(
            value.split_once(':').is_some_and(|(path, weight)| {
                path.starts_with("/dev/") && weight.parse::<u16>().is_ok_and(|n| n == 0 || (10..=1000).contains(&n))
            }),
            "it takes /dev/NAME:WEIGHT with a weight from 10 to 1000",
        ),
        Kind::Foreign => Some("it is for Windows".into()),
        Kind::Variable => {
            unless(!value.is_empty() && !value.starts_with('='), "a variable needs a name: NAME=value, or NAME alone")
        }
        Kind::Publish => published(value).err(),
        // Whatever stands for the protocol is kept as it is.
        Kind::Expose => unless(
            super::things::range(value.split('/').next().unwrap_or_default()).is_some(),
            "it takes a port, without a host's port",
        ),
        Kind::Gpus => gpus(value).err(),
        Kind::Device => device(value).err(),
        Kind::DeviceRule => unless(device_rule(value), "it takes a rule such as 'c 81:* rmw'"),
        Kind::Mount => mount(value, "/").err(),
        // Releases before 23.0 took nothing between colons for nothing.
        Kind::Volume if is_loose(value) => None,
        Kind::Volume => volume(value, "/").err(),
        Kind::Tmpfs => tmpfs(value).err(),
        Kind::Ulimit => ulimit(value).err(),
        Kind::Restart => restart(value).err(),
        Kind::Pull => None,
        Kind::Address => unless(value.trim().parse::<IpAddr>().is_ok(), "it takes an IP address"),
        Kind::ExtraHost => unless(extra_host(value), "it takes NAME:ADDRESS"),
        Kind::Annotation => unless(!value.is_empty() && !value.starts_with('='), "an annotation needs a name"),
        Kind::Label => unless(
            !value.is_empty()
                && !value.starts_with('=')
                && !value.split('=').next().is_some_and(|name| name.contains([' ', '\t'])),
            "a label needs a name without blanks",
        ),
        Kind::Attach => unless(
            ["stdin", "stdout", "stderr"].contains(&value.to_ascii_lowercase().as_str()),
            "it takes stdin, stdout or stderr",
        ),
        Kind::Name => unless(
            container_name(value),
            "a name is made of letters, digits, `_`, `.` and `-`, two at least, and begins with a letter or digit",
        ),
        Kind::Workdir => {
            unless(value.starts_with('/') || value.is_empty(), "it takes an absolute path of the container")
        }
        Kind::Ipc => unless(
            ["", "none", "private", "shareable", "host"].contains(&value) || of_container(value),
            "it takes none, private, shareable, host or container:NAME",
        ),
        Kind::Pid => unless(["", "host"].contains(&value) || of_container(value), "it takes host or container:NAME"),
        Kind::Host => unless(["", "host", "private"].contains(&value), "it takes host or private"),
        Kind::Userns => unless(["", "host"].contains(&value), "it takes host"),
        Kind::Platform => unless(platform(value), "it takes a system and an architecture such as linux/arm64"),
        Kind::Swappiness => {
            unless(value.parse::<i64>().is_ok_and(|n| (-1..=100).contains(&n)), "it takes a number from 0 to 100")
        }
        Kind::Mac => {
            unless(value.is_empty() || mac(value), "it takes six bytes such as 92:d0:c6:0a:29:33, the first one even")
        }
        Kind::Link => unless(
            !value.is_empty() && !value.starts_with(':') && value.split(':').count() <= 2,
            "it takes NAME or NAME:ALIAS",
        ),
        Kind::VolumesFrom => unless(
            value.split_once(':').map_or(!value.is_empty(), |(name, mode)| {
                !name.is_empty() && (mode.is_empty() || super::mounts::volume_mode(mode))
            }),
            "it takes CONTAINER or CONTAINER:MODE, such as ro",
        ),
        Kind::DetachKeys => {
            unless(value.is_empty() || value.split(',').all(key), "it takes keys such as ctrl-p,ctrl-q")
        }
        Kind::LogOption => log_option(value).err(),
        Kind::Capability => unless(
            !value.eq_ignore_ascii_case("CAP_ALL") && capability(value),
            "there is no such capability; NET_ADMIN is one",
        ),
        Kind::Isolation => unless(["", "default"].contains(&value), "Linux knows only default"),
        Kind::OomScore => unless(
            value.parse::<i64>().is_ok_and(|n| (-1000..=1000).contains(&n)),
            "it takes a number from -1000 to 1000",
        ),
        Kind::Signal => unless(signal(value), "it takes a signal such as SIGTERM, or its number"),
        Kind::Security => {
            unless(security(value), "it takes no-new-privileges, or KEY=VALUE of apparmor, label or seccomp")
        }
        Kind::Sysctl => {
            unless(sysctl(value), "only those of a container's own can be set, such as net.ipv4.ip_forward=1")
        }
        Kind::Storage => unless(value.contains('='), "it takes KEY=VALUE, such as size=10G"),
        Kind::InFile | Kind::NewFile | Kind::Text => None,
    }
}

/// Those that moby's own list lacked before it asked the kernel.
const NEW_CAPABILITIES: [&str; 3] = ["PERFMON", "BPF", "CHECKPOINT_RESTORE"];

/// Which releases take a value that others refuse.
pub fn versions(flag: &Flag, value: &str) -> Vec<Versions> {
    let mut found = of_releases(flag, value);
    let client = matches!(flag.kind, Kind::Volume | Kind::Restart | Kind::Pull | Kind::Mac | Kind::ExtraHost)
        || value.starts_with(['.', '+']);
    found.iter_mut().for_each(|versions| versions.client = client);
    found
}

fn of_releases(flag: &Flag, value: &str) -> Vec<Versions> {
    let since = |since: &str, why: &str| Versions { since: since.into(), why: why.into(), ..Versions::default() };
    match flag.kind {
        Kind::Volume if is_loose(value) => vec![Versions {
            since: String::new(),
            until: "23.0".into(),
            why: "nothing stands between two colons".into(),
            ..Versions::default()
        }],
        Kind::Restart if value == "on-failure:" => vec![since("23.0", "older ones want the number of tries")],
        Kind::Restart if value.starts_with(':') => {
            vec![Versions {
                since: String::new(),
                until: "23.0".into(),
                why: "no policy stands before the colon".into(),
                ..Versions::default()
            }]
        }
        Kind::Security if value == "seccomp=builtin" => vec![since("23.0", "older ones take it for a file's name")],
        Kind::Security if value.starts_with("writable-cgroups") => vec![since("28.1", "older ones do not know it")],
        Kind::Pull if !["always", "missing", "never", ""].contains(&value) => {
            vec![Versions {
                since: String::new(),
                until: "23.0".into(),
                why: "it takes always, missing or never".into(),
                ..Versions::default()
            }]
        }
        Kind::Mount => super::mounts::mount_versions(value).into_iter().map(|(first, why)| since(first, why)).collect(),
        Kind::Mac if value.len() > 17 => {
            vec![Versions {
                since: String::new(),
                until: "28.0".into(),
                why: "it takes six bytes".into(),
                ..Versions::default()
            }]
        }
        Kind::Size if flag.name == "kernel-memory" && bytes(value).is_some_and(|size| (1..6 << 20).contains(&size)) => {
            vec![since("23.0", "older ones want 6m at the least, newer ones take no notice of it")]
        }
        Kind::Size | Kind::SizeOrAll if value.starts_with(['.', '+']) => {
            vec![since("28.0", "older ones take a number with a digit before its point")]
        }
        Kind::ExtraHost if value.contains('[') => vec![since("25.0", "older ones take no brackets around an address")],
        Kind::Volume if value.starts_with('.') && value.contains(':') => {
            let first = super::mounts::relative_since(value.split(':').next().unwrap_or_default());
            vec![since(first, "older ones take no such relative path: write $PWD/…")]
        }
        Kind::Capability if NEW_CAPABILITIES.iter().any(|new| value.to_ascii_uppercase().ends_with(new)) => {
            vec![since("23.0", "older ones do not know this capability")]
        }
        Kind::ExtraHost if !value.contains(':') || value.find('=').is_some_and(|at| Some(at) < value.find(':')) => {
            vec![since("25.0", "older ones take NAME:ADDRESS with a colon alone")]
        }
        _ => Vec::new(),
    }
}

/// `NAME|UID[:NAME|GID]`.
fn user(value: &str) -> Result<(), String> {
    let fits = |part: &str| part.parse::<i64>().map_or(true, |n| (0..=i64::from(i32::MAX)).contains(&n));
    if value.split(':').count() > 2 {
        return Err("it takes USER or USER:GROUP".into());
    }
    if value.split(':').all(fits) { Ok(()) } else { Err("a number is at most 2147483647 and not negative".into()) }
}

/// docker/cli opts/network.go: a name, or fields.
fn network(value: &str) -> Result<(), String> {
    let field = |field: &str| {
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        field.split_once('=').is_some_and(|(key, text)| {
            word(key) && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    };
    if value.is_empty() {
        return Err("no network is named".into());
    }
    if value == "name=" {
        return Err("no network is named".into());
    }
    if value == "container:" {
        return Err("no container is named".into());
    }
    // The long form is told by any field of it.
    if !value.split(',').any(field) {
        return Ok(());
    }
    let known = ["name", "alias", "driver-opt", "ip", "ip6", "mac-address", "link-local-ip", "gw-priority"];
    for field in super::things::csv(value)? {
        let key = field.split_once('=').map_or("", |(key, _)| key);
        if !known.contains(&key) {
            return Err(format!("{field:?} is no field of a network"));
        }
    }
    if value.split(',').any(|field| field.starts_with("name=")) { Ok(()) } else { Err("name= is missing".into()) }
}

/// linux/capability.h, with or without `CAP_`, in any case.
fn capability(value: &str) -> bool {
    const NAMES: &str = "ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE \
         DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN \
         NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT \
         SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM";
    let name = value.to_ascii_uppercase();
    let name = name.strip_prefix("CAP_").unwrap_or(&name);
    NAMES.split_whitespace().any(|known| known == name)
}

/// `SOURCE:TARGET:`, `:TARGET`.
fn is_loose(value: &str) -> bool {
    let whole = value.strip_suffix(':').or_else(|| value.strip_prefix(':'));
    whole.is_some_and(|rest| {
        rest.contains('/')
            && !rest.ends_with(':')
            && volume(rest, "/").is_ok()
            && (rest.contains(':') || value.starts_with(':'))
    })
}

/// moby/term ToBytes: one character, or ctrl- with one of these.
fn key(text: &str) -> bool {
    let one = |text: &str| text.chars().count() == 1;
    match text.strip_prefix("ctrl-") {
        Some(key) => one(key) && key.bytes().all(|b| b.is_ascii_lowercase() || b"@[\\]^_".contains(&b)),
        None => one(text),
    }
}

/// What every log driver that writes files takes of its options; others have their own.
fn log_option(value: &str) -> Result<(), String> {
    let (key, text) = value.split_once('=').unwrap_or((value, ""));
    match key {
        "" => Err("an option needs a name".into()),
        "max-size" if !is_size(text) || text == "0" => Err(format!("{text:?} is no size such as 10m")),
        "max-file" if !text.parse::<i64>().is_ok_and(|count| count >= 1) => Err("max-file is 1 at the least".into()),
        "mode" if !["blocking", "non-blocking"].contains(&text) => Err("mode is blocking or non-blocking".into()),
        _ => Ok(()),
    }
}

/// docker/cli opts ValidateSysctl.
fn sysctl(value: &str) -> bool {
    let Some((key, _)) = value.split_once('=') else { return false };
    let own = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    own.contains(&key) || ["net.", "fs.mqueue."].iter().any(|prefix| key.starts_with(prefix))
}

fn security(value: &str) -> bool {
    let key = value.split(['=', ':']).next().unwrap_or_default();
    let text = value.get(key.len() + 1..);
    match (key, text) {
        ("no-new-privileges", None) => true,
        ("no-new-privileges" | "writable-cgroups", Some(text)) => switch(text).is_some(),
        ("systempaths", Some(text)) => text == "unconfined",
        ("seccomp", Some(text)) => !text.is_empty(),
        ("apparmor" | "label", Some(_)) => true,
        _ => false,
    }
}

/// moby/sys/signal: a number but 0, or a name with or without `SIG`.
fn signal(value: &str) -> bool {
    const NAMES: &str = "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS \
         TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX";
    if let Ok(number) = value.parse::<i64>() {
        return number != 0;
    }
    let name = value.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let real_time = |base: &str| {
        let offset = name.strip_prefix(base).and_then(|rest| rest.get(1..)?.parse::<u8>().ok());
        offset.is_some_and(|offset| (1..=15).contains(&offset))
    };
    value.is_empty() || NAMES.split_whitespace().any(|known| known == name) || real_time("RTMIN") || real_time("RTMAX")
}

fn of_container(value: &str) -> bool {
    value.strip_prefix("container:").is_some_and(|name| !name.is_empty())
}

/// Go's net.ParseMAC: pairs with colons or hyphens, or fours with dots; an address of many is none of one.
fn mac(value: &str) -> bool {
    let digits: String = value.chars().filter(|c| !":-.".contains(*c)).collect();
    let pairs = value.split([':', '-']).all(hex_byte);
    let fours = value.split('.').all(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    let even =
        digits.get(1..2).and_then(|digit| u8::from_str_radix(digit, 16).ok()).is_some_and(|digit| digit % 2 == 0);
    [12, 16].contains(&digits.len()) && (pairs || fours) && even
}

fn hex_byte(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// docker/cli opts ValidateDNSSearch.
fn search_domain(value: &str) -> bool {
    let value = value.trim_matches(' ');
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let bare = value.strip_suffix('.').unwrap_or(value);
    value == "." || (value.bytes().any(|b| b.is_ascii_alphabetic()) && value.len() < 255 && bare.split('.').all(part))
}

/// `/dev/NAME:RATE` of blkio's limits.
fn throttle(value: &str) -> Result<(), String> {
    let (path, rate) = value.split_once(':').ok_or("it takes /dev/NAME:RATE")?;
    if !path.starts_with("/dev/") {
        return Err(format!("{path:?} is not below /dev"));
    }
    if is_size(rate) { Ok(()) } else { Err(format!("{rate:?} is no rate such as 1mb or 100")) }
}

fn device_rule(value: &str) -> bool {
    let mut parts = value.split(' ');
    let number = |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let kind = parts.next().is_some_and(|kind| ["a", "b", "c"].contains(&kind));
    let numbers = parts.next().and_then(|pair| pair.split_once(':')).is_some_and(|(a, b)| number(a) && number(b));
    let modes = parts.next().is_some_and(|m| (1..=3).contains(&m.len()) && m.bytes().all(|b| b"rwm".contains(&b)));
    kind && numbers && modes && parts.next().is_none()
}

fn ulimit(value: &str) -> Result<(), String> {
    const NAMES: [&str; 16] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
        "as",
    ];
    let (name, limits) = value.split_once('=').ok_or("it takes NAME=SOFT[:HARD], such as memlock=-1")?;
    if !NAMES[..15].contains(&name) {
        return Err(format!("there is no limit of the name {name:?}"));
    }
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("{text:?} is not a whole number"));
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (number(soft)?, number(hard)?);
    if name == "nofile" && (soft < 1 || hard < 1) {
        return Err("the number of files is at least 1, and never without a limit".into());
    }
    if soft < -1 || hard < -1 {
        return Err("-1 is without a limit; no other number is negative".into());
    }
    let above = hard != -1 && (soft == -1 || soft > hard);
    if above { Err(format!("the soft limit {soft} is above the hard one {hard}")) } else { Ok(()) }
}

fn restart(value: &str) -> Result<(), String> {
    let (name, count) = value.split_once(':').map_or((value, None), |(name, count)| (name, Some(count)));
    match (name, count) {
        ("on-failure", Some("")) | ("", Some(_)) => Ok(()),
        ("on-failure", Some(count)) if count.parse::<i32>().is_err() => {
            Err("the number of tries is a whole number".into())
        }
        ("on-failure", Some(count)) if count.starts_with('-') => Err("the number of tries is not negative".into()),
        ("on-failure", _) | ("no" | "always" | "unless-stopped" | "", None) => Ok(()),
        ("no" | "always" | "unless-stopped", Some("0")) => Ok(()),
        ("no" | "always" | "unless-stopped", Some(_)) => {
            Err(format!("only on-failure takes a number of tries, not {name}"))
        }
        _ => Err("it takes no, always, unless-stopped or on-failure[:N]".into()),
    }
}

fn extra_host(value: &str) -> bool {
    let Some((name, address)) = value.split_once([':', '=']) else { return false };
    let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    !name.is_empty() && (address == "host-gateway" || address.parse::<IpAddr>().is_ok())
}

fn container_name(value: &str) -> bool {
    let value = value.strip_prefix('/').unwrap_or(value);
    let first = value.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    value.is_empty()
        || (first && value.len() > 1 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)))
}

/// containerd's platforms.Parse, for what docker runs on Linux.
fn platform(value: &str) -> bool {
    const SYSTEMS: [&str; 6] = ["linux", "windows", "darwin", "freebsd", "macos", "wasi"];
    const MACHINES: [&str; 20] = [
        "amd64", "x86_64", "x86-64", "arm64", "aarch64", "arm", "armhf", "armel", "386", "i386", "ppc64le", "s390x",
        "riscv64", "mips64le", "mips64", "ppc64", "loong64", "mips", "mipsle", "wasm",
    ];
    let value = value.to_ascii_lowercase();
    let parts: Vec<&str> = value.split('/').collect();
    match parts[..] {
        [""] => true,
        [one] => SYSTEMS.contains(&one) || MACHINES.contains(&one),
        [system, machine] | [system, machine, _] => {
            parts.iter().all(|part| !part.is_empty()) && (SYSTEMS.contains(&system) || MACHINES.contains(&machine))
        }
        _ => false,
    }
}
