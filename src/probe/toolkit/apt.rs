//! apt's sources, as far as they name NVIDIA's container repositories.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::toolkit::Repository;

use crate::host::Host;

const FOLDER: &str = "/etc/apt/sources.list.d";
const HOME: &str = "nvidia.github.io";

pub fn repositories(host: &Host) -> Fact<Vec<Repository>> {
    host.list(FOLDER).map(|names| {
        let listed = names.iter().filter(|name| name.ends_with(".list") || name.ends_with(".sources"));
        let files = listed.map(|name| format!("{FOLDER}/{name}")).chain(["/etc/apt/sources.list".to_owned()]);
        files.flat_map(|file| host.text(&file).value().map(|text| entries(&file, text)).unwrap_or_default()).collect()
    })
}

fn entries(file: &str, text: &str) -> Vec<Repository> {
    let start = text.trim_start().get(..24).unwrap_or(text.trim_start()).to_ascii_lowercase();
    let is_page = file.contains("nvidia") && (start.starts_with('<') || start.starts_with("# unsupported distributi"));
    if is_page {
        return vec![Repository { file: file.to_owned(), is_page, ..Repository::default() }];
    }
    if file.ends_with(".sources") { paragraphs(file, text) } else { lines(file, text) }
}

/// `deb [signed-by=KEY arch=amd64] URL SUITE …`
fn lines(file: &str, text: &str) -> Vec<Repository> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with("deb") && line.contains(HOME))
        .filter_map(|line| {
            let (options, rest) = match line.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
                Some((options, rest)) => (options, rest),
                None => ("", line.split_once(' ')?.1),
            };
            let key = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
            Some(entry(file, rest.split_whitespace().next()?, key))
        })
        .collect()
}

/// Paragraphs of `URIs: …`, `Signed-By: …`.
fn paragraphs(file: &str, text: &str) -> Vec<Repository> {
    text.split("\n\n")
        .filter_map(|paragraph| {
            let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let url = field("URIs:")?.split_whitespace().next().filter(|url| url.contains(HOME))?;
            Some(entry(file, url, field("Signed-By:").filter(|key| !key.is_empty())))
        })
        .collect()
}

fn entry(file: &str, url: &str, key: Option<&str>) -> Repository {
    let url = url.replace("/$(ARCH)", "").trim_end_matches('/').to_owned();
    Repository { file: file.to_owned(), url, signed_by: key.map(str::to_owned), is_page: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_source() {
        let list = "# x\ndeb [arch=amd64 signed-by=/k.gpg] https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /\n\
                    deb https://nvidia.github.io/libnvidia-container/stable/deb/ /\ndeb https://deb.debian.org/debian x main\n";
        let found = entries("/etc/apt/sources.list.d/a.list", list);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].url, found[1].url);
        assert_eq!(found[0].signed_by.as_deref(), Some("/k.gpg"));
        let sources = "Types: deb\nURIs: https://nvidia.github.io/libnvidia-container/stable/deb/\nSigned-By: /k.gpg\n";
        assert_eq!(entries("/x/a.sources", sources)[0].signed_by.as_deref(), Some("/k.gpg"));
        assert!(entries("/x/nvidia-docker.list", "<!doctype html>\n")[0].is_page);
        assert!(entries("/x/nvidia-docker.list", "# Unsupported distribution!\n# Check")[0].is_page);
        assert!(entries("/x/nvidia.list", "\u{e4}\u{e4}").is_empty());
    }
}
