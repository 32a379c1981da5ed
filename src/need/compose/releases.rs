//! Which key of a compose file the youngest compose takes alone: what tells whether compose 1.x reads the file at all. Releases stand
//! beside each key in Docker's reference of the compose file (docker/docs, data/summary.yaml: develop 2.22, required 2.24, include
//! 2.20, gpus and hooks 2.30) and in compose's own notes.

use gdoctor_checks::model::run::Youngest;
use gdoctor_checks::model::version::Version;

use super::project::Project;
use super::tree::{Node, Value};

/// Of the whole: keys that no compose 1.x has (compose/config/compose_spec.json of 1.29.2).
const TOP: [(&str, &str); 3] = [("name", "2.3"), ("include", "2.20"), ("models", "2.38")];
/// Of a service, whatever the file's version.
const SERVICE: [(&[&str], &str); 5] = [
    (&["gpus"], "2.30"),
    (&["provider"], "2.36"),
    (&["develop"], "2.22"),
    (&["deploy", "resources", "reservations", "devices"], "1.28"),
    (&["profiles"], "1.28"),
];
/// Of a service in a file of version 3: before 1.27 its schema had none of them (config_schema_v3.8.json).
const SERVICE_3: [(&[&str], &str); 5] = [
    (&["runtime"], "1.27"),
    (&["extends"], "1.27"),
    (&["mem_limit"], "1.27"),
    (&["cpus"], "1.27"),
    (&["scale"], "1.27"),
];

pub fn youngest(project: &Project) -> Option<Youngest> {
    let mut found: Vec<(&str, String, &Node)> = Vec::new();
    found.extend(TOP.iter().filter_map(|(key, since)| Some((*since, (*key).to_owned(), project.at(&[key])?))));
    let version = project.at(&["version"]).and_then(Node::text);
    for (_, service) in project.services() {
        let third = version.is_some_and(|version| version.starts_with('3'));
        let keys = SERVICE.iter().chain(SERVICE_3.iter().filter(|_| third));
        found.extend(keys.filter_map(|(path, since)| Some((*since, path.join("."), service.at(path)?))));
        let maps =
            |key: &str| service.get(key).is_some_and(|node| node.items().iter().any(|n| !n.entries().is_empty()));
        if let Some(node) = service.get("env_file").filter(|_| maps("env_file")) {
            found.push(("2.24", "env_file with path".into(), node));
        }
        if let Some(node) = service.get("depends_on").filter(|node| matches!(node.value, Value::Map(_))) {
            let required = node.entries().iter().any(|(_, child)| child.get("required").is_some());
            match required {
                true => found.push(("2.20", "depends_on with required".into(), node)),
                false if third => found.push(("1.27", "depends_on with condition".into(), node)),
                false => {}
            }
        }
    }
    // A file that names no version was one of version 1, which had no services.
    let unnamed = project.at(&["services"]).filter(|_| version.is_none());
    found.extend(unnamed.map(|node| ("1.27", "services without version".to_owned(), node)));
    let (since, key, node) = found.into_iter().max_by_key(|(since, ..)| Version::parse(since).map(numbers))?;
    Some(Youngest { since: since.into(), at: project.argument(node, &key), key })
}

fn numbers(version: Version) -> (u32, u32) {
    (version.major(), version.minor())
}
