//! Where a path leads that the user gave for an output. It is walked part by part with the folders open, so nobody can turn it
//! elsewhere between the look and the writing; another user's link is not followed where it could have been put in our way.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{geteuid, getpid};
use rustix::fs::{
    CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, Stat, fstat, fstatfs, mkdirat, open, openat, readlinkat,
};
use rustix::io::Errno;

/// Links followed before a path counts as a loop, as Linux does.
const LINK_CAP: usize = 40;
const AS_PATH: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// The end of a path: a name in an open folder.
pub struct Place {
    pub folder: OwnedFd,
    pub name: OsString,
    pub what: What,
}

/// What stands at the end of a path.
pub enum What {
    Nothing,
    File,
    /// A pipe or a character device: written through.
    Stream,
    Socket,
    /// One of this process's own descriptors: `/dev/stdout`, `/dev/fd/63`.
    Descriptor(RawFd),
}

impl Place {
    /// Follows `path` to its end. Folders on the way must be there.
    pub fn find(path: &Path) -> io::Result<Self> {
        let mut walk = Walk::new(path)?;
        loop {
            let Some((name, entry, stat)) = walk.step(false)? else { return Err(io::ErrorKind::IsADirectory.into()) };
            let Some(_entry) = entry else {
                return Ok(Self { folder: walk.folder, name, what: What::Nothing });
            };
            let what = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => continue,
                FileType::Symlink => What::Descriptor(number(&name)?),
                FileType::RegularFile => What::File,
                FileType::Fifo | FileType::CharacterDevice => What::Stream,
                FileType::Socket => What::Socket,
                // A report written over a disk would destroy it.
                _ => return Err(io::Error::other("it is a disk or of an unknown kind: nothing is written there")),
            };
            return Ok(Self { folder: walk.folder, name, what });
        }
    }

    /// A path for calls that take no folder; good while the folder is open, whatever happens to its names.
    pub fn path(&self) -> PathBuf {
        within(&self.folder, &self.name)
    }
}

/// The folder that a path's last name is in, and that name. A link of that name is not followed; the folder has to be there.
pub fn parent(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "it has no name");
    let (folder, name) = (path.parent().ok_or_else(no_name)?, path.file_name().ok_or_else(no_name)?);
    let mut walk = Walk::new(folder)?;
    while let Some((_, entry, stat)) = walk.step(false)? {
        if entry.is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(io::ErrorKind::NotADirectory.into());
        }
    }
    Ok((walk.folder, name.to_owned()))
}

/// `name` in an open folder as a path.
pub fn within(folder: &OwnedFd, name: &OsStr) -> PathBuf {
    Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name)
}

/// The folder at the end of `path`; it and those above it are made where they are missing.
pub fn folder(path: &Path) -> io::Result<OwnedFd> {
    let mut walk = Walk::new(path)?;
    while let Some((_, _, stat)) = walk.step(true)? {
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(io::ErrorKind::NotADirectory.into());
        }
    }
    Ok(walk.folder)
}

/// A step's name, what it opened (nothing: there is none of that name), and its state.
type Step = (OsString, Option<OwnedFd>, Stat);

struct Walk {
    folder: OwnedFd,
    /// Where `folder` is, as far as the walk has told.
    at: PathBuf,
    /// Parts to go, the next one last.
    pending: Vec<OsString>,
    links: usize,
}

impl Walk {
    fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "an empty path"));
        }
        let (from, at) = if path.is_absolute() { ("/", "/") } else { (".", "") };
        let folder = openat(CWD, from, AS_PATH | OFlags::DIRECTORY, Mode::empty())?;
        Ok(Self { folder, at: at.into(), pending: parts(path), links: 0 })
    }

    /// The next part that is no link; of links only an own descriptor's. The walk goes into a folder by itself. `None` at the end.
    fn step(&mut self, make: bool) -> io::Result<Option<Step>> {
        while let Some(name) = self.pending.pop() {
            if name == ".." {
                self.folder = self.open_folder("..", OFlags::empty())?;
                self.at.pop();
                continue;
            }
            let entry = match openat(&self.folder, &name, AS_PATH | OFlags::NOFOLLOW, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    mkdirat(&self.folder, &name, Mode::from_raw_mode(0o777))?;
                    openat(&self.folder, &name, AS_PATH | OFlags::NOFOLLOW, Mode::empty())?
                }
                Err(Errno::NOENT) if self.pending.is_empty() => {
                    let folder = fstat(&self.folder)?;
                    return Ok(Some((name, None, folder)));
                }
                opened => opened?,
            };
            let stat = fstat(&entry)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink if self.is_descriptor() => return Ok(Some((name, Some(entry), stat))),
                FileType::Symlink => self.follow(&name, &entry, &stat)?,
                FileType::Directory => {
                    self.folder = self.open_folder(&name, OFlags::NOFOLLOW)?;
                    self.at.push(&name);
                    return Ok(Some((name, Some(entry), stat)));
                }
                _ if !self.pending.is_empty() => return Err(io::ErrorKind::NotADirectory.into()),
                _ => return Ok(Some((name, Some(entry), stat))),
            }
        }
        Ok(None)
    }

    fn open_folder(&self, name: impl AsRef<OsStr>, how: OFlags) -> io::Result<OwnedFd> {
        Ok(openat(&self.folder, name.as_ref(), AS_PATH | OFlags::DIRECTORY | how, Mode::empty())?)
    }

    fn follow(&mut self, name: &OsStr, link: &OwnedFd, stat: &Stat) -> io::Result<()> {
        self.links += 1;
        if self.links > LINK_CAP {
            return Err(Errno::LOOP.into());
        }
        let target = OsString::from_vec(readlinkat(link, "", Vec::new())?.into_bytes());
        let target = Path::new(&target);
        // The kernel's own links (`/proc/PID/root`) can lead where no path does.
        if self.is_on_proc() && !self.pending.is_empty() {
            self.folder = self.open_folder(name, OFlags::empty())?;
            self.at.push(target);
            return Ok(());
        }
        if !self.is_to_be_followed(stat)? {
            let whose = stat.st_uid;
            let told = format!("{} is a link of another user's (uid {whose}) to {}", name.display(), target.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{told}: it is not followed")));
        }
        if target.is_absolute() {
            self.folder = open("/", AS_PATH | OFlags::DIRECTORY, Mode::empty())?;
            self.at = "/".into();
        }
        self.pending.extend(parts(target));
        Ok(())
    }

    /// As the kernel's fs.protected_symlinks, and besides in every folder that somebody else may write to.
    fn is_to_be_followed(&self, link: &Stat) -> io::Result<bool> {
        let trusted = |uid: u32| uid == 0 || uid == geteuid().as_raw();
        let folder = fstat(&self.folder)?;
        Ok(trusted(link.st_uid) || (trusted(folder.st_uid) && folder.st_mode & 0o022 == 0))
    }

    fn is_on_proc(&self) -> bool {
        fstatfs(&self.folder).is_ok_and(|system| system.f_type == PROC_SUPER_MAGIC)
    }

    /// The folder is the one of this process's own descriptors.
    fn is_descriptor(&self) -> bool {
        let own = Path::new("/proc").join(getpid().to_string());
        let below = self.at.strip_prefix(own).map(|rest| rest.components().collect::<Vec<_>>());
        let fd = |part: &Component| part.as_os_str() == "fd";
        below.is_ok_and(|rest| matches!(rest.as_slice(), [a] | [_, _, a] if fd(a))) && self.is_on_proc()
    }
}

fn parts(path: &Path) -> Vec<OsString> {
    let part = |component: Component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    let mut parts: Vec<OsString> = path.components().filter_map(part).collect();
    parts.reverse();
    parts
}

/// A descriptor that was handed over to this process. What it has opened itself is closed on exec, so it is told apart by that.
fn number(name: &OsStr) -> io::Result<RawFd> {
    let none = || io::Error::other("nobody handed over this descriptor");
    let number: RawFd = name.to_str().and_then(|name| name.parse().ok()).ok_or_else(none)?;
    let info = io::read_to_string(File::open(format!("/proc/self/fdinfo/{number}"))?)?;
    let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    let own = flags.is_none_or(|flags| OFlags::from_bits_retain(flags).contains(OFlags::CLOEXEC));
    if own && number > 2 { Err(none()) } else { Ok(number) }
}
