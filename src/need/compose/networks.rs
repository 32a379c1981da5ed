//! Which networks compose makes for a service out of the engine's address pools.

use gdoctor_checks::model::run::MadeNetwork;

use super::merge::named;
use super::project::Project;
use super::tree::Node;

/// Those of the service, else the project's own; none of others' making, none with a range or a driver of its own.
pub fn made(project: &Project, service: &Node) -> Vec<MadeNetwork> {
    if service.get("network_mode").is_some() {
        return Vec::new();
    }
    let own = service.get("networks").map(named).unwrap_or_default();
    let own = if own.is_empty() { vec![("default".to_owned(), service.clone())] } else { own };
    let one = |(key, at): (String, Node)| {
        let described = project.at(&["networks", &key]);
        let says = |name: &str| described.and_then(|network| network.get(name));
        let text = |name: &str| says(name).and_then(Node::text);
        let external = says("external").is_some_and(|node| node.is_true() || !node.entries().is_empty());
        let ranges = described.and_then(|network| network.at(&["ipam", "config"])).map(Node::items).unwrap_or_default();
        let ranged = ranges.iter().any(|range| range.get("subnet").is_some());
        let other = text("driver").is_some_and(|driver| driver != "bridge")
            || described
                .is_some_and(|network| network.at(&["ipam", "driver"]).is_some_and(|d| d.text() != Some("default")));
        if external || ranged || other || text("enable_ipv4") == Some("false") {
            return None;
        }
        let prefix = project.variables.get("COMPOSE_PROJECT_NAME").unwrap_or_default();
        let name = text("name").map_or_else(|| format!("{prefix}_{key}"), str::to_owned);
        Some(MadeNetwork { at: project.argument(&at, &format!("networks: {key}")), name })
    };
    own.into_iter().filter_map(one).collect()
}
