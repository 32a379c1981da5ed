//! What of the facts is better seen than read: how full GPU memory and Docker's disks are, and the pictures that cameras gave.

use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::disk::bytes;
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
    /// How much is taken, rounded; 100 only where nothing is free, and 0 only where nothing is taken.
    pub fn percent(&self) -> u64 {
        let (taken, total) = (u128::from(self.total - self.free), u128::from(self.total.max(1)));
        let rounded = u64::try_from((taken * 100 + total / 2) / total).unwrap_or(100);
        match (taken, self.free) {
            (0, _) => 0,
            (_, 0) => 100,
            _ => rounded.clamp(1, 99),
        }
    }

    /// `20.1 GiB of 24.0 GiB free`, as the checks say it.
    pub fn words(&self) -> String {
        format!("{} of {} free", bytes(self.free), bytes(self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::Gauge;

    #[test]
    fn a_gauge_is_full_only_where_nothing_is_free() {
        let gauge = |free, total| Gauge { kind: "disk", name: String::new(), free, total };
        let percent = |free, total| gauge(free, total).percent();
        assert_eq!([percent(0, 1000), percent(1, 1000), percent(999, 1000), percent(1000, 1000)], [100, 99, 1, 0]);
        assert_eq!([percent(176, 1000), percent(174, 1000)], [82, 83]);
        assert_eq!(gauge(20 << 20, 24 << 30).words(), "20.0 MiB of 24.0 GiB free");
    }
}
