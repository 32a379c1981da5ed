//! Do programs of the line get the memory that they lock, or share with others on this host?

use crate::model::prelude::*;
use crate::model::run::{MountKind, RunLine};

pub static CHECK: Check = Check {
    id: "run-line-shared",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("nothing-shared")) };
    let looks = [locked(facts, line), transport(line).map(Ok), ranks(facts, line).map(Ok)];
    let findings: Findings = looks.into_iter().flatten().map(|look| look.unwrap_or_else(Finding::from)).collect();
    if findings.is_empty() { Err(Stop::NotNeeded("nothing-shared")) } else { Ok(findings) }
}

/// RDMA registers the memory that it moves, and registered memory is locked (ibv_reg_mr(3)).
fn locked(facts: &Facts, line: &RunLine) -> Option<Result<Finding, Stop>> {
    let device = line.devices.iter().find(|device| device.host.starts_with("/dev/infiniband"))?;
    let may = |option: &crate::model::run::RunOption| {
        let name = option.value.to_ascii_uppercase();
        ["ALL", "IPC_LOCK", "CAP_IPC_LOCK"].contains(&name.as_str())
    };
    let set = line.all("ulimit").any(|option| option.value.starts_with("memlock="));
    let finding = if line.switch("privileged").is_some() || line.all("cap-add").any(may) || set {
        Finding::pass("may-lock")
    } else {
        let docker = &facts.docker;
        let own = docker.settings().is_some_and(|settings| settings.kinds.contains_key("default-ulimits"));
        let by_unit = facts.engine.container_memlock.value().map(|limit| limit == "infinity");
        let by_process = facts.engine.limits.value().map(|limits| limits.locked_memory.0.is_none());
        match by_unit.or(by_process) {
            _ if own || line.podman || docker.is_elsewhere() || docker.is_rootless() => return None,
            Some(true) => Finding::pass("may-lock"),
            Some(false) => Finding::warn("memlock", "lift-memlock").edit(line.insert("--ulimit memlock=-1")),
            None => return Some(Err(Stop::Unknown(Gap::NotAsked, facts.engine.limits.source.clone()))),
        }
    };
    let finding = finding.about(&device.host).evidence("the line", &*device.at.text);
    Some(Ok(finding.asked_by(&device.at.origin())))
}

/// Fast DDS, the usual transport of ROS 2, takes whoever has the same network for one of its own host, and hands data over by
/// /dev/shm (Fast DDS's documentation, "Leveraging Fast DDS SHM in Docker deployments").
fn transport(line: &RunLine) -> Option<Finding> {
    let network = line.last("network").filter(|option| option.value == "host")?;
    let rmw = line.variable(RMW).map(|variable| variable.at.text.contains("fastrtps"));
    let told = ["FASTDDS_BUILTIN_TRANSPORTS", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"];
    let otherwise = rmw == Some(false) || told.into_iter().any(|name| line.variable(name).is_some());
    if otherwise || !(rmw == Some(true) || is_ros2(line)) {
        return None;
    }
    let mounted = line.mounts.iter().any(|mount| mount.kind == MountKind::Bind && mount.target == "/dev/shm");
    let ipc = line.last("ipc");
    let shares = mounted || ipc.is_some_and(|option| option.value == "host" || option.value.starts_with("container:"));
    let finding = match shares {
        true => Finding::pass("shared"),
        false => Finding::warn("own-memory", "share-memory").edit(match ipc {
            Some(option) => option.at.with_value("host"),
            None => line.insert("--ipc=host"),
        }),
    };
    Some(finding.evidence("the line", &*network.at.text).asked_by(&network.at.origin()))
}

/// Programs with one process a GPU hand data over by /dev/shm (NCCL's user guide, "Troubleshooting, Shared Memory"), of which a
/// container has 64 MiB.
fn ranks(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let own = facts.docker.settings().is_some_and(|settings| settings.shm_size.is_some());
    let shared = line.last("ipc").is_some_and(|option| !["private", "none", ""].contains(&option.value.as_str()));
    let mounted = line.mounts.iter().any(|mount| mount.target == "/dev/shm");
    if own || shared || mounted || line.last("shm-size").is_some() {
        return None;
    }
    line.asks_for_gpu()?;
    let (argument, count) = line.arguments.iter().enumerate().find_map(|(place, argument)| {
        let (name, value) = argument.text.split_once('=').unwrap_or((&argument.text, ""));
        let next = line.arguments.get(place + 1).filter(|_| value.is_empty()).map_or(value, |next| next.text.as_str());
        let count: u32 = next.parse().ok().filter(|count| RANKS.contains(&name) && *count > 1)?;
        Some((argument, count))
    })?;
    let finding = Finding::warn("ranks-need-memory", "give-memory").with("option", &argument.text).with("count", count);
    let finding = finding.edit(line.insert("--ipc=host")).evidence("the line", &*argument.text);
    Some(finding.asked_by(&argument.origin()))
}

/// Options of programs that start several processes with a GPU each: vLLM, SGLang, text-generation-inference, torchrun.
const RANKS: [&str; 9] = [
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "-tp",
    "--tp",
    "--tp-size",
    "--num-shard",
    "--nproc_per_node",
    "--nproc-per-node",
    "--num_processes",
];

/// The variable by which ROS 2 chooses its transport.
const RMW: &str = "RMW_IMPLEMENTATION";

/// By its image. Galactic had another transport.
fn is_ros2(line: &RunLine) -> bool {
    const RELEASES: [&str; 8] = ["foxy", "humble", "iron", "jazzy", "kilted", "lyrical", "rolling", "eloquent"];
    let reference = line.image.as_ref().map_or("", |image| image.reference.as_str());
    let (path, tag) = reference.rsplit_once(':').unwrap_or((reference, ""));
    let name = path.rsplit('/').next().unwrap_or_default();
    name == "ros" && RELEASES.iter().any(|release| tag.starts_with(release))
}
