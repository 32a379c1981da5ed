//! Can dockerd start with its daemon.json?

use crate::model::cidr;
use crate::model::daemon_config::Fault;
use crate::model::daemon_keys::of_option;
use crate::model::facts::docker::{Config, DockerFacts, Reach, RefusedValue, Settings};
use crate::model::facts::engine::Start;
use crate::model::prelude::*;
use crate::model::version::Version;
use crate::readings::containerd_config;

pub static CHECK: Check = Check {
    id: "docker-config",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let path = docker.config.source.0.as_str();
    // A daemon that runs has read an older text, and fails at its next start, which a line may be waiting for.
    let runs = docker.reach.value() == Some(&Reach::Answers);
    let waits = lacks_runtime(docker, need);
    let engine = facts.engine_to_start();
    let untold = docker.config_untold(engine.as_ref());
    let repeated = docker.settings().map_or(&[][..], |settings| &settings.repeated);
    let lacks_ctk = docker.nvidia_ctk.is_absent();
    let is_usual = |flag: &String| ["hosts", "containerd"].contains(&flag.as_str());
    let hosts_alone = docker.unit.value().is_none_or(|unit| unit.flags.iter().all(is_usual));
    let is_alone = |settings: &&Settings| !settings.kinds.contains_key("data-root");
    let root = docker.settings().filter(is_alone).and_then(|settings| settings.data_root.as_deref());
    let finding = match (docker.config.known()?, docker.config_fault(engine.as_ref())) {
        (None, _) => Finding::pass("defaults"),
        (Some(_), Some(fault)) => {
            let with = |code, fix| if runs && !waits { Finding::warn(code, fix) } else { Finding::fail(code, fix) };
            let meant = docker.config_meant(engine.as_ref());
            faulty(&fault, Known { runs, repeated, lacks_ctk, hosts_alone, root, meant }, with, path)
        }
        (Some(Config::Read { .. }), None) if !untold.is_empty() => {
            let version = engine.as_ref().map(ToString::to_string).unwrap_or_default();
            let why = format!("whether Docker {version} knows {} is not known here", untold.join(", "));
            return Err(Stop::Unknown(Gap::Unsupported(why), docker.config.source.clone()));
        }
        (Some(Config::Read { keys, .. }), None) => {
            Finding::pass("readable").evidence(path, format!("keys: {}", keys.join(", ")))
        }
        (Some(Config::Malformed { .. }), None) => return Err(Stop::blocked_by("docker-engine")),
    };
    let program = docker.daemon_program.value().map_or("/usr/bin/dockerd", String::as_str);
    let mut findings: Findings = finding.with("path", path).with("program", program).into();
    let changed = docker.settings().map_or(0, |settings| settings.changed);
    let older = runs && docker.started_before(changed) == Some(true);
    // What dockerd does not start with is told first, and alone.
    let starts = docker.config_fault(engine.as_ref()).is_none();
    findings.extend(refused_later(docker, engine.as_ref()).filter(|_| starts).map(|(key, why)| {
        let bad = if older { Finding::warn } else { Finding::fail };
        let finding = bad("refused-later", "repair").about(key).with("path", path).with("key", key).with("why", why);
        finding.with("program", program).evidence(path, key)
    }));
    let without = docker.config_without_effect();
    findings.extend((starts && !without.is_empty()).then(|| {
        let named: Vec<String> =
            without.iter().map(|name| format!("{name} is {}", of_option(name).unwrap_or_default())).collect();
        let finding = Finding::warn("key-without-effect", "right-names").about(without.join(", "));
        let finding = finding.with("keys", without.join(", ")).with("named", named.join(", ")).with("path", path);
        finding.with("program", program).evidence(path, without.join(", "))
    }));
    let doubled = docker.settings().map_or(&[][..], |settings| &settings.doubled);
    findings.extend((starts && !doubled.is_empty()).then(|| {
        let keys = doubled.join(", ");
        let finding = Finding::warn("key-twice", "one-of-each").about(&*keys).with("path", path);
        finding.evidence(path, &*keys).with("keys", keys)
    }));
    let by_option = facts.engine.start.value().is_some_and(Start::refuses_an_option);
    let misread = docker.command.value().and_then(|command| command.misread.as_ref());
    findings.extend(misread.map(|misread| {
        let finding = match misread.ends {
            true if runs => Finding::warn("variables-end-script", "mend-variables"),
            true => Finding::fail("variables-end-script", "mend-variables"),
            false if !runs && by_option => Finding::fail("variables-misread", "mend-variables"),
            false => Finding::warn("variables-misread", "mend-variables"),
        };
        let finding = finding.about(&misread.file).with("variables", &misread.file).with("line", misread.line);
        finding.with("why", misread.why).evidence(misread.file.as_str(), format!("line {}", misread.line))
    }));
    findings.extend(facts.remaps_without_namespaces().map(|off| {
        let finding = Finding::fail("remap-without-namespaces", "allow-remap").with("file", path).with("off", off);
        finding.about("userns-remap").evidence(off, "0")
    }));
    findings.extend(facts.size_without_quotas().map(|(root, instead)| {
        let bad = if runs { Finding::warn } else { Finding::fail };
        let finding = bad("no-quotas", "leave-size").about("storage-opts").with("file", path).with("path", path);
        let seen = format!("{} {}", root.mount, root.kind);
        let finding = finding.with("root", &root.path).with("instead", instead);
        finding.evidence(facts.engine.data_root.source.0.as_str(), seen)
    }));
    findings.extend(facts.containerd_refuses().map(|why| {
        let bad = if runs { Finding::warn } else { Finding::fail };
        let finding = bad("containerd-refuses", "repair-containerd").with("file", containerd_config::PATH);
        finding.about(containerd_config::PATH).evidence(containerd_config::PATH, &*why).with("why", why)
    }));
    Ok(findings)
}

/// A setting that dockerd takes, and with which no container starts.
fn refused_later(docker: &DockerFacts, engine: Option<&Version>) -> Option<(&'static str, String)> {
    let settings = docker.settings()?;
    let plugins = docker.answered_info().map(|info| &info.plugins.log).filter(|names| !names.is_empty());
    let driver = settings.log_driver.as_ref().filter(|name| !name.is_empty() && *name != "none");
    if let (Some(driver), Some(known)) = (driver, plugins)
        && !known.iter().any(|name| name == driver || name.split(':').next() == Some(driver))
    {
        return Some(("log-driver", format!("is {driver}, and this engine has no log driver of that name")));
    }
    if let Some(name) = settings.inverted_limits.first() {
        return Some(("default-ulimits", format!("has a soft limit for {name} that is above the hard one")));
    }
    if let Some(RefusedValue { key, value, why }) = settings.refused_later.first() {
        let key = ["log-opts", "log-driver"].into_iter().find(|known| known == key).unwrap_or("default-ulimits");
        return Some((key, format!("has {value}: {why}")));
    }
    // From 28.0 on the range has to lie in the bridge's network.
    let checks = engine.is_some_and(|version| *version >= Version::new(&[28, 0]));
    let (bip, range) = (settings.bip.as_ref()?, settings.fixed_cidr.as_ref().filter(|_| checks)?);
    let first = range.split('/').next()?.parse().ok()?;
    (!cidr::contains(bip, first))
        .then(|| ("fixed-cidr", format!("is {range}, which is no part of bip's network, {bip}")))
}

/// The line names the runtime nvidia, which the daemon has not read of any file.
fn lacks_runtime(docker: &DockerFacts, need: &Need) -> bool {
    let named = need.run.as_ref().and_then(|line| line.last("runtime")).is_some_and(|option| option.value == "nvidia");
    named && docker.info.value().is_some_and(|info| !info.runtimes.contains_key("nvidia"))
}

/// What decides about the words and the fix.
struct Known<'a> {
    runs: bool,
    /// Keys that dockerd's command sets to the same value.
    repeated: &'a [String],
    lacks_ctk: bool,
    /// The unit's command says nothing besides that a command without options would lose.
    hosts_alone: bool,
    /// The data root by the key that older engines had for it, and by that one alone.
    root: Option<&'a str>,
    /// What is meant by the keys that dockerd does not know, where that is certain of each.
    meant: Vec<&'static str>,
}

fn faulty(fault: &Fault, known: Known, bad: impl Fn(&'static str, &'static str) -> Finding, path: &str) -> Finding {
    match fault {
        Fault::Malformed { line, column, why } => {
            bad(if known.runs { "broken-since-start" } else { "malformed" }, "repair")
                .with("line", line)
                .with("column", column)
                .with("why", why)
                .evidence(path, format!("line {line} column {column}: {why}"))
        }
        Fault::UnknownKeys(keys) if keys.as_slice() == ["graph"] && known.root.is_some() => {
            let root = known.root.unwrap_or_default();
            bad("old-name", "new-name").with("root", root).evidence(path, format!("graph: {root}"))
        }
        Fault::UnknownKeys(keys) if !known.meant.is_empty() => bad("misnamed-key", "right-names")
            .with("keys", keys.join(", "))
            .with("meant", known.meant.join(", "))
            .evidence(path, keys.join(", ")),
        Fault::UnknownKeys(keys) => {
            bad("unknown-key", "repair").with("keys", keys.join(", ")).evidence(path, keys.join(", "))
        }
        Fault::WrongKind { key, wanted, found } => bad("wrong-kind", "write-as-wanted")
            .with("key", key)
            .with("wanted", words(wanted))
            .with("found", words(found))
            .evidence(path, format!("{key}: {}", words(found))),
        Fault::RefusedValue(refused) => bad("refused-value", "write-as-wanted")
            .with("key", &refused.key)
            .with("value", format!("{:?}", refused.value))
            .with("why", &refused.why)
            .evidence(path, format!("{}: {}", refused.key, refused.value)),
        Fault::NoSuchOption { option, driver } => bad("refused-value", "write-as-wanted")
            .with("key", "storage-opts")
            .with("value", format!("{option:?}"))
            .with(
                "why",
                match *driver {
                    "" => "no storage driver of this Docker has such an option".to_string(),
                    driver => format!("this Docker's storage driver {driver} has no such option"),
                },
            )
            .evidence(path, format!("storage-opts: {option}")),
        Fault::NoAddress(entry) => bad("no-address", "write-as-wanted")
            .with("entry", format!("{entry:?}"))
            .evidence(path, format!("dns: {entry:?}")),
        Fault::NoSuchRuntime(name) => {
            let registers = *name == "nvidia" && !known.lacks_ctk;
            bad("no-such-runtime", if registers { "nvidia-runtime/register" } else { "default-runc" })
                .with("name", name)
                .evidence(path, format!("default-runtime: {name}"))
        }
        Fault::GoneDriver { driver, since } => bad("gone-driver", "docker-storage/use-overlay2")
            .with("driver", driver)
            .with("since", since)
            .evidence(path, format!("storage-driver: {driver}")),
        Fault::Twice(keys) if keys.as_slice() == ["hosts"] => {
            let fix = if known.hosts_alone { "one-hosts" } else { "one-place" };
            let finding = bad("hosts-twice", fix).with("keys", "hosts").evidence(path, "hosts");
            finding.evidence("the unit's command", "-H")
        }
        Fault::Twice(keys) => {
            let same = keys.iter().all(|key| known.repeated.iter().any(|repeated| repeated == key));
            bad("twice", if same { "leave-to-command" } else { "one-place" })
                .with("keys", keys.join(", "))
                .evidence(path, keys.join(", "))
                .evidence("the unit's command", keys.join(", "))
        }
    }
}

fn words(kind: &str) -> &'static str {
    match kind {
        "switch" => "true or false, without quotes",
        "number" => "a number without quotes",
        "text" => "a text in quotes",
        "list" => "a list in [ ]",
        _ => "names and values in { }",
    }
}
