//! How large an image is, packed, as its registry tells in the image's manifest.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::need::{Need, Registry};
use serde::Deserialize;

use crate::host::Host;
use crate::host::http::Client;

/// Manifests are small; an index has some kilobytes.
const CAP: usize = 1 << 20;
/// Indexes and manifests, of OCI and of Docker.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// The wanted images that lie in this registry, as they were asked for.
pub fn images(need: &Need, registry: &Registry) -> Vec<String> {
    let line = need.run.iter().filter_map(|line| line.image.as_ref()).map(|image| image.reference.clone());
    let all = line.chain(need.images.iter().map(|image| image.what.clone()));
    let prefix = format!("{registry}/");
    all.filter(|image| image.starts_with(&prefix)).collect()
}

/// Bytes of its layers as they are sent; Absent when the registry has no such image, or none for this architecture.
pub fn ask(host: &Host, client: &Client, image: &str, architecture: &str) -> Fact<u64> {
    let (name, reference) = parts(image);
    let source = format!("GET /v2/{name}/manifests/{reference}");
    match manifest(host, client, name, reference, &source) {
        Ok(Some(Manifest { manifests: Some(each), .. })) => {
            let fitting = |one: &&Entry| one.platform.os == "linux" && one.platform.architecture == architecture;
            let Some(one) = each.iter().find(fitting) else { return Fact::absent(source) };
            match manifest(host, client, name, &one.digest, &source) {
                Ok(found) => Fact::found(found.map(Manifest::bytes), source),
                Err(gap) => Fact::unknown(gap, source),
            }
        }
        Ok(found) => Fact::found(found.map(Manifest::bytes), source),
        Err(gap) => Fact::unknown(gap, source),
    }
}

/// `host:5000/team/app:1` → `team/app`, `1`; a digest beats a tag.
fn parts(image: &str) -> (&str, &str) {
    let rest = image.split_once('/').map_or(image, |(_, rest)| rest);
    if let Some((name, digest)) = rest.split_once('@') {
        return (name.split_once(':').map_or(name, |(name, _)| name), digest);
    }
    rest.split_once(':').unwrap_or((rest, "latest"))
}

fn manifest(host: &Host, client: &Client, name: &str, reference: &str, source: &str) -> Result<Option<Manifest>, Gap> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:".contains(c);
    if !name.chars().chain(reference.chars()).all(plain) {
        return Err(Gap::Unparsable(source.into()));
    }
    let path = format!("/v2/{name}/manifests/{reference}");
    let reply = client.get(&path, &[("accept", KINDS)], CAP, host.deadline).map_err(|why| why.gap())?;
    match reply.status {
        200 => serde_json::from_slice(&reply.body).map(Some).map_err(|why| Gap::Unparsable(why.to_string())),
        404 => Ok(None),
        401 => Err(Gap::Denied),
        status => Err(Gap::Unparsable(format!("HTTP status {status}"))),
    }
}

/// An index has `manifests`, an image `layers`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    manifests: Option<Vec<Entry>>,
    layers: Vec<Layer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    digest: String,
    platform: Platform,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Layer {
    size: u64,
}

impl Manifest {
    fn bytes(self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| layer.size.saturating_add(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_in_parts() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (image, name, reference) in [
            ("registry.lan:5000/app", "app", "latest"),
            ("registry.lan:5000/team/app:1.2", "team/app", "1.2"),
            (&format!("[::1]:5000/team/app@{digest}"), "team/app", digest.as_str()),
            (&format!("r:5000/app:1@{digest}"), "app", digest.as_str()),
        ] {
            assert_eq!(parts(image), (name, reference), "{image}");
        }
    }

    #[test]
    fn layers_are_summed_and_nothing_overflows() {
        let manifest = |text: &str| serde_json::from_str::<Manifest>(text).unwrap();
        let text = r#"{"schemaVersion":2,"config":{"size":7},"layers":[{"size":30,"digest":"x"},{"size":12}]}"#;
        assert_eq!(manifest(text).bytes(), 42);
        assert_eq!(manifest(r#"{"layers":[{"size":18446744073709551615},{"size":2}]}"#).bytes(), u64::MAX);
        assert_eq!(manifest("{}").bytes(), 0);
        assert!(manifest(r#"{"manifests":[]}"#).manifests.is_some());
    }
}
