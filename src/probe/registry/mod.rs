//! Asks the wanted registries for `/v2/`, as the daemon will: https with the authorities that it trusts, then http.

mod certs;
mod size;
mod storage;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::docker::{DockerFacts, Info};
use gdoctor_checks::model::facts::image::go_name;
use gdoctor_checks::model::facts::registry::{Answer, Catalog, Certificate, Distrust, Look, RegistryFacts};
use gdoctor_checks::model::need::{Need, Registry};
use serde::Deserialize;

use crate::host::http::{Client, NoReply, Reply, Target, Tls};
use crate::host::{Host, files, resolve, threads, tls};

const BODY_CAP: usize = 64 << 10;

pub fn probe(host: &Host, need: &Need, docker: &DockerFacts) -> RegistryFacts {
    let system = tls::system_authorities(host);
    let looks = threads::at_once(&need.registries, |wish| {
        let asked = Asked {
            delete: need.registry_delete.is_some(),
            images: size::images(need, &wish.what),
            architecture: docker.answered_info().map_or("", |info| go_name(&info.architecture)),
            containerd: docker.answered_info().is_some_and(Info::has_containerd_store),
        };
        let look = look(host, &wish.what, &certs_root(host, docker), &system, &asked);
        let storage = storage::find(host, &look, docker);
        Look { storage, ..look }
    });
    match looks.into_iter().collect::<Option<Vec<Look>>>() {
        Some(looks) => RegistryFacts { looks: Fact::present(looks, "GET /v2/") },
        None => RegistryFacts { looks: Fact::unknown(Gap::Bug("the registry probe panicked".into()), "GET /v2/") },
    }
}

/// The folder of this engine's registry certificates.
fn certs_root(host: &Host, docker: &DockerFacts) -> String {
    let info = docker.answered_info();
    if info.is_some_and(|info| info.is_snap()) {
        return "/var/snap/docker/common/etc/certs.d".into();
    }
    if docker.is_rootless() {
        let home = host.home();
        let config = host.env("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
        return format!("{config}/docker/certs.d");
    }
    "/etc/docker/certs.d".into()
}

/// What is asked of a registry besides its greeting.
struct Asked<'a> {
    delete: bool,
    images: Vec<String>,
    /// Of the daemon's machine, by Go's name.
    architecture: &'a str,
    /// Images lie in containerd's store, which shows certificates to every registry.
    containerd: bool,
}

fn look(host: &Host, registry: &Registry, certs_root: &str, system: &[u8], asked: &Asked) -> Look {
    let addresses = resolve::resolve(&registry.host, host.deadline);
    let certs::Found { dir: certs_dir, pair, misplaced } = certs::find(host, certs_root, registry);
    let mut trust = Tls { authorities: system.to_vec(), skip_verify: true, ..Tls::default() };
    if let Some(dir) = certs_dir.value() {
        for name in &dir.authorities {
            trust.authorities.push(b'\n');
            let file = format!("{}/{name}", dir.path);
            trust.authorities.extend(host.bytes(file, tls::BUNDLE_CAP).value().into_iter().flatten());
        }
    }
    let shown = pair;
    let nothing = Look {
        registry: registry.clone(),
        addresses: addresses.clone(),
        https: Fact::default(),
        https_unverified: Fact::default(),
        http: Fact::default(),
        certs_dir,
        misplaced,
        certificate: Fact::default(),
        catalog: Fact::default(),
        sizes: BTreeMap::new(),
        storage: Fact::default(),
        deletes: Fact::default(),
    };
    if !nothing.is_loopback() || asked.containerd {
        // To the loopback, which it calls insecure, dockerd itself shows none: moby, daemon/pkg/registry, newTLSConfig.
        (trust.certificate, trust.key) = shown;
    }
    let Some(known) = addresses.value() else { return nothing };
    let sockets: Vec<SocketAddr> = known.iter().map(|ip| SocketAddr::new(*ip, registry.port)).collect();
    let (https, certificate) = https(host, registry, &sockets, &trust);
    let nothing = Look { certificate, ..nothing };
    let look = match &https.state {
        State::Present(Answer::Tls(Distrust::NoTls) | Answer::Garbled) => {
            Look { http: get(host, "http", registry, &trust), https, ..nothing }
        }
        State::Present(Answer::Tls(_)) => {
            Look { https_unverified: get(host, "https", registry, &trust), https, ..nothing }
        }
        _ => Look { https, ..nothing },
    };
    if look.registry_answer().is_none() {
        return look;
    }
    let scheme = if look.http.value().is_some_and(Answer::is_registry) { "http" } else { "https" };
    let client = Client::new(&Target::Url(format!("{scheme}://{registry}")), &trust);
    let deletes = if asked.delete { deletes(host, &client) } else { Fact::default() };
    let size = |image: &String| (image.clone(), size::ask(host, &client, image, asked.architecture));
    let sizes = asked.images.iter().map(size).collect();
    Look { catalog: catalog(host, &client), deletes, sizes, ..look }
}

/// A store with very many repositories may take long for it; the run does not wait for what decides nothing.
fn catalog(host: &Host, client: &Client) -> Fact<Catalog> {
    #[derive(Deserialize)]
    struct Page {
        repositories: Option<Vec<String>>,
    }
    let source = "GET /v2/_catalog";
    match client.get("/v2/_catalog?n=100", &[], BODY_CAP, host.deadline.within(Duration::from_secs(1))) {
        Ok(reply) if reply.status == 200 => {
            let page = Fact::present(reply.header("link").is_some(), source);
            page.parse(|more| {
                let page: Page = serde_json::from_slice(&reply.body).map_err(|why| why.to_string())?;
                Ok(Catalog { repositories: page.repositories.unwrap_or_default().len() as u64, more })
            })
        }
        Ok(reply) if [404, 405].contains(&reply.status) => Fact::absent(source),
        Ok(reply) if reply.status == 401 => Fact::unknown(Gap::Denied, source),
        Ok(reply) => Fact::unknown(Gap::Unparsable(format!("HTTP status {}", reply.status)), source),
        Err(why) => Fact::unknown(why.gap(), source),
    }
}

/// A registry that does not delete refuses before it looks (405); one that does finds nothing (404): no image has this digest.
fn deletes(host: &Host, client: &Client) -> Fact<bool> {
    let path = format!("/v2/gdoctor/nothing/manifests/sha256:{}", "0".repeat(64));
    let source = format!("DELETE {path}");
    match client.delete(&path, BODY_CAP, host.deadline).map(|reply| reply.status) {
        Ok(405) => Fact::present(false, source),
        Ok(404) => Fact::present(true, source),
        Ok(401) => Fact::unknown(Gap::Unsupported("it asks for a login first".into()), source),
        Ok(status) => Fact::unknown(Gap::Unparsable(format!("HTTP status {status}")), source),
        Err(why) => Fact::unknown(why.gap(), source),
    }
}

/// The handshake tells whether the daemon would trust it; only then is the request worth sending as the answer to "https".
fn https(host: &Host, registry: &Registry, sockets: &[SocketAddr], trust: &Tls) -> (Fact<Answer>, Fact<Certificate>) {
    let source = format!("GET https://{registry}/v2/");
    let hello = format!("TLS with {registry}");
    match tls::inspect(sockets, &registry.host, &trust.authorities, host.deadline) {
        Ok(seen) => {
            let answer = match seen.distrust {
                None => get(host, "https", registry, trust),
                Some(why) => Fact::present(Answer::Tls(why), source),
            };
            (answer, Fact::found(seen.certificate, hello))
        }
        Err(error) => (no_handshake(&error, source), Fact::absent(hello)),
    }
}

fn no_handshake(error: &std::io::Error, source: String) -> Fact<Answer> {
    use std::io::ErrorKind::*;
    match error.kind() {
        ConnectionRefused => Fact::present(Answer::Refused, source),
        HostUnreachable | NetworkUnreachable => Fact::present(Answer::Unreachable, source),
        UnexpectedEof | ConnectionReset | BrokenPipe => Fact::present(Answer::Garbled, source),
        _ => Fact::unknown(files::gap_of(error), source),
    }
}

fn get(host: &Host, scheme: &str, registry: &Registry, trust: &Tls) -> Fact<Answer> {
    let source = format!("GET {scheme}://{registry}/v2/");
    let client = Client::new(&Target::Url(format!("{scheme}://{registry}")), trust);
    match client.get("/v2/", &[], BODY_CAP, host.deadline) {
        Ok(reply) => Fact::present(answer(&reply), source),
        Err(NoReply::Refused) => Fact::present(Answer::Refused, source),
        Err(NoReply::Unreachable(_)) => Fact::present(Answer::Unreachable, source),
        Err(NoReply::Tls(why)) if why.contains("CertificateRequired") || why.contains("BadCertificate") => {
            Fact::present(Answer::Tls(Distrust::WantsClientCertificate), source)
        }
        Err(NoReply::Tls(_)) => Fact::present(Answer::Tls(Distrust::Other), source),
        Err(NoReply::Garbled(_) | NoReply::TooLarge) => Fact::present(Answer::Garbled, source),
        Err(other) => Fact::unknown(other.gap(), source),
    }
}

/// 200 means anonymous access, 401 a login; the API header may be missing in OCI registries (distribution, spec/api.md).
fn answer(reply: &Reply) -> Answer {
    let says_so = reply.header("docker-distribution-api-version").is_some_and(|version| version.contains("registry/2"));
    let asks_login = reply.status == 401 && reply.header("www-authenticate").is_some();
    let is_json = reply.header("content-type").is_some_and(|kind| kind.contains("json"));
    let registry = match reply.status {
        200 => says_so || is_json,
        401 => says_so || asks_login,
        _ => false,
    };
    Answer::Http { status: reply.status, registry, server: reply.header("server").unwrap_or_default().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_told_from_other_servers() {
        let reply = |status, headers: &[(&str, &str)]| Reply {
            status,
            headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            body: Vec::new(),
        };
        assert!(answer(&reply(200, &[("docker-distribution-api-version", "registry/2.0")])).is_registry());
        assert!(answer(&reply(401, &[("www-authenticate", "Bearer realm=\"x\"")])).is_registry());
        assert!(answer(&reply(200, &[("content-type", "application/json")])).is_registry());
        for foreign in [
            reply(403, &[("server", "AirTunes/595.13.1")]),
            reply(404, &[]),
            reply(200, &[("content-type", "text/html")]),
        ] {
            assert!(!answer(&foreign).is_registry());
        }
    }
}
