//! nvidia-container-runtime: what it does to a container in each of its modes, in the order of its sources.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Brought;
use super::names::{self, Selected};
use super::refusal::{Reader, Refusal};
use super::registry::Registry;
use super::toolkit::{AUTOMATIC_NAMES, BY_ANNOTATION, NONE_IS_NONE, Toolkit, VISIBLE, Work, is_qualified};
use crate::model::fact::{Gap, Stop};
use crate::model::facts::toolkit::Settings;
use crate::readings::way::Way;

/// From this version on the mode cdi takes dockerd's hook out again.
const REMOVES_HOOK: [u32; 3] = [1, 17, 5];
const GPU: &str = "nvidia.com/gpu";
const AUTOMATIC: &str = "runtime.nvidia.com/gpu=";

impl Toolkit<'_> {
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
        if !self.knows(&mode) {
            return Ok(Some(Refusal::Mode(mode)));
        }
        let annotated = Some(self.annotated(work)).filter(|names| mode == "cdi" && !names.is_empty());
        let asked = match annotated {
            Some(names) if self.is_at_least(BY_ANNOTATION) => Some(names),
            Some(names) => Some(names.into_iter().chain(self.visible(work, true).into_iter().flatten()).collect()),
            None => self.visible(work, true),
        };
        let (way, refusal) = match mode.as_str() {
            "legacy" => {
                work.hook = true;
                return Ok(None);
            }
            "csv" => (Way::Csv, self.by_lists(work, asked.as_deref(), brought)?),
            "cdi" => {
                work.hook &= !self.is_at_least(REMOVES_HOOK);
                (Way::CdiRuntime, self.by_specs(work, asked.as_deref(), &settings, brought)?)
            }
            _ => {
                work.hook = false;
                (Way::JitCdi, self.made_for_it(work, asked.as_deref(), brought)?)
            }
        };
        if asked.is_some() {
            brought.ways.push(way);
        }
        Ok(refusal)
    }

    /// Mode csv: what the image requires is checked by the runtime itself (checkRequirements of internal/modifier/csv.go).
    fn by_lists(&self, work: &Work, asked: Option<&[String]>, brought: &mut Brought) -> Result<Option<Refusal>, Stop> {
        let selected = Selected { indices: None };
        match asked.map(|_| self.requirements(work, &selected)) {
            None | Some(Err(Stop::Unknown(Gap::NotAsked, _))) => Ok(None),
            Some(Ok(refusal)) => Ok(refusal),
            Some(Err(stop)) => {
                brought.doubt = brought.doubt.take().or(Some(stop));
                Ok(None)
            }
        }
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
        let newer = self.is_at_least(BY_ANNOTATION);
        let kind = mode.default_kind.as_deref().filter(|_| newer).unwrap_or(GPU);
        let none = if self.is_at_least(NONE_IS_NONE) { "none" } else { "" };
        let qualified = |name: &String| match (is_qualified(name), name.as_str()) {
            (true, name) => name.to_string(),
            (false, "") => alloc::format!("{kind}={none}"),
            (false, name) => alloc::format!("{kind}={name}"),
        };
        let mut names: Vec<String> = asked.iter().map(qualified).collect();
        let automatic: Vec<String> =
            names.iter().filter_map(|name| name.strip_prefix(AUTOMATIC)).map(ToString::to_string).collect();
        match automatic.first() {
            Some(first) if !self.is_at_least(AUTOMATIC_NAMES) => {
                return Ok(Some(Refusal::NoAutomatic(alloc::format!("{AUTOMATIC}{first}"))));
            }
            Some(_) if automatic.len() == names.len() => return self.made_for_it(work, Some(&automatic), brought),
            Some(_) => return Ok(Some(Refusal::MixedVendors)),
            None => {}
        }
        let registry = Registry::of_runtime(self.facts, mode.spec_dirs.as_deref(), self.version.as_ref())?;
        let all = alloc::format!("{GPU}=all");
        if !newer && names.contains(&all) {
            // Its own word: whatever the specs name.
            names = registry.names(GPU).into_iter().map(|name| alloc::format!("{GPU}={name}")).collect();
            brought.without_gpu = names.is_empty() && registry.is_whole();
        }
        let injected = match registry.inject(&names)? {
            Ok(injected) => injected,
            Err((Refusal::Unresolvable { names, known, .. }, _)) if names.iter().any(|name| asked.contains(name)) => {
                return Ok(Some(Refusal::Unresolvable { names, known, by: Reader::Named }));
            }
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
        if ids.iter().any(|id| is_qualified(id)) {
            return Ok(Some(Refusal::MixedVendors));
        }
        let selected = match names::by_runtime(self.facts, &ids) {
            Ok(selected) => selected,
            Err(refusal) => return Ok(Some(refusal)),
        };
        if let Some(refusal) = self.silent(&selected).or_else(|| self.lacks_channel(work)) {
            return Ok(Some(refusal));
        }
        let path = self.settings.as_ref().and_then(|settings| settings.nvidia_ctk.path.as_deref());
        let path = path.filter(|path| path.starts_with('/'));
        if (self.is_on_path || path.is_some()) && self.facts.toolkit.ctk.is_absent() {
            return Ok(Some(Refusal::NoCtk(path.unwrap_or("/usr/bin/nvidia-ctk").to_string())));
        }
        work.variables.insert(VISIBLE.to_string(), "void".to_string());
        for node in ["modeset", "uvm", "uvm-tools", "ctl"] {
            self.node(node, brought);
        }
        self.gpus(&selected, brought);
        brought.without_gpu = selected.indices.as_ref().is_some_and(Vec::is_empty);
        brought.libraries.extend(self.libraries(|_| true));
        Ok(None)
    }

    /// The spec has each GPU's id, and NVML does not tell that of a GPU that is lost (newFullGPUDeviceSpecGenerator of pkg/nvcdi).
    fn silent(&self, selected: &Selected) -> Option<Refusal> {
        let selected = selected.indices.as_deref()?;
        let taken = self.facts.nvidia.nvml.gpus.iter().filter(|gpu| selected.contains(&gpu.index));
        let silent = taken.filter(|gpu| gpu.uuid.is_empty()).find(|gpu| gpu.refused.is_some())?;
        Some(Refusal::SilentGpu(silent.index))
    }

    /// pkg/nvcdi/lib-imex.go: each channel by its number, and its node must be there.
    fn lacks_channel(&self, work: &Work) -> Option<Refusal> {
        let nodes = self.facts.nvidia.nodes.value()?;
        let path =
            |id: &String| alloc::format!("/dev/nvidia-caps-imex-channels/channel{}", id.trim_start_matches("channel"));
        let gone = |id: &String| nodes.iter().all(|node| node.path != path(id));
        self.channels(work).into_iter().find(gone).map(Refusal::NoChannel)
    }
}
