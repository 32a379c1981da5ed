//! Looks at files and file systems.

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::own::Look;

use super::form::{Value, fits};
use super::kinds::{Eyes, Sights};
use crate::host::files::Kind;
use crate::host::{Host, clock, trust};

/// Files that one pattern may fit; more are a mistake in the pattern.
const MOST: usize = 500;
const TABLE: usize = 16 << 20;

pub fn file(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let pattern = look.target("path");
    let paths = match expanded(eyes.host, pattern) {
        Ok(paths) => paths,
        Err(gap) => return vec![(pattern.into(), Fact::unknown(gap, pattern))],
    };
    if key == "exists" {
        let seen = |path: String| {
            let there = eyes.host.lstat(&path);
            let fact = if there.is_absent() {
                Fact::present(Value::Flag(false), &path)
            } else {
                there.map(|_| Value::Flag(true))
            };
            (path, fact)
        };
        let none = paths.is_empty().then(|| (pattern.to_owned(), Fact::present(Value::Flag(false), pattern)));
        return none.into_iter().chain(paths.into_iter().map(seen)).collect();
    }
    if key == "count" {
        return vec![(pattern.into(), Fact::present(Value::Number(paths.len() as f64), pattern))];
    }
    if key == "newest" && !paths.is_empty() {
        let ages = paths.iter().map(|path| age(eyes.host, path));
        return vec![(pattern.into(), ages.reduce(younger).unwrap_or_default())];
    }
    if key.starts_with("one-") && !paths.is_empty() {
        return vec![(pattern.into(), all_texts(eyes.host, &paths, pattern))];
    }
    let none = paths.is_empty().then(|| (pattern.to_owned(), Fact::absent(pattern)));
    none.into_iter().chain(paths.into_iter().map(|path| (path.clone(), of_file(eyes.host, &path, key)))).collect()
}

/// One of them that cannot be read may have what is wanted.
fn all_texts(host: &Host, paths: &[String], pattern: &str) -> Fact<Value> {
    let mut all = String::new();
    for path in paths {
        match host.text(path).state {
            State::Present(text) => all.extend([&text, "\n\0\n"]),
            State::Absent => {}
            State::Unknown(gap) => return Fact::unknown(gap, path.as_str()),
        }
    }
    Fact::present(Value::Private(all), pattern)
}

fn of_file(host: &Host, path: &str, key: &str) -> Fact<Value> {
    match key {
        "contains" | "one-contains" | "lines" | "one-lines" => return host.text(path).map(Value::Private),
        "line" if path.starts_with("/sys/") || path.starts_with("/proc/") => return host.line(path).map(Value::Text),
        "line" => return host.line(path).map(Value::Private),
        "link" => return host.link(path).map(Value::Text),
        "type" => return kinds(host, path),
        "age" | "newest" => return age(host, path),
        _ => {}
    }
    host.stat(path).map(|stat| match key {
        "mode" => Value::Number(stat.mode.into()),
        "owner" => Value::Text(name_of(host, "/etc/passwd", stat.uid)),
        "group" => Value::Text(name_of(host, "/etc/group", stat.gid)),
        _ => Value::Size(stat.size),
    })
}

/// Seconds by which the clocks of a machine and of its file server may differ.
const SKEW: f64 = 60.0;

fn age(host: &Host, path: &str) -> Fact<Value> {
    let stat = host.stat(path);
    let Some(found) = stat.value() else { return stat.map(|_| Value::Number(0.0)) };
    let seconds = clock::unix_seconds() as f64 - found.mtime as f64;
    if seconds < -SKEW {
        let why = format!("its date lies {:.0} hours ahead, so its age is not known", (-seconds / 3600.0).ceil());
        return Fact::unknown(Gap::Unsupported(why), path);
    }
    Fact::present(Value::Number(seconds.max(0.0) / 3600.0), path)
}

/// What nobody knows of one of them nobody knows of all; one that has gone meanwhile does not count.
fn younger(one: Fact<Value>, other: Fact<Value>) -> Fact<Value> {
    match (&one.state, &other.state) {
        (State::Unknown(_), _) | (_, State::Absent) => one,
        (_, State::Unknown(_)) | (State::Absent, _) => other,
        (State::Present(Value::Number(a)), State::Present(Value::Number(b))) if b < a => other,
        _ => one,
    }
}

/// A link is also what it leads to: udev's names are links to devices.
fn kinds(host: &Host, path: &str) -> Fact<Value> {
    host.lstat(path).map(|stat| {
        let mut words = vec![word(stat.kind).to_owned()];
        if stat.kind == Kind::Link {
            words.extend(host.stat(path).value().map(|to| word(to.kind).to_owned()));
        }
        Value::Words(words)
    })
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "folder",
        Kind::Link => "link",
        Kind::Socket => "socket",
        // Of characters or of blocks.
        Kind::CharDevice | Kind::Other => "device",
        Kind::Pipe => "pipe",
    }
}

/// Its name in the root that is looked at; on this machine also one that only the name service knows.
fn name_of(host: &Host, table: &str, id: u32) -> String {
    let text = host.text(table);
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    };
    let known = text.value().and_then(|text| text.lines().find_map(name));
    known.unwrap_or_else(|| match table {
        "/etc/passwd" if host.is_live() => trust::user_name(id),
        _ => id.to_string(),
    })
}

/// The paths that fit, none where none is there; a path without letters that stand for others is itself.
fn expanded(host: &Host, pattern: &str) -> Result<Vec<String>, Gap> {
    let is_pattern = |part: &str| part.contains(['*', '?']);
    if !is_pattern(pattern) {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if !is_pattern(part) {
            paths.iter_mut().for_each(|path| *path = format!("{path}/{part}"));
            continue;
        }
        let mut next = Vec::new();
        for folder in &paths {
            let names = host.list(if folder.is_empty() { "/" } else { folder });
            match names.state {
                State::Present(names) => {
                    let fitting = names
                        .iter()
                        .filter(|name| fits(part, name) && (part.starts_with('.') || !name.starts_with('.')));
                    next.extend(fitting.map(|name| format!("{folder}/{name}")));
                }
                // A file among the folders.
                State::Unknown(Gap::Unparsable(_)) | State::Absent => {}
                State::Unknown(gap) => return Err(gap),
            }
        }
        if next.len() > MOST {
            return Err(Gap::Unsupported(format!("more than {MOST} paths fit {pattern}")));
        }
        paths = next;
    }
    // Parts behind the last pattern may not be there.
    paths.retain(|path| !host.lstat(path).is_absent());
    Ok(paths)
}

pub fn room(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let path = look.target("path");
    vec![(path.into(), free(eyes.host, path, key))]
}

fn free(host: &Host, path: &str, key: &str) -> Fact<Value> {
    let part = |free: u64, all: u64| if all == 0 { 100.0 } else { free as f64 * 100.0 / all as f64 };
    let space = host.space(path);
    if key != "inodes-free" && space.value().is_some_and(|space| space.total == 0) {
        return Fact::unknown(Gap::Unsupported("this file system tells no size".into()), space.source.0);
    }
    space.map(|space| match key {
        "free" => Value::Size(space.available),
        "free-percent" => Value::Number(part(space.available, space.total)),
        // btrfs, NFS and FAT count none, and run out of none.
        _ if space.inodes_total == 0 => Value::Number(f64::INFINITY),
        _ => Value::Number(space.inodes_available as f64),
    })
}

/// One line of mountinfo (proc_pid_mountinfo(5)).
struct Mount {
    at: String,
    kind: String,
    from: String,
    options: Vec<String>,
}

impl Mount {
    fn read(line: &str) -> Option<Self> {
        let (own, of_file_system) = line.split_once(" - ")?;
        let own: Vec<&str> = own.split(' ').collect();
        let mut rest = of_file_system.split(' ');
        let (kind, from) = (rest.next()?.to_owned(), unescaped(rest.next()?));
        let options = own.get(5)?.split(',').chain(rest.next().unwrap_or_default().split(','));
        Some(Self { at: unescaped(own.get(4)?), kind, from, options: options.map(unescaped).collect() })
    }
}

/// `\040` is a blank.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                out.push_str(&part[3..]);
            }
            None => out.extend(["\\", part]),
        }
    }
    out
}

pub fn mount(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let at = look.target("at");
    let at = if at.len() > 1 { at.trim_end_matches('/') } else { at };
    // Under another root, the first process that runs in it.
    let table = if eyes.host.is_live() { "/proc/self/mountinfo" } else { "/proc/1/mountinfo" };
    let read = eyes.host.bytes(table, TABLE);
    let fact = match read.state {
        State::Present(bytes) => {
            // What was mounted last lies on top.
            let text = String::from_utf8_lossy(&bytes);
            let found = text.lines().rev().filter_map(Mount::read).find(|mount| mount.at == at);
            match (key, found) {
                ("mounted", found) => Fact::present(Value::Flag(found.is_some()), table),
                (_, None) => Fact::absent(table),
                ("type", Some(found)) => Fact::present(Value::Text(found.kind), table),
                ("from", Some(found)) => Fact::present(Value::Text(found.from), table),
                ("options", Some(found)) => Fact::present(Value::Words(found.options), table),
                (_, Some(_)) => free(eyes.host, at, key),
            }
        }
        State::Absent => Fact::unknown(Gap::Unsupported("this root does not show what is mounted".into()), table),
        State::Unknown(gap) => Fact::unknown(gap, table),
    };
    vec![(at.into(), fact)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo() {
        let line =
            "36 35 0:52 / /mnt/my\\040data rw,noatime shared:1 - nfs4 files:/export rw,vers=4.2,hard,addr=10.0.0.1";
        let mount = Mount::read(line).unwrap();
        assert_eq!(
            (mount.at.as_str(), mount.kind.as_str(), mount.from.as_str()),
            ("/mnt/my data", "nfs4", "files:/export")
        );
        assert!(["noatime", "hard", "vers=4.2"].iter().all(|option| mount.options.iter().any(|own| own == option)));
        assert!(Mount::read("rubbish").is_none() && Mount::read("").is_none());
    }
}
