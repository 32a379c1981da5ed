//! Whether Docker's rules are where the daemon has put them: the kernel's packet filter, as nf_tables has it. Only root may read
//! that; of iptables-legacy it is only known whether its tables are in use.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{DockerFacts, Reach};
use gdoctor_checks::model::facts::engine::Rules;
use nix::errno::Errno;

use crate::host::Host;
use crate::host::netfilter::{self, Chain, End};

/// The chains that every dockerd makes, and those of the kernel's that lead to them.
const MADE: [&str; 2] = ["filter", "nat"];
const ENTRIES: [(&str, &str); 2] = [("filter", "FORWARD"), ("nat", "PREROUTING")];
const SOURCE: &str = "the kernel's tables ip filter and ip nat";

pub fn look(host: &Host, docker: &DockerFacts) -> Fact<Rules> {
    let (Some(Reach::Answers), Some(pid), true) = (docker.reach.value(), docker.daemon_process.value(), host.is_live())
    else {
        return Fact::absent("no daemon of this host answers");
    };
    let network = |process: &str| host.link(format!("/proc/{process}/ns/net"));
    let (own, daemons) = (network("self"), network(&pid.to_string()));
    match (own.value(), daemons.value()) {
        (Some(own), Some(daemons)) if own == daemons => {}
        (Some(_), Some(_)) => return Fact::absent("the daemon's network is another"),
        _ => return Fact::unknown(daemons.gap().cloned().unwrap_or(Gap::Denied), daemons.source.0),
    }
    if !has_bridge(host, docker) {
        return Fact::absent("no default bridge in /sys/class/net");
    }
    let legacy = host.text("/proc/net/ip_tables_names");
    match (legacy.value(), legacy.gap()) {
        (Some(names), _) if names.lines().any(|name| MADE.contains(&name)) => {
            let gap = Gap::Unsupported("rules of iptables-legacy are not looked at".into());
            return Fact::unknown(gap, legacy.source.0);
        }
        (_, Some(gap)) => return Fact::unknown(gap.clone(), legacy.source.0),
        _ => {}
    }
    match read(host) {
        Ok(rules) => Fact::present(rules, SOURCE),
        Err(Errno::EPERM | Errno::EACCES) => Fact::unknown(Gap::Denied, SOURCE),
        Err(Errno::EAGAIN) => Fact::unknown(Gap::TimedOut, SOURCE),
        Err(errno) => Fact::unknown(Gap::Unsupported(errno.desc().into()), SOURCE),
    }
}

/// Without its default bridge a daemon may have linked its chains or not, by version and kind of its networks.
fn has_bridge(host: &Host, docker: &DockerFacts) -> bool {
    let default = docker.setting("bridge", |settings| settings.bridge.as_deref()).map_or("docker0", |set| set.value);
    host.exists(format!("/sys/class/net/{default}"))
}

fn read(host: &Host) -> Result<Rules, Errno> {
    let chains = match host.kernel_has("nf_tables") {
        true => netfilter::chains(host.deadline)?,
        false => Vec::new(),
    };
    let find = |table: &str, name: &str| chains.iter().find(|chain| chain.table == table && chain.name == name);
    let missing = MADE.into_iter().filter(|table| find(table, "DOCKER").is_none());
    let mut rules = Rules { missing: missing.map(|table| format!("{table} DOCKER")).collect(), ..Rules::default() };
    for (table, name) in ENTRIES {
        let ends = match find(table, name) {
            Some(_) => netfilter::rules(table, name, host.deadline)?,
            None => Vec::new(),
        };
        if !ends.iter().any(leads_to_docker) {
            rules.unlinked.push(format!("{table} {name}"));
        }
        if name == "FORWARD" {
            rules.forwards_nothing = find(table, name).is_some_and(|Chain { drops, .. }| *drops)
                && ends.iter().all(|end| *end == End::Other);
        }
    }
    Ok(rules)
}

/// DOCKER, DOCKER-USER, since Engine 28 DOCKER-FORWARD.
fn leads_to_docker(end: &End) -> bool {
    matches!(end, End::Jump(chain) if chain.starts_with("DOCKER"))
}
