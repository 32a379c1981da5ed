//! Values that the schema takes as text and that compose then cannot read: sizes, durations, switches, ports, mounts.

use super::consistency::Fault;
use super::interpolate::fits;
use super::ports;
use super::tree::{Kind, Node, Value};

#[derive(Clone, Copy)]
enum Form {
    Size,
    Duration,
    Switch,
    Port,
    PortRange,
    Number,
    Mount,
    Key,
}

const FORMS: [(&str, Form); 38] = [
    ("mem_limit", Form::Size),
    ("mem_reservation", Form::Size),
    ("mem_swappiness", Form::Size),
    ("memswap_limit", Form::Size),
    ("shm_size", Form::Size),
    ("build.shm_size", Form::Size),
    ("deploy.resources.limits.memory", Form::Size),
    ("deploy.resources.reservations.memory", Form::Size),
    ("volumes.*.tmpfs.size", Form::Size),
    ("deploy.resources.limits.cpus", Form::Number),
    ("deploy.resources.reservations.cpus", Form::Number),
    ("stop_grace_period", Form::Duration),
    ("healthcheck.interval", Form::Duration),
    ("healthcheck.timeout", Form::Duration),
    ("healthcheck.start_period", Form::Duration),
    ("healthcheck.start_interval", Form::Duration),
    ("deploy.update_config.delay", Form::Duration),
    ("deploy.update_config.monitor", Form::Duration),
    ("deploy.rollback_config.delay", Form::Duration),
    ("deploy.rollback_config.monitor", Form::Duration),
    ("deploy.restart_policy.delay", Form::Duration),
    ("deploy.restart_policy.window", Form::Duration),
    ("attach", Form::Switch),
    ("build.no_cache", Form::Switch),
    ("build.pull", Form::Switch),
    ("build.privileged", Form::Switch),
    ("env_file.*.required", Form::Switch),
    ("volumes.*.bind.create_host_path", Form::Switch),
    ("post_start.*.privileged", Form::Switch),
    ("pre_stop.*.privileged", Form::Switch),
    ("pre_start.*.privileged", Form::Switch),
    ("pre_start.*.per_replica", Form::Switch),
    ("use_api_socket", Form::Switch),
    ("ports.*", Form::Port),
    ("ports.*.published", Form::PortRange),
    ("volumes.*", Form::Mount),
    ("build.ssh", Form::Key),
    ("build.ssh.*", Form::Key),
];

/// The value of a service that lies there is a time.
pub fn is_time(path: &[String]) -> bool {
    FORMS.iter().any(|(pattern, form)| matches!(form, Form::Duration) && fits(pattern, path))
}

/// The first value of a service that compose cannot read.
pub fn fault(service: &Node) -> Option<Fault> {
    walk(&mut Vec::new(), service)
}

fn walk(path: &mut Vec<String>, node: &Node) -> Option<Fault> {
    if let Some(text) = node.text() {
        let form = FORMS.iter().find(|(pattern, _)| fits(pattern, path)).map(|(_, form)| *form)?;
        return wrong(form, text, node);
    }
    if fits("ports.*", path) {
        let ip = node.get("host_ip").filter(|ip| ip.text().is_some_and(|ip| !ports::is_address(ip)));
        let help = "write an address of this host, such as 127.0.0.1";
        return ip.map(|ip| (ip.clone(), "host_ip is no address".into(), help.into())).or_else(|| {
            let published = node.get("published")?;
            wrong(Form::PortRange, published.text()?, published)
        });
    }
    let step = |path: &mut Vec<String>, name: &str, child: &Node| {
        path.push(name.to_owned());
        let found = walk(path, child);
        path.pop();
        found
    };
    match &node.value {
        Value::Map(entries) => {
            entries.iter().filter(|(name, _)| !name.starts_with("x-")).find_map(|(name, child)| step(path, name, child))
        }
        Value::List(items) => items.iter().find_map(|item| step(path, "[]", item)),
        _ => None,
    }
}

fn wrong(form: Form, text: &str, node: &Node) -> Option<Fault> {
    let plain = matches!(node.value, Value::Scalar(_, Kind::Text));
    let (good, what, help) = match form {
        Form::Size => (!plain || is_size(text), "no size", "a number with b, k, m or g: 512m, 8g"),
        Form::Duration if text.parse::<f64>().is_ok() => {
            let told = || (node.clone(), format!("{text:?} has no unit"), format!("give the number its unit: {text}s"));
            return (!is_duration(text)).then(told);
        }
        Form::Duration => (is_duration(text), "no duration", "numbers with their units: 30s, 1m30s"),
        Form::Number => (!plain || text.parse::<f64>().is_ok(), "no number", "a number of processors: 2, \"0.5\""),
        Form::Port => {
            let (what, help) = ports::fault(text)?;
            return Some((node.clone(), what, help));
        }
        Form::PortRange => {
            let (what, help) = ports::range(text).err()?;
            return Some((node.clone(), what, help));
        }
        Form::Switch => (!plain || is_switch(text), "neither true nor false", "write true or false"),
        Form::Mount => {
            let good = text.len() < 3 || is_mount(text);
            (good, "no mount", "write SOURCE:TARGET, or SOURCE:TARGET:ro")
        }
        Form::Key => {
            let good = text == "default" || text.contains('=');
            (good, "no ssh key", "write default, or NAME=PATH")
        }
    };
    (!good).then(|| (node.clone(), format!("{text:?} is {what} that compose can read"), help.to_owned()))
}

fn is_switch(text: &str) -> bool {
    let words = ["true", "false", "y", "yes", "on", "n", "no", "off"];
    words.contains(&text.to_ascii_lowercase().as_str())
}

/// `512m`, `1.5 GiB`, `-1`: as docker's own units have it.
fn is_size(text: &str) -> bool {
    if text.parse::<i64>().is_ok() {
        return true;
    }
    let Some(at) = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ') else { return false };
    let (number, unit) = (text[..=at].trim_end_matches(' '), text[at + 1..].to_ascii_lowercase());
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = unit.strip_suffix('i').filter(|rest| !rest.is_empty()).unwrap_or(unit);
    number.parse::<f64>().is_ok_and(|number| number >= 0.0) && ["", "k", "m", "g", "t", "p", "e"].contains(&unit)
}

/// `1h30m`, `500ms`, `2d`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let unit = &rest[digits..];
        let length = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        let known = ["ns", "us", "µs", "μs", "ms", "s", "m", "h", "d", "w"].contains(&&unit[..length]);
        if rest[..digits].parse::<f64>().is_err() || !known {
            return false;
        }
        rest = &unit[length..];
    }
    !text.is_empty()
}

fn is_mount(text: &str) -> bool {
    // A single letter before a colon is a drive of Windows.
    let drive = |text: &str| text.len() > 1 && text.as_bytes()[0].is_ascii_alphabetic() && text.as_bytes()[1] == b':';
    let mut parts = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let from = if drive(text) { 2 } else { 0 };
        match text[from..].find(':').map(|at| at + from) {
            Some(at) => {
                parts.push(&text[..at]);
                rest = Some(&text[at + 1..]);
            }
            None => {
                parts.push(text);
                rest = None;
            }
        }
    }
    parts.len() <= 3 && parts.iter().all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was put before `docker compose config` 2.40.
    #[test]
    fn values_are_those_of_compose() {
        let all = |is: fn(&str) -> bool, good: &[&str], bad: &[&str]| {
            good.iter().for_each(|text| assert!(is(text), "{text}"));
            bad.iter().for_each(|text| assert!(!is(text), "{text}"));
        };
        all(is_size, &["1", "-1", "512m", "1.5g", "2 GiB", "64MB", "10b"], &["", "1q", "lots", "m", "true", "10s"]);
        all(is_duration, &["0", "10s", "1m30s", "1.5h", "2d", "-1s", "500ms"], &["", "10", "10 s", "true", "1x"]);
        let ports = ["80", "80:80", "8080-8081:80-81", "127.0.0.1::80", "[::1]:80:80", "80/udp", "8000-8010:80"];
        let is_port = |text: &str| ports::fault(text).is_none();
        all(is_port, &ports, &["", "a", "80:80:80", "1-3:1-2", "80/xyz", "70000", "80:"]);
        all(is_mount, &["./a:/b", "v:/x", "c:\\a:/b:ro", "/a"], &[":/b", "ab::b", "/a:/b:ro:x"]);
    }
}
