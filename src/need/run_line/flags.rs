//! The options of `docker run` and `docker create` as docker's client registers them (docker/cli
//! cli/command/container/{opts,run,create}.go up to 29.x), and those that `podman run` adds.

use gdoctor_checks::model::run::Versions;

/// What a value has to be for docker's client or the daemon to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A switch: takes a value only behind `=`.
    Switch,
    Text,
    Int,
    Uint16,
    /// `512m`, `1g`.
    Size,
    /// A size, or -1.
    SizeOrAll,
    Cpus,
    /// `1m30s`.
    Time,
    Variable,
    Publish,
    Expose,
    Gpus,
    Device,
    DeviceRule,
    Volume,
    Mount,
    Tmpfs,
    Ulimit,
    Restart,
    Pull,
    Address,
    ExtraHost,
    Label,
    Attach,
    Name,
    Workdir,
    Ipc,
    Pid,
    Host,
    Userns,
    Platform,
    Swappiness,
    Mac,
    Link,
    Capability,
    /// A file that the client reads.
    InFile,
    /// A file that the client makes.
    NewFile,
    Isolation,
    OomScore,
    Security,
    Signal,
    Annotation,
    /// Microseconds of cpu-period, of cpu-quota.
    Period,
    Quota,
    /// A number that is not negative.
    Count,
    CpuList,
    Hostname,
    SearchDomain,
    /// `/dev/NAME:RATE`, `/dev/NAME:WEIGHT`.
    Throttle,
    Weights,
    VolumesFrom,
    DetachKeys,
    LogOption,
    Sysctl,
    Storage,
    Group,
    User,
    Network,
    /// Of Windows' engine alone.
    Foreign,
}

pub struct Flag {
    pub name: &'static str,
    pub short: Option<char>,
    pub kind: Kind,
    /// Registered under this name, but meant is another one.
    pub means: Option<&'static str>,
    pub podman_only: bool,
}

const fn flag(name: &'static str, kind: Kind) -> Flag {
    Flag { name, short: None, kind, means: None, podman_only: false }
}

const fn short(letter: char, name: &'static str, kind: Kind) -> Flag {
    Flag { name, short: Some(letter), kind, means: None, podman_only: false }
}

const fn alias(name: &'static str, means: &'static str, kind: Kind) -> Flag {
    Flag { name, short: None, kind, means: Some(means), podman_only: false }
}

const fn podman(name: &'static str, kind: Kind) -> Flag {
    Flag { name, short: None, kind, means: None, podman_only: true }
}

use Kind::*;

/// Every option, in the order of `docker run --help`; then podman's own.
pub static FLAGS: &[Flag] = &[
    flag("add-host", ExtraHost),
    flag("annotation", Annotation),
    short('a', "attach", Attach),
    flag("blkio-weight", Uint16),
    flag("blkio-weight-device", Weights),
    flag("cap-add", Capability),
    flag("cap-drop", Capability),
    flag("cgroup-parent", Text),
    flag("cgroupns", Host),
    flag("cidfile", NewFile),
    flag("cpu-count", Foreign),
    flag("cpu-percent", Foreign),
    flag("cpu-period", Period),
    flag("cpu-quota", Quota),
    flag("cpu-rt-period", Int),
    flag("cpu-rt-runtime", Int),
    short('c', "cpu-shares", Count),
    flag("cpus", Cpus),
    flag("cpuset-cpus", CpuList),
    flag("cpuset-mems", CpuList),
    short('d', "detach", Switch),
    flag("detach-keys", DetachKeys),
    flag("device", Device),
    flag("device-cgroup-rule", DeviceRule),
    flag("device-read-bps", Throttle),
    flag("device-read-iops", Throttle),
    flag("device-write-bps", Throttle),
    flag("device-write-iops", Throttle),
    flag("disable-content-trust", Switch),
    flag("dns", Address),
    flag("dns-option", Text),
    alias("dns-opt", "dns-option", Text),
    flag("dns-search", SearchDomain),
    flag("domainname", Text),
    flag("entrypoint", Text),
    short('e', "env", Variable),
    flag("env-file", InFile),
    flag("expose", Expose),
    flag("gpus", Gpus),
    flag("group-add", Group),
    flag("health-cmd", Text),
    flag("health-interval", Time),
    flag("health-retries", Count),
    flag("health-start-interval", Time),
    flag("health-start-period", Time),
    flag("health-timeout", Time),
    flag("help", Switch),
    short('h', "hostname", Hostname),
    flag("init", Switch),
    short('i', "interactive", Switch),
    flag("io-maxbandwidth", Foreign),
    flag("io-maxiops", Foreign),
    flag("ip", Text),
    flag("ip6", Text),
    flag("ipc", Ipc),
    flag("isolation", Isolation),
    flag("kernel-memory", Size),
    short('l', "label", Label),
    flag("label-file", InFile),
    flag("link", Link),
    flag("link-local-ip", Text),
    flag("log-driver", Text),
    flag("log-opt", LogOption),
    flag("mac-address", Mac),
    short('m', "memory", Size),
    flag("memory-reservation", Size),
    flag("memory-swap", SizeOrAll),
    flag("memory-swappiness", Swappiness),
    flag("mount", Mount),
    flag("name", Name),
    flag("network", Network),
    alias("net", "network", Network),
    flag("network-alias", Text),
    alias("net-alias", "network-alias", Text),
    flag("no-healthcheck", Switch),
    flag("oom-kill-disable", Switch),
    flag("oom-score-adj", OomScore),
    flag("pid", Pid),
    flag("pids-limit", Int),
    flag("platform", Platform),
    flag("privileged", Switch),
    short('p', "publish", Publish),
    short('P', "publish-all", Switch),
    flag("pull", Pull),
    short('q', "quiet", Switch),
    flag("read-only", Switch),
    flag("restart", Restart),
    flag("rm", Switch),
    flag("runtime", Text),
    flag("security-opt", Security),
    flag("shm-size", Size),
    flag("sig-proxy", Switch),
    flag("stop-signal", Signal),
    flag("stop-timeout", Int),
    flag("storage-opt", Storage),
    flag("sysctl", Sysctl),
    flag("tmpfs", Tmpfs),
    short('t', "tty", Switch),
    flag("ulimit", Ulimit),
    flag("use-api-socket", Switch),
    short('u', "user", User),
    flag("userns", Userns),
    flag("uts", Userns),
    short('v', "volume", Volume),
    flag("volume-driver", Text),
    flag("volumes-from", VolumesFrom),
    short('w', "workdir", Workdir),
    podman("arch", Text),
    podman("authfile", Text),
    podman("cert-dir", Text),
    podman("cgroup-conf", Text),
    podman("cgroups", Text),
    podman("chrootdirs", Text),
    podman("conmon-pidfile", Text),
    podman("creds", Text),
    podman("decryption-key", Text),
    podman("env-host", Switch),
    podman("env-merge", Text),
    podman("gidmap", Text),
    podman("group-entry", Text),
    podman("health-log-destination", Text),
    podman("health-max-log-count", Text),
    podman("health-max-log-size", Text),
    podman("health-on-failure", Text),
    podman("health-startup-cmd", Text),
    podman("health-startup-interval", Text),
    podman("health-startup-retries", Text),
    podman("health-startup-success", Text),
    podman("health-startup-timeout", Text),
    podman("hooks-dir", Text),
    podman("hosts-file", Text),
    podman("hostuser", Text),
    podman("http-proxy", Switch),
    podman("image-volume", Text),
    podman("init-ctr", Text),
    podman("init-path", Text),
    podman("intel-rdt-closid", Text),
    podman("no-hostname", Switch),
    podman("no-hosts", Switch),
    podman("os", Text),
    podman("passwd", Switch),
    podman("passwd-entry", Text),
    podman("personality", Text),
    podman("pidfile", Text),
    podman("pod", Text),
    podman("pod-id-file", Text),
    podman("preserve-fd", Text),
    podman("preserve-fds", Text),
    podman("rdt-class", Text),
    podman("read-only-tmpfs", Switch),
    podman("replace", Switch),
    podman("requires", Text),
    podman("retry", Text),
    podman("retry-delay", Text),
    podman("rmi", Switch),
    podman("rootfs", Switch),
    podman("sdnotify", Text),
    podman("seccomp-policy", Text),
    podman("secret", Text),
    podman("shm-size-systemd", Text),
    podman("signature-policy", Text),
    podman("subgidname", Text),
    podman("subuidname", Text),
    podman("systemd", Text),
    podman("timeout", Text),
    podman("tls-verify", Switch),
    podman("tz", Text),
    podman("uidmap", Text),
    podman("umask", Text),
    podman("unsetenv", Text),
    podman("unsetenv-all", Switch),
    podman("variant", Text),
    // Those of podman itself may stand here as well.
    podman("cdi-spec-dir", Text),
    podman("cgroup-manager", Text),
    podman("conmon", Text),
    podman("db-backend", Text),
    podman("default-mounts-file", Text),
    podman("events-backend", Text),
    podman("identity", Text),
    podman("imagestore", Text),
    podman("log-level", Text),
    podman("module", Text),
    podman("namespace", Text),
    podman("network-cmd-path", Text),
    podman("network-config-dir", Text),
    podman("out", Text),
    podman("pull-option", Text),
    podman("registries-conf", Text),
    podman("root", Text),
    podman("runroot", Text),
    podman("runtime-flag", Text),
    podman("storage-driver", Text),
    podman("tmpdir", Text),
    podman("volumepath", Text),
    podman("noout", Switch),
    podman("syslog", Switch),
    podman("trace", Switch),
    podman("transient-store", Switch),
];

/// Options that are younger than 20.10, with their first release.
const SINCE: [(&str, &str); 4] =
    [("annotation", "24.0"), ("health-start-interval", "25.0"), ("quiet", "23.0"), ("use-api-socket", "28.3")];

/// The releases that have an option.
pub fn versions(name: &str) -> Vec<Versions> {
    let since = SINCE.iter().filter(|(option, _)| *option == name);
    since
        .map(|(_, since)| Versions {
            since: (*since).into(),
            why: "older ones do not know it".into(),
            ..Versions::default()
        })
        .collect()
}

/// Names that `docker create` does not know.
const RUN_ONLY: [&str; 3] = ["detach", "detach-keys", "sig-proxy"];

/// Which program's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub podman: bool,
    pub creates: bool,
}

impl Dialect {
    fn knows(self, flag: &Flag) -> bool {
        (self.podman || !flag.podman_only) && !(self.creates && !self.podman && RUN_ONLY.contains(&flag.name))
    }

    pub fn long(self, name: &str) -> Option<&'static Flag> {
        FLAGS.iter().find(|flag| flag.name == name && self.knows(flag))
    }

    pub fn short(self, letter: char) -> Option<&'static Flag> {
        FLAGS.iter().find(|flag| flag.short == Some(letter) && self.knows(flag))
    }

    /// The known name that is closest to a wrong one, if any is close.
    pub fn nearest(self, name: &str) -> Option<&'static str> {
        FLAGS
            .iter()
            .filter(|flag| self.knows(flag))
            .map(|flag| (strsim::damerau_levenshtein(flag.name, name), flag.name))
            .filter(|(distance, near)| *distance <= 2 || (*distance <= 3 && near.len() > 8))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }
}

impl Dialect {
    pub fn program(self) -> &'static str {
        if self.podman { "podman" } else { "docker" }
    }

    pub fn verb(self) -> &'static str {
        if self.creates { "create" } else { "run" }
    }
}

/// An option that stands before the command: of `docker` itself, and of `podman` itself (cmd/podman/root.go up to 5.x).
pub struct Global {
    pub name: &'static str,
    pub short: Option<char>,
    pub takes: bool,
    /// It names another engine than the one of this host.
    pub elsewhere: bool,
}

const fn global(name: &'static str, short: Option<char>, takes: bool, elsewhere: bool) -> Global {
    Global { name, short, takes, elsewhere }
}

static OF_DOCKER: &[Global] = &[
    global("config", None, true, true),
    global("context", Some('c'), true, true),
    global("debug", Some('D'), false, false),
    global("host", Some('H'), true, true),
    global("log-level", Some('l'), true, false),
    global("tls", None, false, false),
    global("tlscacert", None, true, false),
    global("tlscert", None, true, false),
    global("tlskey", None, true, false),
    global("tlsverify", None, false, false),
];

static OF_PODMAN: &[Global] = &[
    global("cdi-spec-dir", None, true, false),
    global("cgroup-manager", None, true, false),
    global("config", None, true, false),
    global("conmon", None, true, false),
    global("connection", Some('c'), true, true),
    global("context", None, true, true),
    global("cpu-profile", None, true, false),
    global("db-backend", None, true, false),
    global("default-mounts-file", None, true, false),
    global("events-backend", None, true, false),
    global("hooks-dir", None, true, false),
    global("host", Some('H'), true, true),
    global("identity", None, true, false),
    global("imagestore", None, true, false),
    global("log-level", None, true, false),
    global("max-workers", None, true, false),
    global("memory-profile", None, true, false),
    global("module", None, true, false),
    global("namespace", None, true, false),
    global("network-cmd-path", None, true, false),
    global("network-config-dir", None, true, false),
    global("noout", None, false, false),
    global("out", None, true, false),
    global("pull-option", None, true, false),
    global("registries-conf", None, true, false),
    global("registries-conf-dir", None, true, false),
    global("remote", Some('r'), false, true),
    global("root", None, true, false),
    global("runroot", None, true, false),
    global("runtime", None, true, false),
    global("runtime-flag", None, true, false),
    global("ssh", None, true, false),
    global("storage-driver", None, true, false),
    global("storage-opt", None, true, false),
    global("syslog", None, false, false),
    global("tls-ca", None, true, false),
    global("tls-cert", None, true, false),
    global("tls-key", None, true, false),
    global("tmpdir", None, true, false),
    global("trace", None, false, false),
    global("transient-store", None, false, false),
    global("url", None, true, true),
    global("volumepath", None, true, false),
];

/// What a word before the command is, where it is an option: the option, its value where the word has it, and whether the next word
/// is its value.
pub fn global_of(podman: bool, word: &str) -> Option<(&'static Global, Option<&str>, bool)> {
    let known = if podman { OF_PODMAN } else { OF_DOCKER };
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let global = known.iter().find(|global| global.name == name)?;
        return Some((global, value, global.takes && value.is_none()));
    }
    // `-DH tcp://…`: the last of a cluster may take a value, joined or not.
    for (at, letter) in word.strip_prefix('-')?.char_indices() {
        let global = known.iter().find(|global| global.short == Some(letter))?;
        let rest = &word[1 + at + letter.len_utf8()..];
        if global.takes {
            let joined = rest.strip_prefix('=').unwrap_or(rest);
            return Some((global, (!rest.is_empty()).then_some(joined), rest.is_empty()));
        }
        if rest.is_empty() || global.elsewhere {
            return Some((global, None, false));
        }
    }
    None
}
