//! Programs that a container's start needs, as dockerd and containerd look them up: lookupBinPath of moby's daemon/config, and
//! containerd's runtime/v2/shim.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{DockerFacts, Info};
use gdoctor_checks::model::facts::engine::{Containerd, ContainerdConfig, DaemonHelper, Unfit};

use crate::host::Host;
use crate::probe::docker::command;
use crate::probe::dockerd::Dockerd;

const NAMES: [&str; 2] = ["docker-proxy", "docker-init"];
/// Looked into before PATH: by engines from 24.0 on for docker-init, from 27.0 on for docker-proxy; earlier ones have nothing there.
const OWN_FOLDERS: [&str; 6] = [
    "/usr/local/libexec/docker",
    "/usr/libexec/docker",
    "/usr/local/lib/docker",
    "/usr/lib/docker",
    "/usr/local/libexec",
    "/usr/libexec",
];
const SHIM: &str = "containerd-shim-runc-v2";
/// A line of some 80 bytes for every unix socket of the machine.
const SOCKETS_CAP: usize = 16 << 20;

/// Those of the dockerd that runs here, and whether its own file was replaced.
pub fn look(host: &Host, docker: &DockerFacts) -> (Fact<Vec<DaemonHelper>>, Fact<bool>) {
    let snap = docker.info.value().is_some_and(|info| info.is_snap());
    // Under --root the files are another host's than the daemon's.
    if docker.daemon_process.value().is_none() || snap || docker.is_elsewhere() || !host.is_live() {
        return (Fact::absent("dockerd's process"), Fact::absent("dockerd's process"));
    }
    let dockerd = Dockerd::look(host, docker);
    if dockerd.is_guessed {
        let gap = Gap::Unsupported("dockerd's PATH is not known here".into());
        return (Fact::unknown(gap, dockerd.path_source), dockerd.replaced);
    }
    let mut helpers = Vec::new();
    for name in NAMES {
        let folders = OWN_FOLDERS.into_iter().chain(dockerd.path.iter().map(String::as_str));
        let found = host.executable(name, folders);
        match found.gap() {
            Some(gap) => return (Fact::unknown(gap.clone(), dockerd.path_source), dockerd.replaced),
            None => helpers.push(helper(host, name, &found)),
        }
    }
    helpers.extend(of_runtime(host, docker, &dockerd, &helpers));
    // Whether anything lies where the running file was: a newer one, or nothing.
    let newer =
        |file: String| DaemonHelper { name: "dockerd".into(), path: host.exists(&file).then_some(file), unfit: None };
    helpers.extend(dockerd.old_file.map(newer));
    (Fact::present(helpers, dockerd.path_source), dockerd.replaced)
}

/// The default runtime's program; where that is runc containerd's part that starts it too. containerd mostly has the same PATH, and looks
/// beside its own file too. Of a PATH that is only guessed nothing is told where nothing of Docker's is found on it.
fn of_runtime(host: &Host, docker: &DockerFacts, dockerd: &Dockerd, known: &[DaemonHelper]) -> Vec<DaemonHelper> {
    let Some(info) = docker.info.value() else { return Vec::new() };
    let guessed = known.iter().all(|helper| helper.path.is_none()) && !dockerd.path_source.starts_with("PATH of");
    if guessed {
        return Vec::new();
    }
    let path = || dockerd.path.iter().map(String::as_str);
    if !["", "runc"].contains(&info.default_runtime.as_str()) {
        return of_default(host, info, path().collect()).into_iter().collect();
    }
    let containerd = host.executable("containerd", path());
    let beside = containerd.value().and_then(|path| path.rsplit_once('/')).map(|(folder, _)| folder.to_owned());
    let runc = info.runtimes.get("runc").map_or("", |runtime| runtime.path.as_str());
    let runc = match runc.rsplit_once('/') {
        Some((folder, name)) => host.executable(name, [if folder.is_empty() { "/" } else { folder }]),
        None => host.executable(if runc.is_empty() { "runc" } else { runc }, path()),
    };
    let shim = host.executable(SHIM, beside.as_deref().into_iter().chain(path()));
    let known = [("runc", runc), (SHIM, shim)].into_iter().filter(|(_, found)| found.gap().is_none());
    known.map(|(name, found)| helper(host, name, &found)).collect()
}

/// The program of a default runtime of somebody's own, where there is one. One without a path is a shim of containerd's.
fn of_default(host: &Host, info: &Info, path: Vec<&str>) -> Option<DaemonHelper> {
    let program = &info.runtimes.get(&info.default_runtime)?.path;
    let found = match program.rsplit_once('/') {
        Some((folder, name)) => host.executable(name, [if folder.is_empty() { "/" } else { folder }]),
        None if program.is_empty() => return None,
        None => host.executable(program, path),
    };
    found.gap().is_none().then(|| helper(host, program, &found))
}

fn helper(host: &Host, name: &str, found: &Fact<String>) -> DaemonHelper {
    let path = found.value().cloned();
    let unfit = path.as_ref().and_then(|path| host.unfit(path).value().cloned());
    // Of rights and mounts this user's and this namespace's count, not the daemon's.
    let unfit = unfit.filter(|unfit| matches!(unfit, Unfit::Machine(_) | Unfit::Empty | Unfit::NoProgram));
    DaemonHelper { name: name.into(), path, unfit }
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

/// /etc/containerd/config.toml; absent, containerd has its defaults.
pub fn containerd_config(host: &Host) -> Fact<ContainerdConfig> {
    host.text("/etc/containerd/config.toml").map(|text| config(&text))
}

fn config(text: &str) -> ContainerdConfig {
    let table = match toml::from_str::<toml::Table>(text) {
        Ok(table) => table,
        Err(why) => {
            let at = why.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let why = why.message().lines().next().unwrap_or_default().to_owned();
            return ContainerdConfig { malformed: Some(format!("line {line}: {why}")), ..ContainerdConfig::default() };
        }
    };
    let whole = |name: &String| name.starts_with("io.containerd.") && name.matches('.').count() >= 3;
    let plugins = table.get("plugins").and_then(toml::Value::as_table);
    let tables = plugins.into_iter().flat_map(toml::Table::keys).filter(|name| !whole(name)).cloned().collect();
    let listed = ["disabled_plugins", "required_plugins"].into_iter().filter_map(|key| table.get(key)?.as_array());
    let names = listed.flatten().filter_map(|name| name.as_str().map(str::to_owned));
    let wrong_kind = KINDS.iter().find_map(|(key, wanted)| {
        let value = key.split('.').try_fold(None, |at: Option<&toml::Value>, part| match at {
            None => table.get(part).map(Some),
            Some(at) => at.get(part).map(Some),
        });
        let value = value??;
        let fits = match *wanted {
            "a text" => value.is_str(),
            "a number" => value.is_integer(),
            "a list" => value.is_array(),
            _ => value.is_table(),
        };
        (!fits).then(|| ((*key).to_owned(), (*wanted).to_owned()))
    });
    ContainerdConfig {
        malformed: None,
        version: table.get("version").and_then(toml::Value::as_integer).unwrap_or(1),
        short_tables: tables,
        short_names: names.filter(|name| !whole(name)).collect(),
        wrong_kind,
    }
}

/// Of containerd's services/server/config, what has the same kind in all releases.
const KINDS: [(&str, &str); 13] = [
    ("version", "a number"),
    ("root", "a text"),
    ("state", "a text"),
    ("oom_score", "a number"),
    ("disabled_plugins", "a list"),
    ("required_plugins", "a list"),
    ("imports", "a list"),
    ("plugins", "a table"),
    ("grpc", "a table"),
    ("grpc.address", "a text"),
    ("grpc.uid", "a number"),
    ("grpc.gid", "a number"),
    ("debug", "a table"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// As containerd 1.6.20, 1.7.24 and 2.1.9 take and refuse them.
    #[test]
    fn files_as_containerd_reads_them() {
        let none = ContainerdConfig { version: 2, ..ContainerdConfig::default() };
        for taken in
            ["version = 2\n", "version = 2\r\n[grpc]\r\nuid = 0\r\n", "version = 2\nfoo = \"x\"\n[bar]\nz = 1\n"]
        {
            assert_eq!(config(taken), none, "{taken}");
        }
        assert_eq!(config("").version, 1);
        for refused in ["version = 2\n[plugins\n", "version = 2\nversion = 2\n", "[grpc]\nuid=0\n[grpc]\ngid=0\n"] {
            assert!(config(refused).malformed.is_some(), "{refused}");
        }
        assert_eq!(config("[plugins\n").malformed.map(|why| why.starts_with("line 1: ")), Some(true));
        assert_eq!(config("version = 2\n[plugins.cri]\nx = 1\n").short_tables, ["cri"]);
        assert!(config("[plugins.\"io.containerd.grpc.v1.cri\"]\nx = 1\n").short_tables.is_empty());
        assert_eq!(config("version = 2\ndisabled_plugins = [\"cri\"]\n").short_names, ["cri"]);
        for (text, key) in [("root = 5", "root"), ("version = \"2\"", "version"), ("[grpc]\nuid = \"x\"", "grpc.uid")] {
            assert_eq!(config(text).wrong_kind.map(|(key, _)| key).as_deref(), Some(key), "{text}");
        }
    }
}
