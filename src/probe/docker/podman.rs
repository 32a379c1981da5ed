//! The podman command on PATH: its version, and where containers.conf tells it to look for CDI specs.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::Podman;
use toml::Value;

use crate::host::Host;
use crate::probe::packages;

pub fn find(host: &Host) -> Fact<Podman> {
    host.on_path("podman").map(|path| Podman {
        version: version(host, &path).unwrap_or_default(),
        spec_dirs: spec_dirs(host),
        path,
    })
}

/// The package's. The program itself is not asked: for its version alone it makes folders in /tmp and in the user's home.
fn version(host: &Host, program: &str) -> Option<String> {
    let packages = packages::installed(host, |name| name == "podman");
    let of_dpkg = || Some(packages.value()?.first()?.version.clone());
    let version = of_dpkg()
        .or_else(|| packages::of_program(host, program, "podman"))
        .or_else(|| packages::of_pacman(host, "podman"))
        .or_else(|| packages::of_rpm(host, "podman"))?;
    // Debian adds what it has taken out: 4.3.1+ds1.
    Some(version.split_once('+').map_or(version.as_str(), |(upstream, _)| upstream).to_owned())
}

/// containers.conf(5): a later file replaces what an earlier one says, and `{append=true}` adds to it. Only root's podman leaves
/// the user's own files out.
fn spec_dirs(host: &Host) -> Option<Vec<String>> {
    let mut files = vec!["/usr/share/containers/containers.conf".to_owned()];
    let mut place = |folder: String| {
        files.push(format!("{folder}/containers.conf"));
        let more = format!("{folder}/containers.conf.d");
        let names = host.list(&more);
        let names = names.value().into_iter().flatten().filter(|name| name.ends_with(".conf"));
        files.extend(names.map(|name| format!("{more}/{name}")));
    };
    place("/etc/containers".into());
    if host.uid() != Some(0) {
        let config = host.env("XDG_CONFIG_HOME").or_else(|| host.env("HOME").map(|home| format!("{home}/.config")));
        config.into_iter().for_each(|config| place(format!("{config}/containers")));
    }
    files.iter().filter_map(|file| host.text(file).value().cloned()).fold(None, |before, text| {
        let Some(said) = said(&text) else { return before };
        let adds = said.iter().any(|item| item.get("append").and_then(Value::as_bool) == Some(true));
        let mut all = before.filter(|_| adds).unwrap_or_default();
        all.extend(said.iter().filter_map(Value::as_str).map(str::to_owned));
        Some(all)
    })
}

fn said(text: &str) -> Option<Vec<Value>> {
    let file: Value = toml::from_str(text).ok()?;
    file.get("engine")?.get("cdi_spec_dirs")?.as_array().cloned()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn the_later_file_says_where_specs_lie() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/containers/containers.conf.d");
        std::fs::create_dir_all(&folder).unwrap();
        let host = Host::new(root.path(), std::time::Duration::from_secs(5));
        assert_eq!(spec_dirs(&host), None);
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("10.conf", "[engine]\ncdi_spec_dirs = [\"/etc/cdi\"]\n");
        assert_eq!(spec_dirs(&host), Some(vec!["/etc/cdi".to_owned()]));
        write("20.conf", "[engine]\ncdi_spec_dirs = [\"/run/cdi\", {append = true}]\n");
        assert_eq!(spec_dirs(&host), Some(vec!["/etc/cdi".to_owned(), "/run/cdi".to_owned()]));
        write("30.conf", "rubbish [");
        write("40.conf", "[engine]\ncdi_spec_dirs = [\"/srv/cdi\"]\n");
        assert_eq!(spec_dirs(&host), Some(vec!["/srv/cdi".to_owned()]));
    }
}
