//! Files, folders and links below the host's root. Sizes are capped, devices and pipes are never opened, and a symbolic link
//! never leads out of `--root`.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::host::NOT_RUNNING;

use nix::errno::Errno;

use super::{Host, listener};

/// What `text` reads at most. Larger files are read with `bytes` and a cap of their own.
const TEXT_CAP: usize = 1 << 20;
/// More names than this in one folder are not listed.
const LIST_CAP: usize = 100_000;
/// Longer attributes are Unparsable (ERANGE); an access control list of a hundred users fits.
const ATTRIBUTE_CAP: usize = 4096;
/// Links followed before a path counts as a loop, as Linux does.
const LINK_CAP: usize = 40;

/// The part of stat(2) that checks need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat {
    pub kind: Kind,
    /// Permission bits, 0o7777.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// Bytes on the disk, which a sparse file has less of than `size`.
    pub allocated: u64,
    /// File system the file lies on.
    pub dev: u64,
    /// Major and minor of a device node; 0 otherwise.
    pub rdev: (u32, u32),
    /// The number of the inode, unique on its file system.
    pub inode: u64,
    /// Seconds since the epoch of the last change of the content.
    pub mtime: i64,
    /// Seconds since the epoch of the last change of the inode.
    pub ctime: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Link,
    Socket,
    CharDevice,
    Pipe,
    Other,
}

impl From<Metadata> for Stat {
    fn from(meta: Metadata) -> Self {
        let t = meta.file_type();
        let kind = match () {
            () if t.is_file() => Kind::File,
            () if t.is_dir() => Kind::Directory,
            () if t.is_symlink() => Kind::Link,
            () if t.is_socket() => Kind::Socket,
            () if t.is_char_device() => Kind::CharDevice,
            () if t.is_fifo() => Kind::Pipe,
            () => Kind::Other,
        };
        Stat {
            kind,
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            size: meta.size(),
            allocated: meta.blocks().saturating_mul(512),
            dev: meta.dev(),
            rdev: (nix::sys::stat::major(meta.rdev()) as u32, nix::sys::stat::minor(meta.rdev()) as u32),
            inode: meta.ino(),
            mtime: meta.mtime(),
            ctime: meta.ctime(),
        }
    }
}

/// What the kernel shows as folders, and a disk does not hold; and what a system makes anew at each start (file-hierarchy(7)).
const KERNELS: [&str; 3] = ["proc", "sys", "dev"];
const OF_START: [&str; 2] = ["/run", "/var/run"];
/// Where NixOS, when it starts, lays the programs of all users.
const OF_NIXOS: &str = "/run/current-system/sw/bin";

impl Host {
    /// Up to `cap` bytes of a regular file; a longer one is Unparsable, never cut.
    pub fn bytes(&self, path: impl AsRef<Path>, cap: usize) -> Fact<Vec<u8>> {
        let path = path.as_ref();
        let source = path.to_string_lossy().into_owned();
        match self.read_capped(path, cap) {
            Ok(bytes) if bytes.len() > cap => Fact::unknown(Gap::Unparsable(format!("more than {cap} bytes")), source),
            Ok(bytes) => Fact::present(bytes, source),
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// A text file of up to 1 MiB; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self, path: impl AsRef<Path>) -> Fact<String> {
        self.bytes(path, TEXT_CAP).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// The last `count` bytes of a regular file that may grow without end, from the next line's begin.
    pub fn tail(&self, path: impl AsRef<Path>, count: usize) -> Fact<String> {
        let path = path.as_ref();
        let source = path.to_string_lossy().into_owned();
        match self.read_tail(path, count) {
            Ok(bytes) => Fact::present(String::from_utf8_lossy(&bytes).into_owned(), source),
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// A regular file's end is these bytes.
    pub fn ends_with(&self, path: impl AsRef<Path>, end: &[u8]) -> Fact<bool> {
        let path = path.as_ref();
        let source = path.to_string_lossy().into_owned();
        let read = || {
            let mut file = self.open(path)?;
            let from = file.metadata()?.len().saturating_sub(end.len() as u64);
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(end.len() as u64).read_to_end(&mut bytes)?;
            Ok(bytes == end)
        };
        match read() {
            Ok(is) => Fact::present(is, source),
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// A one-line file (sysfs, procfs) without its line end.
    pub fn line(&self, path: impl AsRef<Path>) -> Fact<String> {
        self.text(path).map(|text| text.trim().to_owned())
    }

    /// Names in a folder, sorted; a name that is not UTF-8 is read lossily.
    pub fn list(&self, path: impl AsRef<Path>) -> Fact<Vec<String>> {
        let path = path.as_ref();
        let source = path.to_string_lossy().into_owned();
        let names: io::Result<Vec<String>> = self.locate(path).and_then(fs::read_dir).and_then(|entries| {
            entries.take(LIST_CAP).map(|e| Ok(e?.file_name().to_string_lossy().into_owned())).collect::<io::Result<_>>()
        });
        match names {
            Ok(mut names) => {
                names.sort_unstable();
                Fact::present(names, source)
            }
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// stat(2), links followed.
    pub fn stat(&self, path: impl AsRef<Path>) -> Fact<Stat> {
        let path = path.as_ref();
        self.stat_fact(path, self.locate(path).and_then(fs::metadata))
    }

    /// lstat(2): of the link itself.
    pub fn lstat(&self, path: impl AsRef<Path>) -> Fact<Stat> {
        let path = path.as_ref();
        self.stat_fact(path, self.locate_link(path).and_then(fs::symlink_metadata))
    }

    /// What a symbolic link says, unresolved; Absent when it is no link.
    pub fn link(&self, path: impl AsRef<Path>) -> Fact<String> {
        let path = path.as_ref();
        let source = path.to_string_lossy().into_owned();
        match self.locate_link(path).and_then(fs::read_link) {
            Ok(target) => Fact::present(target.to_string_lossy().into_owned(), source),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Fact::absent(source),
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// Where a path leads after all links, as a path below the root: `/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15`.
    pub fn real_path(&self, path: impl AsRef<Path>) -> Fact<String> {
        let path = path.as_ref();
        let source = path.to_string_lossy().into_owned();
        match self.real(path).and_then(|real| fs::symlink_metadata(&real).map(|_| real)) {
            Ok(real) => Fact::present(self.below_root(&real), source),
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// An extended attribute of what a path leads to; Absent when it has none of that name or its file system knows none.
    pub fn attribute(&self, path: impl AsRef<Path>, name: &str) -> Fact<Vec<u8>> {
        let path = path.as_ref();
        let source = format!("{name} of {}", path.display());
        let mut value = vec![0; ATTRIBUTE_CAP];
        let read = self.locate(path).and_then(|real| Ok(rustix::fs::getxattr(real, name, value.as_mut_slice())?));
        match read {
            Ok(size) => {
                value.truncate(size);
                Fact::present(value, source)
            }
            Err(error) if [nix::libc::ENODATA, nix::libc::EOPNOTSUPP].map(Some).contains(&error.raw_os_error()) => {
                Fact::absent(source)
            }
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// What a link of /proc/PID/fd leads to: into another mount namespace too, and to a file that no folder has any more.
    pub fn behind(&self, link: impl AsRef<Path>) -> Option<Stat> {
        fs::metadata(link).ok().map(Stat::from)
    }

    /// True only when it is known to be there.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.stat(path).value().is_some()
    }

    /// The first executable file of that name in `folders`; Absent when none has it, Unknown when a folder could not be read, or none
    /// of them is in this root.
    pub fn executable<'a>(&self, name: &str, folders: impl IntoIterator<Item = &'a str>) -> Fact<String> {
        let mut gap = None;
        // A root of a few files has none of the folders in which programs lie: it tells nothing of them.
        let mut any = self.is_live();
        // NixOS makes this folder when it starts; no other system does.
        let is_foreign = |folder: &&str| *folder == OF_NIXOS && !self.runs() && !self.exists("/etc/NIXOS");
        for folder in folders.into_iter().filter(|folder| !is_foreign(folder)) {
            any = any || self.exists(folder);
            let candidate = Path::new(folder).join(name);
            let stat = self.stat(&candidate);
            match (stat.value(), stat.gap()) {
                (Some(stat), _) if stat.kind == Kind::File && stat.mode & 0o111 != 0 => {
                    return Fact::present(candidate.to_string_lossy().into_owned(), "PATH");
                }
                (None, Some(why)) => gap = Some(why.clone()),
                _ => {}
            }
        }
        let unseen = || Gap::Unsupported("this root has no folder of programs".into());
        let gap = gap.or_else(|| (!any).then(unseen));
        gap.map_or_else(|| Fact::absent("PATH"), |gap| Fact::unknown(gap, "PATH"))
    }

    /// When the machine started, in seconds since the epoch.
    pub fn booted(&self) -> Fact<i64> {
        self.text("/proc/stat").parse(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("btime "));
            line.and_then(|line| line.trim().parse().ok()).ok_or("no boot time".into())
        })
    }

    /// When a process started, in seconds since the epoch: field 22 of /proc/PID/stat, in clock ticks after boot, behind the
    /// boot time that /proc/stat tells. Right to a second.
    pub fn started(&self, pid: u32) -> Fact<i64> {
        let boot = self.booted().value().copied();
        self.text(format!("/proc/{pid}/stat")).parse(|stat| {
            let (_, fields) = stat.rsplit_once(')').ok_or("no end of the program's name")?;
            let ticks: i64 =
                fields.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).ok_or("no start time")?;
            let per_second =
                nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100).max(1);
            boot.and_then(|boot| boot.checked_add(ticks / per_second)).ok_or("no boot time in /proc/stat".into())
        })
    }

    /// The path on this machine to open or connect to: for sockets and device nodes, which are not read here.
    pub fn on_disk(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.real(path).unwrap_or_else(|_| self.root.join(path.strip_prefix("/").unwrap_or(path)))
    }

    fn stat_fact(&self, path: &Path, meta: io::Result<Metadata>) -> Fact<Stat> {
        let source = path.to_string_lossy().into_owned();
        match meta {
            Ok(meta) => Fact::present(Stat::from(meta), source),
            Err(error) => self.fact_of(error, path, source),
        }
    }

    /// ENOENT and ENOTDIR are knowledge, unless the kernel's own tree is not mounted below this root; every other error is a gap.
    fn fact_of<T>(&self, error: io::Error, path: &Path, source: String) -> Fact<T> {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => match self.unmounted(path) {
                Some(_) if !self.runs() => Fact::unknown(Gap::Unsupported(NOT_RUNNING.into()), source),
                Some(tree) => {
                    Fact::unknown(Gap::Unsupported(format!("/{tree} is not mounted below this root")), source)
                }
                None => Fact::absent(source),
            },
            _ => Fact::unknown(gap_of(&error), source),
        }
    }

    /// Of another root only what somebody has put there is seen: without a file in /proc, /sys or /dev nobody knows what the
    /// kernel has there.
    fn unmounted(&self, path: &Path) -> Option<&'static str> {
        if OF_START.iter().any(|top| path.starts_with(top)) {
            return (!self.runs()).then_some("run");
        }
        let mut parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
        let top = parts.next()?.as_os_str();
        let tree = KERNELS.into_iter().find(|tree| !self.is_live() && top == *tree)?;
        let seen = fs::read_dir(self.root.join(tree)).is_ok_and(|mut names| names.next().is_some());
        (!seen).then_some(tree)
    }

    /// False for a root in whose /run nothing lies, empty folders aside: a disk of a system that does not run.
    pub fn runs(&self) -> bool {
        let holds = |entry: io::Result<fs::DirEntry>| {
            let path = entry.map(|entry| entry.path());
            path.is_ok_and(|path| fs::read_dir(path).map_or(true, |mut names| names.next().is_some()))
        };
        // What may not be read is none that is empty.
        self.is_live()
            || fs::read_dir(self.root.join("run"))
                .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |mut entries| entries.any(holds))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let real = self.locate(path)?;
        // O_NONBLOCK: a pipe in a file's place must not hold us; the kind is judged on the open handle, so it cannot change.
        let file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(real)?;
        if !file.metadata()?.file_type().is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
        }
        Ok(file)
    }

    /// The first bytes of a regular file.
    pub fn head(&self, path: impl AsRef<Path>, count: usize) -> Fact<Vec<u8>> {
        let path = path.as_ref();
        let source = path.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        match self.open(path).and_then(|file| file.take(count as u64).read_to_end(&mut bytes)) {
            Ok(_) => Fact::present(bytes, source),
            Err(error) => self.fact_of(error, path, source),
        }
    }

    fn read_tail(&self, path: &Path, count: usize) -> io::Result<Vec<u8>> {
        let mut file = self.open(path)?;
        let from = file.metadata()?.len().saturating_sub(count as u64);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(count as u64).read_to_end(&mut bytes)?;
        let cut = if from == 0 { 0 } else { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
        Ok(bytes.split_off(cut))
    }

    fn read_capped(&self, path: &Path, cap: usize) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let mut bytes = Vec::new();
        file.take(cap as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn below_root(&self, real: &Path) -> String {
        let below = real.strip_prefix(&self.root).unwrap_or(real);
        Path::new("/").join(below).to_string_lossy().into_owned()
    }

    /// The path on this machine: every link resolved inside the root, or left to the kernel where the root is this machine's.
    fn locate(&self, path: &Path) -> io::Result<PathBuf> {
        if self.is_live() {
            return Ok(path.to_path_buf());
        }
        let mut links = 0;
        self.resolve(path, true, &mut links)
    }

    /// As `locate`, with every link resolved on this machine, too.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        if self.is_live() { canonical(path) } else { self.locate(path) }
    }

    /// As `locate`, but the last component is not followed.
    fn locate_link(&self, path: &Path) -> io::Result<PathBuf> {
        if self.is_live() {
            return Ok(path.to_path_buf());
        }
        let mut links = 0;
        self.resolve(path, false, &mut links)
    }

    fn resolve(&self, path: &Path, follow_last: bool, links: &mut usize) -> io::Result<PathBuf> {
        let mut pending: Vec<Vec<u8>> = components(path.as_os_str());
        pending.reverse();
        let mut below = PathBuf::from("/");
        while let Some(part) = pending.pop() {
            if part == b".." {
                below.pop();
                continue;
            }
            below.push(OsStr::from_bytes(&part));
            let on_disk = self.root.join(below.strip_prefix("/").unwrap_or(&below));
            let last = pending.is_empty();
            if last && !follow_last {
                break;
            }
            match fs::symlink_metadata(&on_disk) {
                Ok(meta) if meta.file_type().is_symlink() => {
                    *links += 1;
                    if *links > LINK_CAP {
                        return Err(io::Error::from_raw_os_error(nix::libc::ELOOP));
                    }
                    let target = fs::read_link(&on_disk)?;
                    below.pop();
                    if target.is_absolute() {
                        below = PathBuf::from("/");
                    }
                    let mut parts = components(target.as_os_str());
                    parts.reverse();
                    pending.extend(parts);
                }
                Ok(_) => {}
                Err(error) if last => return Err(error),
                Err(error) => return Err(error),
            }
        }
        Ok(self.root.join(below.strip_prefix("/").unwrap_or(&below)))
    }
}

/// The path without links; one that leads to no path (`/proc/PID/fd/0` of a pipe) stays as it is.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound if fs::symlink_metadata(path).is_ok_and(|meta| !meta.file_type().is_symlink()) => {
            Ok(path.to_path_buf())
        }
        _ => Err(error),
    })
}

fn components(path: &OsStr) -> Vec<Vec<u8>> {
    Path::new(path)
        .components()
        .filter_map(|c| match c {
            Component::Normal(name) => Some(name.as_bytes().to_vec()),
            Component::ParentDir => Some(b"..".to_vec()),
            _ => None,
        })
        .collect()
}

/// The gap that an I/O error is.
pub fn gap_of(error: &io::Error) -> Gap {
    if let Some(why) = listener::reason(error) {
        return Gap::Waiting(why.to_string());
    }
    match error.raw_os_error().map(Errno::from_raw) {
        // What a mount says whose other side has gone.
        Some(Errno::ENOTCONN | Errno::ESTALE | Errno::EHOSTDOWN | Errno::ESHUTDOWN) => {
            return Gap::Said(format!("who serves this file system does not answer any more: {error}"));
        }
        Some(Errno::EIO) => return Gap::Said(format!("the file system or its disk has an error: {error}")),
        _ => {}
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => Gap::Denied,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Gap::TimedOut,
        _ => Gap::Unparsable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    fn host(root: &Path) -> Host {
        Host::new(root, Duration::from_secs(5))
    }

    #[test]
    fn a_mount_whose_server_is_gone_is_no_answer_that_was_misread() {
        for errno in [Errno::ENOTCONN, Errno::ESTALE, Errno::EIO] {
            let reason = gap_of(&errno.into()).reason();
            assert!(reason.contains("file system") && !reason.contains("understood"), "{reason}");
        }
    }

    #[test]
    fn links_stay_inside_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/hostname"), "inside").unwrap();
        symlink("/etc/hostname", root.path().join("absolute")).unwrap();
        symlink("../../../../etc/hostname", root.path().join("etc/upwards")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let host = host(root.path());
        assert_eq!(host.text("/absolute").value().unwrap(), "inside");
        assert_eq!(host.text("/etc/upwards").value().unwrap(), "inside");
        assert_eq!(host.text("/../../etc/hostname").value().unwrap(), "inside");
        assert_eq!(host.real_path("/absolute").value().unwrap(), "/etc/hostname");
        assert!(host.text("/loop").gap().is_some());
        assert!(host.text("/etc/passwd").is_absent());
        assert_eq!(host.lstat("/absolute").value().unwrap().kind, Kind::Link);
    }

    #[test]
    fn a_pipe_a_folder_and_a_large_file_are_gaps_at_once() {
        let root = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&root.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(root.path().join("folder")).unwrap();
        fs::write(root.path().join("large"), vec![b'x'; 5000]).unwrap();
        let host = host(root.path());
        assert!(host.text("/pipe").gap().is_some());
        assert!(host.text("/folder").gap().is_some());
        assert!(host.bytes("/large", 4999).gap().is_some());
        assert_eq!(host.bytes("/large", 5000).value().unwrap().len(), 5000);
        assert!(host.text("/large/below").is_absent());
    }

    #[test]
    fn a_root_shows_of_the_kernel_what_is_mounted_there() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("sys/bus")).unwrap();
        fs::create_dir(root.path().join("dev")).unwrap();
        let host = host(root.path());
        assert!(host.list("/sys/bus/pci/devices").is_absent() && host.stat("/etc/passwd").is_absent());
        for unseen in ["/proc/net/route", "/proc/modules", "/dev/video0"] {
            assert!(host.stat(unseen).gap().is_some(), "{unseen}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_read_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("name"), b"caf\xe9\n").unwrap();
        fs::write(root.path().join(OsStr::from_bytes(b"odd\xff")), b"").unwrap();
        let host = host(root.path());
        assert_eq!(host.line("/name").value().unwrap(), "caf\u{fffd}");
        assert_eq!(host.list("/").value().unwrap(), &["name", "odd\u{fffd}"]);
    }

    #[test]
    fn only_executable_files_are_programs() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        for (folder, mode) in [("a", 0o644), ("b", 0o755)] {
            let path = root.path().join(folder);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("tool"), "").unwrap();
            fs::set_permissions(path.join("tool"), PermissionsExt::from_mode(mode)).unwrap();
        }
        assert_eq!(host(root.path()).executable("tool", ["/a", "/none", "/b"]).value().unwrap(), "/b/tool");
        assert!(host(root.path()).executable("tool", ["/a"]).is_absent());
    }
}
