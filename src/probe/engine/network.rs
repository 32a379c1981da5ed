//! The kernel's and the host's part in the network of containers: forwarding, resolvers, MTU, routes, packet filters.

use std::net::{IpAddr, Ipv4Addr};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::engine::{Bridge, Firewall, PacketFilter, PathMtu, Resolver, Route};

use crate::host::{Host, sysctl};
use crate::probe::dockerd::Dockerd;

use super::number;
use super::sockets::{Protocol, Sockets};

pub fn forwarding(host: &Host) -> Fact<bool> {
    number(host, "/proc/sys/net/ipv4/ip_forward").map(|value| value == 1)
}

/// The last file that sets forwarding; Absent unless that one switches it off.
pub fn forwarding_off_in(host: &Host) -> Fact<String> {
    let sets = |path: String| {
        let text = host.text(&path);
        let last = sysctl::settings(text.value()?).into_iter().rfind(|(name, _)| name == "net.ipv4.ip_forward");
        last.map(|(_, value)| (path, value))
    };
    let last = sysctl::files(host).into_iter().filter_map(sets).next_back();
    Fact::found(last.filter(|(_, value)| value != "1").map(|(path, _)| path), "/etc/sysctl.d and its like")
}

pub fn bridge_filter(host: &Host) -> Fact<bool> {
    number(host, "/proc/sys/net/bridge/bridge-nf-call-iptables").map(|value| value == 1)
}

pub fn card_bridges(host: &Host) -> Fact<Vec<String>> {
    let class = "/sys/class/net";
    host.list(class).map(|names| {
        let is_card = |port: &String| host.exists(format!("{class}/{port}/device"));
        names
            .into_iter()
            .filter(|name| !name.starts_with("docker") && !name.starts_with("br-"))
            .filter(|name| {
                let ports = host.list(format!("{class}/{name}/brif"));
                ports.value().is_some_and(|ports| ports.iter().any(is_card))
            })
            .collect()
    })
}

/// Of a dockerd that runs on this machine, in this network.
pub fn bridge(host: &Host, docker: &DockerFacts) -> Fact<Bridge> {
    let source = "/sys/class/net";
    let set = docker.setting("bridge", |settings| settings.bridge.clone()).map(|set| set.value);
    let name = set.filter(|name| !name.is_empty()).unwrap_or_else(|| "docker0".into());
    let own = |pid: &u32| {
        let (theirs, mine) = (host.live().link(format!("/proc/{pid}/ns/net")), host.live().link("/proc/self/ns/net"));
        theirs.value().is_none() || theirs.value() == mine.value()
    };
    let here = docker.daemon_process.value().is_some_and(own) && host.is_live() && !docker.is_elsewhere();
    // Without the folder of a machine's interfaces nothing is known.
    if name == "none" || docker.is_rootless() || !here || !host.exists("/sys/class/net/lo") {
        return Fact::absent("the engine's bridge");
    }
    let is_there = host.exists(format!("{source}/{name}"));
    let flags = host.line(format!("{source}/{name}/flags"));
    let flags = flags.value().and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    // IFF_UP. An interface with an address has a route to its network for as long as it is up.
    let is_down = flags.is_some_and(|flags| flags & 1 == 0);
    let routes = host.text("/proc/net/route");
    let routed = |text: &String| text.lines().any(|line| line.split_whitespace().next() == Some(&name));
    let no_address = is_there && !is_down && flags.is_some() && routes.value().is_some_and(|text| !routed(text));
    Fact::present(Bridge { name, is_there, is_down, no_address }, source)
}

pub fn resolver(host: &Host) -> Fact<Resolver> {
    let upstream = host.text("/run/systemd/resolve/resolv.conf");
    let upstream = upstream.value().map(|text| servers(text)).unwrap_or_default();
    let file = host.text("/etc/resolv.conf");
    if file.is_absent() && !host.is_live() {
        let why = "/etc/resolv.conf is written when a system starts, and this root's is not there".into();
        return Fact::unknown(Gap::Unsupported(why), "/etc/resolv.conf");
    }
    file.map(|text| {
        let servers = servers(&text);
        let silent = silent(host, &servers);
        Resolver { servers, upstream, silent }
    })
}

/// Those of the loopback where no socket of this network takes questions. Nothing is sent.
fn silent(host: &Host, servers: &[String]) -> Vec<String> {
    let Some(sockets) = Sockets::read(host, Protocol::Udp, 53) else { return Vec::new() };
    let is_silent = |server: &&String| {
        // Docker's own resolver in a container is one that rules of the packet filter lead to.
        let is_docker = server.as_str() == "127.0.0.11";
        !is_docker && server.parse().is_ok_and(|server: IpAddr| server.is_loopback() && !sockets.hear(server))
    };
    servers.iter().filter(is_silent).cloned().collect()
}

fn servers(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    lines.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

/// /proc/net/route: addresses are hexadecimal in the machine's byte order.
pub struct Line {
    pub interface: String,
    pub route: Route,
    pub metric: u32,
}

pub fn table(text: &str) -> Vec<Line> {
    text.lines().skip(1).filter_map(line).collect()
}

fn line(text: &str) -> Option<Line> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let hex = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    let flags = hex(3)?;
    // RTF_UP 1, RTF_GATEWAY 2, RTF_REJECT 0x200.
    if flags & 1 == 0 || flags & 0x200 != 0 {
        return None;
    }
    let address = |value: u32| Ipv4Addr::from(value.to_ne_bytes());
    let mask = u32::from(address(hex(7)?));
    let bits = u8::try_from(mask.count_ones()).ok()?;
    let interface = (*fields.first()?).to_owned();
    let docker0 = interface == "docker0";
    let id = interface.strip_prefix("br-").filter(|id| id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let by_docker = docker0 || id.is_some();
    let route = Route { network: address(hex(1)?), bits, on_link: flags & 2 == 0, by_docker, docker0 };
    Some(Line { interface, route, metric: fields.get(6)?.parse().ok()? })
}

pub fn routes(host: &Host) -> Fact<Vec<Route>> {
    host.text("/proc/net/route").map(|text| table(&text).into_iter().map(|line| line.route).collect())
}

/// Absent without a default route or without docker0.
pub fn path_mtu(host: &Host) -> Fact<PathMtu> {
    let text = host.text("/proc/net/route");
    if let Some(gap) = text.gap() {
        return Fact::unknown(gap.clone(), "/proc/net/route");
    }
    let lines = text.value().map(|text| table(text)).unwrap_or_default();
    // Half of all addresses each: how VPNs take the default route without replacing it.
    let half = lines.iter().find(|line| line.route.bits == 1);
    let whole = lines.iter().filter(|line| line.route.bits == 0).min_by_key(|line| line.metric);
    let Some(way) = half.or(whole) else { return Fact::absent("/proc/net/route") };
    let mtu = |interface: &str| number(host, &format!("/sys/class/net/{interface}/mtu"));
    let (own, bridge) = (mtu(&way.interface), mtu("docker0"));
    match (own.value(), bridge.value()) {
        (Some(own), Some(bridge)) => Fact::present(
            PathMtu {
                interface: way.interface.clone(),
                mtu: u32::try_from(*own).unwrap_or(u32::MAX),
                bridge: u32::try_from(*bridge).unwrap_or(u32::MAX),
            },
            format!("/sys/class/net/{}/mtu, /sys/class/net/docker0/mtu", way.interface),
        ),
        _ => Fact::absent("/sys/class/net/docker0/mtu"),
    }
}

pub fn packet_filter(host: &Host, docker: &DockerFacts) -> Fact<PacketFilter> {
    let program = Dockerd::look(host, docker).program(host, "iptables");
    if let Some(gap) = program.gap() {
        return Fact::unknown(gap.clone(), &*program.source.0);
    }
    let real = program.value().map(|path| host.real_path(path).value().cloned().unwrap_or_else(|| path.clone()));
    let legacy =
        real.as_deref().is_some_and(|real| real.ends_with("legacy-multi") || real.ends_with("iptables-legacy"));
    let source = program.value().unwrap_or(&program.source.0).to_owned();
    let legacy_in_kernel = !legacy || host.exists("/proc/net/ip_tables_names") || kernel_knows(host, "ip_tables");
    let no_raw_table = legacy && legacy_in_kernel && !kernel_knows(host, "iptable_raw");
    // /usr/sbin/xtables-nft-multi; older ones, and those of other makers, have one name for all.
    let by_nft = real.as_deref().is_some_and(|real| real.ends_with("nft-multi") || real.ends_with("iptables-nft"));
    let no_nf_tables = by_nft && !kernel_knows(host, "nf_tables");
    Fact::present(PacketFilter { legacy, legacy_in_kernel, no_raw_table, no_nf_tables, program: real }, source)
}

/// Loaded, built in or loadable, from wherever modprobe would take it. True also where nobody can tell, without the kernel's lists.
fn kernel_knows(host: &Host, module: &str) -> bool {
    let release = crate::probe::host::kernel(host);
    let Some(release) = release.value() else { return true };
    let list = |file: &str| host.bytes(format!("/lib/modules/{release}/{file}"), MODULES_CAP);
    let (builtin, loadable) = (list("modules.builtin"), list("modules.dep"));
    let (Some(builtin), Some(loadable)) = (builtin.value(), loadable.value()) else { return true };
    let file = format!("/{module}.ko");
    [builtin, loadable].iter().any(|list| memchr::memmem::find(list, file.as_bytes()).is_some())
        || host.exists(format!("/sys/module/{module}"))
}

/// modules.dep of a distribution's kernel has some hundred kilobytes.
pub const MODULES_CAP: usize = 16 << 20;

pub fn firewall(host: &Host) -> Fact<Firewall> {
    let ufw = host.text("/etc/ufw/ufw.conf");
    let ufw = ufw.value().is_some_and(|text| text.lines().any(|line| line.trim().eq_ignore_ascii_case("enabled=yes")));
    let firewalld = host.exists("/run/firewalld.pid") || host.exists("/sys/fs/cgroup/system.slice/firewalld.service");
    let active = [(ufw, "ufw"), (firewalld, "firewalld")].into_iter().filter(|(on, _)| *on);
    let zones = host.list("/etc/firewalld/zones");
    let docker0_zone = zones.value().into_iter().flatten().find_map(|file| {
        let zone = file.strip_suffix(".xml").filter(|zone| *zone != "docker")?;
        let text = host.text(format!("/etc/firewalld/zones/{file}"));
        let bound = text.value()?.contains("<interface name=\"docker0\"");
        bound.then(|| zone.to_owned())
    });
    let conf = host.text("/etc/firewalld/firewalld.conf");
    let strict = |line: &str| {
        let value =
            line.trim().strip_prefix("StrictForwardPorts")?.trim_start().strip_prefix('=')?.trim().to_ascii_lowercase();
        Some(["yes", "true"].contains(&value.as_str()))
    };
    let strict_forward_ports =
        conf.value().and_then(|text| text.lines().filter_map(strict).next_back()).unwrap_or(false);
    Fact::present(
        Firewall { strict_forward_ports, active: active.map(|(_, name)| name.to_owned()).collect(), docker0_zone },
        "/etc/ufw/ufw.conf, /etc/firewalld/zones",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_as_the_kernel_prints_them() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                    docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                    lo\t0000000A\t00000000\t0201\t0\t0\t0\t000000FF\t0\t0\t0\nrubbish\n";
        let lines = table(text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].interface, "eth0");
        assert_eq!((lines[0].route.bits, lines[0].route.on_link, lines[0].metric), (0, false, 100));
        assert_eq!(
            lines[1].route,
            Route { network: Ipv4Addr::new(172, 17, 0, 0), bits: 16, on_link: true, by_docker: true, docker0: true }
        );
    }
}
