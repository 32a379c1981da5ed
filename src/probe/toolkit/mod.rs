//! Reads the NVIDIA Container Toolkit: its programs as dockerd finds them, its version, its configuration, and CDI specs.

mod apt;
pub mod cdi;
mod cdi_rules;
mod config;
mod daemon;
mod programs;
mod restarts;

use std::ffi::OsStr;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::toolkit::{Config, Installed, Program, Settings, ToolkitFacts};

use super::dockerd::Dockerd;
use super::packages;
use crate::host::Host;
use crate::host::files::Kind;
use crate::host::process::{End, Program as SystemProgram};

pub fn probe(host: &Host, docker: &DockerFacts) -> ToolkitFacts {
    let dockerd = Dockerd::look(host, docker);
    let config_path = config::path(host, &dockerd);
    let config = config::read(host, &config_path);
    let settings = match config.value() {
        Some(Config::Read(settings)) => Some(Settings::clone(settings)),
        _ => config.is_absent().then(Settings::default),
    };
    let ctk = programs::ctk(host, &dockerd, settings.as_ref());
    let packages = packages::installed(host, is_toolkits);
    let version = version(host, &ctk, &packages);
    let packages = if packages.is_absent() { parts(host, &version) } else { packages };
    let cli = programs::cli(host, &dockerd, settings.as_ref());
    ToolkitFacts {
        hook: programs::found(host, &dockerd, "nvidia-container-runtime-hook"),
        cdi_hook: programs::found(host, &dockerd, "nvidia-cdi-hook"),
        runtime: programs::found(host, &dockerd, "nvidia-container-runtime"),
        version,
        ctk,
        packages,
        cli_knows_compat: programs::knows_compat(host, &cli),
        cli,
        ldconfig: programs::ldconfig(host, settings.as_ref()),
        root_cache: programs::root_cache(host, settings.as_ref()),
        low_level: programs::low_level(host, &dockerd, settings.as_ref()),
        config,
        config_changed: host.stat(&config_path).map(|stat| stat.ctime),
        registered_program: programs::of_runtime(host, docker, &dockerd, "nvidia"),
        runtime_programs: programs::of_other_runtimes(host, docker, &dockerd),
        daemon_files: daemon::files(host, docker),
        daemon_started: dockerd.started,
        specs: cdi::specs(host, docker),
        runtime_specs: cdi::runtime_specs(host, docker, settings.as_ref()),
        refresh: refresh(host),
        repositories: apt::repositories(host),
        selinux: host.line("/sys/fs/selinux/enforce").map(|word| word == "1"),
        // The value of now, then the value of after a reload.
        selinux_devices: host.line("/sys/fs/selinux/booleans/container_use_devices").map(|word| word.starts_with('1')),
        selinux_xserver_devices: host
            .line("/sys/fs/selinux/booleans/container_use_xserver_devices")
            .map(|word| word.starts_with('1')),
        char_link: host.link("/dev/char/195:255"),
        csv: csv(host),
        user_namespace: user_namespace(host),
        root_in_ram: host.text("/proc/mounts").map(|text| root_in_ram(&text)),
        sockets: sockets(host),
        failed_starts: restarts::failed_starts(host, docker),
    }
}

/// The last that is mounted on / is what programs see.
fn root_in_ram(mounts: &str) -> bool {
    let mut roots = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        (fields.next()? == "/").then(|| fields.next())?
    });
    roots.next_back() == Some("rootfs")
}

fn is_toolkits(name: &str) -> bool {
    ["nvidia-container-toolkit", "nvidia-container-toolkit-base", "libnvidia-container1", "libnvidia-container-tools"]
        .contains(&name)
}

/// Where no dpkg tells them: the version of nvidia-ctk, and that of the library, which its file's name ends in.
fn parts(host: &Host, version: &Fact<String>) -> Fact<Vec<Installed>> {
    let name = "libnvidia-container.so.1";
    let source = format!("nvidia-ctk --version, {name}");
    let link = LIBRARIES.iter().map(|folder| host.link(format!("{folder}/{name}"))).find(|link| link.value().is_some());
    let library =
        link.as_ref().and_then(|link| link.value()?.rsplit('/').next()?.strip_prefix("libnvidia-container.so."));
    match (version.value(), library) {
        (Some(program), Some(library)) => {
            let part = |name: &str, version: &str| Installed { name: name.to_owned(), version: version.to_owned() };
            Fact::present(vec![part("nvidia-container-toolkit", program), part("libnvidia-container", library)], source)
        }
        _ => Fact::absent(source),
    }
}

/// Where Fedora's family, Arch and openSUSE keep it.
const LIBRARIES: [&str; 3] = ["/usr/lib64", "/usr/lib", "/usr/local/lib"];

/// The installed program's own word on a live host, the package's elsewhere and where the program is none of the system's.
fn version(host: &Host, ctk: &Fact<Program>, packages: &Fact<Vec<Installed>>) -> Fact<String> {
    let asked = ctk.value().filter(|_| host.is_live()).map(|program| own_word(host, &program.path));
    if let Some(Ok(Some(version))) = asked {
        return Fact::present(version, "nvidia-ctk --version");
    }
    match packages.value().and_then(|all| all.iter().find(|package| package.name.ends_with("-base")).or(all.first())) {
        Some(package) => Fact::present(package.version.clone(), "/var/lib/dpkg/status"),
        // Such databases are large: they are read only where there is a program whose version is missing.
        None => match (asked, ctk.value().and_then(|_| elsewhere(host))) {
            (_, Some(version)) => Fact::present(version, "the package manager's database"),
            (Some(Err(why)), None) => Fact::unknown(Gap::Unsupported(why), "nvidia-ctk --version"),
            _ => Fact::absent("nvidia-ctk --version, /var/lib/dpkg/status"),
        },
    }
}

/// Where no dpkg is: pacman's database, or RPM's.
fn elsewhere(host: &Host) -> Option<String> {
    const NAME: &str = "nvidia-container-toolkit";
    packages::of_pacman(host, NAME).or_else(|| packages::of_rpm(host, NAME))
}

/// Err tells why the program is not started: it was found where dockerd looks, which may be anywhere.
fn own_word(host: &Host, path: &str) -> Result<Option<String>, String> {
    let ran = SystemProgram::at(path)?.run([OsStr::new("--version")], 4096, host.deadline);
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    Ok(said_version(&said).filter(|_| ran.end == End::Exited(0)))
}

/// `NVIDIA Container Toolkit CLI version 1.17.8`, then a line with the commit.
fn said_version(said: &str) -> Option<String> {
    let (_, version) = said.lines().next()?.split_once("version ")?;
    let version = version.trim();
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
}

fn refresh(host: &Host) -> Fact<String> {
    ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
        .into_iter()
        .map(|folder| host.real_path(format!("{folder}/nvidia-cdi-refresh.service")))
        .find(|unit| !unit.is_absent())
        .unwrap_or_else(|| Fact::absent("nvidia-cdi-refresh.service"))
}

/// As libnvidia-container looks for them (src/nvc_info.c, lookup_ipcs).
fn sockets(host: &Host) -> Fact<Vec<String>> {
    let paths = ["/run/nvidia-persistenced/socket", "/run/nvidia-fabricmanager/socket"];
    let there = paths.into_iter().filter(|path| host.lstat(path).value().is_some_and(|stat| stat.kind == Kind::Socket));
    Fact::present(there.map(str::to_owned).collect(), "/run")
}

fn csv(host: &Host) -> Fact<Vec<String>> {
    host.list("/etc/nvidia-container-runtime/host-files-for-container.d")
        .map(|names| names.into_iter().filter(|name| name.ends_with(".csv")).collect())
}

fn user_namespace(host: &Host) -> Fact<bool> {
    // Under --root this process' own says nothing of the host that is looked at.
    let map = host.line("/proc/self/uid_map");
    if map.is_absent() && !host.is_live() {
        return Fact::unknown(Gap::NotAsked, map.source.0);
    }
    map.map(|line| line.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_that_nothing_is_mounted_over() {
        assert!(root_in_ram("rootfs / rootfs rw,size=16G 0 0\nproc /proc proc rw 0 0\n"));
        assert!(!root_in_ram("rootfs / rootfs rw 0 0\n/dev/sda1 / ext4 rw 0 0\n"));
        assert!(!root_in_ram("rubbish\n"));
    }

    #[test]
    fn without_dpkg_the_library_tells_its_version() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/lib64")).unwrap();
        let library = root.path().join("usr/lib64/libnvidia-container.so.1");
        std::os::unix::fs::symlink("libnvidia-container.so.1.16.2", library).unwrap();
        let host = Host::new(root.path(), std::time::Duration::from_secs(5));
        let found = parts(&host, &Fact::present("1.17.8".to_owned(), "nvidia-ctk --version"));
        let versions = |all: &[Installed]| all.iter().map(|part| part.version.clone()).collect::<Vec<_>>();
        assert_eq!(found.value().map(|all| versions(all)), Some(vec!["1.17.8".to_owned(), "1.16.2".to_owned()]));
        assert!(parts(&host, &Fact::absent("nvidia-ctk --version")).is_absent());
    }

    #[test]
    fn the_programs_own_word() {
        let said = "NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80a9b9d0db00d9b1d73c0128c8962c55f4d\n";
        assert_eq!(said_version(said).as_deref(), Some("1.17.8"));
        assert_eq!(said_version("nvidia-ctk: not today"), None);
    }
}
