//! Saves the pictures that cameras gave, each under its camera's stable name and never over another file.

use std::path::Path;

use gdoctor_checks::model::facts::Facts;

use crate::host::output;

/// Names longer than this are cut: most file systems take 255 bytes.
const LONGEST: usize = 120;

/// Writes each picture to `folder` and notes its file in the facts. Err says what could not be written.
pub fn save(facts: &mut Facts, folder: &Path) -> Result<(), String> {
    for (path, streamed) in &mut facts.frame.cameras {
        let name = safe_name(facts.camera.stable(path));
        let Some(picture) = streamed.picture.value_mut().filter(|picture| !picture.bytes.is_empty()) else {
            continue;
        };
        let file = output::write_new(folder, &name, picture.kind.ending(), &picture.bytes)
            .map_err(|why| format!("--frame-dir {why}"))?;
        picture.file = file.to_string_lossy().into_owned();
    }
    Ok(())
}

/// The last part of a path as a file's name that needs no quotes anywhere.
fn safe_name(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = last.trim_start_matches(['.', '-']).chars().map(kept).take(LONGEST).collect();
    if name.is_empty() { "camera".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::safe_name;

    #[test]
    fn names_need_no_quotes() {
        for (path, name) in [
            ("/dev/v4l/by-id/usb-046d_C920-video-index0", "usb-046d_C920-video-index0"),
            ("/dev/v4l/by-path/pci-0000:00:14.0-usb-0:4:1.0", "pci-0000_00_14.0-usb-0_4_1.0"),
            ("/dev/video0", "video0"),
            ("/dev/v4l/by-id/../..", "camera"),
            ("/dev/-rf $(x)`y`\n", "rf___x__y__"),
            ("Caf\u{e9}", "Caf_"),
            ("", "camera"),
        ] {
            assert_eq!(safe_name(path), name, "{path:?}");
        }
        assert_eq!(safe_name(&"x".repeat(4000)).len(), 120);
    }
}
