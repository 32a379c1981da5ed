//! An end before the end: what gdoctor has in hand - programs it started, files half written, lines on the terminal - is gone
//! when a signal ends it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::iterator::Signals;

use super::threads;

/// Everything that must not stay behind.
struct InHand {
    /// Leaders of their process groups.
    programs: Vec<Pid>,
    files: Vec<PathBuf>,
    /// What others hold for gdoctor: containers, images. Each takes its own away.
    left: Vec<(u64, TakeAway)>,
    screen: Option<Wipe>,
}

type Wipe = Box<dyn Fn() + Send>;
type TakeAway = Box<dyn Fn() + Send>;

static IN_HAND: Mutex<InHand> =
    Mutex::new(InHand { programs: Vec::new(), files: Vec::new(), left: Vec::new(), screen: None });

fn in_hand() -> MutexGuard<'static, InHand> {
    IN_HAND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on SIGINT, SIGTERM and SIGHUP end gdoctor with nothing left behind, and exit with 128 + the signal's number.
/// A signal that whoever started gdoctor had ignored (`nohup`, a script's background) stays ignored.
pub fn on_signals() {
    let ignored = ignored();
    let caught = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].map(|signal| signal as i32);
    let caught = caught.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let caught: Vec<i32> = caught.collect();
    let (ready, wait) = mpsc::channel();
    // A signal is caught only by a thread that is there to act on it; without one it ends gdoctor as it would any program.
    let started = threads::spawn(move || {
        let Ok(mut signals) = Signals::new(caught) else { return };
        let _ = ready.send(());
        if let Some(signal) = signals.forever().next() {
            // Never unlocked: nothing is begun any more.
            let all = in_hand();
            all.programs.iter().for_each(|program| kill(*program));
            all.files.iter().for_each(|file| {
                let _ = std::fs::remove_file(file);
            });
            all.screen.iter().for_each(|wipe| wipe());
            all.left.iter().for_each(|(_, take_away)| take_away());
            std::process::exit(128 + signal);
        }
    });
    let _ = started.map(|_| wait.recv());
}

/// A file that grows past a limit (`ulimit -f`) is an error of the write from now on, and no longer the end.
pub fn outlive_file_limits() {
    let _ = signal_hook::flag::register(Signal::SIGXFSZ as i32, Arc::default());
}

/// The mask of ignored signals (proc_pid_status(5), SigIgn).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// A program that runs, with all that it started in its process group.
pub struct Running(Pid);

impl Running {
    /// `start` must make the child the leader of a process group.
    pub fn start(start: impl FnOnce() -> io::Result<Child>) -> io::Result<(Child, Self)> {
        let mut all = in_hand();
        let child = start()?;
        let pid = Pid::from_raw(child.id() as i32);
        all.programs.push(pid);
        Ok((child, Self(pid)))
    }

    pub fn kill(&self) {
        kill(self.0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        in_hand().programs.retain(|pid| *pid != self.0);
    }
}

fn kill(leader: Pid) {
    let _ = killpg(leader, Signal::SIGKILL);
}

/// A file that is not whole yet.
pub struct Unfinished(PathBuf);

impl Unfinished {
    pub fn create<T>(path: &Path, create: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Self)> {
        let mut all = in_hand();
        let made = create()?;
        all.files.push(path.to_owned());
        Ok((made, Self(path.to_owned())))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        in_hand().files.retain(|file| *file != self.0);
    }
}

/// What others hold for gdoctor until this is dropped: a container, an image.
pub struct Left(u64);

impl Left {
    /// `take_away` runs when a signal ends gdoctor, and may start nothing through [`Running`] then.
    pub fn behind(take_away: impl Fn() + Send + 'static) -> Self {
        let mut all = in_hand();
        let number = all.left.iter().map(|(number, _)| number + 1).max().unwrap_or_default();
        all.left.push((number, Box::new(take_away)));
        Self(number)
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        in_hand().left.retain(|(number, _)| *number != self.0);
    }
}

/// What wipes the lines that stand on the terminal for the moment; `None` when there are none any more.
pub fn on_screen(wipe: Option<Wipe>) {
    in_hand().screen = wipe;
}
