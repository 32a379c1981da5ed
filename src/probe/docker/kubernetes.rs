//! Which engine runs containers for Kubernetes on this host: the one whose socket is there, where a kubelet has its folder; and which
//! runtimes of NVIDIA's its settings name.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::PodRuntime;

use crate::host::Host;
use crate::host::files::Kind;

/// `--root-dir` of the kubelet unless it is told otherwise: cmd/kubelet/app/options of kubernetes/kubernetes.
/// microk8s and k0s give it another.
const KUBELETS: [&str; 3] = ["/var/lib/kubelet", "/var/snap/microk8s/common/var/lib/kubelet", "/var/lib/k0s/kubelet"];

/// What kubeadm tells the kubelet of a node.
const KUBELET_SETTINGS: &str = "/var/lib/kubelet/config.yaml";

/// An engine that runs containers for a kubelet.
struct PodEngine {
    /// Where it listens.
    socket: &'static str,
    name: &'static str,
    /// Folders that no host but a node of this engine has.
    own: &'static [&'static str],
    /// Where images lie unless its own file says otherwise.
    images: &'static [&'static str],
    /// Files and folders of its settings; of several files the last that is there says what the others say too.
    settings: &'static [&'static str],
}

/// The first two are those of kubeadm (cmd/kubeadm/app/constants/constants_unix.go) and crio.conf(5); k3s and RKE2 start a
/// containerd of their own.
const ENGINES: [PodEngine; 5] = [
    PodEngine {
        socket: "/run/containerd/containerd.sock",
        own: &[],
        name: "containerd",
        images: &[],
        settings: &["/etc/containerd/config.toml", "/etc/containerd/conf.d"],
    },
    PodEngine {
        socket: "/run/crio/crio.sock",
        own: &[],
        name: "CRI-O",
        images: &["/var/lib/containers/storage"],
        settings: &["/etc/crio/crio.conf", "/etc/crio/crio.conf.d"],
    },
    PodEngine {
        socket: "/var/snap/microk8s/common/run/containerd.sock",
        own: &["/var/snap/microk8s/common/var/lib/containerd"],
        name: "containerd",
        images: &["/var/snap/microk8s/common/var/lib/containerd"],
        settings: &["/var/snap/microk8s/current/args/containerd.toml"],
    },
    PodEngine {
        socket: "/run/k0s/containerd.sock",
        own: &["/var/lib/k0s/containerd"],
        name: "containerd",
        images: &["/var/lib/k0s/containerd"],
        settings: &["/etc/k0s/containerd.toml", "/etc/k0s/containerd.d", "/run/k0s/containerd-cri.toml"],
    },
    PodEngine {
        socket: "/run/k3s/containerd/containerd.sock",
        own: &["/var/lib/rancher/k3s/agent", "/var/lib/rancher/rke2/agent"],
        name: "containerd",
        images: &["/var/lib/rancher/k3s/agent/containerd", "/var/lib/rancher/rke2/agent/containerd"],
        settings: &[
            "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
            "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
        ],
    },
];

/// The row of the engine that [`find`] told.
fn row(engine: &Fact<String>) -> Option<&'static PodEngine> {
    let places = |one: &PodEngine| [&[one.socket], one.own, one.settings].concat();
    engine.value().and_then(|_| ENGINES.iter().find(|one| places(one).contains(&engine.source.0.as_str())))
}

pub fn find(host: &Host) -> Fact<String> {
    let is = |path: &str, kind: Kind| host.stat(path).value().is_some_and(|stat| stat.kind == kind);
    let kubelet = KUBELETS.iter().any(|folder| is(folder, Kind::Directory));
    let listens = || ENGINES.iter().find(|one| kubelet && is(one.socket, Kind::Socket)).map(|one| (one, one.socket));
    // One that does not run now, or a root without its sockets.
    let made = || {
        let own =
            |one: &'static PodEngine| one.own.iter().find(|folder| is(folder, Kind::Directory)).map(|at| (one, *at));
        ENGINES.iter().find_map(own)
    };
    let set_up = || {
        let is_node = is(KUBELET_SETTINGS, Kind::File);
        let at = |one: &'static PodEngine| one.settings.iter().find(|file| is(file, Kind::File)).map(|at| (one, *at));
        ENGINES.iter().filter(|_| is_node).find_map(at)
    };
    match listens().or_else(made).or_else(set_up) {
        Some((one, source)) => Fact::present(one.name.to_owned(), source),
        None => Fact::absent(KUBELETS[0]),
    }
}

/// The runtimes of NVIDIA's in the settings of this engine.
pub fn runtimes(host: &Host, engine: &Fact<String>) -> Fact<Vec<PodRuntime>> {
    let Some(PodEngine { settings: places, .. }) = row(engine) else {
        return Fact::unknown(Gap::NotAsked, "the settings of Kubernetes' engine");
    };
    let mut found: Vec<PodRuntime> = Vec::new();
    let mut gap = None;
    for place in *places {
        for path in files(host, place) {
            let text = host.text(&path);
            gap = gap.or_else(|| text.gap().cloned());
            let Some(table) = text.value().and_then(|text| text.parse::<toml::Table>().ok()) else { continue };
            collect(host, &table, &mut found);
        }
    }
    let source = places.join(", ");
    match (found.is_empty(), gap) {
        (true, Some(gap)) => Fact::unknown(gap, source),
        (true, None) => Fact::absent(source),
        (false, _) => Fact::present(found, source),
    }
}

/// A file, or the files of a folder.
fn files(host: &Host, place: &str) -> Vec<String> {
    let is_settings = |name: &&String| name.ends_with(".toml") || name.ends_with(".conf");
    match host.list(place).value() {
        Some(names) => names.iter().filter(is_settings).map(|name| format!("{place}/{name}")).collect(),
        None => vec![place.to_owned()],
    }
}

/// `runtimes.NAME` with containerd's `options.BinaryName` or CRI-O's `runtime_path`, at whichever depth a version of theirs has it.
fn collect(host: &Host, table: &toml::Table, found: &mut Vec<PodRuntime>) {
    for (key, value) in table {
        let Some(inner) = value.as_table() else { continue };
        if key != "runtimes" {
            collect(host, inner, found);
            continue;
        }
        for (name, runtime) in inner {
            let program = runtime.get("options").and_then(|options| options.get("BinaryName"));
            let program = program.or_else(|| runtime.get("runtime_path")).and_then(toml::Value::as_str);
            let Some(program) = program.filter(|path| path.contains("nvidia-container-runtime")) else { continue };
            found.retain(|known| known.name != *name);
            let is_there = !host.stat(program).is_absent();
            found.push(PodRuntime { name: name.clone(), program: program.to_owned(), is_there });
        }
    }
}

/// Where the images of this engine lie; `None` where a configuration of containerd's tells it.
pub fn root(host: &Host, engine: &Fact<String>) -> Option<String> {
    let roots = row(engine)?.images;
    let there = roots.iter().find(|root| host.stat(root).value().is_some());
    there.or(roots.first()).map(|root| (*root).to_owned())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    /// By its sockets alone a node that is down, or a root of it, would be one without any engine.
    #[test]
    fn a_node_is_known_by_what_it_keeps() {
        for (files, at) in [
            (&["var/lib/rancher/k3s/agent/etc/containerd/config.toml"][..], Some("/var/lib/rancher/k3s/agent")),
            (&["var/lib/rancher/rke2/agent/pod-manifests/etcd.yaml"], Some("/var/lib/rancher/rke2/agent")),
            (&["var/lib/kubelet/config.yaml", "etc/containerd/config.toml"], Some("/etc/containerd/config.toml")),
            // Docker's own containerd, and a kubelet's folder that was left behind.
            (&["etc/containerd/config.toml", "var/lib/kubelet/pki/kubelet.crt"], None),
            (&["etc/containerd/config.toml"], None),
        ] {
            let root = tempfile::tempdir().unwrap();
            for file in files {
                fs::create_dir_all(root.path().join(file).parent().unwrap()).unwrap();
                fs::write(root.path().join(file), "").unwrap();
            }
            let found = find(&Host::new(root.path(), Duration::from_secs(5)));
            assert_eq!(found.value().map(|_| found.source.0.as_str()), at, "{files:?}");
            assert_eq!(row(&found).is_some(), at.is_some());
        }
    }
}
