//! The docker command on PATH, and whose it is.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Client, Package};

use crate::host::Host;

pub fn find(host: &Host) -> Fact<Client> {
    host.on_path("docker").map(|path| Client { package: package(host, &path), path })
}

/// Where packages, the snap and people put it. A link that leads nowhere is none.
pub fn off_path(host: &Host, client: &Fact<Client>) -> Fact<String> {
    match client.is_absent() {
        true => host.executable("docker", ["/usr/bin", "/usr/local/bin", "/snap/bin", "/opt/bin", "/bin"]),
        false => Fact::unknown(Gap::NotAsked, "PATH"),
    }
}

fn package(host: &Host, path: &str) -> Package {
    if path.starts_with("/snap/bin/") {
        return Package::Snap;
    }
    let real = host.real_path(path);
    if real.value().is_some_and(|real| real.ends_with("podman")) || is_podman_script(host, path) {
        return Package::Podman;
    }
    // dpkg keeps a list of files for each package; rpm's database is not read.
    let has = |package: &str| host.exists(format!("/var/lib/dpkg/info/{package}.list"));
    match () {
        () if !path.starts_with("/usr/bin/") => Package::Unknown,
        () if has("docker-ce-cli") => Package::DockerCe,
        () if has("docker-cli") || has("docker.io") => Package::Distribution,
        () => Package::Unknown,
    }
}

/// podman-docker installs a few lines of shell; docker itself is a large ELF file.
fn is_podman_script(host: &Host, path: &str) -> bool {
    let small = host.stat(path).value().is_some_and(|stat| stat.size < 4096);
    small && host.text(path).value().is_some_and(|text| text.starts_with("#!") && text.contains("podman"))
}
