//! A folder of records for one user alone, and files in it that only grow: a line is on the disk before anybody goes on, and what a
//! sudden end leaves of one is told by its missing newline.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::trust;

/// More than a fix ever writes down.
pub const CAP: u64 = 256 << 20;

/// The folder, which nobody else may look into; locked as long as this value is kept, where it is held for writing.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    _lock: Option<File>,
}

/// One file of it.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    name: String,
}

impl Shelf {
    /// To write into: made where it is missing, mode 0700. Err also where another process writes there.
    pub fn to_write(folder: &Path) -> Result<Self, String> {
        let told = |why: io::Error| format!("{}: {why}", folder.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told)?;
        // Who may write to a folder above could put another one in its place.
        trust::whole_path(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let meta = fs::symlink_metadata(folder).map_err(told)?;
        if !meta.is_dir() || meta.uid() != nix::unistd::geteuid().as_raw() {
            return Err(format!("{} is not a folder of {}'s own", folder.display(), trust::user_name(meta.uid())));
        }
        if meta.mode() & 0o7777 != 0o700 {
            fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).map_err(told)?;
        }
        let lock = File::open(folder).map_err(told)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| format!("another gdoctor is at work there ({})", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), _lock: Some(lock) })
    }

    /// To read; None where there is none.
    pub fn to_read(folder: &Path) -> Option<Self> {
        folder.is_dir().then(|| Self { folder: folder.to_owned(), _lock: None })
    }

    /// The names of its files, in their order.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(CAP).read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|why| format!("{}: {why}", path.display()))
    }

    /// A new file; its name gets a number where it is taken.
    pub fn create(&self, name: &str) -> Result<Ledger, String> {
        for turn in 1..1000 {
            let name = if turn == 1 { name.to_owned() } else { format!("{name}-{turn}") };
            let path = self.folder.join(&name);
            let opened = OpenOptions::new().append(true).read(true).create_new(true).mode(0o600).open(&path);
            match opened {
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(format!("{}: {why}", path.display())),
                Ok(file) => {
                    let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
                    return Ok(Ledger::held(file, name));
                }
            }
        }
        Err(format!("{}: too many records of one moment", self.folder.display()))
    }

    /// A file that is there, to add to.
    pub fn open(&self, name: &str) -> Result<Ledger, String> {
        let path = self.folder.join(name);
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits() as i32;
        let opened = OpenOptions::new().append(true).read(true).custom_flags(flags).open(&path);
        let file = opened.map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(Ledger::held(file, name.to_owned()))
    }

    /// A process writes to that file.
    pub fn is_held(&self, name: &str) -> bool {
        let file = File::open(self.folder.join(name));
        file.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }
}

impl Ledger {
    /// The lock tells readers that somebody is at work, and ends with the process.
    fn held(file: File, name: String) -> Self {
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Self { file, name }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a line, which is on the disk when this comes back. Err: the file is as it was.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let add = |file: &mut File| {
            let length = file.metadata()?.len();
            let mut last = [b'\n'];
            if length > 0 {
                file.seek(SeekFrom::Start(length - 1))?;
                file.read_exact(&mut last)?;
            }
            // Behind what a sudden end has left of a line.
            let begin = if last == [b'\n'] { "" } else { "\n" };
            let written = file.write_all(format!("{begin}{line}\n").as_bytes()).and_then(|()| file.sync_all());
            written.inspect_err(|_| drop(file.set_len(length)))
        };
        add(&mut self.file).map_err(|why| format!("the journal cannot be written: {why}"))
    }

    /// Takes away a file that tells of nothing.
    pub fn forget(self, shelf: &Shelf) {
        let _ = fs::remove_file(shelf.folder.join(&self.name));
    }
}
