//! What files show to keep an engine that is down from starting, whoever tries. What daemon.json and the packages show is told by the
//! checks of those.

use crate::model::facts::docker::{Package, Place, RefusedValue};
use crate::model::facts::host::Platform;
use crate::model::prelude::*;

/// The first that there is, in the order in which dockerd would meet them.
pub fn keeping(facts: &Facts) -> Option<Finding> {
    let looks: [fn(&Facts) -> Option<Finding>; 7] =
        [command, id_range, foreign_root, service_manager, unmounted_root, packet_filter, swarm];
    looks.iter().find_map(|look| look(facts))
}

/// A value of dockerd's command that dockerd takes from no file either.
fn command(facts: &Facts) -> Option<Finding> {
    let fact = &facts.docker.command;
    // What systemd or a shell fills in is not known.
    let is_whole = |refused: &&RefusedValue| !refused.value.contains(['$', '%']);
    let refused = fact.value()?.settings.refused.iter().find(is_whole)?;
    let reason = format!("{} has {:?}: {}", refused.key, refused.value, refused.why);
    let finding = Finding::fail("setting-refused", "mend-command").with("reason", &reason);
    Some(finding.evidence(fact.source.0.as_str(), reason))
}

fn id_range(facts: &Facts) -> Option<Finding> {
    let fact = &facts.engine.no_id_range;
    let lacking = fact.value()?;
    let reason = format!("{} has no line for {}", lacking.file, lacking.user);
    let finding = Finding::fail("no-id-range", "give-id-range").with("user", &lacking.user).with("reason", &reason);
    Some(finding.with("range", facts.engine.id_range()).evidence(fact.source.0.as_str(), reason))
}

fn foreign_root(facts: &Facts) -> Option<Finding> {
    let (root, kind) = facts.root_without_overlay()?;
    let finding = Finding::fail("root-on-server", "docker-storage/local-root").with("root", &root.path);
    let seen = format!("{} {kind}", root.mount);
    Some(finding.with("kind", kind).evidence(facts.engine.data_root.source.0.as_str(), seen))
}

fn service_manager(facts: &Facts) -> Option<Finding> {
    let is_alone = facts.host.platform.value() == Some(&Platform::Wsl) && facts.host.systemd.is_absent();
    is_alone.then(|| Finding::fail("no-service-manager", "systemd-in-wsl"))
}

fn unmounted_root(facts: &Facts) -> Option<Finding> {
    let root = facts.engine.data_root.value()?;
    let place = root.not_mounted.as_ref()?;
    let finding = Finding::fail("disk-not-mounted", "docker-storage/mount-it").with("place", place);
    Some(finding.with("root", &root.path).evidence("/etc/fstab", place.as_str()))
}

/// Its first rule is where dockerd ends then, unless it is to set none.
fn packet_filter(facts: &Facts) -> Option<Finding> {
    let docker = &facts.docker;
    let own = docker.is_rootless() || docker.uses_nftables();
    if own || docker.setting("iptables", |settings| settings.iptables).is_some_and(|set| !set.value) {
        return None;
    }
    let fact = &facts.engine.packet_filter;
    let filter = fact.value()?;
    let Some(program) = filter.program.as_deref() else {
        // The snap brings its own.
        let snap = docker.client.value().is_some_and(|client| client.package == Package::Snap);
        let reason = format!("it is in no folder of {}", fact.source.0);
        let finding = Finding::fail("no-iptables", "install-iptables").with("reason", reason);
        return (!snap).then(|| finding.evidence(fact.source.0.as_str(), "no iptables"));
    };
    let (interface, finding) = match (filter.legacy && !filter.legacy_in_kernel, filter.no_nf_tables) {
        (true, _) => ("ip_tables", Finding::fail("filter-not-in-kernel", "filter-backend")),
        (_, true) => ("nf_tables", Finding::fail("nft-not-in-kernel", "filter-legacy")),
        _ => return None,
    };
    let finding = finding.with("program", program).with("interface", interface);
    Some(finding.evidence(fact.source.0.as_str(), format!("{program}, and no {interface} in the kernel")))
}

/// moby, daemon/cluster: a node of a swarm is not started in a daemon that is to restore its containers.
fn swarm(facts: &Facts) -> Option<Finding> {
    let set = facts.docker.setting("live-restore", |settings| settings.live_restore).filter(|set| set.value)?;
    let root = facts.engine.data_root.value().filter(|root| root.swarm)?;
    let state = format!("{}/swarm", root.path);
    let fix = match set.place {
        Place::File(_) => "docker-config/repair",
        _ => "mend-command",
    };
    let finding = Finding::fail("swarm-live-restore", fix).with("path", set.place.path());
    let finding = finding.with("reason", format!("this host is a node of a swarm ({state})"));
    Some(finding.evidence(set.place.path(), "live-restore: true").evidence(&*state, "docker-state.json"))
}
