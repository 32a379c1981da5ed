//! Names of GPUs, slices and ids, and which of this host's GPUs they mean to each of the toolkit's programs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::refusal::{Missing, Refusal};
use crate::model::fact::Gap;
use crate::model::facts::Facts;
use crate::model::facts::nvidia::NvmlGpu;

/// What a name is, before anybody looks whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Number(u32),
    /// GPU and instance.
    Slice(u32, u32),
    /// `GPU-…`, `MIG-…`, in any case.
    Id,
    /// Before MIG ids were UUIDs they were MIG-GPU-UUID/GI/CI, and NVML tells only the newer ones.
    OldSlice,
    /// Domain, bus, device.
    Address([u32; 3]),
    Word,
}

impl Name {
    pub fn of(id: &str) -> Self {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // Too large for a number is beyond the last.
        let number = |text: &str| text.parse().unwrap_or(u32::MAX);
        if is_number(id) {
            return Name::Number(number(id));
        }
        if let Some((gpu, slice)) = id.split_once(':').filter(|(gpu, slice)| is_number(gpu) && is_number(slice)) {
            return Name::Slice(number(gpu), number(slice));
        }
        if begins(id, "MIG-GPU-") {
            return Name::OldSlice;
        }
        if begins(id, "GPU-") || begins(id, "MIG-") {
            return Name::Id;
        }
        address(id).map_or(Name::Word, Name::Address)
    }
}

/// The GPUs that a list of names takes, by their indices; `None` where they are not known from here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    pub indices: Option<Vec<u32>>,
}

/// select_devices of libnvidia-container's src/cli/common.c.
pub fn by_hook(facts: &Facts, ids: &[String]) -> Result<Selected, Refusal> {
    let here = Here::of(facts);
    if ids.iter().any(|id| id.eq_ignore_ascii_case("all")) {
        return Ok(Selected { indices: here.all() });
    }
    let mut selected = Some(Vec::new());
    for id in ids.iter().filter(|id| !id.is_empty()) {
        let index = match Name::of(id) {
            Name::Address(address) => here.at(address).map_err(|()| unknown(id, Missing::Id))?,
            Name::Word => here.count.map_or(Ok(None), |_| Err(unknown(id, Missing::Gpu)))?,
            name => here.find(id, name)?,
        };
        selected = selected.zip(index).map(|(mut all, index)| {
            all.push(index);
            all
        });
    }
    Ok(Selected { indices: selected })
}

/// getDeviceSpecGeneratorsForIDs of the toolkit's pkg/nvcdi/lib-nvml.go: ids in full, numbers, and nothing else.
pub fn by_runtime(facts: &Facts, ids: &[String]) -> Result<Selected, Refusal> {
    let here = Here::of(facts);
    match ids.iter().find(|id| ["all", "none"].contains(&id.as_str())).map(String::as_str) {
        Some("none") => return Ok(Selected { indices: Some(Vec::new()) }),
        Some(_) => return Ok(Selected { indices: here.all_whole() }),
        None => {}
    }
    let mut selected = Some(Vec::new());
    for id in ids {
        let name = Name::of(id);
        let takes = match name {
            Name::Number(_) | Name::Slice(..) | Name::OldSlice => true,
            Name::Id => is_pseudonym(id) || is_whole(id) && (id.starts_with("GPU-") || id.starts_with("MIG-")),
            Name::Address(_) | Name::Word => false,
        };
        if !takes {
            return Err(Refusal::NoNameHere(id.clone()));
        }
        selected = selected.zip(here.find(id, name)?).map(|(mut all, index)| {
            all.push(index);
            all
        });
    }
    Ok(Selected { indices: selected })
}

fn unknown(id: &str, missing: Missing) -> Refusal {
    Refusal::UnknownDevice { id: id.to_string(), missing }
}

/// This host's GPUs as NVML told them.
pub struct Here<'a> {
    facts: &'a Facts,
    pub count: Option<u32>,
    gpus: &'a [NvmlGpu],
}

impl<'a> Here<'a> {
    pub fn of(facts: &'a Facts) -> Self {
        let nvml = &facts.nvidia.nvml;
        Self { facts, count: nvml.listed.value().copied(), gpus: &nvml.gpus }
    }

    fn all(&self) -> Option<Vec<u32>> {
        Some((0..self.count?).collect())
    }

    /// Those that are not parted into slices, and those with at least one slice.
    fn all_whole(&self) -> Option<Vec<u32>> {
        let has = |index: &u32| match self.gpus.iter().find(|gpu| gpu.index == *index).and_then(|gpu| gpu.mig.value()) {
            Some(mig) => !mig.enabled || mig.instances > 0,
            None => true,
        };
        Some((0..self.count?).filter(has).collect())
    }

    /// `Ok(None)`: nothing here tells.
    fn find(&self, id: &str, name: Name) -> Result<Option<u32>, Refusal> {
        let refused = |missing| Err(unknown(id, missing));
        match name {
            Name::Number(index) | Name::Slice(index, _) if self.count.is_some_and(|count| index >= count) => {
                refused(Missing::Gpu)
            }
            Name::Slice(gpu, slice) if self.slices(gpu).is_some_and(|slices| slice >= slices) => {
                refused(Missing::Slice)
            }
            Name::Number(index) | Name::Slice(index, _) => Ok(self.count.map(|_| index)),
            // Ids count in full only, whatever this host has.
            Name::Id if !is_whole(id) && !is_pseudonym(id) => refused(Missing::Id),
            Name::Id => match self.ids().or_else(|| self.listed(id)) {
                // Facts with pseudonyms tell nothing of an id that has none.
                Some(ids) if ids.iter().all(|known| is_whole(known) == is_whole(id)) => {
                    let found = ids.iter().any(|known| known.eq_ignore_ascii_case(id));
                    if found { Ok(self.index_of(id)) } else { refused(Missing::Id) }
                }
                _ => Ok(None),
            },
            Name::OldSlice | Name::Address(_) | Name::Word => Ok(None),
        }
    }

    /// What a CDI name would have to name, and this host has not; `None` where it has, or nothing tells.
    pub fn lacks(&self, id: &str) -> Option<Missing> {
        match self.find(id, Name::of(id)) {
            Err(Refusal::UnknownDevice { missing, .. }) => Some(missing),
            _ => None,
        }
    }

    fn index_of(&self, id: &str) -> Option<u32> {
        let same = |known: &str| known.eq_ignore_ascii_case(id);
        let has = |gpu: &&NvmlGpu| {
            same(&gpu.uuid) || gpu.slices.value().is_some_and(|slices| slices.iter().any(|slice| same(slice)))
        };
        self.gpus.iter().find(has).map(|gpu| gpu.index)
    }

    fn at(&self, wanted: [u32; 3]) -> Result<Option<u32>, ()> {
        let known: Option<Vec<_>> = self.gpus.iter().map(|gpu| Some((address(&gpu.address)?, gpu.index))).collect();
        match known.filter(|_| self.is_whole()) {
            Some(known) => known.iter().find(|(at, _)| *at == wanted).map(|(_, index)| Some(*index)).ok_or(()),
            None => Ok(None),
        }
    }

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

    /// By the driver's own list where NVML has told nothing; it has no slices.
    fn listed(&self, id: &str) -> Option<Vec<&'a str>> {
        let gpus = self.facts.nvidia.listed.value().filter(|gpus| !gpus.is_empty() && !begins(id, "MIG-"))?;
        gpus.iter().map(|gpu| gpu.uuid.as_deref()).collect()
    }

    pub fn slices(&self, gpu: u32) -> Option<u32> {
        instances(self.gpus.iter().find(|one| one.index == gpu)?)
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
