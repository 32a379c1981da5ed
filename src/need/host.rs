//! What the host evidently has, and what the usual guide suggests for it.

use gdoctor_checks::model::need::{Camera, Capability, Codec, Gpus, Need, Origin, Port, Protocol, Registry, Wish};

use serde::{Deserialize, Serialize};

use crate::host::Host;

/// The ports of the usual guide: a program with a web page, and a registry of one's own.
const PROGRAM_PORT: u16 = 8080;
const REGISTRY_PORT: u16 = 5000;

/// What the wishes that are there bring with them.
pub fn imply(need: &mut Need) {
    let capability_asked = need.capabilities.first().map(|wish| wish.by.clone());
    let codec_asked = need.codecs().next().cloned();
    let fitness_asked = need.fitness().next().cloned();
    if need.gpu.is_none() {
        let asked = capability_asked.or(fitness_asked).or(codec_asked.clone());
        need.gpu = asked.map(|by| Wish::new(Gpus::All, by));
    }
    let basics = [Capability::Compute, Capability::Utility];
    if let Some(gpu) = need.gpu.as_ref().filter(|_| need.capabilities.is_empty()) {
        // Without compute and utility no GPU container works at all.
        need.capabilities = basics.map(|capability| Wish::new(capability, gpu.by.clone())).into();
    }
    let video = need.capabilities.iter().find(|wish| wish.what == Capability::Video);
    match (video, codec_asked) {
        // Who decodes needs libnvcuvid, who encodes libnvidia-encode, and `video` brings both.
        (None | Some(Wish { by: Origin::Guide, .. }), Some(by)) => {
            need.capabilities.retain(|wish| wish.what != Capability::Video);
            need.capabilities.push(Wish::new(Capability::Video, by));
        }
        // Who asks for `video` by name usually decodes H.264.
        (Some(Wish { by: Origin::Flag(_) | Origin::File { .. }, .. }), None) => {
            need.decode.push(Wish::new(Codec::H264, Origin::Guide));
        }
        _ => {}
    }
    if need.cameras.is_empty() {
        // Who asks for a format asks for a camera that has it.
        let by = need.picture.as_ref().map(|wish| wish.by.clone());
        need.cameras.extend(by.map(|by| Wish::new(Camera::Any, by)));
    }
}

/// What the host itself asks for; saved with its facts, so that they can be judged elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evident {
    /// Why it is believed to have an NVIDIA GPU.
    pub nvidia: Option<String>,
    /// DISPLAY is set.
    pub display: bool,
    /// There is a /dev/video*.
    pub camera: bool,
}

impl Evident {
    pub fn of(host: &Host) -> Self {
        Self { nvidia: nvidia_seen(host), display: host.env("DISPLAY").is_some(), camera: has_video_node(host) }
    }
}

/// Adds wishes of the kinds that nothing has asked for yet.
pub fn add(need: &mut Need, host: &Evident) {
    let unasked = need.gpu.is_none() && need.capabilities.is_empty() && need.codecs().next().is_none();
    if unasked && need.fitness().next().is_none() {
        need.gpu = host.nvidia.clone().map(|seen| Wish::new(Gpus::All, Origin::Host(seen)));
    }
    // `video` is what the guide adds.
    let video = need.gpu.is_some() && need.capabilities.is_empty() || need.capabilities.is_empty() && !unasked;
    imply(need);
    if video && need.gpu.is_some() && !need.capabilities.iter().any(|wish| wish.what == Capability::Video) {
        need.capabilities.push(Wish::new(Capability::Video, Origin::Guide));
    }
    if need.display.is_none() && host.display {
        need.display = Some(Origin::Host("DISPLAY is set".into()));
        need.display_access = Some(Origin::Guide);
    }
    if need.cameras.is_empty() {
        need.cameras.extend(host.camera.then(|| Wish::new(Camera::Any, Origin::Guide)));
    }
    if need.ports.is_empty() {
        // Whoever names a registry does not start the guide's.
        let registry = need.registries.is_empty().then_some(REGISTRY_PORT);
        need.ports = [Some(PROGRAM_PORT), registry]
            .into_iter()
            .flatten()
            .map(|port| Wish::new(Port { ip: None, first: port, last: port, protocol: Protocol::Tcp }, Origin::Guide))
            .collect();
    }
    if need.registries.is_empty() {
        need.registries.push(Wish::new(Registry { host: "localhost".into(), port: REGISTRY_PORT }, Origin::Guide));
    }
}

/// How an NVIDIA GPU shows itself without any driver: vendor 0x10de, class 0x03…, on the PCI bus; in WSL2 by the library that
/// Windows' driver lends, on Jetson by the chip's family.
fn nvidia_seen(host: &Host) -> Option<String> {
    if host.exists("/dev/dxg") && host.exists("/usr/lib/wsl/lib/libcuda.so.1") {
        return Some("Windows lends its NVIDIA driver to WSL2 (/usr/lib/wsl/lib/libcuda.so.1)".into());
    }
    if host.exists("/etc/nv_tegra_release") {
        return Some("this is a Jetson (/etc/nv_tegra_release)".into());
    }
    let devices = host.list("/sys/bus/pci/devices");
    let address = devices.value()?.iter().find(|address| {
        let read = |file: &str| host.line(format!("/sys/bus/pci/devices/{address}/{file}"));
        read("vendor").value().is_some_and(|v| v == "0x10de")
            && read("class").value().is_some_and(|c| c.starts_with("0x03"))
    })?;
    Some(format!("an NVIDIA controller is on the PCI bus ({address})"))
}

fn has_video_node(host: &Host) -> bool {
    host.list("/dev")
        .value()
        .is_some_and(|names| names.iter().any(|n| n.strip_prefix("video").is_some_and(|n| n.parse::<u16>().is_ok())))
}
