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

/// What dpkg says of one package, `libc6` or `libc6:amd64`. Absent where its database has no package at all: a foreign tool's
/// beside the system's own.
pub fn of_dpkg(host: &Host, name: &str) -> Fact<Option<Installed>> {
    let (name, machine) = name.split_once(':').map_or((name, None), |(name, machine)| (name, Some(machine)));
    let of = |paragraph: Paragraph<'_>| {
        paragraph.field("Package")?;
        let fits = machine.is_none_or(|machine| paragraph.field("Architecture") == Some(machine));
        Some(paragraph.installed(|one| fits && one == name))
    };
    let all = dpkg(host, of);
    if all.value().is_some_and(Vec::is_empty) {
        return Fact::absent(all.source.0);
    }
    all.map(|all| all.into_iter().flatten().next())
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

/// What a program says of its own package: an ELF note of JSON that Fedora's programs have (systemd's ELF_PACKAGE_METADATA), near
/// their beginning.
pub fn of_program(host: &Host, path: &str, name: &str) -> Option<String> {
    let head = host.head(path, NOTES);
    let bytes = head.value()?;
    let from = memchr::memmem::find(bytes, b"{\"type\":\"")?;
    let end = from + memchr::memchr(b'}', &bytes[from..])?;
    let note: serde_json::Value = serde_json::from_slice(&bytes[from..=end]).ok()?;
    let is_its = note.get("name")?.as_str()? == name;
    note.get("version")?.as_str().filter(|_| is_its).map(upstream)
}

const NOTES: usize = 64 << 10;

/// pacman's database is a folder for each package: `podman-5.3.1-1`.
pub fn of_pacman(host: &Host, name: &str) -> Option<String> {
    let folders = host.list("/var/lib/pacman/local");
    let rest = |folder: &String| folder.strip_prefix(name)?.strip_prefix('-').map(str::to_owned);
    let mut found = folders.value()?.iter().filter_map(rest).filter(|rest| rest.matches('-').count() == 1);
    found.next().map(|version| upstream(&version))
}

/// RPM's databases, of all its forms, hold each package's header, in which name, version and release stand one behind the other, each
/// with a zero byte. `None` too where more than one version is found: what was removed is not wiped.
pub fn of_rpm(host: &Host, name: &str) -> Option<String> {
    const FILES: [&str; 5] = [
        "/var/lib/rpm/rpmdb.sqlite",
        "/usr/lib/sysimage/rpm/rpmdb.sqlite",
        "/usr/lib/sysimage/rpm/Packages.db",
        "/var/lib/rpm/Packages.db",
        "/var/lib/rpm/Packages",
    ];
    let files = FILES.into_iter().filter(|path| host.exists(path));
    let files: Vec<String> = files.flat_map(|path| [path.to_owned(), format!("{path}-wal")]).collect();
    let mut found = std::collections::BTreeSet::new();
    for path in files {
        let bytes = host.bytes(&path, RPM_CAP);
        match (bytes.value(), bytes.gap()) {
            (Some(bytes), _) => found.extend(versions_in(bytes, name)),
            (None, Some(_)) => return None,
            (None, None) => {}
        }
    }
    (found.len() == 1).then(|| found.pop_first())?
}

/// Of a desktop with a few thousand packages.
const RPM_CAP: usize = 256 << 20;

fn versions_in(database: &[u8], name: &str) -> Vec<String> {
    // Before the name stands the table of languages, whose first is always `C`.
    let mark = [b"C\0", name.as_bytes(), b"\0"].concat();
    let version = |at: usize| {
        let rest = database.get(at + mark.len()..)?;
        let version = std::str::from_utf8(&rest[..memchr::memchr(0, rest.get(..64).unwrap_or(rest))?]).ok()?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| upstream(version))
    };
    memchr::memmem::find_iter(database, &mark).filter_map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_rpms_tells_its_version() {
        let database = b"\x07C\0podman-remote\x005.1.0\x001.el9\0..C\0podman\x004.9.4\x003.el9\0Manage Pods";
        assert_eq!(versions_in(database, "podman"), ["4.9.4"]);
        assert!(versions_in(b"C\0podman\0docs", "podman").is_empty());
    }

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
