//! What a container's variables ask of driver and GPU, as NVIDIA's toolkit reads them (internal/config/image of
//! nvidia-container-toolkit, src/driver.c of libnvidia-container).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use crate::model::fact::{Gap, Stop};
use crate::model::facts::Facts;
use crate::model::facts::nvidia::NvmlGpu;
use crate::model::require::{Card, Subject, Verdict, evaluate};
use crate::model::version::Version;

/// From this version on libnvidia-container knows the brands that NVML has added (its CHANGELOG).
const NEWER_BRANDS: [u32; 3] = [1, 9, 0];

/// The variables of an image, with those of a run line over them.
#[derive(Clone, Copy, Debug)]
pub struct Asks<'a>(pub &'a BTreeMap<String, String>);

/// The capabilities that a container names, and who names them.
pub struct Named {
    pub words: Vec<String>,
    pub whose: &'static str,
}

impl Asks<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Anything here speaks of NVIDIA at all.
    pub fn are_of_a_gpu(&self) -> bool {
        self.0.keys().any(|name| name.starts_with("NVIDIA_") || name == "CUDA_VERSION")
    }

    /// CUDA_VERSION without NVIDIA_REQUIRE_CUDA: an image of the time before that variable, with rules of its own.
    pub fn is_legacy(&self) -> bool {
        self.get("CUDA_VERSION").is_some() && self.get("NVIDIA_REQUIRE_CUDA").is_none()
    }

    /// The CUDA in the image; `None` when it names none, or no version.
    pub fn cuda(&self) -> Option<Version> {
        let version = Version::leading(self.get("CUDA_VERSION")?)?;
        Some(Version::new(&[version.major(), version.minor()]))
    }

    /// All NVIDIA_REQUIRE_* but Jetson's; for a legacy image, what the toolkit makes of its CUDA_VERSION.
    pub fn conditions(&self) -> Vec<(String, String)> {
        let asks = |name: &str| name.starts_with("NVIDIA_REQUIRE_") && !name.starts_with("NVIDIA_REQUIRE_JETPACK");
        let named = self.0.iter().filter(|(name, value)| asks(name) && !value.is_empty());
        let mut found: Vec<(String, String)> = named.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(cuda) = self.cuda().filter(|_| self.is_legacy()) {
            found.push(("CUDA_VERSION".to_string(), format!("cuda>={}.{}", cuda.major(), cuda.minor())));
        }
        found
    }

    /// NVIDIA_DISABLE_REQUIRE, by the words that Go takes for true.
    pub fn are_switched_off(&self) -> bool {
        ["1", "t", "T", "true", "TRUE", "True"].contains(&self.get("NVIDIA_DISABLE_REQUIRE").unwrap_or_default())
    }

    /// NVIDIA_DRIVER_CAPABILITIES; where that is not set, what the toolkit takes.
    pub fn capabilities(&self) -> Named {
        match self.get("NVIDIA_DRIVER_CAPABILITIES") {
            // Empty is as good as unset, but for images of that age.
            Some("") => Named { words: words("compute,utility"), whose: "the toolkit's default" },
            Some(list) => Named { words: words(list), whose: "the image" },
            None if self.is_legacy() => {
                Named { words: vec!["all".to_string()], whose: "the toolkit, for an image of this age," }
            }
            None => Named { words: words("compute,utility"), whose: "the toolkit's default" },
        }
    }

    /// The first condition that this host's driver, or one of its GPUs, does not meet.
    pub fn verdict(&self, facts: &Facts) -> Result<Verdict, Stop> {
        self.verdict_for(facts, None)
    }

    /// The same of the GPUs of these indices alone; `None`: of all.
    pub fn verdict_for(&self, facts: &Facts, indices: Option<&[u32]>) -> Result<Verdict, Stop> {
        let nvml = &facts.nvidia.nvml;
        let version = facts.toolkit.version.value().and_then(|text| Version::leading(text));
        let knows = version.map(|version| version >= Version::new(&NEWER_BRANDS));
        let card = |gpu| card(gpu, knows);
        let cuda = nvml.cuda.known()?.ok_or(Stop::blocked_by("nvidia-nvml"))?;
        let driver = nvml.driver.known()?.ok_or(Stop::blocked_by("nvidia-nvml"))?;
        let taken = nvml.gpus.iter().filter(|gpu| indices.is_none_or(|indices| indices.contains(&gpu.index)));
        let mut subjects: Vec<Subject> = taken.map(|gpu| Subject { cuda, driver, gpu: Some(card(gpu)) }).collect();
        if subjects.is_empty() {
            // Which GPUs there are, NVML may not have come to tell.
            let silent = nvml.listed.gap().map(|_| Card { arch: None, brand: None });
            subjects.push(Subject { cuda, driver, gpu: silent });
        }
        let conditions = self.conditions();
        let verdicts: Vec<Verdict> =
            conditions.iter().flat_map(|(_, text)| subjects.iter().map(|subject| evaluate(text, subject))).collect();
        let no = |verdict: &&Verdict| matches!(verdict, Verdict::Unmet(_) | Verdict::Invalid(_));
        match verdicts.iter().find(no) {
            Some(verdict) => Ok(verdict.clone()),
            None if verdicts.contains(&Verdict::Unknown) => {
                let gap = Gap::Unsupported("NVML has not told brand and generation of every GPU".to_string());
                Err(Stop::Unknown(gap, nvml.listed.source.clone()))
            }
            None => Ok(Verdict::Met),
        }
    }
}

/// Words of a list between commas.
pub fn words(list: &str) -> Vec<String> {
    list.split(',').map(|word| word.trim().to_string()).filter(|word| !word.is_empty()).collect()
}

fn card(gpu: &NvmlGpu, knows: Option<bool>) -> Card<'_> {
    let brand = gpu.brand.as_deref().and_then(|nvml| brand(nvml, knows));
    Card { arch: gpu.compute_capability.value().map(String::as_str), brand }
}

/// libnvidia-container knew NVML's first six brands and called all others, those of most cards since Turing among them, "Unknown";
/// later it calls them by names of their own. `None`: which of the two it does is not known, or what it calls this one.
fn brand(nvml: &str, knows_newer: Option<bool>) -> Option<&str> {
    match (nvml, knows_newer) {
        ("Quadro" | "Tesla" | "NVS" | "GRID" | "GeForce" | "Titan" | "Unknown", _) => Some(nvml),
        (_, Some(false)) => Some("Unknown"),
        ("Nvidia" | "NvidiaRTX" | "GeForceRTX" | "QuadroRTX" | "TitanRTX", Some(true)) => Some(nvml),
        ("VApps" | "VPC" | "VCS" | "VWS", Some(true)) => Some(nvml),
        _ => None,
    }
}
