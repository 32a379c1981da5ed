//! Docker: which endpoint the client would use, what answers there, and what explains a daemon that does not.

mod api;
mod client;
pub mod command;
mod daemon;
mod daemon_json;
mod endpoint;
mod rights;

use gdoctor_checks::model::facts::docker::DockerFacts;

use crate::host::Host;

pub use api::Asker;

pub fn probe(host: &Host) -> DockerFacts {
    let route = endpoint::resolve(host);
    let answers = api::ask(host, &route);
    let client = client::find(host);
    let daemon = daemon::look(host, &route, client.value(), &answers);
    let (elsewhere, waiting) = if answers.came { Default::default() } else { endpoint::elsewhere(host, &route) };
    DockerFacts {
        client,
        socket: endpoint::socket(host, &route),
        elsewhere,
        waiting,
        strangers: endpoint::strangers(host, &route),
        endpoint: route.endpoint,
        reach: answers.reach,
        daemon_program: daemon.program,
        unit: daemon.unit,
        daemon_process: daemon.process,
        daemon_started: daemon.started,
        daemon_rights: daemon.rights,
        config: daemon.config,
        command: daemon.command,
        version: answers.version,
        info: answers.info,
        containers: answers.containers,
    }
}
