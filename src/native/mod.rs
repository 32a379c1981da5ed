//! Code that calls foreign libraries or drivers. It runs only in a child process (`gdoctor __probe`), because all of it can
//! hang or crash; each file here speaks facts as it learns them.
#![allow(clippy::disallowed_methods)]

mod cuda;
mod cuvid;
mod nvenc;
mod nvml;
mod open;
mod segment;
mod v4l2;
mod x11;

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cli::ProbeKind;
use crate::host::child::Speaker;

/// The child: says what it learns, line by line, and `Done` at its end.
pub fn run(kind: ProbeKind, arguments: &[String]) {
    // The child must not outlive a parent that was killed, nor leave a core file when a library crashes.
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    if nobody_reads() {
        return;
    }
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    let speaker = Speaker;
    match kind {
        ProbeKind::Nvml => nvml::run(&speaker, arguments),
        ProbeKind::Cuda => cuda::run(&speaker),
        ProbeKind::Cuvid => cuvid::run(&speaker, arguments),
        ProbeKind::Nvenc => nvenc::run(&speaker),
        ProbeKind::Open => open::run(&speaker, arguments),
        ProbeKind::X11 => x11::run(&speaker, arguments),
        ProbeKind::V4l2 => v4l2::run(&speaker, arguments),
        ProbeKind::Frame => v4l2::frame::run(&speaker, arguments),
    }
    speaker.done();
}

/// True when the parent went before the child could ask to go with it.
fn nobody_reads() -> bool {
    let stdout = std::io::stdout();
    let mut pipe = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    poll(&mut pipe, PollTimeout::ZERO).is_ok()
        && pipe[0].revents().is_some_and(|told| told.contains(PollFlags::POLLERR))
}
