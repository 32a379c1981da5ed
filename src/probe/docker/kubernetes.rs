//! Which engine runs containers for Kubernetes on this host: the one whose socket is there, where a kubelet has its folder.

use gdoctor_checks::model::fact::Fact;

use crate::host::Host;
use crate::host::files::Kind;

/// `--root-dir` of the kubelet unless it is told otherwise: cmd/kubelet/app/options of kubernetes/kubernetes.
const KUBELET: &str = "/var/lib/kubelet";

/// Socket, name, and where images lie unless the engine's own file says otherwise. The first two are those of kubeadm
/// (cmd/kubeadm/app/constants/constants_unix.go) and crio.conf(5); k3s and RKE2 start a containerd of their own.
const ENGINES: [(&str, &str, &[&str]); 3] = [
    ("/run/containerd/containerd.sock", "containerd", &[]),
    ("/run/crio/crio.sock", "CRI-O", &["/var/lib/containers/storage"]),
    (
        "/run/k3s/containerd/containerd.sock",
        "containerd",
        &["/var/lib/rancher/k3s/agent/containerd", "/var/lib/rancher/rke2/agent/containerd"],
    ),
];

pub fn find(host: &Host) -> Fact<String> {
    let is = |path: &str, kind: Kind| host.stat(path).value().is_some_and(|stat| stat.kind == kind);
    let mut engines = ENGINES.iter().filter(|(socket, ..)| is(socket, Kind::Socket));
    match engines.next().filter(|_| is(KUBELET, Kind::Directory)) {
        Some((socket, name, _)) => Fact::present((*name).to_owned(), *socket),
        None => Fact::absent(KUBELET),
    }
}

/// Where the images of this engine lie; `None` where a configuration of containerd's tells it.
pub fn root(host: &Host, engine: &Fact<String>) -> Option<String> {
    let (.., roots) = ENGINES.iter().find(|(socket, ..)| engine.source.0 == *socket)?;
    let there = roots.iter().find(|root| host.stat(root).value().is_some());
    there.or(roots.first()).map(|root| (*root).to_owned())
}
