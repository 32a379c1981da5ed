//! Reads nvidia facts.

use gdoctor_checks::model::facts::nvidia::NvidiaFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(_host: &Host, _need: &Need) -> NvidiaFacts {
    NvidiaFacts::default()
}
