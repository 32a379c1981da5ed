//! Why the last start of the daemon failed: systemd's word on the unit and the last lines that dockerd wrote. Asked only when
//! the daemon does not answer, and of programs that only read.

use std::ffi::OsStr;
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Address, DockerFacts, Package, Reach};
use gdoctor_checks::model::facts::engine::{Start, SystemdFailure, is_final};

use crate::host::clock;
use crate::host::listener::{self, Place, Waiting};
use crate::host::process::{End, Program};
use crate::host::{Deadline, Host};

/// systemd's bus or a journal on a slow disk may be what is broken.
const PATIENCE: Duration = Duration::from_secs(2);
const OUTPUT_CAP: usize = 256 << 10;
/// Enough for several starts in a row.
const LINES: &str = "--lines=80";
const TAIL: usize = 32 << 10;
/// Where dockerd writes without systemd: Debian's and Alpine's init scripts, and upstart.
const LOGS: [&str; 3] = ["/var/log/docker.log", "/var/log/docker/docker.log", "/var/log/upstart/docker.log"];
/// At most this many lines are kept, each of at most this length.
const KEPT: usize = 20;
const LONGEST: usize = 2000;

pub fn look(host: &Host, docker: &DockerFacts) -> Fact<Start> {
    let is_silent = docker.reach.gap().is_some();
    if !is_silent && !matches!(docker.reach.value(), Some(Reach::NotThere | Reach::Refused)) {
        return Fact::absent("the daemon answers, or cannot be asked");
    }
    let Some(Address::Unix(socket)) = docker.endpoint.value().map(|endpoint| &endpoint.address) else {
        return Fact::absent("the endpoint is no socket of this host");
    };
    if host.is_live() && host.exists("/run/systemd/system") {
        return from_systemd(host, socket, docker);
    }
    // A log tells why a start failed, not why a daemon that runs is silent.
    if is_silent { Fact::absent("the daemon is silent, and no systemd starts it") } else { from_files(host) }
}

fn from_systemd(host: &Host, socket: &str, docker: &DockerFacts) -> Fact<Start> {
    let snap = docker.client.value().is_some_and(|client| client.package == Package::Snap);
    let rootless = socket.starts_with("/run/user/");
    let unit = if snap { "snap.docker.dockerd.service" } else { "docker.service" };
    let source = format!("systemctl show {unit}, journalctl --unit={unit}");
    let deadline = host.deadline.within(PATIENCE);
    let socket_unit = (!snap && !rootless).then_some("docker.socket");
    let mut show = vec!["show", unit];
    show.extend(socket_unit);
    show.push("--property=Id,ActiveState,Result,LoadState,LoadError,ExecMainStatus,DropInPaths,ExecMainStartTimestamp");
    let mut read = vec![if rootless { "--user-unit" } else { "--unit" }, unit];
    read.extend(socket_unit.into_iter().flat_map(|unit| ["--unit", unit]));
    read.extend(["--boot", "--output=cat", "--no-pager", "--quiet", LINES]);
    if rootless {
        show.insert(0, "--user");
    }
    // Another user's systemd is not asked.
    let runtime = host.live().stat(host.env("XDG_RUNTIME_DIR").unwrap_or_default());
    if rootless && runtime.value().is_none_or(|stat| stat.uid != nix::unistd::geteuid().as_raw()) {
        return Fact::absent("the engine is another user's");
    }
    if let Some(waiting) = bus(rootless) {
        return Fact::unknown(Gap::Waiting(waiting.to_string()), source);
    }
    let shown = match run("systemctl", &show, deadline) {
        Ok(shown) => shown,
        Err(gap) => return Fact::unknown(gap, source),
    };
    let units = Units { shown: &shown };
    let said = run("journalctl", &read, deadline).unwrap_or_default();
    let log = format!("journalctl {} {unit}", read.first().copied().unwrap_or_default());
    let result = units.value(unit, "Result");
    // Then the program ended by itself, and whatever it wrote last is its reason.
    let by_itself = ["exit-code", "start-limit-hit", "protocol"].contains(&result.as_str());
    Fact::present(
        Start {
            state: units.value(unit, "ActiveState"),
            result,
            lines: telling_lines(&said, by_itself),
            log,
            at: moment(&units.value(unit, "ExecMainStartTimestamp")),
            systemd: units.failure(unit, &said).or_else(|| requires(unit, &said, rootless, deadline)),
        },
        source,
    )
}

/// Seconds since the epoch of `Mon 2026-11-30 13:28:16 UTC`.
fn moment(text: &str) -> Option<i64> {
    let mut words = text.split(' ').skip(1);
    let (day, time) = (words.next()?, words.next()?);
    words.next().filter(|zone| *zone == "UTC")?;
    clock::unix(&format!("{day}T{time}Z"))?.try_into().ok()
}

/// The last start was given up before it began: which of the units that it requires has failed.
fn requires(unit: &str, said: &str, rootless: bool, deadline: Deadline) -> Option<SystemdFailure> {
    let last = said.lines().rev().find(|line| {
        ["Dependency failed for", "Started ", "Starting ", "result 'dependency'"]
            .iter()
            .any(|words| line.contains(words))
    });
    last.filter(|line| line.contains("ependency"))?;
    let show = |units: &[&str], properties: &str| {
        let mut arguments = if rootless { vec!["--user", "show"] } else { vec!["show"] };
        arguments.extend(units);
        arguments.push(properties);
        run("systemctl", &arguments, deadline).ok()
    };
    let wanted = show(&[unit], "--property=Requires,BindsTo,Requisite")?;
    let wanted = wanted.lines().filter_map(|line| line.split_once('=')).flat_map(|(_, names)| names.split_whitespace());
    let wanted: Vec<&str> = wanted.filter(|name| *name != "docker.socket").take(64).collect();
    let shown = show(&wanted, "--property=Id,ActiveState,Result").filter(|_| !wanted.is_empty())?;
    let units = Units { shown: &shown };
    let failed = wanted.into_iter().find(|unit| units.value(unit, "ActiveState") == "failed")?;
    Some(SystemdFailure::Requires { unit: failed.to_owned(), result: units.value(failed, "Result") })
}

/// What `systemctl show` says of some units, a block for each.
struct Units<'a> {
    shown: &'a str,
}

impl Units<'_> {
    fn value(&self, unit: &str, key: &str) -> String {
        let of = |block: &&str| block.lines().any(|line| line.strip_prefix("Id=") == Some(unit));
        let block = self.shown.split("\n\n").find(of).unwrap_or_default();
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    }

    /// `said` has the units' last lines in the journal.
    fn failure(&self, unit: &str, said: &str) -> Option<SystemdFailure> {
        let drop_ins = self.value(unit, "DropInPaths").split_whitespace().map(str::to_owned).collect();
        let last = |of: &str, words: &[&str]| {
            let fits = |line: &&str| line.starts_with(of) && words.iter().any(|words| line.contains(words));
            said.lines().rfind(fits).map(|line| line.chars().take(LONGEST).collect::<String>())
        };
        if ["bad-setting", "error"].contains(&self.value(unit, "LoadState").as_str()) {
            let error = self.value(unit, "LoadError");
            let error = error.split_once('"').map_or(error.as_str(), |(_, rest)| rest.trim_end_matches('"')).to_owned();
            return Some(SystemdFailure::Refused { words: last(unit, &["Refusing."]).unwrap_or(error), drop_ins });
        }
        // systemd.exec(5): statuses that it gives itself, before the program runs.
        let step = self.value(unit, "ExecMainStatus").parse().is_ok_and(|status: u32| (200..=243).contains(&status));
        if step && self.value(unit, "Result") == "exit-code" {
            return Some(SystemdFailure::Step { words: last(unit, &["Failed at step"])?, drop_ins });
        }
        if let Some(words) = given_up(unit, said) {
            return Some(SystemdFailure::Step { words, drop_ins });
        }
        let socket = "docker.socket";
        let failed = self.value(socket, "ActiveState") == "failed";
        let own = ["exit-code", "resources"].contains(&self.value(socket, "Result").as_str());
        let words =
            last(socket, &["Failed to resolve", "Failed to create listening socket", "Failed to listen on sockets"]);
        (failed && own).then_some(SystemdFailure::Socket { words: words? })
    }
}

/// systemd's word on the last start, where it began no program or one before dockerd could not be started. What it counts as a failure
/// of dockerd's is not among these.
fn given_up(unit: &str, said: &str) -> Option<String> {
    const BEFORE: [&str; 3] = ["Failed at step", "Failed to load environment files", "Failed to run 'start"];
    const SKIPPED: [&str; 2] = ["because of an unmet condition check", "Starting requested but asserts failed"];
    let begun = ["Started ", "Starting up", "API listen on"];
    let mut since = said.lines().rev().take_while(|line| !begun.iter().any(|word| line.contains(word)));
    let fits = |line: &&str| {
        let own = line.starts_with(unit) && BEFORE.iter().any(|words| line.contains(words));
        own || SKIPPED.iter().any(|words| line.contains(words))
    };
    // The line that names the reason is followed by the one that names the task.
    let mut found: Vec<&str> = since.by_ref().filter(fits).take(2).collect();
    found.sort_by_key(|line| line.contains("Failed to run"));
    Some(found.first()?.chars().take(LONGEST).collect())
}

/// Other users than root ask systemd through the system's bus, which may be waiting itself.
fn bus(rootless: bool) -> Option<Waiting> {
    let direct = rootless || nix::unistd::geteuid().is_root();
    if direct { None } else { listener::waiting(&Place::Path("/run/dbus/system_bus_socket".into())) }
}

/// Standard output when the program came to its end.
fn run(name: &str, arguments: &[&str], deadline: Deadline) -> Result<String, Gap> {
    let program = Program::named(name).map_err(Gap::Unsupported)?;
    let ran = program.run(arguments.iter().map(OsStr::new), OUTPUT_CAP, deadline);
    match ran.end {
        End::Exited(_) => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        _ => Err(Gap::ToolMissing(format!("{name}'s answer"))),
    }
}

fn from_files(host: &Host) -> Fact<Start> {
    for path in LOGS {
        let tail = host.tail(path, TAIL);
        match tail.value() {
            Some(text) => {
                let (lines, at) = (telling_lines(text, false), host.stat(path).value().map(|stat| stat.mtime));
                return Fact::present(Start { lines, log: path.into(), at, ..Start::default() }, path);
            }
            None if tail.is_absent() => {}
            None => return tail.map(|_| Start::default()),
        }
    }
    Fact::absent(LOGS.join(", "))
}

/// The lines of dockerd's that speak of a failure, passwords in addresses taken out; with what it said last in any form where it
/// ended by itself.
fn telling_lines(text: &str, by_itself: bool) -> Vec<String> {
    let speaks = |line: &str| {
        let line = line.to_ascii_lowercase();
        ["level=fatal", "level=error", "failed", "unable", "cannot", "error"].iter().any(|word| line.contains(word))
            || line.starts_with("containerd: ")
    };
    // What an earlier run said before it came up is settled.
    let settled =
        text.rfind("Daemon has completed initialization").and_then(|at| Some(at + text.get(at..)?.find('\n')? + 1));
    let since = settled.and_then(|at| text.get(at..)).unwrap_or(text);
    let tells = |line: &&str| speaks(line) || (by_itself && is_final(line));
    let lines: Vec<&str> = last_attempt(since).into_iter().filter(tells).collect();
    let from = lines.len().saturating_sub(KEPT);
    lines.iter().skip(from).map(|line| without_passwords(line).chars().take(LONGEST).collect()).collect()
}

/// From systemd's last word on a start on, where dockerd has given up since; an earlier start may have had another reason.
fn last_attempt(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = |line: &&str| line.starts_with("Starting docker.service") || line.starts_with("Starting Docker ");
    let begins = lines.iter().enumerate().rev().filter(|(_, line)| starts(line)).map(|(at, _)| at);
    let mut attempts = begins.map(|at| lines.get(at..).unwrap_or_default());
    let ended = attempts.find(|lines| lines.iter().any(|line| is_final(line)));
    ended.map_or_else(|| lines.clone(), <[&str]>::to_vec)
}

/// `http://proxy` of `http://user:word@proxy`.
fn without_passwords(line: &str) -> String {
    let mut parts = line.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("://");
        let end = part.find(['/', ' ', '"', '\'']).unwrap_or(part.len());
        let (place, rest) = part.split_at(end);
        out.push_str(place.rsplit_once('@').map_or(place, |(_, place)| place));
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_could_not_do_is_told_in_its_words() {
        let shown = |service: &str, socket: &str| {
            format!("Id=docker.service\n{service}\nDropInPaths=/etc/x.conf\n\nId=docker.socket\n{socket}\n")
        };
        let failure = |shown: &str, said: &str| Units { shown }.failure("docker.service", said);
        let two = "docker.service: Service has more than one ExecStart= setting. Refusing.";
        let found = failure(&shown("LoadState=bad-setting", "ActiveState=inactive"), two);
        assert_eq!(found, Some(SystemdFailure::Refused { words: two.into(), drop_ins: vec!["/etc/x.conf".into()] }));
        let user = "docker.service: Failed at step USER spawning /usr/sbin/dockerd: No such process";
        let found = failure(&shown("LoadState=loaded\nResult=exit-code\nExecMainStatus=217", ""), user);
        assert!(matches!(found, Some(SystemdFailure::Step { words, .. }) if words == user));
        let before =
            "docker.service: Failed at step EXEC spawning /usr/local/bin/wait-for-disk: No such file or directory";
        let loaded = shown("LoadState=loaded\nResult=exit-code\nExecMainStatus=0", "");
        let said = format!("Starting docker.service - Docker...\n{before}\nFailed to start docker.service - Docker.\n");
        assert!(matches!(failure(&loaded, &said), Some(SystemdFailure::Step { words, .. }) if words == before));
        let files = "docker.service: Failed to load environment files: No such file or directory";
        let said = format!("{files}\ndocker.service: Failed to run 'start' task: No such file or directory\n");
        assert!(matches!(failure(&loaded, &said), Some(SystemdFailure::Step { words, .. }) if words == files));
        assert_eq!(failure(&loaded, &format!("{said}time=\"x\" level=info msg=\"Starting up\"\n")), None);
        let group = "docker.socket: Failed to resolve group docker: No such process";
        let found = failure(
            &shown("LoadState=loaded\nResult=success\nExecMainStatus=217", "ActiveState=failed\nResult=exit-code"),
            group,
        );
        assert_eq!(found, Some(SystemdFailure::Socket { words: group.into() }));
        let limit = shown(
            "LoadState=loaded\nResult=exit-code\nExecMainStatus=1",
            "ActiveState=failed\nResult=service-start-limit-hit",
        );
        assert_eq!(failure(&limit, group), None);
    }

    #[test]
    fn moments_are_those_of_utc() {
        assert_eq!(moment("Mon 2026-11-30 13:28:16 UTC"), Some(1_796_045_296));
        assert_eq!((moment(""), moment("Mon 2026-11-30 13:28:16 CET")), (None, None));
    }

    #[test]
    fn failures_are_kept_and_passwords_are_not() {
        let text = "time=\"x\" level=info msg=\"Starting up\"\n\
                    failed to start daemon: error with proxy \"http://me:secret@proxy:3128/\" and tcp://a@b\n";
        assert_eq!(
            telling_lines(text, false),
            ["failed to start daemon: error with proxy \"http://proxy:3128/\" and tcp://b"]
        );
        let fatal = "Starting docker.service - Docker...\nfailed to start daemon: a reason of before\n\
                     docker.service: Main process exited, code=exited, status=1/FAILURE\n\
                     Starting docker.service - Docker...\ntime=\"x\" level=info msg=\"Starting up\"\n\
                     mkdir /srv/docker: file exists\nFailed to start docker.service - Docker.\n";
        let told = telling_lines(fatal, true);
        assert_eq!(told, ["mkdir /srv/docker: file exists", "Failed to start docker.service - Docker."]);
        assert_eq!(telling_lines(fatal, false), ["Failed to start docker.service - Docker."]);
        let settled = "failed to start daemon: x\ntime=\"y\" level=info msg=\"Daemon has completed initialization\"\n";
        assert!(telling_lines(settled, true).is_empty());
        assert!(telling_lines(&"error\n".repeat(900), false).len() == KEPT);
    }
}
