//! Whose a file is: who besides root and the user that gdoctor runs as could change what is run or obeyed.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// Links followed before a path counts as a loop, as Linux does.
const LINK_CAP: usize = 40;
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Why a file is not trusted.
#[derive(Debug)]
pub enum Distrust {
    /// It belongs to another user than root and the one who runs gdoctor.
    Owner(PathBuf, u32),
    /// Others may write to it.
    Open(PathBuf),
    /// It is of another kind than it has to be.
    Kind(PathBuf),
    Unseen(PathBuf, io::Error),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::Owner(path, uid) => write!(f, "{} belongs to {}", path.display(), user_name(*uid)),
            Distrust::Open(path) => write!(f, "others may write to {}", path.display()),
            Distrust::Kind(path) => write!(f, "{} is neither a file nor a folder", path.display()),
            Distrust::Unseen(path, why) => write!(f, "{}: {why}", path.display()),
        }
    }
}

/// The login name of a user, `uid 4242` where it has none.
pub fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// Root, or the user whom gdoctor acts for.
pub fn is_own(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

/// True in a user namespace that has ids of its own: everybody else's files then seem to belong to one and the same stranger.
pub fn ids_are_mapped() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}

/// The path without links, when it and every folder and link on the way belong to root or to the effective user and nobody else
/// may write to any of them. In a folder with the sticky bit others may make files, and not replace those that are there.
pub fn whole_path(path: &Path) -> Result<PathBuf, Distrust> {
    let mut pending: Vec<OsString> = names(path.as_os_str());
    let mut at = PathBuf::from("/");
    let mut links = 0;
    judge(&at, &seen(&at)?)?;
    while let Some(name) = pending.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        at.push(name);
        let meta = seen(&at)?;
        if !meta.is_symlink() {
            judge(&at, &meta)?;
            continue;
        }
        if !is_own(meta.uid()) {
            return Err(Distrust::Owner(at, meta.uid()));
        }
        links += 1;
        if links > LINK_CAP {
            return Err(Distrust::Unseen(at, io::Error::from_raw_os_error(nix::libc::ELOOP)));
        }
        let target = fs::read_link(&at).map_err(|why| Distrust::Unseen(at.clone(), why))?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        } else {
            at.pop();
        }
        pending.extend(names(target.as_os_str()));
    }
    Ok(at)
}

/// What a path leads to, and the folder that this lies in; the folders above them do not count.
pub fn file_and_folder(path: &Path) -> Result<(), Distrust> {
    let unseen = |why| Distrust::Unseen(path.to_owned(), why);
    let link = fs::symlink_metadata(path).map_err(unseen)?;
    if !is_own(link.uid()) {
        return Err(Distrust::Owner(path.to_owned(), link.uid()));
    }
    let real = fs::canonicalize(path).map_err(unseen)?;
    for path in [path.parent(), real.parent(), Some(real.as_path())].into_iter().flatten() {
        let meta = fs::metadata(path).map_err(|why| Distrust::Unseen(path.to_owned(), why))?;
        judge(path, &meta)?;
        if meta.is_dir() && meta.mode() & 0o002 != 0 {
            return Err(Distrust::Open(path.to_owned()));
        }
    }
    Ok(())
}

fn seen(path: &Path) -> Result<Metadata, Distrust> {
    fs::symlink_metadata(path).map_err(|why| Distrust::Unseen(path.to_owned(), why))
}

/// The names of a path, last first.
fn names(path: &OsStr) -> Vec<OsString> {
    let name = |part: Component| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    Path::new(path).components().rev().filter_map(name).collect()
}

fn judge(path: &Path, meta: &Metadata) -> Result<(), Distrust> {
    if !meta.is_file() && !meta.is_dir() {
        return Err(Distrust::Kind(path.to_owned()));
    }
    if !is_own(meta.uid()) {
        return Err(Distrust::Owner(path.to_owned(), meta.uid()));
    }
    let sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
    let open = meta.mode() & 0o002 != 0 || (meta.mode() & 0o020 != 0 && !is_private(path, meta));
    if open && !sticky { Err(Distrust::Open(path.to_owned())) } else { Ok(()) }
}

/// The group that may write is root's, or has nobody in it but the owner: many systems give every user a group of the same name.
/// An access control list may let others in; its mask stands where the group's bits are.
fn is_private(path: &Path, meta: &Metadata) -> bool {
    if has_access_list(path) {
        return false;
    }
    if meta.gid() == 0 {
        return true;
    }
    let Ok(Some(group)) = Group::from_gid(Gid::from_raw(meta.gid())) else { return false };
    let owner = user_name(meta.uid());
    group.name == owner && group.mem.iter().all(|member| *member == owner)
}

fn has_access_list(path: &Path) -> bool {
    // One too long for this is one too.
    match rustix::fs::getxattr(path, ACCESS_LIST, &mut [0_u8; 256][..]) {
        Ok(size) => size > 0,
        Err(why) => why == rustix::io::Errno::RANGE,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    const STRANGER: u32 = 4242;

    /// A folder with a program in it, and what makes it untrusted.
    fn with(change: impl Fn(&Path)) -> Result<PathBuf, Distrust> {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("tool"), "").unwrap();
        fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(bin.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        change(&bin);
        whole_path(&bin.join("tool"))
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn own_files_in_own_folders_are_trusted_below_a_sticky_one() {
        assert!(with(|_| {}).is_ok());
        assert!(with(|bin| mode(bin, 0o1777)).is_ok());
    }

    /// Its mask stands where the group's bits are, and the group is root's.
    #[test]
    fn an_access_list_that_lets_others_write_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tool");
        fs::write(&file, "").unwrap();
        mode(&file, 0o644);
        // Version 2; the owner rw, user 4242 rw, the group r, the mask rw, others r (linux/posix_acl_xattr.h).
        let entries: [(u16, u16, u32); 5] =
            [(1, 6, u32::MAX), (2, 6, STRANGER), (4, 4, u32::MAX), (16, 6, u32::MAX), (32, 4, u32::MAX)];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            list.extend(tag.to_le_bytes().into_iter().chain(rights.to_le_bytes()).chain(id.to_le_bytes()));
        }
        match rustix::fs::setxattr(&file, ACCESS_LIST, &list, rustix::fs::XattrFlags::empty()) {
            Ok(()) => assert!(matches!(whole_path(&file), Err(Distrust::Open(_)))),
            Err(why) => eprintln!("left out: this file system has no access lists ({why})"),
        }
    }

    #[test]
    fn what_others_may_change_is_not() {
        assert!(matches!(with(|bin| mode(&bin.join("tool"), 0o757)), Err(Distrust::Open(_))));
        assert!(matches!(with(|bin| mode(bin, 0o777)), Err(Distrust::Open(_))));
        assert!(matches!(with(|bin| mode(bin.parent().unwrap(), 0o777)), Err(Distrust::Open(_))));
        assert!(matches!(with(|bin| fs::remove_file(bin.join("tool")).unwrap()), Err(Distrust::Unseen(..))));
        if !geteuid().is_root() {
            return;
        }
        let give = |path: &Path| chown(path, Some(STRANGER), None).unwrap();
        let owner = |result| matches!(result, Err(Distrust::Owner(_, STRANGER)));
        assert!(owner(with(|bin| give(&bin.join("tool")))));
        assert!(owner(with(give)));
        assert!(owner(with(|bin| give(bin.parent().unwrap()))));
        // A group that somebody may be in.
        assert!(matches!(
            with(|bin| {
                chown(bin, None, Some(STRANGER)).unwrap();
                mode(bin, 0o775);
            }),
            Err(Distrust::Open(_))
        ));
        // A link leads from a good folder into a stranger's.
        assert!(owner(with(|bin| {
            let theirs = bin.join("theirs");
            fs::create_dir(&theirs).unwrap();
            fs::rename(bin.join("tool"), theirs.join("tool")).unwrap();
            symlink("theirs/tool", bin.join("tool")).unwrap();
            give(&theirs);
        })));
    }

    #[test]
    fn of_a_file_alone_the_folder_counts_and_not_the_one_above() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("project");
        fs::create_dir(&folder).unwrap();
        mode(root.path(), 0o777);
        mode(&folder, 0o755);
        let file = folder.join("file");
        fs::write(&file, "").unwrap();
        assert!(file_and_folder(&file).is_ok());
        mode(&folder, 0o1777);
        assert!(matches!(file_and_folder(&file), Err(Distrust::Open(_))));
    }
}
