//! daemon.json as dockerd reads it. Of values only those are kept that checks use.

use std::collections::BTreeMap;
use std::fmt;

use gdoctor_checks::model::facts::docker::{Config, Oddity, RefusedValue, Settings};
use gdoctor_checks::model::{daemon_keys, daemon_logging, daemon_values};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::{Deserializer, Map, Value};

use crate::document::fault;

/// What some engine takes is read, and what others refuse in it is told. `command` is what dockerd's command would say in such a file.
pub fn parse(text: &str, changed: i64, command: &Map<String, Value>) -> Config {
    let mut oddities = Vec::new();
    let text = text.strip_prefix('\u{feff}').inspect(|_| oddities.push(Oddity::ByteOrderMark)).unwrap_or(text);
    let Merged { object, doubled } = match object(text, &mut oddities) {
        Ok(pairs) => merged(pairs),
        Err(error) => {
            let (line, column, why) = fault(text, &error);
            return Config::Malformed { line, column, why };
        }
    };
    let is_repeated = |(key, value): &(&String, &Value)| command.get(*key) == Some(*value);
    let repeated = object.iter().filter(is_repeated).map(|(key, _)| key.clone()).collect();
    Config::Read {
        runtimes: names(&object, "runtimes"),
        insecure_registries: names(&object, "insecure-registries"),
        keys: object.keys().cloned().collect(),
        settings: Box::new(Settings { oddities, repeated, doubled, ..settings(&object, changed) }),
    }
}

fn object(text: &str, oddities: &mut Vec<Oddity>) -> serde_json::Result<Pairs> {
    if text.trim().is_empty() {
        oddities.push(Oddity::Empty);
        return Ok(Pairs::default());
    }
    let whole = serde_json::from_str::<Pairs>(text);
    let Some(Ok(first)) = Deserializer::from_str(text).into_iter().next() else { return whole };
    if let Err(error) = whole {
        oddities.push(Oddity::Behind { line: error.line(), column: error.column() });
    }
    Ok(first)
}

/// The keys of an object in their order, each as often as it stands there.
#[derive(Default)]
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs::default())
    }
}

impl<'de> Visitor<'de> for Pairs {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(pair) = map.next_entry()? {
            self.0.push(pair);
        }
        Ok(self)
    }
}

struct Merged {
    object: Map<String, Value>,
    /// Keys of which dockerd leaves a value out.
    doubled: Vec<String>,
}

/// As encoding/json fills dockerd's configuration: of two values the later one counts, and two objects' entries come together.
fn merged(Pairs(pairs): Pairs) -> Merged {
    let (mut object, mut doubled) = (Map::new(), Vec::new());
    for (key, value) in pairs {
        match (object.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
            (Some(known), value) => {
                if *known != value && !doubled.contains(&key) {
                    doubled.push(key);
                }
                *known = value;
            }
            (None, value) => drop(object.insert(key, value)),
        }
    }
    Merged { object, doubled }
}

fn names(object: &Map<String, Value>, key: &str) -> Vec<String> {
    match object.get(key) {
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// Each value, and each entry of a list, by dockerd's rules for its key; then what does not go together.
fn refused(object: &Map<String, Value>) -> Vec<RefusedValue> {
    let told = |key: &str, value: &str, why: String| RefusedValue { key: key.into(), value: value.into(), why };
    let mut all = Vec::new();
    for (key, value) in object {
        let values = match value {
            Value::Array(entries) => entries.iter().filter_map(as_text).collect(),
            value => as_text(value).into_iter().collect::<Vec<_>>(),
        };
        let refused = |value: String| Some(told(key, &value, daemon_values::refused(key, &value)?));
        all.extend(values.into_iter().filter_map(refused));
    }
    let labels = names(object, "labels");
    all.extend(
        daemon_values::conflict(&labels)
            .map(|(name, other)| told("labels", name, format!("another label of this name has the value {other:?}"))),
    );
    all.extend(limits(object).into_iter().filter_map(|(name, limit)| {
        let why = of_wrong_kind(limit)?;
        Some(told("default-ulimits", name, why))
    }));
    let (driver, options) = logging(object);
    let option = daemon_logging::refused(driver, &options);
    let all_of = |names: Vec<String>| names.iter().map(|name| written(&options, name)).collect::<Vec<_>>().join(", ");
    all.extend(option.map(|(names, why)| told("log-opts", &all_of(names), why)));
    // dockerd asks for the driver only where it has options to hand on.
    let no_driver = daemon_logging::no_driver(driver).filter(|_| !options.is_empty());
    all.extend(no_driver.map(|why| told("log-driver", driver, why)));
    let is = |key: &str, wanted: bool| object.get(key).and_then(Value::as_bool) == Some(wanted);
    if is("icc", false) && is("iptables", false) {
        all.push(told("icc", "false", "with iptables false nothing could keep containers apart".into()));
    }
    let filled = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let (Some(bridge), Some(_)) = (filled("bridge"), filled("bip")) {
        all.push(told("bridge", bridge, "bip is for dockerd's own bridge, and both together are refused".into()));
    }
    all
}

/// A text, a number; of a pool its network and the length of its parts.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(pool) => Some(format!("{} {}", pool.get("base")?.as_str()?, pool.get("size")?.as_i64()?)),
        _ => None,
    }
}

/// As a value of log-opts is told.
fn written(options: &daemon_logging::Options, name: &str) -> String {
    options.get(name).map_or_else(|| name.to_owned(), |value| format!("{name}={value}"))
}

/// The log driver, and its options that are texts: those of another kind are told of as such.
fn logging(object: &Map<String, Value>) -> (&str, daemon_logging::Options) {
    let driver = object.get("log-driver").and_then(Value::as_str).filter(|name| !name.is_empty());
    let options = object.get("log-opts").and_then(Value::as_object);
    let texts =
        options.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    (driver.unwrap_or(daemon_logging::JSON_FILE), texts.collect())
}

/// What a container's start fails at.
fn refused_later(object: &Map<String, Value>) -> Vec<RefusedValue> {
    let (driver, options) = logging(object);
    let told =
        |(name, why): (String, String)| RefusedValue { key: "log-opts".into(), value: written(&options, &name), why };
    let unnamed = limits(object).into_iter().find(|(_, limit)| {
        limit.as_object().is_some_and(|limit| !limit.keys().any(|key| key.eq_ignore_ascii_case("name")))
    });
    let unnamed = unnamed.map(|(name, _)| RefusedValue {
        key: "default-ulimits".into(),
        value: name.into(),
        why: format!("it lacks \"Name\": {name:?}"),
    });
    let no_driver = daemon_logging::no_driver(driver).filter(|_| options.is_empty());
    let no_driver = no_driver.map(|why| RefusedValue { key: "log-driver".into(), value: driver.into(), why });
    daemon_logging::stops_containers(driver, &options).map(told).into_iter().chain(unnamed).chain(no_driver).collect()
}

fn limits(object: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let limits = object.get("default-ulimits").and_then(Value::as_object);
    limits.into_iter().flatten().map(|(name, limit)| (name.as_str(), limit)).collect()
}

/// encoding/json reads a limit as `{"Name": "nofile", "Hard": 64000, "Soft": 64000}`, whatever the case of its keys.
fn of_wrong_kind(limit: &Value) -> Option<String> {
    const FORM: &str = "{\"Name\": \"nofile\", \"Hard\": 64000, \"Soft\": 64000}";
    let fits = |key: &str, value: &Value| match key.to_ascii_lowercase().as_str() {
        "hard" | "soft" => value.is_i64() || value.is_null(),
        "name" => value.is_string() || value.is_null(),
        _ => true,
    };
    match limit {
        Value::Null => None,
        Value::Object(limit) => {
            let (key, value) = limit.iter().find(|(key, value)| !fits(key, value))?;
            Some(format!("its {key} is {value}, and a limit is written like {FORM}"))
        }
        _ => Some(format!("a limit is written like {FORM}")),
    }
}

fn inverted_limits(object: &Map<String, Value>) -> Vec<String> {
    let number = |limit: &Value, key: &str| {
        let is_it = |(name, value): (&String, &Value)| name.eq_ignore_ascii_case(key).then(|| value.as_i64())?;
        limit.as_object()?.iter().find_map(is_it)
    };
    // -1 is no limit.
    let inverted = |limit: &Value| match (number(limit, "soft").unwrap_or(0), number(limit, "hard").unwrap_or(0)) {
        (_, -1) => false,
        (soft, hard) => soft == -1 || soft > hard,
    };
    limits(object).into_iter().filter(|(_, limit)| inverted(limit)).map(|(name, _)| name.to_owned()).collect()
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
        members: members(object),
        oddities: Vec::new(),
        refused: refused(object),
        refused_later: refused_later(object),
        storage_opts: names(object, "storage-opts"),
        repeated: Vec::new(),
        doubled: Vec::new(),
        hosts: names(object, "hosts"),
        tlsverify: switch("tlsverify"),
        userns_remap: text("userns-remap").filter(|user| !user.is_empty()),
        live_restore: switch("live-restore"),
        iptables: switch("iptables"),
        ip_forward: switch("ip-forward"),
        bridge: text("bridge"),
        // Its name before 17.05, which engines up to 20.10 take for the same.
        data_root: text("data-root").or_else(|| text("graph")),
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

fn members(object: &Map<String, Value>) -> BTreeMap<String, String> {
    let of = |(name, _): &(&str, &str)| Some((*name).to_owned()).zip(object.get(*name)?.as_object());
    let all = daemon_keys::OBJECTS.iter().filter_map(of);
    let named = |(name, inner): (String, &Map<String, Value>)| {
        inner.iter().map(|(key, value)| (format!("{name}.{key}"), kind(value).to_owned())).collect::<Vec<_>>()
    };
    all.flat_map(named).collect()
}

/// By the words of `Settings::kinds`.
pub fn kind(value: &Value) -> &'static str {
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
        let parse = |text: &str| parse(text, 0, &Map::new());
        let read = |text: &str| match parse(text) {
            Config::Read { keys, settings, .. } => (keys.join(","), settings),
            malformed => panic!("{text}: {malformed:?}"),
        };
        assert_eq!(read("{\"a\": 1}").1.oddities, []);
        let (keys, settings) = read("\u{feff}{\"a\": 1}\n}");
        assert_eq!((keys.as_str(), settings.oddities.len()), ("a", 2));
        assert_eq!(settings.oddities[1], Oddity::Behind { line: 2, column: 1 });
        let (keys, settings) = read(" \n");
        assert_eq!((keys.as_str(), &settings.oddities[..]), ("", &[Oddity::Empty][..]));
        let refused =
            read("{\"bip\": \"10.0.0.0/24\", \"labels\": [\"a=1\", \"a=2\"], \"icc\": false, \"iptables\": false}");
        let keys: Vec<_> = refused.1.refused.iter().map(|refused| refused.key.as_str()).collect();
        assert_eq!(keys, ["bip", "labels", "icc"]);
        let pools = read("{\"default-address-pools\": [{\"base\": \"10.0.0.0/16\", \"size\": 8}]}").1.refused;
        assert_eq!(pools[0].value, "10.0.0.0/16 8");
        let (_, twice) = read(
            "{\"dns\": [\"1.1.1.1\"], \"runtimes\": {\"a\": {}}, \"mtu\": 1, \"runtimes\": {\"b\": {}}, \"dns\": [], \"mtu\": 1}",
        );
        assert_eq!((twice.dns.len(), &twice.doubled[..]), (0, &["dns".to_owned()][..]));
        let members = read("{\"log-opts\": {\"max-file\": 3}}").1.members;
        assert_eq!(members["log-opts.max-file"], "number");
        let Config::Malformed { line, column, why } = parse("{\n  \"a\": 1,\n}") else {
            panic!("a trailing comma passed")
        };
        assert_eq!((line, column), (2, 9));
        assert!(why.contains("trailing comma") && !why.contains("line"), "{why}");
        let Config::Malformed { line, column, why } = parse("{\n  \"a\": 1 // why\n}") else {
            panic!("a comment passed")
        };
        assert_eq!((line, column, why.as_str()), (2, 10, "a comment, and JSON has none"));
        let Config::Malformed { line, column, why } = parse("{\n  “log-driver”: “local”\n}") else {
            panic!("a web page's quotes passed")
        };
        assert_eq!((line, column), (2, 3));
        assert!(why.starts_with("“ is a typographic quote"), "{why}");
    }
}
