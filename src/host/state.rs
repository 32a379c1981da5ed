//! What stands at a path, whole, and putting such a state back: the same bytes, owner, group, mode and access list. A link at the
//! end of the path is itself what stands there.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, StatxAttributes, StatxFlags, chownat, fstat, mkdirat, openat, readlinkat,
    statat, statx, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use serde::{Deserialize, Serialize};

use super::{output, place};

/// Settings are small; what is larger is nothing that a fix writes.
const CAP: u64 = 16 << 20;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum State {
    Absent,
    File {
        #[serde(with = "in_base64")]
        bytes: Vec<u8>,
        uid: u32,
        gid: u32,
        mode: u32,
        /// Who besides owner, group and others it lets in.
        #[serde(default, skip_serializing_if = "Vec::is_empty", with = "in_base64")]
        access: Vec<u8>,
        /// What SELinux knows it by.
        #[serde(default, skip_serializing_if = "Vec::is_empty", with = "in_base64")]
        label: Vec<u8>,
    },
    Folder {
        uid: u32,
        gid: u32,
        mode: u32,
    },
    Link {
        target: String,
        uid: u32,
        gid: u32,
    },
}

impl State {
    /// User and group.
    pub fn owner(&self) -> Option<(u32, u32)> {
        match self {
            Self::Absent => None,
            Self::File { uid, gid, .. } | Self::Folder { uid, gid, .. } | Self::Link { uid, gid, .. } => {
                Some((*uid, *gid))
            }
        }
    }

    /// The same, and somebody else's.
    pub fn owned_by(mut self, owner: (u32, u32)) -> Self {
        match &mut self {
            Self::Absent => {}
            Self::File { uid, gid, .. } | Self::Folder { uid, gid, .. } | Self::Link { uid, gid, .. } => {
                (*uid, *gid) = owner;
            }
        }
        self
    }
}

/// Why a state was not put in another's place. Nothing was changed.
#[derive(Debug)]
pub enum NotPut {
    /// Something else stands there than was expected.
    Changed,
    Error(io::Error),
}

impl From<io::Error> for NotPut {
    fn from(why: io::Error) -> Self {
        Self::Error(why)
    }
}

impl From<Errno> for NotPut {
    fn from(why: Errno) -> Self {
        Self::Error(why.into())
    }
}

mod in_base64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// What stands there now. Err besides, of the kind Unsupported, for what could not be put back whole: what is no file, folder or link, a
/// file that is too large, and one that has other names, which a new file in its place would part from it.
pub fn look(path: &Path) -> io::Result<State> {
    match place::parent(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(State::Absent),
        Err(why) => Err(why),
        Ok((folder, name)) => look_in(&folder, &name),
    }
}

fn look_in(folder: &OwnedFd, name: &OsStr) -> io::Result<State> {
    let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(State::Absent),
        other => other?,
    };
    let (uid, gid) = (stat.st_uid, stat.st_gid);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(State::Folder { uid, gid, mode: stat.st_mode & 0o7777 }),
        FileType::Symlink => {
            let target = readlinkat(folder, name, Vec::new())?.into_string();
            Ok(State::Link { target: target.map_err(io::Error::other)?, uid, gid })
        }
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = openat(folder, name, flags, Mode::empty())?;
            let stat = fstat(&file)?;
            let access = output::access_list(&file)?.unwrap_or_default();
            let label = output::label(&file)?.unwrap_or_default();
            let mut bytes = Vec::new();
            File::from(file).take(CAP + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > CAP {
                return Err(unsupported("it is larger than 16 MiB, and no file of settings is"));
            }
            if stat.st_nlink > 1 {
                return Err(unsupported("it has other names (hard links), from which a change would part it"));
            }
            Ok(State::File { bytes, uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777, access, label })
        }
        _ => Err(unsupported("it is neither a file nor a folder nor a link")),
    }
}

fn unsupported(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}

/// Puts `wanted` where `expected` stands, whole or not at all.
pub fn put(path: &Path, expected: &State, wanted: &State) -> Result<(), NotPut> {
    let (folder, name) = match place::parent(path) {
        // Without its folder nothing stands there.
        Err(why) if why.kind() == io::ErrorKind::NotFound && *expected == State::Absent && *wanted == State::Absent => {
            return Ok(());
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound && *expected != State::Absent => return Err(NotPut::Changed),
        other => other?,
    };
    if look_in(&folder, &name)? != *expected {
        return Err(NotPut::Changed);
    }
    if expected == wanted {
        return Ok(());
    }
    let stands = *expected != State::Absent;
    match wanted {
        State::Absent => unlinkat(&folder, &name, removal(expected))?,
        State::Folder { uid, gid, mode } => {
            if !matches!(expected, State::Folder { .. }) {
                clear(&folder, &name, expected)?;
                mkdirat(&folder, &name, Mode::from_raw_mode(0o700))?;
            }
            own(&folder, &name, *uid, *gid)?;
            rustix::fs::chmodat(&folder, &name, Mode::from_raw_mode(*mode), AtFlags::empty())?;
        }
        State::Link { target, uid, gid } => {
            // No setting is read by a link's owner: between these calls there is no link, and the journal has it.
            clear(&folder, &name, expected)?;
            symlinkat(target, &folder, &name)?;
            own(&folder, &name, *uid, *gid)?;
        }
        State::File { bytes, uid, gid, mode, access, label } => {
            let stands = match expected {
                State::Folder { .. } => {
                    clear(&folder, &name, expected)?;
                    false
                }
                _ => stands,
            };
            let belongs = output::Belongs { uid: *uid, gid: *gid, mode: *mode, access, label };
            output::put_file(&folder, &name, bytes, &belongs, stands)?;
        }
    }
    // The folder's entry is on the disk too, where its file system can say so.
    let entries = openat(&folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let _ = entries.map(|entries| rustix::fs::fsync(&entries));
    Ok(())
}

fn clear(folder: &OwnedFd, name: &OsStr, stands: &State) -> Result<(), Errno> {
    if *stands == State::Absent { Ok(()) } else { unlinkat(folder, name, removal(stands)) }
}

fn removal(stands: &State) -> AtFlags {
    if matches!(stands, State::Folder { .. }) { AtFlags::REMOVEDIR } else { AtFlags::empty() }
}

fn own(folder: &OwnedFd, name: &OsStr, uid: u32, gid: u32) -> Result<(), Errno> {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if (stat.st_uid, stat.st_gid) == (uid, gid) {
        return Ok(());
    }
    chownat(folder, name, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::SYMLINK_NOFOLLOW)
}

/// The path without links, as far as it is there; a link at its end stays. None where that is no text.
pub fn resolved(path: &Path) -> Option<String> {
    let mut there = path.parent()?.to_owned();
    let mut rest: Vec<OsString> = vec![path.file_name()?.to_owned()];
    let folder = loop {
        match std::fs::canonicalize(&there) {
            Ok(folder) => break folder,
            Err(_) => {
                rest.push(there.file_name()?.to_owned());
                there = there.parent()?.to_owned();
            }
        }
    };
    let whole = rest.into_iter().rev().fold(folder, |path, name| path.join(name));
    String::from_utf8(whole.as_os_str().as_bytes().to_vec()).ok()
}

/// Something stands there; a path that is not whole is one of this process's folder.
pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Why nothing can be written there, where that is seen without trying.
pub fn unwritable(path: &Path) -> Option<String> {
    if let Err(why) = look(path)
        && why.kind() == io::ErrorKind::Unsupported
    {
        return Some(format!("cannot be given back as it is: {why}"));
    }
    let there = path.ancestors().find(|path| path.symlink_metadata().is_ok())?;
    if there != path && !there.is_dir() {
        return Some(format!("cannot be there: {} is no folder", there.display()));
    }
    let system = rustix::fs::statvfs(there).ok()?;
    if system.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Some("is on a read-only file system".to_owned());
    }
    let folder = if there == path { path.parent()? } else { there };
    let own = (there == path).then(|| held(path)).flatten();
    own.map(str::to_owned).or_else(|| {
        let fixed = held(folder).filter(|_| folder.is_dir())?;
        Some(format!("lies in {}, which {fixed}", folder.display()))
    })
}

/// What keeps a file or a folder as it is, whoever writes: chattr(1), and a mount of its own, whose place no new file can take.
fn held(path: &Path) -> Option<&'static str> {
    let stat = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS).ok()?;
    let has = |attribute| stat.stx_attributes.contains(attribute);
    let is_folder = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Directory;
    match () {
        () if has(StatxAttributes::IMMUTABLE) => Some("is immutable: `lsattr` shows i, and `chattr -i` lets it change"),
        () if has(StatxAttributes::APPEND) => Some("may only grow: `lsattr` shows a, and `chattr -a` lets it change"),
        () if has(StatxAttributes::MOUNT_ROOT) && !is_folder => {
            Some("is mounted there by itself: it is changed where it comes from")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_stood_there_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let file = |text: &str, mode| {
            let bytes = text.into();
            State::File { bytes, uid, gid, mode, access: Vec::new(), label: Vec::new() }
        };
        let states = [
            State::Absent,
            file("one", 0o640),
            State::Link { target: "elsewhere".into(), uid, gid },
            State::Folder { uid, gid, mode: 0o750 },
            file("two", 0o4755),
            State::Absent,
        ];
        for pair in states.windows(2) {
            assert_eq!(look(&path).unwrap(), pair[0]);
            put(&path, &pair[0], &pair[1]).unwrap();
            assert_eq!(look(&path).unwrap(), pair[1]);
            let text = serde_json::to_string(&pair[1]).unwrap();
            assert_eq!(serde_json::from_str::<State>(&text).unwrap(), pair[1]);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing of ours is left");
    }

    #[test]
    fn what_could_not_be_put_back_whole_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let why = |name: &str| unwritable(&path(name)).unwrap_or_default();
        std::fs::write(path("one"), "a").unwrap();
        assert_eq!((why("one"), why("none")), Default::default());
        std::fs::hard_link(path("one"), path("other")).unwrap();
        assert!(why("one").contains("has other names") && why("other").contains("has other names"));
        std::fs::File::create(path("large")).unwrap().set_len(CAP + 1).unwrap();
        assert!(why("large").contains("larger than 16 MiB"));
    }

    #[test]
    fn what_is_not_as_expected_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        symlink("/etc/hostname", &path).unwrap();
        assert!(matches!(put(&path, &State::Absent, &State::Absent), Err(NotPut::Changed)));
        assert!(matches!(look(&path), Ok(State::Link { .. })));
        // Without its folder nothing stands there, and nothing is made.
        let inner = folder.path().join("no/file");
        assert_eq!(look(&inner).unwrap(), State::Absent);
        let link = look(&path).unwrap();
        assert!(matches!(put(&inner, &State::Absent, &link), Err(NotPut::Error(_))));
        assert!(matches!(put(&inner, &link, &State::Absent), Err(NotPut::Changed)));
        assert_eq!(resolved(&inner).unwrap(), inner.to_string_lossy());
    }
}
