//! Containers that Docker was to start by itself and could not, because the driver was not there yet.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{DockerFacts, Reach};
use gdoctor_checks::model::facts::toolkit::{Early, Early::*, FailedStart, FailedStarts};
use serde::Deserialize;

use crate::host::Host;
use crate::probe::docker::Asker;

const LIST: &str = "GET /containers/json";
/// So many of the newest stopped containers are looked at; a host may have thousands.
const MOST: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(default)]
    name: String,
    state: State,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    #[serde(default)]
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    restart_policy: Policy,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Policy {
    name: String,
}

/// Docker keeps the words of a start that failed until the next one works. Its list has neither them nor the policy.
pub fn failed_starts(host: &Host, docker: &DockerFacts) -> Fact<FailedStarts> {
    let loaded = ["/sys/module/nvidia", "/sys/module/nvidia_current"].iter().any(|path| host.exists(path));
    if docker.reach.value() != Some(&Reach::Answers) || !loaded {
        return Fact::default();
    }
    let daemon = Asker::new(host);
    // {"status":["created","exited"]}
    let path = "/containers/json?all=true&limit=21&filters=%7B%22status%22%3A%5B%22created%22%2C%22exited%22%5D%7D";
    let rows = daemon.get::<Vec<Row>>(host, path, LIST);
    rows.map(|rows| {
        let more = rows.len() > MOST;
        let ids = rows.iter().take(MOST).filter(|row| row.id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let looked = ids.filter_map(|row| {
            let source = "GET /containers/ID/json";
            daemon.get::<Container>(host, &format!("/containers/{}/json", row.id), source).value().map(of)
        });
        let looked: Vec<Option<FailedStart>> = looked.collect();
        let count = u32::try_from(looked.len()).unwrap_or(u32::MAX);
        FailedStarts { looked: count, more, failed: looked.into_iter().flatten().collect() }
    })
}

fn of(container: &Container) -> Option<FailedStart> {
    let policy = &container.host_config.restart_policy.name;
    let by_itself = ["always", "unless-stopped", "on-failure"].contains(&policy.as_str());
    let missing = missing(&container.state.error).filter(|_| by_itself)?;
    let name = container.name.trim_start_matches('/').to_owned();
    Some(FailedStart { container: name, policy: policy.clone(), missing })
}

/// What was not there, by the words of the toolkit, of runc and of Docker.
fn missing(error: &str) -> Option<Early> {
    if error.contains("nvml error: driver not loaded") {
        return Some(Driver);
    }
    if error.contains("unresolvable CDI devices nvidia.com/") {
        return Some(Spec);
    }
    let absent = error.contains("no such file or directory");
    let (_, node) = error.split_once("/dev/nvidia").filter(|_| absent)?;
    let end = node.find(|c: char| !(c.is_ascii_alphanumeric() || "-/".contains(c))).unwrap_or(node.len());
    Some(Node(format!("/dev/nvidia{}", &node[..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_there_yet() {
        let hook = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container \
            process: error running hook #0: error running hook: exit status 1, stdout: , stderr: nvidia-container-cli: \
            initialization error: nvml error: driver not loaded: unknown";
        assert_eq!(missing(hook), Some(Driver));
        let node = "CDI device injection failed: failed to inject devices: failed to stat CDI host device \"/dev/nvidia-uvm\": \
            no such file or directory";
        assert_eq!(missing(node), Some(Node("/dev/nvidia-uvm".into())));
        assert_eq!(missing("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all"), Some(Spec));
        for other in ["", "nvidia-container-cli: device error: 1: unknown device", "bind: address already in use"] {
            assert_eq!(missing(other), None, "{other}");
        }
    }
}
