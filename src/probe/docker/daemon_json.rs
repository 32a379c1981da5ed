//! daemon.json as dockerd reads it. Of values only those are kept that checks use.

use std::collections::BTreeMap;

use gdoctor_checks::model::facts::docker::{Config, Settings};
use serde_json::{Map, Value};

use crate::document::fault;

/// dockerd takes an empty file for an empty object, and skips a byte order mark.
pub fn parse(text: &str, changed: i64) -> Config {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed = match text.trim().is_empty() {
        true => Ok(Map::new()),
        false => serde_json::from_slice::<Map<String, Value>>(text.as_bytes()),
    };
    match parsed {
        Ok(object) => Config::Read {
            runtimes: names(&object, "runtimes"),
            insecure_registries: names(&object, "insecure-registries"),
            keys: object.keys().cloned().collect(),
            settings: Box::new(settings(&object, changed)),
        },
        Err(error) => {
            let (line, column, why) = fault(text, &error);
            Config::Malformed { line, column, why }
        }
    }
}

fn names(object: &Map<String, Value>, key: &str) -> Vec<String> {
    match object.get(key) {
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn inverted_limits(object: &Map<String, Value>) -> Vec<String> {
    let limits = object.get("default-ulimits").and_then(Value::as_object);
    let number = |limit: &Value, key: &str| {
        let is_it = |(name, value): (&String, &Value)| name.eq_ignore_ascii_case(key).then(|| value.as_i64())?;
        limit.as_object()?.iter().find_map(is_it)
    };
    // -1 is no limit.
    let inverted = |limit: &Value| match (number(limit, "soft").unwrap_or(0), number(limit, "hard").unwrap_or(0)) {
        (_, -1) => false,
        (soft, hard) => soft == -1 || soft > hard,
    };
    limits.into_iter().flatten().filter(|(_, limit)| inverted(limit)).map(|(name, _)| name.clone()).collect()
}

fn log_option(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let options = object.get("log-opts")?;
    names.iter().find_map(|name| options.get(name)?.as_str()).map(str::to_owned)
}

pub fn settings(object: &Map<String, Value>, changed: i64) -> Settings {
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    let switch = |key: &str| object.get(key).and_then(Value::as_bool);
    Settings {
        kinds: kinds(object),
        iptables: switch("iptables"),
        ip_forward: switch("ip-forward"),
        bridge: text("bridge"),
        data_root: text("data-root"),
        firewall_backend: text("firewall-backend"),
        dns: names(object, "dns"),
        mtu: object.get("mtu").and_then(Value::as_u64).and_then(|mtu| u32::try_from(mtu).ok()).filter(|mtu| *mtu > 0),
        default_runtime: text("default-runtime"),
        log_driver: text("log-driver"),
        inverted_limits: inverted_limits(object),
        bip: text("bip"),
        fixed_cidr: text("fixed-cidr"),
        log_address: log_option(object, &["fluentd-address", "syslog-address", "gelf-address"]),
        log_async: log_option(object, &["fluentd-async", "fluentd-async-connect"]).is_some_and(|value| value == "true"),
        log_limited: object.get("log-opts").is_some_and(|opts| opts.get("max-size").is_some()),
        storage_driver: text("storage-driver"),
        allow_direct_routing: switch("allow-direct-routing"),
        userland_proxy: switch("userland-proxy"),
        shm_size: object
            .get("default-shm-size")
            .map(|size| size.as_str().map_or_else(|| size.to_string(), str::to_owned)),
        changed,
    }
}

/// Objects that dockerd does not look into for keys: flatOptions of its configuration.
const WHOLE: [&str; 7] =
    ["builder", "cluster-store-opts", "default-network-opts", "default-ulimits", "features", "log-opts", "runtimes"];

fn kinds(object: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut kinds = BTreeMap::new();
    for (key, value) in object {
        match value {
            Value::Object(inner) if !WHOLE.contains(&key.as_str()) => {
                kinds.extend(inner.iter().map(|(key, value)| (key.clone(), kind(value).to_owned())));
            }
            _ => {
                kinds.insert(key.clone(), kind(value).to_owned());
            }
        }
    }
    kinds
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "switch",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemon_json_as_dockerd_reads_it() {
        assert!(
            matches!(parse("\u{feff}{\"runtimes\": {\"nvidia\": {}}}", 0), Config::Read { runtimes, .. } if runtimes == ["nvidia"])
        );
        assert!(matches!(parse(" \n", 0), Config::Read { keys, .. } if keys.is_empty()));
        let Config::Malformed { line, column, why } = parse("{\n  \"a\": 1,\n}", 0) else {
            panic!("a trailing comma passed")
        };
        assert_eq!((line, column), (2, 9));
        assert!(why.contains("trailing comma") && !why.contains("line"), "{why}");
    }
}
