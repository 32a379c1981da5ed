//! The running kernel as the engine meets it: modules, clock, cgroups, limits, user namespaces, AppArmor, KVM.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Address, DockerFacts};
use gdoctor_checks::model::facts::engine::{
    AppArmor, CgroupMounts, Clock, FIRST_ID, IDS, Inotify, KeyQuota, Kvm, Limits, Modules, NEEDED_MODULES, NoIdRange,
    UserNamespaces,
};
use nix::unistd::AccessFlags;

use crate::host::{Host, clock, units};

use super::network::MODULES_CAP;
use super::number;

/// 2026-01-01: no clock that is right shows an earlier time to this version.
const RELEASED: i64 = 1_767_225_600;

/// Touched at each synchronization with a time server (systemd-timesyncd(8)); gone with the boot.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// /lib/modules beside the kernel that runs; of another root its own kernel, where the root tells which one that is.
pub fn modules(host: &Host) -> Fact<Modules> {
    let source = "/lib/modules";
    let release = host.line("/proc/sys/kernel/osrelease");
    // A disk of a system that does not run.
    if !host.is_live() && release.value().is_none() {
        return Fact::absent(source);
    }
    let (Some(release), names) = (release.value(), host.list(source)) else {
        return Fact::unknown(Gap::Unsupported("the kernel's release cannot be read".into()), source);
    };
    // An empty folder is what a package manager leaves of one that it has removed.
    let running = ["kernel", "modules.dep", "modules.builtin"]
        .iter()
        .any(|name| host.exists(format!("{source}/{release}/{name}")));
    let loaded = host.text(LOADED);
    // A kernel without modules shows no such file; below another root nobody has put it there.
    if loaded.value().is_none() && !running && !host.is_live() && !host.exists("/proc/filesystems") {
        return Fact::unknown(Gap::Unsupported(format!("{LOADED} is not below this root")), LOADED);
    }
    names.map(|kernels| Modules {
        loadable: loaded.value().is_some(),
        running,
        lost: if running { Vec::new() } else { lost(host, &kernels, loaded.value().map_or("", String::as_str)) },
        kernels,
    })
}

const LOADED: &str = "/proc/modules";

/// What an installed kernel has as a module the one that runs had, too.
fn lost(host: &Host, kernels: &[String], loaded: &str) -> Vec<String> {
    let systems = host.text("/proc/filesystems");
    let systems = systems.value().map_or("", String::as_str);
    let list = |kernel: &String| host.bytes(format!("/lib/modules/{kernel}/modules.dep"), MODULES_CAP);
    let lists: Vec<Vec<u8>> = kernels.iter().filter_map(|kernel| list(kernel).value().cloned()).collect();
    let is_loaded = |name: &str| {
        loaded.lines().any(|line| line.split(' ').next() == Some(name))
            || host.exists(format!("/sys/module/{name}"))
            || systems.lines().any(|line| line.split_whitespace().next_back() == Some(name))
    };
    let is_module = |name: &str| {
        let file = format!("/{name}.ko");
        lists.iter().any(|list| memchr::memmem::find(list, file.as_bytes()).is_some())
    };
    let lost = NEEDED_MODULES.into_iter().filter(|name| is_module(name) && !is_loaded(name));
    lost.map(str::to_owned).collect()
}

/// Debian's and Ubuntu's note that a package leaves.
pub fn reboot_wanted(host: &Host) -> Fact<Vec<String>> {
    let packages = host.text("/run/reboot-required.pkgs");
    let mut names: Vec<String> = packages
        .value()
        .into_iter()
        .flat_map(|text| text.lines())
        .map(str::to_owned)
        .filter(|n| !n.is_empty())
        .collect();
    names.dedup();
    if names.is_empty() && host.exists("/run/reboot-required") {
        names.push("a package".into());
    }
    Fact::found((!names.is_empty()).then_some(names), "/run/reboot-required")
}

/// Files of another root may come from a machine whose clock is ahead.
pub fn clock(host: &Host) -> Fact<Clock> {
    let source = "the system clock";
    if !host.is_live() {
        return Fact::absent(source);
    }
    let files =
        [SYNCHRONIZED, "/var/lib/systemd/timesync/clock", "/var/lib/dpkg/status", "/etc/ld.so.cache", "/var/lib/rpm"];
    let times = files.iter().filter_map(|path| Some(((*path).to_owned(), host.stat(path).value()?.ctime)));
    let newest = times.max_by_key(|(_, time)| *time);
    let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
    // After it was set somebody may have set it back.
    let synchronized = host.stat(SYNCHRONIZED).value().is_some_and(|stat| stat.mtime <= now);
    Fact::present(Clock { now, released: RELEASED, newest, synchronized }, source)
}

pub fn apparmor(host: &Host) -> Fact<AppArmor> {
    let enabled = host.line("/sys/module/apparmor/parameters/enabled");
    let parser = host.executable("apparmor_parser", ["/sbin", "/usr/sbin", "/usr/bin", "/run/current-system/sw/bin"]);
    if let Some(gap) = parser.gap() {
        return Fact::unknown(gap.clone(), "apparmor_parser in the folders of system programs");
    }
    let enabled = enabled.value().is_some_and(|value| value == "Y");
    Fact::present(AppArmor { enabled, parser: parser.value().cloned() }, "/sys/module/apparmor, apparmor_parser")
}

/// As dockerd sees them, where this user may look.
pub fn cgroup(host: &Host, docker: &DockerFacts) -> Fact<CgroupMounts> {
    super::mounts::table(host, docker).map(|text| mounts(&text))
}

fn mounts(text: &str) -> CgroupMounts {
    let fields = |line: &str| -> Option<(String, String, String)> {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.to_owned(), words.next()?.to_owned(), words.next()?.to_owned()))
    };
    let all: Vec<_> = text.lines().filter_map(fields).collect();
    let old: Vec<_> = all.iter().filter(|(_, kind, _)| kind == "cgroup").collect();
    if !old.is_empty() {
        let devices = old.iter().any(|(_, _, options)| options.split(',').any(|option| option == "devices"));
        return CgroupMounts::Legacy { devices };
    }
    match all.iter().any(|(place, kind, _)| kind == "cgroup2" && place == "/sys/fs/cgroup") {
        true => CgroupMounts::Unified,
        false => CgroupMounts::NotMounted,
    }
}

/// The library of its own that systemd's programs share has the release in its name: `libsystemd-shared-257.9-1.fc42.so`.
pub fn systemd(host: &Host) -> Fact<u32> {
    const FOLDERS: [&str; 2] = ["/usr/lib/systemd", "/lib/systemd"];
    let release = |name: &String| {
        let rest = name.strip_prefix("libsystemd-shared-").filter(|_| name.ends_with(".so"))?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    };
    let found = FOLDERS.iter().find_map(|folder| host.list(folder).value()?.iter().filter_map(release).max());
    Fact::found(found, FOLDERS[0])
}

/// Asked of the running kernel, and still asked by a file of the boot loader's.
pub fn old_cgroups_asked_in(host: &Host) -> Fact<String> {
    const FILES: [&str; 2] = ["/etc/default/grub", "/etc/kernel/cmdline"];
    let running = host.line("/proc/cmdline");
    let asked = |path: &&&str| {
        let text = host.text(path);
        let lines = || text.value().into_iter().flat_map(|text| text.lines());
        lines().any(|line| !line.trim_start().starts_with('#') && asks_for_old_cgroups(line))
            && !lines().any(|line| line.contains(FORCE))
    };
    let now = running.value().is_some_and(|line| asks_for_old_cgroups(line) && !line.contains(FORCE));
    let file = FILES.iter().find(asked).filter(|_| now);
    Fact::found(file.map(|path| (*path).to_owned()), FILES.join(", "))
}

/// Without it systemd 256 and 257 do not start on version 1 (systemd's NEWS, 256).
const FORCE: &str = "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE";

fn asks_for_old_cgroups(line: &str) -> bool {
    let words = line.split(|c: char| c.is_whitespace() || "\"'".contains(c));
    let mut values = words.filter_map(|word| word.strip_prefix("systemd.unified_cgroup_hierarchy="));
    values.next_back().is_some_and(|value| ["0", "no", "false", "off"].contains(&value))
}

/// /proc/PID/limits is readable for everybody.
pub fn limits(host: &Host, docker: &DockerFacts) -> Fact<Limits> {
    let Some(pid) = docker.daemon_process.value() else { return Fact::absent("dockerd's process") };
    host.live().text(format!("/proc/{pid}/limits")).parse(|text| {
        let open_files = limit(&text, "Max open files").ok_or("no line of open files")?;
        let locked_memory = limit(&text, "Max locked memory").ok_or("no line of locked memory")?;
        Ok(Limits { open_files, locked_memory })
    })
}

/// Containers inherit it from the service that starts them. Its process does not tell: Go programs raise their own.
pub fn container_files(host: &Host, docker: &DockerFacts) -> Fact<String> {
    container_limit(host, docker, "LimitNOFILE", SYSTEMD_FILES)
}

pub fn container_memlock(host: &Host, docker: &DockerFacts) -> Fact<String> {
    container_limit(host, docker, "LimitMEMLOCK", "")
}

fn container_limit(host: &Host, docker: &DockerFacts, key: &str, usual: &str) -> Fact<String> {
    let service = if host.exists(CONTAINERD_SOCKET) { "containerd.service" } else { "docker.service" };
    let rootless = docker.info.value().is_none_or(|info| info.is_rootless());
    let manager = host.text("/etc/systemd/system.conf");
    let default = format!("Default{key}");
    let changed = manager.value().is_some_and(|text| text.lines().any(|line| line.starts_with(&default)));
    if rootless || changed || docker.is_elsewhere() || !host.exists("/run/systemd/system") {
        return Fact::absent(service);
    }
    let Some(unit) = units::path(host, service) else { return Fact::absent(service) };
    match units::last(host, &unit, key) {
        Some((file, value)) => Fact::present(value, file),
        None => Fact::present(usual.into(), unit),
    }
}

/// runc makes a keyring for each container, in the name of the container's root: root itself, or the rootless engine's user. With
/// user namespaces of the engine's it is yet another.
pub fn keys(host: &Host, docker: &DockerFacts) -> Fact<KeyQuota> {
    let source = "/proc/key-users";
    let Some(info) = docker.answered_info().filter(|_| docker.daemon_process.value().is_some()) else {
        return Fact::absent(source);
    };
    let uid = if info.is_rootless() { host.uid().unwrap_or_default() } else { 0 };
    if docker.is_elsewhere() || info.has_security_option("userns") {
        return Fact::absent(source);
    }
    let table = host.live().text(source);
    let found = table.value().and_then(|text| key_quota(text, uid));
    match table.gap() {
        Some(gap) => Fact::unknown(gap.clone(), source),
        None => Fact::found(found, source),
    }
}

/// `    0:     5 4/4 2/1000000 29/25000000`
fn key_quota(text: &str, uid: u32) -> Option<KeyQuota> {
    let of = |line: &str| {
        line.split_once(':').filter(|(user, _)| user.trim().parse() == Ok(uid)).map(|(_, rest)| rest.to_owned())
    };
    let rest = text.lines().find_map(of)?;
    let mut pairs = rest.split_whitespace().skip(2).map(|pair| {
        let (used, most) = pair.split_once('/')?;
        Some((used.parse::<u64>().ok()?, most.parse::<u64>().ok()?))
    });
    let ((keys, most_keys), (bytes, most_bytes)) = (pairs.next()??, pairs.next()??);
    Some(KeyQuota { uid, keys, most_keys, bytes, most_bytes })
}

pub fn most_files(host: &Host) -> Fact<u64> {
    number(host, "/proc/sys/fs/nr_open")
}

/// dockerd uses a containerd that listens here, and starts one of its own elsewhere.
const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
/// systemd-system.conf(5), DefaultLimitNOFILE.
const SYSTEMD_FILES: &str = "1024:524288";

/// Soft and hard limit of one line; `unlimited` is None.
fn limit(text: &str, name: &str) -> Option<(Option<u64>, Option<u64>)> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words = line.split_whitespace();
    let mut one = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some((one()?, one()?))
}

pub fn inotify(host: &Host) -> Fact<Inotify> {
    let folder = "/proc/sys/fs/inotify";
    let instances = number(host, &format!("{folder}/max_user_instances"));
    let watches = number(host, &format!("{folder}/max_user_watches"));
    watches.map(|watches| Inotify { watches, instances: instances.value().copied().unwrap_or(u64::MAX) })
}

/// Distributions install libseccomp.so.2 as a link to the file of the full version.
pub fn libseccomp(host: &Host) -> Fact<String> {
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib/arm-linux-gnueabihf",
        "/lib/x86_64-linux-gnu",
        "/lib/aarch64-linux-gnu",
        "/lib/arm-linux-gnueabihf",
        "/usr/lib64",
        "/usr/lib",
    ];
    let version = folders.iter().find_map(|folder| {
        let target = host.link(format!("{folder}/libseccomp.so.2"));
        let name = target.value()?.rsplit('/').next()?.strip_prefix("libseccomp.so.")?.to_owned();
        name.starts_with(|c: char| c.is_ascii_digit()).then_some(name)
    });
    Fact::found(version, "libseccomp.so.2 in the library folders")
}

pub fn user_namespaces(host: &Host) -> Fact<UserNamespaces> {
    let is = |path: &str, value: u64| number(host, path).value() == Some(&value);
    let off = [("/proc/sys/kernel/unprivileged_userns_clone", 0), ("/proc/sys/user/max_user_namespaces", 0)];
    let profiles = host.list("/etc/apparmor.d");
    let lifted = profiles.value().is_some_and(|names| names.iter().any(|name| name.ends_with("rootlesskit")));
    let Some(uid) = host.uid() else {
        const WHY: &str = "no file tells which account an engine would run by";
        return Fact::unknown(Gap::Unsupported(WHY.into()), "/etc/passwd");
    };
    let name = host.account().map_or_else(|| uid.to_string(), |account| account.name);
    let has_range = |path: &&str| {
        let text = host.text(path);
        let text = text.value().map(String::as_str).unwrap_or_default();
        text.lines().filter_map(|line| line.split(':').next()).any(|owner| owner == name || owner == uid.to_string())
    };
    let [newuidmap, newgidmap] = ["newuidmap", "newgidmap"].map(|name| host.on_path(name));
    let powerless =
        [&newuidmap, &newgidmap].into_iter().filter_map(|found| found.value()).find(|path| !may_map_ids(host, path));
    Fact::present(
        UserNamespaces {
            off_by: off.into_iter().find(|(path, value)| is(path, *value)).map(|(path, _)| path.to_owned()),
            restricted: is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) && !lifted,
            no_range_in: ["/etc/subuid", "/etc/subgid"].into_iter().find(|path| !has_range(path)).map(str::to_owned),
            newuidmap: !newuidmap.is_absent(),
            powerless: powerless.cloned(),
        },
        "/proc/sys, /etc/subuid, /etc/subgid",
    )
}

/// LoadIdentityMapping of moby/sys/user: an account's lines are those of its name and of its number. dockerd makes the user of
/// "default" itself, with its lines, where there is none yet.
pub fn no_id_range(host: &Host, docker: &DockerFacts) -> Fact<NoIdRange> {
    const FILES: [&str; 2] = ["/etc/subuid", "/etc/subgid"];
    let set = docker.setting("userns-remap", |settings| settings.userns_remap.as_deref()).map(|set| set.value);
    let told = set.and_then(|set| set.split(':').next()).filter(|_| docker.answered_info().is_none());
    let told = told.map(|name| if name == "default" { "dockremap" } else { name });
    let table = host.accounts("passwd");
    let is_told = |line: &&str| {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next(), fields.nth(1));
        told.is_some() && (name == told || uid == told)
    };
    let Some(line) = table.lines().find(is_told) else { return Fact::absent("/etc/passwd") };
    let mut fields = line.split(':');
    let (user, uid) = (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default());
    let has_line =
        |text: &str| text.lines().filter_map(|line| line.split(':').next()).any(|of| of == user || of == uid);
    for file in FILES {
        let text = host.text(file);
        if let Some(gap) = text.gap() {
            return Fact::unknown(gap.clone(), file);
        }
        if !text.value().is_some_and(|text| has_line(text)) {
            return Fact::present(NoIdRange { user: user.into(), file: file.into() }, file);
        }
    }
    Fact::absent(FILES.join(", "))
}

/// The first id of as many as an account gets (login.defs(5): SUB_UID_MIN, SUB_UID_COUNT) that no line of either file has.
pub fn free_ids(host: &Host) -> Fact<u32> {
    const FILES: [&str; 2] = ["/etc/subuid", "/etc/subgid"];
    let tables = FILES.map(|path| host.text(path));
    if let Some(gap) = tables.iter().find_map(Fact::gap) {
        return Fact::unknown(gap.clone(), FILES.join(", "));
    }
    let texts = tables.iter().filter_map(Fact::value).flat_map(|text| text.lines());
    let mut taken: Vec<(u32, u32)> = texts
        .filter_map(|line| {
            let mut fields = line.trim().split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .collect();
    taken.sort_unstable();
    let first = taken.into_iter().fold(FIRST_ID, |free, (first, count)| {
        let overlaps = first < free.saturating_add(IDS) && first.saturating_add(count) > free;
        if overlaps { first.saturating_add(count) } else { free }
    });
    Fact::present(first, FILES.join(", "))
}

/// Debian's newuidmap is setuid root, Fedora's has a capability in its file (which one is not told apart).
fn may_map_ids(host: &Host, path: &str) -> bool {
    const SETUID: u32 = 0o4000;
    let stat = host.stat(path);
    stat.value().is_none_or(|stat| stat.uid == 0 && stat.mode & SETUID != 0)
        || !host.attribute(path, "security.capability").is_absent()
}

/// Looked at only where the endpoint is Docker Desktop's.
pub fn kvm(host: &Host, docker: &DockerFacts) -> Fact<Kvm> {
    let desktop = match docker.endpoint.value().map(|endpoint| &endpoint.address) {
        Some(Address::Unix(path)) => path.ends_with("/.docker/desktop/docker.sock"),
        _ => false,
    };
    if !desktop {
        return Fact::absent("Docker Desktop is not what is asked");
    }
    let source = "/dev/kvm, /proc/cpuinfo";
    if host.exists("/dev/kvm") {
        if let Some(other) = host.other_kernel() {
            return Fact::unknown(other, source);
        }
        let open = nix::unistd::access(&host.on_disk("/dev/kvm"), AccessFlags::R_OK | AccessFlags::W_OK).is_ok();
        return Fact::present(if open { Kvm::Usable } else { Kvm::Denied }, source);
    }
    host.text("/proc/cpuinfo").map(|text| {
        let flags = text.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        let able = flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
        if able { Kvm::NotLoaded } else { Kvm::NotOffered }
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    /// Both files count, in whatever order their lines stand, and a gap between two that is too small for a range.
    #[test]
    fn a_range_that_no_account_has() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let host = super::Host::new(root.path(), std::time::Duration::from_secs(5));
        let free = |uids: &str, gids: &str| {
            std::fs::write(root.path().join("etc/subuid"), uids).unwrap();
            std::fs::write(root.path().join("etc/subgid"), gids).unwrap();
            super::free_ids(&host).value().copied()
        };
        assert_eq!(free("", ""), Some(100_000));
        assert_eq!(free("ann:100000:65536\n", ""), Some(165_536));
        assert_eq!(free("ben:200000:65536\nann:100000:65536\n", "ann:100000:65536\n"), Some(265_536));
        assert_eq!(free("", "ann:65536:65536\n# none\n"), Some(131_072));
    }

    use super::*;

    #[test]
    fn a_root_is_judged_by_its_own_kernel() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("lib/modules/6.9.1-other/modules.dep", "");
        let look = || modules(&Host::new(root.path(), std::time::Duration::from_secs(5)));
        assert!(look().is_absent(), "a disk alone");
        put("proc/sys/kernel/osrelease", "6.8.0-old\n");
        put("proc/sys/kernel/random/boot_id", "another\n");
        put("proc/modules", "");
        assert!(!look().value().unwrap().running);
        put("lib/modules/6.8.0-old/modules.dep", "");
        assert!(look().value().unwrap().running);
    }

    #[test]
    fn quotas_of_keys_as_the_kernel_prints_them() {
        let text = "    0:     5 4/4 2/1000000 29/25000000\n 1000:   201 201/201 200/200 15620/20000\nrubbish\n";
        let quota = KeyQuota { uid: 1000, keys: 200, most_keys: 200, bytes: 15_620, most_bytes: 20_000 };
        assert_eq!(key_quota(text, 1000), Some(quota));
        assert_eq!(key_quota(text, 4242), None);
    }

    #[test]
    fn cgroup_layouts() {
        assert_eq!(mounts("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"), CgroupMounts::Unified);
        let hybrid =
            "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/devices cgroup rw,devices 0 0\n";
        assert_eq!(mounts(hybrid), CgroupMounts::Legacy { devices: true });
        let systemd_alone = "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n";
        assert_eq!(mounts(systemd_alone), CgroupMounts::Legacy { devices: false });
        assert_eq!(mounts("proc /proc proc rw 0 0\nrubbish\n"), CgroupMounts::NotMounted);
    }

    #[test]
    fn limits_as_the_kernel_prints_them() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 524288               files     \n\
                    Max locked memory         unlimited            unlimited            bytes     \n";
        assert_eq!(limit(text, "Max open files"), Some((Some(1024), Some(524_288))));
        assert_eq!(limit(text, "Max locked memory"), Some((None, None)));
        assert_eq!(limit("Max open files x y", "Max open files"), None);
    }
}
