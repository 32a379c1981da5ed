//! Threads where there may be none to be had (`ulimit -u`, `ulimit -v`), and a stack that is large enough where the shell's is not.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{self, Builder, JoinHandle, Scope, ScopedJoinHandle};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Of each thread, whatever RUST_MIN_STACK says.
const STACK: usize = 2 << 20;
/// Memory that is left for what is read and told.
const SPARE: usize = 6 << 20;
/// What the program itself gets, as Linux gives by default.
const MAIN_STACK: usize = 8 << 20;

/// Err: the system gives no thread.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    room()?;
    Builder::new().stack_size(STACK).spawn(work)
}

/// The same within a scope.
pub fn spawn_scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    room()?;
    Builder::new().stack_size(STACK).spawn_scoped(scope, work)
}

/// Under a limit on memory (`ulimit -v`) a thread is had only as long as its stack leaves room for the work of the others: an
/// allocation that fails ends the program.
fn room() -> io::Result<()> {
    let (limit, _) = getrlimit(Resource::RLIMIT_AS)?;
    if limit == RLIM_INFINITY {
        return Ok(());
    }
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split(' ').next().and_then(|size| size.parse().ok()).unwrap_or_default();
    let used = pages.saturating_mul(rustix::param::page_size() as u64);
    if used + (STACK + SPARE) as u64 <= limit { Ok(()) } else { Err(io::ErrorKind::OutOfMemory.into()) }
}

/// Works on all items at the same time; where there is no thread for one, on that one here. `None` after a panic.
pub fn at_once<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<Option<T>> {
    let here = |item: &I| catch_unwind(AssertUnwindSafe(|| work(item))).ok();
    thread::scope(|scope| {
        let started: Vec<_> = items.iter().map(|item| spawn_scoped(scope, || here(item)).map_err(|_| item)).collect();
        let came = |one: Result<ScopedJoinHandle<Option<T>>, &I>| match one {
            Ok(thread) => thread.join().ok().flatten(),
            Err(item) => here(item),
        };
        started.into_iter().map(came).collect()
    })
}

/// Runs the program in a thread of its own where the first one's stack is small (`ulimit -s 128`).
pub fn with_room<T: Send + 'static>(program: impl Fn() -> T + Send + Clone + 'static) -> T {
    let small = getrlimit(Resource::RLIMIT_STACK).is_ok_and(|(soft, _)| soft < MAIN_STACK as u64);
    let again = program.clone();
    match small.then(|| Builder::new().stack_size(MAIN_STACK).spawn(again)) {
        Some(Ok(thread)) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        _ => program(),
    }
}
