//! Does a step of the build ask for a GPU, which a build does not have?

use crate::model::dockerfile::{Dockerfile, Does, Stage, Step};
use crate::model::facts::run::Brings;
use crate::model::prelude::*;
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "dockerfile-build",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

const UNREAD: &str = "what a script does when this fails is not read";

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Ok(Findings::new()) };
    let steps = file.stages.iter().filter(|stage| stage.built).flat_map(|stage| &stage.gpu_steps);
    let told = steps.map(|step| {
        let finding = match step.in_script {
            false => Finding::warn("needs-gpu", "build-without-gpu"),
            true => Finding::unknown(Gap::Unsupported(UNREAD.into()), Default::default()),
        };
        finding.about(&step.said.text).evidence("the Dockerfile", &*step.said.text).asked_by(&step.said.at)
    });
    let mut findings: Findings = told.collect();
    findings.extend(file.stages.iter().filter(|stage| stage.built).filter_map(|stage| compiled(facts, file, stage)));
    findings.extend(file.stages.iter().filter(|stage| stage.built).filter_map(|stage| imported(file, stage)));
    Ok(if findings.is_empty() {
        Finding::pass("none").evidence("the Dockerfile", &*file.path).into()
    } else {
        findings
    })
}

/// TensorFlow for GPUs up to 1.13 is linked with libcuda.so.1, the driver's library, and cannot be imported without it (lacmus#7,
/// openai/gpt-2#204); later ones look for it when they are asked for a GPU.
fn imported(file: &Dockerfile, stage: &Stage) -> Option<Finding> {
    let step = stage.steps.iter().find(|step| step.does == Does::ImportTensorFlow)?;
    let base = file.line_of(stage).last().map_or("", |ground| ground.base.reference.as_str());
    let (name, tag) = base.split_once(':')?;
    let version = Version::leading(tag).filter(|version| version.major() == 1 && version.minor() <= 13)?;
    let linked = name.trim_start_matches("docker.io/") == "tensorflow/tensorflow" && tag.contains("gpu");
    // A stub of the library, or another TensorFlow.
    let other = ["stubs", "libcuda", "tensorflow==", "install tensorflow", "-u tensorflow", "--upgrade tensorflow"];
    if !linked || file.line_says(stage, &other) {
        return None;
    }
    let finding = Finding::warn("needs-driver", "import-later").with("version", version);
    Some(finding.about(&step.said.text).evidence("the Dockerfile", &*step.said.text).asked_by(&step.said.at))
}

/// What names the GPUs to compile for, so that none is asked: PyTorch's variables, those of projects, an image that sets them.
const NAMES_GPUS: [&str; 5] =
    ["torch_cuda_arch_list", "force_cuda", "tcnn_cuda_architectures", "nvcr.io/nvidia/pytorch", "cuda_arch"];

/// Words by which a step brings nvcc to a base without it: packages, conda's labels, the program itself.
const BRINGS_NVCC: [&str; 8] = [
    "nvcc",
    "cuda-toolkit",
    "nvidia-cuda-toolkit",
    "cuda-compiler",
    "cudatoolkit-dev",
    "label/cuda-",
    "cuda_toolkit",
    "_linux.run",
];

/// nvidia/cuda has nvcc in its tags `devel` alone, not in `base` and `runtime` (its page), and pytorch/pytorch likewise.
fn has_no_nvcc(base: &str) -> bool {
    let (name, tag) = base.rsplit_once(':').unwrap_or((base, ""));
    let of = |wanted: &str| name == wanted || name.ends_with(&format!("/{wanted}"));
    (of("nvidia/cuda") || of("pytorch/pytorch")) && ["-runtime", "-base"].iter().any(|kind| tag.contains(kind))
}

/// A step that compiles for CUDA: by itself, or by what a file of the build's folder says.
fn extension<'a>(facts: &Facts, stage: &'a Stage) -> Option<&'a Step> {
    let by_file = |step: &Step| {
        let folder = facts.run.context.as_ref();
        folder.is_some_and(|folder| folder.step_brings(step, Brings::CudaExtension))
    };
    stage.steps.iter().find(|step| step.does == Does::CudaExtension || by_file(step))
}

/// An extension needs the compiler before it needs an architecture.
fn without_nvcc(facts: &Facts, file: &Dockerfile, stage: &Stage, base: &str) -> Option<Finding> {
    let of = |does: Does| stage.steps.iter().find(move |step| step.does == does);
    let with_torch = || base.contains("pytorch") || file.line_says(stage, &["torch"]);
    let (finding, step) = match extension(facts, stage) {
        Some(step) => (Finding::warn("no-nvcc", "devel-base"), step),
        None => {
            let why = format!(
                "what this setup.py compiles is not read; an extension for CUDA needs nvcc, which {base} does not have"
            );
            let step = of(Does::SetupPy).filter(|_| with_torch())?;
            (Finding::unknown(Gap::Unsupported(why), Default::default()), step)
        }
    };
    let devel = base.replace("-runtime", "-devel").replace("-base", "-devel");
    let finding = finding.about(&step.said.text).with("base", base).with("devel", devel);
    Some(finding.evidence("the Dockerfile", &*step.said.text).asked_by(&step.said.at))
}

/// PyTorch compiles an extension for the GPUs that it finds (_get_cuda_arch_flags of torch/utils/cpp_extension.py), and a build has
/// none: it ends there, or the project's setup.py takes the processor's part alone. Without nvcc it is another matter.
fn compiled(facts: &Facts, file: &Dockerfile, stage: &Stage) -> Option<Finding> {
    let base = file.line_of(stage).last().map_or("", |ground| ground.base.reference.as_str());
    let line = file.line_of(stage);
    let sets = |stage: &&Stage| {
        let is_told = |name: &str| NAMES_GPUS.contains(&name.to_ascii_lowercase().as_str());
        stage.variables.iter().any(|setting| is_told(&setting.name))
    };
    let told = NAMES_GPUS.iter().any(|name| base.contains(name))
        || line.iter().any(sets)
        || file.line_says(stage, &NAMES_GPUS);
    let brings_nvcc = file.line_says(stage, &BRINGS_NVCC);
    if has_no_nvcc(base) && !brings_nvcc {
        return without_nvcc(facts, file, stage, base);
    }
    if told || !(base.contains("devel") || brings_nvcc) {
        return None;
    }
    let of = |does: Does| stage.steps.iter().find(move |step| step.does == does);
    let with_torch = || base.contains("pytorch") || file.line_says(stage, &["torch"]);
    let (finding, step): (Finding, &Step) = match extension(facts, stage) {
        Some(step) => (Finding::warn("cuda-extension", "name-architectures"), step),
        None => {
            let step = of(Does::SetupPy).filter(|_| with_torch())?;
            let why = "what this setup.py compiles is not read; an extension for CUDA needs TORCH_CUDA_ARCH_LIST here, \
                       since a build has no GPU";
            (Finding::unknown(Gap::Unsupported(why.into()), Default::default()), step)
        }
    };
    let finding = finding.about(&step.said.text).evidence("the Dockerfile", &*step.said.text);
    Some(finding.asked_by(&step.said.at))
}
