//! systemd's unit files: where one lies, what it and its drop-ins set, and which socket units listen at an address. systemd itself
//! is not asked.

use std::collections::{BTreeMap, BTreeSet};

use gdoctor_checks::model::facts::docker::{Ignored, Why};

use super::Host;

/// Earlier folders win.
const SYSTEM: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Whose units: the system's, or those of the user who runs gdoctor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    System,
    User,
}

impl Manager {
    fn folders(self, host: &Host) -> Vec<String> {
        if self == Manager::System {
            return SYSTEM.map(str::to_owned).into();
        }
        let home = host.env("HOME").unwrap_or_default();
        let config = host.env("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
        let mut folders = vec![format!("{config}/systemd/user"), "/etc/systemd/user".into()];
        folders.extend(host.env("XDG_RUNTIME_DIR").map(|runtime| format!("{runtime}/systemd/user")));
        folders.extend([format!("{home}/.local/share/systemd/user"), "/run/systemd/user".into()]);
        folders.extend(["/usr/local/lib/systemd/user".into(), "/usr/lib/systemd/user".into()]);
        folders
    }

    /// The specifiers that addresses of sockets are written with (systemd.unit(5)).
    fn filled(self, host: &Host, value: &str) -> String {
        let (runtime, home) = match self {
            Manager::System => (Some("/run".to_owned()), Some("/root".to_owned())),
            Manager::User => (host.env("XDG_RUNTIME_DIR"), host.env("HOME")),
        };
        value.replace("%t", &runtime.unwrap_or_default()).replace("%h", &home.unwrap_or_default())
    }
}

/// A unit that has systemd listen, and the service that the first connection starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketUnit {
    pub name: String,
    pub service: String,
    /// Every connection starts an instance of its own.
    pub accepts: bool,
}

/// The file of a unit of the system's: `docker.service`.
pub fn path(host: &Host, unit: &str) -> Option<String> {
    file(host, &SYSTEM.map(str::to_owned), unit)
}

fn file(host: &Host, folders: &[String], unit: &str) -> Option<String> {
    folders.iter().map(|folder| format!("{folder}/{unit}")).find(|path| host.lstat(path).value().is_some())
}

/// The last value that the unit's file or one of its drop-ins has for `key`, and the file that has it, the file first.
pub fn last(host: &Host, path: &str, key: &str) -> Option<(String, String)> {
    all(host, path, key).pop()
}

/// Every value that the unit's file and its drop-ins have for `key`, each after the file that has it, in systemd's order.
pub fn all(host: &Host, path: &str, key: &str) -> Vec<(String, String)> {
    values(host, &SYSTEM.map(str::to_owned), path, key)
}

/// The services and sockets without which systemd does not start a unit of the system's, by its file's path.
pub fn required(host: &Host, path: &str) -> Vec<String> {
    let mut named = Vec::new();
    for key in ["Requires", "BindsTo"] {
        let mut units: Vec<String> = Vec::new();
        for (_, value) in all(host, path, key) {
            match value.is_empty() {
                true => units.clear(),
                false => units.extend(value.split_whitespace().map(str::to_owned)),
            }
        }
        named.extend(units);
    }
    named.retain(|unit| unit.ends_with(".service") || unit.ends_with(".socket"));
    named
}

/// systemd is told never to start it: its file is a link to /dev/null.
pub fn is_masked(host: &Host, path: &str) -> bool {
    host.link(path).value().is_some_and(|target| target == "/dev/null")
}

/// Each value that the unit's file and its drop-ins have for `key`, with the file that has it, in systemd's order.
fn values(host: &Host, folders: &[String], path: &str, key: &str) -> Vec<(String, String)> {
    let settings = read(host, folders, path).into_iter().filter_map(Result::ok);
    let of_key = settings.filter(|setting| setting.key == key && setting.section == section(key));
    of_key.map(|setting| (setting.file, setting.value)).collect()
}

/// The section in which systemd knows a key; those of gdoctor's interest.
fn section(key: &str) -> &'static str {
    const UNIT: [&str; 14] = [
        "After",
        "Before",
        "BindsTo",
        "Conflicts",
        "Description",
        "Documentation",
        "PartOf",
        "Requires",
        "RequiresMountsFor",
        "Requisite",
        "StartLimitIntervalSec",
        "Wants",
        "ConditionPathExists",
        "AssertPathExists",
    ];
    match key {
        "Accept" | "ListenDatagram" | "ListenStream" | "Service" | "SocketGroup" | "SocketMode" | "SocketUser" => {
            "Socket"
        }
        "Alias" | "Also" | "RequiredBy" | "WantedBy" => "Install",
        _ if UNIT.contains(&key) => "Unit",
        _ => "Service",
    }
}

/// Keys of services whose loss changes what is started.
const TELLING: [&str; 27] = [
    "CapabilityBoundingSet",
    "Delegate",
    "DeviceAllow",
    "Environment",
    "EnvironmentFile",
    "ExecReload",
    "ExecStart",
    "ExecStartPost",
    "ExecStartPre",
    "Group",
    "KillMode",
    "LimitCORE",
    "LimitMEMLOCK",
    "LimitNOFILE",
    "LimitNPROC",
    "LimitRTPRIO",
    "LimitSTACK",
    "OOMScoreAdjust",
    "PrivateDevices",
    "PrivateTmp",
    "ProtectHome",
    "Restart",
    "RestartSec",
    "TasksMax",
    "Type",
    "User",
    "WorkingDirectory",
];

/// What systemd takes of a service's files, in its order, and what it leaves out.
pub fn service(host: &Host, path: &str) -> Vec<Result<Setting, Ignored>> {
    let all = read(host, &SYSTEM.map(str::to_owned), path);
    all.into_iter().map(|line| line.and_then(Setting::judged)).collect()
}

/// The lines of one file that systemd leaves out.
pub fn left_out(text: &str) -> Vec<Ignored> {
    lines("", text).into_iter().filter_map(|line| line.and_then(Setting::judged).err()).collect()
}

/// The section of a key that is known here.
pub fn home(key: &str) -> Option<&'static str> {
    let section = section(key);
    (section != "Service" || TELLING.contains(&key)).then_some(section)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub file: String,
    pub line: u32,
    pub section: String,
    pub key: String,
    pub value: String,
}

impl Setting {
    fn judged(self) -> Result<Self, Ignored> {
        let Setting { file, line, section: at, key, value } = self;
        let ignored = |why| Ignored { file: file.clone(), line, key: key.clone(), why };
        let known = TELLING.iter().find(|known| known.eq_ignore_ascii_case(&key));
        match known {
            Some(known) if *known != key => return Err(ignored(Why::Misspelled((*known).into()))),
            Some(_) if at != section(&key) => return Err(ignored(Why::WrongSection(section(&key).into()))),
            Some(_) if key.starts_with("Limit") && !is_limit(&value) => return Err(ignored(Why::NoLimit)),
            Some(_) if key == "Environment" && has_stray_specifier(&value) => return Err(ignored(Why::Percent)),
            _ => {}
        }
        Ok(Setting { file, line, section: at, key, value })
    }
}

/// systemd.exec(5), "Process Properties": a limit, or a soft and a hard one. An empty value takes earlier ones back.
fn is_limit(value: &str) -> bool {
    let is_one = |word: &str| {
        let digits = word.trim_end_matches(|c: char| "BKMGTPE".contains(c));
        word == "infinity" || (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.'))
    };
    value.is_empty() || value.contains('%') || value.split(':').map(str::trim).all(is_one)
}

/// systemd.unit(5), "Specifiers"; others of letters and digits make systemd leave the word out since version 236.
fn has_stray_specifier(value: &str) -> bool {
    const KNOWN: &str = "%aAbBCdDEfgGhHiIjJlLmMnNopPqsStTuUvVwWyY";
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter == '%'
            && let Some(next) = letters.next()
            && next.is_ascii_alphanumeric()
            && !KNOWN.contains(next)
        {
            return true;
        }
    }
    false
}

/// The unit's file and its drop-ins, line by line: systemd.syntax(7).
fn read(host: &Host, folders: &[String], path: &str) -> Vec<Result<Setting, Ignored>> {
    let unit = path.rsplit('/').next().unwrap_or_default();
    let files = std::iter::once(path.to_owned()).chain(drop_ins(host, folders, unit).into_values());
    files.flat_map(|file| host.text(&file).value().map(|text| lines(&file, text)).unwrap_or_default()).collect()
}

/// Drop-ins by their names, in whose order systemd reads them; one in an earlier folder takes the place of its namesake.
fn drop_ins(host: &Host, folders: &[String], unit: &str) -> BTreeMap<String, String> {
    let mut drop_ins: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        let folder = format!("{folder}/{unit}.d");
        for name in host.list(&folder).value().into_iter().flatten().filter(|name| name.ends_with(".conf")) {
            drop_ins.entry(name.clone()).or_insert_with(|| format!("{folder}/{name}"));
        }
    }
    drop_ins
}

/// What a drop-in of the system's with this text would set, and what systemd reads of the unit after it. None where the path is of
/// another kind.
pub fn around(host: &Host, path: &str, text: &str) -> Option<(Vec<Setting>, Vec<Setting>)> {
    let (folder, name) = path.strip_prefix("/etc/systemd/system/")?.split_once('/')?;
    let later = drop_ins(host, &SYSTEM.map(str::to_owned), folder.strip_suffix(".d")?);
    let later = later.into_iter().filter(|(other, _)| other.as_str() > name);
    let read = |(_, file): (String, String)| host.text(&file).value().map(|text| lines(&file, text));
    let taken = |lines: Vec<Result<Setting, Ignored>>| lines.into_iter().flatten().collect::<Vec<_>>();
    Some((taken(lines(path, text)), later.filter_map(read).flat_map(taken).collect()))
}

fn lines(file: &str, text: &str) -> Vec<Result<Setting, Ignored>> {
    let mut all = Vec::new();
    let mut section = String::new();
    let mut open = String::new();
    for (line, text) in (1_u32..).zip(text.lines()) {
        let text = text.trim();
        if text.starts_with(['#', ';']) || (text.is_empty() && open.is_empty()) {
            continue;
        }
        // A line that ends with a backslash goes on in the next.
        if let Some(part) = text.strip_suffix('\\') {
            open.push_str(part);
            open.push(' ');
            continue;
        }
        let whole = std::mem::take(&mut open) + text;
        let whole = whole.trim();
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let (key, value) = whole.split_once('=').map_or((whole, None), |(key, value)| (key.trim(), Some(value.trim())));
        let why = match value {
            Some(value) if !section.is_empty() => {
                let (section, key, value) = (section.clone(), key.to_owned(), value.to_owned());
                all.push(Ok(Setting { file: file.to_owned(), line, section, key, value }));
                continue;
            }
            Some(_) => Why::NoSection,
            None => Why::NoValue,
        };
        let key = key.split_whitespace().next().unwrap_or_default().chars().take(64).collect();
        all.push(Err(Ignored { file: file.to_owned(), line, key, why }));
    }
    all
}

/// The socket units with an address under `key` (`ListenStream`, `ListenDatagram`) that fits.
pub fn listening(host: &Host, manager: Manager, key: &str, fits: impl Fn(&str) -> bool) -> Vec<SocketUnit> {
    let folders = manager.folders(host);
    let listed: BTreeSet<String> =
        folders.iter().flat_map(|folder| host.list(folder).value().cloned().unwrap_or_default()).collect();
    let unit = |name: String| {
        let path = file(host, &folders, &name)?;
        let mut addresses = Vec::new();
        for (_, value) in values(host, &folders, &path, key) {
            match value.is_empty() {
                // It takes back those before.
                true => addresses.clear(),
                false => addresses.push(manager.filled(host, &value)),
            }
        }
        if !addresses.iter().any(|address| fits(address)) {
            return None;
        }
        let last = |key: &str| values(host, &folders, &path, key).pop().map(|(_, value)| value);
        let accepts = last("Accept").is_some_and(|word| ["1", "yes", "y", "true", "t", "on"].contains(&word.as_str()));
        let stem = name.trim_end_matches(".socket");
        let service = last("Service").filter(|service| !service.is_empty());
        let service = service.unwrap_or_else(|| format!("{stem}{}.service", if accepts { "@" } else { "" }));
        Some(SocketUnit { service, accepts, name })
    };
    listed.into_iter().filter(|name| name.ends_with(".socket")).filter_map(unit).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_that_systemd_leaves_out() {
        let text = "ExecStart=/a\n[Service]\n# c\nExecStart=/usr/bin/dockerd \\\n  -H fd://\nEnvironment=\"HTTPS_PROXY=http://a:b%40@c\"\n\
                    Environment=A=%%40\nLimitNOFILE\nexecstart=/b\n[Unit]\nEnvironment=A=b\nAfter=x\n";
        let all: Vec<_> = lines("f", text).into_iter().map(|line| line.and_then(Setting::judged)).collect();
        let ignored: Vec<(u32, &Why)> =
            all.iter().filter_map(|line| line.as_ref().err()).map(|line| (line.line, &line.why)).collect();
        let expected = [
            (1, &Why::NoSection),
            (6, &Why::Percent),
            (8, &Why::NoValue),
            (9, &Why::Misspelled("ExecStart".into())),
            (11, &Why::WrongSection("Service".into())),
        ];
        assert_eq!(ignored, expected);
        let command = all.iter().flatten().find(|setting| setting.key == "ExecStart").unwrap();
        assert_eq!(command.value, "/usr/bin/dockerd  -H fd://");
    }

    #[test]
    fn socket_units_with_their_drop_ins() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("lib/systemd/system/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n");
        put("etc/systemd/system/docker.socket.d/tcp.conf", "[Socket]\nListenStream=2375\n");
        put("lib/systemd/system/podman.socket", "[Socket]\nListenStream=%t/podman/podman.sock\nService=pod.service\n");
        put("lib/systemd/system/each.socket", "[Socket]\nListenStream=/run/each\nAccept=yes\n");
        put("etc/systemd/system/each.socket.d/other.conf", "[Socket]\nListenStream=\nListenStream=/run/other\n");
        let host = Host::new(root.path(), Duration::from_secs(5));
        let at = |address: &str| {
            let found = listening(&host, Manager::System, "ListenStream", |text| text == address);
            found.into_iter().map(|unit| (unit.name, unit.service, unit.accepts)).collect::<Vec<_>>()
        };
        let unit = |name: &str, service: &str, accepts| vec![(name.to_owned(), service.to_owned(), accepts)];
        assert_eq!(at("/run/docker.sock"), unit("docker.socket", "docker.service", false));
        assert_eq!(at("2375"), unit("docker.socket", "docker.service", false));
        assert_eq!(at("/run/podman/podman.sock"), unit("podman.socket", "pod.service", false));
        assert_eq!(at("/run/other"), unit("each.socket", "each@.service", true));
        assert!(at("/run/each").is_empty());
    }
}
