//! Finds NVIDIA's driver libraries where the toolkit's hook does: in the host's ld.so.cache, or by looking into folders where there is
//! no such cache; and asks the GPU's decoder and encoder, in child processes, what they take.

pub mod cache;

use std::collections::BTreeSet;
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::library::{
    Decoder, Encoder, Found, Kind, Library, LibraryFacts, is_drivers, look_up,
};
use gdoctor_checks::model::need::Need;
use serde::{Deserialize, Serialize};

use super::{driver_root, packages};
use crate::host::child::{self, unknown_group};
use crate::host::{Deadline, Host};

const CACHE: &str = "/etc/ld.so.cache";
/// A cache of a large desktop has 300 KiB.
const CACHE_CAP: usize = 16 << 20;
/// Where drivers put their libraries on hosts without a cache: NixOS, WSL, musl.
const FOLDERS: [(&str, Kind); 11] = [
    // JetPack's, which /etc/ld.so.conf.d names: 6 and later, and those before.
    ("/usr/lib/aarch64-linux-gnu/nvidia", Kind::Native),
    ("/usr/lib/aarch64-linux-gnu/tegra", Kind::Native),
    ("/run/opengl-driver/lib", Kind::Native),
    ("/usr/lib/wsl/lib", Kind::Native),
    ("/usr/lib/x86_64-linux-gnu", Kind::Native),
    ("/usr/lib/aarch64-linux-gnu", Kind::Native),
    ("/usr/lib64", Kind::Native),
    ("/usr/lib", Kind::Native),
    ("/run/opengl-driver-32/lib", Kind::Compat32),
    ("/usr/lib/i386-linux-gnu", Kind::Compat32),
    ("/usr/lib32", Kind::Compat32),
];
const WSL_FOLDER: &str = "/usr/lib/wsl/lib";
const BIN: [&str; 4] = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/run/current-system/sw/bin"];

const EGL_FOLDERS: [&str; 3] =
    ["/usr/share/glvnd/egl_vendor.d", "/etc/glvnd/egl_vendor.d", "/run/opengl-driver/share/glvnd/egl_vendor.d"];
const VULKAN_FOLDERS: [&str; 3] =
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/run/opengl-driver/share/vulkan/icd.d"];

pub fn probe(host: &Host, need: &Need) -> LibraryFacts {
    let root = driver_root::prefix(host);
    let found = found(host, root);
    let mut facts = LibraryFacts {
        package_suffix: package_suffix(host),
        smi: smi(host, root),
        egl_vendor: named(host, root, &EGL_FOLDERS, |name| name == "10_nvidia.json"),
        vulkan_icd: named(host, root, &VULKAN_FOLDERS, |name| {
            name.starts_with("nvidia_icd") && name.ends_with(".json")
        }),
        ..LibraryFacts::default()
    };
    (facts.decode, facts.decoders) = decode(host, need, &found);
    facts.encoder = encoder(host, need, &found);
    facts.found = found;
    facts
}

fn smi(host: &Host, root: &str) -> Fact<String> {
    let folders: Vec<String> = BIN.iter().map(|folder| format!("{root}{folder}")).collect();
    host.executable("nvidia-smi", folders.iter().map(String::as_str).chain([WSL_FOLDER]))
}

/// `root` is empty but where a container brings the driver.
fn found(host: &Host, root: &str) -> Fact<Vec<Library>> {
    let bytes = host.bytes(CACHE, CACHE_CAP);
    if bytes.is_absent() || !root.is_empty() {
        return in_folders(host, root, &FOLDERS);
    }
    // Native is what the judged host is, which under --root need not be what this program is.
    let machine = super::host::machine(host);
    let machine = machine.value().filter(|_| !host.is_this_machine());
    let arm = machine.map_or(cfg!(target_arch = "aarch64"), |machine| machine == "aarch64");
    let libraries = bytes.parse(|bytes| {
        let entries = cache::parse(&bytes)?;
        let named = entries.iter().filter(|entry| is_drivers(&entry.name));
        let of = |entry: &cache::Entry| library(host, &entry.name, &entry.path, kind(entry.flags, arm));
        Ok(named.map(of).collect::<Vec<_>>())
    });
    // WSL's folder is outside every cache on some distributions; the toolkit looks there by itself.
    match libraries.value() {
        Some(listed) if host.exists(WSL_FOLDER) => {
            let wsl = in_folders(host, "", &[(WSL_FOLDER, Kind::Native)]);
            let both = listed.iter().chain(wsl.value().into_iter().flatten()).cloned().collect();
            Fact::present(both, format!("{CACHE}, {WSL_FOLDER}"))
        }
        _ => libraries,
    }
}

/// By the loader's flags: the machine in the second byte, `3` (ELF, libc6) in the first.
fn kind(flags: u32, arm: bool) -> Kind {
    let (native, compat) = if arm { (0x0a03, 0x0903) } else { (0x0303, 0x0003) };
    match flags & 0xffff {
        flags if flags == native => Kind::Native,
        flags if flags == compat => Kind::Compat32,
        _ => Kind::Foreign,
    }
}

fn library(host: &Host, name: &str, path: &str, kind: Kind) -> Library {
    Library { name: name.to_owned(), file: host.real_path(path).value().cloned(), kind }
}

fn in_folders(host: &Host, root: &str, folders: &[(&str, Kind)]) -> Fact<Vec<Library>> {
    let mut libraries = Vec::new();
    let mut looked = Vec::new();
    let mut seen = BTreeSet::new();
    for (folder, kind) in folders {
        let folder = &format!("{root}{folder}");
        // /usr/lib64 is a link to /usr/lib on some hosts: looked at once.
        let Some(real) = host.real_path(folder).value().cloned() else { continue };
        let names = host.list(folder);
        if let Some(gap) = names.gap() {
            return Fact::unknown(gap.clone(), folder.as_str());
        }
        looked.push(folder.clone());
        if seen.insert(real) {
            let named = names.value().into_iter().flatten().filter(|name| is_drivers(name));
            libraries.extend(named.map(|name| library(host, name, &format!("{folder}/{name}"), *kind)));
        }
    }
    let why = if root.is_empty() { format!(" (there is no {CACHE})") } else { String::new() };
    Fact::present(libraries, looked.join(", ") + &why)
}

/// The first file in these folders whose name fits; Unknown when none has it and one of them could not be read.
fn named(host: &Host, root: &str, folders: &[&str], fits: impl Fn(&str) -> bool) -> Fact<String> {
    let mut gap = None;
    for folder in folders {
        let folder = format!("{root}{folder}");
        let names = host.list(&folder);
        if let Some(name) = names.value().and_then(|names| names.iter().find(|name| fits(name))) {
            return Fact::present(format!("{folder}/{name}"), folder);
        }
        gap = gap.or_else(|| names.gap().cloned());
    }
    let source = folders.join(", ");
    gap.map_or_else(|| Fact::absent(source.clone()), |gap| Fact::unknown(gap, source.clone()))
}

/// By the package that brings libcuda on Ubuntu: `libnvidia-compute-550-server` gives `-550-server`.
fn package_suffix(host: &Host) -> Fact<String> {
    packages::installed(host, |name| name.starts_with("libnvidia-compute")).parse(|installed| {
        let first = installed.first().ok_or("libnvidia-compute is not installed")?;
        Ok(first.name.trim_start_matches("libnvidia-compute").to_owned())
    })
}

/// What the child says: see src/native/cuvid.rs.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Asked {
    device: Fact<String>,
    /// Present when every codec was asked.
    end: Fact<bool>,
    decoders: Vec<Decoder>,
}

/// What is kept of the deadline to tell of a child that hangs.
const RESERVE: Duration = Duration::from_millis(50);
const DECODE_SOURCE: &str = "cuvidGetDecoderCaps of libnvcuvid.so.1";

/// Why an engine's library may not be asked: where no module is loaded, CUDA, started by root, would load it, and a look
/// changes nothing.
fn unaskable(host: &Host, found: &Fact<Vec<Library>>, library: &str) -> Option<Gap> {
    if let Some(other) = host.other_kernel() {
        return Some(other);
    }
    let root = driver_root::prefix(host);
    if !root.is_empty() {
        return Some(Gap::Unsupported(format!("the driver's libraries below {root} are not loaded here")));
    }
    let loaded =
        ["/sys/module/nvidia/version", "/sys/module/nvidia_current/version", "/proc/driver/nvidia/version", "/dev/dxg"];
    if !loaded.iter().any(|path| host.exists(path)) {
        return Some(Gap::BlockedBy("nvidia-driver".into()));
    }
    let has = |stem| found.value().is_some_and(|all| look_up(all, stem, Kind::Native, None) != Found::Missing);
    (!has("libcuda") || !has(library)).then(|| Gap::BlockedBy("driver-capability".into()))
}

/// Only where somebody wants to encode, for the reasons of [`decode`].
fn encoder(host: &Host, need: &Need, found: &Fact<Vec<Library>>) -> Encoder {
    const SOURCE: &str = "nvEncOpenEncodeSessionEx of libnvidia-encode.so.1";
    if need.encode.is_empty() {
        return Encoder::default();
    }
    if let Some(gap) = unaskable(host, found, "libnvidia-encode") {
        return unknown_group(gap, SOURCE);
    }
    let deadline = Deadline::after(host.deadline.left().saturating_sub(RESERVE));
    child::probe("nvenc", &[], SOURCE, deadline)
}

/// Only where somebody wants to decode and the libraries are there: starting CUDA takes a while and wakes the GPU.
fn decode(host: &Host, need: &Need, found: &Fact<Vec<Library>>) -> (Fact<String>, Vec<Decoder>) {
    if need.decode.is_empty() {
        return (Fact::default(), Vec::new());
    }
    if let Some(gap) = unaskable(host, found, "libnvcuvid") {
        return (Fact::unknown(gap, DECODE_SOURCE), Vec::new());
    }
    let mut codecs: Vec<&str> = need.decode.iter().map(|wish| wish.what.word()).collect();
    codecs.sort_unstable();
    codecs.dedup();
    let deadline = Deadline::after(host.deadline.left().saturating_sub(RESERVE));
    let asked: Asked = child::probe("cuvid", &codecs, DECODE_SOURCE, deadline);
    let decode = match (&asked.device.state, &asked.end.state) {
        (State::Present(_), State::Unknown(gap)) => Fact::unknown(gap.clone(), DECODE_SOURCE),
        _ => asked.device,
    };
    (decode, asked.decoders)
}
