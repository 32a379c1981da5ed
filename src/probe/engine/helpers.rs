//! Programs that dockerd starts itself, as it looks them up: lookupBinPath of moby's daemon/config.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::engine::DaemonHelper;

use crate::host::Host;
use crate::probe::dockerd::Dockerd;

const NAMES: [&str; 2] = ["docker-proxy", "docker-init"];
/// Looked into before PATH, by engines from 25.0 on; earlier ones have nothing there.
const OWN_FOLDERS: [&str; 4] =
    ["/usr/local/libexec/docker", "/usr/libexec/docker", "/usr/local/lib/docker", "/usr/lib/docker"];

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
    (Fact::present(helpers, dockerd.path_source), dockerd.replaced)
}
