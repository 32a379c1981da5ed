//! What machine and which user this is.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;

/// Why nothing is told of what a system makes when it starts.
pub const NOT_RUNNING: &str = "this root's system does not run: its /run is empty";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostFacts {
    pub system: Fact<System>,
    /// `uname -r`.
    #[serde(serialize_with = "place::word")]
    pub kernel: Fact<String>,
    /// `uname -m`: `x86_64`, `aarch64`.
    #[serde(serialize_with = "place::word")]
    pub machine: Fact<String>,
    /// False for a root whose system does not run: nothing of it can be said to be missing that its start would make.
    pub runs: Fact<bool>,
    /// Present when systemd runs this host (/run/systemd/system), or would.
    pub systemd: Fact<String>,
    /// The container that gdoctor itself runs in: `docker`, `podman`, `lxc` …; Absent on a real or virtual machine.
    #[serde(serialize_with = "place::word")]
    pub container: Fact<String>,
    /// `wsl` or `jetson`; Absent on an ordinary PC or server.
    pub platform: Fact<Platform>,
    /// NVIDIA's own machine with DGX OS, by /etc/dgx-release: `DGX Server`, `DGX Spark`. Its driver comes with that system.
    #[serde(serialize_with = "place::word")]
    pub dgx: Fact<String>,
    /// A virtual machine of Azure's, by the tag that its firmware has.
    pub azure: Fact<bool>,
    /// When the machine was started, in seconds since the epoch.
    pub booted: Fact<i64>,
    /// How software is added where `/usr` is part of an image and read-only; Absent where a package manager writes there.
    pub image_root: Fact<ImageRoot>,
    pub user: Fact<User>,
}

/// /etc/os-release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct System {
    #[serde(serialize_with = "place::word")]
    pub id: String,
    #[serde(serialize_with = "place::word")]
    pub id_like: Vec<String>,
    #[serde(serialize_with = "place::word")]
    pub version: String,
    #[serde(serialize_with = "place::word")]
    pub pretty: String,
    /// VERSION_CODENAME: `bookworm`, or a derivative's own.
    #[serde(serialize_with = "place::word")]
    pub codename: String,
    /// The code name of the Ubuntu or Debian that it is made from, where it tells.
    #[serde(serialize_with = "place::word")]
    pub base_codename: String,
    /// PLATFORM_ID without `platform:`: whose packages fit (`el9`, `f43`), where the system says so.
    pub base: String,
}

/// Families of distributions: one package manager with one set of names.
pub const FAMILIES: [&str; 7] = ["debian", "fedora", "suse", "arch", "alpine", "nixos", "azurelinux"];
/// Distributions that need commands of their own within their family.
pub const DISTRIBUTIONS: [&str; 9] = ["ubuntu", "el", "amzn", "pop", "manjaro", "cachyos", "dgx", "jetson", "azl4"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    Wsl,
    /// WSL 1: Windows' own kernel, which speaks as Linux does.
    Wsl1,
    Jetson,
}

/// Whose `/usr` comes as one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageRoot {
    /// rpm-ostree's and bootc's: Silverblue, CoreOS, Bazzite.
    Ostree,
    /// transactional-update's: openSUSE MicroOS, Aeon, SLE Micro.
    Transactional,
    /// Valve's.
    SteamOs,
}

/// The user who runs gdoctor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    #[serde(serialize_with = "place::user")]
    pub name: String,
    pub uid: u32,
    /// Groups of this process: getgroups(2) and the effective one.
    pub groups: Vec<u32>,
    /// Groups of the account as a new login would get them: getgrouplist(3).
    pub account_groups: Vec<u32>,
    /// `$HOME`, and the folder that gdoctor was called in; empty where they are not known, and in older files.
    #[serde(serialize_with = "place::path")]
    pub home: String,
    #[serde(serialize_with = "place::path")]
    pub folder: String,
}

impl ImageRoot {
    pub fn tag(self) -> &'static str {
        match self {
            ImageRoot::Ostree => "ostree",
            ImageRoot::Transactional => "transactional",
            ImageRoot::SteamOs => "steamos",
        }
    }
}

impl HostFacts {
    /// The family of distributions, by the tags of fences in doc.md, [`FAMILIES`]; `None` where no package manager's commands
    /// are known to fit.
    pub fn family(&self) -> Option<&'static str> {
        let system = self.system.value()?;
        let base = system.base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match (system.id.as_str(), base) {
            // yum, and out of support since June 2026.
            ("amzn", _) if system.version == "2" => return None,
            ("amzn", _) | (_, "f" | "um" | "el") => return Some("fedora"),
            ("azurelinux", _) if system.version.starts_with('3') => return Some("azurelinux"),
            // They call themselves like Fedora or Red Hat, and have packages of their own.
            ("mageia" | "kylin" | "azurelinux", _) => return None,
            (_, "") => {}
            _ => return None,
        }
        let mut names = core::iter::once(&system.id).chain(&system.id_like);
        names.find_map(|name| match name.as_str() {
            "debian" | "ubuntu" | "raspbian" | "linuxmint" | "pop" => Some("debian"),
            "fedora" | "rhel" | "centos" | "rocky" | "almalinux" | "ol" => Some("fedora"),
            "suse" | "opensuse" | "sles" | "opensuse-leap" | "opensuse-tumbleweed" => Some("suse"),
            "arch" | "manjaro" | "endeavouros" | "cachyos" | "garuda" => Some("arch"),
            "alpine" => Some("alpine"),
            "nixos" => Some("nixos"),
            _ => None,
        })
    }

    /// Red Hat Enterprise Linux, and what is rebuilt of it.
    fn is_enterprise_linux(&self) -> bool {
        let is = |name: &str| ["rhel", "centos", "rocky", "almalinux", "ol"].contains(&name);
        self.system.value().is_some_and(|system| match system.base.as_str() {
            _ if system.id == "amzn" => false,
            "" => is(&system.id) || system.id_like.iter().any(|like| is(like)),
            base => base.starts_with("el"),
        })
    }

    /// True inside a container made for one program, whose files are not those of the host; an LXC guest is a host of its own.
    pub fn is_application_container(&self) -> bool {
        self.container.value().is_some_and(|kind| !kind.starts_with("lxc"))
    }

    /// An LXC guest has files and a root of its own; the kernel, its modules and what /dev may show are the outer host's.
    pub fn is_lxc_guest(&self) -> bool {
        self.container.value().is_some_and(|kind| kind.starts_with("lxc"))
    }

    /// Tags that a fence of a fix may ask for.
    pub fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = self.family().map(|f| f.to_string()).into_iter().collect();
        tags.push(if self.systemd.is_absent() { "no-systemd" } else { "systemd" }.to_string());
        let system = self.system.value();
        if system.is_some_and(|s| s.id != "ubuntu" && s.id_like.iter().any(|like| like == "ubuntu")) {
            tags.push("ubuntu".to_string());
        }
        // Fedora's packages and repositories are not those of Red Hat Enterprise Linux and of its rebuilds.
        if self.family() == Some("fedora") && self.is_enterprise_linux() {
            tags.push("el".to_string());
        }
        // Kernels whose headers have names of their own: Proxmox VE's and Oracle's.
        let kernel = self.kernel.value().map_or("", String::as_str);
        let kinds = [("pve", kernel.ends_with("-pve")), ("uek", kernel.contains("uek"))];
        tags.extend(kinds.into_iter().filter(|(_, holds)| *holds).map(|(kind, _)| kind.to_string()));
        tags.extend(self.image_root.value().map(|kind| kind.tag().to_string()));
        match self.platform.value() {
            Some(Platform::Wsl | Platform::Wsl1) => tags.push("wsl".to_string()),
            Some(Platform::Jetson) => tags.push("jetson".to_string()),
            None => {}
        }
        if self.dgx.value().is_some() {
            tags.push("dgx".to_string());
        }
        if let Some(Platform::Jetson) = self.platform.value() {
            tags.push("jetson".to_string());
        }
        if let Some(system) = system {
            // Exact distributions, where a family is not enough: `ubuntu`, `rhel`. Only the untrusted word's safe letters. A
            // release that its family's commands do not fit is none of that family by its name either.
            if !tags.contains(&system.id) && !FAMILIES.contains(&system.id.as_str()) {
                tags.push(system.id.clone());
            }
            // It has dnf, and other packages than version 3.
            if system.id == "azurelinux" && system.version.starts_with('4') {
                tags.push("azl4".to_string());
            }
        }
        tags
    }
}
