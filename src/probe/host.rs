//! Reads what machine and which user this is.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::host::{HostFacts, ImageRoot, Platform, System, User};
use nix::unistd::{self, Gid, Uid};

use crate::host::Host;
use crate::host::account::Account;

pub fn probe(host: &Host) -> HostFacts {
    HostFacts {
        system: system(host),
        kernel: kernel(host),
        machine: machine(host),
        runs: Fact::present(host.runs(), "/run"),
        systemd: systemd(host),
        container: container(host),
        platform: platform(host),
        dgx: dgx(host),
        azure: host.line("/sys/class/dmi/id/chassis_asset_tag").map(|tag| tag == AZURE),
        booted: host.booted(),
        image_root: image_root(host),
        user: user(host),
    }
}

fn system(host: &Host) -> Fact<System> {
    let text = match host.text("/etc/os-release") {
        fact if fact.is_absent() => host.text("/usr/lib/os-release"),
        fact => fact,
    };
    text.map(|text| {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        System {
            id: value("ID").chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect(),
            id_like: value("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
            version: value("VERSION_ID"),
            pretty: value("PRETTY_NAME"),
            codename: value("VERSION_CODENAME"),
            base_codename: [value("UBUNTU_CODENAME"), value("DEBIAN_CODENAME")].concat(),
            base: value("PLATFORM_ID").trim_start_matches("platform:").to_owned(),
        }
    })
}

/// A system that does not run starts by what its init leads to.
fn systemd(host: &Host) -> Fact<String> {
    let init = "/sbin/init";
    match host.runs() {
        true => host.stat("/run/systemd/system").map(|_| "systemd".into()),
        false => {
            let is_its = host.real_path(init).value().is_some_and(|path| path.ends_with("/systemd"));
            Fact::found(is_its.then(|| "systemd".into()), init)
        }
    }
}

/// The recorded host's kernel where one is recorded, else the running one of this machine's own root.
pub fn kernel(host: &Host) -> Fact<String> {
    const RELEASE: &str = "/proc/sys/kernel/osrelease";
    let recorded = host.line(RELEASE);
    if recorded.value().is_some() || !host.is_this_machine() { recorded } else { host.live().line(RELEASE) }
}

/// The ELF machines that Docker's own packages are for: elf.h, e_machine.
const MACHINES: [(u16, &str); 5] = [(62, "x86_64"), (183, "aarch64"), (40, "armv7l"), (22, "s390x"), (21, "ppc64le")];

/// Another machine's is that of its programs; where none can be read, the one whose libraries it has.
pub fn machine(host: &Host) -> Fact<String> {
    if !host.is_this_machine() {
        return machine_of_root(host);
    }
    match nix::sys::utsname::uname() {
        Ok(names) => Fact::present(names.machine().to_string_lossy().into_owned(), "uname"),
        Err(errno) => Fact::unknown(Gap::Unsupported(errno.desc().into()), "uname"),
    }
}

fn machine_of_root(host: &Host) -> Fact<String> {
    let programs = ["/usr/bin/env", "/bin/sh", "/usr/bin/bash", "/bin/busybox", "/usr/lib/systemd/systemd"];
    for path in programs {
        let head = host.head(path, 20);
        let Some([0x7f, b'E', b'L', b'F', _, data, .., low, high]) = head.value().map(Vec::as_slice) else { continue };
        let number = if *data == 2 { u16::from_be_bytes([*low, *high]) } else { u16::from_le_bytes([*low, *high]) };
        if let Some((_, name)) = MACHINES.iter().find(|(machine, _)| *machine == number) {
            return Fact::present((*name).into(), path);
        }
    }
    let has = |name: &&str| host.exists(format!("/usr/lib/{name}-linux-gnu"));
    let mut found = ["x86_64", "aarch64", "s390x"].into_iter().filter(has);
    match (found.next(), found.next()) {
        (Some(one), None) => Fact::present(one.into(), "/usr/lib"),
        _ => {
            const WHY: &str = "--root names another machine's files, and no program among them tells what it is";
            Fact::unknown(Gap::Unsupported(WHY.into()), programs.join(", "))
        }
    }
}

/// The marks that container engines leave: docker's and podman's files, and systemd's note of LXC and others. A virtual
/// machine made from an image keeps docker's mark, but lives in the kernel's first namespaces.
pub fn container(host: &Host) -> Fact<String> {
    let marks = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
    let source = "/.dockerenv, /run/.containerenv, /run/systemd/container, /proc/self/ns";
    // Below --root `self` is this gdoctor, wherever it runs; process 1 is that root's own.
    let own = if !host.is_live() && host.exists("/proc/1/mountinfo") { "/proc/1" } else { "/proc/self" };
    let table = format!("{own}/mountinfo");
    let is_image = host.text(&table).value().is_some_and(|text| root_is_an_image(text));
    // A container can be given the machine's own namespaces; its root is an image all the same.
    if (host.is_live() || own == "/proc/1") && !is_image && has_first_namespaces(host, own) {
        return Fact::absent(source);
    }
    if let Some((path, engine)) = marks.into_iter().find(|(path, _)| host.exists(path)) {
        return Fact::present(engine.into(), path);
    }
    let noted = host.line("/run/systemd/container");
    if noted.value().is_some() {
        return noted;
    }
    // Kubernetes leaves neither docker's nor podman's mark.
    if is_image {
        return Fact::present("container".into(), table);
    }
    Fact::absent(source)
}

/// True when `/` is an overlay of layers that an engine keeps. Lines are `ID PARENT DEV ROOT MOUNTPOINT … - TYPE SOURCE OPTIONS`.
fn root_is_an_image(mountinfo: &str) -> bool {
    mountinfo.lines().filter(|line| line.split(' ').nth(4) == Some("/")).any(|line| {
        let layers = line.split_once(" - overlay ").map_or("", |(_, options)| options);
        ["/containerd/", "/docker/", "/containers/storage/", "/overlay-containers/"]
            .iter()
            .any(|place| layers.contains(place))
    })
}

/// Linux gives its first namespaces fixed numbers: include/linux/proc_ns.h, PROC_UTS_INIT_INO and its neighbours.
fn has_first_namespaces(host: &Host, process: &str) -> bool {
    [("uts", 4_026_531_838_u32), ("ipc", 4_026_531_839), ("pid", 4_026_531_836)].iter().all(|(name, number)| {
        host.link(format!("{process}/ns/{name}")).value().is_some_and(|link| *link == format!("{name}:[{number}]"))
    })
}

fn platform(host: &Host) -> Fact<Platform> {
    if host.exists("/dev/dxg") {
        return Fact::present(Platform::Wsl, "/dev/dxg");
    }
    let version = host.line("/proc/version");
    // `4.4.0-19041-Microsoft`; version 2 has `5.15.90.1-microsoft-standard-WSL2`, or a kernel of the user's.
    if version.value().is_some_and(|v| v.split(' ').nth(2).is_some_and(|release| release.ends_with("-Microsoft"))) {
        return Fact::present(Platform::Wsl1, "/proc/version");
    }
    if version.value().is_some_and(|v| v.to_ascii_lowercase().contains("microsoft")) {
        return Fact::present(Platform::Wsl, "/proc/version");
    }
    if host.exists("/etc/nv_tegra_release") {
        return Fact::present(Platform::Jetson, "/etc/nv_tegra_release");
    }
    let family = host.line("/sys/devices/soc0/family");
    if family.value().is_some_and(|f| f.to_ascii_lowercase().starts_with("tegra")) {
        return Fact::present(Platform::Jetson, "/sys/devices/soc0/family");
    }
    Fact::absent("/dev/dxg, /proc/version, /etc/nv_tegra_release")
}

/// The asset tag of every virtual machine of Azure's (Azure's own agent and cloud-init tell them by it).
const AZURE: &str = "7783-7084-3265-9085-8269-3286-77";

/// `DGX_NAME="DGX Spark"`.
fn dgx(host: &Host) -> Fact<String> {
    host.text("/etc/dgx-release").map(|text| {
        let name = text.lines().find_map(|line| line.strip_prefix("DGX_NAME="));
        name.unwrap_or("DGX").trim_matches('"').to_owned()
    })
}

fn image_root(host: &Host) -> Fact<ImageRoot> {
    const BOOTED: &str = "/run/ostree-booted";
    if host.exists(BOOTED) {
        return Fact::present(ImageRoot::Ostree, BOOTED);
    }
    // rpm-ostree writes it into each deployment's os-release.
    let release = host.text("/etc/os-release");
    if !host.runs() && release.value().is_some_and(|text| text.lines().any(|line| line.starts_with("OSTREE_VERSION=")))
    {
        return Fact::present(ImageRoot::Ostree, "/etc/os-release");
    }
    let system = system(host);
    let id = system.value().map_or("", |system| system.id.as_str());
    match id {
        "opensuse-microos"
        | "opensuse-aeon"
        | "opensuse-kalpa"
        | "opensuse-leap-micro"
        | "sle-micro"
        | "sl-micro"
        | "suse-microos" => Fact::present(ImageRoot::Transactional, "/etc/os-release"),
        "steamos" => Fact::present(ImageRoot::SteamOs, "/etc/os-release"),
        _ => Fact::absent(format!("{BOOTED}, /etc/os-release")),
    }
}

fn user(host: &Host) -> Fact<User> {
    let account = host.account();
    if !host.is_live() && !host.is_this_machine() {
        const SOURCE: &str = "/etc/passwd, /etc/group";
        const WHY: &str = "--root names another machine's files, and they do not tell which account calls docker there";
        return match account {
            Some(Account { name, uid, groups, home }) => {
                let account_groups = groups.clone();
                Fact::present(User { name, uid, account_groups, groups, home, folder: String::new() }, SOURCE)
            }
            None => Fact::unknown(Gap::Unsupported(WHY.into()), SOURCE),
        };
    }
    let uid = Uid::effective();
    let mut groups: Vec<u32> = unistd::getgroups().unwrap_or_default().into_iter().map(Gid::as_raw).collect();
    groups.push(unistd::getegid().as_raw());
    groups.sort_unstable();
    groups.dedup();
    let source = "getgroups, getgrouplist";
    Fact::present(
        User {
            account_groups: account.as_ref().map_or(groups.clone(), |account| account.groups.clone()),
            name: account.map_or_else(|| uid.to_string(), |account| account.name),
            uid: uid.as_raw(),
            home: host.env("HOME").unwrap_or_default(),
            folder: host.folder(std::path::Path::new(&host.cwd())).unwrap_or_default(),
            groups,
        },
        source,
    )
}

#[cfg(test)]
mod tests {
    use super::root_is_an_image;

    #[test]
    fn a_root_made_of_layers() {
        let pod = "612 530 0:77 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs";
        assert!(root_is_an_image(pod));
        for host in [
            "25 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw",
            "25 1 0:20 / / rw - overlay overlay rw,lowerdir=/run/live/rootfs,upperdir=/run/live/upper",
            "90 25 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A",
            "",
        ] {
            assert!(!root_is_an_image(host), "{host}");
        }
    }
}
