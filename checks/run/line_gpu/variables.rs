//! Variables that choose among GPUs beside `--gpus`, which has chosen already.

use super::VISIBLE;
use crate::model::prelude::*;
use crate::model::run::RunLine;

/// CUDA counts the GPUs that the container has, from 0, and takes those before the first number that is none (CUDA Programming
/// Guide, "Environment Variables").
const CUDA: &str = "CUDA_VISIBLE_DEVICES";

/// `--gpus` writes NVIDIA_VISIBLE_DEVICES itself, behind the line's own (moby, daemon/nvidia_linux.go).
pub fn overwritten(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let (request, variable) = (line.gpus.first()?, line.variable(VISIBLE)?);
    let said = variable.value.as_deref().filter(|said| !["", "all", "none", "void"].contains(said))?;
    let is_same = request.devices.join(",") == said;
    if is_same || variable.at.opaque || here(facts) == Some(1) && request.devices.is_empty() {
        return None;
    }
    let finding =
        Finding::warn("visible-overwritten", "choose-by-gpus").with("said", said).with("flag", &request.at.text);
    let finding = finding.edit(variable.at.without()).edit(request.at.with_value(format!("'\"device={said}\"'")));
    Some(finding.evidence("the line", &*variable.at.text).asked_by(&variable.at.origin()))
}

/// The first number is none of the container's GPUs: its programs see no GPU at all.
pub fn out_of_range(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let (request, variable) = (line.gpus.first()?, line.variable(CUDA)?);
    let said = variable.value.as_deref().filter(|_| !variable.at.opaque)?;
    let numbers: Vec<u32> = said.split(',').map(|word| word.trim().parse().ok()).collect::<Option<_>>()?;
    let inside = match (request.devices.len(), request.count) {
        (0, Some(-1)) => here(facts)?,
        (0, count) => count.and_then(|count| usize::try_from(count).ok())?,
        (chosen, _) => chosen,
    };
    let fits = |number: &u32| (*number as usize) < inside;
    let bad = numbers.iter().position(|number| !fits(number)).filter(|_| inside > 0)?;
    let all = (0..inside).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let finding = match bad {
        0 => Finding::fail("cuda-out-of-range", "count-inside"),
        _ => Finding::warn("cuda-partly-out-of-range", "count-inside"),
    };
    let finding = finding.with("said", said).with("count", inside).with("flag", &request.at.text);
    let finding = finding.edit(variable.at.with_value(format!("{CUDA}={all}")));
    Some(finding.evidence("the line", &*variable.at.text).asked_by(&variable.at.origin()))
}

/// How many GPUs this host's driver has; `None` where that is not known, or where parts of them count as well.
fn here(facts: &Facts) -> Option<usize> {
    let nvml = &facts.nvidia.nvml;
    nvml.listed.value()?;
    let whole = nvml.gpus.iter().all(|gpu| gpu.mig.value().is_none_or(|mig| mig.instances == 0));
    whole.then_some(nvml.gpus.len())
}
