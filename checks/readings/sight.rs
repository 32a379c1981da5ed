//! What of the engine's machine can be seen from where gdoctor stands: it may run inside a container, and the engine may run on
//! another machine.

use crate::model::check::Tells;
use crate::model::fact::Gap;
use crate::model::fact::Stop;
use crate::model::facts::Facts;
use crate::model::facts::host::Platform;
use crate::model::finding::ELSEWHERE;
use crate::model::need::{Need, Origin};

/// Why nothing is told of the host's files from inside a container.
pub const INSIDE: &str = "gdoctor runs inside a container and sees its files and networks, not the host's; --root takes the \
    place where the host's root is mounted";

/// The look that sees them, from a container with the host's root and networks.
pub const INSIDE_LOOK: &str = "docker run --rm --pid host --network host -v /:/host:ro -v /var/run/docker.sock:/var/run/docker.sock IMAGE gdoctor --root /host";

/// Why nothing is told of a path that only the engine's machine has.
pub const ENGINE_FILES: &str =
    "the engine runs on another machine or in a virtual one, whose files are not seen from here";

impl Facts {
    /// Who asks in words for something of the engine's machine where that cannot be looked at from here. docker-kind tells of it for
    /// all checks. Of Docker Desktop's machine it is known what it does not have, and other checks say so.
    pub fn unseen_wish<'a>(&self, need: &'a Need) -> Option<&'a Origin> {
        if !self.docker.is_elsewhere() {
            return None;
        }
        let desktop = self.docker.info.value().is_some_and(|info| info.is_desktop());
        let wsl = self.host.platform.value() == Some(&Platform::Wsl);
        let gpu = need.gpu.iter().map(|wish| &wish.by).chain(need.fitness());
        let gpu = gpu.chain(need.capabilities.iter().map(|wish| &wish.by)).chain(need.codecs());
        let display = need.display.iter().chain(&need.display_access);
        let cameras = need.cameras.iter().map(|wish| &wish.by);
        let registries = need.registries.iter().map(|wish| &wish.by);
        let others = need.ports.iter().map(|wish| &wish.by).chain(need.disk.iter().map(|wish| &wish.by));
        gpu.filter(|_| !desktop || wsl)
            .chain(display.filter(|_| !desktop && !wsl))
            .chain(cameras.filter(|_| !desktop))
            // Whether a line's image has to be pulled at all the engine tells.
            .chain(registries.filter(|by| matches!(by, Origin::Flag(_))))
            .chain(others)
            .find(|by| by.is_explicit())
    }

    /// Why a check that tells of this is not judged from here, where somebody in this need wants it; `None` where it can be. What
    /// is asked for in words waits for the one who tells that it was not looked at.
    pub fn not_judged(&self, tells: Tells, need: &Need, by: &Origin) -> Option<Stop> {
        let stop = self.out_of_sight(tells)?;
        // Docker itself, and a line as a whole, are no wish for something of that machine.
        let whole = need.docker.iter().chain(need.run.iter().filter_map(|line| line.by.as_ref()));
        let asked = by.is_explicit() && !whole.into_iter().any(|one| one == by) && self.unseen_wish(need).is_some();
        Some(if asked && stop == Stop::NotNeeded(ELSEWHERE) { Stop::blocked_by("docker-kind") } else { stop })
    }

    /// Why nothing that tells of this can be seen from here; `None` where it can be.
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
