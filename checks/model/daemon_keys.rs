//! The keys that dockerd knows in daemon.json, the kind of value each wants, and which engines take it: moby
//! daemon/config/config.go and the flags of dockerd. What an engine does not know stops it at its start. tests/daemon_keys.rs
//! holds the table against real engines.

use super::newest;
use super::version::Version;

/// Two releases between which something changed; where in between nobody has looked.
type Between = (&'static str, &'static str);

struct Key {
    name: &'static str,
    /// By the words of `Settings::kinds`; empty when any will do.
    kind: &'static str,
    /// The last release that was seen to refuse it, and the first that was seen to take it.
    since: Option<Between>,
    /// The last that was seen to take it, and the first that was seen to refuse it.
    until: Option<Between>,
    /// Only a daemon with `experimental` takes it.
    experimental: bool,
}

const fn key(name: &'static str, kind: &'static str) -> Key {
    Key { name, kind, since: None, until: None, experimental: false }
}

const fn since(name: &'static str, kind: &'static str, refused: &'static str, taken: &'static str) -> Key {
    Key { since: Some((refused, taken)), ..key(name, kind) }
}

const fn until(name: &'static str, kind: &'static str, taken: &'static str, refused: &'static str) -> Key {
    Key { until: Some((taken, refused)), ..key(name, kind) }
}

static KEYS: &[Key] = &[
    key("add-runtime", ""),
    since("allow-direct-routing", "switch", "28.1", "28.2"),
    key("allow-nondistributable-artifacts", "list"),
    until("api-cors-header", "text", "27.5", "28.0"),
    key("authorization-plugin", ""),
    key("authorization-plugins", "list"),
    key("bip", "text"),
    since("bip6", "text", "27.5", "28.0"),
    key("bridge", "text"),
    since("bridge-accept-fwmark", "", "28.5", "29.0"),
    key("builder", "object"),
    since("cdi-spec-dir", "", "24", "25"),
    since("cdi-spec-dirs", "list", "24", "25"),
    key("cgroup-parent", "text"),
    until("cluster-advertise", "text", "20.10", "23"),
    until("cluster-store", "text", "20.10", "23"),
    until("cluster-store-opt", "", "20.10", "23"),
    until("cluster-store-opts", "object", "20.10", "23"),
    key("config-file", "text"),
    key("containerd", "text"),
    key("containerd-namespace", "text"),
    key("containerd-plugins-namespace", "text"),
    key("cpu-rt-period", "number"),
    key("cpu-rt-runtime", "number"),
    key("cri-containerd", "switch"),
    key("data-root", "text"),
    key("debug", "switch"),
    key("default-address-pool", ""),
    key("default-address-pools", "list"),
    key("default-cgroupns-mode", "text"),
    key("default-gateway", "text"),
    key("default-gateway-v6", "text"),
    key("default-ipc-mode", "text"),
    since("default-network-opt", "", "23", "24"),
    key("default-network-opts", "object"),
    key("default-runtime", "text"),
    key("default-shm-size", ""),
    since("default-stop-timeout", "number", "29.6", "29.7"),
    key("default-ulimit", ""),
    key("default-ulimits", "object"),
    key("deprecated-key-path", ""),
    until("disable-legacy-registry", "switch", "18.9", "19.3"),
    key("dns", "list"),
    key("dns-opt", ""),
    key("dns-opts", "list"),
    key("dns-search", "list"),
    key("exec-opt", ""),
    key("exec-opts", "list"),
    key("exec-root", "text"),
    key("experimental", "switch"),
    since("feature", "", "26.1", "28.5"),
    key("features", "object"),
    since("firewall-backend", "text", "28.5", "29.0"),
    key("fixed-cidr", "text"),
    key("fixed-cidr-v6", "text"),
    until("graph", "text", "20.10", "23"),
    key("group", "text"),
    key("help", ""),
    key("host", ""),
    key("host-gateway-ip", "text"),
    since("host-gateway-ips", "list", "27.5", "28.0"),
    key("hosts", "list"),
    since("http-proxy", "text", "20.10", "23"),
    since("https-proxy", "text", "20.10", "23"),
    key("icc", "switch"),
    key("init", "switch"),
    key("init-path", "text"),
    key("insecure-registries", "list"),
    key("insecure-registry", ""),
    key("ip", "text"),
    key("ip-forward", "switch"),
    since("ip-forward-no-drop", "switch", "27.5", "28.0"),
    key("ip-masq", "switch"),
    key("ip6tables", "switch"),
    key("iptables", "switch"),
    key("ipv6", "switch"),
    key("label", ""),
    key("labels", "list"),
    key("live-restore", "switch"),
    key("log-driver", "text"),
    since("log-format", "text", "24", "25"),
    key("log-level", "text"),
    key("log-opt", ""),
    key("log-opts", "object"),
    key("max-concurrent-downloads", "number"),
    key("max-concurrent-uploads", "number"),
    key("max-download-attempts", "number"),
    key("metrics-addr", "text"),
    since("min-api-version", "text", "28.5", "29.0"),
    key("mtu", "number"),
    key("network-control-plane-mtu", "number"),
    key("network-diagnostic-port", "number"),
    key("no-new-privileges", "switch"),
    since("no-proxy", "text", "20.10", "23"),
    key("node-generic-resource", ""),
    key("node-generic-resources", "list"),
    since("nri-opts", "", "29.1", "29.2"),
    until("oom-score-adjust", "number", "25", "26"),
    key("pidfile", "text"),
    key("raw-logs", "switch"),
    key("registry-mirror", ""),
    key("registry-mirrors", "list"),
    key("rootless", "switch"),
    key("runtimes", "object"),
    key("seccomp-profile", "text"),
    key("selinux-enabled", "switch"),
    key("shutdown-timeout", "number"),
    key("storage-driver", "text"),
    key("storage-opt", ""),
    key("storage-opts", "list"),
    key("swarm-default-advertise-addr", "text"),
    Key { experimental: true, ..key("swarm-raft-election-tick", "number") },
    Key { experimental: true, ..key("swarm-raft-heartbeat-tick", "number") },
    key("tls", "switch"),
    key("tlscacert", "text"),
    key("tlscert", "text"),
    key("tlskey", "text"),
    key("tlsverify", "switch"),
    key("userland-proxy", "switch"),
    key("userland-proxy-path", "text"),
    key("userns-remap", "text"),
    since("validate", "", "20.10", "23"),
    key("version", ""),
];

/// Whether an engine starts with a key in its daemon.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Yes,
    No,
    /// The engine is newer than what is known here, or lies between two releases that were looked at.
    Unknown,
}

/// The kind that dockerd wants for a key, by the words of `Settings::kinds`; empty when any will do. `None`: no such key.
pub fn wanted(key: &str) -> Option<&'static str> {
    find(key).map(|key| key.kind)
}

/// Options of dockerd's command whose key in daemon.json has another name. dockerd knows a key by its option's name too and starts with it, but
/// reads no value from it: findConfigurationConflicts of moby's daemon/config/config.go.
const NAMED: [(&str, &str); 17] = [
    ("add-runtime", "runtimes"),
    ("authorization-plugin", "authorization-plugins"),
    ("cdi-spec-dir", "cdi-spec-dirs"),
    ("cluster-store-opt", "cluster-store-opts"),
    ("default-address-pool", "default-address-pools"),
    ("default-network-opt", "default-network-opts"),
    ("default-ulimit", "default-ulimits"),
    ("dns-opt", "dns-opts"),
    ("exec-opt", "exec-opts"),
    ("feature", "features"),
    ("host", "hosts"),
    ("insecure-registry", "insecure-registries"),
    ("label", "labels"),
    ("log-opt", "log-opts"),
    ("node-generic-resource", "node-generic-resources"),
    ("registry-mirror", "registry-mirrors"),
    ("storage-opt", "storage-opts"),
];

/// The key of daemon.json that sets what the option of this name does.
pub fn of_option(name: &str) -> Option<&'static str> {
    NAMED.iter().find(|(option, _)| *option == name).map(|(_, key)| *key)
}

/// Every key that is known, of whatever release.
pub fn all() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name)
}

/// Objects whose members are all of one kind.
pub const OBJECTS: [(&str, &str); 2] = [("features", "switch"), ("log-opts", "text")];

/// The same for a member of such an object: `log-opts.max-file`.
pub fn member(key: &str) -> Option<&'static str> {
    let (object, _) = key.split_once('.')?;
    OBJECTS.iter().find(|(name, _)| *name == object).map(|(_, kind)| *kind)
}

/// `engine` is the version that starts next; `None` where nobody knows it: then what some engine takes is taken.
pub fn taken(key: &str, engine: Option<&Version>) -> Taken {
    let (key, engine) = match (find(key), engine) {
        (Some(key), Some(engine)) => (key, engine),
        (Some(_), None) => return Taken::Yes,
        (None, Some(engine)) if *engine > newest::engine() => return Taken::Unknown,
        (None, _) => return Taken::No,
    };
    if key.experimental {
        return Taken::Unknown;
    }
    let at = |text: &str| Version::parse(text).unwrap_or(Version::new(&[]));
    let since = key.since.map_or(Taken::Yes, |(refused, taken)| match () {
        () if *engine >= at(taken) => Taken::Yes,
        () if is_up_to(engine, &at(refused)) => Taken::No,
        () => Taken::Unknown,
    });
    let until = key.until.map_or(Taken::Yes, |(taken, refused)| match () {
        () if *engine >= at(refused) => Taken::No,
        () if is_up_to(engine, &at(taken)) => Taken::Yes,
        () => Taken::Unknown,
    });
    if since == Taken::Yes { until } else { since }
}

/// Of that release or an older one: 28.5.2 is of 28.5.
fn is_up_to(engine: &Version, release: &Version) -> bool {
    engine <= release || (engine.major(), engine.minor()) == (release.major(), release.minor())
}

fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_takes_depends_on_its_release() {
        let taken = |key: &str, engine: &str| taken(key, Version::parse(engine).as_ref());
        assert_eq!(taken("graph", "20.10.24"), Taken::Yes);
        assert_eq!(taken("graph", "23.0.6"), Taken::No);
        assert_eq!(taken("graph", "28.5.2"), Taken::No);
        assert_eq!(taken("bip6", "26.1.5"), Taken::No);
        assert_eq!(taken("bip6", "27.3.1"), Taken::No);
        assert_eq!(taken("bip6", "28.5.2"), Taken::Yes);
        assert_eq!(taken("no-such-key", "28.5.2"), Taken::No);
        assert_eq!(taken("no-such-key", "99.0.0"), Taken::Unknown, "a later release may know it");
        assert_eq!(super::taken("graph", None), Taken::Yes);
        assert_eq!(super::taken("no-such-key", None), Taken::No);
    }

    #[test]
    fn every_release_of_the_table_is_one() {
        let all = KEYS.iter().flat_map(|key| [key.since, key.until]).flatten();
        for (earlier, later) in all {
            assert!(Version::parse(earlier).unwrap() < Version::parse(later).unwrap(), "{earlier} {later}");
        }
    }
}
