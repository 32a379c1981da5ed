//! The kinds of things that a check can look at, each told once: its keys, what they take, and the look. The reader, the
//! schema, the errors and the table of docs/own-checks.md are made from this.

use std::net::IpAddr;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::{Facts, Group};
use gdoctor_checks::model::own::Look;

use super::form::{Form, Value};
use super::{of_facts, of_files, of_network, of_system};
use crate::host::{Deadline, Host};

/// From where a look sees.
pub struct Eyes<'a> {
    pub host: &'a Host,
    /// What the other groups saw.
    pub facts: &'a Facts,
    pub readers: Readers,
    pub deadline: Deadline,
}

/// What the probes read already, lent to the looks.
#[derive(Clone, Copy)]
pub struct Readers {
    /// The version of an installed package; Absent: it is not installed.
    pub package: fn(&Host, &str) -> Fact<String>,
    /// Where sockets listen on a port, of UDP where that is true.
    pub listeners: fn(&Host, u16, bool) -> Option<Vec<IpAddr>>,
}

/// What was seen, each with what it is about where there are several.
pub type Sights = Vec<(String, Fact<Value>)>;

pub struct Key {
    pub name: &'static str,
    pub form: Form,
    /// For docs and schema.
    pub words: &'static str,
}

pub struct Kind {
    pub name: &'static str,
    pub words: &'static str,
    /// What the look is about, all of it required.
    pub target: &'static [Key],
    pub optional: &'static [Key],
    /// What can be wanted of it.
    pub keys: &'static [Key],
    /// What is wanted where nothing is said.
    pub implied: (&'static str, &'static str),
    /// Of what is true and false of it: "exists", "does not exist".
    pub is: (&'static str, &'static str),
    /// Groups of facts that it needs.
    pub reads: &'static [Group],
    pub see: fn(&Eyes, &Look, &str) -> Sights,
}

impl Kind {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Those that say what it is about.
    pub fn targets(&self) -> impl Iterator<Item = &'static Key> + Clone + use<> {
        self.target.iter().chain(self.optional)
    }
}

const fn key(name: &'static str, form: Form, words: &'static str) -> Key {
    Key { name, form, words }
}

const FREE: Key = key("free", Form::Size, "room for a user without privileges");
const FREE_PERCENT: Key = key("free-percent", Form::Number, "the same as a part of all");
const INODES: Key = key("inodes-free", Form::Number, "files that can still be made");

pub static KINDS: &[Kind] = &[
    Kind {
        name: "file",
        words: "a file, folder, device or link; with `*` each that fits, of which there is at least one",
        target: &[key("path", Form::Path, "where it lies")],
        optional: &[],
        keys: &[
            key("exists", Form::Flag, "it is there"),
            key("type", Form::Text, "file, folder, link, device, socket, pipe; a link is also what it leads to"),
            key("mode", Form::Mode, "its permissions"),
            key("owner", Form::Text, "its owner's name"),
            key("group", Form::Text, "its group's name"),
            key("size", Form::Size, "its size"),
            key("age", Form::Number, "hours since its content changed"),
            key(
                "newest",
                Form::Number,
                "hours since the content changed of the one that changed last, of all that fit",
            ),
            key("count", Form::Number, "how many there are that fit"),
            key("link", Form::Text, "where it leads, as the link has it"),
            key("line", Form::Text, "all its text without blanks at the ends; shown for /proc and /sys alone"),
            key("contains", Form::Settings, "what its text has, of each that fits; up to 1 MiB, never shown"),
            key("one-contains", Form::Settings, "what the text of at least one has that fits"),
            key("lines", Form::Lines, "whole lines that its text has, of each that fits"),
            key("one-lines", Form::Lines, "whole lines that the text of at least one has that fits"),
        ],
        implied: ("exists", "true"),
        is: ("exists", "does not exist"),
        reads: &[],
        see: of_files::file,
    },
    Kind {
        name: "room",
        words: "free room of the file system below a path",
        target: &[key("path", Form::Path, "a folder on it")],
        optional: &[],
        keys: &[FREE, FREE_PERCENT, INODES],
        implied: ("free", "> 0GiB"),
        is: ("exists", "does not exist"),
        reads: &[],
        see: of_files::room,
    },
    Kind {
        name: "mount",
        words: "a mounted file system",
        target: &[key("at", Form::Path, "where it is mounted")],
        optional: &[],
        keys: &[
            key("mounted", Form::Flag, "something is mounted there"),
            key("type", Form::Text, "nfs4, ext4, tmpfs …"),
            key("from", Form::Text, "what is mounted: a device, server:/export"),
            key("options", Form::Words, "its options, those of the file system too"),
            FREE,
            FREE_PERCENT,
            INODES,
        ],
        implied: ("mounted", "true"),
        is: ("is mounted", "is not mounted"),
        reads: &[],
        see: of_files::mount,
    },
    Kind {
        name: "env",
        words: "a variable of the environment that gdoctor runs in",
        target: &[key("name", Form::Name, "the variable")],
        optional: &[],
        keys: &[
            key("set", Form::Flag, "it is set and not empty"),
            key("value", Form::Secret, "its value; neither it nor what is wanted is ever shown"),
        ],
        implied: ("set", "true"),
        is: ("is set", "is not set"),
        reads: &[],
        see: of_system::variable,
    },
    Kind {
        name: "user",
        words: "a user of /etc/passwd",
        target: &[key("name", Form::Name, "the login name")],
        optional: &[],
        keys: &[
            key("exists", Form::Flag, "it is there"),
            key("uid", Form::Number, "the user's number"),
            key("groups", Form::Words, "the groups that the user is in"),
            key("home", Form::Text, "the home folder"),
            key("shell", Form::Text, "the login shell"),
        ],
        implied: ("exists", "true"),
        is: ("exists", "does not exist"),
        reads: &[],
        see: of_system::user,
    },
    Kind {
        name: "process",
        words: "running programs of a name",
        target: &[key("name", Form::Name, "the program's name, or that of the script it runs; `*` for any letters")],
        optional: &[key("arguments", Form::Name, "all its arguments, a blank between them, `*` for any letters")],
        keys: &[
            key("runs", Form::Flag, "there is one"),
            key("count", Form::Number, "how many there are"),
            key("user", Form::Text, "who runs them, each"),
        ],
        implied: ("runs", "true"),
        is: ("runs", "does not run"),
        reads: &[],
        see: of_system::process,
    },
    Kind {
        name: "unit",
        words: "a unit of systemd",
        target: &[key("name", Form::Name, "such as docker.service; without an ending a service")],
        optional: &[],
        keys: &[
            key("exists", Form::Flag, "systemd knows it"),
            key("state", Form::Text, "active, inactive, failed, activating"),
            key("enabled", Form::Text, "enabled, disabled, static, masked"),
            key("result", Form::Text, "how it ended last: success, exit-code, oom-kill"),
        ],
        implied: ("state", "active"),
        is: ("exists", "does not exist"),
        reads: &[],
        see: of_system::unit,
    },
    Kind {
        name: "port",
        words: "a port of this machine",
        target: &[key("number", Form::Port, "its number")],
        optional: &[],
        keys: &[
            key("open", Form::Flag, "somebody listens there; false: it is free"),
            key("address", Form::Words, "the addresses at which somebody listens"),
        ],
        implied: ("open", "true"),
        is: ("is open", "is free"),
        reads: &[],
        see: of_network::port,
    },
    Kind {
        name: "tcp",
        words: "a server that takes connections; it is sent nothing",
        target: &[key("to", Form::Server, "the server")],
        optional: &[],
        keys: &[key("answers", Form::Flag, "it takes a connection")],
        implied: ("answers", "true"),
        is: ("answers", "does not answer"),
        reads: &[],
        see: of_network::tcp,
    },
    Kind {
        name: "http",
        words: "an answer to a GET, of this address alone: no redirect is followed, no proxy asked",
        target: &[key("url", Form::Url, "the address")],
        optional: &[],
        keys: &[
            key("answers", Form::Flag, "there is one"),
            key("status", Form::Number, "its status"),
            key("contains", Form::Contains, "its text, up to 1 MiB, which is never shown"),
        ],
        implied: ("status", "< 400"),
        is: ("answers", "does not answer"),
        reads: &[],
        see: of_network::http,
    },
    Kind {
        name: "interface",
        words: "a network interface, CAN too",
        target: &[key("name", Form::Name, "such as eth0, can0; `*` for any letters")],
        optional: &[],
        keys: &[
            key("exists", Form::Flag, "it is there"),
            key("up", Form::Flag, "it is switched on and has a link"),
            key("mtu", Form::Number, "its MTU"),
            key("speed", Form::Number, "its speed in Mbit/s"),
        ],
        implied: ("up", "true"),
        is: ("exists", "does not exist"),
        reads: &[],
        see: of_network::interface,
    },
    Kind {
        name: "module",
        words: "a module of the kernel",
        target: &[key("name", Form::Name, "such as nvidia_uvm")],
        optional: &[],
        keys: &[key("loaded", Form::Flag, "it is loaded, or built in"), key("version", Form::Version, "its version")],
        implied: ("loaded", "true"),
        is: ("is loaded", "is not loaded"),
        reads: &[],
        see: of_system::module,
    },
    Kind {
        name: "parameter",
        words: "a parameter of a loaded module",
        target: &[key("module", Form::Name, "the module"), key("name", Form::Name, "the parameter")],
        optional: &[],
        keys: &[key("value", Form::Text, "its value")],
        implied: ("value", "*"),
        is: ("exists", "does not exist"),
        reads: &[],
        see: of_system::parameter,
    },
    Kind {
        name: "sysctl",
        words: "a setting of the kernel",
        target: &[key("name", Form::Name, "such as net.core.rmem_max")],
        optional: &[],
        keys: &[key("value", Form::Text, "its value, a single blank between words")],
        implied: ("value", "*"),
        is: ("exists", "does not exist"),
        reads: &[],
        see: of_system::sysctl,
    },
    Kind {
        name: "package",
        words: "an installed package of dpkg, RPM, pacman or apk",
        target: &[key("name", Form::Name, "the package")],
        optional: &[],
        keys: &[
            key("installed", Form::Flag, "it is installed"),
            key("version", Form::Version, "its version, without what the packager added"),
        ],
        implied: ("installed", "true"),
        is: ("is installed", "is not installed"),
        reads: &[],
        see: of_system::package,
    },
    Kind {
        name: "command",
        words: "a program of the system's folders",
        target: &[key("name", Form::Name, "the command")],
        optional: &[key("arguments", Form::Words, "what makes it print its version; --version unless given")],
        keys: &[
            key("exists", Form::Flag, "it is there and may be executed"),
            key("version", Form::Version, "the first version that it prints"),
            key("status", Form::Number, "its exit code"),
            key("prints", Form::Contains, "what its standard output has, which is never shown"),
        ],
        implied: ("exists", "true"),
        is: ("exists", "is in none of the system's folders"),
        reads: &[],
        see: of_system::command,
    },
    Kind {
        name: "machine",
        words: "this machine",
        target: &[],
        optional: &[],
        keys: &[
            key("name", Form::Text, "its host name"),
            key("system", Form::Text, "ID of /etc/os-release"),
            key("system-version", Form::Version, "VERSION_ID of /etc/os-release"),
            key("tags", Form::Words, "debian, fedora, systemd, jetson …: those of the commands that gdoctor prints"),
            key("kernel", Form::Version, "the running kernel"),
            key("architecture", Form::Text, "x86_64, aarch64"),
            key("cpus", Form::Number, "processors that are online"),
            key("memory", Form::Size, "all memory"),
            key("memory-free", Form::Size, "memory that programs can have (MemAvailable)"),
            key("swap", Form::Size, "all swap"),
            key("swap-free", Form::Size, "free swap"),
            key("load", Form::Number, "load of the last minute"),
            key("uptime", Form::Number, "hours since the start"),
        ],
        implied: ("cpus", "> 0"),
        is: ("is there", "is not there"),
        reads: &[Group::Host],
        see: of_system::machine,
    },
    Kind {
        name: "gpu",
        words: "NVIDIA's GPUs, each that fits",
        target: &[],
        optional: &[key(
            "which",
            Form::Name,
            "its number, UUID, address or name, `*` for any letters; all unless given",
        )],
        keys: &[
            key("count", Form::Number, "how many there are"),
            key("name", Form::Text, "NVIDIA L4"),
            key("driver", Form::Version, "the driver"),
            key("cuda", Form::Version, "the newest CUDA that the driver speaks"),
            key("compute-capability", Form::Version, "8.9"),
            key("memory", Form::Size, "all its memory"),
            key("memory-free", Form::Size, "free memory"),
            key("temperature", Form::Number, "degrees Celsius"),
            key("persistence", Form::Flag, "persistence mode"),
            key("compute-mode", Form::Text, "default, exclusive-process, prohibited"),
            key("mig", Form::Flag, "it is split (MIG)"),
            key("ecc-errors", Form::Number, "uncorrected ECC errors since the driver was loaded"),
            key(
                "repair-pending",
                Form::Flag,
                "memory waits for a reset to be repaired: rows to remap, pages to retire",
            ),
            key("repair-failed", Form::Flag, "spare rows of its memory are used up"),
            key("slowdowns", Form::Number, "reasons of the hardware's that hold its clocks down"),
            key("link-width", Form::Number, "lanes of PCI Express now"),
            key("processes", Form::Number, "programs that hold memory of it"),
            key("faults", Form::Number, "Xid messages in the kernel's log"),
        ],
        implied: ("count", "> 0"),
        is: ("is there", "is not there"),
        reads: &[Group::Nvidia],
        see: of_facts::gpu,
    },
    Kind {
        name: "engine",
        words: "the Docker engine that the client would ask",
        target: &[],
        optional: &[],
        keys: &[
            key("answers", Form::Flag, "it answers"),
            key("version", Form::Version, "its version"),
            key("storage", Form::Text, "overlay2, overlayfs"),
            key("cgroup-driver", Form::Text, "systemd, cgroupfs"),
            key("cgroup-version", Form::Number, "1 or 2"),
            key("runtimes", Form::Words, "nvidia, runc"),
            key("default-runtime", Form::Text, "runc"),
            key("log-driver", Form::Text, "json-file, local, journald"),
            key("data-root", Form::Text, "where images lie"),
            key("live-restore", Form::Flag, "containers outlive a restart of the engine"),
            key("containers", Form::Number, "running containers"),
        ],
        implied: ("answers", "true"),
        is: ("answers", "does not answer"),
        reads: &[Group::Docker],
        see: of_facts::engine,
    },
    Kind {
        name: "camera",
        words: "cameras, each that fits",
        target: &[],
        optional: &[key("which", Form::Name, "its node or name, `*` for any letters; all unless given")],
        keys: &[
            key("count", Form::Number, "how many there are"),
            key("formats", Form::Words, "MJPG, YUYV"),
            key("opens", Form::Flag, "this user may open it"),
            key("free", Form::Flag, "no program uses it"),
        ],
        implied: ("count", "> 0"),
        is: ("is there", "is not there"),
        reads: &[Group::Camera],
        see: of_facts::camera,
    },
];

pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
