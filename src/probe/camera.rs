//! Reads camera facts.

use gdoctor_checks::model::facts::camera::CameraFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(_host: &Host, _need: &Need) -> CameraFacts {
    CameraFacts::default()
}
