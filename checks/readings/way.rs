//! The ways in: by which of its four paths a GPU reaches a container of this engine, and which of them are closed and why.
//! Every finding about GPUs depends on it, because only the hook obeys NVIDIA_DRIVER_CAPABILITIES and NVIDIA_REQUIRE_*.

use alloc::string::ToString;
use core::fmt;

use super::asks::Asks;
use crate::model::check::Stop;
use crate::model::fact::{Gap, Source};
use crate::model::facts::Facts;
use crate::model::facts::docker::{EngineVersion, Info};
use crate::model::facts::host::Platform;
use crate::model::facts::library::{Found, Kind, look_up};
use crate::model::facts::toolkit::Program;
use crate::model::run::RunLine;
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
            Way::Hook => "dockerd's own NVIDIA hook",
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

    /// The one that the line takes: `--gpus` before a runtime before a CDI device.
    pub fn of_line(&self, line: &RunLine) -> Entry {
        if !line.gpus.is_empty() {
            self.gpus
        } else if line.nvidia_runtime().is_some() {
            self.runtime
        } else {
            self.device
        }
    }

    /// Where no way is open, the check that carries the cause: all others are blocked by it.
    pub fn culprit(&self) -> Option<&'static str> {
        if self.any_open() {
            return None;
        }
        Some(match self.gpus.err()? {
            Closed::NoProgram | Closed::CameLater => "nvidia-toolkit",
            Closed::NoSpec | Closed::CdiOff => "nvidia-cdi",
            Closed::Refused | Closed::NotRegistered => "nvidia-runtime",
            // podman knows no runtime of that name; the snap does.
            Closed::OtherEngine if self.runtime == Err(Closed::OtherEngine) => "nvidia-cdi",
            Closed::OtherEngine => "nvidia-runtime",
        })
    }

    /// The way that findings assume: that of `--gpus` where it is open, else `--runtime=nvidia`, else the device's name.
    pub fn usual(&self) -> Option<(&'static str, Way)> {
        let named =
            [("--gpus", self.gpus), ("--runtime=nvidia", self.runtime), ("--device nvidia.com/gpu=all", self.device)];
        named.into_iter().find_map(|(flag, entry)| Some((flag, entry.ok()?)))
    }
}

/// Engine and toolkit versions that changed the paths.
const CDI_BY_DEFAULT: [u32; 2] = [28, 2];
const CDI_AT_ALL: [u32; 2] = [25, 0];
const GPUS_BY_CDI: [u32; 2] = [29, 2];
const JIT_CDI_BY_DEFAULT: [u32; 2] = [1, 18];

/// Seconds by which a start time, counted from the boot in whole seconds, may be wrong.
const CLOCK_SLACK: i64 = 2;

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
        asks.are_switched_off() || self.toolkit.settings().and_then(|settings| settings.disable_require) == Some(true)
    }

    /// Stops with Unknown where engine or toolkit could not be read.
    pub fn ways(&self) -> Result<Ways, Stop> {
        let version = self.docker.version.known()?.ok_or_else(no_answer)?;
        let info = self.docker.info.known()?.ok_or_else(no_answer)?;
        if version.is_podman() {
            let device = if self.has_gpu_spec(info)? { Ok(Way::Podman) } else { Err(Closed::NoSpec) };
            return Ok(Ways { gpus: Err(Closed::OtherEngine), runtime: Err(Closed::OtherEngine), device });
        }
        let device = self.device(version, info)?;
        Ok(Ways { gpus: self.gpus(version, info, device)?, runtime: self.runtime(info)?, device })
    }

    /// From 29.2 on dockerd tries CDI and then the hook (moby/moby#50228, daemon/devices_nvidia_linux.go); moby/moby#52704, open
    /// since May 2026, would try the hook first.
    fn gpus(&self, version: &EngineVersion, info: &Info, device: Entry) -> Result<Entry, Stop> {
        if info.is_snap() {
            // The snap brings a toolkit of its own, and asks for its runtime to be named as well.
            return Ok(Err(Closed::OtherEngine));
        }
        if at_least(version, GPUS_BY_CDI) && device.is_ok() && self.seen_by_dockerd(self.toolkit.cdi_hook.known()?) {
            return Ok(Ok(Way::Cdi));
        }
        let hook = self.toolkit.hook.known()?;
        if self.seen_by_dockerd(hook) {
            return Ok(if self.hook_refuses() { Err(Closed::Refused) } else { Ok(Way::Hook) });
        }
        let cdi_hook = self.toolkit.cdi_hook.known()?;
        Ok(Err(match (hook, cdi_hook) {
            (Some(_), _) => Closed::CameLater,
            (None, Some(_)) if !at_least(version, GPUS_BY_CDI) => Closed::NoProgram,
            (None, Some(program)) if self.came_after_dockerd(program) => Closed::CameLater,
            (None, Some(_)) => device.err().unwrap_or(Closed::NoSpec),
            (None, None) => Closed::NoProgram,
        }))
    }

    fn runtime(&self, info: &Info) -> Result<Entry, Stop> {
        let Some(runtime) = info.runtimes.get("nvidia") else { return Ok(Err(Closed::NotRegistered)) };
        if self.toolkit.registered_program.is_absent() {
            return Ok(Err(Closed::NoProgram));
        }
        let settings = self.toolkit.settings().unwrap_or_default();
        let mode = match runtime.path.rsplit('.').next() {
            Some("cdi") => "cdi",
            Some("legacy") => "legacy",
            _ if info.is_snap() => "cdi",
            _ => settings.nvidia_container_runtime.mode.as_deref().unwrap_or("auto"),
        };
        Ok(Ok(match mode {
            "legacy" => Way::LegacyRuntime,
            "cdi" => Way::CdiRuntime,
            "jit-cdi" => Way::JitCdi,
            "csv" => Way::Csv,
            _ if self.is_csv_platform() => Way::Csv,
            _ => {
                let version = self.toolkit.version.known()?.and_then(|text| Version::leading(text));
                let version = version.ok_or_else(|| unknown("the toolkit's version is not known"))?;
                if version >= Version::new(&JIT_CDI_BY_DEFAULT) { Way::JitCdi } else { Way::LegacyRuntime }
            }
        }))
    }

    fn device(&self, version: &EngineVersion, info: &Info) -> Result<Entry, Stop> {
        if !self.cdi_is_on(version, info) {
            return Ok(Err(Closed::CdiOff));
        }
        Ok(if self.has_gpu_spec(info)? { Ok(Way::Cdi) } else { Err(Closed::NoSpec) })
    }

    /// By what the daemon says of itself; where it says nothing, by its version and its daemon.json.
    pub fn cdi_is_on(&self, version: &EngineVersion, info: &Info) -> bool {
        let said = !info.cdi_spec_dirs.is_empty() || !info.discovered_devices.is_empty();
        let written = self.toolkit.daemon_file().and_then(|file| file.cdi);
        said || match written {
            Some(on) => on && at_least(version, CDI_AT_ALL),
            None => at_least(version, CDI_BY_DEFAULT),
        }
    }

    fn has_gpu_spec(&self, info: &Info) -> Result<bool, Stop> {
        if info.discovered_devices.iter().any(|device| device.id.starts_with("nvidia.com/gpu=")) {
            return Ok(true);
        }
        let specs = self.toolkit.specs.known()?;
        let defines = |spec: &crate::model::facts::toolkit::Spec| {
            spec.devices().is_some_and(|devices| devices.kind == "nvidia.com/gpu" && !devices.names.is_empty())
        };
        Ok(specs.is_some_and(|specs| specs.iter().any(defines)))
    }

    fn seen_by_dockerd(&self, program: Option<&Program>) -> bool {
        program.is_some_and(|program| !self.came_after_dockerd(program))
    }

    /// dockerd looks for the toolkit's programs once, at its start, and this one came later. Where the toolkit's own
    /// configuration or its runtime was there before, it was only upgraded, and dockerd did see its forerunner.
    pub fn came_after_dockerd(&self, program: &Program) -> bool {
        let registered = self.docker.info.value().is_some_and(|info| info.runtimes.contains_key("nvidia"));
        let started = self.toolkit.daemon_started.value();
        started.is_some_and(|started| program.changed > started.saturating_add(CLOCK_SLACK))
            && !registered
            && !self.toolkit.configured_before_dockerd()
    }

    /// The hook serves legacy mode only: other modes make it refuse, unless it is told not to look at the mode.
    fn hook_refuses(&self) -> bool {
        let Some(settings) = self.toolkit.settings() else { return false };
        if settings.nvidia_container_runtime_hook.skip_mode_detection == Some(true) {
            return false;
        }
        match settings.nvidia_container_runtime.mode.as_deref() {
            Some("cdi" | "csv" | "jit-cdi") => true,
            Some("legacy") => false,
            _ => self.is_csv_platform(),
        }
    }

    /// A Jetson without NVML.
    fn is_csv_platform(&self) -> bool {
        let jetson = self.host.platform.value() == Some(&Platform::Jetson);
        let libraries = self.library.found.value().map(|found| found.as_slice()).unwrap_or_default();
        jetson && !matches!(look_up(libraries, "libnvidia-ml", Kind::Native, None), Found::Fits(_))
    }
}

fn at_least(version: &EngineVersion, least: [u32; 2]) -> bool {
    Version::leading(&version.version).is_some_and(|version| version >= Version::new(&least))
}

fn no_answer() -> Stop {
    Stop::blocked_by("docker-engine")
}

fn unknown(why: &str) -> Stop {
    Stop::Unknown(Gap::Unsupported(why.to_string()), Source::default())
}
