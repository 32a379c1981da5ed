//! What works until the machine is started again: made so late that nothing that runs at its start has made it, and nothing is seen
//! that will.

use alloc::string::String;

use crate::model::facts::Facts;
use crate::model::facts::nvidia::AtBoot;

/// Seconds within which a machine has come up, with slow disks and late units.
const START: i64 = 30 * 60;

impl Facts {
    /// True only where both times are known. A clock that was set after the start makes things look earlier, never later.
    pub fn is_made_by_hand(&self, made: i64) -> bool {
        let booted = self.host.booted.value();
        booted.is_some_and(|booted| *booted > 0 && made.saturating_sub(*booted) > START)
    }

    /// The machine's own files were looked through, and none of them makes this again. In a container they are others'.
    pub fn nothing_makes(&self, which: impl Fn(&AtBoot) -> &Option<String>) -> bool {
        let own = self.host.container.is_absent() && self.host.systemd.value().is_some();
        own && self.nvidia.at_boot.value().is_some_and(|at_boot| which(at_boot).is_none())
    }
}
