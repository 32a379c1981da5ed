//! What actions do besides writing files: the services that restart or stop, the containers that stop with them, and those that lose
//! their GPUs when systemd reads its units again.

use gdoctor_checks::model::facts::docker::{Container, Info};
use serde::Deserialize;

use std::time::Duration;

use crate::host::process::End;
use crate::host::{Deadline, Host, shell};
use crate::probe::Asker;
use crate::report::Gate;

/// For a service manager's word on one service.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of lines on this host.
#[derive(Debug, Default)]
pub struct Effects {
    /// Units that the lines restart or stop.
    pub services: Vec<String>,
    /// Containers that run now and stop with the engine.
    pub stops: Vec<String>,
    /// Containers that run now and lose the GPUs which NVIDIA's hook has given them.
    pub lose_gpus: Vec<String>,
    /// The engine stops, and does not tell this user of its containers.
    pub untold: bool,
}

/// What the engine says of itself and of the containers that run now; asked once a look, and only where it matters.
#[derive(Debug, Default)]
pub struct Engine {
    /// Containers outlast its restart.
    keeps: bool,
    /// systemd keeps the cgroups of containers.
    by_systemd: bool,
    running: Vec<Container>,
    /// This user may not ask it.
    untold: bool,
}

impl Engine {
    pub fn asked(host: &Host) -> Self {
        let host = &host.renewed();
        let asker = Asker::new(host);
        let info = asker.get::<Info>(host, "/info", "the engine");
        let running = asker.get::<Vec<Container>>(host, "/containers/json", "the engine");
        Self {
            keeps: info.value().is_some_and(|info| info.live_restore_enabled),
            by_systemd: info.value().is_none_or(|info| info.cgroup_driver == "systemd"),
            untold: running.value().is_none() && !nix::unistd::geteuid().is_root() && host.exists("/run/docker.sock"),
            running: running.value().cloned().unwrap_or_default(),
        }
    }

    fn named<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<String> {
        let gate = Gate::default();
        containers.map(|container| gate.text(container.name())).collect()
    }

    /// runc writes the list of devices anew when systemd reads its units again, from the container's own configuration, in which
    /// those that the hook allowed are not.
    fn loses_gpus(&self, host: &Host) -> Vec<String> {
        if !self.by_systemd || !host.exists("/sys/module/nvidia") {
            return Vec::new();
        }
        let host = &host.renewed();
        let asker = Asker::new(host);
        // Of one that cannot be asked it may be so.
        let has_hooks = |id: &str| {
            let asked = asker.get::<Inspected>(host, &format!("/containers/{id}/json"), "its configuration");
            asked.value().is_none_or(Inspected::has_gpus_of_the_hook)
        };
        Self::named(self.running.iter().filter(|container| has_hooks(&container.id)))
    }
}

/// `engine` gives the engine that the lines are about.
pub fn of<'e>(lines: &[&str], host: &Host, engine: impl Fn() -> &'e Engine) -> Effects {
    let services = services(lines, &STOPS);
    let stops = services.iter().any(|unit| is_docker(unit)) && !engine().keeps;
    let reloads = lines.iter().any(|line| line.contains("daemon-reload"));
    Effects {
        untold: stops && engine().untold,
        stops: if stops { Engine::named(engine().running.iter()) } else { Vec::new() },
        lose_gpus: if reloads { engine().loses_gpus(host) } else { Vec::new() },
        services,
    }
}

/// What the engine tells of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Inspected {
    host_config: HostConfig,
    config: Config,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    runtime: String,
    privileged: bool,
    device_requests: Option<Vec<Request>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Request {
    driver: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    env: Option<Vec<String>>,
}

impl Inspected {
    /// By `--gpus`, or by a runtime of NVIDIA's and the variable that it heeds; a privileged one may use every device anyway.
    fn has_gpus_of_the_hook(&self) -> bool {
        let requests = self.host_config.device_requests.iter().flatten();
        let by_option = requests.map(|request| request.driver.as_str()).any(|driver| driver != "cdi");
        let variable = self.config.env.iter().flatten().find_map(|line| line.strip_prefix("NVIDIA_VISIBLE_DEVICES="));
        let by_runtime = self.host_config.runtime.contains("nvidia")
            && variable.is_some_and(|value| !["", "void", "none"].contains(&value));
        (by_option || by_runtime) && !self.host_config.privileged
    }
}

/// The engine itself, or what it cannot run without.
pub fn is_docker(unit: &str) -> bool {
    matches!(unit, "docker" | "docker.service" | "docker.socket" | "containerd" | "containerd.service")
}

/// Services that a line starts, anew too.
pub fn starts(line: &str) -> Vec<String> {
    services(&[line], &["restart", "start", "try-restart"])
}

/// Of these lines' services those that do not run now, by the service manager's own word.
pub fn down(lines: &[&str]) -> Vec<String> {
    let of = |line: &&str| {
        let asked = |unit: &String| match () {
            () if line.contains("systemctl --user") => Some(format!("systemctl --user is-active --quiet {unit}")),
            () if line.contains("systemctl ") => Some(format!("systemctl is-active --quiet {unit}")),
            () if line.contains("rc-service ") => Some(format!("rc-service {unit} status")),
            () if line.contains("service ") => Some(format!("service {unit} status")),
            () => None,
        };
        let is_down = |unit: &String| {
            let said = asked(unit).filter(|_| is_plain(unit)).map(|line| shell::run(&line, Deadline::after(PATIENCE)));
            said.is_some_and(|said| matches!(said.end, End::Exited(code) if code != 0))
        };
        starts(line).into_iter().filter(is_down).collect::<Vec<_>>()
    };
    let mut down: Vec<String> = lines.iter().flat_map(of).collect();
    down.sort();
    down.dedup();
    down
}

/// A name that a shell takes as it is.
pub fn is_plain(unit: &str) -> bool {
    unit.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c))
}

/// Services that lines restart or stop.
const STOPS: [&str; 3] = ["restart", "stop", "try-restart"];

/// Services that lines do one of these to.
fn services(lines: &[&str], verbs: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |unit: &str| {
        if !found.iter().any(|known| known == unit) {
            found.push(unit.to_owned());
        }
    };
    for part in lines.iter().flat_map(|line| line.split("&&")).flat_map(|line| line.split([';', '|'])) {
        let words: Vec<&str> = part.split_whitespace().filter(|word| *word != "sudo" && *word != "--user").collect();
        match words.as_slice() {
            ["systemctl", verb, units @ ..] if verbs.contains(verb) => {
                units.iter().filter(|unit| !unit.starts_with('-')).for_each(|unit| add(unit));
            }
            ["systemctl", "disable" | "mask", "--now", units @ ..] if verbs.contains(&"stop") => {
                units.iter().for_each(|unit| add(unit))
            }
            ["service" | "rc-service", unit, verb] if verbs.contains(verb) => add(unit),
            ["snap", verb, unit] if verbs.contains(verb) => add(unit),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_those_that_the_lines_name() {
        let lines = [
            "sudo systemctl daemon-reload",
            "sudo systemctl restart docker.socket docker.service",
            "systemctl --user restart docker.service",
            "sudo service docker stop; sudo service cups restart",
            "sudo systemctl reset-failed docker",
            "sudo systemctl reload nothing",
        ];
        assert_eq!(services(&lines, &STOPS), ["docker.socket", "docker.service", "docker", "cups"]);
    }

    #[test]
    fn gpus_of_the_hook_are_told_from_others() {
        let has = |text: &str| serde_json::from_str::<Inspected>(text).unwrap().has_gpus_of_the_hook();
        assert!(has(r#"{"HostConfig": {"Runtime": "runc", "DeviceRequests": [{"Driver": "", "Count": -1}]}}"#));
        assert!(has(r#"{"HostConfig": {"Runtime": "nvidia"}, "Config": {"Env": ["NVIDIA_VISIBLE_DEVICES=all"]}}"#));
        assert!(!has(r#"{"HostConfig": {"Runtime": "nvidia"}, "Config": {"Env": ["NVIDIA_VISIBLE_DEVICES=void"]}}"#));
        assert!(!has(
            r#"{"HostConfig": {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]}}"#
        ));
        assert!(!has(r#"{"HostConfig": {"Privileged": true, "DeviceRequests": [{"Driver": "nvidia"}]}}"#));
        assert!(!has(r#"{"HostConfig": {"DeviceRequests": null}, "Config": {"Env": null}}"#));
    }
}
