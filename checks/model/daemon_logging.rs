//! What of `log-driver` and `log-opts` dockerd refuses at its start, and what of it at every container's: daemon/logger of moby, its
//! ValidateLogOpts and each driver's own; an option that some release takes is taken.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::daemon_names::nearest;

/// Options by driver: the names, and the engine that takes them first. What is in no row is a plugin's driver, or none.
pub const OPTIONS: [(&str, &[&str], [u32; 2]); 17] = [
    (
        "awslogs",
        &[
            "awslogs-create-group",
            "awslogs-create-stream",
            "awslogs-credentials-endpoint",
            "awslogs-datetime-format",
            "awslogs-endpoint",
            "awslogs-force-flush-interval-seconds",
            "awslogs-format",
            "awslogs-group",
            "awslogs-max-buffered-events",
            "awslogs-multiline-pattern",
            "awslogs-region",
            "awslogs-stream",
        ],
        ALWAYS,
    ),
    ("awslogs", &["tag"], ALWAYS),
    (
        "fluentd",
        &[
            "fluentd-address",
            "fluentd-async",
            "fluentd-async-connect",
            "fluentd-async-reconnect-interval",
            "fluentd-buffer-limit",
            "fluentd-max-retries",
            "fluentd-read-timeout",
            "fluentd-request-ack",
            "fluentd-retry-wait",
            "fluentd-sub-second-precision",
            "fluentd-write-timeout",
        ],
        ALWAYS,
    ),
    ("fluentd", &OF_CONTAINER, ALWAYS),
    ("gcplogs", &["gcp-log-cmd", "gcp-meta-id", "gcp-meta-name", "gcp-meta-zone", "gcp-project"], ALWAYS),
    ("gcplogs", &["env", "env-regex", "labels", "labels-regex"], ALWAYS),
    (
        "gelf",
        &[
            "gelf-address",
            "gelf-compression-level",
            "gelf-compression-type",
            "gelf-tcp-max-reconnect",
            "gelf-tcp-reconnect-delay",
        ],
        ALWAYS,
    ),
    ("gelf", &OF_CONTAINER, ALWAYS),
    ("journald", &OF_CONTAINER, ALWAYS),
    ("json-file", &["compress", "max-file", "max-size"], ALWAYS),
    ("json-file", &OF_CONTAINER, ALWAYS),
    ("local", &["compress", "max-file", "max-size"], ALWAYS),
    ("local", &OF_CONTAINER, [29, 5]),
    (
        "splunk",
        &[
            "splunk-caname",
            "splunk-capath",
            "splunk-format",
            "splunk-gzip",
            "splunk-gzip-level",
            "splunk-index",
            "splunk-index-acknowledgment",
            "splunk-insecureskipverify",
            "splunk-source",
            "splunk-sourcetype",
            "splunk-token",
            "splunk-url",
            "splunk-verify-connection",
        ],
        ALWAYS,
    ),
    ("splunk", &OF_CONTAINER, ALWAYS),
    (
        "syslog",
        &[
            "syslog-address",
            "syslog-facility",
            "syslog-format",
            "syslog-tls-ca-cert",
            "syslog-tls-cert",
            "syslog-tls-key",
            "syslog-tls-skip-verify",
        ],
        ALWAYS,
    ),
    ("syslog", &OF_CONTAINER, ALWAYS),
];
pub const ALWAYS: [u32; 2] = [0, 0];
/// What of a container's a line can carry besides.
const OF_CONTAINER: [&str; 5] = ["env", "env-regex", "labels", "labels-regex", "tag"];
/// Options of dockerd's own, which each driver takes.
pub const BUILT_IN: [&str; 6] =
    ["cache-compress", "cache-disabled", "cache-max-file", "cache-max-size", "max-buffer-size", "mode"];
const MODES: [&str; 2] = ["blocking", "non-blocking"];
/// The driver where none is named.
pub const JSON_FILE: &str = "json-file";

pub type Options = BTreeMap<String, String>;

/// Why a driver is none, where another one is meant.
pub fn no_driver(driver: &str) -> Option<String> {
    Some(format!("Docker has no log driver of this name; {} is one", meant_driver(driver)?))
}

/// Options that dockerd does not start with, and why.
pub fn refused(driver: &str, options: &Options) -> Option<(Vec<String>, String)> {
    if driver == "none" || options.is_empty() {
        return None;
    }
    let own = |name: &str, why: &str| Some((Vec::from([name.to_string()]), why.to_string()));
    let mode = options.get("mode").map_or("", String::as_str);
    if !mode.is_empty() && !MODES.contains(&mode) {
        return own("mode", "it takes blocking, non-blocking");
    }
    if options.contains_key("max-buffer-size") && mode != "non-blocking" {
        return own("max-buffer-size", "it is for mode non-blocking only");
    }
    let unknown: Vec<String> = options.keys().filter(|name| !is_taken(driver, name)).cloned().collect();
    if !unknown.is_empty() {
        let such = if unknown.len() == 1 { "no such option" } else { "none of these options" };
        let meant: Option<Vec<&str>> = unknown.iter().map(|name| meant(driver, name)).collect();
        let behind = match meant {
            Some(names) if names.len() == 1 => format!(": it is called {}", names[0]),
            Some(names) => format!(": they are called {}", names.join(", ")),
            None => {
                let mut own: Vec<&str> =
                    taken(driver).into_iter().flatten().filter(|n| !BUILT_IN.contains(n)).collect();
                own.sort_unstable();
                format!(", but {}", own.join(", "))
            }
        };
        return Some((unknown, format!("the log driver {driver} has {such}{behind}")));
    }
    let lacks_group = driver == "awslogs" && options.get("awslogs-group").is_none_or(String::is_empty);
    if lacks_group { own("awslogs-group", "the log driver awslogs wants one") } else { None }
}

/// What the driver takes; None: it is in no row.
fn taken(driver: &str) -> Option<impl Iterator<Item = &'static str>> {
    let rows = OPTIONS.iter().filter(move |(name, ..)| *name == driver);
    rows.clone().next()?;
    Some(rows.flat_map(|(_, names, _)| names.iter()).chain(&BUILT_IN).copied())
}

pub fn is_taken(driver: &str, option: &str) -> bool {
    taken(driver).is_none_or(|mut names| names.any(|name| name == option))
}

/// The option of the driver's that is meant by one that it does not have.
pub fn meant(driver: &str, option: &str) -> Option<&'static str> {
    taken(driver)?.next()?;
    nearest(option, || taken(driver).into_iter().flatten())
}

/// The driver that is meant by one that no engine has, and that no plugin can bear for its folder or its version.
pub fn meant_driver(name: &str) -> Option<&'static str> {
    let drivers = || OPTIONS.iter().map(|(driver, ..)| *driver);
    if name.contains(['/', ':']) || drivers().any(|driver| driver == name) {
        return None;
    }
    if name == "json" { Some(JSON_FILE) } else { nearest(name, drivers) }
}

/// The mode that is meant by one that no engine has.
pub fn meant_mode(name: &str) -> Option<&'static str> {
    nearest(name, || MODES.iter().copied())
}

/// The first option with which dockerd starts and no container, and why: New of json-file, newConfig of local.
pub fn stops_containers(driver: &str, options: &Options) -> Option<(String, String)> {
    if ![JSON_FILE, "local"].contains(&driver) {
        return None;
    }
    let get = |name: &str| options.get(name).map(String::as_str);
    let is = |name: &str, why: &str| Some((name.to_string(), why.to_string()));
    if get("max-size").is_some_and(|size| !is_size(size)) {
        return is("max-size", "it is no size such as 10m");
    }
    let files = get("max-file").map(|count| count.trim_start_matches('+').parse::<i32>());
    let least = i32::from(driver == JSON_FILE);
    if files.as_ref().is_some_and(|count| !matches!(count, Ok(count) if *count >= least)) {
        return is("max-file", "it is no count such as 3");
    }
    const TRUE: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];
    const FALSE: [&str; 6] = ["0", "f", "F", "false", "FALSE", "False"];
    match get("compress") {
        Some(value) if !TRUE.contains(&value) && !FALSE.contains(&value) => is("compress", "it takes true, false"),
        Some(value)
            if driver == JSON_FILE
                && TRUE.contains(&value)
                && (files.is_none_or(|count| count == Ok(1)) || get("max-size").is_none()) =>
        {
            is("compress", "json-file compresses only with max-size, and a max-file of 2 or more")
        }
        _ => None,
    }
}

/// FromHumanSize of go-units: a number, a blank at most, and a unit: `10m`, `1.5 GB`, `10MiB`. Units of no letters are bytes.
fn is_size(text: &str) -> bool {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let plain = unit.strip_suffix('b').map_or(unit.as_str(), |unit| unit.strip_suffix('i').unwrap_or(unit));
    let known = plain.is_empty() || ["k", "m", "g", "t", "p"].contains(&plain);
    number.parse::<f64>().is_ok_and(|number| number > 0.0) && known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[(&str, &str)]) -> Options {
        options.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn options_that_dockerd_takes_and_refuses() {
        for (driver, options) in [
            ("json-file", &[("max-size", "10m"), ("max-file", "3"), ("compress", "true"), ("tag", "x")][..]),
            ("local", &[("max-size", "1.5 GB"), ("mode", "non-blocking"), ("max-buffer-size", "4m")]),
            ("loki", &[("loki-url", "http://127.0.0.1:3100")]),
            ("none", &[("max-size", "10m")]),
            ("gelf", &[("gelf-address", "udp://127.0.0.1:12201"), ("cache-disabled", "true")]),
        ] {
            assert_eq!(
                (refused(driver, &of(options)), stops_containers(driver, &of(options))),
                (None, None),
                "{driver}"
            );
        }
        for (driver, options, key) in [
            ("journald", &[("max-size", "10m")][..], "max-size"),
            ("syslog", &[("max-file", "3")], "max-file"),
            ("json-file", &[("max-files", "3")], "max-files"),
            ("json-file", &[("mode", "nonblocking")], "mode"),
            ("local", &[("max-buffer-size", "4m")], "max-buffer-size"),
            ("awslogs", &[("awslogs-region", "eu-west-1")], "awslogs-group"),
        ] {
            let refused = refused(driver, &of(options)).map(|(keys, _)| keys.join(" "));
            assert_eq!(refused.as_deref(), Some(key), "{driver}");
        }
        let two = refused("json-file", &of(&[("max-files", "3"), ("max_size", "10m"), ("compress", "true")]));
        assert_eq!(two.map(|(keys, _)| keys.join(" ")).as_deref(), Some("max-files max_size"));
        for (name, driver) in
            [("json_file", "json-file"), ("journal", "journald"), ("json", "json-file"), ("sylog", "syslog")]
        {
            assert_eq!(meant_driver(name), Some(driver));
        }
        for name in ["grafana/loki-docker-driver:latest", "fluentbit", "syslog", "sentry"] {
            assert_eq!(meant_driver(name), None, "{name}");
        }
        for (driver, option, name) in [
            ("json-file", "max_size", Some("max-size")),
            ("json-file", "max-files", Some("max-file")),
            ("fluentd", "fluentd-adress", Some("fluentd-address")),
            ("journald", "max-size", None),
            ("json-file", "fluentd-address", None),
            ("json-file", "max-size", None),
            ("loki", "loki_url", None),
        ] {
            assert_eq!(meant(driver, option), name, "{driver} {option}");
        }
        assert_eq!((meant_driver("jsonfile"), meant_driver("json_file")), (Some("json-file"), Some("json-file")));
        assert_eq!(
            (meant_driver("local"), meant_driver("loki"), meant_mode("nonblocking")),
            (None, None, Some(MODES[1]))
        );
        for (options, key) in [
            (&[("max-size", "10 megs")][..], "max-size"),
            (&[("max-size", "0")], "max-size"),
            (&[("max-file", "0")], "max-file"),
            (&[("compress", "true"), ("max-size", "10m")], "compress"),
            (&[("compress", "yes")], "compress"),
        ] {
            assert_eq!(stops_containers("json-file", &of(options)).map(|(key, _)| key).as_deref(), Some(key));
        }
    }
}
