//! Reads everything about the X server that DISPLAY names. The handshake itself is made in a child, see `src/native/x11.rs`.

mod name;
pub mod xauthority;

use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::display::{
    AccessList, Address, Answer, Content, CookieFile, DisplayFacts, FileKind, Name, Program, RenderNode, Route, Server,
    Session, SocketFile, SubIds,
};
use gdoctor_checks::model::facts::proof::Seen;
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::run::RunLine;
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::host::child;
use crate::host::connect;
use crate::host::files::{Kind, Stat};
use crate::host::listener::{self, Place};
use crate::probe::acl;
use crate::probe::engine::sockets::{Protocol, Sockets};

const SOCKETS: &str = "/tmp/.X11-unix";
/// A socket in a copy of a root is served by nobody.
const OTHER_ROOT: &str = "X servers of another root are not reached from here";
/// A session's cookie file holds some records of some 50 bytes; libXau knows no limit.
const COOKIES_CAP: usize = 1 << 20;
/// More servers than this are not told.
const SERVERS_CAP: usize = 64;
/// /proc/net/unix has a line of some 80 bytes for every unix socket.
const TABLE_CAP: usize = 16 << 20;

pub fn probe(host: &Host, need: &Need) -> DisplayFacts {
    let name = display_name(host, need);
    let servers = servers(host);
    let talk = talk(host, &name);
    let address = name.value().map(|name| &name.address);
    DisplayFacts {
        socket: address.map_or_else(Fact::default, |address| socket(host, address)),
        folder: socket_file(host, SOCKETS),
        wslg_socket: wslg_socket(host, &name),
        bridge_port: bridge_port(host, need),
        servers,
        route: talk.route,
        mine: talk.mine,
        cookie_shown: talk.cookie_shown,
        bare: talk.bare,
        stranger: talk.stranger,
        program: program(host, talk.pid),
        access: talk.access,
        extensions: talk.extensions,
        cookies: cookies(host),
        session_cookies: session_cookies(host),
        hostname: host.live().line("/proc/sys/kernel/hostname"),
        session: session(host),
        subuids: subuids(host),
        docker_tmp: docker_tmp(host),
        selinux: selinux(host),
        render_nodes: render_nodes(host),
        name,
    }
}

/// What the child says; the fields are those of [`DisplayFacts`].
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Talk {
    route: Fact<Route>,
    mine: Fact<Answer>,
    cookie_shown: Fact<bool>,
    bare: Fact<Answer>,
    stranger: Fact<Answer>,
    pid: Fact<u32>,
    access: Fact<AccessList>,
    extensions: Fact<Vec<String>>,
}

/// The run line's DISPLAY, where it has one with a value that leads to a server of this host, before this session's.
fn display_name(host: &Host, need: &Need) -> Fact<Name> {
    let line = need.run.as_ref().filter(|line| line.own_display().is_none());
    let variable = line.and_then(|line| line.variable("DISPLAY"));
    let typed = variable.map(|variable| (variable.display().to_owned(), &variable.at)).filter(|(v, _)| !v.is_empty());
    let found = match typed {
        Some((value, at)) => Fact::present(value, at.text.as_str()),
        None => Fact::found(host.env("DISPLAY"), "DISPLAY"),
    };
    let name = found.map(|text| {
        let is_socket = |path: &str| host.live().stat(path).value().is_some_and(|stat| stat.kind == Kind::Socket);
        Name { address: name::parse(&text, is_socket), text }
    });
    match line {
        Some(line) if variable.is_some() => as_inside(name, line),
        _ => name,
    }
}

/// A name that the line gives an address (`--add-host`) has it in the container alone.
fn as_inside(mut name: Fact<Name>, line: &RunLine) -> Fact<Name> {
    let Some(Address::Tcp { host, loopback, .. }) = name.value_mut().map(|name| &mut name.address) else { return name };
    match line.address_of(host).map(str::to_owned) {
        Some(address) if address.parse::<std::net::IpAddr>().is_ok() => {
            *loopback = address == "::1" || address.starts_with("127.");
            *host = address;
            name
        }
        // The bridge's own address, where a server of this host may listen or not.
        Some(_) => {
            let why = format!(
                "{host} is this host at the address of Docker's bridge, and who listens there is not looked at"
            );
            Fact::unknown(Gap::Unsupported(why), name.source.0)
        }
        None => name,
    }
}

/// By the kernel's table alone: an X server that is not asked keeps no record of it.
fn bridge_port(host: &Host, need: &Need) -> Fact<bool> {
    const SOURCE: &str = "/proc/net/tcp";
    let line = need.run.as_ref();
    let display = line.and_then(|line| line.variable("DISPLAY")).map(|variable| variable.display());
    let named = display.and_then(|display| display.rsplit_once(':'));
    let Some((_, number)) = named.filter(|(host, _)| line.is_some_and(|line| line.is_hosts_gateway(host))) else {
        return Fact::absent(SOURCE);
    };
    let number = number.split('.').next().and_then(|number| number.parse::<u16>().ok());
    let port = number.and_then(|number| number.checked_add(6000));
    let sockets = port.and_then(|port| Sockets::read(host, Protocol::Tcp, port));
    match sockets {
        Some(sockets) => Fact::present(sockets.addresses().iter().any(|at| !at.is_loopback()), SOURCE),
        None => Fact::unknown(Gap::Unsupported("the kernel's table of sockets".into()), SOURCE),
    }
}

fn talk(host: &Host, name: &Fact<Name>) -> Talk {
    let Some(name) = name.value() else { return Talk::default() };
    let Some(arguments) = arguments(name) else { return Talk::default() };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let source = format!("X11 handshake with {}", name.text);
    if let Some(waiting) = place(host, &name.address).and_then(|place| listener::waiting(&place)) {
        return child::unknown_group(Gap::Waiting(waiting.to_string()), &source);
    }
    let mut talk: Talk = child::probe("x11", &arguments, &source, host.deadline);
    let accepted = talk.mine.value().is_some_and(Answer::is_accepted);
    if !host.is_live() && !name.is_tcp() && !accepted {
        return child::unknown_group(Gap::Unsupported(OTHER_ROOT.into()), &source);
    }
    if talk.mine.value().is_some_and(Answer::is_accepted) && !name.is_tcp() {
        talk.stranger = stranger(host, &arguments, &source);
    }
    talk
}

/// What the child is told of where the server is: see src/native/x11.rs.
fn arguments(name: &Name) -> Option<Vec<String>> {
    let number = name.number().unwrap_or_default().to_string();
    match &name.address {
        Address::Local { .. } => Some(vec!["local".into(), number]),
        Address::Tcp { host, .. } => Some(vec!["tcp".into(), host.clone(), number]),
        Address::Path(path) => Some(vec!["unix".into(), path.clone()]),
        Address::Malformed(_) => None,
    }
}

/// Whether a program here shares memory with the server, tried by drawing from some; `None` where the server takes no client or
/// offers no such thing. It takes a page of memory for a moment, so only a container of gdoctor's own asks it.
pub fn shared_memory(host: &Host, facts: &DisplayFacts) -> Option<Fact<Seen>> {
    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Memory {
        memory: Fact<Seen>,
    }
    let name = facts.name.value().filter(|name| !name.is_tcp())?;
    let offered = facts.extensions.value().is_some_and(|all| all.iter().any(|extension| extension == "MIT-SHM"));
    let arguments = arguments(name).filter(|_| offered && facts.mine.value().is_some_and(Answer::is_accepted))?;
    let arguments: Vec<&str> = ["memory"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    Some(child::probe::<Memory>("x11", &arguments, "ShmAttach, ShmPutImage", host.renewed().deadline).memory)
}

/// Where the child is going to connect: a display of this host has a socket file, or else an abstract name.
fn place(host: &Host, address: &Address) -> Option<Place> {
    match address {
        Address::Local { number, .. } => {
            let path = format!("{SOCKETS}/X{number}");
            let is_there = host.live().lstat(&path).value().is_some();
            Some(if is_there { Place::Path(path.into()) } else { Place::Abstract(path) })
        }
        Address::Path(path) => Some(Place::Path(path.into())),
        Address::Tcp { number, loopback, .. } => loopback.then(|| Place::Port(6000_u16.saturating_add(*number))),
        Address::Malformed(_) => None,
    }
}

/// Only root can become somebody else to see what a stranger meets.
fn stranger(host: &Host, arguments: &[&str], source: &str) -> Fact<Answer> {
    if !nix::unistd::geteuid().is_root() {
        return Fact::unknown(Gap::Denied, "becoming another user, which only root may");
    }
    let arguments: Vec<&str> = ["stranger"].iter().chain(arguments).copied().collect();
    child::probe::<Talk>("x11", &arguments, source, host.deadline).stranger
}

fn program(host: &Host, pid: Fact<u32>) -> Fact<Program> {
    let Some(pid) = pid.value().copied().filter(|pid| *pid != 0) else {
        return pid.map(|_| Program::default()).parse(|_| Err("it is not of this process namespace".into()));
    };
    host.live().bytes(format!("/proc/{pid}/cmdline"), 1 << 17).map(|bytes| {
        let mut words = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let path = words.next().unwrap_or_default();
        // The other words may hold anything, secrets too: only whether one is `-auth` is kept.
        let auth = words.any(|word| word == "-auth");
        Program { pid, name: path.rsplit('/').next().unwrap_or_default().chars().take(64).collect(), auth }
    })
}

fn socket(host: &Host, address: &Address) -> Fact<SocketFile> {
    match address {
        Address::Local { number, .. } => socket_file(host, &format!("{SOCKETS}/X{number}")),
        Address::Path(path) => socket_file(host, path),
        Address::Tcp { .. } | Address::Malformed(_) => Fact::absent("DISPLAY"),
    }
}

/// Sockets are live things: `--root` does not move them.
fn socket_file(host: &Host, path: &str) -> Fact<SocketFile> {
    let host = host.live();
    host.stat(path).map(|stat: Stat| SocketFile {
        path: path.into(),
        kind: match stat.kind {
            Kind::Socket => FileKind::Socket,
            Kind::Directory => FileKind::Folder,
            _ => FileKind::Other,
        },
        uid: stat.uid,
        gid: stat.gid,
        mode: stat.mode,
        users: acl::users(&host, path, acl::WRITE).value().cloned().unwrap_or_default(),
        empty: stat.kind == Kind::Directory && host.list(path).value().is_some_and(Vec::is_empty),
    })
}

/// Which of the sockets in the folder have a listener. The kernel's table tells, because a connection would start the
/// Xwayland of a session that waits for one; it is asked only of sockets that the table does not have (stale, or of
/// another network namespace), where it can start nothing.
fn servers(host: &Host) -> Fact<Vec<Server>> {
    if !host.is_live() {
        return Fact::unknown(Gap::Unsupported(OTHER_ROOT.into()), SOCKETS);
    }
    let live = host.live();
    let deadline = host.deadline.within(Duration::from_millis(500));
    let table = live.bytes("/proc/net/unix", TABLE_CAP);
    let table = table.value().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let names = match live.list(SOCKETS) {
        fact if fact.is_absent() => Fact::present(Vec::new(), SOCKETS),
        fact => fact,
    };
    names.map(|names| {
        let numbers = names.iter().filter_map(|name| name.strip_prefix('X')?.parse::<u16>().ok());
        let listening = numbers.filter_map(|number| {
            let path = format!("{SOCKETS}/X{number}");
            let uid = live.stat(&path).value().filter(|stat| stat.kind == Kind::Socket)?.uid;
            let listens = listed(&table, &path) || connect::unix(path.as_ref(), deadline).is_ok();
            listens.then_some(Server { number, uid })
        });
        listening.take(SERVERS_CAP).collect()
    })
}

/// Whether /proc/net/unix has a listener (__SO_ACCEPTCON) of this path.
fn listed(table: &str, path: &str) -> bool {
    table.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(3);
        fields.next() == Some("00010000") && fields.nth(3) == Some(path)
    })
}

fn wslg_socket(host: &Host, name: &Fact<Name>) -> Fact<String> {
    let number = name.value().and_then(Name::number).unwrap_or_default();
    let path = format!("/mnt/wslg/.X11-unix/X{number}");
    match host.live().stat(&path) {
        fact if fact.value().is_some_and(|stat| stat.kind != Kind::Socket) => Fact::absent(path),
        fact => fact.map(|_| path),
    }
}

fn cookies(host: &Host) -> Fact<CookieFile> {
    let named = host.env("XAUTHORITY");
    let by_variable = named.is_some();
    let home = || host.env("HOME").map(|home| format!("{home}/.Xauthority"));
    let Some(path) = named.or_else(home) else {
        return Fact::absent("XAUTHORITY, HOME");
    };
    let file = |content| CookieFile { path: path.clone(), by_variable, content };
    if host.stat(&path).value().is_some_and(|stat| stat.kind == Kind::Directory) {
        let empty = host.list(&path).value().is_some_and(Vec::is_empty);
        return Fact::present(file(Content::Folder { empty }), path.as_str());
    }
    let bytes = host.bytes(&path, COOKIES_CAP);
    if bytes.is_absent() {
        return Fact::present(file(Content::Missing), path.as_str());
    }
    bytes.map(|bytes| {
        file(match xauthority::read(&bytes) {
            (entries, Some(why)) if entries.is_empty() => Content::Malformed(why),
            (entries, _) => Content::Entries(entries),
        })
    })
}

/// Where sessions keep the cookie of Xwayland or of a display manager: Mutter, KWin, GDM.
fn session_cookies(host: &Host) -> Fact<Vec<String>> {
    let Some(folder) = host.env("XDG_RUNTIME_DIR") else {
        return Fact::absent("XDG_RUNTIME_DIR");
    };
    let named = |name: &String| name.starts_with(".mutter-Xwaylandauth.") || name.starts_with("xauth_");
    let mut found: Vec<String> = host
        .list(&folder)
        .value()
        .into_iter()
        .flatten()
        .filter(|name| named(name))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    found.extend(Some(format!("{folder}/gdm/Xauthority")).filter(|path| host.exists(path)));
    let in_use = host.env("XAUTHORITY");
    found.retain(|path| Some(path) != in_use.as_ref());
    Fact::present(found, folder)
}

fn session(host: &Host) -> Fact<Session> {
    let socket = || {
        let name = host.env("WAYLAND_DISPLAY")?;
        if name.starts_with('/') { Some(name) } else { Some(format!("{}/{name}", host.env("XDG_RUNTIME_DIR")?)) }
    };
    let is_socket = |path: &String| host.live().stat(path).value().is_some_and(|stat| stat.kind == Kind::Socket);
    Fact::present(
        Session {
            sudo_user: host.env("SUDO_USER"),
            ssh: host.env("SSH_CONNECTION").or(host.env("SSH_TTY")).is_some(),
            wayland_socket: socket().filter(is_socket),
        },
        "the environment",
    )
}

fn subuids(host: &Host) -> Fact<Vec<SubIds>> {
    let text = match host.text("/etc/subuid") {
        fact if fact.is_absent() => Fact::present(String::new(), "/etc/subuid"),
        fact => fact,
    };
    text.map(|text| {
        let line = |line: &str| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?.to_owned();
            Some(SubIds { owner, first: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? })
        };
        text.lines().filter_map(line).collect()
    })
}

/// dockerd's mount table is readable by everybody; a mount on /tmp of its own hides the host's sockets from `-v`.
fn docker_tmp(host: &Host) -> Fact<String> {
    let live = host.live();
    let files = ["/run/docker.pid", "/run/snap.docker/docker.pid", "/var/run/docker.pid"];
    let Some(pid) = files.iter().find_map(|file| live.line(file).value()?.parse::<u32>().ok()) else {
        return Fact::unknown(Gap::ToolMissing("dockerd's pid file".into()), files.join(", "));
    };
    let path = format!("/proc/{pid}/mountinfo");
    let own = live.text("/proc/self/mountinfo");
    let theirs = live.text(&path);
    let (Some(own), Some(theirs)) = (own.value(), theirs.value()) else {
        return Fact::unknown(theirs.gap().cloned().unwrap_or(Gap::ToolMissing("dockerd's process".into())), path);
    };
    let theirs = tmp_mount(theirs);
    Fact::found(theirs.filter(|mount| Some(mount) != tmp_mount(own).as_ref()).map(|(_, root)| root), path)
}

/// Device and root of the mount that holds /tmp/.X11-unix in a mountinfo(5) table, if it has one below /.
fn tmp_mount(table: &str) -> Option<(String, String)> {
    table.lines().rev().find_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let (device, root, point) = (fields.next()?, fields.next()?, fields.next()?);
        match point {
            "/tmp" => Some((device.to_owned(), root.to_owned())),
            SOCKETS => Some((device.to_owned(), root.strip_suffix("/.X11-unix").unwrap_or(root).to_owned())),
            _ => None,
        }
    })
}

fn selinux(host: &Host) -> Fact<String> {
    host.live().line("/sys/fs/selinux/enforce").map(|flag| if flag == "1" { "enforcing" } else { "permissive" }.into())
}

fn render_nodes(host: &Host) -> Fact<Vec<RenderNode>> {
    let folder = "/dev/dri";
    let names = match host.list(folder) {
        fact if fact.is_absent() => Fact::present(Vec::new(), folder),
        fact => fact,
    };
    names.map(|names| {
        let node = |name: &String| {
            let path = format!("{folder}/{name}");
            let stat = *host.stat(&path).value().filter(|stat| stat.kind == Kind::CharDevice)?;
            let users = acl::users(host, &path, acl::READ_WRITE).value().cloned().unwrap_or_default();
            Some(RenderNode { path, uid: stat.uid, gid: stat.gid, mode: stat.mode, users })
        };
        names.iter().filter(|name| name.starts_with("renderD")).filter_map(node).collect()
    })
}

#[cfg(test)]
mod tests {
    use gdoctor_checks::model::run::RunOption;

    use super::*;

    #[test]
    fn a_name_that_the_line_gives_an_address() {
        let of = |display: &str, added: &str| {
            let option = RunOption { name: "add-host".into(), value: added.into(), ..RunOption::default() };
            let line = RunLine { options: vec![option], ..RunLine::default() };
            let name = Name { address: name::parse(display, |_| false), text: display.into() };
            as_inside(Fact::present(name, "-e DISPLAY"), &line)
        };
        let host = |fact: Fact<Name>| match fact.value().map(|name| name.address.clone()) {
            Some(Address::Tcp { host, loopback, .. }) => Some((host, loopback)),
            _ => None,
        };
        assert_eq!(host(of("desk:0", "desk:192.168.7.2")), Some(("192.168.7.2".into(), false)));
        assert_eq!(host(of("desk:0", "desk=127.0.0.1")), Some(("127.0.0.1".into(), true)));
        assert_eq!(host(of("desk:0", "other:192.168.7.2")), Some(("desk".into(), false)));
        assert!(of("host.docker.internal:0", "host.docker.internal:host-gateway").gap().is_some());
        assert!(of(":0", "desk:192.168.7.2").value().is_some());
    }
}
