//! The kernel module: which one is loaded, and where none is or the wrong one, what lies on disk and what keeps it out.

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::nvidia::{Module, ModuleFile, NextKernel, NvidiaFacts};
use gdoctor_checks::model::version::release_numbers;

use crate::host::Host;
use crate::host::process::{End, Program};

use super::filled;

/// Names under which distributions load the module; the others of NVIDIA's modules are not asked.
const NAMES: [&str; 5] = ["nvidia", "nvidia_current", "nvidia_current_open", "nvidia_open", "nvidia_tesla"];
/// modules.dep of a distribution's kernel has some hundred kilobytes.
const DEP_CAP: usize = 16 << 20;
const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The loaded module, by /sys/module and /proc/driver/nvidia/version.
pub fn module(host: &Host) -> Fact<Module> {
    let told = host.text("/proc/driver/nvidia/version");
    let line = told.value().and_then(|text| text.lines().next()).unwrap_or_default().to_owned();
    let name = NAMES.into_iter().find(|name| host.exists(format!("/sys/module/{name}")));
    let path = format!("/sys/module/{}/version", name.unwrap_or("nvidia"));
    let version = host.line(&path);
    let (version, source) = match (filled(version.clone()), version_in(&line)) {
        (Some(version), _) => (version, path),
        (None, Some(version)) => (version.to_owned(), told.source.0),
        (None, None) => {
            return match (name, version.gap().or(told.gap())) {
                (_, Some(gap)) => Fact::unknown(gap.clone(), path),
                (Some(_), None) => Fact::unknown(Gap::Unparsable("the module tells no version".into()), path),
                (None, None) => Fact::absent("/sys/module/nvidia, /proc/driver/nvidia/version"),
            };
        }
    };
    let open = (!line.is_empty()).then(|| line.contains("Open Kernel Module"));
    Fact::present(Module { name: name.unwrap_or("nvidia").into(), version, open }, source)
}

/// The first token of two or more dotted numbers: `550.54.15` of `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  …`.
fn version_in(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| {
        let parts = word.split('.');
        parts.clone().count() >= 2 && parts.clone().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// Fills in what explains a module that is missing or of another version than the libraries.
pub fn explain(host: &Host, facts: &mut NvidiaFacts) {
    let Some(release) = release(host) else { return };
    facts.kernel_tree = host.stat(format!("/lib/modules/{release}")).map(|_| release.clone());
    facts.module_file = module_file(host, &release);
    facts.built_for = built_for(host, &release);
    facts.blocked_module = blocked(host);
    facts.switched_off = switched_off(host);
    facts.secure_boot = secure_boot(host);
}

/// The newest kernel that is installed, where an older one runs. Boot loaders start the newest.
pub fn next(host: &Host) -> Fact<NextKernel> {
    let source = "/lib/modules, /boot";
    let Some(running) = release(host) else { return Fact::absent(source) };
    let trees = host.list("/lib/modules");
    // What is left of a removed kernel is a tree without an image.
    let bootable = |tree: &&String| {
        host.exists(format!("/boot/vmlinuz-{tree}")) || host.exists(format!("/lib/modules/{tree}/vmlinuz"))
    };
    let newer = trees.value().into_iter().flatten().filter(|tree| release_numbers(tree) > release_numbers(&running));
    let Some(next) = newer.filter(bootable).max_by_key(|tree| release_numbers(tree)) else {
        return Fact::absent(source);
    };
    let tree = format!("/lib/modules/{next}");
    let listed = listed_module(host, &tree);
    if let Some(gap) = listed.gap() {
        return Fact::unknown(gap.clone(), listed.source.0.clone());
    }
    let file = listed.value().map(|path| modinfo(host, path)).unwrap_or_default();
    let next = NextKernel {
        release: next.clone(),
        module: listed.value().is_some(),
        version: file.version,
        license: file.license,
        headers: host.exists(format!("{tree}/build/Makefile")),
        akmods: host.exists("/usr/sbin/akmods"),
    };
    Fact::present(next, format!("{tree}/modules.dep"))
}

fn release(host: &Host) -> Option<String> {
    filled(crate::probe::host::kernel(host))
}

fn module_file(host: &Host, release: &str) -> Fact<ModuleFile> {
    // NixOS keeps the running kernel's modules elsewhere.
    let trees = [format!("/lib/modules/{release}"), format!("/run/booted-system/kernel-modules/lib/modules/{release}")];
    let mut answer = Fact::absent(trees[0].clone());
    for tree in &trees {
        let found = listed_module(host, tree);
        match &found.state {
            State::Present(path) => return Fact::present(modinfo(host, path), path.clone()),
            State::Unknown(gap) => answer = Fact::unknown(gap.clone(), found.source.0),
            State::Absent => {}
        }
    }
    answer
}

/// The nvidia module that modules.dep of a tree lists.
fn listed_module(host: &Host, tree: &str) -> Fact<String> {
    let list = host.bytes(format!("{tree}/modules.dep"), DEP_CAP);
    let source = list.source.0.clone();
    match list.state {
        State::Present(bytes) => Fact::found(module_in(&String::from_utf8_lossy(&bytes), tree), source),
        State::Absent => Fact::absent(source),
        State::Unknown(gap) => Fact::unknown(gap, source),
    }
}

/// Lines are `PATH: DEPENDENCIES`, the path below the tree or absolute.
fn module_in(dep: &str, tree: &str) -> Option<String> {
    let path = dep.lines().filter_map(|line| line.split(':').next()).find(|path| {
        let file = path.rsplit('/').next().unwrap_or_default();
        let stem = file.split(".ko").next().unwrap_or_default();
        file.contains(".ko") && NAMES.contains(&stem.replace('-', "_").as_str())
    })?;
    Some(if path.starts_with('/') { path.into() } else { format!("{tree}/{path}") })
}

/// include/linux/module_signature.h, MODULE_SIG_STRING.
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// What `modinfo` reads out of the file; only the path where it cannot be asked.
fn modinfo(host: &Host, path: &str) -> ModuleFile {
    // What is compressed, or no module at all, shows nothing at its end.
    let is_plain = host.head(path, 4).value().is_some_and(|head| head == b"\x7fELF");
    let unsigned = is_plain && host.ends_with(path, SIGNED).value() == Some(&false);
    let file = ModuleFile { path: path.into(), unsigned, ..ModuleFile::default() };
    let Ok(tool) = Program::named("modinfo") else { return file };
    let ran = tool.run([host.on_disk(path).as_os_str()], 1 << 20, host.deadline);
    if ran.end != End::Exited(0) {
        return file;
    }
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    // A modinfo without OpenSSL tells of a PKCS#7 signature only that there is one.
    let signer = field("signer");
    let unread_signature = signer.is_none() && field("sig_id").is_some();
    ModuleFile { version: field("version"), license: field("license"), signer, unread_signature, ..file }
}

fn built_for(host: &Host, release: &str) -> Fact<Vec<String>> {
    host.list("/lib/modules").map(|trees| {
        trees
            .into_iter()
            .filter(|tree| tree != release)
            .filter(|tree| listed_module(host, &format!("/lib/modules/{tree}")).value().is_some())
            .collect()
    })
}

/// NVIDIA's installer leaves the program that undoes it; packages have none of this name.
pub fn installer(host: &Host) -> Fact<String> {
    host.executable("nvidia-uninstall", ["/usr/bin", "/usr/local/bin"])
}

/// /var/lib/dkms/nvidia/VERSION, and the names that distributions give the folder.
pub fn dkms(host: &Host) -> Fact<Vec<String>> {
    host.list("/var/lib/dkms").map(|packages| {
        packages
            .into_iter()
            .filter(|package| package.starts_with("nvidia"))
            .flat_map(|package| host.list(format!("/var/lib/dkms/{package}")).value().cloned().unwrap_or_default())
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            .collect()
    })
}

/// The first line that keeps the module from loading.
fn blocked(host: &Host) -> Fact<String> {
    let cmdline = host.line("/proc/cmdline");
    let words = cmdline.value().map(String::as_str).unwrap_or_default().split_whitespace();
    let lists = |word: &&str| {
        let list = word.strip_prefix("modprobe.blacklist=").or(word.strip_prefix("module_blacklist="));
        list.is_some_and(|list| list.split(',').any(|name| name == "nvidia"))
    };
    if let Some(word) = words.into_iter().find(lists) {
        return Fact::present(word.into(), "/proc/cmdline");
    }
    const FOLDERS: [&str; 5] =
        ["/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];
    for folder in FOLDERS {
        let names = host.list(folder);
        for name in names.value().into_iter().flatten().filter(|name| name.ends_with(".conf")) {
            let path = format!("{folder}/{name}");
            let text = host.text(&path);
            if let Some(line) = text.value().and_then(|text| text.lines().find(|line| keeps_out(line))) {
                return Fact::present(line.trim().into(), path);
            }
        }
    }
    Fact::absent(FOLDERS.join(", "))
}

/// `blacklist nvidia`, or an `install` rule that runs nothing. Debian's rule `install nvidia modprobe -i nvidia-current …` loads it.
fn keeps_out(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["blacklist", "nvidia", ..] => true,
        ["install", "nvidia", program, ..] => matches!(program.rsplit('/').next(), Some("false" | "true" | ":")),
        _ => false,
    }
}

fn switched_off(host: &Host) -> Fact<String> {
    let prime = host.line("/etc/prime-discrete");
    if prime.value().is_some_and(|word| word == "off") {
        return Fact::present("prime-select".into(), "/etc/prime-discrete");
    }
    const RULES: &str = "/etc/udev/rules.d/50-remove-nvidia.rules";
    host.stat(RULES).map(|_| "envycontrol".into())
}

/// Four bytes of attributes, then the value. Who has switched shim's validation off (`mokutil --disable-validation`) has a kernel
/// that takes it for off: drivers/firmware/efi/libstub/secureboot.c.
fn secure_boot(host: &Host) -> Fact<bool> {
    const NOT_VALIDATED: &str = "/sys/firmware/efi/efivars/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23";
    if host.bytes(NOT_VALIDATED, 64).value().is_some_and(|bytes| bytes.get(4) == Some(&1)) {
        return Fact::present(false, NOT_VALIDATED);
    }
    host.bytes(SECURE_BOOT, 64).parse(|bytes| match bytes.get(4) {
        Some(value) => Ok(*value == 1),
        None => Err(format!("{} bytes", bytes.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_line_of_either_flavour() {
        let closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  595.45.04  Release Build  (u@h)  Mon";
        assert_eq!(version_in(closed), Some("550.54.15"));
        assert_eq!(version_in(open), Some("595.45.04"));
        for other in ["", "NVRM version: none", "....", "1.", "\u{fffd}"] {
            assert_eq!(version_in(other), None, "{other}");
        }
    }

    #[test]
    fn the_module_among_its_neighbours() {
        let dep = "updates/dkms/nvidia-uvm.ko.zst: updates/dkms/nvidia.ko.zst\nkernel/drivers/video/fbdev/nvidia/nvidiafb.ko:\nupdates/dkms/nvidia.ko.zst: kernel/drivers/acpi/video.ko\n";
        assert_eq!(module_in(dep, "/lib/modules/6.8"), Some("/lib/modules/6.8/updates/dkms/nvidia.ko.zst".into()));
        assert_eq!(
            module_in("updates/dkms/nvidia-current.ko:", "/t"),
            Some("/t/updates/dkms/nvidia-current.ko".into())
        );
        assert_eq!(module_in("kernel/nvidia/nvidia-uvm.ko:\n:::\n", "/t"), None);
    }

    #[test]
    fn lines_that_keep_the_module_out() {
        for line in [
            "blacklist nvidia",
            "  blacklist   nvidia # x",
            "install nvidia /bin/false",
            "install nvidia /usr/bin/true",
        ] {
            assert!(keeps_out(line), "{line}");
        }
        for line in [
            "blacklist nvidiafb",
            "# blacklist nvidia",
            "install nvidia modprobe -i nvidia-current $CMDLINE_OPTS",
            "options nvidia x=1",
            "",
        ] {
            assert!(!keeps_out(line), "{line}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn the_kernel_that_starts_next() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let look = || next(&Host::new(root.path(), std::time::Duration::from_secs(5)));
        put("proc/sys/kernel/osrelease", "6.8.0-49-generic\n");
        put("lib/modules/6.8.0-49-generic/modules.dep", "updates/dkms/nvidia.ko:\n");
        put("boot/vmlinuz-6.8.0-45-generic", "");
        put("lib/modules/6.8.0-45-generic/modules.dep", "");
        // Headers alone, and what a removed kernel leaves.
        put("lib/modules/6.11.0-1-generic/build/Makefile", "");
        assert!(look().is_absent());
        put("boot/vmlinuz-6.8.0-101-generic", "");
        put("lib/modules/6.8.0-101-generic/modules.dep", "kernel/drivers/video/nvidiafb.ko:\n");
        let bare = NextKernel { release: "6.8.0-101-generic".into(), ..NextKernel::default() };
        assert_eq!(look().value(), Some(&bare));
        put("lib/modules/6.8.0-101-generic/build/Makefile", "");
        put("lib/modules/6.8.0-101-generic/modules.dep", "updates/dkms/nvidia.ko.zst:\n");
        assert_eq!(look().value(), Some(&NextKernel { module: true, headers: true, ..bare }));
    }
}
