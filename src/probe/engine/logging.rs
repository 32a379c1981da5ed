//! Where the engine's default log driver sends what containers say (moby, daemon/logger), and whether anybody listens there.

use std::net::IpAddr;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::engine::LogTarget;

use super::sockets::{Protocol, Sockets};
use crate::host::Host;
use crate::host::files::Kind;

const SYSLOG: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
const FLUENTD: &str = "127.0.0.1:24224";
const JOURNALD: &str = "/run/systemd/journal/socket";

pub fn target(host: &Host, docker: &DockerFacts) -> Fact<LogTarget> {
    let source = "GET /info: LoggingDriver, log-opts";
    let Some(info) = docker.info.value() else { return Fact::absent(source) };
    let driver = info.logging_driver.as_str();
    if ["", "json-file", "local", "none"].contains(&driver) {
        return Fact::absent(source);
    }
    let settings = docker.settings();
    let address = settings.and_then(|settings| settings.log_address.clone()).unwrap_or_default();
    // Options in dockerd's command count too, and a rootless engine has a network of its own.
    let by_command = docker.command.value().is_some_and(|command| command.options.contains_key("log-opt"));
    let here = !docker.is_elsewhere() && !docker.is_rootless() && !by_command && host.is_live() && !info.is_snap();
    let waits = !settings.is_some_and(|settings| settings.log_async);
    let is_socket = |path: &str| {
        let stat = host.stat(path);
        stat.value().map(|stat| stat.kind == Kind::Socket).or(stat.is_absent().then_some(false))
    };
    let address = match (driver, address.as_str()) {
        ("fluentd", "") => FLUENTD.to_owned(),
        ("syslog", "") => SYSLOG[0].to_owned(),
        ("journald", _) => JOURNALD.to_owned(),
        _ => address,
    };
    let taken = match driver {
        _ if !here => None,
        "journald" => is_socket(JOURNALD),
        "fluentd" if !waits => Some(true),
        "fluentd" => listens(host, &address),
        "syslog" if address == SYSLOG[0] => {
            let found: Option<Vec<bool>> = SYSLOG.into_iter().map(is_socket).collect();
            found.map(|found| found.contains(&true))
        }
        "syslog" | "gelf" => listens(host, &address),
        _ => None,
    };
    Fact::present(LogTarget { driver: driver.into(), address, taken }, source)
}

/// `tcp://127.0.0.1:24224`, `localhost:24224`, `unix:///run/x.sock`; whoever sends datagrams waits for nobody.
fn listens(host: &Host, address: &str) -> Option<bool> {
    let (scheme, place) = address.split_once("://").unwrap_or(("tcp", address));
    match scheme {
        "udp" => Some(true),
        "unix" | "unixgram" => {
            let stat = host.stat(place);
            stat.value().map(|stat| stat.kind == Kind::Socket).or(stat.is_absent().then_some(false))
        }
        "tcp" | "tls" | "tcp+tls" => {
            let (name, port) = place.rsplit_once(':').unwrap_or((place, "24224"));
            let name = name.trim_matches(['[', ']']);
            let at: IpAddr = if name == "localhost" { [127, 0, 0, 1].into() } else { name.parse().ok()? };
            let sockets = Sockets::read(host, Protocol::Tcp, port.parse().ok()?).filter(|_| at.is_loopback())?;
            Some(sockets.hear(at))
        }
        _ => None,
    }
}
