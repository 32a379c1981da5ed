//! The ways in: by which of its four paths a GPU reaches a container of this engine, and which of them are closed and why.
//! Every finding about GPUs depends on it, because only the hook obeys NVIDIA_DRIVER_CAPABILITIES and NVIDIA_REQUIRE_*.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::asks::Asks;
use super::passage::registry::Registry;
use super::passage::{Container, Passage, Refusal};
use crate::model::fact::Stop;
use crate::model::facts::Facts;
use crate::model::facts::host::Platform;
use crate::model::facts::library::{Found, Kind, look_up};
use crate::model::facts::toolkit::Program;
use crate::model::need::Need;
use crate::model::version::Version;

/// Who puts the GPU into the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// dockerd adds the toolkit's prestart hook (path C).
    Hook,
    /// dockerd reads CDI specs (path D).
    Cdi,
    /// podman reads CDI specs.
    Podman,
    /// nvidia-container-runtime adds the hook (path A).
    LegacyRuntime,
    /// nvidia-container-runtime makes a CDI spec for each container (path B).
    JitCdi,
    /// nvidia-container-runtime reads CDI specs (path B with mode = "cdi").
    CdiRuntime,
    /// nvidia-container-runtime reads a Jetson's csv lists.
    Csv,
}

impl Way {
    /// Only libraries of the capabilities that the container names are brought, and NVIDIA_REQUIRE_* is checked.
    pub fn obeys_capabilities(self) -> bool {
        matches!(self, Way::Hook | Way::LegacyRuntime)
    }

    /// Spec files on disk decide what a container gets.
    pub fn reads_specs(self) -> bool {
        matches!(self, Way::Cdi | Way::Podman | Way::CdiRuntime)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Hook => "Docker's built-in NVIDIA hook",
            Way::Cdi => "dockerd's CDI",
            Way::Podman => "podman's CDI",
            Way::LegacyRuntime => "nvidia-container-runtime's hook (legacy mode)",
            Way::JitCdi => "nvidia-container-runtime's own CDI (jit-cdi mode)",
            Way::CdiRuntime => "nvidia-container-runtime's CDI specs (cdi mode)",
            Way::Csv => "nvidia-container-runtime's lists (csv mode)",
        })
    }
}

/// Why a way in is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The program that it needs is not on dockerd's PATH.
    NoProgram,
    /// That program came after dockerd had looked for it.
    CameLater,
    /// The toolkit's mode makes the hook refuse.
    Refused,
    /// The engine has no runtime named nvidia.
    NotRegistered,
    /// The engine's CDI support is off.
    CdiOff,
    /// No CDI spec defines an NVIDIA GPU.
    NoSpec,
    /// This engine does not take GPUs that way at all.
    OtherEngine,
    /// It leads somewhere, and no GPU comes of it.
    Empty,
    /// What decides cannot be seen from here, or not any more.
    NotKnown,
}

pub type Entry = Result<Way, Closed>;

/// What the three ways to ask for a GPU lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// `--gpus`.
    pub gpus: Entry,
    /// `--runtime=nvidia`.
    pub runtime: Entry,
    /// `--device nvidia.com/gpu=…`.
    pub device: Entry,
}

impl Ways {
    pub fn any_open(&self) -> bool {
        self.gpus.is_ok() || self.runtime.is_ok() || self.device.is_ok()
    }

    /// Where no way is open, the check that carries the cause: all others are blocked by it.
    pub fn culprit(&self) -> Option<&'static str> {
        if self.any_open() {
            return None;
        }
        Some(match self.gpus.err()? {
            Closed::NoProgram | Closed::CameLater => "nvidia-toolkit",
            Closed::NoSpec | Closed::CdiOff => "nvidia-cdi",
            // The mode is the runtime's, which would need a spec.
            Closed::Refused if matches!(self.runtime, Err(Closed::NoSpec | Closed::CdiOff)) => "nvidia-cdi",
            Closed::Refused | Closed::NotRegistered => "nvidia-runtime",
            // podman knows no runtime of that name; the snap does.
            Closed::OtherEngine if self.runtime == Err(Closed::OtherEngine) => "nvidia-cdi",
            Closed::OtherEngine => "nvidia-runtime",
            Closed::Empty => "nvidia-config",
            Closed::NotKnown => return None,
        })
    }

    /// The way that findings assume where no line is given: that of `--gpus` where it is open, else `--runtime=nvidia`, else the device's name.
    pub fn usual(&self) -> Option<(&'static str, Way)> {
        let named =
            [("--gpus", self.gpus), ("--runtime=nvidia", self.runtime), ("--device nvidia.com/gpu=all", self.device)];
        named.into_iter().find_map(|(flag, entry)| Some((flag, entry.ok()?)))
    }
}

/// Seconds by which a start time, counted from the boot in whole seconds, may be wrong.
const CLOCK_SLACK: i64 = 2;

impl Passage {
    /// Open or closed, whatever else may be wrong with it.
    pub fn entry(&self) -> Entry {
        match &self.refused {
            Some(Refusal::NoRuntimeProgram { .. } | Refusal::HookGone) => Err(Closed::NoProgram),
            Some(refusal) if refusal.closes_the_way() => Err(closed(refusal)),
            // Of the kind that config.toml sets in this one's place.
            Some(refusal) if refusal.other_kind().is_some() => Err(Closed::NoSpec),
            _ => self.way().ok_or(Closed::Empty),
        }
    }
}

fn closed(refusal: &Refusal) -> Closed {
    match refusal {
        Refusal::NoProgram => Closed::NoProgram,
        Refusal::CameLater => Closed::CameLater,
        Refusal::CdiOff | Refusal::NoFolders => Closed::CdiOff,
        Refusal::Unresolvable { .. } => Closed::NoSpec,
        Refusal::NoRuntime(_) => Closed::NotRegistered,
        Refusal::HookRefuses(_) => Closed::Refused,
        _ => Closed::OtherEngine,
    }
}

pub const KIND: &str = "nvidia.com/gpu";

impl Facts {
    /// What every check of this host's side of GPUs asks first: there is a GPU for a driver to use.
    pub fn has_a_driven_gpu(&self) -> Result<(), Stop> {
        // Asked as the driver's check, it hears of what is before the driver only: the GPU.
        match self.nvidia.blocker(&self.host, "nvidia-driver") {
            Some(cause) => Err(Stop::blocked_by(cause)),
            None => Ok(()),
        }
    }

    /// Nobody checks NVIDIA_REQUIRE_* of a container with these variables: they say so, or the toolkit's settings do.
    pub fn switches_requirements_off(&self, asks: Asks<'_>) -> bool {
        asks.are_switched_off()
            || self.toolkit.hook_settings().and_then(|settings| settings.disable_require) == Some(true)
    }

    /// podman runs this line's container, whatever engine answers as docker's; or it answers itself.
    pub fn is_of_podman(&self, need: &Need) -> bool {
        let answers = self.docker.version.value().is_some_and(|version| version.is_podman());
        need.run.as_ref().map_or_else(|| self.is_podmans(), |line| line.podman || answers)
    }

    /// It cannot read the specs that nvidia-ctk writes: podman has CDI since 3.2, 4.0 knows specs up to 0.2.0, 4.1 those up to 0.4.0.
    pub fn podman_lacks_cdi(&self) -> bool {
        self.podman_version().is_some_and(|version| version < Version::new(&[4, 1]))
    }

    /// The ways of the engine that this need is about: podman needs no daemon, and its specs are files.
    pub fn ways_for(&self, need: &Need) -> Result<Ways, Stop> {
        if self.is_of_podman(need) { self.ways_of_podman() } else { self.ways() }
    }

    fn ways_of_podman(&self) -> Result<Ways, Stop> {
        let registry = Registry::of_podman(self)?;
        let named = !registry.names(KIND).is_empty() || !registry.is_whole();
        let device = if named { Ok(Way::Podman) } else { Err(Closed::NoSpec) };
        Ok(Ways { gpus: Err(Closed::OtherEngine), runtime: Err(Closed::OtherEngine), device })
    }

    /// What each way of asking leads to here, for a container of which nothing else is known. Stops with Unknown where engine or
    /// toolkit could not be read.
    pub fn ways(&self) -> Result<Ways, Stop> {
        if self.is_podmans() {
            return self.ways_of_podman();
        }
        self.docker.version.known()?.ok_or_else(no_answer)?;
        let info = self.docker.info.known()?.ok_or_else(no_answer)?;
        let names = self.cdi_names()?;
        let any = names.iter().find(|name| *name == "all").or(names.first()).map_or("all", String::as_str);
        let mut unseen = None;
        let mut entry = |container: Container| match self.passage(&container) {
            Ok(passage) => passage.entry(),
            Err(stop) => {
                unseen.get_or_insert(stop);
                Err(Closed::NotKnown)
            }
        };
        let gpus = match info.is_snap() {
            true => Err(Closed::OtherEngine),
            false => entry(Container::with_gpus(&["all"])),
        };
        let ways = Ways {
            gpus,
            runtime: entry(Container::with_runtime(&["all"])),
            device: entry(Container::with_names(&[any])),
        };
        match unseen {
            // Nothing is known of one, and the others do not lead in: then nothing is known.
            Some(stop) if !ways.any_open() => Err(stop),
            _ => Ok(ways),
        }
    }

    /// GPUs by their CDI names as dockerd resolves them, or podman.
    pub fn cdi_names(&self) -> Result<Vec<String>, Stop> {
        let registry = match self.is_podmans() {
            true => Registry::of_podman(self)?,
            false => Registry::of_engine(self, self.docker.info.known()?.ok_or_else(no_answer)?)?,
        };
        Ok(registry.names(KIND).into_iter().map(ToString::to_string).collect())
    }

    /// dockerd looks for the toolkit's programs once, at its start, and this one came later: a reload looks for none. Where the
    /// toolkit's own configuration was there before, it was only upgraded, and dockerd did see its forerunner.
    pub fn came_after_dockerd(&self, program: &Program) -> bool {
        let started = self.toolkit.daemon_started.value();
        started.is_some_and(|started| program.changed > started.saturating_add(CLOCK_SLACK))
            && !self.toolkit.configured_before_dockerd()
    }

    /// A Jetson without NVML, or whose GPU is not NVML's: the toolkit's mode auto then takes csv (its internal/info, resolver).
    pub fn is_csv_platform(&self) -> bool {
        let jetson = self.host.platform.value() == Some(&Platform::Jetson);
        let libraries = self.library.found.value().map(|found| found.as_slice()).unwrap_or_default();
        let by_nvgpu = self.nvidia.nvgpu.value().is_some() && self.nvidia.usable_gpus().next().is_none();
        jetson && (by_nvgpu || !matches!(look_up(libraries, "libnvidia-ml", Kind::Native, None), Found::Fits(_)))
    }
}

fn no_answer() -> Stop {
    Stop::blocked_by("docker-engine")
}
