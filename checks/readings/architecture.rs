//! The architecture of the machine that containers run on.

use alloc::string::String;

use crate::model::facts::Facts;
use crate::model::facts::image::go_name;

impl Facts {
    /// The architecture of the daemon's machine, by Go's name; empty when nothing tells.
    pub fn architecture(&self) -> &str {
        let info = self.docker.info.value().map(|info| info.architecture.as_str()).filter(|name| !name.is_empty());
        go_name(info.or(self.host.machine.value().map(String::as_str)).unwrap_or_default())
    }
}
