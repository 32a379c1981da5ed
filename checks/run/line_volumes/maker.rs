//! Who makes what lies at a path where no person makes files: sockets, the folders of running programs, and /dev.

/// What a missing path, or a folder in its place, was meant to be.
pub enum Meant {
    /// A socket of a program that may be known.
    Socket(Maker),
    /// Something below /run, where programs put what lasts as long as they run.
    Runtime,
    /// A device: the kernel makes it.
    Node,
}

#[derive(Clone, Copy)]
pub struct Maker {
    pub program: &'static str,
    pub start: Start,
}

#[derive(Clone, Copy)]
pub enum Start {
    /// A unit of the system's, and its name without systemd.
    System(&'static str, &'static str),
    /// A unit of this user's.
    User(&'static str),
    /// Either of the two that serve PulseAudio's clients.
    Sound,
    /// Made when somebody logs in to a desktop.
    Session,
    Unknown,
}

use Start::{Session, Sound, System, User};

/// By the last parts of the path; `#` stands for a number.
const SOCKETS: [(&str, Maker); 27] = [
    ("argus_socket", maker("nvargus-daemon", System("nvargus-daemon", "nvargus-daemon"))),
    ("nvidia-persistenced/socket", maker("nvidia-persistenced", System("nvidia-persistenced", "nvidia-persistenced"))),
    (
        "nvidia-fabricmanager/socket",
        maker("nvidia-fabricmanager", System("nvidia-fabricmanager", "nvidia-fabricmanager")),
    ),
    ("wayland-#", maker("the Wayland compositor", Session)),
    ("gamescope-#", maker("gamescope", Session)),
    ("keyring/ssh", maker("the session's keyring", Session)),
    ("pulse/native", maker("the sound server", Sound)),
    ("pipewire-#", maker("PipeWire", User("pipewire.socket"))),
    ("pipewire-#-manager", maker("PipeWire", User("pipewire.socket"))),
    ("run/user/#/bus", maker("the session's D-Bus", User("dbus.socket"))),
    ("gnupg/S.gpg-agent", maker("gpg-agent", User("gpg-agent.socket"))),
    ("gnupg/S.gpg-agent.ssh", maker("gpg-agent", User("gpg-agent-ssh.socket"))),
    ("run/user/#/docker.sock", maker("rootless Docker", User("docker.service"))),
    ("run/user/#/podman/podman.sock", maker("Podman", User("podman.socket"))),
    ("dbus/system_bus_socket", maker("the system's D-Bus", System("dbus.socket", "dbus"))),
    ("avahi-daemon/socket", maker("avahi-daemon", System("avahi-daemon.socket", "avahi-daemon"))),
    ("run/docker.sock", maker("Docker", System("docker.socket", "docker"))),
    ("containerd/containerd.sock", maker("containerd", System("containerd", "containerd"))),
    ("podman/podman.sock", maker("Podman", System("podman.socket", "podman"))),
    ("crio/crio.sock", maker("CRI-O", System("crio", "crio"))),
    ("cups/cups.sock", maker("CUPS", System("cups.socket", "cups"))),
    ("pcscd/pcscd.comm", maker("pcscd", System("pcscd.socket", "pcscd"))),
    ("gpsd.sock", maker("gpsd", System("gpsd.socket", "gpsd"))),
    ("libvirt/libvirt-sock", maker("libvirt", System("libvirtd.socket", "libvirtd"))),
    ("journal/socket", maker("the journal", System("systemd-journald.socket", "rsyslog"))),
    ("dev/log", maker("the system's log", System("systemd-journald-dev-log.socket", "rsyslog"))),
    ("tailscale/tailscaled.sock", maker("tailscaled", System("tailscaled", "tailscaled"))),
];

const fn maker(program: &'static str, start: Start) -> Maker {
    Maker { program, start }
}

/// `None`: a path at which a person makes files and folders.
pub fn meant(path: &str) -> Option<Meant> {
    let known = SOCKETS.iter().find(|(pattern, _)| ends_with(path, pattern)).map(|(_, maker)| *maker);
    let of_programs = path.starts_with("/run/") || path.starts_with("/var/run/");
    let may_be = known.is_some() || is_socket_name(path, of_programs || path.starts_with("/tmp/"));
    match () {
        () if may_be => Some(Meant::Socket(known.unwrap_or(maker("the program that it belongs to", Start::Unknown)))),
        () if of_programs => Some(Meant::Runtime),
        () if path.starts_with("/dev/") => Some(Meant::Node),
        () => None,
    }
}

/// The last parts of `path` are those of `pattern`.
fn ends_with(path: &str, pattern: &str) -> bool {
    let mut parts = path.rsplit('/');
    pattern.rsplit('/').all(|wanted| parts.next().is_some_and(|part| is_like(part, wanted)))
}

fn is_like(part: &str, wanted: &str) -> bool {
    let Some((before, after)) = wanted.split_once('#') else { return part == wanted };
    let number = part.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// As sockets are called; less clear names only where programs keep theirs.
fn is_socket_name(path: &str, where_sockets_lie: bool) -> bool {
    let mut parts = path.rsplit('/');
    let (name, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let clear = name.ends_with(".sock") || name.ends_with(".socket");
    let usual = name.ends_with("socket") || name.ends_with("-sock") || name.ends_with("_sock");
    let odd = name.starts_with(".s.") || folder.starts_with("ssh-") && name.starts_with("agent.");
    clear || where_sockets_lie && (usual || odd)
}

impl Start {
    pub fn fix(self) -> &'static str {
        match self {
            System(..) => "start-service",
            User(_) => "start-user-service",
            Sound => "start-sound",
            Session => "start-session",
            Start::Unknown => "start-program",
        }
    }

    /// The unit, and the name that `service` knows.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            System(unit, service) => (unit, service),
            User(unit) => (unit, ""),
            Sound | Session | Start::Unknown => ("", ""),
        }
    }
}
