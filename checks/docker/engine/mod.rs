//! Does the Docker daemon answer, and if not, why?

mod files;
mod start;

use crate::model::facts::docker::{
    Address, Config, DockerFacts, Lack, NoVariables, Package, PidOfAnother, Reach, Settings,
};
use crate::model::facts::engine::{EngineFacts, Kvm, Start, SystemdFailure};
use crate::model::facts::host::{NOT_RUNNING, Platform};
use crate::model::finding::Verdict;
use crate::model::prelude::*;
use crate::readings::pools;

pub static CHECK: Check = Check {
    id: "docker-engine",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let docker = &facts.docker;
    let address = docker.endpoint.value().map(|endpoint| &endpoint.address);
    let place = address.map(Address::to_string).unwrap_or_default();
    let reach = match docker.reach.known() {
        Ok(reach) => reach.unwrap_or(&Reach::NotThere),
        // systemd holds the socket of a daemon that fails at every start: nothing comes back from it.
        Err(stop) => return held_by_systemd(facts).unwrap_or(Err(stop)),
    };
    let finding = match (reach, address) {
        (Reach::Answers, _) => answers(docker),
        // Whoever may not connect to a folder is not helped by a group.
        (Reach::Denied, _) if is_no_socket(docker) => Finding::fail("no-socket-there", "remove-obstacle"),
        (Reach::Denied, _) => return Err(Stop::blocked_by("docker-access")),
        (Reach::WantsTls, _) => Finding::fail("wants-tls", "ask-by-tls"),
        (Reach::Tls(why), _) => Finding::fail("tls-failed", "show-endpoint").with("why", why),
        _ if docker.other_engine().is_some() => {
            return Err(Stop::blocked_by("docker-endpoint"));
        }
        _ if docker.missing_socket().is_some() => return Err(Stop::blocked_by("docker-endpoint")),
        (_, Some(Address::Unix(path))) if path.ends_with("/.docker/desktop/docker.sock") => desktop_down(facts),
        (_, Some(Address::Unix(_))) => down(facts, reach)?,
        // A port is asked for by a name: what is not there is the name's address.
        (Reach::NotThere, Some(Address::Tcp { host, .. })) => {
            Finding::fail("no-such-host", "show-endpoint").with("host", host)
        }
        (Reach::Unreachable, _) => Finding::fail("no-route", "show-endpoint"),
        _ => Finding::fail("nobody-listens", "show-endpoint"),
    };
    let finding = finding.with("path", config_path(docker));
    let socket = match address {
        Some(Address::Unix(path)) => path.as_str(),
        _ => "/var/run/docker.sock",
    };
    let finding = finding.with("address", &place).with("socket", socket);
    Ok(finding.evidence(docker.reach.source.0.as_str(), docker.reach.words()).into())
}

/// The socket is systemd's, and the daemon behind it does not come up: masked, or its start fails.
fn held_by_systemd(facts: &Facts) -> Option<Result<Findings, Stop>> {
    let (docker, start) = (&facts.docker, facts.engine.start.value()?);
    if start.state == "active" {
        return None;
    }
    if let Some(check) = told_elsewhere(facts) {
        return Some(Err(Stop::blocked_by(check)));
    }
    let masked = docker.unit.value().is_some_and(|unit| unit.masked);
    let lacking = docker.unit.value().and_then(|unit| unit.lacks_variables.as_ref());
    let said = || {
        Some(
            in_its_place(docker, of_named_key(docker, with_a_range(facts, start::finding(start)?)))
                .with("root", docker.root())
                .with("range", facts.engine.id_range()),
        )
    };
    let finding = match &start.systemd {
        _ if masked => Finding::fail("masked", "unmask"),
        _ if lacking.is_some() => no_variables(lacking?),
        Some(failure) => of_systemd(failure).evidence(facts.engine.start.source.0.as_str(), start.state.as_str()),
        // The next connection would start it again; what ended by itself ends so again.
        None => said()
            .or_else(|| unsaid(facts).filter(|_| start.result != "oom-kill"))
            .or_else(|| starting(&facts.engine, start))?,
    };
    let address = docker.endpoint.value().map(|endpoint| endpoint.address.to_string()).unwrap_or_default();
    Some(Ok(finding.with("address", address).with("path", config_path(docker)).into()))
}

fn config_path(docker: &DockerFacts) -> &str {
    match docker.config.source.0.as_str() {
        "" => "/etc/docker/daemon.json",
        path => path,
    }
}

/// Docker Desktop's virtual machine is not there: KVM, or just not started.
fn desktop_down(facts: &Facts) -> Finding {
    let kvm = &facts.engine.kvm;
    match kvm.value() {
        Some(Kvm::Denied) => Finding::fail("desktop-kvm-denied", "join-kvm"),
        Some(Kvm::NotLoaded) => Finding::fail("desktop-kvm-not-loaded", "load-kvm"),
        Some(Kvm::NotOffered) => Finding::fail("desktop-no-virtualization", "switch-on-virtualization"),
        _ => Finding::fail("desktop-down", "start-desktop"),
    }
    .with("user", facts.host.user.value().map_or("$USER", |user| user.name.as_str()))
    .evidence(kvm.source.0.as_str(), kvm.value().map_or("not looked at", |_| "looked at"))
}

fn answers(docker: &DockerFacts) -> Finding {
    let Some(version) = docker.version.value() else {
        return Finding::pass("answers").with("version", "of an unknown version");
    };
    let finding = if version.is_podman() { Finding::pass("podman-answers") } else { Finding::pass("answers") };
    finding.with("version", &version.version)
}

/// Something else has the socket's name, a folder mostly.
fn is_no_socket(docker: &DockerFacts) -> bool {
    docker.socket.value().is_some_and(|socket| !socket.is_socket)
}

/// Nothing listens at a socket file of this host.
fn down(facts: &Facts, reach: &Reach) -> Result<Finding, Stop> {
    let docker = &facts.docker;
    if is_no_socket(docker) {
        return Ok(Finding::fail("no-socket-there", "remove-obstacle"));
    }
    if let Some(finding) = socket_elsewhere(docker) {
        return Ok(finding);
    }
    if let Some(pid) = docker.daemon_process.value() {
        let by_command = docker.command.value().map_or(&[][..], |command| &command.hosts);
        let by_file = docker.settings().map_or(&[][..], |settings| &settings.hosts);
        let hosts = if by_command.is_empty() { by_file } else { by_command };
        let here = |host: &String| docker.endpoint.value().is_some_and(|endpoint| is_place(host, &endpoint.address));
        // What was told to listen at other places is an engine of its own, and a restart of the service would not change that.
        let finding = match hosts.first().filter(|_| !hosts.iter().any(here)) {
            Some(first) => match by_command.is_empty() {
                true => Finding::fail("hosts-elsewhere", "add-socket"),
                false => Finding::fail("told-elsewhere", "ask-there"),
            }
            .with("first", first)
            .with("hosts", hosts.join(", ")),
            None => Finding::fail("listens-elsewhere", "restart"),
        };
        return Ok(finding.with("pid", pid));
    }
    if facts.host.platform.value() == Some(&Platform::Wsl1) {
        return Ok(Finding::fail("wsl-1", "wsl-2"));
    }
    // Unit files of an image start nothing in a container without systemd.
    let inside = facts.host.container.value().is_some() && facts.host.systemd.is_absent();
    if docker.daemon_program.known()?.is_none() && (docker.unit.value().is_none() || inside) {
        // Inside a container neither daemon nor client is expected: the socket is handed in.
        if let Some(container) = facts.host.container.value() {
            let given = *reach == Reach::Refused && docker.socket.value().is_some();
            return Ok(match given {
                true => Finding::fail("old-socket-inside", "restart-container"),
                false => Finding::fail("inside-container", "hand-in-socket"),
            }
            .with("container", container));
        }
        return match docker.client.is_absent() {
            true => Err(Stop::blocked_by("docker-client")),
            false if docker.client.value().is_some_and(|client| client.package == Package::Podman) => {
                let gap = Gap::Unsupported("docker is podman's stand-in here, and podman has no daemon to ask".into());
                Ok(Finding::unknown(gap, docker.client.source.clone()))
            }
            false => Ok(Finding::fail("not-installed", "docker-client/install")),
        };
    }
    if let Some(check) = told_elsewhere(facts) {
        return Err(Stop::blocked_by(check));
    }
    if docker.unit.value().is_some_and(|unit| unit.masked) {
        return Ok(Finding::fail("masked", "unmask"));
    }
    if let Some(lacking) = docker.unit.value().and_then(|unit| unit.lacks_variables.as_ref()) {
        return Ok(no_variables(lacking));
    }
    // The script then says that Docker runs, and starts nothing.
    if let Some(other) = docker.pid_file.value().filter(|other| other.path == PidOfAnother::OF_SCRIPT) {
        return Ok(foreign_pid(docker, other));
    }
    // systemd's own words come first where they are known.
    let said = facts.engine.start.value().is_some_and(|start| start.systemd.is_some());
    if let Some(reason) = docker.unit.value().and_then(|unit| unit.refused.as_ref()).filter(|_| !said) {
        return Ok(Finding::fail("unit-refused", "mend-unit").with("reason", reason).with("files", "its drop-ins"));
    }
    if let Some(command) = docker.unit.value().and_then(|unit| unit.old_command.as_ref()) {
        return Ok(Finding::fail("old-command", "start-own-program").with("program", command));
    }
    if let Some(program) = docker.unit.value().and_then(|unit| unit.program_gone.as_ref()) {
        return Ok(Finding::fail("program-gone", "start-own-program").with("program", program));
    }
    if let Some(start) = facts.engine.start.value()
        && let Some(failure) = &start.systemd
    {
        return Ok(of_systemd(failure).evidence(facts.engine.start.source.0.as_str(), start.state.as_str()));
    }
    if let Some(lack) = docker.unit.value().and_then(|unit| unit.lacks.first()) {
        return Ok(lacks(lack));
    }
    if let Some(finding) = facts.engine.start.value().and_then(start::finding) {
        let finding = finding.with("range", facts.engine.id_range());
        if facts.engine_waits_for_reboot() && start::is_of_kernel(finding.code) {
            return Err(Stop::blocked_by("host-reboot"));
        }
        // Whether another dockerd runs is not believed of a file: its number may be another program's by now.
        let another = docker.pid_file.value().filter(|_| finding.code == "already-runs");
        let finding = match another {
            None if finding.code == "refuses-config" && is_mended(facts, &finding) => {
                Finding { code: "mended-since", verdict: Verdict::Fail("start-again"), ..finding }
            }
            Some(other) => foreign_pid(docker, other),
            None => finding,
        };
        let finding = outside_its_guest(facts, by_its_unit(docker, of_named_key(docker, with_a_range(facts, finding))));
        return Ok(in_its_place(docker, finding).with("root", docker.root()));
    }
    if let Some(finding) = facts.engine.start.value().and_then(|start| starting(&facts.engine, start)) {
        return Ok(finding);
    }
    if facts.engine_waits_for_reboot() {
        return Err(Stop::blocked_by("host-reboot"));
    }
    if let Some(finding) = files::keeping(facts) {
        return Ok(finding);
    }
    if let Some(finding) = unsaid(facts) {
        return Ok(finding);
    }
    let stopped = facts.engine.start.value().is_some_and(Start::is_stopped);
    // Nothing is started in a system that is not.
    if facts.host.runs.value() == Some(&false) {
        return Err(Stop::Unknown(Gap::Unsupported(NOT_RUNNING.into()), facts.host.runs.source.clone()));
    }
    Ok(match *reach {
        Reach::Refused if stopped => Finding::fail("stopped", "start"),
        Reach::Refused => Finding::fail("stale-socket", "start"),
        _ => Finding::fail("not-started", "start"),
    })
}

fn foreign_pid(docker: &DockerFacts, other: &PidOfAnother) -> Finding {
    let finding = Finding::fail("foreign-pid", "remove-pid-file").with("file", &other.path).with("pid", other.pid);
    let source = docker.pid_file.source.0.as_str();
    finding.with("name", &other.name).evidence(source, format!("{}, which is {}", other.pid, other.name))
}

/// dockerd's own words mostly name the key that they are about.
fn of_named_key(docker: &DockerFacts, finding: Finding) -> Finding {
    let said = finding.values.get("reason").map(|reason| reason.to_ascii_lowercase().replace('-', " "));
    let named = |key: &&String| {
        let words = key.replace('-', " ");
        said.as_ref().is_some_and(|said| said.contains(&words) || said.contains(words.trim_end_matches('s')))
    };
    let key = docker.settings().and_then(|settings| settings.kinds.keys().filter(|key| key.len() > 5).find(named));
    match key.filter(|_| finding.code == "start-failed") {
        Some(_) => Finding { code: "setting-refused", verdict: Verdict::Fail("mend-setting"), ..finding },
        None => finding,
    }
}

/// Addresses that dockerd can take.
fn with_a_range(facts: &Facts, finding: Finding) -> Finding {
    if finding.code != "no-address-range" {
        return finding;
    }
    match pools::for_docker0(facts) {
        Some(unused) => finding.with("bip", unused.bridge()).with("pool", unused.pool()),
        None => Finding { verdict: Verdict::Fail("docker-pools/choose-ranges"), ..finding },
    }
}

/// What dockerd may not do the unit forbids it.
fn by_its_unit(docker: &DockerFacts, finding: Finding) -> Finding {
    let Some(unit) = docker.unit.value() else { return finding };
    let named = finding.values.get("named").map_or("", String::as_str);
    let named = named.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(named);
    let by = match finding.code {
        "needs-root" => unit.as_user.as_ref(),
        "read-only" => unit.closes(named),
        _ => None,
    };
    match by {
        Some(line) => Finding { code: "unit-closes", verdict: Verdict::Fail("docker-unit/show-again"), ..finding }
            .with("setting", &line.setting)
            .with("file", &line.file)
            .evidence(line.file.as_str(), line.setting.as_str()),
        None => finding,
    }
}

/// A setting that daemon.json does not have stands in dockerd's command.
fn in_its_place(docker: &DockerFacts, mut finding: Finding) -> Finding {
    let hosts = |settings: &Settings| settings.kinds.contains_key("hosts");
    let by_command = match finding.code {
        "setting-refused" => docker.config.is_absent(),
        "address-missing" | "address-taken" => {
            docker.config.is_absent() || docker.settings().is_some_and(|settings| !hosts(settings))
        }
        _ => false,
    };
    if by_command {
        finding.verdict = Verdict::Fail("mend-command");
    }
    finding
}

/// dockerd's word for a place where it listens means the socket at this address.
fn is_place(host: &str, address: &Address) -> bool {
    let plain = |path: &str| path.strip_prefix("/var/run/").map_or(path.into(), |rest| format!("/run/{rest}"));
    matches!(address, Address::Unix(path) if host.strip_prefix("unix://").is_some_and(|told| plain(told) == plain(path)))
}

/// A guest of LXC loads none of the kernel's modules.
fn outside_its_guest(facts: &Facts, finding: Finding) -> Finding {
    match finding.code {
        "lacks-br-netfilter" if facts.host.is_lxc_guest() => {
            Finding { verdict: Verdict::Fail("load-outside"), ..finding }
        }
        _ => finding,
    }
}

/// What dockerd said of daemon.json at its last start is not so of the file as it is now.
fn is_mended(facts: &Facts, refused: &Finding) -> bool {
    let reason = refused.values.get("reason").map_or("", String::as_str);
    let config = &facts.docker.config;
    let at = facts.engine.start.value().and_then(|start| start.at);
    let keys = match config.value() {
        // dockerd read what stands there now, and read it otherwise.
        Some(Config::Read { settings, .. }) if at.is_none_or(|at| settings.changed < at) => return false,
        Some(Config::Read { keys, .. }) => &keys[..],
        None if config.is_absent() => &[],
        _ => return false,
    };
    // encoding/json's words for a text that is none, which this one is no more.
    let no_json = ["invalid character", "unexpected end of JSON", ": EOF", "unexpected EOF"];
    // `the following directives don't match any configuration option: NAME, NAME`, or are `specified both as a flag and …`
    let named = reason.contains("following directives").then(|| reason.rsplit(": ").next().unwrap_or_default());
    let names = |key: &str| named.is_some_and(|list| list.split([',', ' ']).any(|word| word == key));
    no_json.iter().any(|words| reason.contains(words)) || named.is_some() && !keys.iter().any(|key| names(key))
}

/// systemd says that it failed, and nobody why.
fn unsaid(facts: &Facts) -> Option<Finding> {
    let start = facts.engine.start.value().filter(|start| start.state == "failed")?;
    let (code, fix) = match start.result.as_str() {
        "start-limit-hit" => ("start-limit", "start-again"),
        "timeout" => ("start-timeout", "see-timeout"),
        _ => ("failed-unsaid", "see-log"),
    };
    let finding = Finding::fail(code, fix).with("result", &start.result);
    Some(finding.evidence(facts.engine.start.source.0.as_str(), format!("failed, {}", start.result)))
}

fn starting(engine: &EngineFacts, start: &Start) -> Option<Finding> {
    let awaited = engine.containerd.value().filter(|containerd| !containerd.listens);
    (start.state == "activating").then(|| match awaited {
        Some(containerd) => {
            let finding =
                Finding::fail("awaits-containerd", "start-containerd").with("containerd", &containerd.address);
            finding.evidence(engine.containerd.source.0.as_str(), format!("nobody listens at {}", containerd.address))
        }
        None => Finding::fail("still-starting", "see-log"),
    })
}

/// dockerd was not reached: systemd gave up before.
fn of_systemd(failure: &SystemdFailure) -> Finding {
    let files = |drop_ins: &[String]| match drop_ins {
        [] => "docker.service".into(),
        files => files.join(", "),
    };
    match failure {
        SystemdFailure::Refused { words, drop_ins } => {
            Finding::fail("unit-refused", "mend-unit").with("reason", words).with("files", files(drop_ins))
        }
        SystemdFailure::Step { words, drop_ins } => {
            Finding::fail("unit-step", "mend-unit").with("reason", words).with("files", files(drop_ins))
        }
        SystemdFailure::Socket { words } if words.contains("resolve group") => {
            // `docker.socket: Failed to resolve group docker: No such process`
            let group = words
                .split_once("resolve group ")
                .map_or("docker", |(_, rest)| rest.split(':').next().unwrap_or("docker"));
            Finding::fail("no-socket-group", "make-group").with("reason", words).with("group", group)
        }
        SystemdFailure::Socket { words } => Finding::fail("socket-failed", "see-socket").with("reason", words),
        SystemdFailure::Requires { unit, result } => {
            Finding::fail("requires-failed", "see-required").with("unit", unit).with("result", result)
        }
    }
}

/// systemd listens at another place, and dockerd is told to take its socket from it.
fn socket_elsewhere(docker: &DockerFacts) -> Option<Finding> {
    let unit = docker.unit.value().filter(|unit| unit.hosts_flag && !docker.is_rootless())?;
    let own_hosts = docker.command.value().is_some_and(|command| !command.hosts.is_empty());
    let at = unit.socket_elsewhere.as_ref().filter(|_| !own_hosts)?;
    let finding = Finding::fail("socket-elsewhere", "see-listen").with("elsewhere", &at.address).with("file", &at.file);
    Some(finding.evidence(at.file.as_str(), format!("ListenStream={}", at.address)))
}

/// systemd starts nothing without the variables that it is to read.
fn no_variables(lacking: &NoVariables) -> Finding {
    let place = format!("line {}: EnvironmentFile={}", lacking.line, lacking.path);
    let finding = Finding::fail("no-variables", "let-variables-lack").with("variables", &lacking.path);
    finding.with("file", &lacking.file).with("line", lacking.line).evidence(lacking.file.as_str(), place)
}

/// systemd does not even try: what docker.service requires cannot be started.
fn lacks(lack: &Lack) -> Finding {
    if let Some(group) = &lack.group {
        let reason = format!("{} says SocketGroup={group}, and /etc/group has no {group}", lack.unit);
        return Finding::fail("no-socket-group", "make-group").with("reason", reason).with("group", group);
    }
    let of_engine = ["docker.socket", "containerd.service"].contains(&lack.unit.as_str());
    let (code, fix) = match (lack.masked, of_engine) {
        (true, _) => ("requires-masked", "unmask-required"),
        (false, true) => ("requires-gone", "bring-unit"),
        (false, false) => ("requires-gone", "see-who-requires"),
    };
    Finding::fail(code, fix).with("unit", &lack.unit)
}

/// The check that tells what keeps the daemon from starting, from what files show; without its log.
fn told_elsewhere(facts: &Facts) -> Option<&'static str> {
    let (docker, engine) = (&facts.docker, &facts.engine);
    if docker.config_fault(facts.engine_to_start().as_ref()).is_some() {
        return Some("docker-config");
    }
    let by_option = engine.start.value().is_some_and(Start::refuses_an_option);
    let misread = docker.command.value().and_then(|command| command.misread.as_ref());
    if misread.is_some_and(|misread| misread.ends || by_option) {
        return Some("docker-config");
    }
    if facts.remaps_without_namespaces().is_some() || facts.size_without_quotas().is_some() {
        return Some("docker-config");
    }
    let start = engine.start.value().and_then(start::finding);
    if start.is_none_or(|finding| finding.code == "no-containerd") && facts.containerd_refuses().is_some() {
        return Some("docker-config");
    }
    if docker.is_rootless() && engine.user_namespaces.value().is_some_and(|user| !user.is_enough()) {
        return Some("docker-rootless");
    }
    let half = engine.packages.value().is_some_and(|packages| packages.iter().any(|package| !package.whole));
    half.then_some("docker-packages")
}
