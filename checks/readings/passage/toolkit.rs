//! nvidia-container-runtime and nvidia-container-runtime-hook: what each does to a container, in the order of their sources.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::container::Container;
use super::names::{self, Selected};
use super::refusal::Refusal;
use super::registry::Registry;
use super::{Brought, unknown};
use crate::model::fact::Gap;
use crate::model::fact::Stop;
use crate::model::facts::Facts;
use crate::model::facts::library::{self, Found, Kind, look_up};
use crate::model::facts::nvidia::Start;
use crate::model::facts::toolkit::{Program, Settings};
use crate::model::need::Capability;
use crate::model::require;
use crate::model::version::Version;
use crate::readings::asks::{Asks, words};
use crate::readings::way::Way;

/// Versions of the toolkit that changed what its programs do.
const JIT_CDI: [u32; 3] = [1, 18, 0];
/// "none" means none to the mode jit-cdi; before, it was all. Swarm's variables count in the runtime.
const NONE_IS_NONE: [u32; 3] = [1, 19, 0];
const HOLDS_LDCONFIG: [u32; 3] = [1, 17, 3];
const REMOVES_HOOK: [u32; 3] = [1, 17, 5];
const PASSES_COMPAT: [u32; 3] = [1, 17, 7];

const VISIBLE: &str = "NVIDIA_VISIBLE_DEVICES";
const CAPABILITIES: &str = "NVIDIA_DRIVER_CAPABILITIES";
const GPU: &str = "nvidia.com/gpu";
const AUTOMATIC: &str = "runtime.nvidia.com/gpu=";

/// The toolkit as it is configured here.
pub struct Toolkit<'a> {
    facts: &'a Facts,
    /// `None`: config.toml is malformed.
    settings: Option<Settings>,
    version: Option<Version>,
    /// Its programs are on dockerd's PATH: those that are not are then missing, and not elsewhere as the GPU operator's are.
    pub is_on_path: bool,
}

/// The container while it is prepared.
#[derive(Default)]
pub struct Work {
    pub variables: BTreeMap<String, String>,
    mounted: Vec<String>,
    is_admin: bool,
    /// dockerd, or the runtime, has put the hook in.
    pub hook: bool,
}

impl Work {
    pub fn of(container: &Container) -> Self {
        let (variables, mounted) = (container.variables.clone(), container.mounted.clone());
        Self { variables, mounted, is_admin: container.is_admin, hook: false }
    }
}

impl<'a> Toolkit<'a> {
    pub fn of(facts: &'a Facts) -> Self {
        let toolkit = &facts.toolkit;
        Self {
            facts,
            settings: toolkit.settings(),
            version: toolkit.version.value().and_then(|text| Version::leading(text)),
            is_on_path: [&toolkit.runtime, &toolkit.ctk, &toolkit.hook].iter().any(|program| program.value().is_some()),
        }
    }

    fn is_at_least(&self, version: [u32; 3]) -> bool {
        self.version.as_ref().is_none_or(|own| *own >= Version::new(&version))
    }

    /// The mode that config.toml or the program's own name sets; `auto` where neither does.
    fn set_mode(&self, program: &str) -> String {
        match program.rsplit('.').next() {
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
    fn config(&self) -> Result<Option<Refusal>, Stop> {
        if let Some(gap) = self.facts.toolkit.config.gap() {
            return Err(Stop::Unknown(gap.clone(), self.facts.toolkit.config.source.clone()));
        }
        let Some(settings) = &self.settings else { return Ok(Some(Refusal::MalformedConfig)) };
        let of_container = settings.nvidia_container_cli.ldconfig.as_deref().filter(|path| !path.starts_with('@'));
        let allowed = settings.features.allow_ldconfig_from_container == Some(true);
        let held = self.is_at_least(HOLDS_LDCONFIG) && !allowed;
        Ok(of_container.filter(|_| held).map(|path| Refusal::LdconfigOfContainer(path.to_string())))
    }

    /// VisibleDevices of internal/config/image/cuda_image.go. `None`: no GPU is asked for; an empty name: none of them.
    fn visible(&self, work: &Work, by_runtime: bool) -> Option<Vec<String>> {
        let settings = self.settings.as_ref()?;
        if settings.accept_nvidia_visible_devices_as_volume_mounts == Some(true) && !work.mounted.is_empty() {
            return Some(work.mounted.iter().map(|name| by_mount(name)).collect());
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
        let accepted = work.is_admin || settings.accept_nvidia_visible_devices_envvar_when_unprivileged != Some(false);
        let special = asked.iter().find(|name| ["all", "none"].contains(&name.as_str())).map(String::as_str);
        let asked = match special {
            Some("all") => Vec::from(["all".to_string()]),
            Some(_) => Vec::from([String::new()]),
            None => asked,
        };
        Some(asked).filter(|_| accepted)
    }

    /// The mode that nvidia-container-runtime works in for this container, by the name of its program.
    pub fn mode(&self, work: &Work, program: &str) -> Result<String, Stop> {
        let set = self.set_mode(program);
        if set != "auto" {
            return Ok(set);
        }
        let asked = self.visible(work, true).unwrap_or_default();
        if !asked.is_empty() && asked.iter().all(|name| is_qualified(name)) {
            return Ok("cdi".to_string());
        }
        Ok(if self.is_csv_platform() { "csv" } else { self.default_mode()? }.to_string())
    }

    /// nvidia-container-runtime: internal/runtime/runtime.go and internal/modifier.
    pub fn runtime(&self, work: &mut Work, program: &str, brought: &mut Brought) -> Result<Option<Refusal>, Stop> {
        if let Some(refusal) = self.config()? {
            return Ok(Some(refusal));
        }
        let settings = self.settings.clone().unwrap_or_default();
        if self.is_on_path && self.facts.toolkit.low_level.is_absent() {
            let named = settings.nvidia_container_runtime.runtimes.unwrap_or_default();
            return Ok(Some(Refusal::NoLowLevel(named)));
        }
        let mode = self.mode(work, program)?;
        let asked = self.visible(work, true);
        let (way, refusal) = match mode.as_str() {
            "legacy" => {
                work.hook = true;
                return Ok(None);
            }
            "csv" => (Way::Csv, None),
            "cdi" => {
                work.hook &= !self.is_at_least(REMOVES_HOOK);
                (Way::CdiRuntime, self.by_specs(work, asked.as_deref(), &settings, brought)?)
            }
            "jit-cdi" if self.is_at_least(JIT_CDI) => {
                work.hook = false;
                (Way::JitCdi, self.made_for_it(work, asked.as_deref(), brought)?)
            }
            mode => return Ok(Some(Refusal::Mode(mode.to_string()))),
        };
        if asked.is_some() {
            brought.ways.push(way);
        }
        Ok(refusal)
    }

    /// Mode cdi: the names, of the kind that config.toml sets where they name none, in the specs of its folders.
    fn by_specs(
        &self,
        work: &mut Work,
        asked: Option<&[String]>,
        settings: &Settings,
        brought: &mut Brought,
    ) -> Result<Option<Refusal>, Stop> {
        let Some(asked) = asked else { return Ok(None) };
        let mode = &settings.nvidia_container_runtime.modes.cdi;
        let kind = mode.default_kind.as_deref().unwrap_or(GPU);
        let none = if self.is_at_least(NONE_IS_NONE) { "none" } else { "" };
        let qualified = |name: &String| match (is_qualified(name), name.as_str()) {
            (true, name) => name.to_string(),
            (false, "") => alloc::format!("{kind}={none}"),
            (false, name) => alloc::format!("{kind}={name}"),
        };
        let names: Vec<String> = asked.iter().map(qualified).collect();
        let automatic: Vec<String> =
            names.iter().filter_map(|name| name.strip_prefix(AUTOMATIC)).map(ToString::to_string).collect();
        if automatic.len() == names.len() {
            return self.made_for_it(work, Some(&automatic), brought);
        }
        let registry = Registry::of_runtime(self.facts, mode.spec_dirs.as_deref(), self.version.as_ref())?;
        let injected = match registry.inject(&names)? {
            Ok(injected) => injected,
            Err((refusal, _)) => return Ok(Some(refusal)),
        };
        if let Some(value) = &injected.visible {
            work.variables.insert(VISIBLE.to_string(), value.clone());
        }
        Ok(brought.take(injected))
    }

    /// Mode jit-cdi: a spec made from what NVML tells and the files that are there.
    fn made_for_it(
        &self,
        work: &mut Work,
        asked: Option<&[String]>,
        brought: &mut Brought,
    ) -> Result<Option<Refusal>, Stop> {
        let Some(asked) = asked else { return Ok(None) };
        if let Some(refusal) = self.nvml(brought) {
            return Ok(Some(refusal));
        }
        let none = if self.is_at_least(NONE_IS_NONE) { "none" } else { "all" };
        let ids: Vec<String> =
            asked.iter().map(|id| if id.is_empty() { none.to_string() } else { id.clone() }).collect();
        let ids = ids.iter().map(|id| id.strip_prefix(AUTOMATIC).unwrap_or(id).to_string()).collect::<Vec<_>>();
        if let Some(qualified) = ids.iter().find(|id| is_qualified(id)) {
            // Names of specs beside others: the spec that is made has none of them.
            return Ok(Some(Refusal::NoNameHere(qualified.clone())));
        }
        let selected = match names::by_runtime(self.facts, &ids) {
            Ok(selected) => selected,
            Err(refusal) => return Ok(Some(refusal)),
        };
        let ctk = self.settings.as_ref().and_then(|settings| settings.nvidia_ctk.path.as_deref());
        let ctk_is_absolute = ctk.is_some_and(|path| path.starts_with('/'));
        if self.is_on_path && self.facts.toolkit.ctk.is_absent() && !ctk_is_absolute {
            return Ok(Some(Refusal::NoCtk));
        }
        work.variables.insert(VISIBLE.to_string(), "void".to_string());
        for node in ["modeset", "uvm", "uvm-tools", "ctl"] {
            self.node(node, brought);
        }
        self.gpus(&selected, brought);
        brought.libraries.extend(self.libraries(|_| true));
        Ok(None)
    }

    /// nvidia-container-runtime-hook, and nvidia-container-cli that it becomes.
    pub fn hook(&self, work: &Work, program: &'static str, brought: &mut Brought) -> Result<Option<Refusal>, Stop> {
        let path = self.settings.as_ref().and_then(|s| s.nvidia_container_runtime_hook.path.as_deref());
        let elsewhere = program == RUNTIME && path.is_some_and(|path| path.starts_with('/'));
        if self.facts.toolkit.hook.is_absent() && self.is_on_path && !elsewhere {
            return Ok(Some(Refusal::HookGone));
        }
        if let Some(refusal) = self.config()? {
            return Ok(Some(refusal));
        }
        let settings = self.settings.clone().unwrap_or_default();
        let all = Capability::ALL.map(|one| one.word().to_string());
        let supported = settings.supported_driver_capabilities.as_deref().filter(|list| *list != "all");
        let supported = supported.map_or(all.to_vec(), words);
        if supported.iter().any(|word| !all.contains(word)) {
            let value = settings.supported_driver_capabilities.clone().unwrap_or_default();
            return Ok(Some(Refusal::SupportedCapabilities(value)));
        }
        let Some(devices) = self.visible(work, false) else { return Ok(None) };
        brought.ways.push(if program == RUNTIME { Way::LegacyRuntime } else { Way::Hook });
        for variable in ["NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES"] {
            let set = work.variables.get(variable).is_some_and(|value| !value.is_empty());
            if set && !work.is_admin {
                return Ok(Some(Refusal::MigWithoutRights(variable)));
            }
        }
        let wanted = match capabilities(&work.variables, &supported) {
            Ok(wanted) => wanted,
            Err(refusal) => return Ok(Some(refusal)),
        };
        if let Some(refusal) = self.mode_of_hook(&devices, &settings)? {
            return Ok(Some(refusal));
        }
        self.cli(work, &devices, &wanted, &settings, brought)
    }

    /// assertModeIsLegacy of cmd/nvidia-container-runtime-hook/hook_config.go.
    fn mode_of_hook(&self, devices: &[String], settings: &Settings) -> Result<Option<Refusal>, Stop> {
        if settings.nvidia_container_runtime_hook.skip_mode_detection == Some(true) {
            return Ok(None);
        }
        let mode = settings.nvidia_container_runtime.mode.as_deref().unwrap_or("auto");
        Ok(match mode {
            "legacy" => None,
            "auto" if devices.iter().all(|name| is_qualified(name)) => {
                Some(Refusal::CdiNameAtHook(devices.first().cloned().unwrap_or_default()))
            }
            "auto" if self.is_csv_platform() => Some(Refusal::HookRefuses("csv".to_string())),
            "auto" => None,
            mode => Some(Refusal::HookRefuses(mode.to_string())),
        })
    }

    /// configure_command of libnvidia-container's src/cli/configure.c.
    fn cli(
        &self,
        work: &Work,
        devices: &[String],
        wanted: &BTreeSet<String>,
        settings: &Settings,
        brought: &mut Brought,
    ) -> Result<Option<Refusal>, Stop> {
        let toolkit = &self.facts.toolkit;
        if self.is_on_path && toolkit.cli.is_absent() {
            return Ok(Some(Refusal::NoCli));
        }
        let mode = settings.nvidia_container_runtime.modes.legacy.cuda_compat_mode.as_deref().unwrap_or("ldconfig");
        let known_mode = ["ldconfig", "mount", "disabled", "hook"].contains(&mode);
        let passes = known_mode || settings.features.allow_cuda_compat_libs_from_container != Some(true);
        let new = self.version.as_ref().is_some_and(|own| *own >= Version::new(&PASSES_COMPAT));
        if new && passes && toolkit.cli_knows_compat.value() == Some(&false) {
            return Ok(Some(Refusal::OldCli));
        }
        if let Some(refusal) = self.nvml(brought) {
            return Ok(Some(refusal));
        }
        let rootless = self.facts.docker.info.value().is_some_and(|info| info.is_rootless());
        let nested = toolkit.user_namespace.value() == Some(&true);
        if settings.nvidia_container_cli.no_cgroups != Some(true) && (rootless || nested) {
            return Ok(Some(Refusal::Cgroups));
        }
        let selected = match names::by_hook(self.facts, devices) {
            Ok(selected) => selected,
            Err(refusal) => return Ok(Some(refusal)),
        };
        match self.requirements(work, &selected) {
            Ok(None) | Err(Stop::Unknown(Gap::NotAsked, _)) => {}
            Ok(refusal) => return Ok(refusal),
            Err(stop) => brought.doubt = brought.doubt.take().or(Some(stop)),
        }
        let nodes = self.facts.nvidia.nodes.value().filter(|_| self.facts.host.platform.value().is_none());
        let started = self.facts.nvidia.nvml.start.value() == Some(&Start::Works);
        if started && nodes.is_some_and(|nodes| nodes.iter().all(|node| node.path != "/dev/nvidiactl")) {
            // NVML works through this node: where it does and the node is gone, nobody makes it anew.
            return Ok(Some(Refusal::NoControlNode));
        }
        self.by_cli(&selected, wanted, brought);
        if toolkit.ldconfig.is_absent() {
            let path = settings.nvidia_container_cli.ldconfig.as_deref().unwrap_or("@/sbin/ldconfig");
            return Ok(Some(Refusal::NoLdconfig(path.trim_start_matches('@').to_string())));
        }
        Ok(None)
    }

    /// Which libraries and nodes come with which capability: src/options.h and src/nvc_mount.c of libnvidia-container.
    fn by_cli(&self, selected: &Selected, wanted: &BTreeSet<String>, brought: &mut Brought) {
        let has = |word: Capability| wanted.contains(word.word());
        let computes = has(Capability::Compute) || has(Capability::Video);
        for (node, comes) in
            [("ctl", true), ("uvm", computes), ("uvm-tools", computes), ("modeset", has(Capability::Display))]
        {
            if comes {
                self.node(node, brought);
            }
        }
        self.gpus(selected, brought);
        let groups = Capability::ALL.into_iter().filter(|one| *one != Capability::Compat32 && has(*one));
        let groups: Vec<Capability> = groups.collect();
        let of_group = |stem: &str| {
            groups.iter().any(|one| {
                let listed = library::libraries(*one);
                listed.required.contains(&stem) || listed.optional.contains(&stem)
            })
        };
        brought.libraries.extend(self.libraries(of_group));
    }

    fn requirements(&self, work: &Work, selected: &Selected) -> Result<Option<Refusal>, Stop> {
        let asks = Asks(&work.variables);
        if self.facts.switches_requirements_off(asks) || asks.conditions().is_empty() {
            return Ok(None);
        }
        let verdict = asks.verdict_for(&self.facts.nvidia.nvml, selected.indices.as_deref())?;
        Ok((verdict != require::Verdict::Met).then_some(Refusal::Requirement(verdict)))
    }

    /// Both open libnvidia-ml before anything else. What keeps it from starting may be the cause of an earlier check.
    fn nvml(&self, brought: &mut Brought) -> Option<Refusal> {
        let start = &self.facts.nvidia.nvml.start;
        let cause = self.facts.nvidia.blocker(&self.facts.host, "nvidia-nvml").map(Stop::blocked_by);
        let gap = start.gap().filter(|gap| **gap != Gap::NotAsked);
        let unknown = gap.map(|gap| Stop::Unknown(gap.clone(), start.source.clone()));
        brought.doubt = brought.doubt.take().or(cause).or(unknown);
        start.value().filter(|start| **start != Start::Works && brought.doubt.is_none()).cloned().map(Refusal::Nvml)
    }

    fn node(&self, name: &str, brought: &mut Brought) {
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

    fn gpus(&self, selected: &Selected, brought: &mut Brought) {
        for index in selected.indices.iter().flatten() {
            let gpu = self.facts.nvidia.nvml.gpus.iter().find(|gpu| gpu.index == *index);
            let minor = gpu.and_then(|gpu| gpu.minor).unwrap_or(*index);
            self.node(&minor.to_string(), brought);
        }
    }

    /// Stems of the driver's libraries that are here in its own version.
    fn libraries(&self, takes: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let found = self.facts.library.found.value().map(Vec::as_slice).unwrap_or_default();
        let driver = self.facts.nvidia.module.value().map(|module| module.version.as_str());
        let stem = |library: &library::Library| library.name.split(".so").next().unwrap_or_default().to_string();
        let fits = |stem: &String| matches!(look_up(found, stem, Kind::Native, driver), Found::Fits(_));
        found.iter().map(stem).filter(|stem| takes(stem) && fits(stem)).collect()
    }

    /// A Jetson without NVML.
    fn is_csv_platform(&self) -> bool {
        self.facts.is_csv_platform()
    }
}

/// Who put the hook in.
pub const RUNTIME: &str = "nvidia-container-runtime";
pub const DOCKERD: &str = "dockerd";

/// getDriverCapabilities of cmd/nvidia-container-runtime-hook/container_config.go.
fn capabilities(variables: &BTreeMap<String, String>, supported: &[String]) -> Result<BTreeSet<String>, Refusal> {
    let supported: BTreeSet<String> = supported.iter().cloned().collect();
    let common = |words: &[String]| words.iter().filter(|word| supported.contains(*word)).cloned().collect();
    match variables.get(CAPABILITIES) {
        None if Asks(variables).is_legacy() => Ok(supported),
        None => Ok(common(&words("utility,compute"))),
        Some(value) if value.is_empty() => Ok(common(&words("utility,compute"))),
        Some(value) => {
            let asked = words(value);
            if asked.iter().any(|word| word == "all") {
                return Ok(supported);
            }
            match asked.iter().find(|word| !supported.contains(*word)) {
                Some(word) => Err(Refusal::Capability { word: word.clone(), whole: value.clone() }),
                None => Ok(common(&asked)),
            }
        }
    }
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
