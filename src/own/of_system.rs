//! Looks at processes, units, the kernel, packages and users.

use std::ffi::OsStr;

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::own::Look;

use super::form::{Value, fits};
use super::kinds::{Eyes, Sights};
use crate::host::Host;
use crate::host::process::{End, Program, folders};
use crate::host::runs;

const OUTPUT: usize = 256 << 10;
const LISTS: usize = 16 << 20;

fn flag(found: bool, source: impl Into<String>) -> Fact<Value> {
    Fact::present(Value::Flag(found), source)
}

pub fn variable(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let name = look.target("name");
    let value = eyes.host.env(name);
    let fact = match key {
        "set" => flag(value.is_some(), "environment"),
        _ => Fact::found(value.map(Value::Private), "environment"),
    };
    vec![(name.into(), fact)]
}

pub fn user(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    const USERS: &str = "/etc/passwd";
    let name = look.target("name");
    let text = eyes.host.bytes(USERS, LISTS).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let line = |text: &String| {
        let own = |line: &&str| line.split(':').next() == Some(name);
        text.lines().find(own).map(|line| line.split(':').map(str::to_owned).collect::<Vec<String>>())
    };
    let fact = match text.state {
        State::Present(text) => match (key, line(&text)) {
            (_, None) if elsewhere(eyes.host, "passwd:") => Fact::unknown(Gap::Unsupported(ELSEWHERE.into()), USERS),
            ("exists", found) => flag(found.is_some(), USERS),
            (_, None) => Fact::absent(USERS),
            ("groups", Some(_)) if elsewhere(eyes.host, "group:") => {
                Fact::unknown(Gap::Unsupported(ELSEWHERE.into()), USERS)
            }
            ("groups", Some(fields)) => groups(eyes.host, name, fields.get(3).map_or("", String::as_str)),
            (key, Some(fields)) => {
                let field = |at: usize| fields.get(at).cloned().unwrap_or_default();
                match key {
                    "uid" => field(2).parse().map_or_else(
                        |_| Fact::unknown(Gap::Unparsable("the user has no number".into()), USERS),
                        |uid| Fact::present(Value::Number(uid), USERS),
                    ),
                    "home" => Fact::present(Value::Text(field(5)), USERS),
                    _ => Fact::present(Value::Text(field(6)), USERS),
                }
            }
        },
        State::Absent => Fact::absent(USERS),
        State::Unknown(gap) => Fact::unknown(gap, USERS),
    };
    vec![(name.into(), fact)]
}

const ELSEWHERE: &str = "this host has users of a directory too (nsswitch.conf), which is not asked";

/// Users or groups come from more than files (nsswitch.conf(5)). sss is in that file on many hosts where it does not run.
fn elsewhere(host: &Host, table: &str) -> bool {
    let text = host.text("/etc/nsswitch.conf");
    let line =
        text.value().and_then(|text| text.lines().find_map(|line| line.trim().strip_prefix(table).map(str::to_owned)));
    line.iter().flat_map(|line| line.split_whitespace()).any(|source| match source {
        "files" | "compat" | "systemd" => false,
        "sss" => !host.stat("/var/lib/sss/pipes/nss").is_absent(),
        source => source.starts_with(|c: char| c.is_ascii_alphabetic()),
    })
}

fn groups(host: &Host, user: &str, primary: &str) -> Fact<Value> {
    const GROUPS: &str = "/etc/group";
    let text = host.bytes(GROUPS, LISTS).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    text.map(|text| {
        let of_user = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            let is_member = fields.get(3)?.split(',').any(|member| member == user) || fields.get(2) == Some(&primary);
            is_member.then(|| fields.first().map(|name| (*name).to_owned()))?
        };
        Value::Words(text.lines().filter_map(of_user).collect())
    })
}

pub fn process(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    const PROC: &str = "/proc";
    let (name, wanted) = (look.target("name"), look.target("arguments"));
    let host = eyes.host.live();
    let all = host.list(PROC);
    let numbers = || all.value().into_iter().flatten().filter(|name| name.bytes().all(|b| b.is_ascii_digit()));
    // With hidepid nobody else's processes are there, init's neither.
    if !eyes.host.is_live() || !numbers().any(|number| number == "1") {
        let why = if eyes.host.is_live() { Gap::Denied } else { Gap::Unsupported("processes of another root".into()) };
        return vec![(name.into(), Fact::unknown(why, PROC))];
    }
    let called = |number: &&String| {
        let comm = host.line(format!("{PROC}/{number}/comm"));
        let command = host.text(format!("{PROC}/{number}/cmdline"));
        let words: Vec<&str> =
            command.value().into_iter().flat_map(|text| text.trim_end_matches('\0').split('\0')).collect();
        let (first, arguments) = words.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let file = |path: &str| fits(name, path.rsplit('/').next().unwrap_or_default());
        // `python3 -u ./roscore` is roscore.
        let script = arguments.iter().find(|word| !word.starts_with('-')).filter(|_| runs::is_runner(first));
        let is_called =
            comm.value().is_some_and(|comm| fits(name, comm)) || file(first) || script.is_some_and(|one| file(one));
        is_called && (wanted.is_empty() || fits(wanted, &arguments.join(" ")))
    };
    let found: Vec<&String> = numbers().filter(called).collect();
    let fact = match key {
        "runs" => flag(!found.is_empty(), PROC),
        "count" => Fact::present(Value::Number(found.len() as f64), PROC),
        _ if found.is_empty() => Fact::absent(PROC),
        _ => {
            let owner = |number: &&String| host.stat(format!("{PROC}/{number}")).value().map(|stat| stat.uid);
            let mut owners: Vec<u32> = found.iter().filter_map(owner).collect();
            owners.sort_unstable();
            owners.dedup();
            let named = owners.into_iter().map(crate::host::trust::user_name);
            return named.map(|user| (name.to_owned(), Fact::present(Value::Text(user), PROC))).collect();
        }
    };
    vec![(name.into(), fact)]
}

pub fn unit(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let name = look.target("name");
    let unit = if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
    let source = format!("systemctl show {unit}");
    let fact = match shown(eyes, &unit) {
        Ok(text) => {
            let value = |key: &str| {
                text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default().to_owned()
            };
            let there = value("LoadState") != "not-found";
            match key {
                "exists" => flag(there, source),
                _ if !there => Fact::absent(source),
                "state" => Fact::present(Value::Text(value("ActiveState")), source),
                "enabled" => Fact::present(Value::Text(value("UnitFileState")), source),
                _ => Fact::present(Value::Text(value("Result")), source),
            }
        }
        Err(gap) => Fact::unknown(gap, source),
    };
    vec![(unit, fact)]
}

fn shown(eyes: &Eyes, unit: &str) -> Result<String, Gap> {
    if !eyes.host.is_live() {
        return Err(Gap::Unsupported("units of another root".into()));
    }
    if eyes.host.stat("/run/systemd/system").is_absent() {
        return Err(Gap::Unsupported("systemd does not run here".into()));
    }
    let systemctl = Program::named("systemctl").map_err(Gap::ToolMissing)?;
    let arguments = ["show", "--property=LoadState,ActiveState,UnitFileState,Result", "--", unit];
    let ran = systemctl.run(arguments.map(OsStr::new), OUTPUT, eyes.deadline);
    match ran.end {
        End::Exited(0) => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        End::Exited(code) => Err(Gap::Unsupported(format!("systemctl ended with {code}"))),
        end => Err(end.gap()),
    }
}

/// The kernel writes `-` as `_` in a module's name.
pub fn module(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let name = look.target("name").replace('-', "_");
    let folder = format!("/sys/module/{name}");
    let fact = match (key, eyes.host.stat(&folder)) {
        ("loaded", there) if there.is_absent() => built_in(eyes.host, &name),
        ("loaded", there) => there.map(|_| Value::Flag(true)),
        _ => eyes.host.line(format!("{folder}/version")).map(Value::Text),
    };
    vec![(name, fact)]
}

pub fn parameter(eyes: &Eyes, look: &Look, _: &str) -> Sights {
    let (module, name) = (look.target("module").replace('-', "_"), look.target("name"));
    let fact = eyes.host.line(format!("/sys/module/{module}/parameters/{name}"));
    vec![(format!("{module}.{name}"), fact.map(Value::Text))]
}

fn built_in(host: &Host, name: &str) -> Fact<Value> {
    let release = host.line("/proc/sys/kernel/osrelease");
    let table = format!("/lib/modules/{}/modules.builtin", release.value().map_or("", String::as_str));
    let listed = |text: &String| {
        let of = |line: &str| {
            line.rsplit('/').next().and_then(|file| file.split('.').next()).map(|one| one.replace('-', "_"))
        };
        text.lines().filter_map(of).any(|one| one == name)
    };
    if host.stat("/sys/module").is_absent() {
        return Fact::unknown(Gap::Unsupported("this root does not show the kernel's modules".into()), "/sys/module");
    }
    match host.text(&table).state {
        State::Present(text) => flag(listed(&text), "/sys/module"),
        State::Absent => Fact::unknown(Gap::ToolMissing(table.clone()), table),
        State::Unknown(gap) => Fact::unknown(gap, table),
    }
}

pub fn sysctl(eyes: &Eyes, look: &Look, _: &str) -> Sights {
    let name = look.target("name");
    // sysctl(8): the first of the two signs parts the words, and the other one then stands for it within a word.
    let swapped = |sign: char| match sign {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let path: String = match name.find(['.', '/']).is_some_and(|at| name[at..].starts_with('.')) {
        true => name.chars().map(swapped).collect(),
        false => name.to_owned(),
    };
    if path.split('/').any(|part| part == "..") {
        return vec![(name.into(), Fact::absent("/proc/sys"))];
    }
    if eyes.host.stat("/proc/sys/kernel").is_absent() {
        let gap = Gap::Unsupported("this root does not show the kernel's settings".into());
        return vec![(name.into(), Fact::unknown(gap, "/proc/sys"))];
    }
    let fact = eyes.host.line(format!("/proc/sys/{path}"));
    vec![(name.into(), fact.map(|text| Value::Text(text.split_whitespace().collect::<Vec<_>>().join(" "))))]
}

pub fn package(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let name = look.target("name");
    let found = (eyes.readers.package)(eyes.host, name);
    let found = match found.gap() {
        Some(Gap::Unsupported(_)) if eyes.host.is_live() => of_rpm(eyes, name).unwrap_or(found),
        _ => found,
    };
    let fact = match (key, found) {
        ("installed", found) if found.is_absent() => flag(false, found.source.0),
        ("installed", found) => found.map(|_| Value::Flag(true)),
        (_, found) => found.map(Value::Text),
    };
    vec![(name.into(), fact)]
}

/// `None` where there is no rpm.
fn of_rpm(eyes: &Eyes, name: &str) -> Option<Fact<String>> {
    let rpm = Program::named("rpm").ok()?;
    let ran = rpm.run(["-q", "--queryformat", "%{VERSION}\n", "--", name].map(OsStr::new), OUTPUT, eyes.deadline);
    let said = String::from_utf8_lossy(&ran.stdout).lines().last().unwrap_or_default().trim().to_owned();
    Some(match ran.end {
        End::Exited(0) => Fact::present(said, "rpm -q"),
        End::Exited(_) => Fact::absent("rpm -q"),
        end => Fact::unknown(end.gap(), "rpm -q"),
    })
}

pub fn command(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let name = look.target("name");
    let path = eyes.host.executable(name, folders());
    let fact = match (key, path.state) {
        ("exists", State::Present(path)) => flag(true, path),
        ("exists", State::Absent) => flag(false, path.source.0),
        (key, State::Present(path)) => started(eyes, look, key, &path),
        (_, State::Absent) => Fact::absent(path.source.0),
        (_, State::Unknown(gap)) => Fact::unknown(gap, path.source.0),
    };
    vec![(name.into(), fact)]
}

fn started(eyes: &Eyes, look: &Look, key: &str, path: &str) -> Fact<Value> {
    if !eyes.host.is_live() {
        return Fact::unknown(Gap::Unsupported("programs of another root are not started".into()), path);
    }
    let program = match Program::at(path) {
        Ok(program) => program,
        Err(why) => return Fact::unknown(Gap::Unsupported(why), path),
    };
    let named = look.target.iter().find(|pair| pair.key == "arguments").map(|pair| pair.values.as_slice());
    let usual = [String::from("--version")];
    let arguments = named.unwrap_or(&usual).iter().map(OsStr::new);
    let ran = program.run(arguments, OUTPUT, eyes.deadline);
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let code = match ran.end {
        End::Exited(code) => code,
        end => return Fact::unknown(end.gap(), path),
    };
    match (key, first_version(&text)) {
        ("status", _) => Fact::present(Value::Number(code.into()), path),
        ("prints", _) => Fact::present(Value::Private(text), path),
        (_, Some(version)) => Fact::present(Value::Text(version), path),
        (_, None) => Fact::unknown(Gap::Unparsable("it prints no version".into()), path),
    }
}

/// The first word with a number, a dot and a number.
fn first_version(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let is_version = |word: &&str| word.split('.').filter(|part| !part.is_empty()).count() > 1;
    words.map(|word| word.trim_matches('.')).find(is_version).map(str::to_owned)
}

pub fn machine(eyes: &Eyes, _: &Look, key: &str) -> Sights {
    let host = eyes.host;
    let facts = &eyes.facts.host;
    let number = |text: &str| text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    let memory = |name: &str| {
        let line = |text: String| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
            let kib = line.as_deref().and_then(number).ok_or(format!("{name} is not told"))?;
            Ok(Value::Size(kib as u64 * 1024))
        };
        host.text("/proc/meminfo").parse(line)
    };
    let first = |path: &str| {
        let value = |text: String| number(&text).ok_or(format!("{text:?} is no number"));
        host.line(path).parse(value)
    };
    let fact = match key {
        "name" => host.line("/proc/sys/kernel/hostname").map(Value::Text),
        "system" => facts.system.clone().map(|system| Value::Text(system.id)),
        "system-version" => facts.system.clone().map(|system| Value::Text(system.version)),
        "kernel" => facts.kernel.clone().map(|release| Value::Text(first_version(&release).unwrap_or(release))),
        "architecture" => facts.machine.clone().map(Value::Text),
        "tags" => Fact::present(Value::Words(eyes.facts.tags()), "this machine"),
        "memory" => memory("MemTotal"),
        "memory-free" => memory("MemAvailable"),
        "swap" => memory("SwapTotal"),
        "swap-free" => memory("SwapFree"),
        "load" => first("/proc/loadavg").map(Value::Number),
        "uptime" => first("/proc/uptime").map(|seconds| Value::Number(seconds / 3600.0)),
        _ => host.line("/sys/devices/system/cpu/online").parse(|text| {
            counted(&text)
                .map(|count| Value::Number(f64::from(count)))
                .ok_or(format!("{text:?} is no list of processors"))
        }),
    };
    vec![("this machine".into(), fact)]
}

/// `0-3,8`: five.
fn counted(ranges: &str) -> Option<u32> {
    let of = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)
    };
    ranges.split(',').map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_processors_as_they_are_printed() {
        for (text, expected) in [
            ("Docker version 28.5.1, build e180ab8", Some("28.5.1")),
            ("git version 2.39.5", Some("2.39.5")),
            ("ffmpeg version n7.1", Some("7.1")),
            ("6.8.0-45-generic", Some("6.8.0")),
            ("no version", None),
            ("2024", None),
        ] {
            assert_eq!(first_version(text).as_deref(), expected);
        }
        assert_eq!((counted("0-3,8"), counted("0"), counted("many")), (Some(5), Some(1), None));
    }
}
