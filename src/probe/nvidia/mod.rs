//! Reads what the PCI bus, the kernel, the driver's files and NVML say of NVIDIA GPUs.

mod boot;
mod bus;
mod cuda;
mod driver;
mod files;
mod kernel;
mod nodes;

use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::nvidia::{NvidiaFacts, NvmlFacts, Start};
use gdoctor_checks::model::facts::toolkit::Installed;
use gdoctor_checks::model::need::Need;

use crate::host::child::{self, unknown_group};
use crate::host::{Deadline, Host};
use crate::probe::{driver_root, packages};

/// What is kept of the deadline for the looks after NVML's child.
const RESERVE: Duration = Duration::from_millis(50);

pub fn probe(host: &Host, _need: &Need) -> NvidiaFacts {
    let mut facts = NvidiaFacts {
        gpus: bus::gpus(host),
        switches: bus::switches(host),
        module: kernel::module(host),
        nvgpu: host.stat("/sys/module/nvgpu").map(|_| "/sys/module/nvgpu".into()),
        dxg: host.stat("/dev/dxg").map(|_| "/dev/dxg".into()),
        windows_driver: windows_driver(host),
        dxcore: host.stat(WSL_DXCORE).map(|_| WSL_DXCORE.into()),
        driver_root: driver_root::find(host),
        nvml_library: files::library(host, "libnvidia-ml.so.1"),
        cuda_library: files::library(host, "libcuda.so.1"),
        majors: nodes::majors(host),
        params: nodes::params(host),
        dkms: kernel::dkms(host),
        installer: kernel::installer(host),
        ..NvidiaFacts::default()
    };
    let no_library = facts.nvml_library.is_absent() && facts.cuda_library.is_absent();
    if no_library && let Some(root) = facts.driver_root.value().cloned() {
        facts.nvml_library = files::below(host, &root, "libnvidia-ml.so.1");
        facts.cuda_library = files::below(host, &root, "libcuda.so.1");
    } else {
        facts.driver_root = Fact::absent("the driver's libraries are the host's own");
    }
    facts.nvml = nvml(host, &facts);
    // NVML makes the nodes that it needs when it may: what is missing now stays missing.
    facts.nodes = nodes::nodes(host, facts.driver_root.value().map(String::as_str));
    if facts.module.value().is_some() {
        facts.listed = driver::listed(host);
        facts.faults = driver::faults(host);
        facts.next_kernel = kernel::next(host);
        facts.at_boot = boot::look(host);
        facts.fabric_manager = fabric_manager(host, &facts);
    }
    facts.cuda = cuda::probe(host, &facts);
    if facts.module.value().is_none() || !versions_agree(&facts) {
        kernel::explain(host, &mut facts);
    }
    facts
}

const WSL_DXCORE: &str = "/usr/lib/wsl/lib/libdxcore.so";

/// Windows lays its libraries into /usr/lib/wsl/lib, and the driver store beside it: NVIDIA's folders are called `nv_dispi.inf_amd64_…`,
/// `nvlti.inf_amd64_…`, and have its libraries.
fn windows_driver(host: &Host) -> Fact<String> {
    const STORE: &str = "/usr/lib/wsl/drivers";
    let source = "/usr/lib/wsl";
    for name in ["libcuda.so.1", "libnvidia-ml.so.1"] {
        let path = format!("{source}/lib/{name}");
        if !host.stat(&path).is_absent() {
            return Fact::present(path, source);
        }
    }
    let folders = host.list(STORE);
    if let Some(gap) = folders.gap() {
        return Fact::unknown(gap.clone(), STORE);
    }
    let named = folders.value().into_iter().flatten().find(|name| name.to_ascii_lowercase().starts_with("nv"));
    // Where Windows has laid nothing at all, it is not its driver that is missing.
    match (named, host.exists(format!("{source}/lib"))) {
        (Some(name), _) => Fact::present(format!("{STORE}/{name}"), source),
        (None, true) => Fact::absent(source),
        (None, false) => Fact::unknown(Gap::NotAsked, source),
    }
}

/// `nvidia-fabricmanager-580`, from branch 590 on without the branch.
fn fabric_manager(host: &Host, facts: &NvidiaFacts) -> Fact<Installed> {
    const NAME: &str = "nvidia-fabricmanager";
    /// Where NVIDIA's packages have it.
    const PROGRAM: &str = "/usr/bin/nv-fabricmanager";
    let source = "/var/lib/dpkg/status, /var/lib/rpm";
    if facts.switches.value().is_none() {
        return Fact::absent(source);
    }
    let is_it = |name: &str| name.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || is_branch(rest));
    let of_dpkg = packages::installed(host, is_it);
    match of_dpkg.value().map(Vec::as_slice) {
        Some([one]) => return Fact::present(one.clone(), source),
        Some([_, _, ..]) => return Fact::unknown(Gap::Unsupported("more than one is installed".into()), source),
        _ => {}
    }
    let of_rpm = packages::of_rpm(host, NAME).map(|version| Installed { name: NAME.into(), version });
    let program = host.stat(PROGRAM);
    match of_rpm {
        Some(package) => Fact::present(package, source),
        None if program.is_absent() => Fact::absent(PROGRAM),
        None => Fact::unknown(Gap::Unsupported("its package is not found".into()), PROGRAM),
    }
}

/// `-580`
fn is_branch(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|branch| branch.len() == 3 && branch.bytes().all(|byte| byte.is_ascii_digit()))
}

fn versions_agree(facts: &NvidiaFacts) -> bool {
    facts.module.value().is_some_and(|module| facts.library_versions().all(|version| version == module.version))
}

/// Asks NVML in a child. Not where no module is loaded: NVML, started by root, would load it, and a look changes nothing.
fn nvml(host: &Host, facts: &NvidiaFacts) -> NvmlFacts {
    const SOURCE: &str = "NVML";
    let tegra = host.exists("/etc/nv_tegra_release") || host.exists("/sys/module/nvgpu");
    if facts.module.value().is_none() && facts.dxg.value().is_none() && !tegra {
        return unknown_group(Gap::BlockedBy("nvidia-driver".into()), SOURCE);
    }
    if let Some(other) = host.other_kernel() {
        return unknown_group(other, SOURCE);
    }
    if let Some(root) = facts.driver_root.value() {
        return unknown_group(in_container(root), SOURCE);
    }
    let found = facts.nvml_library.value().filter(|_| host.is_live()).map(|library| library.path.as_str());
    let arguments: Vec<&str> = found.into_iter().collect();
    let deadline = Deadline::after(host.deadline.left().saturating_sub(RESERVE));
    let mut asked: NvmlFacts = child::probe("nvml", &arguments, SOURCE, deadline);
    let no_library = matches!(asked.start.value(), Some(Start::NoLibrary(_)));
    if no_library && !host.is_live() && facts.nvml_library.value().is_some() {
        // That this machine has none says nothing of the other root's.
        asked.start = Fact::unknown(Gap::Unsupported("the NVML of another root is not loaded here".into()), SOURCE);
    }
    asked
}

/// Why nobody is asked whose libraries are made for another root.
fn in_container(root: &str) -> Gap {
    Gap::Unsupported(format!("a container brings the driver, and its libraries below {root} are not loaded here"))
}

/// The value of a fact that is one line, and present only when it is not empty.
fn filled(fact: Fact<String>) -> Option<String> {
    fact.value().filter(|line| !line.is_empty()).cloned()
}
