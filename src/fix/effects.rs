//! What actions do besides writing files: the services that restart or stop, the containers that stop with them, and those that lose
//! their GPUs when systemd reads its units again.

use gdoctor_checks::model::facts::docker::{Container, Info};
use serde::Deserialize;

use std::collections::{BTreeMap, BTreeSet};
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
    /// The engine stops or starts, and does not tell of its containers: what can be said of them, a sentence.
    pub untold: Option<String>,
}

/// What the engine says of itself and of the containers that run now; asked once a look, and only where it matters.
#[derive(Debug, Default)]
pub struct Engine {
    /// Containers outlast its restart.
    keeps: bool,
    /// systemd keeps the cgroups of containers.
    by_systemd: bool,
    running: Vec<Container>,
    untold: Option<String>,
}

/// Of an engine that does not answer this user.
const UNTOLD: &str =
    "The engine does not answer this user: containers that run now stop with it, and are not listed here.";
/// The kernel cuts names of programs at 15 letters: containerd-shim-runc-v2.
const SHIM: &str = "containerd-shim";
/// More ids than these say nothing more.
const NAMED: usize = 8;

impl Engine {
    pub fn asked(host: &Host) -> Self {
        let host = &host.renewed();
        let asker = Asker::new(host);
        let info = asker.get::<Info>(host, "/info", "the engine");
        let running = asker.get::<Vec<Container>>(host, "/containers/json", "the engine");
        Self {
            keeps: info.value().is_some_and(|info| info.live_restore_enabled),
            by_systemd: info.value().is_none_or(|info| info.cgroup_driver == "systemd"),
            untold: running.value().is_none().then(|| untold(host)).flatten(),
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
    let of_docker = |units: &[String]| units.iter().any(|unit| is_docker(unit));
    let touches = of_docker(&services) || lines.iter().any(|line| of_docker(&starts(line)));
    let stops = of_docker(&services) && !engine().keeps;
    let reloads = lines.iter().any(|line| line.contains("daemon-reload"));
    Effects {
        untold: touches.then(|| engine().untold.clone()).flatten(),
        stops: if stops { Engine::named(engine().running.iter()) } else { Vec::new() },
        lose_gpus: if reloads { engine().loses_gpus(host) } else { Vec::new() },
        services,
    }
}

/// What can be said of the containers of an engine that does not answer. None: nothing speaks for any.
fn untold(host: &Host) -> Option<String> {
    let left = left_running(host);
    if left.is_empty() {
        let is_asked = !nix::unistd::geteuid().is_root() && host.exists("/run/docker.sock");
        return is_asked.then(|| UNTOLD.to_owned());
    }
    let more = if left.len() > NAMED { ", …" } else { "" };
    let ids: Vec<&str> = left.iter().take(NAMED).map(String::as_str).collect();
    Some(format!(
        "The engine does not answer, and containers of it run on, as their processes ({SHIM}) show: {} ({}{more}). dockerd ends \
         them when it starts, unless it has live-restore.",
        left.len(),
        ids.join(", ")
    ))
}

/// The short ids of the containers whose shims run: they outlast a dockerd that ends otherwise than in good order.
fn left_running(host: &Host) -> Vec<String> {
    let live = host.live();
    let id = |pid: &String| {
        let is_shim = pid.parse::<u32>().is_ok() && live.line(format!("/proc/{pid}/comm")).value()? == SHIM;
        let line = is_shim.then(|| live.text(format!("/proc/{pid}/cmdline")))?;
        let words: Vec<&str> = line.value()?.split('\0').collect();
        let of = |option: &str| words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1).copied());
        let id = of("-id").filter(|_| of("-namespace") == Some("moby"))?;
        Some(id.chars().filter(char::is_ascii_alphanumeric).take(12).collect())
    };
    let all = live.list("/proc");
    let mut ids: Vec<String> = all.value().into_iter().flatten().filter_map(id).collect();
    ids.sort();
    ids.dedup();
    ids
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

/// The engine itself, and what it cannot run without.
pub const DOCKER: [&str; 3] = ["docker", "docker.socket", "containerd"];

pub fn is_docker(unit: &str) -> bool {
    DOCKER.contains(&plain(unit))
}

/// docker.service is docker.
fn plain(unit: &str) -> &str {
    unit.strip_suffix(".service").unwrap_or(unit)
}

/// Services that a line starts, anew too.
pub fn starts(line: &str) -> Vec<String> {
    services(&[line], &["restart", "start", "try-restart"])
}

/// What starts and stops the services of a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manager {
    System,
    User,
    OpenRc,
    Scripts,
}

impl Manager {
    fn of(line: &str) -> Option<Self> {
        let all = [
            ("systemctl --user ", Self::User),
            ("systemctl ", Self::System),
            ("rc-service ", Self::OpenRc),
            ("service ", Self::Scripts),
        ];
        all.into_iter().find(|(word, _)| line.contains(word)).map(|(_, manager)| manager)
    }

    /// Whether it runs, by the manager's own word; None where there is no such service, or no word.
    fn runs(self, unit: &str) -> Option<bool> {
        let ask = |line: &str| is_plain(unit).then(|| shell::run(line, Deadline::after(PATIENCE)));
        let by_script = |line: String| match ask(&line)?.end {
            // A script that cannot read its own files ends so, whatever runs: dash's 2, and what it did not find.
            End::Exited(2 | 126 | 127) => None,
            End::Exited(code) => Some(code == 0),
            _ => None,
        };
        let by_systemd = |manager: &str| {
            let said = ask(&format!("{manager} show {unit} --property=LoadState,ActiveState"))?.text;
            let of = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            match (of("LoadState")?, of("ActiveState")?) {
                ("not-found", _) => None,
                (_, "active" | "reloading") => Some(true),
                (_, "inactive" | "failed" | "activating" | "deactivating") => Some(false),
                _ => None,
            }
        };
        match self {
            // Without a bus systemd answers root alone.
            Self::System => by_systemd("systemctl").or_else(|| by_systemd("sudo -n systemctl")),
            Self::User => by_systemd("systemctl --user"),
            Self::OpenRc => by_script(format!("rc-service {unit} status")),
            Self::Scripts => by_script(format!("service {unit} status"))
                .or_else(|| (unit == "docker").then(|| by_script("pgrep -u 0 -x dockerd".into())).flatten()),
        }
    }

    fn stop(self, units: &[String]) -> Vec<String> {
        let each = |line: &dyn Fn(&String) -> String| units.iter().map(line).collect();
        match self {
            Self::System => vec![format!("sudo systemctl stop {}", units.join(" "))],
            Self::User => vec![format!("systemctl --user stop {}", units.join(" "))],
            Self::OpenRc => each(&|unit| format!("sudo rc-service {unit} stop")),
            Self::Scripts => each(&|unit| format!("sudo service {unit} stop")),
        }
    }
}

/// docker.service brings these up with it.
const BROUGHT: [&str; 2] = ["docker.socket", "containerd"];

/// All that the lines start, each with what starts it.
fn started(lines: &[&str]) -> BTreeSet<(Manager, String)> {
    let of = |line: &&str| {
        let manager = Manager::of(line)?;
        let mut units: Vec<String> = starts(line).iter().map(|unit| plain(unit).to_owned()).collect();
        if manager == Manager::System && units.iter().any(|unit| unit == "docker") {
            units.extend(BROUGHT.map(str::to_owned));
        }
        Some(units.into_iter().map(move |unit| (manager, unit)))
    };
    lines.iter().filter_map(of).flatten().collect()
}

/// Of what these lines start what does not run now.
pub fn down(lines: &[&str]) -> Vec<String> {
    let down = started(lines).into_iter().filter(|(manager, unit)| manager.runs(unit) == Some(false));
    down.map(|(_, unit)| unit).collect()
}

/// What stops those of these units that run now, as these lines have started them.
pub fn stopping(lines: &[&str], units: &[String]) -> Vec<String> {
    let mut running: BTreeMap<Manager, Vec<String>> = BTreeMap::new();
    for (manager, unit) in started(lines) {
        if is_among(&unit, units) && manager.runs(&unit) == Some(true) {
            running.entry(manager).or_default().push(unit);
        }
    }
    running.into_iter().flat_map(|(manager, units)| manager.stop(&units)).collect()
}

/// The line without what starts these units; None where nothing is left. One whose parts decide over each other stays as it is, but for
/// one that does nothing else.
pub fn without_starts(line: &str, units: &[String]) -> Option<String> {
    let only_starts = |part: &str| {
        let started = starts(part);
        !started.is_empty() && !part.contains("&&") && started.iter().all(|unit| is_among(unit, units))
    };
    if line.split("||").all(only_starts) {
        return None;
    }
    if line.contains([';', '|']) {
        return Some(line.to_owned());
    }
    let kept = |part: &&str| {
        let started = starts(part);
        started.is_empty() || started.iter().any(|unit| !is_among(unit, units))
    };
    let without = |part: &str| match starts(part).is_empty() {
        true => part.to_owned(),
        false => part.split(' ').filter(|word| !is_among(word, units)).collect::<Vec<_>>().join(" "),
    };
    let parts: Vec<String> = line.split(" && ").filter(kept).map(without).collect();
    (!parts.is_empty()).then(|| parts.join(" && "))
}

fn is_among(unit: &str, units: &[String]) -> bool {
    units.iter().any(|known| plain(known) == plain(unit))
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
            ["systemctl", "enable", "--now", units @ ..] if verbs.contains(&"start") => {
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
    fn a_line_loses_the_starts_of_what_is_to_stay_down() {
        let down = ["docker".to_owned(), "docker.socket".to_owned()];
        let left = |line: &str| without_starts(line, &down).unwrap_or_default();
        let removed = "sudo rm /x.conf && sudo systemctl daemon-reload";
        assert_eq!(left(&format!("{removed} && sudo systemctl restart docker")), removed);
        assert_eq!(left("sudo systemctl restart containerd docker.service"), "sudo systemctl restart containerd");
        assert_eq!(left("sudo systemctl restart docker"), "");
        assert_eq!(left("sudo service docker restart || sudo service docker start"), "");
        let either = "sudo rm /x && sudo service docker restart || sudo service docker start";
        assert_eq!(left(either), either);
        for line in ["sudo systemctl stop docker && sudo umount /x", "[ -e /x ] || sudo service docker start", "ls  a"]
        {
            assert_eq!(left(line), line);
        }
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
