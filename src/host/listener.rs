//! Who listens at a socket, known before anybody connects: a server, or somebody who would start one at the first connection.
//! gdoctor starts nothing, so it connects to a server only, unless `--wake` allows more.
//!
//! The kernel tells which sockets listen; /proc tells who holds them, to root and to their own user. What /proc hides, the
//! socket units and the control groups of their services tell to everybody. A listener of another network namespace, as a
//! container has it, is seen by neither: it is connected to.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::units::{self, Manager, SocketUnit};
use super::{Host, bind};

/// Where somebody listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Path(PathBuf),
    /// The name without the zero byte.
    Abstract(String),
    /// A TCP port of this machine.
    Port(u16),
}

/// Nobody serves yet: why no connection is made, and what would wake the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting(String);

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Waiting {}

/// Programs that hold the sockets of services and start them at the first connection, by the names that the kernel keeps: 15
/// characters. Behind the first line: compositors, which start Xwayland so.
const STARTERS: [&str; 20] = [
    "systemd",
    "systemd-socket-",
    "xinetd",
    "inetd",
    "upstart-socket-", //
    "gnome-shell",
    "mutter",
    "kwin_wayland",
    "kwin_wayland_wr",
    "sway",
    "weston",
    "Hyprland",
    "labwc",
    "wayfire",
    "river",
    "cosmic-comp",
    "niri",
    "cage",
    "xwayland-satell",
    "gamescope-wl",
];
const COMPOSITORS: usize = 5;

/// What a service leaves running of its containers when it stops.
const LEFT_BEHIND: [&str; 4] = ["containerd-shim", "docker-proxy", "runc", "conmon"];

/// For so long an answer counts: a probe asks several questions at once.
const KEPT: Duration = Duration::from_secs(1);

static MAY_WAKE: AtomicBool = AtomicBool::new(false);

/// From now on services may be started by connecting to their sockets.
pub fn allow_waking() {
    MAY_WAKE.store(true, Ordering::Relaxed);
}

/// Err carries a [`Waiting`] when connecting would start a service.
pub fn look(place: &Place) -> io::Result<()> {
    waiting(place).map_or(Ok(()), |waiting| Err(io::Error::other(waiting)))
}

/// What [`look`] put into an error.
pub fn reason(error: &io::Error) -> Option<&Waiting> {
    error.get_ref()?.downcast_ref()
}

/// The same for a TCP address; another machine's is nobody's here.
pub fn look_at(address: SocketAddr) -> io::Result<()> {
    let is_here = address.ip().is_loopback() || bind::is_own(address.ip());
    if is_here { look(&Place::Port(address.port())) } else { Ok(()) }
}

static ANSWERS: Mutex<BTreeMap<Place, (Instant, Option<Waiting>)>> = Mutex::new(BTreeMap::new());

/// What was seen holds no more: something on the host was changed.
pub fn forget() {
    ANSWERS.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// `None`: somebody serves, nobody listens, or it cannot be seen.
pub fn waiting(place: &Place) -> Option<Waiting> {
    if MAY_WAKE.load(Ordering::Relaxed) {
        return None;
    }
    let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, answer)) = answers.get(place).filter(|(when, _)| when.elapsed() < KEPT) {
        return answer.clone();
    }
    let answer = judge(place);
    answers.insert(place.clone(), (Instant::now(), answer.clone()));
    answer
}

fn judge(place: &Place) -> Option<Waiting> {
    if !may_connect(place) {
        return None;
    }
    let inodes = listening(place);
    if inodes.is_empty() {
        return None;
    }
    let processes = processes(place);
    let holders = Holders::find(&inodes, &processes);
    if holders.server {
        return None;
    }
    match (holders.starter, holders.hidden) {
        (None, false) => None,
        (Some(starter), false) => Some(starter.waiting(place)),
        (Some(starter), true) => match starter.unit(place) {
            Some(unit) if runs(&unit, &processes) => None,
            _ => Some(starter.waiting(place)),
        },
        (None, true) => hidden_starter(place, &processes),
    }
}

/// Who may not connect starts nothing by trying.
fn may_connect(place: &Place) -> bool {
    let Place::Path(path) = place else { return true };
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

/// The sockets that listen there, by their inodes.
fn listening(place: &Place) -> BTreeSet<u64> {
    let unix = |is_it: &dyn Fn(&str) -> bool| {
        unix_listeners(&String::from_utf8_lossy(&fs::read("/proc/net/unix").unwrap_or_default()), is_it)
    };
    match place {
        Place::Path(path) => {
            let Ok(wanted) = fs::metadata(path) else { return BTreeSet::new() };
            let same = |meta: fs::Metadata| (meta.dev(), meta.ino()) == (wanted.dev(), wanted.ino());
            let name = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            let is_it = |bound: &str| {
                let bound = Path::new(bound);
                bound.is_absolute() && bound.file_name() == name.file_name() && fs::metadata(bound).is_ok_and(same)
            };
            unix(&is_it)
        }
        Place::Abstract(name) => unix(&|bound| bound.strip_prefix('@') == Some(name.as_str())),
        Place::Port(port) => tcp_tables(*port).into_keys().collect(),
    }
}

/// The users whose programs listen at a TCP port of this machine.
pub fn tcp_owners(port: u16) -> BTreeSet<u32> {
    tcp_tables(port).into_values().collect()
}

/// The inodes of its listeners, and who made them.
fn tcp_tables(port: u16) -> BTreeMap<u64, u32> {
    let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().flat_map(|path| tcp_listeners(&text(path), port)).collect()
}

/// `0000000000000000: 00000002 00000000 00010000 0001 01 14870 /run/docker.sock`: the flag is __SO_ACCEPTCON.
fn unix_listeners(table: &str, is_it: impl Fn(&str) -> bool) -> BTreeSet<u64> {
    let one = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
        let inode = fields.nth(2)?;
        let (_, name) = line.split_once(&format!(" {inode} "))?;
        let listens = flags & 0x1_0000 != 0 && is_it(name.trim_start());
        listens.then(|| inode.parse().ok())?
    };
    table.lines().skip(1).filter_map(one).collect()
}

/// `  0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 14870 …` (proc_net_tcp.txt).
fn tcp_listeners(table: &str, port: u16) -> BTreeMap<u64, u32> {
    let one = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, number) = fields.get(1)?.rsplit_once(':')?;
        let fits = u16::from_str_radix(number, 16) == Ok(port) && *fields.get(3)? == "0A";
        fits.then(|| Some((fields.get(9)?.parse().ok()?, fields.get(7)?.parse().ok()?)))?
    };
    table.lines().skip(1).filter_map(one).collect()
}

struct Process {
    pid: u32,
    name: String,
}

/// All that /proc shows. First those that are called as the socket is, which most likely hold it.
fn processes(place: &Place) -> Vec<Process> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let named = |pid| Some(Process { pid, name: fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().into() });
    let mut all: Vec<Process> = pids.filter_map(named).collect();
    all.sort_by_key(|process| (!is_called_so(&process.name, place), is_starter(&process.name)));
    all
}

/// `dockerd` is called as `docker.sock` is, `Xwayland` as `X0`.
fn is_called_so(program: &str, place: &Place) -> bool {
    let stem = match place {
        Place::Path(path) => path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
        Place::Abstract(name) => name.rsplit('/').next().unwrap_or_default().to_owned(),
        Place::Port(_) => String::new(),
    };
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    !stem.is_empty() && program.starts_with(stem)
}

fn is_starter(name: &str) -> bool {
    STARTERS.contains(&name)
}

/// Who holds a listening socket, as far as this user sees.
#[derive(Default)]
struct Holders {
    server: bool,
    starter: Option<Starter>,
    /// Some processes do not show what they hold.
    hidden: bool,
}

impl Holders {
    fn find(inodes: &BTreeSet<u64>, processes: &[Process]) -> Self {
        let mut found = Self::default();
        for process in processes {
            match holds(process.pid, inodes) {
                Ok(true) if is_starter(&process.name) => {
                    found.starter = Some(Starter { pid: process.pid, name: process.name.clone() });
                }
                Ok(true) => return Self { server: true, ..found },
                Ok(false) => {}
                Err(error) => found.hidden |= error.kind() == io::ErrorKind::PermissionDenied,
            }
        }
        found
    }
}

fn holds(pid: u32, inodes: &BTreeSet<u64>) -> io::Result<bool> {
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(link) = fs::read_link(entry?.path()) else { continue };
        let inode = link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        if inode.is_some_and(|inode: u64| inodes.contains(&inode)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who would start the service.
struct Starter {
    pid: u32,
    name: String,
}

impl Starter {
    fn manager(&self) -> Manager {
        if self.pid == 1 { Manager::System } else { Manager::User }
    }

    fn unit(&self, place: &Place) -> Option<SocketUnit> {
        if self.name == "systemd" { unit_at(place, self.manager()) } else { None }
    }

    fn waiting(&self, place: &Place) -> Waiting {
        match self.unit(place) {
            Some(unit) => of_unit(&unit, self.manager()),
            None => by_program(&self.name),
        }
    }
}

fn by_program(name: &str) -> Waiting {
    Waiting(format!(
        "waiting: {name} holds the socket, and nobody serves it; a server would start at the first connection (gdoctor --wake \
         makes it)"
    ))
}

fn of_unit(unit: &SocketUnit, manager: Manager) -> Waiting {
    let command = match manager {
        Manager::System => format!("sudo systemctl start {}", unit.service),
        Manager::User => format!("systemctl --user start {}", unit.service),
    };
    Waiting(format!(
        "waiting: systemd holds the socket, {service} is not running; it would start at the first connection (`{command}` \
         starts it, gdoctor --wake connects)",
        service = unit.service,
    ))
}

/// The socket unit with this address; `None` too where several have it.
fn unit_at(place: &Place, manager: Manager) -> Option<SocketUnit> {
    let fits = |address: &str| match place {
        Place::Path(path) => {
            let id = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
            address.starts_with('/')
                && Path::new(address).file_name() == path.file_name()
                && id(Path::new(address)) == id(path)
        }
        Place::Abstract(name) => address.strip_prefix('@') == Some(name),
        Place::Port(port) => address.rsplit(':').next().is_some_and(|number| number == port.to_string()),
    };
    let host = Host::new("/", KEPT);
    let mut found = units::listening(&host, manager, "ListenStream", fits).into_iter();
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Nobody's descriptors show who holds it. A socket unit may have the address while its service does not run; or a program that
/// starts others runs, and none that is called as the socket is: then it holds the socket. Compositors hold X's alone.
fn hidden_starter(place: &Place, processes: &[Process]) -> Option<Waiting> {
    // Units of a package lie there also where another program is the system's manager (sd_booted(3)).
    let booted = Path::new("/run/systemd/system").is_dir();
    let unit = |manager| unit_at(place, manager).filter(|_| booted).map(|unit| (unit, manager));
    if let Some((unit, manager)) = unit(Manager::System).or_else(|| unit(Manager::User)) {
        return (!runs(&unit, processes)).then(|| of_unit(&unit, manager));
    }
    let is_display = match place {
        Place::Path(path) => path.starts_with("/tmp/.X11-unix"),
        Place::Abstract(name) => name.starts_with("/tmp/.X11-unix/"),
        Place::Port(_) => false,
    };
    let others = if is_display { &STARTERS[1..] } else { &STARTERS[1..COMPOSITORS] };
    if matches!(place, Place::Port(_)) || processes.iter().any(|process| is_called_so(&process.name, place)) {
        return None;
    }
    let starter = processes.iter().find(|process| others.contains(&process.name.as_str()))?;
    Some(by_program(&starter.name))
}

/// A process of the service's own is there, by its control group, which everybody may read.
fn runs(unit: &SocketUnit, processes: &[Process]) -> bool {
    if unit.accepts {
        return false;
    }
    if !processes.iter().any(|process| process.pid == 1) {
        // /proc hides the processes of others; systemd removes the control group of a service that has ended.
        let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];
        return trees.iter().any(|tree| Path::new(tree).join("system.slice").join(&unit.service).is_dir());
    }
    let is_of = |process: &&Process| {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", process.pid)).unwrap_or_default();
        groups.lines().any(|line| line.split('/').any(|part| part == unit.service))
    };
    let is_left = |process: &Process| LEFT_BEHIND.iter().any(|name| process.name.starts_with(name));
    processes.iter().filter(|process| !is_left(process)).any(|process| is_of(&process))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn lines_of_the_kernels_tables() {
        let unix = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 14870 /run/docker.sock\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 14871 /run/docker.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01     7 /run/a b.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 14900\nrubbish\n";
        let at = |name: &str| unix_listeners(unix, |bound| bound == name).into_iter().collect::<Vec<_>>();
        assert_eq!((at("/run/docker.sock"), at("/run/a b.sock")), (vec![14870], vec![7]));
        assert!(at("").is_empty());
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 3500007F:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 14872 1 0\n\
            1: 3500007F:0947 0100007F:1234 01 00000000:00000000 00:00000000 00000000   101        0 14873 1 0\nx\n";
        assert_eq!(tcp_listeners(tcp, 2375).into_iter().collect::<Vec<_>>(), [(14872, 101)]);
        assert!(tcp_listeners(tcp, 53).is_empty());
    }

    #[test]
    fn a_server_is_connected_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listening(&Place::Path(path.clone())).len(), 1);
        assert!(judge(&Place::Path(path)).is_none());
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = Place::Port(tcp.local_addr().unwrap().port());
        assert_eq!(listening(&port).len(), 1);
        assert!(judge(&port).is_none());
    }

    #[test]
    fn names_of_starters_are_the_kernels() {
        assert!(STARTERS.iter().all(|name| name.len() <= 15));
        assert_eq!(STARTERS[COMPOSITORS], "gnome-shell");
    }
}
