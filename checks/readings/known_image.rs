//! What the name of a published image tells: its CUDA, the machine that it is made for, and whether it can be had at all. One knowledge
//! for FROM, a run line and a compose file.

use alloc::format;
use alloc::string::String;

use crate::model::version::Version;

/// From this release on (two numbers), that CUDA.
type Row = ((u32, u32), (u32, u32));

/// CUDA of NGC's monthly releases: from this one on, that CUDA, until the next row. As in the release notes at
/// docs.nvidia.com/deeplearning/frameworks (PyTorch, TensorFlow, Triton, TensorRT and JAX share a month's base).
const NGC: [Row; 23] = [
    ((19, 3), (10, 1)),
    ((19, 11), (10, 2)),
    ((20, 6), (11, 0)),
    ((20, 10), (11, 1)),
    ((21, 2), (11, 2)),
    ((21, 4), (11, 3)),
    ((21, 7), (11, 4)),
    ((21, 11), (11, 5)),
    ((22, 1), (11, 6)),
    ((22, 5), (11, 7)),
    ((22, 9), (11, 8)),
    ((23, 1), (12, 0)),
    ((23, 3), (12, 1)),
    ((23, 8), (12, 2)),
    ((23, 11), (12, 3)),
    ((24, 3), (12, 4)),
    ((24, 6), (12, 5)),
    ((24, 8), (12, 6)),
    ((25, 1), (12, 8)),
    ((25, 4), (12, 9)),
    ((25, 8), (13, 0)),
    ((25, 12), (13, 1)),
    // Later months are not known here.
    ((26, 2), (0, 0)),
];
/// Images of NGC whose tag begins with the month.
const MONTHLY: [&str; 8] =
    ["pytorch", "tensorflow", "tritonserver", "tensorrt", "jax", "mxnet", "cuda-dl-base", "paddlepaddle"];

/// CUDA of `tensorflow/tensorflow:VERSION-gpu`, by its first version (tensorflow.org/install/source, tested build configurations).
const TENSORFLOW: [Row; 9] = [
    ((1, 13), (10, 0)),
    ((2, 1), (10, 1)),
    ((2, 4), (11, 0)),
    ((2, 5), (11, 2)),
    ((2, 12), (11, 8)),
    ((2, 15), (12, 2)),
    ((2, 16), (12, 3)),
    ((2, 18), (12, 5)),
    ((2, 21), (0, 0)),
];

/// Repositories of NVIDIA's that hold images for Jetson alone.
const JETSON: [&str; 3] = ["nvcr.io/nvidia/l4t-", "dustynv/", "nvcr.io/nvidia/jetson-"];

/// Tags of nvidia/cuda that are gone from Docker Hub and NGC, by their version, with the day on which that was seen and where
/// it is told. All tags of CUDA 10 and older are.
const GONE: [(&[u32], &str, &str); 15] = [
    (&[11, 0, 0], "2022-08-18", "NVIDIA/libnvidia-container#181"),
    (&[11, 1, 0], "2022-08-04", "tinkoff-ai/etna#838"),
    (&[11, 2, 0], "2023-07-11", NOTICE),
    (&[11, 2, 1], "2023-07-11", NOTICE),
    (&[11, 3, 0], "2023-07-03", "NVlabs/BundleSDF#30"),
    (&[11, 4, 0], "2023-07-11", NOTICE),
    (&[11, 4, 1], "2023-07-11", NOTICE),
    (&[11, 4, 2], "2023-07-11", NOTICE),
    (&[11, 5, 0], "2023-07-11", NOTICE),
    (&[11, 5, 1], "2023-07-11", NOTICE),
    (&[11, 6, 0], "2023-07-11", NOTICE),
    (&[11, 6, 1], "2023-07-11", NOTICE),
    (&[11, 7, 0], "2023-07-11", NOTICE),
    (&[10], "2023-07-11", NOTICE),
    (&[0], "2021-01-28", "NVIDIA/nvidia-docker#1454"),
];
/// Where NVIDIA's list of what it deletes is quoted.
const NOTICE: &str = "NVIDIA/cudf-spark-examples#311";

/// The last version of each minor one of CUDA 11, which stays.
const LAST: [&str; 9] = ["11.0.3", "11.1.1", "11.2.2", "11.3.1", "11.4.3", "11.5.2", "11.6.2", "11.7.1", "11.8.0"];

/// Systems whose packages have left the mirrors that their images name: a word of the reference, what it is, and the day on which its
/// support ended. From each distribution's own list of releases.
const ENDED: [(&str, &str, &str); 17] = [
    ("centos:7", "CentOS 7", "2024-06-30"),
    ("centos:8", "CentOS 8", "2021-12-31"),
    ("-centos7", "CentOS 7", "2024-06-30"),
    ("-centos8", "CentOS 8", "2021-12-31"),
    ("stretch", "Debian 9", "2022-06-30"),
    ("buster", "Debian 10", "2024-06-30"),
    ("debian:9", "Debian 9", "2022-06-30"),
    ("debian:10", "Debian 10", "2024-06-30"),
    ("ubuntu:20.10", "Ubuntu 20.10", "2021-07-22"),
    ("ubuntu:21.04", "Ubuntu 21.04", "2022-01-20"),
    ("ubuntu:21.10", "Ubuntu 21.10", "2022-07-14"),
    ("ubuntu:22.10", "Ubuntu 22.10", "2023-07-20"),
    ("ubuntu:23.04", "Ubuntu 23.04", "2024-01-25"),
    ("ubuntu:23.10", "Ubuntu 23.10", "2024-07-11"),
    ("ubuntu:24.10", "Ubuntu 24.10", "2025-07-10"),
    ("ubuntu:25.04", "Ubuntu 25.04", "2026-01-15"),
    ("ubuntu:19.10", "Ubuntu 19.10", "2020-07-17"),
];

/// Why a tag cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Since a day, and where that is told.
    Gone(&'static str, &'static str),
    /// Two numbers, or no system.
    Short,
    /// There never was such a one, and why.
    Never(&'static str),
}

/// The name without its registry where that is Docker Hub, and the tag.
fn parts(reference: &str) -> Option<(&str, &str)> {
    let bare = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let bare = bare.strip_prefix("library/").unwrap_or(bare);
    let bare = bare.split('@').next()?;
    Some(bare.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((bare, "")))
}

/// The CUDA in an image, where its name tells.
pub fn cuda(reference: &str) -> Option<Version> {
    let (name, tag) = parts(reference)?;
    if name == "nvidia/cuda" || name.ends_with("/nvidia/cuda") {
        return Version::leading(tag).map(|version| Version::new(&[version.major(), version.minor()]));
    }
    if let Some(image) = name.strip_prefix("nvcr.io/nvidia/").filter(|image| MONTHLY.contains(image)) {
        // Images for Jetson have a CUDA of their own.
        return if tag.contains("igpu") || image.contains("l4t") { None } else { row(&NGC, month(tag)?) };
    }
    if name == "tensorflow/tensorflow" && tag.contains("gpu") {
        let version = Version::leading(tag)?;
        return row(&TENSORFLOW, (version.major(), version.minor()));
    }
    let after = tag.split(['-', '_']).find_map(|part| part.strip_prefix("cuda").or(part.strip_prefix("cu")))?;
    after.contains('.').then(|| Version::leading(after)).flatten()
}

/// `25.03-py3`: year and month.
fn month(tag: &str) -> Option<(u32, u32)> {
    let (year, month) = tag.split('-').next()?.split_once('.')?;
    let two = |text: &str| text.parse().ok().filter(|_| text.len() == 2);
    Some((two(year)?, two(month)?))
}

fn row(table: &[Row], wanted: (u32, u32)) -> Option<Version> {
    let (_, (major, minor)) = table.iter().rev().find(|(from, _)| *from <= wanted)?;
    (*major > 0).then(|| Version::new(&[*major, *minor]))
}

/// True where an image brings NVIDIA's cuda-compat, so that a data-centre GPU runs it on an older driver.
pub fn brings_compat(reference: &str) -> bool {
    reference.contains("nvidia/cuda:") || reference.starts_with("nvcr.io/nvidia/")
}

/// The one machine that an image is made for, where its name tells; docker's word for it.
pub fn machine(reference: &str) -> Option<&'static str> {
    let jetson = JETSON.iter().any(|name| reference.starts_with(name)) || reference.contains("-igpu");
    jetson.then_some("arm64")
}

/// What the base is, where its packages can no longer be had, and since when it is out of support.
pub fn ended(reference: &str) -> Option<(&'static str, &'static str)> {
    let (name, tag) = parts(reference)?;
    let own = name.rsplit('/').next().unwrap_or(name);
    let shown = format!("{own}:{tag}");
    // `debian:10` is no `debian:100`, and `centos:7` none of `centos:79`.
    let fits = |word: &str| {
        shown.match_indices(word).any(|(at, _)| {
            let next = shown[at + word.len()..].bytes().next();
            next.is_none_or(|b| !b.is_ascii_alphanumeric())
        })
    };
    ENDED.iter().find(|(word, ..)| fits(word)).map(|(_, what, day)| (*what, *day))
}

/// The tag of an image of NVIDIA's CUDA repository on Docker Hub or NGC; empty where none is named.
fn cuda_tag(reference: &str) -> Option<&str> {
    let bare = reference.strip_prefix("docker.io/").or(reference.strip_prefix("nvcr.io/")).unwrap_or(reference);
    if bare.contains('@') {
        return None;
    }
    match bare.split_once(':') {
        Some(("nvidia/cuda", tag)) => Some(tag),
        None if bare == "nvidia/cuda" => Some(""),
        _ => None,
    }
}

/// Why a tag cannot be had, as far as that is known without asking.
pub fn missing(reference: &str) -> Option<Missing> {
    let tag = cuda_tag(reference)?;
    if let Some((since, told)) = gone(tag) {
        return Some(Missing::Gone(since, told));
    }
    if is_short(tag) {
        return Some(Missing::Short);
    }
    never(tag).map(Missing::Never)
}

fn gone(tag: &str) -> Option<(&'static str, &'static str)> {
    let version = match tag {
        "" | "latest" => Version::new(&[0]),
        _ => Version::leading(tag)?,
    };
    let fits = |gone: &[u32]| match gone {
        [0] => version.major() == 0,
        [major] => version.major() != 0 && version.major() <= *major,
        exact => version == Version::new(exact),
    };
    GONE.iter().find(|(gone, ..)| fits(gone)).map(|(_, since, told)| (*since, *told))
}

/// Without the third number or without the system: there are no such tags of CUDA 12 and later.
fn is_short(tag: &str) -> bool {
    let Some(version) = Version::leading(tag).filter(|version| version.major() >= 12) else { return false };
    let numbers = tag.split('-').next().unwrap_or_default().split('.').count();
    let system = tag.split('-').any(|part| {
        ["ubuntu", "ubi", "rockylinux", "oraclelinux", "centos", "opensuse", "amzn", "cm"]
            .iter()
            .any(|s| part.starts_with(s))
    });
    version.major() >= 12 && (numbers < 3 || !system)
}

/// Combinations that NVIDIA never published (doc/supported-tags.md and doc/unsupported-tags.md of its repository of images).
fn never(tag: &str) -> Option<&'static str> {
    let version = Version::leading(tag)?;
    let number = (version.major(), version.minor());
    let says = |word: &str| tag.split('-').any(|part| part == word);
    if number >= (12, 4) && (says("cudnn8") || says("cudnn9")) {
        return Some("from CUDA 12.4 on the word is cudnn, without a number");
    }
    if number < (11, 7) && says("ubuntu22.04") {
        return Some("images on Ubuntu 22.04 begin with CUDA 11.7");
    }
    (number >= (13, 0) && says("ubuntu20.04")).then_some("CUDA 13 has no images on Ubuntu 20.04")
}

/// The same flavour in a version that is there.
pub fn instead(reference: &str) -> String {
    let tag = cuda_tag(reference).unwrap_or_default();
    let flavour = ["devel", "runtime"].into_iter().find(|word| tag.contains(word)).unwrap_or("base");
    if never(tag).is_some() && !is_short(tag) && gone(tag).is_none() {
        let mended = tag.replace("cudnn8", "cudnn").replace("cudnn9", "cudnn");
        if never(&mended).is_none() {
            return format!("nvidia/cuda:{mended}");
        }
    }
    let version = Version::leading(tag);
    let last = version.as_ref().and_then(|version| {
        LAST.iter().find(|last| {
            Version::parse(last).is_some_and(|l| (l.major(), l.minor()) == (version.major(), version.minor()))
        })
    });
    let behind = tag.find('-').map_or("", |dash| &tag[dash..]);
    match last {
        Some(last) if behind.contains("ubuntu22.04") && never(&format!("{last}{behind}")).is_some() => {
            format!("nvidia/cuda:{last}{}", behind.replace("ubuntu22.04", "ubuntu20.04"))
        }
        Some(last) if behind.contains("ubuntu") || behind.contains("ubi") => format!("nvidia/cuda:{last}{behind}"),
        Some(last) => format!("nvidia/cuda:{last}-{flavour}-ubuntu20.04"),
        None => format!("nvidia/cuda:12.8.1-{flavour}-ubuntu24.04"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_cuda_and_machine() {
        let known = |reference: &str| cuda(reference).map(|version| (version.major(), version.minor()));
        for (reference, version) in [
            ("nvidia/cuda:12.4.1-base-ubuntu22.04", Some((12, 4))),
            ("pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", Some((12, 1))),
            ("nvcr.io/nvidia/pytorch:25.03-py3", Some((12, 8))),
            ("nvcr.io/nvidia/tritonserver:23.07-py3", Some((12, 1))),
            ("nvcr.io/nvidia/pytorch:26.05-py3", None),
            ("nvcr.io/nvidia/pytorch:25.03-py3-igpu", None),
            ("tensorflow/tensorflow:2.15.0-gpu", Some((12, 2))),
            ("tensorflow/tensorflow:2.15.0", None),
            ("ubuntu:24.04", None),
            ("localhost:5000/x", None),
        ] {
            assert_eq!(known(reference), version, "{reference}");
        }
        assert_eq!(machine("nvcr.io/nvidia/l4t-base:r32.7.1"), Some("arm64"));
        assert_eq!(machine("nvcr.io/nvidia/pytorch:25.03-py3"), None);
        assert_eq!(ended("python:3.8-slim-buster").map(|(what, _)| what), Some("Debian 10"));
        assert_eq!(ended("centos:79"), None);
        assert_eq!(
            instead("nvidia/cuda:12.8.1-cudnn8-devel-ubuntu22.04"),
            "nvidia/cuda:12.8.1-cudnn-devel-ubuntu22.04"
        );
    }
}
