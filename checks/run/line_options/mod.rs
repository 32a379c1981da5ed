//! Do the options of the line fit together, and is its name free?

use crate::model::prelude::*;
use crate::model::run::{RunLine, RunOption};
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "run-line-options",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("podman")) };
    if line.podman {
        let pairs = exclude(line, excluded_by_podman(line));
        return if pairs.is_empty() { Err(Stop::NotNeeded("podman")) } else { Ok(pairs) };
    }
    let mut findings = excluded(facts, line);
    findings.extend(needs_own_network(facts, line));
    findings.extend(networks(line));
    findings.extend(setting_of_a_card(facts, line));
    findings.extend(remapped(facts, line));
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
fn excluded(facts: &Facts, line: &RunLine) -> Findings {
    let attached = line.last("attach").filter(|_| !line.creates);
    let health = || line.options.iter().find(|option| option.name.starts_with("health-"));
    let shared = line.last("network").filter(|option| option.value.starts_with("container:"));
    let is_host = |option: &&RunOption| option.value == "host";
    let own = |option: &&RunOption| option.refused.is_none();
    let sysctl = |prefix: &str| line.all("sysctl").filter(own).find(|option| option.value.starts_with(prefix));
    let host_uts = line.last("uts").filter(is_host);
    let host_network = line.last("network").filter(is_host);
    let mut pairs: Vec<(Option<&RunOption>, Option<&RunOption>)> = vec![
        (line.switch("rm"), restarts(line)),
        (host_uts, line.last("hostname")),
        (host_uts, line.last("domainname")),
        (host_network, line.last("link")),
        (host_network, sysctl("net.")),
        (line.last("ipc").filter(is_host), sysctl("kernel.").or_else(|| sysctl("fs.mqueue."))),
        (line.switch("detach"), attached),
        (line.switch("no-healthcheck"), health()),
        (line.last("cpus"), line.last("cpu-period")),
        (line.last("cpus"), line.last("cpu-quota")),
    ];
    let old = facts.docker.version.value().is_some_and(|version| is_before(&version.version, 25));
    if old {
        pairs.push((shared.or(host_network), line.last("mac-address")));
    }
    for name in ["publish", "publish-all", "hostname", "link", "dns", "add-host", "expose"] {
        pairs.push((shared, line.last(name)));
    }
    exclude(line, pairs)
}

/// The same of podman, as 4.3 was seen to refuse them (pkg/specgenutil, libpod/options.go).
fn excluded_by_podman(line: &RunLine) -> Vec<(Option<&RunOption>, Option<&RunOption>)> {
    let is =
        |name: &str, values: &'static [&str]| line.last(name).filter(move |one| values.contains(&one.value.as_str()));
    let restarts = restarts(line).filter(|option| !option.value.starts_with("on-failure"));
    let keeps = || line.all("group-add").find(|option| option.value == "keep-groups");
    let other_group = || line.all("group-add").find(|option| option.value != "keep-groups");
    let host_network = is("network", &["host", "none"]);
    let mut pairs = vec![
        (line.switch("rm"), restarts),
        (keeps(), other_group()),
        (line.switch("no-hosts"), line.last("add-host")),
        (is("ipc", &["host", "none"]), line.last("shm-size")),
        (line.switch("no-healthcheck"), line.last("health-cmd")),
        (line.last("cpus"), line.last("cpu-period")),
        (line.last("cpus"), line.last("cpu-quota")),
        (is("uts", &["host"]), line.last("hostname")),
        (is("network", &["none"]), line.last("dns")),
        (host_network, line.last("ip")),
        (host_network, line.last("mac-address")),
        (line.last("platform"), line.last("arch").or(line.last("os"))),
    ];
    for name in ["uidmap", "gidmap", "subuidname", "subgidname"] {
        pairs.push((line.last("userns"), line.last(name)));
    }
    pairs
}

fn restarts(line: &RunLine) -> Option<&RunOption> {
    line.last("restart").filter(|option| !["no", ""].contains(&option.value.as_str()))
}

/// One finding for each pair of which both are there.
fn exclude(line: &RunLine, pairs: Vec<(Option<&RunOption>, Option<&RunOption>)>) -> Findings {
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

/// From 28.0 on the setting of one of the container's network cards goes with its network (handleSysctlBC of moby's
/// daemon/server/router/container).
fn setting_of_a_card(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let engine = facts.docker.version.value().filter(|version| !version.is_podman())?;
    let own =
        line.last("network").is_none_or(|option| option.value != "host" && !option.value.starts_with("container:"));
    if !own || Version::parse(&engine.version).is_none_or(|version| version.major() < 28) {
        return None;
    }
    let mut options = line.all("sysctl").filter(|option| !option.at.opaque);
    let option = options.find(|option| option.card().is_some_and(|card| card.starts_with("eth")))?;
    let finding = Finding::fail("setting-of-a-card", "with-network").about(&option.at.text);
    let seen = format!("version {}", engine.version);
    Some(finding.with("version", &engine.version).evidence("the engine", seen).asked_by(&option.at.origin()))
}

/// Several networks: each once, and all of one's own.
fn networks(line: &RunLine) -> Option<Finding> {
    let known = |option: &&RunOption| !option.at.opaque && option.refused.is_none();
    let named = |option: &RunOption| -> String {
        option.value.split(',').find_map(|field| field.strip_prefix("name=")).unwrap_or(&option.value).into()
    };
    let all: Vec<&RunOption> = line.all("network").filter(known).collect();
    let dockers = |option: &RunOption| {
        let name = named(option);
        ["default", "bridge", "host", "none"].contains(&name.as_str()) || name.starts_with("container:")
    };
    let (place, other) = all.iter().enumerate().skip(1).find(|(place, option)| {
        let before = all.iter().take(*place);
        before.clone().any(|one| named(one) == named(option))
            || dockers(option)
            || before.clone().any(|one| dockers(one))
    })?;
    let one = all[place - 1];
    Some(
        Finding::fail("exclude", "drop-one")
            .with("one", &one.at.text)
            .with("other", &other.at.text)
            .about(&other.at.text)
            .evidence("the line", format!("{} and {}", one.at.text, other.at.text))
            .edit(other.at.without())
            .asked_by(&other.at.origin()),
    )
}

/// Of a version such as `20.10.24+dfsg1`.
fn is_before(version: &str, major: u32) -> bool {
    version.split('.').next().and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number < major)
}

/// docker's own networks give no chosen addresses and know no other names.
fn needs_own_network(facts: &Facts, line: &RunLine) -> Findings {
    let named = line.last("network");
    if named.is_some_and(|named| named.at.opaque || named.value.starts_with("container:")) || line.network().is_some() {
        return Findings::new();
    }
    // Without --network at all, older clients leave such options out in silence.
    let silent = named.is_none() && facts.docker.version.value().is_none_or(|version| is_before(&version.version, 25));
    if silent {
        return Findings::new();
    }
    let options = ["ip", "ip6", "network-alias"].into_iter().filter_map(|name| line.last(name));
    // No address is no wish for one; an alias without a name is one all the same.
    let options = options.filter(|option| !option.value.is_empty() || option.name == "network-alias");
    options
        .map(|option| {
            // Of compose's own name there is nothing in the file to take out.
            let finding = match line.made_up && option.name == "network-alias" && !option.value.is_empty() {
                true => Finding::fail("names-on-dockers-network", "mode-instead"),
                false => {
                    let every = line.all(&option.name).map(|option| option.at.without());
                    Finding::fail("own-network", "drop-alone").edits(every)
                }
            };
            finding
                .with("network", named.map_or("bridge", |named| named.value.as_str()))
                .about(&option.at.text)
                .evidence("the line", named.map_or("no --network", |named| named.at.text.as_str()))
                .asked_by(&option.at.origin())
        })
        .collect()
}

/// A daemon with userns-remap gives nothing of the host's own to a container of other users (moby, verifyPlatformContainerSettings).
fn remapped(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let info = facts.docker.info.value().filter(|info| info.has_security_option("userns") && !info.is_rootless())?;
    let known = |option: &&RunOption| !option.at.opaque && option.refused.is_none();
    let host = |name: &str| line.last(name).filter(known).filter(|option| option.value == "host");
    if host("userns").is_some() {
        return None;
    }
    let option = line.switch("privileged").or_else(|| host("network")).or_else(|| host("pid"))?;
    let finding = Finding::fail("remapped", "own-users").about(&option.at.text).edit(line.insert("--userns=host"));
    let seen = info.security_options.join(", ");
    Some(finding.evidence("GET /info: SecurityOptions", seen).asked_by(&option.at.origin()))
}

/// docker/cli CheckTty: standard input attached, a terminal asked for, and none there.
fn no_terminal(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let tty = line.switch("tty")?;
    let attaches =
        line.switch("interactive").is_some() || line.all("attach").any(|a| a.value.eq_ignore_ascii_case("stdin"));
    let attached = attaches && line.switch("detach").is_none() && !line.creates;
    (attached && (line.scheduled || facts.run.terminal.value() == Some(&false))).then(|| {
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
        let Some(name) = option.leans_on() else { continue };
        findings.extend(not_joined(facts, option, name));
        let names = facts.run.names.known()?.map_or(&[][..], Vec::as_slice);
        let may_be_id = name.len() >= 4 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let made = line.earlier.containers.iter().any(|made| made == name);
        if may_be_id || made || names.iter().any(|known| known == name) {
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

/// A container that has ended, or that keeps its memory to itself, cannot be joined.
fn not_joined(facts: &Facts, option: &RunOption, name: &str) -> Option<Finding> {
    let fact = facts.run.leans.get(name)?;
    let leaned = fact.value()?;
    let code = match option.name.as_str() {
        "network" | "ipc" | "pid" | "link" if !leaned.running => "not-running",
        "ipc" if !leaned.shares_ipc => "not-shareable",
        _ => return None,
    };
    let fix = if code == "not-running" { "start-other" } else { "share-other" };
    let finding = Finding::fail(code, fix).about(name).with("name", name).with("option", &option.at.text);
    Some(finding.evidence(fact.source.0.as_str(), code).asked_by(&option.at.origin()))
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
    let freed = line.earlier.all_removed || line.earlier.removed.iter().any(|removed| removed == name);
    let taken = names.iter().any(|taken| taken == name) && !freed;
    if !taken && !line.earlier.containers.iter().any(|made| made == name) {
        return Ok(None);
    }
    let free = (2..).map(|n| format!("{name}-{n}")).find(|free| !names.contains(free)).unwrap_or_default();
    let finding = match taken {
        true => Finding::fail("name-taken", "other-name").evidence(facts.run.names.source.0.as_str(), name),
        false => Finding::fail("named-before", "other-name").evidence("the text", name),
    };
    Ok(Some(
        finding
            .about(name)
            .with("name", name)
            .with("free", &free)
            .edit(option.at.with_value(free))
            .asked_by(&option.at.origin()),
    ))
}
