//! Reads library facts.

use gdoctor_checks::model::facts::library::LibraryFacts;
use gdoctor_checks::model::need::Need;

use crate::host::Host;

pub fn probe(_host: &Host, _need: &Need) -> LibraryFacts {
    LibraryFacts::default()
}
