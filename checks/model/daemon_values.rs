//! Values of daemon.json that are of the right kind and that dockerd refuses all the same: moby daemon/config/config.go (Validate),
//! daemon/daemon_unix.go (verifyDaemonSettings), daemon/pkg/registry/config.go, and libnetwork's pools and default bridge.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::daemon_names::nearest;

/// What the value of a key, or each entry of its list, has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `172.17.0.1/16`: an address of the network, which is not the network's own.
    Bridge,
    /// `172.17.0.0/16`
    Network,
    /// `10.10.0.0/16 24`: a network, and the length of the parts that are cut from it.
    Pool,
    Address,
    NotNegative,
    Words(&'static [&'static str]),
    Mirror,
    Registry,
    ExecOption,
    Socket,
}

/// By key. Each form is refused by every engine from 20.10 on.
const FORMS: [(&str, Form); 23] = [
    ("bip", Form::Bridge),
    ("default-address-pools", Form::Pool),
    ("default-cgroupns-mode", Form::Words(&["host", "private"])),
    ("default-gateway", Form::Address),
    ("default-gateway-v6", Form::Address),
    ("default-ipc-mode", Form::Words(&["private", "shareable"])),
    ("default-stop-timeout", Form::NotNegative),
    ("exec-opts", Form::ExecOption),
    ("firewall-backend", Form::Words(&["iptables", "nftables"])),
    ("fixed-cidr", Form::Network),
    ("fixed-cidr-v6", Form::Network),
    ("host-gateway-ip", Form::Address),
    ("host-gateway-ips", Form::Address),
    ("hosts", Form::Socket),
    ("insecure-registries", Form::Registry),
    ("ip", Form::Address),
    ("log-format", Form::Words(&["text", "json"])),
    ("log-level", Form::Words(&["panic", "fatal", "error", "warn", "info", "debug", "trace", "warning"])),
    ("max-concurrent-downloads", Form::NotNegative),
    ("max-concurrent-uploads", Form::NotNegative),
    ("max-download-attempts", Form::NotNegative),
    ("mtu", Form::NotNegative),
    ("registry-mirrors", Form::Mirror),
];

/// Why dockerd takes no such value, as the end of "KEY has VALUE: "; of a list each entry is asked.
pub fn refused(key: &str, value: &str) -> Option<String> {
    let (_, form) = FORMS.iter().find(|(name, _)| *name == key)?;
    // What is not set.
    if value.is_empty() && !matches!(form, Form::Mirror | Form::ExecOption) {
        return None;
    }
    match form {
        Form::Bridge => bridge(value),
        Form::Network => network(value).is_none().then(|| "it is no network such as 172.17.0.0/16".to_string()),
        Form::Pool => pool(value),
        Form::Address => value.parse::<IpAddr>().is_err().then(|| "it is no IP address".to_string()),
        Form::NotNegative => value.starts_with('-').then(|| "it is negative".to_string()),
        Form::Words(words) => {
            let known = words.iter().any(|word| word.eq_ignore_ascii_case(value));
            (!known).then(|| format!("it takes {}", words.join(", ")))
        }
        Form::Mirror => mirror(value),
        Form::Registry => registry(value),
        Form::ExecOption => exec_option(value),
        Form::Socket => socket(value),
    }
}

/// A path without its first slash is sought in the folder that dockerd was started in, which has none of its folders.
fn socket(value: &str) -> Option<String> {
    let path = value.strip_prefix("unix://").filter(|path| !path.starts_with('/') && path.contains('/'))?;
    Some(format!("behind unix:// stands the path of a socket, and {path} begins with no slash"))
}

/// The word that is meant by one that the key does not take.
pub fn meant(key: &str, value: &str) -> Option<&'static str> {
    match FORMS.iter().find(|(name, _)| *name == key)?.1 {
        Form::Words(words) if refused(key, value).is_some() => nearest(value, || words.iter().copied()),
        _ => None,
    }
}

/// Two labels of one name with different values (GetConflictFreeLabels).
pub fn conflict(labels: &[String]) -> Option<(&str, String)> {
    let parts: Vec<(&str, &str)> = labels.iter().filter_map(|label| label.split_once('=')).collect();
    let earlier = |at: usize, (name, value): &(&str, &str)| {
        parts.iter().take(at).find(|(other, held)| other == name && held != value).map(|(_, held)| (*held).to_string())
    };
    parts.iter().enumerate().find_map(|(at, label)| Some((label.0, earlier(at, label)?)))
}

fn network(value: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = value.split_once('/')?;
    let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

fn bridge(value: &str) -> Option<String> {
    let Some((address, length)) = network(value) else {
        return Some("it is no address with a network's length, such as 172.17.0.1/16".to_string());
    };
    let IpAddr::V4(address) = address else { return None };
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    let own = length < 31 && Ipv4Addr::from(u32::from(address) & mask) == address;
    own.then(|| "it is the network's own address, and the bridge needs one in it, such as the next".to_string())
}

fn pool(value: &str) -> Option<String> {
    let (base, size) = value.split_once(' ')?;
    let Some((address, length)) = network(base) else { return Some(format!("its base, {base}, is no network")) };
    let size: i64 = size.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let fits = size >= i64::from(length) && size > 0 && size <= most;
    (!fits).then(|| format!("its size, {size}, is not the length of a network within {base}"))
}

fn mirror(value: &str) -> Option<String> {
    let Some((_, rest)) = value.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
        return Some("it does not begin with https:// or http://".to_string());
    };
    if rest.contains(['?', '#']) {
        return Some("it ends in a query".to_string());
    }
    rest.split('/').next().is_some_and(|host| host.contains('@')).then(|| "it has a user's name in it".to_string())
}

/// `http://` and `https://` are taken off with a warning.
fn registry(value: &str) -> Option<String> {
    let rest = match value.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) => rest,
        Some(_) => return Some("it has a scheme".to_string()),
        None => value,
    };
    let is_network = network(rest).is_some();
    (!is_network && rest.contains('/')).then(|| "it is HOST or HOST:PORT, without a path".to_string())
}

fn exec_option(value: &str) -> Option<String> {
    let Some((name, held)) = value.split_once('=').map(|(name, held)| (name.trim(), held.trim())) else {
        return Some("it is written NAME=VALUE".to_string());
    };
    let driver = name.eq_ignore_ascii_case("native.cgroupdriver");
    (driver && !["systemd", "cgroupfs"].contains(&held)).then(|| "it takes systemd or cgroupfs".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_dockerd_takes_and_refuses() {
        for (key, value) in [
            ("bip", "172.17.0.1/16"),
            ("bip", "fd00::1/64"),
            ("bip", "10.0.0.0/31"),
            ("bip", ""),
            ("default-address-pools", "10.10.0.0/16 24"),
            ("default-address-pools", "10.10.0.0/24 24"),
            ("registry-mirrors", "https://mirror.example/"),
            ("insecure-registries", "http://registry.example:5000"),
            ("insecure-registries", "10.0.0.0/8"),
            ("insecure-registries", "registry.example:5000"),
            ("exec-opts", "native.cgroupdriver=systemd"),
            ("log-level", "WARN"),
            ("mtu", "0"),
            ("storage-driver", "whatever"),
        ] {
            assert_eq!(refused(key, value), None, "{key} {value}");
        }
        for (key, value) in [
            ("bip", "172.17.0.1"),
            ("bip", "172.26.0.0/16"),
            ("fixed-cidr", "172.17.0.0/33"),
            ("default-address-pools", "10.10.0.0/16 8"),
            ("default-address-pools", "10.10.0.0/16 0"),
            ("default-address-pools", "10.10.0.0 24"),
            ("registry-mirrors", "mirror.example"),
            ("registry-mirrors", ""),
            ("registry-mirrors", "https://mirror.example/?ns=docker.io"),
            ("registry-mirrors", "https://me:word@mirror.example"),
            ("insecure-registries", "ftp://registry.example"),
            ("insecure-registries", "registry.example/team"),
            ("exec-opts", "native.cgroupdriver"),
            ("exec-opts", "native.cgroupdriver=cgroup"),
            ("log-level", "verbose"),
            ("mtu", "-1"),
            ("default-gateway", "gateway"),
        ] {
            assert!(refused(key, value).is_some(), "{key} {value}");
        }
        assert_eq!((meant("log-level", "debgu"), meant("log-level", "WARN")), (Some("debug"), None));
        assert_eq!((meant("log-level", "loud"), meant("log-format", "plain")), (None, None));
        let labels = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(conflict(&labels(&["a=1", "b=2", "a=1"])), None);
        assert_eq!(conflict(&labels(&["a=1", "b=2", "a=3"])), Some(("a", "1".to_string())));
        assert_eq!(conflict(&[]), None);
    }
}
