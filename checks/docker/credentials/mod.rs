//! Can the docker client start the credential helpers that its configuration names?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-credentials",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let fact = &facts.engine.client_config;
    let path = fact.source.0.as_str();
    if fact.gap() == Some(&Gap::Denied) {
        return Ok(Finding::warn("not-yours", "take-back")
            .with("path", path)
            .evidence(path, "permission denied")
            .into());
    }
    let Some(config) = fact.known()? else { return Ok(Finding::pass("none").with("path", path).into()) };
    if !config.readable {
        let place = if config.fault.is_empty() { String::new() } else { format!(" ({})", config.fault) };
        let finding = Finding::warn("malformed", "repair").with("path", path).with("place", place);
        return Ok(finding.evidence(path, "not JSON").into());
    }
    let name = |helper: &str| format!("docker-credential-{helper}");
    if let Some(store) = config.store.as_ref().filter(|store| store.missing) {
        let finding = Finding::fail("store-missing", "forget-store").with("helper", name(&store.name));
        return Ok(finding.with("path", path).evidence(path, format!("credsStore {}", store.name)).into());
    }
    if let Some((store, unfit)) = config.store.as_ref().and_then(|store| Some((store, store.unfit.as_ref()?))) {
        let finding = Finding::fail("store-unfit", "forget-store").with("helper", name(&store.name)).with("why", unfit);
        return Ok(finding.with("path", path).evidence(path, format!("credsStore {}", store.name)).into());
    }
    let unfit = config.helpers.iter().find_map(|(registry, helper)| Some((registry, helper, helper.unfit.as_ref()?)));
    if let Some((registry, helper, unfit)) = unfit {
        let finding = Finding::warn("helper-unfit", "forget-helper").with("helper", name(&helper.name));
        let finding = finding.with("registry", registry).with("why", unfit).with("path", path);
        return Ok(finding.evidence(path, format!("credHelpers {registry}: {}", helper.name)).into());
    }
    let missing = config.helpers.iter().find(|(_, helper)| helper.missing);
    Ok(match missing {
        Some((registry, helper)) => Finding::warn("helper-missing", "forget-helper")
            .with("helper", name(&helper.name))
            .with("registry", registry)
            .evidence(path, format!("credHelpers {registry}: {}", helper.name)),
        None => Finding::pass("startable").evidence(path, "every helper that it names is on PATH, and a program"),
    }
    .with("path", path)
    .into())
}
