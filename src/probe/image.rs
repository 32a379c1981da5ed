//! Reads images that the daemon has, through its API; nothing is pulled.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::image::{ImageFacts, WantedImages};
use gdoctor_checks::model::need::Need;
use gdoctor_checks::readings::driver_package::installed_by;
use serde::Deserialize;

use crate::host::Host;

use super::docker::Asker;

pub fn probe(host: &Host, need: &Need) -> WantedImages {
    let daemon = Asker::new(host);
    let one = |reference: &String| {
        let fact = look(host, &daemon, reference);
        fact.map(|image| ImageFacts { driver_packages: driver_packages(host, &daemon, reference), ..image })
    };
    WantedImages { found: need.images.iter().map(|image| (image.what.clone(), one(&image.what))).collect() }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Layer {
    created_by: String,
}

/// By the commands that the image's history keeps.
fn driver_packages(host: &Host, daemon: &Asker, reference: &str) -> Fact<Vec<String>> {
    let source = format!("GET /images/{reference}/history");
    let layers = daemon.get::<Vec<Layer>>(host, &source["GET ".len()..], &source);
    layers.map(|layers| layers.iter().flat_map(|layer| installed_by(&layer.created_by)).collect())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Image {
    os: String,
    architecture: String,
    config: Option<Config>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    env: Option<Vec<String>>,
    volumes: Option<BTreeMap<String, serde_json::Value>>,
    user: Option<String>,
    entrypoint: Option<Vec<String>>,
}

/// `reference` as `docker run` takes it; Absent when it is not on the daemon's host.
pub fn look(host: &Host, daemon: &Asker, reference: &str) -> Fact<ImageFacts> {
    let source = format!("GET /images/{reference}/json");
    daemon.get::<Image>(host, &source["GET ".len()..], &source).map(|image| {
        let config = image.config.unwrap_or_default();
        let variables = config.env.unwrap_or_default().into_iter().filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            ImageFacts::keeps(name).then(|| (name.to_owned(), value.to_owned()))
        });
        ImageFacts {
            os: image.os,
            architecture: image.architecture,
            variables: variables.collect(),
            volumes: config.volumes.unwrap_or_default().into_keys().collect(),
            user: config.user.unwrap_or_default(),
            entrypoint: config.entrypoint.is_some_and(|words| !words.is_empty()),
            driver_packages: Fact::default(),
        }
    })
}
