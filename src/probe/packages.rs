//! Reads which packages are installed, from files of package databases; no package manager is started.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::toolkit::Installed;

use crate::host::Host;

const DPKG: &str = "/var/lib/dpkg/status";
/// A desktop's file has some 5 MiB.
const CAP: usize = 64 << 20;

/// Installed packages whose name fits, by dpkg's database; Absent on a host without one.
pub fn dpkg(host: &Host, fits: impl Fn(&str) -> bool) -> Fact<Vec<Installed>> {
    host.bytes(DPKG, CAP).map(|bytes| installed(&String::from_utf8_lossy(&bytes), fits))
}

fn installed(status: &str, fits: impl Fn(&str) -> bool) -> Vec<Installed> {
    status
        .split("\n\n")
        .filter_map(|paragraph| {
            let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let name = field("Package").filter(|name| fits(name))?;
            let is_installed = field("Status").is_some_and(|status| status.ends_with(" installed"));
            is_installed.then(|| Installed { name: name.to_owned(), version: upstream(field("Version").unwrap_or("")) })
        })
        .collect()
}

/// `1.17.8` of `2:1.17.8-1~ubuntu1`: without epoch and packaging revision.
pub fn upstream(version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_counts() {
        let status = "Package: nvidia-container-toolkit\nStatus: install ok installed\nVersion: 1.17.8-1\n\n\
                      Package: nvidia-container-toolkit-base\nStatus: deinstall ok config-files\nVersion: 1.17.7-1\n\nrubbish\n";
        let found = installed(status, |name| name.contains("nvidia"));
        assert_eq!(found, [Installed { name: "nvidia-container-toolkit".into(), version: "1.17.8".into() }]);
        assert_eq!(upstream("2:1.2-rc.1-3"), "1.2-rc.1");
    }
}
