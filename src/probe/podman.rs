//! What podman needs of this host before it looks at an image: helpers for networks, a policy for pulls, a folder of the user's.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::run::PodmanHost;
use gdoctor_checks::model::run::RunLine;

use crate::host::Host;

/// Where podman looks for CNI's plugins and for its own helpers (containers/common, pkg/config).
const CNI: [&str; 5] =
    ["/usr/local/libexec/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/usr/lib/cni", "/opt/cni/bin"];
const HELPERS: [&str; 4] =
    ["/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"];
/// Keys of containers.conf by which it looks elsewhere.
const ELSEWHERE: [&str; 2] = ["cni_plugin_dirs", "helper_binaries_dir"];

pub fn look(host: &Host, line: &RunLine) -> Fact<PodmanHost> {
    let source = "containers.conf(5), the folders of podman's helpers";
    if !line.podman {
        return Fact::unknown(Gap::NotAsked, source);
    }
    if host.env("CONTAINER_HOST").is_some() || !host.is_live() {
        return Fact::unknown(Gap::Unsupported("podman asks an engine elsewhere".into()), "CONTAINER_HOST");
    }
    let rootless = !nix::unistd::geteuid().is_root() && !line.as_root;
    let home = host.env("HOME").unwrap_or_default();
    let own = host.env("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
    let policies = [format!("{own}/containers"), "/etc/containers".into(), "/usr/share/containers".into()];
    let policy = policies.iter().any(|folder| !host.stat(format!("{folder}/policy.json")).is_absent());
    let runtime = host.env("XDG_RUNTIME_DIR").filter(|_| rootless);
    let foreign = runtime.filter(|folder| {
        let stat = host.stat(folder);
        stat.value().is_some_and(|stat| stat.uid != nix::unistd::geteuid().as_raw())
    });
    Fact::present(
        PodmanHost { rootless, policy, network: network(host, rootless, &own), foreign_runtime: foreign },
        source,
    )
}

/// Whether one of the programs is there that make the network which a container gets by itself.
fn network(host: &Host, rootless: bool, own: &str) -> bool {
    let files = ["/usr/share/containers".into(), "/etc/containers".into(), format!("{own}/containers")];
    let told = files.iter().map(|folder| host.text(format!("{folder}/containers.conf")));
    let sets = |text: &String| {
        let line = |line: &str| ELSEWHERE.iter().any(|key| line.trim_start().starts_with(key));
        text.lines().any(line)
    };
    if told.into_iter().any(|text| text.value().is_some_and(sets)) || host.exists("/run/current-system") {
        return true;
    }
    let path = host.env("PATH").unwrap_or_default();
    let path: Vec<&str> = path.split(':').filter(|folder| folder.starts_with('/')).collect();
    let folders = || HELPERS.iter().chain(&CNI).copied().chain(path.iter().copied()).chain(["/usr/bin", "/usr/sbin"]);
    let names: &[&str] = if rootless { &["pasta", "slirp4netns"] } else { &["netavark", "bridge"] };
    // `bridge` of iproute2 is another program.
    let at = |name: &&str| match *name {
        "bridge" => host.executable("bridge", CNI),
        name => host.executable(name, folders()),
    };
    names.iter().any(|name| !at(name).is_absent())
}
