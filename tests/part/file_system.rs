//! Small real file systems that a test may fill: a tmpfs, and ext4 in a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Part, left_out};

/// A small file system on a folder, until it is dropped.
pub struct Mount(pub PathBuf);

impl Mount {
    /// `None`, after saying so, where mounting is not allowed.
    pub fn tmpfs(path: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "gdoctor"]).arg(&path).output().unwrap();
        if mounted.status.success() {
            return Some(Self(path));
        }
        let words = String::from_utf8_lossy(&mounted.stderr).trim().to_owned();
        left_out(&format!("disk: a tmpfs cannot be mounted here ({words})"));
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// An ext4 file system of `size` in a file, mounted at `at` until it is dropped.
fn ext4(dir: &Path, at: &Path, size: &str, more: &[&str]) -> Option<Mount> {
    let file = dir.join("disk.img");
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(&file).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("truncate", &["-s", size]);
    run("mkfs.ext4", &[&["-q", "-F", "-m", "0"], more].concat());
    std::fs::create_dir_all(at).unwrap();
    let mounted = Command::new("mount").args(["-o", "loop"]).arg(&file).arg(at).output().unwrap();
    if !mounted.status.success() {
        let words = String::from_utf8_lossy(&mounted.stderr).trim().to_owned();
        left_out(&format!("disk: a file system in a file cannot be mounted here ({words})"));
        return None;
    }
    Some(Mount(at.to_owned()))
}

/// A daemon, one folder of which is a small ext4 file system: `data` is its data root.
pub fn docker_on(folder: &str, size: &str, more: &[&str]) -> Option<(Mount, Part)> {
    let daemon = Part::start("docker", &[])?;
    assert!(daemon.call("stop", &[]).status.success());
    let disk = ext4(daemon.path(), &daemon.path().join(folder), size, more)?;
    let started = daemon.call("start", &[]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    Some((disk, daemon))
}

/// Bytes left for users without privileges.
pub fn free(disk: &Path) -> u64 {
    let found = nix::sys::statvfs::statvfs(disk).unwrap();
    found.blocks_available() * found.fragment_size()
}
