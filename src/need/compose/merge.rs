//! Lays one document or service over another as compose does it, by what stands where.

use super::interpolate::fits;
use super::tree::{Kind, Node, Tag, Value};

/// Replaced as a whole: what is run is one thing.
const REPLACED: [&str; 3] = ["services.*.command", "services.*.entrypoint", "services.*.healthcheck.test"];
/// Names with values, written as a map or as a list.
const PAIRS: [&str; 12] = [
    "networks.*.labels",
    "volumes.*.labels",
    "services.*.annotations",
    "services.*.build.args",
    "services.*.build.additional_contexts",
    "services.*.build.labels",
    "services.*.deploy.labels",
    "services.*.environment",
    "services.*.labels",
    "services.*.volumes.*.volume.labels",
    "services.*.sysctls",
    "services.*.dns_opt",
];
/// The same, where a colon may stand in the place of the equals sign.
const HOSTS: [&str; 2] = ["services.*.build.extra_hosts", "services.*.extra_hosts"];
/// A list, or one item of it.
const LISTS: [&str; 5] =
    ["services.*.dns", "services.*.dns_search", "services.*.env_file", "services.*.label_file", "services.*.tmpfs"];
/// Names, as a list or as a map with more about each.
const NAMED: [&str; 2] = ["services.*.networks", "services.*.models"];
const DEPENDS_ON: &str = "services.*.depends_on";
/// Lists in which compose keeps the last of what is for one thing.
const UNIQUE: [&str; 26] = [
    "networks.*.labels",
    "services.*.annotations",
    "services.*.build.additional_contexts",
    "services.*.build.args",
    "services.*.build.labels",
    "services.*.build.tags",
    "services.*.cap_add",
    "services.*.cap_drop",
    "services.*.configs",
    "services.*.deploy.labels",
    "services.*.devices",
    "services.*.dns",
    "services.*.dns_opt",
    "services.*.dns_search",
    "services.*.env_file",
    "services.*.environment",
    "services.*.expose",
    "services.*.labels",
    "services.*.links",
    "services.*.networks.*.aliases",
    "services.*.ports",
    "services.*.profiles",
    "services.*.secrets",
    "services.*.sysctls",
    "services.*.tmpfs",
    "services.*.volumes",
];

/// Two nodes that cannot be one: the upper one.
pub type Clash = Node;

/// `over` on `below` at `path`.
pub fn merged(path: &mut Vec<String>, below: &Node, over: &Node) -> Result<Node, Clash> {
    let is = |patterns: &[&str]| patterns.iter().any(|pattern| fits(pattern, path));
    if over.tag == Tag::Override || is(&REPLACED) {
        return Ok(over.clone());
    }
    if over.is_null() && !is(&PAIRS) && !is(&HOSTS) {
        return Ok(below.clone());
    }
    let value = if is(&PAIRS) {
        Value::Map(each(path, &pairs(below), &pairs(over))?)
    } else if is(&HOSTS) {
        Value::Map(each(path, &hosts(below), &hosts(over))?)
    } else if is(&LISTS) {
        let items = below.items().into_iter().chain(over.items());
        Value::List(items.cloned().collect())
    } else if is(&NAMED) {
        Value::Map(each(path, &named(below), &named(over))?)
    } else if is(&[DEPENDS_ON]) {
        Value::Map(each(path, &awaited(below), &awaited(over))?)
    } else if is(&["services.*.build"]) {
        Value::Map(each(path, &built(below), &built(over))?)
    } else if is(&["services.*.logging"]) && !one_driver(below, over) || is(&["services.*.ulimits.*"]) {
        over.value.clone()
    } else {
        match (&below.value, &over.value) {
            (Value::Map(old), Value::Map(new)) => Value::Map(each(path, old, new)?),
            (Value::List(old), Value::List(new)) => Value::List(old.iter().chain(new).cloned().collect()),
            (Value::Map(_) | Value::List(_), _) => return Err(over.clone()),
            _ => over.value.clone(),
        }
    };
    Ok(Node { value, ..over.clone() })
}

fn each(path: &mut Vec<String>, old: &[(String, Node)], new: &[(String, Node)]) -> Result<Vec<(String, Node)>, Clash> {
    let mut entries = old.to_vec();
    for (key, node) in new {
        let known = entries.iter().position(|(known, _)| known == key);
        match known {
            Some(at) if node.tag == Tag::Reset => drop(entries.remove(at)),
            Some(at) => {
                path.push(key.clone());
                entries[at].1 = merged(path, &entries[at].1, node)?;
                path.pop();
            }
            None => entries.push((key.clone(), node.clone())),
        }
    }
    Ok(entries)
}

fn one_driver(below: &Node, over: &Node) -> bool {
    match (below.get("driver"), over.get("driver")) {
        (Some(one), Some(other)) => one.text() == other.text(),
        _ => true,
    }
}

fn built(node: &Node) -> Vec<(String, Node)> {
    match &node.value {
        Value::Map(entries) => entries.clone(),
        _ => vec![("context".into(), node.clone())],
    }
}

/// A list of names as a map of them.
pub fn named(node: &Node) -> Vec<(String, Node)> {
    if let Value::Map(entries) = &node.value {
        return entries.clone();
    }
    let name = |item: &Node| Some((item.text()?.to_owned(), Node { value: Value::Null, ..item.clone() }));
    node.items().into_iter().filter_map(name).collect()
}

/// Services that are waited for, each with what compose waits for where only its name is given.
fn awaited(node: &Node) -> Vec<(String, Node)> {
    let mut all = named(node);
    for (_, node) in all.iter_mut().filter(|(_, node)| node.is_null()) {
        let started = Node { value: Value::Scalar("service_started".into(), Kind::Text), ..node.clone() };
        node.value = Value::Map(vec![("condition".into(), started)]);
    }
    all
}

/// `NAME: value`, whichever of its two forms is used; a name alone has no value.
pub fn pairs(node: &Node) -> Vec<(String, Node)> {
    parted(node, &['='])
}

/// `NAME: address` of a map, `NAME:address` or `NAME=address` of a list.
fn hosts(node: &Node) -> Vec<(String, Node)> {
    parted(node, &['=', ':'])
}

fn parted(node: &Node, at: &[char]) -> Vec<(String, Node)> {
    if let Value::Map(entries) = &node.value {
        return entries.clone();
    }
    let pair = |item: &Node| {
        let text = item.text()?;
        let value = |value: &str| Value::Scalar(value.to_owned(), Kind::Text);
        let (name, value) = text.split_once(at).map_or((text, Value::Null), |(name, text)| (name, value(text)));
        Some((name.to_owned(), Node { value, ..item.clone() }))
    };
    node.items().into_iter().filter_map(pair).collect()
}

/// The node with the last of each thing alone, where compose keeps one.
pub fn unique(path: &mut Vec<String>, node: &mut Node) {
    match &mut node.value {
        Value::Map(entries) => {
            for (name, child) in entries {
                path.push(name.clone());
                unique(path, child);
                path.pop();
            }
        }
        Value::List(items) if UNIQUE.iter().any(|pattern| fits(pattern, path)) => {
            let of = path.last().map(String::as_str).unwrap_or_default();
            let mut kept: Vec<(String, Node)> = Vec::new();
            for item in std::mem::take(items) {
                let key = key(of, &item);
                match kept.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, known)) if key != "?" => *known = item,
                    _ => kept.push((key, item)),
                }
            }
            *items = kept.into_iter().map(|(_, item)| item).collect();
        }
        _ => {}
    }
}

/// What an item of a list is for; `?` where that is not told.
fn key(list: &str, item: &Node) -> String {
    let part = |name: &str| item.get(name).and_then(Node::text);
    let key = match (list, item.text()) {
        ("ports", _) => port(item),
        ("volumes" | "devices", Some(text)) => Some(target(text).to_owned()),
        ("volumes" | "devices" | "secrets" | "configs", None) => {
            part("target").or_else(|| part("source")).map(str::to_owned)
        }
        ("env_file", None) => part("path").map(str::to_owned),
        (_, Some(text)) if ["secrets", "configs", "expose", "env_file"].contains(&list) => Some(text.to_owned()),
        (_, Some(text)) => text.split('=').next().map(str::to_owned),
        _ => None,
    };
    key.unwrap_or_else(|| "?".into())
}

/// Where in the container a volume or device is.
fn target(text: &str) -> &str {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    parts.next().filter(|second| second.starts_with('/')).unwrap_or(first)
}

/// `IP:PUBLISHED:TARGET/PROTOCOL`, whichever form it is written in.
fn port(item: &Node) -> Option<String> {
    if item.text().is_none() {
        let part = |name: &str| item.get(name).and_then(Node::text);
        let (ip, protocol) = (part("host_ip").unwrap_or("0.0.0.0"), part("protocol").unwrap_or("tcp"));
        return Some(format!("{ip}:{}:{}/{protocol}", part("published").unwrap_or_default(), part("target")?));
    }
    let text = item.text()?;
    let (rest, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let (rest, target) = rest.rsplit_once(':').unwrap_or(("", rest));
    let (ip, published) = rest.rsplit_once(':').unwrap_or(("0.0.0.0", rest));
    Some(format!("{ip}:{published}:{target}/{protocol}"))
}
