//! The builder that `docker buildx build` takes, as buildx's own files have it (docker/buildx, store/store.go and store/nodegroup.go).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::engine::Builder;
use serde::Deserialize;
use toml::Table;

use crate::host::Host;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Current {
    key: String,
    name: String,
    global: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Group {
    driver: String,
    nodes: Vec<Node>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Node {
    driver_opts: Option<BTreeMap<String, String>>,
    files: Option<BTreeMap<String, String>>,
}

/// Absent where it is the engine's own.
pub fn look(host: &Host, folder: &str, docker: &DockerFacts) -> Fact<Builder> {
    let folder = host.env("BUILDX_CONFIG").unwrap_or_else(|| format!("{folder}/buildx"));
    let source = format!("{folder}/current");
    let name = match host.env("BUILDX_BUILDER") {
        Some(name) => name,
        None => match current(host, &source, docker) {
            Ok(Some(name)) => name,
            Ok(None) => return Fact::absent(source),
            Err(gap) => return Fact::unknown(gap, source),
        },
    };
    let file = format!("{folder}/instances/{}", name.to_lowercase());
    host.text(&file).parse(|text| {
        let group: Group = serde_json::from_str(&text).map_err(|why| why.to_string())?;
        Ok(of_group(name.clone(), &group))
    })
}

fn current(host: &Host, path: &str, docker: &DockerFacts) -> Result<Option<String>, Gap> {
    let text = host.text(path);
    let Some(text) = text.value() else { return text.gap().map_or(Ok(None), |gap| Err(gap.clone())) };
    let current: Current = serde_json::from_str(text).map_err(|why| Gap::Unparsable(why.to_string()))?;
    let address = docker.endpoint.value().map(|endpoint| endpoint.address.to_string());
    // It is remembered for one engine, unless it was chosen for all.
    let of_another = current.key.contains("://") && address.is_some_and(|address| address != current.key);
    Ok(Some(current.name).filter(|name| !name.is_empty() && (current.global || !of_another)))
}

fn of_group(name: String, group: &Group) -> Builder {
    let mut insecure = Vec::new();
    for file in group.nodes.iter().filter_map(|node| node.files.as_ref()?.get("buildkitd.toml")) {
        let text = STANDARD.decode(file).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let table: Table = toml::from_str(&text).unwrap_or_default();
        let registries = table.get("registry").and_then(|value| value.as_table()).into_iter().flatten();
        let is_set = |settings: &toml::Value, key| settings.get(key).and_then(toml::Value::as_bool) == Some(true);
        let open = registries.filter(|(_, settings)| is_set(settings, "http") || is_set(settings, "insecure"));
        insecure.extend(open.map(|(host, _)| host.clone()));
    }
    let on_host =
        |node: &Node| node.driver_opts.as_ref().is_some_and(|set| set.get("network").is_some_and(|n| n == "host"));
    Builder { name, driver: group.driver.clone(), insecure, host_network: group.nodes.iter().any(on_host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_as_buildx_keeps_it() {
        let toml = STANDARD.encode("[registry.\"a.lan:5000\"]\n  http = true\n[registry.\"b.lan\"]\n  mirrors = []\n");
        let text = format!(
            r#"{{"Name":"mine","Driver":"docker-container","Nodes":[{{"Name":"mine0","Endpoint":"unix:///var/run/docker.sock",
                "Platforms":null,"DriverOpts":{{"network":"host"}},"Flags":null,"Files":{{"buildkitd.toml":"{toml}"}}}}],"Dynamic":false}}"#
        );
        let builder = of_group("mine".into(), &serde_json::from_str(&text).unwrap());
        assert_eq!((builder.driver.as_str(), builder.host_network), ("docker-container", true));
        assert_eq!(builder.insecure, ["a.lan:5000"]);
        let bare = r#"{"Name":"b","Driver":"docker-container","Nodes":[{"DriverOpts":null,"Files":null}]}"#;
        let bare = of_group("b".into(), &serde_json::from_str(bare).unwrap());
        assert_eq!(bare, Builder { name: "b".into(), driver: "docker-container".into(), ..Builder::default() });
    }
}
