//! Reads what lies around the Docker engine: the client's settings, packages, the kernel's part, and why a start failed. Only
//! files are read, except when the daemon does not answer: then systemd is asked, too.

mod builder;
mod client;
mod helpers;
mod kernel;
mod logging;
mod mounts;
pub mod network;
mod packages;
mod proxy;
pub mod rules;
pub mod sockets;
mod start;

use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::engine::EngineFacts;

use crate::host::Host;

pub fn probe(host: &Host, docker: &DockerFacts) -> EngineFacts {
    let packages = packages::read(host);
    let client_version = client::version(docker, &packages);
    let (helpers, daemon_replaced) = helpers::look(host, docker);
    EngineFacts {
        client_config: client::config(host),
        shell_proxy: client::shell_proxy(host),
        dead_proxy: proxy::dead(host, docker),
        pinned_api: client::pinned_api(host),
        compose: client::compose(host, &packages),
        buildx: client::buildx(host, docker, &client_version),
        builder: builder::look(host, &client::folder(host), docker),
        client_version,
        snap: packages::snap(host),
        sources: packages::sources(host),
        windows_client: client::windows(host),
        start: start::look(host, docker),
        modules: kernel::modules(host),
        reboot_wanted: kernel::reboot_wanted(host),
        clock: kernel::clock(host),
        forwarding: network::forwarding(host),
        forwarding_off_in: network::forwarding_off_in(host),
        bridge_filter: network::bridge_filter(host),
        card_bridges: network::card_bridges(host),
        resolver: network::resolver(host),
        path_mtu: network::path_mtu(host),
        routes: network::routes(host),
        packet_filter: network::packet_filter(host, docker),
        rules: rules::look(host, docker),
        firewall: network::firewall(host),
        apparmor: kernel::apparmor(host),
        cgroup: kernel::cgroup(host, docker),
        systemd: kernel::systemd(host),
        old_cgroups_asked_in: kernel::old_cgroups_asked_in(host),
        limits: kernel::limits(host, docker),
        container_files: kernel::container_files(host, docker),
        container_memlock: kernel::container_memlock(host, docker),
        keys: kernel::keys(host, docker),
        most_files: kernel::most_files(host),
        inotify: kernel::inotify(host),
        libseccomp: kernel::libseccomp(host),
        user_namespaces: kernel::user_namespaces(host),
        no_id_range: kernel::no_id_range(host, docker),
        free_ids: kernel::free_ids(host),
        kvm: kernel::kvm(host, docker),
        containerd_config: helpers::containerd_config(host),
        containerd: helpers::containerd(host, docker),
        bridge: network::bridge(host, docker),
        log_target: logging::target(host, docker),
        data_root: mounts::data_root(host, docker),
        image_store: mounts::image_store(host, docker),
        helpers,
        daemon_replaced,
        packages,
    }
}

/// Reads a number from a one-line file.
fn number(host: &Host, path: &str) -> gdoctor_checks::model::fact::Fact<u64> {
    host.line(path).parse(|text| text.parse().map_err(|_| format!("{text:?} is no number")))
}
