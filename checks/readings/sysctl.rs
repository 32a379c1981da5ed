//! Which of the kernel's network settings belong to the whole host, so that no container has them of its own.

use crate::model::version::Version;

/// Settings that a network namespace of its own does not have, or only to read, in Linux 6.18: net_core_table of
/// net/core/sysctl_net_core.c and its like, which are registered for the host's namespace alone. Settings went into the
/// namespaces over the years, and none went back: what 6.18 keeps for the host, older kernels keep for it too.
const OF_THE_HOST: [&str; 55] = [
    "net.core.bpf_jit_enable",
    "net.core.bpf_jit_harden",
    "net.core.bpf_jit_kallsyms",
    "net.core.bpf_jit_limit",
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.default_qdisc",
    "net.core.dev_weight",
    "net.core.dev_weight_rx_bias",
    "net.core.dev_weight_tx_bias",
    "net.core.devconf_inherit_init_net",
    "net.core.fb_tunnels_only_for_init_net",
    "net.core.flow_limit_cpu_bitmap",
    "net.core.flow_limit_table_len",
    "net.core.gro_normal_batch",
    "net.core.high_order_alloc_disable",
    "net.core.max_skb_frags",
    "net.core.mem_pcpu_rsv",
    "net.core.message_burst",
    "net.core.message_cost",
    "net.core.netdev_budget",
    "net.core.netdev_budget_usecs",
    "net.core.netdev_max_backlog",
    "net.core.netdev_rss_key",
    "net.core.netdev_tstamp_prequeue",
    "net.core.netdev_unregister_timeout_secs",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.rps_sock_flow_entries",
    "net.core.skb_defer_max",
    "net.core.warnings",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.fib_sync_mem",
    "net.ipv4.inet_peer_maxttl",
    "net.ipv4.inet_peer_minttl",
    "net.ipv4.inet_peer_threshold",
    "net.ipv4.route.error_burst",
    "net.ipv4.route.error_cost",
    "net.ipv4.route.gc_elasticity",
    "net.ipv4.route.gc_interval",
    "net.ipv4.route.gc_min_interval",
    "net.ipv4.route.gc_min_interval_ms",
    "net.ipv4.route.gc_thresh",
    "net.ipv4.route.gc_timeout",
    "net.ipv4.route.max_size",
    "net.ipv4.route.redirect_load",
    "net.ipv4.route.redirect_number",
    "net.ipv4.route.redirect_silence",
    "net.ipv4.tcp_allowed_congestion_control",
    "net.ipv4.tcp_low_latency",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_mem",
    "net.ipv4.udp_mem",
    "net.nf_conntrack_max",
];
/// Settings that went into the network namespaces with this kernel.
const SINCE: [(&str, [u32; 2]); 2] = [("net.ipv4.tcp_rmem", [4, 15]), ("net.ipv4.tcp_wmem", [4, 15])];
/// Before that kernel, and the stable ones of its time, a container could set it, for the whole host (Linux 97684f0970f6).
const HELD_SINCE: (&str, [u32; 2]) = ("net.ipv4.tcp_allowed_congestion_control", [5, 12]);
/// The newest kernel whose sources were looked at.
const LOOKED_AT: [u32; 2] = [6, 18];

/// True: no container can set it on this kernel. `None`: this kernel is newer than what is known here, or not known.
pub fn is_of_the_host(key: &str, kernel: Option<&str>) -> Option<bool> {
    let since = SINCE.iter().find(|(name, _)| *name == key).map(|(_, since)| *since);
    if since.is_none() && !OF_THE_HOST.contains(&key) {
        return Some(false);
    }
    let kernel = Version::leading(kernel?)?;
    if let Some(since) = since {
        return Some([kernel.major(), kernel.minor()] < since);
    }
    let known = [kernel.major(), kernel.minor()];
    (known <= LOOKED_AT && !(key == HELD_SINCE.0 && known < HELD_SINCE.1)).then_some(true)
}
