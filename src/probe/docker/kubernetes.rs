//! Which engine runs containers for Kubernetes on this host: the one whose socket is there, where a kubelet has its folder; and which
//! runtimes of NVIDIA's its settings name.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::PodRuntime;

use crate::host::Host;
use crate::host::files::Kind;

/// `--root-dir` of the kubelet unless it is told otherwise: cmd/kubelet/app/options of kubernetes/kubernetes.
/// microk8s and k0s give it another.
const KUBELETS: [&str; 3] = ["/var/lib/kubelet", "/var/snap/microk8s/common/var/lib/kubelet", "/var/lib/k0s/kubelet"];

/// Socket, name, and where images lie unless the engine's own file says otherwise. The first two are those of kubeadm
/// (cmd/kubeadm/app/constants/constants_unix.go) and crio.conf(5); k3s and RKE2 start a containerd of their own.
const ENGINES: [(&str, &str, &[&str]); 5] = [
    ("/run/containerd/containerd.sock", "containerd", &[]),
    ("/run/crio/crio.sock", "CRI-O", &["/var/lib/containers/storage"]),
    ("/var/snap/microk8s/common/run/containerd.sock", "containerd", &["/var/snap/microk8s/common/var/lib/containerd"]),
    ("/run/k0s/containerd.sock", "containerd", &["/var/lib/k0s/containerd"]),
    (
        "/run/k3s/containerd/containerd.sock",
        "containerd",
        &["/var/lib/rancher/k3s/agent/containerd", "/var/lib/rancher/rke2/agent/containerd"],
    ),
];

pub fn find(host: &Host) -> Fact<String> {
    let is = |path: &str, kind: Kind| host.stat(path).value().is_some_and(|stat| stat.kind == kind);
    let mut engines = ENGINES.iter().filter(|(socket, ..)| is(socket, Kind::Socket));
    match engines.next().filter(|_| KUBELETS.iter().any(|folder| is(folder, Kind::Directory))) {
        Some((socket, name, _)) => Fact::present((*name).to_owned(), *socket),
        None => Fact::absent(KUBELETS[0]),
    }
}

/// Files and folders of their settings, by their sockets; of several files the last that is there says what the others say too.
const SETTINGS: [(&str, &[&str]); 5] = [
    ("/run/containerd/containerd.sock", &["/etc/containerd/config.toml", "/etc/containerd/conf.d"]),
    ("/run/crio/crio.sock", &["/etc/crio/crio.conf", "/etc/crio/crio.conf.d"]),
    ("/var/snap/microk8s/common/run/containerd.sock", &["/var/snap/microk8s/current/args/containerd.toml"]),
    (
        "/run/k0s/containerd.sock",
        &["/etc/k0s/containerd.toml", "/etc/k0s/containerd.d", "/run/k0s/containerd-cri.toml"],
    ),
    (
        "/run/k3s/containerd/containerd.sock",
        &[
            "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
            "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
        ],
    ),
];

/// The runtimes of NVIDIA's in the settings of this engine.
pub fn runtimes(host: &Host, engine: &Fact<String>) -> Fact<Vec<PodRuntime>> {
    let Some((_, places)) = SETTINGS.iter().find(|(socket, _)| engine.source.0 == *socket && engine.value().is_some())
    else {
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
    let (.., roots) = ENGINES.iter().find(|(socket, ..)| engine.source.0 == *socket)?;
    let there = roots.iter().find(|root| host.stat(root).value().is_some());
    there.or(roots.first()).map(|root| (*root).to_owned())
}
