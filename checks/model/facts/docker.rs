//! Which Docker the client talks to, how far that got, and what the daemon says of itself.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::place;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::fact::{Fact, Gap};

/// A runtime of the engine that serves Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PodRuntime {
    #[serde(serialize_with = "place::word")]
    pub name: String,
    /// Its program, as the settings name it.
    #[serde(serialize_with = "place::path")]
    pub program: String,
    pub is_there: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DockerFacts {
    pub client: Fact<Client>,
    /// Where the client would send its requests; Absent never.
    pub endpoint: Fact<Endpoint>,
    /// The endpoint's socket file, if it is a unix socket.
    pub socket: Fact<Socket>,
    /// What came back from the endpoint. A hang is Unknown(TimedOut).
    pub reach: Fact<Reach>,
    /// Other engines that answer on this host while the endpoint does not: their socket paths.
    pub elsewhere: Fact<Vec<String>>,
    /// Other engines that would start at the first connection: their socket paths.
    pub waiting: Fact<Vec<String>>,
    /// What on the way to the engine - a context, a certificate, the socket and its folders - another user than root and the one
    /// who runs gdoctor owns or may write to; a clause for each.
    pub strangers: Fact<Vec<String>>,
    /// dockerd's own program file.
    pub daemon_program: Fact<String>,
    /// The program that registers NVIDIA's runtime.
    pub nvidia_ctk: Fact<String>,
    pub unit: Fact<Unit>,
    /// The process that dockerd's pid file names, if it is alive.
    pub daemon_process: Fact<u32>,
    /// That file where it names the process of another program.
    pub pid_file: Fact<PidOfAnother>,
    /// A file that the client reads because of a variable of this shell, and that is not there.
    pub tls_file: Fact<TlsFile>,
    /// When that process started, in seconds since the epoch.
    pub daemon_started: Fact<i64>,
    /// What the kernel lets that process do.
    pub daemon_rights: Fact<Rights>,
    pub config: Fact<Config>,
    /// dockerd's own command: that of the process which runs, else what would start it.
    pub command: Fact<Command>,
    /// `GET /version`, asked without a version in its path.
    pub version: Fact<EngineVersion>,
    /// `GET /info`.
    pub info: Fact<Info>,
    /// `GET /containers/json`: the running ones.
    pub containers: Fact<Vec<Container>>,
    /// Running containers that the daemon starts again when it starts, and that take something of this host which may be another
    /// thing then. At most 20 are asked for.
    pub restarting: Fact<Vec<Restarting>>,
    /// Where PATH has no docker: one in a folder that PATH leaves out.
    pub client_off_path: Fact<String>,
    /// The podman command on PATH, which needs no daemon.
    pub podman: Fact<Podman>,
    /// The engine that runs containers for Kubernetes here, `containerd` or `CRI-O`; its source is its socket.
    pub kubernetes: Fact<String>,
    /// Runtimes of NVIDIA's that this engine's settings name; its source is the file. Absent: they name none.
    pub pod_runtimes: Fact<Vec<PodRuntime>>,
    /// The kernel of the engine's machine, where it is not this one's: the socket of this host is forwarded to another, by ssh or
    /// socat, or into a virtual one.
    pub other_kernel: Fact<String>,
    /// The ssh program by which docker's client reaches an engine elsewhere; looked for where the endpoint wants it.
    pub ssh: Fact<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Restarting {
    #[serde(serialize_with = "place::container")]
    pub name: String,
    /// `always` or `unless-stopped`.
    #[serde(serialize_with = "place::word")]
    pub policy: String,
    /// Paths that it mounts and that a restart of the machine takes away.
    #[serde(serialize_with = "place::path")]
    pub fleeting: Vec<String>,
    /// Video nodes that it was given, by their numbers: `/dev/video0`.
    #[serde(serialize_with = "place::word")]
    pub videos: Vec<String>,
}

/// A pid file of dockerd's whose number is another program's now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PidOfAnother {
    pub path: String,
    pub pid: u32,
    /// The program's name, as the kernel cuts it.
    pub name: String,
}

impl PidOfAnother {
    /// Where Debian's script keeps the number of the dockerd that it has started.
    pub const OF_SCRIPT: &str = "/var/run/docker-ssd.pid";
}

/// What docker's client insists on before it speaks to any engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsFile {
    /// DOCKER_TLS_VERIFY or DOCKER_TLS.
    #[serde(serialize_with = "place::word")]
    pub variable: String,
    #[serde(serialize_with = "place::path")]
    pub path: String,
}

/// A podman of this host's, as its program and its files tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Podman {
    pub path: String,
    /// Empty where nothing tells it.
    pub version: String,
    /// Where it looks for CDI specs, as containers.conf says; `None`: as its version does.
    pub spec_dirs: Option<Vec<String>>,
}

impl core::fmt::Display for Podman {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let version = if self.version.is_empty() { "of a version that is not told" } else { &self.version };
        write!(f, "podman {version}")
    }
}

/// What the engine's process may do, and with it each container that it starts. A daemon of a user's own, or one that runs in a
/// container, may do less than root's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rights {
    /// Its bounding set, a bit for each number of linux/capability.h.
    pub capabilities: u64,
    /// Its user namespace is not the host's own, so it has none of them over the host.
    pub mapped: bool,
    /// The hard limits by docker's names for them; one that is missing is without a limit.
    pub limits: BTreeMap<String, u64>,
    /// /proc/PID/oom_score_adj.
    pub oom_score: i64,
}

impl Rights {
    /// In the order of their numbers, linux/capability.h.
    pub const NAMES: [&'static str; 41] = [
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
    ];

    /// True for a name that the kernel's list does not have: there is nothing to lack then.
    pub fn has(&self, capability: &str) -> bool {
        let number = Self::NAMES.iter().position(|name| *name == capability);
        number.is_none_or(|number| self.capabilities & (1 << number) != 0)
    }

    /// It may raise limits over its own, and lower what keeps the kernel from ending a process.
    pub fn raises_limits(&self) -> bool {
        self.has("SYS_RESOURCE") && !self.mapped
    }
}

/// The `docker` command on PATH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub path: String,
    pub package: Package,
}

/// Who ships a docker program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Package {
    /// Docker's own packages.
    DockerCe,
    /// Debian's and Ubuntu's package docker.io, moby-engine of others.
    Distribution,
    Snap,
    /// podman-docker: a `docker` that is podman.
    Podman,
    /// Of a package manager that is not asked here (rpm, pacman), or put there by hand.
    Unknown,
}

impl core::fmt::Display for Package {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Package::DockerCe => "docker-ce, Docker's own package",
            Package::Distribution => "the distribution's package",
            Package::Snap => "the snap package",
            Package::Podman => "podman's stand-in for docker",
            Package::Unknown => "of a package that is not known here",
        })
    }
}

/// Where the docker client sends its requests, and why there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub address: Address,
    pub chosen_by: ChosenBy,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// Path of a socket on this host.
    Unix(#[serde(serialize_with = "place::path")] String),
    /// `tcp://host:port`; `local` when host is this machine's loopback.
    Tcp {
        #[serde(serialize_with = "place::host")]
        host: String,
        port: u16,
        local: bool,
    },
    /// `ssh://…`: gdoctor opens no ssh connection. Without user and password.
    Ssh(#[serde(serialize_with = "place::host")] String),
    /// Something that is no endpoint: shown without what may be secret in it.
    Malformed(String),
    /// The chosen context does not exist.
    NoSuchContext(#[serde(serialize_with = "place::context")] String),
}

impl core::fmt::Display for Address {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{path}"),
            Address::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
            Address::Ssh(host) => write!(f, "ssh://{host}"),
            Address::Malformed(text) => f.write_str(text),
            Address::NoSuchContext(name) => write!(f, "context {name}"),
        }
    }
}

impl Address {
    /// False when host checks (devices, disk, X, ports) would look at another machine than the daemon's.
    pub fn is_local(&self) -> bool {
        matches!(self, Address::Unix(_) | Address::Tcp { local: true, .. })
    }
}

/// The docker client's order: DOCKER_HOST, DOCKER_CONTEXT, currentContext of config.json, the default socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChosenBy {
    DockerHost,
    /// DOCKER_CONTEXT names this context.
    ContextVariable(#[serde(serialize_with = "place::context")] String),
    /// config.json's currentContext names this context.
    CurrentContext(#[serde(serialize_with = "place::context")] String),
    Default,
}

impl core::fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            ChosenBy::DockerHost => f.write_str("DOCKER_HOST"),
            ChosenBy::ContextVariable(name) => write!(f, "DOCKER_CONTEXT={name}"),
            ChosenBy::CurrentContext(name) => write!(f, "context {name}, current in ~/.docker/config.json"),
            ChosenBy::Default => f.write_str("the default"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// False: something else lies at the path, such as a folder that Docker made for a `-v`.
    pub is_socket: bool,
    pub uid: u32,
    pub gid: u32,
    /// The name of `gid` in /etc/group or another source of groups; empty when it has none.
    #[serde(default)]
    #[serde(serialize_with = "place::group")]
    pub group: String,
    /// Permission bits, such as 0o660.
    pub mode: u32,
}

/// What an attempt to talk to the endpoint gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    Answers,
    /// ENOENT, or the host name does not resolve.
    NotThere,
    /// ECONNREFUSED: a socket file whose daemon is gone, or a port that nobody listens on.
    Refused,
    /// EACCES.
    Denied,
    /// No route to the host.
    Unreachable,
    /// It speaks TLS, and was asked without.
    WantsTls,
    /// TLS failed; the library's words.
    Tls(String),
}

impl core::fmt::Display for Reach {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Reach::Answers => "it answers",
            Reach::NotThere => "not there",
            Reach::Refused => "connection refused",
            Reach::Denied => "permission denied",
            Reach::Unreachable => "no route to it",
            Reach::WantsTls => "it speaks TLS",
            Reach::Tls(why) => why,
        })
    }
}

/// docker.service as files show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// /etc/systemd/system/docker.service leads to /dev/null.
    pub masked: bool,
    /// Started at boot, by itself or through docker.socket.
    pub enabled: bool,
    /// Its command starts dockerd with `-H`, which daemon.json's "hosts" then conflicts with.
    pub hosts_flag: bool,
    /// All options of its command, by the keys that daemon.json has for them: `hosts`, `data-root`, `iptables`.
    #[serde(default)]
    #[serde(serialize_with = "place::word")]
    pub flags: Vec<String>,
    /// Started when a client opens the socket (docker.socket).
    #[serde(default)]
    pub on_demand: bool,
    /// docker.service itself is started at boot; older recordings do not tell.
    #[serde(default)]
    pub at_boot: Option<bool>,
    /// Units that it requires and that cannot be started.
    #[serde(default)]
    pub lacks: Vec<Lack>,
    /// The program that it starts, where there is none at that path.
    #[serde(default)]
    #[serde(serialize_with = "place::path")]
    pub program_gone: Option<String>,
    /// Its command where that starts docker's client as a daemon, which Docker's releases since 17.12 do not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_command: Option<String>,
    /// Why systemd refuses it as its files stand.
    #[serde(default)]
    pub refused: Option<String>,
    /// Lines of its files that systemd leaves out.
    #[serde(default)]
    pub ignored: Vec<Ignored>,
    /// What of the host the unit keeps from dockerd.
    #[serde(default)]
    pub hides: Vec<Hidden>,
    /// What of the host the unit lets dockerd read and not write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_only: Vec<Hidden>,
    /// It starts dockerd as another user than root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_user: Option<Hidden>,
    /// A file of options for init scripts that sets some, and that the unit does not read.
    #[serde(default)]
    pub unread: Option<Unread>,
    /// The file by which docker.socket's socket is everybody's to write to.
    #[serde(default)]
    #[serde(serialize_with = "place::path")]
    pub opens_socket: Option<String>,
    /// Where docker.socket has systemd listen, as its files say, where that is not the usual socket.
    #[serde(default)]
    pub socket_elsewhere: Option<SocketElsewhere>,
    /// A file of variables that the unit insists on and that is not there.
    #[serde(default)]
    pub lacks_variables: Option<NoVariables>,
}

/// `ListenStream=` of docker.socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketElsewhere {
    /// The last one.
    #[serde(serialize_with = "place::text")]
    pub address: String,
    #[serde(serialize_with = "place::path")]
    pub file: String,
}

/// `EnvironmentFile=` without a dash before the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoVariables {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// Where it is named.
    #[serde(serialize_with = "place::path")]
    pub file: String,
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unread {
    #[serde(serialize_with = "place::path")]
    pub file: String,
    /// By the keys that daemon.json has for them.
    #[serde(serialize_with = "place::word")]
    pub keys: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    #[serde(serialize_with = "place::path")]
    pub file: String,
    pub line: u32,
    #[serde(serialize_with = "place::word")]
    pub key: String,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// No `[Service]` stands before it.
    NoSection,
    /// It has no `=`.
    NoValue,
    /// It belongs into this section.
    WrongSection(#[serde(serialize_with = "place::word")] String),
    /// It is this key in other letters.
    Misspelled(#[serde(serialize_with = "place::word")] String),
    /// A `%` that begins no specifier.
    Percent,
    /// Its value is no limit.
    NoLimit,
}

impl core::fmt::Display for Why {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Why::NoSection => f.write_str("it stands before any section, such as [Service]"),
            Why::NoValue => f.write_str("it has no ="),
            Why::WrongSection(section) => write!(f, "it belongs into the section [{section}]"),
            Why::Misspelled(key) => write!(f, "the key is {key}"),
            Why::NoLimit => f.write_str("its value is neither a number nor infinity"),
            Why::Percent => f.write_str("its % begins a specifier that there is not; a plain % is written %%"),
        }
    }
}

impl Unit {
    /// The setting that keeps dockerd from writing there.
    pub fn closes(&self, path: &str) -> Option<&Hidden> {
        self.read_only.iter().chain(&self.hides).find(|hidden| hidden.has(path))
    }
}

/// A setting of the unit that keeps folders of the host from dockerd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hidden {
    /// `PrivateTmp=yes`.
    #[serde(serialize_with = "place::word")]
    pub setting: String,
    #[serde(serialize_with = "place::path")]
    pub file: String,
    #[serde(serialize_with = "place::path")]
    pub folders: Vec<String>,
    /// Folders in these that are as on the host all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "place::path")]
    pub but: Vec<String>,
}

impl Hidden {
    /// Of folders in each other the inner one decides (systemd.exec(5), "Sandboxing").
    pub fn has(&self, path: &str) -> bool {
        let is_in = |folder: &str| {
            let folder = folder.trim_end_matches('/');
            path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_but = |folder: &str| self.but.iter().any(|but| is_in(but) && but.len() > folder.len());
        self.folders.iter().any(|folder| is_in(folder) && !is_but(folder))
    }
}

/// A unit that another requires (`Requires=`, `BindsTo=`), and that systemd cannot start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lack {
    #[serde(serialize_with = "place::word")]
    pub unit: String,
    /// Told never to start it; else there is no such unit.
    pub masked: bool,
    /// It is there, and gives its socket to a group that is not.
    #[serde(serialize_with = "place::word")]
    pub group: Option<String>,
}

/// daemon.json of the engine that the endpoint belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Config {
    Read {
        /// Top-level keys.
        #[serde(serialize_with = "place::word")]
        keys: Vec<String>,
        /// Names below "runtimes".
        #[serde(default)]
        #[serde(serialize_with = "place::helper")]
        runtimes: Vec<String>,
        #[serde(default)]
        #[serde(serialize_with = "place::host")]
        insecure_registries: Vec<String>,
        #[serde(default)]
        settings: Box<Settings>,
    },
    /// dockerd will not start with it. Lines and columns count from 1.
    Malformed { line: usize, column: usize, why: String },
}

/// What dockerd's command sets by itself, without daemon.json.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Command {
    /// Its options by the keys that daemon.json has for them, and the file in which each stands: the unit, a drop-in, a file
    /// of variables. Empty: no file that is known to start dockerd has it.
    pub options: BTreeMap<String, String>,
    /// Where it was told to listen, in its own words: `unix:///srv/ci.sock`; without systemd's `fd://`.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "place::text")]
    pub hosts: Vec<String>,
    pub settings: Settings,
    /// A line in a file of its variables that is not read as it is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misread: Option<Misread>,
}

/// A line of a file of variables, such as /etc/default/docker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Misread {
    #[serde(serialize_with = "place::path")]
    pub file: String,
    pub line: u32,
    pub why: WhyMisread,
    /// The init script ends at it, and starts nothing.
    #[serde(default)]
    pub ends: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyMisread {
    /// A quotation mark has no partner.
    OpenQuote,
    /// Blanks around the `=`.
    Blanks,
    /// A carriage return at its end, as Windows writes it.
    CarriageReturn,
    /// `export`, which systemd does not know.
    Export,
}

impl core::fmt::Display for WhyMisread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::OpenQuote => "a quotation mark is not closed",
            Self::Blanks => "it has a blank beside its =, so the shell takes the first word for a program",
            Self::CarriageReturn => {
                "it ends with a carriage return, as files from Windows do, which becomes part of the value"
            }
            Self::Export => "it begins with export, which is no word of systemd's, so systemd leaves the line out",
        })
    }
}

/// A value that the daemon was given, and the file that gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting<'a, T> {
    pub value: T,
    pub place: Place<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place<'a> {
    /// daemon.json: its path.
    File(&'a str),
    /// An option of dockerd's command, in this unit or drop-in of systemd's.
    Unit(&'a str),
    /// An option of dockerd's command, in a file of variables such as /etc/default/docker.
    Variables(&'a str),
    /// An option of the running dockerd, of no file that is known: where it was seen.
    Command(&'a str),
}

impl<'a> Place<'a> {
    pub fn path(self) -> &'a str {
        match self {
            Place::File(path) | Place::Unit(path) | Place::Variables(path) | Place::Command(path) => path,
        }
    }
}

/// The values of daemon.json that checks use; a key that is not there is dockerd's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What kind of value each key has: `text`, `number`, `switch`, `list`, `object`, `null`.
    #[serde(serialize_with = "place::word")]
    pub kinds: BTreeMap<String, String>,
    /// The same of what is in objects whose members are all of one kind: `log-opts.max-file`.
    #[serde(serialize_with = "place::word", skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, String>,
    /// What about the file's text not every engine takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub oddities: Vec<Oddity>,
    /// What is of the right kind and refused all the same, in the order of the keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedValue>,
    /// What dockerd starts with, and no container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused_later: Vec<RefusedValue>,
    /// Keys that stand there more than once with different values: the last counts.
    #[serde(serialize_with = "place::word", skip_serializing_if = "Vec::is_empty")]
    pub doubled: Vec<String>,
    /// Entries of storage-opts: `overlay2.size=20G`.
    #[serde(serialize_with = "place::word", skip_serializing_if = "Vec::is_empty")]
    pub storage_opts: Vec<String>,
    /// Keys that dockerd's command sets too, to the very same value.
    #[serde(serialize_with = "place::word", skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<String>,
    /// Where dockerd listens: `tcp://0.0.0.0:2375`.
    #[serde(serialize_with = "place::text", skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Only clients with a certificate of its own authority are let in.
    pub tlsverify: Option<bool>,
    /// Whose subordinate ids containers get: userns-remap.
    #[serde(serialize_with = "place::user")]
    pub userns_remap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_restore: Option<bool>,
    pub iptables: Option<bool>,
    pub ip_forward: Option<bool>,
    /// The default bridge; `none`: there is none.
    pub bridge: Option<String>,
    #[serde(serialize_with = "place::path")]
    pub data_root: Option<String>,
    /// `iptables` or `nftables`, since Engine 29.
    #[serde(serialize_with = "place::word")]
    pub firewall_backend: Option<String>,
    /// Resolvers for containers.
    #[serde(serialize_with = "place::host")]
    pub dns: Vec<String>,
    /// Of the default bridge.
    pub mtu: Option<u32>,
    #[serde(serialize_with = "place::word")]
    pub default_runtime: Option<String>,
    pub log_driver: Option<String>,
    /// The address in log-opts that the log driver sends to.
    #[serde(serialize_with = "place::host")]
    pub log_address: Option<String>,
    /// log-opts lets fluentd connect later.
    pub log_async: bool,
    /// Names in default-ulimits whose soft limit is above the hard one.
    #[serde(serialize_with = "place::word")]
    pub inverted_limits: Vec<String>,
    /// The bridge's own address, and the range that containers get theirs from: `172.17.0.1/16`.
    #[serde(serialize_with = "place::host")]
    pub bip: Option<String>,
    #[serde(serialize_with = "place::host")]
    pub fixed_cidr: Option<String>,
    /// log-opts has max-size.
    pub log_limited: bool,
    #[serde(serialize_with = "place::word")]
    pub storage_driver: Option<String>,
    /// Other hosts may reach containers' own addresses.
    pub allow_direct_routing: Option<bool>,
    /// Published ports get a docker-proxy, which is the default.
    pub userland_proxy: Option<bool>,
    /// Bytes of /dev/shm are set for all containers.
    #[serde(serialize_with = "place::word")]
    pub shm_size: Option<String>,
    /// Seconds since the epoch of the file's last change.
    pub changed: i64,
}

impl Settings {
    /// The addresses of TCP among its hosts, where everybody who reaches them is let in.
    pub fn open_hosts(&self) -> impl Iterator<Item = &str> {
        let is_tcp = |host: &&str| !["unix:", "fd:", "npipe:"].iter().any(|scheme| host.starts_with(scheme));
        self.hosts.iter().map(String::as_str).filter(is_tcp).filter(|_| self.tlsverify != Some(true))
    }
}

/// A value that dockerd does not take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefusedValue {
    #[serde(serialize_with = "place::word")]
    pub key: String,
    /// Of a list the entry.
    #[serde(serialize_with = "place::text")]
    pub value: String,
    pub why: String,
}

/// A text that reads as an object, and not by each engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Oddity {
    /// There is nothing in it but blanks.
    Empty,
    ByteOrderMark,
    /// Something stands behind the object; lines and columns count from 1.
    Behind {
        line: usize,
        column: usize,
    },
}

/// The part of `GET /version` that checks use, in the API's own spelling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EngineVersion {
    #[serde(serialize_with = "place::word")]
    pub version: String,
    #[serde(serialize_with = "place::word")]
    pub api_version: String,
    #[serde(rename = "MinAPIVersion")]
    #[serde(serialize_with = "place::word")]
    pub min_api_version: String,
    #[serde(deserialize_with = "or_default")]
    pub components: Vec<Component>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Component {
    #[serde(serialize_with = "place::word")]
    pub name: String,
    #[serde(serialize_with = "place::word")]
    pub version: String,
}

impl EngineVersion {
    pub fn is_podman(&self) -> bool {
        self.components.iter().any(|c| c.name == "Podman Engine")
    }
}

/// The part of `GET /info` that checks use, in the API's own spelling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Info {
    #[serde(serialize_with = "place::host")]
    pub name: String,
    #[serde(serialize_with = "place::word")]
    pub operating_system: String,
    #[serde(rename = "OSType")]
    #[serde(serialize_with = "place::word")]
    pub os_type: String,
    #[serde(serialize_with = "place::word")]
    pub kernel_version: String,
    #[serde(serialize_with = "place::word")]
    pub architecture: String,
    /// Storage driver: `overlay2`, or `overlayfs` of the containerd store.
    #[serde(serialize_with = "place::word")]
    pub driver: String,
    #[serde(deserialize_with = "or_default")]
    pub driver_status: Vec<(String, String)>,
    #[serde(serialize_with = "place::path")]
    pub docker_root_dir: String,
    #[serde(serialize_with = "place::word")]
    pub cgroup_driver: String,
    #[serde(serialize_with = "place::word")]
    pub cgroup_version: String,
    #[serde(deserialize_with = "or_default")]
    #[serde(serialize_with = "place::word")]
    pub security_options: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub warnings: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    #[serde(serialize_with = "place::helper")]
    pub runtimes: BTreeMap<String, Runtime>,
    #[serde(serialize_with = "place::helper")]
    pub default_runtime: String,
    #[serde(rename = "CDISpecDirs", deserialize_with = "or_default")]
    pub cdi_spec_dirs: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub discovered_devices: Vec<DiscoveredDevice>,
    #[serde(deserialize_with = "or_default")]
    pub registry_config: RegistryConfig,
    #[serde(deserialize_with = "or_default")]
    pub containerd: Containerd,
    pub live_restore_enabled: bool,
    #[serde(serialize_with = "place::word")]
    pub logging_driver: String,
    #[serde(deserialize_with = "or_default")]
    pub plugins: Plugins,
    /// Processors that the daemon may use; 0: not told.
    #[serde(rename = "NCPU")]
    pub cpus: u32,
    /// The kernel can limit memory, and memory and swap together; where it cannot, the daemon drops such limits.
    pub memory_limit: bool,
    pub swap_limit: bool,
    /// The kernel can limit its own memory, and leave a container alone that has no memory left; `None`: not told.
    pub kernel_memory: Option<bool>,
    pub oom_kill_disable: Option<bool>,
    /// The kernel can limit the number of processes; `None`: not told.
    pub pids_limit: Option<bool>,
    /// The kernel can give each container a share of the processors' time; `None`: not told.
    #[serde(rename = "CpuCfsQuota")]
    pub cpu_quota: Option<bool>,
    #[serde(rename = "CpuCfsPeriod")]
    pub cpu_period: Option<bool>,
    /// The same of the weight of that time, and of single processors.
    #[serde(rename = "CPUShares")]
    pub cpu_shares: Option<bool>,
    #[serde(rename = "CPUSet")]
    pub cpu_set: Option<bool>,
    /// The daemon uses a proxy for http; the address itself is not kept.
    #[serde(deserialize_with = "is_set")]
    pub http_proxy: bool,
    #[serde(deserialize_with = "is_set")]
    pub https_proxy: bool,
    /// NO_PROXY's list of hosts that it asks directly all the same.
    #[serde(serialize_with = "place::host")]
    pub no_proxy: String,
    /// What sets its packet filter rules, since API 1.49.
    #[serde(deserialize_with = "or_default")]
    pub firewall_backend: FirewallBackend,
    /// Where new networks get their addresses; empty: the engine's own.
    #[serde(deserialize_with = "or_default")]
    pub default_address_pools: Vec<AddressPool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Plugins {
    /// Log drivers, those of installed plugins too.
    #[serde(deserialize_with = "or_default")]
    #[serde(serialize_with = "place::word")]
    pub log: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FirewallBackend {
    /// `iptables`, `nftables`, either with `+firewalld`; empty: not told.
    #[serde(serialize_with = "place::word")]
    pub driver: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AddressPool {
    /// `172.17.0.0/12`.
    #[serde(serialize_with = "place::host")]
    pub base: String,
    /// Bits of each network made from it.
    pub size: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runtime {
    #[serde(serialize_with = "place::text")]
    pub path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscoveredDevice {
    #[serde(rename = "Source")]
    pub source: String,
    #[serde(rename = "ID")]
    pub id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RegistryConfig {
    #[serde(rename = "InsecureRegistryCIDRs", deserialize_with = "or_default")]
    #[serde(serialize_with = "place::host")]
    pub insecure_cidrs: Vec<String>,
    #[serde(rename = "IndexConfigs", deserialize_with = "or_default")]
    #[serde(serialize_with = "place::host")]
    pub index_configs: BTreeMap<String, IndexConfig>,
    /// Those of Docker Hub, as URLs.
    #[serde(deserialize_with = "or_default")]
    #[serde(serialize_with = "place::host")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
}

impl RegistryConfig {
    /// The daemon asks it first for images of Docker Hub.
    pub fn is_mirror(&self, host: &str, port: u16) -> bool {
        let of = |mirror: &String| {
            let (scheme, rest) = mirror.split_once("://").unwrap_or(("https", mirror));
            let name = rest.split('/').next().unwrap_or(rest);
            let default = if scheme == "http" { 80 } else { 443 };
            let (name, at) = match name.rsplit_once(':').map(|(name, at)| (name, at.parse().ok())) {
                Some((name, Some(at))) => (name, at),
                _ => (name, default),
            };
            name.trim_matches(['[', ']']) == host && at == port
        };
        self.mirrors.iter().any(of)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IndexConfig {
    pub secure: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Containerd {
    pub address: String,
}

impl Info {
    pub fn has_security_option(&self, name: &str) -> bool {
        // "name=rootless" or, in old daemons, "rootless"; more keys may follow behind a comma.
        self.security_options.iter().any(|option| {
            let first = option.split(',').next().unwrap_or_default();
            first.strip_prefix("name=").unwrap_or(first) == name
        })
    }

    pub fn is_rootless(&self) -> bool {
        self.has_security_option("rootless")
    }

    /// Users inside containers have other ids on the host: a rootless engine, or userns-remap.
    pub fn maps_users(&self) -> bool {
        self.is_rootless() || self.has_security_option("userns")
    }

    /// The daemon runs in Docker Desktop's virtual machine.
    pub fn is_desktop(&self) -> bool {
        self.operating_system == "Docker Desktop"
    }

    pub fn is_snap(&self) -> bool {
        self.docker_root_dir.starts_with("/var/snap/docker/")
    }

    /// Images lie in containerd's store, not below `docker_root_dir`.
    pub fn has_containerd_store(&self) -> bool {
        self.driver_status.iter().any(|(key, value)| key == "driver-type" && value == "io.containerd.snapshotter.v1")
    }
}

/// The part of a row of `GET /containers/json` that checks use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Container {
    #[serde(serialize_with = "place::word")]
    pub id: String,
    /// With a leading slash.
    #[serde(deserialize_with = "or_default")]
    #[serde(serialize_with = "place::container")]
    pub names: Vec<String>,
    #[serde(serialize_with = "place::image")]
    pub image: String,
    #[serde(deserialize_with = "or_default")]
    pub ports: Vec<PublishedPort>,
}

impl Container {
    pub fn name(&self) -> &str {
        self.names.first().map_or(self.id.as_str(), |name| name.trim_start_matches('/'))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PublishedPort {
    /// Host address; empty when the port is only exposed.
    #[serde(rename = "IP")]
    #[serde(serialize_with = "place::host")]
    pub ip: String,
    pub private_port: u16,
    /// 0 when it is only exposed.
    pub public_port: u16,
    #[serde(rename = "Type")]
    #[serde(serialize_with = "place::word")]
    pub protocol: String,
}

impl DockerFacts {
    /// The daemon's `/info` when it has answered.
    pub fn answered_info(&self) -> Option<&Info> {
        self.info.value()
    }

    /// Its packet filter rules are nftables', by its own word or, before API 1.49, by its setting.
    pub fn uses_nftables(&self) -> bool {
        let told = self.answered_info().map_or("", |info| info.firewall_backend.driver.as_str());
        let set = self.setting("firewall-backend", |settings| settings.firewall_backend.as_deref());
        match told {
            "" => set.is_some_and(|set| set.value == "nftables"),
            told => told.starts_with("nftables"),
        }
    }

    /// What `which` finds in dockerd's command under `key`, else in daemon.json; dockerd refuses a key that both have.
    pub fn setting<'a, T>(&'a self, key: &str, which: impl Fn(&'a Settings) -> Option<T>) -> Option<Setting<'a, T>> {
        let by_command = self.command.value().and_then(|command| {
            let place = match command.options.get(key)?.as_str() {
                "" => Place::Command(self.command.source.0.as_str()),
                path if path.contains("/systemd/") => Place::Unit(path),
                path => Place::Variables(path),
            };
            Some(Setting { value: which(&command.settings)?, place })
        });
        by_command.or_else(|| Some(Setting { value: which(self.settings()?)?, place: Place::File(self.config_path()) }))
    }

    /// Where dockerd keeps images and containers, as its settings say.
    pub fn root(&self) -> &str {
        self.setting("data-root", |settings| settings.data_root.as_deref()).map_or("/var/lib/docker", |told| told.value)
    }

    /// What daemon.json sets, when it could be read.
    pub fn settings(&self) -> Option<&Settings> {
        match self.config.value() {
            Some(Config::Read { settings, .. }) => Some(settings),
            _ => None,
        }
    }

    /// Nobody serves at the endpoint yet, and the first connection would start the engine.
    pub fn is_waiting(&self) -> bool {
        matches!(self.reach.gap(), Some(Gap::Waiting(_)))
    }

    /// Another engine on this host, where the endpoint's is not there: one that answers, or one that would.
    pub fn other_engine(&self) -> Option<&str> {
        [&self.elsewhere, &self.waiting].into_iter().find_map(|sockets| Some(sockets.value()?.first()?.as_str()))
    }

    /// The socket that DOCKER_HOST or a context names, where it is not there and none of the engines that are known to this host
    /// would make it.
    pub fn missing_socket(&self) -> Option<&str> {
        let endpoint = self.endpoint.value().filter(|endpoint| endpoint.chosen_by != ChosenBy::Default)?;
        let Address::Unix(path) = &endpoint.address else { return None };
        let is_usual = ["/var/run/docker.sock", "/run/docker.sock"].contains(&path.as_str())
            || path.starts_with("/run/user/") && path.ends_with("/docker.sock")
            || path.ends_with("/.docker/desktop/docker.sock");
        let told = self.command.value().map(|command| (&command.hosts, &command.settings.hosts));
        let told = told.into_iter().flat_map(|(one, other)| one.iter().chain(other));
        let told = told.chain(self.settings().into_iter().flat_map(|settings| &settings.hosts));
        let is_told = told.filter_map(|host| host.strip_prefix("unix://")).any(|told| told == path);
        let is_gone = matches!(self.reach.value(), Some(Reach::NotThere)) && self.socket.value().is_none();
        let runs = self.daemon_process.value().is_some();
        (is_gone && !is_usual && !is_told && !runs && self.client.value().is_some()).then_some(path)
    }

    /// The endpoint belongs to an engine without root, running or not.
    pub fn is_rootless(&self) -> bool {
        let by_socket = matches!(self.endpoint.value().map(|endpoint| &endpoint.address),
            Some(Address::Unix(path)) if path.starts_with("/run/user/") && path.ends_with("/docker.sock"));
        self.info.value().map_or(by_socket, Info::is_rootless)
    }

    /// The daemon.json that this engine reads, there or not.
    pub fn config_path(&self) -> &str {
        match self.config.source.0.as_str() {
            "" => "/etc/docker/daemon.json",
            path => path,
        }
    }

    /// True when the daemon is known to be on another machine or in a virtual one: host checks then prove nothing.
    pub fn is_elsewhere(&self) -> bool {
        self.endpoint
            .value()
            .is_some_and(|endpoint| matches!(endpoint.address, Address::Ssh(_) | Address::Tcp { local: false, .. }))
            || self.info.value().is_some_and(Info::is_desktop)
            || self.other_kernel.value().is_some()
    }

    /// Tags that a fence of a fix may ask for: which engine this is.
    pub fn tags(&self) -> Vec<&'static str> {
        let info = self.info.value();
        let snap = info.is_some_and(Info::is_snap) || self.client.value().is_some_and(|c| c.package == Package::Snap);
        let rootless = self.is_rootless();
        let podman = self.version.value().is_some_and(EngineVersion::is_podman);
        [
            (snap, "snap"),
            (!snap, "no-snap"),
            (rootless, "rootless"),
            (!rootless, "rootful"),
            (podman, "podman"),
            (info.is_some_and(Info::is_desktop), "desktop"),
        ]
        .into_iter()
        .filter_map(|(holds, tag)| holds.then_some(tag))
        .collect()
    }
}

/// `null`, as Go writes an empty list or map, is the default.
fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// True for a text that is not empty (the API's form) and for `true` (the form of a kept fact).
fn is_set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Switch(bool),
        Text(String),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Switch(set) => set,
        Form::Text(text) => !text.is_empty(),
        Form::Other(_) => false,
    })
}
