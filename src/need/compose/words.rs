//! What the words of `docker compose …` ask: the files, the service, and what decides how the files are read.

use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::need::Refusal;

use super::NAMES;

/// A command of compose that makes containers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub files: Vec<PathBuf>,
    pub env_files: Vec<PathBuf>,
    pub folder: Option<PathBuf>,
    pub name: Option<String>,
    pub profiles: Vec<String>,
    pub services: Vec<String>,
}

/// Options before the command, in docker and in compose, that take a value and change nothing here.
const GLOBAL: [&str; 8] =
    ["--log-level", "-l", "--tlscacert", "--tlscert", "--tlskey", "--ansi", "--progress", "--parallel"];
/// Options behind it that take a value (docker/compose cmd/compose: up.go, run.go, create.go, build.go, pull.go).
const VALUED: [&str; 34] = [
    "--scale",
    "--exit-code-from",
    "--attach",
    "--no-attach",
    "--timeout",
    "-t",
    "--wait-timeout",
    "--pull",
    "--policy",
    "--env",
    "-e",
    "--env-from-file",
    "--name",
    "--user",
    "-u",
    "--volume",
    "-v",
    "--workdir",
    "-w",
    "--publish",
    "-p",
    "--entrypoint",
    "--label",
    "-l",
    "--cap-add",
    "--cap-drop",
    "--build-arg",
    "--builder",
    "--memory",
    "-m",
    "--ssh",
    "--provenance",
    "--sbom",
    "--progress",
];

/// `None` where the words are no such command, or name another engine.
pub fn read(words: &[String]) -> Option<Words> {
    let mut rest = words.iter().map(String::as_str).skip_while(|word| *word == "sudo").peekable();
    let mut found = Words::default();
    let is_old = match rest.next()?.rsplit('/').next()? {
        "docker" => false,
        "docker-compose" => true,
        _ => return None,
    };
    let mut of_docker = !is_old;
    let verb = loop {
        let word = rest.next()?;
        if of_docker && word == "compose" {
            of_docker = false;
            continue;
        }
        if !word.starts_with('-') {
            break word;
        }
        let (option, joined) = word.split_once('=').map_or((word, None), |(option, value)| (option, Some(value)));
        let elsewhere = ["-H", "--host", "--context", "--config"].contains(&option) || (of_docker && option == "-c");
        if elsewhere {
            return None;
        }
        let mut value = || joined.or_else(|| rest.next());
        match option {
            "-f" | "--file" if !of_docker => found.files.push(value()?.into()),
            "--env-file" if !of_docker => found.env_files.push(value()?.into()),
            "--profile" if !of_docker => found.profiles.push(value()?.to_owned()),
            "-p" | "--project-name" if !of_docker => found.name = Some(value()?.to_owned()),
            "--project-directory" if !of_docker => found.folder = Some(value()?.into()),
            option if GLOBAL.contains(&option) => drop(value()?),
            _ => {}
        }
    };
    if of_docker || !["up", "run", "create", "start", "build", "pull", "config"].contains(&verb) {
        return None;
    }
    while let Some(word) = rest.next() {
        match word {
            option if option.starts_with('-') => {
                if VALUED.contains(&option) {
                    rest.next();
                }
            }
            service => {
                found.services.push(service.to_owned());
                // Behind it stands the service's own command.
                if verb == "run" {
                    break;
                }
            }
        }
    }
    Some(found)
}

impl Words {
    /// The one service that is named.
    pub fn service(&self) -> Result<Option<&str>, Refusal> {
        match &self.services[..] {
            [] => Ok(None),
            [service] => Ok(Some(service)),
            more => {
                Err(Refusal::plain(format!("gdoctor judges one service at a time: name one of {}", more.join(" | "))))
            }
        }
    }

    /// The files: those that are named, else the first of compose's own names in the working directory or a folder above it.
    pub fn files(&self, host: &Host) -> Result<Vec<PathBuf>, Refusal> {
        if !self.files.is_empty() {
            return Ok(self.files.clone());
        }
        let cwd = PathBuf::from(host.cwd());
        let start = self.folder.as_ref().map_or(cwd.clone(), |folder| cwd.join(folder));
        let in_folder =
            |folder: &Path| NAMES.iter().map(|name| folder.join(name)).find(|path| host.live().exists(path));
        let found = start.ancestors().find_map(in_folder);
        let shown = |path: PathBuf| path.strip_prefix(&cwd).map(Path::to_path_buf).unwrap_or(path);
        let what =
            "no compose file is here or in a folder above: compose.yaml, compose.yml, docker-compose.yml".to_owned();
        found.map(|path| vec![shown(path)]).ok_or_else(|| Refusal::plain(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_compose() {
        let of = |line: &str| read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let whole =
            of("sudo docker -D compose -f a.yml --file=b.yml --env-file X --profile gpu -p n up -d --scale a=2 app")
                .unwrap();
        assert_eq!((whole.files, whole.env_files), (vec!["a.yml".into(), "b.yml".into()], vec![PathBuf::from("X")]));
        assert_eq!(
            (whole.profiles, whole.services, whole.name.as_deref()),
            (vec!["gpu".into()], vec!["app".into()], Some("n"))
        );
        assert_eq!(of("docker-compose run --rm -e A=1 app bash -c x").unwrap().services, ["app"]);
        for none in
            ["docker run x", "docker compose down", "docker -H far compose up", "docker compose", "docker-compose"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
