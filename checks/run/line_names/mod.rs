//! Is what the line names on this host: devices, files, a runtime, a log driver, a network?

use crate::model::daemon_logging::{ALWAYS, BUILT_IN, OPTIONS};
use crate::model::fact::Source;
use crate::model::facts::run::{Accounts, Lies};
use crate::model::prelude::*;
use crate::model::run::{Device, NamedFile, RunLine, RunOption};
use crate::model::version::Version;
use crate::readings::sight::ENGINE_FILES;
use crate::readings::sysctl;

pub static CHECK: Check = Check {
    id: "run-line-names",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

const TELLS_CDI_DEVICES: [u32; 2] = [1, 50];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref() else { return Err(Stop::NotNeeded("podman")) };
    if line.podman {
        return of_podman(facts, line);
    }
    let named = line.files.iter().filter(|named| !line.earlier.has_path(&named.path));
    let mut looks: Vec<Result<Option<Finding>, Stop>> = named.map(|named| file(facts, named)).collect();
    if !facts.docker.is_elsewhere() {
        let all = line.switch("privileged").is_some() && !facts.docker.is_rootless();
        let devices = || line.devices.iter();
        looks.extend(devices().filter(|device| !is_told_elsewhere(device)).map(|named| device(facts, named, all)));
        looks.extend(devices().filter(|named| !all && is_others_cdi(named)).map(|named| cdi_device(facts, named)));
    }
    if facts.docker.is_elsewhere() && line.devices.iter().any(|device| !is_told_elsewhere(device)) {
        looks.push(Err(Stop::Unknown(Gap::Unsupported(ENGINE_FILES.into()), facts.docker.endpoint.source.clone())));
    }
    if !facts.docker.is_elsewhere() {
        looks.extend(line.all("sysctl").map(|option| setting(facts, line, option)));
    }
    looks.push(Ok(working_directory(facts, line)));
    looks.extend([runtime(facts, line), log_driver(facts, line), network(facts, line)]);
    looks.push(Ok(parent_of_network(facts, line)));
    looks.push(cgroup_parent(facts, line));
    looks.extend(line.all("log-opt").map(|option| log_option(facts, line, option)));
    looks.extend(line.all("storage-opt").map(|option| storage_option(facts, option)));
    looks.extend(line.all("security-opt").map(|option| profile(facts, option)));
    looks.extend(accounts(facts, line));
    let mut findings: Findings = looks.into_iter().filter_map(finding).collect();
    if findings.is_empty() {
        findings.push(Finding::pass("there").evidence("the line", format!("{} options", line.options.len())));
    }
    Ok(findings)
}

/// What podman looks for as docker does; how it reads the files is its own matter.
fn of_podman(facts: &Facts, line: &RunLine) -> Result<Findings, Stop> {
    let named = line.files.iter().filter(|named| !line.earlier.has_path(&named.path));
    let mut looks: Vec<Result<Option<Finding>, Stop>> = named.map(|named| file(facts, named)).collect();
    let devices = line.devices.iter().filter(|device| !is_told_elsewhere(device));
    looks.extend(devices.map(|named| device(facts, named, false)));
    looks.extend(line.all("sysctl").map(|option| setting(facts, line, option)));
    if looks.is_empty() {
        return Err(Stop::NotNeeded("podman"));
    }
    let findings = looks.into_iter().filter_map(finding);
    let mut findings: Findings = findings.filter(|finding| finding.code != "bad-contents").collect();
    if findings.is_empty() {
        findings.push(Finding::pass("there").evidence("the line", format!("{} options", line.options.len())));
    }
    Ok(findings)
}

fn finding(look: Result<Option<Finding>, Stop>) -> Option<Finding> {
    look.unwrap_or_else(|stop| Some(stop.into()))
}

/// The checks of GPUs and cameras tell of these.
fn is_told_elsewhere(device: &Device) -> bool {
    device.cdi || ["/dev/nvidia", "/dev/video"].iter().any(|known| device.host.starts_with(known))
}

fn is_others_cdi(device: &Device) -> bool {
    device.cdi && !device.host.starts_with("nvidia.com/")
}

/// From API 1.50 on the engine tells the names that it found in specs; before, only that it reads none is known.
fn cdi_device(facts: &Facts, device: &Device) -> Result<Option<Finding>, Stop> {
    let (Some(version), Some(info)) = (facts.docker.version.known()?, facts.docker.info.known()?) else {
        return Ok(None);
    };
    let found = &info.discovered_devices;
    let engine = Version::leading(&version.version).unwrap_or_else(|| Version::new(&[0]));
    let finding = if !facts.cdi_is_on(&engine, info) {
        Finding::fail("cdi-off", "switch-cdi-on")
    } else if found.iter().any(|known| known.id == device.host) {
        return Ok(None);
    } else if Version::parse(&version.api_version).is_some_and(|api| api >= Version::new(&TELLS_CDI_DEVICES)) {
        Finding::fail("no-cdi-device", "list-cdi-devices")
    } else {
        let gap = Gap::Unsupported("this engine does not tell which CDI devices it knows".into());
        return Ok(Some(Finding::unknown(gap, facts.docker.info.source.clone()).about(&device.host)));
    };
    let known = found.iter().map(|known| known.id.as_str()).collect::<Vec<_>>().join(", ");
    let finding = finding.about(&device.host).evidence("GET /info: DiscoveredDevices", known);
    Ok(Some(finding.with("version", &version.version).asked_by(&device.at.origin())))
}

/// `all`: the container is privileged and gets every device there is. dockerd then looks for none that keeps its name
/// (WithDevices of moby's daemon/oci_linux.go), and the program is the first to miss one.
fn device(facts: &Facts, device: &Device, all: bool) -> Result<Option<Finding>, Stop> {
    let Some(fact) = facts.run.sources.get(&device.host) else { return Ok(None) };
    let unlooked = all && device.host == device.container;
    let finding = match fact.known()? {
        None if unlooked => Finding::warn("no-device-unlooked", "look"),
        Some(_) if unlooked => return Ok(None),
        None => Finding::fail("no-device", "look"),
        Some(Lies::File | Lies::Socket | Lies::Folder | Lies::EmptyFolder) => Finding::fail("not-a-device", "look"),
        Some(Lies::PipeFolder) => Finding::fail("pipe-among-devices", "name-devices"),
        Some(_) => return Ok(None),
    };
    let finding = finding.evidence(fact.source.0.as_str(), fact.words());
    Ok(Some(at_path(finding, &device.host).asked_by(&device.at.origin())))
}

fn file(facts: &Facts, file: &NamedFile) -> Result<Option<Finding>, Stop> {
    let Some(fact) = facts.run.sources.get(&file.path) else { return Ok(None) };
    let finding = match (fact.known()?, file.new) {
        (None, false) => Finding::fail("no-file", "look"),
        (Some(_), true) => Finding::fail("file-in-the-way", "see-old-file"),
        (Some(Lies::Folder | Lies::EmptyFolder), false) => Finding::fail("not-a-file", "look"),
        (None, true) if facts.run.sources.get(parent(&file.path)).is_some_and(|folder| folder.is_absent()) => {
            Finding::fail("no-folder", "look")
        }
        (Some(_), false) => {
            let Some(contents) = facts.run.contents.get(&file.path) else { return Ok(None) };
            let Some(why) = contents.known()? else { return Ok(None) };
            let finding = Finding::fail("bad-contents", "correct-file").with("why", why).evidence(&*file.path, &**why);
            return Ok(Some(at_path(finding, &file.path).asked_by(&file.at.origin())));
        }
        _ => return Ok(None),
    };
    let finding = finding.evidence(fact.source.0.as_str(), fact.words());
    Ok(Some(at_path(finding, &file.path).asked_by(&file.at.origin())))
}

fn setting(facts: &Facts, line: &RunLine, option: &RunOption) -> Result<Option<Finding>, Stop> {
    if let Some(card) = option.card().filter(|card| !option.at.opaque && !has_card(line, card)) {
        let finding = Finding::fail("no-card", "name-card").about(card).with("option", &option.at.text);
        return Ok(Some(finding.evidence("the line", &option.at.text).asked_by(&option.at.origin())));
    }
    if let Some(finding) = of_the_host(facts, line, option)? {
        return Ok(Some(finding));
    }
    let Some((path, fact)) = option.setting().and_then(|path| facts.run.sources.get_key_value(&path)) else {
        return Ok(None);
    };
    if fact.known()?.is_some() {
        return Ok(None);
    }
    let finding = Finding::fail("no-setting", "look").evidence(fact.source.0.as_str(), fact.words());
    Ok(Some(at_path(finding, path).asked_by(&option.at.origin())))
}

/// A setting that a network namespace of its own does not have: runc finds no file, or none that it may write.
fn of_the_host(facts: &Facts, line: &RunLine, option: &RunOption) -> Result<Option<Finding>, Stop> {
    let shares = |option: &RunOption| option.value == "host" || option.value.starts_with("container:");
    if option.at.opaque || option.refused.is_some() || line.all("network").any(shares) {
        return Ok(None);
    }
    let key = option.value.split('=').next().unwrap_or_default();
    let kernel = &facts.host.kernel;
    let finding = match sysctl::is_of_the_host(key, kernel.value().map(String::as_str)) {
        Some(false) => return Ok(None),
        Some(true) => Finding::fail("setting-of-host", "run-line-syntax/set-on-host").edit(option.at.without()),
        None => {
            let gap = match kernel.gap() {
                Some(gap) => gap.clone(),
                None => Gap::Unsupported("whether this kernel gives containers this setting is not known".into()),
            };
            Finding::unknown(gap, kernel.source.clone())
        }
    };
    let finding = finding.about(&option.at.text).with("value", &option.value).saw(kernel);
    Ok(Some(finding.asked_by(&option.at.origin())))
}

/// The container has eth0, eth1 …, one for each of its networks, and lo.
fn has_card(line: &RunLine, card: &str) -> bool {
    let networks: Vec<&RunOption> = line.all("network").collect();
    // The host's cards, another container's and those of a network that renames them are not known here.
    let others = |option: &&RunOption| {
        let value = option.value.as_str();
        option.at.opaque || value == "host" || value.starts_with("container:") || value.contains("ifname=")
    };
    let count = if networks.iter().any(|option| option.value == "none") { 0 } else { networks.len().max(1) };
    let number = card.strip_prefix("eth").and_then(|number| number.parse::<usize>().ok());
    card == "lo" || networks.iter().any(others) || number.is_some_and(|number| number < count)
}

fn working_directory(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let option = line.last("workdir")?;
    let is_file = facts.run.targets.get(&option.value) == Some(&Lies::File);
    let finding = Finding::fail("work-in-file", "look").evidence("the image", "a file");
    is_file.then(|| at_path(finding, &option.value).asked_by(&option.at.origin()))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent })
}

fn at_path(finding: Finding, path: &str) -> Finding {
    finding.about(path).with("parent", parent(path))
}

/// A path, or a containerd shim's name with its dots, needs no registration; those for NVIDIA have a check of their own.
fn runtime(facts: &Facts, line: &RunLine) -> Result<Option<Finding>, Stop> {
    let Some(option) = line.last("runtime").filter(|option| !option.at.opaque && !option.value.is_empty()) else {
        return Ok(None);
    };
    let name = option.value.as_str();
    // A shim's name and a path are taken from 23.0 on.
    let engine = facts.docker.version.value().and_then(|version| Version::leading(&version.version));
    let dotted = name.contains(['.', '/']) && engine.is_none_or(|version| version >= Version::new(&[23, 0]));
    if dotted || line.nvidia_runtime().is_some() {
        return Ok(None);
    }
    let info = &facts.docker.info;
    let Some(info) = info.known()?.filter(|info| !info.runtimes.contains_key(name)) else { return Ok(None) };
    let known = info.runtimes.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let finding = Finding::fail("no-runtime", "list-runtimes").about(name).evidence("GET /info: Runtimes", known);
    Ok(Some(finding.asked_by(&option.at.origin())))
}

fn log_driver(facts: &Facts, line: &RunLine) -> Result<Option<Finding>, Stop> {
    let Some(option) = line.last("log-driver").filter(|option| !option.at.opaque) else { return Ok(None) };
    let name = option.value.as_str();
    if ["", "none"].contains(&name) {
        return Ok(None);
    }
    let Some(info) = facts.docker.info.known()? else { return Ok(None) };
    let known = &info.plugins.log;
    // A plugin goes by its reference, its tag left out or not.
    let is_known = known.iter().any(|driver| driver == name || driver.strip_suffix(":latest") == Some(name));
    if known.is_empty() || is_known {
        return Ok(None);
    }
    let finding = Finding::fail("no-log-driver", "list-log-drivers").about(name);
    Ok(Some(finding.evidence("GET /info: Plugins.Log", known.join(", ")).asked_by(&option.at.origin())))
}

/// systemd makes slices alone; the other driver makes any folder.
fn cgroup_parent(facts: &Facts, line: &RunLine) -> Result<Option<Finding>, Stop> {
    let option = line.last("cgroup-parent").filter(|option| !option.at.opaque && !option.value.is_empty());
    let Some(option) = option else { return Ok(None) };
    let Some(info) = facts.docker.info.known()? else { return Ok(None) };
    let finding = match info.cgroup_driver.as_str() {
        "cgroupfs" | "none" => return Ok(None),
        "systemd" if option.value.ends_with(".slice") => return Ok(None),
        "systemd" => {
            let slice = format!("{}.slice", option.value.trim_matches('/').replace('/', "-"));
            let finding = Finding::fail("no-slice", "name-slice").with("slice", &slice);
            finding.edit(option.at.with_value(slice))
        }
        _ => {
            let gap = Gap::Unsupported("which driver makes its control groups is not told".into());
            Finding::unknown(gap, facts.docker.info.source.clone())
        }
    };
    let finding = finding.about(&option.at.text).evidence("GET /info: CgroupDriver", &*info.cgroup_driver);
    Ok(Some(finding.asked_by(&option.at.origin())))
}

/// An option that the log driver does not take, the line's own or the engine's.
fn log_option(facts: &Facts, line: &RunLine, option: &RunOption) -> Result<Option<Finding>, Stop> {
    let named = line.last("log-driver").filter(|option| !option.value.is_empty());
    if option.at.opaque || option.refused.is_some() || named.is_some_and(|option| option.at.opaque) {
        return Ok(None);
    }
    let driver = match named {
        Some(option) => option.value.as_str(),
        None => facts.docker.info.known()?.map_or("", |info| info.logging_driver.as_str()),
    };
    let mut rows = OPTIONS.iter().filter(|(name, ..)| *name == driver).peekable();
    let key = option.value.split('=').next().unwrap_or_default();
    if rows.peek().is_none() || BUILT_IN.contains(&key) {
        return Ok(None);
    }
    let (mut taken, mut is_later) = (Vec::new(), false);
    let engine = facts.docker.version.value().and_then(|version| Version::leading(&version.version));
    for (_, keys, since) in rows {
        match &engine {
            Some(engine) if *engine < Version::new(since) => {}
            None if *since != ALWAYS => is_later |= keys.contains(&key),
            _ => taken.extend_from_slice(keys),
        }
    }
    if taken.contains(&key) {
        return Ok(None);
    }
    if is_later {
        facts.docker.version.known()?;
        return Ok(None);
    }
    let finding = Finding::fail("log-option", "drop-option").about(&option.at.text).with("driver", driver);
    let finding = finding.with("taken", taken.join(", ")).edit(option.at.without());
    Ok(Some(finding.evidence("the line", &*option.at.text).asked_by(&option.at.origin())))
}

/// A size for the container's own files needs quotas of the file system, which overlay2 has on xfs alone.
fn storage_option(facts: &Facts, option: &RunOption) -> Result<Option<Finding>, Stop> {
    if option.at.opaque || option.refused.is_some() || !option.value.starts_with("size=") {
        return Ok(None);
    }
    let Some(info) = facts.docker.info.known()?.filter(|info| info.driver == "overlay2") else { return Ok(None) };
    let backing = info.driver_status.iter().find(|(key, _)| key == "Backing Filesystem").map(|(_, value)| value);
    let Some(backing) = backing.filter(|backing| *backing != "xfs") else { return Ok(None) };
    let finding = Finding::fail("no-quota", "drop-option").about(&option.at.text).with("backing", backing);
    let finding = finding.edit(option.at.without()).evidence("GET /info: Backing Filesystem", backing.as_str());
    Ok(Some(finding.asked_by(&option.at.origin())))
}

fn network(facts: &Facts, line: &RunLine) -> Result<Option<Finding>, Stop> {
    let Some((name, option)) = line.network() else { return Ok(None) };
    let networks = facts.run.networks.known()?.map_or(&[][..], Vec::as_slice);
    let may_be_id = name.len() >= 4 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let made = line.earlier.networks.iter().any(|made| made == name);
    if may_be_id || made || networks.iter().any(|known| known == name) {
        return Ok(None);
    }
    let finding = Finding::fail("no-network", "make-network").about(name);
    Ok(Some(finding.evidence(facts.run.networks.source.0.as_str(), networks.join(", ")).asked_by(&option.at.origin())))
}

/// The interface below a network of macvlan or ipvlan: gone, or another's.
fn parent_of_network(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let (name, option) = line.network()?;
    if facts.docker.is_elsewhere() || facts.docker.is_rootless() {
        return None;
    }
    let fact = &facts.run.parent;
    let parent = fact.value()?;
    let finding = match &parent.port_of {
        _ if parent.driver == "bridge" && !parent.is_there => Finding::fail("bridge-gone", "bridge-again"),
        _ if parent.driver == "bridge" => return None,
        _ if !parent.is_there => Finding::fail("parent-gone", "see-interfaces"),
        Some(master) => Finding::fail("parent-taken", "see-interfaces").with("master", master),
        None if parent.wireless && parent.driver == "macvlan" => Finding::warn("parent-wireless", "see-interfaces"),
        None => return None,
    };
    let finding = finding.about(name).with("driver", &parent.driver).with("parent", &parent.name);
    Some(finding.evidence(fact.source.0.as_str(), &*parent.name).asked_by(&option.at.origin()))
}

/// A profile of AppArmor or SELinux counts only where the engine uses it; those that come with it are there.
fn profile(facts: &Facts, option: &RunOption) -> Result<Option<Finding>, Stop> {
    let Some((kind, name)) = option.value.split_once(['=', ':']).filter(|_| option.refused.is_none()) else {
        return Ok(None);
    };
    let (system, own): (&str, &[&str]) = match kind {
        "apparmor" => ("apparmor", &["unconfined", "docker-default", ""]),
        "label" => ("selinux", &["disable"]),
        _ => return Ok(None),
    };
    let Some(info) = facts.docker.info.known()? else { return Ok(None) };
    if !info.has_security_option(system) || own.contains(&name) {
        return Ok(None);
    }
    let gap = Gap::Unsupported("whether the kernel takes this profile is not looked at".into());
    let finding = Finding::unknown(gap, Source::new("GET /info: SecurityOptions")).about(&option.at.text);
    Ok(Some(finding.asked_by(&option.at.origin())))
}

/// Users and groups that the image does not have. Nothing is known of an image that has to be pulled.
fn accounts(facts: &Facts, line: &RunLine) -> Vec<Result<Option<Finding>, Stop>> {
    let (users, groups) = line.accounts();
    let options = || line.last("user").into_iter().chain(line.all("group-add"));
    let of = |name: &str| options().find(|option| option.value.split(':').any(|part| part == name));
    if facts.run.image.value().is_none() || users.is_empty() && groups.is_empty() {
        return Vec::new();
    }
    let fact = &facts.run.accounts;
    let found = match fact.known() {
        Ok(found) => found,
        // Hardly any image lacks root.
        Err(_) if users.iter().chain(&groups).all(|name| *name == "root") => return Vec::new(),
        Err(stop) => return [Err(stop)].into(),
    };
    let known = |names: fn(&Accounts) -> &Vec<String>| found.map(names).map_or(&[][..], Vec::as_slice);
    let missing = |kind: &'static str, name: &str| {
        let option = of(name)?;
        let finding = Finding::fail("no-account", "list-accounts").about(name).with("kind", kind);
        let image = line.image.as_ref().map_or("", |image| image.reference.as_str());
        let finding = finding.with("image", image).with("option", &option.at.text);
        Some(finding.evidence(fact.source.0.as_str(), "not among its names").asked_by(&option.at.origin()))
    };
    let users = users.iter().filter(|name| !known(|found| &found.users).iter().any(|user| user == *name));
    let groups = groups.iter().filter(|name| !known(|found| &found.groups).iter().any(|group| group == *name));
    let users = users.map(|name| Ok(missing("user", name)));
    users.chain(groups.map(|name| Ok(missing("group", name)))).collect()
}
