//! A host on disk for `--root`: a PCI bus with one NVIDIA GPU, a loaded driver, and a loader's cache that the real ldconfig made.
#![allow(dead_code, clippy::disallowed_methods)] // each test program uses its own part of this

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const DRIVER: &str = "550.54.15";

pub struct Root {
    dir: tempfile::TempDir,
}

impl Root {
    /// Without any library; with everything else that the driver's checks look at.
    pub fn with_driver() -> Self {
        let root =
            Self { dir: tempfile::Builder::new().prefix("root").tempdir_in("/tmp").expect("a folder below /tmp") };
        let gpu = "sys/bus/pci/devices/0000:01:00.0";
        root.write(&format!("{gpu}/vendor"), "0x10de\n");
        root.write(&format!("{gpu}/class"), "0x030000\n");
        root.write(&format!("{gpu}/device"), "0x2684\n");
        root.write("sys/bus/pci/drivers/nvidia/bind", "");
        symlink("../../drivers/nvidia", root.path(&format!("{gpu}/driver"))).unwrap();
        root.write("sys/module/nvidia/version", &format!("{DRIVER}\n"));
        root.write("proc/devices", "Character devices:\n195 nvidia\n511 nvidia-uvm\n");
        root.write("etc/os-release", "ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME=\"Ubuntu 24.04\"\n");
        // By its boot id this is the machine's own root, seen from elsewhere: times of its files count.
        let boot = "/proc/sys/kernel/random/boot_id";
        root.write(boot, &fs::read_to_string(boot).unwrap_or_default());
        root.write("run/systemd/system/.keep", "");
        root.write("dev/.keep", "");
        root.program("usr/bin/nvidia-smi");
        root
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below.trim_start_matches('/'))
    }

    pub fn argument(&self) -> &str {
        self.dir.path().to_str().expect("a path of ASCII")
    }

    pub fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a path with a folder")).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn program(&self, below: &str) {
        self.write(below, "#!/bin/sh\nexit 0\n");
        fs::set_permissions(self.path(below), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Compiles `source` into /usr/lib/STEM.so.VERSION with the soname STEM.so.1; false without a C compiler.
    pub fn library(&self, stem: &str, version: &str, source: &str, define: &str) -> bool {
        let file = self.path(&format!("usr/lib/{stem}.so.{version}"));
        fs::create_dir_all(file.parent().expect("usr/lib")).unwrap();
        let soname = format!("-Wl,-soname,{stem}.so.1");
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", define, &soname, "-x", "c", source, "-o"])
            .arg(&file);
        match compiler.status() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            ended => {
                assert!(ended.unwrap().success(), "{source} does not compile");
                true
            }
        }
    }

    /// `ldconfig -r`: links by soname and /etc/ld.so.cache.
    pub fn ldconfig(&self) {
        self.write("etc/ld.so.conf", "/usr/lib\n");
        let program = ["/sbin/ldconfig", "/usr/sbin/ldconfig"].into_iter().find(|path| Path::new(path).exists());
        let status = Command::new(program.expect("ldconfig, which comes with the C library"))
            .arg("-r")
            .arg(self.dir.path())
            .status();
        assert!(status.unwrap().success());
    }
}
