//! Does the daemon take the line's limits on memory and processors, on this host?

use crate::model::fact::Source;
use crate::model::facts::docker::Info;
use crate::model::prelude::*;
use crate::model::run::{RunLine, RunOption};
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "run-line-limits",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

const MIB: u64 = 1 << 20;
const LIMITS: [&str; 20] = [
    "memory",
    "memory-swap",
    "memory-reservation",
    "cpus",
    "cpu-quota",
    "cpu-period",
    "cpu-shares",
    "cpuset-cpus",
    "pids-limit",
    "memory-swappiness",
    "kernel-memory",
    "oom-kill-disable",
    "cpu-rt-runtime",
    "cpu-rt-period",
    "blkio-weight",
    "blkio-weight-device",
    "device-read-bps",
    "device-write-bps",
    "device-read-iops",
    "device-write-iops",
];

// moby daemon/daemon_unix.go, verifyPlatformContainerResources.
fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| !line.podman) else { return Err(Stop::NotNeeded("podman")) };
    if LIMITS.iter().all(|name| line.last(name).is_none()) {
        return Err(Stop::NotNeeded("no-limit"));
    }
    let Some(info) = facts.docker.info.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let mut findings = not_limited(info, line);
    findings.extend(no_realtime(info, line));
    let smallest = smallest(facts)?;
    let memory = line.size("memory").filter(|bytes| *bytes > 0);
    if let (Some(bytes), Some(option)) = (memory.filter(|bytes| *bytes < smallest * MIB), line.last("memory")) {
        let finding = Finding::fail("memory-small", "raise-memory").with("smallest", format!("{smallest}m"));
        findings.push(at(finding, option, bytes).edit(option.at.with_value(format!("{smallest}m"))));
    }
    findings.extend(tight(info, line, memory.filter(|bytes| *bytes >= smallest * MIB)));
    if let (Some(swap), Some(option), true) = (line.size("memory-swap"), line.last("memory-swap"), info.memory_limit) {
        match memory {
            None if swap > 0 => findings.push(dropped(Finding::fail("swap-alone", "drop"), option, swap)),
            Some(_) if !info.swap_limit => {
                findings.push(dropped(Finding::warn("swap-not-counted", "drop"), option, swap));
            }
            Some(memory) if swap > 0 && swap < memory => {
                findings.push(dropped(Finding::fail("swap-small", "drop"), option, swap));
            }
            _ => {}
        }
    }
    if let (Some(reserved), Some(option)) = (line.size("memory-reservation"), line.last("memory-reservation"))
        && (1..smallest * MIB).contains(&reserved)
    {
        let finding = Finding::fail("memory-small", "raise-memory").with("smallest", format!("{smallest}m"));
        findings.push(at(finding, option, reserved).edit(option.at.with_value(format!("{smallest}m"))));
    } else if let (Some(reserved), Some(option)) = (line.size("memory-reservation"), line.last("memory-reservation"))
        && memory.is_some_and(|memory| info.memory_limit && memory < reserved)
    {
        findings.push(dropped(Finding::fail("reservation-large", "drop"), option, reserved));
    }
    findings.extend(no_quota(info, line).or_else(|| cpus(line, info.cpus)));
    match cpu_numbers(facts, line) {
        Ok(finding) => findings.extend(finding),
        Err(stop) => findings.push(stop.into()),
    }
    if findings.is_empty() {
        findings.push(Finding::pass("taken").evidence("GET /info: NCPU", info.cpus.to_string()));
    }
    Ok(findings)
}

/// What this kernel cannot limit and the engine leaves out then, with a warning. Of input and output only the engine's own words
/// tell (moby, daemon/info_unix.go); of version 2 of the control groups what it never has (pkg/sysinfo/cgroup2_linux.go).
fn not_limited(info: &Info, line: &RunLine) -> Findings {
    let known = |name| line.last(name).filter(|option| option.refused.is_none() && !option.at.opaque);
    let no_memory = info.cpus > 0 && !info.memory_limit;
    let second = info.cgroup_version == "2";
    let says = |one: &str, two: &str| {
        let is_said = |words: &str| info.warnings.iter().any(|warning| warning.contains(words));
        is_said(&format!("No blkio {one} support")) || is_said(&format!("No io.{two} support"))
    };
    let left_out = [
        (no_memory, "memory"),
        (no_memory, "memory-reservation"),
        (second, "memory-swappiness"),
        (second || info.kernel_memory == Some(false), "kernel-memory"),
        (second || info.oom_kill_disable == Some(false), "oom-kill-disable"),
        (info.cpu_quota == Some(false), "cpu-quota"),
        (info.cpu_period == Some(false), "cpu-period"),
        (info.cpu_shares == Some(false), "cpu-shares"),
        (info.cpu_set == Some(false), "cpuset-cpus"),
        (info.cpu_set == Some(false), "cpuset-mems"),
        (info.pids_limit == Some(false), "pids-limit"),
        (says("weight", "weight"), "blkio-weight"),
        (says("weight_device", "weight (per device)"), "blkio-weight-device"),
        (says("throttle.read_bps_device", "max (rbps)"), "device-read-bps"),
        (says("throttle.write_bps_device", "max (wbps)"), "device-write-bps"),
        (says("throttle.read_iops_device", "max (riops)"), "device-read-iops"),
        (says("throttle.write_iops_device", "max (wiops)"), "device-write-iops"),
    ];
    let dropped = left_out.into_iter().filter(|(lacks, _)| *lacks).filter_map(|(_, name)| known(name).filter(asks));
    dropped
        .map(|option| {
            let finding = Finding::warn("not-limited", "drop").about(&option.at.text).edit(option.at.without());
            finding.evidence("GET /info", format!("no limit for {}", option.at.text)).asked_by(&option.at.origin())
        })
        .collect()
}

/// Its value is a wish: what stands for no limit, and a switch that is off, are none.
fn asks(option: &&RunOption) -> bool {
    let none: &[&str] = match option.name.as_str() {
        "cpuset-cpus" | "cpuset-mems" => &[""],
        "memory-swappiness" => &["", "-1"],
        _ => &["", "0", "0.0", "0b", "false"],
    };
    !none.contains(&option.value.as_str())
}

/// Version 2 of the control groups gives no share of the real-time scheduler, and the engine refuses what asks for one.
fn no_realtime(info: &Info, line: &RunLine) -> Option<Finding> {
    let known = |name| line.last(name).filter(|option| option.refused.is_none() && !option.at.opaque).filter(asks);
    let options: Vec<&RunOption> = ["cpu-rt-runtime", "cpu-rt-period"].into_iter().filter_map(known).collect();
    let first = options.first().filter(|_| info.cgroup_version == "2")?;
    let finding = Finding::fail("no-realtime", "drop-realtime").about(&first.at.text);
    let finding = finding.edits(options.iter().map(|option| option.at.without()));
    Some(finding.evidence("GET /info: CgroupVersion", "2").asked_by(&first.at.origin()))
}

/// Version 1 of the control groups refuses a limit below what is in use, and that is runc itself when it sets it.
fn tight(info: &Info, line: &RunLine, memory: Option<u64>) -> Option<Finding> {
    const RUNC: u64 = 16 * MIB;
    memory.filter(|bytes| *bytes < RUNC && info.cgroup_version == "1")?;
    let option = line.last("memory")?;
    let gap = Gap::Unsupported("what starts the container may need more than this itself".into());
    Some(
        Finding::unknown(gap, Source::new("GET /info: CgroupVersion"))
            .about(&option.at.text)
            .asked_by(&option.at.origin()),
    )
}

/// MiB: the kernel's and runc's own need, as moby has set it (4 until 19.03).
fn smallest(facts: &Facts) -> Result<u64, Stop> {
    let version = facts.docker.version.known()?.and_then(|version| Version::parse(&version.version));
    Ok(if version.is_some_and(|version| version < Version::new(&[20, 10])) { 4 } else { 6 })
}

/// The one limit on processors that the daemon refuses, and does not drop, where the kernel lacks it.
fn no_quota(info: &Info, line: &RunLine) -> Option<Finding> {
    let option = line.last("cpus").filter(|option| option.refused.is_none() && !option.at.opaque)?;
    let none = option.value.parse().is_ok_and(|count: f64| count == 0.0);
    ([info.cpu_quota, info.cpu_period].contains(&Some(false)) && !none).then(|| {
        let finding = Finding::fail("no-cpu-quota", "drop").about(&option.at.text).edit(option.at.without());
        finding.evidence("GET /info: CpuCfsQuota, CpuCfsPeriod", "false").asked_by(&option.at.origin())
    })
}

fn cpus(line: &RunLine, here: u32) -> Option<Finding> {
    let option = line.last("cpus").filter(|option| option.refused.is_none() && !option.at.opaque)?;
    let wanted: f64 = match option.value.split_once('/') {
        Some((a, b)) => a.parse::<f64>().ok()? / b.parse::<f64>().ok()?,
        None => option.value.parse().ok()?,
    };
    (here > 0 && wanted > f64::from(here)).then(|| {
        let finding = Finding::fail("too-many-cpus", "fewer-cpus").with("count", here);
        let finding = finding.about(&option.at.text).evidence("GET /info: NCPU", here.to_string());
        finding.edit(option.at.with_value(here.to_string())).asked_by(&option.at.origin())
    })
}

fn cpu_numbers(facts: &Facts, line: &RunLine) -> Result<Option<Finding>, Stop> {
    let Some(option) = line.last("cpuset-cpus").filter(|option| !option.at.opaque && option.refused.is_none()) else {
        return Ok(None);
    };
    let wanted = option.value.split([',', '-']).filter_map(|number| number.trim().parse::<u32>().ok()).max();
    if facts.docker.is_elsewhere() {
        return Ok(None);
    }
    let last = facts.run.last_cpu.known()?.copied();
    Ok(wanted.zip(last).filter(|(wanted, last)| wanted > last).map(|(_, last)| {
        let finding = Finding::fail("no-such-cpu", "fewer-cpus").with("last", last).with("count", last + 1);
        let finding = finding.about(&option.at.text).saw(&facts.run.last_cpu);
        finding.edit(option.at.with_value(format!("0-{last}"))).asked_by(&option.at.origin())
    }))
}

fn dropped(finding: Finding, option: &RunOption, bytes: u64) -> Finding {
    at(finding, option, bytes).edit(option.at.without())
}

fn at(finding: Finding, option: &RunOption, bytes: u64) -> Finding {
    let finding = finding.about(&option.at.text).evidence("the line", format!("{bytes} bytes"));
    finding.asked_by(&option.at.origin())
}
