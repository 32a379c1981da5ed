//! File systems: the free room below a path, and what kind one is.

use std::path::Path;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::disk::Space;
use nix::errno::Errno;
use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::Host;

impl Host {
    /// True when what a link of /proc/PID/fd leads to lies on an overlay file system, as a container's own files do.
    pub fn is_overlay(&self, link: impl AsRef<Path>) -> bool {
        statfs(link.as_ref()).is_ok_and(|found| found.filesystem_type() == OVERLAYFS_SUPER_MAGIC)
    }

    /// statvfs(3) of a path below the root, counted for users without privileges (`f_bavail`, `f_favail`).
    pub fn space(&self, path: impl AsRef<Path>) -> Fact<Space> {
        let path = path.as_ref();
        let source = format!("statvfs {}", path.display());
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
            Err(Errno::EACCES) => Fact::unknown(Gap::Denied, source),
            Err(errno) => Fact::unknown(Gap::Unparsable(errno.desc().into()), source),
        }
    }
}
