//! Labels for the runners of a CI system, in one line: what this host has and what was seen to work. What fails, or could not be
//! told, gives no label.

use crate::policy::Status;
use crate::report::{Outcome, Report};

/// `docker,docker-28,gpu,gpu-2,gpu-memory-24g,nvidia-driver-580,nvidia-container-toolkit-1.17,x11,camera`.
pub fn render(report: &Report) -> String {
    let works = |name: &str| {
        let family = report.families.iter().find(|family| family.name == name);
        family.is_some_and(|family| matches!(family.status, Status::Pass | Status::Warn))
    };
    let seen = |group: &str, code: &str| {
        let passed = |o: &&Outcome| o.group == group && o.status == Status::Pass && o.code.starts_with(code);
        works(group) && report.results.iter().any(|outcome| passed(&outcome))
    };
    let host = &report.host;
    let mut labels: Vec<String> = Vec::new();
    if works("docker") && !host.docker.is_empty() {
        labels.extend(["docker".into(), format!("docker-{}", first(&host.docker, 1))]);
    }
    if works("nvidia") && !host.driver.is_empty() {
        let memory: Vec<u64> = report.gauges.iter().filter(|g| g.kind == "GPU memory").map(|g| g.total).collect();
        labels.push("gpu".into());
        labels.extend((!memory.is_empty()).then(|| format!("gpu-{}", memory.len())));
        labels.extend(memory.iter().min().map(|least| format!("gpu-memory-{}g", least >> 30)));
        labels.push(format!("nvidia-driver-{}", first(&host.driver, 1)));
        labels.extend(
            (!host.toolkit.is_empty()).then(|| format!("nvidia-container-toolkit-{}", first(&host.toolkit, 2))),
        );
    }
    labels.extend(seen("display", "display-server/reached").then(|| "x11".into()));
    labels.extend(seen("camera", "").then(|| "camera".into()));
    format!("{}\n", labels.join(","))
}

/// The first numbers of a version.
fn first(version: &str, numbers: usize) -> String {
    let part: Vec<&str> = version.split(['.', '-', '+', '~']).take(numbers).collect();
    part.join(".").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect()
}
