//! File systems: the free room below a path, and what kind one is.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::disk::Space;
use nix::errno::Errno;
use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::Host;
use super::files::gap_of;

/// Why the room below a root is not told.
const SHARED: &str = "this root is a folder on this machine's disk: the room there is this machine's";

impl Host {
    /// Below `--root` on a file system that is not the root's own: its folder lies on it among others.
    fn is_on_this_machines_disk(&self, path: &Path) -> bool {
        let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
        !self.is_live() && device(&self.on_disk(path)).is_some_and(|one| device(&self.root.join("..")) == Some(one))
    }

    /// True when what a link of /proc/PID/fd leads to lies on an overlay file system, as a container's own files do.
    pub fn is_overlay(&self, link: impl AsRef<Path>) -> bool {
        statfs(link.as_ref()).is_ok_and(|found| found.filesystem_type() == OVERLAYFS_SUPER_MAGIC)
    }

    /// statvfs(3) of a path below the root, counted for users without privileges (`f_bavail`, `f_favail`).
    pub fn space(&self, path: impl AsRef<Path>) -> Fact<Space> {
        let path = path.as_ref();
        let source = format!("statvfs {}", path.display());
        if self.is_on_this_machines_disk(path) {
            return Fact::unknown(Gap::Unsupported(SHARED.into()), source);
        }
        match statvfs(&self.on_disk(path)) {
            Ok(found) => {
                let block = found.fragment_size();
                let space = Space {
                    available: found.blocks_available().saturating_mul(block),
                    total: found.blocks().saturating_mul(block),
                    inodes_available: found.files_available(),
                    inodes_total: found.files(),
                    read_only: found.flags().contains(FsFlags::ST_RDONLY),
                };
                Fact::present(space, source)
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => Fact::absent(source),
            Err(errno) => Fact::unknown(gap_of(&errno.into()), source),
        }
    }
}
