//! What lies around the Docker engine on this host: its packages, the client's settings, the kernel's part in its network, the
//! limits it hands on, and why it did not start.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineFacts {
    /// ~/.docker/config.json, without what may be secret in it.
    pub client_config: Fact<ClientConfig>,
    /// Names of the proxy variables that this shell sets; never their values.
    #[serde(serialize_with = "place::word")]
    pub shell_proxy: Fact<Vec<String>>,
    /// A proxy of the daemon's own on this host at which nobody listens.
    pub dead_proxy: Fact<DeadProxy>,
    /// DOCKER_API_VERSION of this shell.
    #[serde(serialize_with = "place::word")]
    pub pinned_api: Fact<String>,
    /// Version of the docker client's package, without epoch and revision.
    #[serde(serialize_with = "place::word")]
    pub client_version: Fact<String>,
    pub compose: Fact<Compose>,
    /// The plugin behind `docker build`.
    pub buildx: Fact<Plugin>,
    /// The builder that `docker buildx build` takes; Absent where it is the engine's own.
    pub builder: Fact<Builder>,
    /// Packages of Docker's kind; Absent on a host without dpkg.
    pub packages: Fact<Vec<Package>>,
    /// The snap's folder, when Docker's snap is installed.
    pub snap: Fact<String>,
    /// Lines of apt's sources that name download.docker.com.
    pub sources: Fact<Vec<AptSource>>,
    /// A `docker` of Docker Desktop for Windows: the path that shows it.
    pub windows_client: Fact<String>,
    /// What systemd and the log tell of the last start; looked at only when the daemon does not answer.
    pub start: Fact<Start>,
    pub modules: Fact<Modules>,
    /// Packages that ask for a reboot (/run/reboot-required.pkgs), at least one line.
    #[serde(serialize_with = "place::word")]
    pub reboot_wanted: Fact<Vec<String>>,
    pub clock: Fact<Clock>,
    /// net.ipv4.ip_forward is 1.
    pub forwarding: Fact<bool>,
    /// The sysctl file that switches forwarding off.
    pub forwarding_off_in: Fact<String>,
    /// net.bridge.bridge-nf-call-iptables is 1; Absent while br_netfilter is not loaded.
    pub bridge_filter: Fact<bool>,
    /// Bridges that are not Docker's and have a network card of this host as a port.
    pub card_bridges: Fact<Vec<String>>,
    pub resolver: Fact<Resolver>,
    pub path_mtu: Fact<PathMtu>,
    /// IPv4 routes of the main table.
    pub routes: Fact<Vec<Route>>,
    pub packet_filter: Fact<PacketFilter>,
    /// Docker's rules as the kernel has them. Absent where the daemon has none here to look for; only root may read them.
    pub rules: Fact<Rules>,
    pub firewall: Fact<Firewall>,
    pub apparmor: Fact<AppArmor>,
    pub cgroup: Fact<CgroupMounts>,
    /// The release of the systemd that is installed, which the running one may be older than.
    pub systemd: Fact<u32>,
    /// The boot loader's file that asks for cgroup version 1, as the running kernel was asked; Absent where none does, or where it
    /// asks systemd for it by force, too.
    pub old_cgroups_asked_in: Fact<String>,
    /// Limits of the dockerd process, which a rootless engine cannot raise.
    pub limits: Fact<Limits>,
    /// LimitNOFILE of the unit that containers inherit it from, `SOFT:HARD` of systemd where it sets none. Absent where no unit of
    /// systemd decides it.
    #[serde(serialize_with = "place::word")]
    pub container_files: Fact<String>,
    /// LimitMEMLOCK of the same unit, empty where it sets none. Absent where no unit of systemd decides it.
    #[serde(serialize_with = "place::word")]
    pub container_memlock: Fact<String>,
    /// What the user whose keys containers take has left of the kernel's quota. Absent where no engine of this machine is known.
    pub keys: Fact<KeyQuota>,
    /// The most files that any process may open: fs.nr_open, which is what infinity means for a unit.
    pub most_files: Fact<u64>,
    pub inotify: Fact<Inotify>,
    /// Version in the file name of libseccomp.so.2.
    #[serde(serialize_with = "place::word")]
    pub libseccomp: Fact<String>,
    pub user_namespaces: Fact<UserNamespaces>,
    /// The user whose ids containers are to get, where a file has none for it; only of an engine that does not answer.
    pub no_id_range: Fact<NoIdRange>,
    /// The first of [`IDS`] ids that no line of /etc/subuid and /etc/subgid has.
    pub free_ids: Fact<u32>,
    pub kvm: Fact<Kvm>,
    /// What dockerd starts beside containers. Absent where no dockerd runs on this machine.
    pub helpers: Fact<Vec<DaemonHelper>>,
    /// /etc/containerd/config.toml, as far as containerd may refuse it.
    pub containerd_config: Fact<ContainerdConfig>,
    /// The containerd that dockerd was told to use, on this machine.
    pub containerd: Fact<Containerd>,
    /// The bridge that containers are attached to where no network is named. Absent where the engine has none here.
    pub bridge: Fact<Bridge>,
    /// Where the engine's default log driver sends what containers say. Absent where the engine keeps it.
    pub log_target: Fact<LogTarget>,
    /// The mount below which images and volumes lie.
    pub data_root: Fact<DataRoot>,
    /// The folder in which containerd keeps the images of an engine with its store.
    pub image_store: Fact<DataRoot>,
    /// The file that the running dockerd was started from is replaced or gone. Its owner and root alone may see that.
    pub daemon_replaced: Fact<bool>,
}

/// A proxy that dockerd is told to use, by a loopback address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeadProxy {
    /// `HTTPS_PROXY`, or daemon.json's `https-proxy`.
    #[serde(serialize_with = "place::word")]
    pub name: String,
    #[serde(serialize_with = "place::path")]
    pub file: String,
    pub port: u16,
}

/// A user's keys of the kernel and what they may be at most (keyrings(7), /proc/key-users).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyQuota {
    pub uid: u32,
    pub keys: u64,
    pub most_keys: u64,
    pub bytes: u64,
    pub most_bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Containerd {
    /// Path of its socket.
    #[serde(serialize_with = "place::path")]
    pub address: String,
    pub listens: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogTarget {
    #[serde(serialize_with = "place::word")]
    pub driver: String,
    /// As daemon.json has it; empty: the driver's own.
    #[serde(serialize_with = "place::host")]
    pub address: String,
    /// Somebody listens there, or the driver waits for nobody; `None`: not looked at.
    pub taken: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerdConfig {
    /// Why it is no TOML, with the number of the line.
    pub malformed: Option<String>,
    /// The form of the file; 1 where it names none.
    pub version: i64,
    /// Tables of `plugins` that are not named as a plugin's whole name, `io.containerd.grpc.v1.cri`.
    pub short_tables: Vec<String>,
    /// Such names in `disabled_plugins` and `required_plugins`.
    pub short_names: Vec<String>,
    /// A key whose value is of another kind than containerd reads, and the kind that it wants.
    pub wrong_kind: Option<(String, String)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bridge {
    #[serde(serialize_with = "place::word")]
    pub name: String,
    pub is_there: bool,
    /// It was switched off: nothing goes through it.
    pub is_down: bool,
    /// It has no IPv4 address: containers' way out begins at none.
    pub no_address: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataRoot {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// Where the file system is mounted that it lies on.
    #[serde(serialize_with = "place::path")]
    pub mount: String,
    /// What kind of file system that is, as /proc/mounts calls it: `ext4`, `nfs4`.
    #[serde(serialize_with = "place::word")]
    pub kind: String,
    /// It counts what each folder takes, as XFS does when it is mounted with pquota.
    pub quotas: bool,
    /// overlay2 has kept layers there. Only root may see.
    pub overlay2: bool,
    /// No program may be started from it.
    pub noexec: bool,
    /// It has the state of a swarm's node. Only root may see.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub swarm: bool,
    /// A folder above it that /etc/fstab mounts a file system at, and none is mounted there.
    #[serde(serialize_with = "place::path")]
    pub not_mounted: Option<String>,
    /// Folders of the engine's own below it that are gone. Only root may see.
    #[serde(serialize_with = "place::path")]
    pub gone: Vec<String>,
}

impl DataRoot {
    /// The kind of its file system, where overlay takes none of it for what is written: a server's disk, or another overlay.
    pub fn no_overlay(&self) -> Option<&str> {
        const KINDS: [&str; 9] = ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "overlay", "ecryptfs", "aufs"];
        (KINDS.contains(&self.kind.as_str()) || self.is_foreign()).then_some(self.kind.as_str())
    }

    /// A disk's file system of another system. Overlay takes none for its upper layer that knows no whiteouts (FUSE's) or no difference
    /// of large and small letters: the kernel's fs/overlayfs/super.c, ovl_make_workdir and ovl_dentry_weird.
    pub fn is_foreign(&self) -> bool {
        const KINDS: [&str; 7] = ["fuseblk", "ntfs-3g", "ntfs", "vfat", "msdos", "exfat", "hfsplus"];
        KINDS.contains(&self.kind.as_str())
    }
}

/// A program that dockerd starts itself (docker-proxy for a published port, docker-init for `--init`), or that starts containers
/// for it (runc, and containerd's part that starts runc).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonHelper {
    #[serde(serialize_with = "place::word")]
    pub name: String,
    /// Where dockerd finds it.
    pub path: Option<String>,
    /// Why what it finds does not start.
    pub unfit: Option<Unfit>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// False: not JSON; the client goes on without it.
    pub readable: bool,
    /// Why it is none, with its place; empty where a gdoctor looked that kept no such words.
    #[serde(serialize_with = "place::text")]
    pub fault: String,
    /// `credsStore`.
    pub store: Option<Helper>,
    /// `credHelpers`, by registry.
    #[serde(serialize_with = "place::host")]
    pub helpers: Vec<(String, Helper)>,
    /// `proxies` hands containers a proxy on 127.0.0.1, which is the container itself there.
    pub loopback_proxy: bool,
}

/// `docker-credential-NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Helper {
    #[serde(serialize_with = "place::helper")]
    pub name: String,
    /// Known to be in no folder on PATH.
    pub missing: bool,
    /// Why the program that is on PATH does not start.
    #[serde(default)]
    pub unfit: Option<Unfit>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compose {
    /// Path of the plugin behind `docker compose`.
    pub plugin: Option<String>,
    /// Its version, where its package tells.
    #[serde(serialize_with = "place::word")]
    pub version: Option<String>,
    /// Path of a `docker-compose` that is a Python program: version 1.
    pub python: Option<String>,
    /// That one's version, where its package tells.
    #[serde(serialize_with = "place::word")]
    pub python_version: Option<String>,
    /// Why the plugin does not start. The client then looks no further.
    pub unfit: Option<Unfit>,
}

/// A plugin of docker's client: the first file of its name decides, whatever lies in later folders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugin {
    pub path: String,
    pub unfit: Option<Unfit>,
}

/// One that buildx keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Builder {
    #[serde(serialize_with = "place::container")]
    pub name: String,
    /// `docker-container`, `kubernetes`, `remote`.
    #[serde(serialize_with = "place::word")]
    pub driver: String,
    /// Registries that its buildkitd.toml lets it ask without TLS, or without a certificate that is known.
    #[serde(serialize_with = "place::host")]
    pub insecure: Vec<String>,
    /// Its container shares the host's network.
    pub host_network: bool,
}

/// Why a file that should be a program does not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfit {
    Folder,
    Empty,
    /// Nobody may start it, or not this user.
    NotExecutable,
    /// Its file system is mounted with noexec.
    Noexec,
    /// Made for another machine: `aarch64`.
    Machine(#[serde(serialize_with = "place::word")] String),
    /// Neither a program of Linux nor a script with `#!`.
    NoProgram,
    /// A script whose interpreter is not there.
    Interpreter(String),
    /// A program of Windows', which the kernel hands to nobody (binfmt_misc).
    Windows,
    /// A link that leads nowhere.
    Dangling,
    /// It lies below this folder, which this user may not enter.
    Closed(String),
}

impl core::fmt::Display for Unfit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Unfit::Folder => f.write_str("is a folder"),
            Unfit::Empty => f.write_str("is empty"),
            Unfit::NotExecutable => f.write_str("is not executable for this user"),
            Unfit::Noexec => f.write_str("lies on a file system that is mounted with noexec"),
            Unfit::Machine(name) => write!(f, "is made for {name}"),
            Unfit::NoProgram => f.write_str("is no program of Linux's"),
            Unfit::Interpreter(path) => write!(f, "is a script for {path}, which is not there"),
            Unfit::Windows => f.write_str(
                "is a program of Windows, which this Linux starts by no interpreter (/proc/sys/fs/binfmt_misc)",
            ),
            Unfit::Dangling => f.write_str("is a link that leads nowhere"),
            Unfit::Closed(folder) => write!(f, "lies below {folder}, which this user may not enter"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    #[serde(serialize_with = "place::word")]
    pub name: String,
    /// Without epoch and revision.
    #[serde(serialize_with = "place::word")]
    pub version: String,
    /// False: unpacked or half configured.
    pub whole: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AptSource {
    pub file: String,
    /// `ubuntu`, `debian`, `raspbian`: the folder of the address.
    #[serde(serialize_with = "place::word")]
    pub distribution: String,
    #[serde(serialize_with = "place::word")]
    pub suite: String,
}

/// docker.service after a start that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Start {
    /// systemd's ActiveState: `failed`, `inactive`, `activating`; empty without systemd.
    #[serde(serialize_with = "place::word")]
    pub state: String,
    /// systemd's Result: `exit-code`, `start-limit-hit`, `oom-kill`.
    #[serde(serialize_with = "place::word")]
    pub result: String,
    /// The last lines that dockerd wrote, oldest first.
    pub lines: Vec<String>,
    /// Where they were read.
    pub log: String,
    /// Seconds since the epoch: dockerd wrote them no earlier, or, without systemd, no later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// What systemd itself could not do, in its own words.
    pub systemd: Option<SystemdFailure>,
}

/// A unit that systemd did not bring as far as its program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SystemdFailure {
    /// It does not take the unit's files.
    Refused {
        words: String,
        /// Files that somebody has laid over the unit's own.
        #[serde(serialize_with = "place::path")]
        drop_ins: Vec<String>,
    },
    /// A step before the program failed: its user, its folder, its limits.
    Step {
        words: String,
        #[serde(serialize_with = "place::path")]
        drop_ins: Vec<String>,
    },
    /// docker.socket did not come to listen.
    Socket { words: String },
    /// A unit that it requires has failed.
    Requires {
        #[serde(serialize_with = "place::word")]
        unit: String,
        /// systemd's Result of that unit.
        #[serde(serialize_with = "place::word")]
        result: String,
    },
}

/// A line with which dockerd can have given up: a fatal one of its log, or one that is none of its log's, which begin with
/// their time, and none of systemd's.
pub fn is_final(line: &str) -> bool {
    const SYSTEMD: [&str; 15] = [
        "docker.service",
        "docker.socket",
        "snap.docker",
        "Starting ",
        "Started ",
        "Stopping ",
        "Stopped ",
        "Listening on ",
        "Closed ",
        "Reloading ",
        "Reloaded ",
        "Failed to start ",
        "Failed to listen",
        "Dependency failed",
        "Job ",
    ];
    line.contains("level=fatal")
        || !line.trim().is_empty()
            && !line.starts_with("time=")
            && (line.starts_with("failed to start daemon") || SYSTEMD.iter().all(|words| !line.starts_with(words)))
}

impl Start {
    /// systemd ended the unit in good order.
    pub fn is_stopped(&self) -> bool {
        self.state == "inactive" && self.result == "success" && self.systemd.is_none()
    }

    /// dockerd spoke of this path when it gave up.
    pub fn names(&self, path: &str) -> bool {
        self.lines.iter().any(|line| line.contains(path))
    }

    /// An option of its command is what dockerd spoke of when it gave up.
    pub fn refuses_an_option(&self) -> bool {
        const WORDS: [&str; 4] = ["unable to parse", "unknown flag", "unknown shorthand flag", "invalid argument"];
        self.lines.iter().any(|line| WORDS.iter().any(|words| line.contains(words)))
    }

    /// A full disk is what dockerd spoke of when it gave up.
    pub fn names_a_full_disk(&self) -> bool {
        self.lines.iter().any(|line| line.contains("no space left on device"))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Modules {
    /// The running kernel can load modules (/proc/modules).
    pub loadable: bool,
    /// /lib/modules has a folder of the running kernel's.
    pub running: bool,
    /// Kernels that /lib/modules has.
    #[serde(serialize_with = "place::word")]
    pub kernels: Vec<String>,
    /// Of [`NEEDED_MODULES`] those that are not loaded, and that only a kernel of `kernels` has as modules.
    #[serde(serialize_with = "place::word", skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// What containers and their networks need of the kernel; of the filters the one that iptables speaks to.
pub const NEEDED_MODULES: [&str; 6] = ["overlay", "bridge", "veth", "nf_tables", "ip_tables", "xt_addrtype"];

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clock {
    /// Seconds since the epoch.
    pub now: i64,
    /// When this gdoctor was released, seconds since the epoch.
    pub released: i64,
    /// The newest of some files that only time itself changes, and its change time.
    pub newest: Option<(String, i64)>,
    /// A time server has set it since this boot (systemd-timesyncd).
    pub synchronized: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resolver {
    /// Addresses of /etc/resolv.conf.
    #[serde(serialize_with = "place::host")]
    pub servers: Vec<String>,
    /// Addresses that systemd-resolved itself asks (/run/systemd/resolve/resolv.conf).
    #[serde(serialize_with = "place::host")]
    pub upstream: Vec<String>,
    /// Those of `servers` on this host's loopback where no socket takes questions.
    #[serde(serialize_with = "place::host")]
    pub silent: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PathMtu {
    /// The interface of the default route, and its MTU.
    pub interface: String,
    pub mtu: u32,
    /// docker0's MTU.
    pub bridge: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub network: core::net::Ipv4Addr,
    /// 0 to 32.
    pub bits: u8,
    /// Through no gateway.
    pub on_link: bool,
    /// Its interface has a name that Docker gives: `docker0`, `br-0123456789ab`.
    #[serde(default)]
    pub by_docker: bool,
    /// Of these, the engine's own: the others are networks that somebody has made.
    #[serde(default)]
    pub docker0: bool,
}

/// What dockerd sets its packet filter rules with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PacketFilter {
    /// Path of iptables after all links; None: not installed.
    pub program: Option<String>,
    /// It speaks to the kernel's old interface.
    pub legacy: bool,
    /// The kernel has that interface, loaded or loadable. True also when nobody can tell.
    pub legacy_in_kernel: bool,
    /// The kernel has no nf_tables, which an iptables that is not `legacy` speaks to. False also when nobody can tell.
    pub no_nf_tables: bool,
    /// The kernel has that interface without its table `raw`. False also when nobody can tell.
    pub no_raw_table: bool,
}

/// What of dockerd's IPv4 rules is not in the kernel. Names are a table's and a chain's: `nat DOCKER`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Chains that every dockerd makes at its start.
    #[serde(serialize_with = "place::word")]
    pub missing: Vec<String>,
    /// The kernel's own chains that no rule leads from to one of Docker's.
    #[serde(serialize_with = "place::word")]
    pub unlinked: Vec<String>,
    /// FORWARD drops what no rule accepts, and no rule accepts or leads anywhere.
    pub forwards_nothing: bool,
    /// A rule of somebody else's that a container's packets meet on their way to other machines.
    pub on_way_out: Option<Met>,
}

/// A rule of the packet filter that keeps packets from where they are sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Met {
    /// `ip`, `inet`.
    #[serde(serialize_with = "place::word")]
    pub family: String,
    #[serde(serialize_with = "place::word")]
    pub table: String,
    #[serde(serialize_with = "place::word")]
    pub chain: String,
    /// Its number in the chain, from 1; `None`: the chain's policy.
    pub rule: Option<u32>,
    pub act: Act,
    /// False: only some such packets meet it, by their sender or by what gdoctor cannot tell.
    pub always: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    #[default]
    Drops,
    Rejects,
    /// It gives them another address or port to go to.
    Redirects,
}

impl core::fmt::Display for Act {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Act::Drops => "drops",
            Act::Rejects => "rejects",
            Act::Redirects => "redirects",
        })
    }
}

impl Met {
    /// `rule 3 of the chain DOCKER-USER (table ip filter)`.
    pub fn place(&self) -> String {
        let what = self.rule.map_or_else(|| "the policy".into(), |rule| format!("rule {rule}"));
        format!("{what} of the chain {} (table {} {})", self.chain, self.family, self.table)
    }

    /// iptables shows it, too.
    pub fn is_iptables(&self) -> bool {
        self.family == "ip" && ["filter", "nat", "mangle", "raw"].contains(&self.table.as_str())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Firewall {
    /// `ufw`, `firewalld`: those that are switched on.
    #[serde(serialize_with = "place::word")]
    pub active: Vec<String>,
    /// firewalld filters published ports too: StrictForwardPorts of its configuration.
    pub strict_forward_ports: bool,
    /// A firewalld zone, other than `docker`, that docker0 is bound to by hand.
    pub docker0_zone: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppArmor {
    pub enabled: bool,
    /// Path of apparmor_parser.
    pub parser: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupMounts {
    /// One unified tree: version 2.
    Unified,
    /// Version 1, with or without a version 2 tree for systemd; `devices`: that controller is mounted.
    Legacy {
        devices: bool,
    },
    NotMounted,
}

/// Soft and hard; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub open_files: (Option<u64>, Option<u64>),
    /// Bytes.
    pub locked_memory: (Option<u64>, Option<u64>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inotify {
    pub watches: u64,
    pub instances: u64,
}

/// As many ids as an account gets, and where such ranges begin: login.defs(5), SUB_UID_COUNT and SUB_UID_MIN.
pub const IDS: u32 = 65_536;
pub const FIRST_ID: u32 = 100_000;

impl EngineFacts {
    /// A range of ids that no account has yet, as usermod(8) takes it; the first one where nobody could look.
    pub fn id_range(&self) -> String {
        let first = self.free_ids.value().copied().unwrap_or(FIRST_ID);
        format!("{first}-{}", first.saturating_add(IDS - 1))
    }
}

/// Of "userns-remap".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoIdRange {
    #[serde(serialize_with = "place::user")]
    pub user: String,
    /// /etc/subuid or /etc/subgid.
    #[serde(serialize_with = "place::path")]
    pub file: String,
}

/// What a rootless engine needs of the kernel and of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserNamespaces {
    /// kernel.unprivileged_userns_clone is 0 or user.max_user_namespaces is 0: the file that says so.
    pub off_by: Option<String>,
    /// kernel.apparmor_restrict_unprivileged_userns is 1 and no profile of rootlesskit lifts it.
    pub restricted: bool,
    /// /etc/subuid or /etc/subgid has no range for the user: the file's path.
    pub no_range_in: Option<String>,
    /// newuidmap is on PATH.
    pub newuidmap: bool,
    /// The path of a newuidmap or newgidmap that is there and has not the right to map ids: neither setuid root nor the file's
    /// capability.
    pub powerless: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kvm {
    Usable,
    /// /dev/kvm is there, and this user may not open it.
    Denied,
    /// The processor can, and no kvm module is loaded.
    NotLoaded,
    /// The processor shows no virtualization: switched off in the firmware, or not handed to this virtual machine.
    NotOffered,
}

impl UserNamespaces {
    /// The kernel makes none for anybody: the file that says so. What Debian's own switch forbids is forbidden to others than root.
    pub fn none_for_root(&self) -> Option<&str> {
        self.off_by.as_deref().filter(|path| path.ends_with("/max_user_namespaces"))
    }

    /// A rootless engine can start with it.
    pub fn is_enough(&self) -> bool {
        self.off_by.is_none()
            && !self.restricted
            && self.no_range_in.is_none()
            && self.newuidmap
            && self.powerless.is_none()
    }
}
