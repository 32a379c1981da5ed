//! Which NVIDIA driver libraries the host's loader knows, and which library belongs to which driver capability.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;
use crate::model::need::{Capability, Codec};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LibraryFacts {
    /// NVIDIA's libraries as the toolkit finds them: entries of the host's ld.so.cache, or, where there is no usable cache
    /// (musl, NixOS, WSL), files in the folders that the source names.
    pub found: Fact<Vec<Library>>,
    /// What the packages of this host's driver append to their names: `-550`, `-550-server`, or nothing. Absent: no such
    /// package is known to dpkg.
    #[serde(serialize_with = "place::word")]
    pub package_suffix: Fact<String>,
    /// Path of nvidia-smi.
    pub smi: Fact<String>,
    /// The file that leads libglvnd's EGL to NVIDIA: 10_nvidia.json.
    pub egl_vendor: Fact<String>,
    /// The file that leads Vulkan's loader to NVIDIA: nvidia_icd.json.
    pub vulkan_icd: Fact<String>,
    /// The GPU whose decoder was asked, in a child process; an error, a crash or a hang is the gap.
    pub decode: Fact<String>,
    /// What that GPU decodes. A codec that is not here was not asked, or `decode` says why.
    pub decoders: Vec<Decoder>,
    pub encoder: Encoder,
}

/// What the first GPU's encoder said of itself, asked in a child process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encoder {
    /// The GPU that was asked.
    pub gpu: Fact<String>,
    /// The newest NVENC interface that the driver speaks: `13.0`. Programs that are made for a newer one do not start.
    #[serde(serialize_with = "place::word")]
    pub interface: Fact<String>,
    /// The answer to opening a session: 0, or an NVENCSTATUS.
    pub session: Fact<u32>,
    /// What it encodes, of what gdoctor knows.
    pub codecs: Fact<Vec<Codec>>,
}

/// One shared library that the loader knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// What programs ask the loader for: `libcuda.so.1`.
    #[serde(serialize_with = "place::word")]
    pub name: String,
    /// The file behind all links; `None` where they lead nowhere.
    #[serde(default)]
    pub file: Option<String>,
    #[serde(default)]
    pub kind: Kind,
}

/// Which programs may load a library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// 64-bit programs of this machine.
    #[default]
    Native,
    /// 32-bit ones: i386 beside x86-64, armhf beside aarch64.
    Compat32,
    /// Another machine's.
    Foreign,
}

impl Library {
    /// What follows the last `.so.` of the real file: the driver's version where the file is NVIDIA's own (`550.54.15`).
    pub fn version(&self) -> Option<&str> {
        file_version(self.file.as_deref()?)
    }

    fn is(&self, stem: &str) -> bool {
        // `libcuda` is not `libcudadebugger`, `libnvidia-ml` is not `libnvidia-mlx`.
        self.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so"))
    }

    /// Stubs are there to link against, and load nothing.
    fn is_stub(&self) -> bool {
        self.file.as_deref().is_some_and(|file| file.contains("/stubs/"))
    }
}

/// The version that a library's file name ends in: `550.54.15` of `/usr/lib64/libcuda.so.550.54.15`.
pub fn file_version(file: &str) -> Option<&str> {
    let name = file.rsplit('/').next()?;
    let (_, version) = name.rsplit_once(".so.")?;
    (!version.is_empty()).then_some(version)
}

/// What the host has of one library.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'a> {
    /// A file of the running driver's version, or of no comparable version where the driver does not version its files.
    Fits(&'a Library),
    /// Only files of another version, or unversioned ones: the toolkit skips these with a line in its log.
    OtherVersion(&'a Library),
    /// A name whose link leads nowhere.
    Dangling(&'a Library),
    Missing,
}

/// Looks `stem` (`libnvcuvid`) up. `driver` is the running driver's version; `None` accepts any (WSL's files have none).
pub fn look_up<'a>(libraries: &'a [Library], stem: &str, kind: Kind, driver: Option<&str>) -> Found<'a> {
    let mut best = Found::Missing;
    for library in libraries.iter().filter(|l| l.kind == kind && l.is(stem) && !l.is_stub()) {
        match (library.file.as_deref(), driver) {
            (None, _) if best == Found::Missing => best = Found::Dangling(library),
            (None, _) => {}
            (Some(_), None) => return Found::Fits(library),
            (Some(_), Some(driver)) if library.version() == Some(driver) => return Found::Fits(library),
            (Some(_), Some(_)) => best = Found::OtherVersion(library),
        }
    }
    best
}

/// The libraries of a driver capability: those without which the capability is not there, and those that some drivers and
/// some GPUs do without. Stems, as libnvidia-container lists them (src/nvc_info.c).
pub struct Libraries {
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
}

pub fn libraries(capability: Capability) -> Libraries {
    match capability {
        Capability::Utility => Libraries {
            required: &["libnvidia-ml"],
            optional: &["libnvidia-cfg", "libnvidia-nscq", "libnvidia-gpucomp"],
        },
        Capability::Compute => Libraries {
            required: &["libcuda", "libnvidia-ptxjitcompiler"],
            optional: &[
                "libcudadebugger",
                "libnvidia-opencl",
                "libnvidia-gpucomp",
                "libnvidia-fatbinaryloader",
                "libnvidia-allocator",
                "libnvidia-compiler",
                "libnvidia-pkcs11",
                "libnvidia-pkcs11-openssl3",
                "libnvidia-nvvm",
                "libnvidia-tileiras",
            ],
        },
        // `video` pulls the compute libraries too: libnvcuvid loads libcuda.
        Capability::Video => Libraries {
            required: &["libnvcuvid", "libcuda"],
            optional: &["libnvidia-encode", "libnvidia-opticalflow", "libvdpau_nvidia"],
        },
        Capability::Graphics | Capability::Display => Libraries {
            required: &["libGLX_nvidia", "libEGL_nvidia", "libnvidia-glcore"],
            optional: &[
                "libnvidia-eglcore",
                "libnvidia-tls",
                "libnvidia-glsi",
                "libnvidia-fbc",
                "libnvidia-ifr",
                "libnvidia-rtcore",
                "libnvidia-glvkspirv",
                "libnvidia-cbl",
                "libnvoptix",
                "libGLESv2_nvidia",
                "libGLESv1_CM_nvidia",
            ],
        },
        Capability::Ngx => Libraries { required: &["libnvidia-ngx"], optional: &[] },
        // The 32-bit builds of any of the above; these are the ones that 32-bit programs load first.
        Capability::Compat32 => Libraries { required: &["libnvidia-ml"], optional: &["libcuda", "libGLX_nvidia"] },
    }
}

/// True for every library that some capability names, and for WSL's libdxcore.
pub fn is_drivers(name: &str) -> bool {
    let stem = name.split(".so").next().unwrap_or(name);
    stem == "libdxcore"
        || Capability::ALL.iter().any(|capability| {
            let libraries = libraries(*capability);
            libraries.required.contains(&stem) || libraries.optional.contains(&stem)
        })
}

/// What one GPU decodes of one codec, 4:2:0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoder {
    pub codec: Codec,
    /// 8 or 10.
    pub bits: u8,
    pub supported: bool,
    /// Largest picture in pixels; 0 where unsupported.
    #[serde(default)]
    pub width: u32,
    #[serde(default)]
    pub height: u32,
    /// Decoder engines of the GPU; 0 where the driver does not tell.
    #[serde(default)]
    pub engines: u8,
}

impl fmt::Display for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.supported {
            return write!(f, "{} {} bit: no", self.codec, self.bits);
        }
        write!(f, "{} {} bit up to {}x{}", self.codec, self.bits, self.width, self.height)?;
        match self.engines {
            0 => Ok(()),
            1 => f.write_str(", 1 engine"),
            n => write!(f, ", {n} engines"),
        }
    }
}
