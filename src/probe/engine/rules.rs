//! Whether Docker's rules are where the daemon has put them: the kernel's packet filter, as nf_tables has it. Only root may read
//! that; of iptables-legacy it is only known whether its tables are in use.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{DockerFacts, Reach};
use gdoctor_checks::model::facts::engine::Rules;
use nix::errno::Errno;

use crate::host::Host;
use crate::host::netfilter::{Chain, End, FORWARD};
use crate::probe::packets::{Around, Filter};

/// The chains that every dockerd makes, and those of the kernel's that lead to them.
const MADE: [&str; 2] = ["filter", "nat"];
const ENTRIES: [(&str, &str); 2] = [("filter", "FORWARD"), ("nat", "PREROUTING")];
pub const SOURCE: &str = "the kernel's packet filter (nf_tables)";

pub fn look(host: &Host, docker: &DockerFacts) -> Fact<Rules> {
    filter(host, docker).map(|filter| read(host, docker, &filter))
}

/// The packet filter of the network in which a daemon of this host answers.
pub fn filter(host: &Host, docker: &DockerFacts) -> Fact<Filter> {
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
    if !host.exists(format!("/sys/class/net/{}", default_bridge(docker))) {
        // Without its default bridge a daemon may have linked its chains or not, by version and kind of its networks.
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
    match Filter::read(host) {
        Ok(filter) => Fact::present(filter, SOURCE),
        Err(Errno::EPERM | Errno::EACCES) => Fact::unknown(Gap::Denied, SOURCE),
        Err(Errno::EAGAIN) => Fact::unknown(Gap::TimedOut, SOURCE),
        Err(errno) => Fact::unknown(Gap::Unsupported(errno.desc().into()), SOURCE),
    }
}

pub fn default_bridge(docker: &DockerFacts) -> &str {
    docker.setting("bridge", |settings| settings.bridge.as_deref()).map_or("docker0", |set| set.value)
}

fn read(host: &Host, docker: &DockerFacts, filter: &Filter) -> Rules {
    let missing = MADE.into_iter().filter(|table| filter.find(table, "DOCKER").is_none());
    let mut rules = Rules { missing: missing.map(|table| format!("{table} DOCKER")).collect(), ..Rules::default() };
    for (table, name) in ENTRIES {
        let ends: Vec<Option<&End>> =
            filter.find(table, name).into_iter().flat_map(|chain| filter.of(chain)).map(|rule| rule.end()).collect();
        if !ends.iter().any(|end| leads_to_docker(*end)) {
            rules.unlinked.push(format!("{table} {name}"));
        }
        if name == "FORWARD" {
            let decides = |end: &End| matches!(end, End::Accept | End::Jump { .. });
            rules.forwards_nothing = filter.find(table, name).is_some_and(|Chain { drops, .. }| *drops)
                && !ends.iter().flatten().any(|end| decides(end));
        }
    }
    let bridge = default_bridge(docker);
    let leaving = Around::read(host, bridge).and_then(|around| around.leaving(bridge));
    rules.on_way_out = leaving.and_then(|packet| filter.stops(FORWARD, &packet));
    rules
}

/// DOCKER, DOCKER-USER, since Engine 28 DOCKER-FORWARD.
fn leads_to_docker(end: Option<&End>) -> bool {
    matches!(end, Some(End::Jump { chain, .. }) if chain.starts_with("DOCKER"))
}
