//! What the files beside the Dockerfile add to it: whether a step that installs or compiles by them compiles for CUDA.

use std::path::Path;

use gdoctor_checks::model::dockerfile::{Dockerfile, Does, Step};

use crate::host::Host;

use super::steps;

/// A setup.py or a list of requirements.
const CAP: usize = 256 << 10;

/// `folder`: where the Dockerfile lies, which is the context unless somebody says otherwise.
pub fn look(file: &mut Dockerfile, folder: &Path, host: &Host) {
    for stage in &mut file.stages {
        // What a step has fetched before may have files of the same names.
        let fetches = ["git clone", "git+", "wget", "curl"].iter().any(|word| stage.rest.contains(word));
        for step in stage.steps.iter_mut().filter(|_| !fetches) {
            let compiles = |name: &String| {
                let text = host.live().bytes(folder.join(name.trim_start_matches(['/', '.'])), CAP);
                let text = text.value().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                text.is_some_and(|text| steps::compiles_cuda(&text))
            };
            if named(step).iter().any(compiles) {
                step.does = Does::CudaExtension;
            }
        }
    }
}

/// The files that decide, as they may be called in the context: with the folders that the step names, and without.
fn named(step: &Step) -> Vec<String> {
    let words: Vec<&str> = step.said.text.split_whitespace().collect();
    let files: Vec<&str> = match step.does {
        Does::PipFiles if words.iter().any(|word| [".", "./"].contains(word)) => vec!["setup.py"],
        Does::PipFiles => words.iter().filter(|word| word.ends_with(".txt")).map(|word| after_equals(word)).collect(),
        Does::SetupPy => words.iter().filter(|word| word.ends_with(".py")).copied().collect(),
        _ => Vec::new(),
    };
    let bare = |file: &&str| file.rsplit('/').next().unwrap_or_default().to_owned();
    files.iter().map(|file| (*file).to_owned()).chain(files.iter().map(bare)).collect()
}

/// `--requirement=all.txt` names a file behind its `=`.
fn after_equals(word: &str) -> &str {
    word.rsplit('=').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::need::dockerfile::parse;

    #[test]
    #[allow(clippy::disallowed_methods)] // a folder of the test's own
    fn what_pip_compiles_stands_beside_the_dockerfile() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "setup.py",
            "from torch.utils.cpp_extension import CUDAExtension\nsetup(ext_modules=[CUDAExtension('a', ['a.cu'])])\n",
        );
        write("plain.txt", "numpy\n# git+https://github.com/facebookresearch/pytorch3d\n");
        write("gpu.txt", "git+https://github.com/facebookresearch/pytorch3d.git@stable\n");
        let host = Host::new("/", Duration::from_secs(5));
        let of = |step: &str| {
            let text = format!("FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime\nCOPY . /src\nRUN {step}\n");
            let mut file = parse("D", &text, None, &[]).unwrap().0;
            look(&mut file, folder.path(), &host);
            file.stages[0].steps.iter().any(|step| step.does == Does::CudaExtension)
        };
        for step in ["pip install .", "pip install -e .", "python setup.py install", "pip3 install -r /src/gpu.txt"] {
            assert!(of(step), "{step}");
        }
        for step in ["pip install -r plain.txt", "pip install numpy", "git clone https://x/y && cd y && pip install ."]
        {
            assert!(!of(step), "{step}");
        }
    }
}
