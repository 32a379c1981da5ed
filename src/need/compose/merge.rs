//! Lays one document or service over another by the Compose Specification's rules.

use super::tree::{Node, Value};

/// `over` on `below`: maps key by key, lists one after the other, everything else replaced. `key` is what the two stand under.
pub fn merged(key: &str, below: &Node, over: &Node) -> Node {
    if over.replaces {
        return over.clone();
    }
    let value = match (key, &below.value, &over.value) {
        // What is run is one thing.
        ("command" | "entrypoint", ..) => over.value.clone(),
        ("environment" | "labels" | "extra_hosts" | "sysctls", ..) if !is_null(over) => {
            Value::Map(over_each(&pairs(below), &pairs(over)))
        }
        (_, Value::Map(old), Value::Map(new)) => Value::Map(over_each(old, new)),
        ("volumes" | "devices", Value::List(old), Value::List(new)) => {
            // One thing can be at one place of the container.
            let kept = old.iter().filter(|node| !new.iter().any(|other| target(other) == target(node)));
            Value::List(kept.chain(new).cloned().collect())
        }
        (_, Value::List(old), Value::List(new)) => {
            let same = |one: &Node, other: &Node| one.text().is_some() && one.text() == other.text();
            let kept = old.iter().filter(|node| !new.iter().any(|other| same(node, other)));
            Value::List(kept.chain(new).cloned().collect())
        }
        (_, _, Value::Null) => return below.clone(),
        _ => over.value.clone(),
    };
    Node { value, ..over.clone() }
}

fn is_null(node: &Node) -> bool {
    matches!(node.value, Value::Null)
}

fn over_each(old: &[(String, Node)], new: &[(String, Node)]) -> Vec<(String, Node)> {
    let mut entries = old.to_vec();
    for (key, node) in new {
        match entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = merged(key, known, node),
            None => entries.push((key.clone(), node.clone())),
        }
    }
    entries
}

/// `NAME: value`, whichever of its two forms is used; a name alone has no value.
pub fn pairs(node: &Node) -> Vec<(String, Node)> {
    if let Value::Map(entries) = &node.value {
        return entries.clone();
    }
    let pair = |item: &Node| {
        let text = item.text()?;
        let (name, value) =
            text.split_once('=').map_or((text, Value::Null), |(name, value)| (name, Value::Text(value.into())));
        Some((name.to_owned(), Node { value, ..item.clone() }))
    };
    node.items().into_iter().filter_map(pair).collect()
}

/// Where in the container a volume or device is.
fn target(node: &Node) -> Option<&str> {
    if let Some(target) = node.get("target") {
        return target.text();
    }
    let text = node.text()?;
    let mut parts = text.split(':');
    let first = parts.next()?;
    Some(parts.next().filter(|second| second.starts_with('/')).unwrap_or(first))
}
