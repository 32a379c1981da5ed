//! Reads port facts.

use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::port::PortFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(_host: &Host, _need: &Need, _docker: &DockerFacts) -> PortFacts {
    PortFacts::default()
}
