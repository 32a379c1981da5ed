//! The only door to the machine: files under a root, the environment, processes, sockets, each bounded in size and time.
//! What the bytes mean is the probes' matter.
#![allow(clippy::disallowed_methods)]

pub mod account;
pub mod below;
pub mod bind;
pub mod certificate;
pub mod child;
pub mod client;
pub mod clock;
pub mod connect;
pub mod diag;
pub mod ending;
pub mod files;
pub mod http;
pub mod input;
mod kernel;
pub mod ledger;
pub mod listener;
pub mod netfilter;
mod netlink;
pub mod output;
pub mod own;
mod place;
pub mod process;
mod program;
pub mod resolve;
pub mod runs;
pub mod shell;
pub mod space;
pub mod state;
pub mod sysctl;
pub mod threads;
pub mod tls;
pub mod trust;
pub mod units;
pub mod within;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gdoctor_checks::model::fact::{Fact, Gap};

/// A moment after which nobody waits any longer.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    /// Time left, zero when it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The earlier of this and `span` from now.
    pub fn within(self, span: Duration) -> Self {
        Self(self.0.min(Instant::now() + span))
    }
}

/// The machine, its files seen from `root` (`/` unless `--root` says otherwise).
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
    /// The most that one probe may take.
    timeout: Duration,
    pub deadline: Deadline,
    /// Programs are started by sudo, which drops the caller's variables.
    sudo: bool,
    /// The session is that of saved facts, and not the caller's.
    session: Option<Arc<Session>>,
}

/// Variables of a session that was looked at elsewhere; what it has not is not set there.
#[derive(Clone, Debug, Default)]
pub struct Session {
    pub variables: BTreeMap<&'static str, String>,
    /// The account's user id, and the working directory.
    pub uid: Option<u32>,
    pub folder: Option<String>,
}

/// Variables that describe the session that a command is started in, and not what its user wants.
const OF_SESSION: [&str; 8] =
    ["DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "HOME", "USER", "LOGNAME", "HOSTNAME"];

/// What sudo hands on by itself, of what is asked for here: sudo's env.c.
const KEPT: [&str; 7] = ["DISPLAY", "XAUTHORITY", "PATH", "LANG", "TZ", "TERM", "CI"];

impl Host {
    pub fn new(root: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self { root: root.into(), timeout, deadline: Deadline::after(timeout), sudo: false, session: None }
    }

    /// The same machine as a command behind sudo finds it.
    pub fn under_sudo(&self) -> Self {
        Self { sudo: true, ..self.clone() }
    }

    /// The same machine with all of a probe's time before it again.
    pub fn renewed(&self) -> Self {
        Self { deadline: Deadline::after(self.timeout), ..self.clone() }
    }

    /// The same machine, with time for as many probes one after another.
    pub fn for_many(&self, probes: u32) -> Self {
        Self { deadline: Deadline::after(self.timeout.saturating_mul(probes)), ..self.clone() }
    }

    /// The same machine, with this much time for a probe that is known to take long.
    pub fn patient(&self, timeout: Duration) -> Self {
        Self { timeout, deadline: Deadline::after(timeout), ..self.clone() }
    }

    /// The machine of saved facts: its session, and none of its files.
    pub fn of_session(&self, session: Session) -> Self {
        Self { session: Some(Arc::new(session)), ..self.clone() }
    }

    /// Its files are not here to be asked for.
    pub fn is_saved(&self) -> bool {
        self.session.is_some()
    }

    /// False under `--root DIR`: files then describe another host than processes and sockets do.
    pub fn is_live(&self) -> bool {
        self.root == std::path::Path::new("/")
    }

    /// Its files are of the machine that gdoctor runs on. That machine's root as a container sees it has the same boot id; a copy of
    /// another host has not, and neither times of its files nor devices by their numbers mean anything to this kernel.
    pub fn is_this_machine(&self) -> bool {
        const BOOT: &str = "/proc/sys/kernel/random/boot_id";
        let boot = self.line(BOOT);
        self.is_live() || (boot.value().is_some() && boot.value() == self.live().line(BOOT).value())
    }

    /// Why devices and drivers are not asked, where the files are another system's.
    pub fn other_kernel(&self) -> Option<Gap> {
        const WHY: &str =
            "--root names another system's files, and devices are those of the machine that gdoctor runs on";
        (!self.is_this_machine()).then(|| Gap::Unsupported(WHY.into()))
    }

    /// The same machine without `--root`: for /proc of processes that run here.
    pub fn live(&self) -> Self {
        Self { root: "/".into(), ..self.clone() }
    }

    /// The folders in which this account's programs are looked for. Of another system nobody asks the shells: those that the login shells of
    /// distributions have by themselves, snap's and NixOS' among them.
    pub fn search_path(&self) -> Vec<String> {
        const USUAL: &str =
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin:/run/current-system/sw/bin";
        let path = self.env("PATH").unwrap_or_else(|| USUAL.into());
        path.split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned).collect()
    }

    /// The program of this name on this account's PATH.
    pub fn on_path(&self, name: &str) -> Fact<String> {
        let folders = self.search_path();
        self.executable(name, folders.iter().map(String::as_str))
    }

    /// An environment variable; `None` when unset or empty, and where it is an account's and the root another machine's. A value that is not UTF-8 is read lossily.
    pub fn env(&self, name: &str) -> Option<String> {
        if let Some(session) = self.session.as_ref().filter(|_| OF_SESSION.contains(&name)) {
            return session.variables.get(name).cloned();
        }
        if let Some(value) = self.of_account(name) {
            return value;
        }
        if self.sudo && name == "HOME" {
            return Some("/root".into());
        }
        if self.sudo && !KEPT.contains(&name) {
            return None;
        }
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
    }

    /// A folder of this machine as the judged host has it: below `--root` without that; `None` where it is no folder of that host.
    pub fn folder(&self, path: &std::path::Path) -> Option<String> {
        if let Some(session) = &self.session {
            let below = path.strip_prefix(self.cwd()).ok()?;
            let folder = std::path::Path::new(session.folder.as_ref()?).join(below);
            return Some(folder.components().collect::<PathBuf>().display().to_string());
        }
        let below = path.strip_prefix(&self.root).ok()?;
        Some(format!("/{}", below.display()))
    }

    /// The working directory; `/` when it is gone.
    pub fn cwd(&self) -> String {
        std::env::current_dir().map_or_else(|_| "/".into(), |path| path.to_string_lossy().into_owned())
    }

    /// One of the standard streams is a terminal, or this session has one to open.
    pub fn has_terminal(&self) -> bool {
        use std::io::IsTerminal;
        let streams =
            std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
        streams || std::fs::File::open("/dev/tty").is_ok()
    }

    /// All of standard input, up to `cap` bytes. It is read once; who asks again (`--wait` looks again) gets the same.
    pub fn standard_input(&self, cap: usize) -> std::io::Result<Vec<u8>> {
        use std::io::Read;
        static READ: Mutex<Option<Vec<u8>>> = Mutex::new(None);
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = &*read {
            return Ok(bytes.clone());
        }
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(cap as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > cap {
            return Err(std::io::Error::other(format!("more than {cap} bytes")));
        }
        Ok(read.insert(bytes).clone())
    }
}
