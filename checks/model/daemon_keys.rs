//! The keys that dockerd knows in daemon.json, and the kind of value each wants: moby daemon/config/config.go and the flags of
//! dockerd from 19.03 to 29. A key that is not here stops dockerd at its start.

/// `true` or `false`.
const SWITCHES: [&str; 21] = [
    "allow-direct-routing",
    "cri-containerd",
    "debug",
    "disable-legacy-registry",
    "experimental",
    "icc",
    "init",
    "ip-forward",
    "ip-forward-no-drop",
    "ip-masq",
    "ip6tables",
    "iptables",
    "ipv6",
    "live-restore",
    "no-new-privileges",
    "raw-logs",
    "rootless",
    "selinux-enabled",
    "tls",
    "tlsverify",
    "userland-proxy",
];

/// A number without quotes.
const NUMBERS: [&str; 12] = [
    "cpu-rt-period",
    "cpu-rt-runtime",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "mtu",
    "network-control-plane-mtu",
    "network-diagnostic-port",
    "oom-score-adjust",
    "shutdown-timeout",
    "swarm-raft-election-tick",
    "swarm-raft-heartbeat-tick",
];

/// A text in quotes.
const TEXTS: [&str; 44] = [
    "api-cors-header",
    "bip",
    "bip6",
    "bridge",
    "cgroup-parent",
    "cluster-advertise",
    "cluster-store",
    "config-file",
    "containerd",
    "containerd-namespace",
    "containerd-plugin-namespace",
    "containerd-plugins-namespace",
    "data-root",
    "default-cgroupns-mode",
    "default-gateway",
    "default-gateway-v6",
    "default-ipc-mode",
    "default-runtime",
    "exec-root",
    "firewall-backend",
    "fixed-cidr",
    "fixed-cidr-v6",
    "graph",
    "group",
    "host-gateway-ip",
    "http-proxy",
    "https-proxy",
    "init-path",
    "ip",
    "log-driver",
    "log-format",
    "log-level",
    "metrics-addr",
    "min-api-version",
    "no-proxy",
    "pidfile",
    "seccomp-profile",
    "storage-driver",
    "swarm-default-advertise-addr",
    "tlscacert",
    "tlscert",
    "tlskey",
    "userland-proxy-path",
    "userns-remap",
];

/// A list in brackets.
const LISTS: [&str; 15] = [
    "allow-nondistributable-artifacts",
    "authorization-plugins",
    "cdi-spec-dirs",
    "default-address-pools",
    "dns",
    "dns-opts",
    "dns-search",
    "exec-opts",
    "host-gateway-ips",
    "hosts",
    "insecure-registries",
    "labels",
    "node-generic-resources",
    "registry-mirrors",
    "storage-opts",
];

/// Names and values in braces.
const OBJECTS: [&str; 7] =
    ["builder", "cluster-store-opts", "default-network-opts", "default-ulimits", "features", "log-opts", "runtimes"];

/// Of more than one kind, or of no weight.
const OTHERS: [&str; 8] = [
    "bridge-accept-fwmark",
    "default-network-opt",
    "default-shm-size",
    "deprecated-key-path",
    "help",
    "nri-opts",
    "validate",
    "version",
];

/// The kind that dockerd wants for a key, by the words of `Settings::kinds`; empty when any will do. `None`: no such key.
pub fn wanted(key: &str) -> Option<&'static str> {
    let lists: [(&[&str], &str); 6] = [
        (&SWITCHES, "switch"),
        (&NUMBERS, "number"),
        (&TEXTS, "text"),
        (&LISTS, "list"),
        (&OBJECTS, "object"),
        (&OTHERS, ""),
    ];
    lists.iter().find(|(keys, _)| keys.contains(&key)).map(|(_, kind)| *kind)
}
