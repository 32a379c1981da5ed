//! Looks at what the other groups of facts saw: GPUs, the engine, cameras. Nothing is asked twice.

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::camera::{Node, Opened, Queue, Role};
use gdoctor_checks::model::facts::docker::Info;
use gdoctor_checks::model::facts::nvidia::{ComputeMode, NvidiaFacts, NvmlGpu};
use gdoctor_checks::model::own::Look;

use super::form::{Value, fits};
use super::kinds::{Eyes, Sights};

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

fn number(value: impl Into<f64>) -> Value {
    Value::Number(value.into())
}

pub fn gpu(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let facts = &eyes.facts.nvidia;
    let nvml = &facts.nvml;
    let whole = |fact: Fact<Value>| vec![("the GPUs".to_owned(), fact)];
    // Without a GPU on the bus and without a driver there is nothing that anybody could ask.
    if facts.gpus.is_absent() && facts.module.is_absent() && facts.dxg.is_absent() && nvml.listed.value().is_none() {
        let source = facts.gpus.source.0.clone();
        return whole(if key == "count" { Fact::present(number(0), source) } else { Fact::absent(source) });
    }
    match key {
        "driver" => return whole(nvml.driver.clone().map(Value::Text)),
        "cuda" => return whole(nvml.cuda.clone().map(Value::Text)),
        _ => {}
    }
    if let Some(gap) = nvml.listed.gap() {
        return whole(Fact::unknown(gap.clone(), nvml.listed.source.0.clone()));
    }
    let which = look.target("which");
    let index = |gpu: &NvmlGpu| gpu.index.to_string();
    let fitting: Vec<&NvmlGpu> = nvml
        .gpus
        .iter()
        .filter(|gpu| {
            which.is_empty() || [&index(gpu), &gpu.uuid, &gpu.address, &gpu.name].iter().any(|own| fits(which, own))
        })
        .collect();
    if key == "count" {
        return whole(Fact::present(number(fitting.len() as f64), "NVML"));
    }
    if fitting.is_empty() {
        return whole(Fact::absent("NVML"));
    }
    fitting.into_iter().map(|gpu| (format!("GPU {}", gpu.index), of_gpu(facts, gpu, key))).collect()
}

fn of_gpu(facts: &NvidiaFacts, gpu: &NvmlGpu, key: &str) -> Fact<Value> {
    if let Some(refusal) = gpu.refused {
        return Fact::unknown(Gap::Unsupported(refusal.to_string()), "NVML");
    }
    let mode = |mode: ComputeMode| match mode {
        ComputeMode::Default => "default",
        ComputeMode::ExclusiveThread => "exclusive-thread",
        ComputeMode::Prohibited => "prohibited",
        ComputeMode::ExclusiveProcess => "exclusive-process",
    };
    match key {
        "name" => Fact::present(text(&gpu.name), "NVML"),
        "compute-capability" => gpu.compute_capability.clone().map(Value::Text),
        "memory" => gpu.memory.clone().map(|memory| Value::Size(memory.total)),
        "memory-free" => gpu.memory.clone().map(|memory| Value::Size(memory.free)),
        "temperature" => gpu.temperature.clone().map(number),
        "persistence" => gpu.persistence.clone().map(Value::Flag),
        "compute-mode" => gpu.compute_mode.clone().map(|own| text(mode(own))),
        "mig" => gpu.mig.clone().map(|mig| Value::Flag(mig.enabled)),
        "ecc-errors" => gpu.ecc_uncorrected.clone().map(|count| number(count as f64)),
        "repair-pending" => match (gpu.remapped_rows.value(), gpu.retirement_pending.value()) {
            (None, None) => gpu.remapped_rows.clone().map(|rows| Value::Flag(rows.pending)),
            (rows, pages) => {
                let waits = rows.is_some_and(|rows| rows.pending) || pages.is_some_and(|pending| *pending);
                Fact::present(Value::Flag(waits), "NVML")
            }
        },
        "repair-failed" => gpu.remapped_rows.clone().map(|rows| Value::Flag(rows.failed)),
        "slowdowns" => gpu.slowdowns.clone().map(|reasons| number(reasons.len() as f64)),
        "link-width" => gpu.link.clone().map(|link| number(link.width)),
        "processes" => gpu.holders.clone().map(|holders| number(holders.len() as f64)),
        _ => facts.faults.clone().map(|faults| {
            number(faults.iter().filter(|fault| fault.address == gpu.address).map(|fault| fault.count).sum::<u32>())
        }),
    }
}

pub fn engine(eyes: &Eyes, _: &Look, key: &str) -> Sights {
    let docker = &eyes.facts.docker;
    let known = docker.info.value();
    let of = |value: fn(&Info) -> Value| match (known, docker.info.gap()) {
        (Some(info), _) => Fact::present(value(info), "GET /info"),
        // Why it does not answer is told by the check that asks it.
        (None, Some(Gap::NotAsked)) | (None, None) => {
            Fact::unknown(Gap::BlockedBy("docker-engine".into()), "GET /info")
        }
        (None, Some(gap)) => Fact::unknown(gap.clone(), "GET /info"),
    };
    let fact = match key {
        "answers" => match &docker.reach.state {
            State::Unknown(gap) if known.is_none() && *gap != Gap::TimedOut => {
                Fact::unknown(gap.clone(), docker.reach.source.0.clone())
            }
            _ => Fact::present(Value::Flag(known.is_some()), "GET /info"),
        },
        "version" => match docker.version.value() {
            Some(version) => Fact::present(text(&version.version), "GET /version"),
            None => of(|_| text("")),
        },
        "containers" => match docker.containers.value() {
            Some(running) => Fact::present(number(running.len() as f64), "GET /containers/json"),
            None => of(|_| text("")),
        },
        "storage" => of(|info| text(&info.driver)),
        "cgroup-driver" => of(|info| text(&info.cgroup_driver)),
        "cgroup-version" => {
            of(|info| info.cgroup_version.parse().map_or_else(|_| text(&info.cgroup_version), Value::Number))
        }
        "runtimes" => of(|info| Value::Words(info.runtimes.keys().cloned().collect())),
        "default-runtime" => of(|info| text(&info.default_runtime)),
        "log-driver" => of(|info| text(&info.logging_driver)),
        "data-root" => of(|info| text(&info.docker_root_dir)),
        _ => of(|info| Value::Flag(info.live_restore_enabled)),
    };
    vec![("the engine".into(), fact)]
}

pub fn camera(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let facts = &eyes.facts.camera;
    let whole = |fact: Fact<Value>| vec![("the cameras".to_owned(), fact)];
    if let Some(gap) = facts.count.gap() {
        return whole(Fact::unknown(gap.clone(), "/dev/video*"));
    }
    let which = look.target("which");
    let mut found: Vec<(&String, &Node)> = Vec::new();
    for (path, node) in &facts.nodes {
        match node.role() {
            Ok(Role::Capture) => {}
            Ok(_) => continue,
            Err(gdoctor_checks::model::fact::Stop::Unknown(gap, source)) => return whole(Fact::unknown(gap, source.0)),
            Err(_) => continue,
        }
        let named = std::iter::once(path.as_str()).chain(node.links.iter().map(String::as_str)).chain([node.title()]);
        if which.is_empty() || named.into_iter().any(|name| fits(which, name)) {
            found.push((path, node));
        }
    }
    if key == "count" {
        return whole(Fact::present(number(found.len() as f64), "/dev/video*"));
    }
    if found.is_empty() {
        return whole(Fact::absent("/dev/video*"));
    }
    let of = |node: &Node| match key {
        "formats" => {
            node.said.formats.clone().map(|formats| Value::Words(formats.into_iter().map(|one| one.fourcc).collect()))
        }
        "opens" => node.said.opened.clone().map(|opened| Value::Flag(matches!(opened, Opened::Granted | Opened::Busy))),
        _ => node.said.queue.clone().map(|queue| Value::Flag(queue == Queue::Free)),
    };
    found.into_iter().map(|(path, node)| (path.clone(), of(node))).collect()
}
