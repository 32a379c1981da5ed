//! nvidia-container-runtime-hook and nvidia-container-cli: what they refuse and bring, in the order of their sources.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Brought;
use super::names::{self, Selected};
use super::refusal::Refusal;
use super::toolkit::{AUTO_CDI, Toolkit, Work, is_qualified};
use crate::model::fact::{Gap, Stop};
use crate::model::facts::library;
use crate::model::facts::nvidia::Start;
use crate::model::facts::toolkit::Settings;
use crate::model::need::Capability;
use crate::model::version::Version;
use crate::readings::asks::{Asks, words};
use crate::readings::way::Way;

/// From this version on the hook passes --cuda-compat-mode.
const PASSES_COMPAT: [u32; 3] = [1, 17, 7];
/// From this version on `ldconfig` is normalized on use.
const TAKES_REAL_OFF: [u32; 2] = [1, 15];
/// From this version on the hook asks for its mode.
const ASKS_MODE: [u32; 3] = [1, 11, 0];
/// Before this version capabilities were compared as they are written, blanks and all.
const CAPABILITIES_BY_WORD: [u32; 3] = [1, 14, 0];
const CAPABILITIES: &str = "NVIDIA_DRIVER_CAPABILITIES";

/// Who put the hook in.
pub const RUNTIME: &str = "nvidia-container-runtime";
pub const DOCKERD: &str = "dockerd";

impl Toolkit<'_> {
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
        let by_word = self.is_at_least(CAPABILITIES_BY_WORD);
        let wanted = match capabilities(&work.variables, &supported, by_word) {
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
        let skips = settings.nvidia_container_runtime_hook.skip_mode_detection == Some(true);
        if skips || !self.is_at_least(ASKS_MODE) {
            return Ok(None);
        }
        let mode = settings.nvidia_container_runtime.mode.as_deref().unwrap_or("auto");
        Ok(match mode {
            "legacy" => None,
            "auto" if self.is_at_least(AUTO_CDI) && devices.iter().all(|name| is_qualified(name)) => {
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
        let root = settings.nvidia_container_cli.root.as_deref().filter(|root| !root.trim_matches('/').is_empty());
        if let Some(root) = root.filter(|_| toolkit.root_cache.is_absent()) {
            return Ok(Some(Refusal::NoDriverRoot(root.to_string())));
        }
        if let Some(root) = root.filter(|_| toolkit.root_cache.value().is_none()) {
            let why = super::unknown(&alloc::format!("{root}, the root that config.toml sets, has not been looked at"));
            brought.doubt = brought.doubt.take().or(Some(why));
        }
        self.by_cli(&selected, wanted, brought);
        let path =
            settings.nvidia_container_cli.ldconfig.as_deref().unwrap_or("@/sbin/ldconfig").trim_start_matches('@');
        // Before that release `.real` was not taken off again where there is no such file.
        let as_written = self.version.as_ref().is_some_and(|version| *version < Version::new(&TAKES_REAL_OFF));
        let real_gone =
            as_written && path.ends_with(".real") && toolkit.ldconfig.value().is_some_and(|found| found != path);
        if (toolkit.ldconfig.is_absent() || real_gone) && self.is_configured {
            return Ok(Some(Refusal::NoLdconfig(path.to_string())));
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
}

/// getDriverCapabilities of cmd/nvidia-container-runtime-hook/container_config.go.
fn capabilities(
    variables: &BTreeMap<String, String>,
    supported: &[String],
    by_word: bool,
) -> Result<BTreeSet<String>, Refusal> {
    let supported: BTreeSet<String> = supported.iter().cloned().collect();
    let common = |words: &[String]| words.iter().filter(|word| supported.contains(*word)).cloned().collect();
    match variables.get(CAPABILITIES) {
        None if Asks(variables).is_legacy() => Ok(supported),
        None => Ok(common(&words("utility,compute"))),
        Some(value) if value.is_empty() => Ok(common(&words("utility,compute"))),
        Some(value) => {
            let asked = words(value);
            let known: Vec<&str> = asked.iter().filter(|w| supported.contains(*w)).map(String::as_str).collect();
            let unknown = asked.iter().any(|word| word != "all" && !supported.contains(word));
            if !by_word && value != "all" && known.join(",") != *value && !unknown {
                return Err(Refusal::Capability { word: value.clone(), whole: value.clone() });
            }
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
