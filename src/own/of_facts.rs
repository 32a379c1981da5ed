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
    let which = look.target("which");
    let named = |what: &str| if which.is_empty() { what.to_owned() } else { format!("{what} {which}") };
    let whole = |fact: Fact<Value>| vec![(named("NVIDIA GPUs"), fact)];
    let none = |source: &str| vec![(named("an NVIDIA GPU"), Fact::absent(source))];
    // Without a GPU on the bus and without a driver there is nothing that anybody could ask.
    if facts.gpus.is_absent() && facts.module.is_absent() && facts.dxg.is_absent() && nvml.listed.value().is_none() {
        let source = facts.gpus.source.0.clone();
        return if key == "count" { whole(Fact::present(number(0), source)) } else { none(&source) };
    }
    match key {
        "driver" => return whole(nvml.driver.clone().map(Value::Text)),
        "cuda" => return whole(nvml.cuda.clone().map(Value::Text)),
        _ => {}
    }
    if let Some(gap) = nvml.listed.gap() {
        return whole(Fact::unknown(gap.clone(), nvml.listed.source.0.clone()));
    }
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
        return none("NVML");
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
    let which = look.target("which");
    let named = |what: &str| if which.is_empty() { what.to_owned() } else { format!("{what} {which}") };
    let whole = |fact: Fact<Value>| vec![(named("cameras"), fact)];
    if let Some(gap) = facts.count.gap() {
        return whole(Fact::unknown(gap.clone(), "/dev/video*"));
    }
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
        return vec![(named("a camera"), Fact::absent("/dev/video*"))];
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gdoctor_checks::model::facts::Facts;
    use gdoctor_checks::model::facts::own::Condition;
    use gdoctor_checks::model::own::Pair;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::document::typed;
    use crate::host::{Deadline, Host};
    use crate::own::kinds::Readers;

    fn seen(facts: &Json, kind: &str, which: &str, key: &str, wanted: &str) -> Vec<Condition> {
        let facts: Facts = typed(facts).unwrap();
        let host = Host::new("/no/such/root", Duration::from_secs(1));
        let readers = Readers { package: |_, _| Fact::default(), listeners: |_, _, _| None };
        let eyes = Eyes { host: &host, facts: &facts, readers, deadline: Deadline::after(Duration::from_secs(1)) };
        let pair = |key: &str, value: &str| Pair { key: key.into(), values: vec![value.into()] };
        let target = if which.is_empty() { vec![] } else { vec![pair("which", which)] };
        crate::own::conditions(&eyes, &Look { kind: kind.into(), target, wants: vec![pair(key, wanted)] })
    }

    fn told(conditions: &[Condition]) -> Vec<(&str, Option<bool>)> {
        conditions.iter().map(|one| (one.words.as_str(), one.holds.value().copied())).collect()
    }

    #[test]
    fn gpus_by_what_nvml_said() {
        let gpu = |index: u32, temperature: u32| {
            json!({ "index": index, "name": "NVIDIA L4", "address": format!("0000:0{index}:00.0"), "temperature": { "is": temperature },
                "memory": { "is": { "total": 24_u64 << 30, "free": 20_u64 << 30 } }, "persistence": { "is": true } })
        };
        let facts = json!({ "nvidia": {
            "module": { "is": { "name": "nvidia", "version": "570.86.15" } },
            "faults": { "is": [{ "address": "0000:01:00.0", "xid": 79, "count": 2 }] },
            "nvml": { "driver": { "is": "570.86.15" }, "listed": { "is": 2 }, "gpus": [gpu(0, 40), gpu(1, 91)] },
        } });
        let look = |which: &str, key: &str, wanted: &str| seen(&facts, "gpu", which, key, wanted);
        assert_eq!(told(&look("", "count", "2")), [("count of NVIDIA GPUs is 2", Some(true))]);
        assert_eq!(told(&look("", "driver", ">= 570")), [("driver of NVIDIA GPUs is 570.86.15", Some(true))]);
        assert_eq!(
            told(&look("", "temperature", "< 90")),
            [("temperature of GPU 0 is 40", Some(true)), ("temperature of GPU 1 is 91, wanted < 90", Some(false))]
        );
        assert_eq!(
            told(&look("0000:00*", "memory-free", ">= 20GiB")),
            [("memory-free of GPU 0 is 20.0 GiB", Some(true))]
        );
        assert_eq!(told(&look("1", "faults", "0")), [("faults of GPU 1 is 2, wanted 0", Some(false))]);
        assert_eq!(told(&look("*H100*", "persistence", "true")), [("an NVIDIA GPU *H100* is not there", None)]);
        // What NVML has not told is no number.
        let unknown = look("0", "ecc-errors", "0");
        assert!(unknown[0].holds.gap().is_some(), "{unknown:?}");
    }

    #[test]
    fn without_a_gpu_there_are_none_and_without_a_look_nobody_knows() {
        let none = json!({ "nvidia": { "gpus": { "absent": true }, "module": { "absent": true }, "dxg": { "absent": true } } });
        assert_eq!(told(&seen(&none, "gpu", "", "count", "0")), [("count of NVIDIA GPUs is 0", Some(true))]);
        assert_eq!(told(&seen(&none, "gpu", "", "temperature", "< 90")), [("an NVIDIA GPU is not there", None)]);
        assert!(seen(&none, "gpu", "", "temperature", "< 90")[0].holds.is_absent());
        let hidden = json!({ "nvidia": { "gpus": { "is": [] }, "nvml": { "listed": { "unknown": { "blocked-by": "nvidia-driver" } } } } });
        assert_eq!(
            seen(&hidden, "gpu", "", "count", "1")[0].holds.gap(),
            Some(&Gap::BlockedBy("nvidia-driver".into()))
        );
    }

    #[test]
    fn the_engine_by_its_own_word() {
        let facts = json!({ "docker": { "reach": { "is": "answers" }, "version": { "is": { "Version": "28.5.1" } }, "info": { "is": {
            "Driver": "overlay2", "CgroupVersion": "2", "Runtimes": { "nvidia": {}, "runc": {} }, "LiveRestoreEnabled": false } } } });
        let look = |key: &str, wanted: &str| told(&seen(&facts, "engine", "", key, wanted))[0].1;
        assert_eq!(look("answers", "true"), Some(true));
        assert_eq!(look("storage", "overlay2"), Some(true));
        assert_eq!(look("cgroup-version", "2"), Some(true));
        assert_eq!(look("runtimes", "nvidia"), Some(true));
        assert_eq!(look("live-restore", "true"), Some(false));
        let refused = json!({ "docker": { "reach": { "is": "refused" } } });
        assert_eq!(
            told(&seen(&refused, "engine", "", "answers", "true")),
            [("the engine does not answer", Some(false))]
        );
        assert_eq!(
            seen(&refused, "engine", "", "storage", "overlay2")[0].holds.gap(),
            Some(&Gap::BlockedBy("docker-engine".into()))
        );
    }

    #[test]
    fn cameras_by_what_their_drivers_said() {
        let facts = json!({ "camera": { "count": { "is": 1 }, "nodes": { "/dev/video0": { "said": {
            "opened": { "is": "granted" }, "queue": { "is": "held" },
            "formats": { "is": [{ "fourcc": "MJPG" }, { "fourcc": "YUYV" }] },
            "capability": { "is": { "card": "HD Pro Webcam C920", "capabilities": 0x0400_0001_u32 } },
        } } } } });
        let look = |which: &str, key: &str, wanted: &str| told(&seen(&facts, "camera", which, key, wanted))[0].1;
        assert_eq!(look("", "count", "1"), Some(true));
        assert_eq!(look("*C920*", "formats", "MJPG"), Some(true));
        assert_eq!(look("/dev/video0", "free", "true"), Some(false));
        assert_eq!(look("*C930*", "opens", "true"), None);
        let none = json!({ "camera": { "count": { "absent": true } } });
        assert_eq!(
            told(&seen(&none, "camera", "", "count", "> 0")),
            [("count of cameras is 0, wanted > 0", Some(false))]
        );
    }
}
