//! How far gdoctor's knowledge goes: of what is newer than this nothing is said with confidence. A release of gdoctor moves
//! these on, after the facts that depend on them were looked at anew.

use super::version::Version;

/// The day on which the sources were last read.
pub const DAY: &str = "2026-11-30";
/// Docker Engine.
pub const ENGINE: &str = "29.7";
/// NVIDIA Container Toolkit.
pub const TOOLKIT: &str = "1.20";
/// The branch of NVIDIA's driver.
pub const DRIVER: &str = "620";
pub const CUDA: &str = "13.5";

/// The last patch of the newest engine.
pub fn engine() -> Version {
    let known = Version::parse(ENGINE).unwrap_or(Version::new(&[]));
    Version::new(&[known.major(), known.minor(), u32::MAX])
}
