//! Docker: which endpoint the client would use, what answers there, and what explains a daemon that does not.

mod api;
mod client;
pub mod command;
mod daemon;
pub mod daemon_json;
mod endpoint;
pub mod kubernetes;
mod podman;
mod restarting;
mod rights;
mod sandbox;
pub mod variables;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Address, DockerFacts, Info};

use crate::host::Host;

pub use api::Asker;

pub fn probe(host: &Host) -> DockerFacts {
    let route = endpoint::resolve(host);
    let answers = api::ask(host, &route);
    let client = client::find(host);
    let daemon = daemon::look(host, &route, client.value(), &answers);
    let other_kernel = other_kernel(host, &answers.info);
    let far = other_kernel.value().is_some()
        || !matches!(route.endpoint.value().map(|endpoint| &endpoint.address), Some(Address::Unix(_)));
    let restarting = restarting::look(host, &answers.info, &answers.containers, far);
    let ssh = endpoint::ssh(host, &route.endpoint);
    let (elsewhere, waiting) = if answers.came { Default::default() } else { endpoint::elsewhere(host, &route) };
    let kubernetes = kubernetes::find(host);
    DockerFacts {
        client_off_path: client::off_path(host, &client),
        client,
        socket: endpoint::socket(host, &route),
        elsewhere,
        waiting,
        strangers: endpoint::strangers(host, &route),
        tls_file: endpoint::tls_file(host, &route.endpoint),
        endpoint: route.endpoint,
        reach: answers.reach,
        daemon_program: daemon.program,
        nvidia_ctk: daemon.nvidia_ctk,
        unit: daemon.unit,
        daemon_process: daemon.process,
        pid_file: daemon.pid_file,
        daemon_started: daemon.started,
        daemon_rights: daemon.rights,
        config: daemon.config,
        command: daemon.command,
        version: answers.version,
        info: answers.info,
        containers: answers.containers,
        restarting,
        podman: podman::find(host),
        pod_runtimes: kubernetes::runtimes(host, &kubernetes),
        kubernetes,
        other_kernel,
        ssh,
    }
}

/// A container of the engine's own machine sees the same kernel.
fn other_kernel(host: &Host, info: &Fact<Info>) -> Fact<String> {
    let source = "GET /info, KernelVersion";
    let own = match super::host::kernel(host) {
        own if own.value().is_some() => own,
        _ => host.live().line("/proc/sys/kernel/osrelease"),
    };
    match (info.value().map(|info| info.kernel_version.as_str()), own.value()) {
        (Some(theirs), Some(own)) if !theirs.is_empty() && theirs != own => Fact::present(theirs.into(), source),
        (Some(_), Some(_)) => Fact::absent(source),
        _ => Fact::unknown(Gap::NotAsked, source),
    }
}
