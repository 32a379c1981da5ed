//! Reads registry facts.

use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::registry::RegistryFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(_host: &Host, _need: &Need, _docker: &DockerFacts) -> RegistryFacts {
    RegistryFacts::default()
}
