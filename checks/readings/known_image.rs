//! What the name of a published image tells: its CUDA, the machine that it is made for, and whether it can be had at all. One knowledge
//! for FROM, a run line and a compose file.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::version::Version;

/// From this release on (two numbers), that CUDA.
type Row = ((u32, u32), (u32, u32));

/// CUDA of NGC's monthly releases: from this one on, that CUDA, until the next row. As in the release notes at
/// docs.nvidia.com/deeplearning/frameworks (PyTorch, TensorFlow, Triton, TensorRT and JAX share a month's base).
const NGC: [Row; 27] = [
    ((18, 9), (10, 0)),
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
    ((26, 3), (13, 2)),
    ((26, 6), (13, 3)),
    ((26, 8), (13, 4)),
    // Later months are not known here.
    ((26, 11), (0, 0)),
];
/// Images of NGC whose tag begins with the month.
const MONTHLY: [&str; 10] = [
    "pytorch",
    "tensorflow",
    "tritonserver",
    "tensorrtserver",
    "tensorrt",
    "jax",
    "mxnet",
    "vllm",
    "cuda-dl-base",
    "paddlepaddle",
];

/// CUDA of `tritonserver:MONTH-trtllm-python-py3`, which is older than the month's (docs/introduction/compatibility.md of
/// triton-inference-server/server).
const TRTLLM: [Row; 9] = [
    ((24, 4), (12, 3)),
    ((24, 6), (12, 4)),
    ((24, 8), (12, 5)),
    ((24, 11), (12, 6)),
    ((25, 1), (12, 8)),
    ((25, 6), (12, 9)),
    ((25, 11), (13, 0)),
    ((26, 3), (13, 1)),
    ((26, 8), (0, 0)),
];

/// CUDA of `vllm/vllm-openai:v0.MINOR.PATCH` on amd64, by minor and patch (CUDA_VERSION of vllm's release pipeline at each tag).
const VLLM: [Row; 8] = [
    ((2, 2), (12, 1)),
    ((4, 2), (12, 4)),
    ((6, 5), (12, 1)),
    ((8, 0), (12, 4)),
    ((9, 0), (12, 8)),
    ((11, 1), (12, 9)),
    ((20, 0), (13, 0)),
    ((24, 0), (0, 0)),
];

/// CUDA of `nvcr.io/nvidia/deepstream:VERSION-…` (its release notes).
const DEEPSTREAM: [Row; 3] = [((9, 0), (13, 1)), ((9, 1), (13, 2)), ((9, 2), (0, 0))];

/// The oldest driver that whoever publishes an image asks for: a name, from which version on (two numbers), the driver.
const DRIVERS: [(&str, (u32, u32), &str); 5] = [
    // docs/gpu.mdx of ollama/ollama; with less it counts on the processor.
    ("ollama/ollama", (0, 0), "531"),
    // docs/docs/frigate/hardware.md, of the images with TensorRT.
    ("ghcr.io/blakeblackshear/frigate", (0, 0), "530"),
    ("ghcr.io/blakeblackshear/frigate", (0, 16), "545"),
    // jellyfin.org/docs, hardware acceleration on NVIDIA.
    ("jellyfin/jellyfin", (10, 11), "520.56.06"),
    // tools/docker/Dockerfile of isaac-sim/IsaacSim.
    ("nvcr.io/nvidia/isaac-sim", (6, 0), "570.169"),
];

/// CUDA of `tensorflow/tensorflow:VERSION-gpu`, by its first version: to 2.14 as tensorflow.org/install/source tells, since then
/// what tensorflow/build's gpu.Dockerfile starts from, which is older than the CUDA of the packages.
const TENSORFLOW: [Row; 10] = [
    ((1, 0), (8, 0)),
    ((1, 5), (9, 0)),
    ((1, 13), (10, 0)),
    ((2, 1), (10, 1)),
    ((2, 4), (11, 0)),
    ((2, 5), (11, 2)),
    ((2, 12), (11, 8)),
    // Of 2.15 the two tell different ones.
    ((2, 15), (0, 0)),
    ((2, 16), (12, 3)),
    ((2, 22), (0, 0)),
];

/// Repositories that hold images for Jetson alone.
const JETSON: [&str; 5] = [
    "nvcr.io/nvidia/l4t-",
    "nvcr.io/nvidia/deepstream-l4t",
    "dustynv/",
    "ghcr.io/nvidia-ai-iot/",
    "nvcr.io/nvidia/isaac/ros:aarch64-",
];

/// Tags of nvidia/cuda that are gone from Docker Hub and NGC, by their version, with the day on which that was seen and where
/// it is told. All tags of CUDA 10 and older are.
const GONE: [(&[u32], &str, &str); 14] = [
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
const ENDED: [(&str, &str, &str); 12] = [
    ("centos:7", "CentOS 7", "2024-06-30"),
    ("centos:8", "CentOS 8", "2021-12-31"),
    ("centos:latest", "CentOS 8", "2021-12-31"),
    ("centos:stream8", "CentOS Stream 8", "2024-05-31"),
    ("-centos7", "CentOS 7", "2024-06-30"),
    ("-centos8", "CentOS 8", "2021-12-31"),
    ("jessie", "Debian 8", "2020-06-30"),
    ("stretch", "Debian 9", "2022-06-30"),
    ("buster", "Debian 10", "2024-06-30"),
    ("debian:8", "Debian 8", "2020-06-30"),
    ("debian:9", "Debian 9", "2022-06-30"),
    ("debian:10", "Debian 10", "2024-06-30"),
];
/// Ubuntus between the long-term ones: their packages move to old-releases.ubuntu.com (wiki.ubuntu.com/Releases). Those of long-term
/// ones stay where they are.
const ENDED_UBUNTU: [((u32, u32), &str, &str); 15] = [
    ((16, 10), "Ubuntu 16.10", "2017-07-20"),
    ((17, 4), "Ubuntu 17.04", "2018-01-13"),
    ((17, 10), "Ubuntu 17.10", "2018-07-19"),
    ((18, 10), "Ubuntu 18.10", "2019-07-18"),
    ((19, 4), "Ubuntu 19.04", "2020-01-23"),
    ((19, 10), "Ubuntu 19.10", "2020-07-17"),
    ((20, 10), "Ubuntu 20.10", "2021-07-22"),
    ((21, 4), "Ubuntu 21.04", "2022-01-20"),
    ((21, 10), "Ubuntu 21.10", "2022-07-14"),
    ((22, 10), "Ubuntu 22.10", "2023-07-20"),
    ((23, 4), "Ubuntu 23.04", "2024-01-25"),
    ((23, 10), "Ubuntu 23.10", "2024-07-11"),
    ((24, 10), "Ubuntu 24.10", "2025-07-10"),
    ((25, 4), "Ubuntu 25.04", "2026-01-15"),
    ((25, 10), "Ubuntu 25.10", "2026-07-09"),
];

/// By official image, for each minor version the first one whose tag without a system's name was made on Debian 11: what came before,
/// and every version below the first row, stays on Debian 10 or an older one (library/ of docker-library/official-images, its
/// history around 14 August 2021; of Node the last of each).
const ON_DEBIAN_11: [(&str, &[[u32; 3]]); 5] = [
    ("golang", &[[1, 16, 7]]),
    ("node", &[[17, 0, 0]]),
    ("php", &[[7, 3, 29], [7, 4, 22], [8, 0, 9]]),
    ("python", &[[3, 6, 14], [3, 7, 11], [3, 8, 11], [3, 9, 6]]),
    ("ruby", &[[2, 6, 8], [2, 7, 4], [3, 0, 2]]),
];
/// The same of Debian 13: docker-library/official-images#19661, of 12 August 2025. What came before stays on Debian 12 or an older one.
const ON_DEBIAN_13: [(&str, &[[u32; 3]]); 1] =
    [("python", &[[3, 9, 23], [3, 10, 18], [3, 11, 13], [3, 12, 11], [3, 13, 6]])];
/// What a tag of theirs may say besides its version and still stand on the usual Debian.
const USUAL_DEBIAN: [&str; 5] = ["slim", "cli", "apache", "fpm", "zts"];

/// Why a tag cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Since a day, and where that is told.
    Gone(&'static str, &'static str),
    /// Two numbers, or no system.
    Short,
    /// There never was such a one, and why.
    Never(&'static str),
    /// Docker Hub has no official image of this name: only one that was built here can be meant. The one of its maker.
    Unofficial(&'static str),
}

/// Names without a maker's that are none of Docker Hub's official images (library/ of docker-library/official-images), and where their
/// makers publish.
const UNOFFICIAL: [(&str, &str); 9] = [
    ("cuda", "nvidia/cuda"),
    ("pytorch", "pytorch/pytorch"),
    ("tensorflow", "tensorflow/tensorflow"),
    ("miniconda3", "continuumio/miniconda3"),
    ("miniconda", "continuumio/miniconda3"),
    ("anaconda3", "continuumio/anaconda3"),
    ("tritonserver", "nvcr.io/nvidia/tritonserver"),
    ("deepstream", "nvcr.io/nvidia/deepstream"),
    ("l4t-base", "nvcr.io/nvidia/l4t-base"),
];

fn unofficial(reference: &str) -> Option<&'static str> {
    let (name, _) = parts(reference).filter(|_| !reference.contains('@'))?;
    UNOFFICIAL.iter().find(|(own, _)| *own == name).map(|(_, maker)| *maker)
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
    if is_for_amd(reference) {
        return None;
    }
    if ["nvidia/cuda", "nvidia/cudagl"].iter().any(|own| name == *own || name == format!("nvcr.io/{own}")) {
        return Version::leading(tag).map(|version| Version::new(&[version.major(), version.minor()]));
    }
    if let Some(image) = name.strip_prefix("nvcr.io/nvidia/").filter(|image| MONTHLY.contains(image)) {
        // Images for Jetson have a CUDA of their own.
        return match tag.contains("igpu") {
            true => None,
            false if tag.contains("trtllm") => row(&TRTLLM, month(tag)?),
            false => row(&NGC, month(tag)?).filter(|_| !image.contains("l4t")),
        };
    }
    let version = || Version::leading(tag.trim_start_matches('v'));
    if name == "tensorflow/tensorflow" && tag.contains("gpu") {
        let version = version()?;
        return row(&TENSORFLOW, (version.major(), version.minor()));
    }
    if name == "nvcr.io/nvidia/deepstream" {
        let version = version()?;
        return row(&DEEPSTREAM, (version.major(), version.minor()));
    }
    if let Some(named) = tag.split(['-', '_']).find_map(named) {
        return Some(named);
    }
    // From 0.10.2 on its arm64 is of another CUDA than its amd64.
    if name == "vllm/vllm-openai" && !tag.contains("aarch64") {
        let numbers: Option<Vec<u32>> =
            tag.strip_prefix("v0.")?.split(['.', '-']).take(2).map(|n| n.parse().ok()).collect();
        return row(&VLLM, numbers.and_then(|numbers| Some((*numbers.first()?, *numbers.get(1)?)))?);
    }
    None
}

/// Repositories whose images are of no use without a GPU of NVIDIA's.
const OF_NVIDIA: [&str; 8] = [
    "nvidia/cuda",
    "nvidia/cudagl",
    "nvidia/opengl",
    "nvidia/vulkan",
    "nvcr.io/nvidia/cuda",
    "nvcr.io/nvidia/cudagl",
    "nvcr.io/nvidia/deepstream",
    "vllm/vllm-openai",
];

/// True for an image that is made to use NVIDIA's GPUs, by its name.
pub fn wants_nvidia(reference: &str) -> bool {
    let Some((name, tag)) = parts(reference) else { return false };
    let monthly = name
        .strip_prefix("nvcr.io/nvidia/")
        .is_some_and(|image| MONTHLY.contains(&image) || image.starts_with("merlin/") || image.starts_with("merlin-"));
    let framework =
        (name == "pytorch/pytorch" && tag.contains("cuda")) || (name == "tensorflow/tensorflow" && tag.contains("gpu"));
    !is_for_amd(reference) && !tag.contains("cpu") && (OF_NVIDIA.contains(&name) || monthly || framework)
}

/// True for an image that is made for AMD's GPUs.
pub fn is_for_amd(reference: &str) -> bool {
    let Some((name, tag)) = parts(reference) else { return false };
    let word = |text: &str| text.split(['-', '_']).any(|part| part.starts_with("rocm"));
    name.starts_with("rocm/") || word(name.rsplit('/').next().unwrap_or(name)) || word(tag)
}

/// The oldest driver that its publisher asks for where it is to use the GPU, and that is known.
pub fn driver(reference: &str) -> Option<&'static str> {
    let (name, tag) = parts(reference)?;
    if is_for_amd(reference) || (name.ends_with("/frigate") && !tag.contains("-tensorrt")) || tag.contains("-jp") {
        return None;
    }
    let version = Version::leading(tag.trim_start_matches('v')).unwrap_or_else(|| Version::new(&[0]));
    let fits = |from: &(u32, u32)| (version.major(), version.minor()) >= *from;
    DRIVERS.iter().rev().find(|(image, from, _)| *image == name && fits(from)).map(|(.., driver)| *driver)
}

/// True for an image of Windows, which no engine on Linux runs.
pub fn is_windows(reference: &str) -> bool {
    let own = reference.starts_with("mcr.microsoft.com/windows");
    own || ["nanoserver", "windowsservercore"].iter().any(|word| reference.contains(word))
}

/// `cuda12.1`, `cuda9`, `cu128`, `cu92`, `cu12`: of what names no minor version, the first one.
pub fn named(word: &str) -> Option<Version> {
    let after = word.strip_prefix("cuda").or_else(|| word.strip_prefix("cu"))?.trim_end_matches('x');
    if after.contains('.') {
        let version = Version::leading(after)?;
        return Some(Version::new(&[version.major(), version.minor()]));
    }
    let digits = after.bytes().all(|b| b.is_ascii_digit());
    let number: u32 = after.parse().ok().filter(|_| digits)?;
    match number {
        7..=19 => Some(Version::new(&[number, 0])),
        70..=199 => Some(Version::new(&[number / 10, number % 10])),
        _ => None,
    }
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
    let framework =
        |(name, _): (&str, &str)| name.strip_prefix("nvcr.io/nvidia/").is_some_and(|image| MONTHLY.contains(&image));
    reference.contains("nvidia/cuda:") || parts(reference).is_some_and(framework)
}

/// The one machine that an image is made for, where its name tells; docker's word for it.
pub fn machine(reference: &str) -> Option<&'static str> {
    let bare = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let bare = bare.split('@').next().unwrap_or(bare);
    let named = JETSON.iter().any(|name| bare.starts_with(name)) && !bare.contains("-amd64");
    let tagged = ["-igpu", "-jetson", "-tensorrt-jp"].iter().any(|word| bare.contains(word));
    let (name, tag) = parts(reference)?;
    let marked = format!("-{}-", tag.replace(['.', '_'], "-"));
    let ends = |words: &[&str]| words.iter().any(|word| marked.contains(&format!("-{word}-")));
    let amd64 = (name == "pytorch/pytorch" && tag.ends_with("-devel"))
        || (name == "tensorflow/tensorflow" && tag.contains("gpu"))
        || name.starts_with("rocm/")
        || name == "nvcr.io/nvidia/jetson-linux-flash-x86"
        || bare.starts_with("nvcr.io/nvidia/isaac/ros:x86_64-");
    match () {
        () if amd64 || bare.starts_with("amd64/") || ends(&["amd64", "x86-64"]) => Some("amd64"),
        () if named || tagged || bare.starts_with("arm64v8/") || ends(&["arm64", "aarch64", "arm64v8"]) => {
            Some("arm64")
        }
        () => None,
    }
}

/// What the base is, where its packages can no longer be had, and since when it is out of support.
pub fn ended(reference: &str) -> Option<(&'static str, &'static str)> {
    let (name, tag) = parts(reference)?;
    let own = name.rsplit('/').next().unwrap_or(name);
    let shown = format!("{own}:{}", if tag.is_empty() { "latest" } else { tag });
    // `debian:10` is no `debian:100`, and `centos:7` none of `centos:79`.
    let fits = |word: &str| {
        shown.match_indices(word).any(|(at, _)| {
            let next = shown[at + word.len()..].bytes().next();
            next.is_none_or(|b| !b.is_ascii_alphanumeric())
        })
    };
    let named = ENDED.iter().find(|(word, ..)| fits(word)).map(|(_, what, day)| (*what, *day));
    let ubuntu = || match named_system(own, tag) {
        Some(System::Ubuntu(year, month)) => ENDED_UBUNTU.iter().find(|(release, ..)| *release == (year, month)),
        _ => None,
    };
    let named = named.or_else(|| ubuntu().map(|(_, what, day)| (*what, *day)));
    named.or_else(|| before(&ON_DEBIAN_11, name, tag)?.then_some(("Debian 10 or older", "2024-06-30")))
}

/// Of an official image whose tag names no system, whether it is of before it was made on that Debian: `ruby:2.6.4`,
/// `python:2.7-slim`, `node:14`. None for other images and other tags.
fn before(rows: &[(&str, &[[u32; 3]])], name: &str, tag: &str) -> Option<bool> {
    let (_, rows) = rows.iter().find(|(image, _)| *image == name)?;
    let mut words = tag.split('-').filter(|word| !["", "latest"].contains(word)).peekable();
    let numbered = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let numbers: Option<Vec<u32>> =
        numbered.map_or(Some(Vec::new()), |text| text.split('.').map(|number| number.parse().ok()).collect());
    let numbers = numbers.filter(|numbers| numbers.len() <= 3 && words.all(|word| USUAL_DEBIAN.contains(&word)))?;
    // What is left out is the newest that there was.
    let at = |place: usize| numbers.get(place).copied().unwrap_or(u32::MAX);
    let (minor, patch) = ([at(0), at(1)], at(2));
    let below_all = rows.first().is_some_and(|first| minor < [first[0], first[1]]);
    Some(below_all || rows.iter().any(|row| minor == [row[0], row[1]] && patch < row[2]))
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
    if let Some(maker) = unofficial(reference) {
        return Some(Missing::Unofficial(maker));
    }
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
    // Of this one only the systems that had ended went for good: NVIDIA/k8s-device-plugin#420 misses one of its others in July 2023,
    // romansavrulin/ffmpeg-cuda-docker#3 has it in April 2025.
    let of_ended = ["ubuntu18.04", "centos8"].iter().any(|system| tag.contains(system));
    if version == Version::new(&[11, 6, 1]) && of_ended {
        return Some(("2023-07-11", NOTICE));
    }
    GONE.iter().find(|(gone, ..)| fits(gone)).map(|(_, since, told)| (*since, *told))
}

/// Without the third number or without the system: there are no such tags of CUDA 12 and later.
fn is_short(tag: &str) -> bool {
    let Some(version) = Version::leading(tag).filter(|version| version.major() >= 12) else { return false };
    let numbers = tag.split('-').next().unwrap_or_default().split('.').count();
    let system = tag.split('-').any(|part| {
        ["ubuntu", "ubi", "rockylinux", "oraclelinux", "centos", "opensuse", "amzn", "cm", "azl"]
            .iter()
            .any(|s| part.starts_with(s))
    });
    version.major() >= 12 && (numbers < 3 || !system)
}

/// Versions without images that have cuDNN.
const WITHOUT_CUDNN: [&[u32]; 6] = [&[12, 2, 0], &[12, 3, 0], &[12, 3, 1], &[12, 4, 0], &[12, 5, 0], &[13, 1, 0]];

/// Combinations that NVIDIA never published (doc/supported-tags.md and doc/unsupported-tags.md of its repository of images).
fn never(tag: &str) -> Option<&'static str> {
    let Some(version) = Version::leading(tag) else { return Some("its tags begin with a version of CUDA") };
    let whole = tag.split('-').next().is_some_and(|text| text.split('.').count() == 3);
    let number = (version.major(), version.minor());
    let says = |word: &str| tag.split('-').any(|part| part == word);
    let past = |last: &[u32]| version > Version::new(last);
    if number == (12, 7) || (whole && version == Version::new(&[12, 2, 1])) {
        return Some("CUDA has no images of that version");
    }
    if tag.contains("cudnn") && WITHOUT_CUDNN.iter().any(|without| whole && version == Version::new(without)) {
        return Some("that version of CUDA has no images with cuDNN");
    }
    if whole && version == Version::new(&[12, 5, 1]) && tag.contains("cudnn") && says("ubuntu24.04") {
        return Some("CUDA 12.5.1 has no images with cuDNN on Ubuntu 24.04");
    }
    if number >= (12, 4) && (says("cudnn8") || says("cudnn9")) {
        return Some("from CUDA 12.4 on the word is cudnn, without a number");
    }
    if number == (12, 3) && says("cudnn8") {
        return Some("images of CUDA 12.3 have cudnn9");
    }
    let systems: [(bool, &str, &'static str); 7] = [
        (number < (11, 7), "ubuntu22.04", "images on Ubuntu 22.04 begin with CUDA 11.7"),
        (
            number < (12, 5) || (whole && !past(&[12, 5, 0])),
            "ubuntu24.04",
            "images on Ubuntu 24.04 begin with CUDA 12.5.1",
        ),
        (number >= (13, 0), "ubuntu20.04", "CUDA 13 has no images on Ubuntu 20.04"),
        (past(&[12, 1, 0]), "ubuntu18.04", "images on Ubuntu 18.04 end with CUDA 12.1.0"),
        (past(&[11, 3, 1]), "ubuntu16.04", "images on Ubuntu 16.04 end with CUDA 11.3.1"),
        (past(&[12, 4, 0]), "centos7", "images on CentOS 7 end with CUDA 12.4.0"),
        (past(&[12, 4, 0]), "ubi7", "images on UBI 7 end with CUDA 12.4.0"),
    ];
    systems.into_iter().find(|(never, system, _)| *never && says(system)).map(|(.., why)| why)
}

/// The same flavour in a version that is there.
pub fn instead(reference: &str) -> String {
    if let Some((maker, (_, tag))) = unofficial(reference).zip(parts(reference)) {
        let whole = if tag.is_empty() { maker.into() } else { format!("{maker}:{tag}") };
        let other = missing(&whole).map(|_| instead(&whole));
        return other.unwrap_or(whole);
    }
    let tag = cuda_tag(reference).unwrap_or_default();
    let flavour = ["devel", "runtime"].into_iter().find(|word| tag.contains(word)).unwrap_or("base");
    let is_there = |tag: &str| never(tag).is_none() && !is_short(tag) && gone(tag).is_none();
    let words = [tag.replace("cudnn8", "cudnn").replace("cudnn9", "cudnn"), tag.replace("cudnn8", "cudnn9")];
    if never(tag).is_some()
        && let Some(mended) = words.iter().find(|mended| is_there(mended))
    {
        return format!("nvidia/cuda:{mended}");
    }
    let version = Version::leading(tag);
    let last = version.as_ref().and_then(|version| {
        LAST.iter().find(|last| {
            Version::parse(last).is_some_and(|l| (l.major(), l.minor()) == (version.major(), version.minor()))
        })
    });
    let behind = tag.find('-').map_or("", |dash| &tag[dash..]);
    match last {
        Some(last) => {
            let own = format!("{last}{behind}");
            let other =
                format!("{last}{}", behind.replace("ubuntu22.04", "ubuntu20.04").replace("ubuntu24.04", "ubuntu20.04"));
            let named = |tag: &&String| (behind.contains("ubuntu") || behind.contains("ubi")) && is_there(tag);
            let kept = [own, other].iter().find(named).cloned();
            format!("nvidia/cuda:{}", kept.unwrap_or_else(|| format!("{last}-{flavour}-ubuntu20.04")))
        }
        None => {
            let cudnn = if tag.contains("cudnn") && flavour != "base" { "cudnn-" } else { "" };
            format!("nvidia/cuda:12.8.1-{cudnn}{flavour}-ubuntu24.04")
        }
    }
}

/// Linux distributions whose releases decide what a step of a Dockerfile can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum System {
    Debian(u32),
    Ubuntu(u32, u32),
}

impl core::fmt::Display for System {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            System::Debian(release) => write!(f, "Debian {release}"),
            System::Ubuntu(year, month) => write!(f, "Ubuntu {year}.{month:02}"),
        }
    }
}

/// Names of releases.
const RELEASES: [(&str, System); 28] = [
    ("bullseye", System::Debian(11)),
    ("bookworm", System::Debian(12)),
    ("trixie", System::Debian(13)),
    ("forky", System::Debian(14)),
    ("sid", System::Debian(14)),
    ("unstable", System::Debian(14)),
    ("trusty", System::Ubuntu(14, 4)),
    ("xenial", System::Ubuntu(16, 4)),
    ("yakkety", System::Ubuntu(16, 10)),
    ("zesty", System::Ubuntu(17, 4)),
    ("artful", System::Ubuntu(17, 10)),
    ("bionic", System::Ubuntu(18, 4)),
    ("cosmic", System::Ubuntu(18, 10)),
    ("disco", System::Ubuntu(19, 4)),
    ("eoan", System::Ubuntu(19, 10)),
    ("focal", System::Ubuntu(20, 4)),
    ("groovy", System::Ubuntu(20, 10)),
    ("hirsute", System::Ubuntu(21, 4)),
    ("impish", System::Ubuntu(21, 10)),
    ("jammy", System::Ubuntu(22, 4)),
    ("kinetic", System::Ubuntu(22, 10)),
    ("lunar", System::Ubuntu(23, 4)),
    ("mantic", System::Ubuntu(23, 10)),
    ("noble", System::Ubuntu(24, 4)),
    ("oracular", System::Ubuntu(24, 10)),
    ("plucky", System::Ubuntu(25, 4)),
    ("questing", System::Ubuntu(25, 10)),
    ("resolute", System::Ubuntu(26, 4)),
];

/// The distribution of an image, where its name tells; of `latest` the release that it was at the least when this was written.
pub fn system(reference: &str) -> Option<System> {
    let (name, tag) = parts(reference)?;
    let own = name.rsplit('/').next().unwrap_or(name);
    named_system(own, tag).or_else(|| before(&ON_DEBIAN_13, name, tag).filter(|old| !old).map(|_| System::Debian(13)))
}

/// The name says the distribution itself; else it is another one before and after a day.
pub fn names_system(reference: &str) -> bool {
    parts(reference).is_some_and(|(name, tag)| named_system(name.rsplit('/').next().unwrap_or(name), tag).is_some())
}

fn named_system(own: &str, tag: &str) -> Option<System> {
    let numbers = |text: &str| Version::leading(text).map(|version| (version.major(), version.minor()));
    match own {
        "debian" if ["", "latest", "stable", "stable-slim"].contains(&tag) => return Some(System::Debian(13)),
        "ubuntu" if ["", "latest", "rolling"].contains(&tag) => return Some(System::Ubuntu(24, 4)),
        "debian" if tag.starts_with(|c: char| c.is_ascii_digit()) => {
            return numbers(tag).map(|(n, _)| System::Debian(n));
        }
        "ubuntu" if tag.starts_with(|c: char| c.is_ascii_digit()) => {
            return numbers(tag).map(|(y, m)| System::Ubuntu(y, m));
        }
        _ => {}
    }
    // `12.4.1-devel-ubuntu22.04`, `rocm/dev-ubuntu-24.04`, `3.11-slim-bookworm`.
    let whole = format!("{own}-{tag}");
    let behind = whole.find("ubuntu").map_or("", |at| whole[at + "ubuntu".len()..].trim_start_matches('-'));
    if let Some((year, month)) = numbers(behind).filter(|(year, _)| (14..40).contains(year)) {
        return Some(System::Ubuntu(year, month));
    }
    let word = |name: &str| tag.split(['-', '_', '.']).any(|part| part == name);
    RELEASES.iter().find(|(name, _)| word(name)).map(|(_, system)| *system)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn names_tell_cuda_and_machine() {
        let known = |reference: &str| cuda(reference).map(|version| (version.major(), version.minor()));
        for (reference, version) in [
            ("nvidia/cuda:12.4.1-base-ubuntu22.04", Some((12, 4))),
            ("pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", Some((12, 1))),
            ("nvcr.io/nvidia/pytorch:25.03-py3", Some((12, 8))),
            ("nvcr.io/nvidia/tritonserver:23.07-py3", Some((12, 1))),
            ("nvcr.io/nvidia/pytorch:26.05-py3", Some((13, 2))),
            ("nvcr.io/nvidia/pytorch:26.10-py3", Some((13, 4))),
            ("nvcr.io/nvidia/pytorch:26.11-py3", None),
            ("nvcr.io/nvidia/tritonserver:25.08-trtllm-python-py3", Some((12, 9))),
            ("nvcr.io/nvidia/vllm:25.10-py3", Some((13, 0))),
            ("nvcr.io/nvidia/deepstream:9.0-triton-multiarch", Some((13, 1))),
            ("nvcr.io/nvidia/deepstream:7.1-triton-multiarch", None),
            ("vllm/vllm-openai:v0.6.4.post1", Some((12, 4))),
            ("vllm/vllm-openai:v0.6.6", Some((12, 1))),
            ("vllm/vllm-openai:v0.10.0", Some((12, 8))),
            ("vllm/vllm-openai:v0.14.1", Some((12, 9))),
            ("vllm/vllm-openai:latest", None),
            ("vllm/vllm-openai:v0.20.0-rocm", None),
            ("nvidia/cudagl:11.4.2-devel-ubuntu20.04", Some((11, 4))),
            ("rocm/pytorch:latest", None),
            ("nvcr.io/nvidia/pytorch:25.03-py3-igpu", None),
            ("tensorflow/tensorflow:2.14.0-gpu", Some((11, 8))),
            ("tensorflow/tensorflow:2.15.0-gpu", None),
            ("tensorflow/tensorflow:2.18.0-gpu", Some((12, 3))),
            ("tensorflow/tensorflow:1.12.0-gpu-py3", Some((9, 0))),
            ("tensorflow/tensorflow:2.14.0", None),
            ("pytorch/pytorch:0.4.1-cuda9-cudnn7-devel", Some((9, 0))),
            ("vllm/vllm-openai:v0.11.0-cu129", Some((12, 9))),
            ("x/y:cudnn8-cuda11.8", Some((11, 8))),
            ("ubuntu:24.04", None),
            ("localhost:5000/x", None),
        ] {
            assert_eq!(known(reference), version, "{reference}");
        }
        assert_eq!(machine("nvcr.io/nvidia/l4t-base:r32.7.1"), Some("arm64"));
        assert_eq!(machine("nvcr.io/nvidia/pytorch:25.03-py3"), None);
        assert_eq!(machine("nvcr.io/nvidia/jetson-linux-flash-x86:r36.4"), Some("amd64"));
        assert_eq!(machine("dustynv/cuda:12.9-samples-amd64-cu128-24.04"), Some("amd64"));
        assert_eq!(machine("dustynv/l4t-pytorch:r36.2.0"), Some("arm64"));
        for (reference, machine_of) in [
            ("arm64v8/ubuntu:22.04", Some("arm64")),
            ("company/app:1.2-aarch64", Some("arm64")),
            ("linuxserver/baseimage-ubuntu:arm64v8-resolute", Some("arm64")),
            ("shareai/tensorflow:arm64v8_latest", Some("arm64")),
            ("company/app:1.2-x86_64", Some("amd64")),
            ("pytorch/pytorch:2.4.0-cuda12.4-cudnn9-devel", Some("amd64")),
            ("nvcr.io/nvidia/isaac/ros:aarch64-ros2_humble_1", Some("arm64")),
            ("nvcr.io/nvidia/deepstream-l4t:6.3-samples", Some("arm64")),
            ("ubuntu:24.04", None),
        ] {
            assert_eq!(machine(reference), machine_of, "{reference}");
        }
        assert_eq!(driver("ollama/ollama"), Some("531"));
        assert_eq!(driver("ollama/ollama:rocm"), None);
        assert_eq!(driver("ghcr.io/blakeblackshear/frigate:0.16.1-tensorrt"), Some("545"));
        assert_eq!(driver("ghcr.io/blakeblackshear/frigate:stable"), None);
        assert_eq!(driver("jellyfin/jellyfin:10.10.1"), None);
        assert!(
            is_for_amd("rocm/dev-ubuntu-22.04:6.2") && is_for_amd("vllm/vllm-openai-rocm:x") && !is_for_amd("a/b:c")
        );
        assert!(
            wants_nvidia("vllm/vllm-openai:latest") && !wants_nvidia("ollama/ollama") && !wants_nvidia("x/y:cuda12")
        );
        assert!(is_windows("mcr.microsoft.com/windows/servercore:ltsc2022") && !is_windows("dockurr/windows"));
        let told = |reference: &str| system(reference).map(|system| system.to_string()).unwrap_or_default();
        for (reference, name) in [
            ("debian:12-slim", "Debian 12"),
            ("debian", "Debian 13"),
            ("python:3.11-slim-bookworm", "Debian 12"),
            ("python:3.11-slim", "Debian 13"),
            ("python", "Debian 13"),
            ("python:3-slim", "Debian 13"),
            ("python:3.11.9-slim", ""),
            ("python:3.8-slim", ""),
            ("python:3.11-alpine", ""),
            ("company/python:3.11", ""),
            ("ubuntu:kinetic", "Ubuntu 22.10"),
            ("nvidia/cuda:12.6.1-devel-ubuntu24.04", "Ubuntu 24.04"),
            ("rocm/dev-ubuntu-22.04:6.2", "Ubuntu 22.04"),
            ("ubuntu:noble-20240429", "Ubuntu 24.04"),
            ("alpine:3.20", ""),
        ] {
            assert_eq!(told(reference), name, "{reference}");
        }
        for (tag, never_there) in [
            ("11.6.1-devel-ubuntu20.04", false),
            ("12.5.0-devel-ubuntu24.04", true),
            ("12.5.1-devel-ubuntu24.04", false),
            ("12.2.1-devel-ubuntu22.04", true),
            ("12.4.0-cudnn-devel-ubuntu22.04", true),
            ("12.3.2-cudnn9-devel-ubuntu22.04", false),
            ("12.3.2-cudnn8-devel-ubuntu22.04", true),
            ("12.6.3-devel-ubuntu18.04", true),
            ("12.1.0-devel-ubuntu18.04", false),
            ("12.9.1-devel-ubuntu20.04", false),
        ] {
            let reference = format!("nvidia/cuda:{tag}");
            assert_eq!(missing(&reference).is_some(), never_there, "{tag}");
            assert!(!never_there || missing(&instead(&reference)).is_none(), "{tag}: {}", instead(&reference));
        }
        assert_eq!(ended("python:3.8-slim-buster").map(|(what, _)| what), Some("Debian 10"));
        assert_eq!(ended("centos:79"), None);
        assert_eq!(ended("centos").map(|(what, _)| what), Some("CentOS 8"));
        assert_eq!(ended("ubuntu:kinetic").map(|(what, _)| what), Some("Ubuntu 22.10"));
        assert_eq!((ended("ubuntu:focal"), ended("ubuntu:18.04"), ended("ubuntu")), (None, None, None));
        for (reference, old) in [
            ("python:2.7", true),
            ("python:2-slim", true),
            ("python:3.6.8", true),
            ("python:3.6", false),
            ("python:3", false),
            ("python:3.9.5-slim", true),
            ("python:2.7-alpine", false),
            ("python:3.12-slim-bookworm", false),
            ("docker.io/library/ruby:2.6.4", true),
            ("ruby:2.5", true),
            ("ruby:2", false),
            ("node:16", true),
            ("node:18", false),
            ("node:12-alpine", false),
            ("golang:1.12", true),
            ("golang:1.17", false),
            ("golang:1", false),
            ("php:7.2-apache", true),
            ("company/python:2.7", false),
            ("python", false),
        ] {
            assert_eq!(ended(reference).is_some(), old, "{reference}");
        }
        assert_eq!(
            instead("nvidia/cuda:12.8.1-cudnn8-devel-ubuntu22.04"),
            "nvidia/cuda:12.8.1-cudnn-devel-ubuntu22.04"
        );
    }
}
