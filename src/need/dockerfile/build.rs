//! What a build is told, by flags, by a compose file, or by the words of `docker build` (docker/buildx commands/build.go, podman's
//! common/build.go).

use std::path::{Path, PathBuf};

use gdoctor_checks::model::need::Origin;

/// The build of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The Dockerfile; unless told, the one in the folder that the build is given.
    pub file: Option<PathBuf>,
    /// The stage to build; the last one unless given.
    pub target: Option<String>,
    /// NAME=VALUE of its arguments.
    pub arguments: Vec<String>,
    /// The folder that the build is given, where that is told.
    pub context: Option<PathBuf>,
    /// Names that stand for folders and images of the build's own, wherever the Dockerfile takes from an image.
    pub named: Vec<String>,
    /// What the image will be called.
    pub tags: Vec<String>,
    /// Where a file of the user's says all this; nothing for words of a command.
    pub places: Option<Places>,
    /// Podman's builder, which looks for a Containerfile first.
    pub podman: bool,
}

/// Where a service says what it is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    pub folder: Origin,
    pub file: Origin,
    pub target: Origin,
    /// Folders that the build gives names to.
    pub named: Vec<(PathBuf, Origin)>,
    /// No image is named besides.
    pub is_sole: bool,
}

/// Options that take a value; all others are switches.
const VALUED: [&str; 68] = [
    "add-host",
    "allow",
    "annotation",
    "arch",
    "attest",
    "authfile",
    "build-arg",
    "build-arg-file",
    "build-context",
    "builder",
    "cache-from",
    "cache-to",
    "cache-ttl",
    "call",
    "cap-add",
    "cap-drop",
    "cert-dir",
    "cgroup-parent",
    "cgroupns",
    "cpp-flag",
    "cpu-period",
    "cpu-quota",
    "cpu-shares",
    "cpuset-cpus",
    "cpuset-mems",
    "creds",
    "decryption-key",
    "device",
    "dns",
    "dns-option",
    "dns-search",
    "env",
    "file",
    "format",
    "from",
    "group-add",
    "hooks-dir",
    "ignorefile",
    "iidfile",
    "ipc",
    "isolation",
    "jobs",
    "label",
    "logfile",
    "manifest",
    "memory",
    "memory-swap",
    "metadata-file",
    "network",
    "no-cache-filter",
    "os",
    "output",
    "pid",
    "platform",
    "policy",
    "progress",
    "provenance",
    "runtime",
    "sbom",
    "secret",
    "security-opt",
    "shm-size",
    "ssh",
    "tag",
    "target",
    "ulimit",
    "userns",
    "volume",
];

const SHORT: [(char, &str); 7] =
    [('c', "cpu-shares"), ('e', "env"), ('f', "file"), ('m', "memory"), ('o', "output"), ('t', "tag"), ('v', "volume")];

/// A word behind the command; `None` where only the running script knows it.
pub type Word<'a> = Option<&'a str>;

impl Build {
    /// The words of a command of docker's or podman's, without what stands before its verb. `passed` gives the value of a variable
    /// that the program finds in its environment. `None` where it is no build, or not of a folder on this host.
    pub fn of_words(words: &[Word], podman: bool, cwd: &Path, passed: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let mut rest = match words {
            [Some("build"), rest @ ..] => rest,
            [Some("buildx" | "image" | "builder"), Some("build" | "b"), rest @ ..] => rest,
            _ => return None,
        }
        .iter();
        let mut build = Self { podman, ..Self::default() };
        let mut folder = None;
        while let Some(word) = rest.next() {
            let Some(option) = word.and_then(|word| word.strip_prefix('-')).filter(|option| !option.is_empty()) else {
                folder = Some((*word)?);
                continue;
            };
            let (name, value) = match option.strip_prefix('-') {
                Some("") => continue,
                Some(long) => match long.split_once('=') {
                    Some((name, value)) => (name, Some(Some(value))),
                    None => (long, VALUED.contains(&long).then(|| rest.next().copied().flatten())),
                },
                None => short(option).map_or(("", None), |(name, joined)| match joined {
                    "" => (name, Some(rest.next().copied().flatten())),
                    value => (name, Some(Some(value))),
                }),
            };
            match (name, value) {
                ("file", value) => build.file = Some(cwd.join(value?.filter(|file| *file != "-")?)),
                ("target", value) => build.target = Some(value??.to_owned()),
                ("tag", Some(Some(tag))) => build.tags.push(tag.to_owned()),
                ("build-arg", Some(Some(pair))) => build.argument(pair, passed),
                ("build-context", Some(Some(pair))) => build.name(pair.split('=').next().unwrap_or_default()),
                _ => {}
            }
        }
        let folder = folder.filter(|folder| is_folder(folder))?;
        build.context = Some(cwd.join(folder));
        Some(build)
    }

    /// `NAME=VALUE`, or a `NAME` whose value the environment has.
    pub fn argument(&mut self, pair: &str, passed: &dyn Fn(&str) -> Option<String>) {
        match pair.contains('=') {
            true => self.arguments.push(pair.to_owned()),
            false => self.arguments.extend(passed(pair).map(|value| format!("{pair}={value}"))),
        }
    }

    pub fn name(&mut self, name: &str) {
        self.named.push(name.to_ascii_lowercase());
    }

    /// An image of this name comes from here.
    pub fn makes(&self, image: &str) -> bool {
        let whole = |name: &str| match name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
            true => name.to_owned(),
            false => format!("{name}:latest"),
        };
        self.tags.iter().any(|tag| whole(tag) == whole(image))
    }
}

/// A folder on this host: no repository, no archive on the web, not the standard input.
pub fn is_folder(context: &str) -> bool {
    let elsewhere = ["git@", "github.com/", "docker-image:", "service:", "target:"];
    context != "-" && !context.contains("://") && !elsewhere.iter().any(|begin| context.starts_with(begin))
}

/// The first letter of a group that takes a value, and what of the value is joined to it.
fn short(group: &str) -> Option<(&'static str, &str)> {
    let valued = |(at, letter)| Some((at, SHORT.iter().find(|(known, _)| *known == letter)?.1));
    let (at, name) = group.char_indices().find_map(valued)?;
    Some((name, group[at + 1..].trim_start_matches('=')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Build> {
        let words: Vec<Word> = line.split(' ').map(|word| Some(word).filter(|word| *word != "?")).collect();
        Build::of_words(&words, false, Path::new("/work"), &|name| (name == "HERE").then(|| "1".to_owned()))
    }

    #[test]
    fn the_words_of_a_build() {
        let whole = of(
            "build --no-cache -qt a:1 --tag=b --build-arg A=x --build-arg HERE --build-arg NONE -fd/File --target run \
                        --build-context base=docker-image://x --secret id=y .",
        );
        let whole = whole.unwrap();
        assert_eq!((whole.file, whole.context), (Some("/work/d/File".into()), Some("/work/.".into())));
        assert_eq!((whole.arguments, whole.target.as_deref()), (vec!["A=x".into(), "HERE=1".into()], Some("run")));
        assert_eq!((whole.tags, whole.named), (vec!["a:1".to_owned(), "b".into()], vec!["base".to_owned()]));
        assert_eq!(of("buildx build --load --platform linux/arm64 sub").unwrap().context, Some("/work/sub".into()));
        for none in [
            "build -",
            "build https://x/y.git",
            "build -f - .",
            "build ?",
            "build -f ? .",
            "build",
            "pull x",
            "buildx ls",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn an_image_comes_from_a_build_of_its_name() {
        let build = of("build -t reg:5000/a .").unwrap();
        assert!(build.makes("reg:5000/a:latest") && build.makes("reg:5000/a") && !build.makes("reg:5000/a:1"));
    }
}
