//! The NVIDIA Container Toolkit as it is configured here: what its runtime and its hook both go by.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::container::Container;
use super::names::Selected;
use super::refusal::Refusal;
use super::{Brought, unknown};
use crate::model::fact::Gap;
use crate::model::fact::Stop;
use crate::model::facts::Facts;
use crate::model::facts::library::{Found, Kind, Library, look_up};
use crate::model::facts::nvidia::Start;
use crate::model::facts::toolkit::{Program, Settings};
use crate::model::require;
use crate::model::version::Version;
use crate::readings::asks::{Asks, words};

/// Versions of the toolkit that changed what its programs do.
pub(super) const JIT_CDI: [u32; 3] = [1, 18, 0];
/// "none" means none to the mode jit-cdi; before, it was all. Swarm's variables count in the runtime.
const PIVOTS: [u32; 3] = [1, 17, 7];
pub(super) const NONE_IS_NONE: [u32; 3] = [1, 19, 0];
const HOLDS_LDCONFIG: [u32; 3] = [1, 17, 3];
/// config.toml's `mode` came, with legacy and csv; then cdi.
const HAS_MODES: [u32; 3] = [1, 10, 0];
const HAS_CDI: [u32; 3] = [1, 11, 0];
/// A list keeps an empty place for each name that comes again.
const KEEPS_PLACES: [u32; 3] = [1, 12, 0];
/// The mode cdi takes what annotations ask for in the place of the variable; the mode auto does from `JIT_CDI` on.
pub(super) const BY_ANNOTATION: [u32; 3] = [1, 13, 0];
/// The mode auto takes CDI names for the mode cdi.
pub(super) const AUTO_CDI: [u32; 3] = [1, 14, 0];
/// CDI names by mounts, and those of the vendor runtime.nvidia.com.
pub(super) const AUTOMATIC_NAMES: [u32; 3] = [1, 15, 0];

pub(super) const VISIBLE: &str = "NVIDIA_VISIBLE_DEVICES";

/// The toolkit as it is configured here.
pub struct Toolkit<'a> {
    pub(super) facts: &'a Facts,
    /// `None`: config.toml is malformed.
    pub(super) settings: Option<Settings>,
    /// These are those of config.toml, and not the defaults of a hook that does not read it.
    pub(super) is_configured: bool,
    pub(super) version: Option<Version>,
    /// Its programs are on dockerd's PATH: those that are not are then missing, and not elsewhere as the GPU operator's are.
    pub is_on_path: bool,
}

/// The container while it is prepared.
#[derive(Default)]
pub struct Work {
    pub variables: BTreeMap<String, String>,
    mounted: Vec<String>,
    annotations: BTreeMap<String, String>,
    pub(super) is_admin: bool,
    /// dockerd, or the runtime, has put the hook in.
    pub hook: bool,
}

impl Work {
    pub fn of(container: &Container) -> Self {
        let Container { variables, mounted, annotations, is_admin, .. } = container.clone();
        Self { variables, mounted, annotations, is_admin, hook: false }
    }
}

impl<'a> Toolkit<'a> {
    pub fn of(facts: &'a Facts) -> Self {
        let toolkit = &facts.toolkit;
        Self {
            facts,
            settings: toolkit.settings(),
            is_configured: true,
            version: toolkit.version.value().and_then(|text| Version::leading(text)),
            is_on_path: [&toolkit.runtime, &toolkit.ctk, &toolkit.hook].iter().any(|program| program.value().is_some()),
        }
    }

    /// The same as the hook sees it.
    pub fn of_hook(self) -> Self {
        match self.facts.toolkit.hook_reads_config() {
            true => self,
            false => Self { settings: self.facts.toolkit.hook_settings(), is_configured: false, ..self },
        }
    }

    pub(super) fn is_at_least(&self, version: [u32; 3]) -> bool {
        self.version.as_ref().is_none_or(|own| *own >= Version::new(&version))
    }

    /// update-ldcache, a hook of every spec that the toolkit makes, calls pivot_root from 1.17.7 on, and does without where it is
    /// refused from 1.19.0 on (CHANGELOG.md; its issue 1385).
    pub(super) fn needs_pivot(&self) -> bool {
        let within = |own: &Version| *own >= Version::new(&PIVOTS) && *own < Version::new(&NONE_IS_NONE);
        self.version.as_ref().is_some_and(within)
    }

    /// The mode that config.toml or the program's own name sets; `auto` where neither does.
    fn set_mode(&self, program: &str) -> String {
        match program.rsplit('.').next() {
            _ if !self.is_at_least(HAS_MODES) => "legacy".to_string(),
            Some("cdi") => "cdi".to_string(),
            Some("legacy") => "legacy".to_string(),
            _ => {
                let set = self.settings.as_ref().and_then(|s| s.nvidia_container_runtime.mode.clone());
                set.unwrap_or_else(|| "auto".to_string())
            }
        }
    }

    fn default_mode(&self) -> Result<&'static str, Stop> {
        let version = self.version.as_ref().ok_or_else(|| unknown("the toolkit's version is not known"))?;
        Ok(if *version >= Version::new(&JIT_CDI) { "jit-cdi" } else { "legacy" })
    }

    /// What keeps either program from starting: config.toml.
    pub(super) fn config(&self) -> Result<Option<Refusal>, Stop> {
        if let Some(gap) = self.facts.toolkit.config.gap().filter(|_| self.is_configured) {
            return Err(Stop::Unknown(gap.clone(), self.facts.toolkit.config.source.clone()));
        }
        let Some(settings) = &self.settings else { return Ok(Some(Refusal::MalformedConfig)) };
        let of_container = settings.nvidia_container_cli.ldconfig.as_deref().filter(|path| !path.starts_with('@'));
        let allowed = settings.features.allow_ldconfig_from_container == Some(true);
        let held = self.is_at_least(HOLDS_LDCONFIG) && !allowed;
        Ok(of_container.filter(|_| held).map(|path| Refusal::LdconfigOfContainer(path.to_string())))
    }

    /// VisibleDevices of internal/config/image/cuda_image.go. `None`: no GPU is asked for; an empty name: none of them.
    pub(super) fn visible(&self, work: &Work, by_runtime: bool) -> Option<Vec<String>> {
        let settings = self.settings.as_ref()?;
        if settings.accept_nvidia_visible_devices_as_volume_mounts == Some(true) && !work.mounted.is_empty() {
            let newer = self.is_at_least(AUTOMATIC_NAMES);
            let name = |name: &String| if newer { by_mount(name) } else { name.clone() };
            return Some(work.mounted.iter().map(name).collect());
        }
        let swarm = settings.swarm_resource.as_deref().filter(|_| !by_runtime || self.is_at_least(NONE_IS_NONE));
        let swarm = words(swarm.unwrap_or_default());
        let set: Vec<&str> =
            swarm.iter().map(String::as_str).filter(|name| work.variables.contains_key(*name)).collect();
        let names = if set.is_empty() { Vec::from([VISIBLE]) } else { set };
        let values: Vec<&String> = names.iter().filter_map(|name| work.variables.get(*name)).collect();
        let mut asked: Vec<String> = values.iter().flat_map(|value| words(value)).collect();
        if values.is_empty() && Asks(&work.variables).is_legacy() {
            asked.push("all".to_string());
        }
        if asked.is_empty() || asked.iter().any(|name| name == "void") {
            return None;
        }
        let special = asked.iter().find(|name| ["all", "none"].contains(&name.as_str())).map(String::as_str);
        let asked = match special {
            Some("all") => Vec::from(["all".to_string()]),
            Some(_) => Vec::from([String::new()]),
            None if self.is_at_least(KEEPS_PLACES) => places(&asked),
            None => asked,
        };
        Some(asked).filter(|_| self.heeds_variables(work))
    }

    /// Variables count for this container.
    fn heeds_variables(&self, work: &Work) -> bool {
        let of_all =
            |settings: &Settings| settings.accept_nvidia_visible_devices_envvar_when_unprivileged != Some(false);
        work.is_admin || self.settings.as_ref().is_some_and(of_all)
    }

    /// ImexChannelRequests of internal/config/image/cuda_image.go, as far as variables ask.
    pub(super) fn channels(&self, work: &Work) -> Vec<String> {
        let ignored = self.settings.as_ref().and_then(|settings| settings.features.ignore_imex_channel_requests);
        let asked = work.variables.get("NVIDIA_IMEX_CHANNELS").map(|list| words(list)).unwrap_or_default();
        let none = asked.iter().any(|word| ["all", "none", "void"].contains(&word.as_str()));
        if ignored == Some(true) || none || !self.heeds_variables(work) { Vec::new() } else { asked }
    }

    /// What annotations ask for, in the order of their names: cdiDeviceRequestsFromAnnotations of internal/config/image/cuda_image.go.
    pub(super) fn annotated(&self, work: &Work) -> Vec<String> {
        let set = self.settings.as_ref().and_then(|s| s.nvidia_container_runtime.modes.cdi.annotation_prefixes.clone());
        let prefixes = set.unwrap_or_else(|| Vec::from(["cdi.k8s.io/".to_string()]));
        let asks = |name: &String| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
        let asking = work.annotations.iter().filter(|(name, _)| asks(name));
        asking.flat_map(|(_, list)| list.split(',').map(ToString::to_string)).collect()
    }

    /// It knows this mode.
    pub(super) fn knows(&self, mode: &str) -> bool {
        match mode {
            "jit-cdi" => self.is_at_least(JIT_CDI),
            "cdi" => self.is_at_least(HAS_CDI),
            mode => ["legacy", "csv"].contains(&mode),
        }
    }

    /// The mode that nvidia-container-runtime works in for this container, by the name of its program.
    pub(super) fn mode(&self, work: &Work, program: &str) -> Result<String, Stop> {
        let set = self.set_mode(program);
        if set != "auto" {
            return Ok(set);
        }
        let annotated = Some(self.annotated(work)).filter(|names| !names.is_empty() && self.is_at_least(JIT_CDI));
        let asked = annotated.or_else(|| self.visible(work, true)).unwrap_or_default();
        if self.is_at_least(AUTO_CDI) && !asked.is_empty() && asked.iter().all(|name| is_qualified(name)) {
            return Ok("cdi".to_string());
        }
        Ok(if self.is_csv_platform() { "csv" } else { self.default_mode()? }.to_string())
    }

    pub(super) fn requirements(&self, work: &Work, selected: &Selected) -> Result<Option<Refusal>, Stop> {
        let asks = Asks(&work.variables);
        if self.facts.switches_requirements_off(asks) || asks.conditions().is_empty() {
            return Ok(None);
        }
        let verdict = asks.verdict_for(self.facts, selected.indices.as_deref())?;
        Ok((verdict != require::Verdict::Met).then_some(Refusal::Requirement(verdict)))
    }

    /// Both open libnvidia-ml before anything else. What keeps it from starting may be the cause of an earlier check.
    pub(super) fn nvml(&self, brought: &mut Brought) -> Option<Refusal> {
        let start = &self.facts.nvidia.nvml.start;
        let cause = self.facts.nvidia.blocker(&self.facts.host, "nvidia-nvml").map(Stop::blocked_by);
        let gap = start.gap().filter(|gap| **gap != Gap::NotAsked);
        let unknown = gap.map(|gap| Stop::Unknown(gap.clone(), start.source.clone()));
        brought.doubt = brought.doubt.take().or(cause).or(unknown);
        start.value().filter(|start| **start != Start::Works && brought.doubt.is_none()).cloned().map(Refusal::Nvml)
    }

    pub(super) fn node(&self, name: &str, brought: &mut Brought) {
        let path = match name {
            "ctl" => "/dev/nvidiactl".to_string(),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => alloc::format!("/dev/nvidia{number}"),
            name => alloc::format!("/dev/nvidia-{name}"),
        };
        let there = self.facts.nvidia.nodes.value().is_some_and(|nodes| nodes.iter().any(|node| node.path == path));
        if there {
            brought.nodes.insert(path);
        }
    }

    pub(super) fn gpus(&self, selected: &Selected, brought: &mut Brought) {
        for index in selected.indices.iter().flatten() {
            let gpu = self.facts.nvidia.nvml.gpus.iter().find(|gpu| gpu.index == *index);
            let minor = gpu.and_then(|gpu| gpu.minor).unwrap_or(*index);
            self.node(&minor.to_string(), brought);
        }
    }

    /// Stems of the driver's libraries that are here in its own version.
    pub(super) fn libraries(&self, takes: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let found = self.facts.library.found.value().map(Vec::as_slice).unwrap_or_default();
        let driver = self.facts.nvidia.module.value().map(|module| module.version.as_str());
        let stem = |library: &Library| library.name.split(".so").next().unwrap_or_default().to_string();
        let fits = |stem: &String| matches!(look_up(found, stem, Kind::Native, driver), Found::Fits(_));
        found.iter().map(stem).filter(|stem| takes(stem) && fits(stem)).collect()
    }

    /// A Jetson without NVML.
    pub(super) fn is_csv_platform(&self) -> bool {
        self.facts.is_csv_platform()
    }
}

/// newDevices of internal/config/image/devices.go: a name counts at its last place, and each place before it is left empty.
fn places(names: &[String]) -> Vec<String> {
    let again = |at: usize, name: &String| names.iter().skip(at + 1).any(|later| later == name);
    names.iter().enumerate().map(|(at, name)| if again(at, name) { String::new() } else { name.clone() }).collect()
}

/// `/var/run/nvidia-container-devices/cdi/vendor/class/name` is a CDI name.
fn by_mount(name: &str) -> String {
    let Some(rest) = name.strip_prefix("cdi/") else { return name.to_string() };
    match rest.splitn(3, '/').collect::<Vec<_>>()[..] {
        [vendor, class, device] => alloc::format!("{vendor}/{class}={device}"),
        _ => rest.to_string(),
    }
}

/// `vendor.com/class=name`, as the parser of CDI takes it, roughly.
pub fn is_qualified(name: &str) -> bool {
    let Some((kind, device)) = name.split_once('=') else { return false };
    kind.split_once('/').is_some_and(|(vendor, class)| !vendor.is_empty() && !class.is_empty()) && !device.is_empty()
}

/// dockerd looks for the toolkit's programs once, at its start.
pub fn seen_by_dockerd(facts: &Facts, program: Option<&Program>) -> bool {
    program.is_some_and(|program| !facts.came_after_dockerd(program))
}
