//! Reads what the PCI bus, the kernel, the driver's files and NVML say of NVIDIA GPUs.

mod bus;
mod cuda;
mod driver;
mod files;
mod kernel;
mod nodes;

use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::nvidia::{NvidiaFacts, NvmlFacts, Start};
use gdoctor_checks::model::need::Need;

use crate::host::child::{self, unknown_group};
use crate::host::{Deadline, Host};

/// What is kept of the deadline for the looks after NVML's child.
const RESERVE: Duration = Duration::from_millis(50);

pub fn probe(host: &Host, _need: &Need) -> NvidiaFacts {
    let switches = bus::switches(host);
    let fabric_manager = match switches.value() {
        Some(_) => host.stat(FABRIC_MANAGER).map(|_| FABRIC_MANAGER.into()),
        None => Fact::default(),
    };
    let mut facts = NvidiaFacts {
        gpus: bus::gpus(host),
        switches,
        fabric_manager,
        module: kernel::module(host),
        dxg: host.stat("/dev/dxg").map(|_| "/dev/dxg".into()),
        windows_driver: windows_driver(host),
        dxcore: host.stat(WSL_DXCORE).map(|_| WSL_DXCORE.into()),
        nvml_library: files::library(host, "libnvidia-ml.so.1"),
        cuda_library: files::library(host, "libcuda.so.1"),
        majors: nodes::majors(host),
        params: nodes::params(host),
        ..NvidiaFacts::default()
    };
    facts.nvml = nvml(host, &facts);
    // NVML makes the nodes that it needs when it may: what is missing now stays missing.
    facts.nodes = nodes::nodes(host);
    if facts.module.value().is_some() {
        facts.listed = driver::listed(host);
        facts.faults = driver::faults(host);
        facts.next_kernel = kernel::next(host);
    }
    facts.cuda = cuda::probe(host, &facts);
    if facts.module.value().is_none() || !versions_agree(&facts) {
        kernel::explain(host, &mut facts);
    }
    facts
}

/// Where NVIDIA's packages have it.
const FABRIC_MANAGER: &str = "/usr/bin/nv-fabricmanager";
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

/// The value of a fact that is one line, and present only when it is not empty.
fn filled(fact: Fact<String>) -> Option<String> {
    fact.value().filter(|line| !line.is_empty()).cloned()
}
