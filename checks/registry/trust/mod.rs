//! Would the daemon talk to each wanted registry: over https with a certificate it trusts, or over http because it may?

use crate::model::cidr;
use crate::model::facts::docker::{Config, Info};
use crate::model::facts::registry::{Answer, Certificate, CertsDir, Distrust, Look};
use crate::model::need::{Registry, strongest};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "registry-trust",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| strongest(&need.registries),
    tells: Tells::Files,
    judge,
};

/// Days: time enough to have a certificate made anew.
const SOON: u64 = 14;

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let looks = facts.registry.looks.known()?.map_or(&[][..], Vec::as_slice);
    let look = |wish: &Wish<Registry>| {
        let finding = match looks.iter().find(|look| look.registry == wish.what) {
            _ if facts.run.needs_no_registry(need, &wish.by) => Finding::not_needed("image-here"),
            Some(look) => one(facts, look, &wish.by).unwrap_or_else(Finding::from),
            None => Finding::unknown(Gap::NotAsked, facts.registry.looks.source.clone()),
        };
        Ok(finding.with("host", &wish.what.host).with("config", facts.docker.config_path()))
    };
    Ok(each(&need.registries, look))
}

fn one(facts: &Facts, look: &Look, by: &Origin) -> Result<Finding, Stop> {
    let https = look.https.value();
    let wants_certificate = https == Some(&Answer::Tls(Distrust::WantsClientCertificate))
        || look.https_unverified.value() == Some(&Answer::Tls(Distrust::WantsClientCertificate));
    if look.registry_answer().is_none() && !wants_certificate {
        let nobody_asked = *by == Origin::Guide && look.is_loopback();
        return Err(if nobody_asked { Stop::NotNeeded("none-here") } else { Stop::blocked_by("registry-answers") });
    }
    if let Some((file, why)) = look.certs_dir.value().and_then(CertsDir::refused)
        && !look.is_loopback()
        && !facts.docker.info.known()?.is_some_and(|info| is_insecure(info, look))
    {
        return Ok(Finding::fail("unusable-client-certificate", "add-client-certificate")
            .with("dir", certs_path(look))
            .with("file", file)
            .with("why", why.words())
            .saw(&look.https));
    }
    if look.https.value().is_some_and(Answer::is_registry) {
        let soon = look.certificate.value().filter(|certificate| certificate.days_left < SOON);
        let finding = match soon {
            Some(soon) => Finding::warn("expires-soon", "new-certificate").with("until", &soon.until),
            None => Finding::pass("trusted"),
        };
        return Ok(finding.saw(&look.https).saw(&look.certificate));
    }
    if wants_certificate {
        let dir = certs_path(look);
        if let Some((file, why)) = look.certs_dir.value().and_then(CertsDir::not_shown) {
            let gap =
                Gap::Unsupported(format!("the registry asks for a client certificate, and {file} {}", why.words()));
            return Err(Stop::Unknown(gap, look.certs_dir.source.clone()));
        }
        return Ok(Finding::fail("wants-client-certificate", "add-client-certificate")
            .with("dir", dir)
            .saw(&look.https));
    }
    // dockerd calls loopback insecure by itself: no answer of the daemon is needed to know that.
    if look.is_loopback() {
        return Ok(Finding::pass("loopback").evidence(look.addresses.source.0.as_str(), "this machine"));
    }
    let info = &facts.docker.info;
    let Some(known) = info.known()? else { return Err(Stop::Unknown(Gap::NotAsked, info.source.clone())) };
    if is_insecure(known, look) {
        return Ok(Finding::pass("insecure").evidence(info.source.0.as_str(), "in the list of insecure registries"));
    }
    Ok(distrusted(facts, look)
        .saw(&look.https)
        .saw(&look.certificate)
        .evidence(info.source.0.as_str(), "not in the list of insecure registries"))
}

fn distrusted(facts: &Facts, look: &Look) -> Finding {
    let dir = certs_path(look);
    let listed = match facts.docker.config.value() {
        Some(Config::Read { insecure_registries, .. }) => insecure_registries.as_slice(),
        _ => &[],
    };
    let name = look.registry.to_string();
    if listed.contains(&name) {
        return Finding::fail("not-reloaded", "reload");
    }
    let meant = |entry: &String| {
        let bare = entry.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
        bare == name || bare == look.registry.host
    };
    if listed.iter().any(meant) {
        return Finding::fail("misspelt", "list-it").with("entry", listed.join(", "));
    }
    match look.https.value() {
        Some(Answer::Tls(Distrust::NoTls) | Answer::Garbled) => Finding::fail("plain-http", "list-it"),
        Some(Answer::Tls(Distrust::WrongName)) => {
            let names = look.certificate.value().map_or("other names".into(), Certificate::names);
            Finding::fail("wrong-name", "new-certificate").with("names", names)
        }
        Some(Answer::Tls(Distrust::Expired)) => {
            let until = look.certificate.value().map_or("some day before", |certificate| &certificate.until);
            Finding::fail("expired", "new-certificate").with("until", until)
        }
        Some(Answer::Tls(Distrust::NotYetValid)) => {
            let from = look.certificate.value().map_or("some later day", |certificate| &certificate.from);
            Finding::fail("not-yet-valid", "set-clock").with("from", from)
        }
        Some(Answer::Tls(Distrust::UnknownAuthority)) => match look.certs_dir.value() {
            Some(found) if found.authorities.is_empty() && !found.ignored.is_empty() => {
                Finding::fail("misnamed-authority", "add-authority")
                    .with("files", found.ignored.join(", "))
                    .with("dir", dir)
            }
            Some(found) if !found.authorities.is_empty() => Finding::fail("other-authority", "add-authority")
                .with("files", found.authorities.join(", "))
                .with("dir", dir),
            _ => Finding::fail("unknown-authority", "add-authority").with("dir", dir),
        },
        _ => Finding::unknown(Gap::Unsupported("its TLS could not be read".into()), look.https.source.clone()),
    }
}

fn certs_path(look: &Look) -> String {
    match look.certs_dir.value() {
        Some(dir) => dir.path.clone(),
        None => look.certs_dir.source.0.clone(),
    }
}

/// moby, daemon/pkg/registry/config.go: an entry by its exact name decides; else the addresses against the list of networks.
fn is_insecure(info: &Info, look: &Look) -> bool {
    let config = &info.registry_config;
    if let Some(entry) = config.index_configs.get(&look.registry.to_string()) {
        return !entry.secure;
    }
    let addresses = look.addresses.value().map_or(&[][..], Vec::as_slice);
    addresses.iter().any(|ip| config.insecure_cidrs.iter().any(|network| cidr::contains(network, *ip)))
}
