//! Puts variables' values into a document and gives the values the types that compose gives them where it takes a number or a
//! switch: `privileged: "yes"` is one.

use super::tree::{Kind, Node, Value};
use super::variables::Variables;

/// Where compose makes a number or a switch of text; `*` is any name, and any item of a list.
const CASTS: [(&str, Kind); 39] = [
    ("services.*.cpu_count", Kind::Integer),
    ("services.*.cpu_percent", Kind::Float),
    ("services.*.cpu_period", Kind::Integer),
    ("services.*.cpu_quota", Kind::Integer),
    ("services.*.cpu_rt_period", Kind::Integer),
    ("services.*.cpu_rt_runtime", Kind::Integer),
    ("services.*.cpus", Kind::Float),
    ("services.*.cpu_shares", Kind::Integer),
    ("services.*.init", Kind::Boolean),
    ("services.*.depends_on.*.required", Kind::Boolean),
    ("services.*.depends_on.*.restart", Kind::Boolean),
    ("services.*.deploy.replicas", Kind::Integer),
    ("services.*.deploy.update_config.parallelism", Kind::Integer),
    ("services.*.deploy.update_config.max_failure_ratio", Kind::Float),
    ("services.*.deploy.rollback_config.parallelism", Kind::Integer),
    ("services.*.deploy.rollback_config.max_failure_ratio", Kind::Float),
    ("services.*.deploy.restart_policy.max_attempts", Kind::Integer),
    ("services.*.deploy.placement.max_replicas_per_node", Kind::Integer),
    ("services.*.healthcheck.retries", Kind::Integer),
    ("services.*.healthcheck.disable", Kind::Boolean),
    ("services.*.oom_kill_disable", Kind::Boolean),
    ("services.*.oom_score_adj", Kind::Integer),
    ("services.*.pids_limit", Kind::Integer),
    ("services.*.ports.*.target", Kind::Integer),
    ("services.*.privileged", Kind::Boolean),
    ("services.*.read_only", Kind::Boolean),
    ("services.*.scale", Kind::Integer),
    ("services.*.stdin_open", Kind::Boolean),
    ("services.*.tty", Kind::Boolean),
    ("services.*.ulimits.*", Kind::Integer),
    ("services.*.ulimits.*.hard", Kind::Integer),
    ("services.*.ulimits.*.soft", Kind::Integer),
    ("services.*.volumes.*.read_only", Kind::Boolean),
    ("services.*.volumes.*.volume.nocopy", Kind::Boolean),
    ("networks.*.internal", Kind::Boolean),
    ("networks.*.attachable", Kind::Boolean),
    ("networks.*.enable_ipv4", Kind::Boolean),
    ("networks.*.enable_ipv6", Kind::Boolean),
    ("*.*.external", Kind::Boolean),
];

/// True where `path` is of the form `pattern`.
pub fn fits(pattern: &str, path: &[String]) -> bool {
    let mut parts = pattern.split('.');
    path.iter().all(|name| parts.next().is_some_and(|part| part == "*" || part == name)) && parts.next().is_none()
}

/// The node, its variables replaced. Err: the node that is wrong, and why.
pub fn interpolated(node: &Node, path: &mut Vec<String>, by: &Variables) -> Result<Node, (Node, String)> {
    let mut unset = Box::default();
    let value = match &node.value {
        Value::Scalar(text, Kind::Text) => {
            let (text, emptied) = by.replace(text).map_err(|why| (node.clone(), why))?;
            unset = emptied.into();
            let cast = CASTS.iter().find(|(pattern, _)| fits(pattern, path)).map(|(_, kind)| *kind);
            let cast = cast.filter(|_| path.first().is_some_and(|first| !first.starts_with("x-")));
            match cast {
                None => Value::Scalar(text, Kind::Text),
                Some(kind) => typed(&text, kind).map_err(|why| (node.clone(), why))?,
            }
        }
        Value::Map(entries) => {
            let mut out = Vec::with_capacity(entries.len());
            for (name, child) in entries {
                path.push(name.clone());
                out.push((name.clone(), interpolated(child, path, by)?));
                path.pop();
            }
            Value::Map(out)
        }
        Value::List(items) => {
            path.push("[]".into());
            let items: Result<Vec<_>, _> = items.iter().map(|item| interpolated(item, path, by)).collect();
            path.pop();
            Value::List(items?)
        }
        other => other.clone(),
    };
    Ok(Node { value, unset, ..node.clone() })
}

fn typed(text: &str, kind: Kind) -> Result<Value, String> {
    let shown = match kind {
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "y" | "yes" | "on" => "true".to_owned(),
            "false" | "n" | "no" | "off" => "false".to_owned(),
            _ => return Err(format!("{text:?} is neither true nor false")),
        },
        Kind::Integer => text.parse::<i64>().map_err(|_| format!("{text:?} is no whole number"))?.to_string(),
        Kind::Float => text.parse::<f64>().map_err(|_| format!("{text:?} is no number"))?.to_string(),
        Kind::Text => text.to_owned(),
    };
    Ok(Value::Scalar(shown, kind))
}
