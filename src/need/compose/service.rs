//! Turns a service into the options that compose would give to the engine, in the spelling of `docker create`.

use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::{Argument, Device, RunLine, RunOption, Unset};

use crate::need::Refusal;
use crate::need::dockerfile::build::{Build, Places, is_folder};
use crate::need::run_line::{self, Shell};

use super::merge::pairs;
use super::project::Project;
use super::tree::{Node, Value};

/// Keys of a service that are one option of the same meaning.
pub const PLAIN: [(&str, &str); 35] = [
    ("container_name", "name"),
    ("runtime", "runtime"),
    ("shm_size", "shm-size"),
    ("ipc", "ipc"),
    ("pid", "pid"),
    ("user", "user"),
    ("restart", "restart"),
    ("platform", "platform"),
    ("hostname", "hostname"),
    ("working_dir", "workdir"),
    ("mem_limit", "memory"),
    ("mem_reservation", "memory-reservation"),
    ("memswap_limit", "memory-swap"),
    ("cpus", "cpus"),
    ("cpuset", "cpuset-cpus"),
    ("privileged", "privileged"),
    ("read_only", "read-only"),
    ("tty", "tty"),
    ("stdin_open", "interactive"),
    ("group_add", "group-add"),
    ("device_cgroup_rules", "device-cgroup-rule"),
    ("cap_add", "cap-add"),
    ("cap_drop", "cap-drop"),
    ("tmpfs", "tmpfs"),
    ("security_opt", "security-opt"),
    ("uts", "uts"),
    ("userns_mode", "userns"),
    ("pids_limit", "pids-limit"),
    ("init", "init"),
    ("dns", "dns"),
    ("cgroup_parent", "cgroup-parent"),
    ("cpu_shares", "cpu-shares"),
    ("cpu_quota", "cpu-quota"),
    ("cpu_period", "cpu-period"),
    ("oom_score_adj", "oom-score-adj"),
];

/// Another service's network or namespace: which container that will be is not known yet.
const SHARED: &str = "service:";
/// How compose hands another service's network on to docker.
const CONTAINER: &str = "container:";

/// An option in words, and where it comes from.
struct Said {
    word: String,
    origin: Origin,
    /// A device in the long form, which takes paths that the short one parts at their colons.
    device: Option<Device>,
    /// Variables that nobody sets.
    unset: Vec<String>,
}

struct Words<'a> {
    project: &'a Project<'a>,
    said: Vec<Said>,
}

pub fn run_line(project: &Project, name: &str, service: &Node) -> Result<RunLine, Refusal> {
    let mut words = Words { project, said: Vec::new() };
    for (key, flag) in PLAIN {
        for item in service.get(key).map(Node::items).unwrap_or_default() {
            let value = project.scalar(item)?;
            if !value.starts_with(SHARED) {
                words.say(flag, &value, item, key);
            }
        }
    }
    words.network(name, service)?;
    words.pull(service)?;
    words.gpus(service)?;
    words.devices(service)?;
    words.ports(service)?;
    words.environment(service)?;
    words.volumes(service)?;
    words.ulimits(service)?;
    words.sysctls(service)?;
    let image = match service.get("image") {
        Some(node) => Said {
            word: project.scalar(node)?,
            origin: project.origin(node, "image".into()),
            device: None,
            unset: node.all_unset(),
        },
        // Compose names what it builds after project and service; it is here once it has been built.
        None => Said {
            word: format!("{name}:built-by-compose"),
            origin: project.origin(service, format!("service {name}")),
            device: None,
            unset: Vec::new(),
        },
    };
    let argv: Vec<String> = ["docker", "create"]
        .into_iter()
        .map(str::to_owned)
        .chain(words.said.iter().map(|said| said.word.clone()))
        .chain([image.word.clone()])
        .collect();
    let nothing = |_: &str| None;
    let (folder, home) = (project.host.folder(&project.folder(service)), project.host.env("HOME"));
    let shell = Shell {
        variable: &nothing,
        passed: &|name| project.variables.get(name),
        cwd: folder.as_deref().unwrap_or("/"),
        open_folder: folder.is_none(),
        home: home.as_deref(),
        ..Shell::BARE
    };
    let refused = |wrong: run_line::Wrong| project.wrong(service, format!("service {name}: {}", wrong.what));
    let mut line = run_line::parse_made(&run_line::join(&argv), &shell).map_err(refused)?;
    let own = project.origin(service, format!("service {name}"));
    point(&mut line, &words.said, &image, own);
    // Compose makes the containers of the services that this one leans on first.
    let leans = service.get("network_mode").and_then(Node::text).and_then(|mode| mode.strip_prefix(SHARED));
    line.earlier.containers.extend(leans.map(str::to_owned));
    line.arguments = command(project, service);
    if service.get("build").is_some() {
        line.earlier.images.push(image.word);
    }
    Ok(line)
}

/// How its image is built; `None` where not by a Dockerfile on this host.
pub fn build(project: &Project, service: &Node) -> Option<Build> {
    let build = service.get("build")?;
    let text = |key: &str| build.get(key).and_then(Node::text);
    let context = build.text().or(text("context")).unwrap_or(".");
    let folder = project.folder(build).join(context);
    if !is_folder(context) || build.get("dockerfile_inline").is_some() {
        return None;
    }
    let mut told = Build { context: Some(folder.clone()), ..Build::default() };
    told.file = text("dockerfile").map(|file| folder.join(file));
    told.target = text("target").map(str::to_owned);
    for (name, value) in build.get("args").map(pairs).unwrap_or_default() {
        let pair = value.text().map_or(name.clone(), |value| format!("{name}={value}"));
        told.argument(&pair, &|name| project.variables.get(name));
    }
    let named = build.get("additional_contexts").map(pairs).unwrap_or_default();
    named.iter().for_each(|(name, _)| told.name(name));
    // What an unset variable names is not what was meant.
    told.places = build.all_unset().is_empty().then(|| {
        let at = |key: &str| {
            let node = build.get(key).unwrap_or(build);
            project.origin(node, format!("build: {}", node.text().unwrap_or(key)))
        };
        let folders = named.iter().filter_map(|(name, node)| {
            let folder = node.text().filter(|folder| is_folder(folder))?;
            Some((project.folder(build).join(folder), project.origin(node, format!("additional_contexts: {name}"))))
        });
        let is_sole = service.get("image").is_none();
        Places {
            folder: at("context"),
            file: at("dockerfile"),
            target: at("target"),
            named: folders.collect(),
            is_sole,
        }
    });
    Some(told)
}

/// The networks of a service without a mode, by their names in the file.
fn networks(service: &Node) -> Vec<&str> {
    let Some(networks) = service.get("networks") else { return vec!["default"] };
    let of_list = networks.items().into_iter().filter_map(Node::text);
    of_list.chain(networks.entries().iter().map(|(name, _)| name.as_str())).collect()
}

/// The words of entrypoint and command, each pointing at its key: what the program does, not how docker starts it.
fn command(project: &Project, service: &Node) -> Vec<Argument> {
    let keys = ["entrypoint", "command"].into_iter().filter_map(|key| Some((key, service.get(key)?)));
    let each = |(key, node): (&str, &Node)| -> Vec<Argument> {
        let argument = |item: &Node, text: &str| Argument {
            text: text.to_owned(),
            // Which of them is the program depends on the image's own entrypoint.
            opaque: true,
            file: Some(project.origin(item, format!("{key}: {text}"))),
            ..Argument::default()
        };
        let items = node.items().into_iter().filter_map(|item| Some((item, item.text()?)));
        match node.value {
            Value::List(_) => items.map(|(item, text)| argument(item, text)).collect(),
            _ => items.flat_map(|(item, text)| text.split_whitespace().map(move |word| argument(item, word))).collect(),
        }
    };
    keys.flat_map(each).collect()
}

/// A mount without the words of its mode of which compose takes no notice (populateFieldFromBuffer of compose-go's format/volume.go):
/// those that it does not know, and of the others all but the last of a kind that fits the source.
fn taken_mode(value: &str) -> String {
    let parts: Vec<&str> = value.split(':').collect();
    let [source, target, mode] = parts[..] else { return value.to_owned() };
    let bind = source.starts_with(['/', '.', '~']);
    let kinds: [&[&str]; 3] = match bind {
        true => [&["ro", "rw"], &["z", "Z"], &["private", "rprivate", "shared", "rshared", "slave", "rslave"]],
        false => [&["ro", "rw"], &["nocopy"], &[]],
    };
    let last = |kind: &&[&'static str]| mode.split(',').rfind(|word| kind.contains(word));
    let words: Vec<&str> = kinds.iter().filter_map(last).collect();
    match (mode, words.is_empty()) {
        ("", _) => value.to_owned(),
        (_, true) => format!("{source}:{target}"),
        _ => format!("{source}:{target}:{}", words.join(",")),
    }
}

impl Words<'_> {
    fn say(&mut self, flag: &str, value: &str, node: &Node, what: &str) {
        let shown = match what {
            "environment" | "env_file" => value.split('=').next().unwrap_or_default(),
            _ => value,
        };
        let origin = self.project.origin(node, format!("{what}: {shown}"));
        let word = format!("--{flag}={value}");
        self.said.push(Said { word, origin, device: None, unset: node.all_unset() });
    }

    /// Of networks only Docker's own are told: compose makes all others, and gives each container its service's name there.
    fn network(&mut self, name: &str, service: &Node) -> Result<(), Refusal> {
        let Some(node) = service.get("network_mode") else {
            let first = networks(service).into_iter().find_map(|name| self.project.dockers_network(name));
            if let Some((own, node)) = first {
                self.say("network", own, node, "networks");
                self.say("network-alias", name, node, "networks");
            }
            return Ok(());
        };
        let value = self.project.scalar(node)?;
        let shared = value.strip_prefix(SHARED).map(|service| format!("{CONTAINER}{service}"));
        self.say("network", shared.as_deref().unwrap_or(&value), node, "network_mode");
        Ok(())
    }

    fn pull(&mut self, service: &Node) -> Result<(), Refusal> {
        let Some(node) = service.get("pull_policy") else { return Ok(()) };
        let value = self.project.scalar(node)?;
        if ["always", "never", "missing"].contains(&value.as_str()) {
            self.say("pull", &value, node, "pull_policy");
        }
        Ok(())
    }

    /// `gpus: all`, a list of requests, and the longer way through `deploy`.
    fn gpus(&mut self, service: &Node) -> Result<(), Refusal> {
        if let Some(node) = service.get("gpus") {
            if let Some(value) = node.text() {
                self.say("gpus", value, node, "gpus");
            }
            if let Value::List(_) = node.value {
                for item in node.items() {
                    self.request(item, "gpus")?;
                }
            }
        }
        let mut node = service.get("deploy");
        for key in ["resources", "reservations", "devices"] {
            node = node.and_then(|node| node.get(key));
        }
        for item in node.map(Node::items).unwrap_or_default() {
            if item.get("capabilities").is_none() {
                return Err(self.project.wrong(item, "capabilities are missing, which compose requires: [gpu]".into()));
            }
            self.request(item, "devices")?;
        }
        Ok(())
    }

    fn request(&mut self, item: &Node, what: &str) -> Result<(), Refusal> {
        let list = |key: &str| -> Result<Vec<String>, Refusal> {
            item.get(key)
                .map(Node::items)
                .unwrap_or_default()
                .into_iter()
                .map(|node| self.project.scalar(node))
                .collect()
        };
        let devices = list("device_ids")?;
        let capabilities: Vec<String> = list("capabilities")?.into_iter().filter(|word| word != "gpu").collect();
        let driver = item.get("driver").map(|node| self.project.scalar(node)).transpose()?.unwrap_or_default();
        if driver == "cdi" {
            for device in devices {
                self.say("device", &device, item, what);
            }
            return Ok(());
        }
        let count = item.get("count").map(|node| self.project.scalar(node)).transpose()?;
        if count.is_some() && !devices.is_empty() {
            return Err(self.project.wrong(item, "count and device_ids exclude each other".into()));
        }
        let mut fields = Vec::new();
        match count {
            Some(count) => fields.push(format!("count={count}")),
            None if devices.is_empty() => fields.push("count=all".into()),
            None => fields.push(format!("\"device={}\"", devices.join(","))),
        }
        if !driver.is_empty() {
            fields.push(format!("driver={driver}"));
        }
        if !capabilities.is_empty() {
            fields.push(format!("\"capabilities={}\"", capabilities.join(",")));
        }
        self.say("gpus", &fields.join(","), item, what);
        Ok(())
    }

    fn devices(&mut self, service: &Node) -> Result<(), Refusal> {
        for item in service.get("devices").map(Node::items).unwrap_or_default() {
            let value = match &item.value {
                Value::Map(_) => {
                    let part = |key: &str| item.get(key).map(|node| self.project.scalar(node)).transpose();
                    let source = part("source")?.unwrap_or_default();
                    let target = part("target")?.unwrap_or_else(|| source.clone());
                    let permissions = part("permissions")?.unwrap_or_else(|| "rwm".into());
                    let value = format!("{source}:{target}:{permissions}");
                    self.say("device", &value, item, "devices");
                    if let Some(said) = self.said.last_mut() {
                        let device = Device { host: source, container: target, permissions, ..Device::default() };
                        said.device = Some(device)
                            .filter(|device| [&device.host, &device.container].iter().any(|path| path.contains(':')));
                    }
                    continue;
                }
                _ => self.project.scalar(item)?,
            };
            self.say("device", &value, item, "devices");
        }
        Ok(())
    }

    fn ports(&mut self, service: &Node) -> Result<(), Refusal> {
        for item in service.get("ports").map(Node::items).unwrap_or_default() {
            let value = match &item.value {
                Value::Map(_) => {
                    let part = |key: &str| item.get(key).map(|node| self.project.scalar(node)).transpose();
                    let ip = part("host_ip")?.map_or(String::new(), |ip| {
                        if ip.contains(':') { format!("[{ip}]:") } else { format!("{ip}:") }
                    });
                    let published = part("published")?.map_or(String::new(), |port| format!("{port}:"));
                    let protocol = part("protocol")?.map_or(String::new(), |protocol| format!("/{protocol}"));
                    let gap = if !ip.is_empty() && published.is_empty() { ":" } else { "" };
                    format!("{ip}{published}{gap}{}{protocol}", part("target")?.unwrap_or_default())
                }
                _ => self.project.scalar(item)?,
            };
            self.say("publish", &value, item, "ports");
        }
        Ok(())
    }

    /// The variables of the files that env_file names come first: `environment` beats them.
    fn environment(&mut self, service: &Node) -> Result<(), Refusal> {
        let own = service.get("environment").map(pairs).unwrap_or_default();
        let of_service = |name: &str| {
            let found = own.iter().find(|(known, _)| known == name);
            found.and_then(|(_, node)| node.text()).map(str::to_owned)
        };
        for item in service.get("env_file").map(Node::items).unwrap_or_default() {
            for (name, value) in self.project.env_file(item, &of_service)? {
                self.say("env", &format!("{name}={value}"), item, "env_file");
            }
        }
        let Some(node) = service.get("environment") else { return Ok(()) };
        if let Value::List(items) = &node.value {
            // DecodeMapstructure of compose-go's types/mapping.go.
            let apart = |item: &&Node| {
                item.text()
                    .is_some_and(|text| text.split('=').next().is_some_and(|name| name.ends_with(char::is_whitespace)))
            };
            if let Some((item, name)) =
                items.iter().find(apart).and_then(|item| Some((item, item.text()?.split('=').next()?)))
            {
                let help = format!("write - {}=… without blanks beside the =", name.trim());
                let what = format!("the variable {} has a blank behind its name, which compose refuses", name.trim());
                return Err(Refusal { help, ..self.project.wrong(item, what) });
            }
        }
        for (name, node) in pairs(node) {
            let value = match node.value {
                Value::Null => name.clone(),
                _ => format!("{name}={}", self.project.scalar(&node)?),
            };
            self.say("env", &value, &node, "environment");
        }
        Ok(())
    }

    /// A relative source counts from the folder of the file where it stands.
    fn volumes(&mut self, service: &Node) -> Result<(), Refusal> {
        for item in service.get("volumes").map(Node::items).unwrap_or_default() {
            if item.entries().is_empty() {
                let value = self.project.scalar(item)?;
                let value = self.placed(&taken_mode(&value), item);
                self.say("volume", &value, item, "volumes");
                continue;
            }
            self.long_volume(item)?;
        }
        Ok(())
    }

    /// The long form. What `-v` cannot say goes by --mount, as compose itself does it (bindRequiresMountAPI of docker/compose).
    fn long_volume(&mut self, item: &Node) -> Result<(), Refusal> {
        let of = |path: &[&str]| item.at(path).map(|node| self.project.scalar(node)).transpose();
        let (kind, source) = (of(&["type"])?.unwrap_or_default(), of(&["source"])?.unwrap_or_default());
        let target = of(&["target"])?.unwrap_or_default();
        let is_true = |path: &[&str]| item.at(path).is_some_and(Node::is_true);
        let read_only = is_true(&["read_only"]);
        let is_path = source.starts_with(['/', '.', '~']);
        let source = if kind != "bind" || is_path || source.is_empty() { source } else { format!("./{source}") };
        let mut more: Vec<(&str, String)> = Vec::new();
        let mut also = |key, path: &[&str]| -> Result<(), Refusal> {
            more.extend(of(path)?.filter(|text| !text.is_empty()).map(|text| (key, text)));
            Ok(())
        };
        match kind.as_str() {
            "bind" => {
                also("bind-propagation", &["bind", "propagation"])?;
                also("bind-recursive", &["bind", "recursive"])?;
            }
            "volume" => also("volume-subpath", &["volume", "subpath"])?,
            "image" => also("image-subpath", &["image", "subpath"])?,
            "tmpfs" => also("tmpfs-size", &["tmpfs", "size"])?,
            _ => {}
        }
        let makes_none = item.at(&["bind", "create_host_path"]).is_some_and(|node| node.text() == Some("false"));
        let by_mount = !more.is_empty() || makes_none && kind == "bind" || kind == "image";
        if by_mount && !(kind == "bind" && source.is_empty()) {
            let source = if kind == "bind" { self.placed(&source, item) } else { source };
            let keys = [("type", kind), ("source", source), ("target", target)];
            let mut fields: Vec<String> = keys
                .iter()
                .map(|(key, text)| (*key, text.clone()))
                .chain(more)
                .filter(|(_, text)| !text.is_empty())
                .map(field)
                .collect();
            fields.extend(read_only.then(|| "readonly".to_owned()));
            self.say("mount", &fields.join(","), item, "volumes");
            return Ok(());
        }
        let nocopy = is_true(&["volume", "nocopy"]).then(|| "nocopy".to_owned()).filter(|_| kind == "volume");
        let modes = [read_only.then(|| "ro".to_owned()), of(&["bind", "selinux"])?, nocopy];
        let modes: Vec<String> = modes.into_iter().flatten().filter(|mode| !mode.is_empty()).collect();
        let mode = if modes.is_empty() { String::new() } else { format!(":{}", modes.join(",")) };
        match kind.as_str() {
            "tmpfs" => self.say("tmpfs", &target, item, "volumes"),
            "bind" | "volume" if source.is_empty() => self.say("volume", &target, item, "volumes"),
            "bind" => {
                let value = self.placed(&format!("{source}:{target}{mode}"), item);
                self.say("volume", &value, item, "volumes");
            }
            "volume" => self.say("volume", &format!("{source}:{target}{mode}"), item, "volumes"),
            _ => {}
        }
        Ok(())
    }

    fn placed(&self, value: &str, node: &Node) -> String {
        if value.starts_with('.') {
            return match self.project.host.folder(&self.project.folder(node)) {
                Some(folder) => format!("{}/{value}", folder.trim_end_matches('/')),
                None => value.to_owned(),
            };
        }
        match (value.strip_prefix('~'), self.project.host.env("HOME")) {
            (Some(rest), Some(home)) if rest.starts_with('/') => format!("{home}{rest}"),
            _ => value.to_owned(),
        }
    }

    fn sysctls(&mut self, service: &Node) -> Result<(), Refusal> {
        for (name, node) in service.get("sysctls").map(pairs).unwrap_or_default() {
            let value = self.project.scalar(&node)?;
            self.say("sysctl", &format!("{name}={value}"), &node, "sysctls");
        }
        Ok(())
    }

    fn ulimits(&mut self, service: &Node) -> Result<(), Refusal> {
        for (name, node) in service.get("ulimits").map(Node::entries).unwrap_or_default() {
            let part = |key: &str| node.get(key).map(|node| self.project.scalar(node)).transpose();
            let value = match (part("soft")?, part("hard")?) {
                (Some(soft), Some(hard)) => format!("{soft}:{hard}"),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => self.project.scalar(node)?,
            };
            self.say("ulimit", &format!("{name}={value}"), node, "ulimits");
        }
        Ok(())
    }
}

/// A field of --mount, which is a line of CSV.
fn field((key, text): (&str, String)) -> String {
    match text.contains([',', '"']) {
        true => format!("\"{key}={}\"", text.replace('"', "\"\"")),
        false => format!("{key}={text}"),
    }
}

/// Every argument points at the file instead of the made-up line.
fn point(line: &mut RunLine, said: &[Said], image: &Said, own: Origin) {
    let places: Vec<(usize, Origin)> =
        line.options.iter().zip(said).map(|(option, said)| (option.at.span.start, said.origin.clone())).collect();
    let set = |at: &mut Argument| {
        at.file = places.iter().find(|(start, _)| *start == at.span.start).map(|(_, origin)| origin.clone());
    };
    for (option, said) in line.options.iter_mut().zip(said) {
        if let Some(device) = &said.device {
            option.refused = None;
            line.devices.push(Device { at: option.at.clone(), ..device.clone() });
        }
    }
    line.options.iter_mut().for_each(|option| set(&mut option.at));
    line.gpus.iter_mut().for_each(|request| set(&mut request.at));
    let places_of_unset: Vec<(usize, &String)> = line
        .options
        .iter()
        .zip(said)
        .filter_map(|(option, said)| Some((option.at.span.start, said.unset.first()?)))
        .collect();
    for variable in &mut line.variables {
        // The file's variable stands in the place of the shell's.
        let unset = places_of_unset.iter().find(|(start, _)| *start == variable.at.span.start).map(|(_, name)| *name);
        if let (Some(""), Some(name)) = (variable.value.as_deref(), unset) {
            variable.from = Some(name.clone());
        }
        set(&mut variable.at);
    }
    line.devices.iter_mut().for_each(|device| set(&mut device.at));
    line.mounts.iter_mut().for_each(|mount| set(&mut mount.at));
    line.files.iter_mut().for_each(|file| set(&mut file.at));
    line.ports.iter_mut().for_each(|port| set(&mut port.at));
    if let Some(found) = &mut line.image {
        found.at.file = Some(image.origin.clone());
    }
    // An image that is refused stands among the options, too.
    line.options
        .iter_mut()
        .filter(|option| option.name == "image")
        .for_each(|option| option.at.file = Some(image.origin.clone()));
    line.unset = unset(line, said, image);
    line.command.file = Some(own.clone());
    line.by = Some(own);
    line.made_up = true;
}

/// Variables that nobody sets, and whether docker takes what is left. Of a variable's value it is told where nothing is left of it.
fn unset(line: &RunLine, said: &[Said], image: &Said) -> Vec<Unset> {
    let mut found: Vec<Unset> = Vec::new();
    let places = line.options.iter().zip(said.iter().chain([image]));
    let blank = |option: &RunOption| {
        line.variables.iter().any(|one| one.at.span == option.at.span && one.value.as_deref() == Some(""))
    };
    for (option, said) in places.filter(|(option, _)| option.refused.is_some() || option.name != "env" || blank(option))
    {
        for name in &said.unset {
            let breaks = option.refused.is_some();
            match found.iter_mut().find(|known| known.name == *name && known.breaks == breaks) {
                Some(known) => known.at.push(option.at.clone()),
                None => {
                    found.push(Unset { name: name.clone(), at: vec![option.at.clone()], breaks, takes_next: false });
                }
            }
        }
    }
    found
}
