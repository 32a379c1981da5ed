//! What else stands in a paste, beside the error that somebody asks of: tables that NVIDIA's programs print where all is well, another camera
//! that works. They say nothing of themselves; a cause that they rule out comes later, one that they show comes first.

use std::collections::BTreeSet;

use gdoctor_checks::readings::known_image::{Missing, missing};

use super::beside::Beside;
use super::rows::{begins, has_any};
use super::seek;

/// The drivers that a text shows to answer, and the cameras that it names without a complaint.
#[derive(Debug, Default)]
pub struct Witnesses {
    /// The driver's version, by nvidia-smi's table.
    table: Option<String>,
    /// nvidia-smi has listed a GPU.
    listed: bool,
    /// The version of the NVML that has found another one in the kernel.
    library: Option<String>,
    /// `/dev/video2`, of lines in which nothing is wrong.
    cameras: BTreeSet<String>,
    /// `docker context ls` or `show` names Docker Desktop's machine on Linux as the one in use.
    desktop: bool,
    /// What single lines say.
    beside: Beside,
    room: Room,
    /// What a daemon.json has in its `insecure-registries`.
    insecure: Vec<String>,
    /// The list of these goes on.
    lists_insecure: bool,
}

/// Tables of df: whether one of the file systems of a disk has no room left, in bytes and in inodes; unknown where none was shown.
#[derive(Debug, Default)]
struct Room {
    /// The rows below the last head count inodes.
    of_inodes: bool,
    full: Option<bool>,
    inodes_full: Option<bool>,
}

/// Docker Desktop's context on Linux, and on Windows and macOS too, where it sees GPUs by WSL.
const DESKTOP: &str = "desktop-linux";
/// Of so many cameras at most.
const CAMERAS: usize = 16;
/// What a line says in which something is wrong.
const WRONG: [&str; 12] =
    ["annot", "ailed", "rror", "o such", "ot found", "ould not", "nable", "nvalid", "busy", "denied", "does", "isn't"];

impl Witnesses {
    /// The next line, also one of a document that is not searched.
    pub fn note(&mut self, line: &str) {
        self.beside.note(line);
        self.room.note(line);
        self.note_insecure(line);
        if begins(line, &["| NVIDIA-SMI"]) {
            self.table = behind(line, "Driver Version:").or(self.table.take());
        } else if line.starts_with("GPU ") && line.contains("(UUID: GPU-") {
            self.listed = true;
        } else if begins(line, &["NVML library version:"]) {
            self.library = behind(line, "NVML library version:").or(self.library.take());
        } else if line.trim() == DESKTOP || begins(line, &[DESKTOP]) && line.contains(" * ") && line.contains("/home/")
        {
            self.desktop = true;
        } else if self.cameras.len() < CAMERAS && seek::has(line, "/dev/video") && !has_any(line, &WRONG) {
            self.cameras.extend(camera_in(line));
        }
    }

    /// True when they show that a code's cause is there, false when they show that it is not.
    pub fn shows(&self, code: &str, matched: &str) -> Option<bool> {
        if code == "camera-node/no-camera" {
            let other = camera_in(matched).is_some_and(|named| self.cameras.iter().any(|camera| *camera != named));
            return other.then_some(false);
        }
        if let ("nvidia-fitness/memory-in-use" | "nvidia-fitness/memory-too-small", Some(larger)) =
            (code, asks_more(matched))
        {
            return larger.then_some(code.ends_with("too-small"));
        }
        if let Some(shown) = tag_shows(code, matched) {
            return Some(shown);
        }
        if self.desktop
            && ["gpu-path/desktop-vm", "nvidia-driver/not-installed", "nvidia-nvml/no-library"].contains(&code)
        {
            return Some(code == "gpu-path/desktop-vm");
        }
        if let Some(shown) =
            self.beside.shows(code).or_else(|| self.room.shows(code)).or_else(|| self.lists(code, matched))
        {
            return Some(shown);
        }
        let answers = self.listed || self.table.is_some();
        let of_image = ["in-image/brings-driver-files", "dockerfile-driver/driver"].contains(&code);
        let is_of = |check: &str| code.split_once('/').is_some_and(|(id, _)| id == check);
        match (&self.table, &self.library) {
            // `565.57` is how NVML names 565.57.01.
            (Some(driver), Some(library)) if !driver.starts_with(library.as_str()) => {
                (of_image || is_of("nvidia-version")).then_some(of_image)
            }
            _ => (answers && is_of("nvidia-driver")).then_some(false),
        }
    }
}

impl Witnesses {
    /// `"insecure-registries": ["registry:5000"]`, on one line or on several.
    fn note_insecure(&mut self, line: &str) {
        const KEY: &str = "\"insecure-registries\"";
        let rest = match line.split_once(KEY) {
            Some((_, rest)) => rest,
            None if self.lists_insecure => line,
            None => return,
        };
        self.lists_insecure = !rest.contains(']') && self.insecure.len() < CAMERAS;
        let list = rest.split(']').next().unwrap_or("");
        self.insecure.extend(list.split('"').skip(1).step_by(2).map(str::to_owned));
    }

    /// Whether the registry of a message is in that list, as it has to be written there or otherwise.
    fn lists(&self, code: &str, matched: &str) -> Option<bool> {
        let named = |entry: &&String| {
            entry.len() > 3 && matched.contains(entry.trim_start_matches(|c| c != '/').trim_matches('/'))
        };
        let exact = self.insecure.iter().any(|entry| matched.contains(&format!("//{entry}/")));
        match code {
            "registry-trust/not-reloaded" if exact => Some(true),
            "registry-trust/plain-http" if exact => Some(false),
            "registry-trust/misspelt" if exact => Some(false),
            "registry-trust/misspelt" => {
                self.insecure.iter().filter(|e| e.contains("//")).any(|e| named(&e)).then_some(true)
            }
            _ => None,
        }
    }
}

impl Room {
    /// `/dev/vda1  59G  59G  0 100% /`. Packed file systems, such as those of snaps, are always full.
    fn note(&mut self, line: &str) {
        if begins(line, &["Filesystem "]) {
            self.of_inodes = seek::has(line, "IUse%");
            return;
        }
        if !begins(line, &["/dev/", "overlay "]) || begins(line, &["/dev/loop"]) || !seek::has(line, "% /") {
            return;
        }
        let share = line.split_whitespace().find_map(|word| word.strip_suffix('%')?.parse::<u32>().ok());
        // What is nearly full may be too little for one large file.
        let full = match share {
            Some(99..) => true,
            Some(..85) => false,
            _ => return,
        };
        let known = if self.of_inodes { &mut self.inodes_full } else { &mut self.full };
        *known = Some(full || known.unwrap_or(false));
    }

    fn shows(&self, code: &str) -> Option<bool> {
        match code {
            "disk-space/full" => self.full,
            "disk-inodes/used-up" => self.inodes_full.or(self.full.filter(|full| !full).map(|_| true)),
            "docker-engine/disk-full" | "disk-space/tmp-full" => self.full.filter(|full| !full),
            _ => None,
        }
    }
}

/// `/dev/video0` of a text.
pub fn camera_in(text: &str) -> Option<String> {
    let rest = &text[text.find("/dev/video")? + "/dev/video".len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (1..=3).contains(&digits).then(|| format!("/dev/video{}", &rest[..digits]))
}

/// Whether the tag of NVIDIA's that a text names is missing for this code's reason: deleted, too short, never made.
fn tag_shows(code: &str, matched: &str) -> Option<bool> {
    let reason = match code.split_once('/')? {
        ("in-image", "tag-removed") => "gone",
        ("dockerfile-base" | "run-line-image", reason) => reason,
        _ => return None,
    };
    if !["gone", "short", "never-there"].contains(&reason) {
        return None;
    }
    let names = matched.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let shown = match names.filter(|name| name.contains("nvidia/cuda:")).find_map(missing)? {
        Missing::Gone(..) => "gone",
        Missing::Short => "short",
        Missing::Never(_) => "never-there",
        Missing::Unofficial(_) => return None,
    };
    Some(shown == reason)
}

/// Whether more memory is asked for than the GPU has, where PyTorch tells both (one release misspells it): `Tried to allocate 74.16 GiB. GPU 0 has a total capacity
/// of 44.40 GiB`.
fn asks_more(text: &str) -> Option<bool> {
    let size = |name: &str| {
        let mut words = text.split_once(name)?.1.split_whitespace();
        let number: f64 = words.next()?.parse().ok()?;
        let unit = words.next()?.trim_end_matches(['.', ',', ';', ')']);
        Some(number * 1024_f64.powi(["KiB", "MiB", "GiB", "TiB"].iter().position(|known| *known == unit)? as i32))
    };
    Some(
        size("Tried to allocate ")?
            > size("total capacity of ").or_else(|| size("total capacty of ")).or_else(|| size("GPU 0; "))?,
    )
}

/// The word behind a name.
fn behind(line: &str, name: &str) -> Option<String> {
    Some(line.split_once(name)?.1.split_whitespace().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_decides() {
        let said = |lines: &[&str], code: &str| {
            let mut witnesses = Witnesses::default();
            lines.iter().for_each(|line| witnesses.note(line));
            witnesses.shows(code, lines.last().unwrap_or(&""))
        };
        let table = "| NVIDIA-SMI 535.161.07             Driver Version: 535.161.07   CUDA Version: 12.2     |";
        let other = [table, "NVML library version: 565.57"];
        assert_eq!(said(&other, "in-image/brings-driver-files"), Some(true));
        assert_eq!(said(&other, "nvidia-version/reboot-pending"), Some(false));
        let same = [table, "NVML library version: 535.161"];
        assert_eq!(said(&same, "nvidia-version/reboot-pending"), None);
        assert_eq!(said(&same, "nvidia-driver/not-loaded"), Some(false));
        assert_eq!(said(&[], "nvidia-driver/not-loaded"), None);
        let more = "CUDA out of memory. Tried to allocate 74.16 GiB. GPU 0 has a total capacity of 44.40 GiB of which 5 GiB is free.";
        assert_eq!(said(&[more], "nvidia-fitness/memory-too-small"), Some(true));
        assert_eq!(said(&[more], "nvidia-fitness/memory-in-use"), Some(false));
        assert_eq!(
            said(
                &["Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 44.40 GiB"],
                "nvidia-fitness/memory-in-use"
            ),
            None
        );
        let tag = "manifest for nvidia/cuda:12.3.0-base not found: manifest unknown";
        assert_eq!(said(&[tag], "run-line-image/short"), Some(true));
        assert_eq!(said(&[tag], "in-image/tag-removed"), Some(false));
        assert_eq!(said(&["docker.io/nvidia/cuda:12.4.1-base-ubuntu22.04: not found"], "dockerfile-base/gone"), None);
        let gone = "Cannot open video device /dev/video8: No such file or directory";
        assert_eq!(said(&["Selected camera: /dev/video2", gone], "camera-node/no-camera"), Some(false));
        assert_eq!(said(&["Selected camera: /dev/video8", gone], "camera-node/no-camera"), None);
        assert_eq!(said(&["Cannot open /dev/video7", gone], "camera-node/no-camera"), None);
    }
}
