//! Whether the kernel would start a file: what execve(2) looks at before it hands over.

use std::path::Path;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::engine::Unfit;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

use super::Host;
use super::files::{Kind, Stat};

/// What stands at the head of a program or a script.
const HEAD: usize = 512;
/// e_machine of ELF files, by the name that the kernel gives the machine.
const MACHINES: [(u16, &str); 10] = [
    (3, "i386"),
    (8, "mips"),
    (20, "powerpc"),
    (21, "ppc64le"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
    (258, "loongarch64"),
];
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

impl Host {
    /// Why it does not start; Absent: nothing stands against it. The path is there.
    pub fn unfit(&self, path: &str) -> Fact<Unfit> {
        let stat = self.stat(path);
        let stat = match (stat.value(), stat.gap()) {
            (Some(stat), _) => stat,
            (None, Some(gap)) => return Fact::unknown(gap.clone(), path),
            (None, None) => return Fact::present(Unfit::Dangling, path),
        };
        if let Some(unfit) = self.closed(path, stat) {
            return Fact::present(unfit, path);
        }
        // Of one that may be started and not read nothing is known against it.
        let head = self.head(path, HEAD);
        Fact::found(head.value().and_then(|head| self.wrong_head(head)), path)
    }

    /// By its kind, its mode and its file system.
    fn closed(&self, path: &str, stat: &Stat) -> Option<Unfit> {
        match stat.kind {
            Kind::File => {}
            Kind::Directory => return Some(Unfit::Folder),
            _ => return Some(Unfit::NoProgram),
        }
        let on_disk = self.on_disk(path);
        let by_mode = stat.mode & 0o111 == 0;
        if by_mode || (self.is_live() && access(&on_disk, AccessFlags::X_OK).is_err()) {
            let noexec = !by_mode && statvfs(&on_disk).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOEXEC));
            return Some(if noexec { Unfit::Noexec } else { Unfit::NotExecutable });
        }
        (stat.size == 0).then_some(Unfit::Empty)
    }

    fn wrong_head(&self, head: &[u8]) -> Option<Unfit> {
        if let Some(rest) = head.strip_prefix(b"#!") {
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line);
            // A carriage return at its end is a part of the name for the kernel.
            let interpreter = line.trim_matches([' ', '\t']).split([' ', '\t']).next().unwrap_or_default();
            let is_there = !self.stat(Path::new(interpreter)).is_absent();
            return (!is_there).then(|| Unfit::Interpreter(interpreter.to_owned()));
        }
        if head.starts_with(b"MZ") {
            return self.lacks_windows_interpreter().then_some(Unfit::Windows);
        }
        let Some(machine) = machine_of(head) else { return Some(Unfit::NoProgram) };
        // Files of another root may be another machine's as a whole.
        (self.is_live() && !self.starts(machine)).then(|| {
            let name =
                MACHINES.iter().find(|(number, _)| *number == machine).map_or("another machine", |(_, name)| name);
            Unfit::Machine(name.to_owned())
        })
    }

    /// WSL's and Wine's entries have the letters with which such programs begin.
    fn lacks_windows_interpreter(&self) -> bool {
        let takes = |name: &String| {
            let entry = self.text(format!("{BINFMT}/{name}"));
            entry.value().is_none_or(|text| text.starts_with("enabled") && text.contains("magic 4d5a"))
        };
        let entries = self.list(BINFMT);
        let own = |name: &&String| !["register", "status"].contains(&name.as_str());
        entries.value().is_some_and(|names| !names.is_empty() && !names.iter().filter(own).any(takes))
    }

    /// This machine's own, the smaller one that its processor has besides, or one that an emulator takes.
    fn starts(&self, machine: u16) -> bool {
        let own: &[u16] = match std::env::consts::ARCH {
            "x86_64" => &[62, 3],
            "aarch64" => &[183, 40],
            _ => return true,
        };
        let emulators = self.live().list(BINFMT);
        let emulated = emulators.value().is_some_and(|names| names.iter().any(|name| name.starts_with("qemu-")));
        own.contains(&machine) || emulated
    }
}

fn machine_of(head: &[u8]) -> Option<u16> {
    let big = *head.strip_prefix(b"\x7fELF")?.get(1)? == 2;
    let bytes = [*head.get(18)?, *head.get(19)?];
    Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_execve_refuses() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let make = |name: &str, bytes: &[u8], mode: u32| {
            write(at(name), bytes).unwrap();
            set_permissions(at(name), PermissionsExt::from_mode(mode)).unwrap();
        };
        let own = std::fs::read("/proc/self/exe").unwrap();
        let mut foreign = own[..64].to_vec();
        foreign[18..20].copy_from_slice(&[243, 0]);
        make("good", &own[..64], 0o755);
        make("plain", &own[..64], 0o644);
        make("empty", b"", 0o755);
        make("text", b"Not Found\n", 0o755);
        make("foreign", &foreign, 0o755);
        make("script", b"#! /bin/sh -e\n", 0o755);
        make("dos", b"#!/bin/sh\r\n", 0o755);
        create_dir(at("folder")).unwrap();
        symlink("/nowhere/at/all", at("dangling")).unwrap();
        let host = Host::new("/", Duration::from_secs(5));
        let told = |name: &str| host.unfit(at(name).to_str().unwrap()).value().cloned();
        let emulated = Path::new(BINFMT).join("qemu-riscv64").exists();
        assert_eq!((told("good"), told("script")), (None, None));
        assert_eq!(told("plain"), Some(Unfit::NotExecutable));
        assert_eq!(told("empty"), Some(Unfit::Empty));
        assert_eq!(told("text"), Some(Unfit::NoProgram));
        assert_eq!(told("foreign"), Some(Unfit::Machine("riscv64".into())).filter(|_| !emulated));
        assert_eq!(told("dos"), Some(Unfit::Interpreter("/bin/sh\r".into())));
        assert_eq!(told("folder"), Some(Unfit::Folder));
        assert_eq!(told("dangling"), Some(Unfit::Dangling));
    }
}
