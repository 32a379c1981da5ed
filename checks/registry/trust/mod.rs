//! Would the daemon talk to each wanted registry: over https with a certificate it trusts, or over http because it may?

use crate::model::cidr;
use crate::model::fact::Source;
use crate::model::facts::docker::{Config, Info};
use crate::model::facts::registry::{Answer, Certificate, CertsDir, Distrust, ImageStore, Look, Unfit};
use crate::model::need::{Registry, strongest};
use crate::model::prelude::*;
use crate::model::version::Version;

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
        let findings = match looks.iter().find(|look| look.registry == wish.what) {
            _ if facts.run.needs_no_registry(need, &wish.by) => Finding::not_needed("image-here").into(),
            Some(look) => one(facts, look, &wish.by).unwrap_or_else(|stop| Finding::from(stop).into()),
            None => Finding::unknown(Gap::NotAsked, facts.registry.looks.source.clone()).into(),
        };
        let config = facts.docker.config_path();
        let told = |finding: Finding| {
            let finding = finding.with("host", &wish.what.host).with("config", config);
            finding.about(&wish.what).asked_by(&wish.by)
        };
        findings.into_iter().map(told).collect::<Findings>()
    };
    Ok(need.registries.iter().flat_map(look).collect())
}

fn one(facts: &Facts, look: &Look, by: &Origin) -> Result<Findings, Stop> {
    let https = look.https.value();
    let wants_certificate = https == Some(&Answer::Tls(Distrust::WantsClientCertificate))
        || look.https_unverified.value() == Some(&Answer::Tls(Distrust::WantsClientCertificate));
    if look.registry_answer().is_none() && !wants_certificate {
        let nobody_asked = *by == Origin::Guide && look.is_loopback();
        return Err(if nobody_asked { Stop::NotNeeded("none-here") } else { Stop::blocked_by("registry-answers") });
    }
    if let Some(dir) = look.certs_dir.value().filter(|dir| !dir.unfit.is_empty()) {
        // What dockerd calls insecure by itself it reads no certificate for: its answer is not needed to know that.
        let insecure =
            is_taken_on_loopback(facts, look) || facts.docker.info.known()?.is_some_and(|info| is_insecure(info, look));
        let refused = if insecure { Findings::new() } else { refused(facts, look, dir) };
        if !refused.is_empty() {
            return Ok(refused);
        }
    }
    if !is_taken_on_loopback(facts, look) {
        seen_whole(look)?;
    }
    answered(facts, look, wants_certificate).map(Findings::from)
}

/// A finding for each file or pair that keeps the daemon from asking.
fn refused(facts: &Facts, look: &Look, dir: &CertsDir) -> Findings {
    let containerd = facts.docker.answered_info().is_some_and(Info::has_containerd_store);
    let store = if containerd { ImageStore::Containerd } else { ImageStore::Docker };
    let one = |(file, why): (&str, Unfit)| {
        let finding = match (dir.renamed(file), file.strip_suffix(".cert"), why) {
            (Some(to), _, Unfit::Authority) => Finding::fail("authority-as-client", "rename-authority").with("to", to),
            (_, Some(stem), Unfit::OtherKey | Unfit::Unreadable | Unfit::UnreadableKey) => {
                Finding::fail("unusable-client-certificate", "set-pair-aside").with("stem", stem)
            }
            (_, None, _) if file.ends_with(".crt") => Finding::fail("unusable-authority", "set-aside"),
            _ => Finding::fail("unusable-client-certificate", "set-aside"),
        };
        finding.with("dir", &dir.path).with("file", file).with("why", why.words()).saw(&look.https)
    };
    dir.refused(store).map(one).collect()
}

/// Unknown where a file was not read that decides.
fn seen_whole(look: &Look) -> Result<(), Stop> {
    let source = &look.certs_dir.source;
    if let Some(gap) = look.certs_dir.gap().filter(|gap| **gap != Gap::NotAsked) {
        return Err(Stop::Unknown(gap.clone(), source.clone()));
    }
    match look.certs_dir.value().and_then(|dir| dir.unread.first().map(|name| format!("{}/{name}", dir.path))) {
        Some(file) => Err(Stop::Unknown(Gap::Denied, Source(file))),
        None => Ok(()),
    }
}

fn answered(facts: &Facts, look: &Look, wants_certificate: bool) -> Result<Finding, Stop> {
    if look.https.value().is_some_and(Answer::is_registry) {
        let soon = look.certificate.value().filter(|certificate| certificate.days_left < SOON);
        let finding = match soon {
            Some(soon) => Finding::warn("expires-soon", "new-certificate").with("until", &soon.until),
            None => Finding::pass("trusted"),
        };
        return Ok(finding.saw(&look.https).saw(&look.certificate));
    }
    let containerd = facts.docker.answered_info().is_some_and(Info::has_containerd_store);
    if wants_certificate && is_taken_on_loopback(facts, look) && !containerd {
        return Ok(Finding::fail("no-certificate-shown", "name-this-host").saw(&look.https));
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
    if is_taken_on_loopback(facts, look) {
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
        Some(Answer::Tls(Distrust::UnknownAuthority)) => no_authority(look).with("dir", dir),
        _ => Finding::unknown(Gap::Unsupported("its TLS could not be read".into()), look.https.source.clone()),
    }
}

/// What lies where the authority should.
fn no_authority(look: &Look) -> Finding {
    let found = look.certs_dir.value();
    let odd = |why: Unfit| found?.authority(why);
    if let Some(file) = odd(Unfit::NoFile) {
        return Finding::fail("unusable-authority", "set-aside").with("file", file).with("why", Unfit::NoFile.words());
    }
    if let Some(file) = odd(Unfit::Der) {
        return Finding::fail("authority-not-pem", "convert-authority")
            .with("file", file)
            .with("why", Unfit::Der.words());
    }
    match found {
        Some(found) if !found.authorities.is_empty() => {
            let issuer = look.certificate.value().and_then(|certificate| certificate.unlinked.as_ref());
            if let Some(issuer) = issuer {
                return Finding::fail("no-link", "send-chain")
                    .with("issuer", issuer)
                    .with("files", found.authorities.join(", "));
            }
            Finding::fail("other-authority", "add-authority").with("files", found.authorities.join(", "))
        }
        Some(found) if !found.ignored.is_empty() => Finding::fail("misnamed-authority", "copy-authority")
            .with("files", found.ignored.join(", "))
            .with("from", format!("{}/{}", found.path, found.ignored[0])),
        _ => match (odd(Unfit::Unreadable), look.misplaced.first()) {
            (Some(file), _) => Finding::fail("authority-not-pem", "add-authority")
                .with("file", file)
                .with("why", Unfit::Unreadable.words()),
            (None, Some(from)) => Finding::fail("misplaced-authority", "copy-authority").with("from", from),
            (None, None) => Finding::fail("unknown-authority", "add-authority"),
        },
    }
}

fn certs_path(look: &Look) -> String {
    match look.certs_dir.value() {
        Some(dir) => dir.path.clone(),
        None => look.certs_dir.source.0.clone(),
    }
}

/// Docker takes loopback for insecure by itself; from 29.10 on only where no registry is listed as insecure (moby#53868), which
/// its own list of networks then shows.
fn is_taken_on_loopback(facts: &Facts, look: &Look) -> bool {
    const ONLY_BY_LIST: [u32; 2] = [29, 10];
    let docker = &facts.docker;
    let engine = docker.version.value().filter(|version| !version.is_podman());
    let engine = engine.and_then(|version| Version::leading(&version.version));
    let by_list = engine.is_some_and(|engine| engine >= Version::new(&ONLY_BY_LIST));
    look.is_loopback() && (!by_list || docker.info.value().is_some_and(|info| is_insecure(info, look)))
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
