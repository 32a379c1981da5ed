//! Does the daemon know the proxy that this shell uses?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-proxy",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let shell = &facts.engine.shell_proxy;
    let set = shell.known()?.map(|names| names.join(", "));
    let loopback = facts.engine.client_config.value().is_some_and(|config| config.loopback_proxy);
    let mut findings = Findings::new();
    if loopback {
        let path = facts.engine.client_config.source.0.as_str();
        findings.push(
            Finding::warn("loopback-inside", "name-host-address")
                .with("path", path)
                .evidence(path, "proxies names a loopback address"),
        );
    }
    findings.extend(facts.engine.dead_proxy.value().map(|dead| {
        let finding = Finding::warn("nobody-there", "start-proxy").with("name", &dead.name).with("port", dead.port);
        finding.with("file", &dead.file).evidence(dead.file.as_str(), format!("{}, port {}", dead.name, dead.port))
    }));
    let Some(variables) = set else {
        if findings.is_empty() {
            findings.push(Finding::pass("no-proxy").saw(&shell.clone().map(|names| names.join(", "))));
        }
        return Ok(findings);
    };
    // A daemon elsewhere has its own way out.
    if let Some(stop) = facts.out_of_sight(Tells::Machine) {
        return Err(stop);
    }
    let fact = &facts.docker.info;
    let Some(info) = fact.known()? else { return Err(Stop::blocked_by("docker-engine")) };
    let knows = info.http_proxy || info.https_proxy;
    let finding = if knows { Finding::pass("both") } else { Finding::warn("shell-only", "tell-daemon") };
    findings.push(
        finding
            .with("variables", &variables)
            .evidence(shell.source.0.as_str(), variables.as_str())
            .evidence(fact.source.0.as_str(), if knows { "a proxy is set" } else { "no proxy is set" }),
    );
    Ok(findings)
}
