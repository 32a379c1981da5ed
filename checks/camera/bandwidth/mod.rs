//! Do the wanted cameras that share one USB 2 bus fit on it together?

use alloc::collections::BTreeMap;

use crate::model::facts::camera::Node;
use crate::model::need::Picture;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "camera-bandwidth",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.cameras.first().map(|wish| &wish.by),
    tells: Tells::Machine,
    judge,
};

/// USB 2.0, 5.5.4 and 5.6.4: 8000 microframes a second of 7500 bytes, of which periodic transfers may take four fifths, and
/// one isochronous endpoint at most 3 x 1024 bytes.
const MICROFRAMES: u64 = 8000;
const BUS: u64 = 6000;
const PACKET: u64 = 1024;
const ENDPOINT: u64 = 3 * PACKET;
/// Mbit/s of USB 2; a camera on a faster link shares nothing with these.
const USB2: u32 = 480;
/// What a program gets that sets nothing: YUYV, 640x480, 30 a second.
const USUAL: ((u32, u32), u32) = ((640, 480), 30);

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let mut cameras: BTreeMap<&str, &Node> = BTreeMap::new();
    let wished = facts.camera.wished(need)?;
    if wished.len() < 2 {
        return Err(Stop::NotNeeded("one-camera"));
    }
    for wish in &wished {
        cameras.extend([facts.camera.camera(&wish.what)?]);
    }
    let mut buses: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for (path, node) in cameras {
        if let Some(usb) = node.usb.known()?.filter(|usb| usb.speed <= USB2) {
            buses.entry(usb.bus).or_default().push(path);
        }
    }
    buses.retain(|_, cameras| cameras.len() > 1);
    let picture = need.picture.as_ref().map(|wish| &wish.what);
    match (buses.is_empty(), picture.is_some_and(is_compressed)) {
        (true, _) => Err(Stop::NotNeeded("apart")),
        (false, true) => Err(Stop::NotNeeded("compressed")),
        (false, false) => Ok(buses.into_iter().map(|(bus, cameras)| one(bus, &cameras, picture)).collect()),
    }
}

fn is_compressed(picture: &Picture) -> bool {
    picture.fourcc.as_deref().is_some_and(|code| ["MJPG", "JPEG", "H264", "HEVC", "MPEG"].contains(&code))
}

fn one(bus: u32, cameras: &[&str], picture: Option<&Picture>) -> Finding {
    let (size, rate) = USUAL;
    let (width, height) = picture.and_then(|picture| picture.size).unwrap_or(size);
    let rate = picture.and_then(|picture| picture.rate).unwrap_or(rate);
    // Two bytes a pixel; a camera reserves whole packets.
    let bytes = u64::from(width).saturating_mul(u64::from(height)).saturating_mul(2).saturating_mul(u64::from(rate));
    let packets = (bytes / MICROFRAMES).div_ceil(PACKET).max(1).saturating_mul(PACKET);
    let together = packets.min(ENDPOINT).saturating_mul(cameras.len() as u64);
    let finding =
        if packets > ENDPOINT || together > BUS { Finding::warn("exceeds", "spread") } else { Finding::pass("fits") };
    finding
        .about(format!("USB bus {bus}"))
        .with("bus", bus)
        .with("cameras", cameras.join(", "))
        .with("size", format!("{width}x{height}@{rate}"))
        .with("each", bytes / 1_000_000)
        .evidence("USB 2.0", format!("{together} of {BUS} bytes a microframe"))
}
