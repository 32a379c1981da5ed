//! Reads display facts.

use gdoctor_checks::model::facts::display::DisplayFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(_host: &Host, _need: &Need) -> DisplayFacts {
    DisplayFacts::default()
}
