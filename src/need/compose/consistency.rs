//! What compose refuses though its schema takes it: names that lead nowhere, keys that exclude each other, circles.

use std::collections::BTreeMap;

use super::merge::named;
use super::tree::{Node, Value};

/// The node that is wrong, what, and what to do.
pub type Fault = (Node, String, String);

/// `services` are those that run; `asleep` those whose profile nobody asked for.
pub struct Whole<'a> {
    pub document: &'a Node,
    pub services: &'a [(String, Node)],
    pub asleep: &'a [(String, Node)],
}

impl Whole<'_> {
    pub fn fault(&self) -> Option<Fault> {
        let each = |(name, service): &(String, Node)| self.service(name, service);
        self.services.iter().find_map(each).or_else(|| self.files()).or_else(|| self.circle())
    }

    fn service(&self, name: &str, service: &Node) -> Option<Fault> {
        self.made(name, service)
            .or_else(|| self.networks(name, service))
            .or_else(|| self.dependencies(name, service))
            .or_else(|| self.resources(name, service))
            .or_else(|| health(service))
            .or_else(|| requests(service))
            .or_else(|| scale(service))
            .or_else(|| limits(service))
            .or_else(|| places(service))
    }

    fn made(&self, name: &str, service: &Node) -> Option<Fault> {
        let full = |key: &str| service.get(key).is_some_and(|node| !node.is_null() && node.text() != Some(""));
        if full("image") || full("build") || full("provider") {
            let both =
                service.at(&["build", "dockerfile_inline"]).filter(|_| service.at(&["build", "dockerfile"]).is_some());
            return both
                .map(|node| fault(node, "dockerfile and dockerfile_inline exclude each other", "keep one of them"));
        }
        let help = "add image: NAME, or build: . where it is built from a Dockerfile; \
                    what is there only to be extended needs a profile nobody asks for";
        Some((service.clone(), format!("the service {name} has neither an image nor a build"), help.into()))
    }

    fn networks(&self, name: &str, service: &Node) -> Option<Fault> {
        let own = service.get("networks");
        if let (Some(mode), Some(_)) = (service.get("network_mode"), own.filter(|own| !named(own).is_empty())) {
            return Some(fault(mode, "network_mode and networks exclude each other", "keep one of them"));
        }
        for (network, node) in own.map(named).unwrap_or_default() {
            if network != "default" && self.document.at(&["networks", &network]).is_none() {
                let what = format!("the service {name} is in the network {network}, which the file does not have");
                return Some((node, what, self.nearest("networks", &network)));
            }
        }
        None
    }

    fn dependencies(&self, name: &str, service: &Node) -> Option<Fault> {
        for (other, node, required) in needs(service) {
            let known = |list: &[(String, Node)]| list.iter().any(|(known, _)| *known == other);
            if known(self.services) || (known(self.asleep) && !required) {
                continue;
            }
            if known(self.asleep) {
                let what = format!("the service {name} needs {other}, whose profile is not asked for");
                let help = "ask for the profile with --profile, or write required: false at the dependency";
                return Some((node, what, help.into()));
            }
            let near = nearest(self.services.iter().map(|(known, _)| known.as_str()), &other);
            let help = near.map_or("add such a service".to_owned(), |near| format!("did you mean {near}?"));
            return Some((node, format!("the service {name} needs {other}, which is no service of the file"), help));
        }
        None
    }

    /// Volumes, secrets, configs, models.
    fn resources(&self, name: &str, service: &Node) -> Option<Fault> {
        for item in service.get("volumes").map(Node::items).unwrap_or_default() {
            let volume = match item.text() {
                Some(text) => named_volume(text),
                None => item
                    .get("source")
                    .and_then(Node::text)
                    .filter(|_| item.get("type").and_then(Node::text) == Some("volume")),
            };
            if let Some(volume) = volume.filter(|volume| !volume.is_empty())
                && self.document.at(&["volumes", volume]).is_none()
            {
                let what = format!("the service {name} mounts the volume {volume}, which the file does not have");
                let mut help = self.nearest("volumes", volume);
                if item.text().is_some() {
                    help.push_str(&format!("; a folder beside the file is ./{volume}"));
                }
                return Some((item.clone(), what, help));
            }
        }
        for (key, under) in [("secrets", service.get("secrets")), ("configs", service.get("configs"))]
            .into_iter()
            .chain([("secrets", service.at(&["build", "secrets"]))])
        {
            for item in under.map(Node::items).unwrap_or_default() {
                let source = item.text().or_else(|| item.get("source")?.text());
                if let Some(source) = source.filter(|source| self.document.at(&[key, source]).is_none()) {
                    let what = format!("the service {name} uses {source} of {key}, which the file does not have");
                    return Some((item.clone(), what, self.nearest(key, source)));
                }
            }
        }
        let models = service.get("models").map(named).unwrap_or_default();
        let (model, node) = models.into_iter().find(|(model, _)| self.document.at(&["models", model]).is_none())?;
        let what = format!("the service {name} uses the model {model}, which the file does not have");
        Some((node, what, self.nearest("models", &model)))
    }

    /// Top-level secrets and configs say where they come from.
    fn files(&self) -> Option<Fault> {
        for (key, ways) in [("secrets", &["file", "environment"][..]), ("configs", &["file", "environment", "content"])]
        {
            for (name, node) in self.document.get(key).map(Node::entries).unwrap_or_default() {
                let ways_said = ways.iter().filter(|way| node.get(way).is_some()).count();
                let elsewhere = node.get("external").is_some() || node.get("driver").is_some();
                if ways_said > 1 || (ways_said == 0 && !elsewhere) {
                    let what = format!("{name} of {key} takes one of {}", ways.join(", "));
                    return Some((node.clone(), what, "write where it comes from".into()));
                }
            }
        }
        for (name, node) in self.document.get("volumes").map(Node::entries).unwrap_or_default() {
            if node.get("external").is_some_and(Node::is_true)
                && let Some((key, child)) = node
                    .entries()
                    .iter()
                    .find(|(key, _)| !["name", "external"].contains(&key.as_str()) && !key.starts_with("x-"))
            {
                let what = format!("the volume {name} is external, and {key} is for those that compose makes");
                return Some((child.clone(), what, "keep one of the two".into()));
            }
        }
        None
    }

    fn circle(&self) -> Option<Fault> {
        let edges: BTreeMap<&str, Vec<(String, Node)>> = self
            .services
            .iter()
            .map(|(name, service)| {
                (name.as_str(), needs(service).into_iter().map(|(other, node, _)| (other, node)).collect())
            })
            .collect();
        // 0: not seen, 1: on the way, 2: done.
        let mut state: BTreeMap<&str, u8> = BTreeMap::new();
        for start in edges.keys().copied() {
            let mut way: Vec<(&str, usize)> = vec![(start, 0)];
            while let Some((name, next)) = way.last_mut() {
                let (name, at) = (*name, *next);
                *next += 1;
                state.entry(name).or_insert(1);
                if state[name] == 2 {
                    way.pop();
                    continue;
                }
                let Some((other, node)) = edges[name].get(at) else {
                    state.insert(name, 2);
                    way.pop();
                    continue;
                };
                let Some((other, _)) = edges.get_key_value(other.as_str()) else { continue };
                match state.get(other) {
                    Some(1) => {
                        let from = way.iter().position(|(known, _)| known == other).unwrap_or(0);
                        let names: Vec<&str> = way[from..].iter().map(|(name, _)| *name).chain([*other]).collect();
                        let what = format!("these services wait for each other: {}", names.join(" -> "));
                        return Some((node.clone(), what, "take one of the dependencies out".into()));
                    }
                    Some(_) => {}
                    None => way.push((other, 0)),
                }
            }
        }
        None
    }

    /// What to do about a name that is not there.
    fn nearest(&self, key: &str, name: &str) -> String {
        let known = self.document.get(key).map(Node::entries).unwrap_or_default();
        let near = nearest(known.iter().map(|(known, _)| known.as_str()), name);
        near.map_or_else(
            || format!("add {name}: under {key}: at the file's first level"),
            |near| format!("did you mean {near}?"),
        )
    }
}

fn fault(node: &Node, what: &str, help: &str) -> Fault {
    (node.clone(), what.into(), help.into())
}

fn nearest<'a>(known: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let near = known.min_by_key(|known| strsim::damerau_levenshtein(known, name))?;
    (strsim::damerau_levenshtein(near, name) <= 1 + name.len() / 4).then_some(near)
}

/// The named volume of a short mount; nothing for paths and anonymous ones. `d:/x` is a path of Windows.
pub fn named_volume(text: &str) -> Option<&str> {
    let (source, _) = text.split_once(':')?;
    let is_path = source.starts_with(['.', '/', '~']) || source.starts_with("\\\\") || source.chars().count() < 2;
    (text.len() > 2 && !is_path).then_some(source)
}

/// The services that a service needs, where that is said, and whether it cannot do without.
pub fn needs(service: &Node) -> Vec<(String, Node, bool)> {
    let mut found: Vec<(String, Node, bool)> = Vec::new();
    for (name, node) in service.get("depends_on").map(named).unwrap_or_default() {
        let required = node.get("required").is_none_or(Node::is_true);
        found.push((name, node, required));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let shared = service.get(key).and_then(|node| Some((node.text()?.strip_prefix("service:")?, node)));
        found.extend(shared.map(|(name, node)| (name.to_owned(), node.clone(), true)));
    }
    for key in ["links", "volumes_from"] {
        for item in service.get(key).map(Node::items).unwrap_or_default() {
            let text = item.text().filter(|text| !text.starts_with("container:"));
            let name = text.and_then(|text| text.split(':').next());
            found.extend(name.map(|name| (name.to_owned(), item.clone(), true)));
        }
    }
    let mut seen: Vec<String> = Vec::new();
    found.retain(|(name, ..)| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    found
}

fn health(service: &Node) -> Option<Fault> {
    let test = service.at(&["healthcheck", "test"])?;
    let Value::List(items) = &test.value else { return None };
    let first = items.first()?;
    let known = first.text().is_some_and(|text| ["CMD", "CMD-SHELL", "NONE"].contains(&text));
    let what = "a healthcheck's test as a list begins with CMD, CMD-SHELL or NONE";
    (!known).then(|| fault(first, what, "write CMD before the program, or the whole as one text"))
}

/// Requests for devices: a number of them, or which.
fn requests(service: &Node) -> Option<Fault> {
    let of = |path: &[&str]| service.at(path).map(Node::items).unwrap_or_default();
    let mut all = of(&["gpus"]).into_iter().chain(of(&["deploy", "resources", "reservations", "devices"]));
    all.find_map(|request| {
        let both = request.get("count").is_some() && request.get("device_ids").is_some();
        if both {
            return Some(fault(request, "count and device_ids exclude each other", "keep one of them"));
        }
        let count = request.get("count")?;
        let text = count.text()?;
        let good = text == "all" || text.parse::<i64>().is_ok();
        (!good).then(|| fault(count, "count is a number, or all", "write count: 1, or count: all"))
    })
}

/// How many containers compose starts of a service that says so.
pub fn copies(service: &Node) -> Option<u32> {
    let node = service.get("scale").or_else(|| service.at(&["deploy", "replicas"]))?;
    node.text()?.parse().ok()
}

fn scale(service: &Node) -> Option<Fault> {
    let number = |path: &[&str]| service.at(path)?.text()?.parse::<i64>().ok();
    let (scale, replicas) = (number(&["scale"]), number(&["deploy", "replicas"]));
    let node = service.get("scale").or_else(|| service.at(&["deploy", "replicas"]))?;
    if scale.zip(replicas).is_some_and(|(one, other)| one != other) {
        return Some(fault(node, "scale and deploy.replicas differ", "keep one of them"));
    }
    let count = scale.or(replicas)?;
    if count < 0 {
        return Some(fault(node, "a service cannot run less than 0 times", "write a number from 0"));
    }
    let name = service.get("container_name").filter(|_| count > 1)?;
    Some(fault(name, "several containers cannot have one container_name", "take container_name out, or run one"))
}

/// The two places of one limit say the same.
fn limits(service: &Node) -> Option<Fault> {
    let pairs: [(&str, &[&str], &str); 4] = [
        ("cpus", &["deploy", "resources", "limits"], "cpus"),
        ("mem_limit", &["deploy", "resources", "limits"], "memory"),
        ("mem_reservation", &["deploy", "resources", "reservations"], "memory"),
        ("pids_limit", &["deploy", "resources", "limits"], "pids"),
    ];
    pairs.iter().find_map(|(key, path, other)| {
        let own = service.get(key).filter(|own| !own.is_null() && own.text() != Some("0"))?;
        let there = service.at(path)?;
        let said = there.get(other).and_then(Node::text).unwrap_or("0");
        let amount = |text: &str| amount(text);
        let equal = amount(own.text()?) == amount(said);
        let what = format!("{key} and {}.{other} differ", path.join("."));
        (!equal).then(|| (own.clone(), what, "keep one of them".into()))
    })
}

/// A size or a number, so that two spellings of one can be compared.
fn amount(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text[digits.len()..].trim().trim_end_matches("ib").trim_end_matches('b');
    let factor = match unit {
        "" => 1,
        "k" => 1u64 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    // In thousandths, since CPUs have fractions.
    digits.parse::<f64>().ok().map(|number| (number * 1000.0 * factor as f64) as u64)
}

/// Two things cannot be at one place of the container.
fn places(service: &Node) -> Option<Fault> {
    let mut taken: Vec<String> = Vec::new();
    let tmpfs = service.get("tmpfs").map(Node::items).unwrap_or_default();
    let volumes = service.get("volumes").map(Node::items).unwrap_or_default();
    for (item, short) in tmpfs.into_iter().map(|item| (item, false)).chain(volumes.into_iter().map(|item| (item, true)))
    {
        let target = match item.text() {
            Some(text) if short => target(text),
            Some(text) => text.split(':').next().unwrap_or_default(),
            None => item.get("target").and_then(Node::text).unwrap_or_default(),
        };
        let target = if target.len() > 1 { target.trim_end_matches('/') } else { target };
        if target.is_empty() {
            continue;
        }
        if taken.iter().any(|known| known == target) {
            let what = format!("two things are mounted at {target}");
            return Some((item.clone(), what, "give one of them another place".into()));
        }
        taken.push(target.to_owned());
    }
    None
}

/// The place in the container of a short mount.
fn target(text: &str) -> &str {
    let mut rest = text;
    // A single letter is a drive of Windows.
    let skip = |text: &str| {
        text.as_bytes().get(1) == Some(&b':') && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
    };
    let end = |text: &str| {
        let from = if skip(text) { 2 } else { 0 };
        text[from..].find(':').map(|at| at + from)
    };
    if let Some(at) = end(rest) {
        rest = &rest[at + 1..];
        return end(rest).map_or(rest, |at| &rest[..at]);
    }
    rest
}
