//! Do programs of the line get the memory that they lock, or share with others on this host?

use crate::model::prelude::*;
use crate::model::run::{Argument, MountKind, RunLine, bytes};

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
    let looks = [locked(facts, line), transport(line).map(Ok), workers(facts, line).map(Ok)];
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

/// Several processes that work on one model hand each other data by /dev/shm: NCCL's, and those of PyTorch's data loaders.
/// Docker gives 64 MiB of it. What says that there are several: an option with a count, a launcher, or an image whose makers
/// ask for more whatever runs in it.
fn workers(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let served = line.asks_for_gpu().is_some() || facts.is_served_by_nvidias(line);
    // Podman's own default may be written in containers.conf.
    if line.podman || !served {
        return None;
    }
    let (subject, at) = several(facts, line).or_else(|| trains(line))?;
    let own = facts.docker.setting("default-shm-size", |settings| settings.shm_size.as_deref());
    let own = own.and_then(|set| bytes(set.value)).is_some_and(|size| size > DEFAULT_SHM);
    let mounted = line.mounts.iter().any(|mount| mount.target.trim_end_matches('/') == "/dev/shm");
    let ipc = line.last("ipc");
    let shares =
        ipc.is_some_and(|option| option.at.opaque || option.value == "host" || option.value.starts_with("container:"));
    let size = line.last("shm-size");
    let enough =
        size.is_some_and(|option| option.at.opaque || bytes(&option.value).is_some_and(|size| size > DEFAULT_SHM));
    let finding = if mounted || shares || enough || own && size.is_none() {
        Finding::pass("room-to-share")
    } else {
        Finding::warn("little-to-share", "more-to-share").edit(match ipc {
            Some(option) => option.at.with_value("host"),
            None => line.insert("--ipc=host"),
        })
    };
    Some(finding.about(subject).evidence("the line", &*at.text).asked_by(&at.origin()))
}

/// What docker gives where nobody sets it: moby daemon/config DefaultShmSize.
const DEFAULT_SHM: u64 = 64 << 20;

/// Options that say over how many processes a program spreads: of vLLM, SGLang, TGI, TensorRT-LLM, torchrun, accelerate and
/// DeepSpeed.
const COUNTS: [&str; 20] = [
    "--tensor-parallel-size",
    "--tensor_parallel_size",
    "-tp",
    "--tp",
    "--tp-size",
    "--tp_size",
    "--pipeline-parallel-size",
    "-pp",
    "--pp-size",
    "--pp_size",
    "--data-parallel-size",
    "-dp",
    "--dp-size",
    "--num-shard",
    "--nproc-per-node",
    "--nproc_per_node",
    "--num_processes",
    "--num_gpus",
    "--num-gpus",
    "--world_size",
];

/// The option that asks for two processes or more.
fn several<'a>(facts: &Facts, line: &'a RunLine) -> Option<(String, &'a Argument)> {
    let words: Vec<(&str, &Argument)> = line
        .arguments
        .iter()
        .flat_map(|argument| {
            argument.text.split_whitespace().map(move |word| (word.trim_matches(['"', '\'']), argument))
        })
        .collect();
    let gpus = facts.nvidia.usable_gpus().count();
    let is_several = |value: &str| match value {
        // torchrun's words for as many as there are GPUs.
        "gpu" | "auto" => gpus > 1,
        number => number.parse::<u32>().is_ok_and(|count| count > 1),
    };
    let is_there = |is: &dyn Fn(&str) -> bool| words.iter().any(|(word, _)| is(word));
    let (of_nccl, of_mpi) = (is_there(&|word| word.ends_with("_perf")), is_there(&|word| word == "mpirun"));
    let counts = |name: &str| match name {
        "-g" => of_nccl,
        "-n" | "-np" => of_mpi,
        name => COUNTS.contains(&name),
    };
    let option = words.iter().enumerate().find_map(|(at, (word, argument))| {
        let (name, value) = match word.split_once('=') {
            Some(parts) => parts,
            None => (*word, words.get(at + 1)?.0),
        };
        (counts(name) && is_several(value)).then(|| (format!("{name} {value}"), *argument))
    });
    option.or_else(|| {
        let variable = line.variable("NUM_SHARD")?;
        let value = variable.at.text.rsplit_once('=')?.1.trim_matches(['"', '\'']);
        is_several(value).then(|| (format!("NUM_SHARD={value}"), &variable.at))
    })
}

/// Images whose makers ask for more shared memory whatever is trained in them: the README of pytorch/pytorch, the notice of
/// NVIDIA's, Ultralytics' documentation.
const TRAINERS: [&str; 5] = [
    "pytorch/pytorch",
    "nvcr.io/nvidia/pytorch",
    "nvcr.io/nvidia/nemo",
    "nvcr.io/nvidia/tao/tao-toolkit",
    "ultralytics/ultralytics",
];

/// A program that may well load data by several processes, in such an image.
fn trains(line: &RunLine) -> Option<(String, &Argument)> {
    let image = line.image.as_ref()?;
    let path = image.reference.strip_prefix("docker.io/").unwrap_or(&image.reference);
    let path = path.split(['@', ':']).next().unwrap_or_default();
    let words: Vec<&str> = line.arguments.iter().flat_map(|argument| argument.text.split_whitespace()).collect();
    let script = words.iter().any(|word| word.trim_matches(['"', '\'']).ends_with(".py"));
    let trains = script || words.iter().any(|word| ["train", "torchrun", "accelerate", "deepspeed"].contains(word));
    (TRAINERS.contains(&path) && trains).then(|| (path.to_string(), &image.at))
}

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
