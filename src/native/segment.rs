//! A piece of System V memory, which the kernel takes back with its last user: it is marked for that before anybody else hears of it.
#![allow(unsafe_code)]

use std::io;
use std::ptr;

use nix::libc::{IPC_CREAT, IPC_PRIVATE, IPC_RMID, shmat, shmctl, shmget};

/// Others ask for it by this number, which means something in one IPC namespace alone.
pub struct Segment(i32);

impl Segment {
    /// Readable by this user alone, as programs make theirs; with these bytes at its beginning.
    pub fn with(bytes: &[u8]) -> io::Result<Self> {
        // SAFETY: shmget(2) takes no pointers.
        let id = unsafe { shmget(IPC_PRIVATE, bytes.len(), IPC_CREAT | 0o600) };
        if id < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a null address lets the kernel choose a free place; the segment is this process's own.
        let place = unsafe { shmat(id, ptr::null(), 0) };
        let why = io::Error::last_os_error();
        // SAFETY: IPC_RMID reads no buffer. From here on it goes with the last who has it in his memory (shmctl(2)).
        unsafe { shmctl(id, IPC_RMID, ptr::null_mut()) };
        // shmat(2): (void *) -1 is an error.
        if place.addr() == usize::MAX {
            return Err(why);
        }
        // SAFETY: the place is of at least this length, of this process alone, and stays until the process ends.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place.cast(), bytes.len()) };
        Ok(Self(id))
    }

    pub fn id(&self) -> u32 {
        self.0.cast_unsigned()
    }
}
