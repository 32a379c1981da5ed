//! The driver's libraries, found in the folders that the loader searches.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::nvidia::Library;

use crate::host::Host;
use crate::probe::driver_root;

/// Where distributions put them, besides the folders that /etc/ld.so.conf names.
#[cfg(target_arch = "aarch64")]
const FOLDERS: &[&str] = &["/usr/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu/nvidia", "/usr/lib64", "/usr/lib"];
#[cfg(not(target_arch = "aarch64"))]
const FOLDERS: &[&str] = &["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"];
/// NixOS and WSL.
const LAST: &[&str] = &["/run/opengl-driver/lib", "/usr/lib/wsl/lib"];

/// The first file of that soname. Absent tells where was looked.
pub fn library(host: &Host, soname: &str) -> Fact<Library> {
    let folders = folders(host);
    for folder in &folders {
        let path = format!("{folder}/{soname}");
        let real = host.real_path(&path);
        match (real.value(), real.gap()) {
            (Some(file), _) => {
                let version = version_of(file).map(str::to_owned);
                return Fact::present(Library { path: path.clone(), file: file.clone(), version }, path);
            }
            (None, Some(gap)) => return Fact::unknown(gap.clone(), path),
            (None, None) => {}
        }
    }
    Fact::absent(folders.join(", "))
}

/// The same below the root of a container that brings the driver.
pub fn below(host: &Host, root: &str, soname: &str) -> Fact<Library> {
    let paths = driver_root::FOLDERS.map(|folder| format!("{root}{folder}/{soname}"));
    let found = paths.iter().find_map(|path| Some((path, host.real_path(path).value()?.clone())));
    let library = found.map(|(path, file)| {
        let version = version_of(&file).map(str::to_owned);
        Library { path: path.clone(), file, version }
    });
    Fact::found(library, root)
}

fn folders(host: &Host) -> Vec<String> {
    let mut folders: Vec<String> = configured(host);
    folders.extend(FOLDERS.iter().chain(LAST).map(|folder| (*folder).to_owned()));
    let mut seen = std::collections::BTreeSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// Folders of /etc/ld.so.conf.d that are absolute and not of another architecture.
fn configured(host: &Host) -> Vec<String> {
    let names = host.list("/etc/ld.so.conf.d");
    let files = names.value().into_iter().flatten().filter(|name| name.ends_with(".conf"));
    let mut folders = Vec::new();
    for path in std::iter::once("/etc/ld.so.conf".to_owned()).chain(files.map(|n| format!("/etc/ld.so.conf.d/{n}"))) {
        let text = host.text(path);
        let lines = text.value().map(String::as_str).unwrap_or_default().lines();
        folders.extend(
            lines
                .map(|line| line.split('#').next().unwrap_or_default().trim())
                .filter(|line| line.starts_with('/') && !line.contains("i386") && !line.contains("/lib32"))
                .map(|line| line.trim_end_matches('/').to_owned()),
        );
    }
    folders
}

/// `535.183.01` of `/usr/lib/x86_64-linux-gnu/libcuda.so.535.183.01`; `None` for `libcuda.so.1`.
fn version_of(file: &str) -> Option<&str> {
    let version = file.rsplit('/').next()?.split_once(".so.")?.1;
    let dotted = version.split('.').count() >= 2;
    (dotted && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())))
        .then_some(version)
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn versions_in_names() {
        assert_eq!(version_of("/usr/lib/libcuda.so.535.183.01"), Some("535.183.01"));
        for name in
            ["/usr/lib/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1", "libcuda.so", "", "/x.so.1..2", "x.so.a.b"]
        {
            assert_eq!(version_of(name), None, "{name}");
        }
    }
}
