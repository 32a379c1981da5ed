//! Reads disk facts.

use gdoctor_checks::model::facts::disk::DiskFacts;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(_host: &Host, _need: &Need, _docker: &DockerFacts) -> DiskFacts {
    DiskFacts::default()
}
