//! One start of a container, as far as GPUs go: who acts on its way, in which order, who refuses and why, and what comes
//! inside. It follows the real programs: dockerd (daemon/devices_nvidia_linux.go, daemon/cdi.go of moby), the readers of CDI
//! specs, nvidia-container-runtime and its hook (nvidia-container-toolkit), nvidia-container-cli (libnvidia-container), runc.
//! docs/gpu-ways.md has it as a table.

pub mod container;
mod hook;
pub mod names;
pub mod refusal;
pub mod registry;
mod runtime;
mod toolkit;

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub use container::{Container, Request};
use hook::{DOCKERD, RUNTIME};
pub use refusal::{Missing, Reader, Refusal};
use registry::{Injected, Registry};
use toolkit::{Toolkit, Work, seen_by_dockerd};

use super::way::Way;
use crate::model::fact::Stop;
use crate::model::fact::{Gap, Source};
use crate::model::facts::Facts;
use crate::model::facts::docker::Info;
use crate::model::need::Need;
use crate::model::run::RunLine;
use crate::model::version::Version;

/// What comes of one start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passage {
    /// Who brings GPUs, in the order in which they act; empty: nobody does.
    pub ways: Vec<Way>,
    pub refused: Option<Refusal>,
    /// Device nodes and the stems of the driver's libraries that are inside, as far as it is known from here.
    pub nodes: BTreeSet<String>,
    pub libraries: BTreeSet<String>,
    /// NVIDIA's parts come, and no GPU: the list of them says none.
    pub without_gpu: bool,
    /// Something on the way may refuse the container, and what decides that is not known, or another check has it.
    pub doubt: Option<Stop>,
}

impl Passage {
    /// The one whose doing counts: the last that acts.
    pub fn way(&self) -> Option<Way> {
        self.ways.last().copied()
    }

    /// The capabilities that the container names decide what comes, and its requirements are checked.
    pub fn obeys_capabilities(&self) -> bool {
        self.ways.iter().any(|way| way.obeys_capabilities())
    }
}

/// What has come so far.
#[derive(Default)]
struct Brought {
    ways: Vec<Way>,
    nodes: BTreeSet<String>,
    libraries: BTreeSet<String>,
    without_gpu: bool,
    /// What runc will not find, once it comes to it.
    gone: Option<Refusal>,
    doubt: Option<Stop>,
}

impl Brought {
    fn take(&mut self, injected: Injected) -> Option<Refusal> {
        self.nodes.extend(injected.nodes);
        self.libraries.extend(injected.libraries);
        self.gone = self.gone.take().or(injected.gone);
        None
    }
}

/// Engine versions that changed what dockerd does.
const CDI_BY_DEFAULT: [u32; 2] = [28, 2];
const CDI_AT_ALL: [u32; 2] = [25, 0];
const GPUS_BY_CDI: [u32; 2] = [29, 2];
/// From here on a count of 0 hides the GPUs that the image asks for; 25.0.7 had it too, 26 never.
const ZERO_IS_VOID: [u32; 2] = [27, 3];
/// Runtimes that bring no GPU whatever the variables say. Another may hand over to NVIDIA's.
const PLAIN: [&str; 6] = ["runc", "docker-runc", "crun", "youki", "runsc", "kata-runtime"];
/// Words of `capabilities=` that dockerd knows (allNvidiaCaps, and the two that it adds). ngx is none of them.
const KNOWN: [&str; 8] = ["gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video", "display"];

impl Facts {
    /// The start of one container. Stops with Unknown where something that decides could not be read.
    pub fn passage(&self, container: &Container) -> Result<Passage, Stop> {
        let info = self.docker.info.known()?.ok_or_else(no_answer)?;
        let version = self.docker.version.known()?.ok_or_else(no_answer)?;
        let number = Version::leading(&version.version).unwrap_or_else(|| Version::new(&[0]));
        let engine = Engine { facts: self, info, version: number };
        let mut brought = Brought::default();
        let refused = engine.start(container, &mut brought)?;
        let Brought { ways, nodes, libraries, without_gpu, doubt, .. } = brought;
        Ok(Passage { ways, refused, nodes, libraries, without_gpu, doubt })
    }

    /// The start that findings about this host are about: that of the line, where one of docker's is given, else the usual one.
    /// `None` where nothing starts, or nobody can tell.
    pub fn passage_for(&self, need: &Need) -> Option<Passage> {
        match &need.run {
            Some(line) if line.podman => return self.passage_of_podman(&podmans(line)),
            Some(_) if self.is_podmans() => return None,
            None if self.is_podmans() => return self.passage_of_podman(&[self.any_name()?]),
            _ => {}
        }
        if let Some(line) = need.run.as_ref().filter(|line| !line.podman) {
            let passage = self.passage(&Container::of_line(self, line).ok()?).ok()?;
            return Some(passage).filter(|passage| !passage.ways.is_empty() || passage.refused.is_some());
        }
        let (flag, _) = self.ways().ok()?.usual()?;
        let any = self.any_name()?;
        let container = match flag {
            "--gpus" => Container::with_gpus(&["all"]),
            "--runtime=nvidia" => Container::with_runtime(&["all"]),
            _ => Container::with_names(&[any.as_str()]),
        };
        self.passage(&container).ok()
    }

    /// The way by which the line's own container gets its GPU: what other ways lack is nothing to it then.
    pub fn way_that_serves(&self, need: &Need) -> Option<Way> {
        let passage = need.run.as_ref().and(self.passage_for(need))?;
        passage.way().filter(|_| passage.refused.is_none())
    }

    /// All GPUs by their CDI name, or one of them.
    fn any_name(&self) -> Option<String> {
        let names = self.cdi_names().ok()?;
        Some(names.iter().find(|name| *name == "all").or(names.first()).cloned().unwrap_or_else(|| "all".to_string()))
    }

    /// podman brings what specs say of these names; `None` where they do not lead anywhere, which the line's own check tells.
    fn passage_of_podman(&self, names: &[String]) -> Option<Passage> {
        let names: Vec<String> = names.iter().map(|name| alloc::format!("{}={name}", super::way::KIND)).collect();
        let registry = Registry::of_podman(self).ok().filter(|_| !names.is_empty())?;
        let mut brought = Brought { ways: [Way::Podman].into(), ..Brought::default() };
        let refused = match registry.inject(&names).ok()? {
            Ok(injected) => {
                brought.take(injected);
                brought.gone.take()
            }
            Err((Refusal::Unresolvable { .. }, _)) => return None,
            Err((refusal, _)) => Some(refusal),
        };
        let Brought { ways, nodes, libraries, without_gpu, doubt, .. } = brought;
        Some(Passage { ways, refused, nodes, libraries, without_gpu, doubt })
    }

    /// The way of that start, and the words of the flag that leads there.
    pub fn way_for(&self, need: &Need) -> Option<(String, Way)> {
        if let Some(line) = need.run.as_ref().filter(|line| !line.podman)
            && let Some(way) = self.passage_for(need).and_then(|passage| passage.way())
        {
            let flag = line.asks_for_gpu().map_or("the default runtime", |at| at.text.as_str());
            return Some((flag.to_string(), way));
        }
        self.ways_for(need).ok()?.usual().map(|(flag, way)| (flag.to_string(), way))
    }

    /// The first way of asking for these GPUs by which a container starts and gets them.
    pub fn way_to(&self, devices: &[&str]) -> Option<(&'static str, Way)> {
        let ways = [
            ("--gpus", Container::with_gpus(devices)),
            ("--runtime=nvidia", Container::with_runtime(devices)),
            ("--device nvidia.com/gpu=all", Container::with_names(devices)),
        ];
        ways.into_iter().find_map(|(flag, container)| {
            let passage = self.passage(&container).ok().filter(|passage| passage.refused.is_none())?;
            Some((flag, passage.way()?))
        })
    }

    /// NVIDIA's runtime serves this line's container, by whatever name: the one that the line gives, or the daemon's default.
    pub fn is_served_by_nvidias(&self, line: &RunLine) -> bool {
        let Some(info) = self.docker.info.value() else { return false };
        let named = line.last("runtime").map(|option| option.value.as_str()).filter(|name| !name.is_empty());
        let path = self.path_of(info, named.unwrap_or(&info.default_runtime));
        path.and_then(|path| path.rsplit('/').next()).is_some_and(is_nvidias)
    }

    /// Where the program of a registered runtime is; empty where nobody tells.
    fn path_of<'a>(&'a self, info: &'a Info, runtime: &str) -> Option<&'a str> {
        let path = info.runtimes.get(runtime)?.path.as_str();
        let shim = || self.toolkit.daemon_file()?.shims.get(runtime).map(String::as_str);
        Some(if path.is_empty() { shim().unwrap_or_default() } else { path })
    }

    /// NVIDIA's runtime is asked for GPUs by this container's variables or mounts, heeded or not.
    pub fn names_gpus(&self, container: &Container) -> bool {
        let mut toolkit = Toolkit::of(self);
        let settings = toolkit.settings.get_or_insert_default();
        settings.accept_nvidia_visible_devices_envvar_when_unprivileged = None;
        toolkit.visible(&Work::of(container), true).is_some_and(|names| names.iter().any(|name| !name.is_empty()))
    }

    /// What would be registered as the runtime nvidia is on this host; the snap has its own.
    pub fn has_a_runtime_to_register(&self) -> bool {
        self.toolkit.runtime.value().is_some() || self.docker.info.value().is_some_and(Info::is_snap)
    }

    /// This engine's release knows CDI names, on or off.
    pub fn engine_can_cdi(&self) -> bool {
        let version = self.docker.version.value().and_then(|version| Version::leading(&version.version));
        version.is_none_or(|version| version >= Version::new(&CDI_AT_ALL))
    }

    /// By what the daemon says of itself; where it says nothing, by its version and its daemon.json.
    pub fn cdi_is_on(&self, version: &Version, info: &Info) -> bool {
        let said = !info.cdi_spec_dirs.is_empty() || !info.discovered_devices.is_empty();
        let written = self.toolkit.daemon_file().and_then(|file| file.cdi);
        said || match written {
            Some(on) => on && *version >= Version::new(&CDI_AT_ALL),
            None => *version >= Version::new(&CDI_BY_DEFAULT),
        }
    }
}

struct Engine<'a> {
    facts: &'a Facts,
    info: &'a Info,
    version: Version,
}

/// What one driver of dockerd made of a request.
type Outcome = Result<Result<(), Refusal>, Stop>;

impl Engine<'_> {
    fn is_at_least(&self, version: [u32; 2]) -> bool {
        self.version >= Version::new(&version)
    }

    fn start(&self, container: &Container, brought: &mut Brought) -> Result<Option<Refusal>, Stop> {
        let runtime = container.runtime.as_deref().unwrap_or(match self.info.default_runtime.as_str() {
            "" => "runc",
            name => name,
        });
        let registered = self.facts.path_of(self.info, runtime);
        if container.runtime.is_some() && registered.is_none() && !runtime.contains(['.', '/']) {
            return Ok(Some(Refusal::NoRuntime(runtime.to_string())));
        }
        if self.info.is_snap() {
            return Ok(self.snap(container, runtime, brought));
        }
        let mut work = Work::of(container);
        let mut by_dockerd = false;
        for request in &container.requests {
            if let Err(refusal) = self.request(request, &mut work, brought)? {
                return Ok(Some(refusal));
            }
            by_dockerd |= work.hook;
        }
        if !container.names.is_empty()
            && let Err(refusal) = self.inject(&container.names, &mut work, brought)?
        {
            return Ok(Some(refusal));
        }
        let toolkit = Toolkit::of(self.facts);
        let program = registered.filter(|path| !path.is_empty()).map(|path| path.rsplit('/').next().unwrap_or(path));
        if let (Some(path), Some(program)) = (registered, program) {
            if self.facts.toolkit.program_of(runtime).is_absent() {
                return Ok(Some(Refusal::NoRuntimeProgram { runtime: runtime.to_string(), path: path.to_string() }));
            }
            if is_nvidias(program)
                && let Some(refusal) = toolkit.runtime(&mut work, program, brought)?
            {
                return Ok(Some(refusal));
            }
        }
        let plain = program.is_some_and(|program| is_nvidias(program) || PLAIN.contains(&program));
        let alone = container.requests.is_empty() && container.names.is_empty();
        if registered.is_some() && !plain && alone && self.facts.names_gpus(container) {
            let why = alloc::format!("what the runtime {runtime} does with NVIDIA's variables is not known");
            return Err(unknown(&why));
        }
        if let Some(gone) = brought.gone.take() {
            return Ok(Some(gone));
        }
        let by_cdi = brought.ways.iter().any(|way| matches!(way, Way::Cdi | Way::JitCdi | Way::CdiRuntime));
        if by_cdi && self.facts.toolkit.root_in_ram.value() == Some(&true) && toolkit.needs_pivot() {
            return Ok(Some(Refusal::NoPivot));
        }
        match work.hook {
            true => toolkit.of_hook().hook(&work, if by_dockerd { DOCKERD } else { RUNTIME }, brought),
            false => Ok(None),
        }
    }

    /// The snap brings a toolkit of its own, which cannot be seen, and asks for its runtime to be named.
    fn snap(&self, container: &Container, runtime: &str, brought: &mut Brought) -> Option<Refusal> {
        if runtime == "nvidia" {
            brought.ways.push(Way::CdiRuntime);
            return None;
        }
        (!container.requests.is_empty()).then_some(Refusal::OtherEngine)
    }

    /// handleDevice of moby's daemon/devices.go.
    fn request(&self, request: &Request, work: &mut Work, brought: &mut Brought) -> Outcome {
        let toolkit = &self.facts.toolkit;
        let hook = seen_by_dockerd(self.facts, toolkit.hook.known()?);
        let by_cdi = self.is_at_least(GPUS_BY_CDI);
        let cdi_hook = by_cdi && seen_by_dockerd(self.facts, toolkit.cdi_hook.known()?);
        let unknown_words: Vec<String> =
            request.capabilities.iter().filter(|word| !KNOWN.contains(&word.as_str())).cloned().collect();
        match request.driver.as_str() {
            "cdi" if !self.facts.cdi_is_on(&self.version, self.info) => return Ok(Err(Refusal::CdiOff)),
            "cdi" if request.count != 0 || request.has_options => return Ok(Err(Refusal::CountByCdi)),
            "cdi" => return self.inject(&request.devices, work, brought),
            "nvidia.cdi" if cdi_hook => return self.ids(request, |ids| self.inject_gpus(ids, work, brought)),
            "nvidia.runtime-hook" if by_cdi && hook => {
                return self.ids(request, |ids| Ok(self.add_hook(request, ids, work)));
            }
            "" | "nvidia" => {}
            other => return Ok(Err(Refusal::NoSuchDriver(other.to_string()))),
        }
        if !hook && !cdi_hook {
            return Ok(Err(self.no_program()?));
        }
        // From 29.2 on a driver that is named is not asked what it can do.
        if !unknown_words.is_empty() && (request.driver.is_empty() || !by_cdi) {
            return Ok(Err(Refusal::NoSuchCapability(unknown_words)));
        }
        if !by_cdi {
            return self.ids(request, |ids| Ok(self.add_hook(request, ids, work)));
        }
        if !cdi_hook && toolkit.cdi_hook.is_absent() && self.had_cdi_hook(request)? {
            return Err(unknown("nvidia-cdi-hook is gone, and whether dockerd found it at its start is not known"));
        }
        // firstSuccessfulUpdater: what CDI has changed before it failed stays.
        let tried = if cdi_hook { self.ids(request, |ids| self.inject_gpus(ids, work, brought))? } else { Ok(()) };
        match (cdi_hook, tried) {
            (true, Ok(())) => Ok(Ok(())),
            (true, Err(refusal)) if !hook => Ok(Err(refusal)),
            _ => self.ids(request, |ids| Ok(self.add_hook(request, ids, work))),
        }
    }

    /// A spec that would serve this request starts nvidia-cdi-hook, which is gone.
    fn had_cdi_hook(&self, request: &Request) -> Result<bool, Stop> {
        let (mut work, mut brought) = (Work::default(), Brought::default());
        let injected = self.ids(request, |ids| self.inject_gpus(ids, &mut work, &mut brought))?;
        let gone =
            |refusal: &Refusal| matches!(refusal, Refusal::FileGone { path, .. } if path.ends_with("nvidia-cdi-hook"));
        Ok(injected.is_ok() && brought.gone.as_ref().is_some_and(gone))
    }

    fn no_program(&self) -> Result<Refusal, Stop> {
        let toolkit = &self.facts.toolkit;
        let later = |program: Option<&crate::model::facts::toolkit::Program>| program.is_some();
        let any = later(toolkit.hook.known()?) || self.is_at_least(GPUS_BY_CDI) && later(toolkit.cdi_hook.known()?);
        Ok(if any { Refusal::CameLater } else { Refusal::NoProgram })
    }

    fn ids(&self, request: &Request, then: impl FnOnce(Vec<String>) -> Outcome) -> Outcome {
        if request.count != 0 && !request.devices.is_empty() {
            return Ok(Err(Refusal::CountAndDevices));
        }
        then(request.ids())
    }

    /// setNvidiaGPUs, later injectNVIDIARuntimeHook.
    fn add_hook(&self, request: &Request, ids: Vec<String>, work: &mut Work) -> Result<(), Refusal> {
        let visible = "NVIDIA_VISIBLE_DEVICES".to_string();
        match ids.is_empty() {
            true if self.is_at_least(GPUS_BY_CDI) => return Ok(()),
            true if self.is_at_least(ZERO_IS_VOID) => drop(work.variables.insert(visible, "void".to_string())),
            true => {}
            false => drop(work.variables.insert(visible, ids.join(","))),
        }
        let named = request.capabilities.iter().filter(|word| !["gpu", "nvidia"].contains(&word.as_str()));
        let named: Vec<&str> = named.filter(|word| KNOWN.contains(&word.as_str())).map(String::as_str).collect();
        if !named.is_empty() {
            work.variables.insert("NVIDIA_DRIVER_CAPABILITIES".to_string(), named.join(","));
        }
        work.hook = true;
        Ok(())
    }

    /// cdiDeviceInjector: what is no name of CDI's is one of nvidia.com/gpu.
    fn inject_gpus(&self, ids: Vec<String>, work: &mut Work, brought: &mut Brought) -> Outcome {
        if ids.is_empty() {
            return Ok(Ok(()));
        }
        let qualified = |id: &String| if id.contains('=') { id.clone() } else { alloc::format!("nvidia.com/gpu={id}") };
        self.inject(&ids.iter().map(qualified).collect::<Vec<_>>(), work, brought)
    }

    /// injectCDIDevices of moby's daemon/cdi.go.
    fn inject(&self, names: &[String], work: &mut Work, brought: &mut Brought) -> Outcome {
        if !self.facts.cdi_is_on(&self.version, self.info) {
            return Ok(Err(Refusal::CdiOff));
        }
        if self.has_no_folders() {
            return Ok(Err(Refusal::NoFolders));
        }
        let registry = Registry::of_engine(self.facts, self.info)?;
        let (refusal, injected) = match registry.inject(names)? {
            Ok(injected) => (None, injected),
            Err((refusal, injected)) => (Some(refusal), injected),
        };
        if let Some(value) = &injected.visible {
            work.variables.insert("NVIDIA_VISIBLE_DEVICES".to_string(), value.clone());
        }
        if let Some(refusal) = refusal {
            brought.nodes.extend(injected.nodes);
            return Ok(Err(refusal));
        }
        if names.iter().any(|name| name.starts_with("nvidia.com/")) {
            brought.ways.push(Way::Cdi);
        }
        if self.info.is_rootless() && registry.is_newer_than(names, self.facts.toolkit.daemon_started.value().copied())
        {
            let why = unknown("a rootless engine may not see a spec that was made after its start");
            brought.doubt = brought.doubt.take().or(Some(why));
        }
        brought.take(injected);
        Ok(Ok(()))
    }

    fn has_no_folders(&self) -> bool {
        let written = self.facts.toolkit.daemon_file().and_then(|file| file.spec_dirs.as_deref());
        let none = written.is_some_and(|dirs| dirs.iter().all(String::is_empty));
        self.info.cdi_spec_dirs.is_empty() && none
    }
}

/// By the name of a runtime's program: nvidia-container-runtime, and with a mode behind a dot.
fn is_nvidias(program: &str) -> bool {
    program == "nvidia-container-runtime" || program.starts_with("nvidia-container-runtime.")
}

fn no_answer() -> Stop {
    Stop::blocked_by("docker-engine")
}

pub(super) fn unknown(why: &str) -> Stop {
    Stop::Unknown(Gap::Unsupported(why.to_string()), Source::default())
}

/// The GPUs that a line of podman's names.
fn podmans(line: &RunLine) -> Vec<String> {
    let prefix = alloc::format!("{}=", super::way::KIND);
    line.devices.iter().filter_map(|device| device.host.strip_prefix(&prefix).map(ToString::to_string)).collect()
}
