//! Reads which packages are installed, from files of package databases; no package manager is started.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::toolkit::Installed;

use crate::host::Host;

const DPKG: &str = "/var/lib/dpkg/status";
/// A desktop's file has some 5 MiB.
const CAP: usize = 64 << 20;

/// What `read` makes of each package in dpkg's database; Absent on a host without one.
pub fn dpkg<T>(host: &Host, read: impl Fn(Paragraph<'_>) -> Option<T>) -> Fact<Vec<T>> {
    host.bytes(DPKG, CAP).map(|bytes| paragraphs(&bytes).filter_map(read).collect())
}

/// The installed packages whose name fits.
pub fn installed(host: &Host, fits: impl Fn(&str) -> bool) -> Fact<Vec<Installed>> {
    dpkg(host, |paragraph| paragraph.installed(&fits))
}

/// One package's lines in dpkg's database.
#[derive(Clone, Copy)]
pub struct Paragraph<'a>(&'a [u8]);

// Bytes, since a megabyte is read on every run, and all of it is searched.
pub fn paragraphs(status: &[u8]) -> impl Iterator<Item = Paragraph<'_>> {
    let mut from = 0;
    let ends = memchr::memmem::find_iter(status, b"\n\n").chain([status.len()]);
    ends.filter_map(move |end| Some(Paragraph(status.get(std::mem::replace(&mut from, end)..end)?.trim_ascii_start())))
}

impl<'a> Paragraph<'a> {
    pub fn field(self, name: &str) -> Option<&'a str> {
        let mut lines = self.0.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b": "))?;
        std::str::from_utf8(value).ok()
    }

    /// Without epoch and packaging revision.
    pub fn version(self) -> String {
        upstream(self.field("Version").unwrap_or_default())
    }

    fn installed(self, fits: impl Fn(&str) -> bool) -> Option<Installed> {
        let name = self.field("Package").filter(|name| fits(name))?;
        let is_installed = self.field("Status").is_some_and(|status| status.ends_with(" installed"));
        is_installed.then(|| Installed { name: name.to_owned(), version: self.version() })
    }
}

/// `1.17.8` of `2:1.17.8-1~ubuntu1`: without epoch and packaging revision.
fn upstream(version: &str) -> String {
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
        let fits = |name: &str| name.contains("nvidia");
        let found: Vec<_> = paragraphs(status.as_bytes()).filter_map(|paragraph| paragraph.installed(fits)).collect();
        assert_eq!(found, [Installed { name: "nvidia-container-toolkit".into(), version: "1.17.8".into() }]);
        assert_eq!(upstream("2:1.2-rc.1-3"), "1.2-rc.1");
    }
}
