//! Which values docker's client or the daemon refuses, and in which words: docker/cli opts/*, go-units. Values that become a
//! thing of their own are read in `things` and `mounts`.

use std::net::IpAddr;

use super::flags::Kind;
use super::mounts::{mount, tmpfs, volume};
use super::things::{device, gpus, published};

/// `Some(why)` when docker takes no such value.
pub fn refused(kind: Kind, value: &str) -> Option<String> {
    let unless = |holds: bool, why: &str| (!holds).then(|| why.to_owned());
    match kind {
        Kind::Switch => unless(switch(value).is_some(), "a switch takes true or false"),
        Kind::Int => unless(value.parse::<i64>().is_ok(), "it takes a whole number"),
        Kind::Uint => unless(value.parse::<u64>().is_ok(), "it takes a whole number that is not negative"),
        Kind::Uint16 => unless(value.parse::<u16>().is_ok(), "it takes a number from 10 to 1000, or 0"),
        Kind::Size => unless(size(value), "it takes a size such as 512m or 1g"),
        Kind::SizeOrAll => unless(value == "-1" || size(value), "it takes a size such as 512m or 1g, or -1"),
        Kind::Cpus => unless(decimal(value), "it takes a number such as 1.5"),
        Kind::Time => unless(duration(value), "it takes a time with its unit, such as 30s or 1m30s"),
        Kind::Variable => {
            unless(!value.is_empty() && !value.starts_with('='), "a variable needs a name: NAME=value, or NAME alone")
        }
        Kind::Publish => published(value).err(),
        Kind::Expose => {
            unless(!value.contains(':') && published(value).is_ok(), "it takes a port, without a host's port")
        }
        Kind::Gpus => gpus(value).err(),
        Kind::Device => device(value).err(),
        Kind::DeviceRule => unless(device_rule(value), "it takes a rule such as 'c 81:* rmw'"),
        Kind::Mount => mount(value, "/").err(),
        Kind::Volume => volume(value, "/").err(),
        Kind::Tmpfs => tmpfs(value).err(),
        Kind::Ulimit => ulimit(value).err(),
        Kind::Restart => restart(value).err(),
        Kind::Pull => unless(["always", "missing", "never"].contains(&value), "it takes always, missing or never"),
        Kind::Address => unless(value.parse::<IpAddr>().is_ok(), "it takes an IP address"),
        Kind::ExtraHost => unless(extra_host(value), "it takes NAME:ADDRESS"),
        Kind::Pair => unless(value.split_once('=').is_some_and(|(key, _)| !key.is_empty()), "it takes KEY=VALUE"),
        Kind::Label => unless(!value.is_empty() && !value.starts_with('='), "a label needs a name"),
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
        Kind::Mac => unless(
            value.is_empty() || (value.split([':', '-']).count() == 6 && value.split([':', '-']).all(hex_byte)),
            "it takes six bytes such as 92:d0:c6:0a:29:33",
        ),
        Kind::Link => unless(
            !value.is_empty() && value.split(':').count() <= 2 && value.split(':').all(|part| !part.is_empty()),
            "it takes NAME or NAME:ALIAS",
        ),
        Kind::Capability => unless(capability(value), "there is no such capability; NET_ADMIN is one"),
        Kind::Isolation => unless(["", "default"].contains(&value), "Linux knows only default"),
        Kind::OomScore => unless(
            value.parse::<i64>().is_ok_and(|n| (-1000..=1000).contains(&n)),
            "it takes a number from -1000 to 1000",
        ),
        Kind::Signal => unless(signal(value), "it takes a signal such as SIGTERM, or its number"),
        Kind::Security => {
            unless(security(value), "it takes no-new-privileges, or KEY=VALUE of apparmor, label or seccomp")
        }
        Kind::InFile | Kind::NewFile | Kind::Text => None,
    }
}

/// Go's strconv.ParseBool.
pub fn switch(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
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

fn security(value: &str) -> bool {
    let key = value.split(['=', ':']).next().unwrap_or_default();
    let known = ["apparmor", "label", "no-new-privileges", "seccomp", "systempaths", "writable-cgroups"].contains(&key);
    known && (key.len() < value.len() || ["no-new-privileges", "writable-cgroups"].contains(&key))
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

fn hex_byte(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn size(value: &str) -> bool {
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit = unit.trim_start_matches(' ').to_ascii_lowercase();
    let unit = unit.strip_prefix(['k', 'm', 'g', 't', 'p']).unwrap_or(&unit);
    number.parse::<f64>().is_ok() && ["", "b", "i", "ib"].contains(&unit)
}

fn decimal(value: &str) -> bool {
    let fraction =
        value.split_once('/').is_some_and(|(a, b)| a.parse::<i64>().is_ok() && b.parse::<u32>().is_ok_and(|b| b > 0));
    fraction || value.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Go's time.ParseDuration.
fn duration(value: &str) -> bool {
    let mut rest = value.strip_prefix(['-', '+']).unwrap_or(value);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"]
            .iter()
            .find(|unit| after.strip_prefix(**unit).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphabetic())));
        match unit {
            Some(unit) if number.parse::<f64>().is_ok() => rest = &after[unit.len()..],
            _ => return false,
        }
        parts += 1;
    }
    parts > 0
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
    let above = hard != -1 && (soft == -1 || soft > hard);
    if above { Err(format!("the soft limit {soft} is above the hard one {hard}")) } else { Ok(()) }
}

fn restart(value: &str) -> Result<(), String> {
    let (name, count) = value.split_once(':').map_or((value, None), |(name, count)| (name, Some(count)));
    match (name, count) {
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
            !system.is_empty() && !machine.is_empty() && (SYSTEMS.contains(&system) || MACHINES.contains(&machine))
        }
        _ => false,
    }
}
