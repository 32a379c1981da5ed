//! Writing what the user asked for. A regular file comes whole or not at all and keeps its mode and owner; what is none - a
//! device, a pipe, a socket, a descriptor - is written through. Every error names its path.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, MemfdFlags, Mode, OFlags, RenameFlags, XattrFlags, fchmod, fchown,
    fgetxattr, flock, fsetxattr, fstat, linkat, memfd_create, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, PidfdFlags, PidfdGetfdFlags, Uid, getpid, pidfd_getfd, pidfd_open};

use super::ending::Unfinished;
use super::place::{self, Place, What, within};
use super::{Deadline, connect};

/// As many files of one name are kept side by side.
const MOST_OF_A_NAME: u32 = 999;
/// Others who put something at the same place in the meantime.
const RIVALS: u32 = 99;
/// A reader is waited for so long, and then for each piece that it takes.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much as a pipe or socket that is ready takes without blocking (PIPE_BUF).
const PIECE: usize = 4096;
const PAUSE: Duration = Duration::from_millis(10);

/// Who may read a file that was not there before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// As the umask says.
    Everybody,
    /// The user alone, even where a file that others could read stands there.
    Nobody,
}

/// Writes `bytes` to what `path` leads to.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    write_with(path, bytes, || Ok(()))
}

/// The same; `first` is done when `bytes` are safe and not yet seen, and where it fails they never are.
pub fn write_with(path: &Path, bytes: &[u8], first: impl Fn() -> Result<(), String>) -> Result<(), String> {
    put(path, bytes, Readers::Everybody, true, &first).map_err(|why| named(path, &why))
}

/// The same for the user's eyes only.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), String> {
    put(path, bytes, Readers::Nobody, true, &|| Ok(())).map_err(|why| named(path, &why))
}

/// The same, unless a file is there. False: one is, and it is left alone.
pub fn write_first(path: &Path, bytes: &[u8]) -> Result<bool, String> {
    match put(path, bytes, Readers::Everybody, false, &|| Ok(())) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true).map_err(|why| named(path, &why)),
    }
}

/// A regular file is at the end of `path`, or will be when it is written: then another can stand beside it.
pub fn is_file(path: &Path) -> bool {
    Place::find(path).is_ok_and(|place| matches!(place.what, What::Nothing | What::File))
}

/// Adds to the end of a file that others write to too, as a job's summary is: all of `bytes` or nothing.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), String> {
    add(path, bytes).map_err(|why| named(path, &why))
}

/// Writes `bytes` to a file in `folder` that is not there yet: `NAME.ENDING`, else `NAME-2.ENDING` and so on. It appears whole.
pub fn write_new(folder: &Path, name: &str, ending: &str, bytes: &[u8]) -> Result<PathBuf, String> {
    let new = || {
        let open = place::folder(folder)?;
        let mut draft = Draft::new(&open, OsStr::new(name), Mode::from_raw_mode(0o644))?;
        draft.fill(bytes)?;
        for turn in 1..=MOST_OF_A_NAME {
            let number = if turn == 1 { String::new() } else { format!("-{turn}") };
            let file = format!("{name}{number}.{ending}");
            match draft.appear(OsStr::new(&file)) {
                Err(Errno::EXIST) => {}
                other => return Ok(other.map(|()| folder.join(file))?),
            }
        }
        let taken = format!("{name}.{ending} and {MOST_OF_A_NAME} of its kind are there");
        Err(io::Error::new(io::ErrorKind::AlreadyExists, taken))
    };
    new().map_err(|why| named(folder, &why))
}

/// A folder and those above it.
pub fn make_folder(path: &Path) -> Result<(), String> {
    place::folder(path).map(|_| ()).map_err(|why| named(path, &why))
}

/// An empty file without a name, and the path by which a child can open it as long as this value is kept.
pub fn scratch() -> io::Result<(File, PathBuf)> {
    let file = File::from(memfd_create("gdoctor", MemfdFlags::CLOEXEC)?);
    let path = format!("/proc/{}/fd/{}", getpid().as_raw_nonzero(), file.as_raw_fd());
    Ok((file, path.into()))
}

/// Writes to standard output; a reader that has gone (`| head`) is no error.
pub fn write_stdout(bytes: &[u8]) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|why| format!("standard output: {why}")),
    }
}

/// A line on standard error. Where nobody takes it, nobody can be told of that either.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn named(path: &Path, why: &io::Error) -> String {
    format!("{}: {why}", path.display())
}

/// What is done just before a file is seen.
type First<'a> = &'a dyn Fn() -> Result<(), String>;

fn put(path: &Path, bytes: &[u8], readers: Readers, replace: bool, first: First) -> io::Result<()> {
    for _ in 0..RIVALS {
        let place = Place::find(path)?;
        let (done, rival) = match place.what {
            What::Nothing => (create(&place, bytes, readers, first), io::ErrorKind::AlreadyExists),
            What::File if !replace => return Err(io::ErrorKind::AlreadyExists.into()),
            What::File => (self::replace(&place, bytes, readers, first), io::ErrorKind::NotFound),
            _ => return first().map_err(io::Error::other).and_then(|()| through(&place, bytes)),
        };
        match done {
            // Somebody put a file there in the meantime, or took it away: look again.
            Err(why) if why.kind() == rival => thread::sleep(PAUSE),
            other => return other,
        }
    }
    Err(io::Error::other("others write there all the time"))
}

fn create(place: &Place, bytes: &[u8], readers: Readers, first: First) -> io::Result<()> {
    let mode = if readers == Readers::Nobody { 0o600 } else { 0o644 };
    let mut draft = Draft::new(&place.folder, &place.name, Mode::from_raw_mode(mode))?;
    draft.fill(bytes)?;
    first().map_err(io::Error::other)?;
    Ok(draft.appear(&place.name)?)
}

/// Only who may write to the old file may put a new one in its place, which then is its owner's and has its mode.
fn replace(place: &Place, bytes: &[u8], readers: Readers, first: First) -> io::Result<()> {
    let old = open_to_write(place, OFlags::empty())?;
    let mut draft = Draft::new(&place.folder, &place.name, Mode::from_raw_mode(0o600))?;
    draft.belong_as(&old, readers)?;
    draft.fill(bytes)?;
    first().map_err(io::Error::other)?;
    draft.take_the_place_of(&place.name)
}

/// The regular file at a place.
fn open_to_write(place: &Place, how: OFlags) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(&place.folder, &place.name, flags | how, Mode::from_raw_mode(0o644))?;
    match FileType::from_raw_mode(fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(file),
        // In the meantime it became something else.
        _ => Err(Errno::NOENT.into()),
    }
}

fn add(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let place = Place::find(path)?;
    let how = match place.what {
        What::Nothing => OFlags::APPEND | OFlags::CREATE,
        What::File => OFlags::APPEND,
        _ => return through(&place, bytes),
    };
    let mut file = File::from(open_to_write(&place, how)?);
    let before = file.metadata()?.len();
    file.write_all(bytes).inspect_err(|_| {
        // What others have added since stays.
        let own = file.metadata().is_ok_and(|meta| meta.len() < before + bytes.len() as u64);
        let _ = own.then(|| file.set_len(before));
    })
}

/// A file that is written and not yet seen.
const ACCESS_LIST: &str = "system.posix_acl_access";
const LABEL: &str = "security.selinux";
/// Longer than any list that a file system holds in one block.
const LONGEST_LIST: usize = 64 << 10;

/// Who besides owner, group and others a file lets in; none on most.
pub(super) fn access_list(file: &OwnedFd) -> io::Result<Option<Vec<u8>>> {
    attribute(file, ACCESS_LIST)
}

/// What SELinux knows it by; none without SELinux.
pub(super) fn label(file: &OwnedFd) -> io::Result<Option<Vec<u8>>> {
    attribute(file, LABEL)
}

fn attribute(file: &OwnedFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; LONGEST_LIST];
    match fgetxattr(file, name, &mut value[..]) {
        Ok(0) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Ok(length) => Ok(Some(value[..length].to_vec())),
        Err(why) => Err(why.into()),
    }
}

/// Whose a file is to be, and who may do what with it.
pub(super) struct Belongs<'a> {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    /// An access list as the kernel has it; empty: none.
    pub access: &'a [u8],
    /// SELinux's; empty: the one that its folder gives.
    pub label: &'a [u8],
}

/// A file of this name, whole or not at all. `stands`: in the place of a file or a link of that name.
pub(super) fn put_file(
    folder: &OwnedFd,
    name: &OsStr,
    bytes: &[u8],
    belongs: &Belongs,
    stands: bool,
) -> io::Result<()> {
    let mut draft = Draft::new(folder, name, Mode::from_raw_mode(0o600))?;
    let own = fstat(&draft.file)?;
    if (own.st_uid, own.st_gid) != (belongs.uid, belongs.gid) {
        fchown(&draft.file, Some(Uid::from_raw(belongs.uid)), Some(Gid::from_raw(belongs.gid)))?;
    }
    fchmod(&draft.file, Mode::from_raw_mode(belongs.mode))?;
    for (name, value) in [(ACCESS_LIST, belongs.access), (LABEL, belongs.label)] {
        if !value.is_empty() {
            fsetxattr(&draft.file, name, value, XattrFlags::empty())?;
        }
    }
    draft.fill(bytes)?;
    if stands { draft.take_the_place_of(name) } else { Ok(draft.appear(name)?) }
}

struct Draft<'a> {
    file: File,
    folder: &'a OwnedFd,
    /// Its own name for the time being; none where the file system has files without (O_TMPFILE): then nothing stays behind,
    /// however gdoctor ends.
    name: Option<Name<'a>>,
    wanted: OsString,
}

impl<'a> Draft<'a> {
    fn new(folder: &'a OwnedFd, wanted: &OsStr, mode: Mode) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let wanted = wanted.to_owned();
        match openat(folder, ".", flags | OFlags::TMPFILE, mode) {
            Ok(file) => {
                flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                Ok(Self { file: file.into(), folder, name: None, wanted })
            }
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                let create = |name: &OsStr| {
                    let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                    let file = openat(folder, name, flags, mode)?;
                    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                    Ok(file)
                };
                let (file, name) = Name::give(folder, &wanted, create)?;
                Ok(Self { file: file.into(), folder, name: Some(name), wanted })
            }
            Err(why) => Err(why.into()),
        }
    }

    fn belong_as(&self, old: &OwnedFd, readers: Readers) -> io::Result<()> {
        let list = access_list(old)?;
        let (old, own) = (fstat(old)?, fstat(&self.file)?);
        if readers == Readers::Nobody && old.st_uid != own.st_uid {
            let why = format!("it belongs to uid {}, who would read what is for you alone", old.st_uid);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        if (own.st_uid, own.st_gid) != (old.st_uid, old.st_gid) {
            fchown(&self.file, Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid))).map_err(|_| {
                let whose = format!("it belongs to uid {} and gid {}", old.st_uid, old.st_gid);
                io::Error::new(io::ErrorKind::PermissionDenied, format!("{whose}, and a new file could not"))
            })?;
        }
        let kept = if readers == Readers::Nobody { 0o600 } else { 0o777 };
        fchmod(&self.file, Mode::from_raw_mode(old.st_mode & kept))?;
        // Without it the mode's group bits, which are the list's mask, would let the group in.
        match list.filter(|_| readers == Readers::Everybody) {
            Some(list) => Ok(fsetxattr(&self.file, ACCESS_LIST, &list, XattrFlags::empty())?),
            None => Ok(()),
        }
    }

    fn fill(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_all()
    }

    /// Gives it the name `name`, unless something has it.
    fn appear(&self, name: &OsStr) -> Result<(), Errno> {
        match &self.name {
            None => self.link(name),
            Some(own) => match renameat_with(self.folder, &own.name, self.folder, name, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => linkat(self.folder, &own.name, self.folder, name, AtFlags::empty()),
                other => other,
            },
        }
    }

    /// Puts it where a file stands. The kernel can do that only to a file that has a name. Whoever ends gdoctor by SIGKILL just
    /// between these two calls leaves that name; the next run that writes to the same place takes it away.
    fn take_the_place_of(self, name: &OsStr) -> io::Result<()> {
        let given;
        let own = match &self.name {
            Some(own) => own,
            None => {
                given = Name::give(self.folder, &self.wanted, |own| self.link(own))?.1;
                &given
            }
        };
        Ok(renameat(self.folder, &own.name, self.folder, name)?)
    }

    fn link(&self, name: &OsStr) -> Result<(), Errno> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        match linkat(CWD, path, self.folder, name, AtFlags::SYMLINK_FOLLOW) {
            // Without /proc, where the kernel allows it.
            Err(Errno::NOENT) => linkat(&self.file, "", self.folder, name, AtFlags::EMPTY_PATH),
            other => other,
        }
    }
}

/// A name for the time being, which goes with this value.
struct Name<'a> {
    folder: &'a OwnedFd,
    name: OsString,
    _mark: Unfinished,
}

impl<'a> Name<'a> {
    /// `.WANTED.gdoctor`, or with a number where another gdoctor is at work there. `take` takes a name that is free.
    fn give<T>(
        folder: &'a OwnedFd,
        wanted: &OsStr,
        take: impl Fn(&OsStr) -> Result<T, Errno>,
    ) -> io::Result<(T, Self)> {
        let wanted: String = wanted.to_string_lossy().chars().take(60).collect();
        for turn in 1..=RIVALS {
            let name = OsString::from(format!(".{wanted}.gdoctor-{turn}"));
            take_away_stale(folder, &name);
            match Unfinished::create(&within(folder, &name), || Ok(take(&name)?)) {
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|(made, mark)| (made, Self { folder, name, _mark: mark })),
            }
        }
        Err(io::Error::other("too many of its names are taken"))
    }
}

impl Drop for Name<'_> {
    fn drop(&mut self) {
        // Gone already when it became the file that it was for.
        let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
    }
}

/// What an earlier gdoctor that was killed left: this user's file, and nobody holds its lock.
fn take_away_stale(folder: &OwnedFd, name: &OsStr) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = openat(folder, name, flags, Mode::empty()) else { return };
    let own = fstat(&file).is_ok_and(|stat| {
        stat.st_uid == nix::unistd::geteuid().as_raw() && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
    });
    if own && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        let _ = unlinkat(folder, name, AtFlags::empty());
    }
}

/// Writes to what is no regular file.
fn through(place: &Place, bytes: &[u8]) -> io::Result<()> {
    let until = Deadline::after(PATIENCE);
    match place.what {
        What::Socket => pour(&connect::unix(&place.path(), until)?, bytes, Some(PATIENCE)),
        What::Descriptor(number) => {
            // As a pager behind a pipe: it may take its time.
            let patience = (number > 2).then_some(PATIENCE);
            pour(&descriptor(place, number)?, bytes, patience)
        }
        _ => pour(&stream(place, until)?, bytes, Some(PATIENCE)),
    }
}

/// Opened without waiting; a pipe can be opened only when somebody reads it.
fn stream(place: &Place, until: Deadline) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    loop {
        match openat(&place.folder, &place.name, flags, Mode::empty()) {
            Err(Errno::NXIO) if until.left().is_zero() => return Err(nobody_reads()),
            Err(Errno::NXIO) => thread::sleep(PAUSE),
            other => return Ok(other?),
        }
    }
}

/// A second handle of one of our own descriptors. Opening its path would not do for a socket, and would begin a file anew.
fn descriptor(place: &Place, number: RawFd) -> io::Result<OwnedFd> {
    match number {
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => io::stderr().as_fd().try_clone_to_owned(),
        _ => {
            let own = pidfd_open(getpid(), PidfdFlags::empty());
            let got = own.and_then(|own| pidfd_getfd(&own, number, PidfdGetfdFlags::empty()));
            // Older kernels and some containers refuse that.
            let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOCTTY | OFlags::CLOEXEC;
            Ok(got.or_else(|_| openat(&place.folder, &place.name, flags, Mode::empty()))?)
        }
    }
}

/// Writes all, a piece whenever the other side has room; a reader that has gone is no error. `patience` is for each piece.
fn pour(to: &impl AsFd, bytes: &[u8], patience: Option<Duration>) -> io::Result<()> {
    for piece in bytes.chunks(PIECE) {
        let until = patience.map(Deadline::after);
        let mut rest = piece;
        while !rest.is_empty() {
            let left = until
                .map_or(PollTimeout::NONE, |until| PollTimeout::try_from(until.left()).unwrap_or(PollTimeout::MAX));
            let ready = poll(&mut [PollFd::new(to.as_fd(), PollFlags::POLLOUT)], left);
            if ready == Ok(0) || until.is_some_and(|until| until.left().is_zero()) {
                return Err(nobody_reads());
            }
            match rustix::io::write(to, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                Err(Errno::AGAIN) => thread::sleep(PAUSE),
                Err(Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
    Ok(())
}

fn nobody_reads() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("nobody read it for {} s", PATIENCE.as_secs()))
}
