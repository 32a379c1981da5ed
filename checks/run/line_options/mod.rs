//! Do the options of the line fit together, and is its name free?

use crate::model::prelude::*;
use crate::model::run::RunOption;

pub static CHECK: Check = Check {
    id: "run-line-options",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| !line.podman) else { return Err(Stop::NotNeeded("podman")) };
    let mut findings = excluded(line);
    findings.extend(needs_own_network(line));
    findings.extend(no_terminal(facts, line));
    match others(facts, line) {
        Ok(missing) => findings.extend(missing),
        Err(Stop::Unknown(gap, source)) => findings.push(Finding::unknown(gap, source).about("other containers")),
        Err(stop) => return Err(stop),
    }
    match name(facts, line) {
        Ok(finding) => findings.extend(finding),
        Err(Stop::Unknown(gap, source)) => findings.push(Finding::unknown(gap, source).about("--name")),
        Err(stop) => return Err(stop),
    }
    if findings.is_empty() {
        let count = line.options.len();
        findings.push(Finding::pass("fit").evidence("the line", format!("{count} options")));
    }
    Ok(findings)
}

/// Pairs that docker refuses; the second of each is taken out.
fn excluded(line: &RunLine) -> Findings {
    let restarts = line.last("restart").filter(|option| !["no", ""].contains(&option.value.as_str()));
    let attached = line.last("attach").filter(|_| !line.creates);
    let health = || line.options.iter().find(|option| option.name.starts_with("health-"));
    let shared = line.last("network").filter(|option| option.value.starts_with("container:"));
    let mut pairs: Vec<(Option<&RunOption>, Option<&RunOption>)> = vec![
        (line.switch("rm"), restarts),
        (line.switch("detach"), attached),
        (line.switch("no-healthcheck"), health()),
        (line.last("cpus"), line.last("cpu-period")),
        (line.last("cpus"), line.last("cpu-quota")),
    ];
    for name in ["publish", "publish-all", "hostname", "mac-address", "link", "dns", "add-host", "expose"] {
        pairs.push((shared, line.last(name)));
    }
    let both = pairs.into_iter().filter_map(|(one, other)| Some((one?, other?)));
    both.map(|(one, other)| {
        let every = line.all(&other.name).map(|option| option.at.without());
        Finding::fail("exclude", "drop-one")
            .with("one", &one.at.text)
            .with("other", &other.at.text)
            .about(&other.at.text)
            .evidence("the line", format!("{} and {}", one.at.text, other.at.text))
            .edits(every)
            .asked_by(&other.at.origin())
    })
    .collect()
}

/// docker's own networks give no chosen addresses and know no other names.
fn needs_own_network(line: &RunLine) -> Findings {
    // Without --network at all, clients up to 24 leave such options out in silence.
    let Some(named) = line.last("network").filter(|named| !named.at.opaque && !named.value.starts_with("container:"))
    else {
        return Findings::new();
    };
    if line.network().is_some() {
        return Findings::new();
    }
    let options = ["ip", "ip6", "network-alias"].into_iter().filter_map(|name| line.last(name));
    options
        .map(|option| {
            Finding::fail("own-network", "drop-alone")
                .about(&option.at.text)
                .evidence("the line", &*named.at.text)
                .edits(line.all(&option.name).map(|option| option.at.without()))
                .asked_by(&option.at.origin())
        })
        .collect()
}

/// docker/cli CheckTty: standard input attached, a terminal asked for, and none there.
fn no_terminal(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let tty = line.switch("tty")?;
    let attaches =
        line.switch("interactive").is_some() || line.all("attach").any(|a| a.value.eq_ignore_ascii_case("stdin"));
    let attached = attaches && line.switch("detach").is_none() && !line.creates;
    (attached && facts.run.terminal.value() == Some(&false)).then(|| {
        Finding::fail("no-terminal", "drop-tty")
            .saw(&facts.run.terminal)
            .edit(tty.at.without())
            .asked_by(&tty.at.origin())
    })
}

/// Containers that the line leans on and that do not exist. Ids are not looked up.
fn others(facts: &Facts, line: &RunLine) -> Result<Findings, Stop> {
    let mut findings = Findings::new();
    for option in &line.options {
        let Some(name) = leans_on(option) else { continue };
        let names = facts.run.names.known()?.map_or(&[][..], Vec::as_slice);
        let may_be_id = name.len() >= 4 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if may_be_id || names.iter().any(|known| known == name) {
            continue;
        }
        findings.push(
            Finding::fail("no-container", "list-containers")
                .about(name)
                .with("name", name)
                .with("option", &option.at.text)
                .evidence(facts.run.names.source.0.as_str(), "not among the names")
                .asked_by(&option.at.origin()),
        );
    }
    Ok(findings)
}

fn leans_on(option: &RunOption) -> Option<&str> {
    let value = option.value.as_str();
    if option.at.opaque || option.refused.is_some() {
        return None;
    }
    match option.name.as_str() {
        "link" | "volumes-from" => value.split(':').next(),
        "network" | "ipc" | "pid" => value.strip_prefix("container:"),
        _ => None,
    }
    .filter(|name| !name.is_empty())
}

fn name(facts: &Facts, line: &RunLine) -> Result<Option<Finding>, Stop> {
    let Some(option) = line.last("name").filter(|option| option.refused.is_none() && !option.value.is_empty()) else {
        return Ok(None);
    };
    if option.at.opaque {
        return Ok(None);
    }
    let names = facts.run.names.known()?.map_or(&[][..], Vec::as_slice);
    let name = option.value.trim_start_matches('/');
    if !names.iter().any(|taken| taken == name) {
        return Ok(None);
    }
    let free = (2..).map(|n| format!("{name}-{n}")).find(|free| !names.contains(free)).unwrap_or_default();
    Ok(Some(
        Finding::fail("name-taken", "other-name")
            .about(name)
            .with("name", name)
            .with("free", &free)
            .evidence(facts.run.names.source.0.as_str(), name)
            .edit(option.at.with_value(free))
            .asked_by(&option.at.origin()),
    ))
}
