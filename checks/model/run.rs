//! A `docker run` line as docker's client reads it: every option with the place where it stands, so that a check can point at
//! it and a correction can change it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::place::{self, Marked, Place};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

pub use super::origin::Span;
use super::origin::{Origin, Protocol};

/// One change of the line: `text` in the place of `span`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

/// An option or a word of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Argument {
    /// As it stands in the line: `-p 8080:80`.
    pub text: String,
    /// From the first byte of the flag to the last of its value.
    pub span: Span,
    /// The value alone, quotes included; equal to `span` for a bare word, empty for a flag without a value.
    pub value: Span,
    /// What to take out so that the option is gone: blanks before it included, or the one letter of a cluster.
    pub removal: Span,
    /// Part of the value comes from a command in `$(…)` that gdoctor does not run.
    pub opaque: bool,
    /// The line of a file that it stands for, where the whole run line was made from one.
    pub file: Option<Origin>,
}

impl Argument {
    pub fn origin(&self) -> Origin {
        if let Some(origin) = &self.file {
            return origin.clone();
        }
        Origin::RunLine { argument: self.text.clone(), span: self.span }
    }

    /// As its author wrote it: of a compose file the key and its value.
    pub fn shown(&self) -> &str {
        match &self.file {
            Some(Origin::File { what, .. }) => what,
            _ => &self.text,
        }
    }

    pub fn without(&self) -> Edit {
        Edit { span: self.removal, text: String::new() }
    }

    pub fn with_value(&self, value: impl Into<String>) -> Edit {
        Edit { span: self.value, text: value.into() }
    }
}

/// A line that starts one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunLine {
    /// As pasted; spans count in it.
    pub text: String,
    /// The file that it stands in, as the user calls it; empty where it was typed or piped.
    #[serde(serialize_with = "place::path")]
    pub file: String,
    /// The words behind `run` and `create` as the program gets them; not kept in a file.
    #[serde(skip)]
    pub words: Vec<String>,
    /// `docker run`, `podman run`, `docker create`: the words and their place.
    pub command: Argument,
    /// The same as who asks; always there on a line that was parsed.
    pub by: Option<Origin>,
    pub podman: bool,
    /// Made from a compose file: nobody typed it, so it is neither shown nor corrected.
    pub made_up: bool,
    /// `create`: nothing is started or attached.
    pub creates: bool,
    /// What the program was told before its command: podman's `--root`, `--runtime`.
    pub globals: Vec<RunOption>,
    /// Every option in order.
    pub options: Vec<RunOption>,
    pub gpus: Vec<GpuRequest>,
    pub variables: Vec<Variable>,
    pub devices: Vec<Device>,
    pub mounts: Vec<Mount>,
    pub files: Vec<NamedFile>,
    pub ports: Vec<Published>,
    pub image: Option<Image>,
    /// The words after the image.
    pub arguments: Vec<Argument>,
    /// The first of them, quotes and variables resolved.
    pub program: String,
    /// Those of them, from the first on, that read as options of docker's with their values.
    pub behind: Vec<Argument>,
    /// Values of `-e NAME=value` that a report must not repeat.
    pub secrets: Vec<Secret>,
    /// Variables that nobody sets, each with the first argument that it empties.
    pub unset: Vec<Unset>,
    /// What the commands before it have done.
    pub earlier: Earlier,
    /// `sudo` and its like: it is started by root.
    pub as_root: bool,
    /// Root gets the caller's variables.
    pub keeps_environment: bool,
    /// cron starts it: there is no terminal.
    pub scheduled: bool,
    /// It stands in a condition, which asks whether it works.
    pub asks: bool,
    /// `nvidia-docker` in docker's place, which this host does not have.
    pub wrapper: Option<Argument>,
    /// Line ends that only another system's shell goes on at.
    pub foreign: Vec<Foreign>,
    /// What was pasted with the command and is no part of it, prompts and printed lines; a corrected command does without.
    pub pasted: Vec<Edit>,
    /// The line of the text that it begins in, from 1.
    pub number: usize,
    /// How many containers of it compose starts, where it is not one.
    pub copies: Option<u32>,
    /// The other services of the compose file that are up beside it.
    pub beside: Vec<Beside>,
    /// Networks that compose makes for it, with addresses out of the engine's pools.
    pub makes: Vec<MadeNetwork>,
    /// What of the compose file the youngest compose takes alone.
    pub youngest: Option<Youngest>,
}

/// A network that is made with the container, where it is not there yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MadeNetwork {
    #[serde(serialize_with = "place::network")]
    pub name: String,
    pub at: Argument,
}

/// A key of a compose file, and the first compose that takes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Youngest {
    #[serde(serialize_with = "place::word")]
    pub since: String,
    /// `deploy.resources.reservations.devices`.
    #[serde(serialize_with = "place::word")]
    pub key: String,
    pub at: Argument,
}

/// What another service of the same compose file publishes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Beside {
    #[serde(serialize_with = "place::container")]
    pub service: String,
    /// Compose starts it together with this one, which depends on it.
    pub needed: bool,
    pub ports: Vec<Published>,
}

/// How a text was continued that was written for another system's shell, and what this one takes instead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Foreign {
    /// `cmd` or `PowerShell`.
    pub shell: String,
    pub mark: String,
    pub edits: Vec<Edit>,
}

/// A variable that is empty because nobody sets it; with what follows its name where that reads as one: `docker-root`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unset {
    pub name: String,
    /// Every argument that it is missing in.
    pub at: Vec<Argument>,
    /// It leaves a word that docker cannot take.
    pub breaks: bool,
    /// It leaves no word at all, and the option before it takes the next one for its value.
    pub takes_next: bool,
}

/// What commands before the run have done, as far as a container may need it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Earlier {
    /// Names of containers that were removed; every one where `all_removed` says so.
    pub removed: Vec<String>,
    pub all_removed: bool,
    pub stopped: Vec<String>,
    /// Started or created by an earlier line of the text.
    pub containers: Vec<String>,
    pub networks: Vec<String>,
    /// Of the networks those that got their addresses from the engine's pools.
    pub from_pools: Vec<String>,
    pub volumes: Vec<String>,
    /// Built, pulled, loaded or tagged.
    pub images: Vec<String>,
    /// Images came from a file, under names that only it knows.
    pub loads_images: bool,
    /// Absolute paths that were made.
    pub paths: Vec<String>,
    /// Something may have made more of them.
    pub makes_files: bool,
    /// Somebody was let in to the X server.
    pub xhost: bool,
}

impl Earlier {
    /// All that either has done.
    pub fn merge(&mut self, other: Self) {
        fn join(one: &mut Vec<String>, other: Vec<String>) {
            for name in other {
                if !one.contains(&name) {
                    one.push(name);
                }
            }
        }
        join(&mut self.removed, other.removed);
        join(&mut self.stopped, other.stopped);
        join(&mut self.containers, other.containers);
        join(&mut self.networks, other.networks);
        join(&mut self.from_pools, other.from_pools);
        join(&mut self.volumes, other.volumes);
        join(&mut self.images, other.images);
        join(&mut self.paths, other.paths);
        self.all_removed |= other.all_removed;
        self.loads_images |= other.loads_images;
        self.makes_files |= other.makes_files;
        self.xhost |= other.xhost;
    }

    /// A path that exists by then.
    pub fn has_path(&self, path: &str) -> bool {
        self.paths.iter().any(|made| made == path || made.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// A literal value that is probably secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secret {
    pub name: String,
    /// From the `=` to the end of the value.
    pub span: Span,
}

/// One option.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunOption {
    /// The long name without dashes, aliases resolved: `env` for `-e`, `network` for `--net`.
    pub name: String,
    /// Quotes and variables resolved; `true` or `false` for a switch.
    pub value: String,
    pub at: Argument,
    /// Why docker refuses the value, in its words or close to them.
    pub refused: Option<String>,
    /// What only some versions take.
    pub versions: Vec<Versions>,
    /// Its value is the next option of the line: the value that was meant is missing.
    pub takes_option: bool,
    /// `-env=…`, which is read as -e with the value `nv=…`.
    pub one_hyphen: bool,
}

/// Which versions of Docker take an option or its value, and why others do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Versions {
    /// The first that does: `23.0`; empty where all before take it too.
    pub since: String,
    /// The first that does not any more; empty where none is known.
    pub until: String,
    pub why: String,
    /// Docker's client alone decides: it reads the value before an engine hears of it.
    pub client: bool,
}

impl RunOption {
    /// The container whose name, volumes, network, memory or processes it shares.
    pub fn leans_on(&self) -> Option<&str> {
        let value = self.value.as_str();
        if self.at.opaque || self.refused.is_some() {
            return None;
        }
        let name = match self.name.as_str() {
            "link" | "volumes-from" => value.split(':').next(),
            "network" | "ipc" | "pid" => value.strip_prefix("container:"),
            _ => None,
        };
        name.filter(|name| !name.is_empty())
    }
}

impl RunOption {
    /// What kind of name its value is.
    fn place(&self) -> Place {
        match self.name.as_str() {
            "name" => Place::Container,
            "hostname" | "domainname" | "add-host" => Place::Host,
            "network" => Place::Network,
            _ => Place::Text,
        }
    }
}

impl Serialize for RunOption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_struct("RunOption", 5)?;
        table.serialize_field("name", &Marked(Place::Word, &self.name))?;
        table.serialize_field("value", &Marked(self.place(), &self.value))?;
        table.serialize_field("at", &self.at)?;
        table.serialize_field("refused", &self.refused)?;
        table.serialize_field("takes_option", &self.takes_option)?;
        table.end()
    }
}

/// `--gpus VALUE`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GpuRequest {
    /// -1 is all.
    pub count: Option<i64>,
    pub devices: Vec<String>,
    #[serde(serialize_with = "place::word")]
    pub capabilities: Vec<String>,
    #[serde(serialize_with = "place::word")]
    pub driver: String,
    /// `options=`: the driver named cdi refuses any.
    pub has_options: bool,
    pub at: Argument,
}

/// `-e NAME=value`, or `-e NAME` with what the environment holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Variable {
    #[serde(serialize_with = "place::word")]
    pub name: String,
    /// Kept only for variables that checks read; `None` when it is not set, or not read.
    pub value: Option<String>,
    /// `-e NAME` whose NAME is not set here: docker passes nothing.
    pub unset: bool,
    /// The shell variable that the value consists of, if it is nothing else: `DISPLAY` for `-e DISPLAY=$DISPLAY`.
    pub from: Option<String>,
    pub at: Argument,
}

impl Variable {
    /// The display that DISPLAY means. `unix$DISPLAY` is right for `:0` alone: of a display with a host's name, or of none, it
    /// makes a name that nobody has.
    pub fn display(&self) -> &str {
        let value = self.value.as_deref().unwrap_or_default();
        let Some(rest) = value.strip_prefix("unix") else { return value };
        let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
        let glued = rest.is_empty() || host == "localhost" || host.starts_with(|first: char| first.is_ascii_digit());
        if glued { rest } else { value }
    }
}

/// `--device HOST[:CONTAINER][:rwm]`, or a CDI name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    pub host: String,
    pub container: String,
    pub permissions: String,
    /// `vendor.com/class=name`.
    pub cdi: bool,
    pub at: Argument,
}

/// A file of this machine that docker's client reads, or writes where `new` says so: `--env-file`, `--label-file`, `--cidfile`,
/// `--security-opt seccomp=`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamedFile {
    /// Absolute.
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// It must not exist yet.
    pub new: bool,
    pub at: Argument,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountKind {
    /// A path of the host.
    #[default]
    Bind,
    /// A named or nameless volume.
    Volume,
    Tmpfs,
    Other,
}

/// `-v`, `--mount` or `--tmpfs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mount {
    pub kind: MountKind,
    /// Absolute path of the host, or a volume's name; empty for a nameless one.
    #[serde(serialize_with = "place::path")]
    pub source: String,
    pub target: String,
    /// What of a volume is mounted; empty: all of it.
    #[serde(serialize_with = "place::path")]
    pub subpath: String,
    /// Of `-v`: docker makes a folder where the source does not exist. `--mount` refuses instead.
    pub makes_folder: bool,
    pub read_only: bool,
    pub at: Argument,
}

impl Mount {
    /// True when `path` of the container lies in it, or it lies in `path`.
    pub fn covers(&self, path: &str) -> bool {
        path.strip_prefix(self.target.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || self.target.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The sockets of the host's X servers themselves, under whatever name they have on the host, or a folder of the host that holds them.
    pub fn shows_x_sockets(&self) -> bool {
        let rest = X_SOCKETS.strip_prefix(self.target.as_str()).unwrap_or_default();
        let source = self.source.trim_end_matches('/');
        let own = source.ends_with(".X11-unix") && source != X_SOCKETS && !source.starts_with("/mnt/wslg/");
        let wide = rest.is_empty() || source == X_SOCKETS.strip_suffix(rest).unwrap_or_default();
        self.kind == MountKind::Bind && self.covers(X_SOCKETS) && wide && !own
    }
}

/// `-p`: host's side and container's side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Published {
    pub ip: Option<core::net::IpAddr>,
    /// `None`: docker chooses.
    pub first: Option<u16>,
    pub last: Option<u16>,
    pub container: u16,
    pub protocol: Option<Protocol>,
    pub at: Argument,
}

impl Published {
    /// Both want a same port of the host: same protocol, ranges that meet, and addresses that do.
    pub fn meets(&self, other: &Self) -> bool {
        let ranges = match (self.first.zip(self.last), other.first.zip(other.last)) {
            (Some((a, b)), Some((c, d))) => a <= d && c <= b,
            _ => false,
        };
        ranges && self.is_beside(other)
    }

    /// Their ports are of one kind, and at addresses that meet.
    pub fn is_beside(&self, other: &Self) -> bool {
        let addresses = match (self.ip, other.ip) {
            (Some(a), Some(b)) => a == b || ((a.is_unspecified() || b.is_unspecified()) && a.is_ipv4() == b.is_ipv4()),
            _ => true,
        };
        addresses && self.protocol == other.protocol
    }

    /// The ports of the host that docker takes one of: `8000-8005:80`.
    pub fn choice(&self) -> Option<(u16, u16)> {
        let value = self.at.text.rsplit(['=', ' ']).next().filter(|_| self.first.is_none())?;
        let value = value.split('/').next()?;
        let (first, last) = value.rsplit(':').nth(1)?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }
}

/// The image's reference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Image {
    #[serde(serialize_with = "place::image")]
    pub reference: String,
    /// `HOST:PORT` or a host name where the reference begins with one.
    #[serde(serialize_with = "place::host")]
    pub registry: Option<String>,
    pub at: Argument,
}

/// Where the sockets of X servers lie.
pub const X_SOCKETS: &str = "/tmp/.X11-unix";
/// The first server of a host is :0. Of another number without its socket an image's own is as likely as one of the host's: where
/// none of this host has it, it is the image's.
const FIRST_OWN_DISPLAY: u16 = 1;

impl RunOption {
    /// Of `--sysctl`: the kernel's file that is the setting; of a network card's, that of all cards to come, since the card is the
    /// container's own.
    pub fn setting(&self) -> Option<String> {
        let (key, _) = self.value.split_once('=').filter(|_| self.name == "sysctl" && !self.at.opaque)?;
        let known = ["net.ipv4.", "net.ipv6.", "net.core.", "fs.mqueue.", "kernel."];
        known.iter().find(|prefix| key.starts_with(**prefix))?;
        let mut parts: Vec<&str> = key.split('.').collect();
        if self.card().is_some() {
            parts[3] = "default";
        }
        Some(format!("/proc/sys/{}", parts.join("/")))
    }

    /// Of `--sysctl`: the network card whose setting it is, `eth0` of `net.ipv4.conf.eth0.rp_filter`. A dot ends its name.
    pub fn card(&self) -> Option<&str> {
        let mut parts = self.value.split_once('=').filter(|_| self.name == "sysctl")?.0.split('.');
        let of_cards =
            parts.next() == Some("net") && parts.nth(1).is_some_and(|kind| ["conf", "neigh"].contains(&kind));
        let card = parts.next().filter(|_| of_cards && parts.next().is_some())?;
        (!["all", "default"].contains(&card)).then_some(card)
    }
}

/// A line's options, to be found by where they stand.
pub struct OptionsByPlace<'a>(BTreeMap<Span, Vec<&'a RunOption>>);

impl<'a> OptionsByPlace<'a> {
    /// The option that an argument is.
    pub fn of(&self, at: &Argument) -> Option<&'a RunOption> {
        self.0.get(&at.span)?.iter().find(|option| option.at == *at).copied()
    }
}

impl RunLine {
    pub fn options_by_place(&self) -> OptionsByPlace<'_> {
        let mut options: BTreeMap<Span, Vec<&RunOption>> = BTreeMap::new();
        for option in &self.options {
            options.entry(option.at.span).or_default().push(option);
        }
        OptionsByPlace(options)
    }

    /// The options of one name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a RunOption> {
        self.options.iter().filter(move |option| option.name == name)
    }

    /// The last one, which is the one that counts.
    pub fn last(&self, name: &str) -> Option<&RunOption> {
        self.options.iter().rev().find(|option| option.name == name)
    }

    /// The value of an option of podman itself, which stands before the command or behind it.
    pub fn global(&self, name: &str) -> Option<&str> {
        let both = self.globals.iter().chain(&self.options);
        both.rev().find(|option| option.name == name && !option.at.opaque).map(|option| option.value.as_str())
    }

    /// A switch that is on.
    pub fn switch(&self, name: &str) -> Option<&RunOption> {
        self.last(name).filter(|option| option.value == "true")
    }

    /// Bytes of the last option of that name that takes a size; `None` without it, for -1, and for what docker refuses.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.last(name).filter(|option| option.refused.is_none() && !option.at.opaque).and_then(|o| bytes(&o.value))
    }

    /// The variable as the container gets it from the line: the last of that name.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().rev().find(|variable| variable.name == name)
    }

    /// `-e DISPLAY=`: the line takes the display away on purpose. What a variable leaves blank is another matter.
    pub fn wants_no_window(&self) -> bool {
        let variable = self.variable("DISPLAY");
        variable.is_some_and(|variable| {
            let blank = variable.value.as_deref() == Some("") && variable.from.is_none();
            blank && !variable.at.opaque && !variable.at.text.contains(['$', '`'])
        })
    }

    /// A display that is written out, to which no socket and no network of the host leads: `-e DISPLAY=:99` of an image that
    /// starts a server itself, with its number; `-e DISPLAY=novnc:0` of another container on a network whose names Docker
    /// resolves.
    pub fn own_display(&self) -> Option<(Option<u16>, &Variable)> {
        let variable = self.variable("DISPLAY")?;
        let (host, screen) = variable.value.as_deref()?.rsplit_once(':')?;
        let number: u16 = screen.split('.').next()?.parse().ok()?;
        let written = variable.at.text.contains("DISPLAY=") && (self.made_up || !variable.at.text.contains('$'));
        if !written || variable.at.opaque {
            return None;
        }
        if !host.is_empty() {
            let of_compose = self.made_up && self.last("network").is_none();
            let names_are_dockers = of_compose || self.network().is_some() || self.all("link").next().is_some();
            let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            let is_other =
                is_name && !["unix", "localhost"].contains(&host) && !host.bytes().all(|b| b.is_ascii_digit());
            return (names_are_dockers && is_other).then_some((None, variable));
        }
        let brought = |mount: &&Mount| X_SOCKETS.starts_with(mount.target.trim_end_matches('/'));
        let own = match self.mounts.iter().find(brought) {
            None => number >= FIRST_OWN_DISPLAY && !self.is_host_network(),
            Some(mount) => {
                mount.target.trim_end_matches('/') == X_SOCKETS && !mount.shows_x_sockets() && !mount.at.opaque
            }
        };
        own.then_some((Some(number), variable))
    }

    /// The users and groups that it names; numbers, and what only a command would tell, are none.
    pub fn accounts(&self) -> (Vec<&str>, Vec<&str>) {
        let is_name = |name: &&str| !name.is_empty() && !name.bytes().all(|byte| byte.is_ascii_digit());
        let known = |option: &&RunOption| option.refused.is_none() && !option.at.opaque;
        let user = self.last("user").filter(known).map_or("", |option| option.value.as_str());
        let (user, group) = user.split_once(':').unwrap_or((user, ""));
        let groups = self.all("group-add").filter(known).map(|option| option.value.as_str());
        let groups = groups.chain(core::iter::once(group)).filter(is_name).collect();
        (core::iter::once(user).filter(is_name).collect(), groups)
    }

    /// The address that the line gives a name (`--add-host`), the last of several.
    pub fn address_of(&self, name: &str) -> Option<&str> {
        let added = self.all("add-host").filter(|option| !option.at.opaque).filter_map(|option| {
            let (added, address) = option.value.split_once(['=', ':'])?;
            (added == name).then(|| address.trim_matches(['[', ']']))
        });
        added.last()
    }

    /// The name is this host's, at the address of Docker's bridge.
    pub fn is_hosts_gateway(&self, name: &str) -> bool {
        self.address_of(name) == Some("host-gateway")
    }

    pub fn is_host_network(&self) -> bool {
        self.last("network").is_some_and(|option| option.value == "host")
    }

    /// The network of its own that the line wants: none of docker's, and no other container's.
    pub fn network(&self) -> Option<(&str, &RunOption)> {
        let option = self.last("network").filter(|option| option.refused.is_none() && !option.at.opaque)?;
        let name = option.value.split(',').find_map(|field| field.strip_prefix("name=")).unwrap_or(&option.value);
        let is_dockers = ["", "default", "bridge", "host", "none"].contains(&name) || name.starts_with("container:");
        (!is_dockers).then_some((name, option))
    }

    /// Networks that have to be made for it out of the engine's address pools, unless they are there: its name and who wants it.
    pub fn networks_to_make(&self) -> Vec<(&str, Origin)> {
        let own = self.makes.iter().map(|made| (made.name.as_str(), made.at.origin()));
        let earlier = self.network().filter(|(name, _)| self.earlier.from_pools.iter().any(|made| made == name));
        own.chain(earlier.map(|(name, option)| (name, option.at.origin()))).collect()
    }

    /// An argument of one of these options that only a command in `$(…)` would tell.
    pub fn opaque(&self, names: &[&str]) -> Option<&Argument> {
        let mut options = self.options.iter();
        options.find(|option| option.at.opaque && names.contains(&option.name.as_str())).map(|option| &option.at)
    }

    /// The line asks for a GPU: `--gpus`, a runtime for them, or a CDI device.
    pub fn asks_for_gpu(&self) -> Option<&Argument> {
        let gpus = self.gpus.first().map(|request| &request.at);
        let cdi = || self.devices.iter().find(|d| d.cdi && d.host.starts_with("nvidia.com/gpu")).map(|d| &d.at);
        gpus.or_else(cdi).or_else(|| self.nvidia_runtime())
    }

    pub fn nvidia_runtime(&self) -> Option<&Argument> {
        self.last("runtime").filter(|option| option.value.starts_with("nvidia")).map(|option| &option.at)
    }

    /// Puts options before the image.
    pub fn insert(&self, options: &str) -> Edit {
        let place = self.image.as_ref().map_or(self.text.trim_end().len(), |image| image.at.span.start);
        let text = if self.image.is_some() { alloc::format!("{options} ") } else { alloc::format!(" {options}") };
        Edit { span: Span::at(place), text }
    }
}

/// docker/go-units RAMInBytes: `512m`, `1.5GiB`; units count in 1024s.
pub fn bytes(size: &str) -> Option<u64> {
    let digits = size.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(size.len());
    let (number, unit) = size.split_at_checked(digits)?;
    let power = match unit.trim_start().bytes().next().map(|unit| unit.to_ascii_lowercase()) {
        Some(b'k') => 1,
        Some(b'm') => 2,
        Some(b'g') => 3,
        Some(b't') => 4,
        Some(b'p') => 5,
        _ => 0,
    };
    // As Go does: a float, cut.
    Some((number.parse::<f64>().ok()? * (1u64 << (10 * power)) as f64) as u64)
}
