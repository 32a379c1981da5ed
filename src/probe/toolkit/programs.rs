//! The toolkit's programs, and those that it hands over to, as they are found by the one that starts them.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::toolkit::{Program, Settings};

use crate::host::Host;
use crate::probe::dockerd::Dockerd;

/// nvidia-container-cli has some 100 KiB.
const CAP: usize = 8 << 20;
/// What nvidia-container-runtime hands over to where config.toml names nothing (GetDefault in api/config/v1/config.go).
const LOW_LEVEL: [&str; 2] = ["runc", "crun"];
const LDCONFIG: &str = "@/sbin/ldconfig";

/// A program on dockerd's PATH.
pub fn found(host: &Host, dockerd: &Dockerd, name: &str) -> Fact<Program> {
    at(host, dockerd.program(host, name))
}

fn at(host: &Host, path: Fact<String>) -> Fact<Program> {
    path.map(|path| Program { changed: host.stat(&path).value().map_or(0, |stat| stat.ctime), path })
}

/// getCLIPath of cmd/nvidia-container-runtime-hook/main.go.
pub fn cli(host: &Host, dockerd: &Dockerd, settings: Option<&Settings>) -> Fact<Program> {
    match settings.and_then(|settings| settings.nvidia_container_cli.path.as_deref()).filter(|path| !path.is_empty()) {
        Some(path) => at(host, host.real_path(path).map(|_| path.to_owned())),
        None => found(host, dockerd, "nvidia-container-cli"),
    }
}

/// ResolveNVIDIACTKPath of internal/config/config.go: an absolute path is taken as it is.
pub fn ctk(host: &Host, dockerd: &Dockerd, settings: Option<&Settings>) -> Fact<Program> {
    match settings.and_then(|settings| settings.nvidia_ctk.path.as_deref()).filter(|path| path.starts_with('/')) {
        Some(path) => at(host, host.real_path(path).map(|_| path.to_owned())),
        None => found(host, dockerd, "nvidia-ctk"),
    }
}

/// By the option's name in the program itself; a script around it does not tell.
pub fn knows_compat(host: &Host, cli: &Fact<Program>) -> Fact<bool> {
    let Some(program) = cli.value() else { return Fact::default() };
    let bytes = host.bytes(&program.path, CAP);
    match bytes.value() {
        Some(bytes) if bytes.starts_with(b"\x7fELF") => {
            let option = b"cuda-compat-mode";
            Fact::present(bytes.windows(option.len()).any(|window| window == option), program.path.as_str())
        }
        _ => Fact::unknown(Gap::Unsupported("it is no program file".to_owned()), program.path.as_str()),
    }
}

/// ldconfigPath.normalize of api/config/v1/cli.go. One that is not the host's is in the image, and not known here.
pub fn ldconfig(host: &Host, settings: Option<&Settings>) -> Fact<String> {
    let set = settings.and_then(|settings| settings.nvidia_container_cli.ldconfig.as_deref());
    let Some(path) = set.unwrap_or(LDCONFIG).strip_prefix('@') else { return Fact::default() };
    let plain = path.strip_suffix(".real").unwrap_or(path);
    let real = format!("{plain}.real");
    let path = if host.exists(&real) { real } else { plain.to_owned() };
    host.real_path(&path).map(|_| path.clone())
}

/// nvidia-container-cli opens it first of all (src/ldcache.c of libnvidia-container).
pub fn root_cache(host: &Host, settings: Option<&Settings>) -> Fact<String> {
    let root = settings.and_then(|settings| settings.nvidia_container_cli.root.as_deref());
    let Some(root) = root.map(|root| root.trim_end_matches('/')).filter(|root| root.starts_with('/')) else {
        return Fact::default();
    };
    let path = format!("{root}/etc/ld.so.cache");
    host.stat(&path).map(|_| path.clone())
}

/// findRuntime of internal/oci/runtime_low_level.go.
pub fn low_level(host: &Host, dockerd: &Dockerd, settings: Option<&Settings>) -> Fact<String> {
    let named = settings.and_then(|settings| settings.nvidia_container_runtime.runtimes.clone());
    let named = named.unwrap_or_else(|| LOW_LEVEL.map(str::to_owned).into());
    let found = named.iter().map(|name| program(host, dockerd, name)).find(|found| !found.is_absent());
    found.unwrap_or_else(|| Fact::absent(named.join(", ")))
}

/// An absolute path as it is, a name on dockerd's PATH. A folder there, or a file that nobody may start, is no program.
fn program(host: &Host, dockerd: &Dockerd, name: &str) -> Fact<String> {
    match name.rsplit_once('/').filter(|_| name.starts_with('/')) {
        Some(("", file)) => host.executable(file, ["/"]),
        Some((folder, file)) => host.executable(file, [folder]),
        None => dockerd.program(host, name),
    }
}

/// The program of a registered runtime; those of the snap lie below the snap's own root, which is not this one.
pub fn of_runtime(host: &Host, docker: &DockerFacts, dockerd: &Dockerd, name: &str) -> Fact<String> {
    let info = docker.info.value().filter(|info| !info.is_snap());
    match info.and_then(|info| info.runtimes.get(name)).map(|runtime| runtime.path.as_str()) {
        None | Some("") => Fact::default(),
        Some(path) => program(host, dockerd, path),
    }
}

pub fn of_other_runtimes(host: &Host, docker: &DockerFacts, dockerd: &Dockerd) -> BTreeMap<String, Fact<String>> {
    let named = docker.info.value().into_iter().flat_map(|info| info.runtimes.iter());
    let by_program = named.filter(|(name, runtime)| *name != "nvidia" && !runtime.path.is_empty());
    by_program.map(|(name, _)| (name.clone(), of_runtime(host, docker, dockerd, name))).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn root(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = root.path().join(path);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        root
    }

    fn settings(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    fn of(root: &tempfile::TempDir) -> (Host, Dockerd) {
        let host = Host::new(root.path(), std::time::Duration::from_secs(5));
        let dockerd = Dockerd::look(&host, &DockerFacts::default());
        (host, dockerd)
    }

    #[test]
    fn the_options_that_the_programs_own_bytes_have() {
        let root = root(&[
            ("usr/bin/nvidia-container-cli", b"\x7fELF..no-cgroups\0"),
            ("opt/cli", b"\x7fELF..cuda-compat-mode\0"),
            ("opt/script", b"#!/bin/sh\n"),
        ]);
        let (host, dockerd) = of(&root);
        let told = |text: &str| {
            let cli = cli(&host, &dockerd, Some(&settings(text)));
            knows_compat(&host, &cli).value().copied()
        };
        assert_eq!(told(""), Some(false));
        assert_eq!(told("[nvidia-container-cli]\npath = \"/opt/cli\""), Some(true));
        assert_eq!(told("[nvidia-container-cli]\npath = \"/opt/script\""), None);
        assert!(cli(&host, &dockerd, Some(&settings("[nvidia-container-cli]\npath = \"/opt/gone\""))).is_absent());
    }

    #[test]
    fn ldconfig_is_the_real_one_where_there_is_one() {
        let root = root(&[("sbin/ldconfig", b""), ("sbin/ldconfig.real", b"")]);
        let (host, _) = of(&root);
        let named = |path: &str| settings(&format!("[nvidia-container-cli]\nldconfig = {path:?}"));
        assert_eq!(ldconfig(&host, None).value().map(String::as_str), Some("/sbin/ldconfig.real"));
        assert!(ldconfig(&host, Some(&named("@/sbin/ldconfig.gone"))).is_absent());
        assert!(
            ldconfig(&host, Some(&named("/sbin/ldconfig"))).gap().is_some(),
            "the container's own is not known here"
        );
    }

    #[test]
    fn a_folder_and_a_file_that_nobody_may_start_are_no_programs() {
        let root = root(&[("usr/bin/runtime", b""), ("usr/bin/folder/x", b""), ("usr/bin/plain", b"")]);
        let plain = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(root.path().join("usr/bin/plain"), plain).unwrap();
        let (host, dockerd) = of(&root);
        for (name, there) in [("/usr/bin/runtime", true), ("/usr/bin/folder", false), ("/usr/bin/plain", false)] {
            assert_eq!(program(&host, &dockerd, name).value().is_some(), there, "{name}");
        }
    }

    #[test]
    fn the_first_runtime_that_is_there() {
        let root = root(&[("usr/bin/crun", b"")]);
        let (host, dockerd) = of(&root);
        assert_eq!(low_level(&host, &dockerd, None).value().map(String::as_str), Some("/usr/bin/crun"));
        let other = settings("[nvidia-container-runtime]\nruntimes = [\"nosuchrunc\"]");
        assert!(low_level(&host, &dockerd, Some(&other)).is_absent());
    }
}
