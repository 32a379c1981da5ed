//! What of the facts is better seen than read: how full GPU memory and Docker's disks are, and the pictures that cameras gave.

use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::frame::PictureKind;
use serde::Serialize;

/// Room on one thing, in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Gauge {
    /// `GPU memory` or `disk`.
    pub kind: &'static str,
    /// The GPU's name and number, or the folder that Docker uses.
    pub name: String,
    pub free: u64,
    pub total: u64,
}

/// A camera's picture, whole as a file.
#[derive(Clone, Debug)]
pub struct Picture {
    /// `/dev/video0`
    pub camera: String,
    /// `image/png`
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

/// Nothing where nobody looked, and nothing of another host's disk.
pub fn gauges(facts: &Facts) -> Vec<Gauge> {
    let gpus = facts.nvidia.nvml.gpus.iter().enumerate().filter_map(|(number, gpu)| {
        let memory = gpu.memory.value().filter(|memory| memory.total > 0)?;
        let name = format!("GPU {number}, {}", gpu.name);
        Some(Gauge { kind: "GPU memory", name, free: memory.free.min(memory.total), total: memory.total })
    });
    let places = facts.disk.places.value().map(Vec::as_slice).unwrap_or_default();
    let disks = places.iter().filter_map(|place| {
        let space = place.space.value().filter(|space| space.total > 0)?;
        let free = space.available.min(space.total);
        Some(Gauge { kind: "disk", name: place.path.clone(), free, total: space.total })
    });
    gpus.chain(disks).collect()
}

/// In the order of the cameras' nodes.
pub fn pictures(facts: &Facts) -> Vec<Picture> {
    let taken = facts.frame.cameras.iter().filter_map(|(camera, streamed)| {
        let picture = streamed.picture.value().filter(|picture| !picture.bytes.is_empty())?;
        let kind = match picture.kind {
            PictureKind::Png => "image/png",
            PictureKind::Jpeg => "image/jpeg",
        };
        Some(Picture { camera: camera.clone(), kind, bytes: picture.bytes.clone() })
    });
    taken.collect()
}

impl Gauge {
    /// How much is taken, 0 to 100.
    pub fn percent(&self) -> u64 {
        u64::try_from(u128::from(self.total - self.free) * 100 / u128::from(self.total.max(1))).unwrap_or(100)
    }

    /// `20.1 of 24.0 GiB free`
    pub fn words(&self) -> String {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        format!("{:.1} of {:.1} GiB free", gib(self.free), gib(self.total))
    }
}
