//! Makes the need of a run: what flags ask, what the host evidently has, what the usual guide suggests, in that order of rank.

mod flags;
mod host;

use gdoctor_checks::model::need::Need;

use crate::cli::Wishes;
use crate::host::Host;

/// Flags first; of each kind of thing that no flag speaks of, what the host shows and the guide suggests.
pub fn gather(wishes: &Wishes, host: &Host) -> Need {
    let mut need = flags::need(wishes);
    host::add(&mut need, host);
    need
}
