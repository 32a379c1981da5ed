//! What of the engine's machine can be seen from where gdoctor stands: it may run inside a container, and the engine may run on
//! another machine.

use crate::model::check::Tells;
use crate::model::fact::Gap;
use crate::model::fact::Stop;
use crate::model::facts::Facts;
use crate::model::facts::host::Platform;
use crate::model::finding::ELSEWHERE;

/// Why nothing is told of the host's files from inside a container.
pub const INSIDE: &str = "gdoctor runs inside a container and sees its files and networks, not the host's; --root takes the \
    place where the host's root is mounted";

/// Why nothing is told of a path that only the engine's machine has.
pub const ENGINE_FILES: &str =
    "the engine runs on another machine or in a virtual one, whose files are not seen from here";

impl Facts {
    /// Why a check that tells of this is not judged from here; `None` where it can be.
    pub fn out_of_sight(&self, tells: Tells) -> Option<Stop> {
        let elsewhere = self.docker.is_elsewhere();
        match tells {
            Tells::Anywhere => None,
            Tells::Display if self.host.platform.value() == Some(&Platform::Wsl) => None,
            Tells::Machine | Tells::Display | Tells::Files if elsewhere => Some(Stop::NotNeeded(ELSEWHERE)),
            Tells::Files if self.host.is_application_container() => {
                Some(Stop::Unknown(Gap::Unsupported(INSIDE.into()), self.host.container.source.clone()))
            }
            Tells::Machine | Tells::Display | Tells::Files => None,
        }
    }
}
