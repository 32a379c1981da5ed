//! Are the GPUs that a line names there: numbers, ids, slices and addresses as libnvidia-container's select_devices takes them
//! (src/cli/common.c), names of CDI as the specs have them?

use crate::model::facts::nvidia::NvmlGpu;
use crate::model::facts::toolkit::Spec;
use crate::model::prelude::*;
use crate::model::run::{Argument, Device, RunLine};

pub const KIND: &str = "nvidia.com/gpu";

/// The first GPU of the line that is not there.
pub fn not_there(facts: &Facts, line: &RunLine) -> Option<Finding> {
    if facts.docker.is_elsewhere() {
        return None;
    }
    let requests = line.gpus.iter().flat_map(|request| request.devices.iter().map(|id| (id.as_str(), &request.at)));
    // With --gpus dockerd sets this variable itself.
    let variable = line.variable("NVIDIA_VISIBLE_DEVICES").filter(|_| line.gpus.is_empty());
    let listed = variable.iter().flat_map(|v| v.value.iter().flat_map(|list| list.split(',')).map(|id| (id, &v.at)));
    let by_hook = requests.chain(listed).find_map(|(id, at)| judged(facts, id.trim(), false, at));
    let device = |device: &Device| {
        let name = device.host.strip_prefix(KIND)?.strip_prefix('=')?;
        judged(facts, name, true, &device.at).or_else(|| unnamed(facts, name, &device.at))
    };
    by_hook.or_else(|| line.devices.iter().filter(|device| device.cdi).find_map(device))
}

fn judged(facts: &Facts, id: &str, cdi: bool, at: &Argument) -> Option<Finding> {
    let nvml = &facts.nvidia.nvml;
    let count = nvml.listed.value().copied();
    let here = Here { count, gpus: &nvml.gpus };
    let code = match Name::of(id) {
        Name::Any => return None,
        Name::Number(index) => (index >= count?).then_some("no-such-gpu")?,
        Name::Slice(gpu, _) if gpu >= count? => "no-such-gpu",
        Name::Slice(gpu, slice) => (slice >= here.slices(gpu)?).then_some("no-such-slice")?,
        // Ids count in full only, whatever this host has.
        Name::Id if !is_whole(id) && !is_pseudonym(id) => "no-such-id",
        Name::Id => {
            let ids = here.ids().or_else(|| listed(facts, id))?;
            // Facts with pseudonyms tell nothing of an id that has none.
            let alike = ids.iter().all(|known| is_whole(known) == is_whole(id));
            (alike && !ids.iter().any(|known| known.eq_ignore_ascii_case(id))).then_some("no-such-id")?
        }
        // CDI has no such names: the specs decide.
        Name::Address(_) | Name::Word if cdi => return None,
        Name::Address(address) => here.is_no_address(address)?.then_some("no-such-id")?,
        Name::Word => count.map(|_| "no-such-gpu")?,
    };
    let fix = if code == "no-such-slice" { "list-slices" } else { "list-gpus" };
    let finding = Finding::fail(code, fix).with("id", id).with("count", count.unwrap_or_default());
    let slices = match Name::of(id) {
        Name::Slice(gpu, _) => here.slices(gpu).unwrap_or_default(),
        _ => 0,
    };
    Some(finding.with("slices", slices).saw(&nvml.listed).asked_by(&at.origin()))
}

/// What a CDI spec would have to name, and none does. No spec at all closes the way, which is told elsewhere.
fn unnamed(facts: &Facts, name: &str, at: &Argument) -> Option<Finding> {
    facts.ways().ok()?.device.ok()?;
    let known = known(facts).filter(|known| !known.is_empty() && !known.contains(&name))?;
    Some(not_named(facts, name, &known).asked_by(&at.origin()))
}

pub fn not_named(facts: &Facts, name: &str, known: &[&str]) -> Finding {
    let seen = if known.is_empty() { "no GPU".to_string() } else { known.join(", ") };
    let finding = Finding::fail("unnamed", "make-spec").with("name", format!("{KIND}={name}")).with("seen", &seen);
    finding.evidence(facts.toolkit.specs.source.0.as_str(), seen)
}

/// The GPUs' names in all specs, which dockerd reads anew for each container, and those that it tells. `None` where a file that
/// cannot be read may have more.
pub fn known(facts: &Facts) -> Option<Vec<&str>> {
    let specs = facts.toolkit.specs.value()?;
    let mut names = specs.iter().all(|spec| spec.devices().is_some()).then(|| by_specs(specs))?;
    let discovered = facts.docker.info.value().map(|info| info.discovered_devices.as_slice()).unwrap_or_default();
    names.extend(discovered.iter().filter_map(|device| device.id.strip_prefix(KIND)?.strip_prefix('=')));
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// Names of GPUs in CDI specs.
pub fn by_specs(specs: &[Spec]) -> Vec<&str> {
    let ours = specs.iter().filter_map(|spec| spec.devices()).filter(|devices| devices.kind == KIND);
    ours.flat_map(|devices| devices.names.iter().map(String::as_str)).collect()
}

/// By the driver's own list where NVML has told nothing; it has no slices.
fn listed<'a>(facts: &'a Facts, id: &str) -> Option<Vec<&'a str>> {
    let gpus = facts.nvidia.listed.value().filter(|gpus| !gpus.is_empty() && !begins(id, "MIG-"))?;
    gpus.iter().map(|gpu| gpu.uuid.as_deref()).collect()
}

enum Name {
    /// `all`, `none`, `void`, nothing, or another kind's name.
    Any,
    Number(u32),
    /// GPU and instance.
    Slice(u32, u32),
    /// `GPU-…`, `MIG-…`, in any case.
    Id,
    /// Domain, bus, device.
    Address([u32; 3]),
    Word,
}

impl Name {
    fn of(id: &str) -> Self {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // Too large for a number is beyond the last.
        let number = |text: &str| text.parse().unwrap_or(u32::MAX);
        if is_number(id) {
            return Name::Number(number(id));
        }
        if let Some((gpu, slice)) = id.split_once(':').filter(|(gpu, slice)| is_number(gpu) && is_number(slice)) {
            return Name::Slice(number(gpu), number(slice));
        }
        if id.eq_ignore_ascii_case("all") || ["", "none", "void"].contains(&id) || id.contains('=') {
            return Name::Any;
        }
        // Before MIG ids were UUIDs they were MIG-GPU-UUID/GI/CI, and NVML tells only the newer ones.
        if begins(id, "MIG-GPU-") {
            return Name::Any;
        }
        if begins(id, "GPU-") || begins(id, "MIG-") {
            return Name::Id;
        }
        address(id).map_or(Name::Word, Name::Address)
    }
}

fn begins(id: &str, with: &str) -> bool {
    id.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with))
}

/// Behind the first four letters 32 hexadecimal digits, in groups.
fn is_whole(id: &str) -> bool {
    let groups = id.split('-').skip(1).map(|group| group.bytes().filter(u8::is_ascii_hexdigit).count());
    id.len() == 40 && groups.eq([8, 4, 4, 4, 12])
}

/// `gpu-1`: what a report to be shared has in an id's place.
fn is_pseudonym(id: &str) -> bool {
    id.get(4..).is_some_and(|number| (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()))
}

/// `0000:01:00.0`, with or without leading zeros.
fn address(text: &str) -> Option<[u32; 3]> {
    let (domain, rest) = text.split_once(':')?;
    let (bus, device) = rest.strip_suffix(".0")?.split_once(':')?;
    let hex = |text| u32::from_str_radix(text, 16).ok();
    Some([hex(domain)?, hex(bus)?, hex(device)?])
}

/// This host's GPUs as NVML told them.
struct Here<'a> {
    count: Option<u32>,
    gpus: &'a [NvmlGpu],
}

impl<'a> Here<'a> {
    fn is_whole(&self) -> bool {
        self.count.is_some_and(|count| count > 0 && count as usize == self.gpus.len())
    }

    /// Ids of all GPUs and slices; `None` where one of them is not known.
    fn ids(&self) -> Option<Vec<&'a str>> {
        let known = |id: &'a str| (!id.is_empty() && !id.contains('?')).then_some(id);
        let mut ids: Vec<&str> = Vec::new();
        for gpu in self.gpus.iter().filter(|_| self.is_whole()) {
            ids.push(known(&gpu.uuid)?);
            if instances(gpu)? > 0 {
                let slices = gpu.slices.value()?;
                ids.extend(slices.iter().map(|id| known(id)).collect::<Option<Vec<_>>>()?);
            }
        }
        self.is_whole().then_some(ids)
    }

    fn slices(&self, gpu: u32) -> Option<u32> {
        instances(self.gpus.iter().find(|one| one.index == gpu)?)
    }

    fn is_no_address(&self, wanted: [u32; 3]) -> Option<bool> {
        let known = self.gpus.iter().map(|gpu| address(&gpu.address)).collect::<Option<Vec<_>>>()?;
        self.is_whole().then_some(!known.contains(&wanted))
    }
}

/// A GPU that knows nothing of MIG has none.
fn instances(gpu: &NvmlGpu) -> Option<u32> {
    match (gpu.mig.value(), gpu.mig.gap()) {
        (Some(mig), _) => Some(if mig.enabled { mig.instances } else { 0 }),
        (None, Some(Gap::Unsupported(_))) => Some(0),
        _ => None,
    }
}
