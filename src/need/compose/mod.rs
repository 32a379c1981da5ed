//! Reads one service of a compose file as the run line that compose makes of it, each option with its place in the file:
//! what compose refuses is refused, since it loads nothing then.

mod consistency;
mod dotenv;
mod interpolate;
mod merge;
mod networks;
mod ports;
mod project;
mod releases;
mod schema;
mod service;
mod tree;
mod values;
mod variables;
pub mod words;
pub mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdoctor_checks::model::run::{Beside, RunLine};

use crate::host::Host;

use super::Refusal;
use super::dockerfile::build::Build;
use project::Project;
use tree::Node;

/// What the command line says of a compose file.
#[derive(Default)]
pub struct Asked<'a> {
    /// As `docker compose -f` takes them: later ones are laid over the first.
    pub files: &'a [PathBuf],
    pub service: Option<&'a str>,
    pub profiles: &'a [String],
    /// In the place of .env.
    pub env_files: &'a [PathBuf],
    /// What the file's paths count from, unless its own folder.
    pub folder: Option<&'a Path>,
    /// The project's name.
    pub name: Option<&'a str>,
}

/// A service.
pub struct Read {
    /// As the run line that compose makes of it.
    pub line: RunLine,
    /// How its image is built, where that is from a folder on this host.
    pub build: Option<Build>,
    /// The files that it comes from, as a report may show them.
    pub texts: BTreeMap<String, String>,
}

pub fn read(asked: &Asked, host: &Host) -> Result<Read, Refusal> {
    let project = Project::load(asked, host)?;
    let shown = asked.files.first().map_or(String::new(), |file| file.display().to_string());
    let mut profiles = asked.profiles.to_vec();
    if profiles.is_empty() {
        profiles.clone_from(&project.profiles);
    }
    // Naming a service asks for its profiles, too.
    let named = project.services().iter().find(|(name, _)| Some(name.as_str()) == asked.service);
    let own = named.and_then(|(_, node)| node.get("profiles")).map(Node::items).unwrap_or_default();
    profiles.extend(own.iter().filter_map(|node| node.text()).map(str::to_owned));
    project.check(&profiles)?;
    let (name, service) = choose(project.services(), asked.service, &profiles, &shown)?;
    if let Some(provider) = service.get("provider") {
        let help = "name another service with --service".into();
        return Err(Refusal {
            help,
            ..project.wrong(provider, format!("{name} is no container: its provider makes it"))
        });
    }
    let mut line = service::run_line(&project, &name, service)?;
    line.copies = consistency::copies(service).filter(|copies| *copies != 1);
    line.beside = beside(&project, &name, &profiles);
    line.makes = networks::made(&project, service);
    line.youngest = releases::youngest(&project);
    Ok(Read { line, build: service::build(&project, service), texts: project.texts() })
}

/// What the other services publish that are up with this one: those that it needs, and those that no profile keeps asleep.
fn beside(project: &Project, name: &str, profiles: &[String]) -> Vec<Beside> {
    let services = project.services();
    let mut needed = vec![name.to_owned()];
    let mut at = 0;
    while let Some(next) = needed.get(at).cloned() {
        let service = services.iter().find(|(known, _)| *known == next);
        for (other, ..) in service.map(|(_, node)| consistency::needs(node)).unwrap_or_default() {
            if !needed.contains(&other) {
                needed.push(other);
            }
        }
        at += 1;
    }
    let is_up = |(other, node): &&(String, Node)| {
        let runs = Project::is_active(node, profiles) && node.get("provider").is_none();
        other != name && runs && consistency::copies(node) != Some(0)
    };
    let of_one = |(other, node): &(String, Node)| {
        let line = service::run_line(project, other, node).ok().filter(|line| !line.is_host_network())?;
        let beside = Beside { service: other.clone(), needed: needed.contains(other), ports: line.ports };
        (!beside.ports.is_empty()).then_some(beside)
    };
    services.iter().filter(is_up).filter_map(of_one).collect()
}

/// Compose's own names for its file, in the order in which it looks for them.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The override file beside a file of one of compose's own names, which `docker compose up` reads too.
fn override_of(file: &Path, host: &Host) -> Option<PathBuf> {
    let name = file.file_name()?.to_str().filter(|name| NAMES.contains(name))?;
    let (stem, _) = name.rsplit_once('.')?;
    let beside = |extension: &str| file.with_file_name(format!("{stem}.override.{extension}"));
    let here = |path: &PathBuf| host.live().exists(Path::new(&host.cwd()).join(path));
    ["yml", "yaml"].into_iter().map(beside).find(here)
}

fn choose<'a>(
    services: &'a [(String, Node)],
    asked: Option<&str>,
    profiles: &[String],
    shown: &str,
) -> Result<(String, &'a Node), Refusal> {
    if services.is_empty() {
        return Err(Refusal::plain(format!("{shown}: there are no services in it")));
    }
    if let Some(name) = asked {
        let found = services.iter().find(|(known, _)| known == name);
        let near = services.iter().min_by_key(|(known, _)| strsim::damerau_levenshtein(known, name));
        let near = near.map_or("", |(known, _)| known.as_str());
        return found
            .map(|(name, node)| (name.clone(), node))
            .ok_or_else(|| Refusal::plain(format!("{shown}: there is no service {name}; did you mean {near}?")));
    }
    let active: Vec<_> = services
        .iter()
        .filter(|(_, node)| Project::is_active(node, profiles) && node.get("provider").is_none())
        .collect();
    match active[..] {
        [(name, node)] => Ok((name.clone(), node)),
        [] => Err(Refusal::plain(format!(
            "{shown}: no service is active; --profile names one's profile, --service the service"
        ))),
        _ => {
            let mut names: Vec<&str> = active.iter().take(8).map(|(name, _)| name.as_str()).collect();
            if active.len() > 8 {
                names.push("…");
            }
            Err(Refusal::plain(format!(
                "{shown}: gdoctor judges one service at a time: --service {}",
                names.join(" | ")
            )))
        }
    }
}
