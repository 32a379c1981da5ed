//! dockerd's command: its options by the keys that daemon.json has for them, and the file in which each stands. Of values only
//! those are kept that checks use; an option may carry a password.

use std::collections::BTreeMap;

use gdoctor_checks::model::daemon_keys;
use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Command, Settings, Unread};
use serde_json::{Map, Value};

use crate::host::{Host, units};

use super::{daemon_json, variables};

/// Files whose variables units of distributions and init scripts put into dockerd's command.
pub const VARIABLE_FILES: [&str; 3] = ["/etc/default/docker", "/etc/sysconfig/docker", "/etc/conf.d/docker"];

/// An option as it was written, and where.
pub struct Opt {
    pub key: String,
    /// Empty where it has none.
    pub value: String,
    file: Option<String>,
}

struct Word {
    text: String,
    file: Option<String>,
}

/// The unit of the system's engine.
pub fn unit(host: &Host) -> Option<String> {
    units::path(host, "docker.service")
}

/// The options of the unit, or of the drop-in that replaces its command; variables such as $DOCKER_OPTS are looked up.
pub fn of_unit(host: &Host, unit: &str) -> Vec<Opt> {
    let (file, command) = units::last(host, unit, "ExecStart").unwrap_or_default();
    let mut words = Vec::new();
    for word in command.split_whitespace().skip(1) {
        match word.strip_prefix('$') {
            Some(name) => words.extend(variable(host, name.trim_matches(['{', '}']))),
            None => words.push(Word { text: unquoted(word), file: Some(file.clone()) }),
        }
    }
    options(words)
}

/// The program that a unit starts, without the letters that systemd takes before it (systemd.service(5)).
pub fn program(host: &Host, unit: &str) -> Option<String> {
    let (_, command) = units::last(host, unit, "ExecStart")?;
    let program = command.split_whitespace().next()?.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    Some(program.to_owned()).filter(|program| program.starts_with('/'))
}

/// `docker daemon` and `docker -d`, as units of old tools start them.
pub fn of_client(host: &Host, unit: &str) -> Option<String> {
    let (_, command) = units::last(host, unit, "ExecStart")?;
    let mut words = command.split_whitespace();
    let (program, first) = (words.next()?, words.next()?);
    let is_client = program.rsplit('/').next() == Some("docker") && ["daemon", "-d"].contains(&first);
    is_client.then(|| format!("{} {first}", program.trim_start_matches(['@', '-', ':', '+', '!', '|'])))
}

/// What a process was started with. Everybody may read that, unless /proc is mounted with hidepid.
pub fn of_process(host: &Host, pid: u32) -> Fact<Vec<Opt>> {
    let line = host.live().text(format!("/proc/{pid}/cmdline"));
    line.map(|line| options(line.split('\0').skip(1).map(|text| Word { text: text.into(), file: None })))
}

/// The absolute path that an option has.
pub fn path(options: &[Opt], key: &str) -> Option<String> {
    let option = options.iter().rfind(|option| option.key == key)?;
    Some(option.value.clone()).filter(|path| path.starts_with('/'))
}

/// An init script starts dockerd where systemd does not run, though the package brought a unit as well.
pub fn is_by_systemd(host: &Host) -> bool {
    host.exists("/run/systemd/system") || !host.exists("/etc/init.d/docker")
}

/// What the system's service would start dockerd with: the unit's command, or what init scripts add to theirs.
pub fn written(host: &Host) -> Vec<Opt> {
    match unit(host).filter(|_| is_by_systemd(host)) {
        Some(unit) => of_unit(host, &unit),
        None => options(variable(host, "DOCKER_OPTS")),
    }
}

/// A variable of the system's service, and the file that sets it.
pub struct Variable {
    pub name: String,
    pub file: String,
    pub value: String,
}

/// The variables that the system's service gives dockerd, the last of a name alone.
pub fn variables(host: &Host) -> Vec<Variable> {
    let mut all: Vec<Variable> = Vec::new();
    let mut add = |file: &str, word: &str| {
        let Some((name, value)) = word.split_once('=') else { return };
        all.retain(|known| known.name != name);
        all.push(Variable { name: name.to_owned(), file: file.to_owned(), value: value.to_owned() });
    };
    let add_file = |file: &str, add: &mut dyn FnMut(&str, &str)| {
        let text = host.text(file);
        for line in text.value().map_or("", String::as_str).lines().map(str::trim) {
            add(file, line.strip_prefix("export ").unwrap_or(line));
        }
    };
    let Some(unit) = unit(host).filter(|_| is_by_systemd(host)) else {
        VARIABLE_FILES.iter().for_each(|file| add_file(file, &mut add));
        return all;
    };
    for line in units::service(host, &unit).into_iter().flatten() {
        match line.key.as_str() {
            // %% is systemd's word for %.
            "Environment" => {
                line.value
                    .split_whitespace()
                    .for_each(|word| add(&line.file, &word.trim_matches(['"', '\'']).replace("%%", "%")));
            }
            "EnvironmentFile" => add_file(line.value.trim_start_matches('-'), &mut add),
            _ => {}
        }
    }
    all
}

/// What a file for init scripts sets, where systemd starts dockerd by a command that has no such variable.
pub fn unread(host: &Host, unit: &str) -> Option<Unread> {
    let (_, command) = units::last(host, unit, "ExecStart")?;
    if !is_by_systemd(host) || command.contains('$') {
        return None;
    }
    let options = options(variable(host, "DOCKER_OPTS"));
    let file = options.first()?.file.clone()?;
    let mut keys: Vec<String> = options.into_iter().map(|option| option.key).collect();
    keys.dedup();
    Some(Unread { file, keys })
}

/// The running command where it is known; an option's file is the one that would give it to dockerd again.
pub fn look(host: &Host, running: Option<Fact<Vec<Opt>>>) -> Fact<Command> {
    let written = written(host);
    let misread = variables::look(host);
    let command = |options: &[Opt]| Command { misread: misread.clone(), ..command(options) };
    let Some(running) = running else { return Fact::present(command(&written), "docker.service, /etc/default/docker") };
    running.map(|mut options| {
        for option in &mut options {
            let same = |other: &&Opt| other.key == option.key && other.value == option.value;
            option.file = written.iter().find(same).and_then(|other| other.file.clone());
        }
        command(&options)
    })
}

fn command(options: &[Opt]) -> Command {
    let files = options.iter().map(|option| (option.key.clone(), option.file.clone().unwrap_or_default())).collect();
    let settings = Settings { kinds: BTreeMap::new(), ..daemon_json::settings(&object(options), 0) };
    let hosts = options.iter().filter(|option| option.key == "hosts" && !option.value.starts_with("fd:"));
    Command { options: files, hosts: hosts.map(|option| option.value.clone()).collect(), settings, misread: None }
}

/// What daemon.json would say.
pub fn object(options: &[Opt]) -> Map<String, Value> {
    let mut object = Map::new();
    for Opt { key, value, .. } in options {
        let value = match daemon_keys::wanted(key) {
            Some("switch") => truth(value).map_or(Value::Null, Value::Bool),
            Some("number") => value.parse::<u64>().map_or(Value::Null, Value::from),
            Some("list") => {
                let earlier = object.remove(key);
                let mut list = earlier.and_then(|list| list.as_array().cloned()).unwrap_or_default();
                list.push(value.clone().into());
                Value::Array(list)
            }
            Some("object") => {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                let earlier = object.remove(key);
                let mut map = earlier.and_then(|map| map.as_object().cloned()).unwrap_or_default();
                let value = if key == "default-ulimits" { limit(name, value) } else { value.into() };
                map.insert(name.into(), value);
                Value::Object(map)
            }
            _ => value.clone().into(),
        };
        object.insert(key.clone(), value);
    }
    object
}

/// `nofile=1024:65536` as daemon.json writes a limit; one number is both.
fn limit(name: &str, value: &str) -> Value {
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    match (soft.parse::<i64>(), hard.parse::<i64>()) {
        (Ok(soft), Ok(hard)) => serde_json::json!({ "Name": name, "Soft": soft, "Hard": hard }),
        _ => Value::Null,
    }
}

/// strconv.ParseBool; a flag without a value is true.
fn truth(value: &str) -> Option<bool> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn variable(host: &Host, name: &str) -> Vec<Word> {
    let found = VARIABLE_FILES.iter().find_map(|path| {
        let text = host.text(path);
        let mut lines = text.value()?.lines();
        let value = lines.rfind(|line| value_of(line, name).is_some())?;
        Some((*path, value_of(value, name)?.to_owned()))
    });
    let Some((file, value)) = found else { return Vec::new() };
    let word = |text: &str| Word { text: unquoted(text), file: Some(file.into()) };
    value.trim_matches(['"', '\'']).split_whitespace().map(word).collect()
}

fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let line = line.trim();
    line.strip_prefix("export ").unwrap_or(line).trim_start().strip_prefix(name)?.strip_prefix('=')
}

fn unquoted(word: &str) -> String {
    word.trim_matches(['"', '\'']).into()
}

fn options(words: impl IntoIterator<Item = Word>) -> Vec<Opt> {
    let mut options: Vec<Opt> = Vec::new();
    // An option that waits for its value in the next word.
    let mut open = false;
    for Word { text, file } in words {
        match (key_of(&text), options.last_mut()) {
            (Some((key, value)), _) => {
                open = value.is_none() && daemon_keys::wanted(&key) != Some("switch");
                options.push(Opt { key, value: value.unwrap_or_default(), file });
            }
            (None, Some(last)) if std::mem::take(&mut open) => last.value = text,
            _ => {}
        }
    }
    options
}

/// `data-root` and `/x` of `--data-root=/x`, `hosts` of `-H` and `--host`; None for a value.
fn key_of(word: &str) -> Option<(String, Option<String>)> {
    const SHORT: [(char, &str); 7] = [
        ('b', "bridge"),
        ('D', "debug"),
        ('G', "group"),
        ('H', "hosts"),
        ('l', "log-level"),
        ('p', "pidfile"),
        ('s', "storage-driver"),
    ];
    const PLURAL: [&str; 15] = [
        "allow-nondistributable-artifact",
        "authorization-plugin",
        "cdi-spec-dir",
        "default-address-pool",
        "default-network-opt",
        "default-ulimit",
        "dns-opt",
        "exec-opt",
        "host",
        "insecure-registry",
        "label",
        "log-opt",
        "node-generic-resource",
        "registry-mirror",
        "storage-opt",
    ];
    let Some(long) = word.strip_prefix("--") else {
        let mut letters = word.strip_prefix('-')?.chars();
        let letter = letters.next()?;
        let (_, key) = SHORT.iter().find(|(short, _)| *short == letter)?;
        let value = letters.as_str().trim_start_matches('=');
        return Some(((*key).to_owned(), (!value.is_empty()).then(|| value.to_owned())));
    };
    let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
    let key = match name {
        "" => return None,
        "add-runtime" => "runtimes".into(),
        "graph" => "data-root".into(),
        "insecure-registry" => "insecure-registries".into(),
        _ if PLURAL.contains(&name) => format!("{name}s"),
        _ => name.into(),
    };
    Some((key, value.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<Opt> {
        options(text.split(' ').map(|text| Word { text: text.into(), file: None }))
    }

    #[test]
    fn options_by_the_keys_of_daemon_json() {
        let all = parsed(
            "-H fd:// --containerd=/run/c.sock --insecure-registry r:5000 --log-opt max-size=1m -s overlay2 --dns 1.1.1.1 -- -",
        );
        let keys: Vec<&str> = all.iter().map(|option| option.key.as_str()).collect();
        assert_eq!(keys, ["hosts", "containerd", "insecure-registries", "log-opts", "storage-driver", "dns"]);
        let values: Vec<&str> = all.iter().map(|option| option.value.as_str()).collect();
        assert_eq!(values, ["fd://", "/run/c.sock", "r:5000", "max-size=1m", "overlay2", "1.1.1.1"]);
    }

    #[test]
    fn settings_as_daemon_json_would_have_them() {
        let told = command(&parsed(
            "--iptables=0 --ip-forward --mtu 1400 --dns 1.1.1.1 --dns=8.8.8.8 -bnone --log-opt max-size=1m",
        ));
        let settings = told.settings;
        assert_eq!((settings.iptables, settings.ip_forward, settings.mtu), (Some(false), Some(true), Some(1400)));
        assert_eq!(settings.dns, ["1.1.1.1", "8.8.8.8"]);
        assert_eq!(settings.bridge.as_deref(), Some("none"));
        assert!(settings.log_limited);
        let limits = command(&parsed("--default-ulimit nofile=1024:65536 --default-ulimit=core=-1")).settings;
        assert_eq!((limits.refused, limits.inverted_limits), (vec![], vec![]));
        let inverted = command(&parsed("--default-ulimit nofile=65536:1024")).settings;
        assert_eq!(inverted.inverted_limits, ["nofile"]);
        let odd = command(&parsed("--iptables=perhaps --mtu --debug false --http-proxy=http://me:word@p -")).settings;
        assert_eq!((odd.iptables, odd.mtu), (None, None));
        assert!(!format!("{odd:?}").contains("word"));
    }
}
