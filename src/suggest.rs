//! The run line that does on this host what is wanted: its GPU path, cameras by their stable names, the least that lets a
//! window open, ports that are free.

use std::collections::{BTreeMap, BTreeSet};

use gdoctor_checks::ALL;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::port::Bind;
use gdoctor_checks::model::finding::Verdict;
use gdoctor_checks::model::need::{Capability, Gpus, Need, Origin, Port};
use gdoctor_checks::readings::way::Way;

use crate::judge;
use crate::need;
use crate::need::compose::write;
use crate::need::run_line::{self, Shell, Wrong};
use crate::policy::{FailOn, Status};
use crate::report::{self, Frame};

/// An image that every registry's mirror has, for who names none: the driver comes from the host.
const IMAGE: &str = "ubuntu:24.04";
/// Where the copy of the cookie lies, as the fix of display-access makes it; below the home folder, and in the container.
const COOKIE: &str = ".docker.xauth";

/// The command in words; the shell has still to get them quoted.
pub fn words(facts: &Facts, need: &Need, home: &str) -> Vec<String> {
    let podman = facts.docker.version.value().is_some_and(|version| version.is_podman());
    let mut words: Vec<String> = vec![if podman { "podman" } else { "docker" }.into(), "run".into(), "--rm".into()];
    if let Some(wish) = &need.gpu {
        words.extend(gpu(facts, need, wish.what));
    }
    let shared = need.display.is_some() && shares_network(facts, need);
    if need.display.is_some() {
        words.extend(display(facts, need, home, shared));
    }
    words.extend(cameras(facts, need));
    if !shared {
        need.ports.iter().for_each(|wish| put(&mut words, "-p", port(facts, &wish.what)));
    }
    let user = need.container_user;
    if (user.uid, user.gid) != (0, 0) {
        put(&mut words, "--user", format!("{}:{}", user.uid, user.gid));
    }
    words.push(need.images.first().map_or(IMAGE.to_owned(), |image| image.what.clone()));
    words
}

/// An option and its value.
fn put(words: &mut Vec<String>, flag: &str, value: impl Into<String>) {
    words.extend([flag.to_owned(), value.into()]);
}

/// The way that is open here; where none is, the one that will be once the host is mended.
fn gpu(facts: &Facts, need: &Need, gpus: Gpus) -> Vec<String> {
    let ids = match gpus {
        Gpus::All => "all".to_owned(),
        Gpus::Count(count) => (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(","),
    };
    let podman = facts.ways().ok().and_then(|ways| ways.usual()).filter(|(_, way)| *way == Way::Podman);
    let names: Vec<&str> = ids.split(',').collect();
    let usual = podman.or_else(|| facts.way_to(&names)).or_else(|| facts.ways().ok()?.usual());
    let (flag, way) = usual.unwrap_or(("--gpus", Way::Hook));
    let mut words = Vec::new();
    match (flag, gpus) {
        ("--gpus", Gpus::All) => put(&mut words, "--gpus", "all"),
        ("--gpus", Gpus::Count(count)) => put(&mut words, "--gpus", count.to_string()),
        ("--runtime=nvidia", _) => {
            words.push("--runtime=nvidia".to_owned());
            put(&mut words, "-e", format!("NVIDIA_VISIBLE_DEVICES={ids}"));
        }
        _ => ids.split(',').for_each(|id| put(&mut words, "--device", format!("nvidia.com/gpu={id}"))),
    }
    let wanted =
        |wanted: Capability| need.capabilities.iter().any(|wish| wish.what == wanted && wish.by != Origin::Guide);
    let basic = |one: &Capability| [Capability::Compute, Capability::Utility].contains(one);
    let named: Vec<&str> =
        Capability::ALL.into_iter().filter(|one| basic(one) || wanted(*one)).map(Capability::word).collect();
    // The two basic ones come without being named.
    if way.obeys_capabilities() && named.len() > 2 {
        put(&mut words, "-e", format!("NVIDIA_DRIVER_CAPABILITIES={}", named.join(",")));
    }
    words
}

/// DISPLAY and the socket; the cookie's copy where nothing less lets this user in.
fn display(facts: &Facts, need: &Need, home: &str, shared: bool) -> Vec<String> {
    let mut words = Vec::new();
    put(&mut words, "-e", "DISPLAY");
    match shared {
        true => words.push("--network=host".into()),
        false => put(&mut words, "-v", "/tmp/.X11-unix:/tmp/.X11-unix"),
    }
    if fixes(facts, need).iter().any(|fix| fix.starts_with("hand-over")) {
        put(&mut words, "-e", format!("XAUTHORITY=/tmp/{COOKIE}"));
        put(&mut words, "-v", format!("{home}/{COOKIE}:/tmp/{COOKIE}:ro"));
    }
    words
}

/// The server is reached through the host's network only.
fn shares_network(facts: &Facts, need: &Need) -> bool {
    fixes(facts, need).iter().any(|fix| ["hand-over-by-network", "share-network"].contains(fix))
}

/// What would let the container's user in to the X server.
fn fixes(facts: &Facts, need: &Need) -> Vec<&'static str> {
    let check = ALL.iter().find(|check| check.id == "display-access");
    let findings = check.map(|check| judge::judge(check, facts, need)).unwrap_or_default();
    let fix = |verdict: &Verdict| match verdict {
        Verdict::Warn(fix) | Verdict::Fail(fix) => Some(*fix),
        _ => None,
    };
    findings.iter().filter_map(|finding| fix(&finding.verdict)).collect()
}

/// Each camera by its stable name, as /dev/video0 and on, and its group by number: names differ between host and image.
fn cameras(facts: &Facts, need: &Need) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    let mut groups = BTreeSet::new();
    for wish in &need.cameras {
        let Ok((path, node)) = facts.camera.camera(&wish.what) else { continue };
        if taken.contains(&path) {
            continue;
        }
        let host = node.links.first().map_or(path, String::as_str);
        put(&mut words, "--device", format!("{host}:/dev/video{}", taken.len()));
        let closed = node.file.value().filter(|file| file.gid != 0 && file.mode & 0o006 != 0o006);
        groups.extend(closed.map(|file| file.gid));
        taken.push(path);
    }
    groups.iter().for_each(|gid| put(&mut words, "--group-add", gid.to_string()));
    words
}

/// The wished port, or the nearest free one in its place.
fn port(facts: &Facts, wish: &Port) -> String {
    let looks = facts.port.looks.value().map(Vec::as_slice).unwrap_or_default();
    let span = looks.iter().find(|look| look.port == *wish).and_then(|look| look.spans.first());
    let held = span.filter(|span| span.holder.value().is_some() || span.bind.value() == Some(&Bind::InUse));
    let next = held.filter(|_| wish.first == wish.last).and_then(|span| span.next_free);
    let moved = Port { first: next.unwrap_or(wish.first), last: next.unwrap_or(wish.last), ..wish.clone() };
    let (host, protocol) = {
        let text = moved.to_string();
        let (host, protocol) = text.rsplit_once('/').unwrap_or((&text, "tcp"));
        (host.to_owned(), if protocol == "tcp" { String::new() } else { format!("/{protocol}") })
    };
    let inside = if wish.first == wish.last { wish.first.to_string() } else { format!("{}-{}", wish.first, wish.last) };
    format!("{host}:{inside}{protocol}")
}

/// What has to be done once on the host before the command does all it should: what lets the container's user in to the X
/// server, each with its reason.
pub fn steps(facts: &Facts, need: &Need) -> Vec<(String, Vec<String>)> {
    let judged = judge::judge_all(facts, need, |check| check.id == "display-access");
    let report = report::write(facts, need, &judged, FailOn::Fail, Frame::default());
    let failed = report.results.into_iter().filter(|outcome| outcome.status == Status::Fail);
    failed.flat_map(|outcome| outcome.fixes).map(|fix| (fix.title, fix.commands)).collect()
}

/// What the command asks of the host that has these facts.
pub fn asked(facts: &Facts, words: &[String], home: &str) -> Result<Need, Wrong> {
    // Where nobody looked for a display, its user has one.
    let display = facts.display.name.value().map_or(":0", |name| &*name.text);
    let set = !facts.display.name.is_absent();
    let passed = |name: &str| (name == "DISPLAY" && set).then(|| display.to_owned());
    let shell = Shell { passed: &passed, cwd: home, home: Some(home), ..Shell::BARE };
    Ok(need::of_line(run_line::parse_one(&run_line::join(words), &shell)?))
}

/// What is printed: what keeps it from working yet, the steps, then the command or the service; a shell or compose can take it as
/// it is.
pub fn text(need: &Need, steps: &[(String, Vec<String>)], failures: &BTreeMap<&str, &str>, compose: bool) -> String {
    let Some(line) = &need.run else { return String::new() };
    let mut out = String::new();
    if !failures.is_empty() {
        out.push_str("# Does not work yet:\n");
        failures.iter().for_each(|(code, summary)| out.push_str(&format!("#   {code}: {summary}\n")));
    }
    for (title, commands) in steps {
        out.push_str(&format!("# First: {title}\n"));
        for command in commands {
            out.push_str(&format!("{}{command}\n", if compose { "#   " } else { "" }));
        }
    }
    match compose {
        true => out.push_str(&write::document("app", line)),
        false => out.push_str(&format!("{}\n", line.text)),
    }
    out
}
