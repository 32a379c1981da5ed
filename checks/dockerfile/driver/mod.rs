//! Does the Dockerfile install a part of NVIDIA's driver, which has to come from the host?

use crate::model::dockerfile::Said;
use crate::model::facts::host::Platform;
use crate::model::prelude::*;
use crate::readings::driver_package::is_of_the_driver;

pub static CHECK: Check = Check {
    id: "dockerfile-driver",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Ok(Findings::new()) };
    let mut findings = Findings::new();
    for (stage, package) in file.running().flat_map(|stage| stage.packages.iter().map(move |package| (stage, package)))
    {
        // Jetson's repository has no driver behind them: that is the system's own there.
        let of_jetson = || file.line_says(stage, &["repo.download.nvidia.com/jetson", "nvidia-l4t-apt-source"]);
        if brings_driver(package_name(package)) && of_jetson() {
            continue;
        }
        findings.extend(one(facts, package).map(|f| f.about(&package.text).asked_by(&package.at)));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("none").evidence("the Dockerfile", &*file.path));
    }
    Ok(findings)
}

/// Without a version.
fn package_name(package: &Said) -> &str {
    package.text.split('=').next().unwrap_or_default()
}

fn one(facts: &Facts, package: &Said) -> Option<Finding> {
    let name = package_name(package);
    if brings_driver(name) {
        let toolkit = match name.strip_prefix("cuda-runtime").or(name.strip_prefix("cuda-demo-suite")) {
            Some(version) => format!("cuda-libraries{version}"),
            None => format!("cuda-toolkit{}", name.trim_start_matches("cuda")),
        };
        let finding = Finding::warn("pulls-driver", "toolkit-alone").with("toolkit", toolkit);
        return Some(finding.evidence("the Dockerfile", &*package.text));
    }
    if name.ends_with(".sh") {
        let gap = Gap::Unsupported("what a script of that name installs is not read".into());
        return Some(Finding::unknown(gap, Default::default()));
    }
    let installer = name.contains("NVIDIA-Linux-") || name.ends_with("run");
    if !is_of_the_driver(name) && !installer {
        return None;
    }
    if name.contains('$') {
        let gap = Gap::Unsupported("the package's name has a form of ${…} that gdoctor does not know".into());
        return Some(Finding::unknown(gap, Default::default()));
    }
    let module = &facts.nvidia.module;
    let host = module.value().map(|module| module.version.as_str());
    let newer = branch(name).zip(host.and_then(major)).is_some_and(|(image, host)| image > host);
    let finding = if facts.host.platform.value() == Some(&Platform::Wsl) {
        Finding::fail("in-the-way", "leave-out")
    } else if newer {
        Finding::fail("newer", "leave-out").with("driver", host.unwrap_or_default())
    } else {
        Finding::warn("driver", "leave-out")
    };
    Some(finding.evidence("the Dockerfile", &*package.text))
}

/// `cuda`, `cuda-12-4`, `cuda-runtime-12-4`: what CUDA has, and a driver.
fn brings_driver(name: &str) -> bool {
    let begins = ["cuda-runtime-", "cuda-demo-suite-", "cuda"];
    let Some(rest) = begins.iter().find_map(|begin| name.strip_prefix(begin)) else { return false };
    rest.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// The driver's branch in a name: `libnvidia-compute-535-server`, `NVIDIA-Linux-x86_64-550.54.14.run`.
fn branch(name: &str) -> Option<u32> {
    name.split(['-', '_']).filter_map(major).rfind(|number| (300..1000).contains(number))
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}
