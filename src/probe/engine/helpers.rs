//! Programs that a container's start needs, as dockerd and containerd look them up: lookupBinPath of moby's daemon/config, and
//! containerd's runtime/v2/shim.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::engine::{Containerd, DaemonHelper};

use crate::host::Host;
use crate::probe::docker::command;
use crate::probe::dockerd::Dockerd;

const NAMES: [&str; 2] = ["docker-proxy", "docker-init"];
/// Looked into before PATH, by engines from 25.0 on; earlier ones have nothing there.
const OWN_FOLDERS: [&str; 4] =
    ["/usr/local/libexec/docker", "/usr/libexec/docker", "/usr/local/lib/docker", "/usr/lib/docker"];
const SHIM: &str = "containerd-shim-runc-v2";
/// A line of some 80 bytes for every unix socket of the machine.
const SOCKETS_CAP: usize = 16 << 20;

/// Those of the dockerd that runs here, and whether its own file was replaced.
pub fn look(host: &Host, docker: &DockerFacts) -> (Fact<Vec<DaemonHelper>>, Fact<bool>) {
    let snap = docker.info.value().is_some_and(|info| info.is_snap());
    if docker.daemon_process.value().is_none() || snap || docker.is_elsewhere() {
        return (Fact::absent("dockerd's process"), Fact::absent("dockerd's process"));
    }
    let dockerd = Dockerd::look(host, docker);
    let mut helpers = Vec::new();
    for name in NAMES {
        let folders = OWN_FOLDERS.into_iter().chain(dockerd.path.iter().map(String::as_str));
        let found = host.executable(name, folders);
        match found.gap() {
            Some(gap) => return (Fact::unknown(gap.clone(), dockerd.path_source), dockerd.replaced),
            None => helpers.push(DaemonHelper { name: name.into(), path: found.value().cloned() }),
        }
    }
    helpers.extend(of_runtime(host, docker, &dockerd, &helpers));
    // Whether anything lies where the running file was: a newer one, or nothing.
    let newer = |file: String| DaemonHelper { name: "dockerd".into(), path: host.exists(&file).then_some(file) };
    helpers.extend(dockerd.old_file.map(newer));
    (Fact::present(helpers, dockerd.path_source), dockerd.replaced)
}

/// runc, and containerd's part that starts it, where the default runtime is runc. containerd mostly has the same PATH, and looks
/// beside its own file too. Of a PATH that is only guessed nothing is told where nothing of Docker's is found on it.
fn of_runtime(host: &Host, docker: &DockerFacts, dockerd: &Dockerd, known: &[DaemonHelper]) -> Vec<DaemonHelper> {
    let Some(info) = docker.info.value().filter(|info| ["", "runc"].contains(&info.default_runtime.as_str())) else {
        return Vec::new();
    };
    let guessed = known.iter().all(|helper| helper.path.is_none()) && !dockerd.path_source.starts_with("PATH of");
    if guessed || host.exists("/run/current-system") || host.exists("/nix/store") {
        return Vec::new();
    }
    let path = || dockerd.path.iter().map(String::as_str);
    let containerd = host.executable("containerd", path());
    let beside = containerd.value().and_then(|path| path.rsplit_once('/')).map(|(folder, _)| folder.to_owned());
    let runc = info.runtimes.get("runc").map_or("", |runtime| runtime.path.as_str());
    let runc = match runc.rsplit_once('/') {
        Some((folder, name)) => host.executable(name, [if folder.is_empty() { "/" } else { folder }]),
        None => host.executable(if runc.is_empty() { "runc" } else { runc }, path()),
    };
    let shim = host.executable(SHIM, beside.as_deref().into_iter().chain(path()));
    let known = [("runc", runc), (SHIM, shim)].into_iter().filter(|(_, found)| found.gap().is_none());
    known.map(|(name, found)| DaemonHelper { name: name.into(), path: found.value().cloned() }).collect()
}

/// The containerd that dockerd was told to use, and whether anybody listens there; nothing is connected to.
pub fn containerd(host: &Host, docker: &DockerFacts) -> Fact<Containerd> {
    let Some(pid) = docker.daemon_process.value().filter(|_| !docker.is_elsewhere()) else {
        return Fact::absent("dockerd's process");
    };
    let options = command::of_process(host, *pid);
    let told = options.value().and_then(|options| command::path(options, "containerd"));
    let Some(address) = told else { return Fact::absent("dockerd's option --containerd") };
    // Of dockerd's own network: sockets with names are listed by it.
    let source = format!("/proc/{pid}/net/unix");
    let table = host.live().bytes(&source, SOCKETS_CAP);
    let Some(bytes) = table.value() else {
        return Fact::unknown(table.gap().cloned().unwrap_or(Gap::NotAsked), source);
    };
    let text = String::from_utf8_lossy(bytes);
    let plain = |path: &str| path.strip_prefix("/var/run/").map_or(path.to_owned(), |rest| format!("/run/{rest}"));
    // __SO_ACCEPTCON; the path is the eighth field.
    let listens = text.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(3);
        fields.next() == Some("00010000") && fields.nth(3).is_some_and(|path| plain(path) == plain(&address))
    });
    Fact::present(Containerd { address, listens }, source)
}
