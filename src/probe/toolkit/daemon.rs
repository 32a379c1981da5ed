//! What daemon.json files say of GPUs.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::toolkit::DaemonFile;
use serde_json::Value;

use crate::host::Host;

/// Every daemon.json that an engine of this host would read, the answering engine's marked.
pub fn files(host: &Host, docker: &DockerFacts) -> Fact<Vec<DaemonFile>> {
    let in_use = docker.config.source.0.as_str();
    let config = host.env("XDG_CONFIG_HOME").or_else(|| host.env("HOME").map(|home| format!("{home}/.config")));
    let mut paths =
        vec!["/etc/docker/daemon.json".to_owned(), "/var/snap/docker/current/config/daemon.json".to_owned()];
    paths.extend(config.map(|config| format!("{config}/docker/daemon.json")));
    if in_use.starts_with('/') && !paths.iter().any(|path| path == in_use) {
        paths.push(in_use.to_owned());
    }
    let files = paths.iter().filter_map(|path| {
        let text = host.text(path);
        let json =
            serde_json::from_slice(text.value()?.trim_start_matches('\u{feff}').as_bytes()).unwrap_or(Value::Null);
        let changed = host.stat(path).value().map_or(0, |stat| stat.ctime);
        Some(file(path, path == in_use, &json, changed))
    });
    Fact::present(files.collect(), paths.join(", "))
}

fn file(path: &str, in_use: bool, json: &Value, changed: i64) -> DaemonFile {
    DaemonFile {
        path: path.to_owned(),
        in_use,
        registers: json.pointer("/runtimes/nvidia").is_some_and(Value::is_object),
        shims: shims(json),
        cdi: json.pointer("/features/cdi").and_then(Value::as_bool),
        spec_dirs: json
            .get("cdi-spec-dirs")
            .and_then(Value::as_array)
            .map(|dirs| dirs.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        changed,
    }
}

/// The daemon tells nothing of these but their names (daemon/info_unix.go of moby).
fn shims(json: &Value) -> BTreeMap<String, String> {
    let runtimes = json.get("runtimes").and_then(Value::as_object).into_iter().flatten();
    let by_type = runtimes.filter(|(_, runtime)| runtime.get("runtimeType").is_some());
    let program = |runtime: &Value| {
        let named = runtime.get("options").and_then(|options| options.get("BinaryName"));
        named.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    by_type.map(|(name, runtime)| (name.clone(), program(runtime))).collect()
}
