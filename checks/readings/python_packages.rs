//! What packages of Python bring when pip installs them, by their names: something that is compiled for CUDA, OpenCV with its windows.

use alloc::string::String;
use alloc::vec::Vec;

use crate::model::facts::run::Brings;

/// Projects whose source is compiled for CUDA when pip installs it, by their names in repositories and on PyPI: PyTorch's
/// cpp_extension, or a look for a GPU in their own setup.py.
const EXTENSIONS: [&str; 15] = [
    "facebookresearch/detectron2",
    "facebookresearch/pytorch3d",
    "tiny-cuda-nn",
    "diff-gaussian-rasterization",
    "diff-surfel-rasterization",
    "simple-knn",
    "nvdiffrast",
    "groundingdino",
    "open-mmlab/mmcv",
    "pointnet2_ops",
    "chamferdist",
    "minkowskiengine",
    "sshaoshuai/pcdet",
    "torch-ngp/raymarching",
    "qwopqwop200/gptq-for-llama",
];

/// OpenCV with its windows, and packages that ask for it (their Requires-Dist on PyPI).
const OPENCV: [&str; 11] = [
    "opencv-python",
    "opencv-contrib-python",
    "ultralytics",
    "yolov5",
    "mediapipe",
    "insightface",
    "facexlib",
    "gfpgan",
    "realesrgan",
    "imgaug",
    "basicsr",
];

/// A word of pip's that names a project compiled for CUDA.
pub fn is_extension(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    EXTENSIONS.iter().any(|name| word.contains(name))
}

/// A requirement such as `opencv-python>=4.8` that brings OpenCV with its windows.
pub fn is_opencv(requirement: &str) -> bool {
    OPENCV.contains(&name(requirement).as_str())
}

/// The name that a requirement begins with, as PyPI compares names.
fn name(requirement: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "=<>~![;@,".contains(c);
    requirement.trim().split(ends).next().unwrap_or_default().to_ascii_lowercase().replace('_', "-")
}

/// What a text of a build's folder brings: a setup.py, or a list of requirements.
pub fn of_text(text: &str) -> Vec<Brings> {
    let lines = || text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let any = |is: &dyn Fn(&str) -> bool| lines().any(is);
    let extension = |line: &str| line.to_ascii_lowercase().contains("cudaextension(") || is_extension(line);
    let headless = |line: &str| name(line).starts_with("opencv-") && name(line).ends_with("-headless");
    [
        (Brings::CudaExtension, any(&extension)),
        // Where both are, the one that is installed last decides.
        (Brings::OpenCv, any(&is_opencv) && !any(&headless)),
    ]
    .into_iter()
    .filter_map(|(brings, is)| is.then_some(brings))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_tell_what_they_bring() {
        for (text, brings) in [
            ("numpy\nopencv-python>=4.8\n", &[Brings::OpenCv][..]),
            ("Ultralytics==8.3\n", &[Brings::OpenCv]),
            ("opencv_contrib_python [x]\n", &[Brings::OpenCv]),
            ("ultralytics\nopencv-python-headless\n", &[]),
            ("# opencv-python\nopencv-python-headless==4\n", &[]),
            ("git+https://github.com/facebookresearch/pytorch3d.git@stable\n", &[Brings::CudaExtension]),
            ("numpy\n# git+https://github.com/facebookresearch/pytorch3d\n", &[]),
            ("setup(ext_modules=[CUDAExtension('a', ['a.cu'])])\n", &[Brings::CudaExtension]),
        ] {
            assert_eq!(of_text(text), brings, "{text}");
        }
    }
}
