//! Which packages of Docker's kind are installed, how whole they are, and where apt takes them from.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::engine::{AptSource, Package};

use crate::host::Host;
use crate::probe::packages::{self, Paragraph};

const NAMES: [&str; 16] = [
    "docker-ce",
    "docker-ce-cli",
    "docker.io",
    "docker-cli",
    "docker-engine",
    "docker-desktop",
    "docker-compose",
    "docker-compose-plugin",
    "docker-compose-v2",
    "moby-engine",
    "moby-cli",
    "podman-docker",
    "containerd",
    "containerd.io",
    "runc",
    "libseccomp2",
];

pub fn read(host: &Host) -> Fact<Vec<Package>> {
    packages::dpkg(host, package)
}

fn package(paragraph: Paragraph<'_>) -> Option<Package> {
    let name = paragraph.field("Package").filter(|name| NAMES.contains(name))?;
    // "install ok installed", "install ok half-configured", "deinstall ok config-files" …
    let state = paragraph.field("Status")?.rsplit(' ').next()?;
    let whole = match state {
        "installed" | "triggers-pending" | "triggers-awaited" => true,
        "half-configured" | "half-installed" | "unpacked" => false,
        _ => return None,
    };
    Some(Package { name: name.to_owned(), version: paragraph.version(), whole })
}

/// `current` is a link to the revision in use.
pub fn snap(host: &Host) -> Fact<String> {
    host.stat("/snap/docker/current").map(|_| "/snap/docker/current".into())
}

pub fn sources(host: &Host) -> Fact<Vec<AptSource>> {
    let folder = "/etc/apt/sources.list.d";
    let names = host.list(folder);
    let files = names.value().into_iter().flatten().map(|name| format!("{folder}/{name}"));
    let files = std::iter::once("/etc/apt/sources.list".to_owned()).chain(files);
    let found: Vec<AptSource> = files
        .filter(|file| file.ends_with(".list") || file.ends_with(".sources"))
        .flat_map(|file| {
            let text = host.text(&file);
            let text = text.value().map(String::as_str).unwrap_or_default();
            if file.ends_with(".list") { one_line(&file, text) } else { stanzas(&file, text) }
        })
        .collect();
    if names.is_absent() { Fact::absent(folder) } else { Fact::present(found, folder) }
}

/// The folder below download.docker.com/linux.
fn distribution(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("download.docker.com/linux/")?;
    rest.split('/').next().map(str::to_owned)
}

/// `deb [options] URL SUITE COMPONENT`
fn one_line(file: &str, text: &str) -> Vec<AptSource> {
    let lines = text.lines().filter(|line| line.trim_start().starts_with("deb "));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip_while(|word| !word.contains("://"));
            let distribution = distribution(words.next()?)?;
            Some(AptSource { file: file.to_owned(), distribution, suite: words.next()?.to_owned() })
        })
        .collect()
}

/// deb822: `URIs:` and `Suites:` of one paragraph.
fn stanzas(file: &str, text: &str) -> Vec<AptSource> {
    text.split("\n\n")
        .filter_map(|paragraph| {
            let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            if field("Enabled").is_some_and(|value| value.trim() == "no") {
                return None;
            }
            let distribution = distribution(field("URIs")?)?;
            let suite = field("Suites")?.split_whitespace().next()?.to_owned();
            Some(AptSource { file: file.to_owned(), distribution, suite })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_configured_is_there_and_removed_is_not() {
        let status = "Package: docker-ce\nStatus: install ok half-configured\nVersion: 5:29.1.0-1~debian.12~bookworm\n\n\
                      Package: docker.io\nStatus: deinstall ok config-files\nVersion: 20.10.24+dfsg1-1\n\n\
                      Package: runc\nStatus: install ok installed\nVersion: 1.1.5+ds1-1\n\nPackage: vim\nStatus: install ok installed\n";
        let found: Vec<_> = packages::paragraphs(status.as_bytes()).filter_map(package).collect();
        assert_eq!(
            found.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.whole)).collect::<Vec<_>>(),
            [("docker-ce", "29.1.0", false), ("runc", "1.1.5+ds1", true)]
        );
    }

    #[test]
    fn both_forms_of_apt_sources() {
        let old = "# deb https://download.docker.com/linux/debian buster stable\n\
                   deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/ubuntu vanessa stable\n";
        assert_eq!(
            one_line("f", old),
            [AptSource { file: "f".into(), distribution: "ubuntu".into(), suite: "vanessa".into() }]
        );
        let new = "Types: deb\nURIs: https://download.docker.com/linux/debian\nSuites: trixie\nComponents: stable\n\nEnabled: no\n\
                   URIs: https://download.docker.com/linux/debian\nSuites: x\n";
        assert_eq!(stanzas("f", new).len(), 1);
    }
}
