//! Looks for what a Dockerfile's COPY and ADD take from the folder of the build, of which only its mode and its first line count, and
//! for what the files bring by which its steps install.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdoctor_checks::model::dockerfile::{Dockerfile, Source};
use gdoctor_checks::model::facts::run::{BuildFolder, Copied};
use gdoctor_checks::readings::python_packages;

use crate::host::Host;
use crate::host::files::Kind;

/// A Dockerfile of more sources is no work of a person's.
const SOURCES: usize = 512;
/// Folders above the Dockerfile's that may be the build's.
const ABOVE: usize = 6;
/// A setup.py or a list of requirements.
const TEXT: usize = 256 << 10;
/// A first line longer than this is none of a script's.
const LINE: usize = 256;

/// The folder that was named; else, of the Dockerfile's own and those above it, the first that has the most of the files.
pub fn look(host: &Host, file: &Dockerfile) -> Option<BuildFolder> {
    let host = host.live();
    let sources = file.stages.iter().filter(|stage| stage.built).flat_map(|stage| &stage.sources);
    let mut paths: Vec<&str> = sources.map(|source| source.path.as_str()).filter(|path| !is_everywhere(path)).collect();
    paths.sort_unstable();
    paths.dedup();
    paths.truncate(SOURCES);
    let installed_by = installed_by(file);
    let cwd = PathBuf::from(host.cwd());
    let own = cwd.join(&file.path).parent()?.to_owned();
    let folder = match &file.context {
        Some(folder) => cwd.join(folder).components().collect(),
        None => {
            let wanted = || paths.iter().copied().chain(installed_by.values().flatten().map(String::as_str));
            let found = |folder: &Path| wanted().filter(|path| host.exists(folder.join(path))).count();
            let above: Vec<&Path> = own.ancestors().take(ABOVE).collect();
            let most = above.iter().map(|folder| found(folder)).max()?;
            above.into_iter().find(|folder| found(folder) == most)?.to_owned()
        }
    };
    let brings = installed_by.into_iter().filter_map(|(file, paths)| {
        let text = paths.iter().find_map(|path| host.bytes(folder.join(path), TEXT).value().cloned())?;
        let brings = python_packages::of_text(&String::from_utf8_lossy(&text));
        (!brings.is_empty()).then_some((file, brings))
    });
    let sources = sources_in(&host, &folder, file, &paths).unwrap_or_default();
    let found = BuildFolder { path: folder.display().to_string(), sources, brings: brings.collect() };
    (!found.sources.is_empty() || !found.brings.is_empty()).then_some(found)
}

/// What COPY and ADD find there; None where it is hardly the folder of the build.
fn sources_in(host: &Host, folder: &Path, file: &Dockerfile, paths: &[&str]) -> Option<BTreeMap<String, Copied>> {
    // A folder that holds nothing but Dockerfiles is a copy of them, and what they are built from lies elsewhere.
    let names = host.list(folder);
    let others = |name: &&String| !name.to_ascii_lowercase().contains("docker");
    if paths.is_empty() || (file.context.is_none() && names.value()?.iter().find(others).is_none()) {
        return None;
    }
    let beside = host.text(format!("{}.dockerignore", PathBuf::from(host.cwd()).join(&file.path).display()));
    let ignored = beside.value().cloned().or_else(|| host.text(folder.join(".dockerignore")).value().cloned());
    let ignored = ignored.unwrap_or_default();
    let look = |path: &&str| Some(((*path).to_owned(), one(host, &folder.join(path), is_ignored(&ignored, path))?));
    let missing = paths.iter().filter(|path| !host.exists(folder.join(path))).count();
    // Where most of it is missing, the build is given another folder.
    let elsewhere = file.context.is_none() && paths.len() > 1 && 2 * missing > paths.len();
    (!elsewhere).then(|| paths.iter().filter_map(look).collect())
}

/// By their paths in the image, the files by which steps install, and where in the folder of the build each may lie: where COPY took it
/// from; where no COPY tells, in the folder itself, unless the stage fetches files of its own.
fn installed_by(file: &Dockerfile) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for stage in file.stages.iter().filter(|stage| stage.built) {
        let line = file.line_of(stage);
        let fetches = ["git clone", "git+", "wget", "curl"].iter().any(|word| stage.rest.contains(word));
        for path in stage.steps.iter().flat_map(|step| &step.files) {
            let sources = line.iter().flat_map(|stage| stage.sources.iter().rev());
            let mut places: Vec<String> = sources.filter_map(|source| taken_from(source, path)).collect();
            if places.is_empty() && !fetches {
                let bare = path.trim_start_matches(['.', '/']);
                places.extend([bare.to_owned(), bare.rsplit('/').next().unwrap_or_default().to_owned()]);
            }
            found.insert(path.clone(), places);
        }
    }
    found
}

/// Where in the folder of the build a file of the image was, if this source brings it: a file itself, or one of a folder.
fn taken_from(source: &Source, path: &str) -> Option<String> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    if source.target == path && !source.path.is_empty() {
        return Some(source.path.clone());
    }
    // Of a folder its files are copied, not itself.
    let target = source.target.strip_suffix(name).filter(|_| !name.is_empty()).unwrap_or(&source.target);
    let rest = [source.target.as_str(), target]
        .iter()
        .find_map(|target| path.strip_prefix(target.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/')))?;
    Some(if source.path.is_empty() { rest.to_owned() } else { format!("{}/{rest}", source.path) })
}

/// All of the folder, and what git keeps beside its files.
fn is_everywhere(path: &str) -> bool {
    path.is_empty() || path.split('/').next() == Some(".git")
}

/// None where it cannot be told.
fn one(host: &Host, path: &Path, ignored: bool) -> Option<Copied> {
    let fact = host.stat(path);
    if fact.is_absent() {
        return Some(Copied::Missing);
    }
    let stat = fact.value()?;
    if ignored {
        return Some(Copied::Ignored);
    }
    if stat.kind != Kind::File {
        return Some(Copied::Fine);
    }
    let head = host.head(path, LINE);
    let head = head.value()?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = !head.is_empty() && head.iter().all(|byte| (b' '..0x7f).contains(byte) || b"\t\r\n".contains(byte));
    Some(match () {
        () if head.starts_with(b"#!") && line.len() < head.len() && line.ends_with(b"\r") => Copied::Returns,
        () if stat.mode & 0o111 == 0 => Copied::NotExecutable,
        () if text && !head.starts_with(b"#!") => Copied::NoProgram,
        () => Copied::Fine,
    })
}

/// A line of .dockerignore fits the path or a folder above it, and no later one takes it back (moby/patternmatcher). Where one takes
/// anything back, or is of a form that is not read here, nothing is said.
fn is_ignored(patterns: &str, path: &str) -> bool {
    let lines = patterns.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    // Each `**` tries every folder of the path.
    let is_deep = |line: &str| line.matches("**").count() > 3;
    if lines.iter().any(|line| line.starts_with('!') || line.contains(['[', '\\', '?']) || is_deep(line)) {
        return false;
    }
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |line: &&str| {
        let pattern: Vec<&str> = line.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        (1..=parts.len()).any(|length| fit(&pattern, &parts[..length]))
    };
    lines.iter().any(fits)
}

fn fit(pattern: &[&str], parts: &[&str]) -> bool {
    match (pattern.split_first(), parts.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=parts.len()).any(|skipped| fit(rest, &parts[skipped..])),
        (Some((one, rest)), Some((part, behind))) => fit_part(one, part) && fit(rest, behind),
        _ => false,
    }
}

/// `*` stands for any letters of one name: what stands between two is taken where it comes first.
fn fit_part(pattern: &str, name: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut behind) = name.strip_prefix(begin) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return behind.ends_with(rest) };
    for part in middle.split('*') {
        let Some((_, after)) = behind.split_once(part) else { return false };
        behind = after;
    }
    behind.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::is_ignored;

    #[test]
    fn patterns_of_dockerignore() {
        for (patterns, path, ignored) in [
            ("*.log", "a.log", true),
            ("*.log", "b/a.log", false),
            ("**/*.log", "b/c/a.log", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("**", "x", true),
            ("build", "build/app", true),
            ("*\n!app", "app", false),
        ] {
            assert_eq!(is_ignored(patterns, path), ignored, "{patterns} {path}");
        }
        // A hostile pattern costs no time.
        let (stars, long) = ("*a".repeat(100) + "b", "a".repeat(250));
        assert!(!is_ignored(&stars, &long) && !is_ignored(&"**/a/".repeat(60), &"a/".repeat(200)));
    }
}
