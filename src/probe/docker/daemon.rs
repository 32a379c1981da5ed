//! What lies around dockerd: its program, unit, process, command and daemon.json. This explains a daemon that does not answer.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{
    Address, Client, Command, Config, Info, Lack, NoVariables, Package, PidOfAnother, Rights, SocketElsewhere, Unit,
};

use crate::host::Host;
use crate::host::units::{self, Setting};

use super::api::Answers;
use super::endpoint::Route;
use super::{command, daemon_json, rights, sandbox};

/// Folders that packages, the snap, the static archive and NixOS have dockerd in.
const PROGRAM_IN: [&str; 6] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/libexec/docker",
    "/snap/docker/current/bin",
    "/run/current-system/sw/bin",
];

pub struct Daemon {
    pub program: Fact<String>,
    pub nvidia_ctk: Fact<String>,
    pub unit: Fact<Unit>,
    pub process: Fact<u32>,
    pub pid_file: Fact<PidOfAnother>,
    /// Seconds since the epoch.
    pub started: Fact<i64>,
    pub rights: Fact<Rights>,
    pub config: Fact<Config>,
    pub command: Fact<Command>,
}

pub fn look(host: &Host, route: &Route, client: Option<&Client>, answers: &Answers) -> Daemon {
    let peer = answers.peer;
    let process = match peer.filter(|pid| is_dockerd(host, *pid)) {
        Some(pid) => Fact::present(pid, "the socket's other end"),
        None => from_pid_file(host, &pid_file(route)),
    };
    let unit = unit(host);
    let running = process.value().map(|pid| command::of_process(host, *pid));
    let snap = client.is_some_and(|client| client.package == Package::Snap);
    let told = running.as_ref().and_then(|options| command::path(options.value()?, "config-file"));
    let path = told.unwrap_or_else(|| config_path(host, route, snap, answers));
    // Where the script of get.docker.com/rootless puts it.
    let own = host.env("HOME").map(|home| format!("{home}/bin"));
    Daemon {
        command: match running.is_some() || (is_system(route) && !snap) {
            true => command::look(host, running),
            false => Fact::absent("the engine is started by no service of the system's"),
        },
        program: host.executable("dockerd", PROGRAM_IN.into_iter().chain(own.as_deref())),
        nvidia_ctk: host.executable("nvidia-ctk", ["/usr/bin", "/usr/local/bin", "/run/current-system/sw/bin"]),
        unit,
        started: match process.value() {
            Some(pid) => host.live().started(*pid),
            None => Fact::absent("dockerd's process"),
        },
        pid_file: match pid_of_another(host, &pid_file(route)) {
            own if own.is_absent() && !command::is_by_systemd(host) => pid_of_another(host, PidOfAnother::OF_SCRIPT),
            own => own,
        },
        rights: rights::look(host, &process),
        process,
        config: config(host, &path, is_system(route) && !snap),
    }
}

fn is_dockerd(host: &Host, pid: u32) -> bool {
    host.live().line(format!("/proc/{pid}/comm")).value().is_some_and(|comm| comm == "dockerd")
}

/// The endpoint's own daemon writes it: a user's beside its socket.
fn pid_file(route: &Route) -> String {
    match route.endpoint.value().map(|endpoint| &endpoint.address) {
        Some(Address::Unix(path)) if path.starts_with("/run/user/") => {
            format!("{}/docker.pid", path.rsplit_once('/').map_or("", |(folder, _)| folder))
        }
        _ => "/var/run/docker.pid".into(),
    }
}

fn from_pid_file(host: &Host, path: &str) -> Fact<u32> {
    let pid = host.line(path);
    let alive = pid.value().and_then(|text| text.parse().ok()).filter(|pid| is_dockerd(host, *pid));
    match (alive, pid.gap()) {
        (Some(pid), _) => Fact::present(pid, path),
        (None, Some(gap)) => Fact::unknown(gap.clone(), path),
        (None, None) => Fact::absent(path),
    }
}

/// A number that the system has given to another program since, as after a crash or a restart of the machine.
fn pid_of_another(host: &Host, path: &str) -> Fact<PidOfAnother> {
    let pid = host.line(path).value().and_then(|text| text.parse::<u32>().ok()).filter(|_| host.is_live());
    let name = pid.map(|pid| host.live().line(format!("/proc/{pid}/comm")));
    let name = name.as_ref().and_then(|name| name.value()).filter(|name| *name != "dockerd");
    let found = pid.zip(name).map(|(pid, name)| PidOfAnother { path: path.into(), pid, name: name.clone() });
    Fact::found(found, path)
}

fn unit(host: &Host) -> Fact<Unit> {
    let Some(path) = command::unit(host) else { return Fact::absent("docker.service in systemd's folders") };
    let masked = units::is_masked(host, &path);
    let lacks = units::required(host, &path).into_iter().filter_map(|unit| lack(host, unit)).collect();
    let linked = |want: &str| host.lstat(format!("/etc/systemd/system/{want}")).value().is_some();
    let on_demand = linked("sockets.target.wants/docker.socket");
    let at_boot = linked("multi-user.target.wants/docker.service");
    let options = if command::is_by_systemd(host) { command::of_unit(host, &path) } else { Vec::new() };
    let mut flags: Vec<String> = options.into_iter().map(|option| option.key).collect();
    flags.sort();
    flags.dedup();
    let hosts_flag = flags.iter().any(|flag| flag == "hosts");
    let enabled = on_demand || at_boot;
    let program_gone = command::program(host, &path).filter(|program| host.stat(program).is_absent());
    let at_boot = Some(at_boot);
    let lines = if command::is_by_systemd(host) && !masked { units::service(host, &path) } else { Vec::new() };
    let (settings, ignored): (Vec<_>, Vec<_>) = lines.into_iter().partition(Result::is_ok);
    let settings: Vec<Setting> = settings.into_iter().flatten().filter(|line| line.section == "Service").collect();
    let ignored = ignored.into_iter().filter_map(Result::err).take(8).collect();
    let refused = refused(&settings);
    let unread = command::unread(host, &path);
    let by_systemd = command::is_by_systemd(host) && !masked;
    let opens_socket = by_systemd.then(|| opens_socket(host)).flatten();
    let socket_elsewhere = by_systemd.then(|| socket_elsewhere(host)).flatten();
    let lacks_variables = lacks_variables(host, &settings);
    let unit = Unit {
        masked,
        enabled,
        hosts_flag,
        flags,
        on_demand,
        at_boot,
        lacks,
        program_gone,
        old_command: command::of_client(host, &path),
        refused,
        ignored,
        hides: sandbox::hides(&settings),
        read_only: sandbox::read_only(&settings),
        as_user: sandbox::as_user(&settings),
        unread,
        opens_socket,
        socket_elsewhere,
        lacks_variables,
    };
    Fact::present(unit, path)
}

/// systemd.socket(5): without SocketMode= everybody may write to it.
fn opens_socket(host: &Host) -> Option<String> {
    let unit = units::path(host, "docker.socket").filter(|path| !units::is_masked(host, path))?;
    let (file, mode) = units::last(host, &unit, "SocketMode").unwrap_or((unit, "0666".into()));
    (u32::from_str_radix(&mode, 8).ok()? & 0o002 != 0).then_some(file)
}

/// systemd.socket(5): an empty line takes back the addresses before it.
fn socket_elsewhere(host: &Host) -> Option<SocketElsewhere> {
    let unit = units::path(host, "docker.socket").filter(|path| !units::is_masked(host, path))?;
    let all = units::all(host, &unit, "ListenStream");
    let since = all.iter().rposition(|(_, address)| address.is_empty()).map_or(0, |at| at + 1);
    let all = all.get(since..).unwrap_or_default();
    let is_usual = |address: &str| ["/run/docker.sock", "/var/run/docker.sock", "%t/docker.sock"].contains(&address);
    let (file, address) = all.last().filter(|_| !all.iter().any(|(_, address)| is_usual(address)))?;
    Some(SocketElsewhere { address: address.clone(), file: file.clone() })
}

/// systemd.exec(5): a dash lets the file be missing, and an empty line takes those before it back.
fn lacks_variables(host: &Host, settings: &[Setting]) -> Option<NoVariables> {
    let all: Vec<&Setting> = settings.iter().filter(|line| line.key == "EnvironmentFile").collect();
    let since = all.iter().rposition(|line| line.value.is_empty()).map_or(0, |at| at + 1);
    let is_plain = |path: &str| path.starts_with('/') && !path.contains(['%', '*', '?', '[']);
    let lacks = |line: &&&Setting| is_plain(&line.value) && host.stat(&line.value).is_absent();
    let line = all.get(since..).unwrap_or_default().iter().find(lacks)?;
    Some(NoVariables { path: line.value.clone(), file: line.file.clone(), line: line.line })
}

/// service_verify of systemd's src/core/service.c. An empty `ExecStart=` takes those before it back.
fn refused(settings: &[Setting]) -> Option<String> {
    let last = |key: &str| settings.iter().rfind(|line| line.key == key).map(|line| line.value.as_str());
    let all: Vec<&Setting> = settings.iter().filter(|line| line.key == "ExecStart").collect();
    let since = all.iter().rposition(|line| line.value.is_empty()).map_or(0, |at| at + 1);
    let commands = all.get(since..).unwrap_or_default();
    let files: Vec<String> = commands.iter().map(|line| format!("{} line {}", line.file, line.line)).collect();
    match commands {
        [] if all.is_empty() => None,
        [] => Some("its ExecStart= is emptied, and none follows".into()),
        [_] => None,
        _ if last("Type") == Some("oneshot") => None,
        _ => Some(format!("it has more than one ExecStart=, which only Type=oneshot may have: {}", files.join(", "))),
    }
}

fn lack(host: &Host, unit: String) -> Option<Lack> {
    let Some(path) = units::path(host, &unit) else { return Some(Lack { unit, ..Lack::default() }) };
    if units::is_masked(host, &path) {
        return Some(Lack { unit, masked: true, ..Lack::default() });
    }
    let group = units::last(host, &path, "SocketGroup").map(|(_, group)| group);
    let group = group.filter(|group| unit.ends_with(".socket") && is_missing_group(host, group))?;
    Some(Lack { unit, group: Some(group), ..Lack::default() })
}

/// A name of no group in the files, where groups come from nowhere else. What systemd adds are groups of services that run, and
/// records of its own (nss-systemd(8)); what the start of a system makes is missing in none that does not run (sysusers.d(5)).
fn is_missing_group(host: &Host, name: &str) -> bool {
    const RECORDS: [&str; 4] = ["/etc/userdb", "/run/userdb", "/usr/local/lib/userdb", "/usr/lib/userdb"];
    let sources = host.account_sources("group");
    let is_of_files = |source: &String| ["files", "altfiles", "systemd"].contains(&source.as_str());
    let by_record = || RECORDS.iter().any(|folder| host.exists(format!("{folder}/{name}.group")));
    let is_number = name.bytes().all(|b| b.is_ascii_digit());
    let seen = host.text("/etc/group").value().is_some();
    let is_named = host.accounts("group").lines().any(|line| line.split(':').next() == Some(name));
    let is_known = is_number || is_named || by_record() || !host.runs() && is_made_at_start(host, name);
    seen && sources.iter().all(is_of_files) && !is_known
}

/// `g docker -`, or a user of this name, who gets a group of it.
fn is_made_at_start(host: &Host, name: &str) -> bool {
    let files = ["/etc/sysusers.d", "/usr/lib/sysusers.d"].into_iter().flat_map(|folder| {
        let names = host.list(folder).value().cloned().unwrap_or_default();
        names.into_iter().map(move |file| format!("{folder}/{file}"))
    });
    let makes = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|kind| ["g", "u"].contains(&kind.trim_end_matches('!'))) && words.next() == Some(name)
    };
    files.into_iter().any(|file| host.text(file).value().is_some_and(|text| text.lines().any(makes)))
}

/// The endpoint is the socket of the engine that the system's service starts.
fn is_system(route: &Route) -> bool {
    let address = route.endpoint.value().map(|endpoint| &endpoint.address);
    matches!(address, Some(Address::Unix(path)) if ["/var/run/docker.sock", "/run/docker.sock"].contains(&path.as_str()))
}

/// Where this engine's daemon.json lies when no running daemon tells.
fn config_path(host: &Host, route: &Route, snap: bool, answers: &Answers) -> String {
    let socket = match route.endpoint.value().map(|endpoint| &endpoint.address) {
        Some(Address::Unix(path)) => path.as_str(),
        _ => "",
    };
    // Without a folder in /run/user its socket lies in the user's home.
    let rootless = answers.info.value().is_some_and(Info::is_rootless);
    if rootless || socket.starts_with("/run/user/") || socket.ends_with("/.docker/run/docker.sock") {
        let home = host.env("HOME").unwrap_or_default();
        let config = host.env("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
        return format!("{config}/docker/daemon.json");
    }
    if snap {
        return "/var/snap/docker/current/config/daemon.json".into();
    }
    let written = is_system(route).then(|| command::written(host));
    written
        .and_then(|options| command::path(&options, "config-file"))
        .unwrap_or_else(|| "/etc/docker/daemon.json".into())
}

fn config(host: &Host, path: &str, by_service: bool) -> Fact<Config> {
    let changed = host.stat(path).value().map_or(0, |stat| stat.ctime);
    let written = if by_service { command::written(host) } else { Vec::new() };
    host.text(path).map(|text| daemon_json::parse(&text, changed, &command::object(&written)))
}
